/* SPDX-License-Identifier: MIT */
/*
 * load_echo.c - each connection sends lines, and gets each back.
 */
#include "load.h"
#include "opening.h"

/* Owner: load_echo's run. */
struct echo {
	struct run *run;
	struct phrases phrases;
	struct talk talk;
	struct connection *connections;
};

static void
say_lines(void *load, unsigned number, uint64_t n)
{
	struct echo *echo = load;
	struct connection *connection = &echo->connections[number];

	run_expect(echo->run, n);
	if (!connection_say(connection, &echo->talk, n))
		run_fail_closed(echo->run, connection);
	run_watch(echo->run, connection);
}

/* In the closed loop: lines that are sent together have one time, and so have replies. */
static void
note_by_stamps(struct echo *echo, struct connection *connection, uint64_t n)
{
	uint64_t sent_ns, nthen;

	for (; n > 0; n -= nthen) {
		nthen = stamps_pop(&connection->stamps, n, &sent_ns);
		run_note(echo->run, sent_ns, nthen);
	}
}

/* At a fixed rate: line i of connection c is the line i * nconnections + c of all. */
static void
note_by_due(struct echo *echo, struct connection *connection, uint64_t n)
{
	unsigned nconnections = echo->run->options->nconnections;

	for (uint64_t i = connection->nheard - n; i < connection->nheard; i++)
		run_note(echo->run,
		         run_due_ns(echo->run, i * nconnections + connection->number), 1);
}

static void
hear(struct echo *echo, struct connection *connection)
{
	uint64_t n;

	if (!connection_hear(connection, &echo->talk, &n))
		run_fail_closed(echo->run, connection);
	if (n == 0)
		return;
	if (connection->nheard > connection->nsaid)
		connection_fail_surplus(connection, connection->nheard - connection->nsaid);
	run_heard(echo->run, n);
	if (echo->run->options->rate > 0)
		note_by_due(echo, connection, n);
	else
		note_by_stamps(echo, connection, n);
	if (run_goes_on(echo->run))
		say_lines(echo, connection->number, n);
}

static void
ready(void *load, unsigned number, unsigned events)
{
	struct echo *echo = load;
	struct connection *connection = &echo->connections[number];

	if ((events & AMY_WRITE) != 0) {
		if (!connection_flush(connection, &echo->talk))
			run_fail_closed(echo->run, connection);
		run_watch(echo->run, connection);
	}
	if ((events & ~(unsigned)AMY_WRITE) != 0)
		hear(echo, connection);
}

static void
run_echo(struct run *run)
{
	const struct options *options = run->options;
	struct echo echo = { .run = run };
	struct target target;
	const struct run_calls calls = {
		.ready = ready,
		.say = say_lines,
		.n = options->nconnections,
		.nreplies = 1,
	};
	const struct greeting greeting = {
		.target = &target,
		.words = { &echo.phrases.hello },
		.talk = &echo.talk,
	};

	load_prepare(options, &echo.phrases);
	echo.talk = (struct talk){
		.dialect = options->dialect,
		.phrases = &echo.phrases,
		.say = &echo.phrases.ask,
		.hear = &echo.phrases.answer,
		.has_stamps = options->rate == 0,
	};
	target_init(&target, options->address, options->spreads_sources);
	echo.connections = load_make_connections(options->nconnections, 0);
	opening_run(run, &greeting, echo.connections, options->nconnections, NULL);
	run_begin(run);
	for (unsigned i = 0; i < options->nconnections && options->rate == 0; i++)
		say_lines(&echo, i, options->nin_flight);
	run_loop(run, &calls, &echo);
	load_free_connections(echo.connections, options->nconnections);
}

const struct load load_echo = {
	.name = "echo",
	.default_connections = 50,
	.default_dialect = &dialect_lines,
	.max_in_flight = 4096,
	.can_pace = true,
	.is_echo = true,
	.is_for = load_is_for_echo,
	.dialects = LOAD_ECHO_DIALECTS,
	.run = run_echo,
};
