/* SPDX-License-Identifier: MIT */
/*
 * view.h - what one handler has: its sessions, what they follow, and how a line gets to them.
 */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <amy.h>

#include "batch.h"
#include "budget.h"
#include "history.h"
#include "inbox.h"
#include "publication.h"
#include "quota.h"
#include "session.h"
#include "stats.h"
#include "subscriptions.h"
#include "tallies.h"
#include "timers.h"

struct busiest_sketch;
struct router;
struct rules_scratch;

/* What ends a subscription by itself. Owner: its subscription. */
struct limit {
	struct timer timer; /* of WITHIN */
	uint64_t left;      /* of COUNT: lines until its end; 0: without */
	struct session *session;
	struct subscription *subscription;
};

/*
 * A subscription of this handler, or a free place for one. It has what a delivery asks of a
 * subscription, so that this itself need not be looked at.
 */
struct view_slot {
	struct subscription *subscription; /* NULL: free */
	uint32_t serial;                   /* its; 0: free */
	uint32_t next_free : 31;           /* of a free one: from 1; 0: none */
	uint32_t has_limit : 1;            /* of another */
};

/*
 * Owner: one handler. What other handlers may touch is in its inbox.
 */
struct view {
	/* constant after init */
	unsigned handler;
	struct router *router;
	struct subscriptions *subscriptions; /* shared */
	struct clients *clients;             /* shared */
	struct tallies *tallies;             /* shared */
	struct history *history;             /* shared */
	struct quota *quota;               /* shared; NULL: nobody counts memory */
	struct quota_share *share;          /* ours of it */
	struct stats *stats;

	/* owner only */
	struct timers timers;
	struct session **sessions; /* by the index of their id */
	size_t nslots;
	size_t nsessions;
	struct view_slot *slots; /* of subscriptions */
	uint32_t nsubscription_slots, free_slot; /* free_slot: from 1; 0: none */
	uint32_t last_serial;
	struct session_list dirty;   /* to be settled at the end of the turn */
	struct session_list stalled; /* wait for room in another handler's inbox */
	struct message_list asked;   /* requests and answers that came with lines */
	struct cached_route *cache;
	struct cached_route *last_route; /* of them: often it is the same subject again */
	struct subscriber *picks; /* members that were chosen, of the groups of one route */
	size_t picks_capacity;
	struct rules_scratch *scratch;
	struct batch batch; /* what is published in this turn */
	uint32_t *others;   /* who does not share the last route's parcel: first subscribers */
	size_t nothers, others_capacity;
	size_t nsharing; /* sessions that do, if none has left since */
	struct amy_bytes note; /* a text being put together; its bytes are ours */
	size_t note_capacity;
	int64_t now_ms, wall_ms; /* 0: not looked at in this turn */
	size_t nasked;           /* requests that were put to somebody, for taking turns */
	struct budget budget;    /* of this turn */
	size_t cost;             /* of the line that is being run, beside COST_LINE: see budget.h */
	bool has_fed_sinks;      /* lines went to targets of rules */
	bool has_dropped;        /* lines of clients, and it is not told yet */
	bool has_asked;          /* other handlers to drop lines, for memory is short */
	int64_t short_log_ms;    /* when it may be logged again that it is */
	bool was_woken;          /* the inbox was read: those that are stalled may go on */
	struct packet *packet;   /* lines for other handlers, not sent yet; NULL: none */
	size_t packet_capacity;  /* that the next one is to have */
	uint64_t to_wake;        /* handlers that were sent something in this turn: a bit each */
	bool is_watched;         /* somebody looks at how busy we are, in this turn */
	struct busiest_sketch *sketch; /* of subjects, while we are watched; NULL: none yet */
};

void view_init(struct view *view, unsigned handler, struct subscriptions *subscriptions,
               struct clients *clients, struct stats *stats);

/* It has no session left. */
void view_fini(struct view *view);

/* The session is the view's from now on. -1, ENOMEM: it is still the caller's. */
int view_add(struct view *view, struct session *session);

/* It gets no line any more, and is the caller's again, to be destroyed. */
void view_remove(struct view *view, struct session *session);

/* NULL: this view has none of that id. */
struct session *view_find(const struct view *view, amy_id id);

/* Something was done for it: it is to be settled at the end of the turn. */
void view_mark_dirty(struct view *view, struct session *session);

/* The time of this turn: monotonic; and since 1970. */
int64_t view_now_ms(struct view *view);
int64_t view_wall_ms(struct view *view);

/* The turn is over: what was made in it is not needed any more. */
void view_end_turn(struct view *view);

/* What a session is to follow, and until when. */
struct view_follow {
	struct amy_bytes pattern; /* a good one, that it does not follow yet */
	struct amy_bytes group;   /* nbytes 0: none */
	uint64_t count;          /* lines; 0: without end */
	int64_t within_ms;       /* -1: without end */
	struct subscription_ref ref; /* of the one in whose place it comes; serial 0: none */
};

/*
 * NULL: ENOMEM. One that comes in the place of another, which was ended just now, has its
 * name: what is on its way to that one is for it.
 */
struct subscription *view_follow(struct view *view, struct session *session,
                                 const struct view_follow *follow);

/*
 * The same pattern, without a group before and now: the subscription stays, and misses no
 * line; it ends as is said now. -1, ENOMEM: it does not end by itself.
 */
int view_follow_on(struct view *view, struct session *session,
                   struct subscription *subscription, const struct view_follow *follow);

/* Without a word; the session is dirty. */
void view_unfollow(struct view *view, struct session *session,
                   struct subscription *subscription);

/* How many ended: all; or, of those, the ones without COUNT and WITHIN. */
size_t view_unfollow_all(struct view *view, struct session *session);
void view_unfollow_unbounded(struct view *view, struct session *session);

/* The place of a subscription, NULL: it has ended. */
static inline const struct view_slot *
view_slot(const struct view *view, struct subscription_ref ref)
{
	if (ref.serial == 0 || ref.slot >= view->nsubscription_slots ||
	    view->slots[ref.slot].serial != ref.serial)
		return NULL;
	return &view->slots[ref.slot];
}

/* With a word: what was wanted of it is done. */
void view_end_subscription(struct view *view, struct session *session,
                           struct subscription *subscription, const char *why);

/* "! DONE pattern why" */
void view_say_done(struct session *session, const struct amy_bytes *pattern, const char *why);

/* They are about to get something: ask memory for what will be looked at. */
void view_foresee(const struct view *view, const struct subscriber *followers, size_t n);

/* The subscription of that name, if it has not ended. */
struct subscription *view_subscription(const struct view *view, struct subscription_ref ref);

/*
 * Queue a publication to the part of a route that is ours. Returns for how many sessions it
 * was; one that has gone, or follows nothing of it any more, is counted as dropped.
 */
size_t view_deliver(struct view *view, const struct publication *publication,
                    struct route *route);

/* To one session, by one of its subscriptions, or (ref.serial 0) by its name. False: gone. */
bool view_deliver_to(struct view *view, const struct publication *publication,
                     const struct subscriber *to);

/*
 * See how much memory is used, and drop some of what waits, and then of what is stored, if it is
 * nearly as much as may be. It is to be called when view_is_to_look() says so; sessions of which
 * lines went are dirty.
 */
void view_look_at_quota(struct view *view);

static inline bool
view_is_to_look(const struct view *view)
{
	const struct quota_share *share = view->share;

	return share != NULL && (share->ngrown >= share->look_at ||
	                         atomic_load_explicit(&share->must_look, memory_order_relaxed));
}

/* The pattern of a subscription, for session_deliver() and session_squeeze(); a view is context. */
size_t view_pattern_of(void *view, struct subscription_ref ref, char text[SUBJECT_MAX_BYTES]);

/* Lines that nobody is left for: matched, and dropped. */
void view_count_lost(struct view *view, enum stats_counter cause, size_t n);

#endif
