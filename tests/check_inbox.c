/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "inbox.h"

static struct record_pipe the_pipe;
static struct inbox inbox;
static struct route *route;

static void
make_inbox(void)
{
	MUST(record_pipe_open(&the_pipe, 0) == 0);
	inbox_init(&inbox, &the_pipe);
	route = malloc(sizeof *route);
	MUST(route != NULL);
	memset(route, 0, sizeof *route);
	atomic_init(&route->references, 1);
}

static struct publication *
make_publication(const char *text, size_t nbytes)
{
	const struct publication line = {
		.subject = { "a", 1 }, .text = { text, nbytes }, .from = { "-", 1 }
	};
	struct publication *copy = publication_copy(&line);

	MUST(copy != NULL);
	return copy;
}

static struct message *
make_message(const char *text, size_t nbytes)
{
	struct publication *publication = make_publication(text, nbytes);
	struct message *message = message_create(MESSAGE_PUBLISH, publication, route);

	MUST(message != NULL);
	publication_unref(publication);
	return message;
}

/* Nothing refers to the route any more. */
static void
end_inbox(void)
{
	inbox_fini(&inbox);
	record_pipe_close(&the_pipe);
	MUST(atomic_load(&route->references) == 1);
	route_unref(route);
}

static void
push(const char *bytes, size_t nbytes)
{
	inbox_push(&inbox, make_message(bytes, nbytes));
}

/* As much as one inbox holds, and a bit more. */
static void
fill_inbox(void)
{
	static const char bytes[65536];

	for (int i = 0; i < 1000 && inbox_has_room(&inbox, 63); i++)
		push(bytes, sizeof bytes);
	MUST(!inbox_has_room(&inbox, 63));
}

static uint64_t
take_all(size_t *n)
{
	struct message_list messages;
	struct message *message;
	uint64_t waiting = inbox_take(&inbox, &messages);

	*n = 0;
	while ((message = STAILQ_FIRST(&messages)) != NULL) {
		STAILQ_REMOVE_HEAD(&messages, link);
		message_destroy(message);
		++*n;
	}
	return waiting;
}

/* How many records there are to read; all of them are RECORD_WAKE. */
static size_t
count_wakes(void)
{
	struct pollfd pfd = { .fd = the_pipe.read_fd, .events = POLLIN };
	struct record records[RECORD_PIPE_MAX_BATCH];
	size_t n;

	if (poll(&pfd, 1, 0) == 0)
		return 0;
	n = record_pipe_read(&the_pipe, records, RECORD_PIPE_MAX_BATCH);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(records[i].kind, RECORD_WAKE);
	return n;
}

START_TEST(message_refers_to_its_line_and_route)
{
	struct publication *publication;
	struct message *message;

	make_inbox();
	publication = make_publication("text", 4);
	message = message_create(MESSAGE_PUBLISH, publication, route);
	ck_assert_ptr_nonnull(message);
	ck_assert_int_eq(message->kind, MESSAGE_PUBLISH);
	ck_assert_ptr_eq(message->publication, publication);
	ck_assert_ptr_eq(message->route, route);
	ck_assert_ptr_null(message->group);
	ck_assert_uint_eq(message->to.session, 0);
	ck_assert_uint_eq(message->to.ref.serial, 0);
	ck_assert_uint_eq(atomic_load(&route->references), 2);
	ck_assert_uint_eq(atomic_load(&publication->references), 2);
	message_destroy(message);
	ck_assert_uint_eq(atomic_load(&route->references), 1);
	ck_assert_uint_eq(atomic_load(&publication->references), 1);
	publication_unref(publication);
	end_inbox();
}
END_TEST

START_TEST(message_keeps_its_line_and_route)
{
	struct message *message;

	make_inbox();
	message = make_message("text", 4);
	route_unref(route);
	ck_assert_uint_eq(atomic_load(&message->route->references), 1);
	ck_assert_uint_eq(atomic_load(&message->publication->references), 1);
	ck_assert_mem_eq(message->publication->text.bytes, "text", 4);
	route_ref(route);
	message_destroy(message);
	end_inbox();
}
END_TEST

START_TEST(message_to_one_session_needs_no_route)
{
	struct publication *publication;
	struct message *message;

	make_inbox();
	publication = make_publication("text", 4);
	message = message_create(MESSAGE_ANSWER, publication, NULL);
	ck_assert_ptr_nonnull(message);
	ck_assert_ptr_null(message->route);
	publication_unref(publication);
	message_destroy(message);
	end_inbox();
}
END_TEST

START_TEST(without_memory_there_is_no_message)
{
	struct publication *publication;
	long allocations;

	make_inbox();
	publication = make_publication("text", 4);
	allocations = fault_live_allocations();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(message_create(MESSAGE_TO, publication, route) == NULL);
	MUST(fault_clear());
	MUST(fault_live_allocations() == allocations);
	MUST(atomic_load(&publication->references) == 1);
	publication_unref(publication);
	end_inbox();
}
END_TEST

START_TEST(messages_are_taken_in_their_order)
{
	struct message_list messages;
	struct message *message;
	char text[16];

	make_inbox();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++) {
			snprintf(text, sizeof text, "%d\n", i);
			push(text, strlen(text));
		}
		ck_assert_uint_eq(inbox_take(&inbox, &messages), 0);
		for (int i = 0; i < 100; i++) {
			message = STAILQ_FIRST(&messages);
			snprintf(text, sizeof text, "%d\n", i);
			ck_assert_ptr_nonnull(message);
			ck_assert_uint_eq(message->publication->text.nbytes, strlen(text));
			ck_assert_mem_eq(message->publication->text.bytes, text, strlen(text));
			STAILQ_REMOVE_HEAD(&messages, link);
			message_destroy(message);
		}
		ck_assert(STAILQ_EMPTY(&messages));
	}
	end_inbox();
}
END_TEST

START_TEST(empty_inbox_gives_nothing)
{
	size_t n;

	make_inbox();
	ck_assert(inbox_is_empty(&inbox));
	ck_assert_uint_eq(take_all(&n), 0);
	ck_assert_uint_eq(n, 0);
	push("a", 1);
	ck_assert(!inbox_is_empty(&inbox));
	ck_assert_uint_eq(take_all(&n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert(inbox_is_empty(&inbox));
	ck_assert(inbox_has_room(&inbox, 0));
	ck_assert_uint_eq(count_wakes(), 0);
	end_inbox();
}
END_TEST

START_TEST(messages_that_nobody_took_go_with_the_inbox)
{
	long allocations = fault_live_allocations();

	make_inbox();
	for (int i = 0; i < 10; i++)
		push("a\n", 2);
	end_inbox();
	MUST(fault_live_allocations() == allocations);
}
END_TEST

START_TEST(full_inbox_remembers_who_asked)
{
	size_t n;

	make_inbox();
	ck_assert(inbox_has_room(&inbox, 1));
	fill_inbox();
	ck_assert(!inbox_has_room(&inbox, 0));
	ck_assert(!inbox_has_room(&inbox, 5));
	ck_assert(!inbox_has_room(&inbox, 5));
	/* 1 found room. */
	ck_assert_uint_eq(take_all(&n), (uint64_t)1 << 63 | 1 << 5 | 1);
	ck_assert_uint_ge(n, 16);
	ck_assert(inbox_has_room(&inbox, 2));
	ck_assert_uint_eq(take_all(&n), 0);
	ck_assert_uint_eq(n, 0);
	end_inbox();
}
END_TEST

START_TEST(small_lines_fill_it_too)
{
	unsigned n = 0;

	make_inbox();
	while (n < 1000000 && inbox_has_room(&inbox, 0)) {
		push("\n", 1);
		n++;
	}
	ck_assert_uint_gt(n, 1000);
	/* What an empty line takes is more than its byte. */
	ck_assert_uint_lt(n, (1 << 20) / 16);
	end_inbox();
}
END_TEST

START_TEST(lines_that_many_are_to_get_fill_it_too)
{
	size_t n = 0;

	make_inbox();
	for (; n < 1000 && inbox_has_room(&inbox, 0); n++) {
		struct publication line = { .text = { "x", 1 } };
		struct publication *copy = publication_copy(&line);
		struct message *message = message_create(MESSAGE_PUBLISH, copy, NULL);

		message->cost += inbox_cost(1000, 1, 1);
		inbox_push(&inbox, message);
		publication_unref(copy);
	}
	ck_assert_uint_gt(n, 10);
	ck_assert_uint_lt(n, 200);
	ck_assert_uint_eq(take_all(&n), 1);
	ck_assert(inbox_has_room(&inbox, 0));
	end_inbox();
}
END_TEST

START_TEST(line_longer_than_the_inbox_goes_in_alone)
{
	static char bytes[3 << 20];

	make_inbox();
	ck_assert(inbox_has_room(&inbox, 0));
	push(bytes, sizeof bytes);
	ck_assert(!inbox_has_room(&inbox, 0));
	end_inbox();
}
END_TEST

START_TEST(reader_is_woken_once_until_it_looks)
{
	size_t n;

	make_inbox();
	ck_assert(!atomic_load(&inbox.is_woken));
	push("a\n", 2);
	ck_assert_uint_eq(count_wakes(), 0);
	inbox_wake(&inbox);
	ck_assert(atomic_load(&inbox.is_woken));
	inbox_wake(&inbox);
	push("a\n", 2);
	inbox_wake(&inbox);
	ck_assert_uint_eq(count_wakes(), 1);
	inbox_wake(&inbox);
	ck_assert_uint_eq(count_wakes(), 0);
	take_all(&n);
	ck_assert_uint_eq(n, 2);
	ck_assert(!atomic_load(&inbox.is_woken));
	inbox_wake(&inbox);
	ck_assert_uint_eq(count_wakes(), 1);
	end_inbox();
}
END_TEST

START_TEST(full_pipe_does_not_keep_the_reader_asleep)
{
	const struct record ready = { .kind = RECORD_READY };

	make_inbox();
	while (record_pipe_write(&the_pipe, &ready, 1) == 0)
		continue;
	inbox_wake(&inbox);
	/* There is a record to read, and then it is seen that there is more. */
	ck_assert(atomic_load(&inbox.is_woken));
	end_inbox();
}
END_TEST

/* ---- Several threads -------------------------------------------------------------- */

enum { NWRITERS = 3, NMESSAGES = 3000 };

static atomic_bool has_room_again[NWRITERS];

/* As handlers do it: ask, push and wake; where it is full, wait to be told. */
static void *
push_many(void *argument)
{
	unsigned writer = *(const unsigned *)argument;
	static char bytes[4096];

	for (unsigned i = 0; i < NMESSAGES; i++) {
		char line[4096];
		struct message *message;

		memcpy(line, bytes, sizeof line);
		snprintf(line, sizeof line, "%u %u", writer, i);
		while (!inbox_has_room(&inbox, writer)) {
			WAIT_UNTIL(atomic_load(&has_room_again[writer]));
			atomic_store(&has_room_again[writer], false);
		}
		message = make_message(line, sizeof line);
		inbox_push(&inbox, message);
		inbox_wake(&inbox);
	}
	return NULL;
}

/* Each writer's messages come in order, and no wake-up is lost. */
START_TEST(several_writers_are_read_by_one)
{
	pthread_t threads[NWRITERS];
	unsigned numbers[NWRITERS], next[NWRITERS] = { 0 }, total = 0;

	make_inbox();
	for (unsigned i = 0; i < NWRITERS; i++) {
		numbers[i] = i;
		threads[i] = spawn(push_many, &numbers[i]);
	}
	while (total < NWRITERS * NMESSAGES) {
		struct message_list messages;
		struct message *message;
		struct record record;
		uint64_t waiting;

		/* Hangs, and fails, where a wake-up is lost. */
		MUST(record_pipe_read(&the_pipe, &record, 1) == 1);
		MUST(record.kind == RECORD_WAKE);
		waiting = inbox_take(&inbox, &messages);
		while ((message = STAILQ_FIRST(&messages)) != NULL) {
			unsigned writer, i;

			MUST(sscanf(message->publication->text.bytes, "%u %u", &writer, &i) ==
			     2);
			MUST(writer < NWRITERS && i == next[writer]);
			next[writer]++;
			total++;
			STAILQ_REMOVE_HEAD(&messages, link);
			message_destroy(message);
		}
		for (unsigned i = 0; i < NWRITERS; i++)
			if (waiting >> i & 1)
				atomic_store(&has_room_again[i], true);
	}
	for (unsigned i = 0; i < NWRITERS; i++)
		join(threads[i]);
	end_inbox();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("inbox",
	    message_refers_to_its_line_and_route,
	    message_keeps_its_line_and_route,
	    message_to_one_session_needs_no_route,
	    without_memory_there_is_no_message,
	    messages_are_taken_in_their_order,
	    empty_inbox_gives_nothing,
	    messages_that_nobody_took_go_with_the_inbox,
	    full_inbox_remembers_who_asked,
	    small_lines_fill_it_too,
	    lines_that_many_are_to_get_fill_it_too,
	    line_longer_than_the_inbox_goes_in_alone,
	    reader_is_woken_once_until_it_looks,
	    full_pipe_does_not_keep_the_reader_asleep,
	    several_writers_are_read_by_one);
}
