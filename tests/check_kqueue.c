/* SPDX-License-Identifier: MIT */
/*
 * The kernel of systems with kqueue(2), over a stand-in for that: what is asked of it, and
 * what is made of its answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amy.h"
#include "faults.h"
#include "harness.h"
#include "kernel.h"
#include "recorder.h"

#define COOKIE 0x123456789abcdef0u
#define OTHER_COOKIE 0x0fedcba987654321u

#define ARMED (EV_ADD | EV_ENABLE | EV_DISPATCH | EV_RECEIPT)
#define LEVEL (EV_ADD | EV_ENABLE | EV_RECEIPT)
#define EDGE (EV_ADD | EV_ENABLE | EV_CLEAR | EV_RECEIPT)
#define GONE (EV_DELETE | EV_RECEIPT)

#define ck_assert_errno(call, error)                                                     \
	do {                                                                             \
		errno = 0;                                                               \
		ck_assert_int_eq(call, -1);                                              \
		ck_assert_int_eq(errno, error);                                          \
	} while (0)

static struct kernel kernel;
static int fds[2];

static void
start(void)
{
	recorder_reset();
	MUST(kernel_open(&kernel) == 0);
	make_socketpair(fds);
}

static void
stop(void)
{
	close_pair(fds);
	kernel_close(&kernel);
}

static void
must_arm(int fd, unsigned interest, uint64_t cookie, bool first)
{
	MUST(kernel_arm(&kernel, fd, interest, cookie, first) == 0);
}

static void
must_watch(int fd, unsigned interest, uint64_t cookie, bool first)
{
	MUST(kernel_watch(&kernel, fd, interest, cookie, first) == 0);
}

/* The changes asked for since the last look at them were n; this is the ith of them. */
static void
must_have_asked(int n, int i, int filter, unsigned flags, uint64_t cookie)
{
	ck_assert_int_eq(nrecorded, n);
	ck_assert_int_eq((int)recorded[i].ident, fds[0]);
	ck_assert_int_eq(recorded[i].filter, filter);
	ck_assert_uint_eq(recorded[i].flags, flags);
	ck_assert_uint_eq(recorded[i].fflags, 0);
	if (!(flags & EV_DELETE))
		ck_assert_uint_eq((uint64_t)(uintptr_t)recorded[i].udata, cookie);
}

static void
must_have_asked_nothing(void)
{
	ck_assert_int_eq(nrecorded, 0);
}

static void
push(int fd, int filter, unsigned flags, unsigned fflags, uint64_t cookie)
{
	recorder_push((struct kevent){
	    .ident = (uintptr_t)fd,
	    .filter = (int16_t)filter,
	    .flags = (uint16_t)flags,
	    .fflags = fflags,
	    .udata = (void *)(uintptr_t)cookie,
	});
}

static struct kernel_event told[4];

static int
wait_for(int max)
{
	return kernel_wait(&kernel, told, max, 0);
}

/* What one event of fds[0] counts for; 0: for nothing. */
static unsigned
told_of(int filter, unsigned flags, unsigned fflags, uint64_t cookie)
{
	int n;

	push(fds[0], filter, flags, fflags, cookie);
	errno = 0;
	n = wait_for(4);
	MUST(n == 1 || (n == -1 && errno == EINTR));
	MUST(n == -1 || told[0].cookie == cookie);
	return n == -1 ? 0 : told[0].events;
}

/* ---- Arming ----------------------------------------------------------------------- */

START_TEST(queue_is_closed_on_exec)
{
	start();
	ck_assert_int_eq(fcntl(kernel.fd, F_GETFD), FD_CLOEXEC);
	stop();
	ck_assert_int_eq(kernel.fd, -1);
}
END_TEST

START_TEST(queue_that_cannot_be_made_is_an_error)
{
	recorder_reset();
	recorder_fail_queue(EMFILE);
	ck_assert_errno(kernel_open(&kernel), EMFILE);
}
END_TEST

START_TEST(each_direction_is_a_filter_that_is_off_after_one_event)
{
	start();
	must_arm(fds[0], AMY_READ, COOKIE, true);
	must_have_asked(1, 0, EVFILT_READ, ARMED, COOKIE);
	MUST(kernel_forget(&kernel, fds[0]) == 0);

	recorder_reset();
	must_arm(fds[0], AMY_WRITE, COOKIE, true);
	must_have_asked(1, 0, EVFILT_WRITE, ARMED, COOKIE);
	MUST(kernel_forget(&kernel, fds[0]) == 0);

	recorder_reset();
	must_arm(fds[0], AMY_BOTH | AMY_HUP | AMY_ERROR, COOKIE, true);
	must_have_asked(2, 0, EVFILT_READ, ARMED, COOKIE);
	must_have_asked(2, 1, EVFILT_WRITE, ARMED, COOKIE);
	stop();
}
END_TEST

START_TEST(what_was_armed_is_armed_again_in_place)
{
	start();
	must_arm(fds[0], AMY_BOTH, COOKIE, true);
	recorder_reset();
	must_arm(fds[0], AMY_BOTH, OTHER_COOKIE, false);
	must_have_asked(2, 0, EVFILT_READ, ARMED, OTHER_COOKIE);
	must_have_asked(2, 1, EVFILT_WRITE, ARMED, OTHER_COOKIE);
	stop();
}
END_TEST

START_TEST(what_is_not_wanted_any_more_goes_before_anything_comes)
{
	start();
	must_arm(fds[0], AMY_BOTH, COOKIE, true);
	recorder_reset();
	must_arm(fds[0], AMY_READ, OTHER_COOKIE, false);
	must_have_asked(2, 0, EVFILT_WRITE, GONE, 0);
	must_have_asked(2, 1, EVFILT_READ, ARMED, OTHER_COOKIE);
	recorder_reset();
	must_arm(fds[0], AMY_WRITE, COOKIE, false);
	must_have_asked(2, 0, EVFILT_READ, GONE, 0);
	must_have_asked(2, 1, EVFILT_WRITE, ARMED, COOKIE);
	stop();
}
END_TEST

START_TEST(kqueue_that_cannot_change_a_filter_gets_a_new_one)
{
	struct kqueue_entry entry = { .filters = { { KQUEUE_ARMED, KQUEUE_ARMED } } };
	struct kqueue_filters wanted = { { KQUEUE_ARMED, KQUEUE_ARMED } };
	struct kevent changes[KQUEUE_MAX_CHANGES];
	const struct {
		int filter;
		unsigned flags;
	} expected[] = {
		{ EVFILT_READ, GONE },
		{ EVFILT_WRITE, GONE },
		{ EVFILT_READ, ARMED },
		{ EVFILT_WRITE, ARMED },
	};

	ck_assert_int_eq(kqueue_changes(&entry, 3, wanted, COOKIE, true, changes), 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(changes[i].filter, expected[i].filter);
		ck_assert_uint_eq(changes[i].flags, expected[i].flags);
	}
	ck_assert_int_eq(kqueue_changes(&entry, 3, wanted, COOKIE, false, changes), 2);
}
END_TEST

START_TEST(hang_ups_alone_are_an_edge_of_writing)
{
	start();
	must_arm(fds[0], AMY_HUP, COOKIE, true);
	must_have_asked(1, 0, EVFILT_WRITE, EDGE, COOKIE);
	recorder_reset();
	must_arm(fds[0], AMY_ERROR, OTHER_COOKIE, false);
	must_have_asked(2, 0, EVFILT_WRITE, GONE, 0);
	must_have_asked(2, 1, EVFILT_WRITE, EDGE, OTHER_COOKIE);
	recorder_reset();
	must_arm(fds[0], AMY_WRITE, COOKIE, false);
	must_have_asked(2, 0, EVFILT_WRITE, GONE, 0);
	must_have_asked(2, 1, EVFILT_WRITE, ARMED, COOKIE);
	stop();
}
END_TEST

START_TEST(hang_ups_alone_of_what_is_only_read_are_an_edge_of_reading)
{
	int ends[2];

	start();
	make_pipe(ends);
	must_arm(ends[0], AMY_HUP, COOKIE, true);
	ck_assert_int_eq(recorded[0].filter, EVFILT_READ);
	ck_assert_uint_eq(recorded[0].flags, EDGE);
	must_arm(ends[1], AMY_HUP, COOKIE, true);
	ck_assert_int_eq(recorded[1].filter, EVFILT_WRITE);
	ck_assert_uint_eq(recorded[1].flags, EDGE);
	ck_assert_int_eq(nrecorded, 2);
	close_pair(ends);
	stop();
}
END_TEST

START_TEST(what_is_watched_is_level_triggered)
{
	start();
	must_watch(fds[0], AMY_BOTH, COOKIE, true);
	must_have_asked(2, 0, EVFILT_READ, LEVEL, COOKIE);
	must_have_asked(2, 1, EVFILT_WRITE, LEVEL, COOKIE);
	stop();
}
END_TEST

START_TEST(what_is_watched_already_is_left_alone)
{
	start();
	must_watch(fds[0], AMY_READ, COOKIE, true);
	recorder_reset();
	must_watch(fds[0], AMY_READ, COOKIE, false);
	must_have_asked_nothing();
	must_watch(fds[0], AMY_BOTH, COOKIE, false);
	must_have_asked(1, 0, EVFILT_WRITE, LEVEL, COOKIE);
	recorder_reset();
	must_watch(fds[0], AMY_WRITE, COOKIE, false);
	must_have_asked(1, 0, EVFILT_READ, GONE, 0);
	recorder_reset();
	must_watch(fds[0], AMY_WRITE, OTHER_COOKIE, false);
	must_have_asked(2, 0, EVFILT_WRITE, GONE, 0);
	must_have_asked(2, 1, EVFILT_WRITE, LEVEL, OTHER_COOKIE);
	recorder_reset();
	must_watch(fds[0], 0, OTHER_COOKIE, false);
	must_have_asked(2, 0, EVFILT_WRITE, GONE, 0);
	must_have_asked(2, 1, EVFILT_WRITE, EDGE, OTHER_COOKIE);
	stop();
}
END_TEST

START_TEST(forgotten_descriptor_has_no_filters_and_may_be_armed_anew)
{
	start();
	must_arm(fds[0], AMY_BOTH, COOKIE, true);
	recorder_reset();
	ck_assert_int_eq(kernel_forget(&kernel, fds[0]), 0);
	must_have_asked(2, 0, EVFILT_READ, GONE, 0);
	must_have_asked(2, 1, EVFILT_WRITE, GONE, 0);
	ck_assert_errno(kernel_forget(&kernel, fds[0]), ENOENT);
	recorder_reset();
	must_arm(fds[0], AMY_READ, OTHER_COOKIE, true);
	must_have_asked(1, 0, EVFILT_READ, ARMED, OTHER_COOKIE);
	stop();
}
END_TEST

START_TEST(filter_that_has_gone_by_itself_need_not_be_removed)
{
	start();
	must_arm(fds[0], AMY_BOTH, COOKIE, true);
	recorder_reset();
	recorder_refuse(1, ENOENT);
	must_arm(fds[0], AMY_READ, OTHER_COOKIE, false);
	recorder_refuse(1, ENOENT);
	ck_assert_int_eq(kernel_forget(&kernel, fds[0]), 0);
	stop();
}
END_TEST

/* ---- Errors ----------------------------------------------------------------------- */

START_TEST(kernel_knows_what_it_was_told_of)
{
	start();
	ck_assert_errno(kernel_arm(&kernel, fds[0], AMY_READ, COOKIE, false), ENOENT);
	ck_assert_errno(kernel_watch(&kernel, fds[0], AMY_READ, COOKIE, false), ENOENT);
	ck_assert_errno(kernel_forget(&kernel, fds[0]), ENOENT);
	must_have_asked_nothing();
	must_arm(fds[0], AMY_READ, COOKIE, true);
	ck_assert_errno(kernel_arm(&kernel, fds[0], AMY_READ, OTHER_COOKIE, true), EEXIST);
	ck_assert_int_eq(nrecorded, 1);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), AMY_READ);
	stop();
}
END_TEST

START_TEST(closed_descriptor_is_refused)
{
	start();
	close_pair(fds);
	for (int i = 0; i < 2; i++) {
		int fd = i == 0 ? fds[0] : -1;

		ck_assert_errno(kernel_arm(&kernel, fd, AMY_READ, COOKIE, true), EBADF);
		ck_assert_errno(kernel_watch(&kernel, fd, AMY_READ, COOKIE, false), EBADF);
		ck_assert_errno(kernel_forget(&kernel, fd), EBADF);
	}
	must_have_asked_nothing();
	kernel_close(&kernel);
}
END_TEST

START_TEST(files_and_folders_cannot_be_polled)
{
	char path[] = "/tmp/check_kqueue.XXXXXX";
	int file = mkstemp(path), folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	MUST(file != -1 && folder != -1);
	MUST(unlink(path) == 0);
	start();
	ck_assert_errno(kernel_arm(&kernel, file, AMY_READ, COOKIE, true), EPERM);
	ck_assert_errno(kernel_arm(&kernel, folder, AMY_READ, COOKIE, true), EPERM);
	ck_assert_errno(kernel_forget(&kernel, file), EPERM);
	must_have_asked_nothing();
	stop();
	close(file);
	close(folder);
}
END_TEST

START_TEST(errors_of_the_system_are_those_that_are_documented)
{
	const struct {
		int error, expected;
	} cases[] = {
		{ EBADF, EBADF },   { ENOMEM, ENOMEM }, { ENOSPC, ENOSPC },
		{ EINVAL, EPERM },  { ENODEV, EPERM },  { ENOTSUP, EPERM },
		{ EOPNOTSUPP, EPERM },
	};

	start();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		recorder_reset();
		recorder_refuse(1, cases[i].error);
		ck_assert_errno(kernel_arm(&kernel, fds[0], AMY_READ, COOKIE, true),
		                cases[i].expected);
		recorder_fail_changes(cases[i].error);
		ck_assert_errno(kernel_arm(&kernel, fds[0], AMY_READ, COOKIE, true),
		                cases[i].expected);
	}
	must_arm(fds[0], AMY_READ, COOKIE, true);
	stop();
}
END_TEST

START_TEST(arming_that_failed_half_way_leaves_nothing_behind)
{
	start();
	recorder_refuse(2, ENOMEM);
	ck_assert_errno(kernel_arm(&kernel, fds[0], AMY_BOTH, COOKIE, true), ENOMEM);
	must_have_asked(3, 0, EVFILT_READ, ARMED, COOKIE);
	must_have_asked(3, 1, EVFILT_WRITE, ARMED, COOKIE);
	must_have_asked(3, 2, EVFILT_READ, GONE, 0);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), 0);
	ck_assert_errno(kernel_forget(&kernel, fds[0]), ENOENT);
	stop();
}
END_TEST

START_TEST(first_error_is_the_one_that_is_told)
{
	start();
	recorder_refuse(1, ENOMEM);
	recorder_refuse(2, EBADF);
	ck_assert_errno(kernel_arm(&kernel, fds[0], AMY_BOTH, COOKIE, true), ENOMEM);
	ck_assert_int_eq(nrecorded, 2);
	stop();
}
END_TEST

START_TEST(arming_again_that_failed_is_silent_and_may_be_tried_again)
{
	start();
	must_arm(fds[0], AMY_READ, COOKIE, true);
	recorder_reset();
	recorder_refuse(1, ENOMEM);
	ck_assert_errno(kernel_arm(&kernel, fds[0], AMY_READ, OTHER_COOKIE, false), ENOMEM);
	must_have_asked(2, 1, EVFILT_READ, GONE, 0);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), 0);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, OTHER_COOKIE), 0);
	must_arm(fds[0], AMY_READ, COOKIE + 1, false);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE + 1), AMY_READ);
	stop();
}
END_TEST

START_TEST(call_that_failed_as_a_whole_may_have_done_anything)
{
	start();
	recorder_fail_changes(ENOMEM);
	ck_assert_errno(kernel_arm(&kernel, fds[0], AMY_BOTH, COOKIE, true), ENOMEM);
	must_have_asked(2, 0, EVFILT_READ, GONE, 0);
	must_have_asked(2, 1, EVFILT_WRITE, GONE, 0);
	stop();
}
END_TEST

START_TEST(watching_that_could_not_be_changed_goes_on_as_before)
{
	start();
	must_watch(fds[0], AMY_READ, COOKIE, true);
	recorder_reset();
	recorder_refuse(1, ENOMEM);
	ck_assert_errno(kernel_watch(&kernel, fds[0], AMY_BOTH, COOKIE, false), ENOMEM);
	must_have_asked(3, 1, EVFILT_READ, GONE, 0);
	must_have_asked(3, 2, EVFILT_READ, LEVEL, COOKIE);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), AMY_READ);
	ck_assert_uint_eq(told_of(EVFILT_WRITE, 0, 0, COOKIE), 0);
	stop();
}
END_TEST

START_TEST(entries_take_memory_which_may_be_missing)
{
	long allocations = fault_live_allocations();
	struct rlimit limit, more;

	recorder_reset();
	for (unsigned nth = 1; nth <= 2; nth++) {
		fault_set(FAULT_ALLOCATION, nth, ENOMEM);
		MUST(kernel_open(&kernel) == -1 && errno == ENOMEM);
		MUST(fault_clear());
		MUST(fault_live_allocations() == allocations);
	}

	/* For more descriptors than there could be when it was opened. */
	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	more = (struct rlimit){ .rlim_cur = 64, .rlim_max = limit.rlim_max };
	MUST(setrlimit(RLIMIT_NOFILE, &more) == 0);
	start();
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	MUST(dup2(fds[0], 100) == 100);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(kernel_arm(&kernel, 100, AMY_READ, COOKIE, true) == -1 && errno == ENOMEM);
	MUST(fault_clear());
	must_arm(100, AMY_READ, COOKIE, true);
	close(100);
	stop();
}
END_TEST

START_TEST(arming_allocates_nothing)
{
	start();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	must_arm(fds[0], AMY_BOTH, COOKIE, true);
	must_watch(fds[1], AMY_BOTH, OTHER_COOKIE, true);
	push(fds[0], EVFILT_READ, 0, 0, COOKIE);
	MUST(wait_for(4) == 1);
	MUST(!fault_clear());
	stop();
}
END_TEST

START_TEST(each_descriptor_has_an_entry_of_its_own)
{
	const int numbers[] = { 0, 1, 63, 64, 65, 127, 128, 1000, 1 << 20, (1 << 20) - 1 };
	enum { N = sizeof numbers / sizeof numbers[0] };
	long allocations = fault_live_allocations();
	struct kqueue_table table;
	struct kqueue_entry *entry;

	MUST(kqueue_table_init(&table, 0) == 0);
	for (int i = 0; i < N; i++) {
		entry = kqueue_table_lock(&table, numbers[i]);
		MUST(entry != NULL);
		MUST(entry->cookie == 0);
		entry->cookie = COOKIE + (uint64_t)i;
		kqueue_table_unlock(&table, numbers[i]);
	}
	for (int i = 0; i < N; i++) {
		entry = kqueue_table_lock_known(&table, numbers[i]);
		MUST(entry->cookie == COOKIE + (uint64_t)i);
		kqueue_table_unlock(&table, numbers[i]);
	}
	MUST(kqueue_table_lock_known(&table, 1 << 25) == NULL);
	kqueue_table_fini(&table);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

/* ---- Events ----------------------------------------------------------------------- */

START_TEST(events_say_what_happened)
{
	const struct {
		unsigned interest;
		int filter;
		unsigned flags, fflags, expected;
	} cases[] = {
		{ AMY_READ, EVFILT_READ, 0, 0, AMY_READ },
		{ AMY_READ, EVFILT_READ, EV_EOF, 0, AMY_READ | AMY_HUP },
		{ AMY_READ, EVFILT_READ, EV_EOF, ECONNRESET, AMY_READ | AMY_HUP | AMY_ERROR },
		{ AMY_READ, EVFILT_READ, EV_ERROR, 0, AMY_READ | AMY_ERROR },
		{ AMY_WRITE, EVFILT_WRITE, 0, 0, AMY_WRITE },
		{ AMY_WRITE, EVFILT_WRITE, EV_EOF, EPIPE, AMY_WRITE | AMY_HUP | AMY_ERROR },
		{ AMY_WRITE, EVFILT_WRITE, EV_ERROR, 0, AMY_WRITE | AMY_ERROR },
		{ AMY_HUP, EVFILT_WRITE, 0, 0, 0 },
		{ AMY_HUP, EVFILT_WRITE, EV_EOF, EPIPE, AMY_HUP | AMY_ERROR },
		{ AMY_HUP, EVFILT_WRITE, EV_ERROR, 0, AMY_ERROR },
		{ AMY_HUP, EVFILT_READ, 0, 0, 0 },
		{ AMY_HUP, EVFILT_READ, EV_EOF, 0, AMY_HUP },
	};

	start();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		must_arm(fds[0], cases[i].interest, COOKIE + i, i == 0);
		ck_assert_uint_eq(
		    told_of(cases[i].filter, cases[i].flags, cases[i].fflags, COOKIE + i),
		    cases[i].expected);
	}
	stop();
}
END_TEST

START_TEST(event_counts_once)
{
	start();
	must_arm(fds[0], AMY_BOTH, COOKIE, true);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), AMY_READ);
	ck_assert_uint_eq(told_of(EVFILT_WRITE, 0, 0, COOKIE), 0);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), 0);
	must_arm(fds[0], AMY_READ, OTHER_COOKIE, false);
	ck_assert_uint_eq(told_of(EVFILT_WRITE, 0, 0, COOKIE), 0);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, OTHER_COOKIE), AMY_READ);
	stop();
}
END_TEST

START_TEST(stale_event_does_not_count)
{
	start();
	push(fds[0], EVFILT_READ, 0, 0, COOKIE);
	push(1 << 20, EVFILT_READ, 0, 0, COOKIE);
	must_arm(fds[0], AMY_READ, OTHER_COOKIE, true);
	ck_assert_errno(wait_for(4), EINTR);
	MUST(kernel_forget(&kernel, fds[0]) == 0);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, OTHER_COOKIE), 0);
	stop();
}
END_TEST

/* It would come for ever. */
START_TEST(filter_that_was_not_removed_is_removed_with_its_next_event)
{
	start();
	must_watch(fds[0], AMY_READ, COOKIE, true);
	recorder_fail_changes(ENOMEM);
	MUST(kernel_forget(&kernel, fds[0]) == 0);
	recorder_reset();
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), 0);
	must_have_asked(1, 0, EVFILT_READ, EV_DELETE, 0);

	must_arm(fds[0], AMY_WRITE, COOKIE, true);
	recorder_reset();
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, OTHER_COOKIE), 0);
	must_have_asked(1, 0, EVFILT_READ, EV_DELETE, 0);
	recorder_reset();
	ck_assert_uint_eq(told_of(EVFILT_WRITE, 0, 0, OTHER_COOKIE), 0);
	must_have_asked_nothing();
	stop();
}
END_TEST

START_TEST(what_is_watched_counts_again_and_again)
{
	start();
	must_watch(fds[0], AMY_READ, COOKIE, true);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), AMY_READ);
	stop();
}
END_TEST

START_TEST(both_directions_in_one_batch_are_one_event)
{
	int others[2];

	start();
	make_socketpair(others);
	must_arm(fds[0], AMY_BOTH, COOKIE, true);
	must_watch(others[0], AMY_BOTH, OTHER_COOKIE, true);
	push(others[0], EVFILT_WRITE, 0, 0, OTHER_COOKIE);
	push(fds[0], EVFILT_READ, EV_EOF, 0, COOKIE);
	push(others[0], EVFILT_READ, 0, 0, OTHER_COOKIE);
	push(fds[0], EVFILT_WRITE, 0, 0, COOKIE);
	push(fds[0], EVFILT_WRITE, 0, 0, COOKIE + 1);
	ck_assert_int_eq(kernel_wait(&kernel, told, 256, 0), 2);
	ck_assert_uint_eq(told[0].cookie, OTHER_COOKIE);
	ck_assert_uint_eq(told[0].events, AMY_BOTH);
	ck_assert_uint_eq(told[1].cookie, COOKIE);
	ck_assert_uint_eq(told[1].events, AMY_BOTH | AMY_HUP);
	close_pair(others);
	stop();
}
END_TEST

/* The place in a batch is not what makes two events one. */
START_TEST(events_of_different_descriptors_stay_two)
{
	int others[2];

	start();
	make_socketpair(others);
	must_watch(fds[0], AMY_READ, COOKIE, true);
	must_watch(others[0], AMY_READ, COOKIE, true);
	for (int i = 0; i < 2; i++) {
		push(fds[0], EVFILT_READ, 0, 0, COOKIE);
		push(others[0], EVFILT_READ, 0, 0, COOKIE);
		ck_assert_int_eq(wait_for(4), 2);
		push(others[0], EVFILT_READ, 0, 0, COOKIE);
		push(fds[0], EVFILT_READ, 0, 0, COOKIE);
		ck_assert_int_eq(wait_for(4), 2);
		ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), AMY_READ);
	}
	close_pair(others);
	stop();
}
END_TEST

START_TEST(other_direction_that_found_no_room_is_looked_at)
{
	start();
	must_arm(fds[0], AMY_BOTH, COOKIE, true);
	push(fds[0], EVFILT_WRITE, 0, 0, COOKIE);
	ck_assert_int_eq(wait_for(1), 1);
	ck_assert_uint_eq(told[0].events, AMY_WRITE);

	put_byte(fds[1]);
	must_arm(fds[0], AMY_BOTH, OTHER_COOKIE, false);
	push(fds[0], EVFILT_READ, 0, 0, OTHER_COOKIE);
	ck_assert_int_eq(wait_for(1), 1);
	ck_assert_uint_eq(told[0].events, AMY_BOTH);

	must_arm(fds[0], AMY_READ, COOKIE, false);
	push(fds[0], EVFILT_READ, 0, 0, COOKIE);
	ck_assert_int_eq(wait_for(1), 1);
	ck_assert_uint_eq(told[0].events, AMY_READ);
	stop();
}
END_TEST

/* ---- Hang-ups --------------------------------------------------------------------- */

START_TEST(end_of_writing_is_a_hang_up_unless_there_may_be_more_to_read)
{
	start();
	must_arm(fds[0], AMY_WRITE, COOKIE, true);
	ck_assert_uint_eq(told_of(EVFILT_WRITE, EV_EOF, 0, COOKIE), AMY_WRITE);
	shutdown(fds[1], SHUT_WR);
	must_arm(fds[0], AMY_WRITE, OTHER_COOKIE, false);
	ck_assert_uint_eq(told_of(EVFILT_WRITE, EV_EOF, 0, OTHER_COOKIE), AMY_WRITE | AMY_HUP);
	stop();
}
END_TEST

START_TEST(hang_up_alone_counts_when_reading_has_ended_too)
{
	start();
	must_arm(fds[0], AMY_HUP, COOKIE, true);
	recorder_reset();
	ck_assert_uint_eq(told_of(EVFILT_WRITE, 0, 0, COOKIE), 0);
	must_have_asked_nothing();
	ck_assert_uint_eq(told_of(EVFILT_WRITE, EV_EOF, 0, COOKIE), 0);
	must_have_asked(2, 0, EVFILT_WRITE, GONE, 0);
	must_have_asked(2, 1, EVFILT_READ, EDGE, COOKIE);
	ck_assert_uint_eq(told_of(EVFILT_READ, 0, 0, COOKIE), 0);
	recorder_reset();
	ck_assert_uint_eq(told_of(EVFILT_READ, EV_EOF, 0, COOKIE), AMY_HUP);
	must_have_asked(1, 0, EVFILT_READ, GONE, 0);
	ck_assert_uint_eq(told_of(EVFILT_READ, EV_EOF, 0, COOKIE), 0);
	stop();
}
END_TEST

START_TEST(hang_up_counts_if_reading_cannot_be_looked_at)
{
	start();
	must_arm(fds[0], AMY_HUP, COOKIE, true);
	recorder_reset();
	recorder_refuse(2, ENOMEM);
	ck_assert_uint_eq(told_of(EVFILT_WRITE, EV_EOF, 0, COOKIE), AMY_HUP);
	stop();
}
END_TEST

START_TEST(watched_hang_up_is_level_triggered_once_it_has_come)
{
	start();
	must_watch(fds[0], 0, COOKIE, true);
	must_have_asked(1, 0, EVFILT_WRITE, EDGE, COOKIE);
	recorder_reset();
	ck_assert_uint_eq(told_of(EVFILT_WRITE, EV_EOF, ECONNRESET, COOKIE),
	                  AMY_HUP | AMY_ERROR);
	must_have_asked(2, 0, EVFILT_WRITE, GONE, 0);
	must_have_asked(2, 1, EVFILT_WRITE, LEVEL, COOKIE);
	recorder_reset();
	ck_assert_uint_eq(told_of(EVFILT_WRITE, EV_EOF, ECONNRESET, COOKIE),
	                  AMY_HUP | AMY_ERROR);
	must_have_asked_nothing();
	stop();
}
END_TEST

START_TEST(pipe_that_nobody_reads_is_an_error_but_no_hup)
{
	int ends[2];

	start();
	make_pipe(ends);
	must_arm(ends[1], AMY_WRITE, COOKIE, true);
	push(ends[1], EVFILT_WRITE, EV_EOF, 0, COOKIE);
	ck_assert_int_eq(wait_for(4), 1);
	ck_assert_uint_eq(told[0].events, AMY_WRITE | AMY_ERROR);
	must_arm(ends[1], AMY_HUP, COOKIE, false);
	push(ends[1], EVFILT_WRITE, EV_EOF, 0, COOKIE);
	ck_assert_int_eq(wait_for(4), 1);
	ck_assert_uint_eq(told[0].events, AMY_ERROR);
	close_pair(ends);
	stop();
}
END_TEST

/* As on FreeBSD: each end of a pipe may be read and written. */
START_TEST(pipe_of_two_directions_is_hup_and_error)
{
	struct kqueue_entry entry = { .is_pipe = true, .interest = AMY_HUP };
	struct kevent event = { .filter = EVFILT_WRITE, .flags = EV_EOF };

	ck_assert_uint_eq(kqueue_events(&entry, &event), AMY_HUP | AMY_ERROR);
	entry.interest = AMY_WRITE;
	ck_assert_uint_eq(kqueue_events(&entry, &event), AMY_WRITE | AMY_ERROR);
}
END_TEST

/* Some systems refuse the filter, at once. Its other direction is at its end there. */
START_TEST(pipe_that_nobody_reads_may_be_refused_and_is_an_error)
{
	const struct {
		unsigned interest, flags, expected;
		bool is_watched;
	} cases[] = {
		{ AMY_WRITE, ARMED, AMY_WRITE | AMY_ERROR, false },
		{ AMY_WRITE, LEVEL, AMY_WRITE | AMY_ERROR, true },
		{ AMY_BOTH, ARMED, AMY_BOTH | AMY_ERROR, false },
		{ AMY_HUP, EDGE, AMY_ERROR, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int ends[2];
		bool reads = cases[i].interest & AMY_READ;

		start();
		make_pipe(ends);
		recorder_refuse(reads ? 2 : 1, EPIPE);
		if (cases[i].is_watched)
			must_watch(ends[1], cases[i].interest, COOKIE, true);
		else
			must_arm(ends[1], cases[i].interest, COOKIE, true);
		ck_assert_int_eq(recorded[nrecorded - 1].filter, EVFILT_READ);
		ck_assert_uint_eq(recorded[nrecorded - 1].flags, cases[i].flags);
		push(ends[1], EVFILT_READ, EV_EOF, 0, COOKIE);
		ck_assert_int_eq(wait_for(4), 1);
		ck_assert_uint_eq(told[0].events, cases[i].expected);
		close_pair(ends);
		stop();
	}
}
END_TEST

/* ---- Alarm and wake --------------------------------------------------------------- */

START_TEST(alarm_and_wake_are_told_by_their_cookies)
{
	start();
	ck_assert_int_eq(kernel_open_alarm(&kernel), 0);
	ck_assert_int_eq(nrecorded, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(recorded[i].filter, EVFILT_USER);
		ck_assert_uint_eq(recorded[i].flags, EV_ADD | EV_CLEAR);
	}
	ck_assert_uint_ne(recorded[0].ident, recorded[1].ident);
	push(0, EVFILT_TIMER, EV_ONESHOT, 0, KERNEL_ALARM);
	push((int)recorded[0].ident, EVFILT_USER, EV_CLEAR, 0, KERNEL_WAKE);
	ck_assert_int_eq(wait_for(4), 2);
	ck_assert_uint_eq(told[0].cookie, KERNEL_ALARM);
	ck_assert_uint_eq(told[1].cookie, KERNEL_WAKE);

	recorder_reset();
	kernel_wake(&kernel);
	ck_assert_int_eq(nrecorded, 1);
	ck_assert_int_eq(recorded[0].filter, EVFILT_USER);
	ck_assert_uint_eq(recorded[0].fflags, NOTE_TRIGGER);
	ck_assert_uint_eq((uint64_t)(uintptr_t)recorded[0].udata, KERNEL_WAKE);
	stop();
}
END_TEST

START_TEST(alarm_that_cannot_be_opened_is_an_error)
{
	start();
	recorder_refuse(1, ENOMEM);
	ck_assert_errno(kernel_open_alarm(&kernel), ENOMEM);
	recorder_refuse(2, ENOMEM);
	ck_assert_errno(kernel_open_alarm(&kernel), ENOMEM);
	ck_assert_int_eq(kernel_open_alarm(&kernel), 0);
	stop();
}
END_TEST

START_TEST(alarm_is_set_from_now_on)
{
	const struct {
		int64_t now_ns, at_ns;
		intptr_t delay_ns;
	} cases[] = {
		{ 100, 350, 250 },
		{ 350, 350, 1 },
		{ 350, 100, 1 },
		{ 350, INT64_MIN, 1 },
		{ 0, INT64_MAX - 1, (intptr_t)86400 * 1000000000 },
	};
	struct kevent change;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		kqueue_set_timer(cases[i].now_ns, cases[i].at_ns, KERNEL_ALARM, &change);
		ck_assert_int_eq(change.filter, EVFILT_TIMER);
		ck_assert_uint_eq(change.flags, EV_ADD | EV_ENABLE | EV_ONESHOT);
		ck_assert_uint_eq(change.fflags, NOTE_NSECONDS);
		ck_assert_int_eq(change.data, cases[i].delay_ns);
	}
	kqueue_set_timer(350, INT64_MAX, KERNEL_ALARM, &change);
	ck_assert_uint_eq(change.flags, EV_DELETE);
}
END_TEST

START_TEST(alarm_that_cannot_be_set_goes_off_at_once)
{
	start();
	recorder_refuse(1, ENOMEM);
	kernel_set_alarm(&kernel, 5);
	ck_assert_int_eq(nrecorded, 2);
	ck_assert_int_eq(recorded[1].filter, EVFILT_USER);
	ck_assert_uint_eq(recorded[1].fflags, NOTE_TRIGGER);
	ck_assert_uint_eq((uint64_t)(uintptr_t)recorded[1].udata, KERNEL_ALARM);

	recorder_reset();
	kernel_set_alarm(&kernel, 5);
	ck_assert_int_eq(nrecorded, 1);

	/* There was none to take back. */
	recorder_reset();
	recorder_refuse(1, ENOENT);
	kernel_set_alarm(&kernel, INT64_MAX);
	ck_assert_int_eq(nrecorded, 1);
	stop();
}
END_TEST

/* ---- Waiting ---------------------------------------------------------------------- */

START_TEST(time_out_is_handed_on)
{
	start();
	ck_assert_int_eq(kernel_wait(&kernel, told, 4, 0), 0);
	ck_assert_int_eq(last_timeout_ns, 0);
	ck_assert_int_eq(nwaits, 1);
	must_arm(fds[0], AMY_READ, COOKIE, true);
	push(fds[0], EVFILT_READ, 0, 0, COOKIE);
	ck_assert_int_eq(kernel_wait(&kernel, told, 4, 12345), 1);
	ck_assert_int_eq(last_timeout_ns, INT64_C(12345000000));
	must_arm(fds[0], AMY_READ, OTHER_COOKIE, false);
	push(fds[0], EVFILT_READ, 0, 0, OTHER_COOKIE);
	ck_assert_int_eq(kernel_wait(&kernel, told, 4, -1), 1);
	ck_assert_int_eq(last_timeout_ns, -1);
	stop();
}
END_TEST

START_TEST(wait_that_ended_before_its_time_for_nothing_was_interrupted)
{
	start();
	ck_assert_errno(kernel_wait(&kernel, told, 4, 60 * 1000), EINTR);
	ck_assert_errno(kernel_wait(&kernel, told, 4, -1), EINTR);
	stop();
}
END_TEST

START_TEST(errors_of_a_wait_are_handed_on)
{
	const int errors[] = { EINTR, EBADF };

	start();
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		recorder_fail_wait(errors[i]);
		ck_assert_errno(kernel_wait(&kernel, told, 4, -1), errors[i]);
	}
	stop();
}
END_TEST

START_TEST(wait_takes_no_more_than_there_is_room_for)
{
	start();
	must_watch(fds[0], AMY_READ, COOKIE, true);
	must_watch(fds[1], AMY_READ, OTHER_COOKIE, true);
	push(fds[0], EVFILT_READ, 0, 0, COOKIE);
	push(fds[1], EVFILT_READ, 0, 0, OTHER_COOKIE);
	ck_assert_int_eq(wait_for(1), 1);
	ck_assert_uint_eq(told[0].cookie, COOKIE);
	ck_assert_int_eq(wait_for(1), 1);
	ck_assert_uint_eq(told[0].cookie, OTHER_COOKIE);
	stop();
}
END_TEST

/* ---- Threads ---------------------------------------------------------------------- */

static _Atomic pid_t waiter_tid;
static atomic_bool waiter_is_back, arming_is_complete;

static void *
waiter_run(void *unused)
{
	(void)unused;
	atomic_store(&waiter_tid, gettid());
	MUST(wait_for(4) == 1);
	MUST(atomic_load(&arming_is_complete));
	atomic_store(&waiter_is_back, true);
	return NULL;
}

static pthread_t waiter;

/* The first of two filters has been armed, and fires, on another thread. */
static void
fire_between(void)
{
	push(fds[0], EVFILT_READ, 0, 0, COOKIE);
	waiter = spawn(waiter_run, NULL);
	WAIT_UNTIL(atomic_load(&waiter_tid) != 0);
	WAIT_UNTIL(atomic_load(&waiter_is_back) || is_asleep(atomic_load(&waiter_tid)));
	MUST(!atomic_load(&waiter_is_back));
	atomic_store(&arming_is_complete, true);
}

START_TEST(nobody_is_told_before_the_arming_is_complete)
{
	start();
	recorder_hook = fire_between;
	must_arm(fds[0], AMY_BOTH, COOKIE, true);
	join(waiter);
	ck_assert(atomic_load(&waiter_is_back));
	ck_assert_uint_eq(told[0].events, AMY_READ);
	ck_assert_int_eq(nrecorded, 2);
	stop();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("kqueue",
	    queue_is_closed_on_exec,
	    queue_that_cannot_be_made_is_an_error,
	    each_direction_is_a_filter_that_is_off_after_one_event,
	    what_was_armed_is_armed_again_in_place,
	    what_is_not_wanted_any_more_goes_before_anything_comes,
	    kqueue_that_cannot_change_a_filter_gets_a_new_one,
	    hang_ups_alone_are_an_edge_of_writing,
	    hang_ups_alone_of_what_is_only_read_are_an_edge_of_reading,
	    what_is_watched_is_level_triggered,
	    what_is_watched_already_is_left_alone,
	    forgotten_descriptor_has_no_filters_and_may_be_armed_anew,
	    filter_that_has_gone_by_itself_need_not_be_removed,
	    kernel_knows_what_it_was_told_of,
	    closed_descriptor_is_refused,
	    files_and_folders_cannot_be_polled,
	    errors_of_the_system_are_those_that_are_documented,
	    arming_that_failed_half_way_leaves_nothing_behind,
	    first_error_is_the_one_that_is_told,
	    arming_again_that_failed_is_silent_and_may_be_tried_again,
	    call_that_failed_as_a_whole_may_have_done_anything,
	    watching_that_could_not_be_changed_goes_on_as_before,
	    entries_take_memory_which_may_be_missing,
	    arming_allocates_nothing,
	    each_descriptor_has_an_entry_of_its_own,
	    events_say_what_happened,
	    event_counts_once,
	    stale_event_does_not_count,
	    filter_that_was_not_removed_is_removed_with_its_next_event,
	    what_is_watched_counts_again_and_again,
	    both_directions_in_one_batch_are_one_event,
	    events_of_different_descriptors_stay_two,
	    other_direction_that_found_no_room_is_looked_at,
	    end_of_writing_is_a_hang_up_unless_there_may_be_more_to_read,
	    hang_up_alone_counts_when_reading_has_ended_too,
	    hang_up_counts_if_reading_cannot_be_looked_at,
	    watched_hang_up_is_level_triggered_once_it_has_come,
	    pipe_that_nobody_reads_is_an_error_but_no_hup,
	    pipe_of_two_directions_is_hup_and_error,
	    pipe_that_nobody_reads_may_be_refused_and_is_an_error,
	    alarm_and_wake_are_told_by_their_cookies,
	    alarm_that_cannot_be_opened_is_an_error,
	    alarm_is_set_from_now_on,
	    alarm_that_cannot_be_set_goes_off_at_once,
	    time_out_is_handed_on,
	    wait_that_ended_before_its_time_for_nothing_was_interrupted,
	    errors_of_a_wait_are_handed_on,
	    wait_takes_no_more_than_there_is_room_for,
	    nobody_is_told_before_the_arming_is_complete);
}
