/* SPDX-License-Identifier: MIT */
/*
 * After set-up libamy allocates nothing. The next allocation would fail, and be noticed,
 * while all that a program does all day is done many times over.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amy.h"
#include "faults.h"
#include "harness.h"

enum {
	NREGISTRATIONS = 200,
	ROUNDS = 50,
	MAX_TOLD = 64,
};

static struct amy_poller *poller;
static struct amy_registrar *registrar;
static int fds[NREGISTRATIONS][2];
static amy_id ids[NREGISTRATIONS];

static void
start(uint32_t nregistrations, uint32_t ntimers)
{
	poller = amy_poller_create();
	MUST(poller != NULL);
	registrar = amy_registrar_create(poller);
	MUST(registrar != NULL);
	MUST(amy_poller_reserve(poller, nregistrations, ntimers) == 0);
}

static void
stop(void)
{
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
}

static void
forbid_allocation(void)
{
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
}

static void
must_have_allocated_nothing(void)
{
	MUST(!fault_clear());
}

/* Wait until as many were told as were armed; each is armed again as often as it is to be. */
static void
serve(unsigned nevents, unsigned interest)
{
	while (nevents > 0) {
		struct amy_notification told[MAX_TOLD];
		int n = amy_poller_wait(poller, told, MAX_TOLD, -1);

		MUST(n > 0 && (unsigned)n <= nevents);
		for (int i = 0; i < n; i++)
			if (nevents-- > NREGISTRATIONS)
				MUST(amy_registrar_rearm(registrar, told[i].id, interest) == 0);
	}
}

START_TEST(registering_arming_and_waiting)
{
	start(NREGISTRATIONS, 0);
	for (int i = 0; i < NREGISTRATIONS; i++) {
		make_socketpair(fds[i]);
		put_byte(fds[i][1]);
	}
	forbid_allocation();
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < NREGISTRATIONS; i++)
			MUST(amy_registrar_register(registrar, fds[i][0], AMY_READ, NULL,
			                            &ids[i]) == 0);
		serve(5 * NREGISTRATIONS, AMY_READ);
		for (int i = 0; i < NREGISTRATIONS; i++)
			MUST(amy_registrar_deregister(registrar, ids[i]) == 0);
	}
	must_have_allocated_nothing();
	for (int i = 0; i < NREGISTRATIONS; i++)
		close_pair(fds[i]);
	stop();
}
END_TEST

START_TEST(timers)
{
	start(NREGISTRATIONS, NREGISTRATIONS);
	forbid_allocation();
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < NREGISTRATIONS; i++)
			MUST(amy_registrar_register_timer(registrar, i % 50, i % 2, NULL,
			                                  &ids[i]) == 0);
		serve(3 * NREGISTRATIONS, AMY_TIMER);
		for (int i = 0; i < NREGISTRATIONS; i++)
			MUST(amy_registrar_rearm_timer(registrar, ids[i], 1000000, 0) == 0);
		for (int i = 0; i < NREGISTRATIONS; i++)
			MUST(amy_registrar_cancel(registrar, ids[i]) == 0);
	}
	must_have_allocated_nothing();
	stop();
}
END_TEST

START_TEST(user_events)
{
	start(1, 1);
	forbid_allocation();
	for (int round = 0; round < 1000; round++) {
		struct amy_notification told;

		MUST(amy_registrar_register_event(registrar, NULL, &ids[0]) == 0);
		MUST(amy_registrar_trigger(registrar, ids[0]) == 0);
		MUST(amy_poller_wait(poller, &told, 1, -1) == 1);
		MUST(amy_registrar_deregister(registrar, told.id) == 0);
	}
	must_have_allocated_nothing();
	stop();
}
END_TEST

START_TEST(wait_sets)
{
	struct amy_wait_set *set = amy_wait_set_create();
	struct amy_notification told;

	MUST(set != NULL);
	make_socketpair(fds[0]);
	put_byte(fds[0][1]);
	forbid_allocation();
	for (int round = 0; round < 1000; round++) {
		MUST(amy_wait_set_add(set, fds[0][0], AMY_READ, 1) == 0);
		MUST(amy_wait_set_wait(set, &told, 1, -1) == 1);
		MUST(amy_wait_set_modify(set, fds[0][0], AMY_BOTH, 2) == 0);
		MUST(amy_wait_set_wait(set, &told, 1, -1) == 1);
		MUST(amy_wait_set_remove(set, fds[0][0]) == 0);
	}
	must_have_allocated_nothing();
	close_pair(fds[0]);
	amy_wait_set_destroy(set);
}
END_TEST

START_TEST(channels)
{
	struct amy_channel *channel = amy_channel_create(16, sizeof(int));
	int message;

	MUST(channel != NULL);
	forbid_allocation();
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 16; i++)
			MUST(amy_channel_send(channel, &i) == 0);
		MUST(amy_channel_send(channel, &round) == -1 && errno == EAGAIN);
		for (int i = 0; i < 16; i++)
			MUST(amy_channel_receive(channel, &message) == 1 && message == i);
		MUST(amy_channel_receive(channel, &message) == 0);
	}
	must_have_allocated_nothing();
	amy_channel_destroy(channel);
}
END_TEST

static void
make_udp_pair(int pair[2])
{
	MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
}

START_TEST(datagrams)
{
	struct amy_datagrams *batch = amy_datagrams_create(8, 100);

	MUST(batch != NULL);
	make_udp_pair(fds[0]);
	forbid_allocation();
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 8; i++)
			MUST(amy_datagrams_put(batch, "hello", 5, NULL, 0) == 0);
		MUST(amy_datagrams_send(batch, fds[0][0]) == 8);
		MUST(amy_datagrams_receive(batch, fds[0][1]) == 8);
		amy_datagrams_drop(batch, 8);
	}
	must_have_allocated_nothing();
	close_pair(fds[0]);
	amy_datagrams_destroy(batch);
}
END_TEST

/* Lines of 0 to 99 bytes, fed 1 to 70 bytes at a time, so that all sorts of ends are kept. */
START_TEST(lines_within_their_bound)
{
	struct amy_line_reader reader;
	struct amy_line_writer writer;
	struct amy_bytes line;
	char bytes[100];
	const char *pending;
	uint64_t seed = 5;

	memset(bytes, 'x', sizeof bytes);
	amy_line_reader_init(&reader, sizeof bytes);
	amy_line_writer_init(&writer, 4096);
	MUST(amy_line_reader_reserve(&reader) == 0);
	MUST(amy_line_writer_reserve(&writer) == 0);
	forbid_allocation();
	for (int round = 0; round < 20000; round++) {
		size_t n = random_below(&seed, sizeof bytes), pending_bytes;

		MUST(amy_line_writer_put(&writer, bytes, n) == 0);
		while ((pending_bytes = amy_line_writer_pending(&writer, &pending)) > 0) {
			size_t part = 1 + random_below(&seed, 70);

			if (part > pending_bytes)
				part = pending_bytes;
			MUST(amy_line_reader_feed(&reader, pending, part) == 0);
			while (amy_line_reader_next(&reader, &line) == 1)
				MUST(line.nbytes == n);
			amy_line_writer_consume(&writer, part);
		}
		MUST(amy_line_reader_is_empty(&reader));
	}
	must_have_allocated_nothing();
	amy_line_writer_fini(&writer);
	amy_line_reader_fini(&reader);
}
END_TEST

static void
frames_of(enum amy_framing framing)
{
	struct amy_frame_reader reader;
	struct amy_frame_writer writer;
	struct amy_bytes frame;
	char bytes[100] = { 0 };
	const char *pending;
	uint64_t seed = 6;

	amy_frame_reader_init(&reader, framing, sizeof bytes);
	amy_frame_writer_init(&writer, framing, sizeof bytes, 4096);
	MUST(amy_frame_reader_reserve(&reader) == 0);
	MUST(amy_frame_writer_reserve(&writer) == 0);
	forbid_allocation();
	for (int round = 0; round < 20000; round++) {
		size_t n = random_below(&seed, sizeof bytes + 1), pending_bytes;

		MUST(amy_frame_writer_put(&writer, bytes, n) == 0);
		while ((pending_bytes = amy_frame_writer_pending(&writer, &pending)) > 0) {
			size_t part = 1 + random_below(&seed, 70);

			if (part > pending_bytes)
				part = pending_bytes;
			MUST(amy_frame_reader_feed(&reader, pending, part) == 0);
			while (amy_frame_reader_next(&reader, &frame) == 1)
				MUST(frame.nbytes == n);
			amy_frame_writer_consume(&writer, part);
		}
		MUST(amy_frame_reader_is_empty(&reader));
	}
	must_have_allocated_nothing();
	amy_frame_writer_fini(&writer);
	amy_frame_reader_fini(&reader);
}

START_TEST(frames_within_their_bound)
{
	frames_of(AMY_FRAME_LENGTH32);
	frames_of(AMY_FRAME_NETSTRING);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("no_allocation",
	    registering_arming_and_waiting,
	    timers,
	    user_events,
	    wait_sets,
	    channels,
	    datagrams,
	    lines_within_their_bound,
	    frames_within_their_bound);
}
