/* SPDX-License-Identifier: MIT */
#ifndef STAMPS_H
#define STAMPS_H

#include <stdint.h>

/* So many lines were sent at that time. */
struct stamp {
	uint64_t ns;
	uint64_t n;
};

/*
 * When the lines were sent that are not answered yet, the oldest first. Empty from the
 * beginning it holds no memory. Owner: the connection.
 */
struct stamps {
	struct stamp *ring;
	uint32_t capacity; /* a power of two, or 0 */
	uint32_t first, n;
};

void stamps_init(struct stamps *stamps);
void stamps_fini(struct stamps *stamps);

/* n lines were sent. Out of memory ends the program. */
void stamps_push(struct stamps *stamps, uint64_t ns, uint64_t n);

/*
 * At most max lines were answered: *ns is when they were sent, and returned is how many of
 * them were sent then. 0: there are none.
 */
uint64_t stamps_pop(struct stamps *stamps, uint64_t max, uint64_t *ns);

#endif
