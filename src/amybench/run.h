/* SPDX-License-Identifier: MIT */
/*
 * run.h - one run of a load: its clock and phases, what it waits for, and what it counts.
 *
 * Without a rate (closed loop) what is answered while it measures counts, from the time it was
 * sent. With one, the lines that are due while it measures count, from the time they are due:
 * so a server that stands still is charged for all that was to come meanwhile.
 */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <amy.h>

#include "clock.h"
#include "connection.h"
#include "histogram.h"
#include "options.h"

/* More lines than that are not left unanswered at a fixed rate. */
#define RUN_MAX_OUTSTANDING 1000000

/* A server that says nothing for so long while lines are unanswered is given up. */
#define RUN_PATIENCE_NS (10 * NS_PER_S)

/* At most that many events at once. */
#define RUN_MAX_EVENTS 256

enum phase {
	PHASE_OPENING,
	PHASE_WARM_UP, /* the load runs, and is not counted */
	PHASE_MEASURE,
	PHASE_DRAIN, /* nothing new is said; what is outstanding is waited for */
};

/* Owner: main. */
struct run {
	const struct options *options;
	struct amy_wait_set *set;
	int signal_fd, timer_fd;
	enum phase phase;
	bool is_interrupted;
	bool shows_progress;
	uint64_t now_ns; /* when the last wait was over, or the last reply came */
	uint64_t begin_ns, measure_ns, end_ns;
	uint64_t heard_ns;     /* when something came, or was first waited for */
	uint64_t noutstanding; /* what was said, or is due, and is not answered */
	uint64_t ndue;         /* at a fixed rate: lines that were due so far */

	/* What is measured. */
	struct histogram latency;
	uint64_t nlines, npublished;
	uint64_t server_cpu_ns, own_cpu_ns;

	/* Of idle: the time, and the CPU time, that it took to open all connections, and the
	   memory by which the server has grown meanwhile. */
	uint64_t opening_ns, opening_cpu_ns, opening_own_cpu_ns;
	int64_t server_bytes;

	/* Of the progress line. */
	uint64_t shown_ns, shown_nlines;
};

/* What a load does. The number is that of a connection. */
struct run_calls {
	/* AMY_ events of a connection. */
	void (*ready)(void *load, unsigned number, unsigned events);
	/* At a fixed rate: n more lines are due on it. */
	void (*say)(void *load, unsigned number, uint64_t n);
	/* Those whom the rate is shared among, in turn, are first to first + n - 1. */
	unsigned first, n;
	/* How many replies one line leads to. */
	unsigned nreplies;
};

void run_init(struct run *run, const struct options *options);
void run_fini(struct run *run);

/* Whether new lines are said after the answers to old ones. */
bool run_goes_on(const struct run *run);

/* Warm up, measure, drain. Ends earlier when it is interrupted. */
void run_loop(struct run *run, const struct run_calls *calls, void *load);

/*
 * The beginning of the warm-up, which run_loop() is for, has come: the load says its first
 * lines behind it.
 */
void run_begin(struct run *run);

/*
 * Wait at most timeout_ms for connections. Signals are dealt with. Returns how many events; the
 * id is run_number() of the connection.
 */
int run_wait(struct run *run, struct amy_notification events[RUN_MAX_EVENTS], int timeout_ms);
unsigned run_number(amy_id id);

/* Wait for what the connection needs; it may be in the set or not. */
void run_watch(struct run *run, struct connection *connection);
/* Before it is closed. */
void run_unwatch(struct run *run, struct connection *connection);

/* n more replies are to come. */
void run_expect(struct run *run, uint64_t n);

/* n of them have come now. */
void run_heard(struct run *run, uint64_t n);

/* n lines were answered now that were sent, or due, then. */
void run_note(struct run *run, uint64_t then_ns, uint64_t n);

/* When the line of that number is due, at a fixed rate; 0 is the first of all. */
uint64_t run_due_ns(const struct run *run, uint64_t number);

/* End the program: the server has closed it (errno says how; 0: orderly). */
void run_fail_closed(const struct run *run, const struct connection *connection)
    __attribute__((noreturn));

/* Nothing has come for too long; and: if so, end the program. */
bool run_has_lost_patience(const struct run *run);
void run_check_patience(const struct run *run);

#endif
