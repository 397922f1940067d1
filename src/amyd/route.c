/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "route.h"

void
route_draft_clear(struct route_draft *draft)
{
	draft->nsubscribers = draft->ngroups = draft->nhandlers = 0;
}

void
route_draft_fini(struct route_draft *draft)
{
	free(draft->subscribers);
	free(draft->groups);
}

/* False: ENOMEM. */
static bool
gather_subscriber(struct route_draft *draft, const struct subscriber *who)
{
	if (draft->nsubscribers == draft->subscribers_capacity) {
		size_t capacity = draft->subscribers_capacity * 2 + 64;
		struct subscriber *subscribers =
		    realloc(draft->subscribers, capacity * sizeof *subscribers);

		if (subscribers == NULL)
			return false;
		draft->subscribers = subscribers;
		draft->subscribers_capacity = capacity;
	}
	draft->subscribers[draft->nsubscribers++] = *who;
	if (who->handler >= draft->nhandlers)
		draft->nhandlers = (size_t)who->handler + 1;
	return true;
}

/* False: ENOMEM. */
static bool
gather_group(struct route_draft *draft, struct group *group)
{
	if (draft->ngroups == draft->groups_capacity) {
		size_t capacity = draft->groups_capacity * 2 + 16;
		struct group **groups =
		    realloc(draft->groups, capacity * sizeof(struct group *));

		if (groups == NULL)
			return false;
		draft->groups = groups;
		draft->groups_capacity = capacity;
	}
	draft->groups[draft->ngroups++] = group;
	return true;
}

bool
route_draft_put(struct route_draft *draft, const struct trie_end *end)
{
	const struct subscription *sub;
	struct group *group;

	LIST_FOREACH(sub, &end->followers, of_node) {
		if (!gather_subscriber(draft, &sub->who))
			return false;
	}
	LIST_FOREACH(group, &end->groups, of_node) {
		if (!gather_group(draft, group))
			return false;
	}
	return true;
}

int
subscriber_compare(const void *left, const void *right)
{
	const struct subscriber *a = left, *b = right;

	if (a->handler != b->handler)
		return a->handler < b->handler ? -1 : 1;
	if (a->session != b->session)
		return a->session < b->session ? -1 : 1;
	if (a->ref.serial != b->ref.serial)
		return a->ref.serial < b->ref.serial ? -1 : 1;
	return 0;
}

static void
sort(struct subscriber *subscribers, size_t n)
{
	if (n > 1)
		qsort(subscribers, n, sizeof *subscribers, subscriber_compare);
}

/* Returns how many there are. */
static size_t
divide(const struct subscriber *subscribers, size_t n, struct route_part *parts)
{
	size_t nparts = 0;

	for (size_t i = 0; i < n; i++) {
		bool is_first = i == 0 || subscribers[i].handler != subscribers[i - 1].handler;

		if (is_first)
			parts[nparts++] =
			    (struct route_part){ .handler = subscribers[i].handler,
				                 .first = (uint32_t)i };
		parts[nparts - 1].n++;
		if (is_first || subscribers[i].session != subscribers[i - 1].session)
			parts[nparts - 1].nsessions++;
	}
	return nparts;
}

/* One allocation: the route, its subscribers, groups and parts. */
struct route *
route_draft_make(const struct route_draft *draft, uint64_t version)
{
	size_t n = draft->nsubscribers, ngroups = draft->ngroups;
	size_t max_parts = n < draft->nhandlers ? n : draft->nhandlers;
	struct route *route =
	    malloc(sizeof *route + n * sizeof(struct subscriber) +
	           ngroups * sizeof(struct group *) + max_parts * sizeof(struct route_part));
	struct subscriber *subscribers;
	struct group **groups;

	if (route == NULL)
		return NULL;
	subscribers = (struct subscriber *)(route + 1);
	groups = (struct group **)(subscribers + n);
	*route = (struct route){
		.version = version,
		.n = n,
		.ngroups = ngroups,
		.subscribers = subscribers,
		.groups = groups,
		.parts = (struct route_part *)(groups + ngroups),
	};
	atomic_init(&route->references, 1);
	if (n > 0)
		memcpy(subscribers, draft->subscribers, n * sizeof *subscribers);
	for (size_t i = 0; i < ngroups; i++)
		groups[i] = group_ref(draft->groups[i]);
	return route;
}

void
route_finish(struct route *route)
{
	struct subscriber *subscribers = (struct subscriber *)route->subscribers;

	sort(subscribers, route->n);
	route->nparts = divide(subscribers, route->n, (struct route_part *)route->parts);
}

struct route *
route_ref(struct route *route)
{
	atomic_fetch_add_explicit(&route->references, 1, memory_order_relaxed);
	return route;
}

void
route_unref(struct route *route)
{
	if (route == NULL ||
	    atomic_fetch_sub_explicit(&route->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < route->ngroups; i++)
		group_unref(route->groups[i]);
	free(route);
}
