/* SPDX-License-Identifier: MIT */
/*
 * table.h - a hash table of items that carry their own link and hash.
 *
 * It grows by a few buckets with each item, never all at once: no insert takes long.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first member of what is put into a table; hash is set by its owner, then constant. */
struct table_item {
	struct table_item *next;
	uint64_t hash;
};

/* Owner: whoever holds the storage. The items stay their owner's. */
struct table {
	struct table_item **buckets;
	size_t nbuckets;
	size_t mask; /* 2^k - 1: there is room for 2^k, and at least half of that is used */
	size_t n;
};

/* Errors: ENOMEM. */
int table_init(struct table *table);
void table_fini(struct table *table);

/* Never fails: out of memory, the chains are longer, that is all. */
void table_insert(struct table *table, struct table_item *item);

/* The item must be in the table. */
void table_erase(struct table *table, struct table_item *item);

/*
 * The first item with that hash, and the next after one; NULL: no more. Different items
 * may share a hash: compare.
 */
struct table_item *table_first(const struct table *table, uint64_t hash);
struct table_item *table_next(const struct table_item *item);

/*
 * Where somebody has come to who looks at all items, some at a time, while others come and go
 * in between: each that stays is seen exactly once, though the table grows.
 */
struct table_scan {
	size_t nbuckets, mask; /* that there were when it began */
	size_t next;
};

void table_scan_begin(const struct table *table, struct table_scan *scan);

static inline bool
table_scan_is_over(const struct table_scan *scan)
{
	return scan->next == scan->nbuckets;
}

/*
 * For whoever is about to call table_scan_some() n times: ask memory for the items; then for
 * what these refer to, each by a call of refer().
 */
void table_scan_foresee(const struct table *table, const struct table_scan *scan, size_t n,
                        void (*refer)(const struct table_item *item));

/* See some, one or two as a rule; false: see() made an end of it. It is not over. */
bool table_scan_some(const struct table *table, struct table_scan *scan,
                     bool (*see)(void *context, struct table_item *item), void *context);

/*
 * For whoever is about to look for several: ask memory for the buckets of all, then for
 * the items there, so that the waiting is done once and not for each.
 */
void table_prefetch_bucket(const struct table *table, uint64_t hash);
void table_prefetch_items(const struct table *table, uint64_t hash);

#endif
