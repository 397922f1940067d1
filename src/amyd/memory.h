/* SPDX-License-Identifier: MIT */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/*
 * realloc(3) for an array of old_nbytes that is looked at in no order. A large one moves to
 * large pages: else most looks would miss the translation of the address, too. NULL: ENOMEM,
 * and it is as it was.
 */
void *memory_resize_scattered(void *array, size_t old_nbytes, size_t nbytes);

/*
 * See that malloc(3) of this thread has nbytes, in pieces however small, without asking the
 * system again: for whoever does not survive that there is none. All of it is free then. What
 * is returned is to be freed afterwards: until then the rest is not given back. NULL: ENOMEM.
 */
void *memory_reserve(size_t nbytes);

#endif
