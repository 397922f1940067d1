/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "accept_thread.h"
#include "handler_thread.h"
#include "http_thread.h"
#include "log.h"
#include "own_listeners.h"
#include "poll_thread.h"
#include "record_pipe.h"
#include "router.h"
#include "server.h"
#include "targets.h"
#include "web.h"

/*
 * Owner: main; the threads borrow what they are set up with.
 */
struct server {
	const struct conf *conf;
	struct amy_poller *poller;
	struct router *router;
	struct targets *targets;
	struct standstill standstill;
	struct poll_thread *poll_thread;
	struct accept_thread *accept_thread;
	struct web *web;
	struct handler_thread *handlers[CONF_MAX_HANDLERS];
	struct record_pipe pipes[CONF_MAX_HANDLERS];
	struct record_pipe *pipe_pointers[CONF_MAX_HANDLERS];
	unsigned npipes, nhandlers; /* so many are open, are started */
	int end_fd;
	atomic_uint nclients;
	atomic_uint nhearing; /* handlers that have clients to be heard before goodbye */
	atomic_uint nrunning;
};

/*
 * Records of other things than clients that may be on their way to a handler: the word to
 * drain, to stop, that there is something in the inbox; and for each connection that is a
 * target, that it has something to do.
 */
#define OTHER_RECORDS 256

/* A pipe for each handler, that is large enough for all clients. 0 or an exit code. */
static int
open_pipes(struct server *server)
{
	for (unsigned i = 0; i < server->conf->handlers; i++) {
		struct record_pipe *pipe = &server->pipes[i];

		if (record_pipe_open(pipe, i) == -1) {
			log_error("the pipe of handler %u: %s", i, strerror(errno));
			return EX_OSERR;
		}
		server->pipe_pointers[i] = pipe;
		server->npipes++;
		if (pipe->capacity >= server->conf->max_clients + OTHER_RECORDS)
			continue;
		log_error("max_clients = %u: a pipe holds the events of %zu: lower "
		          "max_clients, or raise fs.pipe-max-size and "
		          "fs.pipe-user-pages-soft with sysctl(8)",
		          server->conf->max_clients, pipe->capacity);
		return EX_CONFIG;
	}
	return 0;
}

static void
close_pipes(struct server *server)
{
	for (unsigned i = 0; i < server->npipes; i++)
		record_pipe_close(&server->pipes[i]);
	server->npipes = 0;
}

int
server_check(const struct conf *conf)
{
	struct server *server = calloc(1, sizeof *server);
	int code;

	if (server == NULL) {
		log_error("the server cannot be checked: %s", strerror(errno));
		return EX_OSERR;
	}
	server->conf = conf;
	code = open_pipes(server);
	close_pipes(server);
	free(server);
	for (size_t i = 0; i < conf->nlisteners && code == 0; i++)
		if (conf->listeners[i].mode == CONF_MODE_HTTP &&
		    !http_thread_is_possible(&conf->listeners[i]))
			code = EX_OSERR;
	return code;
}

static int
start_handlers(struct server *server)
{
	for (unsigned i = 0; i < server->conf->handlers; i++) {
		struct handler_setup setup = {
			.number = i,
			.nhandlers = server->conf->handlers,
			.pipe = &server->pipes[i],
			.poller = server->poller,
			.router = server->router,
			.lease_ms = server->conf->lease_ms,
			.targets = server->targets,
			.standstill = &server->standstill,
			.nhearing = &server->nhearing,
			.nrunning = &server->nrunning,
			.end_fd = server->end_fd,
		};

		atomic_fetch_add(&server->nrunning, 1);
		server->handlers[i] = handler_thread_start(&setup);
		if (server->handlers[i] == NULL) {
			atomic_fetch_sub(&server->nrunning, 1);
			return -1;
		}
		server->nhandlers++;
	}
	return 0;
}

static int
start_threads(struct server *server, struct listeners *listeners)
{
	struct accept_setup setup = {
		.listeners = listeners,
		.poller = server->poller,
		.pipes = server->pipe_pointers,
		.loads = server->router->loads,
		.nhandlers = server->conf->handlers,
		.max_clients = server->conf->max_clients,
		.quota = &server->router->quota,
		.nclients = &server->nclients,
		.peers = server->router->peers,
		.stats = &server->router->stats[server->conf->handlers],
		.standstill = &server->standstill,
	};

	server->poll_thread = poll_thread_start(server->poller, server->conf->handlers);
	if (server->poll_thread == NULL)
		return -1;
	if (start_handlers(server) == -1)
		return -1;
	server->accept_thread = accept_thread_start(&setup);
	return server->accept_thread == NULL ? -1 : 0;
}

/* -1, errno: one could not be started. */
static int
start_targets(struct server *server)
{
	static const struct conf nothing = { .handlers = 1 };
	const struct router_policy none = { .conf = &nothing };
	struct targets_change *change;

	server->targets = targets_create(server->pipe_pointers, server->conf->handlers);
	if (server->targets == NULL)
		return -1;
	change = targets_prepare(server->targets, &none, &server->router->policy);
	if (change == NULL)
		return -1;
	targets_apply(change);
	targets_finish(change);
	return 0;
}

static void
set_quota(struct router *router, const struct conf *conf)
{
	atomic_store(&router->quota.limit, quota_limit_of(conf->memory));
}

static int
server_init(struct server *server, struct listeners *listeners)
{
	int code = open_pipes(server);

	if (code != 0)
		return code;
	server->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->end_fd != -1)
		server->poller = amy_poller_create();
	if (server->poller != NULL)
		server->router = router_create(server->conf, server->pipe_pointers);
	if (server->router != NULL)
		set_quota(server->router, server->conf);
	if (server->router != NULL && start_targets(server) == 0 &&
	    start_threads(server, listeners) == 0) {
		server->web = web_start(listeners, server->router);
		return server->web == NULL ? EX_OSERR : 0; /* it has said why */
	}
	log_error("the server cannot be started: %s", strerror(errno));
	return EX_OSERR;
}

struct server *
server_start(const struct conf *conf, struct listeners *listeners, int *code)
{
	struct server *server = calloc(1, sizeof *server);

	if (server == NULL) {
		log_error("the server cannot be started: %s", strerror(errno));
		*code = EX_OSERR;
		return NULL;
	}
	server->conf = conf;
	server->end_fd = -1;
	standstill_init(&server->standstill);
	own_listeners_set(listeners);
	*code = server_init(server, listeners);
	if (*code == 0)
		return server;
	server_stop(server);
	server_destroy(server);
	return NULL;
}

static void
tell_handlers(struct server *server, enum record_kind kind)
{
	const struct record record = { .kind = kind };

	for (unsigned i = 0; i < server->nhandlers; i++)
		record_pipe_write_waiting(&server->pipes[i], &record, 1);
}

/* ---- Another configuration -------------------------------------------------------- */

/* What is to take the place of what there is. Owner: the stack of main. */
struct change {
	const struct conf *conf;
	struct listeners next;
	struct router_policy policy; /* once it is applied: the one before */
	struct history_change *history;
	struct targets_change *targets;
};

static void
abandon(struct server *server, struct change *change, struct listeners *listeners)
{
	web_abandon(server->web);
	targets_abandon(change->targets);
	history_abandon(change->history);
	if (change->policy.conf != NULL)
		router_policy_fini(&change->policy);
	if (change->next.items != NULL)
		listeners_abandon(&change->next, listeners);
}

/* All that can go wrong, while everybody works. -1: the cause is logged. */
static int
prepare(struct server *server, struct change *change, struct listeners *listeners)
{
	struct router *router = server->router;
	const struct conf *conf = change->conf;

	if (listeners_prepare(&change->next, listeners, conf) == -1 ||
	    web_prepare(server->web, &change->next) == -1)
		return -1;
	if (router_policy_init(&change->policy, conf) == 0)
		change->history =
		    history_prepare(router->history, conf->histories, conf->nhistories);
	if (change->history != NULL)
		change->targets =
		    targets_prepare(server->targets, &router->policy, &change->policy);
	if (change->targets != NULL)
		return 0;
	log_error("reload: %s", strerror(errno));
	return -1;
}

/* The accept thread first: of those that it handed over, each handler hears before it stops. */
static void
halt(struct server *server)
{
	accept_thread_halt(server->accept_thread);
	standstill_await(&server->standstill, 1);
	tell_handlers(server, RECORD_STANDSTILL);
	standstill_await(&server->standstill, 1 + server->nhandlers);
}

/* What can go wrong and is the threads' own, while they stand still. -1: it is logged. */
static int
prepare_threads(struct server *server, struct change *change)
{
	int rc = 0;

	for (unsigned i = 0; i < server->nhandlers && rc == 0; i++)
		rc = handler_thread_prepare(server->handlers[i]);
	if (rc == 0)
		rc = accept_thread_prepare(server->accept_thread, &change->next);
	if (rc == -1)
		log_error("reload: %s", strerror(errno));
	return rc;
}

/* Nothing of it can go wrong. */
static void
apply(struct server *server, struct change *change, struct listeners *listeners)
{
	struct router *router = server->router;

	web_apply(server->web); /* it may be at work, and want the lock */
	pthread_mutex_lock(&router->change_lock);
	targets_apply(change->targets);
	router_exchange_policy(router, &change->policy);
	history_apply(change->history);
	set_quota(router, change->conf);
	for (unsigned i = 0; i < server->nhandlers; i++)
		handler_thread_adopt(server->handlers[i], change->conf);
	accept_thread_apply(server->accept_thread, change->conf->max_clients);
	listeners_apply(&change->next, listeners);
	own_listeners_set(listeners);
	server->conf = change->conf;
	pthread_mutex_unlock(&router->change_lock);
}

int
server_change(struct server *server, const struct conf *conf, struct listeners *listeners)
{
	struct change change = { .conf = conf };
	int rc;

	if (prepare(server, &change, listeners) == -1) {
		abandon(server, &change, listeners);
		return -1;
	}
	halt(server);
	rc = prepare_threads(server, &change);
	if (rc == 0)
		apply(server, &change, listeners);
	standstill_end(&server->standstill);
	if (rc == -1) {
		abandon(server, &change, listeners);
		return -1;
	}
	targets_finish(change.targets);
	router_policy_fini(&change.policy);
	return 0;
}

unsigned
server_most_clients(const struct server *server)
{
	return (unsigned)(server->pipes[0].capacity - OTHER_RECORDS);
}

void
server_count_reload(struct server *server, bool is_done)
{
	struct router *router = server->router;

	atomic_fetch_add(is_done ? &router->nreloads : &router->nreloads_refused, 1);
}

/* ---- The end ---------------------------------------------------------------------- */

/* The accept thread is over first: no client comes behind the word. */
static void
end_accepting(struct server *server)
{
	if (server->accept_thread != NULL)
		accept_thread_stop(server->accept_thread);
	server->accept_thread = NULL;
}

void
server_hear_out(struct server *server)
{
	end_accepting(server);
	atomic_store_explicit(&server->router->is_draining, true, memory_order_relaxed);
	atomic_store(&server->nhearing, server->nhandlers);
	tell_handlers(server, RECORD_HEAR_OUT);
}

bool
server_has_heard_out(const struct server *server)
{
	return atomic_load_explicit(&server->nhearing, memory_order_acquire) == 0;
}

void
server_drain(struct server *server)
{
	tell_handlers(server, RECORD_DRAIN);
}

void
server_stop(struct server *server)
{
	end_accepting(server);
	tell_handlers(server, RECORD_STOP);
}

void
server_reopen(struct server *server)
{
	log_info("the files of rules are opened anew");
	targets_reopen(server->targets);
}

bool
server_is_over(const struct server *server)
{
	return atomic_load_explicit(&server->nrunning, memory_order_acquire) == 0;
}

uint64_t
server_count_not_run(const struct server *server)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < server->nhandlers; i++)
		n += stats_get(&server->router->stats[i], STAT_LINES_NOT_RUN);
	return n;
}

int
server_end_fd(const struct server *server)
{
	return server->end_fd;
}

unsigned
server_nclients(const struct server *server)
{
	return atomic_load_explicit(&server->nclients, memory_order_relaxed);
}

void
server_destroy(struct server *server)
{
	web_stop(server->web);
	for (unsigned i = 0; i < server->nhandlers; i++)
		handler_thread_join(server->handlers[i]);
	if (server->poll_thread != NULL)
		poll_thread_stop(server->poll_thread);
	targets_destroy(server->targets);
	router_destroy(server->router);
	amy_poller_destroy(server->poller);
	close_pipes(server);
	if (server->end_fd != -1)
		close(server->end_fd);
	standstill_fini(&server->standstill);
	free(server);
}
