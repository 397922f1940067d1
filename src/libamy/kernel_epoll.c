/* SPDX-License-Identifier: MIT */
/*
 * kernel_epoll.c - Linux.
 *
 * EPOLLONESHOT disarms both directions at one event, EPOLLERR and EPOLLHUP too, and
 * EPOLL_CTL_MOD reports at once what is ready: just what kernel.h asks for.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "amy.h"
#include "kernel.h"

int
kernel_open(struct kernel *kernel)
{
	kernel->fd = epoll_create1(EPOLL_CLOEXEC);
	kernel->alarm_fd = kernel->wake_fd = -1;
	return kernel->fd == -1 ? -1 : 0;
}

static void
close_alarm(struct kernel *kernel)
{
	if (kernel->alarm_fd != -1)
		close(kernel->alarm_fd);
	if (kernel->wake_fd != -1)
		close(kernel->wake_fd);
	kernel->alarm_fd = kernel->wake_fd = -1;
}

void
kernel_close(struct kernel *kernel)
{
	close_alarm(kernel);
	close(kernel->fd);
	kernel->fd = -1;
}

/* EPOLLRDHUP goes with reading: armed without it, a half-closed peer would spin. */
static uint32_t
to_epoll(unsigned interest)
{
	uint32_t events = 0;

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

static int
ask(struct kernel *kernel, int fd, uint32_t events, uint64_t cookie, bool first)
{
	struct epoll_event event = { .events = events, .data.u64 = cookie };

	return control(kernel->fd, first ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

int
kernel_arm(struct kernel *kernel, int fd, unsigned interest, uint64_t cookie, bool first)
{
	return ask(kernel, fd, to_epoll(interest) | EPOLLONESHOT, cookie, first);
}

int
kernel_watch(struct kernel *kernel, int fd, unsigned interest, uint64_t cookie, bool first)
{
	return ask(kernel, fd, to_epoll(interest), cookie, first);
}

int
kernel_forget(struct kernel *kernel, int fd)
{
	struct epoll_event unused = { 0 };

	return control(kernel->fd, EPOLL_CTL_DEL, fd, &unused);
}

/*
 * Both are edge-triggered and never read from: each time that they are written to, or that the
 * time has come, is an edge, which one epoll_wait(2) is told of.
 */
int
kernel_open_alarm(struct kernel *kernel)
{
	int error;

	kernel->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	kernel->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (kernel->alarm_fd != -1 && kernel->wake_fd != -1 &&
	    ask(kernel, kernel->alarm_fd, EPOLLIN | EPOLLET, KERNEL_ALARM, true) == 0 &&
	    ask(kernel, kernel->wake_fd, EPOLLIN | EPOLLET, KERNEL_WAKE, true) == 0)
		return 0;
	error = errno;
	close_alarm(kernel);
	errno = error;
	return -1;
}

/* Times that are 0 would disarm it. */
void
kernel_set_alarm(struct kernel *kernel, int64_t at_ns)
{
	struct itimerspec at = { 0 };

	if (at_ns < 1)
		at_ns = 1;
	if (at_ns != INT64_MAX) {
		at.it_value.tv_sec = (time_t)(at_ns / 1000000000);
		at.it_value.tv_nsec = (long)(at_ns % 1000000000);
	}
	timerfd_settime(kernel->alarm_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void
kernel_wake(struct kernel *kernel)
{
	eventfd_write(kernel->wake_fd, 1);
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
