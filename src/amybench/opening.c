/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "clock.h"
#include "opening.h"
#include "say.h"

/* So many are on their way at a time: what servers have queues for. */
#define WINDOW 64
#define WAIT_MS 1000

/* Owner: opening_run(). */
struct opening {
	struct run *run;
	const struct greeting *greeting;
	struct connection *connections;
	unsigned n, nbegun, nopen;
	struct histogram *latency;
};

void
greeting_say(const struct greeting *greeting, struct run *run, struct connection *connection)
{
	bool is_open = true;

	dial_check(greeting->target, connection->fd);
	for (int i = 0; i < 2 && is_open; i++)
		if (greeting->words[i] != NULL)
			is_open = connection_say_bytes(connection, greeting->words[i]->prefix,
			                               greeting->words[i]->nbytes);
	if (is_open && greeting->talk->say != NULL)
		is_open = connection_say(connection, greeting->talk, 1);
	if (!is_open)
		run_fail_closed(run, connection);
	connection->state = CONNECTION_GREETING;
}

static void
finish(struct opening *opening, struct connection *connection)
{
	uint64_t sent_ns;

	if (stamps_pop(&connection->stamps, 1, &sent_ns) == 1 && opening->latency != NULL)
		histogram_add(opening->latency, clock_ns() - sent_ns, 1);
	connection->state = CONNECTION_OPEN;
	connection->nsaid = connection->nheard = 0;
	opening->nopen++;
	run_heard(opening->run, 1);
}

static void
hear(struct opening *opening, struct connection *connection)
{
	uint64_t n;

	if (!connection_hear(connection, opening->greeting->talk, &n))
		run_fail_closed(opening->run, connection);
	if (n > (connection->state == CONNECTION_GREETING))
		connection_fail_surplus(connection, n);
	if (n == 1)
		finish(opening, connection);
}

static void
ready(struct opening *opening, struct connection *connection, unsigned events)
{
	const struct talk *talk = opening->greeting->talk;

	if (connection->state == CONNECTION_CONNECTING) {
		greeting_say(opening->greeting, opening->run, connection);
		if (talk->hear->nbytes == 0 || talk->phrases->is_tuned)
			finish(opening, connection);
	} else {
		if ((events & AMY_WRITE) != 0 && !connection_flush(connection, talk))
			run_fail_closed(opening->run, connection);
		if ((events & ~(unsigned)AMY_WRITE) != 0)
			hear(opening, connection);
	}
	run_watch(opening->run, connection);
}

static void
begin_some(struct opening *opening)
{
	while (opening->nbegun < opening->n && opening->nbegun - opening->nopen < WINDOW) {
		struct connection *connection = &opening->connections[opening->nbegun++];

		connection_open(connection, opening->greeting->target);
		run_expect(opening->run, 1);
		run_watch(opening->run, connection);
	}
}

/* That it cannot be connected to is told apart from that it does not answer. */
static void
check_patience(const struct opening *opening)
{
	if (!run_has_lost_patience(opening->run))
		return;
	for (unsigned i = 0; i < opening->nbegun; i++)
		if (opening->connections[i].state == CONNECTION_CONNECTING)
			dial_give_up(opening->greeting->target);
	run_check_patience(opening->run);
}

void
opening_run(struct run *run, const struct greeting *greeting, struct connection *connections,
            unsigned n, struct histogram *latency)
{
	struct opening opening = {
		.run = run,
		.greeting = greeting,
		.connections = connections,
		.n = n,
		.latency = latency,
	};
	struct amy_notification events[RUN_MAX_EVENTS];
	unsigned first = connections[0].number;

	begin_some(&opening);
	while (opening.nopen < n) {
		int nevents = run_wait(run, events, WAIT_MS);

		for (int i = 0; i < nevents; i++)
			ready(&opening, &connections[run_number(events[i].id) - first],
			      events[i].events);
		begin_some(&opening);
		check_patience(&opening);
	}
}
