/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>

#include "faults.h"
#include "harness.h"
#include "tallies.h"

START_TEST(each_name_and_thread_counts_for_itself)
{
	struct tallies *tallies = tallies_create(3);
	struct tally *one = tallies_get(tallies, "one", 0);
	struct tally *other = tallies_get(tallies, "one", 2);
	struct tally *two = tallies_get(tallies, "two", 0);
	uint64_t sums[TALLY_COUNT];

	ck_assert_ptr_ne(one, other);
	ck_assert_ptr_ne(one, two);
	tally_add(one, TALLY_LINES, 5);
	tally_add(other, TALLY_LINES, 7);
	tally_add(other, TALLY_BYTES, 100);
	tally_add(two, TALLY_ACCEPTED, 1);
	tallies_sum(tallies, "one", sums);
	ck_assert_uint_eq(sums[TALLY_LINES], 12);
	ck_assert_uint_eq(sums[TALLY_BYTES], 100);
	ck_assert_uint_eq(sums[TALLY_ACCEPTED], 0);
	tallies_sum(tallies, "two", sums);
	ck_assert_uint_eq(sums[TALLY_ACCEPTED], 1);
	ck_assert_uint_eq(sums[TALLY_LINES], 0);
	tallies_destroy(tallies);
}
END_TEST

START_TEST(a_name_that_comes_again_goes_on)
{
	struct tallies *tallies = tallies_create(1);
	char name[] = "web";
	struct tally *tally = tallies_get(tallies, name, 0);
	uint64_t sums[TALLY_COUNT];

	tally_add(tally, TALLY_ACCEPTED, 3);
	name[0] = 'x'; /* the name was copied */
	ck_assert_ptr_eq(tallies_get(tallies, "web", 0), tally);
	for (int i = 0; i < 100; i++) {
		name[0] = (char)(' ' + i);
		ck_assert_ptr_nonnull(tallies_get(tallies, name, 0));
	}
	ck_assert_ptr_eq(tallies_get(tallies, "web", 0), tally);
	tallies_sum(tallies, "web", sums);
	ck_assert_uint_eq(sums[TALLY_ACCEPTED], 3);
	tallies_destroy(tallies);
}
END_TEST

START_TEST(a_name_that_is_not_there_has_zeros)
{
	struct tallies *tallies = tallies_create(1);
	uint64_t sums[TALLY_COUNT] = { 1, 2, 3, 4 };

	tallies_sum(tallies, "nobody", sums);
	for (int i = 0; i < TALLY_COUNT; i++)
		ck_assert_uint_eq(sums[i], 0);
	tallies_destroy(tallies);
	tallies_destroy(NULL);
}
END_TEST

START_TEST(threads_share_no_cache_line)
{
	struct tallies *tallies = tallies_create(2);
	uintptr_t one = (uintptr_t)tallies_get(tallies, "a", 0);
	uintptr_t other = (uintptr_t)tallies_get(tallies, "a", 1);

	ck_assert_uint_eq(one % 64, 0);
	ck_assert_uint_ge(other - one, 64);
	tallies_destroy(tallies);
}
END_TEST

START_TEST(out_of_memory_there_is_none_and_nothing_leaks)
{
	long live = fault_live_allocations();
	struct tallies *tallies;

	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(tallies_create(2) == NULL);
	MUST(fault_clear());
	tallies = tallies_create(2);
	for (unsigned nth = 1; nth <= 2; nth++) {
		fault_set(FAULT_ALLOCATION, nth, ENOMEM);
		MUST(tallies_get(tallies, "a", 1) == NULL);
		MUST(fault_clear());
	}
	MUST(tallies_get(tallies, "a", 1) != NULL);
	tallies_destroy(tallies);
	MUST(fault_live_allocations() == live);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("tallies",
	    each_name_and_thread_counts_for_itself,
	    a_name_that_comes_again_goes_on,
	    a_name_that_is_not_there_has_zeros,
	    threads_share_no_cache_line,
	    out_of_memory_there_is_none_and_nothing_leaks);
}
