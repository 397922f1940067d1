/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "load.h"
#include "run.h"
#include "say.h"
#include "units_text.h"

/* By these the set knows what is no connection; those have their number and ID_FIRST. */
enum {
	ID_SIGNAL = 1,
	ID_TIMER,
	ID_FIRST,
};

#define MAX_WAIT_MS 1000
#define OUTSTANDING_TEXT 64
#define PROGRESS_NS NS_PER_S
#define PROGRESS_MIN_NS (2 * NS_PER_S)

/* ---- Beginning and end ------------------------------------------------------------- */

/* INT and TERM are read from a descriptor, so that they come when it suits. */
static int
open_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) == -1)
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

void
run_init(struct run *run, const struct options *options)
{
	memset(run, 0, sizeof *run);
	run->options = options;
	run->shows_progress = !options->is_quiet && isatty(STDERR_FILENO) &&
	                      options->warm_up_ns + options->duration_ns > PROGRESS_MIN_NS;
	histogram_init(&run->latency);
	run->signal_fd = open_signals();
	run->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	run->set = amy_wait_set_create();
	if (run->signal_fd == -1 || run->timer_fd == -1 || run->set == NULL ||
	    amy_wait_set_add(run->set, run->signal_fd, AMY_READ, ID_SIGNAL) == -1 ||
	    amy_wait_set_add(run->set, run->timer_fd, AMY_READ, ID_TIMER) == -1)
		fail_errno("what is waited for");
	run->now_ns = clock_ns();
	processes_cpu_ns(&options->server); /* they are there, and may be looked at */
}

void
run_fini(struct run *run)
{
	amy_wait_set_destroy(run->set);
	close(run->timer_fd);
	close(run->signal_fd);
}

/* ---- Waiting ----------------------------------------------------------------------- */

unsigned
run_number(amy_id id)
{
	return (unsigned)(id - ID_FIRST);
}

void
run_watch(struct run *run, struct connection *connection)
{
	unsigned interest = AMY_READ;
	amy_id id = ID_FIRST + (amy_id)connection->number;
	int rc = 0;

	if (connection->state == CONNECTION_CONNECTING || connection_has_more(connection))
		interest |= AMY_WRITE;
	if (connection->waits_for == 0)
		rc = amy_wait_set_add(run->set, connection->fd, interest, id);
	else if (connection->waits_for != interest)
		rc = amy_wait_set_modify(run->set, connection->fd, interest, id);
	if (rc == -1)
		fail_errno("a connection cannot be waited for");
	connection->waits_for = interest;
}

void
run_unwatch(struct run *run, struct connection *connection)
{
	if (connection->waits_for != 0)
		amy_wait_set_remove(run->set, connection->fd);
	connection->waits_for = 0;
}

static const char *
format_outstanding(const struct run *run, char text[OUTSTANDING_TEXT])
{
	bool is_one = run->noutstanding == 1;
	const char *what;

	if (run->phase == PHASE_OPENING)
		what = is_one ? "connection was being opened" : "connections were being opened";
	else
		what = is_one ? "line was outstanding" : "lines were outstanding";
	snprintf(text, OUTSTANDING_TEXT, "%" PRIu64 " %s", run->noutstanding, what);
	return text;
}

/* The second one does not wait for anything. */
static void
take_signal(struct run *run)
{
	struct signalfd_siginfo info;
	char text[OUTSTANDING_TEXT];

	if (read(run->signal_fd, &info, sizeof info) != sizeof info)
		return;
	if (run->phase == PHASE_OPENING || run->is_interrupted)
		fail(EX_TEMPFAIL, "interrupted; %s", format_outstanding(run, text));
	run->is_interrupted = true;
}

int
run_wait(struct run *run, struct amy_notification events[RUN_MAX_EVENTS], int timeout_ms)
{
	int n = amy_wait_set_wait(run->set, events, RUN_MAX_EVENTS, timeout_ms), nleft = 0;

	if (n == -1)
		fail_errno("waiting");
	run->now_ns = clock_ns();
	for (int i = 0; i < n; i++) {
		if (events[i].id == ID_SIGNAL)
			take_signal(run);
		else if (events[i].id != ID_TIMER)
			events[nleft++] = events[i];
	}
	return nleft;
}

/* ---- Counting ---------------------------------------------------------------------- */

bool
run_goes_on(const struct run *run)
{
	return run->options->rate == 0 && run->phase != PHASE_DRAIN;
}

void
run_expect(struct run *run, uint64_t n)
{
	if (run->noutstanding == 0)
		run->heard_ns = run->now_ns;
	run->noutstanding += n;
}

void
run_heard(struct run *run, uint64_t n)
{
	run->now_ns = run->heard_ns = clock_ns();
	run->noutstanding -= n;
}

static bool
is_counted(const struct run *run, uint64_t then_ns)
{
	if (run->options->rate == 0)
		return run->phase == PHASE_MEASURE;
	return then_ns >= run->measure_ns && then_ns < run->end_ns;
}

void
run_note(struct run *run, uint64_t then_ns, uint64_t n)
{
	if (!is_counted(run, then_ns))
		return;
	run->nlines += n;
	histogram_add(&run->latency, run->now_ns - then_ns, n);
}

void
run_fail_closed(const struct run *run, const struct connection *connection)
{
	char text[OUTSTANDING_TEXT], words[CONNECTION_MAX_SHOWN];
	int error = errno;

	connection_last_words(connection, words);
	fail(EX_TEMPFAIL, "the server closed connection %u%s%s; %s%s%s", connection->number,
	     error == 0 ? "" : ": ", error == 0 ? "" : strerror(error),
	     format_outstanding(run, text), *words == '\0' ? "" : "; its last words: ", words);
}

bool
run_has_lost_patience(const struct run *run)
{
	return run->noutstanding > 0 && run->now_ns - run->heard_ns >= RUN_PATIENCE_NS;
}

void
run_check_patience(const struct run *run)
{
	char text[OUTSTANDING_TEXT];

	if (run_has_lost_patience(run))
		fail(EX_TEMPFAIL, "the server has given no answer for %u s; %s",
		     (unsigned)(RUN_PATIENCE_NS / NS_PER_S), format_outstanding(run, text));
}

/* ---- A fixed rate ------------------------------------------------------------------ */

uint64_t
run_due_ns(const struct run *run, uint64_t number)
{
	uint64_t rate = run->options->rate;

	return run->begin_ns + number / rate * NS_PER_S + number % rate * NS_PER_S / rate;
}

/* How many are due until then. */
static uint64_t
ndue_until(const struct run *run, uint64_t ns)
{
	uint64_t rate = run->options->rate, elapsed = ns - run->begin_ns;

	return elapsed / NS_PER_S * rate + elapsed % NS_PER_S * rate / NS_PER_S + 1;
}

/* 0: not any more. */
static void
set_timer(const struct run *run, uint64_t ns)
{
	const struct itimerspec at = {
		.it_value = { .tv_sec = (time_t)(ns / NS_PER_S),
		              .tv_nsec = (long)(ns % NS_PER_S) },
	};

	if (timerfd_settime(run->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == -1)
		fail_errno("timer");
}

static void
check_outstanding(const struct run *run, uint64_t nlines)
{
	char count[UNITS_TEXT], rate[UNITS_TEXT];

	if (nlines > RUN_MAX_OUTSTANDING)
		fail(EX_TEMPFAIL,
		     "%s lines are unanswered: it does not keep up with %s lines a second: "
		     "lower -r",
		     units_count(nlines, count), units_count(run->options->rate, rate));
}

/* What is due goes to the connections in turn; several lines for one of them go at once. */
static void
say_due(struct run *run, const struct run_calls *calls, void *load)
{
	uint64_t until = run->now_ns < run->end_ns ? run->now_ns : run->end_ns - 1;
	uint64_t ndue = ndue_until(run, until) - run->ndue;
	uint64_t n = ndue < calls->n ? ndue : calls->n;

	check_outstanding(run, run->noutstanding / calls->nreplies + ndue);
	for (uint64_t i = 0; i < n; i++)
		calls->say(load, calls->first + (unsigned)((run->ndue + i) % calls->n),
		           (ndue - i + calls->n - 1) / calls->n);
	run->ndue += ndue;
	set_timer(run, run_due_ns(run, run->ndue));
}

/* ---- Phases ------------------------------------------------------------------------ */

void
run_begin(struct run *run)
{
	const struct options *options = run->options;

	run->phase = PHASE_WARM_UP;
	run->now_ns = run->begin_ns = run->shown_ns = clock_ns();
	run->measure_ns = run->begin_ns + options->warm_up_ns;
	run->end_ns = run->measure_ns + options->duration_ns;
	run->shown_nlines = run->nlines;
}

/* At a fixed rate the phases are as they were planned, since the lines are. */
static void
begin_to_measure(struct run *run)
{
	run->phase = PHASE_MEASURE;
	run->server_cpu_ns = processes_cpu_ns(&run->options->server);
	run->own_cpu_ns = process_own_cpu_ns();
	if (run->options->rate == 0) {
		run->now_ns = run->measure_ns = clock_ns();
		run->end_ns = run->measure_ns + run->options->duration_ns;
	} else if (run->now_ns < run->measure_ns) {
		run->measure_ns = run->now_ns;
	}
}

static void
end_to_measure(struct run *run)
{
	if (run->options->rate == 0 || run->now_ns < run->end_ns)
		run->end_ns = run->now_ns;
	run->phase = PHASE_DRAIN;
	if (run->options->rate > 0)
		set_timer(run, 0);
	run->server_cpu_ns = processes_cpu_ns(&run->options->server) - run->server_cpu_ns;
	run->own_cpu_ns = process_own_cpu_ns() - run->own_cpu_ns;
}

static void
change_phase(struct run *run)
{
	if (run->phase == PHASE_WARM_UP &&
	    (run->now_ns >= run->measure_ns || run->is_interrupted))
		begin_to_measure(run);
	if (run->phase == PHASE_MEASURE && (run->now_ns >= run->end_ns || run->is_interrupted))
		end_to_measure(run);
}

static void
show_progress(struct run *run)
{
	uint64_t total = run->options->warm_up_ns + run->options->duration_ns;
	uint64_t passed = run->now_ns - run->shown_ns;
	char rate[UNITS_TEXT], p99[UNITS_TEXT];

	if (!run->shows_progress || passed < PROGRESS_NS)
		return;
	say_progress("%s  %" PRIu64 " of %" PRIu64 " s  %s lines/s  p99 %s",
	             run->options->load->name, (run->now_ns - run->begin_ns) / NS_PER_S,
	             (total + NS_PER_S - 1) / NS_PER_S,
	             units_count((uint64_t)((double)(run->nlines - run->shown_nlines) /
	                                    (double)passed * 1e9),
	                         rate),
	             units_time(histogram_per_mille(&run->latency, 990), p99));
	run->shown_ns = run->now_ns;
	run->shown_nlines = run->nlines;
}

/* Until the phase ends, rounded up; what is due sooner has the timer. */
static int
wait_ms(const struct run *run)
{
	uint64_t until = run->phase == PHASE_WARM_UP ? run->measure_ns : run->end_ns, ms;

	if (run->phase == PHASE_DRAIN)
		return MAX_WAIT_MS;
	if (until <= run->now_ns)
		return 0;
	ms = (until - run->now_ns + NS_PER_MS - 1) / NS_PER_MS;
	return ms < MAX_WAIT_MS ? (int)ms : MAX_WAIT_MS;
}

static bool
is_over(const struct run *run)
{
	return run->phase == PHASE_DRAIN && run->noutstanding == 0;
}

void
run_loop(struct run *run, const struct run_calls *calls, void *load)
{
	struct amy_notification events[RUN_MAX_EVENTS];

	if (run->options->rate > 0)
		say_due(run, calls, load);
	while (!is_over(run)) {
		int n = run_wait(run, events, wait_ms(run));

		for (int i = 0; i < n; i++)
			calls->ready(load, run_number(events[i].id), events[i].events);
		if (run->options->rate > 0 && run->phase != PHASE_DRAIN)
			say_due(run, calls, load);
		change_phase(run);
		run_check_patience(run);
		show_progress(run);
	}
	say_clear();
}
