/* SPDX-License-Identifier: MIT */
/*
 * timers.c - ten thousand timers at once, none of which has a descriptor.
 *
 *     timeouts  each of something that is to be done within the hour. Another thread does it,
 *               and cancels them
 *     alarms    go off once, each at another time
 *     a beat    goes off every millisecond. Where nobody has the time, beats gather, and are
 *               told as one with a count: none is lost
 *
 * What it prints is the same each time, but for the times.
 */
#include "program.h"

#include <inttypes.h>
#include <time.h>

enum { TIMEOUTS = 5000, ALARMS = 5000, SHOWN = 1000, BEATS = 100, MAX_EVENTS = 64 };
enum { HOUR_S = 3600, STEP_US = 50, BEAT_US = 1000 };

static struct amy_registrar *registrar;
static amy_id timeouts[TIMEOUTS];
static int64_t due_us[ALARMS];

/* What is still to come. */
static int nalarms = ALARMS, nbeats = BEATS;

/* Owner: the canceller thread. */
static int ncancelled;

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
set_timer(int64_t delay_us, int64_t interval_us, void *data, amy_id *id)
{
	if (amy_registrar_register_timer(registrar, delay_us, interval_us, data, id) == -1)
		err(1, "amy_registrar_register_timer");
}

/* Any thread may cancel what is armed; it fails if someone was told just before. */
static void *
canceller_thread(void *unused)
{
	int i;

	for (i = 0; i < TIMEOUTS; i++)
		if (amy_registrar_cancel(registrar, timeouts[i]) == 0)
			ncancelled++;
	return unused;
}

/* An alarm: they come in the order in which they were due. Who was told ends it. */
static void
hear_alarm(const struct amy_notification *told)
{
	int number = (int)((int64_t *)told->data - due_us) + 1;

	if (number != ALARMS - nalarms + 1)
		errx(1, "alarm %d is out of order", number);
	if (number % SHOWN == 0)
		printf("alarm %d, %" PRId64 " us late\n", number,
		       now_us() - due_us[number - 1]);
	amy_registrar_deregister(registrar, told->id);
	nalarms--;
}

/* The beat: armed again, it goes on with the next one. */
static void
hear_beat(const struct amy_notification *told)
{
	nbeats -= (int)told->count;
	if (nbeats > 0)
		amy_registrar_rearm(registrar, told->id, AMY_TIMER);
	else
		amy_registrar_deregister(registrar, told->id);
}

static void
hear_all(struct amy_poller *poller)
{
	struct amy_notification told[MAX_EVENTS];
	int n, i;

	while (nalarms > 0 || nbeats > 0) {
		n = amy_poller_wait(poller, told, MAX_EVENTS, -1);
		for (i = 0; i < n; i++) {
			if (told[i].data == &nbeats)
				hear_beat(&told[i]);
			else
				hear_alarm(&told[i]);
		}
	}
}

int
main(int argc, char **argv)
{
	struct amy_poller *poller;
	pthread_t canceller;
	amy_id id;
	int64_t start_us = now_us();
	int i;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		printf("usage: %s\nTen thousand timers go off, or are cancelled.\n", argv[0]);
		return 0;
	}
	if (argc > 1)
		errx(2, "no argument is needed; try --help");
	registrar = open_poller(&poller);
	if (amy_poller_reserve(poller, 20000, 20000) == -1)
		err(1, "amy_poller_reserve");
	for (i = 0; i < TIMEOUTS; i++)
		set_timer(HOUR_S * INT64_C(1000000), 0, NULL, &timeouts[i]);
	for (i = 0; i < ALARMS; i++) {
		due_us[i] = now_us() + i * STEP_US;
		set_timer(i * STEP_US, 0, &due_us[i], &id);
	}
	set_timer(BEAT_US, BEAT_US, &nbeats, &id);
	canceller = start_thread(canceller_thread, NULL);
	hear_all(poller);
	pthread_join(canceller, NULL);
	printf("%d timeouts, cancelled by another thread\n", ncancelled);
	printf("%d alarms, in order, and %d beats, in %" PRId64 " ms\n", ALARMS, BEATS,
	       (now_us() - start_us) / 1000);
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
	return 0;
}
