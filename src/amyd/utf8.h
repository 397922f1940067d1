/* SPDX-License-Identifier: MIT */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/*
 * How many bytes the character has that nbytes (1 or more) begin with, 1 to 4; 0: they do
 * not begin with one that is well-formed (RFC 3629).
 */
size_t utf8_length(const char *bytes, size_t nbytes);

#endif
