/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "hash.h"

#define FIRST_SLOTS 64

struct clients {
	struct hash_key key; /* constant after create */

	pthread_mutex_t lock;  /* guards the rest */
	struct client **slots; /* by place of the id; NULL: none */
	size_t nslots, n;
	struct table names;
};

struct clients *
clients_create(void)
{
	struct clients *clients = calloc(1, sizeof *clients);

	if (clients == NULL)
		return NULL;
	if (hash_key_init(&clients->key) == -1)
		goto free_clients;
	if (table_init(&clients->names) == -1)
		goto free_clients;
	pthread_mutex_init(&clients->lock, NULL);
	return clients;

free_clients:
	free(clients);
	return NULL;
}

void
clients_destroy(struct clients *clients)
{
	if (clients == NULL)
		return;
	pthread_mutex_destroy(&clients->lock);
	table_fini(&clients->names);
	free(clients->slots);
	free(clients);
}

/* So that slots[place] is there. -1: ENOMEM. */
static int
grow_slots(struct clients *clients, size_t place)
{
	size_t nslots = clients->nslots == 0 ? FIRST_SLOTS : clients->nslots;
	struct client **slots;

	if (place < clients->nslots)
		return 0;
	while (nslots <= place)
		nslots *= 2;
	slots = realloc(clients->slots, nslots * sizeof(struct client *));
	if (slots == NULL)
		return -1;
	memset(slots + clients->nslots, 0,
	       (nslots - clients->nslots) * sizeof(struct client *));
	clients->slots = slots;
	clients->nslots = nslots;
	return 0;
}

int
clients_add(struct clients *clients, struct client *client)
{
	size_t place = amy_id_index(client->id);
	int rc;

	client->name = NULL;
	pthread_mutex_lock(&clients->lock);
	rc = grow_slots(clients, place);
	if (rc == 0) {
		clients->slots[place] = client;
		clients->n++;
	}
	pthread_mutex_unlock(&clients->lock);
	return rc;
}

/* Returns what is to be freed. */
static char *
take_name(struct clients *clients, struct client *client)
{
	char *name = client->name;

	if (name != NULL)
		table_erase(&clients->names, &client->by_name);
	client->name = NULL;
	return name;
}

void
clients_remove(struct clients *clients, struct client *client)
{
	char *name;

	pthread_mutex_lock(&clients->lock);
	clients->slots[amy_id_index(client->id)] = NULL;
	clients->n--;
	name = take_name(clients, client);
	pthread_mutex_unlock(&clients->lock);
	free(name);
}

void
clients_set_listener(struct clients *clients, struct client *client,
                     const struct conf_listener *listener)
{
	pthread_mutex_lock(&clients->lock);
	client->listener = listener;
	pthread_mutex_unlock(&clients->lock);
}

static struct client *
client_of_item(struct table_item *item)
{
	return (struct client *)((char *)item - offsetof(struct client, by_name));
}

/* NULL: nobody has it. */
static struct client *
find_name(const struct clients *clients, uint64_t hash, const char *name, size_t nbytes)
{
	struct table_item *item = table_first(&clients->names, hash);

	for (; item != NULL; item = table_next(item)) {
		struct client *client = client_of_item(item);

		if (strlen(client->name) == nbytes && memcmp(client->name, name, nbytes) == 0)
			return client;
	}
	return NULL;
}

/* Returns what is to be freed: the name before. */
static char *
put_name(struct clients *clients, struct client *client, char *name, uint64_t hash)
{
	char *before = take_name(clients, client);

	client->name = name;
	client->by_name.hash = hash;
	table_insert(&clients->names, &client->by_name);
	return before;
}

int
clients_set_name(struct clients *clients, struct client *client, const char *name,
                 size_t nbytes)
{
	uint64_t hash = hash_bytes(&clients->key, name, nbytes);
	struct client *holder;
	char *copy = malloc(nbytes + 1);

	if (copy == NULL)
		return -1;
	memcpy(copy, name, nbytes);
	copy[nbytes] = '\0';
	pthread_mutex_lock(&clients->lock);
	holder = find_name(clients, hash, name, nbytes);
	if (holder == NULL)
		copy = put_name(clients, client, copy, hash);
	pthread_mutex_unlock(&clients->lock);
	free(copy);
	if (holder == NULL || holder == client)
		return 0;
	errno = EEXIST;
	return -1;
}

bool
clients_find_name(struct clients *clients, const char *name, size_t nbytes, unsigned *handler,
                  amy_id *id)
{
	uint64_t hash = hash_bytes(&clients->key, name, nbytes);
	const struct client *client;

	pthread_mutex_lock(&clients->lock);
	client = find_name(clients, hash, name, nbytes);
	if (client != NULL) {
		*handler = client->handler;
		*id = client->id;
	}
	pthread_mutex_unlock(&clients->lock);
	return client != NULL;
}

static void
copy_peer(const struct client *client, struct address *peer)
{
	memset(peer, 0, sizeof *peer);
	switch (client->peer.any.sa_family) {
	case AF_INET:
		peer->u.in = client->peer.in;
		peer->length = sizeof peer->u.in;
		return;
	case AF_INET6:
		peer->u.in6 = client->peer.in6;
		peer->length = sizeof peer->u.in6;
		return;
	}
	peer->u.any.sa_family = client->peer.any.sa_family;
	peer->length = sizeof peer->u.any.sa_family;
}

static void
fill_row(const struct client *client, struct client_row *row)
{
	row->number = client->number;
	row->id = client->id;
	row->handler = client->handler;
	row->listener = client->listener;
	row->since_ms = client->since_ms;
	row->queued = atomic_load_explicit(&client->queued, memory_order_relaxed);
	row->nsubscriptions =
	    atomic_load_explicit(&client->nsubscriptions, memory_order_relaxed);
	row->ndropped = atomic_load_explicit(&client->ndropped, memory_order_relaxed);
	strcpy(row->name, client->name == NULL ? "" : client->name);
	copy_peer(client, &row->peer);
}

size_t
clients_list(struct clients *clients, size_t *place, struct client_row *rows, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&clients->lock);
	for (; n < max && *place < clients->nslots; ++*place)
		if (clients->slots[*place] != NULL)
			fill_row(clients->slots[*place], &rows[n++]);
	pthread_mutex_unlock(&clients->lock);
	return n;
}

bool
clients_row(struct clients *clients, amy_id id, struct client_row *row)
{
	size_t place = amy_id_index(id);
	const struct client *client;

	pthread_mutex_lock(&clients->lock);
	client = place < clients->nslots ? clients->slots[place] : NULL;
	if (client != NULL && client->id != id)
		client = NULL;
	if (client != NULL)
		fill_row(client, row);
	pthread_mutex_unlock(&clients->lock);
	return client != NULL;
}

const char *
client_format(const struct client_row *row, char text[CLIENTS_MAX_TEXT])
{
	char peer[ADDRESS_MAX_TEXT];

	snprintf(text, CLIENTS_MAX_TEXT, "id=%" PRIu64 " name=%s%s peer=%s listener=%.64s",
	         row->number, row->name[0] == '\0' ? "-" : "@", row->name,
	         address_format(&row->peer, peer), row->listener->name);
	return text;
}

size_t
clients_count(struct clients *clients)
{
	size_t n;

	pthread_mutex_lock(&clients->lock);
	n = clients->n;
	pthread_mutex_unlock(&clients->lock);
	return n;
}

size_t
clients_count_names(struct clients *clients)
{
	size_t n;

	pthread_mutex_lock(&clients->lock);
	n = clients->names.n;
	pthread_mutex_unlock(&clients->lock);
	return n;
}
