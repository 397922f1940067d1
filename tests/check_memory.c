/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "faults.h"
#include "harness.h"
#include "memory.h"

#define MAX_WORDS ((size_t)4 << 20)

static void
fill_words(uint64_t *words, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		words[i] = i * 0x9e3779b97f4a7c15u;
}

static void
must_be_filled(const uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		MUST(words[i] == i * 0x9e3779b97f4a7c15u);
}

START_TEST(array_keeps_what_is_in_it_whatever_its_size)
{
	uint64_t *words = NULL;
	size_t n = 0;

	for (size_t size = 1; size <= MAX_WORDS; size = size * 2 + 1) {
		words = memory_resize_scattered(words, n * sizeof *words, size * sizeof *words);
		MUST(words != NULL);
		must_be_filled(words, n);
		fill_words(words, n, size);
		n = size;
	}
	MUST(n * sizeof *words > (size_t)16 << 20);
	must_be_filled(words, n);
	free(words);
}
END_TEST

START_TEST(large_array_begins_where_a_large_page_may)
{
	size_t nbytes = (size_t)8 << 20;
	char *array = memory_resize_scattered(NULL, 0, 64);

	MUST(array != NULL);
	array = memory_resize_scattered(array, 64, nbytes);
	MUST(array != NULL);
	ck_assert_uint_eq((uintptr_t)array % ((uintptr_t)2 << 20), 0);
	array[0] = array[nbytes - 1] = 1;
	free(array);
}
END_TEST

START_TEST(array_that_cannot_grow_is_as_it_was)
{
	uint64_t *words = memory_resize_scattered(NULL, 0, 100 * sizeof *words);

	MUST(words != NULL);
	fill_words(words, 0, 100);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(memory_resize_scattered(words, 100 * sizeof *words, 8 << 20) == NULL);
	MUST(errno == ENOMEM && fault_clear());
	must_be_filled(words, 100);
	free(words);
}
END_TEST

START_TEST(what_is_reserved_is_free_again)
{
	long live = fault_live_allocations();
	void *reserved = memory_reserve(1 << 20);

	MUST(reserved != NULL);
	MUST(fault_live_allocations() == live + 1);
	free(reserved);
	reserved = memory_reserve(0);
	MUST(reserved != NULL);
	free(reserved);
	MUST(fault_live_allocations() == live);
}
END_TEST

START_TEST(each_allocation_of_a_reserve_may_fail)
{
	long live = fault_live_allocations();
	unsigned nth = 0;
	void *reserved;

	do {
		fault_set(FAULT_ALLOCATION, ++nth, ENOMEM);
		reserved = memory_reserve(1 << 20);
		MUST((reserved == NULL) == fault_clear());
		MUST(fault_live_allocations() == live + (reserved != NULL));
	} while (reserved == NULL);
	MUST(nth > 16);
	free(reserved);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("memory",
	    array_keeps_what_is_in_it_whatever_its_size,
	    large_array_begins_where_a_large_page_may,
	    array_that_cannot_grow_is_as_it_was,
	    what_is_reserved_is_free_again,
	    each_allocation_of_a_reserve_may_fail);
}
