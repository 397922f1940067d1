/* SPDX-License-Identifier: MIT */
/*
 * route.h - who gets a subject.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "group.h"
#include "subscription.h"
#include "trie.h"

/*
 * Who gets a line of one subject: subscribers sorted by handler and session, those of one
 * session next to each other, by serial; and the groups, of whose members one gets it.
 * Constant once made; freed with its last reference.
 */
struct route_part {
	unsigned handler;
	uint32_t first, n;  /* its subscribers */
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

struct route *route_ref(struct route *route);

/* NULL is fine. */
void route_unref(struct route *route);

/*
 * What a match gathers. Owner: the index, whose lock is held; its memory is used again for the
 * next one. All 0 is none.
 */
struct route_draft {
	struct subscriber *subscribers;
	size_t nsubscribers, subscribers_capacity;
	struct group **groups;
	size_t ngroups, groups_capacity;
	size_t nhandlers; /* the highest number of a handler among them, plus 1 */
};

void route_draft_clear(struct route_draft *draft);
void route_draft_fini(struct route_draft *draft);

/* All that follow the pattern of a node. False: ENOMEM. */
bool route_draft_put(struct route_draft *draft, const struct trie_end *end);

/* A route of what was gathered, which route_finish() is to finish. NULL: ENOMEM. */
struct route *route_draft_make(const struct route_draft *draft, uint64_t version);

/* Without the lock, as it may take long: it is sorted. */
void route_finish(struct route *route);

/* As a route is sorted: by handler, session, serial; as qsort(3) wants it. */
int subscriber_compare(const void *left, const void *right);

#endif
