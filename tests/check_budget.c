/* SPDX-License-Identifier: MIT */
#include "budget.h"
#include "harness.h"

START_TEST(client_has_a_share_of_each_turn)
{
	struct budget_share share = { 0 };
	struct budget budget;

	budget_init(&budget);
	budget_open(&budget, &share);
	ck_assert_uint_eq(share.left, BUDGET_OF_CLIENT);
	budget_spend(&budget, &share, BUDGET_OF_CLIENT - 1);
	budget_open(&budget, &share);
	ck_assert_uint_eq(share.left, 1);
	budget_spend(&budget, &share, 100);
	ck_assert_uint_eq(share.left, 0);
	budget_open(&budget, &share);
	ck_assert_uint_eq(share.left, 0);
	budget_next_turn(&budget);
	budget_open(&budget, &share);
	ck_assert_uint_eq(share.left, BUDGET_OF_CLIENT);
}
END_TEST

START_TEST(turn_with_many_that_use_up_their_shares_has_small_ones_at_its_end)
{
	struct budget budget;
	size_t nsmall = 0;

	budget_init(&budget);
	for (int i = 0; i < 100; i++) {
		struct budget_share share = { 0 };

		budget_open(&budget, &share);
		ck_assert_uint_ge(share.left, BUDGET_LEAST);
		if (share.left == BUDGET_LEAST)
			nsmall++;
		budget_spend(&budget, &share, share.left);
	}
	ck_assert_uint_eq(nsmall, 100 - BUDGET_OF_TURN / BUDGET_OF_CLIENT);
	ck_assert_uint_eq(budget.spent, BUDGET_OF_TURN + nsmall * BUDGET_LEAST);
}
END_TEST

START_TEST(what_costs_more_than_can_be_counted_uses_up_the_turn)
{
	struct budget_share share = { 0 }, next = { 0 };
	struct budget budget;

	budget_init(&budget);
	budget_open(&budget, &share);
	budget_spend(&budget, &share, SIZE_MAX);
	budget_spend(&budget, &share, SIZE_MAX);
	ck_assert_uint_eq(share.left, 0);
	budget_open(&budget, &next);
	ck_assert_uint_eq(next.left, BUDGET_LEAST);
}
END_TEST

START_TEST(what_cost_more_than_its_turn_had_is_taken_from_the_next)
{
	struct budget_share share = { 0 };
	struct budget budget;

	budget_init(&budget);
	budget_spend_turn(&budget, 2 * BUDGET_OF_TURN - 5000);
	budget_next_turn(&budget);
	budget_open(&budget, &share);
	ck_assert_uint_eq(share.left, 5000);
	budget_next_turn(&budget);
	budget_open(&budget, &share);
	ck_assert_uint_eq(share.left, BUDGET_OF_CLIENT);
	/* But not for ever. */
	budget_spend_turn(&budget, SIZE_MAX);
	for (int i = 0; i < BUDGET_MAX_DEBT / BUDGET_OF_TURN; i++)
		budget_next_turn(&budget);
	budget_open(&budget, &share);
	ck_assert_uint_eq(share.left, BUDGET_OF_CLIENT);
}
END_TEST

START_TEST(numbers_of_turns_begin_again)
{
	struct budget_share share = { 0 };
	struct budget budget;

	budget_init(&budget);
	budget.turn = UINT32_MAX;
	budget_next_turn(&budget);
	budget_open(&budget, &share);
	ck_assert_uint_eq(share.left, BUDGET_OF_CLIENT);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("budget",
	    client_has_a_share_of_each_turn,
	    turn_with_many_that_use_up_their_shares_has_small_ones_at_its_end,
	    what_costs_more_than_can_be_counted_uses_up_the_turn,
	    what_cost_more_than_its_turn_had_is_taken_from_the_next,
	    numbers_of_turns_begin_again);
}
