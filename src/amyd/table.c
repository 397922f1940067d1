/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "table.h"

#define FIRST_BUCKETS 64

int
table_init(struct table *table)
{
	table->buckets = calloc(FIRST_BUCKETS, sizeof(struct table_item *));
	table->nbuckets = FIRST_BUCKETS;
	table->n = 0;
	return table->buckets == NULL ? -1 : 0;
}

void
table_fini(struct table *table)
{
	free(table->buckets);
}

static struct table_item **
table_bucket(const struct table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->nbuckets - 1)];
}

static void
table_link(struct table *table, struct table_item *item)
{
	struct table_item **bucket = table_bucket(table, item->hash);

	item->next = *bucket;
	*bucket = item;
}

static void
table_grow(struct table *table)
{
	struct table larger = { NULL, table->nbuckets * 2, table->n };

	larger.buckets = calloc(larger.nbuckets, sizeof(struct table_item *));
	if (larger.buckets == NULL)
		return;
	for (size_t i = 0; i < table->nbuckets; i++)
		for (struct table_item *item = table->buckets[i], *next; item != NULL;
		     item = next) {
			next = item->next;
			table_link(&larger, item);
		}
	free(table->buckets);
	*table = larger;
}

void
table_insert(struct table *table, struct table_item *item)
{
	if (table->n >= table->nbuckets)
		table_grow(table);
	table_link(table, item);
	table->n++;
}

void
table_erase(struct table *table, struct table_item *item)
{
	struct table_item **link = table_bucket(table, item->hash);

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
	return skip_to(*table_bucket(table, hash), hash);
}

struct table_item *
table_next(const struct table_item *item)
{
	return skip_to(item->next, item->hash);
}
