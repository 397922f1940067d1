/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "harness.h"
#include "log.h"

#define RING 512 /* messages that are queued at most */

static int captured[2]; /* a pipe: what is written to stderr */
static int real_stderr;

static void
capture_stderr(void)
{
	make_pipe(captured);
	real_stderr = dup(STDERR_FILENO);
	MUST(real_stderr != -1);
	MUST(dup2(captured[1], STDERR_FILENO) != -1);
}

static void
release_stderr(void)
{
	MUST(dup2(real_stderr, STDERR_FILENO) != -1);
	MUST(close(real_stderr) == 0);
	close_pair(captured);
}

/* All that was written since the last time. */
static const char *
written(void)
{
	static char text[65536 + 1];
	ssize_t n = read(captured[0], text, sizeof text - 1);

	MUST(n != -1 || errno == EAGAIN);
	text[n == -1 ? 0 : n] = '\0';
	return text;
}

/* The same of lines that begin with a time, "2026-11-28T20:15:00.123+01:00 ", without that. */
static const char *
written_at_a_time(void)
{
	static const char form[] = "0000-00-00T00:00:00.000+00:00 ";
	static char rest[65536 + 1];
	const char *line = written();

	rest[0] = '\0';
	for (; *line != '\0'; line = strchr(line, '\n') + 1) {
		for (size_t i = 0; form[i] != '\0'; i++) {
			if (form[i] == '0')
				MUST(line[i] >= '0' && line[i] <= '9');
			else
				MUST(line[i] == form[i] || (form[i] == '+' && line[i] == '-'));
		}
		line += sizeof form - 1;
		strncat(rest, line, strcspn(line, "\n") + 1);
	}
	return rest;
}

/* ---- Levels and direct writing ---------------------------------------------------- */

static void
say_everything(void)
{
	log_error("one");
	log_warning("two");
	log_info("three");
	log_debug("four");
}

START_TEST(message_is_written_if_its_level_is_wanted)
{
	capture_stderr();
	log_open(LOG_TO_STDERR, LOG_DAEMON, LOG_LEVEL_ERROR);
	say_everything();
	ck_assert_str_eq(written_at_a_time(), "amyd: one\n");
	log_open(LOG_TO_STDERR, LOG_DAEMON, LOG_LEVEL_WARNING);
	say_everything();
	ck_assert_str_eq(written_at_a_time(), "amyd: one\namyd: two\n");
	log_open(LOG_TO_STDERR, LOG_DAEMON, LOG_LEVEL_INFO);
	say_everything();
	ck_assert_str_eq(written_at_a_time(), "amyd: one\namyd: two\namyd: three\n");
	log_open(LOG_TO_STDERR, LOG_DAEMON, LOG_LEVEL_DEBUG);
	say_everything();
	ck_assert_str_eq(written_at_a_time(), "amyd: one\namyd: two\namyd: three\namyd: four\n");
	release_stderr();
}
END_TEST

START_TEST(before_it_is_opened_the_log_is_stderr)
{
	capture_stderr();
	say_everything();
	ck_assert_str_eq(written(), "amyd: one\namyd: two\namyd: three\n");
	release_stderr();
}
END_TEST

START_TEST(message_is_formatted)
{
	capture_stderr();
	log_info("%s %d %zu%%", "text", -1, (size_t)42);
	ck_assert_str_eq(written(), "amyd: text -1 42%\n");
	log_info("%s", "%s%n");
	ck_assert_str_eq(written(), "amyd: %s%n\n");
	release_stderr();
}
END_TEST

START_TEST(message_is_one_line_whatever_is_in_it)
{
	capture_stderr();
	log_info("a%sb", "\n<3>\r\t\033[2J\177\001");
	ck_assert_str_eq(written(), "amyd: a?<3>???[2J??b\n");
	log_info("%s", "caf\xc3\xa9");
	ck_assert_str_eq(written(), "amyd: caf\xc3\xa9\n");
	release_stderr();
}
END_TEST

START_TEST(long_message_is_cut)
{
	char text[LOG_MAX_MESSAGE + 100];

	capture_stderr();
	memset(text, 'a', sizeof text);
	text[LOG_MAX_MESSAGE - 1] = '\0';
	log_info("%s", text);
	ck_assert_uint_eq(strlen(written()), 6 + LOG_MAX_MESSAGE - 1 + 1);
	text[LOG_MAX_MESSAGE - 1] = 'a';
	text[sizeof text - 1] = '\0';
	log_info("%s", text);
	ck_assert_uint_eq(strlen(written()), 6 + LOG_MAX_MESSAGE - 1 + 1);
	release_stderr();
}
END_TEST

START_TEST(errno_is_left_as_it_was)
{
	int null = open("/dev/null", O_RDONLY);

	ck_assert_int_ne(null, -1);
	capture_stderr();
	errno = EXDEV;
	log_info("%s", "written");
	ck_assert_int_eq(errno, EXDEV);
	/* Nor where it cannot be written. */
	MUST(dup2(null, STDERR_FILENO) != -1);
	errno = EXDEV;
	log_info("%s", "lost");
	ck_assert_int_eq(errno, EXDEV);
	log_start_queueing();
	errno = EXDEV;
	for (int i = 0; i < RING + 1; i++)
		log_info("queued");
	ck_assert_int_eq(errno, EXDEV);
	release_stderr();
	close(null);
}
END_TEST

/* ---- Queueing --------------------------------------------------------------------- */

START_TEST(queued_message_is_written_by_the_one_who_reads)
{
	capture_stderr();
	log_info("before");
	ck_assert_str_eq(written(), "amyd: before\n");
	log_start_queueing();
	log_info("one");
	log_warning("two");
	ck_assert_str_eq(written(), "");
	ck_assert(log_write_next());
	ck_assert_str_eq(written(), "amyd: one\n");
	ck_assert(log_write_next());
	ck_assert_str_eq(written(), "amyd: two\n");
	log_debug("not wanted");
	log_info("three");
	log_stop_queueing();
	ck_assert(log_write_next());
	ck_assert_str_eq(written(), "amyd: three\n");
	ck_assert(!log_write_next());
	ck_assert(!log_write_next());
	ck_assert_str_eq(written(), "");
	log_info("after");
	ck_assert_str_eq(written(), "amyd: after\n");
	release_stderr();
}
END_TEST

static void
expect_number(unsigned i)
{
	char text[32];

	MUST(log_write_next());
	snprintf(text, sizeof text, "amyd: %u\n", i);
	MUST(strcmp(written(), text) == 0);
}

START_TEST(full_queue_drops_and_says_how_many)
{
	capture_stderr();
	log_start_queueing();
	for (unsigned i = 0; i < RING + 10; i++)
		log_info("%u", i);
	ck_assert_str_eq(written(), "");
	for (unsigned i = 0; i < RING; i++)
		expect_number(i);
	ck_assert(log_write_next());
	ck_assert_str_eq(written(),
	                 "amyd: 10 log messages dropped: the log's reader is too slow\n");
	log_stop_queueing();
	ck_assert(!log_write_next());
	release_stderr();
}
END_TEST

START_TEST(what_cannot_be_written_is_counted_and_said_later)
{
	char dots[4096];

	memset(dots, '.', sizeof dots);
	capture_stderr();
	log_start_queueing();
	while (write(captured[1], dots, sizeof dots) != -1)
		continue;
	for (int i = 0; i < 3; i++) {
		log_info("lost");
		ck_assert(log_write_next());
	}
	while (*written() != '\0')
		continue;
	log_info("one");
	ck_assert(log_write_next());
	ck_assert_str_eq(written(), "amyd: one\n"
	                            "amyd: 3 log messages could not be written: "
	                            "Resource temporarily unavailable\n");
	log_info("two");
	ck_assert(log_write_next());
	ck_assert_str_eq(written(), "amyd: two\n");
	log_stop_queueing();
	ck_assert(!log_write_next());
	release_stderr();
}
END_TEST

static void
let_files_grow_to(rlim_t nbytes)
{
	struct rlimit limit;

	MUST(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = nbytes;
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

START_TEST(after_a_line_that_is_torn_there_is_a_new_one)
{
	char text[200] = "";
	FILE *file = tmpfile();

	MUST(file != NULL && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	capture_stderr();
	MUST(dup2(fileno(file), STDERR_FILENO) != -1);
	log_start_queueing();
	let_files_grow_to(strlen("amyd: to"));
	for (int i = 0; i < 2; i++) {
		log_info("torn");
		MUST(log_write_next());
	}
	let_files_grow_to(RLIM_INFINITY);
	for (int i = 0; i < 2; i++) {
		log_info("whole");
		MUST(log_write_next());
	}
	log_stop_queueing();
	release_stderr();
	MUST(pread(fileno(file), text, sizeof text - 1, 0) > 0);
	ck_assert_str_eq(text, "amyd: to\n"
	                       "amyd: whole\n"
	                       "amyd: 2 log messages could not be written: File too large\n"
	                       "amyd: whole\n");
	fclose(file);
}
END_TEST

START_TEST(full_queue_that_is_not_passed_drops_nothing)
{
	capture_stderr();
	log_start_queueing();
	for (unsigned i = 0; i < RING; i++)
		log_info("%u", i);
	for (unsigned i = 0; i < RING; i++)
		expect_number(i);
	log_stop_queueing();
	ck_assert(!log_write_next());
	release_stderr();
}
END_TEST

START_TEST(each_time_it_drops_it_says_so_anew)
{
	capture_stderr();
	log_start_queueing();
	for (unsigned round = 1; round <= 3; round++) {
		char news[100];

		for (unsigned i = 0; i < RING + round; i++)
			log_info("%u", i);
		for (unsigned i = 0; i < RING; i++)
			expect_number(i);
		ck_assert(log_write_next());
		snprintf(news, sizeof news,
		         "amyd: %u log messages dropped: the log's reader is too slow\n",
		         round);
		ck_assert_str_eq(written(), news);
	}
	log_stop_queueing();
	ck_assert(!log_write_next());
	release_stderr();
}
END_TEST

START_TEST(queue_goes_round_and_keeps_the_order)
{
	unsigned said = 0, seen = 0;
	uint64_t random = 1;

	capture_stderr();
	log_start_queueing();
	while (said < 5000) {
		for (uint32_t n = random_below(&random, RING - (said - seen) + 1); n > 0; n--)
			log_info("%u", said++);
		for (uint32_t n = random_below(&random, said - seen + 1); n > 0; n--)
			expect_number(seen++);
	}
	while (seen < said)
		expect_number(seen++);
	log_stop_queueing();
	ck_assert(!log_write_next());
	release_stderr();
}
END_TEST

/* ---- Floods ----------------------------------------------------------------------- */

static int64_t skipped_ms; /* that time seems to be later */

int64_t __real_monotonic_now_ms(void);
int64_t __wrap_monotonic_now_ms(void);

int64_t
__wrap_monotonic_now_ms(void)
{
	return __real_monotonic_now_ms() + skipped_ms;
}

static void
flood(const char *who, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		log_warning("%s is number %u", who, i);
}

/* The next ones that are written are of that kind, from 0 on. */
static void
expect_flood(const char *who, unsigned n)
{
	char text[64];

	for (unsigned i = 0; i < n; i++) {
		MUST(log_write_next());
		snprintf(text, sizeof text, "amyd: %s is number %u\n", who, i);
		ck_assert_str_eq(written(), text);
	}
}

START_TEST(flood_of_one_kind_is_cut_short_and_counted)
{
	capture_stderr();
	log_start_queueing();
	flood("this one", 0, 100000);
	log_warning("another kind");
	expect_flood("this one", 10);
	ck_assert(log_write_next());
	ck_assert_str_eq(written(), "amyd: another kind\n");
	/* Nothing more is said before its time is over. */
	skipped_ms = 4000;
	log_info("still");
	ck_assert(log_write_next());
	ck_assert_str_eq(written(), "amyd: still\n");
	skipped_ms = 6000;
	flood("that one", 0, 11);
	ck_assert(log_write_next());
	ck_assert_str_eq(written(),
	                 "amyd: 99990 more like this: this one is number 99999\n");
	expect_flood("that one", 10);
	log_stop_queueing();
	/* What is left to be told is told at the end. */
	ck_assert(log_write_next());
	ck_assert_str_eq(written(), "amyd: 1 more like this: that one is number 10\n");
	ck_assert(!log_write_next());
	release_stderr();
}
END_TEST

static unsigned
count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

START_TEST(what_was_asked_for_is_said_in_full)
{
	capture_stderr();
	log_open(LOG_TO_STDERR, LOG_DAEMON, LOG_LEVEL_DEBUG);
	log_start_queueing();
	for (unsigned i = 0; i < 100; i++) {
		log_info("%u", i);
		log_debug("%u", i);
		for (unsigned n = 0; n < 2; n++) {
			char text[32];

			MUST(log_write_next());
			snprintf(text, sizeof text, "amyd: %u\n", i);
			MUST(strcmp(written_at_a_time(), text) == 0);
		}
	}
	log_stop_queueing();
	ck_assert(!log_write_next());
	/* And all that is written by whoever says it. */
	flood("direct", 0, 20);
	ck_assert_uint_eq(count_lines(written()), 20);
	release_stderr();
}
END_TEST

/* ---- The journal ------------------------------------------------------------------ */

/* As systemd.exec(5) has it; stderr is the pipe. */
static void
name_journal(int fd, const char *tail)
{
	char name[64];
	struct stat st;

	MUST(fstat(fd, &st) == 0);
	snprintf(name, sizeof name, "%ju:%ju%s", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
	         tail);
	setenv("JOURNAL_STREAM", name, 1);
}

START_TEST(journal_is_told_the_level)
{
	capture_stderr();
	log_open(LOG_TO_STDERR, LOG_DAEMON, LOG_LEVEL_DEBUG);
	name_journal(captured[1], "");
	ck_assert(log_stderr_is_journal());
	say_everything();
	ck_assert_str_eq(written(), "<3>one\n<4>two\n<6>three\n<7>four\n");
	log_start_queueing();
	say_everything();
	log_stop_queueing();
	while (log_write_next())
		continue;
	ck_assert_str_eq(written(), "<3>one\n<4>two\n<6>three\n<7>four\n");
	release_stderr();
}
END_TEST

START_TEST(stderr_that_is_not_the_journal_is_as_ever)
{
	static const char *const bad[] = { "", ":", "1", "x:y", "1:", "0:0" };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ne(null, -1);
	capture_stderr();
	name_journal(null, ""); /* it was connected to it once, but is redirected */
	ck_assert(!log_stderr_is_journal());
	log_info("one");
	ck_assert_str_eq(written(), "amyd: one\n");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		setenv("JOURNAL_STREAM", bad[i], 1);
		ck_assert(!log_stderr_is_journal());
	}
	unsetenv("JOURNAL_STREAM");
	ck_assert(!log_stderr_is_journal());
	close(null);
	release_stderr();
}
END_TEST

/* ---- Threads ---------------------------------------------------------------------- */

static atomic_int reader_tid;
static atomic_uint nwritten;

static void *
read_log(void *argument)
{
	atomic_store(&reader_tid, gettid());
	while (log_write_next())
		atomic_fetch_add(&nwritten, 1);
	return argument;
}

static pthread_t
start_reader(void)
{
	pthread_t reader;

	log_start_queueing();
	reader = spawn(read_log, NULL);
	WAIT_UNTIL(atomic_load(&reader_tid) != 0);
	return reader;
}

/* Nobody says anything more: the reader itself looks when the time is over. */
START_TEST(reader_tells_of_a_flood_when_its_time_is_over)
{
	pthread_t reader;

	capture_stderr();
	reader = start_reader();
	flood("this one", 0, 10);
	WAIT_UNTIL(atomic_load(&nwritten) == 10);
	WAIT_UNTIL(is_asleep(atomic_load(&reader_tid)));
	written();
	flood("this one", 10, 30);
	WAIT_UNTIL(atomic_load(&nwritten) == 11);
	ck_assert_str_eq(written(), "amyd: 20 more like this: this one is number 29\n");
	log_stop_queueing();
	join(reader);
	release_stderr();
}
END_TEST

START_TEST(reader_waits_for_a_message)
{
	pthread_t reader;

	capture_stderr();
	reader = start_reader();
	WAIT_UNTIL(is_asleep(atomic_load(&reader_tid)));
	ck_assert_uint_eq(atomic_load(&nwritten), 0);
	log_info("wake up");
	WAIT_UNTIL(atomic_load(&nwritten) == 1);
	ck_assert_str_eq(written(), "amyd: wake up\n");
	WAIT_UNTIL(is_asleep(atomic_load(&reader_tid)));
	log_stop_queueing();
	join(reader);
	ck_assert_str_eq(written(), "");
	release_stderr();
}
END_TEST

enum { NWRITERS = 3, NMESSAGES = 400 };

static void *
write_log(void *argument)
{
	for (unsigned i = 0; i < NMESSAGES; i++)
		log_info("writer %s: %u", (const char *)argument, i);
	return NULL;
}

/* Fewer than fill the queue are written whole, each writer's in their order. */
START_TEST(messages_of_several_threads_are_written_whole)
{
	static const char *const names[NWRITERS] = { "0", "1", "2" };
	unsigned next[NWRITERS] = { 0 }, writer, number, total = 0, dropped = 0, n;
	pthread_t threads[NWRITERS], reader;
	char *line, *rest;
	static char text[65536 * 2];
	size_t used = 0;

	capture_stderr();
	reader = start_reader();
	for (int i = 0; i < NWRITERS; i++)
		threads[i] = spawn(write_log, (void *)(uintptr_t)names[i]);
	for (int i = 0; i < NWRITERS; i++)
		join(threads[i]);
	log_stop_queueing();
	join(reader);
	/* All of it fits into the pipe: 1,200 lines of less than 30 bytes, and some news. */
	used = strlen(strcpy(text, written()));
	MUST(used < sizeof text);
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "amyd: %u log messages dropped", &n) == 1) {
			dropped += n;
			continue;
		}
		MUST(sscanf(line, "amyd: writer %u: %u", &writer, &number) == 2);
		MUST(writer < NWRITERS && number < NMESSAGES && number >= next[writer]);
		next[writer] = number + 1;
		total++;
	}
	ck_assert_uint_eq(total + dropped, NWRITERS * NMESSAGES);
	release_stderr();
}
END_TEST

/* ---- Escaping --------------------------------------------------------------------- */

START_TEST(bytes_are_escaped_unless_they_are_plain)
{
	static const struct {
		const char *bytes;
		size_t nbytes;
		const char *escaped;
	} texts[] = {
		{ "", 0, "" },
		{ "plain text ~!\"%'", 16, "plain text ~!\"%'" },
		{ "\0", 1, "\\x00" },
		{ "\x1b[2J", 4, "\\x1b[2J" },
		{ "\x80\xff", 2, "\\x80\\xff" },
		{ "a\\b", 3, "a\\x5cb" },
		{ "\r\n\t", 3, "\\x0d\\x0a\\x09" },
		{ "\x7f", 1, "\\x7f" },
		{ "caf\xc3\xa9", 5, "caf\\xc3\\xa9" },
	};
	char buffer[64];

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		ck_assert_ptr_eq(log_escape(buffer, sizeof buffer, texts[i].bytes,
		                            texts[i].nbytes),
		                 buffer);
		ck_assert_str_eq(buffer, texts[i].escaped);
	}
}
END_TEST

START_TEST(every_byte_is_escaped_by_its_number)
{
	char buffer[16], expected[16];

	for (int byte = 0; byte < 256; byte++) {
		char bytes[1] = { (char)byte };

		if (byte >= ' ' && byte <= '~' && byte != '\\')
			snprintf(expected, sizeof expected, "%c", byte);
		else
			snprintf(expected, sizeof expected, "\\x%02x", (unsigned)byte);
		ck_assert_str_eq(log_escape(buffer, sizeof buffer, bytes, 1), expected);
	}
}
END_TEST

START_TEST(what_does_not_fit_is_cut_with_dots)
{
	char buffer[16];

	ck_assert_str_eq(log_escape(buffer, 8, "abcd", 4), "abcd");
	ck_assert_str_eq(log_escape(buffer, 8, "abcdefgh", 8), "abcd...");
	ck_assert_str_eq(log_escape(buffer, 8, "\0", 1), "\\x00");
	ck_assert_str_eq(log_escape(buffer, 8, "a\0", 2), "a...");
	ck_assert_str_eq(log_escape(buffer, 8, "\0\0", 2), "\\x00...");
	ck_assert_str_eq(log_escape(buffer, 16, "0123456789abcdef", 16), "0123456789ab...");
}
END_TEST

/* Never half an escape, never a byte past the end, and all of it where there is room. */
START_TEST(any_bytes_are_escaped_into_any_room)
{
	for (uint64_t seed = 1; seed <= 20000; seed++) {
		uint64_t random = seed;
		size_t nbytes = random_below(&random, 40);
		size_t size = 8 + random_below(&random, 100), n;
		char bytes[40], whole[200], *buffer = malloc(size);
		bool is_whole;

		MUST(buffer != NULL);
		for (size_t i = 0; i < nbytes; i++)
			bytes[i] = (char)(random_below(&random, 2) == 0
			                      ? 'a' + random_below(&random, 26)
			                      : random_below(&random, 256));
		log_escape(whole, sizeof whole, bytes, nbytes);
		log_escape(buffer, size, bytes, nbytes);
		n = strlen(buffer);
		is_whole = strcmp(whole, buffer) == 0;
		if (n >= size || (!is_whole && strlen(whole) + 4 <= size) ||
		    (!is_whole &&
		     (n < 3 || strcmp(buffer + n - 3, "...") != 0 ||
		      strncmp(buffer, whole, n - 3) != 0 || n + 4 < size - 3)))
			ck_abort_msg("seed %llu: \"%s\" in %zu bytes is \"%s\"",
			             (unsigned long long)seed, whole, size, buffer);
		for (size_t i = 0; i + 3 < n && !is_whole; i++)
			if (buffer[i] == '\\')
				MUST(i + 4 <= n - 3);
		free(buffer);
	}
}
END_TEST

int
main(void)
{
	return RUN_SUITE("log",
	    message_is_written_if_its_level_is_wanted,
	    before_it_is_opened_the_log_is_stderr,
	    message_is_formatted,
	    message_is_one_line_whatever_is_in_it,
	    long_message_is_cut,
	    errno_is_left_as_it_was,
	    queued_message_is_written_by_the_one_who_reads,
	    full_queue_drops_and_says_how_many,
	    what_cannot_be_written_is_counted_and_said_later,
	    after_a_line_that_is_torn_there_is_a_new_one,
	    full_queue_that_is_not_passed_drops_nothing,
	    each_time_it_drops_it_says_so_anew,
	    queue_goes_round_and_keeps_the_order,
	    flood_of_one_kind_is_cut_short_and_counted,
	    what_was_asked_for_is_said_in_full,
	    journal_is_told_the_level,
	    stderr_that_is_not_the_journal_is_as_ever,
	    reader_tells_of_a_flood_when_its_time_is_over,
	    reader_waits_for_a_message,
	    messages_of_several_threads_are_written_whole,
	    bytes_are_escaped_unless_they_are_plain,
	    every_byte_is_escaped_by_its_number,
	    what_does_not_fit_is_cut_with_dots,
	    any_bytes_are_escaped_into_any_room);
}
