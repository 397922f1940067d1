/* SPDX-License-Identifier: MIT */
/*
 * Real files, FIFOs and devices. The system's logger is replaced here, and so is the clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"
#include "monotonic.h"
#include "sink_thread.h"
#include "system_log.h"

enum { PATIENCE_MS = 100 * 1000 };

static atomic_llong now_ms = 1000000;

int64_t
monotonic_now_ms(void)
{
	return atomic_load(&now_ms);
}

/* ---- Threads that cannot be started ----------------------------------------------- */

static atomic_int thread_error;

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attributes,
                      void *(*run)(void *), void *argument);
create_fn __real_pthread_create, __wrap_pthread_create;

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                      void *(*run)(void *), void *argument)
{
	int error = atomic_load(&thread_error);

	return error != 0 ? error
	                  : __real_pthread_create(thread, attributes, run, argument);
}

/* ---- What is said to syslog ------------------------------------------------------- */

static char said[32768];
static atomic_int said_priority;
static atomic_int logger_error; /* 0: it takes what it is sent */

bool __wrap_system_log_write(struct system_log *log, int priority, const char *text);

bool
__wrap_system_log_write(struct system_log *log, int priority, const char *text)
{
	int error = atomic_load(&logger_error);

	(void)log;
	if (error != 0) {
		errno = error;
		return false;
	}
	atomic_store(&said_priority, priority);
	strcat(said, text);
	strcat(said, "\n");
	return true;
}

/* ---- A thread, its file, and its log ---------------------------------------------- */

#define FOLDER "/tmp/check_sink_thread.XXXXXX"

static char folder[sizeof FOLDER];
static char target_text[256];
static struct conf_target target = { .kind = CONF_TARGET_FILE, .text = target_text };
static struct conf_rule rule = { .name = (char[]){ "archive" }, .queue = 16 << 20 };
static struct sink_thread *thread;
static int captured[2], real_stderr;

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void
aim_at(const char *path)
{
	snprintf(target_text, sizeof target_text, "file:%s", path);
	target.name = target_text + strlen("file:");
}

static void
make_folder(void)
{
	memcpy(folder, FOLDER, sizeof FOLDER);
	MUST(mkdtemp(folder) != NULL);
	aim_at(path_of("all.log"));
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	make_pipe(captured);
	real_stderr = dup(STDERR_FILENO);
	MUST(dup2(captured[1], STDERR_FILENO) != -1);
}

static void
remove_folder(void)
{
	static const char *const names[] = { "all.log", "old.log", "later/all.log" };

	MUST(dup2(real_stderr, STDERR_FILENO) != -1);
	close(real_stderr);
	close_pair(captured);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unlink(path_of(names[i]));
	rmdir(path_of("later"));
	MUST(rmdir(folder) == 0);
}

static void
start(void)
{
	thread = sink_thread_start(&rule, &target);
	MUST(thread != NULL);
}

/* What the daemon said since the last time. */
static const char *
logged(void)
{
	static char text[8192];
	ssize_t n = read(captured[0], text, sizeof text - 1);

	MUST(n != -1 || errno == EAGAIN);
	text[n == -1 ? 0 : n] = '\0';
	return text;
}

static void
put_bytes(const char *bytes, size_t nbytes)
{
	struct publication line = { .subject = { "log.a", 5 }, .from = { "-", 1 } };
	struct publication *copy;

	line.text = (struct amy_bytes){ bytes, nbytes };
	copy = publication_copy(&line);
	MUST(copy != NULL);
	sink_put(sink_thread_sink(thread), copy);
	publication_unref(copy);
}

static void
put(const char *text)
{
	put_bytes(text, strlen(text));
}

static struct sink_usage
usage(void)
{
	struct sink_usage now;

	sink_usage(sink_thread_sink(thread), &now);
	MUST(now.nput == now.nwritten + now.nunsure + now.ndropped + now.nqueued);
	return now;
}

/* Nothing waits any more. */
static void
settle(void)
{
	WAIT_UNTIL(usage().nqueued == 0);
}

static const char *
content(const char *name)
{
	static char text[1 << 20];
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	MUST(fd != -1);
	n = read(fd, text, sizeof text - 1);
	MUST(n != -1);
	close(fd);
	text[n] = '\0';
	return text;
}

static void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "we");

	MUST(file != NULL);
	fputs(text, file);
	MUST(fclose(file) == 0);
}

static void
rename_file(void)
{
	char from[128];

	strcpy(from, path_of("all.log"));
	MUST(rename(from, path_of("old.log")) == 0);
}

/* ---- Files ------------------------------------------------------------------------ */

START_TEST(lines_are_appended_byte_for_byte)
{
	make_folder();
	write_file("all.log", "before\n");
	start();
	put("one");
	put("");
	put("  two\t\r");
	put_bytes("a\0\x1b\xff", 4);
	sink_thread_stop(thread, PATIENCE_MS);
	ck_assert_mem_eq(content("all.log"), "before\none\n\n  two\t\r\na\0\x1b\xff\n",
	                 24);
	ck_assert_str_eq(logged(), "");
	remove_folder();
}
END_TEST

START_TEST(file_is_made_if_it_is_not_there)
{
	struct stat st;

	make_folder();
	umask(0);
	start();
	put("one");
	settle();
	ck_assert_str_eq(content("all.log"), "one\n");
	MUST(stat(path_of("all.log"), &st) == 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

START_TEST(what_waits_is_written_before_the_end)
{
	char expected[16 * 3000], *end = expected;

	make_folder();
	start();
	for (int i = 0; i < 3000; i++) {
		char text[32];

		snprintf(text, sizeof text, "line %d", i);
		end += sprintf(end, "%s\n", text);
		put(text);
	}
	sink_thread_stop(thread, PATIENCE_MS);
	ck_assert_str_eq(content("all.log"), expected);
	remove_folder();
}
END_TEST

START_TEST(long_lines_are_written_whole)
{
	static char large[300001];

	make_folder();
	memset(large, 'x', sizeof large - 1);
	start();
	put("a");
	put(large);
	put("b");
	sink_thread_stop(thread, PATIENCE_MS);
	ck_assert_uint_eq(strlen(content("all.log")), 2 + 300001 + 2);
	ck_assert_str_eq(content("all.log") + 2 + 299999, "x\nb\n");
	remove_folder();
}
END_TEST

enum { NWRITERS = 3, NLINES = 500 };

static void *
put_many(void *argument)
{
	for (int i = 0; i < NLINES; i++) {
		char text[32];

		snprintf(text, sizeof text, "%d %d", *(int *)argument, i);
		put(text);
	}
	return NULL;
}

START_TEST(lines_of_several_threads_keep_their_order)
{
	int numbers[NWRITERS], next[NWRITERS] = { 0 };
	pthread_t writers[NWRITERS];
	const char *text;
	int writer, i, n, length;

	make_folder();
	start();
	for (i = 0; i < NWRITERS; i++) {
		numbers[i] = i;
		writers[i] = spawn(put_many, &numbers[i]);
	}
	for (i = 0; i < NWRITERS; i++)
		join(writers[i]);
	sink_thread_stop(thread, PATIENCE_MS);
	text = content("all.log");
	for (n = 0; sscanf(text, "%d %d\n%n", &writer, &i, &length) == 2; n++) {
		MUST(writer >= 0 && writer < NWRITERS && i == next[writer]++);
		text += length;
	}
	ck_assert_int_eq(n, NWRITERS * NLINES);
	ck_assert_str_eq(text, "");
	remove_folder();
}
END_TEST

/* ---- A file that was renamed ------------------------------------------------------ */

START_TEST(renamed_file_is_opened_anew)
{
	make_folder();
	start();
	put("one");
	settle();
	rename_file();
	put("two");
	settle();
	sink_thread_reopen(thread);
	put("three");
	settle();
	ck_assert_str_eq(content("old.log"), "one\ntwo\n");
	ck_assert_str_eq(content("all.log"), "three\n");
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

START_TEST(new_file_is_there_before_the_next_line)
{
	make_folder();
	start();
	WAIT_UNTIL(access(path_of("all.log"), F_OK) == 0);
	MUST(unlink(path_of("all.log")) == 0);
	sink_thread_reopen(thread);
	WAIT_UNTIL(access(path_of("all.log"), F_OK) == 0);
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

/* ---- What fails ------------------------------------------------------------------- */

START_TEST(file_that_cannot_be_opened_is_tried_again_after_a_second)
{
	char expected[512];

	make_folder();
	aim_at(path_of("later/all.log"));
	snprintf(
	    expected, sizeof expected,
	    "amyd: rule archive: %s: No such file or directory: its lines are dropped: "
	    "make its folder\n",
	    target_text);
	start();
	put("one");
	settle();
	put("two");
	settle();
	ck_assert_uint_eq(usage().ndropped, 2);
	ck_assert_str_eq(logged(), expected);
	MUST(mkdir(path_of("later"), 0700) == 0);
	atomic_fetch_add(&now_ms, 999);
	put("three");
	settle();
	ck_assert_uint_eq(usage().ndropped, 3);
	atomic_fetch_add(&now_ms, 1);
	put("four");
	settle();
	ck_assert_uint_eq(usage().nwritten, 1);
	ck_assert_str_eq(content("later/all.log"), "four\n");
	sink_thread_stop(thread, PATIENCE_MS);
	snprintf(expected, sizeof expected,
	         "amyd: rule archive: %s: is written again; 3 lines were dropped\n",
	         target_text);
	ck_assert_str_eq(logged(), expected);
	remove_folder();
}
END_TEST

START_TEST(failure_is_logged_once_for_each_cause)
{
	make_folder();
	aim_at(path_of("later/all.log"));
	start();
	put("one");
	settle();
	ck_assert_ptr_nonnull(strstr(logged(), "make its folder"));
	for (int i = 0; i < 3; i++) {
		atomic_fetch_add(&now_ms, 1000);
		put("two");
		settle();
		ck_assert_str_eq(logged(), "");
	}
	MUST(mkdir(path_of("later"), 0700) == 0);
	MUST(mkdir(path_of("later/all.log"), 0700) == 0);
	atomic_fetch_add(&now_ms, 1000);
	put("three");
	settle();
	ck_assert_ptr_nonnull(strstr(logged(), "that is a folder: name a file in it"));
	ck_assert_uint_eq(usage().ndropped, 5);
	MUST(rmdir(path_of("later/all.log")) == 0);
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

START_TEST(asked_to_reopen_it_is_tried_at_once)
{
	make_folder();
	aim_at(path_of("later/all.log"));
	start();
	put("one");
	settle();
	MUST(mkdir(path_of("later"), 0700) == 0);
	sink_thread_reopen(thread);
	put("two");
	settle();
	ck_assert_str_eq(content("later/all.log"), "two\n");
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

/* While it is still losing what was put before. */
START_TEST(line_that_is_put_after_it_was_asked_to_reopen_is_written)
{
	const char *text;

	for (int round = 0; round < 200; round++) {
		make_folder();
		aim_at(path_of("later/all.log"));
		start();
		while (usage().ndropped == 0)
			put("x");
		MUST(mkdir(path_of("later"), 0700) == 0);
		for (int i = 0; i < 100; i++)
			put("x");
		sink_thread_reopen(thread);
		put("two");
		settle();
		text = content("later/all.log");
		ck_assert_uint_ge(strlen(text), 4);
		ck_assert_str_eq(text + strlen(text) - 4, "two\n");
		sink_thread_stop(thread, PATIENCE_MS);
		remove_folder();
	}
}
END_TEST

START_TEST(full_disk_loses_lines_and_says_so_once)
{
	make_folder();
	aim_at("/dev/full");
	start();
	for (int i = 0; i < 300; i++)
		put("x");
	settle();
	atomic_fetch_add(&now_ms, 1000);
	put("x");
	settle();
	ck_assert_uint_eq(usage().ndropped, 301);
	ck_assert_uint_eq(usage().nwritten, 0);
	ck_assert_str_eq(logged(), "amyd: rule archive: file:/dev/full: No space left on "
	                           "device: its lines are dropped: make room there\n");
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

static void
limit_files(rlim_t nbytes)
{
	struct rlimit limit;

	MUST(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = nbytes;
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* "one" is written, and "tw"; then there is no room. */
static void
tear_a_line(void)
{
	start();
	limit_files(6);
	put("one");
	settle();
	put("two");
	WAIT_UNTIL(strstr(logged(), "rename it, and send amyd SIGUSR1") != NULL);
	put("three"); /* in the same second: it is dropped */
	WAIT_UNTIL(usage().ndropped == 1);
	limit_files(RLIM_INFINITY);
	MUST(usage().nqueued == 1);
}

START_TEST(torn_line_is_completed_when_there_is_room)
{
	make_folder();
	tear_a_line();
	ck_assert_str_eq(content("all.log"), "one\ntw");
	atomic_fetch_add(&now_ms, 1000);
	put("four");
	settle();
	ck_assert_str_eq(content("all.log"), "one\ntwo\nfour\n");
	ck_assert_uint_eq(usage().ndropped, 1);
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

START_TEST(torn_line_is_given_up_if_the_file_is_opened_anew)
{
	make_folder();
	tear_a_line();
	rename_file();
	sink_thread_reopen(thread);
	put("four");
	settle();
	ck_assert_str_eq(content("old.log"), "one\ntw");
	ck_assert_str_eq(content("all.log"), "four\n");
	ck_assert_uint_eq(usage().ndropped, 2);
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

START_TEST(torn_line_has_its_line_to_itself)
{
	make_folder();
	tear_a_line();
	sink_thread_reopen(thread);
	put("four");
	settle();
	ck_assert_str_eq(content("all.log"), "one\ntw\nfour\n");
	ck_assert_uint_eq(usage().ndropped, 2);
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

/* ---- What hangs ------------------------------------------------------------------- */

START_TEST(fifo_gets_its_lines_when_its_reader_comes)
{
	int fd;
	char text[16] = "";

	make_folder();
	MUST(mkfifo(path_of("all.log"), 0600) == 0);
	start();
	put("one");
	put("two");
	ck_assert_uint_eq(usage().nqueued, 2);
	fd = open(path_of("all.log"), O_RDONLY | O_CLOEXEC);
	MUST(fd != -1);
	settle();
	ck_assert_int_eq(read(fd, text, sizeof text), 8);
	ck_assert_str_eq(text, "one\ntwo\n");
	ck_assert_str_eq(logged(), "");
	sink_thread_stop(thread, PATIENCE_MS);
	close(fd);
	remove_folder();
}
END_TEST

START_TEST(fifo_without_a_reader_does_not_delay_the_end_if_nothing_waits)
{
	make_folder();
	MUST(mkfifo(path_of("all.log"), 0600) == 0);
	start();
	sink_thread_stop(thread, PATIENCE_MS);
	ck_assert_str_eq(logged(), "");
	remove_folder();
}
END_TEST

START_TEST(fifo_whose_reader_went_away_is_logged_and_written_again)
{
	int fd;
	char text[16] = "";

	make_folder();
	MUST(mkfifo(path_of("all.log"), 0600) == 0);
	fd = open(path_of("all.log"), O_RDWR | O_CLOEXEC);
	MUST(fd != -1);
	start();
	put("one");
	settle();
	close(fd);
	put("two");
	settle();
	ck_assert_uint_eq(usage().ndropped, 1);
	ck_assert_ptr_nonnull(strstr(logged(),
	                             "Broken pipe: its lines are dropped: start its "
	                             "reader"));
	fd = open(path_of("all.log"), O_RDWR | O_CLOEXEC);
	MUST(fd != -1);
	atomic_fetch_add(&now_ms, 1000);
	put("three");
	settle();
	MUST(read(fd, text, sizeof text - 1) > 0);
	ck_assert_ptr_nonnull(strstr(text, "three\n"));
	sink_thread_stop(thread, PATIENCE_MS);
	close(fd);
	remove_folder();
}
END_TEST

static char *
copy_of(const char *text)
{
	char *copy = malloc(strlen(text) + 1);

	MUST(copy != NULL);
	return strcpy(copy, text);
}

/* Read to the end, which is there when nobody writes any more. */
static bool
has_ended(int fd, size_t *nbytes)
{
	char buffer[4096];
	ssize_t n = read(fd, buffer, sizeof buffer);

	*nbytes += n > 0 ? (size_t)n : 0;
	return n == 0;
}

/* The configuration is freed as soon as the threads are stopped. */
START_TEST(thread_that_hangs_is_left_behind)
{
	static char large[200001];
	struct conf_rule hanging_rule = { .queue = 1 << 20 };
	struct conf_target hanging_target = { .kind = CONF_TARGET_FILE };
	int fd;
	size_t n = 0;

	make_folder();
	memset(large, 'x', sizeof large - 1);
	MUST(mkfifo(path_of("all.log"), 0600) == 0);
	fd = open(path_of("all.log"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	MUST(fd != -1);
	hanging_rule.name = copy_of("hanging");
	hanging_target.text = copy_of(target_text);
	hanging_target.name = hanging_target.text + strlen("file:");
	thread = sink_thread_start(&hanging_rule, &hanging_target);
	MUST(thread != NULL);
	put(large);
	put("after");
	sink_thread_stop(thread, 20);
	free(hanging_rule.name);
	free(hanging_target.text);
	ck_assert_ptr_nonnull(
	    strstr(logged(), "it hangs: 2 lines are left behind: see to its reader"));
	/* It comes to its end after all, and with it the other end of the pipe. */
	WAIT_UNTIL(has_ended(fd, &n));
	ck_assert_uint_ge(n, sizeof large);
	close(fd);
	remove_folder();
}
END_TEST

START_TEST(queue_is_bounded_while_its_reader_sleeps)
{
	int fd;

	make_folder();
	MUST(mkfifo(path_of("all.log"), 0600) == 0);
	fd = open(path_of("all.log"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	MUST(fd != -1);
	rule.queue = 4096;
	start();
	put("first");
	settle();
	for (int i = 0; i < 10000; i++)
		put("a line of some length, of which there are many");
	ck_assert_uint_le(usage().nbytes, 4096);
	ck_assert_uint_gt(usage().ndropped, 7000);
	close(fd);
	/* One line is written in part, perhaps. */
	WAIT_UNTIL(usage().nqueued <= 1);
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

/* ---- syslog ----------------------------------------------------------------------- */

START_TEST(syslog_gets_text_without_control_bytes_with_its_priority)
{
	const struct conf_target to_syslog = {
		.kind = CONF_TARGET_SYSLOG,
		.text = (char[]){ "syslog:local3.err" },
		.name = "local3.err",
		.syslog_priority = LOG_LOCAL3 | LOG_ERR,
	};

	make_folder();
	thread = sink_thread_start(&rule, &to_syslog);
	MUST(thread != NULL);
	put("plain %s caf\xc3\xa9");
	put_bytes("a\0\n\xff\\", 5);
	sink_thread_reopen(thread);
	put("");
	settle();
	ck_assert_uint_eq(usage().nwritten, 3);
	sink_thread_stop(thread, PATIENCE_MS);
	ck_assert_str_eq(said, "plain %s caf\xc3\xa9\na\\x00\\x0a\\xff\\x5c\n\n");
	ck_assert_int_eq(atomic_load(&said_priority), LOG_LOCAL3 | LOG_ERR);
	remove_folder();
}
END_TEST

START_TEST(syslog_line_is_cut_if_it_is_very_long)
{
	const struct conf_target to_syslog = {
		.kind = CONF_TARGET_SYSLOG,
		.text = (char[]){ "syslog:daemon.info" },
		.name = "daemon.info",
	};
	static char large[20001];

	make_folder();
	memset(large, 'x', sizeof large - 1);
	thread = sink_thread_start(&rule, &to_syslog);
	MUST(thread != NULL);
	put(large);
	sink_thread_stop(thread, PATIENCE_MS);
	ck_assert_uint_eq(strlen(said), 8191 + 1);
	ck_assert_str_eq(said + strlen(said) - 5, "x...\n");
	remove_folder();
}
END_TEST

START_TEST(syslog_line_that_the_logger_does_not_take_is_lost_and_counted)
{
	const struct conf_target to_syslog = {
		.kind = CONF_TARGET_SYSLOG,
		.text = (char[]){ "syslog:local3.err" },
		.name = "local3.err",
		.syslog_priority = LOG_LOCAL3 | LOG_ERR,
	};

	make_folder();
	atomic_store(&logger_error, ENOENT);
	thread = sink_thread_start(&rule, &to_syslog);
	MUST(thread != NULL);
	for (int i = 0; i < 3; i++)
		put("lost");
	settle();
	ck_assert_uint_eq(usage().nwritten, 0);
	ck_assert_uint_eq(usage().ndropped, 3);
	ck_assert_ptr_nonnull(strstr(logged(), "syslog:local3.err: No such file or directory: its "
	                                       "lines are dropped: start the system's logger"));
	atomic_store(&logger_error, 0);
	put("taken");
	settle();
	ck_assert_uint_eq(usage().nwritten, 1);
	ck_assert_str_eq(said, "taken\n");
	ck_assert_ptr_nonnull(strstr(logged(), "is written again; 3 lines were dropped"));
	sink_thread_stop(thread, PATIENCE_MS);
	remove_folder();
}
END_TEST

/* ---- Starting --------------------------------------------------------------------- */

START_TEST(thread_is_not_started_without_memory)
{
	long before;
	unsigned k = 0;

	make_folder();
	before = fault_live_allocations();
	do {
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		errno = 0;
		thread = sink_thread_start(&rule, &target);
		MUST(thread != NULL || errno == ENOMEM);
		if (thread != NULL)
			sink_thread_stop(thread, PATIENCE_MS);
	} while (fault_clear());
	MUST(fault_live_allocations() == before);
	MUST(k == 3);
	remove_folder();
}
END_TEST

START_TEST(without_threads_it_is_not_started)
{
	long before;

	make_folder();
	before = fault_live_allocations();
	atomic_store(&thread_error, EAGAIN);
	MUST(sink_thread_start(&rule, &target) == NULL);
	MUST(errno == EAGAIN);
	MUST(fault_live_allocations() == before);
	remove_folder();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("sink_thread",
	    lines_are_appended_byte_for_byte,
	    file_is_made_if_it_is_not_there,
	    what_waits_is_written_before_the_end,
	    long_lines_are_written_whole,
	    lines_of_several_threads_keep_their_order,
	    renamed_file_is_opened_anew,
	    new_file_is_there_before_the_next_line,
	    file_that_cannot_be_opened_is_tried_again_after_a_second,
	    failure_is_logged_once_for_each_cause,
	    asked_to_reopen_it_is_tried_at_once,
	    line_that_is_put_after_it_was_asked_to_reopen_is_written,
	    full_disk_loses_lines_and_says_so_once,
	    torn_line_is_completed_when_there_is_room,
	    torn_line_is_given_up_if_the_file_is_opened_anew,
	    torn_line_has_its_line_to_itself,
	    fifo_gets_its_lines_when_its_reader_comes,
	    fifo_without_a_reader_does_not_delay_the_end_if_nothing_waits,
	    fifo_whose_reader_went_away_is_logged_and_written_again,
	    thread_that_hangs_is_left_behind,
	    queue_is_bounded_while_its_reader_sleeps,
	    syslog_gets_text_without_control_bytes_with_its_priority,
	    syslog_line_is_cut_if_it_is_very_long,
	    syslog_line_that_the_logger_does_not_take_is_lost_and_counted,
	    thread_is_not_started_without_memory,
	    without_threads_it_is_not_started);
}
