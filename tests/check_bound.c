/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "bound.h"
#include "harness.h"
#include "session.h"

#define MIB (UINT64_C(1) << 20)

static struct conf_listener
make_listener(enum conf_mode mode)
{
	return (struct conf_listener){
		.name = (char[]){ "main" },
		.mode = mode,
		.max_line = 65536,
		.queue = MIB,
	};
}

static struct bound
bound_of(struct conf_listener *listeners, size_t n)
{
	struct conf conf = {
		.handlers = 2, .max_clients = 1000, .listeners = listeners, .nlisteners = n
	};
	struct bound bound;

	bound_compute(&conf, &bound);
	return bound;
}

static uint64_t
client_of(struct conf_listener listener)
{
	return bound_of(&listener, 1).client;
}

START_TEST(client_has_its_queue_its_answers_and_its_line)
{
	struct conf_listener listener = make_listener(CONF_MODE_COMMAND);
	uint64_t client = client_of(listener);

	/* Buffers may be twice as large as what is in them. */
	ck_assert_uint_gt(client, sizeof(struct session) + 2 * (MIB + MIB / 2) + 65536);
	ck_assert_uint_lt(client, 4 * MIB);
	listener.queue += MIB;
	ck_assert_uint_eq(client_of(listener), client + 3 * MIB);
	listener.queue -= MIB;
	listener.max_line += 1000; /* lines that come, an answer that goes, the will */
	ck_assert_uint_eq(client_of(listener), client + 2 * 1000 + 2 * 1000 + 1000);
}
END_TEST

START_TEST(mode_without_answers_needs_none)
{
	uint64_t command = client_of(make_listener(CONF_MODE_COMMAND));
	uint64_t echo = client_of(make_listener(CONF_MODE_ECHO));
	uint64_t publish = client_of(make_listener(CONF_MODE_PUBLISH));
	uint64_t subscribe = client_of(make_listener(CONF_MODE_SUBSCRIBE));

	ck_assert_uint_lt(publish, MIB / 2);
	ck_assert_uint_gt(echo, MIB);
	ck_assert_uint_gt(subscribe, 2 * MIB);
	ck_assert_uint_gt(command, subscribe);
	ck_assert_uint_gt(subscribe, echo);
}
END_TEST

START_TEST(line_that_is_longer_than_the_queue_counts)
{
	struct conf_listener listener = make_listener(CONF_MODE_SUBSCRIBE);
	uint64_t before = client_of(listener);

	listener.max_line = 16 * MIB;
	ck_assert_uint_ge(client_of(listener), before - 2 * MIB + 3 * 16 * MIB - 65536);
}
END_TEST

START_TEST(all_clients_may_be_of_the_largest_listener)
{
	struct conf_listener listeners[] = {
		make_listener(CONF_MODE_PUBLISH),
		make_listener(CONF_MODE_COMMAND),
		make_listener(CONF_MODE_ECHO),
	};
	struct bound bound = bound_of(listeners, 3);

	ck_assert_uint_eq(bound.client, client_of(listeners[1]));
	ck_assert_uint_eq(bound.clients, 1000 * bound.client);
	ck_assert_uint_eq(bound.handlers, 2 * bound.handler);
}
END_TEST

/* They are none of max_clients, and take what they take in any case. */
START_TEST(listener_of_mode_http_needs_its_own)
{
	struct conf_listener listeners[] = {
		make_listener(CONF_MODE_ECHO),
		make_listener(CONF_MODE_HTTP),
		make_listener(CONF_MODE_HTTP),
	};
	struct bound one = bound_of(listeners, 1), all;

	listeners[1].queue = listeners[2].max_line = 512 * MIB;
	all = bound_of(listeners, 3);
	ck_assert_uint_eq(all.client, one.client);
	ck_assert_uint_eq(all.handler, one.handler);
	ck_assert_uint_eq(all.total, one.total + 2 * 12 * MIB);
}
END_TEST

START_TEST(stored_lines_are_bounded_by_bytes_and_lines)
{
	struct conf_listener listener = make_listener(CONF_MODE_COMMAND);
	struct conf_history histories[] = {
		{ .lines = 1000, .bytes = 16 * MIB },
		{ .lines = 10000000, .bytes = 4096 },
	};
	struct conf conf = {
		.handlers = 1, .max_clients = 1, .listeners = &listener, .nlisteners = 1
	};
	struct bound none, one, both;

	bound_compute(&conf, &none);
	ck_assert_uint_ge(none.stored, 16 * MIB); /* last values */
	ck_assert_uint_lt(none.stored, 32 * MIB);
	conf.histories = histories;
	conf.nhistories = 1;
	bound_compute(&conf, &one);
	ck_assert_uint_gt(one.stored, none.stored + 16 * MIB);
	ck_assert_uint_lt(one.stored, none.stored + 17 * MIB);
	conf.nhistories = 2;
	bound_compute(&conf, &both); /* so few bytes do not hold so many lines */
	ck_assert_uint_gt(both.stored, one.stored + 4096);
	ck_assert_uint_lt(both.stored, one.stored + 64 * 1024);
}
END_TEST

START_TEST(each_target_of_a_rule_has_a_queue)
{
	struct conf_listener listener = make_listener(CONF_MODE_COMMAND);
	struct conf_target targets[] = {
		{ .kind = CONF_TARGET_SUBJECT },
		{ .kind = CONF_TARGET_FILE },
		{ .kind = CONF_TARGET_TCP },
	};
	struct conf_rule rule = { .targets = targets, .ntargets = 3, .queue = 4 * MIB };
	struct conf conf = {
		.handlers = 1, .max_clients = 1, .listeners = &listener, .nlisteners = 1
	};
	struct bound bound;

	bound_compute(&conf, &bound);
	ck_assert_uint_eq(bound.rules, 0);
	conf.rules = &rule;
	conf.nrules = 1;
	bound_compute(&conf, &bound);
	/* Of the connection, as much again may be sent and not acknowledged. */
	ck_assert_uint_ge(bound.rules, 3 * 4 * MIB);
	ck_assert_uint_lt(bound.rules, 3 * 5 * MIB);
}
END_TEST

START_TEST(total_is_the_sum_and_what_is_always_there)
{
	struct conf_listener listener = make_listener(CONF_MODE_ECHO);
	struct bound bound = bound_of(&listener, 1);
	uint64_t sum = bound.clients + bound.handlers + bound.stored + bound.rules;

	ck_assert_uint_ge(bound.total, sum + 4 * MIB);
	ck_assert_uint_le(bound.total, sum + 16 * MIB);
}
END_TEST

START_TEST(what_overflows_is_the_largest_number)
{
	struct conf_listener listener = make_listener(CONF_MODE_COMMAND);
	struct conf_history histories[] = {
		{ .lines = 10000000, .bytes = SIZE_MAX },
		{ .lines = 10000000, .bytes = SIZE_MAX },
	};
	struct conf conf = { .handlers = 1,
		             .max_clients = 1,
		             .listeners = &listener,
		             .nlisteners = 1,
		             .histories = histories,
		             .nhistories = 2 };
	struct bound bound;

	bound_compute(&conf, &bound);
	ck_assert_uint_eq(bound.stored, UINT64_MAX);
	ck_assert_uint_eq(bound.total, UINT64_MAX);
}
END_TEST

START_TEST(sentence_says_all_of_it)
{
	struct conf_listener listener = make_listener(CONF_MODE_COMMAND);
	struct conf conf = {
		.handlers = 64, .max_clients = 32000, .listeners = &listener, .nlisteners = 1
	};
	char text[BOUND_MAX_TEXT];

	ck_assert_ptr_eq(bound_format(&conf, text), text);
	ck_assert_ptr_eq(strstr(text, "memory: at most "), text);
	ck_assert_ptr_nonnull(strstr(text, ": 32000 clients of 3."));
	ck_assert_ptr_nonnull(strstr(text, ", 64 handlers of "));
	ck_assert_ptr_nonnull(strstr(text, ", rules 0 bytes; "));
	listener.queue = 512 * MIB;
	listener.max_line = 16 * MIB;
	bound_format(&conf, text);
	ck_assert_ptr_nonnull(strstr(text, " TiB: 32000 clients of 1.6 GiB, "));
	ck_assert_ptr_nonnull(strstr(text, "; and for each subscription 2.2 KiB"));
}
END_TEST

int
main(void)
{
	return RUN_SUITE("bound",
	    client_has_its_queue_its_answers_and_its_line,
	    mode_without_answers_needs_none,
	    line_that_is_longer_than_the_queue_counts,
	    all_clients_may_be_of_the_largest_listener,
	    listener_of_mode_http_needs_its_own,
	    stored_lines_are_bounded_by_bytes_and_lines,
	    each_target_of_a_rule_has_a_queue,
	    total_is_the_sum_and_what_is_always_there,
	    what_overflows_is_the_largest_number,
	    sentence_says_all_of_it);
}
