/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "monotonic.h"
#include "own_listeners.h"
#include "peer_tcp.h"
#include "unacked.h"
#include "upstream.h"

#define CONNECT_TIMEOUT_MS 10000
#define SEND_TIMEOUT_MS 60000 /* as long as bytes wait and none is sent or acknowledged */
#define LIVED_MS 2000         /* a connection that has lived for so long is a good one */
#define END_TIMEOUT_MS 2000   /* for acknowledgements, once the peer has ended its side */
#define MIN_DELAY_MS 100
#define MAX_DELAY_MS 30000

/* How soon it is looked whether what was sent is acknowledged; doubled each time. */
#define MIN_LOOK_MS 10
#define MAX_LOOK_MS 1000

/* In one turn; what is left waits until everybody else had a turn. */
#define TURN_BATCHES 16
#define TURN_READS 16

enum upstream_state {
	UPSTREAM_IDLE,       /* not started, or stopped */
	UPSTREAM_RESOLVING,  /* its name is looked up */
	UPSTREAM_CONNECTING, /* timer: as long as it may take */
	UPSTREAM_UP,         /* timer: see next_look_ms() */
	UPSTREAM_ENDING,     /* the peer has ended its side; timer: the same */
	UPSTREAM_WAITING,    /* timer: it is tried again */
};

struct upstream {
	/* constant after create */
	const struct conf_rule *rule;
	const struct conf_target *target;
	unsigned number;
	struct record_pipe *pipe;
	struct resolver *resolver;
	struct sink *sink;

	/* owner only */
	enum upstream_state state;
	struct amy_registrar *registrar;
	struct timers *timers;
	struct timer timer;
	int64_t timer_ms; /* when it is due */
	bool has_timer;

	struct address addresses[RESOLVE_MAX_ADDRESSES];
	int naddresses, next; /* those from next on were not tried yet */

	int fd;                /* CONNECTING, UP; else -1 */
	amy_id id;             /* the same; else 0 */
	bool has_registration; /* it is ours, not the kernel's */
	unsigned armed;        /* the interest it was armed with last */
	int error;             /* why the connection is to be closed; 0: it is not */
	struct unacked unacked;
	struct peer_reading reading;
	int64_t up_ms;       /* when the connection was made */
	int64_t ended_ms;    /* ENDING: when the peer ended it */
	int64_t progress_ms; /* when bytes were sent or acknowledged last */
	int64_t look_ms;     /* when it is looked for acknowledgements; 0: none is missing */
	int look_delay_ms;   /* and how long after that again */
	bool is_on_trial;    /* the connection before did not live */

	int delay_ms;           /* before the next attempt; 0: the last one went well */
	bool is_out;            /* that it fails has been logged */
	bool is_said_connected; /* that it is connected has been logged since */
};

/* ---- Timer ------------------------------------------------------------------------ */

static timer_fn run_timer;

static void
kick_self(struct upstream *upstream)
{
	const struct record record = { .kind = RECORD_UPSTREAM, .u.number = upstream->number };

	if (record_pipe_write(upstream->pipe, &record, 1) == -1)
		log_error("internal: the pipe of handler %u is full (%s)",
		          upstream->pipe->number, strerror(errno));
}

/* Without memory for it, it is tried again with the next turn. */
static void
start_timer(struct upstream *upstream)
{
	if (timers_set(upstream->timers, &upstream->timer, upstream->timer_ms, run_timer) == 0)
		upstream->has_timer = true;
	else
		kick_self(upstream);
}

static void
set_timer(struct upstream *upstream, int timeout_ms)
{
	upstream->timer_ms = monotonic_now_ms() + timeout_ms;
	start_timer(upstream);
}

static void
cancel_timer(struct upstream *upstream)
{
	timers_cancel(upstream->timers, &upstream->timer);
	upstream->has_timer = false;
}

/* ---- What is said ----------------------------------------------------------------- */

/* The peer has ended its side in order: no errno says that. */
#define PEER_HAS_ENDED (-1)

static const char *
explain(int error)
{
	switch (error) {
	case PEER_HAS_ENDED:
	case EPIPE:
		return "the other side ended the connection";
	case ELOOP:
		return "it leads to a listener of amyd itself, of mode \"publish\"";
	case ECONNRESET:
		return "the other side reset the connection";
	}
	return strerror(error);
}

static const char *
remedy(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files (ulimit -n, LimitNOFILE=)";
	case ENOMEM:
	case ENOBUFS:
		return "it needs more memory";
	case ELOOP:
		return "write \"subject:\" and the subject of that listener instead";
	}
	return "see that something listens there and reads, and that the way is not "
	       "barred";
}

static void
say_out(struct upstream *upstream, const char *why, const char *what_to_do)
{
	if (!upstream->is_out)
		log_warning("rule %s: %s: %s: its lines wait meanwhile: %s",
		            upstream->rule->name, upstream->target->text, why, what_to_do);
	else
		log_debug("rule %s: %s: %s", upstream->rule->name, upstream->target->text, why);
	if (!upstream->is_out)
		upstream->is_said_connected = false;
	upstream->is_out = true;
	sink_set_state(upstream->sink, false, why);
}

static void
say_unsure(const struct upstream *upstream, uint64_t n)
{
	log_warning("rule %s: %s: the connection broke: %" PRIu64
	            " lines that were sent may not have been read: see why the other side ends "
	            "connections",
	            upstream->rule->name, upstream->target->text, n);
}

static void
say_connected(struct upstream *upstream)
{
	char text[ADDRESS_MAX_TEXT];

	if (!upstream->is_said_connected)
		log_info("rule %s: %s: connected to %s", upstream->rule->name,
		         upstream->target->text,
		         address_format(&upstream->addresses[upstream->next - 1], text));
	upstream->is_said_connected = true;
	sink_set_state(upstream->sink, true, NULL);
}

/* ---- One connection --------------------------------------------------------------- */

/* A socket that is connecting, and registered, not armed. -1, errno. */
static int
open_connection(struct upstream *upstream, const struct address *address)
{
	int fd =
	    socket(address->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd == -1)
		return -1;
	if (address_set_tcp_options(fd) == -1)
		goto close_socket;
	if (connect(fd, &address->u.any, address->length) == -1 && errno != EINPROGRESS)
		goto close_socket;
	if (amy_registrar_register(upstream->registrar, fd, 0, upstream->pipe, &upstream->id) ==
	    -1)
		goto close_socket;
	upstream->fd = fd;
	upstream->has_registration = true;
	upstream->armed = 0;
	return 0;

close_socket:
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Its registration is ours; or nobody looks at its event any more. */
static void
close_connection(struct upstream *upstream)
{
	amy_registrar_deregister(upstream->registrar, upstream->id);
	close(upstream->fd);
	upstream->fd = -1;
	upstream->id = 0;
	upstream->has_registration = false;
	upstream->error = 0;
	upstream->look_ms = 0;
	unacked_rewind(&upstream->unacked);
}

/* ---- What the peer has acknowledged ----------------------------------------------- */

/* Let go of what is acknowledged by now. */
static void
look_for_acknowledgements(struct upstream *upstream)
{
	size_t before = upstream->unacked.bytes_sent, nlines;
	struct peer_tcp peer;

	if (!peer_tcp_look(upstream->fd, &peer))
		return;
	if (peer.is_dead && upstream->error == 0)
		upstream->error = ECONNRESET;
	nlines = unacked_acknowledge(&upstream->unacked, upstream->sink, peer.unacked);
	if (upstream->unacked.bytes_sent < before) {
		upstream->progress_ms = monotonic_now_ms();
		upstream->look_delay_ms = MIN_LOOK_MS;
	}
	peer_reading_note(&upstream->reading, before - upstream->unacked.bytes_sent, nlines,
	                  peer.window);
	if (upstream->unacked.bytes_sent == 0)
		upstream->look_ms = 0;
}

/* It has broken: of what is acknowledged, some may not have been read. */
static void
doubt(struct upstream *upstream)
{
	uint64_t n = peer_reading_unsure(&upstream->reading);

	if (n == 0)
		return;
	sink_doubt(upstream->sink, n);
	say_unsure(upstream, n);
}

/* ---- From one state to the next --------------------------------------------------- */

static void
wait_and_retry(struct upstream *upstream, const char *why, const char *what_to_do)
{
	int delay_ms = upstream->delay_ms == 0 ? MIN_DELAY_MS : 2 * upstream->delay_ms;

	say_out(upstream, why, what_to_do);
	upstream->delay_ms = delay_ms < MAX_DELAY_MS ? delay_ms : MAX_DELAY_MS;
	upstream->state = UPSTREAM_WAITING;
	set_timer(upstream, upstream->delay_ms);
}

/* Try the next address; error is what became of the one before. */
static void
connect_next(struct upstream *upstream, int error)
{
	while (upstream->next < upstream->naddresses) {
		if (open_connection(upstream, &upstream->addresses[upstream->next++]) == 0) {
			upstream->state = UPSTREAM_CONNECTING;
			set_timer(upstream, CONNECT_TIMEOUT_MS);
			return;
		}
		error = errno;
	}
	wait_and_retry(upstream, explain(error), remedy(error));
}

static void
connect_first(struct upstream *upstream, int naddresses)
{
	upstream->naddresses = naddresses;
	upstream->next = 0;
	connect_next(upstream, EADDRNOTAVAIL);
}

/* Its name is looked up for each attempt: it may have moved. */
static void
begin(struct upstream *upstream)
{
	const char *name = upstream->target->name;

	cancel_timer(upstream);
	if (address_resolve_numeric(name, &upstream->addresses[0]) == 1)
		connect_first(upstream, 1);
	else if (resolver_ask(upstream->resolver, name, upstream->number, upstream->pipe) == 0)
		upstream->state = UPSTREAM_RESOLVING;
	else
		wait_and_retry(upstream, strerror(errno), remedy(errno));
}

static void
take_answer(struct upstream *upstream)
{
	const char *why;
	int n = resolver_take(upstream->resolver, upstream->number, upstream->addresses, &why);

	if (n == -1)
		wait_and_retry(upstream, why, "see the name, and the name server");
	else if (n > 0)
		connect_first(upstream, n);
}

/* Until it ended, if it did. */
static bool
has_lived(const struct upstream *upstream)
{
	int64_t end_ms = upstream->state == UPSTREAM_ENDING ? upstream->ended_ms
	                                                    : monotonic_now_ms();

	return end_ms - upstream->up_ms >= LIVED_MS;
}

/* upstream->error says why. */
static void
end_connection(struct upstream *upstream)
{
	bool was_up = upstream->state == UPSTREAM_UP || upstream->state == UPSTREAM_ENDING;
	int error = upstream->error;

	if (was_up) {
		look_for_acknowledgements(upstream);
		upstream->is_on_trial = !has_lived(upstream);
	}
	if (was_up && error != PEER_HAS_ENDED)
		doubt(upstream);
	close_connection(upstream);
	if (!was_up) {
		connect_next(upstream, error);
	} else if (upstream->is_on_trial) {
		wait_and_retry(upstream, explain(error), remedy(error));
	} else {
		sink_set_state(upstream->sink, false, explain(error));
		begin(upstream);
	}
}

/* ---- Sending and receiving -------------------------------------------------------- */

/* The peer says no more, and so will read no more: what it acknowledges yet is waited for. */
static void
begin_ending(struct upstream *upstream)
{
	look_for_acknowledgements(upstream);
	peer_reading_note_all(&upstream->reading);
	upstream->state = UPSTREAM_ENDING;
	upstream->ended_ms = monotonic_now_ms();
	if (upstream->error == 0 && upstream->unacked.bytes_sent == 0)
		upstream->error = PEER_HAS_ENDED;
}

/*
 * What it says is of no interest, but that it ends is. A reset is reported once; from then on
 * recv(2) shows an end of input that the peer has not sent.
 */
static void
drop_input(struct upstream *upstream)
{
	char buffer[4096];
	ssize_t n = 1;

	for (int i = 0; i < TURN_READS && n > 0; i++)
		n = recv(upstream->fd, buffer, sizeof buffer, 0);
	if (n == 0 && upstream->state == UPSTREAM_UP && upstream->error == 0)
		begin_ending(upstream);
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		upstream->error = errno;
}

/* How many lines may be sent at once. On trial it is one, as long as the connection is young. */
static size_t
max_lines(const struct upstream *upstream)
{
	bool has_sent = upstream->reading.acked_lines > 0 || upstream->unacked.nsent > 0;

	if (!upstream->is_on_trial)
		return SINK_BATCH_LINES;
	return has_sent ? 0 : 1;
}

static bool
has_to_send(const struct upstream *upstream)
{
	return unacked_has_unsent(&upstream->unacked) && max_lines(upstream) > 0;
}

/* False: no more can be sent now; or never, and upstream->error says why. */
static bool
send_some(struct upstream *upstream)
{
	struct iovec pieces[SINK_BATCH_PIECES];
	struct msghdr message = { .msg_iov = pieces };
	ssize_t n;

	message.msg_iovlen =
	    (size_t)unacked_pieces(&upstream->unacked, pieces, max_lines(upstream));
	do
		n = sendmsg(upstream->fd, &message, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n == -1) {
		if (errno != EAGAIN)
			upstream->error = errno;
		return false;
	}
	unacked_sent(&upstream->unacked, (size_t)n);
	upstream->progress_ms = monotonic_now_ms();
	return true;
}

/* When it is to be looked after, whatever happens. */
static int64_t
next_look_ms(struct upstream *upstream, int64_t now_ms)
{
	int64_t at_ms;

	if (upstream->unacked.bytes_sent == 0)
		upstream->progress_ms = now_ms;
	else if (upstream->look_ms == 0) {
		upstream->look_delay_ms = MIN_LOOK_MS;
		upstream->look_ms = now_ms + MIN_LOOK_MS;
	}
	at_ms = upstream->progress_ms + SEND_TIMEOUT_MS;
	if (upstream->look_ms != 0 && upstream->look_ms < at_ms)
		at_ms = upstream->look_ms;
	if (upstream->state == UPSTREAM_UP && !has_lived(upstream) &&
	    upstream->up_ms + LIVED_MS < at_ms)
		at_ms = upstream->up_ms + LIVED_MS;
	return at_ms;
}

/* Once it has lived, the next failure is another one. */
static void
note_life(struct upstream *upstream)
{
	if (!has_lived(upstream))
		return;
	upstream->is_on_trial = false;
	upstream->is_out = false;
	upstream->delay_ms = 0;
}

/*
 * Afterwards the socket was full, or the sink empty, or too much is not acknowledged; or the turn
 * is over, and there are lines for which the socket is waited for, though it can be written at
 * once. That the peer has ended the connection is seen before anything is sent.
 */
static void
send_lines(struct upstream *upstream)
{
	size_t max_memory = sink_limit(upstream->sink);

	note_life(upstream);
	drop_input(upstream);
	if (upstream->unacked.bytes_sent > 0)
		look_for_acknowledgements(upstream);
	for (int i = 0; i < TURN_BATCHES && upstream->error == 0; i++) {
		unacked_fill(&upstream->unacked, upstream->sink, max_memory);
		if (upstream->state != UPSTREAM_UP || !has_to_send(upstream) ||
		    !send_some(upstream))
			break;
	}
	unacked_fill(&upstream->unacked, upstream->sink, max_memory);
	upstream->timer_ms = next_look_ms(upstream, monotonic_now_ms());
	start_timer(upstream);
}

/*
 * Where nobody listens at a port of those that the kernel gives away, it may, once in a
 * while, give us the very port that we connect to, and so ourselves.
 */
static bool
is_connected_to_itself(int fd)
{
	struct address here = { .length = sizeof here.u }, there = here;

	return getsockname(fd, &here.u.any, &here.length) == 0 &&
	       getpeername(fd, &there.u.any, &there.length) == 0 &&
	       address_is_equal(&here, &there);
}

/* Its lines would be published again, and come back to it for ever. */
static bool
is_own_listener(const struct upstream *upstream)
{
	struct address here = { .length = sizeof here.u };

	return getsockname(upstream->fd, &here.u.any, &here.length) == 0 &&
	       own_listeners_have(&upstream->addresses[upstream->next - 1], &here);
}

/* Its first window is noted before anything is sent. */
static void
be_up(struct upstream *upstream)
{
	struct peer_tcp peer = { 0 };

	upstream->state = UPSTREAM_UP;
	upstream->up_ms = monotonic_now_ms();
	upstream->reading = (struct peer_reading){ 0 };
	if (peer_tcp_look(upstream->fd, &peer))
		peer_reading_note(&upstream->reading, 0, 0, peer.window);
	say_connected(upstream);
	send_lines(upstream);
}

/* The socket can be written, or has an error. */
static void
finish_connecting(struct upstream *upstream)
{
	int error = 0;
	socklen_t length = sizeof error;

	if (getsockopt(upstream->fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
		error = errno;
	if (error == 0 && is_connected_to_itself(upstream->fd))
		error = ECONNREFUSED;
	if (error == 0 && is_own_listener(upstream))
		error = ELOOP;
	upstream->error = error;
	if (error == 0)
		be_up(upstream);
}

/* ---- The registration ------------------------------------------------------------- */

static unsigned
wanted_interest(const struct upstream *upstream)
{
	if (upstream->state == UPSTREAM_CONNECTING)
		return AMY_WRITE;
	return AMY_READ | (has_to_send(upstream) ? AMY_WRITE : 0);
}

/* False: its event is on its way to us. */
static bool
own(struct upstream *upstream)
{
	if (!upstream->has_registration)
		upstream->has_registration =
		    amy_registrar_take(upstream->registrar, upstream->id) == 0;
	return upstream->has_registration;
}

/* Give it back. False: it cannot be, and upstream->error says why. */
static bool
arm(struct upstream *upstream, unsigned interest)
{
	upstream->armed = interest;
	upstream->has_registration = false;
	if (amy_registrar_rearm(upstream->registrar, upstream->id, interest) == 0)
		return true;
	upstream->has_registration = true;
	upstream->error = errno;
	return false;
}

/*
 * After anything was done: close the connection if that is to be done, and give back its
 * registration, or that of the next one. The only place where either is done in running,
 * so that nothing is forgotten. One that is ending is not armed: its end of input would be
 * reported for ever; the timer looks after it.
 */
static void
settle(struct upstream *upstream)
{
	unsigned interest;

	while (upstream->fd != -1) {
		interest = wanted_interest(upstream);
		if (upstream->error == 0 &&
		    (upstream->state == UPSTREAM_ENDING ||
		     (!upstream->has_registration && upstream->armed == interest)))
			return;
		if (!own(upstream))
			return;
		if (upstream->error == 0 && arm(upstream, interest))
			return;
		end_connection(upstream);
	}
}

/* ---- What happens to it ----------------------------------------------------------- */

/* Of a connection that is up, or ending. */
static void
look(struct upstream *upstream)
{
	int64_t now_ms = monotonic_now_ms();

	if (upstream->look_ms != 0 && now_ms >= upstream->look_ms) {
		if (upstream->look_delay_ms < MAX_LOOK_MS / 2)
			upstream->look_delay_ms *= 2;
		else
			upstream->look_delay_ms = MAX_LOOK_MS;
		upstream->look_ms = now_ms + upstream->look_delay_ms;
	}
	send_lines(upstream);
}

/* It has lived; or it hangs; or something may be acknowledged by now. */
static void
tick(struct upstream *upstream)
{
	look(upstream);
	if (upstream->error == 0 && upstream->unacked.bytes_sent > 0 &&
	    monotonic_now_ms() - upstream->progress_ms >= SEND_TIMEOUT_MS)
		upstream->error = ETIMEDOUT;
}

static void
tick_ending(struct upstream *upstream)
{
	bool is_over = monotonic_now_ms() - upstream->ended_ms >= END_TIMEOUT_MS;

	look(upstream);
	if (upstream->error == 0 && (is_over || upstream->unacked.bytes_sent == 0))
		upstream->error = PEER_HAS_ENDED;
}

static void
run_timer(struct timer *timer, void *context)
{
	struct upstream *upstream =
	    (struct upstream *)((char *)timer - offsetof(struct upstream, timer));

	(void)context;
	upstream->has_timer = false;
	switch (upstream->state) {
	case UPSTREAM_IDLE:
	case UPSTREAM_RESOLVING:
		break;
	case UPSTREAM_CONNECTING:
		upstream->error = ETIMEDOUT;
		break;
	case UPSTREAM_UP:
		tick(upstream);
		break;
	case UPSTREAM_ENDING:
		tick_ending(upstream);
		break;
	case UPSTREAM_WAITING:
		begin(upstream);
		break;
	}
	settle(upstream);
}

void
upstream_ready(struct upstream *upstream)
{
	upstream->has_registration = true;
	switch (upstream->state) {
	case UPSTREAM_IDLE:
	case UPSTREAM_RESOLVING:
	case UPSTREAM_WAITING:
		return; /* it has no registration */
	case UPSTREAM_CONNECTING:
		finish_connecting(upstream);
		break;
	case UPSTREAM_UP:
		send_lines(upstream);
		break;
	case UPSTREAM_ENDING:
		tick_ending(upstream);
		break;
	}
	settle(upstream);
}

void
upstream_kick(struct upstream *upstream)
{
	switch (upstream->state) {
	case UPSTREAM_IDLE:
		return;
	case UPSTREAM_RESOLVING:
		take_answer(upstream);
		break;
	case UPSTREAM_CONNECTING:
	case UPSTREAM_ENDING:
	case UPSTREAM_WAITING:
		break;
	case UPSTREAM_UP:
		if (upstream->error == 0)
			send_lines(upstream);
		break;
	}
	if (!upstream->has_timer && upstream->state != UPSTREAM_RESOLVING)
		start_timer(upstream);
	settle(upstream);
}

/* ---- From create to destroy ------------------------------------------------------- */

static void
wake(struct sink *sink)
{
	kick_self(sink_context(sink));
}

struct upstream *
upstream_create(const struct conf_rule *rule, const struct conf_target *target, unsigned number,
                struct record_pipe *pipe, struct resolver *resolver)
{
	struct upstream *upstream = calloc(1, sizeof *upstream);

	if (upstream == NULL)
		return NULL;
	upstream->sink = sink_create(rule, target, wake, upstream);
	if (upstream->sink == NULL) {
		free(upstream);
		return NULL;
	}
	upstream->rule = rule;
	upstream->target = target;
	upstream->number = number;
	upstream->pipe = pipe;
	upstream->resolver = resolver;
	upstream->fd = -1;
	return upstream;
}

void
upstream_destroy(struct upstream *upstream)
{
	if (upstream == NULL)
		return;
	unacked_fini(&upstream->unacked);
	sink_destroy(upstream->sink);
	free(upstream);
}

struct sink *
upstream_sink(const struct upstream *upstream)
{
	return upstream->sink;
}

bool
upstream_is_over(const struct upstream *upstream)
{
	return upstream->state == UPSTREAM_IDLE;
}

unsigned
upstream_number(const struct upstream *upstream)
{
	return upstream->number;
}

void
upstream_start(struct upstream *upstream, struct amy_registrar *registrar,
               struct timers *timers)
{
	upstream->registrar = registrar;
	upstream->timers = timers;
	begin(upstream);
	settle(upstream);
}

amy_id
upstream_id(const struct upstream *upstream)
{
	return upstream->id;
}

bool
upstream_is_busy(const struct upstream *upstream)
{
	struct sink_usage usage;

	sink_usage(upstream->sink, &usage);
	return (upstream->state == UPSTREAM_UP || upstream->state == UPSTREAM_ENDING) &&
	       usage.nqueued > 0;
}

/* What was sent to us is read first: closing a socket with something unread resets it. */
bool
upstream_stop(struct upstream *upstream)
{
	if (upstream->state == UPSTREAM_IDLE)
		return true;
	if (upstream->fd != -1 && !own(upstream))
		return false;
	cancel_timer(upstream);
	if (upstream->fd != -1) {
		drop_input(upstream);
		look_for_acknowledgements(upstream);
		close_connection(upstream);
	}
	upstream->state = UPSTREAM_IDLE;
	return true;
}
