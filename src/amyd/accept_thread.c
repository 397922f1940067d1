/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accept_thread.h"
#include "heartbeat.h"
#include "log.h"
#include "monotonic.h"
#include "rate.h"
#include "session.h"

#define MAX_ACCEPTS_A_TURN 64
#define FIRST_PAUSE_MS 10
#define LAST_PAUSE_MS 1000

/* Pauses for accept_rate that are no further apart are one episode, of which it is said once. */
#define EPISODE_MS 10000

/* What a caller is told that is turned away. */
#define MAX_WORD 96

/* Why it is. */
enum refusal {
	REFUSAL_MAX_CLIENTS,
	REFUSAL_PER_IP,
	REFUSAL_MEMORY,
};

/* A listener as this thread sees it. */
struct door {
	struct listener *listener;
	bool is_paused; /* fired, and not re-armed until paused_until_ms */
	int64_t paused_until_ms;
	int pause_ms;          /* the last pause for an error; 0: there was a client since */
	struct door *first;    /* the first one of the same name: it has what these share */
	struct rate rate;      /* what is left of accept_rate */
	int64_t rate_until_ms; /* of the last pause for that: its end */
};

/*
 * Owner: the thread, but for stop_fd: any thread writes to it.
 */
struct accept_thread {
	pthread_t thread;
	struct accept_setup setup;
	struct amy_registrar *clients; /* of setup.poller */

	/* The listeners' poller, private to this thread. */
	struct amy_poller *poller;
	struct amy_registrar *registrar;
	struct door *doors;

	struct heartbeat heartbeat;
	int stop_fd;
	amy_id stop_id;
	int spare_fd; /* to be given up for turning a client away with a word */
	unsigned next_handler;
	uint64_t nsessions; /* that there ever were */
};

/* Those who send or get nothing but texts are told nothing else. */
static bool
may_be_told(const struct door *door)
{
	switch (door->listener->conf->mode) {
	case CONF_MODE_COMMAND:
	case CONF_MODE_ECHO:
		return true;
	case CONF_MODE_PUBLISH:
	case CONF_MODE_SUBSCRIBE:
	case CONF_MODE_HTTP:
		return false;
	}
	return false;
}

/*
 * Say why, and close. What the client has sent is read first: closing with something
 * unread would reset the connection, and the word could be lost.
 */
static void
turn_away(const struct door *door, int fd, const char *word)
{
	char unread[4096];

	if (!may_be_told(door) ||
	    send(fd, word, strlen(word), MSG_NOSIGNAL | MSG_DONTWAIT) != -1)
		shutdown(fd, SHUT_WR);
	for (int i = 0; i < 16; i++)
		if (recv(fd, unread, sizeof unread, MSG_DONTWAIT) <= 0)
			break;
	close(fd);
}

/* The number of descriptors is used up: give the spare one up for a moment. */
static void
turn_away_with_spare(struct accept_thread *thread, const struct door *door)
{
	int fd;

	if (thread->spare_fd == -1)
		return;
	close(thread->spare_fd);
	fd = accept4(door->listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd != -1) {
		stats_add(thread->setup.stats, STAT_REFUSED_DESCRIPTORS, 1);
		turn_away(door, fd, "! BYE LIMIT the server has no descriptor left\n");
	}
	thread->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Count it, log what to do about it, and say why to the caller: in word. */
static void
explain_refusal(struct accept_thread *thread, const struct door *door, enum refusal refusal,
                const char *from, char word[MAX_WORD])
{
	const char *name = door->listener->conf->name;
	unsigned per_ip = door->listener->conf->per_ip, max_clients = thread->setup.max_clients;
	struct stats *stats = thread->setup.stats;

	switch (refusal) {
	case REFUSAL_MAX_CLIENTS:
		stats_add(stats, STAT_REFUSED_MAX_CLIENTS, 1);
		log_warning(
		    "listen %s: %s is turned away: max_clients = %u are here: raise it, "
		    "or let some leave",
		    name, from, max_clients);
		snprintf(word, MAX_WORD, "! BYE LIMIT max_clients=%u\n", max_clients);
		break;
	case REFUSAL_PER_IP:
		stats_add(stats, STAT_REFUSED_PER_IP, 1);
		log_warning(
		    "listen %s: %s is turned away: per_ip = %u of its address are here: "
		    "raise it, or let some of them leave",
		    name, from, per_ip);
		snprintf(word, MAX_WORD, "! BYE LIMIT per_ip=%u\n", per_ip);
		break;
	case REFUSAL_MEMORY:
		stats_add(stats, STAT_REFUSED_MEMORY, 1);
		log_warning("listen %s: %s is turned away: out of memory: lower max_clients or "
		            "queue",
		            name, from);
		snprintf(word, MAX_WORD, "! BYE LIMIT the server is out of memory\n");
		break;
	}
}

static void
refuse(struct accept_thread *thread, const struct door *door, enum refusal refusal, int fd,
       const struct address *peer)
{
	char word[MAX_WORD], from[ADDRESS_MAX_TEXT];

	explain_refusal(thread, door, refusal, address_format(peer, from), word);
	turn_away(door, fd, word);
}

static void
door_close_until(struct accept_thread *thread, struct door *door, int64_t until_ms)
{
	door->is_paused = true;
	door->paused_until_ms = until_ms;
	stats_add(thread->setup.stats, STAT_ACCEPT_PAUSES, 1);
}

static void
door_pause(struct accept_thread *thread, struct door *door, const char *why)
{
	bool is_first = door->pause_ms == 0;

	door->pause_ms = is_first ? FIRST_PAUSE_MS : door->pause_ms * 2;
	if (door->pause_ms > LAST_PAUSE_MS)
		door->pause_ms = LAST_PAUSE_MS;
	door_close_until(thread, door, monotonic_now_ms() + door->pause_ms);
	if (is_first)
		log_warning("listen %s: accepting pauses: %s", door->listener->conf->name, why);
}

/*
 * May it take one more client by accept_rate? If not, and somebody is waiting for it, it
 * pauses until it may: callers stay in the backlog of the kernel, and none is lost.
 */
static bool
door_has_token(struct accept_thread *thread, struct door *door, bool is_waited_for)
{
	const struct conf_listener *conf = door->listener->conf;
	int64_t now_ms, wait_ms;

	if (conf->accept_rate == 0)
		return true;
	now_ms = monotonic_now_ms();
	wait_ms = rate_wait_ms(&door->first->rate, conf->accept_rate, now_ms);
	if (wait_ms == 0)
		return true;
	if (!is_waited_for)
		return false;
	if (now_ms - door->first->rate_until_ms > EPISODE_MS)
		log_warning(
		    "listen %s: clients have to wait: more than accept_rate = %u come in "
		    "a second: raise it if they are welcome",
		    conf->name, conf->accept_rate);
	door_close_until(thread, door, now_ms + wait_ms);
	door->first->rate_until_ms = door->paused_until_ms;
	return false;
}

static void
door_take_token(struct door *door)
{
	unsigned accept_rate = door->listener->conf->accept_rate;

	if (accept_rate > 0)
		rate_take(&door->first->rate, accept_rate, monotonic_now_ms());
}

/* Count one more client. False: there are max_clients already. */
static bool
count_client(struct accept_thread *thread)
{
	if (atomic_fetch_add_explicit(thread->setup.nclients, 1, memory_order_relaxed) <
	    thread->setup.max_clients)
		return true;
	atomic_fetch_sub_explicit(thread->setup.nclients, 1, memory_order_relaxed);
	return false;
}

/* Register the session, disarmed, and give it to the next handler, who arms it. */
static int
hand_over(struct accept_thread *thread, struct session *session)
{
	struct record_pipe *pipe = thread->setup.pipes[thread->next_handler];
	struct record record = { .kind = RECORD_NEW, .u.session = session };

	if (amy_registrar_register(thread->clients, session->fd, 0, pipe, &session->id) == -1)
		return -1;
	if (record_pipe_write(pipe, &record, 1) == -1) {
		amy_registrar_deregister(thread->clients, session->id);
		return -1;
	}
	thread->next_handler = (thread->next_handler + 1) % thread->setup.nhandlers;
	return 0;
}

static void
forget_client(struct accept_thread *thread, struct peer *peer)
{
	atomic_fetch_sub_explicit(thread->setup.nclients, 1, memory_order_relaxed);
	peers_leave(peer);
}

/* Take a place among all, and among those of its address. False: it was turned away. */
static bool
let_in(struct accept_thread *thread, struct door *door, int fd, const struct address *from,
       struct peer **peer)
{
	const struct conf_listener *conf = door->listener->conf;

	if (!count_client(thread)) {
		refuse(thread, door, REFUSAL_MAX_CLIENTS, fd, from);
		return false;
	}
	switch (peers_enter(thread->setup.peers, conf->name, from, conf->per_ip, peer)) {
	case PEERS_IN:
		return true;
	case PEERS_FULL:
		forget_client(thread, NULL);
		refuse(thread, door, REFUSAL_PER_IP, fd, from);
		return false;
	case PEERS_NO_MEMORY:
		break;
	}
	forget_client(thread, NULL);
	refuse(thread, door, REFUSAL_MEMORY, fd, from);
	return false;
}

static void
welcome(struct accept_thread *thread, struct door *door, int fd, const struct address *from)
{
	struct session *session;
	struct peer *peer;

	if (!let_in(thread, door, fd, from, &peer))
		return;
	session = session_create(fd, door->listener->conf, from, ++thread->nsessions,
	                         thread->setup.nclients);
	if (session == NULL) {
		forget_client(thread, peer);
		refuse(thread, door, REFUSAL_MEMORY, fd, from);
		return;
	}
	session->peer = peer;
	if (hand_over(thread, session) == -1) {
		log_error("listen %s: a client is turned away: %s", door->listener->conf->name,
		          strerror(errno));
		stats_add(thread->setup.stats, STAT_REFUSED_MEMORY, 1);
		session_destroy(session);
	}
}

/* What to do about an error of accept4(2): nothing about one client ends the listener. */
static bool
goes_on_after(struct accept_thread *thread, struct door *door, int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return true;
	case EMFILE:
	case ENFILE:
		turn_away_with_spare(thread, door);
		door_pause(thread, door,
		           "no descriptor is left: raise the limit of open files "
		           "(ulimit -n, LimitNOFILE=), or lower max_clients");
		return false;
	default:
		door_pause(thread, door, strerror(error));
		return false;
	}
}

/* Take what waits at the door, within the turn's budget. */
static void
door_accept(struct accept_thread *thread, struct door *door)
{
	for (int i = 0; i < MAX_ACCEPTS_A_TURN; i++) {
		struct address peer = { .length = sizeof peer.u };
		int fd;

		if (!door_has_token(thread, door, i == 0))
			return;
		fd = accept4(door->listener->fd, &peer.u.any, &peer.length,
		             SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd != -1) {
			door->pause_ms = 0;
			door_take_token(door);
			welcome(thread, door, fd, &peer);
		} else if (errno == EAGAIN || !goes_on_after(thread, door, errno)) {
			return;
		}
	}
}

/* The one place where a listener is given back to the kernel. */
static void
door_give_back(struct accept_thread *thread, struct door *door)
{
	if (door->is_paused)
		return;
	if (amy_registrar_rearm(thread->registrar, door->listener->id, AMY_READ) == -1)
		door_pause(thread, door, strerror(errno));
}

static void
door_open(struct accept_thread *thread, struct door *door)
{
	door_accept(thread, door);
	door_give_back(thread, door);
}

/* Look again at the doors whose pause is over. Returns ms to the next; -1: there is none. */
static int
open_paused_doors(struct accept_thread *thread)
{
	int64_t now = monotonic_now_ms();
	int64_t next = -1;

	for (size_t i = 0; i < thread->setup.listeners->n; i++) {
		struct door *door = &thread->doors[i];

		if (door->is_paused && door->paused_until_ms <= now) {
			door->is_paused = false;
			door_open(thread, door);
		}
		if (door->is_paused && (next == -1 || door->paused_until_ms - now < next))
			next = door->paused_until_ms - now;
	}
	return next == -1 ? -1 : next < 1 ? 1 : (int)next;
}

/* False: it is time to stop. */
static bool
turn(struct accept_thread *thread)
{
	struct amy_notification notifications[16];
	int timeout_ms = open_paused_doors(thread);
	int n;

	heartbeat_wait(&thread->heartbeat);
	n = amy_poller_wait(thread->poller, notifications, 16, timeout_ms);
	heartbeat_work(&thread->heartbeat);
	for (int i = 0; i < n; i++) {
		if (notifications[i].data == NULL)
			return false;
		door_open(thread, notifications[i].data);
	}
	return true;
}

static void *
run(void *argument)
{
	struct accept_thread *thread = argument;

	heartbeat_start(&thread->heartbeat, "accept thread");
	while (turn(thread))
		continue;
	heartbeat_end(&thread->heartbeat);
	return NULL;
}

/* A name may have several addresses: they share what is counted. */
static struct door *
first_door(struct accept_thread *thread, size_t i)
{
	size_t first = 0;

	while (thread->setup.listeners->items[first].conf !=
	       thread->setup.listeners->items[i].conf)
		first++;
	return &thread->doors[first];
}

/* The doors that were registered before one could not be are forgotten with the poller. */
static int
register_doors(struct accept_thread *thread)
{
	struct listeners *listeners = thread->setup.listeners;

	for (size_t i = 0; i < listeners->n; i++) {
		struct door *door = &thread->doors[i];

		door->listener = &listeners->items[i];
		door->first = first_door(thread, i);
		door->rate_until_ms = -EPISODE_MS;
		if (door->listener->conf->mode == CONF_MODE_HTTP)
			continue; /* http_thread.c takes its clients */
		if (amy_registrar_register(thread->registrar, door->listener->fd, AMY_READ,
		                           door, &door->listener->id) == -1)
			return -1;
	}
	return amy_registrar_register(thread->registrar, thread->stop_fd, AMY_READ, NULL,
	                              &thread->stop_id);
}

static void
accept_thread_free(struct accept_thread *thread)
{
	if (thread->spare_fd != -1)
		close(thread->spare_fd);
	if (thread->stop_fd != -1)
		close(thread->stop_fd);
	amy_registrar_destroy(thread->clients);
	amy_registrar_destroy(thread->registrar);
	amy_poller_destroy(thread->poller);
	free(thread->doors);
	free(thread);
}

static int
accept_thread_init(struct accept_thread *thread)
{
	thread->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	thread->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	thread->doors = calloc(thread->setup.listeners->n, sizeof *thread->doors);
	thread->poller = amy_poller_create();
	if (thread->spare_fd == -1 || thread->stop_fd == -1 || thread->doors == NULL ||
	    thread->poller == NULL)
		return -1;
	thread->registrar = amy_registrar_create(thread->poller);
	thread->clients = amy_registrar_create(thread->setup.poller);
	if (thread->registrar == NULL || thread->clients == NULL)
		return -1;
	return register_doors(thread);
}

struct accept_thread *
accept_thread_start(const struct accept_setup *setup)
{
	struct accept_thread *thread = calloc(1, sizeof *thread);
	int error;

	if (thread == NULL)
		return NULL;
	thread->setup = *setup;
	thread->spare_fd = thread->stop_fd = -1;
	if (accept_thread_init(thread) == -1) {
		error = errno;
	} else {
		error = pthread_create(&thread->thread, NULL, run, thread);
		if (error == 0)
			return thread;
	}
	accept_thread_free(thread);
	errno = error;
	return NULL;
}

void
accept_thread_stop(struct accept_thread *thread)
{
	eventfd_write(thread->stop_fd, 1);
	pthread_join(thread->thread, NULL);
	accept_thread_free(thread);
}
