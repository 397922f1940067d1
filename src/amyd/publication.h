/* SPDX-License-Identifier: MIT */
/*
 * publication.h - one line that was published: what, where, by whom, when.
 */
#ifndef PUBLICATION_H
#define PUBLICATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amy.h>

/*
 * Owner: whoever has it on the stack, with bytes that are somebody else's; or, once copied,
 * all who hold a reference. A copy is constant, but for what only its maker may still set
 * before anybody else has seen it.
 */
struct publication {
	atomic_uint references; /* 0: it is on a stack */
	uint64_t seq;           /* its number in history; 0: it is not stored */
	uint64_t request;       /* an answer is waited for under this number; 0: none is */
	amy_id from_id;         /* the client that said it; 0: the daemon itself */
	int64_t at_ms;          /* when, by monotonic_now_ms() */
	int64_t wall_ms;        /* when, since 1970 */
	struct amy_bytes subject, text;
	struct amy_bytes from; /* "@name", or "-" */
};

/* A copy with bytes of its own, and one reference, the caller's. NULL: ENOMEM. */
struct publication *publication_copy(const struct publication *publication);

/*
 * A copy whose text is the line as a format (format.h) has it. NULL: ENOMEM.
 */
struct publication *publication_copy_formatted(const struct publication *publication,
                                               const char *format);

/* The bytes of memory that its copy takes. */
size_t publication_size(const struct publication *publication);

/* Copies only. Any thread that holds a reference. */
struct publication *publication_ref(struct publication *publication);

/* NULL is fine. */
void publication_unref(struct publication *publication);

#endif
