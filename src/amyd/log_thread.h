/* SPDX-License-Identifier: MIT */
/*
 * log_thread.h - the only thread that waits for stderr or syslog's reader.
 */
#ifndef LOG_THREAD_H
#define LOG_THREAD_H

/* 0; or an errno, and messages go on being written by whoever says them. */
int log_thread_start(void);

/*
 * Write what is queued and end the thread. Where its reader takes nothing for a second,
 * leave the thread behind, and the rest unsaid: the process is about to exit.
 */
void log_thread_stop(void);

#endif
