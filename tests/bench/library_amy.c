/* SPDX-License-Identifier: MIT */
/*
 * library_amy.c - libamy: a poller and a registrar, all on one thread; and, level-triggered,
 * a wait set.
 */
#include <amy.h>

#include "common.h"
#include "library.h"

static struct amy_poller *poller;
static struct amy_registrar *registrar;
static amy_id ids[MAX_PLACES];

static struct amy_wait_set *set;
static int fds[MAX_PLACES]; /* in the set */

/* ---- Poller and registrar -------------------------------------------------------------- */

static void
begin(void)
{
	poller = amy_poller_create();
	registrar = poller == NULL ? NULL : amy_registrar_create(poller);
	if (registrar == NULL)
		die("poller");
}

static void
end(void)
{
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
}

static void
add(unsigned place, int fd)
{
	void *data = (void *)(uintptr_t)place;

	if (amy_registrar_register(registrar, fd, AMY_READ, data, &ids[place]) == -1)
		die("amy_registrar_register");
}

static void
rearm(unsigned place)
{
	if (amy_registrar_rearm(registrar, ids[place], AMY_READ) == -1)
		die("amy_registrar_rearm");
}

static void
take_out(unsigned place)
{
	if (amy_registrar_cancel(registrar, ids[place]) == -1)
		die("amy_registrar_cancel");
}

static void
run(bool is_once)
{
	struct amy_notification events[MAX_EVENTS];
	bool is_going = true;

	do {
		int n = amy_poller_wait(poller, events, MAX_EVENTS, is_once ? 0 : -1);

		if (n == -1)
			die("amy_poller_wait");
		for (int i = 0; i < n; i++)
			is_going = library_event((unsigned)(uintptr_t)events[i].data);
	} while (is_going && !is_once);
}

const struct library library_amy = {
	.name = "libamy",
	.open = begin,
	.close = end,
	.add = add,
	.remove = take_out,
	.rearm = rearm,
	.run = run,
};

/* ---- Wait set, whose ids are places + 1 ------------------------------------------------ */

static void
set_begin(void)
{
	set = amy_wait_set_create();
	if (set == NULL)
		die("amy_wait_set_create");
}

static void
set_end(void)
{
	amy_wait_set_destroy(set);
}

static void
set_add(unsigned place, int fd)
{
	fds[place] = fd;
	if (amy_wait_set_add(set, fd, AMY_READ, place + 1) == -1)
		die("amy_wait_set_add");
}

static void
set_remove(unsigned place)
{
	if (amy_wait_set_remove(set, fds[place]) == -1)
		die("amy_wait_set_remove");
}

static void
set_run(bool is_once)
{
	struct amy_notification events[MAX_EVENTS];
	bool is_going = true;

	do {
		int n = amy_wait_set_wait(set, events, MAX_EVENTS, is_once ? 0 : -1);

		if (n == -1)
			die("amy_wait_set_wait");
		for (int i = 0; i < n; i++)
			is_going = library_event((unsigned)events[i].id - 1);
	} while (is_going && !is_once);
}

const struct library library_wait_set = {
	.name = "wait_set",
	.open = set_begin,
	.close = set_end,
	.add = set_add,
	.remove = set_remove,
	.run = set_run,
};
