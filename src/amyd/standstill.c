/* SPDX-License-Identifier: MIT */
#include "standstill.h"

void
standstill_init(struct standstill *standstill)
{
	pthread_mutex_init(&standstill->lock, NULL);
	pthread_cond_init(&standstill->changed, NULL);
	standstill->nwaiting = 0;
	standstill->nended = 0;
}

void
standstill_fini(struct standstill *standstill)
{
	pthread_cond_destroy(&standstill->changed);
	pthread_mutex_destroy(&standstill->lock);
}

void
standstill_wait(struct standstill *standstill)
{
	uint64_t nended;

	pthread_mutex_lock(&standstill->lock);
	nended = standstill->nended;
	standstill->nwaiting++;
	pthread_cond_broadcast(&standstill->changed);
	while (standstill->nended == nended)
		pthread_cond_wait(&standstill->changed, &standstill->lock);
	pthread_mutex_unlock(&standstill->lock);
}

void
standstill_await(struct standstill *standstill, unsigned n)
{
	pthread_mutex_lock(&standstill->lock);
	while (standstill->nwaiting < n)
		pthread_cond_wait(&standstill->changed, &standstill->lock);
	pthread_mutex_unlock(&standstill->lock);
}

void
standstill_end(struct standstill *standstill)
{
	pthread_mutex_lock(&standstill->lock);
	standstill->nwaiting = 0;
	standstill->nended++;
	pthread_cond_broadcast(&standstill->changed);
	pthread_mutex_unlock(&standstill->lock);
}
