/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "packet.h"

static struct route *route, *other;

static struct route *
make_route(void)
{
	struct route *made = calloc(1, sizeof *made);

	MUST(made != NULL);
	atomic_init(&made->references, 1);
	return made;
}

static void
start(void)
{
	route = make_route();
	other = make_route();
}

static void
stop(void)
{
	MUST(atomic_load(&route->references) == 1);
	route_unref(route);
	route_unref(other);
}

static struct publication
line_of(const char *subject, const char *text)
{
	return (struct publication){
		.subject = { subject, strlen(subject) },
		.text = { text, strlen(text) },
		.from = { "@ann", 4 },
		.from_id = 7,
		.at_ms = 1000,
		.wall_ms = 2000,
	};
}

static bool
add(struct packet *packet, const char *text)
{
	struct publication line = line_of("a.b", text);

	return packet_add(packet, route, &line);
}

static struct packet *
packet_of(const char *text, size_t capacity)
{
	struct publication line = line_of("a.b", text);
	struct packet *packet = packet_create(route, &line, capacity);

	MUST(packet != NULL);
	return packet;
}

static void
must_be(const struct packet *packet, uint32_t i, const char *text)
{
	struct publication line;

	packet_line(packet, i, &line);
	MUST(line.text.nbytes == strlen(text) &&
	     memcmp(line.text.bytes, text, line.text.nbytes) == 0);
	MUST(line.subject.nbytes == 3 && memcmp(line.subject.bytes, "a.b", 3) == 0);
	MUST(line.from.nbytes == 4 && memcmp(line.from.bytes, "@ann", 4) == 0);
	MUST(line.from_id == 7 && line.at_ms == 1000 && line.wall_ms == 2000);
	MUST(line.seq == 0 && line.request == 0);
}

START_TEST(lines_come_out_as_they_went_in)
{
	struct packet *packet;

	start();
	packet = packet_of("one", 512);
	ck_assert(add(packet, ""));
	ck_assert(add(packet, "three\n\r"));
	ck_assert_uint_eq(packet->n, 3);
	must_be(packet, 0, "one");
	must_be(packet, 1, "");
	must_be(packet, 2, "three\n\r");
	packet_unref(packet);
	stop();
}
END_TEST

START_TEST(line_that_goes_another_way_is_not_taken)
{
	struct publication line = line_of("a.b", "x");
	struct packet *packet;

	start();
	packet = packet_of("one", 512);
	ck_assert(!packet_add(packet, other, &line));
	line.from_id = 8;
	ck_assert(!packet_add(packet, route, &line));
	line = line_of("a.b", "x");
	line.from = (struct amy_bytes){ "@bob", 4 };
	ck_assert(!packet_add(packet, route, &line));
	line = line_of("a.c", "x");
	ck_assert(!packet_add(packet, route, &line));
	line = line_of("a.b", "x");
	line.at_ms = 1001;
	ck_assert(!packet_add(packet, route, &line));
	line = line_of("a.b", "x");
	line.wall_ms = 2001;
	ck_assert(!packet_add(packet, route, &line));
	ck_assert_uint_eq(packet->n, 1);
	packet_unref(packet);
	stop();
}
END_TEST

/* Of every size, and filled up with lines of any: nothing is lost, and nothing is overwritten. */
START_TEST(packet_is_filled_up_and_no_further)
{
	uint64_t seed = 5;

	start();
	for (size_t capacity = 0; capacity < 200; capacity++) {
		char texts[200][40];
		struct packet *packet;
		uint32_t n = 0;

		do {
			size_t nbytes = random_below(&seed, 39);

			memset(texts[n], 'a' + (int)(n % 26), nbytes);
			texts[n][nbytes] = '\0';
			if (n == 0)
				packet = packet_of(texts[0], capacity);
			else if (!add(packet, texts[n]))
				break;
			MUST(packet->n == n + 1);
		} while (++n < 200);
		MUST(n < 200);
		for (uint32_t i = 0; i < n; i++)
			must_be(packet, i, texts[i]);
		MUST(packet->nbytes + n * sizeof(uint32_t) <= packet->capacity);
		packet_unref(packet);
	}
	stop();
}
END_TEST

START_TEST(long_first_line_has_the_room_it_needs)
{
	static char text[100000];
	struct packet *packet;

	start();
	memset(text, 'x', sizeof text - 1);
	packet = packet_of(text, 512);
	must_be(packet, 0, text);
	ck_assert(!add(packet, "one more"));
	ck_assert_uint_ge(packet_size(packet), sizeof text);
	packet_unref(packet);
	stop();
}
END_TEST

START_TEST(packet_lives_as_long_as_a_reference)
{
	struct packet *packet;

	start();
	packet = packet_of("one", 512);
	ck_assert_uint_eq(atomic_load(&route->references), 2);
	packet_ref(packet);
	packet_unref(packet);
	must_be(packet, 0, "one");
	packet_unref(packet);
	packet_unref(NULL);
	stop();
}
END_TEST

START_TEST(without_memory_there_is_no_packet)
{
	struct publication line = line_of("a.b", "x");

	start();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	ck_assert_ptr_null(packet_create(route, &line, 512));
	ck_assert(fault_clear());
	stop();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("packet", lines_come_out_as_they_went_in,
	                 line_that_goes_another_way_is_not_taken,
	                 packet_is_filled_up_and_no_further, long_first_line_has_the_room_it_needs,
	                 packet_lives_as_long_as_a_reference, without_memory_there_is_no_packet);
}
