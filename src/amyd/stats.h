/* SPDX-License-Identifier: MIT */
/*
 * stats.h - what is counted. Each handler counts for itself, and so does the accept thread;
 * STATS adds it up.
 *
 * At rest: matched = delivered + queued + all that is dropped.
 */
#ifndef STATS_H
#define STATS_H

#include <stdatomic.h>
#include <stdint.h>

#define STATS(X)                                                                         \
	X(CLIENTS_ACCEPTED, "clients.accepted")     /* connections that came to a handler */  \
	X(CLIENTS_CLOSED, "clients.closed")         /* and that ended */                     \
	X(CLIENTS_IDLE, "clients.ended.idle")       /* of them, for idle_time */             \
	X(CLIENTS_LINE_TIME, "clients.ended.line_time") /* of them, for line_time */         \
	X(CLIENTS_DEAD, "clients.ended.dead") /* of them, whose machines acknowledge nothing */ \
	X(REFUSED_MAX_CLIENTS, "clients.refused.max_clients") /* callers turned away */      \
	X(REFUSED_PER_IP, "clients.refused.per_ip")                                          \
	X(REFUSED_DESCRIPTORS, "clients.refused.descriptors")                                \
	X(REFUSED_MEMORY, "clients.refused.memory")                                          \
	X(ACCEPT_PAUSES, "accept.pauses")           /* callers had to wait for a while */    \
	X(CLIENTS_LEASED, "clients.leased")         /* that their handlers wait for now */   \
	X(EVENTS_LEASED, "events.leased")           /* of those, whenever it was */          \
	X(EVENTS_POLLED, "events.polled")           /* that the poller thread told */        \
	X(LINES_READ, "lines.read")                 /* that clients sent, of any kind */     \
	X(LINES_TOO_LONG, "lines.too_long")         /* that were longer than max_line */     \
	X(LINES_OVER_RATE, "lines.over_rate")       /* refused, or kept waiting: line_rate */ \
	X(LINES_NOT_RUN, "lines.not_run")           /* that came behind the end of their client */ \
	X(LINES_UNTERMINATED, "lines.unterminated") /* that had no LF at the end of input */  \
	X(LINES_PUBLISHED, "lines.published")       /* to a subject, rules' lines included */ \
	X(LINES_UNDELIVERED, "lines.undelivered")   /* of them: nobody took it */            \
	X(LINES_MATCHED, "lines.matched")           /* queues they were to go into */        \
	X(LINES_DELIVERED, "lines.delivered")       /* and left from, whole */               \
	X(LINES_QUEUED, "lines.queued")             /* in queues of clients now */           \
	X(LINES_DROPPED_SLOW, "lines.dropped.slow") /* oldest ones, past the queue */        \
	X(LINES_DROPPED_CUT, "lines.dropped.cut")   /* of clients that were cut off */       \
	X(LINES_DROPPED_GONE, "lines.dropped.gone") /* of clients that went before */        \
	X(LINES_DROPPED_ENDED, "lines.dropped.ended") /* of subscriptions that ended before */ \
	X(LINES_DROPPED_MEMORY, "lines.dropped.memory") /* there was none */                 \
	X(MEMORY_FORGOTTEN, "memory.forgotten")     /* stored lines, to have room */         \
	X(MEMORY_REFUSED, "memory.refused")         /* -ERR FULL: there was no room */       \
	X(LINES_REPLAYED, "lines.replayed")         /* from history */                       \
	X(REQUESTS, "requests.asked")                                                    \
	X(REQUESTS_ANSWERED, "requests.answered")                                        \
	X(REQUESTS_TIMED_OUT, "requests.timed_out")                                      \
	X(RULES_GAVE_UP, "rules.gave_up")           /* a regex took too long for a line */

enum stats_counter {
#define X(id, name) STAT_##id,
	STATS(X)
#undef X
	STAT_COUNT,
};

/* Owner: one handler, or the accept thread, writes; any thread reads. */
struct stats {
	_Atomic uint64_t counters[STAT_COUNT];
};

extern const char *const stats_names[STAT_COUNT];

/* One writer: no need for an atomic addition. A gauge may go down: n wraps. */
static inline void
stats_add(struct stats *stats, enum stats_counter stat, uint64_t n)
{
	_Atomic uint64_t *counter = &stats->counters[stat];

	atomic_store_explicit(counter,
	                      atomic_load_explicit(counter, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

static inline uint64_t
stats_get(const struct stats *stats, enum stats_counter stat)
{
	return atomic_load_explicit(&stats->counters[stat], memory_order_relaxed);
}

#endif
