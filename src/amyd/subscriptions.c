/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "subscriptions.h"

/* So many buckets are looked at while the lock is held once. */
#define BUCKETS_A_TIME 256

struct subscriptions {
	_Atomic uint64_t version;

	pthread_mutex_t lock; /* guards the rest */
	struct trie trie;
	struct table pairs; /* the subscriptions, by node and session */
	struct groups groups;
	struct route_draft draft;
};

struct subscriptions *
subscriptions_create(void)
{
	struct subscriptions *subs = calloc(1, sizeof *subs);

	if (subs == NULL)
		return NULL;
	if (trie_init(&subs->trie) == -1)
		goto free_subs;
	if (table_init(&subs->pairs) == -1)
		goto fini_trie;
	if (groups_init(&subs->groups, &subs->trie) == -1)
		goto fini_pairs;
	pthread_mutex_init(&subs->lock, NULL);
	atomic_init(&subs->version, 1);
	return subs;

fini_pairs:
	table_fini(&subs->pairs);
fini_trie:
	trie_fini(&subs->trie);
free_subs:
	free(subs);
	return NULL;
}

void
subscriptions_destroy(struct subscriptions *subs)
{
	if (subs == NULL)
		return;
	pthread_mutex_destroy(&subs->lock);
	route_draft_fini(&subs->draft);
	groups_fini(&subs->groups);
	table_fini(&subs->pairs);
	trie_fini(&subs->trie);
	free(subs);
}

/* ---- One more, one less ------------------------------------------------------------- */

static uint64_t
hash_pair(const struct trie_node *node, amy_id session)
{
	return trie_extend(node->item.hash, session);
}

static struct subscription *
find_pair(const struct subscriptions *subs, const struct trie_node *node, amy_id session)
{
	struct table_item *item = table_first(&subs->pairs, hash_pair(node, session));

	for (; item != NULL; item = table_next(item)) {
		struct subscription *sub = (struct subscription *)item;

		if (sub->node == node && sub->who.session == session)
			return sub;
	}
	return NULL;
}

static void
put_follower(struct trie_end *end, struct subscription *sub)
{
	LIST_INSERT_HEAD(&end->followers, sub, of_node);
	end->first = sub->who;
	end->nfollowers++;
}

static void
take_follower(struct trie_end *end, struct subscription *sub)
{
	LIST_REMOVE(sub, of_node);
	if (--end->nfollowers > 0)
		end->first = LIST_FIRST(&end->followers)->who;
}

/* What a match gives is another thing now. */
static void
changed(struct subscriptions *subs)
{
	atomic_fetch_add_explicit(&subs->version, 1, memory_order_release);
}

/* False: ENOMEM. */
static bool
add(struct subscriptions *subs, struct subscription *sub, const struct way *way,
    const char *pattern, size_t nbytes, const struct subscription_options *options)
{
	sub->node = trie_make(&subs->trie, way);
	if (sub->node == NULL)
		return false;
	if (options->ngroup == 0) {
		put_follower(sub->node->end, sub);
		changed(subs);
	} else if (!groups_join(&subs->groups, sub, options->group, options->ngroup, pattern,
	                        nbytes)) {
		trie_prune(&subs->trie, sub->node);
		return false;
	} else if (sub->group->nsubscriptions == 1) {
		changed(subs);
	}
	sub->item.hash = hash_pair(sub->node, sub->who.session);
	table_insert(&subs->pairs, &sub->item);
	return true;
}

static void
erase(struct subscriptions *subs, struct subscription *sub)
{
	table_erase(&subs->pairs, &sub->item);
	if (sub->group != NULL) {
		if (groups_leave(&subs->groups, sub))
			changed(subs);
	} else {
		take_follower(sub->node->end, sub);
		changed(subs);
	}
	trie_prune(&subs->trie, sub->node);
}

struct subscription *
subscriptions_add(struct subscriptions *subs, const struct subscriber *who, const char *pattern,
                  size_t nbytes, const struct subscription_options *options,
                  struct subscription_list *list)
{
	struct subscription *sub = calloc(1, sizeof *sub);
	struct way way;
	bool is_added;

	if (sub == NULL)
		return NULL;
	sub->who = *who;
	sub->credit = options->credit;
	sub->load = options->load;
	sub->is_mute = options->is_mute;
	way_init(&subs->trie, &way, pattern, nbytes);
	pthread_mutex_lock(&subs->lock);
	is_added = add(subs, sub, &way, pattern, nbytes, options);
	pthread_mutex_unlock(&subs->lock);
	if (!is_added) {
		free(sub);
		return NULL;
	}
	LIST_INSERT_HEAD(list, sub, of_client);
	return sub;
}

struct subscription *
subscriptions_find(struct subscriptions *subs, amy_id session, const char *pattern,
                   size_t nbytes)
{
	struct trie_node *node;
	struct subscription *sub;
	struct way way;

	way_init(&subs->trie, &way, pattern, nbytes);
	pthread_mutex_lock(&subs->lock);
	node = trie_find(&subs->trie, &way);
	sub = node == NULL ? NULL : find_pair(subs, node, session);
	pthread_mutex_unlock(&subs->lock);
	return sub;
}

void
subscriptions_remove(struct subscriptions *subs, struct subscription *sub)
{
	LIST_REMOVE(sub, of_client);
	pthread_mutex_lock(&subs->lock);
	erase(subs, sub);
	pthread_mutex_unlock(&subs->lock);
	free(sub);
}

/* Its node stays as long as it, and what is looked at here is constant: no lock. */
size_t
subscription_pattern(const struct subscription *sub, char text[SUBJECT_MAX_BYTES])
{
	const struct trie_end *end = sub->node->end;

	memcpy(text, end->pattern, end->npattern);
	return end->npattern;
}

const char *
subscription_group(const struct subscription *sub)
{
	return sub->group == NULL ? NULL : group_name(sub->group);
}

uint64_t
subscriptions_version(struct subscriptions *subs)
{
	return atomic_load_explicit(&subs->version, memory_order_acquire);
}

size_t
subscriptions_count(struct subscriptions *subs)
{
	size_t n;

	pthread_mutex_lock(&subs->lock);
	n = subs->pairs.n;
	pthread_mutex_unlock(&subs->lock);
	return n;
}

/* ---- Matching --------------------------------------------------------------------- */

static bool
gather(void *draft, const struct trie_end *end)
{
	return route_draft_put(draft, end);
}

struct route *
subscriptions_match(struct subscriptions *subs, const char *subject, size_t nbytes)
{
	bool is_reserved = subject_is_reserved(subject, nbytes);
	struct route *route = NULL;
	struct way way;

	way_init(&subs->trie, &way, subject, nbytes);
	pthread_mutex_lock(&subs->lock);
	route_draft_clear(&subs->draft);
	if (trie_match(&subs->trie, &way, is_reserved, gather, &subs->draft))
		route = route_draft_make(&subs->draft, subscriptions_version(subs));
	pthread_mutex_unlock(&subs->lock);
	if (route != NULL)
		route_finish(route);
	return route;
}

/* Those that are the only follower of a pattern without a wildcard. The lock is held. */
static size_t
gather_foreseen(const struct subscriptions *subs, const uint64_t *hashes, size_t n,
                struct subscriber *followers)
{
	size_t nfollowers = 0;

	for (size_t i = 0; i < n; i++) {
		const struct table_item *item = table_first(&subs->trie.nodes, hashes[i]);
		const struct trie_node *node = (const struct trie_node *)item;

		if (node != NULL && node->end != NULL && node->end->nfollowers == 1)
			followers[nfollowers++] = node->end->first;
	}
	return nfollowers;
}

size_t
subscriptions_foresee(struct subscriptions *subs, const struct amy_bytes *subjects, size_t n,
                      struct subscriber followers[SUBSCRIPTIONS_MAX_FORESEEN])
{
	uint64_t hashes[SUBSCRIPTIONS_MAX_FORESEEN];
	size_t nfollowers;

	if (n > SUBSCRIPTIONS_MAX_FORESEEN)
		n = SUBSCRIPTIONS_MAX_FORESEEN;
	for (size_t i = 0; i < n; i++) {
		struct way way;
		size_t nbytes;

		way_init(&subs->trie, &way, subjects[i].bytes, subjects[i].nbytes);
		hashes[i] = way_end(&subs->trie, &way, &nbytes);
	}
	pthread_mutex_lock(&subs->lock);
	for (size_t i = 0; i < n; i++)
		table_prefetch_bucket(&subs->trie.nodes, hashes[i]);
	for (size_t i = 0; i < n; i++)
		table_prefetch_items(&subs->trie.nodes, hashes[i]);
	nfollowers = gather_foreseen(subs, hashes, n, followers);
	pthread_mutex_unlock(&subs->lock);
	return nfollowers;
}

bool
subscriptions_choose(struct subscriptions *subs, struct group *group, amy_id except,
                     size_t nbytes, struct subscriber *who)
{
	bool is_chosen;

	pthread_mutex_lock(&subs->lock);
	is_chosen = group_choose(group, except, false, (unsigned)nbytes, who);
	pthread_mutex_unlock(&subs->lock);
	return is_chosen;
}

bool
subscriptions_choose_to_ask(struct subscriptions *subs, struct group *group, amy_id except,
                            struct subscriber *who)
{
	bool is_chosen;

	pthread_mutex_lock(&subs->lock);
	is_chosen = group_choose(group, except, true, 0, who);
	pthread_mutex_unlock(&subs->lock);
	return is_chosen;
}

size_t
subscriptions_group_size(struct subscriptions *subs, const struct group *group)
{
	size_t n;

	pthread_mutex_lock(&subs->lock);
	n = group->nmembers;
	pthread_mutex_unlock(&subs->lock);
	return n;
}

/* ---- Looking ---------------------------------------------------------------------- */

/* Who looks at subscriptions. */
struct looking {
	bool (*look)(void *context, const struct subscription *subscription);
	void *context;
};

static bool
look_at_item(void *context, struct table_item *item)
{
	const struct looking *looking = context;

	return looking->look(looking->context, (struct subscription *)item);
}

static void
prefetch_node(const struct table_item *item)
{
	const char *node = (const char *)((const struct subscription *)item)->node;

	__builtin_prefetch(node);
	__builtin_prefetch(node + 64);
}

bool
subscriptions_look_at_some(struct subscriptions *subs, struct subscriptions_scan *scan,
                           bool (*look)(void *context, const struct subscription *sub),
                           void *context)
{
	struct looking looking = { look, context };
	bool is_good = true;

	pthread_mutex_lock(&subs->lock);
	if (!scan->has_begun)
		table_scan_begin(&subs->pairs, &scan->pairs);
	scan->has_begun = true;
	table_scan_foresee(&subs->pairs, &scan->pairs, BUCKETS_A_TIME, prefetch_node);
	for (int i = 0; i < BUCKETS_A_TIME && is_good && !table_scan_is_over(&scan->pairs); i++)
		is_good = table_scan_some(&subs->pairs, &scan->pairs, look_at_item, &looking);
	pthread_mutex_unlock(&subs->lock);
	return is_good;
}

bool
subscriptions_scan_is_over(const struct subscriptions_scan *scan)
{
	return scan->has_begun && table_scan_is_over(&scan->pairs);
}
