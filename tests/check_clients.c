/* SPDX-License-Identifier: MIT */
/*
 * Handlers are threads, or played by the one there is. The program is linked so that
 * hash_bytes() and hash_key_init() can be made to say what a test needs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "faults.h"
#include "harness.h"
#include "hash.h"

#define MAX_CLIENTS 512

static struct clients *clients;
static struct client all[MAX_CLIENTS];
static struct conf_listener listener = { .name = (char[]){ "main" } };

/* ---- What is asked of hash.c ------------------------------------------------------ */

uint64_t __real_hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes);
uint64_t __wrap_hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes);
int __real_hash_key_init(struct hash_key *key);
int __wrap_hash_key_init(struct hash_key *key);

static bool all_hashes_are_alike;
static int key_error;

uint64_t
__wrap_hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes)
{
	return all_hashes_are_alike ? 7 : __real_hash_bytes(key, bytes, nbytes);
}

int
__wrap_hash_key_init(struct hash_key *key)
{
	errno = key_error;
	return key_error != 0 ? -1 : __real_hash_key_init(key);
}

/* ---- The words of the tests ------------------------------------------------------- */

static void
make_clients(void)
{
	clients = clients_create();
	MUST(clients != NULL);
}

static amy_id
make_id(unsigned generation, unsigned place)
{
	return (amy_id)generation << 24 | place;
}

/* The client of that number, at that place; handler number % 4 has it. */
static struct client *
make_client(struct client *client, unsigned number, unsigned place)
{
	memset(client, 0, sizeof *client);
	client->number = number;
	client->id = make_id(number, place);
	client->handler = number % 4;
	client->listener = &listener;
	client->since_ms = 1000 + number;
	client->peer.any.sa_family = AF_UNIX;
	return client;
}

static struct client *
add(unsigned number, unsigned place)
{
	struct client *client = make_client(&all[number], number, place);

	MUST(clients_add(clients, client) == 0);
	return client;
}

static int
set_name(struct client *client, const char *name)
{
	return clients_set_name(clients, client, name, strlen(name));
}

/* Whose it is, by number; 0: nobody's. */
static uint64_t
holder_of(const char *name)
{
	unsigned handler = 77;
	amy_id id = 78;

	if (!clients_find_name(clients, name, strlen(name), &handler, &id)) {
		MUST(handler == 77 && id == 78);
		return 0;
	}
	MUST(handler == (id >> 24) % 4);
	return id >> 24;
}

static struct client_row
row_of(const struct client *client)
{
	struct client_row row;

	MUST(clients_row(clients, client->id, &row));
	MUST(row.id == client->id);
	return row;
}

/* How often each number was listed, in pages of that many rows. */
static unsigned times_listed[MAX_CLIENTS];

static size_t
list_pages(size_t page)
{
	struct client_row rows[MAX_CLIENTS];
	size_t place = 0, total = 0, n;

	memset(times_listed, 0, sizeof times_listed);
	while ((n = clients_list(clients, &place, rows, page)) > 0) {
		MUST(n <= page);
		for (size_t i = 0; i < n; i++)
			times_listed[rows[i].number]++;
		total += n;
	}
	MUST(clients_list(clients, &place, rows, page) == 0);
	return total;
}

/* ---- Clients and their rows ------------------------------------------------------- */

START_TEST(at_first_there_is_nobody)
{
	struct client_row row;

	make_clients();
	ck_assert_uint_eq(clients_count(clients), 0);
	ck_assert_uint_eq(clients_count_names(clients), 0);
	ck_assert(!clients_row(clients, make_id(1, 1), &row));
	ck_assert_uint_eq(holder_of("alice"), 0);
	ck_assert_uint_eq(list_pages(10), 0);
	clients_destroy(clients);
	clients_destroy(NULL);
}
END_TEST

START_TEST(row_has_what_is_known_of_a_client)
{
	struct client *client;
	struct client_row row;

	make_clients();
	client = add(5, 3);
	atomic_store(&client->queued, 11);
	atomic_store(&client->nsubscriptions, 12);
	atomic_store(&client->ndropped, (uint64_t)1 << 40);
	memset(&row, 0x55, sizeof row);
	ck_assert(clients_row(clients, client->id, &row));
	ck_assert_uint_eq(row.number, 5);
	ck_assert_uint_eq(row.id, client->id);
	ck_assert_uint_eq(row.handler, 1);
	ck_assert_str_eq(row.listener, listener.name);
	ck_assert_int_eq(row.since_ms, 1005);
	ck_assert_uint_eq(row.queued, 11);
	ck_assert_uint_eq(row.nsubscriptions, 12);
	ck_assert_uint_eq(row.ndropped, (uint64_t)1 << 40);
	ck_assert_str_eq(row.name, "");
	ck_assert_int_eq(set_name(client, "alice"), 0);
	ck_assert_str_eq(row_of(client).name, "alice");
	clients_remove(clients, client);
	clients_destroy(clients);
}
END_TEST

START_TEST(row_has_the_listener_of_now)
{
	struct conf_listener next = { .name = (char[]){ "next" } };
	struct client *client, *other;
	char text[CLIENTS_MAX_TEXT];
	struct client_row row;

	make_clients();
	client = add(1, 1);
	other = add(2, 2);
	clients_set_listener(clients, client, &next);
	ck_assert_ptr_eq(client->listener, &next);
	row = row_of(client);
	ck_assert_str_eq(row.listener, "next");
	ck_assert_ptr_nonnull(strstr(client_format(&row, text), "listener=next"));
	ck_assert_str_eq(row_of(other).listener, "main");
	clients_set_listener(clients, client, &listener);
	ck_assert_str_eq(row_of(client).listener, "main");
	clients_remove(clients, client);
	clients_remove(clients, other);
	clients_destroy(clients);
}
END_TEST

static atomic_bool is_looked_at;

static void *
look_at_listeners(void *argument)
{
	const struct conf_listener *next = argument;

	while (atomic_load(&is_looked_at)) {
		struct client_row rows[2];
		size_t place = 0;

		MUST(clients_list(clients, &place, rows, 2) == 1);
		MUST(strcmp(rows[0].listener, "main") == 0 || strcmp(rows[0].listener, next->name) == 0);
	}
	return NULL;
}

START_TEST(listener_changes_while_others_look)
{
	struct conf_listener next = { .name = (char[]){ "next" } };
	struct client *client;
	pthread_t looker;

	make_clients();
	client = add(1, 1);
	atomic_store(&is_looked_at, true);
	looker = spawn(look_at_listeners, &next);
	for (int i = 0; i < 20000; i++)
		clients_set_listener(clients, client, i % 2 == 0 ? &next : &listener);
	atomic_store(&is_looked_at, false);
	join(looker);
	clients_remove(clients, client);
	clients_destroy(clients);
}
END_TEST

static const char *
peer_text(struct client *client, char text[ADDRESS_MAX_TEXT])
{
	struct client_row row;

	memset(&row, 0x55, sizeof row);
	MUST(clients_row(clients, client->id, &row));
	return address_format(&row.peer, text);
}

START_TEST(row_has_the_peer_of_each_family)
{
	char text[ADDRESS_MAX_TEXT];
	struct client *in, *in6, *un;

	make_clients();
	in = make_client(&all[1], 1, 1);
	in->peer.in.sin_family = AF_INET;
	in->peer.in.sin_port = htons(2693);
	in->peer.in.sin_addr.s_addr = htonl(0x7f000002);
	in6 = make_client(&all[2], 2, 2);
	in6->peer.in6.sin6_family = AF_INET6;
	in6->peer.in6.sin6_port = htons(2694);
	MUST(inet_pton(AF_INET6, "fe80::1:2", &in6->peer.in6.sin6_addr) == 1);
	MUST(clients_add(clients, in) == 0 && clients_add(clients, in6) == 0);
	un = add(3, 3);
	ck_assert_str_eq(peer_text(in, text), "127.0.0.2:2693");
	ck_assert_uint_eq(row_of(in).peer.length, sizeof(struct sockaddr_in));
	ck_assert_str_eq(peer_text(in6, text), "[fe80::1:2]:2694");
	ck_assert_uint_eq(row_of(in6).peer.length, sizeof(struct sockaddr_in6));
	ck_assert_str_eq(peer_text(un, text), "unix");
	ck_assert_uint_eq(row_of(un).peer.length, sizeof(sa_family_t));
	clients_remove(clients, in);
	clients_remove(clients, in6);
	clients_remove(clients, un);
	clients_destroy(clients);
}
END_TEST

START_TEST(removed_client_is_not_there)
{
	struct client *client;
	struct client_row row;

	make_clients();
	client = add(1, 9);
	ck_assert_uint_eq(clients_count(clients), 1);
	clients_remove(clients, client);
	ck_assert_uint_eq(clients_count(clients), 0);
	ck_assert(!clients_row(clients, client->id, &row));
	ck_assert_uint_eq(list_pages(10), 0);
	clients_destroy(clients);
}
END_TEST

START_TEST(who_takes_a_place_is_not_who_had_it)
{
	struct client *first, *second;
	struct client_row row;

	make_clients();
	first = add(1, 9);
	clients_remove(clients, first);
	second = add(2, 9);
	ck_assert(!clients_row(clients, first->id, &row));
	ck_assert(!clients_row(clients, make_id(3, 9), &row));
	ck_assert(!clients_row(clients, 9, &row));
	ck_assert_uint_eq(row_of(second).number, 2);
	clients_remove(clients, second);
	clients_destroy(clients);
}
END_TEST

START_TEST(any_place_will_do)
{
	static const unsigned places[] = { 100000, 0, 63, 64, 1, 65535, 65536, 262143 };
	enum { N = sizeof places / sizeof places[0] };
	struct client_row row;

	make_clients();
	for (unsigned i = 0; i < N; i++) {
		add(i + 1, places[i]);
		for (unsigned k = 0; k < N; k++)
			MUST(clients_row(clients, make_id(k + 1, places[k]), &row) ==
			     (k <= i));
		ck_assert_uint_eq(clients_count(clients), i + 1);
	}
	ck_assert(!clients_row(clients, make_id(1, 100001), &row));
	ck_assert_uint_eq(list_pages(3), N);
	for (unsigned i = 1; i <= N; i++)
		clients_remove(clients, &all[i]);
	ck_assert_uint_eq(clients_count(clients), 0);
	clients_destroy(clients);
}
END_TEST

START_TEST(list_has_everybody_once_whatever_the_page)
{
	static const size_t pages[] = { 1, 2, 7, 99, 100, 101, MAX_CLIENTS };

	make_clients();
	for (unsigned i = 1; i <= 100; i++)
		add(i, 3 * i % 301);
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		ck_assert_uint_eq(list_pages(pages[i]), 100);
		for (unsigned k = 1; k <= 100; k++)
			MUST(times_listed[k] == 1);
	}
	for (unsigned i = 1; i <= 100; i++)
		clients_remove(clients, &all[i]);
	clients_destroy(clients);
}
END_TEST

START_TEST(list_has_those_who_stay_once_while_others_come_and_go)
{
	struct client_row rows[5], row;
	size_t place = 0, n;
	unsigned next = 101;

	make_clients();
	memset(times_listed, 0, sizeof times_listed);
	for (unsigned i = 1; i <= 100; i++)
		add(i, i);
	/*
	 * From the end on, those of even numbers go, at first ahead of the list and then
	 * behind it, and others take their places, or farther ones.
	 */
	for (int gone = 100; (n = clients_list(clients, &place, rows, 5)) > 0;
	     gone -= 2) {
		for (size_t i = 0; i < n; i++)
			times_listed[rows[i].number]++;
		if (gone <= 0)
			continue;
		clients_remove(clients, &all[gone]);
		add(next++, (unsigned)(gone % 4 == 0 ? gone : gone + 100));
	}
	for (unsigned i = 1; i < MAX_CLIENTS; i++) {
		MUST(times_listed[i] <= 1);
		MUST(i % 2 == 0 || i > 100 || times_listed[i] == 1);
		if (clients_row(clients, all[i].id, &row))
			clients_remove(clients, &all[i]);
	}
	ck_assert_uint_eq(clients_count(clients), 0);
	clients_destroy(clients);
}
END_TEST

/* ---- Names ------------------------------------------------------------------------ */

START_TEST(client_is_found_by_its_name)
{
	make_clients();
	ck_assert_int_eq(set_name(add(1, 1), "alice"), 0);
	ck_assert_int_eq(set_name(add(2, 2), "bob"), 0);
	add(3, 3);
	ck_assert_uint_eq(holder_of("alice"), 1);
	ck_assert_uint_eq(holder_of("bob"), 2);
	ck_assert_uint_eq(clients_count_names(clients), 2);
	for (unsigned i = 1; i <= 3; i++)
		clients_remove(clients, &all[i]);
	clients_destroy(clients);
}
END_TEST

START_TEST(names_are_alike_only_if_every_byte_is)
{
	static const char *const others[] = {
		"alic", "alice1", "Alice", "alicf", "blice", ""
	};

	for (int alike = 0; alike < 2; alike++) {
		all_hashes_are_alike = alike;
		make_clients();
		MUST(set_name(add(1, 1), "alice") == 0);
		for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
			MUST(holder_of(others[i]) == 0);
		/* All of them can be there at once, but for the last, which is none. */
		for (unsigned i = 0; i < 5; i++)
			MUST(set_name(add(2 + i, 2 + i), others[i]) == 0);
		MUST(holder_of("alice") == 1);
		for (unsigned i = 0; i < 5; i++)
			MUST(holder_of(others[i]) == 2 + i);
		for (unsigned i = 1; i <= 6; i++)
			clients_remove(clients, &all[i]);
		MUST(clients_count_names(clients) == 0);
		clients_destroy(clients);
	}
}
END_TEST

START_TEST(name_may_be_as_long_as_names_are)
{
	char name[SUBJECT_MAX_NAME + 10];
	struct client *client;

	make_clients();
	client = add(1, 1);
	memset(name, 'n', sizeof name);
	ck_assert_int_eq(clients_set_name(clients, client, name, SUBJECT_MAX_NAME), 0);
	name[SUBJECT_MAX_NAME] = '\0';
	ck_assert_uint_eq(holder_of(name), 1);
	ck_assert_str_eq(row_of(client).name, name);
	ck_assert_uint_eq(holder_of(name + 1), 0);
	clients_remove(clients, client);
	clients_destroy(clients);
}
END_TEST

START_TEST(name_is_one_clients_only)
{
	struct client *alice, *bob;

	make_clients();
	alice = add(1, 1);
	bob = add(2, 2);
	ck_assert_int_eq(set_name(alice, "alice"), 0);
	ck_assert_int_eq(set_name(bob, "bob"), 0);
	ck_assert_int_eq(set_name(bob, "alice"), -1);
	ck_assert_int_eq(errno, EEXIST);
	/* Each has still the one it had. */
	ck_assert_uint_eq(holder_of("alice"), 1);
	ck_assert_uint_eq(holder_of("bob"), 2);
	ck_assert_str_eq(bob->name, "bob");
	ck_assert_uint_eq(clients_count_names(clients), 2);
	clients_remove(clients, alice);
	clients_remove(clients, bob);
	clients_destroy(clients);
}
END_TEST

START_TEST(client_may_take_the_name_it_has)
{
	struct client *alice;

	make_clients();
	alice = add(1, 1);
	ck_assert_int_eq(set_name(alice, "alice"), 0);
	ck_assert_int_eq(set_name(alice, "alice"), 0);
	ck_assert_uint_eq(holder_of("alice"), 1);
	ck_assert_uint_eq(clients_count_names(clients), 1);
	clients_remove(clients, alice);
	clients_destroy(clients);
}
END_TEST

START_TEST(name_that_was_given_up_is_free)
{
	struct client *first, *second;

	make_clients();
	first = add(1, 1);
	second = add(2, 2);
	ck_assert_int_eq(set_name(first, "alice"), 0);
	ck_assert_int_eq(set_name(first, "carol"), 0);
	ck_assert_uint_eq(holder_of("alice"), 0);
	ck_assert_uint_eq(clients_count_names(clients), 1);
	ck_assert_int_eq(set_name(second, "alice"), 0);
	ck_assert_uint_eq(holder_of("alice"), 2);
	clients_remove(clients, first);
	ck_assert_uint_eq(holder_of("carol"), 0);
	ck_assert_int_eq(set_name(second, "carol"), 0);
	ck_assert_uint_eq(holder_of("carol"), 2);
	ck_assert_uint_eq(holder_of("alice"), 0);
	clients_remove(clients, second);
	ck_assert_uint_eq(clients_count_names(clients), 0);
	clients_destroy(clients);
}
END_TEST

START_TEST(any_names_come_and_go)
{
	enum { N = 60, NNAMES = 40 };
	unsigned held[N + 1] = { 0 }; /* by number: name + 1 */
	uint64_t holder[NNAMES] = { 0 };
	uint64_t random = 1;

	make_clients();
	for (unsigned i = 1; i <= N; i++)
		add(i, i);
	for (int i = 0; i < 20000; i++) {
		unsigned who = 1 + random_below(&random, N);
		unsigned name = random_below(&random, NNAMES);
		char text[16];
		bool is_taken = holder[name] != 0 && holder[name] != who;

		snprintf(text, sizeof text, "n%u", name);
		MUST(set_name(&all[who], text) == (is_taken ? -1 : 0));
		if (!is_taken && held[who] != 0)
			holder[held[who] - 1] = 0;
		if (!is_taken) {
			holder[name] = who;
			held[who] = name + 1;
		}
		MUST(holder_of(text) == holder[name]);
		if (random_below(&random, 4) == 0) {
			who = 1 + random_below(&random, N);
			clients_remove(clients, &all[who]);
			if (held[who] != 0)
				holder[held[who] - 1] = 0;
			held[who] = 0;
			add(who, who);
		}
	}
	for (unsigned i = 1; i <= N; i++)
		clients_remove(clients, &all[i]);
	ck_assert_uint_eq(clients_count_names(clients), 0);
	clients_destroy(clients);
}
END_TEST

/* ---- Threads ---------------------------------------------------------------------- */

enum { NTHREADS = 4, NROUNDS = 50, NNAMES = 50 };

static pthread_barrier_t start, end;
static atomic_uint nholders[NNAMES];

/* Each name of this thread's clients, if nobody has it yet. */
static void
take_names(unsigned first)
{
	for (unsigned i = 0; i < NNAMES; i++) {
		char name[16];

		snprintf(name, sizeof name, "n%u", i);
		if (set_name(&all[first + i], name) == 0)
			atomic_fetch_add(&nholders[i], 1);
		else
			MUST(errno == EEXIST);
		MUST(holder_of(name) != 0);
	}
}

/*
 * A client for each name; all threads want the same names, and start when all are free.
 */
static void *
want_names(void *argument)
{
	unsigned first = *(unsigned *)argument;

	for (unsigned round = 1; round <= NROUNDS; round++) {
		for (unsigned i = 0; i < NNAMES; i++)
			add(first + i, first + i);
		pthread_barrier_wait(&start);
		take_names(first);
		pthread_barrier_wait(&end);
		for (unsigned i = 0; i < NNAMES; i++) {
			MUST(atomic_load(&nholders[i]) == round);
			clients_remove(clients, &all[first + i]);
		}
	}
	return NULL;
}

START_TEST(of_those_who_want_a_name_exactly_one_gets_it)
{
	unsigned first[NTHREADS];
	pthread_t threads[NTHREADS];

	make_clients();
	pthread_barrier_init(&start, NULL, NTHREADS);
	pthread_barrier_init(&end, NULL, NTHREADS);
	for (unsigned i = 0; i < NTHREADS; i++) {
		first[i] = 1 + i * NNAMES;
		threads[i] = spawn(want_names, &first[i]);
	}
	for (unsigned i = 0; i < NTHREADS; i++)
		join(threads[i]);
	ck_assert_uint_eq(clients_count(clients), 0);
	ck_assert_uint_eq(clients_count_names(clients), 0);
	pthread_barrier_destroy(&start);
	pthread_barrier_destroy(&end);
	clients_destroy(clients);
}
END_TEST

/* Its clients come, change and go; their names say their numbers. */
static void *
come_and_go(void *argument)
{
	unsigned first = *(unsigned *)argument;
	uint64_t random = first;

	for (int i = 0; i < 3000; i++) {
		struct client *client = add(first + (unsigned)i % NNAMES, first);
		char name[16];

		snprintf(name, sizeof name, "n%u", (unsigned)client->number);
		atomic_store(&client->queued, random_below(&random, 1000));
		if (i % 3 != 0)
			MUST(set_name(client, name) == 0);
		atomic_fetch_add(&client->nsubscriptions, 1);
		clients_remove(clients, client);
	}
	return NULL;
}

static atomic_bool is_over;

static void
check_row(const struct client_row *row)
{
	char name[16];

	snprintf(name, sizeof name, "n%u", (unsigned)row->number);
	MUST(row->number >= 1 && row->number < MAX_CLIENTS);
	MUST(row->name[0] == '\0' || strcmp(row->name, name) == 0);
	MUST(row->id >> 24 == row->number && row->handler == row->number % 4);
	MUST(row->queued < 1000 && row->nsubscriptions <= 1);
}

static void *
look_at_all(void *argument)
{
	struct client_row rows[3];
	size_t place, n;

	(void)argument;
	while (!atomic_load(&is_over)) {
		place = 0;
		while ((n = clients_list(clients, &place, rows, 3)) > 0)
			for (size_t i = 0; i < n; i++)
				check_row(&rows[i]);
		if (clients_row(clients, make_id(1, 1), &rows[0]))
			check_row(&rows[0]);
		MUST(clients_count(clients) <= 2 && clients_count_names(clients) <= 2);
		holder_of("n1");
	}
	return NULL;
}

START_TEST(rows_are_whole_while_their_clients_come_and_go)
{
	unsigned first[2] = { 1, 100 };
	pthread_t threads[2], reader;

	make_clients();
	reader = spawn(look_at_all, NULL);
	for (unsigned i = 0; i < 2; i++)
		threads[i] = spawn(come_and_go, &first[i]);
	for (unsigned i = 0; i < 2; i++)
		join(threads[i]);
	atomic_store(&is_over, true);
	join(reader);
	ck_assert_uint_eq(clients_count(clients), 0);
	clients_destroy(clients);
}
END_TEST

/* ---- What fails ------------------------------------------------------------------- */

START_TEST(without_memory_there_are_no_clients)
{
	long allocations = fault_live_allocations();
	bool failed;
	unsigned k = 0;

	do {
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		clients = clients_create();
		MUST(clients != NULL || errno == ENOMEM);
		failed = fault_clear();
		MUST((clients == NULL) == failed);
		clients_destroy(clients);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	ck_assert_uint_ge(k, 3);
}
END_TEST

START_TEST(without_random_numbers_there_are_no_clients)
{
	long allocations = fault_live_allocations();

	key_error = ENOSYS;
	clients = clients_create();
	MUST(clients == NULL && errno == ENOSYS);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

START_TEST(without_memory_a_client_is_not_added)
{
	static const unsigned places[] = { 3, 100000 };
	long allocations = fault_live_allocations();
	struct client_row row;

	make_clients();
	for (unsigned i = 0; i < 2; i++) {
		struct client *client = make_client(&all[i + 1], i + 1, places[i]);

		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		MUST(clients_add(clients, client) == -1);
		MUST(errno == ENOMEM && fault_clear());
		MUST(!clients_row(clients, client->id, &row));
		MUST(clients_count(clients) == i && list_pages(10) == i);
		MUST(clients_add(clients, client) == 0);
		MUST(clients_row(clients, client->id, &row));
	}
	MUST(row_of(&all[1]).number == 1);
	for (unsigned i = 1; i <= 2; i++)
		clients_remove(clients, &all[i]);
	clients_destroy(clients);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

START_TEST(without_memory_a_client_keeps_the_name_it_had)
{
	long allocations = fault_live_allocations();
	bool failed;
	unsigned k = 0;

	do {
		struct client *client;
		int rc;

		make_clients();
		client = add(1, 1);
		MUST(set_name(client, "alice") == 0);
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		rc = set_name(client, "carol");
		MUST(rc == 0 || errno == ENOMEM);
		failed = fault_clear();
		MUST((rc == -1) == failed);
		MUST(holder_of("alice") == (failed ? 1 : 0));
		MUST(holder_of("carol") == (failed ? 0 : 1));
		MUST(strcmp(row_of(client).name, failed ? "alice" : "carol") == 0);
		clients_remove(clients, client);
		clients_destroy(clients);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	ck_assert_uint_ge(k, 2);
}
END_TEST

START_TEST(names_are_freed_with_their_clients)
{
	long allocations = fault_live_allocations();

	make_clients();
	for (unsigned i = 1; i <= 200; i++) {
		char name[16];

		add(i, i);
		snprintf(name, sizeof name, "n%u", i);
		MUST(set_name(&all[i], name) == 0);
		MUST(set_name(&all[i], name) == 0);
		MUST(set_name(&all[i], "all") == (i == 1 ? 0 : -1));
	}
	for (unsigned i = 1; i <= 200; i++)
		clients_remove(clients, &all[i]);
	clients_destroy(clients);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("clients",
	    at_first_there_is_nobody,
	    row_has_what_is_known_of_a_client,
	    row_has_the_listener_of_now,
	    listener_changes_while_others_look,
	    row_has_the_peer_of_each_family,
	    removed_client_is_not_there,
	    who_takes_a_place_is_not_who_had_it,
	    any_place_will_do,
	    list_has_everybody_once_whatever_the_page,
	    list_has_those_who_stay_once_while_others_come_and_go,
	    client_is_found_by_its_name,
	    names_are_alike_only_if_every_byte_is,
	    name_may_be_as_long_as_names_are,
	    name_is_one_clients_only,
	    client_may_take_the_name_it_has,
	    name_that_was_given_up_is_free,
	    any_names_come_and_go,
	    of_those_who_want_a_name_exactly_one_gets_it,
	    rows_are_whole_while_their_clients_come_and_go,
	    without_memory_there_are_no_clients,
	    without_random_numbers_there_are_no_clients,
	    without_memory_a_client_is_not_added,
	    without_memory_a_client_keeps_the_name_it_had,
	    names_are_freed_with_their_clients);
}
