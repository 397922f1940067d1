/* SPDX-License-Identifier: MIT */
/*
 * router.h - who gets this line.
 *
 * The router is what all handlers share; each has a view of it, with the sessions that
 * are its own. A line goes straight to the view's own sessions, and to those of another
 * handler through its inbox: once, whatever the number of its sessions that follow.
 */
#ifndef ROUTER_H
#define ROUTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <amy.h>

#include "busiest.h"
#include "clients.h"
#include "conf.h"
#include "hash.h"
#include "history.h"
#include "inbox.h"
#include "load.h"
#include "peers.h"
#include "quota.h"
#include "requests.h"
#include "rules.h"
#include "session.h"
#include "sink.h"
#include "stats.h"
#include "subscriptions.h"
#include "tallies.h"
#include "view.h"

/*
 * What the configuration says of lines. Owner: the router; or whoever prepares the next one.
 */
struct router_policy {
	const struct conf *conf;
	struct rules *rules;
	struct sink *(*sinks)[CONF_MAX_TARGETS]; /* by rule and target; NULL: it has none */
	_Atomic uint64_t (*ntold)[CONF_MAX_TARGETS]; /* of lines dropped there: told so far */
};

/* The configuration is borrowed; there are no sinks yet. Errors: ENOMEM. */
int router_policy_init(struct router_policy *policy, const struct conf *conf);
void router_policy_fini(struct router_policy *policy);

/*
 * Owner: the server. Constant after create, as far as it does not say: what it points to
 * may be used by any thread.
 */
struct router {
	unsigned nhandlers;
	struct router_policy policy; /* changed while no handler uses it */
	struct subscriptions *subscriptions;
	struct clients *clients;
	struct peers *peers;
	struct requests *requests;
	struct history *history;
	struct quota quota;
	struct stats *stats;   /* of each handler, then of the accept thread */
	struct inbox *inboxes; /* of each handler */
	int64_t since_ms;
	struct hash_key key;
	_Atomic uint64_t nreloads, nreloads_refused; /* of the configuration */

	/* for those who watch; see status.h */
	struct load *loads;      /* of each handler */
	struct tallies *tallies; /* of handlers, then of those that answer by HTTP */
	struct busiest_board *busiest;
	int64_t since_wall_ms;
	atomic_uint nwatchers;
	atomic_bool is_draining;
	pthread_mutex_t change_lock; /* held while the policy changes, or is looked at */
};

/* The configuration is borrowed. Errors: ENOMEM, or as getrandom(2). */
struct router *router_create(const struct conf *conf, struct record_pipe *const *pipes);

/* After all its views. NULL is fine. */
void router_destroy(struct router *router);

/*
 * Have the next policy, and give back the one before. No handler runs, and each of their views
 * is to forget what it found by that: router_forget_routes().
 */
void router_exchange_policy(struct router *router, struct router_policy *policy);
void router_forget_routes(struct view *view);

/* Errors: ENOMEM. */
int router_view_init(struct view *view, struct router *router, unsigned handler);

/* The view has no session left. */
void router_view_fini(struct view *view);

/* Somebody watches: it is worth to take the time, and to count subjects. */
static inline bool
router_is_watched(const struct router *router)
{
	return atomic_load_explicit(&router->nwatchers, memory_order_relaxed) > 0;
}

/* A view remembers so many routes. */
#define ROUTER_CACHED_ROUTES 512

/* What a subject led to; good as long as the subscriptions have its version. */
struct cached_route {
	struct route *route; /* NULL: empty */
	int section;         /* of history; -1: none */
	bool is_good;        /* router_check_subject() has said so */
	uint64_t rules;      /* that its pattern has, a bit each */
	uint64_t nlines;     /* that were published to it, and the sketch does not know of */
	size_t nsubject;
	char subject[SUBJECT_MAX_BYTES];
};

/* From the cache, or found anew. Borrowed until the next call. NULL: ENOMEM. */
const struct cached_route *router_route(struct view *view, const struct amy_bytes *subject);

/* As subject_check(), which is not asked again about the subject that was looked up last. */
const char *router_check_subject(struct view *view, const struct amy_bytes *subject);

/* Tell the sketch, if there is one, of the lines that were published to it. */
void router_count_hits(struct view *view, struct cached_route *cached);

enum router_result {
	ROUTER_DONE,
	ROUTER_STALLED,   /* not done: from is parked until another handler has room */
	ROUTER_NO_MEMORY, /* not done */
	ROUTER_TOO_MANY,  /* not done: no more last values can be kept */
};

/* What became of a line. */
struct router_receipt {
	size_t nreaders; /* queues that it is for */
	uint64_t seq;    /* 0: it is not stored */
};

/*
 * Send a line to all who follow a subject, to its history, and to its rules; or, where
 * "@name" stands for the subject, to that client. keep: it is the subject's last value.
 * All is judged good already.
 */
enum router_result router_publish(struct view *view, struct session *from,
                                  const struct amy_bytes *subject, const struct amy_bytes *text,
                                  bool keep, struct router_receipt *receipt);

/* What a session says at its very end: it cannot wait for room, and there is none to tell. */
void router_publish_last(struct view *view, const struct session *from,
                         const struct amy_bytes *subject, const struct amy_bytes *text);

/* About what a line will take of the queue of a member of a group. */
static inline size_t
router_line_size(const struct publication *line)
{
	return line->subject.nbytes + line->text.nbytes + 8;
}

/* To the member that was chosen. False: it has gone in the meantime. */
bool router_send_to_member(struct view *view, struct publication *copy, struct route *route,
                           struct group *group, amy_id except, const struct subscriber *to);

/*
 * To one live member of a group. Whoever is chosen may leave before the line is there: then the
 * handler that was to deliver it chooses again. False: there is none.
 */
bool router_send_to_group(struct view *view, struct publication *copy, struct route *route,
                          struct group *group, amy_id except);

/* A line of the daemon's own. */
void router_say(struct view *view, const char *subject, const struct amy_bytes *text);

/* Would anybody get it? */
bool router_is_heard(struct view *view, const char *subject);

/*
 * Is there room in all other inboxes; in those that a route leads to? If not, the session (unless
 * NULL) is parked.
 */
bool router_has_room(struct view *view, struct session *session);
bool router_has_room_for(struct view *view, struct session *session, const struct route *route);

/*
 * Lines for other handlers are gathered, as long as they go one way, and sent together: by
 * this, or before whatever else is sent. It is to be called before the publisher may see that
 * they were published: from then on whoever asks must find them to be on their way.
 */
void router_send_gathered(struct view *view);

/* One line more, for the other handlers of its route. False: ENOMEM. */
bool router_gather(struct view *view, const struct publication *line, struct route *route);

/*
 * To another handler; the message is its from now on. Lines that were gathered for it go
 * before.
 */
void router_send(struct view *view, unsigned handler, struct message *message);

/* "@name", or "-". The bytes are the session's, and last as long as its name. */
struct amy_bytes router_sender(const struct session *session, char text[SUBJECT_MAX_NAME + 1]);

/* Is there anything in the inbox, or room in another's that was waited for? */
bool router_is_woken(const struct view *view);

/*
 * Deliver what has come from other handlers; the sessions that got it are dirty. Requests
 * and answers are put aside, in view->asked.
 */
void router_read_inbox(struct view *view);

/*
 * The same in two steps. Messages that are taken with the lock of history held have been
 * stored until then, all of them; they are delivered when it is not held any more.
 */
void router_take_inbox(struct view *view, struct message_list *messages);
void router_receive(struct view *view, struct message_list *messages);

/* Send what was gathered, and wake the handlers that were sent something: at the end of a turn. */
void router_wake_others(struct view *view);

#endif
