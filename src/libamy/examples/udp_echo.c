/* SPDX-License-Identifier: MIT */
/*
 * udp_echo.c - sends back each datagram that it is sent, many with one system call.
 *
 * The socket is registered like any other. When it is readable, a batch is received and sent
 * back as it is: each datagram knows its address. If the socket takes no more, the rest of the
 * batch waits until it does, and nothing else is received.
 */
#include "program.h"

enum { MAX_DATAGRAMS = 64, MAX_BYTES = 65535, MAX_TURNS = 16 };

/* Send all of the batch, but what cannot be sent at all. False: the socket takes no more. */
static bool
flush(struct amy_datagrams *batch, int fd)
{
	while (amy_datagrams_count(batch) > 0) {
		switch (amy_datagrams_send(batch, fd)) {
		case -1:
			warn("a datagram is given up");
			amy_datagrams_drop(batch, 1);
			break;
		case 0:
			return false;
		}
	}
	return true;
}

/* Returns what to wait for next. Other descriptors would have a turn after this one. */
static unsigned
echo(struct amy_datagrams *batch, int fd)
{
	int i, n = 1;

	for (i = 0; i < MAX_TURNS && n != 0; i++) {
		if (!flush(batch, fd))
			return AMY_WRITE;
		n = amy_datagrams_receive(batch, fd);
		if (n == -1)
			warn("receiving goes on after an error"); /* of one sent before */
	}
	return flush(batch, fd) ? AMY_READ : AMY_WRITE;
}

int
main(int argc, char **argv)
{
	in_port_t port = port_argument(argc, argv, "Sends back each datagram that it is sent.");
	int signals = open_signals(), fd = open_socket(SOCK_DGRAM, port);
	struct amy_datagrams *batch = amy_datagrams_create(MAX_DATAGRAMS, MAX_BYTES);
	struct amy_poller *poller;
	struct amy_registrar *registrar = open_poller(&poller);
	amy_id fd_id = register_or_exit(registrar, fd, NULL);
	struct amy_notification told;

	register_or_exit(registrar, signals, NULL);
	if (batch == NULL)
		err(1, "amy_datagrams_create");
	while (amy_poller_wait(poller, &told, 1, -1) == 1 && told.id == fd_id)
		if (amy_registrar_rearm(registrar, fd_id, echo(batch, fd)) == -1)
			err(1, "amy_registrar_rearm");
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
	amy_datagrams_destroy(batch);
	close(signals);
	close(fd);
	return 0;
}
