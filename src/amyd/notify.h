/* SPDX-License-Identifier: MIT */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether there is a service manager that asked to be told: $NOTIFY_SOCKET. */
bool notify_is_wanted(void);

/*
 * Tell it ("READY=1", "STOPPING=1", ...): the protocol of sd_notify(3), one datagram. Does not
 * wait. -1: it was asked for, and could not be sent; the cause is logged, the first time of
 * several in a row.
 */
int notify(const char *state);

/*
 * What it is told in the course of things. All is open, or a reload is over, whichever way; a
 * reload begins; we go down, and that may take as long. These have to arrive: what is not taken,
 * because the manager does not keep up with reading, notify_retry() sends again. Main only.
 */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(int64_t drain_ms);

/*
 * Send again what is due. Returns in how many ms it has to be called again, at the latest; -1:
 * all was taken. Main only.
 */
int64_t notify_retry(int64_t now_ms);

/*
 * Within which time it is to hear WATCHDOG=1, in microseconds, as sd_watchdog_enabled(3) finds
 * it: $WATCHDOG_USEC, unless $WATCHDOG_PID is somebody else's. 0: it need not; so too if these
 * are no numbers, which is logged.
 */
uint64_t notify_watchdog_usec(void);

#endif
