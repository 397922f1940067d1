/* SPDX-License-Identifier: MIT */
/*
 * status.h - how the daemon is: all that is told by HTTP, looked at in one place.
 *
 * It is a copy: whoever has it needs no lock, and nothing of the daemon's, to read it. So all
 * that depends on the configuration is looked at within status_collect().
 */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "busiest.h"
#include "heartbeat.h"
#include "load.h"
#include "router.h"
#include "usage.h"

#define STATUS_MAX_BUSIEST 10
#define STATUS_MAX_SLOWEST 10

struct status_handler {
	char number[12]; /* as a text */
	uint64_t nclients, turns, busy_ns, nread, npublished, ndelivered;
};

struct status_listener {
	const char *name, *address, *mode;
	uint64_t nclients, naccepted, nlines, nbytes;
};

struct status_target {
	const char *rule, *target;
	struct sink_usage usage;
	uint64_t is_up, since_s; /* seconds in that state */
};

struct status_section {
	const char *name;
	uint64_t nlines, nbytes, nforgotten;
};

/* A client that does not keep up with what it is sent. */
struct status_client {
	const char *name, *peer, *listener; /* name: "" if it has none */
	uint64_t number, queued, ndropped;
};

struct status_text;

/* Owner: who collects it. */
struct status {
	int64_t uptime_ms;
	int64_t since_wall_ms;
	bool is_draining;
	bool is_stuck;
	char stuck[HEARTBEAT_MAX_NAME]; /* the thread */
	uint64_t counters[STAT_COUNT];
	uint64_t nclients, nnames, nsubscriptions;
	unsigned max_clients;
	uint64_t memory_used, memory_limit; /* bytes; limit 0: none */

	struct status_handler *handlers;
	struct status_listener *listeners;
	struct status_target *targets; /* one that a rule has twice is one */
	struct status_section *sections;
	size_t nhandlers, nlisteners, ntargets, nsections;
	uint64_t seq; /* of the last line that was stored */
	uint64_t nkept, nkept_bytes;

	uint64_t lines[LOAD_BUCKETS + 1]; /* of all handlers */
	uint64_t line_ns;
	struct busiest_rate busiest[STATUS_MAX_BUSIEST];
	struct status_client slowest[STATUS_MAX_SLOWEST];
	size_t nbusiest, nslowest;
	struct usage usage;

	struct status_text *texts; /* what the names point to */
	bool failed;
};

/* Look at everything. -1, ENOMEM: there is nothing to free. Any thread. */
int status_collect(struct router *router, struct status *status);
void status_fini(struct status *status);

#endif
