/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "say.h"

static const struct load *const loads[] = {
	&load_echo, &load_fanout, &load_request, &load_idle, &load_churn,
};

const struct load *
load_find(const char *name)
{
	for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++)
		if (strcmp(loads[i]->name, name) == 0)
			return loads[i];
	return NULL;
}

void
load_subject(char subject[LOAD_MAX_SUBJECT])
{
	snprintf(subject, LOAD_MAX_SUBJECT, "amybench.%ld", (long)getpid());
}

void
load_prepare(const struct options *options, struct phrases *phrases)
{
	char subject[LOAD_MAX_SUBJECT];
	const struct dialect_wish wish = {
		.size = options->size,
		.subject = subject,
		.nreaders = options->nconnections,
	};

	load_subject(subject);
	memset(phrases, 0, sizeof *phrases);
	phrases->nreaders = options->nconnections;
	options->dialect->prepare(&wish, phrases);
}

bool
load_is_for_echo(const struct dialect *dialect)
{
	return dialect->has_echo;
}

void *
load_allocate(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (memory == NULL)
		fail_errno("connections");
	return memory;
}

struct connection *
load_make_connections(unsigned n, unsigned first)
{
	struct connection *connections = load_allocate(n, sizeof *connections);

	for (unsigned i = 0; i < n; i++)
		connection_init(&connections[i], first + i);
	return connections;
}

void
load_free_connections(struct connection *connections, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		connection_fini(&connections[i]);
	free(connections);
}
