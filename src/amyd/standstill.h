/* SPDX-License-Identifier: MIT */
/*
 * standstill.h - threads stop for a moment, so that another one may change what they share.
 *
 * Each of them is told, in a way of its own, to come to standstill_wait() where it holds
 * nothing that is about to change. When all are there, whoever called them changes what it
 * likes, what is theirs included, and lets them go on: what it did comes before what they do.
 */
#ifndef STANDSTILL_H
#define STANDSTILL_H

#include <pthread.h>
#include <stdint.h>

/* Storage of whoever calls; any thread. */
struct standstill {
	pthread_mutex_t lock;
	pthread_cond_t changed;

	/* guarded by the lock */
	unsigned nwaiting;
	uint64_t nended; /* standstills that are over */
};

void standstill_init(struct standstill *standstill);
void standstill_fini(struct standstill *standstill);

/* One of those that were told: wait until it is over. */
void standstill_wait(struct standstill *standstill);

/* Whoever told them: until n of them wait. */
void standstill_await(struct standstill *standstill, unsigned n);

/* It is over, for all of them. */
void standstill_end(struct standstill *standstill);

#endif
