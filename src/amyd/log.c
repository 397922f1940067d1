/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alike.h"
#include "log.h"
#include "monotonic.h"
#include "system_log.h"
#include "timestamp.h"

#define RING_MESSAGES 512

_Static_assert(ALIKE_MAX_TEXT == LOG_MAX_MESSAGE, "a message is remembered whole");

struct message {
	enum log_level level;
	char text[LOG_MAX_MESSAGE];
};

/*
 * Owner: lock guards all, but for target, facility and has_time, which are constant after
 * log_open(), and level, which any thread may set.
 */
static struct {
	enum log_target target;
	int facility;
	bool has_time; /* lines on stderr begin with the time of day */
	_Atomic enum log_level level;

	pthread_mutex_t lock;
	pthread_cond_t not_empty; /* timed by the monotonic clock */
	bool has_not_empty;       /* it is there */
	bool queueing;
	unsigned first, count;
	unsigned long dropped;
	struct message ring[RING_MESSAGES];
	struct alikes alikes; /* of those that are queued */
	int64_t tell_at_ms; /* when there is something to tell of them; -1: there is nothing */
} the_log = {
	.target = LOG_TO_STDERR,
	.level = LOG_LEVEL_INFO,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.tell_at_ms = -1,
};

/* What is on stderr ends within a line: of the last one, there was no room for the end. */
static atomic_bool is_torn;

/* Owner: who calls log_write_next(). What could not be written since it was said, and why. */
static struct {
	unsigned long n;
	int error;
} unwritten;

/* Owner: who calls log_write_next(). */
static struct {
	struct system_log connection;
	bool is_missing; /* it took nothing the last time: stderr has the log */
} logger = {
	.connection = SYSTEM_LOG_INIT,
};

void
log_open(enum log_target target, int facility, enum log_level level)
{
	the_log.target = target;
	the_log.facility = facility;
	the_log.has_time = true;
	the_log.level = level;
}

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&the_log.level, level, memory_order_relaxed);
}

static int
syslog_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return LOG_ERR;
	case LOG_LEVEL_WARNING:
		return LOG_WARNING;
	case LOG_LEVEL_INFO:
		return LOG_INFO;
	case LOG_LEVEL_DEBUG:
		return LOG_DEBUG;
	}
	return LOG_ERR;
}

bool
log_stderr_is_journal(void)
{
	const char *name = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	return name != NULL && sscanf(name, "%ju:%ju", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/*
 * One write(2) a message, so that lines of several programs do not mix on a terminal. The
 * journal knows who writes, and takes the level from the line. False, errno: it is not there,
 * or not all of it.
 */
static bool
write_stderr(enum log_level level, const char *text)
{
	char line[LOG_MAX_MESSAGE + TIMESTAMP_MAX + 10], at[TIMESTAMP_MAX] = "";
	const char *before = atomic_load(&is_torn) ? "\n" : "";
	struct timespec now;
	ssize_t nwritten;
	int n;

	if (log_stderr_is_journal()) {
		n = snprintf(line, sizeof line, "%s<%d>%s\n", before, syslog_priority(level),
		             text);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		if (the_log.has_time)
			timestamp_format(at, &now);
		n = snprintf(line, sizeof line, "%s%s%samyd: %s\n", before, at,
		             at[0] == '\0' ? "" : " ", text);
	}
	nwritten = write(STDERR_FILENO, line, (size_t)n);
	if (nwritten > 0)
		atomic_store(&is_torn, line[nwritten - 1] != '\n');
	if (nwritten >= 0 && nwritten < n)
		errno = ENOSPC;
	return nwritten == n;
}

static bool
write_logger(enum log_level level, const char *text)
{
	return system_log_write(&logger.connection, the_log.facility | syslog_priority(level),
	                        text);
}

/* The logger is there again, or is not there any more: the one that has the log says so. */
static void
say_where_the_log_is(bool is_missing, int error)
{
	char text[LOG_MAX_MESSAGE];

	if (is_missing == logger.is_missing)
		return;
	logger.is_missing = is_missing;
	if (!is_missing) {
		write_logger(LOG_LEVEL_INFO, "syslog takes messages again: the log is here, and "
		                             "not on standard error any more");
		return;
	}
	snprintf(text, sizeof text,
	         "syslog: %s: %s: the log is on standard error until a logger listens there; "
	         "to have it there always, use -l stderr",
	         logger.connection.path, strerror(error));
	write_stderr(LOG_LEVEL_WARNING, text);
}

/* False, errno: it could be written neither to where it belongs nor to stderr. */
static bool
message_write(const struct message *message)
{
	if (the_log.target != LOG_TO_SYSLOG)
		return write_stderr(message->level, message->text);
	if (write_logger(message->level, message->text)) {
		say_where_the_log_is(false, 0);
		return true;
	}
	say_where_the_log_is(true, errno);
	return write_stderr(message->level, message->text);
}

/* Where there is no room for it, it is counted; how many there were is said when there is. */
static void
message_write_or_count(const struct message *message)
{
	struct message news = { .level = LOG_LEVEL_WARNING };

	if (!message_write(message)) {
		unwritten.n++;
		unwritten.error = errno;
		return;
	}
	if (unwritten.n == 0)
		return;
	snprintf(news.text, sizeof news.text, "%lu log messages could not be written: %s",
	         unwritten.n, strerror(unwritten.error));
	if (message_write(&news))
		unwritten.n = 0;
}

/* the_log.lock is held. */
static void
ring_push(const struct message *message)
{
	if (the_log.count == RING_MESSAGES) {
		the_log.dropped++;
		return;
	}
	the_log.ring[(the_log.first + the_log.count) % RING_MESSAGES] = *message;
	the_log.count++;
	pthread_cond_signal(&the_log.not_empty);
}

/* the_log.lock is held, and the ring is not empty. */
static void
ring_pop(struct message *message)
{
	*message = the_log.ring[the_log.first];
	the_log.first = (the_log.first + 1) % RING_MESSAGES;
	the_log.count--;
	if (the_log.dropped > 0 && the_log.count < RING_MESSAGES / 2) {
		struct message news = { .level = LOG_LEVEL_WARNING };

		snprintf(news.text, sizeof news.text,
		         "%lu log messages dropped: the log's reader is too slow",
		         the_log.dropped);
		the_log.dropped = 0;
		ring_push(&news);
	}
}

/* the_log.lock is held. */
static void
tell_of_alike(int64_t now_ms)
{
	struct alike over;

	if (the_log.tell_at_ms == -1 || now_ms < the_log.tell_at_ms)
		return;
	while (alike_take(&the_log.alikes, now_ms, &over)) {
		struct message news = { .level = (enum log_level)over.level };

		snprintf(news.text, sizeof news.text, "%lu more like this: %.400s", over.nheld,
		         over.last);
		ring_push(&news);
	}
	the_log.tell_at_ms = alike_next_ms(&the_log.alikes);
}

/* the_log.lock is held. What happens to clients and targets may happen often. */
static bool
is_to_be_said(const char *format, const struct message *message)
{
	int64_t now_ms;

	if (message->level > LOG_LEVEL_WARNING)
		return true;
	now_ms = monotonic_now_ms();
	tell_of_alike(now_ms);
	if (alike_admits(&the_log.alikes, format, message->level, message->text, now_ms))
		return true;
	if (the_log.tell_at_ms == -1)
		pthread_cond_signal(&the_log.not_empty); /* who waits, waits for too long */
	the_log.tell_at_ms = alike_next_ms(&the_log.alikes);
	return false;
}

/*
 * Whatever is in it, a message is one line, and no terminal obeys it. Client bytes were escaped
 * before; here are those of file names, of the environment, of the configuration.
 */
static void
make_one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void log_say(enum log_level level, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void
log_say(enum log_level level, const char *format, va_list arguments)
{
	struct message message;
	int error = errno;
	bool queued;

	if (level > atomic_load_explicit(&the_log.level, memory_order_relaxed))
		return;
	message.level = level;
	vsnprintf(message.text, sizeof message.text, format, arguments);
	make_one_line(message.text);
	pthread_mutex_lock(&the_log.lock);
	queued = the_log.queueing;
	if (queued && is_to_be_said(format, &message))
		ring_push(&message);
	pthread_mutex_unlock(&the_log.lock);
	if (!queued)
		write_stderr(level, message.text);
	errno = error;
}

#define LOG_FUNCTION(name, level)                                                              \
	void name(const char *format, ...)                                                     \
	{                                                                                      \
		va_list arguments;                                                             \
                                                                                               \
		va_start(arguments, format);                                                   \
		log_say(level, format, arguments);                                             \
		va_end(arguments);                                                             \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

const char *
log_escape(char *buffer, size_t size, const char *bytes, size_t nbytes)
{
	size_t used = 0;

	for (size_t i = 0; i < nbytes; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		bool plain = byte >= 0x20 && byte < 0x7f && byte != '\\';

		/* Room for this byte, and for "..." in place of the next. */
		if (used + (plain ? 1 : 4) + 4 > size) {
			strcpy(buffer + used, "...");
			return buffer;
		}
		if (plain)
			buffer[used++] = (char)byte;
		else
			used += (size_t)sprintf(buffer + used, "\\x%02x", byte);
	}
	buffer[used] = '\0';
	return buffer;
}

/* the_log.lock is held. No constant has the monotonic clock. */
static void
make_condition(void)
{
	pthread_condattr_t attributes;

	if (the_log.has_not_empty)
		return;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&the_log.not_empty, &attributes);
	pthread_condattr_destroy(&attributes);
	the_log.has_not_empty = true;
}

void
log_start_queueing(void)
{
	pthread_mutex_lock(&the_log.lock);
	make_condition();
	the_log.queueing = true;
	pthread_mutex_unlock(&the_log.lock);
}

void
log_stop_queueing(void)
{
	pthread_mutex_lock(&the_log.lock);
	the_log.queueing = false;
	if (the_log.has_not_empty)
		pthread_cond_signal(&the_log.not_empty);
	pthread_mutex_unlock(&the_log.lock);
}

/* the_log.lock is held. For a message, or until there is one about those not said. */
static void
wait_for_message(void)
{
	struct timespec at = { .tv_sec = the_log.tell_at_ms / 1000,
		               .tv_nsec = the_log.tell_at_ms % 1000 * 1000000 };

	if (the_log.tell_at_ms == -1)
		pthread_cond_wait(&the_log.not_empty, &the_log.lock);
	else
		pthread_cond_timedwait(&the_log.not_empty, &the_log.lock, &at);
}

bool
log_write_next(void)
{
	struct message message;
	bool has_message;

	pthread_mutex_lock(&the_log.lock);
	while (the_log.count == 0 && the_log.queueing) {
		wait_for_message();
		tell_of_alike(monotonic_now_ms());
	}
	if (!the_log.queueing)
		tell_of_alike(INT64_MAX);
	has_message = the_log.count > 0;
	if (has_message)
		ring_pop(&message);
	pthread_mutex_unlock(&the_log.lock);
	if (has_message)
		message_write_or_count(&message);
	return has_message;
}
