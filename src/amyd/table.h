/* SPDX-License-Identifier: MIT */
/*
 * table.h - a hash table of items that carry their own link and hash.
 */
#ifndef TABLE_H
#define TABLE_H

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
	size_t nbuckets; /* a power of two */
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

#endif
