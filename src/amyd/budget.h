/* SPDX-License-Identifier: MIT */
/*
 * budget.h - what may be done in one turn of a handler, so that everybody has an answer soon.
 *
 * The unit is what takes about 15 ns. A turn has a budget, and a client a share of it. What
 * a client asks for is charged to its share; when that is used up, the client goes on in the
 * next turn. Where many clients use up their shares, those that come last in a turn have
 * small ones, so that the turn ends all the same. What turns out to have cost more than its turn
 * had is taken from the next ones.
 */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDGET_OF_TURN (4 * 32768)
#define BUDGET_OF_CLIENT 32768 /* about half a millisecond */
#define BUDGET_LEAST 1024      /* the smallest share */
#define BUDGET_MAX_DEBT (16 * BUDGET_OF_TURN)

/* What some work costs, for which there is no better place. */
#define COST_LINE 8        /* a line of input, as far as it costs nothing else */
#define COST_ROW 64        /* a line of output that printf(3) makes */
#define COST_LOOK 16       /* something in memory that is looked at, and compared */
#define COST_QUEUED 4      /* a line of another client, where the socket does not take it */

/*
 * What n clients cost who are sent so many bytes each: nothing, unless they are many, as they are
 * part of what a line costs.
 */
static inline size_t
budget_cost_of_bytes(size_t n, size_t nbytes)
{
	return n * (nbytes / 256) * 4;
}

/* All 0 is a share of no turn. Owner: the client's handler. */
struct budget_share {
	uint32_t turn, left;
};

/* Owner: the handler. */
struct budget {
	uint32_t turn, spent;
};

static inline void
budget_init(struct budget *budget)
{
	*budget = (struct budget){ .turn = 1 };
}

static inline void
budget_next_turn(struct budget *budget)
{
	if (++budget->turn == 0)
		budget->turn = 1;
	if (budget->spent > BUDGET_MAX_DEBT)
		budget->spent = BUDGET_MAX_DEBT;
	budget->spent -= budget->spent < BUDGET_OF_TURN ? budget->spent : BUDGET_OF_TURN;
}

/* A share of this turn, unless it is that already. */
static inline void
budget_open(const struct budget *budget, struct budget_share *share)
{
	uint32_t left;

	if (share->turn == budget->turn)
		return;
	left = budget->spent < BUDGET_OF_TURN ? BUDGET_OF_TURN - budget->spent : 0;
	if (left > BUDGET_OF_CLIENT)
		left = BUDGET_OF_CLIENT;
	share->turn = budget->turn;
	share->left = left > BUDGET_LEAST ? left : BUDGET_LEAST;
}

/* In the turn before this one it was used up. */
static inline bool
budget_was_used_up(const struct budget *budget, const struct budget_share *share)
{
	return share->left == 0 && share->turn + 1 == budget->turn;
}

/* Work that was done for no client of ours. */
static inline void
budget_spend_turn(struct budget *budget, size_t cost)
{
	size_t room = UINT32_MAX - budget->spent;

	budget->spent += (uint32_t)(cost < room ? cost : room);
}

static inline void
budget_spend(struct budget *budget, struct budget_share *share, size_t cost)
{
	budget_spend_turn(budget, cost);
	share->left -= (uint32_t)(cost < share->left ? cost : share->left);
}

#endif
