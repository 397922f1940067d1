/* SPDX-License-Identifier: MIT */
/* How the daemon is: what status.c finds of two handlers, and what they count for it. */
#include "hits.h"
#include "status.h"
#include "two_handlers.h"

static struct conf_listener listeners[2];
static struct conf_history histories[] = {
	{ .name = (char[]){ "logs" }, .match = (char[]){ "log.>" }, .lines = 2, .bytes = 65536 },
};
static struct conf_target list[] = {
	{ .kind = CONF_TARGET_FILE, .text = (char[]){ "file:/x" } },
	{ .kind = CONF_TARGET_FILE, .text = (char[]){ "file:/x" } },
	{ .kind = CONF_TARGET_SUBJECT, .text = (char[]){ "subject:y" }, .name = "y" },
};
static struct conf_rule rules[] = {
	{ .name = (char[]){ "r" }, .match = (char[]){ "log.>" }, .queue = 4096, .targets = list, .ntargets = 3 },
};
static char here[] = "127.0.0.1:0", there[] = "/run/x", other[] = "other";
static struct hits hits[NVIEWS];

static void
wake_nobody(struct sink *sink)
{
	(void)sink;
}

static void
start(void)
{
	listeners[0] = listeners[1] = listener;
	listeners[0].address = here;
	listeners[1].address = there;
	listeners[1].name = other;
	listeners[1].mode = CONF_MODE_ECHO;
	conf.listeners = listeners;
	conf.nlisteners = 2;
	conf.histories = histories;
	conf.nhistories = 1;
	conf.rules = rules;
	conf.nrules = 1;
	memset(hits, 0, sizeof hits);
	start_router();
}

static void
end_turn(unsigned i)
{
	hits_turn(&hits[i], &views[i]);
}

START_TEST(what_there_is_is_told)
{
	struct visitor *reader, *writer;
	struct sink *sinks[2];
	struct status status;

	start();
	for (int i = 0; i < 2; i++) {
		sinks[i] = sink_create(&rules[0], &list[i], wake_nobody, NULL);
		router->policy.sinks[0][(size_t)i] = sinks[i];
	}
	reader = make_visitor(0);
	writer = make_visitor(1);
	follow(reader, "log.>");
	set_name(writer, "ann");
	for (int i = 0; i < 3; i++)
		pub_stored(writer, "log.a", "x");
	keep(writer, "kept", "y");
	settle();
	MUST(status_collect(router, &status) == 0);
	MUST(status.nclients == 2 && status.nnames == 1 && status.nsubscriptions == 1);
	MUST(status.counters[STAT_LINES_PUBLISHED] == 7); /* by the rule, too */
	MUST(status.nhandlers == 2);
	MUST(status.handlers[0].nclients == 1 && status.handlers[1].nclients == 1);
	MUST(status.handlers[0].ndelivered == 3 && status.handlers[1].npublished == 7);
	MUST(status.nlisteners == 2);
	MUST(strcmp(status.listeners[0].name, "main") == 0);
	MUST(strcmp(status.listeners[0].mode, "command") == 0);
	MUST(status.listeners[0].nclients == 2 && status.listeners[0].naccepted == 2);
	MUST(strcmp(status.listeners[1].name, "other") == 0);
	MUST(strcmp(status.listeners[1].mode, "echo") == 0);
	MUST(status.listeners[1].nclients == 0);
	MUST(status.ntargets == 1); /* the same one twice is one */
	MUST(strcmp(status.targets[0].rule, "r") == 0);
	MUST(strcmp(status.targets[0].target, "file:/x") == 0);
	MUST(status.targets[0].usage.nput == 6 && status.targets[0].usage.nqueued == 6);
	MUST(status.nsections == 1 && strcmp(status.sections[0].name, "logs") == 0);
	MUST(status.sections[0].nlines == 2 && status.sections[0].nforgotten == 1);
	MUST(status.seq == 4 && status.nkept == 1);
	MUST(status.nslowest == 0);
	MUST(!status.is_draining && !status.is_stuck);
	MUST(status.usage.resident_bytes > 0 && status.usage.cpu_seconds >= 0);
	/* The harness counts ".", ".." and what it counts with, too. */
	MUST(kernel_is_emulated() || status.usage.descriptors == count_descriptors() - 3);
	status_fini(&status);
	leave(reader);
	MUST(status_collect(router, &status) == 0);
	MUST(status.nclients == 1 && status.listeners[0].nclients == 1);
	MUST(status.listeners[0].naccepted == 2 && status.handlers[0].nclients == 0);
	status_fini(&status);
	for (int i = 0; i < 2; i++)
		sink_destroy(sinks[i]);
	end_router();
}
END_TEST

/* The names are copies: those of the configuration may go. */
START_TEST(status_outlives_what_it_tells_of)
{
	struct visitor *visitor;
	struct status status;

	start();
	visitor = make_visitor(0);
	atomic_store(&visitor->session->client.queued, 5);
	MUST(status_collect(router, &status) == 0);
	atomic_store(&visitor->session->client.queued, 0);
	listeners[0].name[0] = 'M';
	leave(visitor);
	MUST(strcmp(status.listeners[0].name, "main") == 0);
	MUST(status.nslowest == 1 && strcmp(status.slowest[0].listener, "main") == 0);
	status_fini(&status);
	listeners[0].name[0] = 'm';
	end_router();
}
END_TEST

START_TEST(slowest_clients_are_those_for_whom_most_waits)
{
	static const unsigned queued[] = { 5, 0, 900, 30, 7, 900, 1, 2, 3, 4, 6, 8, 9, 10 };
	enum { N = sizeof queued / sizeof queued[0] };
	struct visitor *guests[N];
	struct status status;

	start();
	for (int i = 0; i < N; i++) {
		guests[i] = make_visitor((unsigned)i % NVIEWS);
		atomic_store(&guests[i]->session->client.queued, queued[i]);
	}
	MUST(status_collect(router, &status) == 0);
	MUST(status.nslowest == STATUS_MAX_SLOWEST);
	for (int i = 1; i < STATUS_MAX_SLOWEST; i++)
		MUST(status.slowest[i - 1].queued >= status.slowest[i].queued);
	MUST(status.slowest[0].queued == 900 && status.slowest[1].queued == 900);
	MUST(status.slowest[2].queued == 30);
	MUST(status.slowest[STATUS_MAX_SLOWEST - 1].queued == 4);
	status_fini(&status);
	for (int i = 0; i < N; i++)
		atomic_store(&guests[i]->session->client.queued, 0);
	end_router();
}
END_TEST

START_TEST(out_of_memory_there_is_no_status_and_nothing_leaks)
{
	struct status status;
	long live;
	unsigned nth = 1;

	start();
	atomic_store(&make_visitor(0)->session->client.queued, 5);
	live = fault_live_allocations();
	for (;; nth++) {
		fault_set(FAULT_ALLOCATION, nth, ENOMEM);
		if (status_collect(router, &status) == 0)
			break;
		MUST(errno == ENOMEM);
		MUST(fault_clear());
		MUST(fault_live_allocations() == live);
	}
	MUST(nth > 8);
	status_fini(&status);
	fault_clear();
	MUST(fault_live_allocations() == live);
	atomic_store(&visitors[0].session->client.queued, 0);
	end_router();
}
END_TEST

START_TEST(busiest_subjects_are_told_after_a_second)
{
	struct visitor *writer;
	struct busiest_rate rates[4];

	start();
	writer = make_visitor(1);
	views[1].is_watched = true;
	end_turn(1);
	MUST(views[1].timers.n == 0); /* no line, no timer */
	for (int i = 0; i < 30; i++)
		pub(writer, i % 3 == 0 ? "a" : "b", "x");
	end_turn(1);
	MUST(busiest_look(router->busiest, now_ms, rates, 4) == 0);
	pass(1000);
	MUST(busiest_look(router->busiest, now_ms, rates, 4) == 2);
	MUST(memcmp(rates[0].subject, "b", 1) == 0 && rates[0].lines_per_second == 20);
	MUST(memcmp(rates[1].subject, "a", 1) == 0 && rates[1].lines_per_second == 10);
	end_turn(1);
	MUST(views[1].timers.n == 0);
	settle();
	end_router();
}
END_TEST

/* More subjects than the cache has places: what is pushed out of it is counted. */
START_TEST(subjects_that_lose_their_place_are_counted)
{
	struct visitor *writer;
	struct busiest_rate rates[1];
	char subject[32];

	start();
	writer = make_visitor(0);
	views[0].is_watched = true;
	for (int i = 0; i < 5000; i++) {
		snprintf(subject, sizeof subject, "light.%d", i);
		pub(writer, i % 4 == 0 ? "heavy" : subject, "x");
		end_turn(0);
	}
	pass(1000);
	MUST(busiest_look(router->busiest, now_ms, rates, 1) == 1);
	MUST(rates[0].nsubject == 5 && memcmp(rates[0].subject, "heavy", 5) == 0);
	MUST(rates[0].lines_per_second >= 1250);
	MUST(rates[0].lines_per_second <= 1250 + 5000.0 / BUSIEST_ROOM);
	settle();
	end_router();
}
END_TEST

START_TEST(nothing_is_counted_while_nobody_watches)
{
	struct visitor *writer;
	struct busiest_rate rates[1];

	start();
	writer = make_visitor(0);
	pub(writer, "a", "x");
	end_turn(0);
	MUST(views[0].sketch == NULL && views[0].timers.n == 0);
	views[0].is_watched = true;
	pub(writer, "b", "x");
	end_turn(0);
	views[0].is_watched = false;
	end_turn(0);
	MUST(views[0].sketch == NULL && views[0].timers.n == 0);
	views[0].is_watched = true;
	pub(writer, "c", "x");
	end_turn(0);
	pass(1000);
	MUST(busiest_look(router->busiest, now_ms, rates, 1) == 1);
	MUST(memcmp(rates[0].subject, "c", 1) == 0);
	settle();
	end_router();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("status",
	    what_there_is_is_told,
	    status_outlives_what_it_tells_of,
	    slowest_clients_are_those_for_whom_most_waits,
	    out_of_memory_there_is_no_status_and_nothing_leaks,
	    busiest_subjects_are_told_after_a_second,
	    subjects_that_lose_their_place_are_counted,
	    nothing_is_counted_while_nobody_watches);
}
