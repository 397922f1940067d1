/* SPDX-License-Identifier: MIT */
/*
 * heartbeat.h - whether the threads that must never stop do not.
 *
 * Each of them counts: odd while it works, even while it waits for something to do. One that
 * is at the same odd number as the last time when somebody looked has been at one thing ever
 * since: it is stuck. A store at each end of a turn is all that this costs.
 *
 * The accept thread, the poller thread and the handlers have one. The log thread, the sink
 * threads and the resolver have none: they are there to be held up, by a disk, by syslog's
 * reader or by a name server, so that nobody else is. Nor do those that answer by HTTP.
 */
#ifndef HEARTBEAT_H
#define HEARTBEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define HEARTBEAT_MAX_NAME 16 /* as the kernel has it */

/*
 * Owner: the thread. All zero before heartbeat_start().
 */
struct heartbeat {
	_Atomic unsigned count; /* written by the thread, read by who looks */

	/* guarded by the lock of the list */
	SLIST_ENTRY(heartbeat) link;
	char name[HEARTBEAT_MAX_NAME];
	unsigned seen;
	bool is_stuck;
	unsigned found;   /* the number that it was at when heartbeats_find_stuck() looked */
	int64_t found_ms; /* and since when it is at that */
};

/*
 * The thread's first and last words. The name is for the log and for ps(1). It must have
 * ended it before the memory goes.
 */
void heartbeat_start(struct heartbeat *heartbeat, const char *name);
void heartbeat_end(struct heartbeat *heartbeat);

/* It has something to do; so, too, within a turn that may be long, to show that it moves. */
static inline void
heartbeat_work(struct heartbeat *heartbeat)
{
	unsigned count = atomic_load_explicit(&heartbeat->count, memory_order_relaxed);

	atomic_store_explicit(&heartbeat->count, (count + 1) | 1, memory_order_relaxed);
}

/* It waits for something to do, for as long as it takes. */
static inline void
heartbeat_wait(struct heartbeat *heartbeat)
{
	unsigned count = atomic_load_explicit(&heartbeat->count, memory_order_relaxed);

	atomic_store_explicit(&heartbeat->count, (count + 2) & ~1u, memory_order_relaxed);
}

/*
 * Look at all of them. True: none is stuck. One that has become so, or moves again, is
 * logged. Threads end meanwhile as they like. Any one thread.
 */
bool heartbeats_all_move(void);

/*
 * Whether one has been at the same thing for HEARTBEAT_STUCK_MS: true, and its name. It is to
 * be called every second or so; where that was not done, for the whole process was stopped, it
 * begins anew. Any thread; it is of no concern to heartbeats_all_move().
 */
#define HEARTBEAT_STUCK_MS 5000
bool heartbeats_find_stuck(int64_t now_ms, char name[HEARTBEAT_MAX_NAME]);

#endif
