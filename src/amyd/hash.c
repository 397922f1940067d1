/* SPDX-License-Identifier: MIT */
#include <sys/random.h>

#include "hash.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void
mix(struct state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void
absorb(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s);
	s->v0 ^= word;
}

/* Little-endian, so that a hash is the same everywhere. */
static inline uint64_t
load(const unsigned char *bytes, size_t nbytes)
{
	uint64_t word = 0;

	for (size_t i = 0; i < nbytes; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	return word;
}

int
hash_key_init(struct hash_key *key)
{
	/* So few bytes are never cut short. */
	return getrandom(key->k, sizeof key->k, 0) == -1 ? -1 : 0;
}

uint64_t
hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes)
{
	const unsigned char *p = bytes;
	size_t left = nbytes;
	struct state s = {
		key->k[0] ^ 0x736f6d6570736575u,
		key->k[1] ^ 0x646f72616e646f6du,
		key->k[0] ^ 0x6c7967656e657261u,
		key->k[1] ^ 0x7465646279746573u,
	};

	for (; left >= 8; left -= 8, p += 8)
		absorb(&s, load(p, 8));
	absorb(&s, load(p, left) | (uint64_t)nbytes << 56);
	s.v2 ^= 0xff;
	mix(&s);
	mix(&s);
	mix(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
