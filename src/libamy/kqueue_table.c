/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "kqueue_table.h"

/*
 * Segment 0 holds the first 64, and each one after it as many as all before it. They never
 * move, so that an entry is found while the table grows.
 */
static unsigned
segment_of(unsigned fd)
{
	unsigned n = fd >> KQUEUE_FIRST_SEGMENT_BITS;

	return n == 0 ? 0 : 32u - (unsigned)__builtin_clz(n);
}

static unsigned
segment_first(unsigned segment)
{
	return segment == 0 ? 0 : 1u << (KQUEUE_FIRST_SEGMENT_BITS + segment - 1);
}

static unsigned
segment_size(unsigned segment)
{
	return segment == 0 ? 1u << KQUEUE_FIRST_SEGMENT_BITS : segment_first(segment);
}

void
kqueue_table_fini(struct kqueue_table *table)
{
	for (unsigned i = 0; i < KQUEUE_SEGMENTS; i++)
		free(atomic_load_explicit(&table->segments[i], memory_order_relaxed));
	for (unsigned i = 0; i < KQUEUE_LOCKS; i++)
		pthread_mutex_destroy(&table->locks[i]);
	pthread_mutex_destroy(&table->growing);
}

static struct kqueue_entry *
segment_get(struct kqueue_table *table, unsigned segment)
{
	return atomic_load_explicit(&table->segments[segment], memory_order_acquire);
}

/* Returns the segment; NULL: ENOMEM. */
static struct kqueue_entry *
segment_fill(struct kqueue_table *table, unsigned segment)
{
	struct kqueue_entry *entries;

	pthread_mutex_lock(&table->growing);
	entries = segment_get(table, segment);
	if (entries == NULL) {
		entries = calloc(segment_size(segment), sizeof *entries);
		atomic_store_explicit(&table->segments[segment], entries, memory_order_release);
	}
	pthread_mutex_unlock(&table->growing);
	return entries;
}

int
kqueue_table_init(struct kqueue_table *table, unsigned n)
{
	for (unsigned i = 0; i < KQUEUE_SEGMENTS; i++)
		atomic_init(&table->segments[i], NULL);
	for (unsigned i = 0; i < KQUEUE_LOCKS; i++)
		pthread_mutex_init(&table->locks[i], NULL);
	pthread_mutex_init(&table->growing, NULL);
	for (unsigned i = 0; i < KQUEUE_SEGMENTS && segment_first(i) < n; i++)
		if (segment_fill(table, i) == NULL) {
			kqueue_table_fini(table);
			return -1;
		}
	return 0;
}

struct kqueue_entry *
kqueue_table_lock_known(struct kqueue_table *table, int fd)
{
	unsigned segment = segment_of((unsigned)fd);
	struct kqueue_entry *entries = segment_get(table, segment);

	if (entries == NULL)
		return NULL;
	pthread_mutex_lock(&table->locks[(unsigned)fd % KQUEUE_LOCKS]);
	return &entries[(unsigned)fd - segment_first(segment)];
}

struct kqueue_entry *
kqueue_table_lock(struct kqueue_table *table, int fd)
{
	if (fd < 0) {
		errno = EBADF;
		return NULL;
	}
	if (segment_get(table, segment_of((unsigned)fd)) == NULL &&
	    segment_fill(table, segment_of((unsigned)fd)) == NULL)
		return NULL;
	return kqueue_table_lock_known(table, fd);
}

void
kqueue_table_unlock(struct kqueue_table *table, int fd)
{
	pthread_mutex_unlock(&table->locks[(unsigned)fd % KQUEUE_LOCKS]);
}
