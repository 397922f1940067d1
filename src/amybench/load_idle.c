/* SPDX-License-Identifier: MIT */
/*
 * load_idle.c - each connection says one line and gets its answer; then all are kept open, and
 * nothing is said.
 *
 * What the server uses per connection is measured while they are opened; what counts as the
 * duration begins then.
 */
#include "clock.h"
#include "load.h"
#include "opening.h"
#include "say.h"
#include "units_text.h"

/* Owner: load_idle's run. */
struct idle {
	struct run *run;
	struct phrases phrases;
	struct talk talk;
	struct connection *connections;
};

/* The end of a connection, or something that the server says by itself. */
static void
ready(void *load, unsigned number, unsigned events)
{
	struct idle *idle = load;
	struct connection *connection = &idle->connections[number];
	uint64_t n = 0;

	if ((events & AMY_WRITE) != 0 && !connection_flush(connection, &idle->talk))
		run_fail_closed(idle->run, connection);
	if ((events & ~(unsigned)AMY_WRITE) != 0 &&
	    !connection_hear(connection, &idle->talk, &n))
		run_fail_closed(idle->run, connection);
	if (n > 0)
		connection_fail_surplus(connection, n);
	run_watch(idle->run, connection);
}

static void
open_all(struct idle *idle)
{
	struct run *run = idle->run;
	const struct options *options = run->options;
	struct target target;
	const struct greeting greeting = {
		.target = &target,
		.words = { &idle->phrases.hello },
		.talk = &idle->talk,
	};
	uint64_t cpu_ns, own_cpu_ns, rss, begun_ns;

	target_init(&target, options->address, options->spreads_sources);
	cpu_ns = processes_cpu_ns(&options->server);
	rss = processes_rss_bytes(&options->server);
	own_cpu_ns = process_own_cpu_ns();
	begun_ns = clock_ns();
	opening_run(run, &greeting, idle->connections, options->nconnections, &run->latency);
	run->opening_ns = clock_ns() - begun_ns;
	run->opening_own_cpu_ns = process_own_cpu_ns() - own_cpu_ns;
	run->opening_cpu_ns = processes_cpu_ns(&options->server) - cpu_ns;
	run->server_bytes = (int64_t)processes_rss_bytes(&options->server) - (int64_t)rss;
	run->nlines = options->nconnections;
}

static void
run_idle(struct run *run)
{
	const struct options *options = run->options;
	const struct run_calls calls = { .ready = ready };
	struct idle idle = { .run = run };
	char count[UNITS_TEXT];

	load_prepare(options, &idle.phrases);
	idle.talk = (struct talk){
		.dialect = options->dialect,
		.phrases = &idle.phrases,
		.say = &idle.phrases.ask,
		.hear = &idle.phrases.answer,
		.has_stamps = true,
	};
	idle.connections = load_make_connections(options->nconnections, 0);
	open_all(&idle);
	if (!options->is_quiet)
		say("%s connections are open", units_count(options->nconnections, count));
	run_begin(run);
	run_loop(run, &calls, &idle);
	load_free_connections(idle.connections, options->nconnections);
}

const struct load load_idle = {
	.name = "idle",
	.default_connections = 50,
	.default_dialect = &dialect_lines,
	.max_in_flight = 1,
	.has_no_warm_up = true,
	.is_echo = true,
	.is_for = load_is_for_echo,
	.dialects = LOAD_ECHO_DIALECTS,
	.run = run_idle,
};
