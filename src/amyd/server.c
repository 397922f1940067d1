/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "accept_thread.h"
#include "handler_thread.h"
#include "log.h"
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
	struct poll_thread *poll_thread;
	struct accept_thread *accept_thread;
	struct web *web;
	struct handler_thread *handlers[CONF_MAX_HANDLERS];
	struct record_pipe pipes[CONF_MAX_HANDLERS];
	struct record_pipe *pipe_pointers[CONF_MAX_HANDLERS];
	unsigned npipes, nhandlers; /* so many are open, are started */
	int over_fd;
	atomic_uint nclients;
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
			.upstreams = targets_upstreams(server->targets),
			.nupstreams = targets_count_upstreams(server->targets),
			.nrunning = &server->nrunning,
			.over_fd = server->over_fd,
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
		.nhandlers = server->conf->handlers,
		.max_clients = server->conf->max_clients,
		.nclients = &server->nclients,
		.peers = server->router->peers,
		.stats = &server->router->stats[server->conf->handlers],
	};

	server->poll_thread = poll_thread_start(server->poller, server->conf->handlers);
	if (server->poll_thread == NULL)
		return -1;
	if (start_handlers(server) == -1)
		return -1;
	server->accept_thread = accept_thread_start(&setup);
	return server->accept_thread == NULL ? -1 : 0;
}

static int
server_init(struct server *server, struct listeners *listeners)
{
	int code = open_pipes(server);

	if (code != 0)
		return code;
	server->over_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->over_fd != -1)
		server->poller = amy_poller_create();
	if (server->poller != NULL)
		server->router = router_create(server->conf, server->pipe_pointers);
	if (server->router != NULL)
		server->targets =
		    targets_start(server->conf, server->router, server->pipe_pointers);
	if (server->targets != NULL && start_threads(server, listeners) == 0) {
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
	server->over_fd = -1;
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

/* The accept thread is over first: no client comes behind the word. */
static void
end_accepting(struct server *server)
{
	if (server->accept_thread != NULL)
		accept_thread_stop(server->accept_thread);
	server->accept_thread = NULL;
}

void
server_drain(struct server *server)
{
	end_accepting(server);
	atomic_store_explicit(&server->router->is_draining, true, memory_order_relaxed);
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
	targets_reopen(server->targets);
}

int
server_over_fd(const struct server *server)
{
	return server->over_fd;
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
	targets_stop(server->targets);
	router_destroy(server->router);
	amy_poller_destroy(server->poller);
	for (unsigned i = 0; i < server->npipes; i++)
		record_pipe_close(&server->pipes[i]);
	if (server->over_fd != -1)
		close(server->over_fd);
	free(server);
}
