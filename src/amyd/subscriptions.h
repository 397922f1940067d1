/* SPDX-License-Identifier: MIT */
/*
 * subscriptions.h - who follows which pattern: the index that all handlers share.
 *
 * A trie of tokens whose edges stand in one hash table, keyed at random, so that matching
 * a subject costs the same however many patterns there are. Its version changes whenever
 * what a match gives may have: whoever keeps a result keeps the version it was found at, and
 * looks again when that is not the current one. (One member more or less of a group that
 * stays changes no result.)
 *
 * A wildcard that is the first token of a pattern does not match "_amyd": who wants to see
 * what the daemon says of itself asks for it by name.
 */
#ifndef SUBSCRIPTIONS_H
#define SUBSCRIPTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <amy.h>

#include "subject.h"
#include "table.h"

/* Any thread: a lock within guards it; never held while anything is waited for. */
struct subscriptions;

/* A place of a pattern in the trie. */
struct subscriptions_node;

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

/* The members of a queue group: of one pattern and one name. */
struct group;

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
	struct subscriptions_node *node;
	struct group *group; /* NULL: it gets every line */
	atomic_uint *load;
	const atomic_bool *is_mute;

	/* owner only */
	LIST_ENTRY(subscription) of_client;
};

LIST_HEAD(subscription_list, subscription);

struct subscription_options {
	const char *group; /* ngroup bytes; 0: none */
	size_t ngroup;
	uint64_t credit;         /* of a member of a group: so many lines at most; 0: no end */
	atomic_uint *load; /* of a member of a group: the less, the sooner it is chosen */
	const atomic_bool *is_mute; /* of one that is not to be asked; NULL: never */
};

/*
 * Who gets a line of one subject: subscribers sorted by handler and session, those of one
 * session next to each other, by serial; and the groups, of whose members one gets it.
 * Constant once made; freed with its last reference.
 */
struct route_part {
	unsigned handler;
	uint32_t first, n; /* its subscribers */
	uint32_t nsessions; /* so many sessions are they of */
};

struct route {
	atomic_uint references;
	uint64_t version;
	size_t n, nparts, ngroups;
	const struct subscriber *subscribers;
	const struct route_part *parts; /* by handler, those that have subscribers */
	struct group *const *groups;
};

/* Errors: ENOMEM, or as getrandom(2). */
struct subscriptions *subscriptions_create(void);

/* Nobody may have a subscription left; routes may live longer. NULL is fine. */
void subscriptions_destroy(struct subscriptions *subscriptions);

/*
 * Let who follow a good pattern that its session does not follow yet, and put the
 * subscription into *list, which holds those of who's session. NULL: ENOMEM.
 */
struct subscription *subscriptions_add(struct subscriptions *subscriptions,
                                       const struct subscriber *who, const char *pattern,
                                       size_t nbytes,
                                       const struct subscription_options *options,
                                       struct subscription_list *list);

/* The session's subscription to exactly that pattern. NULL: there is none. */
struct subscription *subscriptions_find(struct subscriptions *subscriptions, amy_id session,
                                        const char *pattern, size_t nbytes);

/* It ends, and is freed. Routes may still name it. */
void subscriptions_remove(struct subscriptions *subscriptions,
                          struct subscription *subscription);

/* The pattern, not NUL-terminated. Returns its length. Its owner. */
size_t subscription_pattern(const struct subscription *subscription,
                            char text[SUBJECT_MAX_BYTES]);

/* The name of its group, NUL-terminated; NULL: it has none. Its owner. */
const char *subscription_group(const struct subscription *subscription);

/* The current version. */
uint64_t subscriptions_version(struct subscriptions *subscriptions);

/* How many there are. */
size_t subscriptions_count(struct subscriptions *subscriptions);

/*
 * Who follows a subject (a good one): a new route, its one reference the caller's.
 * NULL: ENOMEM.
 */
struct route *subscriptions_match(struct subscriptions *subscriptions, const char *subject,
                                  size_t nbytes);

/*
 * For whoever is about to match several subjects (good ones) of rare kinds: ask memory for
 * what will be looked at, so that the waiting is done once, and not for each. At most
 * SUBSCRIPTIONS_MAX_FORESEEN count. Returns how many have one follower and no more, who
 * then stand in followers.
 */
#define SUBSCRIPTIONS_MAX_FORESEEN 128
size_t subscriptions_foresee(struct subscriptions *subscriptions,
                             const struct amy_bytes *subjects, size_t n,
                             struct subscriber followers[SUBSCRIPTIONS_MAX_FORESEEN]);

struct route *route_ref(struct route *route);

/* NULL is fine. */
void route_unref(struct route *route);

/*
 * Choose the member of a group with the least load, and in turn among those that have the
 * same; of large groups so many are looked at as is quick. Its credit, if it has one, is
 * one less; with the last of it gone it is not chosen any more. A session that is except
 * (0: none) is not chosen. nbytes are added to its load: the line is on its way; its owner
 * says how much it is when it has it. False: there is no such member.
 */
bool subscriptions_choose(struct subscriptions *subscriptions, struct group *group,
                          amy_id except, size_t nbytes, struct subscriber *who);

/* The same, of those that are not mute. */
bool subscriptions_choose_to_ask(struct subscriptions *subscriptions, struct group *group,
                                 amy_id except, struct subscriber *who);

/* Its name, and its pattern, for whoever holds a route that has it. */
const char *group_name(const struct group *group);
size_t group_pattern(const struct group *group, char text[SUBJECT_MAX_BYTES]);

/* How many members it has just now. One whose credit is gone is none. */
size_t group_size(struct subscriptions *subscriptions, const struct group *group);

/*
 * A list of subscriptions, of members of groups, too, for people to look at. Owner: whoever
 * asked for it; freed with subscriptions_list_free().
 */
struct subscriptions_item {
	struct subscriber who;
	size_t pattern; /* where its pattern stands in texts, NUL-terminated */
	size_t group;   /* the name of its group, likewise; 0: none */
};

struct subscriptions_list {
	struct subscriptions_item *items; /* sorted by session */
	size_t n;
	char *texts;
	bool is_partial; /* there are more than so many, or it took too long to look for all */
};

/*
 * Those whose pattern overlaps a good pattern: of a subject, those that match it; at most
 * max of them. -1: ENOMEM.
 */
int subscriptions_list(struct subscriptions *subscriptions, const char *pattern, size_t nbytes,
                       size_t max, struct subscriptions_list *list);
void subscriptions_list_free(struct subscriptions_list *list);

#endif
