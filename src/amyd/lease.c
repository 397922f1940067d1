/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include "lease.h"

/*
 * The list of those that are kept is put in order only so many times in a lease for each of
 * them, and not at every event. So one is given back after a lease and up to so much of it
 * more.
 */
#define FRACTION 8

/* When it may be given back, unless it is used again before. */
static int64_t
lease_until(const struct leases *leases, const struct session *session)
{
	return session->used_ms + leases->lease_ms + leases->lease_ms / FRACTION;
}

int
leases_init(struct leases *leases, int64_t lease_ms, int pipe_fd)
{
	leases->set = NULL;
	leases->lease_ms = lease_ms;
	TAILQ_INIT(&leases->sessions);
	if (lease_ms == 0)
		return 0;
	leases->set = amy_wait_set_create();
	if (leases->set == NULL)
		return -1;
	if (amy_wait_set_add(leases->set, pipe_fd, AMY_READ, 0) == 0)
		return 0;
	amy_wait_set_destroy(leases->set);
	return -1;
}

void
leases_set_time(struct leases *leases, int64_t lease_ms)
{
	if (leases->set != NULL && lease_ms > 0)
		leases->lease_ms = lease_ms;
}

void
leases_fini(struct leases *leases)
{
	amy_wait_set_destroy(leases->set);
}

void
lease_use(struct leases *leases, struct session *session, int64_t now_ms)
{
	int64_t since_ms = now_ms - session->used_ms;

	session->is_busy = leases->set != NULL && session->used_ms != 0 &&
	                   since_ms <= leases->lease_ms + leases->lease_ms / FRACTION;
	if (session->is_leased && since_ms < leases->lease_ms / FRACTION)
		return;
	session->used_ms = now_ms;
	if (!session->is_leased)
		return;
	TAILQ_REMOVE(&leases->sessions, session, leased);
	TAILQ_INSERT_TAIL(&leases->sessions, session, leased);
}

int
lease_wait(struct leases *leases, struct session *session, unsigned interest, int64_t now_ms)
{
	if (session->is_leased) {
		if (amy_wait_set_modify(leases->set, session->fd, interest, session->id) == 0)
			return 0;
		lease_end(leases, session);
		return -1;
	}
	if (amy_wait_set_add(leases->set, session->fd, interest, session->id) == -1)
		return -1;
	session->is_leased = true;
	session->used_ms = now_ms;
	stats_add(session->stats, STAT_CLIENTS_LEASED, 1);
	TAILQ_INSERT_TAIL(&leases->sessions, session, leased);
	return 0;
}

void
lease_end(struct leases *leases, struct session *session)
{
	session->is_busy = false;
	if (!session->is_leased)
		return;
	session->is_leased = false;
	stats_add(session->stats, STAT_CLIENTS_LEASED, -(uint64_t)1);
	TAILQ_REMOVE(&leases->sessions, session, leased);
	amy_wait_set_remove(leases->set, session->fd);
}

struct session *
leases_due(const struct leases *leases, int64_t now_ms)
{
	struct session *session = TAILQ_FIRST(&leases->sessions);

	return session != NULL && lease_until(leases, session) <= now_ms ? session : NULL;
}

int
leases_next_ms(const struct leases *leases, int64_t now_ms)
{
	const struct session *session = TAILQ_FIRST(&leases->sessions);
	int64_t left;

	if (session == NULL)
		return -1;
	left = lease_until(leases, session) - now_ms;
	return left < 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}
