/* SPDX-License-Identifier: MIT */
/*
 * server.h - all the threads, started and stopped in one stated order.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "conf.h"
#include "listener.h"

/* Owner: main. */
struct server;

/*
 * Start: poller thread, handler threads, accept thread, those that answer by HTTP; each finds
 * those before it at work. The listeners and the configuration are borrowed until server_destroy(). NULL: a
 * <sysexits.h> code is in *code, the cause is logged, and nothing is left running.
 */
struct server *server_start(const struct conf *conf, struct listeners *listeners, int *code);

/* Whether server_start() would refuse the configuration. 0; or a code, and the cause is logged. */
int server_check(const struct conf *conf);

/*
 * Go by another configuration from now on, all of it: all threads but those that write for
 * targets stand still for that moment. Of it, what conf_keep() says stays as it was. 0: *conf
 * and the listeners, which are the next ones now, are borrowed instead of the ones before,
 * which only clients and targets may still need: they have references. -1: the cause is
 * logged, and nothing has changed.
 */
int server_change(struct server *server, const struct conf *conf, struct listeners *listeners);

/* What max_clients can be: what the pipes of handlers hold. */
unsigned server_most_clients(const struct server *server);

/* A reload is over: it was done; or refused, and nothing has changed. For STATS. */
void server_count_reload(struct server *server, bool is_done);

/*
 * The end, in two steps. Take no more clients, but those that wait to be accepted; and run what
 * all have sent until now. Returns at once.
 */
void server_hear_out(struct server *server);

/* Has that been done? Nothing that was sent before, and can be run, is left. */
bool server_has_heard_out(const struct server *server);

/* Tell all clients goodbye, those that are not heard out yet when they are. Returns at once. */
void server_drain(struct server *server);

/* Have all clients gone, and is nothing left to do? */
bool server_is_over(const struct server *server);

/* Lines of clients that have come behind their end. */
uint64_t server_count_not_run(const struct server *server);

/* Close all clients at once. Returns at once. After server_drain(). */
void server_stop(struct server *server);

/* Close the files that rules write to, and open them again: they were renamed. */
void server_reopen(struct server *server);

/* An eventfd: readable when it has heard out, and when it is over. To be read; borrowed. */
int server_end_fd(const struct server *server);

/* How many clients there are. */
unsigned server_nclients(const struct server *server);

/* When it is over: wait for the threads, which are at their end, and free all. */
void server_destroy(struct server *server);

#endif
