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

#include <amy.h>

#include "address.h"
#include "conf.h"
#include "subscriptions.h"

enum session_state {
	SESSION_OPEN,      /* lines come, lines go */
	SESSION_LISTENING, /* its input has ended; lines go as long as it follows something */
	SESSION_CLOSING,   /* what is queued goes, then it is closed */
	SESSION_LINGERING, /* it was told goodbye; what it still says is read, and dropped */
	SESSION_DEAD,      /* to be closed, whatever is queued */
};

/*
 * One connected client.
 *
 * Owner: the accept thread until it has written the session to its handler's pipe, then
 * that handler for good. No lock: nobody else holds a pointer to it; others know its id.
 */
struct session {
	/* constant after create, but for id, which the accept thread sets */
	int fd;
	amy_id id;
	const struct conf_listener *listener;
	atomic_uint *nclients; /* shared: counted down when the session is destroyed */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} peer; /* of a Unix socket the family only */

	/* owner only */
	enum session_state state;
	bool has_registration; /* fired or never armed: ours. Else the kernel's, or on its way */
	bool is_dirty;         /* listed by the router: to be settled at the end of the turn */
	bool is_stalled;       /* listed by the router: waits for room in another's inbox */
	bool has_spoken;       /* its first line was seen */
	bool input_has_ended;  /* it was read to its end */
	bool lingers;          /* after CLOSING it is LINGERING */
	bool is_ending;        /* listed by the handler: CLOSING or LINGERING */
	unsigned armed;        /* the interest it was armed with */
	struct amy_line_reader reader;
	struct amy_line_writer writer;
	struct subscription_list subscriptions;
	unsigned nsubscriptions;
	TAILQ_ENTRY(session) dirty;
	TAILQ_ENTRY(session) stalled;
	TAILQ_ENTRY(session) ending;
	int64_t end_by_ms; /* of one that is_ending */
};

/*
 * Make a session of a connected socket, which is the session's from then on, and is
 * counted in *nclients already. NULL, ENOMEM: the socket and the count are the caller's.
 */
struct session *session_create(int fd, const struct conf_listener *listener,
                               const struct address *peer, atomic_uint *nclients);

/*
 * Close it and free it; its registration has ended. What it was sent arrives, unless it
 * is dead.
 */
void session_destroy(struct session *session);

/* How the log names it: "client ID (LISTENER, from PEER)". */
#define SESSION_MAX_NAME (ADDRESS_MAX_TEXT + 64)
const char *session_name(const struct session *session, char text[SESSION_MAX_NAME]);

/*
 * Receive at most size bytes into buffer. Returns how many; 0: none now; -1: the input has
 * ended. An error of the socket makes the session dead, and counts as 0.
 */
ssize_t session_receive(struct session *session, char *buffer, size_t size);

/* Send what is queued, as far as the socket takes it. An error makes the session dead. */
void session_flush(struct session *session);

/*
 * Queue a line that answers one of the client's own. There is room: a client whose
 * answers pile up is not read from. Once it is closing, nothing is queued any more.
 */
void session_answer(struct session *session, const struct amy_line *pieces, size_t npieces);

/* Queue bytes as they are, likewise. */
void session_answer_raw(struct session *session, const char *bytes, size_t nbytes);

/*
 * Queue a line that came from another client (LF included). False: its queue is full, and
 * it is now being closed with "! BYE SLOW"; or it is not open any more.
 */
bool session_deliver(struct session *session, const char *line, size_t nbytes);

/*
 * Say "! BYE reason text", then close when all that is queued has gone. What the client is
 * still sending then is read before: or else its kernel would throw the word away.
 */
void session_bye(struct session *session, const char *reason, const char *text);

/* No more lines of it are run; close when all that is queued has gone. */
void session_close(struct session *session);

/*
 * CLOSING, and all has gone: LINGERING, if it lingers. only_talking: and if it has sent
 * something that was not read yet.
 */
void session_linger(struct session *session, bool only_talking);

/* LINGERING: read into the buffer, and drop, what the client still says. */
void session_drop_input(struct session *session, char *buffer, size_t size);

/* Something that ends this client at once, and is logged. */
void session_fail(struct session *session, const char *why);

/* Does it still get lines? Nothing comes behind the last word. */
bool session_is_following(const struct session *session);

/* Bytes that are queued. */
size_t session_pending(const struct session *session);

/* May its next line be run? Not while its answers pile up, nor after its end. */
bool session_wants_input(const struct session *session);

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
