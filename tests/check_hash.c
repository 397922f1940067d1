/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "hash.h"

static const struct hash_key counting = { { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u } };

/*
 * The key is the bytes 0 to 15, the text the first n bytes 0, 1, 2 and so on. Reckoned by a
 * second implementation, whose rounds were a parameter: with two and four of them it had
 * the example of the paper (n = 15: a129ca6149be45e5).
 */
START_TEST(hash_is_siphash_1_3)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} known[] = {
		{ 0, 0xabac0158050fc4dcu },  { 1, 0xc9f49bf37d57ca93u },
		{ 2, 0x82cb9b024dc7d44du },  { 7, 0xd3927d989bb11140u },
		{ 8, 0x369095118d299a8eu },  { 9, 0x25a48eb36c063de4u },
		{ 15, 0xd320d86d2a519956u }, { 16, 0xcc4fdd1a7d908b66u },
		{ 63, 0x9d199062b7bbb3a8u },
	};
	unsigned char bytes[64];

	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		ck_assert_uint_eq(hash_bytes(&counting, bytes, known[i].n), known[i].hash);
}
END_TEST

START_TEST(hash_is_that_of_the_bytes_wherever_they_stand)
{
	uint64_t random = 1;
	char buffer[64 + 8];

	for (size_t n = 0; n <= 64; n++) {
		char *bytes = malloc(n == 0 ? 1 : n); /* no byte more, for ASan */
		uint64_t hash;

		MUST(bytes != NULL);
		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)random_below(&random, 256);
		hash = hash_bytes(&counting, bytes, n);
		for (size_t offset = 0; offset < 8; offset++) {
			memset(buffer, (int)offset, sizeof buffer);
			memcpy(buffer + offset, bytes, n);
			MUST(hash_bytes(&counting, buffer + offset, n) == hash);
		}
		free(bytes);
	}
}
END_TEST

START_TEST(each_bit_of_the_text_counts)
{
	unsigned char bytes[64];
	uint64_t random = 2;

	for (size_t n = 1; n <= sizeof bytes; n++) {
		uint64_t hash;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (unsigned char)random_below(&random, 256);
		hash = hash_bytes(&counting, bytes, n);
		for (size_t bit = 0; bit < n * 8; bit++) {
			bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
			MUST(hash_bytes(&counting, bytes, n) != hash);
			bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		}
		MUST(hash_bytes(&counting, bytes, n) == hash);
	}
}
END_TEST

START_TEST(each_bit_of_the_key_counts)
{
	uint64_t hash = hash_bytes(&counting, "subject", 7);

	for (unsigned bit = 0; bit < 128; bit++) {
		struct hash_key key = counting;

		key.k[bit / 64] ^= (uint64_t)1 << bit % 64;
		MUST(hash_bytes(&key, "subject", 7) != hash);
	}
}
END_TEST

START_TEST(texts_of_zeros_differ_by_their_length)
{
	static const char zeros[65];
	uint64_t hashes[65];

	for (size_t n = 0; n <= 64; n++) {
		hashes[n] = hash_bytes(&counting, zeros, n);
		for (size_t shorter = 0; shorter < n; shorter++)
			MUST(hashes[shorter] != hashes[n]);
	}
}
END_TEST

START_TEST(keys_are_random)
{
	struct hash_key one = { { 0, 0 } }, other = { { 0, 0 } };

	ck_assert_int_eq(hash_key_init(&one), 0);
	ck_assert_int_eq(hash_key_init(&other), 0);
	/* Once in 2^64 runs this fails for nothing. */
	ck_assert_uint_ne(one.k[0], other.k[0]);
	ck_assert_uint_ne(one.k[1], other.k[1]);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("hash",
	    hash_is_siphash_1_3,
	    hash_is_that_of_the_bytes_wherever_they_stand,
	    each_bit_of_the_text_counts,
	    each_bit_of_the_key_counts,
	    texts_of_zeros_differ_by_their_length,
	    keys_are_random);
}
