/* SPDX-License-Identifier: MIT */
/*
 * opening.h - what a connection opens with: lines; or a protocol of browsers, which must not be
 * able to publish.
 *
 * It is judged by bytes as they come, and so also where the first line is longer than max_line,
 * and is dropped before it is complete.
 */
#ifndef OPENING_H
#define OPENING_H

#include <stddef.h>

enum opening_kind {
	OPENING_UNKNOWN, /* the first line is not complete */
	OPENING_LINES,
	OPENING_HTTP, /* the first line ends in HTTP/1.x */
	OPENING_TLS,  /* the first bytes are those of a ClientHello: 16 03 */
};

/* All zero at first. Owner: its session. */
struct opening {
	unsigned char kind; /* enum opening_kind */
	unsigned char ntail;
	char tail[9]; /* the last bytes of the first line: "HTTP/1.1", and a CR perhaps */
};

/*
 * The nbytes that came next. Returns what is known then; once it is anything but
 * OPENING_UNKNOWN, do not ask again.
 */
enum opening_kind opening_look(struct opening *opening, const char *bytes, size_t nbytes);

#endif
