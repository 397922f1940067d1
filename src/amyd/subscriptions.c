/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "subscriptions.h"

/* So many members of a group are looked at for the one with the least load. */
#define MAX_LOOKS 128

#define NOT_A_MEMBER SIZE_MAX

/* A list is made of so many buckets at a time, and after so many looks it is partial. */
#define LOOKS_A_TIME 256
#define MAX_LISTED 200000

LIST_HEAD(group_list, group);

/*
 * A place in the trie: all tokens on the way from the root, wildcards like any others.
 *
 * Owner: the index; exists as long as something hangs below it or on it. It is kept
 * small: with a path of up to 24 bytes it takes 112 bytes of the heap.
 */
struct subscriptions_node {
	struct table_item item; /* the hash of the whole path */

	/* constant */
	struct subscriptions_node *parent; /* NULL: the root */

	/* guarded by the lock */
	struct subscription_list followers; /* of the pattern that ends here */
	struct group_list groups;           /* the same */
	struct subscriber first; /* of the followers: one who is alone is not looked at */
	uint32_t nfollowers;
	uint32_t nchildren;
	bool has_star, has_tail; /* a child "*", ">" */

	/* constant */
	uint8_t depth; /* tokens */
	uint8_t npath;
	char path[]; /* the pattern that ends here */
};

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
	const struct subscriptions_node *node;
	size_t nname, npattern;
	char text[]; /* the name, NUL, the pattern */
};

struct subscriptions {
	struct hash_key key; /* constant after create, as the next two */
	uint64_t star_hash, tail_hash;
	_Atomic uint64_t version;

	pthread_mutex_t lock; /* guards the rest */
	struct subscriptions_node *root;
	size_t nwildcards[SUBJECT_MAX_TOKENS]; /* by the depth of their parent */
	struct table nodes;
	struct table pairs; /* the subscriptions, by node and session */
	struct table groups;

	/* what the last match gathered */
	struct subscriber *subscribers;
	size_t nsubscribers, subscribers_capacity;
	struct group **matched_groups;
	size_t nmatched_groups, groups_capacity;
	size_t nhandlers; /* the highest number of a handler among them, plus 1 */

	struct gathering *gathering; /* what a match is to go into instead; NULL: none */
};

/* The tokens of a pattern or a subject, and the hash of each. */
struct way {
	struct subject_tokens tokens;
	uint64_t hashes[SUBJECT_MAX_TOKENS];
};

/* ---- Hashes ----------------------------------------------------------------------- */

/*
 * The hash of a way and one thing more. One to one in either of them. The hashes of
 * tokens are secret, so nobody outside can choose what comes out of it.
 */
static uint64_t
extend(uint64_t way, uint64_t more)
{
	uint64_t hash = way ^ more;

	hash = (hash ^ hash >> 32) * 0xe9846af9b1a615du;
	hash = (hash ^ hash >> 32) * 0xe9846af9b1a615du;
	return hash ^ hash >> 28;
}

static void
way_init(const struct subscriptions *subs, struct way *way, const char *bytes, size_t nbytes)
{
	subject_split(bytes, nbytes, &way->tokens);
	for (unsigned i = 0; i < way->tokens.n; i++)
		way->hashes[i] =
		    hash_bytes(&subs->key, way->tokens.starts[i], way->tokens.lengths[i]);
}

/*
 * Where the nodes of the way are is known before the first one is seen. Those are looked at
 * below which there may be a wildcard, and the last one. The lock is held, as in what
 * follows.
 */
static void
prefetch(const struct subscriptions *subs, const struct way *way)
{
	uint64_t hashes[SUBJECT_MAX_TOKENS];
	uint64_t hash = subs->root->item.hash;
	unsigned n = 0;

	for (unsigned i = 1; i <= way->tokens.n; i++) {
		hash = extend(hash, way->hashes[i - 1]);
		if (i < way->tokens.n && subs->nwildcards[i] == 0)
			continue;
		table_prefetch_bucket(&subs->nodes, hash);
		hashes[n++] = hash;
	}
	for (unsigned i = 0; i < n; i++)
		table_prefetch_items(&subs->nodes, hashes[i]);
}

/* ---- The trie --------------------------------------------------------------------- */

/* Is it the node whose path is that of anchor, and nbytes more of whole tokens? */
static bool
is_below(const struct subscriptions_node *node, const struct subscriptions_node *anchor,
         const char *bytes, size_t nbytes)
{
	size_t skip = anchor->npath == 0 ? 0 : anchor->npath + 1u;

	return node->npath == skip + nbytes && memcmp(node->path + skip, bytes, nbytes) == 0 &&
	       memcmp(node->path, anchor->path, anchor->npath) == 0 &&
	       (skip == 0 || node->path[skip - 1] == '.');
}

/* NULL: there is none. */
static struct subscriptions_node *
find_below(const struct subscriptions *subs, const struct subscriptions_node *anchor,
           uint64_t hash, const char *bytes, size_t nbytes)
{
	struct table_item *item = table_first(&subs->nodes, hash);

	for (; item != NULL; item = table_next(item)) {
		struct subscriptions_node *node = (struct subscriptions_node *)item;

		if (is_below(node, anchor, bytes, nbytes))
			return node;
	}
	return NULL;
}

/* Is its last token that wildcard? */
static bool
is_wildcard(const struct subscriptions_node *node, char wildcard)
{
	size_t skip = node->parent->npath == 0 ? 0 : node->parent->npath + 1u;

	return node->npath == skip + 1 && node->path[skip] == wildcard;
}

static void
tell_parent(struct subscriptions *subs, const struct subscriptions_node *node, bool is_there)
{
	struct subscriptions_node *parent = node->parent;
	bool is_star = is_wildcard(node, '*'), is_tail = is_wildcard(node, '>');

	if (is_star)
		parent->has_star = is_there;
	if (is_tail)
		parent->has_tail = is_there;
	if (is_star || is_tail)
		subs->nwildcards[parent->depth] += is_there ? 1 : -(size_t)1;
	parent->nchildren += is_there ? 1 : -1u;
}

/* The path is the parent's and one token more. NULL: ENOMEM. */
static struct subscriptions_node *
make_child(struct subscriptions *subs, struct subscriptions_node *parent, uint64_t hash,
           const char *path, size_t npath)
{
	struct subscriptions_node *node =
	    malloc(offsetof(struct subscriptions_node, path) + npath);

	if (node == NULL)
		return NULL;
	node->parent = parent;
	LIST_INIT(&node->followers);
	LIST_INIT(&node->groups);
	node->nfollowers = node->nchildren = 0;
	node->has_star = node->has_tail = false;
	node->depth = (uint8_t)(parent->depth + 1);
	node->npath = (uint8_t)npath;
	memcpy(node->path, path, npath);
	node->item.hash = hash;
	table_insert(&subs->nodes, &node->item);
	tell_parent(subs, node, true);
	return node;
}

/* Free a node that nothing needs any more, and then its parents likewise. */
static void
prune(struct subscriptions *subs, struct subscriptions_node *node)
{
	while (node != subs->root && LIST_EMPTY(&node->followers) &&
	       LIST_EMPTY(&node->groups) && node->nchildren == 0) {
		struct subscriptions_node *parent = node->parent;

		tell_parent(subs, node, false);
		table_erase(&subs->nodes, &node->item);
		free(node);
		node = parent;
	}
}

/* The hash of a whole pattern, and how long it is. */
static uint64_t
way_end(const struct subscriptions *subs, const struct way *way, size_t *nbytes)
{
	const struct subject_tokens *tokens = &way->tokens;
	uint64_t hash = subs->root->item.hash;

	for (unsigned i = 0; i < tokens->n; i++)
		hash = extend(hash, way->hashes[i]);
	*nbytes = (size_t)(tokens->starts[tokens->n - 1] - tokens->starts[0]) +
	          tokens->lengths[tokens->n - 1];
	return hash;
}

/* The node where a pattern ends. NULL: there is none. */
static struct subscriptions_node *
find_node(const struct subscriptions *subs, const struct way *pattern)
{
	size_t nbytes;
	uint64_t hash = way_end(subs, pattern, &nbytes);

	return find_below(subs, subs->root, hash, pattern->tokens.starts[0], nbytes);
}

/* The same, and make what is missing. NULL: ENOMEM, and nothing was made. */
static struct subscriptions_node *
make_node(struct subscriptions *subs, const struct way *pattern)
{
	const struct subject_tokens *tokens = &pattern->tokens;
	struct subscriptions_node *node = subs->root;

	for (unsigned i = 0; i < tokens->n; i++) {
		uint64_t hash = extend(node->item.hash, pattern->hashes[i]);
		struct subscriptions_node *child =
		    find_below(subs, node, hash, tokens->starts[i], tokens->lengths[i]);

		if (child == NULL)
			child = make_child(subs, node, hash, tokens->starts[0],
			                   (size_t)(tokens->starts[i] - tokens->starts[0]) +
			                       tokens->lengths[i]);
		if (child == NULL) {
			prune(subs, node);
			return NULL;
		}
		node = child;
	}
	return node;
}

/* ---- Groups ----------------------------------------------------------------------- */

static uint64_t
hash_group(const struct subscriptions *subs, const struct subscriptions_node *node,
           const char *name, size_t nname)
{
	return extend(node->item.hash, hash_bytes(&subs->key, name, nname));
}

/* NULL: there is none. */
static struct group *
find_group(const struct subscriptions *subs, const struct subscriptions_node *node,
           const char *name, size_t nname)
{
	struct table_item *item =
	    table_first(&subs->groups, hash_group(subs, node, name, nname));

	for (; item != NULL; item = table_next(item)) {
		struct group *group = (struct group *)item;

		if (group->node == node && group->nname == nname &&
		    memcmp(group->text, name, nname) == 0)
			return group;
	}
	return NULL;
}

/* A group that nobody is in yet. NULL: ENOMEM. */
static struct group *
make_group(struct subscriptions *subs, struct subscriptions_node *node, const char *name,
           size_t nname, const char *pattern, size_t npattern)
{
	struct group *group = calloc(1, sizeof *group + nname + 1 + npattern);

	if (group == NULL)
		return NULL;
	group->node = node;
	group->nname = nname;
	group->npattern = npattern;
	memcpy(group->text, name, nname);
	memcpy(group->text + nname + 1, pattern, npattern);
	atomic_init(&group->references, 1);
	group->item.hash = hash_group(subs, node, name, nname);
	table_insert(&subs->groups, &group->item);
	LIST_INSERT_HEAD(&node->groups, group, of_node);
	return group;
}

/* Without the lock. */
static void
unref_group(struct group *group)
{
	if (atomic_fetch_sub_explicit(&group->references, 1, memory_order_acq_rel) != 1)
		return;
	free(group->members);
	free(group);
}

/* The index has no use for a group without a subscription. True: it is gone from there.
 */
static bool
forget_group(struct subscriptions *subs, struct group *group)
{
	if (group->nsubscriptions > 0)
		return false;
	table_erase(&subs->groups, &group->item);
	LIST_REMOVE(group, of_node);
	unref_group(group);
	return true;
}

/* False: ENOMEM. */
static bool
put_member(struct group *group, struct subscription *sub)
{
	if (group->nmembers == group->capacity) {
		size_t capacity = group->capacity * 2 + 4;
		struct member *members = realloc(group->members, capacity * sizeof *members);

		if (members == NULL)
			return false;
		group->members = members;
		group->capacity = capacity;
	}
	sub->member = group->nmembers++;
	group->members[sub->member] = (struct member){ sub, sub->load };
	return true;
}

static void
move_member(struct group *group, size_t from, size_t to)
{
	group->members[to] = group->members[from];
	group->members[to].subscription->member = to;
}

/*
 * The last one fills the gap. Those before the turn have had theirs in this round and
 * stay before it, so that nobody is left out, and nobody is chosen twice.
 */
static void
take_member(struct group *group, struct subscription *sub)
{
	size_t gap = sub->member;

	if (gap < group->turn) {
		group->turn--;
		move_member(group, group->turn, gap);
		gap = group->turn;
	}
	group->nmembers--;
	move_member(group, group->nmembers, gap);
	if (group->turn == group->nmembers)
		group->turn = 0;
	sub->member = NOT_A_MEMBER;
}

static bool
is_mute(const struct subscription *sub)
{
	return sub->is_mute != NULL && atomic_load_explicit(sub->is_mute, memory_order_relaxed);
}

/* NULL: there is none. */
static struct subscription *
find_least_load(const struct group *group, amy_id except, bool to_ask)
{
	size_t nlooks = group->nmembers < MAX_LOOKS || to_ask ? group->nmembers : MAX_LOOKS;
	struct subscription *best = NULL;
	unsigned least = 0;

	for (size_t i = group->turn; nlooks > 0; nlooks--) {
		const struct member *member = &group->members[i];
		unsigned load = atomic_load_explicit(member->load, memory_order_relaxed);

		if ((best == NULL || load < least) &&
		    member->subscription->who.session != except &&
		    !(to_ask && is_mute(member->subscription))) {
			best = member->subscription;
			least = load;
			if (load == 0)
				break;
		}
		i = i + 1 == group->nmembers ? 0 : i + 1;
	}
	return best;
}

static bool
choose(struct group *group, amy_id except, bool to_ask, unsigned nbytes, struct subscriber *who)
{
	struct subscription *sub = find_least_load(group, except, to_ask);

	if (sub == NULL)
		return false;
	*who = sub->who;
	atomic_fetch_add_explicit(sub->load, nbytes, memory_order_relaxed);
	group->turn = sub->member + 1 == group->nmembers ? 0 : sub->member + 1;
	if (sub->credit > 0 && --sub->credit == 0)
		take_member(group, sub);
	return true;
}

/* ---- Subscriptions ---------------------------------------------------------------- */

static uint64_t
hash_pair(const struct subscriptions_node *node, amy_id session)
{
	return extend(node->item.hash, session);
}

static struct subscription *
find_pair(const struct subscriptions *subs, const struct subscriptions_node *node,
          amy_id session)
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
put_follower(struct subscriptions_node *node, struct subscription *sub)
{
	LIST_INSERT_HEAD(&node->followers, sub, of_node);
	node->first = sub->who;
	node->nfollowers++;
}

static void
take_follower(struct subscriptions_node *node, struct subscription *sub)
{
	LIST_REMOVE(sub, of_node);
	if (--node->nfollowers > 0)
		node->first = LIST_FIRST(&node->followers)->who;
}

/* What a match gives is another thing now. */
static void
changed(struct subscriptions *subs)
{
	atomic_fetch_add_explicit(&subs->version, 1, memory_order_release);
}

/* Its node is there. False: ENOMEM. */
static bool
join(struct subscriptions *subs, struct subscription *sub, const char *pattern, size_t npattern,
     const struct subscription_options *options)
{
	const char *name = options->group;
	struct group *group = find_group(subs, sub->node, name, options->ngroup);

	if (group == NULL)
		group = make_group(subs, sub->node, name, options->ngroup, pattern, npattern);
	if (group == NULL)
		return false;
	if (!put_member(group, sub)) {
		forget_group(subs, group);
		return false;
	}
	sub->group = group;
	if (group->nsubscriptions++ == 0)
		changed(subs);
	return true;
}

/* The reverse. */
static void
leave(struct subscriptions *subs, struct subscription *sub)
{
	if (sub->member != NOT_A_MEMBER)
		take_member(sub->group, sub);
	sub->group->nsubscriptions--;
	if (forget_group(subs, sub->group))
		changed(subs);
}

/* False: ENOMEM. */
static bool
add(struct subscriptions *subs, struct subscription *sub, const struct way *way,
    const char *pattern, size_t nbytes, const struct subscription_options *options)
{
	sub->node = make_node(subs, way);
	if (sub->node == NULL)
		return false;
	if (options->ngroup == 0) {
		put_follower(sub->node, sub);
		changed(subs);
	} else if (!join(subs, sub, pattern, nbytes, options)) {
		prune(subs, sub->node);
		return false;
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
		leave(subs, sub);
	} else {
		take_follower(sub->node, sub);
		changed(subs);
	}
	prune(subs, sub->node);
}

/* ---- Matching --------------------------------------------------------------------- */

/* False: ENOMEM. */
static bool
gather_subscriber(struct subscriptions *subs, const struct subscriber *who)
{
	if (subs->nsubscribers == subs->subscribers_capacity) {
		size_t capacity = subs->subscribers_capacity * 2 + 64;
		struct subscriber *subscribers =
		    realloc(subs->subscribers, capacity * sizeof *subscribers);

		if (subscribers == NULL)
			return false;
		subs->subscribers = subscribers;
		subs->subscribers_capacity = capacity;
	}
	subs->subscribers[subs->nsubscribers++] = *who;
	if (who->handler >= subs->nhandlers)
		subs->nhandlers = (size_t)who->handler + 1;
	return true;
}

/* False: ENOMEM. */
static bool
gather_group(struct subscriptions *subs, struct group *group)
{
	if (subs->nmatched_groups == subs->groups_capacity) {
		size_t capacity = subs->groups_capacity * 2 + 16;
		struct group **groups =
		    realloc(subs->matched_groups, capacity * sizeof(struct group *));

		if (groups == NULL)
			return false;
		subs->matched_groups = groups;
		subs->groups_capacity = capacity;
	}
	subs->matched_groups[subs->nmatched_groups++] = group;
	return true;
}

static bool gather_items(struct gathering *gathering, const struct subscriptions_node *node);

/* All of one node. False: ENOMEM. */
static bool
gather(struct subscriptions *subs, const struct subscriptions_node *node)
{
	const struct subscription *sub;
	struct group *group;

	if (subs->gathering != NULL)
		return gather_items(subs->gathering, node);
	LIST_FOREACH(sub, &node->followers, of_node) {
		if (!gather_subscriber(subs, &sub->who))
			return false;
	}
	LIST_FOREACH(group, &node->groups, of_node) {
		if (!gather_group(subs, group))
			return false;
	}
	return true;
}

/*
 * A prefix of the subject, or a pattern of it, that is still to be looked at. Its node need
 * not be known: the anchor is the last one on the way that is.
 */
struct place {
	uint64_t hash;
	unsigned depth;
	const struct subscriptions_node *anchor;
};

struct stack {
	struct place places[SUBJECT_MAX_TOKENS + 2];
	unsigned n;
};

static void
push(struct stack *stack, uint64_t hash, unsigned depth,
     const struct subscriptions_node *anchor)
{
	stack->places[stack->n++] = (struct place){ hash, depth, anchor };
}

/* The node of a place. NULL: there is none, and nothing below it. */
static const struct subscriptions_node *
find_place(const struct subscriptions *subs, const struct way *subject,
           const struct place *place)
{
	const struct subject_tokens *tokens = &subject->tokens;
	const char *start;
	size_t nbytes;

	if (place->anchor->depth == place->depth)
		return place->anchor;
	start = tokens->starts[place->anchor->depth];
	nbytes = (size_t)(tokens->starts[place->depth - 1] - start) +
	         tokens->lengths[place->depth - 1];
	return find_below(subs, place->anchor, place->hash, start, nbytes);
}

/* What follows by a wildcard below a node. False: ENOMEM. */
static bool
step_wildcards(struct subscriptions *subs, const struct subscriptions_node *node,
               struct stack *stack)
{
	uint64_t star = extend(node->item.hash, subs->star_hash);

	if (node->has_tail &&
	    !gather(subs,
	            find_below(subs, node, extend(node->item.hash, subs->tail_hash), ">", 1)))
		return false;
	if (node->has_star)
		push(stack, star, node->depth + 1u, find_below(subs, node, star, "*", 1));
	return true;
}

/*
 * Go the two ways that a token leaves open, or gather what is at the end. Where nobody has a
 * wildcard at that depth there is one way, and the node need not be looked at. False: ENOMEM.
 */
static bool
step(struct subscriptions *subs, const struct way *subject, bool is_reserved,
     struct stack *stack)
{
	struct place place = stack->places[--stack->n];
	bool is_end = place.depth == subject->tokens.n;

	if (is_end || subs->nwildcards[place.depth] > 0) {
		place.anchor = find_place(subs, subject, &place);
		if (place.anchor == NULL)
			return true;
		if (is_end)
			return gather(subs, place.anchor);
		if ((place.depth > 0 || !is_reserved) &&
		    !step_wildcards(subs, place.anchor, stack))
			return false;
	}
	push(stack, extend(place.hash, subject->hashes[place.depth]), place.depth + 1,
	     place.anchor);
	return true;
}

/*
 * Walk the trie without recursion. A place that is popped puts back two at most, one
 * level deeper: so many are ever on the stack. False: ENOMEM.
 */
static bool
match(struct subscriptions *subs, const struct way *subject, bool is_reserved)
{
	struct stack stack;

	subs->nsubscribers = subs->nmatched_groups = subs->nhandlers = 0;
	prefetch(subs, subject);
	stack.n = 0;
	push(&stack, subs->root->item.hash, 0, subs->root);
	while (stack.n > 0)
		if (!step(subs, subject, is_reserved, &stack))
			return false;
	return true;
}

/* ---- Routes ----------------------------------------------------------------------- */

static int
compare(const void *left, const void *right)
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

/* Without the lock: it may take long. */
static void
sort(struct subscriber *subscribers, size_t n)
{
	if (n > 1)
		qsort(subscribers, n, sizeof *subscribers, compare);
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

/*
 * What was gathered, as it was gathered: sorting it is left to finish_route(), without
 * the lock. One allocation: the route, its subscribers, groups and parts. NULL: ENOMEM.
 */
static struct route *
make_route(struct subscriptions *subs)
{
	size_t n = subs->nsubscribers, ngroups = subs->nmatched_groups;
	size_t max_parts = n < subs->nhandlers ? n : subs->nhandlers;
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
		.version = atomic_load_explicit(&subs->version, memory_order_relaxed),
		.n = n,
		.ngroups = ngroups,
		.subscribers = subscribers,
		.groups = groups,
		.parts = (struct route_part *)(groups + ngroups),
	};
	atomic_init(&route->references, 1);
	if (n > 0)
		memcpy(subscribers, subs->subscribers, n * sizeof *subscribers);
	for (size_t i = 0; i < ngroups; i++) {
		groups[i] = subs->matched_groups[i];
		atomic_fetch_add_explicit(&groups[i]->references, 1, memory_order_relaxed);
	}
	return route;
}

static void
finish_route(struct route *route)
{
	struct subscriber *subscribers = (struct subscriber *)route->subscribers;

	sort(subscribers, route->n);
	route->nparts = divide(subscribers, route->n, (struct route_part *)route->parts);
}

/* ---- What others call ------------------------------------------------------------- */

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
	if (table_init(&subs->groups) == -1)
		goto fini_pairs;
	subs->root = calloc(1, sizeof *subs->root);
	if (subs->root == NULL)
		goto fini_groups;
	subs->star_hash = hash_bytes(&subs->key, "*", 1);
	subs->tail_hash = hash_bytes(&subs->key, ">", 1);
	pthread_mutex_init(&subs->lock, NULL);
	atomic_init(&subs->version, 1);
	return subs;

fini_groups:
	table_fini(&subs->groups);
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
	table_fini(&subs->groups);
	free(subs->root);
	free(subs->subscribers);
	free(subs->matched_groups);
	free(subs);
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
	way_init(subs, &way, pattern, nbytes);
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
	struct subscriptions_node *node;
	struct subscription *sub;
	struct way way;

	way_init(subs, &way, pattern, nbytes);
	pthread_mutex_lock(&subs->lock);
	node = find_node(subs, &way);
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
	memcpy(text, sub->node->path, sub->node->npath);
	return sub->node->npath;
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

struct route *
subscriptions_match(struct subscriptions *subs, const char *subject, size_t nbytes)
{
	bool is_reserved = subject_is_reserved(subject, nbytes);
	struct route *route = NULL;
	struct way way;

	way_init(subs, &way, subject, nbytes);
	pthread_mutex_lock(&subs->lock);
	if (match(subs, &way, is_reserved))
		route = make_route(subs);
	pthread_mutex_unlock(&subs->lock);
	if (route != NULL)
		finish_route(route);
	return route;
}

/* Those that are the only follower of a pattern without a wildcard. The lock is held. */
static size_t
gather_foreseen(const struct subscriptions *subs, const uint64_t *hashes, size_t n,
                struct subscriber *followers)
{
	size_t nfollowers = 0;

	for (size_t i = 0; i < n; i++) {
		const struct table_item *item = table_first(&subs->nodes, hashes[i]);
		const struct subscriptions_node *node = (const struct subscriptions_node *)item;

		if (node != NULL && node->nfollowers == 1)
			followers[nfollowers++] = node->first;
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

		way_init(subs, &way, subjects[i].bytes, subjects[i].nbytes);
		hashes[i] = way_end(subs, &way, &nbytes);
	}
	pthread_mutex_lock(&subs->lock);
	for (size_t i = 0; i < n; i++)
		table_prefetch_bucket(&subs->nodes, hashes[i]);
	for (size_t i = 0; i < n; i++)
		table_prefetch_items(&subs->nodes, hashes[i]);
	nfollowers = gather_foreseen(subs, hashes, n, followers);
	pthread_mutex_unlock(&subs->lock);
	return nfollowers;
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
		unref_group(route->groups[i]);
	free(route);
}

bool
subscriptions_choose(struct subscriptions *subs, struct group *group, amy_id except,
                     size_t nbytes, struct subscriber *who)
{
	bool is_chosen;

	pthread_mutex_lock(&subs->lock);
	is_chosen = choose(group, except, false, (unsigned)nbytes, who);
	pthread_mutex_unlock(&subs->lock);
	return is_chosen;
}

bool
subscriptions_choose_to_ask(struct subscriptions *subs, struct group *group, amy_id except,
                            struct subscriber *who)
{
	bool is_chosen;

	pthread_mutex_lock(&subs->lock);
	is_chosen = choose(group, except, true, 0, who);
	pthread_mutex_unlock(&subs->lock);
	return is_chosen;
}

const char *
group_name(const struct group *group)
{
	return group->text;
}

size_t
group_pattern(const struct group *group, char text[SUBJECT_MAX_BYTES])
{
	memcpy(text, group->text + group->nname + 1, group->npattern);
	return group->npattern;
}

size_t
group_size(struct subscriptions *subs, const struct group *group)
{
	size_t n;

	pthread_mutex_lock(&subs->lock);
	n = group->nmembers;
	pthread_mutex_unlock(&subs->lock);
	return n;
}

/* ---- For people to look at -----------------------------------------------------------
 */

/* A list that grows. */
struct gathering {
	struct subscriptions_list *list;
	const struct subject_tokens *pattern;
	size_t max, capacity, ntexts, texts_capacity;
	const struct subscriptions_node *last; /* whose pattern was put into texts last */
	size_t last_text;
};

/* NUL-terminated, into texts. Returns where it stands; 0: ENOMEM. */
static size_t
put_text(struct gathering *gathering, const char *bytes, size_t nbytes)
{
	size_t at = gathering->ntexts, end = at + nbytes + 1;

	if (end > gathering->texts_capacity) {
		size_t capacity = end * 2 + 1024;
		char *texts = realloc(gathering->list->texts, capacity);

		if (texts == NULL)
			return 0;
		gathering->list->texts = texts;
		gathering->texts_capacity = capacity;
	}
	memcpy(gathering->list->texts + at, bytes, nbytes);
	gathering->list->texts[end - 1] = '\0';
	gathering->ntexts = end;
	return at;
}

/* One more, whose pattern is that. False: ENOMEM. */
static bool
put_item(struct gathering *gathering, const struct subscription *sub, const char *pattern,
         size_t nbytes)
{
	struct subscriptions_list *list = gathering->list;
	struct subscriptions_item item = { .who = sub->who };

	if (list->n == gathering->capacity) {
		size_t capacity = gathering->capacity * 2 + 64;
		struct subscriptions_item *items =
		    realloc(list->items, capacity * sizeof *items);

		if (items == NULL)
			return false;
		list->items = items;
		gathering->capacity = capacity;
	}
	if (gathering->last != sub->node) {
		gathering->last_text = put_text(gathering, pattern, nbytes);
		gathering->last = sub->node;
	}
	item.pattern = gathering->last_text;
	if (sub->group != NULL)
		item.group = put_text(gathering, sub->group->text, sub->group->nname);
	if (item.pattern == 0 || (sub->group != NULL && item.group == 0))
		return false;
	list->items[list->n++] = item;
	return true;
}

/* As far as there is room. False: ENOMEM. */
static bool
put_subscription(struct gathering *gathering, const struct subscription *sub)
{
	char text[SUBJECT_MAX_BYTES];
	size_t nbytes;

	if (gathering->list->n == gathering->max) {
		gathering->list->is_partial = true;
		return true;
	}
	nbytes = subscription_pattern(sub, text);
	return put_item(gathering, sub, text, nbytes);
}

static bool
gather_items(struct gathering *gathering, const struct subscriptions_node *node)
{
	const struct subscription *sub;
	const struct group *group;

	LIST_FOREACH(sub, &node->followers, of_node)
		if (!put_subscription(gathering, sub))
			return false;
	LIST_FOREACH(group, &node->groups, of_node)
		for (size_t i = 0; i < group->nmembers; i++)
			if (!put_subscription(gathering, group->members[i].subscription))
				return false;
	return true;
}

/* Put it there, if it is of those that are looked for. False: ENOMEM. */
static bool
look_at(struct gathering *gathering, const struct subscription *sub)
{
	char text[SUBJECT_MAX_BYTES];
	size_t nbytes = subscription_pattern(sub, text);
	struct subject_tokens tokens;

	subject_split(text, nbytes, &tokens);
	return !subject_overlaps(&tokens, gathering->pattern) ||
	       put_subscription(gathering, sub);
}

/* Some buckets' worth of all that there are; *bucket moves on. False: ENOMEM. */
static bool
look_at_some(struct subscriptions *subs, struct gathering *gathering, size_t *bucket,
             size_t *nlooks)
{
	bool is_good = true;

	pthread_mutex_lock(&subs->lock);
	gathering->last = NULL; /* it may have gone, and another one be where it was */
	for (int i = 0; i < LOOKS_A_TIME && *bucket < subs->pairs.nbuckets && is_good; i++) {
		struct table_item *item = subs->pairs.buckets[(*bucket)++];

		for (; item != NULL && is_good; item = item->next, ++*nlooks)
			is_good = look_at(gathering, (struct subscription *)item);
	}
	if (*bucket == subs->pairs.nbuckets)
		*bucket = SIZE_MAX;
	pthread_mutex_unlock(&subs->lock);
	return is_good;
}

static int
compare_items(const void *left, const void *right)
{
	const struct subscriptions_item *a = left, *b = right;

	return compare(&a->who, &b->who);
}

/* While the table grew, one may have moved, and been seen twice. */
static void
sort_items(struct subscriptions_list *list)
{
	size_t n = 0;

	if (list->n > 1)
		qsort(list->items, list->n, sizeof *list->items, compare_items);
	for (size_t i = 0; i < list->n; i++)
		if (i == 0 || compare_items(&list->items[i], &list->items[n - 1]) != 0)
			list->items[n++] = list->items[i];
	list->n = n;
}

/* Where a pattern has no wildcard the trie knows them. False: ENOMEM. */
static bool
list_of_subject(struct subscriptions *subs, struct gathering *gathering, const char *subject,
                size_t nbytes)
{
	struct way way;
	bool is_good;

	way_init(subs, &way, subject, nbytes);
	pthread_mutex_lock(&subs->lock);
	subs->gathering = gathering;
	is_good = match(subs, &way, subject_is_reserved(subject, nbytes));
	subs->gathering = NULL;
	pthread_mutex_unlock(&subs->lock);
	return is_good;
}

/* Else we look at all that there are. False: ENOMEM. */
static bool
list_of_pattern(struct subscriptions *subs, struct gathering *gathering)
{
	size_t bucket = 0, nlooks = 0;

	while (bucket != SIZE_MAX && nlooks < MAX_LISTED && !gathering->list->is_partial)
		if (!look_at_some(subs, gathering, &bucket, &nlooks))
			return false;
	if (bucket != SIZE_MAX)
		gathering->list->is_partial = true;
	return true;
}

int
subscriptions_list(struct subscriptions *subs, const char *pattern, size_t nbytes, size_t max,
                   struct subscriptions_list *list)
{
	struct subject_tokens tokens;
	struct gathering gathering = { .list = list, .pattern = &tokens, .max = max };
	bool is_good;

	*list = (struct subscriptions_list){ .n = 0 };
	subject_split(pattern, nbytes, &tokens);
	gathering.ntexts = 1; /* 0: no text */
	if (subject_check(pattern, nbytes) == NULL)
		is_good = list_of_subject(subs, &gathering, pattern, nbytes);
	else
		is_good = list_of_pattern(subs, &gathering);
	if (!is_good) {
		subscriptions_list_free(list);
		return -1;
	}
	sort_items(list);
	return 0;
}

void
subscriptions_list_free(struct subscriptions_list *list)
{
	free(list->items);
	free(list->texts);
	*list = (struct subscriptions_list){ .n = 0 };
}
