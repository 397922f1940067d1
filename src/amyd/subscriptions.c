/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "subject.h"
#include "subscriptions.h"
#include "table.h"

/*
 * A place in the trie: all tokens on the way from the root. "*" and ">" stand in their
 * parent, the other children in the hash table.
 *
 * Owner: the index; exists as long as something hangs below it or on it.
 */
struct node {
	struct table_item item; /* hash of parent and token */
	struct node *parent;
	struct node *star;
	struct node *tail;
	struct subscription_list followers; /* of the pattern that ends here */
	unsigned nchildren;
	unsigned ntoken;
	char token[];
};

struct subscription {
	struct table_item item; /* hash of node and session */
	struct node *node;
	struct subscriber who;
	LIST_ENTRY(subscription) of_node;
	LIST_ENTRY(subscription) of_client;
};

struct subscriptions {
	struct hash_key key; /* constant after create */
	_Atomic uint64_t version;

	pthread_mutex_t lock; /* guards the rest */
	struct node *root;
	struct table nodes;
	struct table pairs; /* the subscriptions, by node and session */
	struct subscriber *matched;
	size_t nmatched, matched_capacity;
};

struct subscriptions *
subscriptions_create(void)
{
	struct subscriptions *subs = calloc(1, sizeof *subs);

	if (subs == NULL)
		return NULL;
	if (hash_key_init(&subs->key) == -1)
		goto free_subs;
	if (table_init(&subs->nodes) == -1)
		goto free_subs;
	if (table_init(&subs->pairs) == -1)
		goto fini_nodes;
	subs->root = calloc(1, sizeof *subs->root);
	if (subs->root == NULL)
		goto fini_pairs;
	pthread_mutex_init(&subs->lock, NULL);
	atomic_init(&subs->version, 1);
	return subs;

fini_pairs:
	table_fini(&subs->pairs);
fini_nodes:
	table_fini(&subs->nodes);
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
	table_fini(&subs->nodes);
	table_fini(&subs->pairs);
	free(subs->root);
	free(subs->matched);
	free(subs);
}

static bool
is_token(const char *token, size_t n, char wildcard)
{
	return n == 1 && *token == wildcard;
}

static uint64_t
hash_child(const struct subscriptions *subs, const struct node *parent, const char *token,
           size_t n)
{
	return hash_bytes(&subs->key, token, n) ^
	       hash_bytes(&subs->key, &parent, sizeof parent);
}

/* NULL: there is none. */
static struct node *
find_child(const struct subscriptions *subs, const struct node *parent, const char *token,
           size_t n)
{
	struct table_item *item =
	    table_first(&subs->nodes, hash_child(subs, parent, token, n));

	for (; item != NULL; item = table_next(item)) {
		struct node *node = (struct node *)item;

		if (node->parent == parent && node->ntoken == n &&
		    memcmp(node->token, token, n) == 0)
			return node;
	}
	return NULL;
}

/* The child for a token of a pattern, wildcards included. NULL: there is none. */
static struct node *
find_pattern_child(const struct subscriptions *subs, const struct node *parent,
                   const char *token, size_t n)
{
	if (is_token(token, n, '*'))
		return parent->star;
	if (is_token(token, n, '>'))
		return parent->tail;
	return find_child(subs, parent, token, n);
}

/* NULL: ENOMEM. */
static struct node *
make_child(struct subscriptions *subs, struct node *parent, const char *token, size_t n)
{
	struct node *node = calloc(1, sizeof *node + n);

	if (node == NULL)
		return NULL;
	node->parent = parent;
	node->ntoken = (unsigned)n;
	memcpy(node->token, token, n);
	if (is_token(token, n, '*')) {
		parent->star = node;
	} else if (is_token(token, n, '>')) {
		parent->tail = node;
	} else {
		node->item.hash = hash_child(subs, parent, token, n);
		table_insert(&subs->nodes, &node->item);
	}
	parent->nchildren++;
	return node;
}

/* Free a node that nothing needs any more, and then its parents likewise. */
static void
prune(struct subscriptions *subs, struct node *node)
{
	while (node != subs->root && LIST_EMPTY(&node->followers) &&
	       node->nchildren == 0) {
		struct node *parent = node->parent;

		if (parent->star == node)
			parent->star = NULL;
		else if (parent->tail == node)
			parent->tail = NULL;
		else
			table_erase(&subs->nodes, &node->item);
		free(node);
		parent->nchildren--;
		node = parent;
	}
}

/* The node where a pattern ends. NULL: there is none. */
static struct node *
find_node(struct subscriptions *subs, const struct subject_tokens *pattern)
{
	struct node *node = subs->root;

	for (unsigned i = 0; i < pattern->n && node != NULL; i++)
		node = find_pattern_child(subs, node, pattern->starts[i],
		                          pattern->lengths[i]);
	return node;
}

/* The same, and make what is missing. NULL: ENOMEM, and nothing was made. */
static struct node *
make_node(struct subscriptions *subs, const struct subject_tokens *pattern)
{
	struct node *node = subs->root;

	for (unsigned i = 0; i < pattern->n; i++) {
		const char *token = pattern->starts[i];
		size_t n = pattern->lengths[i];
		struct node *child = find_pattern_child(subs, node, token, n);

		if (child == NULL)
			child = make_child(subs, node, token, n);
		if (child == NULL) {
			prune(subs, node);
			return NULL;
		}
		node = child;
	}
	return node;
}

static uint64_t
hash_pair(const struct subscriptions *subs, const struct node *node, amy_id session)
{
	uint64_t pair[2] = { (uint64_t)(uintptr_t)node, session };

	return hash_bytes(&subs->key, pair, sizeof pair);
}

static struct subscription *
find_subscription(const struct subscriptions *subs, const struct node *node,
                  amy_id session)
{
	struct table_item *item =
	    table_first(&subs->pairs, hash_pair(subs, node, session));

	for (; item != NULL; item = table_next(item)) {
		struct subscription *sub = (struct subscription *)item;

		if (sub->node == node && sub->who.session == session)
			return sub;
	}
	return NULL;
}

static void
changed(struct subscriptions *subs)
{
	atomic_fetch_add_explicit(&subs->version, 1, memory_order_release);
}

/* The lock is held. */
static int
add(struct subscriptions *subs, struct subscriber who,
    const struct subject_tokens *pattern, struct subscription_list *list)
{
	struct node *node = make_node(subs, pattern);
	struct subscription *sub;

	if (node == NULL)
		return -1;
	if (find_subscription(subs, node, who.session) != NULL)
		return 0;
	sub = calloc(1, sizeof *sub);
	if (sub == NULL) {
		prune(subs, node);
		return -1;
	}
	sub->who = who;
	sub->node = node;
	sub->item.hash = hash_pair(subs, node, who.session);
	table_insert(&subs->pairs, &sub->item);
	LIST_INSERT_HEAD(&node->followers, sub, of_node);
	LIST_INSERT_HEAD(list, sub, of_client);
	changed(subs);
	return 1;
}

/* The lock is held. */
static void
erase(struct subscriptions *subs, struct subscription *sub)
{
	struct node *node = sub->node;

	LIST_REMOVE(sub, of_node);
	LIST_REMOVE(sub, of_client);
	table_erase(&subs->pairs, &sub->item);
	free(sub);
	prune(subs, node);
	changed(subs);
}

int
subscriptions_add(struct subscriptions *subs, struct subscriber who, const char *pattern,
                  size_t nbytes, struct subscription_list *list)
{
	struct subject_tokens tokens;
	int result;

	subject_split(pattern, nbytes, &tokens);
	pthread_mutex_lock(&subs->lock);
	result = add(subs, who, &tokens, list);
	pthread_mutex_unlock(&subs->lock);
	return result;
}

/* The lock is held. NULL: it does not follow that pattern. */
static struct subscription *
find(struct subscriptions *subs, struct subscriber who, const char *pattern, size_t nbytes)
{
	struct subject_tokens tokens;
	struct node *node;

	subject_split(pattern, nbytes, &tokens);
	node = find_node(subs, &tokens);
	return node == NULL ? NULL : find_subscription(subs, node, who.session);
}

int
subscriptions_has(struct subscriptions *subs, struct subscriber who, const char *pattern,
                  size_t nbytes)
{
	bool has;

	pthread_mutex_lock(&subs->lock);
	has = find(subs, who, pattern, nbytes) != NULL;
	pthread_mutex_unlock(&subs->lock);
	return has;
}

int
subscriptions_remove(struct subscriptions *subs, struct subscriber who,
                     const char *pattern, size_t nbytes)
{
	struct subscription *sub;

	pthread_mutex_lock(&subs->lock);
	sub = find(subs, who, pattern, nbytes);
	if (sub != NULL)
		erase(subs, sub);
	pthread_mutex_unlock(&subs->lock);
	return sub != NULL;
}

/* One at a time: a client with thousands of patterns must not hold up everybody. */
size_t
subscriptions_remove_all(struct subscriptions *subs, struct subscription_list *list)
{
	size_t n = 0;

	for (; !LIST_EMPTY(list); n++) {
		pthread_mutex_lock(&subs->lock);
		erase(subs, LIST_FIRST(list));
		pthread_mutex_unlock(&subs->lock);
	}
	return n;
}

uint64_t
subscriptions_version(struct subscriptions *subs)
{
	return atomic_load_explicit(&subs->version, memory_order_acquire);
}

/* The lock is held. False: ENOMEM. */
static bool
collect(struct subscriptions *subs, const struct node *node)
{
	const struct subscription *sub;

	LIST_FOREACH(sub, &node->followers, of_node) {
		if (subs->nmatched == subs->matched_capacity) {
			size_t capacity = subs->matched_capacity * 2 + 64;
			struct subscriber *matched =
			    realloc(subs->matched, capacity * sizeof *matched);

			if (matched == NULL)
				return false;
			subs->matched = matched;
			subs->matched_capacity = capacity;
		}
		subs->matched[subs->nmatched++] = sub->who;
	}
	return true;
}

/*
 * Walk the trie, the two ways that each token leaves open, without recursion. A place
 * that is popped puts back two at most, one level deeper: so many are ever on the stack.
 */
static bool
match(struct subscriptions *subs, const struct subject_tokens *subject)
{
	struct {
		struct node *node;
		unsigned depth;
	} stack[SUBJECT_MAX_TOKENS + 2], at;
	unsigned n = 0;

	stack[n].node = subs->root;
	stack[n++].depth = 0;
	while (n > 0) {
		struct node *child;

		at = stack[--n];
		if (at.depth == subject->n) {
			if (!collect(subs, at.node))
				return false;
			continue;
		}
		if (at.node->tail != NULL && !collect(subs, at.node->tail))
			return false;
		if (at.node->star != NULL) {
			stack[n].node = at.node->star;
			stack[n++].depth = at.depth + 1;
		}
		child = find_child(subs, at.node, subject->starts[at.depth],
		                   subject->lengths[at.depth]);
		if (child != NULL) {
			stack[n].node = child;
			stack[n++].depth = at.depth + 1;
		}
	}
	return true;
}

static int
compare(const void *left, const void *right)
{
	const struct subscriber *a = left, *b = right;

	if (a->handler != b->handler)
		return a->handler < b->handler ? -1 : 1;
	return a->session == b->session ? 0 : a->session < b->session ? -1 : 1;
}

/* Sorted by handler, each session once. */
static size_t
sort_unique(struct subscriber *subscribers, size_t n)
{
	size_t kept = 0;

	qsort(subscribers, n, sizeof *subscribers, compare);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || subscribers[i].session != subscribers[kept - 1].session)
			subscribers[kept++] = subscribers[i];
	return kept;
}

/* The lock is held. NULL: ENOMEM. */
static struct route *
make_route(struct subscriptions *subs, const struct subject_tokens *subject)
{
	struct route *route;
	size_t n;

	subs->nmatched = 0;
	if (!match(subs, subject))
		return NULL;
	n = subs->nmatched == 0 ? 0 : sort_unique(subs->matched, subs->nmatched);
	route = malloc(sizeof *route + n * sizeof route->subscribers[0]);
	if (route == NULL)
		return NULL;
	atomic_init(&route->references, 1);
	route->version = atomic_load_explicit(&subs->version, memory_order_relaxed);
	route->n = n;
	if (n > 0)
		memcpy(route->subscribers, subs->matched,
		       n * sizeof route->subscribers[0]);
	return route;
}

struct route *
subscriptions_match(struct subscriptions *subs, const char *subject, size_t nbytes)
{
	struct subject_tokens tokens;
	struct route *route;

	subject_split(subject, nbytes, &tokens);
	pthread_mutex_lock(&subs->lock);
	route = make_route(subs, &tokens);
	pthread_mutex_unlock(&subs->lock);
	return route;
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
	if (route != NULL &&
	    atomic_fetch_sub_explicit(&route->references, 1, memory_order_acq_rel) == 1)
		free(route);
}
