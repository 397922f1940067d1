/* SPDX-License-Identifier: MIT */
/*
 * word.h - the word of a slot, and the cookie that the kernel has of it.
 */
#ifndef WORD_H
#define WORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core.h"

#define STATE_MASK 3u
#define KNOWN 4u      /* the kernel has the descriptor: arm it by a change, not anew */
#define SOFT 8u       /* it has no descriptor: soft.c has it */
#define CANCELLED 16u /* its owner is to end it: it is never armed again */
#define ROUND_SHIFT 5
#define ROUND_MASK 0xffffffe0ull
#define GENERATION_SHIFT 32

/*
 * Of round and generation a cookie has room for the lower bits. The round goes on from one
 * generation to the next, so that both together are long in coming around.
 */
#define COOKIE_ROUND_BITS 24
#define COOKIE_GENERATION_BITS 16
_Static_assert(CORE_INDEX_BITS + COOKIE_ROUND_BITS + COOKIE_GENERATION_BITS == 64,
               "a cookie has 64 bits");

static inline enum slot_state
word_state(uint64_t word)
{
	return (enum slot_state)(word & STATE_MASK);
}

static inline uint64_t
word_with_state(uint64_t word, enum slot_state state)
{
	return (word & ~(uint64_t)STATE_MASK) | state;
}

static inline uint32_t
word_generation(uint64_t word)
{
	return (uint32_t)(word >> GENERATION_SHIFT);
}

/* The word of the next arming: no two of them are alike. */
static inline uint64_t
word_next_arming(uint64_t word)
{
	uint64_t round = (word + (1u << ROUND_SHIFT)) & ROUND_MASK;

	return (word & ~(ROUND_MASK | STATE_MASK)) | round | KNOWN | SLOT_ARMING;
}

static inline amy_id
make_id(uint32_t generation, uint32_t index)
{
	return (uint64_t)generation << CORE_INDEX_BITS | index;
}

static inline uint32_t
id_generation(amy_id id)
{
	return (uint32_t)(id >> CORE_INDEX_BITS);
}

static inline uint64_t
make_cookie(uint64_t word, uint32_t index)
{
	uint64_t generation = word_generation(word) & ((1u << COOKIE_GENERATION_BITS) - 1);
	uint64_t round = (word >> ROUND_SHIFT) & ((1u << COOKIE_ROUND_BITS) - 1);

	return (generation << COOKIE_ROUND_BITS | round) << CORE_INDEX_BITS | index;
}

static inline bool
cookie_is_of(uint64_t cookie, uint64_t word, uint32_t index)
{
	return cookie == make_cookie(word, index);
}

static inline bool
swap(struct slot *slot, uint64_t *expected, uint64_t desired)
{
	return atomic_compare_exchange_strong_explicit(
	    &slot->word, expected, desired, memory_order_acq_rel, memory_order_acquire);
}

#endif
