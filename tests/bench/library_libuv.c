/* SPDX-License-Identifier: MIT */
/*
 * library_libuv.c - libuv: a uv_poll_t for each descriptor, that is stopped when it was told
 * of, and started again; and such as stay.
 */
#include <uv.h>

#include "common.h"
#include "library.h"

static uv_loop_t loop;
static uv_poll_t watched[MAX_PLACES];

static void
begin(void)
{
	if (uv_loop_init(&loop) != 0)
		die("uv_loop_init");
}

/* What was removed is gone after one more turn. */
static void
end(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
	if (uv_loop_close(&loop) != 0)
		die("uv_loop_close");
}

static void
told_level(uv_poll_t *poll, int status, int events)
{
	(void)events;
	if (status < 0)
		die("uv_poll");
	if (!library_event((unsigned)(poll - watched)))
		uv_stop(&loop);
}

static void
told(uv_poll_t *poll, int status, int events)
{
	uv_poll_stop(poll);
	told_level(poll, status, events);
}

static void
start(unsigned place, uv_poll_cb callback)
{
	if (uv_poll_start(&watched[place], UV_READABLE, callback) != 0)
		die("uv_poll_start");
}

static void
rearm(unsigned place)
{
	start(place, told);
}

static void
add(unsigned place, int fd)
{
	if (uv_poll_init(&loop, &watched[place], fd) != 0)
		die("uv_poll_init");
	start(place, told);
}

static void
add_level(unsigned place, int fd)
{
	if (uv_poll_init(&loop, &watched[place], fd) != 0)
		die("uv_poll_init");
	start(place, told_level);
}

static void
take_out(unsigned place)
{
	uv_close((uv_handle_t *)&watched[place], NULL);
}

static void
run(bool is_once)
{
	uv_run(&loop, is_once ? UV_RUN_NOWAIT : UV_RUN_DEFAULT);
}

const struct library library_libuv_once = {
	.name = "libuv_once",
	.open = begin,
	.close = end,
	.add = add,
	.remove = take_out,
	.rearm = rearm,
	.run = run,
};

const struct library library_libuv = {
	.name = "libuv",
	.open = begin,
	.close = end,
	.add = add_level,
	.remove = take_out,
	.run = run,
};
