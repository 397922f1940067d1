/* SPDX-License-Identifier: MIT */
/*
 * group.h - queue groups: of the members of one, a line goes to the one with the least load.
 *
 * Owner: the index of subscriptions, whose lock is held in all that follows, unless it says
 * "without the lock".
 */
#ifndef GROUP_H
#define GROUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <amy.h>

#include "subject.h"
#include "subscription.h"
#include "table.h"
#include "trie.h"

struct member {
	struct subscription *subscription;
	atomic_uint *load; /* its; here, looking at many takes half the misses */
};

/*
 * References: each route that names it has one, and the index as long as there is a
 * subscription. Its node lives as long as that.
 */
struct group {
	struct table_item item; /* hash of node and name */
	atomic_uint references;

	/* guarded by the lock */
	LIST_ENTRY(group) of_node;
	size_t nsubscriptions;
	struct member *members; /* those that may be chosen */
	size_t nmembers, capacity;
	size_t turn; /* who is looked at first */

	/* constant */
	const struct trie_node *node;
	size_t nname, npattern;
	char text[]; /* the name, NUL, the pattern */
};

/* All groups, by node and name. */
struct groups {
	const struct trie *trie; /* constant; borrowed */
	struct table table;
};

/* 0, or -1: ENOMEM. */
int groups_init(struct groups *groups, const struct trie *trie);

/* Nothing may be in it any more. */
void groups_fini(struct groups *groups);

/*
 * Make a subscription, which has its node and its load, a member of the group of that name, which
 * is made if there is none: then it is the first one of its nsubscriptions. False: ENOMEM, and
 * nothing has changed.
 */
bool groups_join(struct groups *groups, struct subscription *subscription, const char *name,
                 size_t nname, const char *pattern, size_t npattern);

/* The reverse. True: that was the last one, and the group is not in the index any more. */
bool groups_leave(struct groups *groups, struct subscription *subscription);

/*
 * The member with the least load, and in turn among those that have the same; except and, if it
 * is to be asked, those that are mute are not looked at. Its load grows, its credit shrinks. False:
 * there is no such member.
 */
bool group_choose(struct group *group, amy_id except, bool to_ask, unsigned nbytes,
                  struct subscriber *who);

/* Without the lock, for whoever has a reference. */
struct group *group_ref(struct group *group);
void group_unref(struct group *group);

/*
 * Its name, NUL-terminated, and its pattern, which is not, and whose length is returned. Without
 * the lock, for whoever holds a route that has it.
 */
const char *group_name(const struct group *group);
size_t group_pattern(const struct group *group, char text[SUBJECT_MAX_BYTES]);

#endif
