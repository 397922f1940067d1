/* SPDX-License-Identifier: MIT */
/*
 * library_epoll.c - no library: the system calls that libamy makes, and nothing between them.
 */
#include <sys/epoll.h>
#include <unistd.h>

#include "common.h"
#include "library.h"

static int epoll;
static int fds[MAX_PLACES];

static void
begin(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll == -1)
		die("epoll_create1");
}

static void
end(void)
{
	close(epoll);
}

static void
control(int operation, unsigned place, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u32 = place };

	if (epoll_ctl(epoll, operation, fds[place], &event) == -1)
		die("epoll_ctl");
}

static void
add(unsigned place, int fd)
{
	fds[place] = fd;
	control(EPOLL_CTL_ADD, place, EPOLLIN | EPOLLONESHOT);
}

static void
add_level(unsigned place, int fd)
{
	fds[place] = fd;
	control(EPOLL_CTL_ADD, place, EPOLLIN);
}

static void
rearm(unsigned place)
{
	control(EPOLL_CTL_MOD, place, EPOLLIN | EPOLLONESHOT);
}

static void
take_out(unsigned place)
{
	control(EPOLL_CTL_DEL, place, 0);
}

static void
run(bool is_once)
{
	struct epoll_event events[MAX_EVENTS];
	bool is_going = true;

	do {
		int n = epoll_wait(epoll, events, MAX_EVENTS, is_once ? 0 : -1);

		if (n == -1)
			die("epoll_wait");
		for (int i = 0; i < n; i++)
			is_going = library_event(events[i].data.u32);
	} while (is_going && !is_once);
}

const struct library library_epoll_once = {
	.name = "epoll_once",
	.open = begin,
	.close = end,
	.add = add,
	.remove = take_out,
	.rearm = rearm,
	.run = run,
};

const struct library library_epoll = {
	.name = "epoll",
	.open = begin,
	.close = end,
	.add = add_level,
	.remove = take_out,
	.run = run,
};
