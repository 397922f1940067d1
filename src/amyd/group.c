/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "group.h"

/* So many members of a group are looked at for the one with the least load. */
#define MAX_LOOKS 128

#define NOT_A_MEMBER SIZE_MAX

int
groups_init(struct groups *groups, const struct trie *trie)
{
	groups->trie = trie;
	return table_init(&groups->table);
}

void
groups_fini(struct groups *groups)
{
	table_fini(&groups->table);
}

static uint64_t
hash_group(const struct groups *groups, const struct trie_node *node, const char *name,
           size_t nname)
{
	return trie_extend(node->item.hash, hash_bytes(&groups->trie->key, name, nname));
}

/* NULL: there is none. */
static struct group *
find_group(const struct groups *groups, const struct trie_node *node, const char *name,
           size_t nname)
{
	struct table_item *item =
	    table_first(&groups->table, hash_group(groups, node, name, nname));

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
make_group(struct groups *groups, struct trie_node *node, const char *name, size_t nname,
           const char *pattern, size_t npattern)
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
	group->item.hash = hash_group(groups, node, name, nname);
	table_insert(&groups->table, &group->item);
	LIST_INSERT_HEAD(&node->end->groups, group, of_node);
	return group;
}

struct group *
group_ref(struct group *group)
{
	atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
	return group;
}

void
group_unref(struct group *group)
{
	if (atomic_fetch_sub_explicit(&group->references, 1, memory_order_acq_rel) != 1)
		return;
	free(group->members);
	free(group);
}

/* The index has no use for a group without a subscription. True: it is gone from there. */
static bool
forget_group(struct groups *groups, struct group *group)
{
	if (group->nsubscriptions > 0)
		return false;
	table_erase(&groups->table, &group->item);
	LIST_REMOVE(group, of_node);
	group_unref(group);
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

bool
groups_join(struct groups *groups, struct subscription *sub, const char *name, size_t nname,
            const char *pattern, size_t npattern)
{
	struct group *group = find_group(groups, sub->node, name, nname);

	if (group == NULL)
		group = make_group(groups, sub->node, name, nname, pattern, npattern);
	if (group == NULL)
		return false;
	if (!put_member(group, sub)) {
		forget_group(groups, group);
		return false;
	}
	sub->group = group;
	group->nsubscriptions++;
	return true;
}

bool
groups_leave(struct groups *groups, struct subscription *sub)
{
	if (sub->member != NOT_A_MEMBER)
		take_member(sub->group, sub);
	sub->group->nsubscriptions--;
	return forget_group(groups, sub->group);
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

bool
group_choose(struct group *group, amy_id except, bool to_ask, unsigned nbytes,
             struct subscriber *who)
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
