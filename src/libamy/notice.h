/* SPDX-License-Identifier: MIT */
/*
 * notice.h - a descriptor that is readable while it has notices, one file per system behind it:
 * notice_eventfd.c and notice_pipe.c.
 *
 * AMY_PORTABLE, in all of libamy, means: use nothing but POSIX. The tests build it so, too.
 */
#ifndef NOTICE_H
#define NOTICE_H

#include <stdint.h>

#if defined(__linux__) && !defined(AMY_PORTABLE)
#define NOTICE_IS_EVENTFD 1
#else
#define NOTICE_IS_EVENTFD 0
#endif

/*
 * Owner: what it is part of. Constant after open.
 */
struct notice {
	int fd;       /* to be waited for */
	int write_fd; /* the same one, or the other end of the pipe */
};

/* Both descriptors are non-blocking and close-on-exec. Errors: EMFILE, ENFILE, ENOMEM. */
int notice_open(struct notice *notice);
void notice_close(struct notice *notice);

/* Put one more notice. Any thread. */
void notice_put(struct notice *notice);

/* Take all notices, and tell how many there were. One thread. */
uint64_t notice_clear(struct notice *notice);

#endif
