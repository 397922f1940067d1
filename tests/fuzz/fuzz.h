/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what libFuzzer and replay.c call: one input for one part of the tree.
 *
 * Each fuzz_NAME.c defines LLVMFuzzerTestOneInput(). "make check" links it with replay.c, which
 * runs the inputs of corpus/NAME; "make fuzz" links it with libFuzzer.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the process where the condition does not hold: both callers report the input. */
#define FUZZ_CHECK(condition)                                                                  \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,      \
			        #condition);                                                   \
			abort();                                                               \
		}                                                                              \
	} while (0)

/* Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly so many bytes, so that AddressSanitizer sees any access beyond; to be freed. */
static inline char *
fuzz_copy(const void *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	FUZZ_CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

/* The same with a NUL behind it, up to the first NUL in it. */
static inline char *
fuzz_string(const void *data, size_t size)
{
	char *copy = strndup(data, size);

	FUZZ_CHECK(copy != NULL);
	return copy;
}

#endif
