/* SPDX-License-Identifier: MIT */
/*
 * stored_subjects.h - the subjects of which something is stored: each stands here once, however
 * many lines there are of it.
 *
 * Owner: the history, whose lock is held in all that follows.
 */
#ifndef STORED_SUBJECTS_H
#define STORED_SUBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include <amy.h>

#include "hash.h"
#include "publication.h"
#include "table.h"

/* Exists as long as somebody has a reference: each entry of a ring that is of it has one. */
struct stored_subject {
	struct table_item item; /* hash of its bytes */
	uint64_t verdict;       /* of the last replay that judged it; see replay.c */
	size_t nreferences;
	struct publication *kept; /* its entry has the reference; NULL: none */
	size_t nbytes;
	char bytes[];
};

struct stored_subjects {
	struct hash_key key; /* constant after init */
	struct table table;
};

/* 0, or -1: ENOMEM, or as getrandom(2). */
int stored_subjects_init(struct stored_subjects *subjects);

/* None may be left. */
void stored_subjects_fini(struct stored_subjects *subjects);

/* NULL: nothing of it is stored. */
struct stored_subject *stored_subjects_find(const struct stored_subjects *subjects,
                                            const char *bytes, size_t nbytes);

/* With one reference more. NULL: ENOMEM. */
struct stored_subject *stored_subjects_get(struct stored_subjects *subjects,
                                           const struct amy_bytes *name);
void stored_subjects_unref(struct stored_subjects *subjects, struct stored_subject *subject);

#endif
