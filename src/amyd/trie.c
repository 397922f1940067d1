/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "trie.h"

int
trie_init(struct trie *trie)
{
	*trie = (struct trie){ .root = NULL };
	if (hash_key_init(&trie->key) == -1 || table_init(&trie->nodes) == -1)
		return -1;
	trie->root = calloc(1, sizeof *trie->root);
	if (trie->root == NULL) {
		table_fini(&trie->nodes);
		return -1;
	}
	trie->star_hash = hash_bytes(&trie->key, "*", 1);
	trie->tail_hash = hash_bytes(&trie->key, ">", 1);
	return 0;
}

void
trie_fini(struct trie *trie)
{
	table_fini(&trie->nodes);
	free(trie->root);
}

void
way_init(const struct trie *trie, struct way *way, const char *bytes, size_t nbytes)
{
	subject_split(bytes, nbytes, &way->tokens);
	for (unsigned i = 0; i < way->tokens.n; i++)
		way->hashes[i] =
		    hash_bytes(&trie->key, way->tokens.starts[i], way->tokens.lengths[i]);
}

uint64_t
way_end(const struct trie *trie, const struct way *way, size_t *nbytes)
{
	const struct subject_tokens *tokens = &way->tokens;
	uint64_t hash = trie->root->item.hash;

	for (unsigned i = 0; i < tokens->n; i++)
		hash = trie_extend(hash, way->hashes[i]);
	*nbytes = (size_t)(tokens->starts[tokens->n - 1] - tokens->starts[0]) +
	          tokens->lengths[tokens->n - 1];
	return hash;
}

/* ---- Nodes ------------------------------------------------------------------------ */

/*
 * Is it the node that comes behind the anchor by nbytes of whole tokens? Where a pattern ends its
 * text tells at once, else the tokens on the way back do.
 */
static bool
is_below(const struct trie_node *node, const struct trie_node *anchor, const char *bytes,
         size_t nbytes)
{
	if (anchor->depth == 0 && node->end != NULL)
		return node->end->npattern == nbytes &&
		       memcmp(node->end->pattern, bytes, nbytes) == 0;
	for (; node->depth > anchor->depth; node = node->parent) {
		if (node->ntoken > nbytes ||
		    memcmp(bytes + nbytes - node->ntoken, node->token, node->ntoken) != 0)
			return false;
		nbytes -= node->ntoken;
		if (nbytes > 0 && bytes[--nbytes] != '.')
			return false;
	}
	return node == anchor && nbytes == 0;
}

/* NULL: there is none. */
static struct trie_node *
find_below(const struct trie *trie, const struct trie_node *anchor, uint64_t hash,
           const char *bytes, size_t nbytes)
{
	struct table_item *item = table_first(&trie->nodes, hash);

	for (; item != NULL; item = table_next(item)) {
		struct trie_node *node = (struct trie_node *)item;

		if (is_below(node, anchor, bytes, nbytes))
			return node;
	}
	return NULL;
}

static bool
is_wildcard(const struct trie_node *node, char wildcard)
{
	return node->ntoken == 1 && node->token[0] == wildcard;
}

static void
tell_parent(struct trie *trie, const struct trie_node *node, bool is_there)
{
	struct trie_node *parent = node->parent;
	bool is_star = is_wildcard(node, '*'), is_tail = is_wildcard(node, '>');

	if (is_star)
		parent->has_star = is_there;
	if (is_tail)
		parent->has_tail = is_there;
	if (is_star || is_tail)
		trie->nwildcards[parent->depth] += is_there ? 1 : -(size_t)1;
	parent->nchildren += is_there ? 1 : -1u;
}

static void
end_init(struct trie_end *end, const struct amy_bytes *pattern)
{
	LIST_INIT(&end->followers);
	LIST_INIT(&end->groups);
	end->nfollowers = 0;
	end->npattern = (uint8_t)pattern->nbytes;
	memcpy(end->pattern, pattern->bytes, pattern->nbytes);
}

/* Of a node without its end, or where that stands in one piece with it. */
static size_t
node_size(size_t ntoken)
{
	const size_t align = _Alignof(struct trie_end);

	return (offsetof(struct trie_node, token) + ntoken + align - 1) & ~(align - 1);
}

static size_t
end_size(const struct amy_bytes *pattern)
{
	return offsetof(struct trie_end, pattern) + pattern->nbytes;
}

/* One token more; where the pattern ends, with an end. pattern: NULL, or that. NULL: ENOMEM. */
static struct trie_node *
make_child(struct trie *trie, struct trie_node *parent, uint64_t hash,
           const struct amy_bytes *token, const struct amy_bytes *pattern)
{
	size_t at = node_size(token->nbytes);
	size_t size = pattern == NULL ? offsetof(struct trie_node, token) + token->nbytes
	                              : at + end_size(pattern);
	struct trie_node *node = malloc(size > sizeof *node ? size : sizeof *node);

	if (node == NULL)
		return NULL;
	node->parent = parent;
	node->end = pattern == NULL ? NULL : (struct trie_end *)((char *)node + at);
	node->nchildren = 0;
	node->has_star = node->has_tail = false;
	node->has_own_end = pattern != NULL;
	node->depth = (uint8_t)(parent->depth + 1);
	node->ntoken = (uint8_t)token->nbytes;
	memcpy(node->token, token->bytes, token->nbytes);
	if (pattern != NULL)
		end_init(node->end, pattern);
	node->item.hash = hash;
	table_insert(&trie->nodes, &node->item);
	tell_parent(trie, node, true);
	return node;
}

/* A node that others have on their way is the end of a pattern, too. False: ENOMEM. */
static bool
make_end(struct trie_node *node, const struct amy_bytes *pattern)
{
	if (node->end != NULL)
		return true;
	node->end = malloc(end_size(pattern));
	if (node->end == NULL)
		return false;
	end_init(node->end, pattern);
	return true;
}

static bool
is_needed(const struct trie_node *node)
{
	return node->nchildren > 0 ||
	       (node->end != NULL &&
	        (!LIST_EMPTY(&node->end->followers) || !LIST_EMPTY(&node->end->groups)));
}

void
trie_prune(struct trie *trie, struct trie_node *node)
{
	while (node != trie->root && !is_needed(node)) {
		struct trie_node *parent = node->parent;

		tell_parent(trie, node, false);
		table_erase(&trie->nodes, &node->item);
		if (!node->has_own_end)
			free(node->end);
		free(node);
		node = parent;
	}
}

struct trie_node *
trie_find(const struct trie *trie, const struct way *pattern)
{
	size_t nbytes;
	uint64_t hash = way_end(trie, pattern, &nbytes);

	return find_below(trie, trie->root, hash, pattern->tokens.starts[0], nbytes);
}

struct trie_node *
trie_make(struct trie *trie, const struct way *pattern)
{
	const struct subject_tokens *tokens = &pattern->tokens;
	struct amy_bytes text = { tokens->starts[0], 0 };
	struct trie_node *node = trie->root;

	way_end(trie, pattern, &text.nbytes);
	for (unsigned i = 0; i < tokens->n; i++) {
		const struct amy_bytes token = { tokens->starts[i], tokens->lengths[i] };
		uint64_t hash = trie_extend(node->item.hash, pattern->hashes[i]);
		struct trie_node *child =
		    find_below(trie, node, hash, token.bytes, token.nbytes);

		if (child == NULL)
			child = make_child(trie, node, hash, &token,
			                   i + 1 == tokens->n ? &text : NULL);
		if (child == NULL || (i + 1 == tokens->n && !make_end(child, &text))) {
			trie_prune(trie, node);
			return NULL;
		}
		node = child;
	}
	return node;
}

/* ---- Matching --------------------------------------------------------------------- */

/*
 * A prefix of the subject, or a pattern of it, that is still to be looked at. Its node need
 * not be known: the anchor is the last one on the way that is.
 */
struct place {
	uint64_t hash;
	unsigned depth;
	const struct trie_node *anchor;
};

/* Without recursion: a place that is popped puts back two at most, one level deeper. */
struct walk {
	const struct trie *trie;
	const struct way *subject;
	bool is_reserved;
	bool (*visit)(void *context, const struct trie_end *end);
	void *context;
	unsigned nplaces;
	struct place places[SUBJECT_MAX_TOKENS + 2];
};

/*
 * Where the nodes of the way are is known before the first one is seen. Those are looked at
 * below which there may be a wildcard, and the last one.
 */
static void
prefetch(const struct trie *trie, const struct way *way)
{
	uint64_t hashes[SUBJECT_MAX_TOKENS];
	uint64_t hash = trie->root->item.hash;
	unsigned n = 0;

	for (unsigned i = 1; i <= way->tokens.n; i++) {
		hash = trie_extend(hash, way->hashes[i - 1]);
		if (i < way->tokens.n && trie->nwildcards[i] == 0)
			continue;
		table_prefetch_bucket(&trie->nodes, hash);
		hashes[n++] = hash;
	}
	for (unsigned i = 0; i < n; i++)
		table_prefetch_items(&trie->nodes, hashes[i]);
}

static void
push(struct walk *walk, uint64_t hash, unsigned depth, const struct trie_node *anchor)
{
	walk->places[walk->nplaces++] = (struct place){ hash, depth, anchor };
}

/* The node of a place. NULL: there is none, and nothing below it. */
static const struct trie_node *
find_place(const struct walk *walk, const struct place *place)
{
	const struct subject_tokens *tokens = &walk->subject->tokens;
	const char *start;
	size_t nbytes;

	if (place->anchor->depth == place->depth)
		return place->anchor;
	start = tokens->starts[place->anchor->depth];
	nbytes = (size_t)(tokens->starts[place->depth - 1] - start) +
	         tokens->lengths[place->depth - 1];
	return find_below(walk->trie, place->anchor, place->hash, start, nbytes);
}

/* False: the visit said so. */
static bool
visit_end(const struct walk *walk, const struct trie_node *node)
{
	return node->end == NULL || walk->visit(walk->context, node->end);
}

/* What follows by a wildcard below a node. False: a visit said so. */
static bool
step_wildcards(struct walk *walk, const struct trie_node *node)
{
	const struct trie *trie = walk->trie;
	uint64_t star = trie_extend(node->item.hash, trie->star_hash);
	uint64_t tail = trie_extend(node->item.hash, trie->tail_hash);

	if (node->has_tail && !visit_end(walk, find_below(trie, node, tail, ">", 1)))
		return false;
	if (node->has_star)
		push(walk, star, node->depth + 1u, find_below(trie, node, star, "*", 1));
	return true;
}

/*
 * Go the two ways that a token leaves open, or visit what is at the end. Where nobody has a
 * wildcard at that depth there is one way, and the node need not be looked at. False: a visit
 * said so.
 */
static bool
step(struct walk *walk)
{
	struct place place = walk->places[--walk->nplaces];
	bool is_end = place.depth == walk->subject->tokens.n;

	if (is_end || walk->trie->nwildcards[place.depth] > 0) {
		place.anchor = find_place(walk, &place);
		if (place.anchor == NULL)
			return true;
		if (is_end)
			return visit_end(walk, place.anchor);
		if ((place.depth > 0 || !walk->is_reserved) &&
		    !step_wildcards(walk, place.anchor))
			return false;
	}
	push(walk, trie_extend(place.hash, walk->subject->hashes[place.depth]), place.depth + 1,
	     place.anchor);
	return true;
}

bool
trie_match(const struct trie *trie, const struct way *subject, bool is_reserved,
           bool (*visit)(void *context, const struct trie_end *end), void *context)
{
	struct walk walk;

	/* Field by field: to zero the places takes long. */
	walk.trie = trie;
	walk.subject = subject;
	walk.is_reserved = is_reserved;
	walk.visit = visit;
	walk.context = context;
	walk.nplaces = 0;
	prefetch(trie, subject);
	push(&walk, trie->root->item.hash, 0, trie->root);
	while (walk.nplaces > 0)
		if (!step(&walk))
			return false;
	return true;
}
