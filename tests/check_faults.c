/* SPDX-License-Identifier: MIT */
/*
 * Whichever call fails: it is reported, nothing leaks, and the same thing tried again
 * works. Each test goes through a scene again and again; the first call fails, then the
 * second, and so on until there was no call left to fail.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "amy.h"
#include "faults.h"
#include "harness.h"

/* More than the first segment of the table has. */
enum { NFILLERS = 70, NFDS = 3 };

static int injected; /* the errno of what fails */
static unsigned nfailures;
static int fds[NFDS];

/* After it failed, for the reason given, once: it works. */
#define MUST_SUCCEED_NOW(failed, error, again)                                           \
	do {                                                                             \
		errno = 0;                                                               \
		if (failed) {                                                            \
			MUST(errno == (error));                                          \
			nfailures++;                                                     \
			MUST(again);                                                     \
		}                                                                        \
	} while (0)
#define MUST_MAKE(object, call)                                                          \
	MUST_SUCCEED_NOW((object = call) == NULL, injected, (object = call) != NULL)
#define MUST_DO(call) MUST_SUCCEED_NOW(call == -1, injected, call == 0)

static void
through_every_failure(enum fault_call call, int error, void (*scene)(void),
                      unsigned at_least)
{
	unsigned k = 0;

	injected = error;
	do {
		long allocations = fault_live_allocations();
		size_t descriptors = count_descriptors();

		nfailures = 0;
		fault_set(call, ++k, error);
		scene();
		MUST(nfailures <= 1);
		MUST(fault_live_allocations() == allocations);
		MUST(count_descriptors() == descriptors);
	} while (fault_clear());
	ck_assert_uint_gt(k, at_least);
}

/* ---- Poller and registrar --------------------------------------------------------- */

static unsigned
told_of(struct amy_poller *poller)
{
	struct amy_notification told;
	int n = amy_poller_wait(poller, &told, 1, 0);

	MUST(n == 0 || n == 1);
	return n == 0 ? 0 : told.events;
}

static void
scene_of_one_descriptor(struct amy_poller *poller, struct amy_registrar *registrar, int fd)
{
	amy_id id, other;

	MUST_DO(amy_registrar_register(registrar, fd, AMY_READ, NULL, &id));
	MUST(told_of(poller) == AMY_READ);
	MUST(told_of(poller) == 0);
	MUST_DO(amy_registrar_rearm(registrar, id, AMY_WRITE));
	MUST(told_of(poller) == AMY_WRITE);
	MUST_DO(amy_registrar_rearm(registrar, id, AMY_READ));
	MUST(amy_registrar_take(registrar, id) == 0);
	MUST_DO(amy_registrar_rearm(registrar, id, AMY_BOTH));
	MUST(told_of(poller) == AMY_BOTH);
	MUST(amy_registrar_deregister(registrar, id) == 0);

	MUST_DO(amy_registrar_register(registrar, -1, 0, NULL, &other));
	MUST(other != id);
	MUST(amy_registrar_deregister(registrar, other) == 0);
}

static void
scene_of_a_poller(void)
{
	struct amy_poller *poller;
	struct amy_registrar *registrar;
	amy_id fillers[NFILLERS];

	MUST_MAKE(poller, amy_poller_create());
	MUST_MAKE(registrar, amy_registrar_create(poller));
	for (uint32_t i = 0; i < NFILLERS; i++) {
		MUST_DO(amy_registrar_register(registrar, -1, 0, NULL, &fillers[i]));
		MUST(amy_id_index(fillers[i]) == i);
	}
	for (int i = 0; i < NFDS; i++)
		scene_of_one_descriptor(poller, registrar, fds[i]);
	for (int i = 0; i < NFILLERS; i++)
		MUST(amy_registrar_deregister(registrar, fillers[i]) == 0);
	amy_poller_destroy(poller);
	amy_registrar_destroy(registrar);
}

static void
fds_open(void)
{
	for (int i = 0; i < NFDS; i++) {
		fds[i] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
		MUST(fds[i] != -1);
	}
}

static void
fds_close(void)
{
	for (int i = 0; i < NFDS; i++)
		close(fds[i]);
}

/* The poller, its core, the registrar, two segments. */
START_TEST(any_allocation_of_a_poller_may_fail)
{
	fds_open();
	through_every_failure(FAULT_ALLOCATION, ENOMEM, scene_of_a_poller, 5);
	fds_close();
}
END_TEST

START_TEST(making_the_kernel_s_side_of_a_poller_may_fail)
{
	const int errors[] = { EMFILE, ENFILE, ENOMEM };

	fds_open();
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		through_every_failure(FAULT_EPOLL_CREATE, errors[i], scene_of_a_poller, 1);
	fds_close();
}
END_TEST

/* Each descriptor: one addition, three changes, one removal; that may fail, too. */
START_TEST(any_arming_may_fail)
{
	const int errors[] = { ENOMEM, ENOSPC, EPERM, EBADF, EEXIST };

	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		fds_open();
		through_every_failure(FAULT_EPOLL_CTL, errors[i], scene_of_a_poller,
		                      NFDS * 4);
		fds_close();
	}
}
END_TEST

/* ---- Wait set --------------------------------------------------------------------- */

static void
must_be_told(struct amy_wait_set *set, amy_id id, unsigned events)
{
	struct amy_notification told;

	MUST(amy_wait_set_wait(set, &told, 1, 0) == (events == 0 ? 0 : 1));
	MUST(events == 0 || (told.id == id && told.events == events));
}

/* What failed has changed nothing: the call after it, which is the same, would fail then. */
static void
scene_of_a_wait_set(void)
{
	struct amy_wait_set *set;

	MUST_MAKE(set, amy_wait_set_create());
	for (int i = 0; i < NFDS; i++) {
		amy_id id = (amy_id)i;

		MUST_DO(amy_wait_set_add(set, fds[i], AMY_READ, id));
		must_be_told(set, id, AMY_READ);
		MUST_DO(amy_wait_set_modify(set, fds[i], AMY_BOTH, id));
		must_be_told(set, id, AMY_BOTH);
		MUST_DO(amy_wait_set_remove(set, fds[i]));
		must_be_told(set, id, 0);
	}
	amy_wait_set_destroy(set);
}

START_TEST(any_allocation_of_a_wait_set_may_fail)
{
	fds_open();
	through_every_failure(FAULT_ALLOCATION, ENOMEM, scene_of_a_wait_set, 1);
	fds_close();
}
END_TEST

START_TEST(making_the_kernel_s_side_of_a_wait_set_may_fail)
{
	const int errors[] = { EMFILE, ENFILE, ENOMEM };

	fds_open();
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		through_every_failure(FAULT_EPOLL_CREATE, errors[i], scene_of_a_wait_set, 1);
	fds_close();
}
END_TEST

/* Each descriptor: one addition, one change, one removal. */
START_TEST(any_change_of_a_wait_set_may_fail)
{
	const int errors[] = { ENOMEM, ENOSPC, EPERM, EBADF, EEXIST, ENOENT };

	fds_open();
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		through_every_failure(FAULT_EPOLL_CTL, errors[i], scene_of_a_wait_set,
		                      NFDS * 3);
	fds_close();
}
END_TEST

/* ---- Lines ------------------------------------------------------------------------ */

static char text[3000];

static void
must_read_line(struct amy_line_reader *reader, size_t nbytes)
{
	struct amy_bytes line = { NULL, SIZE_MAX };

	MUST_SUCCEED_NOW(amy_line_reader_next(reader, &line) == -1, ENOMEM,
	                 amy_line_reader_next(reader, &line) == 1);
	MUST(line.nbytes == nbytes);
	MUST(memcmp(line.bytes, text, nbytes) == 0);
}

static void
must_read_nothing(struct amy_line_reader *reader)
{
	struct amy_bytes line;

	MUST_DO(amy_line_reader_next(reader, &line));
}

/* Text and LFs: lines of 2000, 900 and 0 bytes, in pieces. */
static void
scene_of_a_reader(void)
{
	struct amy_line_reader reader;
	char tail[1001];

	memcpy(tail, text, 1000);
	tail[900] = '\n';
	amy_line_reader_init(&reader, sizeof text);
	MUST(amy_line_reader_feed(&reader, text, 100) == 0);
	must_read_nothing(&reader);
	MUST(amy_line_reader_feed(&reader, text + 100, 900) == 0);
	MUST_DO(amy_line_reader_keep(&reader));
	MUST(amy_line_reader_feed(&reader, text + 1000, 1000) == 0);
	must_read_nothing(&reader);
	MUST(amy_line_reader_feed(&reader, "\n", 1) == 0);
	must_read_line(&reader, 2000);
	MUST(amy_line_reader_feed(&reader, tail, 901) == 0);
	MUST_DO(amy_line_reader_keep(&reader));
	must_read_line(&reader, 900);
	amy_line_reader_unget(&reader);
	MUST(amy_line_reader_feed(&reader, "\n", 1) == 0);
	MUST_DO(amy_line_reader_keep(&reader));
	must_read_line(&reader, 900);
	must_read_line(&reader, 0);
	must_read_nothing(&reader);
	MUST(reader.kept == NULL);
	amy_line_reader_fini(&reader);
}

START_TEST(any_allocation_of_a_reader_may_fail)
{
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 26);
	through_every_failure(FAULT_ALLOCATION, ENOMEM, scene_of_a_reader, 4);
}
END_TEST

static void
scene_of_a_writer(void)
{
	struct amy_line_writer writer;
	size_t expected = 0;

	amy_line_writer_init(&writer, sizeof text);
	for (size_t n = 1; n <= 40; n++) {
		MUST_DO(amy_line_writer_put(&writer, text, n));
		MUST_DO(amy_line_writer_append(&writer, text, n));
		expected += 2 * n + 1;
		if (n % 3 == 0) {
			amy_line_writer_consume(&writer, n);
			expected -= n;
		}
		MUST(amy_line_writer_pending(&writer, NULL) == expected);
	}
	amy_line_writer_consume(&writer, expected);
	MUST(writer.buffer == NULL);
	MUST_DO(amy_line_writer_put(&writer, text, 2000));
	amy_line_writer_fini(&writer);
}

START_TEST(any_allocation_of_a_writer_may_fail)
{
	through_every_failure(FAULT_ALLOCATION, ENOMEM, scene_of_a_writer, 5);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("faults",
	    any_allocation_of_a_poller_may_fail,
	    making_the_kernel_s_side_of_a_poller_may_fail,
	    any_arming_may_fail,
	    any_allocation_of_a_wait_set_may_fail,
	    making_the_kernel_s_side_of_a_wait_set_may_fail,
	    any_change_of_a_wait_set_may_fail,
	    any_allocation_of_a_reader_may_fail,
	    any_allocation_of_a_writer_may_fail);
}
