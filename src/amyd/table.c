/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdlib.h>

#include "memory.h"
#include "table.h"

#define FIRST_BUCKETS 64

/*
 * Two a new item are enough for good; more, and it catches up where there was no memory
 * for a while.
 */
#define MAX_SPLITS 4

/*
 * Linear hashing (Litwin, 1980): buckets are split one after the other, and those beyond
 * the last one are still part of the one that they will be split from.
 */
static struct table_item **
find_bucket(const struct table *table, uint64_t hash)
{
	size_t i = hash & table->mask;

	return &table->buckets[i < table->nbuckets ? i : i & table->mask >> 1];
}

/* Each item of a chain is a miss of the cache, and a bucket is only 8 bytes. */
static bool
is_crowded(const struct table *table)
{
	return table->n * 2 >= table->nbuckets;
}

/* For one bucket more. False: ENOMEM. */
static bool
make_room(struct table *table)
{
	struct table_item **larger;
	size_t room = table->mask + 1;

	if (table->nbuckets < room)
		return true;
	larger = memory_resize_scattered(table->buckets, room * sizeof(struct table_item *),
	                                 room * 2 * sizeof(struct table_item *));
	if (larger == NULL)
		return false;
	table->buckets = larger;
	table->mask = room * 2 - 1;
	return true;
}

/* Add one bucket, and let it have its items. */
static void
split(struct table *table)
{
	size_t added = table->nbuckets++;
	struct table_item **link = &table->buckets[added & table->mask >> 1];
	struct table_item **moved = &table->buckets[added];

	while (*link != NULL) {
		struct table_item *item = *link;

		if ((item->hash & table->mask) == added) {
			*link = item->next;
			*moved = item;
			moved = &item->next;
		} else {
			link = &item->next;
		}
	}
	*moved = NULL;
}

int
table_init(struct table *table)
{
	table->buckets = calloc(FIRST_BUCKETS, sizeof(struct table_item *));
	table->nbuckets = FIRST_BUCKETS;
	table->mask = FIRST_BUCKETS - 1;
	table->n = 0;
	return table->buckets == NULL ? -1 : 0;
}

void
table_fini(struct table *table)
{
	free(table->buckets);
}

void
table_insert(struct table *table, struct table_item *item)
{
	struct table_item **bucket;

	for (int i = 0; i < MAX_SPLITS && is_crowded(table) && make_room(table); i++)
		split(table);
	bucket = find_bucket(table, item->hash);
	item->next = *bucket;
	*bucket = item;
	table->n++;
}

void
table_erase(struct table *table, struct table_item *item)
{
	struct table_item **link = find_bucket(table, item->hash);

	while (*link != item)
		link = &(*link)->next;
	*link = item->next;
	table->n--;
}

static struct table_item *
skip_to(struct table_item *item, uint64_t hash)
{
	while (item != NULL && item->hash != hash)
		item = item->next;
	return item;
}

struct table_item *
table_first(const struct table *table, uint64_t hash)
{
	return skip_to(*find_bucket(table, hash), hash);
}

struct table_item *
table_next(const struct table_item *item)
{
	return skip_to(item->next, item->hash);
}

void
table_scan_begin(const struct table *table, struct table_scan *scan)
{
	*scan = (struct table_scan){ .nbuckets = table->nbuckets, .mask = table->mask };
}

void
table_scan_foresee(const struct table *table, const struct table_scan *scan, size_t n,
                   void (*refer)(const struct table_item *item))
{
	size_t left = scan->nbuckets - scan->next, end = scan->next + (n < left ? n : left);

	for (size_t i = scan->next; i < end; i++)
		if (table->buckets[i] != NULL)
			__builtin_prefetch(table->buckets[i]);
	for (size_t i = scan->next; i < end; i++)
		if (table->buckets[i] != NULL)
			refer(table->buckets[i]);
}

/*
 * A bucket as it was when the scan began: what is in it now, and in those that were split off it
 * since. These are as far from each other as there was room at that time; or half as far, for a
 * bucket that was still to be split.
 */
bool
table_scan_some(const struct table *table, struct table_scan *scan,
                bool (*see)(void *context, struct table_item *item), void *context)
{
	size_t i = scan->next++, step = scan->mask + 1;
	struct table_item *item, *next;

	if (i < step / 2 && i + step / 2 >= scan->nbuckets)
		step /= 2;
	for (; i < table->nbuckets; i += step)
		for (item = table->buckets[i]; item != NULL; item = next) {
			next = item->next;
			if (!see(context, item))
				return false;
		}
	return true;
}

void
table_prefetch_bucket(const struct table *table, uint64_t hash)
{
	__builtin_prefetch(find_bucket(table, hash));
}

/* An item and what follows its link and hash may lie on two lines of the cache. */
void
table_prefetch_items(const struct table *table, uint64_t hash)
{
	const char *item = (const char *)*find_bucket(table, hash);

	if (item == NULL)
		return;
	__builtin_prefetch(item);
	__builtin_prefetch(item + 48);
}
