/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "tallies.h"

/* Of one listener. Owner: its tallies, until they are destroyed. */
struct listener_tallies {
	SLIST_ENTRY(listener_tallies) link;
	char *name;
	struct tally threads[];
};

struct tallies {
	unsigned nthreads; /* constant */
	pthread_mutex_t lock;
	SLIST_HEAD(, listener_tallies) listeners; /* guarded by the lock */
};

struct tallies *
tallies_create(unsigned nthreads)
{
	struct tallies *tallies = calloc(1, sizeof *tallies);

	if (tallies == NULL)
		return NULL;
	tallies->nthreads = nthreads;
	pthread_mutex_init(&tallies->lock, NULL);
	SLIST_INIT(&tallies->listeners);
	return tallies;
}

void
tallies_destroy(struct tallies *tallies)
{
	struct listener_tallies *listener;

	if (tallies == NULL)
		return;
	while ((listener = SLIST_FIRST(&tallies->listeners)) != NULL) {
		SLIST_REMOVE_HEAD(&tallies->listeners, link);
		free(listener->name);
		free(listener);
	}
	pthread_mutex_destroy(&tallies->lock);
	free(tallies);
}

/* With the lock. There are few listeners, and this is for a client that comes. */
static struct listener_tallies *
find(struct tallies *tallies, const char *name)
{
	struct listener_tallies *listener;

	SLIST_FOREACH(listener, &tallies->listeners, link)
		if (strcmp(listener->name, name) == 0)
			return listener;
	return NULL;
}

/* With the lock. NULL: ENOMEM. */
static struct listener_tallies *
add(struct tallies *tallies, const char *name)
{
	struct listener_tallies *listener;
	size_t size = sizeof *listener + tallies->nthreads * sizeof listener->threads[0];

	listener = aligned_alloc(_Alignof(struct listener_tallies), size);
	if (listener == NULL)
		return NULL;
	memset(listener, 0, size);
	listener->name = malloc(strlen(name) + 1);
	if (listener->name == NULL) {
		free(listener);
		return NULL;
	}
	strcpy(listener->name, name);
	SLIST_INSERT_HEAD(&tallies->listeners, listener, link);
	return listener;
}

struct tally *
tallies_get(struct tallies *tallies, const char *name, unsigned thread)
{
	struct listener_tallies *listener;

	pthread_mutex_lock(&tallies->lock);
	listener = find(tallies, name);
	if (listener == NULL)
		listener = add(tallies, name);
	pthread_mutex_unlock(&tallies->lock);
	return listener == NULL ? NULL : &listener->threads[thread];
}

/* Who ended is read before who came: so never more have ended. */
static const enum tally_counter order[TALLY_COUNT] = {
	TALLY_CLOSED,
	TALLY_ACCEPTED,
	TALLY_LINES,
	TALLY_BYTES,
};

void
tallies_sum(struct tallies *tallies, const char *name, uint64_t sums[TALLY_COUNT])
{
	struct listener_tallies *listener;

	memset(sums, 0, TALLY_COUNT * sizeof sums[0]);
	pthread_mutex_lock(&tallies->lock);
	listener = find(tallies, name);
	pthread_mutex_unlock(&tallies->lock);
	if (listener == NULL)
		return;
	for (unsigned i = 0; i < TALLY_COUNT; i++)
		for (unsigned t = 0; t < tallies->nthreads; t++)
			sums[order[i]] +=
			    atomic_load_explicit(&listener->threads[t].counters[order[i]],
			                         memory_order_acquire);
}
