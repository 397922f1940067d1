/* SPDX-License-Identifier: MIT */
/*
 * getaddrinfo(3) is replaced here: no name server is asked, and one that hangs does so
 * until it is let go.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"
#include "resolve_thread.h"

/* ---- Names ------------------------------------------------------------------------ */

enum { MANY = 20 };

static int gate[2]; /* "slow" waits for a byte of it */
static atomic_uint nasked, nanswered;
static _Thread_local struct sockaddr_in found[MANY];
static _Thread_local struct addrinfo list[MANY];

static int
find(const char *host)
{
	if (strcmp(host, "nobody.test") == 0)
		return 0;
	return strcmp(host, "many.test") == 0 ? MANY : 1;
}

int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
            struct addrinfo **result)
{
	int n = find(host);
	char byte;

	(void)service;
	(void)hints;
	atomic_fetch_add(&nasked, 1);
	if (strcmp(host, "slow.test") == 0)
		MUST(read(gate[0], &byte, 1) == 1);
	for (int i = 0; i < n; i++) {
		found[i] = (struct sockaddr_in){ .sin_family = AF_INET };
		found[i].sin_addr.s_addr = htonl(0x7f000001 + (uint32_t)i);
		list[i] = (struct addrinfo){
			.ai_family = AF_INET,
			.ai_addr = (struct sockaddr *)&found[i],
			.ai_addrlen = sizeof found[i],
			.ai_next = i + 1 < n ? &list[i + 1] : NULL,
		};
	}
	*result = list;
	atomic_fetch_add(&nanswered, 1);
	return n == 0 ? EAI_NONAME : 0;
}

void
freeaddrinfo(struct addrinfo *result)
{
	MUST(result == list);
}

/* ---- Threads that cannot be started ----------------------------------------------- */

static int thread_error;
static unsigned nthreads;

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attributes,
                      void *(*run)(void *), void *argument);
create_fn __real_pthread_create, __wrap_pthread_create;

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                      void *(*run)(void *), void *argument)
{
	if (thread_error != 0)
		return thread_error;
	nthreads++;
	return __real_pthread_create(thread, attributes, run, argument);
}

/* ---- A resolver, and a pipe that it tells ----------------------------------------- */

static struct resolver *resolver;
static struct record_pipe handler_pipe;
static struct address addresses[RESOLVE_MAX_ADDRESSES];
static const char *why;

static void
make_resolver(void)
{
	int fds[2];

	MUST(pipe(fds) == 0);
	gate[0] = fds[0];
	gate[1] = fds[1];
	MUST(record_pipe_open(&handler_pipe, 0) == 0);
	resolver = resolver_create();
	MUST(resolver != NULL);
}

static void
end_resolver(void)
{
	resolver_destroy(resolver);
	MUST(!record_pipe_wait(&handler_pipe, 0));
	record_pipe_close(&handler_pipe);
	close_pair(gate);
}

static void
ask(const char *host_port, unsigned number)
{
	ck_assert_int_eq(resolver_ask(resolver, host_port, number, &handler_pipe), 0);
}

/* Wait to be told that there is an answer; returns to which. */
static unsigned
next_answer(void)
{
	struct record record;

	MUST(record_pipe_read(&handler_pipe, &record, 1) == 1);
	MUST(record.kind == RECORD_UPSTREAM);
	return (unsigned)record.u.number;
}

static int
take(unsigned number)
{
	return resolver_take(resolver, number, addresses, &why);
}

static const char *
text_of(unsigned i)
{
	static char text[ADDRESS_MAX_TEXT];

	return address_format(&addresses[i], text);
}

/* ---- Questions -------------------------------------------------------------------- */

START_TEST(name_is_turned_into_its_address)
{
	make_resolver();
	ask("one.test:80", 7);
	ck_assert_uint_eq(next_answer(), 7);
	ck_assert_int_eq(take(7), 1);
	ck_assert_str_eq(text_of(0), "127.0.0.1:80");
	end_resolver();
}
END_TEST

START_TEST(answer_is_taken_once)
{
	make_resolver();
	ck_assert_int_eq(take(7), 0);
	ask("one.test:80", 7);
	next_answer();
	ck_assert_int_eq(take(6), 0);
	ck_assert_int_eq(take(7), 1);
	ck_assert_int_eq(take(7), 0);
	end_resolver();
}
END_TEST

START_TEST(name_may_have_as_many_addresses_as_there_is_room_for)
{
	make_resolver();
	ask("many.test:80", 0);
	next_answer();
	ck_assert_int_eq(take(0), RESOLVE_MAX_ADDRESSES);
	ck_assert_str_eq(text_of(0), "127.0.0.1:80");
	ck_assert_str_eq(text_of(RESOLVE_MAX_ADDRESSES - 1), "127.0.0.8:80");
	end_resolver();
}
END_TEST

START_TEST(why_there_is_no_address_is_said)
{
	make_resolver();
	ask("nobody.test:80", 1);
	next_answer();
	ck_assert_int_eq(take(1), -1);
	ck_assert_str_eq(why, gai_strerror(EAI_NONAME));
	ask("one.test", 1);
	next_answer();
	ck_assert_int_eq(take(1), -1);
	ck_assert_ptr_nonnull(strstr(why, "host:port"));
	end_resolver();
}
END_TEST

START_TEST(one_thread_answers_any_number_of_questions_for_one_name)
{
	bool is_answered[50] = { false };

	make_resolver();
	for (unsigned i = 0; i < 50; i++)
		ask("one.test:80", i);
	for (unsigned i = 0; i < 50; i++) {
		unsigned number = next_answer();

		MUST(number < 50 && !is_answered[number]);
		is_answered[number] = true;
		MUST(take(number) == 1);
	}
	ck_assert_uint_eq(nthreads, 1);
	end_resolver();
}
END_TEST

START_TEST(slow_name_does_not_delay_another)
{
	make_resolver();
	ask("slow.test:80", 1);
	WAIT_UNTIL(atomic_load(&nasked) == 1);
	ask("one.test:80", 2);
	ck_assert_uint_eq(next_answer(), 2);
	ck_assert_int_eq(take(2), 1);
	ck_assert_int_eq(take(1), 0);
	put_byte(gate[1]);
	ck_assert_uint_eq(next_answer(), 1);
	ck_assert_int_eq(take(1), 1);
	end_resolver();
}
END_TEST

START_TEST(at_most_16_names_are_asked_for_at_a_time)
{
	char text[32];

	make_resolver();
	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof text, "slow.test:%u", 80 + i);
		ask(text, i);
	}
	WAIT_UNTIL(atomic_load(&nasked) == RESOLVE_MAX_THREADS);
	ck_assert_uint_eq(nthreads, RESOLVE_MAX_THREADS);
	for (unsigned i = 0; i < 20; i++)
		put_byte(gate[1]);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(take(next_answer()), 1);
	ck_assert_uint_eq(nthreads, RESOLVE_MAX_THREADS);
	end_resolver();
}
END_TEST

START_TEST(question_that_is_being_asked_is_answered_for_all_who_ask_it)
{
	bool is_answered[4] = { false };

	make_resolver();
	for (unsigned i = 1; i < 4; i++)
		ask("slow.test:80", i);
	WAIT_UNTIL(atomic_load(&nasked) == 1);
	put_byte(gate[1]);
	for (unsigned i = 1; i < 4; i++) {
		unsigned number = next_answer();

		MUST(number < 4 && !is_answered[number]);
		is_answered[number] = true;
		ck_assert_int_eq(take(number), 1);
		ck_assert_str_eq(text_of(0), "127.0.0.1:80");
	}
	ck_assert_uint_eq(atomic_load(&nasked), 1);
	end_resolver();
}
END_TEST

START_TEST(question_is_not_asked_twice_at_a_time)
{
	make_resolver();
	ask("slow.test:80", 1);
	WAIT_UNTIL(atomic_load(&nasked) == 1);
	ask("slow.test:80", 2);
	errno = 0;
	ck_assert_int_eq(resolver_ask(resolver, "one.test:80", 1, &handler_pipe), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(resolver_ask(resolver, "one.test:80", 2, &handler_pipe), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(take(1), 0);
	ck_assert_int_eq(take(2), 0);
	put_byte(gate[1]);
	ck_assert_uint_eq(next_answer(), 1);
	ck_assert_uint_eq(next_answer(), 2);
	ck_assert_int_eq(take(1), 1);
	ck_assert_int_eq(take(2), 1);
	end_resolver();
}
END_TEST

START_TEST(answer_that_nobody_took_is_forgotten)
{
	make_resolver();
	ask("many.test:80", 1);
	next_answer();
	ask("one.test:80", 1);
	next_answer();
	ck_assert_int_eq(take(1), 1);
	ask("one.test:80", 1);
	next_answer();
	end_resolver();
}
END_TEST

START_TEST(full_pipe_is_told_when_it_has_room)
{
	struct record record = { .kind = RECORD_WAKE };
	unsigned nfill = 0;

	make_resolver();
	while (record_pipe_write(&handler_pipe, &record, 1) == 0)
		nfill++;
	ask("one.test:80", 7);
	WAIT_UNTIL(atomic_load(&nanswered) == 1);
	for (; nfill > 0; nfill--)
		MUST(record_pipe_read(&handler_pipe, &record, 1) == 1 &&
		     record.kind == RECORD_WAKE);
	ck_assert_uint_eq(next_answer(), 7);
	ck_assert_int_eq(take(7), 1);
	end_resolver();
}
END_TEST

/* ---- Its end ---------------------------------------------------------------------- */

START_TEST(resolver_that_was_not_asked_has_no_thread)
{
	make_resolver();
	end_resolver();
	ck_assert_uint_eq(nthreads, 0);
	resolver_destroy(NULL);
}
END_TEST

START_TEST(full_pipe_does_not_delay_the_end)
{
	struct record record = { .kind = RECORD_WAKE };

	make_resolver();
	while (record_pipe_write(&handler_pipe, &record, 1) == 0)
		continue;
	ask("one.test:80", 7);
	WAIT_UNTIL(atomic_load(&nanswered) == 1);
	resolver_destroy(resolver);
	record_pipe_close(&handler_pipe);
	close_pair(gate);
}
END_TEST

/* It does not touch the pipe any more, whose descriptors may be somebody else's by then.
 */
START_TEST(resolver_that_hangs_is_left_behind)
{
	make_resolver();
	ask("slow.test:80", 1);
	ask("one.test:80", 2);
	ck_assert_uint_eq(next_answer(), 2);
	WAIT_UNTIL(atomic_load(&nasked) == 2);
	resolver_destroy(resolver);
	put_byte(gate[1]);
	WAIT_UNTIL(atomic_load(&nanswered) == 2);
	ck_assert(!record_pipe_wait(&handler_pipe, 50));
	ck_assert_uint_eq(atomic_load(&nasked), 2);
	record_pipe_close(&handler_pipe);
	close_pair(gate);
}
END_TEST

/* ---- Failing ---------------------------------------------------------------------- */

START_TEST(without_memory_nothing_is_asked)
{
	long before;

	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(resolver_create() == NULL);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	before = fault_live_allocations();
	make_resolver();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(resolver_ask(resolver, "one.test:80", 1, &handler_pipe) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	MUST(resolver_ask(resolver, "one.test:80", 1, &handler_pipe) == 0);
	next_answer();
	end_resolver(); /* with an answer that nobody took */
	MUST(fault_live_allocations() == before);
}
END_TEST

START_TEST(without_threads_nothing_is_asked)
{
	make_resolver();
	thread_error = EAGAIN;
	ck_assert_int_eq(resolver_ask(resolver, "one.test:80", 1, &handler_pipe), -1);
	ck_assert_int_eq(errno, EAGAIN);
	thread_error = 0;
	ask("one.test:80", 1);
	next_answer();
	ck_assert_int_eq(take(1), 1);
	end_resolver();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("resolve_thread",
	    name_is_turned_into_its_address,
	    answer_is_taken_once,
	    name_may_have_as_many_addresses_as_there_is_room_for,
	    why_there_is_no_address_is_said,
	    one_thread_answers_any_number_of_questions_for_one_name,
	    slow_name_does_not_delay_another,
	    at_most_16_names_are_asked_for_at_a_time,
	    question_that_is_being_asked_is_answered_for_all_who_ask_it,
	    question_is_not_asked_twice_at_a_time,
	    answer_that_nobody_took_is_forgotten,
	    full_pipe_is_told_when_it_has_room,
	    resolver_that_was_not_asked_has_no_thread,
	    full_pipe_does_not_delay_the_end,
	    resolver_that_hangs_is_left_behind,
	    without_memory_nothing_is_asked,
	    without_threads_nothing_is_asked);
}
