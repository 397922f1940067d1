/* SPDX-License-Identifier: MIT */
/*
 * messages.h - several messages of a socket with one system call, where there is one:
 * messages_mmsg.c; and where there is none: messages_loop.c.
 *
 * AMY_PORTABLE: see notice.h.
 */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <sys/socket.h>

#if (defined(__linux__) || defined(__FreeBSD__)) && !defined(AMY_PORTABLE)
#define MESSAGES_ARE_MMSG 1
#define messages_header mmsghdr
#else
#define MESSAGES_ARE_MMSG 0
struct messages_header {
	struct msghdr msg_hdr;
	size_t msg_len; /* of what was received */
};
#endif

/*
 * Receive or send up to n (1 or more) messages, as recvmmsg(2) and sendmmsg(2) do. They never
 * wait, and there is no SIGPIPE. Return how many; -1 with the error of the first one. An error
 * of another one ends it, and is not told. Errors: those of recvmsg(2), sendmsg(2).
 */
int messages_receive(int fd, struct messages_header *headers, unsigned n);
int messages_send(int fd, struct messages_header *headers, unsigned n);

#endif
