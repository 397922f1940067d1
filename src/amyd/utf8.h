/* SPDX-License-Identifier: MIT */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/*
 * How many bytes the character has that nbytes (1 or more) begin with, 1 to 4; 0: they do
 * not begin with one that is well-formed (RFC 3629).
 */
size_t utf8_length(const char *bytes, size_t nbytes);

/*
 * Text for people: UTF-8 as it is; control characters, '\\' and bytes that are no UTF-8 as \xNN;
 * cut with "..." where buffer ends. Returns buffer, NUL-terminated; size is at least 16.
 */
const char *utf8_escape(char *buffer, size_t size, const char *bytes, size_t nbytes);

#endif
