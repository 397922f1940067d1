/* SPDX-License-Identifier: MIT */
/*
 * trie.h - the patterns that somebody follows, by their tokens.
 *
 * Its edges stand in one hash table, keyed at random, so that a step costs the same however many
 * patterns there are, and nobody outside can choose what collides.
 *
 * Owner: the index of subscriptions, whose lock is held in all that follows, unless it says
 * "without the lock".
 */
#ifndef TRIE_H
#define TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "hash.h"
#include "subject.h"
#include "subscription.h"
#include "table.h"

LIST_HEAD(group_list, group);

/*
 * A pattern that ends at a node, or did: its place stays with the node. Owner: its node.
 */
struct trie_end {
	/* guarded by the lock */
	struct subscription_list followers;
	struct group_list groups;
	struct subscriber first; /* of the followers: one who is alone is not looked at */
	uint32_t nfollowers;

	/* constant */
	uint8_t npattern;
	char pattern[];
};

/*
 * A place in the trie: a token, wildcards like any others, behind those of its parent.
 *
 * Exists as long as something hangs below it or on it. It is kept small, for a pattern of 16
 * tokens may have as many of its own: with a token of up to 18 bytes, and no pattern, it takes 64
 * bytes of the heap. What was made for a pattern is one piece with it.
 */
struct trie_node {
	struct table_item item; /* the hash of all tokens from the root to here */

	/* constant */
	struct trie_node *parent; /* NULL: the root */

	/* guarded by the lock */
	struct trie_end *end; /* NULL: no pattern has ended here */
	uint32_t nchildren;
	bool has_star : 1, has_tail : 1; /* a child "*", ">" */

	/* constant, as the pointer to the end once it is there */
	bool has_own_end : 1; /* it is one piece with the node */
	uint8_t depth;        /* tokens */
	uint8_t ntoken;
	char token[];
};

struct trie {
	struct hash_key key; /* constant after init, as the next two */
	uint64_t star_hash, tail_hash;

	/* guarded by the lock */
	struct trie_node *root;
	size_t nwildcards[SUBJECT_MAX_TOKENS]; /* by the depth of their parent */
	struct table nodes;
};

/* The tokens of a pattern or a subject, and the hash of each. */
struct way {
	struct subject_tokens tokens;
	uint64_t hashes[SUBJECT_MAX_TOKENS];
};

/* 0, or -1: ENOMEM, or as getrandom(2). */
int trie_init(struct trie *trie);

/* Nothing may be in it any more. */
void trie_fini(struct trie *trie);

/*
 * The hash of a way and one thing more. One to one in either of them. The hashes of tokens are
 * secret, so nobody outside can choose what comes out of it. Without the lock.
 */
static inline uint64_t
trie_extend(uint64_t way, uint64_t more)
{
	uint64_t hash = way ^ more;

	hash = (hash ^ hash >> 32) * 0xe9846af9b1a615du;
	hash = (hash ^ hash >> 32) * 0xe9846af9b1a615du;
	return hash ^ hash >> 28;
}

/* Of a good pattern or subject, which the way borrows. Without the lock. */
void way_init(const struct trie *trie, struct way *way, const char *bytes, size_t nbytes);

/* The hash of a whole way, and how many bytes it is. Without the lock. */
uint64_t way_end(const struct trie *trie, const struct way *way, size_t *nbytes);

/* The node where a pattern ends. NULL: there is none. */
struct trie_node *trie_find(const struct trie *trie, const struct way *pattern);

/* The same, and what is missing is made: it has an end. NULL: ENOMEM, and nothing was made. */
struct trie_node *trie_make(struct trie *trie, const struct way *pattern);

/* Free a node that nothing needs any more, and then its parents likewise. */
void trie_prune(struct trie *trie, struct trie_node *node);

/*
 * Visit the end of each pattern that matches the subject, until a visit says false, which is
 * returned then. A reserved subject ("_amyd...") is matched by no wildcard in its first place.
 */
bool trie_match(const struct trie *trie, const struct way *subject, bool is_reserved,
                bool (*visit)(void *context, const struct trie_end *end), void *context);

#endif
