/* SPDX-License-Identifier: MIT */
/*
 * subscriptions_list.h - who follows what, for people to look at, some at a time: however many
 * subscriptions there are, a look at the next ones takes the same.
 */
#ifndef SUBSCRIPTIONS_LIST_H
#define SUBSCRIPTIONS_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "subscriptions.h"

/* A subscription, of a member of a group, too. */
struct subscriptions_item {
	struct subscriber who;
	size_t pattern; /* where its pattern stands in texts, NUL-terminated */
	size_t group;   /* the name of its group, likewise; 0: none */
};

/*
 * Those that were found last. Its memory is used again for the next ones. All 0 is a list that
 * has not begun. Owner: whoever asked for it; freed with subscriptions_list_free().
 */
struct subscriptions_list {
	struct subscriptions_scan scan;
	struct subscriptions_item *items; /* in no order */
	size_t n, capacity;
	char *texts;
	size_t ntexts, texts_capacity;
	size_t nlooks; /* at so many subscriptions, to find them */
};

/*
 * The next ones, in place of those before, whose pattern overlaps a good pattern: of a subject,
 * those that match it. Some looks find none. -1: ENOMEM.
 */
int subscriptions_list_next(struct subscriptions_list *list, struct subscriptions *subscriptions,
                            const char *pattern, size_t nbytes);

/* There are no next ones. */
bool subscriptions_list_is_over(const struct subscriptions_list *list);

void subscriptions_list_free(struct subscriptions_list *list);

#endif
