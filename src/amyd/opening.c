/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "opening.h"
#include "protocol.h"

#define TLS_HANDSHAKE 0x16
#define TLS_MAJOR 0x03

/* Append to the tail, whose older bytes go. */
static void
keep_tail(struct opening *opening, const char *bytes, size_t nbytes)
{
	size_t room = sizeof opening->tail;
	size_t nold = opening->ntail;

	if (nbytes > room) {
		bytes += nbytes - room;
		nbytes = room;
	}
	if (nold > room - nbytes)
		nold = room - nbytes;
	memmove(opening->tail, opening->tail + opening->ntail - nold, nold);
	memcpy(opening->tail + nold, bytes, nbytes);
	opening->ntail = (unsigned char)(nold + nbytes);
}

/* By the first two bytes; the first one may have come alone, and is in the tail then. */
static bool
is_tls(const struct opening *opening, const char *bytes, size_t nbytes)
{
	if (opening->ntail == 0)
		return nbytes >= 2 && bytes[0] == TLS_HANDSHAKE && bytes[1] == TLS_MAJOR;
	return opening->ntail == 1 && nbytes >= 1 && opening->tail[0] == TLS_HANDSHAKE &&
	       bytes[0] == TLS_MAJOR;
}

enum opening_kind
opening_look(struct opening *opening, const char *bytes, size_t nbytes)
{
	const char *end = memchr(bytes, '\n', nbytes);

	if (is_tls(opening, bytes, nbytes)) {
		opening->kind = OPENING_TLS;
		return OPENING_TLS;
	}
	keep_tail(opening, bytes, end == NULL ? nbytes : (size_t)(end - bytes));
	if (end == NULL)
		return OPENING_UNKNOWN;
	opening->kind =
	    protocol_is_request(opening->tail, opening->ntail) ? OPENING_HTTP : OPENING_LINES;
	return (enum opening_kind)opening->kind;
}
