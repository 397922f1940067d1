/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - bytes on the heap that come in behind and go in front.
 *
 * Readers keep in one what they could not leave in the caller's buffer, writers what is
 * pending. NULL is one that holds nothing; so whoever has none costs a pointer.
 *
 * Owner: the reader or writer whose pointer this is.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What a reader is lent at most, and what a line, a frame or a queue is at most. */
#define MAX_BYTES (1u << 30)

/* Not to be made part of a function that calls it now and then. */
#if defined(__GNUC__)
#define OUT_OF_LINE __attribute__((noinline))
#else
#define OUT_OF_LINE
#endif

struct amy_buffer {
	uint32_t start;    /* bytes[start..end) is held */
	uint32_t end;      /* 0 only if nothing was ever held, or all was forgotten */
	uint32_t capacity; /* of bytes; at most 2^31 */
	bool is_reserved;  /* it stays, also when it holds nothing */
	_Alignas(8) char bytes[];
};

static inline uint32_t
clamp_bytes(size_t n, uint32_t least)
{
	if (n < least)
		return least;
	return n > MAX_BYTES ? MAX_BYTES : (uint32_t)n;
}

static inline size_t
buffer_nbytes(const struct amy_buffer *buffer)
{
	return buffer == NULL ? 0 : buffer->end - buffer->start;
}

/* Nothing is held any more, and unless it is reserved there is no buffer. */
void buffer_forget(struct amy_buffer **buffer);

/* The same, reserved or not. */
void buffer_free(struct amy_buffer **buffer);

/* Memory for at least most bytes, for good. On failure it is as before. Errors: ENOMEM. */
int buffer_reserve(struct amy_buffer **buffer, size_t most);

/*
 * Room for more (at most MAX_BYTES) bytes at bytes[end], by moving what is held or by
 * growing to twice the capacity; not above most bytes, as long as that is enough. A buffer
 * that has capacity for most never grows for less. What is held stays, also on failure.
 * Errors: ENOMEM.
 */
int buffer_grow(struct amy_buffer **buffer, size_t more, size_t most);

static inline int
buffer_make_room(struct amy_buffer **buffer, size_t more, size_t most)
{
	if (*buffer != NULL && (*buffer)->capacity - (*buffer)->end >= more)
		return 0;
	return buffer_grow(buffer, more, most);
}

/* There is room for the nbytes. */
static inline void
buffer_copy(struct amy_buffer *buffer, const void *bytes, size_t nbytes)
{
	if (nbytes > 0)
		memcpy(buffer->bytes + buffer->end, bytes, nbytes);
	buffer->end += (uint32_t)nbytes;
}

#endif
