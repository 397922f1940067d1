/* SPDX-License-Identifier: MIT */
/*
 * conf_text.h - the text of a configuration file, as libConfuse 3.3 can be trusted with it.
 *
 * Its lexer passes over bytes that it does not know, and keeps its state after a string, a comment
 * or an escape sequence that is wrong: what follows is hidden, and the next text that is parsed
 * is misread, or ends the process. It counts the lines of comments wrong, and takes the end of
 * the file for the end of every section. So the text is scanned before the lexer sees it:
 * whatever the two might read in different ways is refused here, with its line.
 */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include <stddef.h>

/* Of all kinds together. */
#define CONF_TEXT_MAX_SECTIONS 4096

/*
 * Read a file. Returns its text, NUL-terminated, prepared for libConfuse, to be freed. NULL: a
 * <sysexits.h> code is in *code, and in error (of size bytes) a sentence that says where, what
 * and how to mend it.
 */
char *conf_text_read(const char *path, int *code, char *error, size_t size);

/*
 * Check a text, and put blanks in the place of its comments; lines keep their numbers. NULL, or
 * what is wrong in *line, and how to mend it.
 */
const char *conf_text_prepare(char *text, int *line);

#endif
