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

/* As many as may wait to be accepted. */
#define MAX_ACCEPTS_AT_THE_END 4096
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
	REFUSAL_QUOTA,
	REFUSAL_MEMORY,
};

/* What somebody else wants of the thread. */
enum accept_word {
	WORD_NONE,
	WORD_HALT,
	WORD_STOP,
};

/* A listener as this thread sees it. */
struct door {
	struct listener *listener;
	struct listener *next; /* what it is about to become; NULL: it goes */
	bool is_paused; /* fired, and not re-armed until paused_until_ms */
	int64_t paused_until_ms;
	int pause_ms;          /* the last pause for an error; 0: there was a client since */
	struct door *first;    /* the first one of the same name: it has what these share */
	struct rate rate;      /* what is left of accept_rate */
	int64_t rate_until_ms; /* of the last pause for that: its end */
};

/*
 * Owner: the thread, or, while that stands still, who has halted it; but for word and word_fd:
 * any thread writes to them.
 */
struct accept_thread {
	pthread_t thread;
	struct accept_setup setup;
	struct amy_registrar *clients; /* of setup.poller */

	/* The listeners' poller, private to this thread. */
	struct amy_poller *poller;
	struct amy_registrar *registrar;
	struct door **doors;
	size_t ndoors;
	struct door **next_doors; /* while the listeners change */
	size_t nnext_doors;

	struct heartbeat heartbeat;
	_Atomic enum accept_word word;
	int word_fd; /* an eventfd: there is one */
	amy_id word_id;
	int spare_fd; /* to be given up for turning a client away with a word */
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
	case REFUSAL_QUOTA:
		stats_add(stats, STAT_REFUSED_MEMORY, 1);
		log_warning("listen %s: %s is turned away: the limit \"memory\" is reached: raise "
		            "it, or lower queue or the bytes of histories",
		            name, from);
		snprintf(word, MAX_WORD, "! BYE LIMIT memory\n");
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
		log_warning("listen %s: accepting pauses, and is tried again within a second: %s",
		            door->listener->conf->name, why);
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

/*
 * How many clients that come one after the other are likely to be for each other: a publisher
 * and its reader. Where nobody talks to anybody else, each is for itself.
 */
static unsigned
company_of(const struct door *door)
{
	switch (door->listener->conf->mode) {
	case CONF_MODE_COMMAND:
	case CONF_MODE_PUBLISH:
	case CONF_MODE_SUBSCRIBE:
		return 2;
	case CONF_MODE_ECHO:
	case CONF_MODE_HTTP:
		return 1;
	}
	return 1;
}

/* Register the session, disarmed, and give it to a handler, who arms it. */
static int
hand_over(struct accept_thread *thread, struct session *session, unsigned handler)
{
	struct record_pipe *pipe = thread->setup.pipes[handler];
	struct load *load = &thread->setup.loads[handler];
	struct record record = { .kind = RECORD_NEW, .u.session = session };

	if (amy_registrar_register(thread->clients, session->fd, 0, pipe, &session->id) == -1)
		return -1;
	atomic_fetch_add_explicit(&load->nclients, 1, memory_order_relaxed);
	if (record_pipe_write(pipe, &record, 1) == 0)
		return 0;
	atomic_fetch_sub_explicit(&load->nclients, 1, memory_order_relaxed);
	amy_registrar_deregister(thread->clients, session->id);
	return -1;
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

	if (quota_is_full(thread->setup.quota)) {
		refuse(thread, door, REFUSAL_QUOTA, fd, from);
		return false;
	}
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
	unsigned handler;
	char text[ADDRESS_MAX_TEXT];

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
	handler = load_choose(thread->setup.loads, thread->setup.nhandlers, company_of(door),
	                      monotonic_now_ms());
	if (hand_over(thread, session, handler) == -1) {
		log_error("listen %s: %s is turned away: %s: lower max_clients or queue",
		          door->listener->conf->name, address_format(from, text),
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

/* False: nobody else can be taken now. */
static bool
door_accept_one(struct accept_thread *thread, struct door *door)
{
	struct address peer = { .length = sizeof peer.u };
	int fd = accept4(door->listener->fd, &peer.u.any, &peer.length,
	                 SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return errno != EAGAIN && goes_on_after(thread, door, errno);
	door->pause_ms = 0;
	door_take_token(door);
	welcome(thread, door, fd, &peer);
	return true;
}

/* Take what waits at the door, within the turn's budget. */
static void
door_accept(struct accept_thread *thread, struct door *door)
{
	for (int i = 0; i < MAX_ACCEPTS_A_TURN; i++)
		if (!door_has_token(thread, door, i == 0) || !door_accept_one(thread, door))
			return;
}

/* We go: whoever waits at a door has come before, and may have sent lines already. */
static void
accept_the_last(struct accept_thread *thread)
{
	for (size_t i = 0; i < thread->ndoors; i++)
		for (int n = 0; n < MAX_ACCEPTS_AT_THE_END; n++)
			if (!door_accept_one(thread, thread->doors[i]))
				break;
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

	for (size_t i = 0; i < thread->ndoors; i++) {
		struct door *door = thread->doors[i];

		if (door->is_paused && door->paused_until_ms <= now) {
			door->is_paused = false;
			door_open(thread, door);
		}
		if (door->is_paused && (next == -1 || door->paused_until_ms - now < next))
			next = door->paused_until_ms - now;
	}
	return next == -1 ? -1 : next < 1 ? 1 : (int)next;
}

/* Somebody wants something of us. False: that we stop. */
static bool
hear_word(struct accept_thread *thread)
{
	eventfd_t n;

	eventfd_read(thread->word_fd, &n);
	switch (atomic_exchange(&thread->word, WORD_NONE)) {
	case WORD_NONE:
		break;
	case WORD_HALT:
		standstill_wait(thread->setup.standstill);
		break;
	case WORD_STOP:
		accept_the_last(thread);
		return false;
	}
	if (amy_registrar_rearm(thread->registrar, thread->word_id, AMY_READ) == -1)
		log_error("internal: the accept thread does not hear any more: %s",
		          strerror(errno));
	return true;
}

/* False: it is time to stop. */
static bool
turn(struct accept_thread *thread)
{
	struct amy_notification notifications[16];
	int timeout_ms = open_paused_doors(thread);
	bool has_word = false;
	int n;

	heartbeat_wait(&thread->heartbeat);
	n = amy_poller_wait(thread->poller, notifications, 16, timeout_ms);
	heartbeat_work(&thread->heartbeat);
	for (int i = 0; i < n; i++)
		if (notifications[i].data == NULL)
			has_word = true;
		else
			door_open(thread, notifications[i].data);
	return !has_word || hear_word(thread); /* no door is open any more */
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

/* ---- Doors ------------------------------------------------------------------------ */

/* NULL, errno: it could not be registered. It is disarmed. */
static struct door *
door_create(struct accept_thread *thread, struct listener *listener)
{
	struct door *door = calloc(1, sizeof *door);

	if (door == NULL)
		return NULL;
	door->next = listener;
	door->rate_until_ms = -EPISODE_MS;
	if (amy_registrar_register(thread->registrar, listener->fd, 0, door, &listener->id) == 0)
		return door;
	free(door);
	return NULL;
}

/* No event of it is on its way: the thread waits for none. */
static void
door_destroy(struct accept_thread *thread, struct door *door, amy_id id)
{
	amy_registrar_take(thread->registrar, id); /* it may be ours already */
	amy_registrar_deregister(thread->registrar, id);
	free(door);
}

/* The door of a listener that stays. NULL: it has none yet. */
static struct door *
find_door(const struct accept_thread *thread, const struct listener *listener)
{
	if (listener == NULL)
		return NULL;
	for (size_t i = 0; i < thread->ndoors; i++)
		if (thread->doors[i]->listener == listener)
			return thread->doors[i];
	return NULL;
}

static void
abandon(struct accept_thread *thread)
{
	for (size_t i = 0; i < thread->nnext_doors; i++) {
		struct door *door = thread->next_doors[i];
		struct listener *listener = door->next;

		door->next = NULL;
		if (door->listener == NULL)
			door_destroy(thread, door, listener->id);
	}
	free(thread->next_doors);
	thread->next_doors = NULL;
	thread->nnext_doors = 0;
}

int
accept_thread_prepare(struct accept_thread *thread, struct listeners *next)
{
	thread->next_doors = calloc(next->n + 1, sizeof(struct door *));
	if (thread->next_doors == NULL)
		return -1;
	thread->nnext_doors = 0;
	for (size_t i = 0; i < next->n; i++) {
		struct listener *listener = &next->items[i];
		struct door *door = find_door(thread, listener->before);

		if (listener->conf->mode == CONF_MODE_HTTP)
			continue; /* http_thread.c takes its clients */
		if (door == NULL)
			door = door_create(thread, listener);
		if (door == NULL) {
			int error = errno;

			abandon(thread);
			errno = error;
			return -1;
		}
		door->next = listener;
		thread->next_doors[thread->nnext_doors++] = door;
	}
	return 0;
}

/* Whoever is at a door that goes was there before. */
static void
close_doors_that_go(struct accept_thread *thread)
{
	for (size_t i = 0; i < thread->ndoors; i++) {
		struct door *door = thread->doors[i];

		if (door->next != NULL)
			continue;
		door_accept(thread, door);
		door_destroy(thread, door, door->listener->id);
	}
}

/* A name may have several addresses: they share what is counted. */
static struct door *
first_door(const struct accept_thread *thread, const struct door *door)
{
	size_t first = 0;

	while (thread->doors[first]->listener->conf != door->listener->conf)
		first++;
	return thread->doors[first];
}

static void
door_change(struct door *door)
{
	amy_id id = door->listener == NULL ? door->next->id : door->listener->id;

	door->listener = door->next;
	door->next = NULL;
	door->listener->id = id;
}

/* What is left of accept_rate stays, even if the door that has it does not. */
static void
keep_rates(struct accept_thread *thread)
{
	for (size_t i = 0; i < thread->ndoors; i++) {
		thread->doors[i]->rate = thread->doors[i]->first->rate;
		thread->doors[i]->rate_until_ms = thread->doors[i]->first->rate_until_ms;
	}
}

void
accept_thread_apply(struct accept_thread *thread, unsigned max_clients)
{
	keep_rates(thread);
	close_doors_that_go(thread);
	free(thread->doors);
	thread->doors = thread->next_doors;
	thread->ndoors = thread->nnext_doors;
	thread->next_doors = NULL;
	thread->nnext_doors = 0;
	thread->setup.max_clients = max_clients;
	for (size_t i = 0; i < thread->ndoors; i++) {
		struct door *door = thread->doors[i];
		bool is_new = door->listener == NULL;

		door_change(door);
		if (is_new)
			door_give_back(thread, door); /* or it pauses, and tries again */
	}
	for (size_t i = 0; i < thread->ndoors; i++)
		thread->doors[i]->first = first_door(thread, thread->doors[i]);
}

/* ---- Start and stop --------------------------------------------------------------- */

static int
register_doors(struct accept_thread *thread)
{
	if (amy_registrar_register(thread->registrar, thread->word_fd, AMY_READ, NULL,
	                           &thread->word_id) == -1 ||
	    accept_thread_prepare(thread, thread->setup.listeners) == -1)
		return -1;
	accept_thread_apply(thread, thread->setup.max_clients);
	return 0;
}

static void
free_doors(struct accept_thread *thread)
{
	for (size_t i = 0; i < thread->ndoors; i++)
		free(thread->doors[i]);
	free(thread->doors);
}

static void
accept_thread_free(struct accept_thread *thread)
{
	if (thread->spare_fd != -1)
		close(thread->spare_fd);
	if (thread->word_fd != -1)
		close(thread->word_fd);
	amy_registrar_destroy(thread->clients);
	amy_registrar_destroy(thread->registrar);
	amy_poller_destroy(thread->poller);
	free_doors(thread);
	free(thread);
}

static int
accept_thread_init(struct accept_thread *thread)
{
	thread->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	thread->word_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	thread->poller = amy_poller_create();
	if (thread->spare_fd == -1 || thread->word_fd == -1 || thread->poller == NULL)
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
	thread->spare_fd = thread->word_fd = -1;
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

static void
say(struct accept_thread *thread, enum accept_word word)
{
	atomic_store(&thread->word, word);
	eventfd_write(thread->word_fd, 1);
}

void
accept_thread_halt(struct accept_thread *thread)
{
	say(thread, WORD_HALT);
}

void
accept_thread_stop(struct accept_thread *thread)
{
	say(thread, WORD_STOP);
	pthread_join(thread->thread, NULL);
	accept_thread_free(thread);
}
