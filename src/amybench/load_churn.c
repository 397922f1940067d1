/* SPDX-License-Identifier: MIT */
/*
 * load_churn.c - connect, say one line, get its answer, close; over and over, on a number of
 * connections at once. The time of each is that from connecting to the answer.
 */
#include <stdlib.h>

#include "clock.h"
#include "load.h"
#include "opening.h"

/* Owner: load_churn's run. */
struct churn {
	struct run *run;
	struct phrases phrases;
	struct talk talk;
	struct target target;
	struct greeting greeting;
	struct connection *connections;
	uint64_t *begun_ns; /* of each connection: when it began to connect */
};

static void
begin(struct churn *churn, struct connection *connection)
{
	churn->begun_ns[connection->number] = clock_ns();
	connection_open(connection, &churn->target);
	run_expect(churn->run, 1);
	run_watch(churn->run, connection);
}

static void
hear(struct churn *churn, struct connection *connection)
{
	uint64_t n;

	if (!connection_hear(connection, &churn->talk, &n))
		run_fail_closed(churn->run, connection);
	if (n == 0)
		return;
	if (n > 1)
		connection_fail_surplus(connection, n - 1);
	run_heard(churn->run, 1);
	run_note(churn->run, churn->begun_ns[connection->number], 1);
	run_unwatch(churn->run, connection);
	connection_close(connection);
	if (run_goes_on(churn->run))
		begin(churn, connection);
}

static void
ready(void *load, unsigned number, unsigned events)
{
	struct churn *churn = load;
	struct connection *connection = &churn->connections[number];

	if (connection->state == CONNECTION_CONNECTING) {
		greeting_say(&churn->greeting, churn->run, connection);
		run_watch(churn->run, connection);
		return;
	}
	if ((events & AMY_WRITE) != 0) {
		if (!connection_flush(connection, &churn->talk))
			run_fail_closed(churn->run, connection);
		run_watch(churn->run, connection);
	}
	if ((events & ~(unsigned)AMY_WRITE) != 0)
		hear(churn, connection);
}

static void
prepare(struct churn *churn)
{
	const struct options *options = churn->run->options;

	load_prepare(options, &churn->phrases);
	churn->talk = (struct talk){
		.dialect = options->dialect,
		.phrases = &churn->phrases,
		.say = &churn->phrases.ask,
		.hear = &churn->phrases.answer,
	};
	target_init(&churn->target, options->address, options->spreads_sources);
	churn->greeting = (struct greeting){
		.target = &churn->target,
		.words = { &churn->phrases.hello },
		.talk = &churn->talk,
	};
	churn->connections = load_make_connections(options->nconnections, 0);
	churn->begun_ns = load_allocate(options->nconnections, sizeof *churn->begun_ns);
}

static void
run_churn(struct run *run)
{
	const struct run_calls calls = { .ready = ready };
	struct churn churn = { .run = run };

	prepare(&churn);
	run_begin(run);
	for (unsigned i = 0; i < run->options->nconnections; i++)
		begin(&churn, &churn.connections[i]);
	run_loop(run, &calls, &churn);
	load_free_connections(churn.connections, run->options->nconnections);
	free(churn.begun_ns);
}

const struct load load_churn = {
	.name = "churn",
	.default_connections = 50,
	.default_dialect = &dialect_lines,
	.max_in_flight = 1,
	.is_echo = true,
	.is_for = load_is_for_echo,
	.dialects = LOAD_ECHO_DIALECTS,
	.run = run_churn,
};
