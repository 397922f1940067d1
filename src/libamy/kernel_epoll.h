/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_EPOLL_H
#define KERNEL_EPOLL_H

struct kernel {
	int fd;       /* constant after open */
	int alarm_fd; /* constant after kernel_open_alarm(); -1 before */
	int wake_fd;  /* the same */
};

#endif
