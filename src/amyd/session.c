/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/tcp.h>
#endif

#include "lines.h"
#include "log.h"
#include "monotonic.h"
#include "session.h"

/* A source may have more than fits into a socket; somebody else is to have a turn, too. */
#define MAX_FLUSH (256 * 1024)

/* A source that is used up by so many calls need not be queued. */
#define SOURCE_TRIES 2
#define MAX_MADE (1u << 30)

#define REQUEST_TIMEOUT_MS 5000

/* So much is read, at most, of what is unread when a socket is closed: sockets hold less. */
#define MAX_READ_OFF ((size_t)16 << 20)

struct session *
session_create(int fd, const struct conf_listener *listener, const struct address *peer,
               uint64_t number, atomic_uint *nclients)
{
	struct session *session = calloc(1, sizeof *session);

	if (session == NULL)
		return NULL;
	session->fd = fd;
	session->listener = listener;
	conf_ref(listener->conf);
	session->nclients = nclients;
	session->client.number = number;
	session->client.listener = listener;
	session->client.since_ms = monotonic_now_ms();
	if (peer->u.any.sa_family == AF_UNIX)
		session->client.peer.any.sa_family = AF_UNIX;
	else
		memcpy(&session->client.peer, &peer->u, sizeof session->client.peer);
	session->has_registration = session->is_active = true;
	session->slow_cut = listener->slow_cut;
	session->timeout_ms = REQUEST_TIMEOUT_MS;
	amy_line_reader_init(&session->reader, listener->max_line);
	output_init(&session->output, listener->queue);
	return session;
}

static void
session_count_not_run(struct session *session, uint64_t n)
{
	if (session->stats != NULL && n > 0)
		stats_add(session->stats, STAT_LINES_NOT_RUN, n);
}

void
session_forget_lines(struct session *session)
{
	struct amy_bytes line;
	uint64_t n = 0;
	int result;

	while ((result = amy_line_reader_next(&session->reader, &line)) != 0) {
		n++;
		if (result == -1 && errno != EMSGSIZE)
			break;
	}
	session_count_not_run(session, n);
	amy_line_reader_fini(&session->reader);
}

/*
 * Closing with something unread would reset the connection, and what was sent last might
 * not arrive. What comes later than now is the client's fault.
 */
static void
session_read_off(struct session *session)
{
	char unread[16384];
	uint64_t nlines = 0;
	ssize_t n;

	if (session->state != SESSION_DEAD)
		shutdown(session->fd, SHUT_WR);
	for (size_t total = 0; total < MAX_READ_OFF; total += (size_t)n) {
		n = recv(session->fd, unread, sizeof unread, MSG_DONTWAIT);
		if (n <= 0)
			break;
		nlines += lines_count(unread, (size_t)n);
	}
	session_count_not_run(session, nlines);
}

/* What waits for it goes with it. */
static void
session_count_gone(struct session *session, uint64_t n)
{
	if (session->stats == NULL)
		return;
	stats_add(session->stats, STAT_LINES_DROPPED_GONE, n);
	stats_add(session->stats, STAT_LINES_QUEUED, -n);
}

static void
session_drop_parcel(struct session *session)
{
	if (session->parcel == NULL)
		return;
	session_count_gone(session, session->parcel->nlines);
	parcel_leave(session->parcel);
	session->parcel = NULL;
}

/* What waits for it takes memory, which counts. */
static void
session_charge(struct session *session)
{
	size_t n = output_memory(&session->output);
	struct quota_share *share = session->quota;

	if (n == session->charged || share == NULL)
		return;
	if (n > session->charged)
		quota_grow(share, &share->nqueued, n - session->charged);
	else
		quota_shrink(&share->nqueued, session->charged - n);
	session->charged = n;
}

/* What is queued for it is counted, and does not go. */
static void
session_drop_output(struct session *session)
{
	session_drop_parcel(session);
	session_count_gone(session, output_count_deliveries(&session->output));
	output_fini(&session->output);
	session_charge(session);
}

void
session_destroy(struct session *session)
{
	session_forget_lines(session);
	if (!session->input_has_ended)
		session_read_off(session);
	close(session->fd);
	atomic_fetch_sub_explicit(session->nclients, 1, memory_order_relaxed);
	peers_leave(session->peer);
	session_drop_output(session);
	session_set_will(session, NULL);
	free(session->farewell);
	conf_unref(session->listener->conf);
	free(session);
}

void
session_set_will(struct session *session, struct publication *will)
{
	struct quota_share *share = session->quota;

	if (share != NULL && will != NULL)
		quota_grow(share, &share->nheld, publication_size(will));
	if (share != NULL && session->will != NULL)
		quota_shrink(&share->nheld, publication_size(session->will));
	publication_unref(session->will);
	session->will = will;
}

/* Where memory is short a queue is shorter than its listener says. */
static void
session_set_limit(struct session *session)
{
	size_t limit = session->listener->queue;

	if (session->quota != NULL && session->quota->most_queued < limit)
		limit = session->quota->most_queued;
	output_set_limit(&session->output, limit);
}

bool
session_adopt(struct session *session, struct clients *clients,
              const struct conf_listener *listener)
{
	const struct conf_listener *old = session->listener;

	if (listener->mode != old->mode)
		return false;
	if (session->slow_cut == old->slow_cut)
		session->slow_cut = listener->slow_cut;
	amy_line_reader_set_max_line(&session->reader, listener->max_line);
	clients_set_listener(clients, &session->client, listener);
	session->listener = listener;
	session_set_limit(session);
	conf_ref(listener->conf);
	conf_unref(old->conf);
	return true;
}

const char *
session_name(const struct session *session, char text[SESSION_MAX_NAME])
{
	struct address peer = { 0 };
	char peer_text[ADDRESS_MAX_TEXT];

	memcpy(&peer.u, &session->client.peer, sizeof session->client.peer);
	snprintf(text, SESSION_MAX_NAME, "client %" PRIu64 " (%.40s, from %.100s)",
	         session->client.number, session->listener->name,
	         address_format(&peer, peer_text));
	return text;
}

static void
session_die(struct session *session, const char *what)
{
	char name[SESSION_MAX_NAME];

	log_debug("%s: %s: %s", session_name(session, name), what, strerror(errno));
	session->state = SESSION_DEAD;
}

/* Nothing arrives any more. What it has sent is run still, as long as it is open. */
static void
session_lose_peer(struct session *session, const char *what)
{
	char name[SESSION_MAX_NAME];

	log_debug("%s: %s: %s", session_name(session, name), what, strerror(errno));
	session->is_unreachable = true;
	if (session->state != SESSION_OPEN)
		session->state = SESSION_DEAD;
}

void
session_fail(struct session *session, const char *why)
{
	char name[SESSION_MAX_NAME];

	log_error("%s is cut off: %s: lower max_clients or queue", session_name(session, name),
	          why);
	session->state = SESSION_DEAD;
}

ssize_t
session_receive(struct session *session, char *buffer, size_t size)
{
	ssize_t n;

	do
		n = recv(session->fd, buffer, size, 0);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0)
		return -1;
	if (errno != EAGAIN)
		session_die(session, "receiving");
	return 0;
}

static bool
session_may_send(const struct session *session)
{
	return session->state != SESSION_DEAD && !session->is_unreachable;
}

/* What waits for it, for all; and its load, for those who choose a member of a group. */
static void
session_publish_load(struct session *session)
{
	unsigned pending = (unsigned)output_pending(&session->output);

	session_charge(session);
	atomic_store_explicit(&session->client.queued, pending, memory_order_relaxed);
	if (session->nmemberships > 0)
		atomic_store_explicit(&session->client.load, pending + session->unread.nbytes,
		                      memory_order_relaxed);
}

bool
session_is_tcp(const struct session *session)
{
	return session->client.peer.any.sa_family != AF_UNIX;
}

/* A member of a group was sent something. */
static void
session_count_unread(struct session *session)
{
	if (session->nmemberships > 0 && unread_is_due(&session->unread))
		unread_look(&session->unread, session->fd, session_is_tcp(session));
}

bool
session_look_at_unread(struct session *session)
{
	if (session->nmemberships > 0)
		unread_look_again(&session->unread, session->fd, session_is_tcp(session));
	session_publish_load(session);
	return session->unread.nbytes > 0;
}

void
session_forget_unread(struct session *session)
{
	session->unread = (struct unread){ 0 };
	session_publish_load(session);
}

static void
session_count_delivered(struct session *session, uint64_t n)
{
	if (n == 0)
		return;
	stats_add(session->stats, STAT_LINES_DELIVERED, n);
	stats_add(session->stats, STAT_LINES_QUEUED, -n);
}

static void
session_consume(struct session *session, size_t nbytes)
{
	session->has_taken = true;
	session_count_delivered(session, output_consume(&session->output, nbytes));
}

/* How many bytes a call has sent; 0: none now, or there was an error: the session is dead. */
static size_t
session_has_sent(struct session *session, ssize_t n)
{
	if (n > 0) {
		session->has_taken = session->is_active = session->has_sent = true;
		session->unread.nsent += (uint32_t)n;
		return (size_t)n;
	}
	if (n == -1 && errno != EAGAIN)
		session_lose_peer(session, "sending");
	return 0;
}

/* The same, of these bytes. */
static size_t
session_send(struct session *session, const char *bytes, size_t nbytes)
{
	ssize_t n;

	do
		n = send(session->fd, bytes, nbytes, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return session_has_sent(session, n);
}

/* The same, of its parcel. */
static size_t
session_send_parcel(struct session *session)
{
	struct iovec iovecs[PARCEL_MAX_RUNS];
	struct msghdr message = { .msg_iov = iovecs };
	ssize_t n;

	message.msg_iovlen = parcel_bytes(session->parcel, iovecs);
	do
		n = message.msg_iovlen == 1
		        ? send(session->fd, iovecs[0].iov_base, iovecs[0].iov_len, MSG_NOSIGNAL)
		        : sendmsg(session->fd, &message, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return session_has_sent(session, n);
}

static void
session_count_dropped(struct session *session, enum stats_counter cause, uint64_t n)
{
	stats_add(session->stats, cause, n);
	session->nuntold += n;
	atomic_fetch_add_explicit(&session->client.ndropped, n, memory_order_relaxed);
}

/* Those that were in the queue. */
static void
session_count_lost(struct session *session, enum stats_counter cause, uint64_t n)
{
	stats_add(session->stats, STAT_LINES_QUEUED, -n);
	session_count_dropped(session, cause, n);
}

/* There is no memory for n lines of it. */
static void
session_fail_to_unpack(struct session *session, uint64_t n)
{
	session_fail(session, strerror(ENOMEM));
	session_count_lost(session, STAT_LINES_DROPPED_MEMORY, n);
}

/* Copy one line that is in no parcel any more; of the first one a part may have gone. */
static bool
session_unpack_line(struct session *session, const struct batch_line *line, const char *bytes,
                    struct subscription_ref ref, size_t ngone)
{
	const struct output_mark mark = { line->seq, ref };

	if (output_keep(&session->output, bytes, line->nbytes, &mark) == -1)
		return false;
	if (ngone > 0)
		output_consume(&session->output, ngone);
	return true;
}

/* Its parcel, of which nsent bytes have gone, becomes output. */
static void
session_unpack(struct session *session, size_t nsent)
{
	struct parcel *parcel = session->parcel;
	struct parcel_place place = { 0, 0 };
	const struct batch_line *line;
	struct subscription_ref ref, shared_ref = { 0, 0 };
	uint64_t ndelivered = 0, nleft = parcel->nlines;
	const char *bytes;

	if (parcel->route != NULL)
		shared_ref = parcel_ref(parcel, session->id);
	session->parcel = NULL;
	while ((line = parcel_next(parcel, &place, &ref, &bytes)) != NULL) {
		if (parcel->route != NULL)
			ref = shared_ref;
		if (nsent >= line->nbytes) {
			nsent -= line->nbytes;
			ndelivered++;
		} else if (session_unpack_line(session, line, bytes, ref, nsent)) {
			nsent = 0;
		} else {
			break;
		}
		nleft--;
	}
	session_count_delivered(session, ndelivered);
	if (nleft > 0)
		session_fail_to_unpack(session, nleft);
	parcel_leave(parcel);
}

/* Before something else is queued. */
static void
session_unpack_all(struct session *session)
{
	if (session->parcel != NULL)
		session_unpack(session, 0);
}

/* Its parcel is its own from now on. False: ENOMEM. */
static bool
session_divide_parcel(struct session *session)
{
	struct parcel *own;

	if (session->parcel == NULL || session->parcel->route == NULL)
		return true;
	own = parcel_divide(session->parcel, session->id);
	if (own == NULL)
		return false;
	session->parcel = own;
	return true;
}

void
session_stand_alone(struct session *session)
{
	if (!session_divide_parcel(session))
		session_unpack(session, 0);
}

/* As session_flush(). */
static void
session_flush_parcel(struct session *session)
{
	size_t nsent = session_send_parcel(session);

	if (nsent == session->parcel->nbytes) {
		session_count_delivered(session, session->parcel->nlines);
		parcel_leave(session->parcel);
		session->parcel = NULL;
	} else {
		session_unpack(session, nsent);
	}
}

bool
session_has_output(const struct session *session)
{
	return session->parcel != NULL || !output_is_empty(&session->output);
}

void
session_flush(struct session *session)
{
	const char *bytes;
	size_t pending, n, total = 0;

	if (!session_may_send(session) || !session_has_output(session))
		return;
	if (session->parcel != NULL)
		session_flush_parcel(session);
	while (session_may_send(session) && total < MAX_FLUSH &&
	       (pending = output_next(&session->output, &bytes)) > 0) {
		n = session_send(session, bytes, pending);
		if (n == 0)
			break;
		session_consume(session, n);
		total += n;
	}
	if (session->is_unreachable)
		session_drop_output(session);
	if (output_awaits_source(&session->output))
		session->has_taken = true; /* it is we who are late */
	session_count_unread(session);
	session_publish_load(session);
}

void
session_hang_up(struct session *session)
{
	session->is_unreachable = true;
	if (session->state == SESSION_OPEN)
		session_drop_output(session);
	else
		session->state = SESSION_DEAD;
}

bool
session_has_work(const struct session *session)
{
	return session->state == SESSION_OPEN || session->state == SESSION_LISTENING;
}

bool
session_is_following(const struct session *session)
{
	return session_has_work(session) && !session->is_unreachable;
}

void
session_answer(struct session *session, const struct amy_bytes *pieces, size_t npieces)
{
	if (!session_is_following(session) || session->is_raw)
		return;
	session_unpack_all(session);
	if (output_answer(&session->output, pieces, npieces) == -1)
		session_fail(session, strerror(errno));
}

void
session_final(struct session *session, const char *tag, size_t ntag, const char *head,
              const char *text, size_t ntext)
{
	struct amy_bytes pieces[6];
	size_t n = 0;

	if (ntag > 0) {
		pieces[n++] = (struct amy_bytes){ "#", 1 };
		pieces[n++] = (struct amy_bytes){ tag, ntag };
		pieces[n++] = (struct amy_bytes){ " ", 1 };
	}
	pieces[n++] = (struct amy_bytes){ head, strlen(head) };
	if (ntext > 0) {
		pieces[n++] = (struct amy_bytes){ " ", 1 };
		pieces[n++] = (struct amy_bytes){ text, ntext };
	}
	session_answer(session, pieces, n);
}

void
session_answer_raw(struct session *session, const char *bytes, size_t nbytes)
{
	if (!session_is_following(session))
		return;
	session_unpack_all(session);
	if (output_answer_raw(&session->output, bytes, nbytes) == -1)
		session_fail(session, strerror(errno));
}

void
session_answer_now(struct session *session, const char *bytes, size_t nbytes)
{
	size_t nsent = 0;

	if (session_is_following(session) && !session_has_output(session))
		nsent = session_send(session, bytes, nbytes);
	if (nsent < nbytes)
		session_answer_raw(session, bytes + nsent, nbytes - nsent);
}

/* Take some of what a source makes. False: that was all. */
static bool
session_take_from(struct session *session, struct output_source *source)
{
	struct amy_line_writer made;
	const char *bytes;
	size_t nbytes;
	bool is_more;

	amy_line_writer_init(&made, MAX_MADE);
	is_more = source->more(source, &made);
	nbytes = amy_line_writer_pending(&made, &bytes);
	if (nbytes > 0)
		session_answer_raw(session, bytes, nbytes);
	amy_line_writer_fini(&made);
	return is_more;
}

bool
session_put_source(struct session *session, struct output_source *source)
{
	for (int i = 0; i < SOURCE_TRIES && session_is_following(session); i++)
		if (!session_take_from(session, source)) {
			source->end(source);
			return session_is_following(session);
		}
	session_unpack_all(session);
	if (session_is_following(session) && output_put_source(&session->output, source) == 0)
		return true;
	source->end(source);
	return false;
}

void
session_cut(struct session *session, const char *why)
{
	char name[SESSION_MAX_NAME];
	size_t pending, n;

	if (!session_is_following(session))
		return;
	session_unpack_all(session);
	pending = output_pending(&session->output);
	log_warning("%s is cut off: %s; %zu bytes wait for it, and queue = %zu: raise queue, "
	            "or let it read faster",
	            session_name(session, name), why, pending, session->listener->queue);
	if (output_drop_all(&session->output, &n) == -1) {
		session_fail(session, strerror(errno));
		return;
	}
	session_count_lost(session, STAT_LINES_DROPPED_CUT, n);
	session_bye(session, "SLOW", why);
}

/* Is its queue shorter than its listener says? */
static bool
session_is_short(const struct session *session)
{
	return session->quota != NULL && session->quota->most_queued < session->listener->queue;
}

void
session_squeeze(struct session *session, size_t max_bytes, output_pattern_fn *pattern_of,
                void *context)
{
	size_t n;

	session_set_limit(session);
	if (!session_is_following(session) ||
	    output_delivery_bytes(&session->output) <= max_bytes)
		return;
	if (session->slow_cut) {
		session_cut(session, "memory is short");
	} else if (output_squeeze(&session->output, max_bytes,
	                          session->is_raw ? NULL : pattern_of, context, &n) == 0) {
		session->was_squeezed = session->was_squeezed || n > 0;
		session_count_lost(session, STAT_LINES_DROPPED_MEMORY, n);
	}
	session_publish_load(session);
}

/* There is no room for a line: make some, or cut it off. */
static void
session_make_room(struct session *session, size_t nbytes, output_pattern_fn *pattern_of,
                  void *context)
{
	size_t n;

	if (session->slow_cut) {
		session_cut(session, "the queue of lines for this client is full");
		return;
	}
	if (output_drop_oldest(&session->output, nbytes, session->is_raw ? NULL : pattern_of,
	                       context, &n) == -1)
		session_fail(session, strerror(errno));
	else
		session_count_lost(session,
		                   session_is_short(session) ? STAT_LINES_DROPPED_MEMORY
		                                             : STAT_LINES_DROPPED_SLOW,
		                   n);
}

/* Why a line did not get into the queue. */
static enum stats_counter
session_drop_cause(const struct session *session, int error)
{
	if (!session_may_send(session))
		return error == ENOMEM ? STAT_LINES_DROPPED_MEMORY : STAT_LINES_DROPPED_GONE;
	return session->state == SESSION_CLOSING ? STAT_LINES_DROPPED_CUT
	                                         : STAT_LINES_DROPPED_SLOW;
}

/* What could have gone already does not count. */
static int
session_try(struct session *session, const char *line, size_t nbytes,
            const struct output_mark *mark, output_pattern_fn *pattern_of, void *context)
{
	int result = output_deliver(&session->output, line, nbytes, mark);

	if (result == 0 || errno != ENOBUFS)
		return result;
	session_flush(session);
	if (session_is_following(session)) {
		result = output_deliver(&session->output, line, nbytes, mark);
		if (result == 0 || errno != ENOBUFS)
			return result;
		session_make_room(session, nbytes, pattern_of, context);
	}
	errno = ENOBUFS;
	return session_is_following(session)
	           ? output_deliver(&session->output, line, nbytes, mark)
	           : -1;
}

/* False: something is queued that has to go before, or it is no session for parcels now. */
static bool
session_start_parcel(struct session *session, struct batch *batch,
                     const struct batch_text *text, struct subscription_ref ref)
{
	if (!session_is_following(session) || !output_is_empty(&session->output))
		return false;
	session->parcel = parcel_make(batch, text, ref, session->output.limit);
	return session->parcel != NULL;
}

bool
session_join(struct session *session, struct parcel *parcel)
{
	if (session->parcel != NULL || !session_is_following(session) ||
	    !output_is_empty(&session->output) || session->output.limit < parcel_limit(parcel))
		return false;
	session->parcel = parcel;
	parcel_join(parcel);
	stats_add(session->stats, STAT_LINES_MATCHED, 1);
	stats_add(session->stats, STAT_LINES_QUEUED, 1);
	return true;
}

bool
session_pack(struct session *session, struct batch *batch, const struct batch_text *text,
             struct subscription_ref ref)
{
	struct parcel *parcel;
	bool is_packed;

	if (!session_divide_parcel(session))
		return false;
	parcel = session->parcel;
	if (parcel != NULL && parcel->room >= parcel_cost(text) &&
	    session_is_following(session)) {
		is_packed = parcel_add(parcel, text, ref);
	} else {
		if (parcel != NULL)
			session_flush(session);
		is_packed = session_start_parcel(session, batch, text, ref);
	}
	if (!is_packed)
		return false;
	stats_add(session->stats, STAT_LINES_MATCHED, 1);
	stats_add(session->stats, STAT_LINES_QUEUED, 1);
	return true;
}

bool
session_deliver(struct session *session, const char *line, size_t nbytes,
                const struct output_mark *mark, output_pattern_fn *pattern_of, void *context)
{
	if (!session_is_following(session))
		return false;
	session_unpack_all(session);
	stats_add(session->stats, STAT_LINES_MATCHED, 1);
	if (session_try(session, line, nbytes, mark, pattern_of, context) == 0) {
		stats_add(session->stats, STAT_LINES_QUEUED, 1);
		session_publish_load(session);
		return true;
	}
	if (errno != ENOBUFS)
		session_fail(session, strerror(errno));
	session_count_dropped(session, session_drop_cause(session, errno), 1);
	return true;
}

void
session_bye(struct session *session, const char *reason, const char *text)
{
	char line[256];
	int n = snprintf(line, sizeof line, "! BYE %s %s", reason, text);
	struct amy_bytes piece = { line, (size_t)n };

	session_answer(session, &piece, 1);
	session_close(session);
	session->lingers = true;
}

void
session_close(struct session *session)
{
	session_stand_alone(session);
	if (session_has_work(session))
		session->state = session->is_unreachable ? SESSION_DEAD : SESSION_CLOSING;
}

void
session_end_input(struct session *session)
{
	if (session->state == SESSION_OPEN)
		session->state = session->is_unreachable ? SESSION_DEAD : SESSION_LISTENING;
	atomic_store_explicit(&session->client.is_mute, true, memory_order_relaxed);
}

void
session_finish_if_idle(struct session *session)
{
	if (session->state != SESSION_LISTENING || session->nsubscriptions > 0 ||
	    session->nrequests > 0 || output_has_source(&session->output))
		return;
	if (session->farewell != NULL && !session->is_raw)
		session_answer_raw(session, session->farewell, strlen(session->farewell));
	session_close(session);
}

static bool
session_has_unread(const struct session *session)
{
	char byte;

	return recv(session->fd, &byte, 1, MSG_PEEK) == 1;
}

enum session_acks
session_look_at_acks(const struct session *session, unsigned dead_ms)
{
#ifdef __linux__
	struct tcp_info info = { 0 };
	socklen_t size = sizeof info;

	if (!session_is_tcp(session) ||
	    getsockopt(session->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1 ||
	    (info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0))
		return SESSION_ACKNOWLEDGED;
	if (info.tcpi_unacked > 0 && info.tcpi_retransmits > 0 && info.tcpi_snd_wnd > 0 &&
	    info.tcpi_last_ack_recv >= dead_ms)
		return SESSION_UNACKNOWLEDGED_LONG;
	return SESSION_UNACKNOWLEDGED;
#else
	(void)session;
	(void)dead_ms;
	return SESSION_ACKNOWLEDGED;
#endif
}

void
session_count_unheard(struct session *session)
{
	int nbytes;

	if (session->state != SESSION_OPEN)
		return;
	session->is_unheard = true;
	session->nunheard = ioctl(session->fd, FIONREAD, &nbytes) == 0 ? (uint32_t)nbytes : 0;
}

void
session_count_heard(struct session *session, ssize_t n, size_t size)
{
	if (n < (ssize_t)size || (size_t)n >= session->nunheard)
		session->nunheard = 0;
	else
		session->nunheard -= (uint32_t)n;
}

bool
session_has_said_all(const struct session *session)
{
	char byte;

	return recv(session->fd, &byte, 1, MSG_PEEK) == 0;
}

void
session_linger(struct session *session, bool only_talking)
{
	if (session->state != SESSION_CLOSING || !session->lingers ||
	    session->input_has_ended || session_has_output(session))
		return;
	if (only_talking && !session_has_unread(session))
		return;
	shutdown(session->fd, SHUT_WR);
	session->state = SESSION_LINGERING;
}

void
session_drop_input(struct session *session, char *buffer, size_t size)
{
	ssize_t n = session_receive(session, buffer, size);

	if (n == -1)
		session->input_has_ended = true;
	else
		session_count_not_run(session, lines_count(buffer, (size_t)n));
}

/* More bytes of answers, and it is not read from. */
static size_t
session_most_answers(const struct session *session)
{
	size_t most = session->listener->queue / 2;

	return session->quota != NULL && session->quota->most_answers < most
	           ? session->quota->most_answers
	           : most;
}

size_t
session_answer_room(const struct session *session)
{
	size_t max = session_most_answers(session);
	size_t pending = output_pending_answers(&session->output);

	return pending < max ? max - pending : 0;
}

bool
session_wants_input(const struct session *session)
{
	return session->state == SESSION_OPEN && !session->is_stalled && !session->is_waiting &&
	       !output_has_source(&session->output) &&
	       output_pending_answers(&session->output) <= session_most_answers(session);
}

bool
session_is_parked(const struct session *session)
{
	return session->state == SESSION_OPEN &&
	       (session->is_stalled ||
	        (session->is_unreachable && !session_wants_input(session)));
}

bool
session_is_over(const struct session *session)
{
	switch (session->state) {
	case SESSION_OPEN:
	case SESSION_LISTENING:
		return false;
	case SESSION_CLOSING:
		return !session_has_output(session);
	case SESSION_LINGERING:
		return session->input_has_ended;
	case SESSION_DEAD:
		return true;
	}
	return true;
}

bool
session_own(struct session *session, struct amy_registrar *registrar)
{
	if (!session->has_registration)
		session->has_registration = amy_registrar_take(registrar, session->id) == 0;
	return session->has_registration;
}

/*
 * A client with lines still to be run, whose turn was over, waits for a socket that can
 * be written, which it can at once: so the poller gives everybody else a turn first.
 */
unsigned
session_interest(const struct session *session)
{
	bool has_line = amy_line_reader_has_line(&session->reader);
	unsigned interest = AMY_HUP;

	if (session->state == SESSION_LINGERING)
		interest |= AMY_READ;
	if (session_wants_input(session))
		interest |= has_line ? AMY_WRITE : AMY_READ;
	if (session_has_output(session))
		interest |= AMY_WRITE;
	return interest;
}

int
session_give_back(struct session *session, struct amy_registrar *registrar)
{
	session->armed = (unsigned char)session_interest(session);
	session->has_registration = false;
	if (amy_registrar_rearm(registrar, session->id, session->armed) == 0)
		return 0;
	session->has_registration = true;
	session_fail(session, strerror(errno));
	return -1;
}
