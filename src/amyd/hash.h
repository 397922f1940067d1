/* SPDX-License-Identifier: MIT */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

/* A secret, so that nobody outside can choose names that collide. */
struct hash_key {
	uint64_t k[2];
};

/* From the system's random numbers. Errors: as getrandom(2). */
int hash_key_init(struct hash_key *key);

/*
 * SipHash-1-3 of nbytes at bytes (Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", 2012; one round a word and three at the end).
 */
uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes);

#endif
