/* SPDX-License-Identifier: MIT */
/*
 * rules.h - which rules of the configuration a line matches.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amy.h>

#include "conf.h"

/* Constant once made; any thread. */
struct rules;

/* What a thread needs of its own to match texts. Owner: that thread. */
struct rules_scratch;

/*
 * Of at most CONF_MAX_RULES, which are borrowed. NULL: out of memory, or a regex that
 * cannot be compiled, of which conf_load() has assured us there is none.
 */
struct rules *rules_create(const struct conf_rule *rules, size_t n);

/* NULL is fine. */
void rules_destroy(struct rules *rules);

/* NULL: ENOMEM. */
struct rules_scratch *rules_scratch_create(const struct rules *rules);

/* NULL is fine. */
void rules_scratch_destroy(struct rules_scratch *scratch);

/*
 * The rules whose pattern a subject matches, a bit each, whatever the text is: those that
 * come after one with stop and without a regex are not among them.
 */
uint64_t rules_of_subject(const struct rules *rules, const char *subject, size_t nbytes);

/*
 * Of those, the rules that a text matches, too; none after one that stops. A regex that
 * would take too long for this text does not match; *ngave_up grows by one for each. *cost
 * grows by what it took (budget.h).
 */
uint64_t rules_of_text(const struct rules *rules, struct rules_scratch *scratch,
                       uint64_t candidates, const struct amy_bytes *text,
                       unsigned *ngave_up, size_t *cost);

#endif
