/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "inbox.h"

#define MAX_BYTES (1u << 20)

void
inbox_init(struct inbox *inbox, struct record_pipe *pipe)
{
	inbox->pipe = pipe;
	atomic_init(&inbox->is_woken, false);
	pthread_mutex_init(&inbox->lock, NULL);
	STAILQ_INIT(&inbox->messages);
	inbox->nbytes = 0;
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
message_create(struct route *route, const char *line, size_t nbytes)
{
	struct message *message = malloc(sizeof *message + nbytes);

	if (message == NULL)
		return NULL;
	message->route = route_ref(route);
	message->nbytes = nbytes;
	memcpy(message->line, line, nbytes);
	return message;
}

void
message_destroy(struct message *message)
{
	route_unref(message->route);
	free(message);
}

bool
inbox_has_room(struct inbox *inbox, unsigned from_handler)
{
	bool has_room;

	pthread_mutex_lock(&inbox->lock);
	has_room = inbox->nbytes < MAX_BYTES;
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
	inbox->nbytes += sizeof *message + message->nbytes;
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

uint64_t
inbox_take(struct inbox *inbox, struct message_list *messages)
{
	uint64_t waiting;

	atomic_store_explicit(&inbox->is_woken, false, memory_order_release);
	STAILQ_INIT(messages);
	pthread_mutex_lock(&inbox->lock);
	STAILQ_CONCAT(messages, &inbox->messages);
	inbox->nbytes = 0;
	waiting = inbox->waiting;
	inbox->waiting = 0;
	pthread_mutex_unlock(&inbox->lock);
	return waiting;
}
