/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#ifdef AMY_KERNEL_KQUEUE
#include <sys/event.h>
#endif

#include "faults.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *old);
int __real_epoll_create1(int flags);
fault_epoll_ctl_fn __real_epoll_ctl;
long __real_syscall(long number, ...);
int __real_eventfd(unsigned initial, int flags);
int __real_signalfd(int fd, const sigset_t *signals, int flags);
int __real_pipe(int fds[2]);
int __real_fcntl(int fd, int command, ...);
ssize_t __real_readlink(const char *path, char *text, size_t size);
ssize_t __real_read(int fd, void *bytes, size_t nbytes);
ssize_t __real_write(int fd, const void *bytes, size_t nbytes);
ssize_t __real_recvmsg(int fd, struct msghdr *header, int flags);
int __real_recvmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags,
                    struct timespec *timeout);
ssize_t __real_sendmsg(int fd, const struct msghdr *header, int flags);
int __real_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
void __wrap_free(void *old);
int __wrap_epoll_create1(int flags);
fault_epoll_ctl_fn __wrap_epoll_ctl;
long __wrap_syscall(long number, ...);
int __wrap_eventfd(unsigned initial, int flags);
int __wrap_signalfd(int fd, const sigset_t *signals, int flags);
int __wrap_pipe(int fds[2]);
int __wrap_fcntl(int fd, int command, ...);
ssize_t __wrap_readlink(const char *path, char *text, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t nbytes);
ssize_t __wrap_write(int fd, const void *bytes, size_t nbytes);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags,
                    struct timespec *timeout);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags);

fault_epoll_ctl_fn *fault_epoll_ctl_hook;
fault_before_fn *fault_before_read;
fault_before_fn *fault_before_write;

static struct {
	atomic_uint countdown; /* the call at which it becomes 0 fails; 0: none does */
	atomic_int error;
} faults[FAULT_CALLS];
static atomic_bool happened;
static atomic_long live_allocations;

void
fault_set(enum fault_call call, unsigned nth, int error)
{
	atomic_store(&happened, false);
	atomic_store(&faults[call].error, error);
	atomic_store(&faults[call].countdown, nth);
}

bool
fault_clear(void)
{
	for (int i = 0; i < FAULT_CALLS; i++)
		atomic_store(&faults[i].countdown, 0);
	return atomic_exchange(&happened, false);
}

long
fault_live_allocations(void)
{
	return atomic_load(&live_allocations);
}

static bool
fault_is_due(enum fault_call call)
{
	unsigned left = atomic_load(&faults[call].countdown);

	while (left > 0)
		if (atomic_compare_exchange_weak(&faults[call].countdown, &left, left - 1))
			break;
	if (left != 1)
		return false;
	atomic_store(&happened, true);
	errno = atomic_load(&faults[call].error);
	return true;
}

static void *
counted(void *allocated)
{
	if (allocated != NULL)
		atomic_fetch_add(&live_allocations, 1);
	return allocated;
}

void *
__wrap_malloc(size_t size)
{
	return fault_is_due(FAULT_ALLOCATION) ? NULL : counted(__real_malloc(size));
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fault_is_due(FAULT_ALLOCATION) ? NULL : counted(__real_calloc(n, size));
}

void *
__wrap_realloc(void *old, size_t size)
{
	if (fault_is_due(FAULT_ALLOCATION))
		return NULL;
	return old == NULL ? counted(__real_realloc(NULL, size)) : __real_realloc(old, size);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fault_is_due(FAULT_ALLOCATION) ? NULL
	                                      : counted(__real_aligned_alloc(alignment, size));
}

/* A copy is an allocation like any other; for one, the C library calls no malloc() of ours. */
static char *
copy_text(const char *text, size_t nbytes)
{
	char *copy = __wrap_malloc(nbytes + 1);

	if (copy == NULL)
		return NULL;
	copy[nbytes] = '\0';
	return memcpy(copy, text, nbytes);
}

char *
__wrap_strdup(const char *text)
{
	return copy_text(text, strlen(text));
}

char *
__wrap_strndup(const char *text, size_t n)
{
	return copy_text(text, strnlen(text, n));
}

void
__wrap_free(void *old)
{
	if (old != NULL)
		atomic_fetch_sub(&live_allocations, 1);
	__real_free(old);
}

int
__wrap_epoll_create1(int flags)
{
	return fault_is_due(FAULT_EPOLL_CREATE) ? -1 : __real_epoll_create1(flags);
}

int
fault_real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	return __real_epoll_ctl(epoll_fd, op, fd, event);
}

int
__wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	if (fault_is_due(FAULT_EPOLL_CTL))
		return -1;
	if (fault_epoll_ctl_hook != NULL)
		return fault_epoll_ctl_hook(epoll_fd, op, fd, event);
	return __real_epoll_ctl(epoll_fd, op, fd, event);
}

/* Under ThreadSanitizer the library calls epoll_ctl(2) so; nothing else it calls does. */
long
__wrap_syscall(long number, ...)
{
	va_list arguments;
	long a, b, c, d;

	va_start(arguments, number);
	a = va_arg(arguments, long);
	b = va_arg(arguments, long);
	c = va_arg(arguments, long);
	d = va_arg(arguments, long);
	va_end(arguments);
	if (number == SYS_epoll_ctl)
		return __wrap_epoll_ctl((int)a, (int)b, (int)c, (struct epoll_event *)d);
	return __real_syscall(number, a, b, c, d);
}

int
__wrap_eventfd(unsigned initial, int flags)
{
	return fault_is_due(FAULT_DESCRIPTOR) ? -1 : __real_eventfd(initial, flags);
}

int
__wrap_signalfd(int fd, const sigset_t *signals, int flags)
{
	return fault_is_due(FAULT_DESCRIPTOR) ? -1 : __real_signalfd(fd, signals, flags);
}

int
__wrap_pipe(int fds[2])
{
	return fault_is_due(FAULT_DESCRIPTOR) ? -1 : __real_pipe(fds);
}

int
__wrap_fcntl(int fd, int command, ...)
{
	va_list arguments;
	long argument;

	va_start(arguments, command);
	argument = va_arg(arguments, long);
	va_end(arguments);
	return fault_is_due(FAULT_DESCRIPTOR) ? -1 : __real_fcntl(fd, command, argument);
}

ssize_t
__wrap_readlink(const char *path, char *text, size_t size)
{
	return fault_is_due(FAULT_DESCRIPTOR) ? -1 : __real_readlink(path, text, size);
}

ssize_t
__wrap_read(int fd, void *bytes, size_t nbytes)
{
	if (fault_before_read != NULL)
		fault_before_read(fd);
	return fault_is_due(FAULT_READ) ? -1 : __real_read(fd, bytes, nbytes);
}

ssize_t
__wrap_write(int fd, const void *bytes, size_t nbytes)
{
	if (fault_before_write != NULL)
		fault_before_write(fd);
	return fault_is_due(FAULT_WRITE) ? -1 : __real_write(fd, bytes, nbytes);
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
	return fault_is_due(FAULT_RECEIVE) ? -1 : __real_recvmsg(fd, header, flags);
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags,
                struct timespec *timeout)
{
	return fault_is_due(FAULT_RECEIVE) ? -1
	                                   : __real_recvmmsg(fd, headers, n, flags, timeout);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *header, int flags)
{
	return fault_is_due(FAULT_SEND) ? -1 : __real_sendmsg(fd, header, flags);
}

int
__wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags)
{
	return fault_is_due(FAULT_SEND) ? -1 : __real_sendmmsg(fd, headers, n, flags);
}

/* With kqueue, these are what epoll_create1(2) and epoll_ctl(2) are with epoll. */
#ifdef AMY_KERNEL_KQUEUE
int __real_kqueue(void);
int __real_kevent(int fd, const struct kevent *changes, int nchanges, struct kevent *events,
                  int nevents, const struct timespec *timeout);
int __wrap_kqueue(void);
int __wrap_kevent(int fd, const struct kevent *changes, int nchanges, struct kevent *events,
                  int nevents, const struct timespec *timeout);

int
__wrap_kqueue(void)
{
	return fault_is_due(FAULT_EPOLL_CREATE) ? -1 : __real_kqueue();
}

int
__wrap_kevent(int fd, const struct kevent *changes, int nchanges, struct kevent *events,
              int nevents, const struct timespec *timeout)
{
	if (nchanges > 0 && fault_is_due(FAULT_EPOLL_CTL))
		return -1;
	return __real_kevent(fd, changes, nchanges, events, nevents, timeout);
}
#endif
