/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "monotonic.h"
#include "upstream.h"

#define CONNECT_TIMEOUT_MS 10000
#define SEND_TIMEOUT_MS 60000 /* as long as bytes wait and none can be sent */
#define MIN_DELAY_MS 100
#define MAX_DELAY_MS 30000

/* In one turn; what is left waits until everybody else had a turn. */
#define TURN_BATCHES 16
#define TURN_READS 16

enum upstream_state {
	UPSTREAM_IDLE,       /* not started, or stopped */
	UPSTREAM_RESOLVING,  /* its name is looked up */
	UPSTREAM_CONNECTING, /* timer: as long as it may take */
	UPSTREAM_UP,         /* timer: as long as nothing may be sent */
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
	bool is_full;          /* its socket was, the last time */
	bool has_taken;        /* this connection took a line, or more */
	struct sink_batch batch;

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

static const char *
explain(int error)
{
	return error == ECONNRESET ? "the other side ended the connection" : strerror(error);
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
}

/* It does what it is there for: the next failure is another one. */
static void
note_success(struct upstream *upstream)
{
	upstream->is_out = false;
	upstream->delay_ms = 0;
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
	upstream->is_full = false;
	upstream->has_taken = false;
	sink_batch_rewind(&upstream->batch);
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

/* upstream->error says why. */
static void
end_connection(struct upstream *upstream)
{
	bool was_up = upstream->state == UPSTREAM_UP;
	bool has_taken = upstream->has_taken;
	int error = upstream->error;

	close_connection(upstream);
	if (!was_up)
		connect_next(upstream, error);
	else if (has_taken)
		begin(upstream);
	else
		wait_and_retry(upstream, explain(error), remedy(error));
}

/* ---- Sending and receiving -------------------------------------------------------- */

/* False: no more can be sent now; or never, and upstream->error says why. */
static bool
send_some(struct upstream *upstream)
{
	struct iovec pieces[SINK_BATCH_PIECES];
	struct msghdr message = { .msg_iov = pieces };
	ssize_t n;

	message.msg_iovlen = (size_t)sink_batch_pieces(&upstream->batch, pieces);
	do
		n = sendmsg(upstream->fd, &message, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	upstream->is_full = n == -1;
	if (n == -1) {
		if (errno != EAGAIN)
			upstream->error = errno;
		return false;
	}
	if (sink_batch_wrote(&upstream->batch, upstream->sink, (size_t)n) > 0) {
		upstream->has_taken = true;
		note_success(upstream);
	}
	return true;
}

/*
 * Afterwards the socket was full, or the sink empty; or the turn is over, and there is a
 * batch for which the socket is waited for, though it can be written at once.
 */
static void
send_lines(struct upstream *upstream)
{
	bool has_sent = false;

	for (int i = 0; i < TURN_BATCHES && upstream->error == 0; i++) {
		if (!sink_batch_fill(&upstream->batch, upstream->sink) || !send_some(upstream))
			break;
		has_sent = true;
	}
	sink_batch_fill(&upstream->batch, upstream->sink);
	if (has_sent)
		set_timer(upstream, SEND_TIMEOUT_MS);
}

/* What it says is of no interest, but that it ends is. */
static void
drop_input(struct upstream *upstream)
{
	char buffer[4096];
	ssize_t n;

	for (int i = 0; i < TURN_READS; i++) {
		n = recv(upstream->fd, buffer, sizeof buffer, 0);
		if (n == 0)
			upstream->error = ECONNRESET;
		else if (n == -1 && errno != EAGAIN && errno != EINTR)
			upstream->error = errno;
		if (n <= 0)
			return;
	}
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
	upstream->error = error;
	if (error != 0)
		return;
	upstream->state = UPSTREAM_UP;
	say_connected(upstream);
	set_timer(upstream, SEND_TIMEOUT_MS);
	send_lines(upstream);
}

/* ---- The registration ------------------------------------------------------------- */

static unsigned
wanted_interest(const struct upstream *upstream)
{
	if (upstream->state == UPSTREAM_CONNECTING)
		return AMY_WRITE;
	return AMY_READ | (upstream->batch.n > 0 ? AMY_WRITE : 0);
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
 * so that nothing is forgotten.
 */
static void
settle(struct upstream *upstream)
{
	unsigned interest;

	while (upstream->fd != -1) {
		interest = wanted_interest(upstream);
		if (upstream->error == 0 && !upstream->has_registration &&
		    upstream->armed == interest)
			return;
		if (!own(upstream))
			return;
		if (upstream->error == 0 && arm(upstream, interest))
			return;
		end_connection(upstream);
	}
}

/* ---- What happens to it ----------------------------------------------------------- */

/* It has been up for a while, without anything that waits to be sent, or it hangs. */
static void
tick(struct upstream *upstream)
{
	if (upstream->is_full) {
		upstream->error = ETIMEDOUT;
		return;
	}
	note_success(upstream);
	set_timer(upstream, SEND_TIMEOUT_MS);
	send_lines(upstream);
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
	case UPSTREAM_WAITING:
		begin(upstream);
		break;
	}
	settle(upstream);
}

void
upstream_ready(struct upstream *upstream, unsigned events)
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
		if (events & (AMY_READ | AMY_HUP | AMY_ERROR))
			drop_input(upstream);
		if (upstream->error == 0)
			send_lines(upstream);
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
	sink_batch_fini(&upstream->batch);
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
	return upstream->state == UPSTREAM_UP && usage.nqueued > 0;
}

/* What was sent to us is read first: closing a socket with something unread resets it. */
bool
upstream_stop(struct upstream *upstream)
{
	if (upstream->state == UPSTREAM_IDLE)
		return true;
	if (upstream->fd != -1 && !own(upstream))
		return false;
	upstream->state = UPSTREAM_IDLE;
	cancel_timer(upstream);
	if (upstream->fd == -1)
		return true;
	drop_input(upstream);
	close_connection(upstream);
	return true;
}
