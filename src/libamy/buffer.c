/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "buffer.h"

#define MAX_CAPACITY (2 * (size_t)MAX_BYTES)
#define MIN_CAPACITY 112u /* a block of 128 with what stands before the bytes */

void
buffer_forget(struct amy_buffer **buffer)
{
	if (*buffer != NULL && (*buffer)->is_reserved)
		(*buffer)->start = (*buffer)->end = 0;
	else
		buffer_free(buffer);
}

void
buffer_free(struct amy_buffer **buffer)
{
	free(*buffer);
	*buffer = NULL;
}

static int
buffer_resize(struct amy_buffer **buffer, size_t capacity)
{
	struct amy_buffer *resized = realloc(*buffer, sizeof *resized + capacity);

	if (resized == NULL)
		return -1;
	if (*buffer == NULL)
		memset(resized, 0, sizeof *resized);
	resized->capacity = (uint32_t)capacity;
	*buffer = resized;
	return 0;
}

int
buffer_reserve(struct amy_buffer **buffer, size_t most)
{
	if (*buffer == NULL || (*buffer)->capacity < most)
		if (buffer_resize(buffer, most) == -1)
			return -1;
	(*buffer)->is_reserved = true;
	return 0;
}

static void
buffer_move_to_front(struct amy_buffer *buffer)
{
	uint32_t nbytes = buffer->end - buffer->start;

	if (buffer->start > 0)
		memmove(buffer->bytes, buffer->bytes + buffer->start, nbytes);
	buffer->start = 0;
	buffer->end = nbytes;
}

/*
 * Whether moving makes the room that is needed. It is done only when at least as much as is
 * moved has gone, so that each byte is moved once, on average; or when there is all that may
 * be needed, so that growing would not help.
 */
static bool
buffer_may_move(const struct amy_buffer *buffer, size_t need, size_t most)
{
	if (need > buffer->capacity)
		return false;
	return buffer->start >= buffer->end - buffer->start ||
	       (need <= most && buffer->capacity >= most);
}

static size_t
next_capacity(size_t capacity, size_t need, size_t most)
{
	capacity = capacity > MAX_CAPACITY / 2 ? MAX_CAPACITY : 2 * capacity;
	if (capacity < MIN_CAPACITY)
		capacity = MIN_CAPACITY;
	if (capacity > most && need <= most)
		capacity = most;
	return capacity < need ? need : capacity;
}

int
buffer_grow(struct amy_buffer **buffer, size_t more, size_t most)
{
	size_t capacity, need = buffer_nbytes(*buffer) + more;

	if (need > MAX_CAPACITY) {
		errno = ENOMEM;
		return -1;
	}
	if (*buffer == NULL)
		return buffer_resize(buffer, next_capacity(0, need, most));
	if (buffer_may_move(*buffer, need, most)) {
		buffer_move_to_front(*buffer);
		return 0;
	}
	capacity = next_capacity((*buffer)->capacity, need, most);
	buffer_move_to_front(*buffer);
	return buffer_resize(buffer, capacity);
}
