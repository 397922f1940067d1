/* SPDX-License-Identifier: MIT */
/*
 * lines.h - many lines at once, where they need not be looked at one by one.
 */
#ifndef LINES_H
#define LINES_H

#include <stddef.h>

/*
 * The whole lines that nbytes at bytes begin with, as far as none of them is longer than
 * max_line (LF not counted): how many bytes they are, the last LF included.
 */
size_t lines_whole(const char *bytes, size_t nbytes, size_t max_line);

/* How many LFs there are. */
size_t lines_count(const char *bytes, size_t nbytes);

#endif
