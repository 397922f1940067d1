/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_KQUEUE_H
#define KERNEL_KQUEUE_H

#include "kqueue_table.h"

struct kernel {
	int fd;                    /* constant after open */
	struct kqueue_table table; /* has its own locks */
};

#endif
