/* SPDX-License-Identifier: MIT */
/*
 * subscriptions.h - who follows which pattern: the index that all handlers share.
 *
 * Matching a subject costs the same however many patterns there are (trie.h). The version of the
 * index changes whenever what a match gives may have: whoever keeps a result keeps the version
 * it was found at, and looks again when that is not the current one. (One member more or less
 * of a group that stays changes no result.)
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

#include <amy.h>

#include "group.h"
#include "route.h"
#include "subject.h"
#include "subscription.h"
#include "table.h"

/* Any thread: a lock within guards it; never held while anything is waited for. */
struct subscriptions;

struct subscription_options {
	const char *group; /* ngroup bytes; 0: none */
	size_t ngroup;
	uint64_t credit;   /* of a member of a group: so many lines at most; 0: no end */
	atomic_uint *load; /* of a member of a group: the less, the sooner it is chosen */
	const atomic_bool *is_mute; /* of one that is not to be asked; NULL: never */
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

/* How many members it has just now. One whose credit is gone is none. */
size_t subscriptions_group_size(struct subscriptions *subscriptions, const struct group *group);

/*
 * For people to look at: all subscriptions that there are, some at a time; in between others
 * may come and go. The lock is held while look() is called, which makes an end of it by
 * returning false. False: it did.
 */
struct subscriptions_scan {
	struct table_scan pairs;
	bool has_begun; /* false: begin */
};

bool subscriptions_look_at_some(struct subscriptions *subscriptions,
                                struct subscriptions_scan *scan,
                                bool (*look)(void *context,
                                             const struct subscription *subscription),
                                void *context);

/* All were looked at. */
bool subscriptions_scan_is_over(const struct subscriptions_scan *scan);

#endif
