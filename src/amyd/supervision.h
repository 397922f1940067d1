/* SPDX-License-Identifier: MIT */
/*
 * supervision.h - what a service manager is told from time to time: that all goes on, and how
 * many clients there are.
 */
#ifndef SUPERVISION_H
#define SUPERVISION_H

#include <stdbool.h>
#include <stdint.h>

#define SUPERVISION_STATUS_EVERY_MS 5000

/* Owner: main. All zero: nobody is told anything. */
struct supervision {
	int64_t watchdog_ms; /* between two WATCHDOG=1; 0: there is none */
	int64_t watchdog_at_ms;
	bool wants_status;
	int64_t status_at_ms;   /* the earliest time for the next one */
	unsigned told_nclients; /* in the last one that was taken */
};

/* Finds out what is wanted, and says how it begins. */
void supervision_start(struct supervision *supervision, unsigned nclients);

/*
 * Say what is due: WATCHDOG=1, unless a thread is stuck; STATUS=, if it is another one; and what
 * of notify.h was not taken yet. Returns
 * in how many ms it has to be called again, at the latest; -1: it need not be.
 */
int supervision_turn(struct supervision *supervision, unsigned nclients);

#endif
