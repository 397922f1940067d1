/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "monotonic.h"
#include "notify.h"

static char folder[32];
static char path[64];

static void
make_folder(void)
{
	strcpy(folder, "/tmp/amyd-check-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/notify", folder);
}

static void
remove_folder(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

/* A service manager that listens at a path, or at an abstract name that begins with '@'. */
static int
listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t n = strlen(name);

	ck_assert_int_ne(fd, -1);
	memcpy(address.sun_path, name, n);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
	                 0);
	return fd;
}

static void
expect_datagram(int fd, const char *text)
{
	char buffer[256];
	ssize_t n = recv(fd, buffer, sizeof buffer, 0);

	ck_assert_int_eq(n, (ssize_t)strlen(text));
	ck_assert_mem_eq(buffer, text, strlen(text));
}

static void
expect_nothing(int fd)
{
	char buffer[1];

	ck_assert_int_eq(recv(fd, buffer, sizeof buffer, 0), -1);
}

START_TEST(state_is_one_datagram_to_a_path)
{
	int fd;

	make_folder();
	fd = listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	ck_assert_int_eq(notify("READY=1\nSTATUS=listening"), 0);
	ck_assert_int_eq(notify("STOPPING=1"), 0);
	expect_datagram(fd, "READY=1\nSTATUS=listening");
	expect_datagram(fd, "STOPPING=1");
	expect_nothing(fd);
	close(fd);
	remove_folder();
}
END_TEST

START_TEST(state_is_one_datagram_to_an_abstract_name)
{
	char name[64];
	int fd;

	snprintf(name, sizeof name, "@amyd-check-%d", (int)getpid());
	fd = listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	ck_assert_int_eq(notify("READY=1"), 0);
	expect_datagram(fd, "READY=1");
	expect_nothing(fd);
	close(fd);
}
END_TEST

START_TEST(who_did_not_ask_is_not_told)
{
	unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(notify("READY=1"), 0);
}
END_TEST

START_TEST(path_may_be_as_long_as_the_system_takes)
{
	char longest[108];
	int fd;

	make_folder();
	snprintf(longest, sizeof longest, "%s/%0*d", folder,
	         (int)(sizeof longest - strlen(folder) - 2), 0);
	ck_assert_uint_eq(strlen(longest), 107);
	fd = listen_at(longest);
	setenv("NOTIFY_SOCKET", longest, 1);
	ck_assert_int_eq(notify("READY=1"), 0);
	expect_datagram(fd, "READY=1");
	close(fd);
	unlink(longest);
	remove_folder();
}
END_TEST

START_TEST(name_that_is_no_address_is_an_error)
{
	char too_long[109];
	const char *const bad[] = { "", "/", "@", "relative", "./x", too_long };

	memset(too_long, 'a', 108);
	too_long[0] = '@';
	too_long[108] = '\0';
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		setenv("NOTIFY_SOCKET", bad[i], 1);
		ck_assert_msg(notify("READY=1") == -1, "%s", bad[i]);
	}
}
END_TEST

START_TEST(manager_that_is_gone_is_an_error)
{
	int fd;

	make_folder();
	setenv("NOTIFY_SOCKET", path, 1);
	ck_assert_int_eq(notify("READY=1"), -1);
	fd = listen_at(path);
	ck_assert_int_eq(notify("READY=1"), 0);
	close(fd);
	ck_assert_int_eq(notify("READY=1"), -1);
	remove_folder();
}
END_TEST

/* As many as the queue of datagrams holds; the next is refused, not waited for. */
START_TEST(manager_that_does_not_read_is_not_waited_for)
{
	unsigned ntold = 0;
	int fd;

	make_folder();
	fd = listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	while (ntold < 1000000 && notify("WATCHDOG=1") == 0)
		ntold++;
	ck_assert_uint_gt(ntold, 0);
	ck_assert_uint_lt(ntold, 1000000);
	for (unsigned i = 0; i < ntold; i++)
		expect_datagram(fd, "WATCHDOG=1");
	expect_nothing(fd);
	close(fd);
	remove_folder();
}
END_TEST

/* Datagrams that nobody reads, until one more is not taken. Returns how many. */
static unsigned
fill_queue(void)
{
	unsigned n = 0;

	while (n < 1000000 && notify("WATCHDOG=1") == 0)
		n++;
	ck_assert_uint_lt(n, 1000000);
	return n;
}

static void
read_queue(int fd, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		expect_datagram(fd, "WATCHDOG=1");
}

START_TEST(ready_that_is_not_taken_is_sent_again_until_it_is)
{
	int64_t now_ms = monotonic_now_ms(), in_ms;
	unsigned n;
	int fd;

	make_folder();
	fd = listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	n = fill_queue();
	notify_ready();
	for (int i = 0; i < 20; i++) {
		in_ms = notify_retry(now_ms);
		ck_assert_int_gt(in_ms, 0);
		ck_assert_int_le(in_ms, 5000 + 1000);
		now_ms += in_ms;
	}
	read_queue(fd, n);
	expect_nothing(fd);
	ck_assert_int_eq(notify_retry(now_ms + 10000), -1);
	expect_datagram(fd, "READY=1");
	ck_assert_int_eq(notify_retry(now_ms + 20000), -1);
	expect_nothing(fd);
	close(fd);
	remove_folder();
}
END_TEST

START_TEST(reload_that_is_not_taken_is_told_in_order_and_once)
{
	char buffer[256] = "";
	int64_t now_ms = monotonic_now_ms();
	unsigned n;
	int fd;

	make_folder();
	fd = listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	n = fill_queue();
	for (int i = 0; i < 3; i++) {
		notify_reloading();
		notify_ready();
	}
	read_queue(fd, n);
	ck_assert_int_eq(notify_retry(now_ms + 10000), -1);
	ck_assert_int_gt(recv(fd, buffer, sizeof buffer - 1, 0), 0);
	ck_assert_int_eq(strncmp(buffer, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	expect_datagram(fd, "READY=1");
	expect_nothing(fd);
	close(fd);
	remove_folder();
}
END_TEST

START_TEST(who_stops_does_not_say_later_that_it_is_ready)
{
	char buffer[256] = "";
	int64_t now_ms = monotonic_now_ms();
	unsigned n;
	int fd;

	make_folder();
	fd = listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	n = fill_queue();
	notify_ready();
	notify_stopping(0);
	read_queue(fd, n);
	ck_assert_int_eq(notify_retry(now_ms + 10000), -1);
	ck_assert_int_gt(recv(fd, buffer, sizeof buffer - 1, 0), 0);
	ck_assert_int_eq(strncmp(buffer, "STOPPING=1\n", 11), 0);
	expect_nothing(fd);
	close(fd);
	remove_folder();
}
END_TEST

/* The next datagram is head, a number, and no more. Returns the number. */
static uint64_t
expect_number(int fd, const char *head)
{
	char buffer[256] = "", *end;
	size_t nhead = strlen(head);
	uint64_t n;

	ck_assert_int_gt(recv(fd, buffer, sizeof buffer - 1, 0), 0);
	ck_assert_int_eq(strncmp(buffer, head, nhead), 0);
	n = strtoull(buffer + nhead, &end, 10);
	ck_assert(end > buffer + nhead && *end == '\0');
	return n;
}

static uint64_t
monotonic_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

START_TEST(states_are_spelled_as_sd_notify_has_them)
{
	uint64_t before, told;
	int fd;

	make_folder();
	fd = listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	notify_ready();
	expect_datagram(fd, "READY=1");
	before = monotonic_usec();
	notify_reloading();
	told = expect_number(fd, "RELOADING=1\nMONOTONIC_USEC=");
	ck_assert_uint_ge(told, before);
	ck_assert_uint_le(told, monotonic_usec());
	notify_stopping(0);
	ck_assert_uint_gt(expect_number(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC="), 0);
	notify_stopping(INT64_C(3650) * 86400000);
	ck_assert_uint_gt(expect_number(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC="),
	                  UINT64_C(3650) * 86400000 * 1000);
	expect_nothing(fd);
	close(fd);
	remove_folder();
}
END_TEST

START_TEST(it_is_wanted_if_there_is_a_socket)
{
	unsetenv("NOTIFY_SOCKET");
	ck_assert(!notify_is_wanted());
	setenv("NOTIFY_SOCKET", "@amyd", 1);
	ck_assert(notify_is_wanted());
}
END_TEST

/* NULL: it is not set. */
static uint64_t
watchdog(const char *usec, const char *pid)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (usec != NULL)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
	return notify_watchdog_usec();
}

START_TEST(watchdog_is_ours_if_it_has_our_number_or_none)
{
	char own[32], other[32];

	snprintf(own, sizeof own, "%d", (int)getpid());
	snprintf(other, sizeof other, "%d", (int)getpid() + 1);
	ck_assert_uint_eq(watchdog(NULL, NULL), 0);
	ck_assert_uint_eq(watchdog(NULL, own), 0);
	ck_assert_uint_eq(watchdog("30000000", NULL), 30000000);
	ck_assert_uint_eq(watchdog("30000000", own), 30000000);
	ck_assert_uint_eq(watchdog("30000000", other), 0);
	ck_assert_uint_eq(watchdog("1", own), 1);
	ck_assert_uint_eq(watchdog("18446744073709551614", own), UINT64_MAX - 1);
}
END_TEST

START_TEST(watchdog_that_cannot_be_is_none)
{
	static const char *const bad[] = {
		"", "0", "-1", "x", "1s", " 1", "+1", "18446744073709551615", "18446744073709551616",
	};
	char own[32];

	snprintf(own, sizeof own, "%d", (int)getpid());
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(watchdog(bad[i], own) == 0, "%s", bad[i]);
	ck_assert_uint_eq(watchdog("30000000", ""), 0);
	ck_assert_uint_eq(watchdog("30000000", "x"), 0);
	strcat(own, "x");
	ck_assert_uint_eq(watchdog("30000000", own), 0);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("notify",
	    states_are_spelled_as_sd_notify_has_them,
	    it_is_wanted_if_there_is_a_socket,
	    watchdog_is_ours_if_it_has_our_number_or_none,
	    watchdog_that_cannot_be_is_none,
	    state_is_one_datagram_to_a_path,
	    state_is_one_datagram_to_an_abstract_name,
	    who_did_not_ask_is_not_told,
	    path_may_be_as_long_as_the_system_takes,
	    name_that_is_no_address_is_an_error,
	    manager_that_is_gone_is_an_error,
	    manager_that_does_not_read_is_not_waited_for,
	    ready_that_is_not_taken_is_sent_again_until_it_is,
	    reload_that_is_not_taken_is_told_in_order_and_once,
	    who_stops_does_not_say_later_that_it_is_ready);
}
