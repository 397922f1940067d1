/* SPDX-License-Identifier: MIT */
/*
 * clients.h - who is connected, and who has which name: what all handlers know of a client.
 */
#ifndef CLIENTS_H
#define CLIENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <amy.h>

#include "address.h"
#include "conf.h"
#include "subject.h"
#include "table.h"

/* Any thread: a lock within guards it; nothing is waited for while it is held. */
struct clients;

/*
 * What is known of one client. Owner: whoever holds the session; others read it under the
 * lock, from clients_add() to clients_remove().
 */
struct client {
	/* constant once added */
	uint64_t number; /* from 1, in the order of their coming */
	amy_id id;
	unsigned handler;
	int64_t since_ms;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} peer; /* of a Unix socket the family only */

	/* written by the owner, read by anybody */
	atomic_uint queued;         /* bytes that wait for it */
	atomic_uint load;           /* of a member of a group: those, and what it has not read */
	atomic_bool is_mute;        /* it says no more: it cannot answer */
	atomic_uint nsubscriptions;
	_Atomic uint64_t ndropped;  /* lines that it did not get */

	/* guarded by the lock; the owner may read it without */
	const struct conf_listener *listener;
	struct table_item by_name;
	char *name; /* NULL: it has none */
};

/* Errors: ENOMEM, or as getrandom(2). */
struct clients *clients_create(void);

/* None is in it. NULL is fine. */
void clients_destroy(struct clients *clients);

/* It has no name. -1: ENOMEM, and it was not added. */
int clients_add(struct clients *clients, struct client *client);

/*
 * Its name is free again. Before its registration ends: then its place may be another's.
 */
void clients_remove(struct clients *clients, struct client *client);

/*
 * Give it a name, of nbytes (1 to SUBJECT_MAX_NAME) in place of the one it had. Errors:
 * EEXIST (another one has it), ENOMEM; it has then the one it had.
 */
int clients_set_name(struct clients *clients, struct client *client, const char *name,
                     size_t nbytes);

/* The listener that it came by is another one now, of the same name. */
void clients_set_listener(struct clients *clients, struct client *client,
                          const struct conf_listener *listener);

/* Who has that name? False: nobody. */
bool clients_find_name(struct clients *clients, const char *name, size_t nbytes,
                       unsigned *handler, amy_id *id);

#define CLIENTS_MAX_LISTENER 64

/* A copy of what is known of a client. */
struct client_row {
	uint64_t number;
	amy_id id;
	unsigned handler;
	char listener[CLIENTS_MAX_LISTENER + 1]; /* its name, cut */
	int64_t since_ms;
	unsigned queued, nsubscriptions;
	uint64_t ndropped;
	char name[SUBJECT_MAX_NAME + 1]; /* "": none */
	struct address peer;             /* of a Unix socket the family only */
};

/*
 * Rows of at most max clients, from a place on (0: the first), which moves on. Returns how
 * many; 0: there are no more. Clients that come or go in between may or may not be seen.
 */
size_t clients_list(struct clients *clients, size_t *place, struct client_row *rows,
                    size_t max);

/* The row of the client of that id. False: it is not there. */
bool clients_row(struct clients *clients, amy_id id, struct client_row *row);

/* "id=17 name=@alice peer=127.0.0.1:5555 listener=main"; "name=-" if it has none. */
#define CLIENTS_MAX_TEXT (SUBJECT_MAX_NAME + ADDRESS_MAX_TEXT + 128)
const char *client_format(const struct client_row *row, char text[CLIENTS_MAX_TEXT]);

size_t clients_count(struct clients *clients);
size_t clients_count_names(struct clients *clients);

#endif
