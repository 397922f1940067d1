/* SPDX-License-Identifier: MIT */
/*
 * echo_libevent.c - an echo server of lines as one writes it with libevent: a bufferevent for
 * each client, and evbuffer_readln().
 *
 * usage: echo_libevent PORTFILE    (the port that it listens at is written there)
 */
#include <stdio.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "common.h"
#include "listening.h"

static void
echo_lines(struct bufferevent *client, void *unused)
{
	struct evbuffer *in = bufferevent_get_input(client);
	struct evbuffer *out = bufferevent_get_output(client);
	size_t nbytes;
	char *line;

	(void)unused;
	while ((line = evbuffer_readln(in, &nbytes, EVBUFFER_EOL_LF)) != NULL) {
		evbuffer_add(out, line, nbytes);
		evbuffer_add(out, "\n", 1);
		free(line);
	}
}

static void
end(struct bufferevent *client, short events, void *unused)
{
	(void)unused;
	if ((events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
		bufferevent_free(client);
}

static void
begin(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int length,
      void *base)
{
	struct bufferevent *client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener, (void)peer, (void)length;
	if (client == NULL)
		die("bufferevent_socket_new");
	bufferevent_setcb(client, echo_lines, NULL, end, NULL);
	bufferevent_enable(client, EV_READ | EV_WRITE);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: echo_libevent PORTFILE\n");
		return 64;
	}
	fd = listening_open();
	if (base == NULL ||
	    evconnlistener_new(base, begin, base, LEV_OPT_CLOSE_ON_EXEC, 0, fd) == NULL)
		die("libevent");
	listening_tell(argv[1], &fd, 1);
	return event_base_dispatch(base) == 0 ? 0 : 1;
}
