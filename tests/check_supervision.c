/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "heartbeat.h"
#include "monotonic.h"
#include "notify.h"
#include "supervision.h"

/* Time passes when a test says so. */
static int64_t now_ms = 1000000;

int64_t __wrap_monotonic_now_ms(void);

int64_t
__wrap_monotonic_now_ms(void)
{
	return now_ms;
}

static int manager = -1;

/* A service manager at an abstract name; a watchdog of so many microseconds, if any. */
static void
start_manager(const char *watchdog_usec)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n = snprintf(address.sun_path, sizeof address.sun_path, "@amyd-supervision-%d",
	                 (int)getpid());

	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	if (watchdog_usec != NULL)
		setenv("WATCHDOG_USEC", watchdog_usec, 1);
	address.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ne(manager, -1);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&address,
	                      (socklen_t)(sizeof address.sun_family + (size_t)n)),
	                 0);
}

/* What it was told since the last time, a space behind each. */
static const char *
told(void)
{
	static char text[4096];
	size_t used = 0;
	ssize_t n;

	while ((n = recv(manager, text + used, sizeof text - used - 2, 0)) > 0) {
		used += (size_t)n;
		text[used++] = ' ';
	}
	text[used] = '\0';
	return text;
}

START_TEST(nobody_is_told_if_nobody_asked)
{
	struct supervision zero = { 0 }, supervision;

	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "1000000", 1);
	unsetenv("WATCHDOG_PID");
	ck_assert_int_eq(supervision_turn(&zero, 1), -1);
	supervision_start(&supervision, 0);
	ck_assert_int_eq(supervision_turn(&supervision, 7), -1);
}
END_TEST

START_TEST(status_is_told_when_it_changes_but_not_often)
{
	struct supervision supervision;

	start_manager(NULL);
	supervision_start(&supervision, 0);
	ck_assert_str_eq(told(), "STATUS=0 clients ");
	ck_assert_int_eq(supervision_turn(&supervision, 1), SUPERVISION_STATUS_EVERY_MS);
	now_ms += SUPERVISION_STATUS_EVERY_MS - 1;
	ck_assert_int_eq(supervision_turn(&supervision, 1), 1);
	ck_assert_str_eq(told(), "");
	now_ms++;
	ck_assert_int_eq(supervision_turn(&supervision, 1), SUPERVISION_STATUS_EVERY_MS);
	ck_assert_str_eq(told(), "STATUS=1 client ");
	for (int i = 0; i < 5; i++) {
		now_ms += SUPERVISION_STATUS_EVERY_MS;
		ck_assert_int_eq(supervision_turn(&supervision, 1),
		                 SUPERVISION_STATUS_EVERY_MS);
		ck_assert_str_eq(told(), "");
	}
	ck_assert_int_eq(supervision_turn(&supervision, 32000), SUPERVISION_STATUS_EVERY_MS);
	ck_assert_str_eq(told(), "STATUS=32000 clients ");
	close(manager);
}
END_TEST

START_TEST(watchdog_is_fed_twice_in_its_time)
{
	struct supervision supervision;

	start_manager("2000000");
	supervision_start(&supervision, 0);
	ck_assert_str_eq(told(), "STATUS=0 clients ");
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(supervision_turn(&supervision, 0), 1000);
		ck_assert_str_eq(told(), "WATCHDOG=1 ");
		now_ms += 999;
		ck_assert_int_eq(supervision_turn(&supervision, 0), 1);
		ck_assert_str_eq(told(), "");
		now_ms++;
	}
	/* Late, it is fed once. */
	now_ms += 100000;
	ck_assert_int_eq(supervision_turn(&supervision, 0), 1000);
	ck_assert_str_eq(told(), "WATCHDOG=1 ");
	close(manager);
}
END_TEST

START_TEST(watchdog_of_less_than_a_millisecond_does_not_make_it_spin)
{
	struct supervision supervision;

	start_manager("1");
	supervision_start(&supervision, 0);
	ck_assert_int_eq(supervision_turn(&supervision, 0), 1);
	close(manager);
	start_manager("18446744073709551614");
	supervision_start(&supervision, 0);
	ck_assert_int_eq(supervision_turn(&supervision, 0), SUPERVISION_STATUS_EVERY_MS);
	close(manager);
}
END_TEST

START_TEST(watchdog_is_not_fed_while_a_thread_is_stuck)
{
	struct supervision supervision;
	struct heartbeat heart = { 0 };

	start_manager("2000000");
	heartbeat_start(&heart, "worker");
	supervision_start(&supervision, 0);
	supervision_turn(&supervision, 0);
	ck_assert_str_eq(told(), "STATUS=0 clients WATCHDOG=1 ");
	for (int i = 0; i < 10; i++) {
		now_ms += 1000;
		ck_assert_int_gt(supervision_turn(&supervision, 0), 0);
		ck_assert_str_eq(told(), "");
	}
	/* The rest goes on. */
	supervision_turn(&supervision, 3);
	ck_assert_str_eq(told(), "STATUS=3 clients ");
	heartbeat_work(&heart);
	now_ms += 1000;
	supervision_turn(&supervision, 3);
	ck_assert_str_eq(told(), "WATCHDOG=1 ");
	heartbeat_wait(&heart);
	for (int i = 0; i < 10; i++) {
		now_ms += 1000;
		supervision_turn(&supervision, 3);
		ck_assert_str_eq(told(), "WATCHDOG=1 ");
	}
	heartbeat_end(&heart);
	close(manager);
}
END_TEST

/* While the manager does not read: what is due is tried again soon, and arrives when it does. */
START_TEST(what_is_not_taken_is_sent_again)
{
	struct supervision supervision;
	unsigned n = 0;

	start_manager("2000000");
	while (n < 1000000 && notify("X=1") == 0)
		n++;
	notify_ready();
	supervision_start(&supervision, 0);
	for (int i = 0; i < 100; i++) {
		int in_ms = supervision_turn(&supervision, 0);

		ck_assert_int_gt(in_ms, 0);
		ck_assert_int_le(in_ms, 50);
		now_ms += in_ms;
	}
	told();
	now_ms += SUPERVISION_STATUS_EVERY_MS;
	ck_assert_int_eq(supervision_turn(&supervision, 0), 1000);
	ck_assert_str_eq(told(), "WATCHDOG=1 READY=1 STATUS=0 clients ");
	close(manager);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("supervision",
	    nobody_is_told_if_nobody_asked,
	    status_is_told_when_it_changes_but_not_often,
	    watchdog_is_fed_twice_in_its_time,
	    watchdog_of_less_than_a_millisecond_does_not_make_it_spin,
	    watchdog_is_not_fed_while_a_thread_is_stuck,
	    what_is_not_taken_is_sent_again);
}
