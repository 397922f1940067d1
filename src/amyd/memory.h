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

#endif
