/* SPDX-License-Identifier: MIT */
/*
 * format.h - what the option format of a rule is made of: "%time %subject %text".
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdbool.h>
#include <stddef.h>

enum format_field {
	FORMAT_LITERAL, /* bytes as they stand there; of "%%", one of them */
	FORMAT_TEXT,
	FORMAT_SUBJECT,
	FORMAT_TIME,
	FORMAT_FROM,
	FORMAT_USER,
	FORMAT_SEQ,
	FORMAT_NODE,
	FORMAT_UNKNOWN,
};

/* Borrowed of the format. */
struct format_piece {
	enum format_field field;
	const char *bytes;
	size_t nbytes;
};

/* The piece at *at, which moves behind it. False: that is the end of the format. */
bool format_next(const char **at, struct format_piece *piece);

/* Whether all of it is known. False: *unknown is the piece that is not. */
bool format_check(const char *format, struct format_piece *unknown);

#endif
