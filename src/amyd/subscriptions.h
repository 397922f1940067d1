/* SPDX-License-Identifier: MIT */
/*
 * subscriptions.h - who follows which pattern: the index that all handlers share.
 *
 * A trie of tokens whose edges stand in one hash table, keyed at random, so that matching
 * a subject costs the same however many patterns there are. Its version changes whenever
 * it does: whoever keeps a result keeps the version it was found at, and looks again when
 * that is not the current one.
 */
#ifndef SUBSCRIPTIONS_H
#define SUBSCRIPTIONS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <amy.h>

/* Any thread: a lock within guards it; never held while anything is waited for. */
struct subscriptions;

/* One pattern that one client follows. Owner: the index; listed by the client. */
struct subscription;
LIST_HEAD(subscription_list, subscription);

struct subscriber {
	unsigned handler;
	amy_id session;
};

/*
 * Who gets a line of one subject: subscribers sorted by handler, each session once.
 * Constant once made; freed with its last reference.
 */
struct route {
	atomic_uint references;
	uint64_t version;
	size_t n;
	struct subscriber subscribers[];
};

/* Errors: ENOMEM, or as getrandom(2). */
struct subscriptions *subscriptions_create(void);

/* Nobody may have a subscription left. NULL is fine. */
void subscriptions_destroy(struct subscriptions *subscriptions);

/*
 * Let who follow a good pattern, and put that into *list, which holds who's subscriptions.
 * Returns 1; 0: it followed that pattern already; -1: ENOMEM.
 */
int subscriptions_add(struct subscriptions *subscriptions, struct subscriber who,
                      const char *pattern, size_t nbytes, struct subscription_list *list);

/* The reverse. Returns 1; 0: it did not follow that pattern. */
int subscriptions_remove(struct subscriptions *subscriptions, struct subscriber who,
                         const char *pattern, size_t nbytes);

/* 1: it follows that pattern; 0: it does not. */
int subscriptions_has(struct subscriptions *subscriptions, struct subscriber who,
                      const char *pattern, size_t nbytes);

/* Remove all in *list, and return how many they were. */
size_t subscriptions_remove_all(struct subscriptions *subscriptions,
                                struct subscription_list *list);

/* The current version. A relaxed look is enough to find one's own changes. */
uint64_t subscriptions_version(struct subscriptions *subscriptions);

/*
 * Who follows a subject (a good one): a new route, its one reference the caller's.
 * NULL: ENOMEM.
 */
struct route *subscriptions_match(struct subscriptions *subscriptions, const char *subject,
                                  size_t nbytes);

struct route *route_ref(struct route *route);
void route_unref(struct route *route);

#endif
