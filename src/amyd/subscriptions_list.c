/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "subscriptions_list.h"

/* What is looked for, and where it is put. */
struct gathering {
	struct subscriptions_list *list;
	struct subject_tokens pattern;
};

/* NUL-terminated, into texts. Returns where it stands; 0: ENOMEM. */
static size_t
put_text(struct subscriptions_list *list, const char *bytes, size_t nbytes)
{
	size_t at = list->ntexts, end = at + nbytes + 1;

	if (end > list->texts_capacity) {
		size_t capacity = end * 2 + 1024;
		char *texts = realloc(list->texts, capacity);

		if (texts == NULL)
			return 0;
		list->texts = texts;
		list->texts_capacity = capacity;
	}
	memcpy(list->texts + at, bytes, nbytes);
	list->texts[end - 1] = '\0';
	list->ntexts = end;
	return at;
}

/* False: ENOMEM. */
static bool
make_room(struct subscriptions_list *list)
{
	size_t capacity = list->capacity * 2 + 64;
	struct subscriptions_item *items;

	if (list->n < list->capacity)
		return true;
	items = realloc(list->items, capacity * sizeof *items);
	if (items == NULL)
		return false;
	list->items = items;
	list->capacity = capacity;
	return true;
}

/* One more, whose pattern is that. False: ENOMEM. */
static bool
put_item(struct subscriptions_list *list, const struct subscription *sub, const char *pattern,
         size_t nbytes)
{
	struct subscriptions_item item = { .who = sub->who };

	if (!make_room(list))
		return false;
	item.pattern = put_text(list, pattern, nbytes);
	if (sub->group != NULL)
		item.group = put_text(list, sub->group->text, sub->group->nname);
	if (item.pattern == 0 || (sub->group != NULL && item.group == 0))
		return false;
	list->items[list->n++] = item;
	return true;
}

/* Put it there, if it is of those that are looked for. False: ENOMEM. */
static bool
put_overlapping(void *context, const struct subscription *sub)
{
	struct gathering *gathering = context;
	char text[SUBJECT_MAX_BYTES];
	size_t nbytes = subscription_pattern(sub, text);
	struct subject_tokens tokens;

	gathering->list->nlooks++;
	subject_split(text, nbytes, &tokens);
	return !subject_overlaps(&tokens, &gathering->pattern) ||
	       put_item(gathering->list, sub, text, nbytes);
}

int
subscriptions_list_next(struct subscriptions_list *list, struct subscriptions *subs,
                        const char *pattern, size_t nbytes)
{
	struct gathering gathering = { .list = list };

	list->n = list->nlooks = 0;
	list->ntexts = 1; /* 0: no text */
	subject_split(pattern, nbytes, &gathering.pattern);
	if (subscriptions_look_at_some(subs, &list->scan, put_overlapping, &gathering))
		return 0;
	return -1;
}

bool
subscriptions_list_is_over(const struct subscriptions_list *list)
{
	return subscriptions_scan_is_over(&list->scan);
}

void
subscriptions_list_free(struct subscriptions_list *list)
{
	free(list->items);
	free(list->texts);
	*list = (struct subscriptions_list){ .n = 0 };
}
