/* SPDX-License-Identifier: MIT */
/*
 * subscription.h - one pattern that one client follows.
 */
#ifndef SUBSCRIPTION_H
#define SUBSCRIPTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <amy.h>

#include "table.h"

/* A place of a pattern in the trie. */
struct trie_node;

/* The members of a queue group: of one pattern and one name. */
struct group;

/*
 * A subscription as others name it: a place among those of its handler, and a number that
 * tells whether that place is still the same subscription's.
 */
struct subscription_ref {
	uint32_t slot;
	uint32_t serial;
};

struct subscriber {
	unsigned handler;
	struct subscription_ref ref;
	amy_id session;
};

/*
 * One pattern that one client follows. Owner: the handler of its session, which alone adds
 * and removes it. Its pattern may be asked for as long as it is not removed.
 */
struct subscription {
	struct table_item item; /* guarded by the lock of the index, as the next one */
	LIST_ENTRY(subscription) of_node;

	/* With the links above this is one line of the cache: what a delivery looks at. */
	struct subscriber who; /* constant once added */
	void *limit;           /* owner only, for its use: what ends it; NULL when added */

	/* guarded by the lock */
	size_t member;   /* its place in the group */
	uint64_t credit; /* lines that it may still be chosen for; 0: no end */

	/* constant once added */
	struct trie_node *node;
	struct group *group; /* NULL: it gets every line */
	atomic_uint *load;
	const atomic_bool *is_mute;

	/* owner only */
	LIST_ENTRY(subscription) of_client;
};

LIST_HEAD(subscription_list, subscription);

#endif
