/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "stored_subjects.h"

int
stored_subjects_init(struct stored_subjects *subjects)
{
	if (hash_key_init(&subjects->key) == -1)
		return -1;
	return table_init(&subjects->table);
}

void
stored_subjects_fini(struct stored_subjects *subjects)
{
	table_fini(&subjects->table);
}

static struct stored_subject *
find(const struct stored_subjects *subjects, const char *bytes, size_t nbytes, uint64_t hash)
{
	struct table_item *item = table_first(&subjects->table, hash);

	for (; item != NULL; item = table_next(item)) {
		struct stored_subject *subject = (struct stored_subject *)item;

		if (subject->nbytes == nbytes && memcmp(subject->bytes, bytes, nbytes) == 0)
			return subject;
	}
	return NULL;
}

struct stored_subject *
stored_subjects_find(const struct stored_subjects *subjects, const char *bytes, size_t nbytes)
{
	return find(subjects, bytes, nbytes, hash_bytes(&subjects->key, bytes, nbytes));
}

struct stored_subject *
stored_subjects_get(struct stored_subjects *subjects, const struct amy_bytes *name)
{
	uint64_t hash = hash_bytes(&subjects->key, name->bytes, name->nbytes);
	struct stored_subject *subject = find(subjects, name->bytes, name->nbytes, hash);

	if (subject == NULL) {
		subject = malloc(sizeof *subject + name->nbytes);
		if (subject == NULL)
			return NULL;
		*subject = (struct stored_subject){ .item.hash = hash, .nbytes = name->nbytes };
		memcpy(subject->bytes, name->bytes, name->nbytes);
		table_insert(&subjects->table, &subject->item);
	}
	subject->nreferences++;
	return subject;
}

void
stored_subjects_unref(struct stored_subjects *subjects, struct stored_subject *subject)
{
	if (--subject->nreferences > 0)
		return;
	table_erase(&subjects->table, &subject->item);
	free(subject);
}
