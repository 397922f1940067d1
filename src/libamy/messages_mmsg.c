/* SPDX-License-Identifier: MIT */
/*
 * messages_mmsg.c - Linux and FreeBSD.
 */
#include "messages.h"

#if MESSAGES_ARE_MMSG
#include <stddef.h>

int
messages_receive(int fd, struct messages_header *headers, unsigned n)
{
	return (int)recvmmsg(fd, headers, n, MSG_DONTWAIT, NULL);
}

int
messages_send(int fd, struct messages_header *headers, unsigned n)
{
	return (int)sendmmsg(fd, headers, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

#endif
