/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>

#include "heartbeat.h"
#include "log.h"

SLIST_HEAD(heartbeat_list, heartbeat);

static struct heartbeat_list all = SLIST_HEAD_INITIALIZER(all);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t looked_ms; /* when heartbeats_find_stuck() did; guarded by the lock */

void
heartbeat_start(struct heartbeat *heartbeat, const char *name)
{
	snprintf(heartbeat->name, sizeof heartbeat->name, "%s", name);
	pthread_setname_np(pthread_self(), heartbeat->name);
	heartbeat_work(heartbeat);
	pthread_mutex_lock(&lock);
	SLIST_INSERT_HEAD(&all, heartbeat, link);
	pthread_mutex_unlock(&lock);
}

void
heartbeat_end(struct heartbeat *heartbeat)
{
	pthread_mutex_lock(&lock);
	SLIST_REMOVE(&all, heartbeat, heartbeat, link);
	pthread_mutex_unlock(&lock);
}

static void
look(struct heartbeat *heartbeat)
{
	unsigned count = atomic_load_explicit(&heartbeat->count, memory_order_relaxed);
	bool was_stuck = heartbeat->is_stuck;

	heartbeat->is_stuck = count % 2 == 1 && count == heartbeat->seen;
	heartbeat->seen = count;
	if (heartbeat->is_stuck && !was_stuck)
		log_error("internal: %s is stuck: the watchdog is not fed, so the service "
		          "manager is to start amyd anew",
		          heartbeat->name);
	else if (was_stuck && !heartbeat->is_stuck)
		log_info("%s moves again", heartbeat->name);
}

bool
heartbeats_all_move(void)
{
	struct heartbeat *heartbeat;
	bool all_move = true;

	pthread_mutex_lock(&lock);
	SLIST_FOREACH(heartbeat, &all, link)
	{
		look(heartbeat);
		all_move = all_move && !heartbeat->is_stuck;
	}
	pthread_mutex_unlock(&lock);
	return all_move;
}

/* Nobody has looked for so long: what is found to be still there proves nothing. */
#define MAX_PAUSE_MS (HEARTBEAT_STUCK_MS / 2)

static bool
has_not_moved(struct heartbeat *heartbeat, int64_t now_ms, bool is_anew)
{
	unsigned count = atomic_load_explicit(&heartbeat->count, memory_order_relaxed);

	if (is_anew || count != heartbeat->found || heartbeat->found_ms == 0) {
		heartbeat->found = count;
		heartbeat->found_ms = now_ms;
	}
	return count % 2 == 1 && now_ms - heartbeat->found_ms >= HEARTBEAT_STUCK_MS;
}

bool
heartbeats_find_stuck(int64_t now_ms, char name[HEARTBEAT_MAX_NAME])
{
	struct heartbeat *heartbeat;
	bool is_anew, is_stuck = false;

	pthread_mutex_lock(&lock);
	is_anew = now_ms - looked_ms > MAX_PAUSE_MS;
	looked_ms = now_ms;
	SLIST_FOREACH(heartbeat, &all, link)
	{
		if (!has_not_moved(heartbeat, now_ms, is_anew))
			continue;
		is_stuck = true;
		snprintf(name, HEARTBEAT_MAX_NAME, "%s", heartbeat->name);
	}
	pthread_mutex_unlock(&lock);
	return is_stuck;
}
