/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "busiest.h"

/* What one handler has hung out. */
struct notice {
	int64_t at_ms, interval_ms;
	unsigned n;
	struct busiest_subject subjects[BUSIEST_TOP];
};

struct busiest_board {
	unsigned nhandlers; /* constant */
	pthread_mutex_t lock;
	struct notice notices[]; /* guarded by the lock */
};

/* ---- Counting --------------------------------------------------------------------- */

static bool
is_of(const struct busiest_subject *item, const char *subject, size_t nsubject)
{
	return item->nsubject == nsubject && memcmp(item->subject, subject, nsubject) == 0;
}

/* Where it stands; or a place that is free; or that of the one with the least. */
static struct busiest_subject *
find_place(struct busiest_sketch *sketch, const char *subject, size_t nsubject)
{
	struct busiest_subject *least = &sketch->subjects[0];

	for (unsigned i = 0; i < sketch->n; i++) {
		struct busiest_subject *item = &sketch->subjects[i];

		if (is_of(item, subject, nsubject))
			return item;
		if (item->nlines < least->nlines)
			least = item;
	}
	if (sketch->n == BUSIEST_ROOM)
		return least;
	least = &sketch->subjects[sketch->n++];
	least->nlines = 0;
	return least;
}

void
busiest_add(struct busiest_sketch *sketch, const char *subject, size_t nsubject,
            uint64_t nlines)
{
	struct busiest_subject *item = find_place(sketch, subject, nsubject);

	item->nlines += nlines;
	item->nsubject = nsubject;
	memcpy(item->subject, subject, nsubject);
}

/* ---- The board -------------------------------------------------------------------- */

struct busiest_board *
busiest_board_create(unsigned nhandlers)
{
	struct busiest_board *board =
	    calloc(1, sizeof *board + nhandlers * sizeof board->notices[0]);

	if (board == NULL)
		return NULL;
	board->nhandlers = nhandlers;
	pthread_mutex_init(&board->lock, NULL);
	return board;
}

void
busiest_board_destroy(struct busiest_board *board)
{
	if (board == NULL)
		return;
	pthread_mutex_destroy(&board->lock);
	free(board);
}

static int
compare_subjects(const void *a, const void *b)
{
	const struct busiest_subject *one = a, *other = b;

	return one->nlines < other->nlines ? 1 : one->nlines > other->nlines ? -1 : 0;
}

void
busiest_hang_out(struct busiest_board *board, unsigned handler, struct busiest_sketch *sketch,
                 int64_t now_ms, int64_t interval_ms)
{
	struct notice *notice = &board->notices[handler];
	unsigned n = sketch->n < BUSIEST_TOP ? sketch->n : BUSIEST_TOP;

	qsort(sketch->subjects, sketch->n, sizeof sketch->subjects[0], compare_subjects);
	pthread_mutex_lock(&board->lock);
	notice->at_ms = now_ms;
	notice->interval_ms = interval_ms;
	notice->n = n;
	memcpy(notice->subjects, sketch->subjects, n * sizeof sketch->subjects[0]);
	pthread_mutex_unlock(&board->lock);
	sketch->n = 0;
}

/* ---- Looking ---------------------------------------------------------------------- */

static void
add_rate(struct busiest_rate *rates, size_t *n, const struct busiest_subject *item,
         double lines_per_second)
{
	size_t i = 0;

	while (i < *n && (rates[i].nsubject != item->nsubject ||
	                  memcmp(rates[i].subject, item->subject, item->nsubject) != 0))
		i++;
	if (i == *n) {
		++*n;
		rates[i].lines_per_second = 0;
		rates[i].nsubject = item->nsubject;
		memcpy(rates[i].subject, item->subject, item->nsubject);
	}
	rates[i].lines_per_second += lines_per_second;
}

static void
add_notice(struct busiest_rate *rates, size_t *n, const struct notice *notice)
{
	for (unsigned i = 0; i < notice->n; i++)
		add_rate(rates, n, &notice->subjects[i],
		         (double)notice->subjects[i].nlines * 1000 /
		             (double)notice->interval_ms);
}

/* By rate, and where that is the same, by name, so that nothing jumps about. */
static int
compare_rates(const void *a, const void *b)
{
	const struct busiest_rate *one = a, *other = b;
	size_t n = one->nsubject < other->nsubject ? one->nsubject : other->nsubject;
	int order;

	if (one->lines_per_second != other->lines_per_second)
		return one->lines_per_second < other->lines_per_second ? 1 : -1;
	order = memcmp(one->subject, other->subject, n);
	return order != 0 ? order : one->nsubject < other->nsubject ? -1 : 1;
}

size_t
busiest_look(struct busiest_board *board, int64_t now_ms, struct busiest_rate *rates,
             size_t max)
{
	struct busiest_rate *all = calloc((size_t)board->nhandlers * BUSIEST_TOP, sizeof *all);
	size_t n = 0;

	if (all == NULL)
		return 0; /* it is told with the next look */
	pthread_mutex_lock(&board->lock);
	for (unsigned i = 0; i < board->nhandlers; i++)
		if (now_ms - board->notices[i].at_ms <= BUSIEST_MAX_AGE_MS)
			add_notice(all, &n, &board->notices[i]);
	pthread_mutex_unlock(&board->lock);
	qsort(all, n, sizeof *all, compare_rates);
	if (n > max)
		n = max;
	memcpy(rates, all, n * sizeof *all);
	free(all);
	return n;
}
