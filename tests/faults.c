/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "faults.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
int __real_epoll_create1(int flags);
fault_epoll_ctl_fn __real_epoll_ctl;
long __real_syscall(long number, ...);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);
int __wrap_epoll_create1(int flags);
fault_epoll_ctl_fn __wrap_epoll_ctl;
long __wrap_syscall(long number, ...);

fault_epoll_ctl_fn *fault_epoll_ctl_hook;

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
