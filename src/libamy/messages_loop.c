/* SPDX-License-Identifier: MIT */
/*
 * messages_loop.c - any system: one after the other.
 */
#include "messages.h"

#if !MESSAGES_ARE_MMSG

/* Where there is none, a socket of datagrams sends no SIGPIPE. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

int
messages_receive(int fd, struct messages_header *headers, unsigned n)
{
	unsigned i;
	ssize_t rc;

	for (i = 0; i < n; i++) {
		rc = recvmsg(fd, &headers[i].msg_hdr, MSG_DONTWAIT);
		if (rc == -1)
			break;
		headers[i].msg_len = (size_t)rc;
	}
	return i == 0 ? -1 : (int)i;
}

int
messages_send(int fd, struct messages_header *headers, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (sendmsg(fd, &headers[i].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
			break;
	return i == 0 ? -1 : (int)i;
}

#endif
