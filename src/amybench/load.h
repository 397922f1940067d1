/* SPDX-License-Identifier: MIT */
/*
 * load.h - what is done to a server. A load is a file, load_NAME.c.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>

#include "dialect.h"
#include "run.h"

struct load {
	const char *name;
	unsigned default_connections;
	const struct dialect *default_dialect;
	unsigned max_in_flight;
	bool can_pace; /* -r */
	bool has_no_warm_up;
	bool is_echo; /* its lines are asked and answered, not published */
	bool (*is_for)(const struct dialect *dialect);
	const char *dialects; /* their names, for people */
	/* All of it: opens connections, measures, closes them. */
	void (*run)(struct run *run);
};

extern const struct load load_echo, load_fanout, load_request, load_idle, load_churn;

/* NULL: there is none of that name. */
const struct load *load_find(const char *name);

/* What the loads share: the subject of a run, this process's own; and its phrases. */
#define LOAD_MAX_SUBJECT 32
void load_subject(char subject[LOAD_MAX_SUBJECT]);
void load_prepare(const struct options *options, struct phrases *phrases);

/* What loads that say a line and get it back are for. */
#define LOAD_ECHO_DIALECTS "lines, amyd, redis, nats or memcached"
bool load_is_for_echo(const struct dialect *dialect);

/* Like calloc(3); but out of memory ends the program. */
void *load_allocate(size_t n, size_t size);

/* n connections, numbered from first on. */
struct connection *load_make_connections(unsigned n, unsigned first);
void load_free_connections(struct connection *connections, unsigned n);

#endif
