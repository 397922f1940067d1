/* SPDX-License-Identifier: MIT */
/*
 * echo_server.c - sends back each line that it is sent, with several threads:
 *
 *     main     accepts clients, registers them, and ends all when it is told to
 *     poller   waits for all clients, and tells their workers
 *     workers  read and answer
 *
 * Notifications are what crosses from the poller to a worker, through a channel of its own.
 * A client that was told of is its worker's until it is armed again, so there is one
 * notification of each at most: a channel with room for all clients is never full.
 */
#include "program.h"

enum { WORKERS = 4, MAX_CLIENTS = 4096, MAX_LINE = 4096, BUFFER_BYTES = 16384 };

/* Owner: main until it is registered, and its worker while it is not armed. */
struct client {
	int fd;
	amy_id id;
	bool has_ended; /* its input; it may still wait for answers */
	struct amy_line_reader in;
	struct amy_line_writer out;
};

static struct amy_poller *poller;
static struct amy_registrar *registrar;
static struct amy_channel *channels[WORKERS];

/* Queue the answer to each line. False: one is too long, or there is no memory. */
static bool
client_answer(struct client *client, const char *bytes, size_t nbytes)
{
	struct amy_bytes line;
	int rc;

	amy_line_reader_feed(&client->in, bytes, nbytes);
	while ((rc = amy_line_reader_next(&client->in, &line)) == 1)
		if (amy_line_writer_put(&client->out, line.bytes, line.nbytes) == -1)
			return false;
	client->has_ended = nbytes == 0;
	if (client->has_ended && amy_line_reader_finish(&client->in, &line) == 1)
		rc = amy_line_writer_append(&client->out, line.bytes, line.nbytes);
	return rc == 0;
}

/* What to wait for next; 0: it is over. Who does not take the answers is not read from. */
static unsigned
client_turn(struct client *client)
{
	char buffer[BUFFER_BYTES];
	int rc;

	if (amy_line_writer_pending(&client->out, NULL) == 0) {
		ssize_t n = recv(client->fd, buffer, sizeof buffer, 0);

		if (n == -1)
			return errno == EAGAIN ? AMY_READ : 0;
		if (!client_answer(client, buffer, (size_t)n))
			return 0;
	}
	rc = send_pending(client->fd, &client->out);
	return rc == 0 ? AMY_WRITE : rc == -1 || client->has_ended ? 0 : AMY_READ;
}

static void
client_begin(int fd)
{
	struct client *client = calloc(1, sizeof *client);

	if (client == NULL)
		err(1, "calloc");
	client->fd = fd;
	amy_line_reader_init(&client->in, MAX_LINE);
	amy_line_writer_init(&client->out, BUFFER_BYTES + MAX_LINE);
	if (amy_registrar_register(registrar, fd, AMY_READ, client, &client->id) == -1)
		err(1, "amy_registrar_register");
}

/* The registration ends before the descriptor is closed. */
static void
client_end(struct client *client)
{
	amy_registrar_deregister(registrar, client->id);
	close(client->fd);
	amy_line_reader_fini(&client->in);
	amy_line_writer_fini(&client->out);
	free(client);
}

/* Arming comes last: before it returns, the client may be in a channel again. */
static void *
worker_thread(void *channel)
{
	struct pollfd message = { .fd = amy_channel_fd(channel), .events = POLLIN };
	struct amy_notification told;
	unsigned interest;
	int rc;

	while ((rc = amy_channel_receive(channel, &told)) != -1)
		if (rc == 0)
			poll(&message, 1, -1);
		else if ((interest = client_turn(told.data)) == 0 ||
		         amy_registrar_rearm(registrar, told.id, interest) == -1)
			client_end(told.data);
	return NULL;
}

/* Until it is told of the signals, which have no data. */
static void *
poller_thread(void *unused)
{
	struct amy_notification told;

	while (amy_poller_wait(poller, &told, 1, -1) == 1 && told.data != NULL)
		amy_channel_send(channels[amy_id_index(told.id) % WORKERS], &told);
	return unused;
}

int
main(int argc, char **argv)
{
	in_port_t port = port_argument(argc, argv, "Sends back each line that it is sent.");
	struct pollfd fds[] = { { .fd = open_signals(), .events = POLLIN },
		                { .fd = open_socket(SOCK_STREAM, port), .events = POLLIN } };
	pthread_t poller_id, workers[WORKERS];

	registrar = open_poller(&poller);
	register_or_exit(registrar, fds[0].fd, NULL);
	for (int i = 0; i < WORKERS; i++) {
		channels[i] = amy_channel_create(MAX_CLIENTS, sizeof(struct amy_notification));
		if (channels[i] == NULL)
			err(1, "amy_channel_create");
		workers[i] = start_thread(worker_thread, channels[i]);
	}
	poller_id = start_thread(poller_thread, NULL);
	while (poll(fds, 2, -1) == -1 || fds[0].revents == 0) {
		int fd = accept_client(fds[1].fd);

		if (fd != -1)
			client_begin(fd); /* and from then on it may be a worker's */
	}
	pthread_join(poller_id, NULL);
	for (int i = 0; i < WORKERS; i++) {
		amy_channel_close(channels[i]);
		pthread_join(workers[i], NULL);
	}
	return 0; /* and with it end the clients that are left */
}
