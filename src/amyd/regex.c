/* SPDX-License-Identifier: MIT */
/*
 * regex.c - PCRE2, and a budget for it.
 *
 * PCRE2's own limit counts anew from each byte of the text at which a match may begin,
 * and loops over single bytes do not count at all once they are compiled to machine code:
 * "a.*[bc]" takes seconds for a line of 64 KiB, within any limit. So it is made to call
 * us at each step (PCRE2_AUTO_CALLOUT), and we count: the steps, and the bytes that each
 * went over.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "regex.h"

#define COST_OF_STEP 16 /* that of a byte gone over is 1 */
#define BUDGET_FIXED (32768 * COST_OF_STEP)
#define BUDGET_PER_BYTE (7 * COST_OF_STEP / 2)
#define MAX_MEMORY (4u << 20) /* for ways that a match may still have to go back to */

struct regex {
	pcre2_code *code;
	bool refers_back; /* has a \1 or so, that compares more bytes than it goes over */
};

struct regex_scratch {
	pcre2_match_context *context;
	pcre2_match_data *data;
	pcre2_jit_stack *stack; /* NULL where there is no JIT */

	uint64_t nsteps; /* of all matches */

	/* of the match that goes on */
	uint64_t budget;
	size_t position;
	bool refers_back;
};

static void *
allocate(size_t nbytes, void *unused)
{
	(void)unused;
	return malloc(nbytes);
}

static void
release(void *allocated, void *unused)
{
	(void)unused;
	free(allocated);
}

static size_t
distance(size_t a, size_t b)
{
	return a < b ? b - a : a - b;
}

/* Called by PCRE2 at each step. What is not 0 ends the match. */
static int
spend(pcre2_callout_block *block, void *argument)
{
	struct regex_scratch *scratch = argument;
	uint64_t cost = COST_OF_STEP + distance(scratch->position, block->current_position);

	if (scratch->refers_back)
		cost += distance(block->start_match, block->current_position);
	scratch->position = block->current_position;
	if (scratch->budget < cost)
		return PCRE2_ERROR_CALLOUT;
	scratch->budget -= cost;
	return 0;
}

static void
explain(int error, size_t offset, char *why, size_t size)
{
	PCRE2_UCHAR message[128];

	pcre2_get_error_message(error, message, sizeof message);
	snprintf(why, size, "%s (after byte %zu)", (char *)message, offset);
}

static pcre2_code *
compile(const char *text, int *error, size_t *offset)
{
	const uint32_t options = PCRE2_AUTO_CALLOUT | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
	pcre2_general_context *memory = pcre2_general_context_create(allocate, release, NULL);
	pcre2_compile_context *context = pcre2_compile_context_create(memory);
	pcre2_code *code = NULL;

	*error = PCRE2_ERROR_NOMEMORY;
	*offset = 0;
	if (memory != NULL && context != NULL) {
		pcre2_set_newline(context, PCRE2_NEWLINE_LF);
		code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, error,
		                     offset, context);
	}
	pcre2_compile_context_free(context);
	pcre2_general_context_free(memory);
	return code;
}

static bool
refers_back(const pcre2_code *code)
{
	uint32_t highest = 0;

	pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &highest);
	return highest > 0;
}

struct regex *
regex_compile(const char *text, char *why, size_t size)
{
	struct regex *regex = malloc(sizeof *regex);
	size_t offset;
	int error;

	if (regex == NULL)
		goto no_memory;
	regex->code = compile(text, &error, &offset);
	if (regex->code == NULL)
		goto not_compiled;
	regex->refers_back = refers_back(regex->code);
	/* Where there is no JIT, or none is allowed, matching is only slower. */
	pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
	return regex;
not_compiled:
	free(regex);
	if (error == PCRE2_ERROR_NOMEMORY || error == PCRE2_ERROR_HEAP_FAILED)
		goto no_memory;
	explain(error, offset, why, size);
	errno = EINVAL;
	return NULL;
no_memory:
	snprintf(why, size, "there is no memory to compile it");
	errno = ENOMEM;
	return NULL;
}

void
regex_destroy(struct regex *regex)
{
	if (regex == NULL)
		return;
	pcre2_code_free(regex->code);
	free(regex);
}

bool
regex_check(const char *text, char *why, size_t size)
{
	struct regex *regex = regex_compile(text, why, size);

	regex_destroy(regex);
	return regex != NULL;
}

struct regex_scratch *
regex_scratch_create(void)
{
	struct regex_scratch *scratch = calloc(1, sizeof *scratch);
	pcre2_general_context *memory = pcre2_general_context_create(allocate, release, NULL);

	if (scratch == NULL || memory == NULL)
		goto fail;
	scratch->context = pcre2_match_context_create(memory);
	scratch->data = pcre2_match_data_create(1, memory);
	if (scratch->context == NULL || scratch->data == NULL)
		goto fail;
	scratch->stack = pcre2_jit_stack_create(32 << 10, MAX_MEMORY, memory);
	pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
	pcre2_set_heap_limit(scratch->context, MAX_MEMORY >> 10);
	pcre2_set_callout(scratch->context, spend, scratch);
	pcre2_general_context_free(memory);
	return scratch;
fail:
	pcre2_general_context_free(memory);
	regex_scratch_destroy(scratch);
	errno = ENOMEM;
	return NULL;
}

void
regex_scratch_destroy(struct regex_scratch *scratch)
{
	if (scratch == NULL)
		return;
	pcre2_jit_stack_free(scratch->stack);
	pcre2_match_data_free(scratch->data);
	pcre2_match_context_free(scratch->context);
	free(scratch);
}

enum regex_result
regex_match(const struct regex *regex, struct regex_scratch *scratch, const char *bytes,
            size_t nbytes)
{
	const char *text = bytes == NULL ? "" : bytes;
	uint64_t budget = BUDGET_FIXED + (uint64_t)nbytes * BUDGET_PER_BYTE, steps;
	int n;

	scratch->budget = budget;
	scratch->position = 0;
	scratch->refers_back = regex->refers_back;
	/* A second net, for a loop in which there is no step. */
	steps = scratch->budget / COST_OF_STEP;
	pcre2_set_match_limit(scratch->context,
	                      steps > UINT32_MAX ? UINT32_MAX : (uint32_t)steps);
	n = pcre2_match(regex->code, (PCRE2_SPTR)text, nbytes, 0, 0, scratch->data,
	                scratch->context);
	scratch->nsteps += (budget - scratch->budget) / COST_OF_STEP;
	if (n >= 0)
		return REGEX_YES;
	return n == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_GAVE_UP;
}

uint64_t
regex_steps(const struct regex_scratch *scratch)
{
	return scratch->nsteps;
}
