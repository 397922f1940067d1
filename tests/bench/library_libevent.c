/* SPDX-License-Identifier: MIT */
/*
 * library_libevent.c - libevent: events that are added again after each time, as one does who
 * hands a client to another thread; and persistent ones.
 */
#include <event2/event.h>
#include <event2/event_struct.h>

#include "common.h"
#include "library.h"

static struct event_base *base;
static struct event watched[MAX_PLACES];

static void
begin(void)
{
	base = event_base_new();
	if (base == NULL)
		die("event_base_new");
}

static void
end(void)
{
	event_base_free(base);
}

static void
told(evutil_socket_t fd, short events, void *place)
{
	(void)fd, (void)events;
	if (!library_event((unsigned)(uintptr_t)place))
		event_base_loopbreak(base);
}

static void
rearm(unsigned place)
{
	if (event_add(&watched[place], NULL) == -1)
		die("event_add");
}

static void
watch(unsigned place, int fd, short events)
{
	if (event_assign(&watched[place], base, fd, events, told, (void *)(uintptr_t)place) ==
	    -1)
		die("event_assign");
	rearm(place);
}

static void
add(unsigned place, int fd)
{
	watch(place, fd, EV_READ);
}

static void
add_level(unsigned place, int fd)
{
	watch(place, fd, EV_READ | EV_PERSIST);
}

static void
take_out(unsigned place)
{
	event_del(&watched[place]);
}

static void
run(bool is_once)
{
	if (event_base_loop(base, is_once ? EVLOOP_NONBLOCK : 0) == -1)
		die("event_base_loop");
}

const struct library library_libevent_once = {
	.name = "libevent_once",
	.open = begin,
	.close = end,
	.add = add,
	.remove = take_out,
	.rearm = rearm,
	.run = run,
};

const struct library library_libevent = {
	.name = "libevent",
	.open = begin,
	.close = end,
	.add = add_level,
	.remove = take_out,
	.run = run,
};
