/* SPDX-License-Identifier: MIT */
/*
 * echo_libuv.c - an echo server as one writes it with libuv: uv_read_start(), and a uv_write()
 * of what came. It echoes bytes as they come.
 *
 * usage: echo_libuv PORTFILE    (the port that it listens at is written there)
 */
#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

#include "common.h"
#include "listening.h"

/* What is being written, with the buffer that it was read into. Owner: libuv, until it ends. */
struct echo {
	uv_write_t request;
	uv_buf_t buffer;
};

static void
end(uv_handle_t *client)
{
	free(client);
}

static void
allocate(uv_handle_t *client, size_t suggested, uv_buf_t *buffer)
{
	(void)client;
	*buffer = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void
written(uv_write_t *request, int status)
{
	struct echo *echo = (struct echo *)request;

	if (status < 0 && !uv_is_closing((uv_handle_t *)request->handle))
		uv_close((uv_handle_t *)request->handle, end);
	free(echo->buffer.base);
	free(echo);
}

static void
came(uv_stream_t *client, ssize_t n, const uv_buf_t *buffer)
{
	struct echo *echo;

	if (n <= 0) {
		free(buffer->base);
		if (n < 0 && !uv_is_closing((uv_handle_t *)client))
			uv_close((uv_handle_t *)client, end);
		return;
	}
	echo = malloc(sizeof *echo);
	if (echo == NULL)
		die("malloc");
	echo->buffer = uv_buf_init(buffer->base, (unsigned)n);
	if (uv_write(&echo->request, client, &echo->buffer, 1, written) != 0)
		die("uv_write");
}

static void
begin(uv_stream_t *listener, int status)
{
	uv_tcp_t *client = malloc(sizeof *client);

	if (status < 0 || client == NULL || uv_tcp_init(listener->loop, client) != 0)
		die("libuv");
	if (uv_accept(listener, (uv_stream_t *)client) == 0)
		uv_read_start((uv_stream_t *)client, allocate, came);
	else
		uv_close((uv_handle_t *)client, end);
}

int
main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	uv_tcp_t listener;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: echo_libuv PORTFILE\n");
		return 64;
	}
	fd = listening_open();
	if (loop == NULL || uv_tcp_init(loop, &listener) != 0 ||
	    uv_tcp_open(&listener, fd) != 0 ||
	    uv_listen((uv_stream_t *)&listener, SOMAXCONN, begin) != 0)
		die("libuv");
	listening_tell(argv[1], &fd, 1);
	return uv_run(loop, UV_RUN_DEFAULT);
}
