/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

#define LARGE_PAGE ((size_t)2 << 20)

/* Where large pages can be had; a system that has none gives others. NULL: ENOMEM. */
static void *
allocate_large(size_t nbytes)
{
	size_t rounded = (nbytes + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
	void *array = aligned_alloc(LARGE_PAGE, rounded);
	int error = errno;

	if (array != NULL && madvise(array, rounded, MADV_HUGEPAGE) == -1)
		errno = error;
	return array;
}

void *
memory_resize_scattered(void *array, size_t old_nbytes, size_t nbytes)
{
	void *larger;

	if (nbytes < 2 * LARGE_PAGE)
		return realloc(array, nbytes);
	larger = allocate_large(nbytes);
	if (larger == NULL)
		return NULL;
	memcpy(larger, array, old_nbytes);
	free(array);
	return larger;
}

/* Less than what malloc(3) asks the system for by itself. */
struct piece {
	struct piece *next;
	char bytes[65536 - sizeof(struct piece *)];
};

static void
free_pieces(struct piece *pieces)
{
	struct piece *piece;

	while ((piece = pieces) != NULL) {
		pieces = piece->next;
		free(piece);
	}
}

void *
memory_reserve(size_t nbytes)
{
	struct piece *pieces = NULL;
	void *behind = NULL;
	size_t n = 0;

	for (; n < nbytes; n += sizeof *pieces) {
		struct piece *piece = malloc(sizeof *piece);

		if (piece == NULL)
			break;
		piece->next = pieces;
		pieces = piece;
	}
	if (n >= nbytes)
		behind = malloc(64);
	free_pieces(pieces);
	return behind;
}
