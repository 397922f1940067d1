/* SPDX-License-Identifier: MIT */
/*
 * The channel as amy.h describes it: alone, beside a poller, and between threads. It is built
 * twice, the second time with what of libamy is portable.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "amy.h"
#include "faults.h"
#include "harness.h"
#include "notice.h"

enum { CAPACITY = 4 };

struct message {
	uint32_t sender;
	uint32_t number;
};

static struct amy_channel *channel;

/* Only with start_with_poller(). */
static struct amy_poller *poller;
static struct amy_registrar *registrar;
static amy_id id;
static char data;

static void
start_large(size_t capacity)
{
	channel = amy_channel_create(capacity, sizeof(struct message));
	MUST(channel != NULL);
}

static void
start(void)
{
	start_large(CAPACITY);
}

static void
stop(void)
{
	amy_channel_destroy(channel);
}

static void
register_channel(void)
{
	poller = amy_poller_create();
	MUST(poller != NULL);
	registrar = amy_registrar_create(poller);
	MUST(registrar != NULL);
	MUST(amy_registrar_register(registrar, amy_channel_fd(channel), AMY_READ, &data, &id) ==
	     0);
}

static void
start_with_poller(void)
{
	start();
	register_channel();
}

static void
stop_with_poller(void)
{
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
	stop();
}

/* 0, or the errno. */
static int
send_number(uint32_t number)
{
	struct message message = { .number = number };

	return amy_channel_send(channel, &message) == 0 ? 0 : errno;
}

static void
must_send(uint32_t number)
{
	MUST(send_number(number) == 0);
}

static void
must_receive(uint32_t number)
{
	struct message message = { .number = ~number };

	MUST(amy_channel_receive(channel, &message) == 1);
	MUST(message.number == number);
}

/* What is said if nothing is there: 0, or EPIPE. */
static int
receive_nothing(void)
{
	struct message message = { .number = 1234 };
	int rc = amy_channel_receive(channel, &message);

	MUST(rc == 0 || rc == -1);
	MUST(message.number == 1234);
	return rc == 0 ? 0 : errno;
}

static bool
is_readable(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	int n = poll(&polled, 1, 0);

	MUST(n == 0 || (n == 1 && polled.revents == POLLIN));
	return n == 1;
}

static bool
is_told(void)
{
	return is_readable(amy_channel_fd(channel));
}

/* Whether the poller tells of the channel, waiting for so long. */
static bool
is_woken_within(int timeout_ms)
{
	struct amy_notification told[2];
	int n = amy_poller_wait(poller, told, 2, timeout_ms);

	MUST(n == 0 || n == 1);
	if (n == 0)
		return false;
	MUST(told[0].id == id);
	MUST(told[0].data == &data);
	MUST(told[0].events == AMY_READ);
	return true;
}

static bool
is_woken(void)
{
	return is_woken_within(0);
}

static void
must_rearm(void)
{
	MUST(amy_registrar_rearm(registrar, id, AMY_READ) == 0);
}

/* ---- Sending and receiving --------------------------------------------------------- */

START_TEST(messages_are_received_in_the_order_in_which_they_were_sent)
{
	start();
	ck_assert_int_eq(receive_nothing(), 0);
	for (uint32_t i = 0; i < 3; i++)
		must_send(i);
	for (uint32_t i = 0; i < 3; i++)
		must_receive(i);
	ck_assert_int_eq(receive_nothing(), 0);
	stop();
}
END_TEST

START_TEST(messages_go_around_the_ring_many_times)
{
	uint64_t seed = 1;
	uint32_t nsent = 0, nreceived = 0;

	start();
	while (nreceived < 10000) {
		for (uint32_t n = random_below(&seed, CAPACITY + 1); n > 0; n--)
			if (nsent - nreceived < CAPACITY)
				must_send(nsent++);
		for (uint32_t n = random_below(&seed, CAPACITY + 1); n > 0; n--)
			if (nsent > nreceived)
				must_receive(nreceived++);
	}
	stop();
}
END_TEST

START_TEST(full_channel_takes_no_more_until_one_was_received)
{
	start();
	for (uint32_t i = 0; i < CAPACITY; i++)
		must_send(i);
	ck_assert_int_eq(send_number(CAPACITY), EAGAIN);
	ck_assert_int_eq(send_number(CAPACITY), EAGAIN);
	must_receive(0);
	must_send(CAPACITY);
	ck_assert_int_eq(send_number(CAPACITY + 1), EAGAIN);
	for (uint32_t i = 1; i <= CAPACITY; i++)
		must_receive(i);
	ck_assert_int_eq(receive_nothing(), 0);
	stop();
}
END_TEST

START_TEST(there_is_room_for_at_least_the_capacity)
{
	const size_t capacities[] = { 1, 2, 3, 5, 8, 100, 1025 };

	for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
		uint32_t n = 0;

		start_large(capacities[i]);
		while (send_number(n) == 0)
			n++;
		ck_assert_int_eq(errno, EAGAIN);
		ck_assert_uint_ge(n, capacities[i]);
		ck_assert_uint_le(n, 2 * capacities[i]);
		for (uint32_t k = 0; k < n; k++)
			must_receive(k);
		ck_assert_int_eq(receive_nothing(), 0);
		stop();
	}
}
END_TEST

static void
messages_must_be_whole(size_t nbytes)
{
	unsigned char *sent = malloc(nbytes), *received = malloc(nbytes + 1);

	MUST(sent != NULL && received != NULL);
	channel = amy_channel_create(3, nbytes);
	MUST(channel != NULL);
	for (int i = 0; i < 10; i++) {
		memset(sent, 'a' + i, nbytes);
		sent[nbytes - 1] = (unsigned char)i;
		MUST(amy_channel_send(channel, sent) == 0);
		MUST(amy_channel_send(channel, sent) == 0);
		for (int k = 0; k < 2; k++) {
			memset(received, 0, nbytes);
			received[nbytes] = '!';
			MUST(amy_channel_receive(channel, received) == 1);
			MUST(memcmp(received, sent, nbytes) == 0);
			MUST(received[nbytes] == '!');
		}
	}
	stop();
	free(sent);
	free(received);
}

START_TEST(messages_of_any_size_are_whole)
{
	const size_t sizes[] = { 1, 2, 7, 8, 9, 63, 64, 65, 1000, 65536 };

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		messages_must_be_whole(sizes[i]);
}
END_TEST

START_TEST(messages_that_are_left_are_destroyed_with_the_channel)
{
	long allocated = fault_live_allocations();

	start();
	must_send(1);
	stop();
	MUST(fault_live_allocations() == allocated);
}
END_TEST

START_TEST(null_may_be_destroyed)
{
	amy_channel_destroy(NULL);
}
END_TEST

/* ---- The descriptor ---------------------------------------------------------------- */

START_TEST(descriptor_is_readable_until_there_is_nothing)
{
	start();
	ck_assert(!is_told());
	must_send(1);
	must_send(2);
	ck_assert(is_told());
	must_receive(1);
	ck_assert(is_told());
	must_receive(2);
	ck_assert(is_told()); /* nobody has said yet that there is nothing */
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_told());
	must_send(3);
	ck_assert(is_told());
	stop();
}
END_TEST

START_TEST(descriptor_is_readable_after_a_message_that_nobody_was_told_of)
{
	start();
	for (uint32_t i = 0; i < 10; i++) {
		ck_assert_int_eq(receive_nothing(), 0);
		ck_assert(!is_told());
		must_send(i);
		must_receive(i);
		must_send(i);
		ck_assert(is_told());
		must_receive(i);
	}
	stop();
}
END_TEST

START_TEST(descriptor_does_not_go_to_other_programs)
{
	start();
	ck_assert_int_eq(fcntl(amy_channel_fd(channel), F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(amy_channel_fd(channel), F_GETFL) & O_NONBLOCK, 0);
	stop();
}
END_TEST

static unsigned nreads, nwrites;

static void
count_read(int fd)
{
	nreads += fd == amy_channel_fd(channel);
}

/* Not the same descriptor, where it is a pipe: nothing else is written here. */
static void
count_write(int fd)
{
	(void)fd;
	nwrites++;
}

START_TEST(system_calls_are_only_for_the_first_message_after_there_was_nothing)
{
	start();
	fault_before_read = count_read;
	fault_before_write = count_write;
	for (unsigned i = 1; i <= 3; i++) {
		must_send(0);
		must_send(1);
		must_receive(0);
		must_send(2);
		must_receive(1);
		must_receive(2);
		MUST(nwrites == i && nreads == i - 1);
		for (int k = 0; k < 3; k++) {
			MUST(receive_nothing() == 0);
			MUST(nwrites == i && nreads == i);
		}
	}
	stop();
}
END_TEST

START_TEST(nothing_is_allocated_after_creation)
{
	start();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	for (uint32_t i = 0; i < 100; i++) {
		MUST(receive_nothing() == 0);
		must_send(i);
		must_send(i);
		must_receive(i);
		must_receive(i);
	}
	amy_channel_close(channel);
	MUST(receive_nothing() == EPIPE);
	MUST(!fault_clear());
	stop();
}
END_TEST

/* ---- The poller -------------------------------------------------------------------- */

START_TEST(message_wakes_the_poller)
{
	start_with_poller();
	ck_assert(!is_woken());
	must_send(1);
	ck_assert(is_woken());
	must_receive(1);
	stop_with_poller();
}
END_TEST

START_TEST(several_messages_wake_it_once)
{
	start_with_poller();
	must_send(1);
	must_send(2);
	must_send(3);
	ck_assert(is_woken());
	ck_assert(!is_woken());
	must_receive(1);
	must_receive(2);
	must_receive(3);
	ck_assert_int_eq(receive_nothing(), 0);
	must_rearm();
	ck_assert(!is_woken());
	stop_with_poller();
}
END_TEST

START_TEST(message_between_waking_and_receiving_does_not_wake_it_again)
{
	start_with_poller();
	must_send(1);
	ck_assert(is_woken());
	must_send(2);
	ck_assert(!is_woken());
	must_receive(1);
	must_receive(2);
	ck_assert_int_eq(receive_nothing(), 0);
	must_rearm();
	ck_assert(!is_woken());
	stop_with_poller();
}
END_TEST

START_TEST(message_after_all_were_received_wakes_it_again)
{
	start_with_poller();
	must_send(1);
	ck_assert(is_woken());
	must_receive(1);
	ck_assert_int_eq(receive_nothing(), 0);
	must_rearm();
	ck_assert(!is_woken());
	must_send(2);
	ck_assert(is_woken());
	must_receive(2);
	stop_with_poller();
}
END_TEST

START_TEST(received_until_there_is_nothing_it_stays_asleep)
{
	start_with_poller();
	for (uint32_t i = 0; i < CAPACITY; i++)
		must_send(i);
	for (uint32_t i = 0; i < CAPACITY; i++)
		must_receive(i);
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_woken());
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_woken());
	stop_with_poller();
}
END_TEST

START_TEST(sent_told_and_received_again_and_again)
{
	start_with_poller();
	for (uint32_t i = 0; i < 10; i++) {
		must_send(i);
		ck_assert(is_woken_within(-1));
		must_receive(i);
		ck_assert_int_eq(receive_nothing(), 0);
		must_rearm();
	}
	ck_assert(!is_woken());
	stop_with_poller();
}
END_TEST

START_TEST(full_channel_wakes_it_and_has_room_after_receiving)
{
	start_with_poller();
	for (uint32_t i = 0; i < CAPACITY; i++)
		must_send(i);
	ck_assert_int_eq(send_number(CAPACITY), EAGAIN);
	ck_assert(is_woken());
	must_receive(0);
	must_send(CAPACITY);
	ck_assert_int_eq(send_number(CAPACITY + 1), EAGAIN);
	for (uint32_t i = 1; i <= CAPACITY; i++)
		must_receive(i);
	ck_assert_int_eq(receive_nothing(), 0);
	stop_with_poller();
}
END_TEST

START_TEST(what_is_left_wakes_it_when_it_is_armed_again)
{
	start_with_poller();
	for (uint32_t i = 0; i < CAPACITY; i++)
		must_send(i);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		ck_assert(is_woken());
		must_receive(i);
		must_rearm();
	}
	ck_assert(is_woken());
	ck_assert_int_eq(receive_nothing(), 0);
	must_rearm();
	ck_assert(!is_woken());
	stop_with_poller();
}
END_TEST

START_TEST(end_wakes_it)
{
	start_with_poller();
	amy_channel_close(channel);
	ck_assert(is_woken());
	ck_assert_int_eq(receive_nothing(), EPIPE);
	must_rearm();
	ck_assert(is_woken()); /* the end is for ever, as with a socket */
	stop_with_poller();
}
END_TEST

/* ---- Closing ----------------------------------------------------------------------- */

START_TEST(closed_channel_takes_nothing)
{
	start();
	amy_channel_close(channel);
	ck_assert_int_eq(send_number(1), EPIPE);
	ck_assert_int_eq(send_number(1), EPIPE);
	ck_assert_int_eq(receive_nothing(), EPIPE);
	ck_assert_int_eq(receive_nothing(), EPIPE);
	ck_assert(is_told());
	stop();
}
END_TEST

START_TEST(what_was_sent_before_closing_is_received)
{
	start();
	for (uint32_t i = 0; i < CAPACITY; i++)
		must_send(i);
	amy_channel_close(channel);
	ck_assert_int_eq(send_number(CAPACITY), EPIPE);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		ck_assert(is_told());
		must_receive(i);
		ck_assert_int_eq(send_number(CAPACITY), EPIPE);
	}
	ck_assert(is_told());
	ck_assert_int_eq(receive_nothing(), EPIPE);
	ck_assert(is_told());
	stop();
}
END_TEST

START_TEST(closing_twice_is_fine)
{
	start();
	must_send(1);
	amy_channel_close(channel);
	amy_channel_close(channel);
	must_receive(1);
	amy_channel_close(channel);
	ck_assert_int_eq(receive_nothing(), EPIPE);
	amy_channel_close(channel);
	ck_assert_int_eq(receive_nothing(), EPIPE);
	ck_assert(is_told());
	stop();
}
END_TEST

/* ---- Between two steps ------------------------------------------------------------- */

/* So that something happens while the descriptor is made unreadable, once. */
static void (*meanwhile)(void);

static void
call_meanwhile(int fd)
{
	if (fd != amy_channel_fd(channel) || meanwhile == NULL)
		return;
	meanwhile();
	meanwhile = NULL;
}

static void
send_two(void)
{
	must_send(2);
	must_send(3);
}

static void
close_it(void)
{
	amy_channel_close(channel);
}

/* A message was received; there is nothing more, until it is looked whether there is. */
static void
start_meanwhile(void (*what)(void))
{
	start();
	must_send(1);
	must_receive(1);
	meanwhile = what;
	fault_before_read = call_meanwhile;
}

START_TEST(message_that_comes_while_the_descriptor_is_made_unreadable_is_received)
{
	start_meanwhile(send_two);
	must_receive(2);
	ck_assert_ptr_null(meanwhile);
	ck_assert(is_told());
	must_receive(3);
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_told());
	must_send(4);
	ck_assert(is_told());
	stop();
}
END_TEST

START_TEST(end_that_comes_while_the_descriptor_is_made_unreadable_is_told)
{
	start_meanwhile(close_it);
	ck_assert_int_eq(receive_nothing(), EPIPE);
	ck_assert_ptr_null(meanwhile);
	ck_assert(is_told());
	ck_assert_int_eq(receive_nothing(), EPIPE);
	stop();
}
END_TEST

/* Of a thread that stops in the middle of sending. */
static atomic_bool has_stopped, may_go_on;

static void
stop_here(void)
{
	atomic_store(&has_stopped, true);
	while (!atomic_load(&may_go_on))
		nap();
}

static void
stop_before_writing(int fd)
{
	(void)fd;
	if (!atomic_load(&has_stopped))
		stop_here();
}

static void *
send_thread(void *message)
{
	MUST(amy_channel_send(channel, message) == 0);
	return NULL;
}

static pthread_t
spawn_stopped(void *message)
{
	pthread_t thread = spawn(send_thread, message);

	WAIT_UNTIL(atomic_load(&has_stopped));
	return thread;
}

static void
go_on(pthread_t thread)
{
	atomic_store(&may_go_on, true);
	join(thread);
}

START_TEST(message_is_received_before_its_sender_has_told_of_it)
{
	struct message message = { .number = 1 };
	pthread_t thread;

	start();
	fault_before_write = stop_before_writing;
	thread = spawn_stopped(&message);
	ck_assert(!is_told());
	must_receive(1);
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_told());
	must_send(2); /* this one is told of by itself */
	ck_assert(is_told());
	must_receive(2);
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_told());
	go_on(thread);
	ck_assert(is_told()); /* too late, and in vain */
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_told());
	must_send(3);
	ck_assert(is_told());
	must_receive(3);
	stop();
}
END_TEST

/* One notice is yet to come when the receiver looks again; and then a message comes, too. */
START_TEST(notice_that_is_late_is_cleared_once)
{
	struct message message = { .number = 1 };
	pthread_t thread;

	start();
	fault_before_write = stop_before_writing;
	thread = spawn_stopped(&message);
	must_receive(1);
	ck_assert_int_eq(receive_nothing(), 0);
	meanwhile = send_two;
	fault_before_read = call_meanwhile;
	must_receive(2);
	must_receive(3);
	ck_assert(is_told());
	go_on(thread);
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_told());
	fault_before_read = count_read;
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert_uint_eq(nreads, 0);
	stop();
}
END_TEST

/* A message that cannot be copied yet: whoever tries stops there. */
static struct message *slow_message;
static size_t page;

static void
make_readable(int number)
{
	(void)number;
	stop_here();
	if (mprotect(slow_message, page, PROT_READ) == -1)
		abort();
}

static void
make_slow_message(uint32_t number)
{
	struct sigaction action = { .sa_handler = make_readable };

	page = (size_t)sysconf(_SC_PAGESIZE);
	slow_message =
	    mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(slow_message != MAP_FAILED);
	slow_message->number = number;
	MUST(mprotect(slow_message, page, PROT_NONE) == 0);
	MUST(sigaction(SIGSEGV, &action, NULL) == 0);
	MUST(sigaction(SIGBUS, &action, NULL) == 0);
}

START_TEST(message_that_is_being_copied_is_none_and_is_told_of_when_it_is_one)
{
	pthread_t thread;

	start();
	make_slow_message(1);
	thread = spawn_stopped(slow_message);
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_told());
	must_send(2);
	ck_assert(is_told());
	ck_assert_int_eq(receive_nothing(), 0); /* the other one is the first */
	ck_assert(!is_told());
	go_on(thread);
	ck_assert(is_told());
	must_receive(1);
	must_receive(2);
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_told());
	stop();
}
END_TEST

START_TEST(end_waits_for_a_message_that_is_being_copied)
{
	pthread_t thread;

	start();
	make_slow_message(1);
	thread = spawn_stopped(slow_message);
	amy_channel_close(channel);
	ck_assert_int_eq(send_number(2), EPIPE);
	ck_assert(is_told());
	ck_assert_int_eq(receive_nothing(), 0);
	ck_assert(!is_told());
	go_on(thread);
	ck_assert(is_told());
	must_receive(1);
	ck_assert_int_eq(receive_nothing(), EPIPE);
	ck_assert(is_told());
	stop();
}
END_TEST

START_TEST(channel_with_a_message_that_is_being_copied_becomes_full)
{
	pthread_t thread;

	start();
	make_slow_message(0);
	thread = spawn_stopped(slow_message);
	for (uint32_t i = 1; i < CAPACITY; i++)
		must_send(i);
	ck_assert_int_eq(send_number(CAPACITY), EAGAIN);
	go_on(thread);
	for (uint32_t i = 0; i < CAPACITY; i++)
		must_receive(i);
	stop();
}
END_TEST

/* ---- Threads ----------------------------------------------------------------------- */

enum { NSENDERS = 8, MOST = 100000 };

/* Owner: its thread. */
struct sender {
	pthread_t thread;
	uint32_t me;
	uint32_t most;
	uint32_t naccepted;
	int error; /* what ended it; 0: it sent all of them */
};

static void *
sender_thread(void *argument)
{
	struct sender *sender = argument;
	struct message message = { .sender = sender->me };

	while (sender->naccepted < sender->most) {
		message.number = sender->naccepted;
		if (amy_channel_send(channel, &message) == 0) {
			sender->naccepted++;
		} else if (errno == EAGAIN) {
			sched_yield();
		} else {
			sender->error = errno;
			break;
		}
	}
	return NULL;
}

static void
spawn_senders(struct sender *senders, uint32_t n, uint32_t most)
{
	for (uint32_t i = 0; i < n; i++) {
		senders[i] = (struct sender){ .me = i, .most = most };
		senders[i].thread = spawn(sender_thread, &senders[i]);
	}
}

/* All there are for now, in the order of each sender; false: that was the end. */
static bool
receive_all(uint32_t *next)
{
	struct message message;
	int rc;

	while ((rc = amy_channel_receive(channel, &message)) == 1) {
		MUST(message.sender < NSENDERS);
		MUST(message.number == next[message.sender]++);
	}
	MUST(rc == 0 || errno == EPIPE);
	return rc == 0;
}

START_TEST(many_threads_send_and_each_one_s_order_is_kept)
{
	struct sender senders[NSENDERS];
	uint32_t next[NSENDERS] = { 0 };
	uint32_t nreceived = 0, nwoken = 0;

	start_large(256);
	register_channel();
	spawn_senders(senders, NSENDERS, MOST);
	while (nreceived < NSENDERS * MOST) {
		MUST(is_woken_within(-1));
		nwoken++;
		MUST(receive_all(next));
		must_rearm();
		nreceived = 0;
		for (int i = 0; i < NSENDERS; i++)
			nreceived += next[i];
	}
	for (int i = 0; i < NSENDERS; i++) {
		join(senders[i].thread);
		MUST(next[i] == MOST && senders[i].error == 0);
	}
	ck_assert_uint_le(nwoken, NSENDERS * MOST);
	stop_with_poller();
}
END_TEST

START_TEST(receiver_may_take_one_message_each_time_it_is_woken)
{
	struct sender senders[2];
	struct message message;
	uint32_t next[2] = { 0 };

	start_with_poller();
	spawn_senders(senders, 2, MOST / 10);
	while (next[0] + next[1] < 2 * (MOST / 10)) {
		MUST(is_woken_within(-1));
		if (amy_channel_receive(channel, &message) == 1)
			MUST(message.number == next[message.sender]++);
		must_rearm();
	}
	join(senders[0].thread);
	join(senders[1].thread);
	stop_with_poller();
}
END_TEST

static void *
closing_thread(void *sender)
{
	sender_thread(sender);
	amy_channel_close(channel);
	return NULL;
}

/* Whoever was told that a message was accepted finds it received before the end. */
static void
close_while_sending(uint32_t nbefore)
{
	enum { N = 3 };
	struct sender senders[N + 1];
	uint32_t next[NSENDERS] = { 0 };
	bool has_ended = false;

	start_large(64);
	register_channel();
	spawn_senders(senders, N, UINT32_MAX);
	senders[N] = (struct sender){ .me = N, .most = nbefore };
	senders[N].thread = spawn(closing_thread, &senders[N]);
	while (!has_ended) {
		MUST(is_woken_within(-1));
		has_ended = !receive_all(next);
		must_rearm();
	}
	for (int i = 0; i <= N; i++) {
		join(senders[i].thread);
		MUST(senders[i].error == (i < N ? EPIPE : 0));
		MUST(next[i] == senders[i].naccepted);
	}
	MUST(is_told());
	stop_with_poller();
}

START_TEST(message_that_races_with_closing_is_refused_or_received)
{
	uint64_t seed = 7;

	for (int i = 0; i < 300; i++)
		close_while_sending(random_below(&seed, 100));
}
END_TEST

/* ---- Creation ---------------------------------------------------------------------- */

static void
must_fail(size_t capacity, size_t nbytes, int error)
{
	errno = 0;
	MUST(amy_channel_create(capacity, nbytes) == NULL);
	MUST(errno == error);
}

START_TEST(creation_with_what_is_out_of_range_is_invalid)
{
	must_fail(0, 1, EINVAL);
	must_fail((1 << 24) + 1, 1, EINVAL);
	must_fail(SIZE_MAX, 1, EINVAL);
	must_fail(1, 0, EINVAL);
	must_fail(1, 65537, EINVAL);
	must_fail(1, SIZE_MAX, EINVAL);
}
END_TEST

/* Each call of a kind fails in its turn, until there is none left to fail. */
static void
creation_must_survive(enum fault_call call, int error)
{
	long allocated = fault_live_allocations();
	struct amy_channel *created = NULL;
	unsigned nfailed = 0;

	while (created == NULL) {
		fault_set(call, nfailed + 1, error);
		errno = 0;
		created = amy_channel_create(CAPACITY, 8);
		if (!fault_clear())
			break;
		nfailed++;
		MUST(created == NULL);
		MUST(errno == error);
		MUST(fault_live_allocations() == allocated);
	}
	MUST(created != NULL);
	MUST(nfailed > 0);
	amy_channel_destroy(created);
	MUST(fault_live_allocations() == allocated);
}

START_TEST(creation_fails_without_memory_or_descriptors_and_leaves_nothing)
{
	creation_must_survive(FAULT_ALLOCATION, ENOMEM);
	creation_must_survive(FAULT_DESCRIPTOR, ENFILE);
}
END_TEST

START_TEST(creation_needs_a_descriptor)
{
	struct rlimit limit, none;

	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	none = limit;
	none.rlim_cur = 0;
	MUST(setrlimit(RLIMIT_NOFILE, &none) == 0);
	must_fail(1, 1, EMFILE);
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	start();
	stop();
}
END_TEST

/* ---- Notices ----------------------------------------------------------------------- */

START_TEST(notices_are_counted_and_make_it_readable)
{
	struct notice notice;

	MUST(notice_open(&notice) == 0);
	ck_assert(!is_readable(notice.fd));
	ck_assert_uint_eq(notice_clear(&notice), 0);
	for (uint64_t n = 1; n < 1000; n *= 2) {
		for (uint64_t i = 0; i < n; i++)
			notice_put(&notice);
		ck_assert(is_readable(notice.fd));
		ck_assert_uint_eq(notice_clear(&notice), n);
		ck_assert(!is_readable(notice.fd));
		ck_assert_uint_eq(notice_clear(&notice), 0);
	}
	notice_close(&notice);
}
END_TEST

START_TEST(notice_that_was_interrupted_is_put_and_taken)
{
	struct notice notice;

	MUST(notice_open(&notice) == 0);
	fault_set(FAULT_WRITE, 1, EINTR);
	notice_put(&notice);
	MUST(fault_clear());
	ck_assert(is_readable(notice.fd));
	fault_set(FAULT_READ, 1, EINTR);
	ck_assert_uint_eq(notice_clear(&notice), 1);
	MUST(fault_clear());
	ck_assert(!is_readable(notice.fd));
	notice_close(&notice);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("channel",
	    messages_are_received_in_the_order_in_which_they_were_sent,
	    messages_go_around_the_ring_many_times,
	    full_channel_takes_no_more_until_one_was_received,
	    there_is_room_for_at_least_the_capacity,
	    messages_of_any_size_are_whole,
	    messages_that_are_left_are_destroyed_with_the_channel,
	    null_may_be_destroyed,
	    descriptor_is_readable_until_there_is_nothing,
	    descriptor_is_readable_after_a_message_that_nobody_was_told_of,
	    descriptor_does_not_go_to_other_programs,
	    system_calls_are_only_for_the_first_message_after_there_was_nothing,
	    nothing_is_allocated_after_creation,
	    message_wakes_the_poller,
	    several_messages_wake_it_once,
	    message_between_waking_and_receiving_does_not_wake_it_again,
	    message_after_all_were_received_wakes_it_again,
	    received_until_there_is_nothing_it_stays_asleep,
	    sent_told_and_received_again_and_again,
	    full_channel_wakes_it_and_has_room_after_receiving,
	    what_is_left_wakes_it_when_it_is_armed_again,
	    end_wakes_it,
	    closed_channel_takes_nothing,
	    what_was_sent_before_closing_is_received,
	    closing_twice_is_fine,
	    message_that_comes_while_the_descriptor_is_made_unreadable_is_received,
	    end_that_comes_while_the_descriptor_is_made_unreadable_is_told,
	    message_is_received_before_its_sender_has_told_of_it,
	    notice_that_is_late_is_cleared_once,
	    message_that_is_being_copied_is_none_and_is_told_of_when_it_is_one,
	    end_waits_for_a_message_that_is_being_copied,
	    channel_with_a_message_that_is_being_copied_becomes_full,
	    many_threads_send_and_each_one_s_order_is_kept,
	    receiver_may_take_one_message_each_time_it_is_woken,
	    message_that_races_with_closing_is_refused_or_received,
	    creation_with_what_is_out_of_range_is_invalid,
	    creation_fails_without_memory_or_descriptors_and_leaves_nothing,
	    creation_needs_a_descriptor,
	    notices_are_counted_and_make_it_readable,
	    notice_that_was_interrupted_is_put_and_taken);
}
