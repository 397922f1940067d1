/* SPDX-License-Identifier: MIT */
/*
 * library_libev.c - libev: watchers that are stopped when they were told of, and started
 * again; and such as stay. It tells the kernel of what changed before it waits, and never
 * that a descriptor is to be forgotten: that is left to close(2).
 */
#include <ev.h>

#include "common.h"
#include "library.h"

static struct ev_loop *loop;
static ev_io watched[MAX_PLACES];

static void
begin(void)
{
	loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (loop == NULL)
		die("ev_loop_new");
}

static void
end(void)
{
	ev_loop_destroy(loop);
}

static void
told_level(struct ev_loop *unused, ev_io *io, int events)
{
	(void)unused, (void)events;
	if (!library_event((unsigned)(io - watched)))
		ev_break(loop, EVBREAK_ONE);
}

static void
told(struct ev_loop *unused, ev_io *io, int events)
{
	ev_io_stop(loop, io);
	told_level(unused, io, events);
}

static void
rearm(unsigned place)
{
	ev_io_start(loop, &watched[place]);
}

static void
add(unsigned place, int fd)
{
	ev_io_init(&watched[place], told, fd, EV_READ);
	rearm(place);
}

static void
add_level(unsigned place, int fd)
{
	ev_io_init(&watched[place], told_level, fd, EV_READ);
	rearm(place);
}

static void
take_out(unsigned place)
{
	ev_io_stop(loop, &watched[place]);
}

static void
run(bool is_once)
{
	ev_run(loop, is_once ? EVRUN_NOWAIT : 0);
}

const struct library library_libev_once = {
	.name = "libev_once",
	.open = begin,
	.close = end,
	.add = add,
	.remove = take_out,
	.rearm = rearm,
	.run = run,
};

const struct library library_libev = {
	.name = "libev",
	.open = begin,
	.close = end,
	.add = add_level,
	.remove = take_out,
	.run = run,
};
