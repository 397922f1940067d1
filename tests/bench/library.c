/* SPDX-License-Identifier: MIT */
/*
 * library.c - what an event costs with libamy, with other libraries, and with none: they all
 * wait for the same descriptors, one after the other, in short turns, so that what else the
 * machine does falls on all of them.
 *
 * usage: library ROUNDS [SCALE]    (so many times fewer descriptors and events; 1)
 *
 * A round is nine turns of each. Prints a line for each turn: load, library, number of the
 * turn; and for each event CPU time of the process and time, in nanoseconds.
 *
 * The loads:
 *
 * register   make a loop; register descriptors, look once, end them all; and end the loop. An
 *            event is one descriptor
 * dispatch   all are ready, and stay so: wait, and be told of each. Arming again is not
 *            counted
 * rearm      read from a descriptor, arm it again, make it ready again. Only one-shot
 * ring       who gets a byte writes one to the next; a tenth as many bytes are under way as
 *            there are descriptors
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"
#include "library.h"

#define TURNS 9      /* a round */
#define EVENTS 10000 /* a turn, but for register */
#define MAX_ROUNDS 1000
#define MAX_SCALE 1000

enum descriptors {
	PAIRS,     /* one end of each socketpair is waited for, the other one written to */
	BOTH_ENDS, /* both are waited for */
	EVENTFDS,
};

struct load {
	const char *name;
	unsigned nplaces;
	enum descriptors descriptors;
	bool is_one_shot; /* makes no sense with what is level-triggered */
	void (*handle)(unsigned place);
	uint64_t (*measure)(uint64_t nevents); /* runs the clock; returns how many there were */
};

static const struct library *libraries[] = {
	&library_epoll_once,    &library_epoll,    &library_amy, &library_wait_set,
#ifdef HAVE_LIBEVENT
	&library_libevent_once, &library_libevent,
#endif
#ifdef HAVE_LIBUV
	&library_libuv_once,    &library_libuv,
#endif
#ifdef HAVE_LIBEV
	&library_libev_once,    &library_libev,
#endif
};

enum { NLIBRARIES = sizeof libraries / sizeof libraries[0] };

/* What runs. */
static const struct library *library;
static const struct load *load;
static unsigned scale = 1;

static int in[MAX_PLACES], out[MAX_PLACES]; /* waited for and read; written */
static unsigned nplaces;

static uint64_t ntold, nwanted, nwrites_left;
static uint64_t cpu_started, wall_started, cpu_spent, wall_spent;

/* ---- The clock ------------------------------------------------------------------------- */

static uint64_t
now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
reset_clock(void)
{
	cpu_spent = wall_spent = 0;
}

static void
start_clock(void)
{
	wall_started = now_ns(CLOCK_MONOTONIC);
	cpu_started = now_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void
stop_clock(void)
{
	cpu_spent += now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_started;
	wall_spent += now_ns(CLOCK_MONOTONIC) - wall_started;
}

/* ---- Descriptors ----------------------------------------------------------------------- */

static void
open_pair(int *one, int *other)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == -1)
		die("socketpair");
	*one = pair[0];
	*other = pair[1];
}

static void
open_descriptors(void)
{
	for (unsigned i = 0; i < nplaces; i++)
		switch (load->descriptors) {
		case PAIRS:
			open_pair(&in[i], &out[i]);
			break;
		case BOTH_ENDS:
			if (i % 2 == 0)
				open_pair(&in[i], &out[i]);
			else
				in[i] = out[i - 1];
			break;
		case EVENTFDS:
			in[i] = out[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
			if (in[i] == -1)
				die("eventfd");
			break;
		}
}

static void
close_descriptors(void)
{
	for (unsigned i = 0; i < nplaces; i++) {
		close(in[i]);
		if (load->descriptors == PAIRS)
			close(out[i]);
	}
}

/* Of an eventfd, a number; of a socketpair, a byte. */
static size_t
unit(void)
{
	return load->descriptors == EVENTFDS ? sizeof(uint64_t) : 1;
}

static void
make_ready(unsigned place)
{
	const uint64_t one = 1;

	if (write(out[place], &one, unit()) != (ssize_t)unit())
		die("write");
}

static void
take_event(unsigned place)
{
	uint64_t value;

	if (read(in[place], &value, unit()) != (ssize_t)unit())
		die("read");
}

static void
each_place(void (*what)(unsigned place))
{
	for (unsigned i = 0; i < nplaces; i++)
		what(i);
}

/* ---- The loads ------------------------------------------------------------------------- */

static void
add(unsigned place)
{
	library->add(place, in[place]);
}

bool
library_event(unsigned place)
{
	load->handle(place);
	return ++ntold < nwanted;
}

static void
run_until_told(uint64_t nevents)
{
	ntold = 0;
	nwanted = nevents;
	library->run(false);
}

static void
leave_alone(unsigned place)
{
	(void)place;
}

static uint64_t
measure_register(uint64_t nevents)
{
	(void)nevents;
	start_clock();
	library->open();
	each_place(add);
	library->run(true);
	each_place(library->remove);
	library->run(true);
	library->close();
	stop_clock();
	return nplaces;
}

/* The first pass is to warm up. */
static uint64_t
measure_dispatch(uint64_t nevents)
{
	uint64_t n = 0;
	bool is_warm = false;

	each_place(make_ready);
	while (n < nevents) {
		start_clock();
		run_until_told(nplaces);
		stop_clock();
		if (library->rearm != NULL)
			each_place(library->rearm);
		if (is_warm)
			n += ntold;
		else
			reset_clock();
		is_warm = true;
	}
	each_place(take_event);
	return n;
}

static void
read_and_rearm(unsigned place)
{
	take_event(place);
	library->rearm(place);
	make_ready(place);
}

static uint64_t
measure_rearm(uint64_t nevents)
{
	uint64_t n;

	each_place(make_ready);
	run_until_told(nevents / 8);
	start_clock();
	run_until_told(nevents);
	stop_clock();
	n = ntold;
	each_place(take_event);
	return n;
}

static void
hand_on(unsigned place)
{
	take_event(place);
	if (nwrites_left > 0) {
		nwrites_left--;
		make_ready((place + 1) % nplaces);
	}
	if (library->rearm != NULL)
		library->rearm(place);
}

static void
run_ring(uint64_t nwrites)
{
	unsigned nbytes = nplaces < 10 ? 1 : nplaces / 10;

	for (unsigned i = 0; i < nbytes; i++)
		make_ready(i * (nplaces / nbytes));
	nwrites_left = nwrites - nbytes;
	run_until_told(nwrites);
}

static uint64_t
measure_ring(uint64_t nevents)
{
	run_ring(nevents / 8 + nplaces);
	start_clock();
	run_ring(nevents);
	stop_clock();
	return nevents;
}

static const struct load loads[] = {
	{ "register-10k", 10000, BOTH_ENDS, false, leave_alone, measure_register },
	{ "dispatch-1k", 1000, PAIRS, false, leave_alone, measure_dispatch },
	{ "rearm-1", 1, PAIRS, true, read_and_rearm, measure_rearm },
	{ "rearm-64", 64, PAIRS, true, read_and_rearm, measure_rearm },
	{ "eventfd-64", 64, EVENTFDS, true, read_and_rearm, measure_rearm },
	{ "ring-100", 100, PAIRS, false, hand_on, measure_ring },
	{ "ring-1k", 1000, PAIRS, false, hand_on, measure_ring },
};

enum { NLOADS = sizeof loads / sizeof loads[0] };

static unsigned
scaled(unsigned n)
{
	return (n + scale - 1) / scale;
}

static void
take_turn(unsigned turn)
{
	uint64_t n;

	reset_clock();
	if (load->measure == measure_register) {
		n = measure_register(0);
	} else {
		library->open();
		each_place(add);
		n = load->measure(scaled(EVENTS));
		each_place(library->remove);
		library->close();
	}
	printf("%s %s %u %.1f %.1f\n", load->name, library->name, turn,
	       (double)cpu_spent / (double)n, (double)wall_spent / (double)n);
}

/* So that none always comes behind the same other one, in what memory that has left. */
static void
shuffle(const struct library **list, unsigned n)
{
	for (unsigned i = n - 1; i > 0; i--) {
		unsigned other = (unsigned)rand() % (i + 1);
		const struct library *saved = list[i];

		list[i] = list[other];
		list[other] = saved;
	}
}

static void
run_load(unsigned nturns)
{
	nplaces = scaled(load->nplaces);
	open_descriptors();
	for (unsigned turn = 1; turn <= nturns; turn++) {
		shuffle(libraries, NLIBRARIES);
		for (unsigned i = 0; i < NLIBRARIES; i++) {
			library = libraries[i];
			if (library->rearm != NULL || !load->is_one_shot)
				take_turn(turn);
		}
	}
	close_descriptors();
}

int
main(int argc, char **argv)
{
	unsigned nrounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;

	if (argc == 3)
		scale = (unsigned)strtoul(argv[2], NULL, 10);
	if (argc > 3 || nrounds == 0 || nrounds > MAX_ROUNDS || scale == 0 ||
	    scale > MAX_SCALE) {
		fprintf(stderr, "usage: library ROUNDS [SCALE]    (1 to %d, 1 to %d)\n",
		        MAX_ROUNDS, MAX_SCALE);
		return 64;
	}
	for (unsigned i = 0; i < NLOADS; i++) {
		load = &loads[i];
		run_load(nrounds * TURNS);
	}
	return 0;
}
