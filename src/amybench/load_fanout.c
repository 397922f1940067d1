/* SPDX-License-Identifier: MIT */
/*
 * load_fanout.c - one connection publishes lines of a subject, and all others read them.
 *
 * Without a rate, a batch of lines is published, and the next one when every reader has it all.
 */
#include <sysexits.h>

#include "clock.h"
#include "load.h"
#include "opening.h"
#include "say.h"

/* The publisher is connection 0; the readers are 1 and so on. */
#define PUBLISHER 0

/* Between two lines that are to show that readers are there. */
#define TUNING_MS 10

/* Owner: load_fanout's run. */
struct fanout {
	struct run *run;
	struct phrases phrases;
	struct talk publishing, following, reading;
	struct target target, readers_target;
	struct connection *connections; /* 1 + nreaders */
	unsigned nreaders;
	uint64_t nleft;   /* deliveries of the batch that are to come */
	uint64_t sent_ns; /* the batch */
};

/* ---- Readers that nobody tells that they are heard ---------------------------------- */

static void
tune_in(struct fanout *fanout, struct connection *reader, unsigned *ntuned)
{
	uint64_t n;

	if (!connection_hear(reader, &fanout->following, &n))
		run_fail_closed(fanout->run, reader);
	if (n == 0 || reader->state == CONNECTION_OPEN)
		return;
	reader->state = CONNECTION_OPEN;
	run_heard(fanout->run, 1);
	++*ntuned;
}

static void
publish_bytes(struct fanout *fanout, const struct form *form)
{
	struct connection *publisher = &fanout->connections[PUBLISHER];

	if (!connection_say_bytes(publisher, form->prefix, form->nbytes))
		run_fail_closed(fanout->run, publisher);
}

static void
check_patience(const struct fanout *fanout, unsigned ntuned)
{
	if (run_has_lost_patience(fanout->run))
		fail(EX_TEMPFAIL,
		     "%u of %u readers have seen what was published: does what goes in at %s "
		     "come "
		     "out at %s?",
		     ntuned, fanout->nreaders, fanout->target.name,
		     fanout->readers_target.name);
}

/*
 * A connection may be made long before the server knows of it. So a line is published again
 * and again, until every reader has seen it.
 */
static void
tune_all(struct fanout *fanout)
{
	struct amy_notification events[RUN_MAX_EVENTS];
	uint64_t published_ns = 0;
	unsigned ntuned = 0;

	for (unsigned i = 1; i <= fanout->nreaders; i++)
		fanout->connections[i].state = CONNECTION_GREETING;
	run_expect(fanout->run, fanout->nreaders);
	while (ntuned < fanout->nreaders) {
		int n;

		if (clock_ns() - published_ns > TUNING_MS * NS_PER_MS) {
			publish_bytes(fanout, &fanout->phrases.following);
			published_ns = clock_ns();
		}
		n = run_wait(fanout->run, events, TUNING_MS);
		for (int i = 0; i < n; i++)
			if (run_number(events[i].id) != PUBLISHER)
				tune_in(fanout, &fanout->connections[run_number(events[i].id)],
				        &ntuned);
		check_patience(fanout, ntuned);
	}
	for (unsigned i = 1; i <= fanout->nreaders; i++)
		fanout->connections[i].nheard = 0;
}

/* ---- Publishing -------------------------------------------------------------------- */

/* What a line leads to: a delivery to each reader, and a word to the publisher. */
static unsigned
nreplies(const struct fanout *fanout)
{
	return fanout->nreaders + (fanout->phrases.published.nbytes > 0);
}

static void
say_lines(void *load, unsigned number, uint64_t n)
{
	struct fanout *fanout = load;
	struct connection *publisher = &fanout->connections[number];

	fanout->sent_ns = fanout->run->now_ns;
	fanout->nleft += n * fanout->nreaders;
	if (fanout->run->phase == PHASE_MEASURE && fanout->run->options->rate == 0)
		fanout->run->npublished += n;
	run_expect(fanout->run, n * nreplies(fanout));
	if (!connection_say(publisher, &fanout->publishing, n))
		run_fail_closed(fanout->run, publisher);
	run_watch(fanout->run, publisher);
}

static void
hear_publisher(struct fanout *fanout, struct connection *publisher)
{
	uint64_t n;

	if (!connection_hear(publisher, &fanout->publishing, &n))
		run_fail_closed(fanout->run, publisher);
	if (publisher->nheard > publisher->nsaid)
		connection_fail_surplus(publisher, publisher->nheard - publisher->nsaid);
	if (n > 0)
		run_heard(fanout->run, n);
}

static void
hear_reader(struct fanout *fanout, struct connection *reader)
{
	struct run *run = fanout->run;
	uint64_t n;

	if (!connection_hear(reader, &fanout->reading, &n))
		run_fail_closed(run, reader);
	if (n == 0)
		return;
	if (reader->nheard > fanout->connections[PUBLISHER].nsaid)
		connection_fail_surplus(reader, n);
	run_heard(run, n);
	if (run->options->rate == 0)
		run_note(run, fanout->sent_ns, n);
	for (uint64_t i = reader->nheard - n; run->options->rate > 0 && i < reader->nheard; i++)
		run_note(run, run_due_ns(run, i), 1);
	fanout->nleft -= n;
	if (fanout->nleft == 0 && run_goes_on(run))
		say_lines(fanout, PUBLISHER, run->options->nin_flight);
}

static void
ready(void *load, unsigned number, unsigned events)
{
	struct fanout *fanout = load;
	struct connection *connection = &fanout->connections[number];
	const struct talk *talk = number == PUBLISHER ? &fanout->publishing : &fanout->reading;

	if ((events & AMY_WRITE) != 0 && !connection_flush(connection, talk))
		run_fail_closed(fanout->run, connection);
	if ((events & ~(unsigned)AMY_WRITE) != 0 && number == PUBLISHER)
		hear_publisher(fanout, connection);
	else if ((events & ~(unsigned)AMY_WRITE) != 0)
		hear_reader(fanout, connection);
	run_watch(fanout->run, connection);
}

/* ---- Beginning --------------------------------------------------------------------- */

static void
prepare(struct fanout *fanout)
{
	const struct options *options = fanout->run->options;
	const struct phrases *phrases = &fanout->phrases;
	const struct talk nothing = { .dialect = options->dialect, .phrases = phrases };

	load_prepare(options, &fanout->phrases);
	fanout->publishing = fanout->following = fanout->reading = nothing;
	fanout->publishing.say = &phrases->publish;
	fanout->publishing.hear = &phrases->published;
	fanout->following.hear = &phrases->following;
	fanout->reading.hear = &phrases->delivery;
	target_init(&fanout->target, options->address, options->spreads_sources);
	fanout->readers_target = fanout->target;
	if (options->second_address != NULL)
		target_init(&fanout->readers_target, options->second_address,
		            options->spreads_sources);
}

/* What is said to the publisher is left until the load begins. */
static void
open_all(struct fanout *fanout)
{
	static const struct form no_form;
	const struct phrases *phrases = &fanout->phrases;
	const struct talk silent = {
		.dialect = fanout->run->options->dialect,
		.phrases = phrases,
		.hear = &no_form,
	};
	const struct greeting publisher = {
		.target = &fanout->target,
		.words = { &phrases->hello },
		.talk = &silent,
	};
	const struct greeting reader = {
		.target = &fanout->readers_target,
		.words = { &phrases->hello, &phrases->follow },
		.talk = &fanout->following,
	};

	opening_run(fanout->run, &publisher, fanout->connections, 1, NULL);
	run_unwatch(fanout->run, &fanout->connections[PUBLISHER]);
	opening_run(fanout->run, &reader, fanout->connections + 1, fanout->nreaders, NULL);
	if (phrases->is_tuned)
		tune_all(fanout);
}

/* What a reader is to see next is what the publisher says next. */
static void
join_texts(struct fanout *fanout)
{
	for (unsigned i = 1; i <= fanout->nreaders; i++)
		fanout->connections[i].to_hear = fanout->connections[PUBLISHER].to_say;
}

static void
run_fanout(struct run *run)
{
	struct fanout fanout = { .run = run, .nreaders = run->options->nconnections };
	struct run_calls calls = {
		.ready = ready,
		.say = say_lines,
		.first = PUBLISHER,
		.n = 1,
	};

	prepare(&fanout);
	calls.nreplies = nreplies(&fanout);
	fanout.connections = load_make_connections(1 + fanout.nreaders, PUBLISHER);
	open_all(&fanout);
	join_texts(&fanout);
	run_begin(run);
	if (run->options->rate == 0)
		say_lines(&fanout, PUBLISHER, run->options->nin_flight);
	run_loop(run, &calls, &fanout);
	if (run->options->rate > 0) /* of each line that counts, every delivery does */
		run->npublished = run->nlines / fanout.nreaders;
	load_free_connections(fanout.connections, 1 + fanout.nreaders);
}

static bool
is_for(const struct dialect *dialect)
{
	return dialect->has_fanout;
}

const struct load load_fanout = {
	.name = "fanout",
	.default_connections = 10,
	.default_dialect = &dialect_amyd,
	.max_in_flight = 4096,
	.can_pace = true,
	.is_for = is_for,
	.dialects = "amyd, raw, redis or nats",
	.run = run_fanout,
};
