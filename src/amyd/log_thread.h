/* SPDX-License-Identifier: MIT */
/*
 * log_thread.h - the only thread that waits for stderr or syslog's reader.
 */
#ifndef LOG_THREAD_H
#define LOG_THREAD_H

/* If it cannot be started, that is said, and all messages still go to stderr. */
void log_thread_start(void);

/*
 * Write what is queued and end the thread. Where its reader takes nothing for a second,
 * leave the thread behind, and the rest unsaid: the process is about to exit. Fine where it
 * was not started.
 */
void log_thread_stop(void);

#endif
