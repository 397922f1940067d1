/* SPDX-License-Identifier: MIT */
/*
 * Many threads register, are told, arm again, take and end, all of one poller, and close
 * each descriptor at once, so that its number is soon another one's. Whatever is told must
 * be of a registration that lives, with its own data, on its own descriptor, and of
 * nobody else's at that time.
 *
 * A million registrations; AMY_STRESS=n in the environment makes it n times as many.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "amy.h"
#include "harness.h"

enum {
	NTHREADS = 8,
	NGUESTS = 1000000,
	MAX_LIVE = 48,
	MAX_TOLD = 4,
};

enum guest_state {
	GUEST_TO_COME, /* nobody has heard of it */
	GUEST_LIVE,
	GUEST_ENDED,
};

/*
 * One registration. Never given to another one, so that whatever is said of it after its
 * end is noticed.
 */
struct guest {
	_Atomic enum guest_state state;
	atomic_bool held;        /* a thread is busy with it */
	atomic_bool cancelled;   /* somebody wanted to cancel it, and left that to its owner */
	_Atomic amy_id known_id; /* for those who want to take it; 0: not yet */

	/* of whoever holds it */
	amy_id id;
	int fds[2];
	uint32_t token; /* waits in fds[0], to be read */
	bool is_hung_up;
	int nevents_left;
};

static struct amy_poller *poller;
static struct guest *guests;
static unsigned nguests;
static atomic_uint narrived, nended, ntaken, ncancelled, nleft;
static atomic_int nlive;

/* For one thread. */
struct host {
	uint64_t random;
	struct amy_registrar *registrar;
};

/* The thread owns it, and nobody else does. */
static void
guest_hold(struct guest *guest)
{
	MUST(atomic_load(&guest->state) == GUEST_LIVE);
	MUST(!atomic_exchange(&guest->held, true));
}

/* Its registration has ended. */
static void
guest_leave(struct host *host, struct guest *guest)
{
	uint32_t token;

	MUST(read(guest->fds[0], &token, sizeof token) == sizeof token);
	MUST(token == guest->token);
	MUST(close(guest->fds[0]) == 0);
	if (!guest->is_hung_up)
		MUST(close(guest->fds[1]) == 0);
	errno = 0;
	MUST(amy_registrar_rearm(host->registrar, guest->id, AMY_READ) == -1);
	MUST(errno == EINVAL);
	atomic_fetch_sub(&nlive, 1);
	atomic_fetch_add(&nended, 1);
}

static void
guest_end(struct host *host, struct guest *guest)
{
	atomic_store(&guest->state, GUEST_ENDED);
	MUST(amy_registrar_deregister(host->registrar, guest->id) == 0);
	guest_leave(host, guest);
}

/* One that was cancelled before is never armed; where arming fails, it is still ours. */
static void
guest_arm(struct host *host, struct guest *guest, amy_id id)
{
	bool is_cancelled = atomic_load(&guest->cancelled);

	errno = 0;
	if (amy_registrar_rearm(host->registrar, id, AMY_READ) == 0) {
		MUST(!is_cancelled);
		return;
	}
	MUST(errno == ECANCELED);
	guest_hold(guest);
	atomic_fetch_add(&nleft, 1);
	guest_end(host, guest);
}

/* Registered disarmed first, so that everybody may know its id and take it from then on. */
static void
guest_register(struct host *host, struct guest *guest)
{
	if (random_below(&host->random, 2) == 0) {
		atomic_store(&guest->state, GUEST_LIVE);
		MUST(amy_registrar_register(host->registrar, guest->fds[0], AMY_READ, guest,
		                            &guest->id) == 0);
		return;
	}
	MUST(amy_registrar_register(host->registrar, guest->fds[0], 0, guest, &guest->id) ==
	     0);
	atomic_store(&guest->state, GUEST_LIVE);
	atomic_store(&guest->known_id, guest->id);
	guest_arm(host, guest, guest->id);
}

static void
guest_arrive(struct host *host)
{
	unsigned number;
	struct guest *guest;

	if (atomic_fetch_add(&nlive, 1) >= MAX_LIVE ||
	    (number = atomic_fetch_add(&narrived, 1)) >= nguests) {
		atomic_fetch_sub(&nlive, 1);
		return;
	}
	guest = &guests[number];
	guest->token = number;
	guest->nevents_left = (int)random_below(&host->random, 4);
	if (random_below(&host->random, 2) == 0)
		make_pipe(guest->fds);
	else
		make_socketpair(guest->fds);
	MUST(write(guest->fds[1], &guest->token, sizeof guest->token) ==
	     sizeof guest->token);
	if (random_below(&host->random, 4) == 0) {
		guest->is_hung_up = true;
		MUST(close(guest->fds[1]) == 0);
	}
	guest_register(host, guest);
}

/* Its token is still to be read: armed again, it is told of again. */
static void
guest_serve(struct host *host, struct guest *guest)
{
	amy_id id = guest->id;

	if (guest->nevents_left-- == 0) {
		guest_end(host, guest);
		return;
	}
	atomic_store(&guest->held, false);
	guest_arm(host, guest, id);
}

static void
serve_whoever_calls(struct host *host)
{
	struct amy_notification told[MAX_TOLD];
	int max = 1 + (int)random_below(&host->random, MAX_TOLD);
	int n = amy_poller_wait(poller, told, max, 0);

	MUST(n >= 0 && n <= max);
	for (int i = 0; i < n; i++) {
		struct guest *guest = told[i].data;

		guest_hold(guest);
		MUST(told[i].id == guest->id);
		MUST(told[i].events == AMY_READ ||
		     (guest->is_hung_up && told[i].events == (AMY_READ | AMY_HUP)));
		guest_serve(host, guest);
	}
	if (n == 0)
		sched_yield();
}

/* One of those who came last; it may have been ended, or be busy. */
static struct guest *
somebody(struct host *host)
{
	unsigned arrived = atomic_load(&narrived);
	unsigned newest = arrived < nguests ? arrived : nguests;
	unsigned back = random_below(&host->random, 2 * MAX_LIVE);

	return newest > back ? &guests[newest - back - 1] : &guests[0];
}

/*
 * It was not to be had, for a good reason. Who cancels it ends it first, and notes that in the
 * guest a moment later.
 */
static void
guest_is_not_armed(const struct guest *guest)
{
	MUST(errno == EBUSY || errno == EINVAL);
	if (errno == EINVAL)
		WAIT_UNTIL(atomic_load(&guest->state) == GUEST_ENDED);
}

static void
take_somebody(struct host *host)
{
	struct guest *guest = somebody(host);
	amy_id id = atomic_load(&guest->known_id);

	if (id == 0)
		return;
	errno = 0;
	if (amy_registrar_take(host->registrar, id) == -1) {
		guest_is_not_armed(guest);
		return;
	}
	guest_hold(guest);
	atomic_fetch_add(&ntaken, 1);
	guest_serve(host, guest);
}

static void
cancel_somebody(struct host *host)
{
	struct guest *guest = somebody(host);
	amy_id id = atomic_load(&guest->known_id);

	if (id == 0 || random_below(&host->random, 8) != 0)
		return;
	errno = 0;
	if (amy_registrar_cancel(host->registrar, id) == -1) {
		bool is_left = errno == EBUSY;

		guest_is_not_armed(guest);
		if (is_left)
			atomic_store(&guest->cancelled, true);
		return;
	}
	guest_hold(guest);
	atomic_store(&guest->state, GUEST_ENDED);
	atomic_fetch_add(&ncancelled, 1);
	guest_leave(host, guest);
}

static void *
host_run(void *argument)
{
	struct host *host = argument;

	host->registrar = amy_registrar_create(poller);
	MUST(host->registrar != NULL);
	while (atomic_load(&nended) < nguests) {
		guest_arrive(host);
		take_somebody(host);
		cancel_somebody(host);
		serve_whoever_calls(host);
	}
	amy_registrar_destroy(host->registrar);
	return NULL;
}

static unsigned
stress_factor(void)
{
	const char *text = getenv("AMY_STRESS");
	int factor = text == NULL ? 1 : atoi(text);

	return factor < 1 ? 1 : (unsigned)factor;
}

START_TEST(registrations_come_and_go_on_many_threads)
{
	struct amy_notification told;
	struct host hosts[NTHREADS];
	pthread_t threads[NTHREADS];

	nguests = NGUESTS * stress_factor();
	guests = calloc(nguests, sizeof *guests);
	poller = amy_poller_create();
	MUST(guests != NULL && poller != NULL);
	for (unsigned i = 0; i < NTHREADS; i++) {
		hosts[i] = (struct host){ .random = i };
		threads[i] = spawn(host_run, &hosts[i]);
	}
	for (unsigned i = 0; i < NTHREADS; i++)
		join(threads[i]);

	ck_assert_uint_eq(atomic_load(&nended), nguests);
	ck_assert_uint_gt(atomic_load(&ntaken), 0);
	ck_assert_uint_gt(atomic_load(&ncancelled), 0);
	ck_assert_uint_gt(atomic_load(&nleft), 0);
	ck_assert_int_eq(atomic_load(&nlive), 0);
	for (unsigned i = 0; i < nguests; i++)
		MUST(atomic_load(&guests[i].state) == GUEST_ENDED);
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 0), 0);
	amy_poller_destroy(poller);
	free(guests);
}
END_TEST

/*
 * One thread arms, and another one cancels, at about the same time, what never has an event:
 * either the one who cancels has ended it, or the one who arms is told so, and ends it.
 */
enum { NSILENT = 256, NROUNDS = 100 };

static struct silent {
	int fds[2];
	amy_id id;
	bool is_refused; /* arming it said ECANCELED */
	bool is_left;    /* cancelling it said EBUSY */
} silent[NSILENT];

static atomic_uint nregistered, ncalled_off;

/* It is always close behind the thread that arms. */
static void *
call_off(void *registrar)
{
	for (unsigned i = 0; i < NROUNDS * NSILENT; i++) {
		struct silent *one = &silent[i % NSILENT];

		while (atomic_load(&nregistered) <= i)
			sched_yield();
		errno = 0;
		one->is_left = amy_registrar_cancel(registrar, one->id) == -1;
		MUST(!one->is_left || errno == EBUSY);
		atomic_store(&ncalled_off, i + 1);
	}
	return NULL;
}

static void
arm_all(struct amy_registrar *registrar)
{
	for (unsigned i = 0; i < NSILENT; i++) {
		struct silent *one = &silent[i];

		MUST(amy_registrar_register(registrar, one->fds[0], 0, NULL, &one->id) == 0);
		atomic_fetch_add(&nregistered, 1);
		errno = 0;
		one->is_refused = amy_registrar_rearm(registrar, one->id, AMY_READ) == -1;
		MUST(!one->is_refused || errno == ECANCELED);
	}
}

static void
end_those_left(struct amy_registrar *registrar)
{
	for (unsigned i = 0; i < NSILENT; i++) {
		MUST(silent[i].is_refused == silent[i].is_left);
		if (silent[i].is_left)
			MUST(amy_registrar_deregister(registrar, silent[i].id) == 0);
	}
}

START_TEST(what_is_cancelled_while_it_is_armed_is_ended_by_one_of_the_two)
{
	struct amy_registrar *registrar;
	pthread_t thread;

	poller = amy_poller_create();
	MUST(poller != NULL);
	registrar = amy_registrar_create(poller);
	MUST(registrar != NULL);
	for (unsigned i = 0; i < NSILENT; i++)
		make_pipe(silent[i].fds);
	thread = spawn(call_off, registrar);
	for (unsigned round = 1; round <= NROUNDS; round++) {
		arm_all(registrar);
		while (atomic_load(&ncalled_off) < round * NSILENT)
			sched_yield();
		end_those_left(registrar);
	}
	join(thread);
	for (unsigned i = 0; i < NSILENT; i++)
		close_pair(silent[i].fds);
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("poller_stress", registrations_come_and_go_on_many_threads,
	                 what_is_cancelled_while_it_is_armed_is_ended_by_one_of_the_two);
}
