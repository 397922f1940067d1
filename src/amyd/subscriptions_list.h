/* SPDX-License-Identifier: MIT */
/*
 * subscriptions_list.h - who follows what, for people to look at.
 */
#ifndef SUBSCRIPTIONS_LIST_H
#define SUBSCRIPTIONS_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "subscriptions.h"

/*
 * Subscriptions, of members of groups, too. Owner: whoever asked for them; freed with
 * subscriptions_list_free().
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
