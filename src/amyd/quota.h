/* SPDX-License-Identifier: MIT */
/*
 * quota.h - how much memory the daemon may use, and how much it does: the option "memory".
 *
 * Each handler counts what its clients make it keep, in a share of its own, with plain additions.
 * The shares are added up only when one has grown by some. What nobody counts is measured now and
 * then: it is the memory that is in use, and that the shares do not explain.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The least that can be asked for: amyd and its threads take some 10 MiB. */
#define QUOTA_LEAST ((uint64_t)32 << 20)

/* Owner: one handler; the atomic fields are read by any thread, and must_look is written. */
struct quota_share {
	_Alignas(64) _Atomic uint64_t nqueued; /* bytes that wait for clients */
	_Atomic uint64_t nheld;                /* of subscriptions and wills */
	atomic_bool must_look;                 /* somebody else found that there is too little room */
	atomic_bool is_short;                  /* its queues are shorter than they may be */
	uint64_t ngrown;                       /* of all that, since its owner looked */
	uint64_t look_at;                      /* how far it may grow until then */
	size_t most_queued;  /* bytes of lines that may wait for one client */
	size_t most_answers; /* bytes of answers that may, before the client is not read from */
};

/* Any thread. */
struct quota {
	_Atomic uint64_t limit;  /* bytes; 0: none */
	_Atomic uint64_t stored; /* by histories and as last values */
	_Atomic int64_t rest;    /* resident memory that is not counted otherwise */
	atomic_bool is_full;     /* and nothing is left that may be dropped */
	unsigned nshares;        /* constant, as the next one */
	struct quota_share *shares;
};

/* 0, or -1: ENOMEM. */
int quota_init(struct quota *quota, unsigned nshares);
void quota_fini(struct quota *quota);

/*
 * The limit that the configuration asks for: "memory"; 0 there is three quarters of the limit of
 * the control group, and no limit without that.
 */
uint64_t quota_limit_of(uint64_t memory);

/* What is used, by the last measurement and what was counted since. */
uint64_t quota_used(const struct quota *quota);

/* All that clients have made it queue. */
uint64_t quota_queued(const struct quota *quota);

/* How much more may be used, or less than 0. INT64_MAX: there is no limit. */
int64_t quota_room(const struct quota *quota);

/* Measure what is not counted. */
void quota_measure(struct quota *quota);

/* Where the process is nearly as large as it may be, give what is free back to the system. */
void quota_give_back(struct quota *quota);

static inline bool
quota_is_full(const struct quota *quota)
{
	return atomic_load_explicit(&quota->is_full, memory_order_relaxed);
}

/* Its owner: so many bytes more. */
static inline void
quota_grow(struct quota_share *share, _Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter,
	                      atomic_load_explicit(counter, memory_order_relaxed) + n,
	                      memory_order_relaxed);
	share->ngrown += n;
}

/* Its owner: so many fewer. */
static inline void
quota_shrink(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter,
	                      atomic_load_explicit(counter, memory_order_relaxed) - n,
	                      memory_order_relaxed);
}

#endif
