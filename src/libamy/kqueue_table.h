/* SPDX-License-Identifier: MIT */
/*
 * kqueue_table.h - what the kernel has of each descriptor, by its number.
 *
 * An entry's lock is held while its filters are changed one after the other, and taken for
 * each event before that is told: so whoever is told finds the arming complete, and may
 * close the descriptor at once.
 */
#ifndef KQUEUE_TABLE_H
#define KQUEUE_TABLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "kqueue_changes.h"

#define KQUEUE_LOCKS 64
#define KQUEUE_FIRST_SEGMENT_BITS 6
#define KQUEUE_SEGMENTS (31 - KQUEUE_FIRST_SEGMENT_BITS + 1)

/*
 * Owner: the kernel that it is part of. Lock, find and unlock: any thread.
 */
struct kqueue_table {
	_Atomic(struct kqueue_entry *) segments[KQUEUE_SEGMENTS]; /* filled once, never moved */
	pthread_mutex_t growing; /* taken after an entry's lock */
	pthread_mutex_t locks[KQUEUE_LOCKS];
};

/* Room for the first n descriptors is made at once. Errors: ENOMEM. */
int kqueue_table_init(struct kqueue_table *table, unsigned n);
void kqueue_table_fini(struct kqueue_table *table);

/* The entry of fd, locked. NULL, and nothing locked: EBADF (fd is negative), ENOMEM. */
struct kqueue_entry *kqueue_table_lock(struct kqueue_table *table, int fd);

/* The same, but NULL if it was never locked. Allocates nothing. */
struct kqueue_entry *kqueue_table_lock_known(struct kqueue_table *table, int fd);

void kqueue_table_unlock(struct kqueue_table *table, int fd);

#endif
