/* SPDX-License-Identifier: MIT */
/*
 * packet.h - lines of one publisher to one subject, on their way to other handlers.
 *
 * What a publisher says in one turn mostly goes one way. So its lines stand in one piece of
 * memory, and each other handler that has followers gets all of it as one message.
 */
#ifndef PACKET_H
#define PACKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publication.h"
#include "subscriptions.h"

/*
 * Owner: who fills it; then, constant, all who hold a reference.
 */
struct packet {
	atomic_uint references;
	uint32_t n;              /* lines; 1 or more */
	struct route *route;     /* of all of them; one reference */
	struct publication head; /* what they have in common: all but the text */
	size_t capacity;         /* of bytes */
	size_t nbytes;           /* texts, from the start; where each one ends, from the end */
	char bytes[];
};

/*
 * A packet with a first line, which is not stored, and room for some more if capacity bytes
 * are more than that one needs. NULL: ENOMEM.
 */
struct packet *packet_create(struct route *route, const struct publication *line,
                             size_t capacity);

/* Put one more into it. False: it goes another way, is of another publisher, or is too much. */
bool packet_add(struct packet *packet, const struct route *route,
                const struct publication *line);

/* The line of that number, with bytes that are the packet's. */
void packet_line(const struct packet *packet, uint32_t i, struct publication *line);

/* The bytes of memory that it takes. */
size_t packet_size(const struct packet *packet);

struct packet *packet_ref(struct packet *packet);

/* NULL is fine. */
void packet_unref(struct packet *packet);

#endif
