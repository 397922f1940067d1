/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "regex.h"
#include "rules.h"
#include "subject.h"

/* One of the configuration, made ready. */
struct ready {
	struct subject_tokens match; /* points into the configuration */
	struct regex *regex;         /* NULL: any text */
	bool stop;
};

struct rules {
	size_t n;
	struct ready ready[];
};

/* One that serves every regex will do. */
struct rules_scratch {
	struct regex_scratch *regex;
};

static uint64_t
bit(size_t i)
{
	return (uint64_t)1 << i;
}

static int
make_ready(struct ready *ready, const struct conf_rule *rule)
{
	char why[200];

	subject_split(rule->match, strlen(rule->match), &ready->match);
	ready->stop = rule->stop;
	if (rule->regex == NULL)
		return 0;
	ready->regex = regex_compile(rule->regex, why, sizeof why);
	return ready->regex == NULL ? -1 : 0;
}

struct rules *
rules_create(const struct conf_rule *rules, size_t n)
{
	struct rules *made = calloc(1, sizeof *made + n * sizeof made->ready[0]);

	if (made == NULL)
		return NULL;
	for (made->n = 0; made->n < n; made->n++) {
		if (make_ready(&made->ready[made->n], &rules[made->n]) == 0)
			continue;
		rules_destroy(made);
		return NULL;
	}
	return made;
}

void
rules_destroy(struct rules *rules)
{
	if (rules == NULL)
		return;
	for (size_t i = 0; i < rules->n; i++)
		regex_destroy(rules->ready[i].regex);
	free(rules);
}

struct rules_scratch *
rules_scratch_create(const struct rules *rules)
{
	struct rules_scratch *scratch = malloc(sizeof *scratch);

	(void)rules;
	if (scratch == NULL)
		return NULL;
	scratch->regex = regex_scratch_create();
	if (scratch->regex == NULL) {
		free(scratch);
		return NULL;
	}
	return scratch;
}

void
rules_scratch_destroy(struct rules_scratch *scratch)
{
	if (scratch == NULL)
		return;
	regex_scratch_destroy(scratch->regex);
	free(scratch);
}

uint64_t
rules_of_subject(const struct rules *rules, const char *subject, size_t nbytes)
{
	struct subject_tokens tokens;
	uint64_t found = 0;

	subject_split(subject, nbytes, &tokens);
	for (size_t i = 0; i < rules->n; i++) {
		const struct ready *ready = &rules->ready[i];

		if (!subject_matches(&ready->match, &tokens))
			continue;
		found |= bit(i);
		if (ready->stop && ready->regex == NULL)
			break;
	}
	return found;
}

static bool
matches_text(const struct ready *ready, struct rules_scratch *scratch,
             const struct amy_bytes *text, unsigned *ngave_up)
{
	if (ready->regex == NULL)
		return true;
	switch (regex_match(ready->regex, scratch->regex, text->bytes, text->nbytes)) {
	case REGEX_YES:
		return true;
	case REGEX_NO:
		return false;
	case REGEX_GAVE_UP:
		break;
	}
	++*ngave_up;
	return false;
}

uint64_t
rules_of_text(const struct rules *rules, struct rules_scratch *scratch, uint64_t candidates,
              const struct amy_bytes *text, unsigned *ngave_up, size_t *cost)
{
	uint64_t found = 0, nsteps = regex_steps(scratch->regex);

	for (size_t i = 0; i < rules->n; i++) {
		if ((candidates & bit(i)) == 0)
			continue;
		*cost += COST_LOOK;
		if (!matches_text(&rules->ready[i], scratch, text, ngave_up))
			continue;
		found |= bit(i);
		if (rules->ready[i].stop)
			break;
	}
	*cost += (size_t)(regex_steps(scratch->regex) - nsteps);
	return found;
}
