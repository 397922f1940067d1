/* SPDX-License-Identifier: MIT */
/*
 * kernel_epoll.c - Linux.
 *
 * EPOLLONESHOT disarms both directions at one event, EPOLLERR and EPOLLHUP too, and
 * EPOLL_CTL_MOD reports at once what is ready: just what kernel.h asks for.
 */
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "amy.h"
#include "kernel.h"

int
kernel_open(struct kernel *kernel)
{
	kernel->fd = epoll_create1(EPOLL_CLOEXEC);
	return kernel->fd == -1 ? -1 : 0;
}

void
kernel_close(struct kernel *kernel)
{
	close(kernel->fd);
	kernel->fd = -1;
}

/* EPOLLRDHUP goes with reading: armed without it, a half-closed peer would spin. */
static uint32_t
to_epoll(unsigned interest)
{
	uint32_t events = EPOLLONESHOT;

	if (interest & AMY_READ)
		events |= EPOLLIN | EPOLLRDHUP;
	if (interest & AMY_WRITE)
		events |= EPOLLOUT;
	return events;
}

static unsigned
from_epoll(uint32_t events)
{
	unsigned out = 0;

	if (events & EPOLLIN)
		out |= AMY_READ;
	if (events & EPOLLOUT)
		out |= AMY_WRITE;
	if (events & (EPOLLHUP | EPOLLRDHUP))
		out |= AMY_HUP;
	if (events & EPOLLERR)
		out |= AMY_ERROR;
	return out;
}

/*
 * ThreadSanitizer takes it that epoll_ctl(2) uses the descriptor until it returns, and that
 * EPOLL_CTL_MOD does not come before the event that it leads to. So it would call it a race
 * when a thread that is told of the event closes the descriptor before the call that armed
 * it is back, though the kernel is done with it then. There the call is made unseen: the
 * order that it does give, the atomic word of the registration gives as well.
 */
#if defined(__SANITIZE_THREAD__)
#define HAVE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAVE_THREAD_SANITIZER 1
#endif
#endif

static int
control(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
#ifdef HAVE_THREAD_SANITIZER
	return (int)syscall(SYS_epoll_ctl, epoll_fd, operation, fd, event);
#else
	return epoll_ctl(epoll_fd, operation, fd, event);
#endif
}

int
kernel_arm(struct kernel *kernel, int fd, unsigned interest, uint64_t cookie, bool first)
{
	struct epoll_event event = {
		.events = to_epoll(interest),
		.data.u64 = cookie,
	};

	return control(kernel->fd, first ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

void
kernel_forget(struct kernel *kernel, int fd)
{
	struct epoll_event unused = { 0 };

	control(kernel->fd, EPOLL_CTL_DEL, fd, &unused);
}

int
kernel_wait(struct kernel *kernel, struct kernel_event *events, int max, int timeout_ms)
{
	struct epoll_event ready[KERNEL_MAX_EVENTS];
	int n = epoll_wait(kernel->fd, ready, max, timeout_ms);

	for (int i = 0; i < n; i++) {
		events[i].cookie = ready[i].data.u64;
		events[i].events = from_epoll(ready[i].events);
	}
	return n;
}
