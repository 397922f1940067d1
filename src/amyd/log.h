/* SPDX-License-Identifier: MIT */
/*
 * log.h - the log of the daemon, on stderr or in syslog.
 *
 * Until log_start_queueing() a message is written to stderr by whoever says it; from then
 * on it goes into a bounded ring that the log thread empties, to where log_open() said, so
 * that nobody else ever waits for a terminal or for syslog's reader. A message that finds
 * the ring full is counted, and the count is said when there is room again.
 *
 * A message that syslog does not take, because no logger listens, goes to stderr, which is told
 * once that it has the log now. Lines on stderr begin with the time of day from log_open() on,
 * unless the journal adds one of its own.
 *
 * Of errors and warnings that go into the ring and have one format, 10 are said in 5
 * seconds, and then how many more there were: so nobody who makes one happen can fill a
 * disk. The others are not of a client's making, or were asked for (debug).
 *
 * All functions: any thread, except where one says otherwise. errno is left as it was.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_target {
	LOG_TO_STDERR,
	LOG_TO_SYSLOG,
};

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Longer messages are cut. Control characters become '?', so a message is always one line. */
#define LOG_MAX_MESSAGE 480

/*
 * Where to, and how much. facility: LOG_DAEMON and the like of <syslog.h>. Before there is
 * another thread.
 */
void log_open(enum log_target target, int facility, enum log_level level);

/* How much from now on. */
void log_set_level(enum log_level level);

/*
 * The service manager connected stderr to its journal (JOURNAL_STREAM, systemd.exec(5)): lines
 * then begin with their level as sd-daemon(3) says, "<4>", and not with "amyd: ".
 */
bool log_stderr_is_journal(void);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Client bytes as a log may show them: printable ASCII as it is, the rest as \xNN, cut
 * with "..." at the end. Returns buffer, always NUL-terminated; size is at least 8.
 */
const char *log_escape(char *buffer, size_t size, const char *bytes, size_t nbytes);

/* For the log thread: messages are queued from now on; from log_stop_queueing() not. */
void log_start_queueing(void);
void log_stop_queueing(void);

/* Wait for a queued message and write it. False: queueing has stopped, and none is left. */
bool log_write_next(void);

#endif
