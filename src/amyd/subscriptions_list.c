/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "subscriptions_list.h"

/* After so many looks a list is partial. */
#define MAX_LOOKS 200000

/* A list that grows. */
struct gathering {
	struct subscriptions_list *list;
	const struct subject_tokens *pattern;
	size_t max, capacity, ntexts, texts_capacity, nlooks;
	const struct trie_node *last; /* whose pattern was put into texts last */
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

/* The same, for those that show it. */
static bool
put_any(void *gathering, const struct subscription *sub)
{
	return put_subscription(gathering, sub);
}

/* Put it there, if it is of those that are looked for. False: ENOMEM. */
static bool
put_overlapping(void *context, const struct subscription *sub)
{
	struct gathering *gathering = context;
	char text[SUBJECT_MAX_BYTES];
	size_t nbytes = subscription_pattern(sub, text);
	struct subject_tokens tokens;

	gathering->nlooks++;
	subject_split(text, nbytes, &tokens);
	return !subject_overlaps(&tokens, gathering->pattern) ||
	       put_subscription(gathering, sub);
}

static int
compare_items(const void *left, const void *right)
{
	const struct subscriptions_item *a = left, *b = right;

	return subscriber_compare(&a->who, &b->who);
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

/* All that there are, some at a time, are looked at. False: ENOMEM. */
static bool
look_for_pattern(struct subscriptions *subs, struct gathering *gathering)
{
	size_t position = 0;

	while (position != SUBSCRIPTIONS_ALL && gathering->nlooks < MAX_LOOKS &&
	       !gathering->list->is_partial) {
		gathering->last = NULL; /* it may have gone, and another one be where it was */
		if (!subscriptions_look_at_some(subs, &position, put_overlapping, gathering))
			return false;
	}
	if (position != SUBSCRIPTIONS_ALL)
		gathering->list->is_partial = true;
	return true;
}

/* Where a pattern has no wildcard the trie knows them. */
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
		is_good =
		    subscriptions_look_at_subject(subs, pattern, nbytes, put_any, &gathering);
	else
		is_good = look_for_pattern(subs, &gathering);
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
