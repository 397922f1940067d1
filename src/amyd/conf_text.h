/* SPDX-License-Identifier: MIT */
/*
 * conf_text.h - the text of a configuration file, as libConfuse 3.3 can be trusted with it.
 *
 * Behind a comment it counts lines wrong, and after one that never ends it parses nothing
 * right; and it takes the end of the file for the end of every section. So comments are
 * made blanks, and what never ends is found here.
 */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include <stddef.h>

/*
 * Read a file. Returns its text, NUL-terminated, to be freed. NULL: a <sysexits.h> code is in
 * *code, and in error (of size bytes) a sentence that says where, what and how to mend it.
 */
char *conf_text_read(const char *path, int *code, char *error, size_t size);

#endif
