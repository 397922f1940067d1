/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"
#include "lease.h"

enum { LEASE_MS = 800, MORE_MS = 900, START_MS = 5000, NSESSIONS = 3 };

static struct conf_listener listener = {
	.name = (char[]){ "main" },
	.max_line = 100,
	.queue = 4096,
	.max_subs = 10,
};

static const struct address unix_peer = { .u.any.sa_family = AF_UNIX };

static struct leases leases;
static struct stats stats;
static struct session *sessions[NSESSIONS];
static atomic_uint nclients;
static int peers[NSESSIONS], pipe_fds[2];

static void
start(int64_t lease_ms)
{
	make_pipe(pipe_fds);
	MUST(leases_init(&leases, lease_ms, pipe_fds[0]) == 0);
	memset(&stats, 0, sizeof stats);
	for (size_t i = 0; i < NSESSIONS; i++) {
		int fds[2];

		make_socketpair(fds);
		atomic_fetch_add(&nclients, 1);
		sessions[i] = session_create(fds[0], &listener, &unix_peer, i + 1, &nclients);
		MUST(sessions[i] != NULL);
		sessions[i]->stats = &stats;
		sessions[i]->id = 100 + i;
		peers[i] = fds[1];
	}
}

static void
stop(void)
{
	for (size_t i = 0; i < NSESSIONS; i++) {
		lease_end(&leases, sessions[i]);
		session_destroy(sessions[i]);
		close(peers[i]);
	}
	MUST(TAILQ_EMPTY(&leases.sessions));
	MUST(stats_get(&stats, STAT_CLIENTS_LEASED) == 0);
	leases_fini(&leases);
	close_pair(pipe_fds);
}

/* It has an event, the same as the one before and not long after it, and is waited for. */
static void
lease_at(size_t i, int64_t now_ms)
{
	lease_use(&leases, sessions[i], now_ms);
	lease_use(&leases, sessions[i], now_ms);
	MUST(sessions[i]->is_busy);
	MUST(lease_wait(&leases, sessions[i], AMY_READ, now_ms) == 0);
	MUST(sessions[i]->is_leased);
}

/* The id of the one thing that is ready; UINT64_MAX: nothing is. */
static amy_id
ready(unsigned *events)
{
	struct amy_notification told[2];
	int n = amy_wait_set_wait(leases.set, told, 2, 0);

	MUST(n == 0 || n == 1);
	*events = n == 0 ? 0 : told[0].events;
	return n == 0 ? UINT64_MAX : told[0].id;
}

START_TEST(first_event_is_no_lease_and_one_soon_after_is)
{
	start(LEASE_MS);
	lease_use(&leases, sessions[0], START_MS);
	ck_assert(!sessions[0]->is_busy);
	lease_use(&leases, sessions[0], START_MS + LEASE_MS);
	ck_assert(sessions[0]->is_busy);
	ck_assert(!sessions[0]->is_leased);
	stop();
}
END_TEST

START_TEST(event_long_after_is_like_a_first_one)
{
	start(LEASE_MS);
	lease_use(&leases, sessions[0], START_MS);
	lease_use(&leases, sessions[0], START_MS + MORE_MS + 1);
	ck_assert(!sessions[0]->is_busy);
	lease_use(&leases, sessions[0], START_MS + MORE_MS + 2);
	ck_assert(sessions[0]->is_busy);
	stop();
}
END_TEST

START_TEST(without_leases_nobody_is_busy)
{
	start(0);
	ck_assert_ptr_null(leases.set);
	lease_use(&leases, sessions[0], START_MS);
	lease_use(&leases, sessions[0], START_MS);
	ck_assert(!sessions[0]->is_busy);
	ck_assert_ptr_null(leases_due(&leases, INT64_MAX));
	ck_assert_int_eq(leases_next_ms(&leases, START_MS), -1);
	stop();
}
END_TEST

START_TEST(pipe_and_leased_clients_are_waited_for)
{
	unsigned events;

	start(LEASE_MS);
	ck_assert_uint_eq(ready(&events), UINT64_MAX);
	put_byte(pipe_fds[1]);
	ck_assert_uint_eq(ready(&events), 0);
	drain(pipe_fds[0]);
	put_byte(peers[1]);
	ck_assert_uint_eq(ready(&events), UINT64_MAX);
	lease_at(1, START_MS);
	ck_assert_uint_eq(ready(&events), 101);
	ck_assert_uint_eq(events, AMY_READ);
	ck_assert_uint_eq(stats_get(&stats, STAT_CLIENTS_LEASED), 1);
	stop();
}
END_TEST

START_TEST(interest_of_a_leased_client_may_change)
{
	unsigned events;

	start(LEASE_MS);
	lease_at(0, START_MS);
	ck_assert_int_eq(lease_wait(&leases, sessions[0], AMY_WRITE, START_MS), 0);
	ck_assert_uint_eq(ready(&events), 100);
	ck_assert_uint_eq(events, AMY_WRITE);
	ck_assert_int_eq(lease_wait(&leases, sessions[0], AMY_HUP, START_MS), 0);
	put_byte(peers[0]);
	ck_assert_uint_eq(ready(&events), UINT64_MAX);
	ck_assert_uint_eq(stats_get(&stats, STAT_CLIENTS_LEASED), 1);
	stop();
}
END_TEST

START_TEST(lease_that_has_ended_is_silent)
{
	unsigned events;

	start(LEASE_MS);
	lease_at(0, START_MS);
	lease_end(&leases, sessions[0]);
	ck_assert(!sessions[0]->is_leased && !sessions[0]->is_busy);
	put_byte(peers[0]);
	ck_assert_uint_eq(ready(&events), UINT64_MAX);
	lease_end(&leases, sessions[0]);
	ck_assert_uint_eq(stats_get(&stats, STAT_CLIENTS_LEASED), 0);
	stop();
}
END_TEST

START_TEST(quiet_clients_are_due_in_their_order)
{
	start(LEASE_MS);
	ck_assert_int_eq(leases_next_ms(&leases, START_MS), -1);
	lease_at(2, START_MS);
	lease_at(0, START_MS + 10);
	lease_at(1, START_MS + 20);
	ck_assert_int_eq(leases_next_ms(&leases, START_MS), MORE_MS);
	ck_assert_ptr_null(leases_due(&leases, START_MS + MORE_MS - 1));
	ck_assert_ptr_eq(leases_due(&leases, START_MS + MORE_MS), sessions[2]);
	lease_use(&leases, sessions[0], START_MS + LEASE_MS);
	lease_end(&leases, sessions[2]);
	ck_assert_ptr_eq(leases_due(&leases, START_MS + LEASE_MS + MORE_MS), sessions[1]);
	lease_end(&leases, sessions[1]);
	ck_assert_ptr_eq(leases_due(&leases, START_MS + LEASE_MS + MORE_MS), sessions[0]);
	ck_assert_int_eq(leases_next_ms(&leases, START_MS + 2 * LEASE_MS + MORE_MS), 0);
	ck_assert_int_eq(leases_next_ms(&leases, START_MS + LEASE_MS + 1), MORE_MS - 1);
	stop();
}
END_TEST

/* However it is used: a lease has a length, and at most an eighth of it more. */
START_TEST(nobody_is_due_before_a_lease_without_an_event)
{
	uint64_t seed = 7;
	int64_t now_ms = START_MS, used_ms = START_MS;

	start(LEASE_MS);
	lease_at(0, now_ms);
	for (int i = 0; i < 100000; i++) {
		now_ms += random_below(&seed, 2 * LEASE_MS);
		if (leases_due(&leases, now_ms) == NULL) {
			MUST(now_ms < used_ms + MORE_MS);
			lease_use(&leases, sessions[0], now_ms);
		} else {
			MUST(now_ms >= used_ms + LEASE_MS);
			lease_end(&leases, sessions[0]);
			lease_at(0, now_ms);
		}
		used_ms = now_ms;
	}
	stop();
}
END_TEST

/* A lease and an eighth of it. */
static int64_t
more_than(int64_t lease_ms)
{
	return lease_ms + lease_ms / 8;
}

START_TEST(another_time_counts_for_those_that_are_leased)
{
	static const int64_t times[] = { 80, 1600, LEASE_MS };

	start(LEASE_MS);
	lease_at(0, START_MS);
	lease_at(1, START_MS + 10);
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		int64_t until_ms = START_MS + more_than(times[i]);

		leases_set_time(&leases, times[i]);
		ck_assert_int_eq(leases_next_ms(&leases, START_MS), until_ms - START_MS);
		ck_assert_ptr_null(leases_due(&leases, until_ms - 1));
		ck_assert_ptr_eq(leases_due(&leases, until_ms), sessions[0]);
	}
	leases_set_time(&leases, 80);
	lease_end(&leases, sessions[0]);
	ck_assert_ptr_eq(leases_due(&leases, START_MS + 10 + more_than(80)), sessions[1]);
	stop();
}
END_TEST

START_TEST(another_time_counts_for_those_that_come_again)
{
	start(LEASE_MS);
	leases_set_time(&leases, 80);
	lease_use(&leases, sessions[0], START_MS);
	lease_use(&leases, sessions[0], START_MS + more_than(80) + 1);
	ck_assert(!sessions[0]->is_busy);
	leases_set_time(&leases, 1600);
	lease_use(&leases, sessions[0], START_MS + more_than(80) + 1 + more_than(1600));
	ck_assert(sessions[0]->is_busy);
	stop();
}
END_TEST

START_TEST(leases_are_neither_begun_nor_ended_by_another_time)
{
	start(LEASE_MS);
	lease_at(0, START_MS);
	leases_set_time(&leases, 0);
	ck_assert_int_eq(leases.lease_ms, LEASE_MS);
	ck_assert_int_eq(leases_next_ms(&leases, START_MS), MORE_MS);
	stop();
	start(0);
	leases_set_time(&leases, LEASE_MS);
	ck_assert_int_eq(leases.lease_ms, 0);
	ck_assert_ptr_null(leases.set);
	lease_use(&leases, sessions[0], START_MS);
	lease_use(&leases, sessions[0], START_MS);
	ck_assert(!sessions[0]->is_busy);
	stop();
}
END_TEST

START_TEST(client_that_cannot_be_waited_for_is_not_leased)
{
	start(LEASE_MS);
	lease_use(&leases, sessions[0], START_MS);
	lease_use(&leases, sessions[0], START_MS);
	fault_set(FAULT_EPOLL_CTL, 1, ENOSPC);
	ck_assert_int_eq(lease_wait(&leases, sessions[0], AMY_READ, START_MS), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert(fault_clear());
	ck_assert(!sessions[0]->is_leased);
	lease_at(0, START_MS);
	fault_set(FAULT_EPOLL_CTL, 1, ENOMEM);
	ck_assert_int_eq(lease_wait(&leases, sessions[0], AMY_WRITE, START_MS), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert(fault_clear());
	ck_assert(!sessions[0]->is_leased);
	stop();
}
END_TEST

START_TEST(set_that_cannot_be_made_leaves_nothing)
{
	make_pipe(pipe_fds);
	fault_set(FAULT_EPOLL_CREATE, 1, EMFILE);
	ck_assert_int_eq(leases_init(&leases, LEASE_MS, pipe_fds[0]), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert(fault_clear());
	fault_set(FAULT_EPOLL_CTL, 1, ENOSPC);
	ck_assert_int_eq(leases_init(&leases, LEASE_MS, pipe_fds[0]), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert(fault_clear());
	close_pair(pipe_fds);
}
END_TEST

int
main(void)
{
	return RUN_SUITE(
	    "lease", first_event_is_no_lease_and_one_soon_after_is,
	    event_long_after_is_like_a_first_one, without_leases_nobody_is_busy,
	    pipe_and_leased_clients_are_waited_for, interest_of_a_leased_client_may_change,
	    lease_that_has_ended_is_silent, quiet_clients_are_due_in_their_order,
	    nobody_is_due_before_a_lease_without_an_event,
	    another_time_counts_for_those_that_are_leased,
	    another_time_counts_for_those_that_come_again,
	    leases_are_neither_begun_nor_ended_by_another_time,
	    client_that_cannot_be_waited_for_is_not_leased,
	    set_that_cannot_be_made_leaves_nothing);
}
