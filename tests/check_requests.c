/* SPDX-License-Identifier: MIT */
/*
 * Handlers are threads, or played by the one there is. The program is linked so that
 * hash_bytes() and hash_key_init() can be made to say what a test needs.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "hash.h"
#include "requests.h"

/* Clients. */
enum { ALICE = 101, BOB = 102, ASKER = 103 };

/* ---- What is asked of hash.c ------------------------------------------------------ */

uint64_t __real_hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes);
uint64_t __wrap_hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes);
int __real_hash_key_init(struct hash_key *key);
int __wrap_hash_key_init(struct hash_key *key);

/* The hashes to come, in place of the real ones; then those again. */
static const uint64_t *hashes;
static size_t nhashes;
static int key_error;

static void
set_hashes(const uint64_t *list, size_t n)
{
	hashes = list;
	nhashes = n;
}

uint64_t
__wrap_hash_bytes(const struct hash_key *key, const void *bytes, size_t nbytes)
{
	if (nhashes == 0)
		return __real_hash_bytes(key, bytes, nbytes);
	nhashes--;
	return *hashes++;
}

int
__wrap_hash_key_init(struct hash_key *key)
{
	errno = key_error;
	return key_error != 0 ? -1 : __real_hash_key_init(key);
}

/* ---- The words of the tests ------------------------------------------------------- */

static struct requests *
make_requests(void)
{
	struct requests *requests = requests_create();

	MUST(requests != NULL);
	return requests;
}

/* The asker, of handler 3, asks that client. */
static void
ask(struct requests *requests, struct request *request, amy_id responder)
{
	memset(request, 0, sizeof *request);
	request->handler = 3;
	request->session = ASKER;
	request->responder = responder;
	requests_open(requests, request);
}

/* True if it was taken; then it is to go to who asked. */
static bool
answer(struct requests *requests, uint64_t number, amy_id from)
{
	unsigned handler = 77;
	amy_id session = 78;
	bool is_taken = requests_answer(requests, number, from, &handler, &session);

	MUST(handler == (is_taken ? 3 : 77) && session == (is_taken ? ASKER : 78));
	return is_taken;
}

/* ---- Opened, answered, closed ----------------------------------------------------- */

START_TEST(request_is_answered_once)
{
	struct requests *requests = make_requests();
	struct request request;

	ask(requests, &request, ALICE);
	ck_assert(request.is_open);
	ck_assert_uint_ne(request.number, 0);
	ck_assert(answer(requests, request.number, ALICE));
	ck_assert(!request.is_open);
	ck_assert(!answer(requests, request.number, ALICE));
	ck_assert(!requests_close(requests, &request));
	requests_destroy(requests);
}
END_TEST

START_TEST(answer_goes_to_who_asked)
{
	struct requests *requests = make_requests();
	struct request request[2];
	unsigned handler;
	amy_id session;

	for (unsigned i = 0; i < 2; i++) {
		request[i] = (struct request){
			.handler = 10 + i, .session = 20 + i, .responder = 30 + i,
		};
		requests_open(requests, &request[i]);
	}
	ck_assert(requests_answer(requests, request[1].number, 31, &handler, &session));
	ck_assert_uint_eq(handler, 11);
	ck_assert_uint_eq(session, 21);
	ck_assert(requests_answer(requests, request[0].number, 30, &handler, &session));
	ck_assert_uint_eq(handler, 10);
	ck_assert_uint_eq(session, 20);
	requests_destroy(requests);
}
END_TEST

START_TEST(request_that_was_closed_takes_no_answer)
{
	struct requests *requests = make_requests();
	struct request request;

	ask(requests, &request, ALICE);
	ck_assert(requests_close(requests, &request));
	ck_assert(!request.is_open);
	ck_assert(!requests_close(requests, &request));
	ck_assert(!answer(requests, request.number, ALICE));
	requests_destroy(requests);
}
END_TEST

START_TEST(only_who_was_asked_can_answer)
{
	struct requests *requests = make_requests();
	struct request request;

	ask(requests, &request, ALICE);
	ck_assert(!answer(requests, request.number, BOB));
	ck_assert(!answer(requests, request.number, ASKER));
	ck_assert(!answer(requests, request.number, 0));
	ck_assert(request.is_open);
	ck_assert(answer(requests, request.number, ALICE));
	requests_destroy(requests);
}
END_TEST

START_TEST(numbers_that_nobody_was_given_are_not_open)
{
	struct requests *requests = make_requests();
	struct request request;

	ck_assert(!answer(requests, 0, ALICE));
	ask(requests, &request, ALICE);
	ck_assert(!answer(requests, 0, ALICE));
	ck_assert(!answer(requests, request.number + 1, ALICE));
	ck_assert(!answer(requests, request.number ^ (uint64_t)1 << 63, ALICE));
	ck_assert(!answer(requests, (uint32_t)request.number, ALICE));
	ck_assert(requests_close(requests, &request));
	requests_destroy(requests);
}
END_TEST

START_TEST(somebody_else_can_be_asked)
{
	struct requests *requests = make_requests();
	struct request request;

	ask(requests, &request, ALICE);
	requests_set_responder(requests, request.number, BOB);
	ck_assert(!answer(requests, request.number, ALICE));
	ck_assert(answer(requests, request.number, BOB));
	requests_destroy(requests);
}
END_TEST

START_TEST(nobody_else_is_asked_once_it_is_closed)
{
	struct requests *requests = make_requests();
	struct request answered, closed;

	ask(requests, &answered, ALICE);
	ask(requests, &closed, ALICE);
	ck_assert(answer(requests, answered.number, ALICE));
	ck_assert(requests_close(requests, &closed));
	requests_set_responder(requests, answered.number, BOB);
	requests_set_responder(requests, closed.number, BOB);
	requests_set_responder(requests, 0, BOB);
	ck_assert(!answer(requests, answered.number, BOB));
	ck_assert(!answer(requests, closed.number, BOB));
	ck_assert_uint_eq(answered.responder, ALICE);
	ck_assert_uint_eq(closed.responder, ALICE);
	requests_destroy(requests);
}
END_TEST

START_TEST(closed_request_can_be_opened_anew)
{
	struct requests *requests = make_requests();
	struct request request;
	uint64_t before;

	ask(requests, &request, ALICE);
	before = request.number;
	ck_assert(requests_close(requests, &request));
	requests_open(requests, &request);
	ck_assert_uint_ne(request.number, before);
	ck_assert(!answer(requests, before, ALICE));
	ck_assert(answer(requests, request.number, ALICE));
	requests_destroy(requests);
}
END_TEST

START_TEST(many_are_open_and_closed_in_any_order)
{
	enum { N = 5000 };
	static struct request request[N];
	struct requests *requests = make_requests();
	uint64_t random = 1;
	unsigned nanswered = 0;

	for (unsigned i = 0; i < N; i++)
		ask(requests, &request[i], i + 1);
	for (unsigned i = 0; i < N; i++) {
		unsigned k = random_below(&random, N);
		bool was_open = request[k].is_open;

		MUST(!answer(requests, request[k].number, k + 2));
		MUST(answer(requests, request[k].number, k + 1) == was_open);
		nanswered += was_open;
	}
	for (unsigned i = 0; i < N; i++)
		nanswered += requests_close(requests, &request[i]);
	ck_assert_uint_eq(nanswered, N);
	requests_destroy(requests);
}
END_TEST

/* ---- Numbers ---------------------------------------------------------------------- */

static int
compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* All bits are used, also the high ones, and no two are alike, in this table or that. */
START_TEST(numbers_are_all_different_and_not_in_a_row)
{
	enum { N = 2000 };
	static uint64_t numbers[2 * N];
	struct requests *requests[2] = { make_requests(), make_requests() };
	uint64_t ones = 0, zeros = 0;

	for (unsigned i = 0; i < 2 * N; i++) {
		struct request request;

		ask(requests[i / N], &request, ALICE);
		numbers[i] = request.number;
		ones |= numbers[i];
		zeros |= ~numbers[i];
		MUST(requests_close(requests[i / N], &request));
	}
	ck_assert_uint_eq(ones, UINT64_MAX);
	ck_assert_uint_eq(zeros, UINT64_MAX);
	qsort(numbers, 2 * N, sizeof numbers[0], compare_numbers);
	for (unsigned i = 1; i < 2 * N; i++)
		MUST(numbers[i] - numbers[i - 1] > 1);
	requests_destroy(requests[0]);
	requests_destroy(requests[1]);
}
END_TEST

START_TEST(number_is_never_0_nor_that_of_an_open_one)
{
	static const uint64_t list[] = { 5, 0, 5, 5, 0, 7, 7, 5, 8, 5 };
	struct requests *requests = make_requests();
	struct request request[4];

	set_hashes(list, sizeof list / sizeof list[0]);
	for (unsigned i = 0; i < 3; i++)
		ask(requests, &request[i], ALICE + i);
	ck_assert_uint_eq(request[0].number, 5);
	ck_assert_uint_eq(request[1].number, 7);
	ck_assert_uint_eq(request[2].number, 8);
	/* One that is closed is none that is open. */
	ck_assert(answer(requests, 5, ALICE));
	ask(requests, &request[3], ALICE);
	ck_assert_uint_eq(request[3].number, 5);
	for (unsigned i = 1; i < 4; i++)
		ck_assert(requests_close(requests, &request[i]));
	requests_destroy(requests);
}
END_TEST

/* ---- Threads ---------------------------------------------------------------------- */

/*
 * The asker opens a heap of requests; then it and three responders, who all start at the
 * same moment, go through it. The asker frees what it closed at once, under the eyes of
 * those that answer; what was answered, after all of them are through.
 */
enum { NROUNDS = 20, NREQUESTS = 500, NRESPONDERS = 3 };

static struct race {
	struct requests *requests;
	pthread_barrier_t start, end;
	struct request *request[NREQUESTS];
	uint64_t numbers[NREQUESTS];
	atomic_uint nwinners[NREQUESTS];
} race;

/* Two of them are Alice; the third is Bob, who takes every second one from her first. */
static void *
respond(void *argument)
{
	unsigned which = *(unsigned *)argument;
	amy_id me = which == 2 ? BOB : ALICE;

	for (int round = 0; round < NROUNDS; round++) {
		pthread_barrier_wait(&race.start);
		for (unsigned i = 0; i < NREQUESTS; i++) {
			if (me == BOB && i % 2 == 0)
				requests_set_responder(race.requests, race.numbers[i],
				                       me);
			if (answer(race.requests, race.numbers[i], me))
				atomic_fetch_add(&race.nwinners[i], 1);
		}
		pthread_barrier_wait(&race.end);
	}
	return NULL;
}

static void
open_all(void)
{
	for (unsigned i = 0; i < NREQUESTS; i++) {
		race.request[i] = malloc(sizeof(struct request));
		MUST(race.request[i] != NULL);
		ask(race.requests, race.request[i], ALICE);
		race.numbers[i] = race.request[i]->number;
		atomic_store(&race.nwinners[i], 0);
	}
}

/* The time is over, for some of them at once. */
static void
close_some(int round)
{
	for (unsigned i = 0; i < NREQUESTS; i++) {
		if ((i + (unsigned)round) % 5 == 0 ||
		    !requests_close(race.requests, race.request[i]))
			continue;
		free(race.request[i]);
		race.request[i] = NULL;
		atomic_fetch_add(&race.nwinners[i], 1);
	}
}

static void
close_the_rest(void)
{
	for (unsigned i = 0; i < NREQUESTS; i++) {
		if (race.request[i] != NULL &&
		    requests_close(race.requests, race.request[i]))
			atomic_fetch_add(&race.nwinners[i], 1);
		MUST(atomic_load(&race.nwinners[i]) == 1);
		free(race.request[i]);
	}
}

START_TEST(of_answers_and_the_time_out_exactly_one_wins)
{
	unsigned which[NRESPONDERS];
	pthread_t threads[NRESPONDERS];

	race.requests = make_requests();
	pthread_barrier_init(&race.start, NULL, NRESPONDERS + 1);
	pthread_barrier_init(&race.end, NULL, NRESPONDERS + 1);
	for (unsigned i = 0; i < NRESPONDERS; i++) {
		which[i] = i;
		threads[i] = spawn(respond, &which[i]);
	}
	for (int round = 0; round < NROUNDS; round++) {
		open_all();
		pthread_barrier_wait(&race.start);
		close_some(round);
		pthread_barrier_wait(&race.end);
		close_the_rest();
	}
	for (unsigned i = 0; i < NRESPONDERS; i++)
		join(threads[i]);
	pthread_barrier_destroy(&race.start);
	pthread_barrier_destroy(&race.end);
	requests_destroy(race.requests);
}
END_TEST

/* Each opens and closes its own, and answers none of the others'. */
static void *
open_and_close(void *argument)
{
	amy_id me = *(unsigned *)argument + 1;

	for (int i = 0; i < 2000; i++) {
		struct request request[2];

		ask(race.requests, &request[0], me);
		ask(race.requests, &request[1], me);
		MUST(request[0].number != request[1].number);
		MUST(!answer(race.requests, request[0].number, me + 1));
		MUST(answer(race.requests, request[0].number, me));
		MUST(requests_close(race.requests, &request[1]));
	}
	return NULL;
}

START_TEST(handlers_do_not_disturb_each_other)
{
	unsigned which[4];
	pthread_t threads[4];

	race.requests = make_requests();
	for (unsigned i = 0; i < 4; i++) {
		which[i] = 10 * i;
		threads[i] = spawn(open_and_close, &which[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		join(threads[i]);
	requests_destroy(race.requests);
}
END_TEST

/* ---- What fails ------------------------------------------------------------------- */

START_TEST(without_memory_there_are_no_requests)
{
	long allocations = fault_live_allocations();
	struct requests *requests;
	bool failed;
	unsigned k = 0;

	do {
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		requests = requests_create();
		MUST(requests != NULL || errno == ENOMEM);
		failed = fault_clear();
		MUST((requests == NULL) == failed);
		requests_destroy(requests);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	ck_assert_uint_ge(k, 3);
}
END_TEST

START_TEST(without_random_numbers_there_are_no_requests)
{
	long allocations = fault_live_allocations();
	struct requests *requests;

	key_error = ENOSYS;
	requests = requests_create();
	MUST(requests == NULL && errno == ENOSYS);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

START_TEST(opening_never_fails)
{
	enum { N = 1000 };
	static struct request request[N];
	struct requests *requests = make_requests();
	unsigned nfailures = 0;

	for (unsigned i = 0; i < N; i++) {
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		ask(requests, &request[i], i + 1);
		nfailures += fault_clear();
	}
	MUST(nfailures > 0);
	for (unsigned i = 0; i < N; i++)
		MUST(answer(requests, request[i].number, i + 1));
	requests_destroy(requests);
}
END_TEST

int
main(void)
{
	requests_destroy(NULL);
	return RUN_SUITE("requests",
	    request_is_answered_once,
	    answer_goes_to_who_asked,
	    request_that_was_closed_takes_no_answer,
	    only_who_was_asked_can_answer,
	    numbers_that_nobody_was_given_are_not_open,
	    somebody_else_can_be_asked,
	    nobody_else_is_asked_once_it_is_closed,
	    closed_request_can_be_opened_anew,
	    many_are_open_and_closed_in_any_order,
	    numbers_are_all_different_and_not_in_a_row,
	    number_is_never_0_nor_that_of_an_open_one,
	    of_answers_and_the_time_out_exactly_one_wins,
	    handlers_do_not_disturb_each_other,
	    without_memory_there_are_no_requests,
	    without_random_numbers_there_are_no_requests,
	    opening_never_fails);
}
