/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "system_log.h"

static char folder[32];
static char path[64];

static void
make_folder(void)
{
	strcpy(folder, "/tmp/amyd-check-XXXXXX");
	MUST(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/log", folder);
}

static void
remove_folder(void)
{
	unlink(path);
	MUST(rmdir(folder) == 0);
}

/* A logger that takes that type of socket. */
static int
start_logger(int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	MUST(fd != -1);
	unlink(path);
	strcpy(address.sun_path, path);
	MUST(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	if (type == SOCK_STREAM)
		MUST(listen(fd, 5) == 0);
	return fd;
}

/* The next message is as syslog(3) would have sent it. */
static void
expect_message(int fd, const char *priority, const char *text, size_t ntext)
{
	char buffer[512] = "", month[4];
	int day, hour, minute, second, pid, at = 0;
	ssize_t n = recv(fd, buffer, sizeof buffer - 1, 0);

	MUST(n > 0);
	ck_assert_int_eq(strncmp(buffer, priority, strlen(priority)), 0);
	ck_assert_msg(sscanf(buffer + strlen(priority), "%3[A-Za-z] %2d %2d:%2d:%2d amyd[%d]: %n",
	                     month, &day, &hour, &minute, &second, &pid, &at) == 6,
	              "%s", buffer);
	ck_assert_int_eq(pid, getpid());
	at += (int)strlen(priority);
	ck_assert_int_eq(n - at, (ssize_t)ntext);
	ck_assert_mem_eq(buffer + at, text, ntext);
}

START_TEST(message_is_a_datagram_with_priority_time_name_and_number)
{
	struct system_log log = SYSTEM_LOG_INIT;
	int fd;

	make_folder();
	log.path = path;
	fd = start_logger(SOCK_DGRAM);
	ck_assert(system_log_write(&log, LOG_DAEMON | LOG_INFO, "text of 100%"));
	expect_message(fd, "<30>", "text of 100%", 12);
	ck_assert(system_log_write(&log, LOG_LOCAL3 | LOG_ERR, "caf\xc3\xa9"));
	expect_message(fd, "<155>", "caf\xc3\xa9", 5);
	system_log_close(&log);
	system_log_close(&log);
	close(fd);
	remove_folder();
}
END_TEST

START_TEST(logger_that_takes_a_stream_gets_messages_that_end_with_nul)
{
	struct system_log log = SYSTEM_LOG_INIT;
	int fd, client;

	make_folder();
	log.path = path;
	fd = start_logger(SOCK_STREAM);
	ck_assert(system_log_write(&log, LOG_DAEMON | LOG_INFO, "one"));
	client = accept(fd, NULL, NULL);
	MUST(client != -1);
	expect_message(client, "<30>", "one", 4);
	ck_assert(system_log_write(&log, LOG_DAEMON | LOG_INFO, "two"));
	expect_message(client, "<30>", "two", 4);
	close(client);
	system_log_close(&log);
	close(fd);
	remove_folder();
}
END_TEST

START_TEST(message_that_nobody_takes_is_reported)
{
	struct system_log log = SYSTEM_LOG_INIT;
	char too_long[200];

	make_folder();
	log.path = path;
	errno = 0;
	ck_assert(!system_log_write(&log, LOG_DAEMON | LOG_INFO, "lost"));
	ck_assert_int_eq(errno, ENOENT);
	close(start_logger(SOCK_DGRAM));
	ck_assert(!system_log_write(&log, LOG_DAEMON | LOG_INFO, "lost"));
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(log.fd, -1);
	memset(too_long, '/', sizeof too_long);
	too_long[sizeof too_long - 1] = '\0';
	log.path = too_long;
	ck_assert(!system_log_write(&log, LOG_DAEMON | LOG_INFO, "lost"));
	ck_assert_int_eq(errno, ENAMETOOLONG);
	remove_folder();
}
END_TEST

START_TEST(logger_that_was_restarted_gets_the_next_message)
{
	struct system_log log = SYSTEM_LOG_INIT;
	int fd;

	make_folder();
	log.path = path;
	for (int i = 0; i < 3; i++) {
		fd = start_logger(SOCK_DGRAM);
		ck_assert(system_log_write(&log, LOG_DAEMON | LOG_INFO, "one"));
		expect_message(fd, "<30>", "one", 3);
		close(fd);
	}
	ck_assert(!system_log_write(&log, LOG_DAEMON | LOG_INFO, "lost"));
	remove_folder();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("system_log",
	    message_is_a_datagram_with_priority_time_name_and_number,
	    logger_that_takes_a_stream_gets_messages_that_end_with_nul,
	    message_that_nobody_takes_is_reported,
	    logger_that_was_restarted_gets_the_next_message);
}
