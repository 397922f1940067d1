/* SPDX-License-Identifier: MIT */
/*
 * session.h - one connected client: its socket, its registration, the bytes that come and
 * the bytes that go.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <amy.h>

#include "address.h"
#include "batch.h"
#include "budget.h"
#include "clients.h"
#include "conf.h"
#include "opening.h"
#include "output.h"
#include "peers.h"
#include "publication.h"
#include "quota.h"
#include "rate.h"
#include "requests.h"
#include "stats.h"
#include "subscriptions.h"
#include "tallies.h"
#include "timers.h"
#include "unread.h"

enum session_state {
	SESSION_OPEN,      /* lines come, lines go */
	SESSION_LISTENING, /* no more of its lines are run; it goes on as long as it has work */
	SESSION_CLOSING,   /* what is queued goes, then it is closed */
	SESSION_LINGERING, /* it was told goodbye; what it still says is read, and dropped */
	SESSION_DEAD,      /* to be closed, whatever is queued */
};

/*
 * One connected client.
 *
 * Owner: the accept thread until it has written the session to its handler's pipe, then
 * that handler for good. No lock: nobody else holds a pointer to it; others know its id,
 * and what is in client.
 */
struct session {
	/* constant after create, but for id, which the accept thread sets */
	int fd;
	amy_id id;
	const struct conf_listener *listener; /* with a reference; changed by session_adopt() */
	struct stats *stats; /* its handler's, from when that has it */
	struct tally *tally; /* its handler's for its listener, likewise */
	struct quota_share *quota; /* its handler's; NULL: nobody counts what it takes */

	/* owner only: first what every event and every line looks at */
	enum session_state state;
	bool has_registration; /* fired or never armed: ours. Else the kernel's, or on its way */
	bool is_dirty;         /* listed by the view: to be settled at the end of the turn */
	bool is_stalled;       /* listed by the view: waits for room in another's inbox */
	bool is_waiting;       /* its next line is not run before its request is answered, or it
	                          may by line_rate */
	bool has_spoken;       /* its first line was seen */
	bool input_has_ended;  /* it was read to its end */
	bool is_unreachable;   /* it has closed, or sending has failed: it is told nothing any more,
	                          and what it has sent before is run */
	bool lingers;          /* after CLOSING it is LINGERING */
	bool is_ending;        /* CLOSING or LINGERING, and its time is limited */
	bool has_taken;        /* something that was sent, since the timer was set */
	bool has_quit;         /* it said so: its will is not for us to publish */
	bool has_sent;         /* something that its machine may not have acknowledged */
	bool is_unheard;       /* going down: of what it sent before, not all was run yet */
	bool is_busy;          /* it says something often: worth a lease, as lease.h says */
	bool is_leased;        /* it has one: it is ours, and waited for by us */
	unsigned char armed;   /* the interest it is waited for with */

	bool is_behind;        /* listed by members.h: it has not read all that it was sent */
	bool is_active;        /* it had an event, or has taken something, since watch.c looked */
	bool is_in_line;       /* of the line that it is sending a part has come */

	/* what SET changes */
	bool is_raw, no_ack, no_echo, slow_cut;
	unsigned char show; /* PROTOCOL_SHOW_ bits */

	struct parcel *parcel; /* lines of this turn, and nothing is in output; NULL: none */
	struct output output;
	TAILQ_ENTRY(session) dirty;
	struct budget_share share; /* of the turn of its handler */
	int64_t used_ms; /* when it had an event last, about; 0: never */
	TAILQ_ENTRY(session) leased;

	size_t charged;     /* of the share, for what waits for it */
	bool was_squeezed;  /* lines for it were dropped because memory was short: it is logged */
	uint64_t nuntold; /* lines dropped, of which _amyd.dropped has not told yet */
	struct timer timer; /* it is to take something, or to come to its end, until then */

	struct opening opening; /* what it has opened with, in modes that judge it */
	struct amy_line_reader reader;
	uint32_t timeout_ms;    /* of its requests; SET changes it */
	uint32_t line_since_ms; /* it is in a line: since when; 32 bits of the time are enough */
	struct subscription_list subscriptions;
	unsigned nsubscriptions, nbounded; /* nbounded: those that end by COUNT or WITHIN */
	unsigned nmemberships;             /* those that are members of groups */
	struct unread unread;              /* of a member of a group */
	TAILQ_ENTRY(session) behind;
	struct request_list requests;
	unsigned nrequests;
	uint32_t nunheard; /* bytes that it sent before, and that are in the socket still */
	uint32_t active_since_ms; /* it is not active: when it was last seen to be */
	struct publication *will; /* NULL: none */
	char *farewell;           /* the last line, once its work is done; NULL: none */
	TAILQ_ENTRY(session) stalled;

	struct rate line_rate; /* what is left of the listener's */

	struct peer *peer;     /* constant, set by the accept thread: its place; NULL: none */
	atomic_uint *nclients; /* constant, shared: counted down when the session is destroyed */
	struct client client;  /* its owner writes; others read, as clients.h says */
};

TAILQ_HEAD(session_list, session);

/*
 * Make a session of a connected socket, which is the session's from then on, and is
 * counted in *nclients already. NULL, ENOMEM: the socket and the count are the caller's.
 */
struct session *session_create(int fd, const struct conf_listener *listener,
                               const struct address *peer, uint64_t number,
                               atomic_uint *nclients);

/*
 * Close it and free it; its registration has ended. What it was sent arrives, unless it
 * is dead.
 */
void session_destroy(struct session *session);

/*
 * The configuration was read again, and this is now the listener that it came by: what that
 * says holds from now on. One of another mode is not for it: false, and nothing was done.
 */
bool session_adopt(struct session *session, struct clients *clients,
                   const struct conf_listener *listener);

/* How the log names it: "client NUMBER (LISTENER, from PEER)". */
#define SESSION_MAX_NAME (ADDRESS_MAX_TEXT + 64)
const char *session_name(const struct session *session, char text[SESSION_MAX_NAME]);

/*
 * Receive at most size bytes into buffer. Returns how many; 0: none now; -1: the input has
 * ended. An error of the socket makes the session dead, and counts as 0.
 */
ssize_t session_receive(struct session *session, char *buffer, size_t size);

/*
 * Send what is queued, as far as the socket takes it, but not for ever to one that takes
 * all that a source makes. After an error the session is unreachable, and dead if it is not open.
 */
void session_flush(struct session *session);

/*
 * A member of a group is chosen by what waits for it here, and what it has not read of what it
 * was sent. Look at that again. False: it has read all, or is a member no more.
 */
bool session_look_at_unread(struct session *session);

/* As if it had read all. */
void session_forget_unread(struct session *session);

/*
 * Queue a line that answers one of the client's own, or tells it something. There is room:
 * a client whose answers pile up is not read from. Once it is closing, nothing is queued any
 * more; nor to one that is raw.
 */
void session_answer(struct session *session, const struct amy_bytes *pieces, size_t npieces);

/* The final line: tag, if ntag is not 0; head, "+OK" or "-ERR CODE"; text, if there is any. */
void session_final(struct session *session, const char *tag, size_t ntag, const char *head,
                   const char *text, size_t ntext);

/* Queue bytes as they are. */
void session_answer_raw(struct session *session, const char *bytes, size_t nbytes);

/* The same; but where nothing is queued before them, they are sent, as far as they can be. */
void session_answer_now(struct session *session, const char *bytes, size_t nbytes);

/* So many bytes of answers may be queued before the client is not read from any more. */
size_t session_answer_room(const struct session *session);

/*
 * Queue a source of lines, which is the session's from then on; one that has but few is used
 * up at once. False: ENOMEM, or the session is not open; the source has ended.
 */
bool session_put_source(struct session *session, struct output_source *source);

/*
 * Have part in a parcel of many, of one line. It is counted as matched. False: it gets the
 * line in another way, and nothing is counted.
 */
bool session_join(struct session *session, struct parcel *parcel);

/*
 * It is about to do something that concerns what it gets, and shares its parcel with nobody
 * from now on.
 */
void session_stand_alone(struct session *session);

/*
 * Queue the last line of a text that came from another client, without a copy, as a part of
 * its parcel. It is counted as matched. False: it has to go by session_deliver(), and nothing
 * is counted.
 */
bool session_pack(struct session *session, struct batch *batch, const struct batch_text *text,
                  struct subscription_ref ref);

/*
 * Queue a line that came from another client (LF included). When its queue is full, older
 * ones go, or it is cut off, as it wants it. It is counted as matched, and as what became
 * of it. False: it is not open any more, and nothing is counted.
 */
bool session_deliver(struct session *session, const char *line, size_t nbytes,
                     const struct output_mark *mark, output_pattern_fn *pattern_of,
                     void *context);

/* Its lines that were not run, since its end came before, are counted, and forgotten. */
void session_forget_lines(struct session *session);

/* What is known of what it was sent. */
enum session_acks {
	SESSION_ACKNOWLEDGED,
	SESSION_UNACKNOWLEDGED,
	SESSION_UNACKNOWLEDGED_LONG, /* nothing of it, and no other packet came, for the time */
};

/* Ask the kernel. Whoever has closed its window lives, though its probes become rare. */
enum session_acks session_look_at_acks(const struct session *session, unsigned dead_ms);

bool session_is_tcp(const struct session *session);

/* Going down: how much there is of it to be heard before it is told goodbye. */
void session_count_unheard(struct session *session);

/* So much was received, of at most size: less says that there was no more. */
void session_count_heard(struct session *session, ssize_t n, size_t size);

/* Has its input ended, and is nothing of it unread? */
bool session_has_said_all(const struct session *session);

/*
 * Say "! BYE reason text", then close when all that is queued has gone. What the client is
 * still sending then is read before: or else its kernel would throw the word away.
 */
void session_bye(struct session *session, const char *reason, const char *text);

/*
 * There is too little memory: drop the oldest lines for it until no more than max_bytes of them
 * are left, or cut it off, as it wants it. They are counted, and it is told. Its queue is no
 * longer than that from now on; SIZE_MAX: as long as its listener says.
 */
void session_squeeze(struct session *session, size_t max_bytes, output_pattern_fn *pattern_of,
                     void *context);

/* What is published if it vanishes, instead of what was until now; the reference is its. */
void session_set_will(struct session *session, struct publication *will);

/* It is too slow: drop what can be dropped, and say "! BYE SLOW". */
void session_cut(struct session *session, const char *why);

/* No more lines of it are run; close when all that is queued has gone. */
void session_close(struct session *session);

/* No more lines of it are run; close when its work is done, too. */
void session_end_input(struct session *session);

/* LISTENING: is there anything that it still waits for? If not, say farewell, and close. */
void session_finish_if_idle(struct session *session);

/*
 * CLOSING, and all has gone: LINGERING, if it lingers. only_talking: and if it has sent
 * something that was not read yet.
 */
void session_linger(struct session *session, bool only_talking);

/* LINGERING: read into the buffer, and drop, what the client still says. */
void session_drop_input(struct session *session, char *buffer, size_t size);

/* Something that ends this client at once, and is logged. */
void session_fail(struct session *session, const char *why);

/*
 * The peer has closed its socket, both ways: what is queued for it is dropped. The lines that it
 * has sent are run still, up to the end of its input.
 */
void session_hang_up(struct session *session);

/* Are its lines still run, or does it go on as long as it has work? Its end has not begun. */
bool session_has_work(const struct session *session);

/* Does it still get lines? Nothing comes behind the last word. */
bool session_is_following(const struct session *session);

/* Is anything queued? */
bool session_has_output(const struct session *session);

/*
 * May its next line be run? Not while its answers pile up, or one is awaited, or is not
 * made yet; nor after its end.
 */
bool session_wants_input(const struct session *session);

/*
 * Is it not to be waited for at all? Its lines have to wait for something of ours: for room in
 * another inbox; or, where the socket would report its hang-up again and again, for an answer
 * or for line_rate.
 */
bool session_is_parked(const struct session *session);

/* Nothing is left to do but to close it. */
bool session_is_over(const struct session *session);

/*
 * Have the registration, taking it from the kernel if need be. False: it has fired, and
 * the handler is about to be told.
 */
bool session_own(struct session *session, struct amy_registrar *registrar);

/*
 * The one place where a registration is given back to the kernel: last, for what the
 * session waits for now. -1: it could not be armed; the session has it still, and is dead.
 */
int session_give_back(struct session *session, struct amy_registrar *registrar);

/* What it would wait for if it were given back now. */
unsigned session_interest(const struct session *session);

#endif
