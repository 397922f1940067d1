/* SPDX-License-Identifier: MIT */
/*
 * alike.h - what is said again and again is said a few times, and then counted.
 *
 * Messages are alike if they have one format: that is what a cause is. Of such, 10 are said
 * in 5 seconds; how many more there were is said when these are over.
 */
#ifndef ALIKE_H
#define ALIKE_H

#include <stdbool.h>
#include <stdint.h>

#define ALIKE_MAX_SAID 10
#define ALIKE_PERIOD_MS 5000
#define ALIKE_MAX_KINDS 64 /* at one time; those that are one too many are said */
#define ALIKE_MAX_TEXT 480

/* Of one kind, since the first one of a period. */
struct alike {
	const char *format; /* the literal, known by its address; NULL: free */
	int64_t end_ms;     /* of the period */
	unsigned nsaid;
	unsigned long nheld; /* that were not said */
	int level;           /* of the last one of these */
	char last[ALIKE_MAX_TEXT];
};

/* All zero: nothing was said yet. One thread at a time. */
struct alikes {
	struct alike kinds[ALIKE_MAX_KINDS];
};

/* True: it is to be said. False: it is counted, and remembered as the last of its kind. */
bool alike_admits(struct alikes *alikes, const char *format, int level, const char *text,
                  int64_t now_ms);

/*
 * Some were not said, and their period is over at now_ms (INT64_MAX: all are): forget them;
 * *over has what they were. False: there are none, or no more.
 */
bool alike_take(struct alikes *alikes, int64_t now_ms, struct alike *over);

/* When alike_take() has something next; -1: nothing was held back. */
int64_t alike_next_ms(const struct alikes *alikes);

#endif
