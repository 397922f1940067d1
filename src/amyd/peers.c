/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "peers.h"
#include "table.h"

/* What is counted together. */
struct peer_key {
	uint64_t listener; /* the hash of its name */
	uint64_t network;
	uint64_t family;
};

struct peer {
	struct table_item item;
	struct peers *peers;
	struct peer_key key;
	unsigned n; /* guarded by the lock */
};

struct peers {
	struct hash_key key; /* constant after create */

	pthread_mutex_t lock; /* guards the rest */
	struct table table;
};

struct peers *
peers_create(void)
{
	struct peers *peers = calloc(1, sizeof *peers);

	if (peers == NULL)
		return NULL;
	if (hash_key_init(&peers->key) == -1 || table_init(&peers->table) == -1) {
		free(peers);
		return NULL;
	}
	pthread_mutex_init(&peers->lock, NULL);
	return peers;
}

void
peers_destroy(struct peers *peers)
{
	if (peers == NULL)
		return;
	pthread_mutex_destroy(&peers->lock);
	table_fini(&peers->table);
	free(peers);
}

/* False: there is nothing to tell it by. */
static bool
network_of(const struct address *address, struct peer_key *key)
{
	const struct in6_addr *in6 = &address->u.in6.sin6_addr;

	key->network = 0;
	key->family = address->u.any.sa_family;
	switch (address->u.any.sa_family) {
	case AF_INET:
		memcpy(&key->network, &address->u.in.sin_addr, 4);
		return true;
	case AF_INET6:
		if (IN6_IS_ADDR_V4MAPPED(in6)) {
			key->family = AF_INET;
			memcpy(&key->network, in6->s6_addr + 12, 4);
		} else {
			memcpy(&key->network, in6->s6_addr, 8);
		}
		return true;
	}
	return false;
}

/* The lock is held. NULL: there is none from there. */
static struct peer *
find(const struct peers *peers, const struct peer_key *key, uint64_t hash)
{
	struct table_item *item = table_first(&peers->table, hash);

	for (; item != NULL; item = table_next(item)) {
		struct peer *peer = (struct peer *)item; /* its first member */

		if (memcmp(&peer->key, key, sizeof *key) == 0)
			return peer;
	}
	return NULL;
}

/* The lock is held. NULL: ENOMEM. */
static struct peer *
add(struct peers *peers, const struct peer_key *key, uint64_t hash)
{
	struct peer *peer = calloc(1, sizeof *peer);

	if (peer == NULL)
		return NULL;
	peer->item.hash = hash;
	peer->peers = peers;
	peer->key = *key;
	table_insert(&peers->table, &peer->item);
	return peer;
}

enum peers_result
peers_enter(struct peers *peers, const char *listener, const struct address *address,
            unsigned max, struct peer **peer)
{
	enum peers_result result = PEERS_IN;
	struct peer_key key;
	uint64_t hash;

	*peer = NULL;
	if (!network_of(address, &key))
		return PEERS_IN;
	key.listener = hash_bytes(&peers->key, listener, strlen(listener));
	hash = hash_bytes(&peers->key, &key, sizeof key);
	pthread_mutex_lock(&peers->lock);
	*peer = find(peers, &key, hash);
	if (*peer == NULL)
		*peer = add(peers, &key, hash);
	if (*peer == NULL) {
		result = max == 0 ? PEERS_IN : PEERS_NO_MEMORY;
	} else if (max > 0 && (*peer)->n >= max) {
		result = PEERS_FULL;
		*peer = NULL;
	} else {
		(*peer)->n++;
	}
	pthread_mutex_unlock(&peers->lock);
	return result;
}

void
peers_leave(struct peer *peer)
{
	struct peers *peers;
	bool is_last;

	if (peer == NULL)
		return;
	peers = peer->peers;
	pthread_mutex_lock(&peers->lock);
	is_last = --peer->n == 0;
	if (is_last)
		table_erase(&peers->table, &peer->item);
	pthread_mutex_unlock(&peers->lock);
	if (is_last)
		free(peer);
}
