/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quota.h"
#include "cgroup.h"

/* Of the program, its stacks and libraries, about. */
#define OTHER_BYTES ((uint64_t)4 << 20)

/*
 * So much of the limit is for what malloc(3) does not use again at once, and for what is on its way
 * while a handler has not looked yet: on a busy machine it may not run for a while.
 */
#define SAFETY_FRACTION 4

int
quota_init(struct quota *quota, unsigned nshares)
{
	size_t size = nshares * sizeof(struct quota_share);

	memset(quota, 0, sizeof *quota);
	quota->shares = aligned_alloc(_Alignof(struct quota_share), size);
	if (quota->shares == NULL)
		return -1;
	memset(quota->shares, 0, size);
	quota->nshares = nshares;
	for (unsigned i = 0; i < nshares; i++) {
		quota->shares[i].look_at = UINT64_MAX;
		quota->shares[i].most_queued = SIZE_MAX;
		quota->shares[i].most_answers = SIZE_MAX;
	}
	return 0;
}

void
quota_fini(struct quota *quota)
{
	free(quota->shares);
	quota->shares = NULL;
}

uint64_t
quota_limit_of(uint64_t memory)
{
	uint64_t limit;

	if (memory > 0)
		return memory;
	limit = cgroup_memory_limit(CGROUP_LIST, CGROUP_ROOT);
	return limit == CGROUP_NO_LIMIT ? 0 : limit / 4 * 3;
}

static uint64_t
get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

uint64_t
quota_queued(const struct quota *quota)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < quota->nshares; i++)
		sum += get(&quota->shares[i].nqueued);
	return sum;
}

static uint64_t
count(const struct quota *quota)
{
	uint64_t sum = quota_queued(quota) + get(&quota->stored);

	for (unsigned i = 0; i < quota->nshares; i++)
		sum += get(&quota->shares[i].nheld);
	return sum;
}

uint64_t
quota_used(const struct quota *quota)
{
	int64_t rest = atomic_load_explicit(&quota->rest, memory_order_relaxed);
	int64_t used = (int64_t)count(quota) + rest;

	return used < 0 ? 0 : (uint64_t)used;
}

int64_t
quota_room(const struct quota *quota)
{
	uint64_t limit = get(&quota->limit);

	if (limit == 0)
		return INT64_MAX;
	return (int64_t)(limit - limit / SAFETY_FRACTION - quota_used(quota));
}

/* 0: it is not known. */
static uint64_t
resident_bytes(void)
{
	char text[128], *end;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	strtoull(text, &end, 10); /* virtual pages */
	return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Memory that is in use. What malloc(3) has free is used again before the process grows, so it does
 * not count; nor does what nobody has touched yet. 0: it is not known.
 */
static uint64_t
used_bytes(uint64_t resident)
{
#ifdef M_MMAP_THRESHOLD /* glibc; elsewhere malloc(3) does not say what it has free */
	struct mallinfo2 info = mallinfo2();
	uint64_t used = info.uordblks + info.hblkhd + OTHER_BYTES;

	if (info.uordblks > 0 && used < resident)
		return used;
#endif
	return resident;
}

void
quota_measure(struct quota *quota)
{
	uint64_t counted = count(quota), resident = resident_bytes();

	if (resident > 0)
		atomic_store_explicit(&quota->rest,
		                      (int64_t)used_bytes(resident) - (int64_t)counted,
		                      memory_order_relaxed);
}

void
quota_give_back(struct quota *quota)
{
	uint64_t limit = get(&quota->limit);
	uint64_t resident = limit == 0 ? 0 : resident_bytes();

	if (resident > limit / 8 * 7 && used_bytes(resident) < resident - limit / 32) {
#ifdef M_MMAP_THRESHOLD
		malloc_trim(0);
#endif
	}
}
