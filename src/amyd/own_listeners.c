/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "own_listeners.h"

/* Guarded by lock. */
static struct address own[OWN_LISTENERS_MAX];
static size_t nown;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void
own_listeners_set(const struct listeners *listeners)
{
	pthread_mutex_lock(&lock);
	nown = 0;
	for (size_t i = 0; i < listeners->n && nown < OWN_LISTENERS_MAX; i++)
		if (listeners->items[i].conf->mode == CONF_MODE_PUBLISH)
			own[nown++] = listeners->items[i].address;
	pthread_mutex_unlock(&lock);
}

/* A connection to an address of this machine begins at that address, or at a loopback one. */
bool
own_listeners_have(const struct address *peer, const struct address *local)
{
	struct address here = *local;
	bool has = false;

	address_set_port(&here, address_port(peer));
	if (!address_is_loopback(peer) && !address_is_equal(&here, peer))
		return false;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < nown && !has; i++)
		has = address_overlaps(&own[i], peer);
	pthread_mutex_unlock(&lock);
	return has;
}
