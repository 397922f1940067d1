/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "inbox.h"

#define MAX_BYTES (1u << 20)
#define MAX_COST BUDGET_OF_TURN

/* Of any message. */
#define COST_MESSAGE 32

void
inbox_init(struct inbox *inbox, struct record_pipe *pipe)
{
	inbox->pipe = pipe;
	atomic_init(&inbox->is_woken, false);
	pthread_mutex_init(&inbox->lock, NULL);
	STAILQ_INIT(&inbox->messages);
	inbox->nbytes = inbox->cost = 0;
	atomic_init(&inbox->nmessages, 0);
	inbox->waiting = 0;
}

void
inbox_fini(struct inbox *inbox)
{
	struct message *message;

	while ((message = STAILQ_FIRST(&inbox->messages)) != NULL) {
		STAILQ_REMOVE_HEAD(&inbox->messages, link);
		message_destroy(message);
	}
	pthread_mutex_destroy(&inbox->lock);
}

struct message *
message_create(enum message_kind kind, struct publication *publication, struct route *route)
{
	struct message *message = calloc(1, sizeof *message);

	if (message == NULL)
		return NULL;
	message->kind = kind;
	message->cost = COST_MESSAGE;
	message->publication = publication_ref(publication);
	message->route = route == NULL ? NULL : route_ref(route);
	return message;
}

struct message *
message_create_packet(struct packet *packet)
{
	struct message *message = calloc(1, sizeof *message);

	if (message == NULL)
		return NULL;
	message->kind = MESSAGE_PACKET;
	message->cost = COST_MESSAGE;
	message->packet = packet_ref(packet);
	return message;
}

static size_t
message_size(const struct message *message)
{
	return sizeof *message + (message->packet != NULL
	                              ? packet_size(message->packet)
	                              : publication_size(message->publication));
}

void
message_destroy(struct message *message)
{
	packet_unref(message->packet);
	publication_unref(message->publication);
	route_unref(message->route);
	free(message);
}

bool
inbox_has_room(struct inbox *inbox, unsigned from_handler)
{
	bool has_room;

	pthread_mutex_lock(&inbox->lock);
	has_room = inbox->nbytes < MAX_BYTES && inbox->cost < MAX_COST;
	if (!has_room)
		inbox->waiting |= (uint64_t)1 << from_handler;
	pthread_mutex_unlock(&inbox->lock);
	return has_room;
}

void
inbox_push(struct inbox *inbox, struct message *message)
{
	pthread_mutex_lock(&inbox->lock);
	STAILQ_INSERT_TAIL(&inbox->messages, message, link);
	inbox->nbytes += message_size(message);
	inbox->cost += message->cost;
	atomic_fetch_add_explicit(&inbox->nmessages, 1, memory_order_relaxed);
	pthread_mutex_unlock(&inbox->lock);
}

/*
 * A full pipe is no loss: its reader has something to read, and looks at is_woken after
 * whatever it read.
 */
void
inbox_wake(struct inbox *inbox)
{
	const struct record wake = { .kind = RECORD_WAKE };

	if (!atomic_exchange_explicit(&inbox->is_woken, true, memory_order_acq_rel))
		record_pipe_write(inbox->pipe, &wake, 1);
}

bool
inbox_is_empty(const struct inbox *inbox)
{
	return atomic_load_explicit(&inbox->nmessages, memory_order_acquire) == 0;
}

uint64_t
inbox_take(struct inbox *inbox, struct message_list *messages)
{
	uint64_t waiting;

	atomic_store_explicit(&inbox->is_woken, false, memory_order_release);
	STAILQ_INIT(messages);
	pthread_mutex_lock(&inbox->lock);
	STAILQ_CONCAT(messages, &inbox->messages);
	inbox->nbytes = inbox->cost = 0;
	atomic_store_explicit(&inbox->nmessages, 0, memory_order_relaxed);
	waiting = inbox->waiting;
	inbox->waiting = 0;
	pthread_mutex_unlock(&inbox->lock);
	return waiting;
}
