/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "packet.h"

/* Where the text of a line ends. These stand from the end of the bytes downwards. */
static uint32_t *
end_of(const struct packet *packet, uint32_t i)
{
	return (uint32_t *)(packet->bytes + packet->capacity) - 1 - i;
}

/* What a line takes of the bytes. */
static size_t
line_cost(size_t ntext)
{
	return ntext + sizeof(uint32_t);
}

static bool
has_room(const struct packet *packet, size_t ntext)
{
	return packet->nbytes + packet->n * sizeof(uint32_t) + line_cost(ntext) <=
	       packet->capacity;
}

static void
put(struct packet *packet, const struct amy_bytes *bytes)
{
	if (bytes->nbytes > 0)
		memcpy(packet->bytes + packet->nbytes, bytes->bytes, bytes->nbytes);
	packet->nbytes += bytes->nbytes;
}

/* The bytes that were put there last. */
static struct amy_bytes
last(const struct packet *packet, size_t nbytes)
{
	return (struct amy_bytes){ packet->bytes + packet->nbytes - nbytes, nbytes };
}

static void
put_text(struct packet *packet, const struct amy_bytes *text)
{
	put(packet, text);
	*end_of(packet, packet->n++) = (uint32_t)packet->nbytes;
}

struct packet *
packet_create(struct route *route, const struct publication *line, size_t capacity)
{
	size_t need = line->subject.nbytes + line->from.nbytes + line_cost(line->text.nbytes);
	struct packet *packet;

	if (capacity < need)
		capacity = need;
	/* The ends are aligned. */
	capacity = (capacity + sizeof(uint32_t) - 1) / sizeof(uint32_t) * sizeof(uint32_t);
	packet = malloc(sizeof *packet + capacity);
	if (packet == NULL)
		return NULL;
	atomic_init(&packet->references, 1);
	packet->n = 0;
	packet->route = route_ref(route);
	packet->capacity = capacity;
	packet->nbytes = 0;
	packet->head = *line;
	put(packet, &line->subject);
	packet->head.subject = last(packet, line->subject.nbytes);
	put(packet, &line->from);
	packet->head.from = last(packet, line->from.nbytes);
	put_text(packet, &line->text);
	return packet;
}

static bool
is_same(const struct amy_bytes *a, const struct amy_bytes *b)
{
	return a->nbytes == b->nbytes && memcmp(a->bytes, b->bytes, a->nbytes) == 0;
}

/* A route is of one subject, and a turn has one time. */
bool
packet_add(struct packet *packet, const struct route *route, const struct publication *line)
{
	const struct publication *head = &packet->head;

	if (packet->route != route || head->from_id != line->from_id ||
	    head->at_ms != line->at_ms || head->wall_ms != line->wall_ms ||
	    !is_same(&head->from, &line->from) || !is_same(&head->subject, &line->subject) ||
	    !has_room(packet, line->text.nbytes))
		return false;
	put_text(packet, &line->text);
	return true;
}

void
packet_line(const struct packet *packet, uint32_t i, struct publication *line)
{
	size_t from = i == 0 ? packet->head.subject.nbytes + packet->head.from.nbytes
	                     : *end_of(packet, i - 1);

	*line = packet->head;
	line->text = (struct amy_bytes){ packet->bytes + from, *end_of(packet, i) - from };
}

size_t
packet_size(const struct packet *packet)
{
	return sizeof *packet + packet->capacity;
}

struct packet *
packet_ref(struct packet *packet)
{
	atomic_fetch_add_explicit(&packet->references, 1, memory_order_relaxed);
	return packet;
}

void
packet_unref(struct packet *packet)
{
	if (packet == NULL ||
	    atomic_fetch_sub_explicit(&packet->references, 1, memory_order_acq_rel) != 1)
		return;
	route_unref(packet->route);
	free(packet);
}
