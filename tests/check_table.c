/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "table.h"

#define NITEMS 2000

/* In the table, and whether it is. */
static struct entry {
	struct table_item item;
	bool is_in;
} entries[NITEMS];

static void
insert(struct table *table, struct entry *entry, uint64_t hash)
{
	entry->item.hash = hash;
	entry->is_in = true;
	table_insert(table, &entry->item);
}

static void
erase(struct table *table, struct entry *entry)
{
	table_erase(table, &entry->item);
	entry->is_in = false;
}

/* How often the entry is found under its hash. */
static unsigned
times_found(const struct table *table, const struct entry *entry)
{
	unsigned n = 0;

	for (struct table_item *item = table_first(table, entry->item.hash); item != NULL;
	     item = table_next(item)) {
		MUST(item->hash == entry->item.hash);
		MUST(((struct entry *)item)->is_in);
		if (item == &entry->item)
			n++;
	}
	return n;
}

static unsigned
longest_chain(const struct table *table)
{
	unsigned longest = 0;

	for (size_t i = 0; i < table->nbuckets; i++) {
		unsigned length = 0;

		for (const struct table_item *item = table->buckets[i]; item != NULL;
		     item = item->next)
			length++;
		longest = length > longest ? length : longest;
	}
	return longest;
}

START_TEST(empty_table_has_nothing)
{
	struct table table;

	ck_assert_int_eq(table_init(&table), 0);
	ck_assert_uint_eq(table.n, 0);
	ck_assert_ptr_null(table_first(&table, 0));
	ck_assert_ptr_null(table_first(&table, UINT64_MAX));
	table_fini(&table);
}
END_TEST

START_TEST(item_is_found_by_its_hash_alone)
{
	struct table table;

	ck_assert_int_eq(table_init(&table), 0);
	insert(&table, &entries[0], 5);
	insert(&table, &entries[1], 5 + ((uint64_t)1 << 40)); /* the same bucket */
	ck_assert_ptr_eq(table_first(&table, 5), &entries[0].item);
	ck_assert_ptr_null(table_next(&entries[0].item));
	ck_assert_ptr_eq(table_first(&table, 5 + ((uint64_t)1 << 40)), &entries[1].item);
	ck_assert_ptr_null(table_next(&entries[1].item));
	ck_assert_ptr_null(table_first(&table, 5 + ((uint64_t)1 << 41)));
	ck_assert_uint_eq(table.n, 2);
	erase(&table, &entries[0]);
	ck_assert_ptr_null(table_first(&table, 5));
	ck_assert_ptr_eq(table_first(&table, 5 + ((uint64_t)1 << 40)), &entries[1].item);
	ck_assert_uint_eq(table.n, 1);
	table_fini(&table);
}
END_TEST

START_TEST(items_of_one_hash_are_all_found)
{
	struct table table;

	ck_assert_int_eq(table_init(&table), 0);
	for (int i = 0; i < 200; i++)
		insert(&table, &entries[i], 7);
	for (int i = 0; i < 200; i += 2)
		erase(&table, &entries[i]);
	for (int i = 0; i < 200; i++)
		MUST(times_found(&table, &entries[i]) == (i % 2 == 0 ? 0 : 1));
	ck_assert_uint_eq(table.n, 100);
	table_fini(&table);
}
END_TEST

START_TEST(chains_stay_short)
{
	struct table table;
	uint64_t random = 1;

	ck_assert_int_eq(table_init(&table), 0);
	for (int i = 0; i < NITEMS; i++) {
		insert(&table, &entries[i],
		       (uint64_t)random_below(&random, UINT32_MAX) << 32 | (unsigned)i);
		MUST(table.n * 2 <= table.nbuckets + 1);
		MUST(table.nbuckets <= table.mask + 1 && table.nbuckets > table.mask / 2);
		MUST((table.mask & (table.mask + 1)) == 0);
	}
	MUST(longest_chain(&table) <= 8);
	for (int i = 0; i < NITEMS; i++)
		MUST(times_found(&table, &entries[i]) == 1);
	table_fini(&table);
}
END_TEST

START_TEST(no_insert_does_more_than_a_few_buckets)
{
	struct table table;

	ck_assert_int_eq(table_init(&table), 0);
	for (uint64_t i = 0; i < NITEMS; i++) {
		size_t nbuckets = table.nbuckets;

		insert(&table, &entries[i], i * 0x9e3779b97f4a7c15u);
		MUST(table.nbuckets - nbuckets <= 4);
		/* What was there is found at every size. */
		MUST(times_found(&table, &entries[i / 2]) == 1);
	}
	table_fini(&table);
}
END_TEST

/* It has no other effect; an empty bucket and one with an item. */
START_TEST(what_is_or_is_not_there_may_be_prefetched)
{
	struct table table;

	ck_assert_int_eq(table_init(&table), 0);
	insert(&table, &entries[0], 5);
	for (uint64_t hash = 4; hash <= 5; hash++) {
		table_prefetch_bucket(&table, hash);
		table_prefetch_items(&table, hash);
	}
	ck_assert_ptr_eq(table_first(&table, 5), &entries[0].item);
	ck_assert_ptr_null(table_first(&table, 4));
	ck_assert_uint_eq(table.n, 1);
	table_fini(&table);
}
END_TEST

START_TEST(any_items_come_and_go)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t random = seed;
		uint32_t nhashes = 1 + random_below(&random, 1000);
		struct table table;
		size_t n = 0;

		memset(entries, 0, sizeof entries);
		MUST(table_init(&table) == 0);
		for (int i = 0; i < 5000; i++) {
			struct entry *entry = &entries[random_below(&random, 300)];

			n += entry->is_in ? (size_t)-1 : 1;
			if (entry->is_in)
				erase(&table, entry);
			else
				insert(&table, entry, random_below(&random, nhashes));
			if (times_found(&table, entry) != (entry->is_in ? 1 : 0) ||
			    table.n != n)
				ck_abort_msg("seed %llu: lost count",
				             (unsigned long long)seed);
		}
		for (int i = 0; i < 300; i++)
			MUST(times_found(&table, &entries[i]) == (entries[i].is_in ? 1 : 0));
		table_fini(&table);
	}
}
END_TEST

START_TEST(without_memory_there_is_no_table)
{
	long allocations = fault_live_allocations();
	struct table table;

	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(table_init(&table) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	MUST(fault_live_allocations() == allocations);
}
END_TEST

START_TEST(table_that_cannot_grow_goes_on)
{
	struct table table;
	size_t nbuckets;

	ck_assert_int_eq(table_init(&table), 0);
	nbuckets = table.nbuckets;
	ck_assert_uint_lt(nbuckets, NITEMS / 2);
	for (size_t i = 0; i < NITEMS; i++) {
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		insert(&table, &entries[i], i);
		MUST(fault_clear() == (i >= nbuckets / 2));
	}
	ck_assert_uint_eq(table.nbuckets, nbuckets);
	for (int i = 0; i < NITEMS; i++)
		MUST(times_found(&table, &entries[i]) == 1);
	/* And grows when it can, up to what it should be. */
	for (int i = 0; i < NITEMS; i++) {
		erase(&table, &entries[i]);
		insert(&table, &entries[i], entries[i].item.hash);
		MUST(table.nbuckets > nbuckets);
	}
	ck_assert_uint_ge(table.nbuckets, NITEMS * 2 - 2);
	for (int i = 0; i < NITEMS; i++)
		MUST(times_found(&table, &entries[i]) == 1);
	table_fini(&table);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("table",
	    empty_table_has_nothing,
	    item_is_found_by_its_hash_alone,
	    items_of_one_hash_are_all_found,
	    chains_stay_short,
	    no_insert_does_more_than_a_few_buckets,
	    what_is_or_is_not_there_may_be_prefetched,
	    any_items_come_and_go,
	    without_memory_there_is_no_table,
	    table_that_cannot_grow_goes_on);
}
