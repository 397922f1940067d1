/* SPDX-License-Identifier: MIT */
/*
 * chat.c - each line that a client says goes to all others.
 *
 * One thread, and one poller for all: the listener, signals, clients. A client that was
 * told of is ours until it is armed. The others are the kernel's, but with no other thread
 * to be told of them, they can be taken back at any time.
 */
#include "program.h"

#include <sys/queue.h>

enum { MAX_LINE = 1024, BUFFER_BYTES = 4096, QUEUE_BYTES = 262144 };

struct client {
	int fd;
	amy_id id;
	unsigned interest; /* what it is armed for; 0: it is not */
	bool has_ended;    /* its input; it leaves when it has got what is queued */
	bool is_lost;
	struct amy_line_reader in;
	struct amy_line_writer out;
	LIST_ENTRY(client) entry;
};

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static struct amy_poller *poller;
static struct amy_registrar *registrar;

/* There is room for all that is said in one turn: only who is slow has more queued. */
static void
tell_others(const struct client *speaker, const struct amy_bytes *line)
{
	struct client *client;

	LIST_FOREACH(client, &clients, entry)
		if (client != speaker && !client->is_lost &&
		    amy_line_writer_put(&client->out, line->bytes, line->nbytes) == -1) {
			warn("client %d, too slow, loses its connection", client->fd);
			client->is_lost = true;
		}
}

/* It was told of. Read once, so that all have their turn. */
static void
client_hear(struct client *client)
{
	char buffer[BUFFER_BYTES];
	struct amy_bytes line;
	ssize_t n;
	int rc;

	client->interest = 0;
	if (client->has_ended || client->is_lost)
		return;
	n = recv(client->fd, buffer, sizeof buffer, 0);
	if (n == -1) {
		client->is_lost = errno != EAGAIN;
		return;
	}
	client->has_ended = n == 0;
	amy_line_reader_feed(&client->in, buffer, (size_t)n);
	while ((rc = amy_line_reader_next(&client->in, &line)) == 1)
		tell_others(client, &line);
	client->is_lost = rc == -1; /* a line that is too long, or no memory */
	if (client->has_ended && amy_line_reader_finish(&client->in, &line) == 1)
		tell_others(client, &line);
}

static void
client_begin(int fd)
{
	struct client *client;

	if (fd == -1)
		return; /* it went before it was accepted */
	client = calloc(1, sizeof *client);
	if (client == NULL ||
	    amy_registrar_register(registrar, fd, 0, client, &client->id) == -1) {
		warn("a client is turned away");
		free(client);
		close(fd);
		return;
	}
	client->fd = fd;
	amy_line_reader_init(&client->in, MAX_LINE);
	amy_line_writer_init(&client->out, QUEUE_BYTES);
	LIST_INSERT_HEAD(&clients, client, entry);
}

/* It is ours: not armed. */
static void
client_end(struct client *client)
{
	amy_registrar_deregister(registrar, client->id);
	amy_line_reader_fini(&client->in);
	amy_line_writer_fini(&client->out);
	LIST_REMOVE(client, entry);
	close(client->fd);
	free(client);
}

/* Send what goes, and arm it for what is left to do, if it is not armed for just that. */
static void
client_settle(struct client *client)
{
	int rc = client->is_lost ? -1 : send_pending(client->fd, &client->out);
	unsigned interest = client->has_ended ? 0 : AMY_READ;

	if (rc != 1)
		interest = rc == -1 ? 0 : interest | AMY_WRITE;
	if (interest == client->interest && interest != 0)
		return;
	if (client->interest != 0)
		amy_registrar_take(registrar, client->id);
	client->interest = interest;
	if (interest == 0 || amy_registrar_rearm(registrar, client->id, interest) == -1)
		client_end(client);
}

int
main(int argc, char **argv)
{
	in_port_t port = port_argument(argc, argv, "Each line goes to all other clients.");
	int signals = open_signals(), listener = open_socket(SOCK_STREAM, port);
	struct amy_notification told;
	struct client *client, *next;
	amy_id end;

	registrar = open_poller(&poller);
	end = register_or_exit(registrar, signals, NULL);
	register_or_exit(registrar, listener, NULL);
	while (amy_poller_wait(poller, &told, 1, -1) == 1 && told.id != end) {
		if (told.data != NULL) {
			client_hear(told.data);
		} else {
			client_begin(accept_client(listener));
			amy_registrar_rearm(registrar, told.id, AMY_READ);
		}
		for (client = LIST_FIRST(&clients); client != NULL; client = next) {
			next = LIST_NEXT(client, entry);
			client_settle(client);
		}
	}
	return 0; /* and with it end the clients that are left */
}
