/* SPDX-License-Identifier: MIT */
/*
 * How many come from one address. The program is linked so that hash_bytes() and
 * hash_key_init() can be made to say what a test needs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "hash.h"
#include "peers.h"

uint64_t __real_hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes);
uint64_t __wrap_hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes);
int __real_hash_key_init(struct hash_key *key);
int __wrap_hash_key_init(struct hash_key *key);

static bool all_keys_are_alike;
static int key_error;

/* The names of listeners still differ: they are shorter than what is put into the table. */
uint64_t
__wrap_hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes)
{
	return all_keys_are_alike && nbytes > 8 ? 7 : __real_hash_bytes(key, bytes, nbytes);
}

int
__wrap_hash_key_init(struct hash_key *key)
{
	errno = key_error;
	return key_error != 0 ? -1 : __real_hash_key_init(key);
}

static struct peers *peers;
static long live_allocations;

static void
make_peers(void)
{
	live_allocations = fault_live_allocations();
	peers = peers_create();
	MUST(peers != NULL);
}

static void
end_peers(void)
{
	peers_destroy(peers);
	MUST(fault_live_allocations() == live_allocations);
}

static struct address
address_of(const char *text)
{
	struct address address = { .length = sizeof address.u };

	if (inet_pton(AF_INET, text, &address.u.in.sin_addr) == 1) {
		address.u.in.sin_family = AF_INET;
		address.u.in.sin_port = htons((uint16_t)random());
	} else {
		MUST(inet_pton(AF_INET6, text, &address.u.in6.sin6_addr) == 1);
		address.u.in6.sin6_family = AF_INET6;
		address.u.in6.sin6_port = htons((uint16_t)random());
	}
	return address;
}

/* NULL: there are max already. */
static struct peer *
enter_at(const char *listener, const char *text, unsigned max)
{
	struct address address = address_of(text);
	struct peer *peer = (struct peer *)&address;
	enum peers_result result = peers_enter(peers, listener, &address, max, &peer);

	MUST(result != PEERS_NO_MEMORY);
	MUST((result == PEERS_IN) == (peer != NULL));
	return peer;
}

static struct peer *
enter(const char *text, unsigned max)
{
	return enter_at("main", text, max);
}

START_TEST(one_address_has_so_many_places)
{
	struct peer *first[3];

	make_peers();
	for (int i = 0; i < 3; i++)
		MUST((first[i] = enter("192.0.2.1", 3)) != NULL);
	MUST(enter("192.0.2.1", 3) == NULL);
	for (int i = 0; i < 3; i++)
		peers_leave(first[i]);
	end_peers();
}
END_TEST

START_TEST(place_that_is_given_back_is_free)
{
	struct peer *stays, *leaves;

	make_peers();
	MUST((stays = enter("192.0.2.1", 2)) != NULL);
	for (int i = 0; i < 100; i++) {
		MUST((leaves = enter("192.0.2.1", 2)) != NULL);
		MUST(enter("192.0.2.1", 2) == NULL);
		peers_leave(leaves);
	}
	peers_leave(stays);
	end_peers();
}
END_TEST

/* Two of one network are one; two of two are not. */
static void
must_be(bool alike, const char *one, const char *other)
{
	struct peer *first = enter(one, 1), *second;

	MUST(first != NULL);
	second = enter(other, 1);
	MUST((second == NULL) == alike);
	peers_leave(first);
	peers_leave(second);
}

static void
tell_networks_apart(void)
{
	must_be(true, "127.0.0.1", "127.0.0.1");
	must_be(false, "127.0.0.1", "127.0.0.2");
	must_be(false, "127.0.0.1", "126.0.0.1");
	must_be(true, "127.0.0.1", "::ffff:127.0.0.1");
	must_be(false, "::ffff:127.0.0.1", "::ffff:127.0.0.2");
	must_be(true, "2001:db8:1:2::1", "2001:db8:1:2:ffff:eeee:dddd:cccc");
	must_be(false, "2001:db8:1:2::1", "2001:db8:1:3::1");
	must_be(false, "2001:db8:1:2::1", "2001:db8:0:2::1");
	must_be(false, "::1", "0.0.0.0");
	must_be(false, "::", "0.0.0.0");
	must_be(true, "::1", "::2");
	must_be(false, "7f00:1::", "127.0.0.1");
}

START_TEST(networks_are_told_apart)
{
	make_peers();
	tell_networks_apart();
	end_peers();
}
END_TEST

START_TEST(networks_whose_hashes_are_alike_are_told_apart)
{
	all_keys_are_alike = true;
	make_peers();
	tell_networks_apart();
	end_peers();
}
END_TEST

START_TEST(each_listener_counts_for_itself)
{
	struct peer *main_peer, *other_peer;

	make_peers();
	MUST((main_peer = enter_at("main", "192.0.2.1", 1)) != NULL);
	MUST((other_peer = enter_at("other", "192.0.2.1", 1)) != NULL);
	MUST(enter_at("main", "192.0.2.1", 1) == NULL);
	MUST(enter_at("other", "192.0.2.1", 1) == NULL);
	peers_leave(main_peer);
	MUST((main_peer = enter_at("main", "192.0.2.1", 1)) != NULL);
	peers_leave(main_peer);
	peers_leave(other_peer);
	end_peers();
}
END_TEST

START_TEST(those_who_came_without_a_limit_count_when_there_is_one)
{
	struct address address = address_of("192.0.2.1");
	struct peer *early[3], *late;

	make_peers();
	for (int i = 0; i < 3; i++) {
		MUST(peers_enter(peers, "main", &address, 0, &early[i]) == PEERS_IN);
		MUST(early[i] != NULL);
	}
	for (unsigned max = 1; max <= 3; max++)
		MUST(peers_enter(peers, "main", &address, max, &late) == PEERS_FULL);
	MUST(peers_enter(peers, "main", &address, 4, &late) == PEERS_IN);
	peers_leave(late);
	peers_leave(early[0]);
	MUST(peers_enter(peers, "main", &address, 3, &late) == PEERS_IN);
	peers_leave(late);
	peers_leave(early[1]);
	peers_leave(early[2]);
	end_peers();
}
END_TEST

START_TEST(unix_sockets_are_not_counted)
{
	struct address address = { .u.any.sa_family = AF_UNIX };
	struct peer *peer = (struct peer *)&address;

	make_peers();
	for (int i = 0; i < 3; i++) {
		MUST(peers_enter(peers, "main", &address, 1, &peer) == PEERS_IN);
		MUST(peer == NULL);
	}
	end_peers();
}
END_TEST

START_TEST(many_addresses_are_counted_each)
{
	enum { NADDRESSES = 5000 };
	static struct peer *all[NADDRESSES];
	char text[32];

	make_peers();
	for (unsigned i = 0; i < NADDRESSES; i++) {
		snprintf(text, sizeof text, "10.0.%u.%u", i >> 8, i & 255);
		MUST((all[i] = enter(text, 1)) != NULL);
	}
	for (unsigned i = 0; i < NADDRESSES; i++) {
		snprintf(text, sizeof text, "10.0.%u.%u", i >> 8, i & 255);
		MUST(enter(text, 1) == NULL);
		peers_leave(all[i]);
	}
	end_peers();
}
END_TEST

START_TEST(without_memory_nobody_enters)
{
	struct address address = address_of("192.0.2.1");
	struct peer *peer;
	unsigned nth = 0;

	make_peers();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(peers_enter(peers, "main", &address, 1, &peer) == PEERS_NO_MEMORY);
	MUST(peer == NULL);
	MUST(fault_clear());
	peer = enter("192.0.2.1", 1);
	MUST(peer != NULL);
	peers_leave(peer);
	end_peers();
	do {
		fault_set(FAULT_ALLOCATION, ++nth, ENOMEM);
		peers = peers_create();
		MUST(peers != NULL || errno == ENOMEM);
		peers_destroy(peers);
	} while (fault_clear());
	MUST(nth > 2);
	MUST(fault_live_allocations() == live_allocations);
}
END_TEST

START_TEST(without_random_numbers_there_is_no_table)
{
	live_allocations = fault_live_allocations();
	key_error = EAGAIN;
	MUST(peers_create() == NULL);
	MUST(errno == EAGAIN);
	MUST(fault_live_allocations() == live_allocations);
}
END_TEST

enum { NTHREADS = 4, NVISITS = 20000, NPLACES = 2 };

static void *
come_and_go(void *argument)
{
	unsigned *nrefused = argument;
	struct address address = address_of("192.0.2.1");
	struct peer *peer;

	for (int i = 0; i < NVISITS; i++)
		switch (peers_enter(peers, "main", &address, NPLACES, &peer)) {
		case PEERS_IN:
			peers_leave(peer);
			break;
		case PEERS_FULL:
			++*nrefused;
			break;
		case PEERS_NO_MEMORY:
			MUST(false);
		}
	return NULL;
}

/* Who gives it back is another thread than who takes the next one. */
START_TEST(count_is_exact_after_many_threads)
{
	unsigned nrefused[NTHREADS] = { 0 };
	pthread_t threads[NTHREADS];
	struct peer *places[NPLACES];

	make_peers();
	for (int i = 0; i < NTHREADS; i++)
		threads[i] = spawn(come_and_go, &nrefused[i]);
	for (int i = 0; i < NTHREADS; i++)
		join(threads[i]);
	for (int i = 0; i < NPLACES; i++)
		MUST((places[i] = enter("192.0.2.1", NPLACES)) != NULL);
	MUST(enter("192.0.2.1", NPLACES) == NULL);
	for (int i = 0; i < NPLACES; i++)
		peers_leave(places[i]);
	end_peers();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("peers",
	    one_address_has_so_many_places,
	    place_that_is_given_back_is_free,
	    networks_are_told_apart,
	    networks_whose_hashes_are_alike_are_told_apart,
	    each_listener_counts_for_itself,
	    those_who_came_without_a_limit_count_when_there_is_one,
	    unix_sockets_are_not_counted,
	    many_addresses_are_counted_each,
	    without_memory_nobody_enters,
	    without_random_numbers_there_is_no_table,
	    count_is_exact_after_many_threads);
}
