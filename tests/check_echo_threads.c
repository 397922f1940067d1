/* SPDX-License-Identifier: MIT */
/*
 * What libamy is for, each step looked at: one thread waits, another one handles, and neither
 * wakes the other to register. The steps are numbered alike in the three threads.
 *
 *      client                     poller's thread                  worker
 *   1  connects                   listener: READ              ──▶  accepts, registers the client for READ,
 *                                                                  arms the listener again
 *   2  sends a line               client: READ                ──▶  reads the line, arms for WRITE
 *   3                             client: WRITE               ──▶  sends the line, arms for READ
 *   4  receives it                nothing more happens
 *   5  closes                     client: READ, HUP           ──▶  ends and closes
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amy.h"
#include "harness.h"

/* Owner: the thread that was told of its registration. */
struct peer {
	amy_id id;
	int fd;
};

static struct amy_poller *poller;
static struct amy_registrar *registrar;
static struct amy_channel *to_worker; /* notifications, in order */
static struct peer listener, client;
static const char line_sent[] = "Hello, threads!\n";
static char line_kept[64];
static size_t nkept;

/* ---- Each thread waits until another one has come as far --------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int worker_has_done, poller_has_done;

static void
has_done(int *step_of, int step)
{
	pthread_mutex_lock(&lock);
	MUST(*step_of == step - 1);
	*step_of = step;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void
wait_for(const int *step_of, int step)
{
	pthread_mutex_lock(&lock);
	while (*step_of < step)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

/* ---- Poller ---------------------------------------------------------------------------- */

/* Told of just this; passed on, and waited until it was dealt with. */
static void
poller_expects(int step, struct peer *peer, unsigned events)
{
	struct amy_notification told[4];

	MUST(amy_poller_wait(poller, told, 4, -1) == 1);
	MUST(told[0].data == peer);
	MUST(told[0].id == peer->id);
	MUST(told[0].events == events);
	MUST(amy_channel_send(to_worker, &told[0]) == 0);
	wait_for(&worker_has_done, step);
	has_done(&poller_has_done, step);
}

static void *
poller_run(void *unused)
{
	struct amy_notification told;

	(void)unused;
	poller_expects(1, &listener, AMY_READ);
	poller_expects(2, &client, AMY_READ);
	poller_expects(3, &client, AMY_WRITE);
	MUST(amy_poller_wait(poller, &told, 1, 0) == 0);
	has_done(&poller_has_done, 4);
	poller_expects(5, &client, AMY_READ | AMY_HUP);
	MUST(amy_poller_wait(poller, &told, 1, 0) == 0);
	return NULL;
}

/* ---- Worker ---------------------------------------------------------------------------- */

static void
worker_accepts(struct peer *peer)
{
	MUST(peer == &listener);
	client.fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	MUST(client.fd != -1);
	/* Disarmed first, so that the id is known to the poller's thread when it fires. */
	MUST(amy_registrar_register(registrar, client.fd, 0, &client, &client.id) == 0);
	MUST(client.id != listener.id);
	MUST(amy_registrar_rearm(registrar, client.id, AMY_READ) == 0);
	MUST(amy_registrar_rearm(registrar, listener.id, AMY_READ) == 0);
}

static void
worker_reads(struct peer *peer)
{
	struct amy_line_reader reader;
	struct amy_bytes line;
	char buffer[64];
	ssize_t n;

	MUST(peer == &client);
	n = read(client.fd, buffer, sizeof buffer);
	MUST(n == (ssize_t)strlen(line_sent));
	amy_line_reader_init(&reader, sizeof buffer);
	MUST(amy_line_reader_feed(&reader, buffer, (size_t)n) == 0);
	MUST(amy_line_reader_next(&reader, &line) == 1);
	MUST(line.nbytes == strlen(line_sent) - 1);
	nkept = line.nbytes;
	memcpy(line_kept, line.bytes, nkept);
	MUST(amy_line_reader_next(&reader, &line) == 0);
	amy_line_reader_fini(&reader);
	MUST(amy_registrar_rearm(registrar, client.id, AMY_WRITE) == 0);
}

static void
worker_writes(struct peer *peer)
{
	struct amy_line_writer writer;
	const char *bytes;
	size_t n;

	MUST(peer == &client);
	amy_line_writer_init(&writer, 64);
	MUST(amy_line_writer_put(&writer, line_kept, nkept) == 0);
	n = amy_line_writer_pending(&writer, &bytes);
	MUST(write(client.fd, bytes, n) == (ssize_t)n);
	amy_line_writer_consume(&writer, n);
	MUST(amy_line_writer_pending(&writer, NULL) == 0);
	amy_line_writer_fini(&writer);
	MUST(amy_registrar_rearm(registrar, client.id, AMY_READ) == 0);
}

static void
worker_ends(struct peer *peer)
{
	char byte;

	MUST(peer == &client);
	MUST(read(client.fd, &byte, 1) == 0);
	MUST(amy_registrar_deregister(registrar, client.id) == 0);
	MUST(close(client.fd) == 0);
	errno = 0;
	MUST(amy_registrar_rearm(registrar, client.id, AMY_READ) == -1 && errno == EINVAL);
}

/* It waits for its channel as for any descriptor. */
static struct peer *
worker_is_told(struct amy_wait_set *set)
{
	struct amy_notification told, ready;

	while (amy_channel_receive(to_worker, &told) == 0)
		MUST(amy_wait_set_wait(set, &ready, 1, -1) == 1);
	return told.data;
}

static void *
worker_run(void *unused)
{
	static void (*const steps[])(struct peer *) = {
		worker_accepts, worker_reads, worker_writes, NULL, worker_ends,
	};
	struct amy_wait_set *set = amy_wait_set_create();

	(void)unused;
	MUST(set != NULL);
	MUST(amy_wait_set_add(set, amy_channel_fd(to_worker), AMY_READ, 1) == 0);
	for (int i = 0; i < 5; i++) {
		if (steps[i] != NULL)
			steps[i](worker_is_told(set));
		has_done(&worker_has_done, i + 1);
	}
	MUST(amy_wait_set_remove(set, amy_channel_fd(to_worker)) == 0);
	amy_wait_set_destroy(set);
	return NULL;
}

/* ---- Client ---------------------------------------------------------------------------- */

static int
connect_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd != -1);
	MUST(connect(fd, (const struct sockaddr *)address, sizeof *address) == 0);
	return fd;
}

static void
client_run(const struct sockaddr_in *address)
{
	char buffer[sizeof line_sent - 1];
	int fd = connect_to(address);

	wait_for(&poller_has_done, 1);
	MUST(write(fd, line_sent, strlen(line_sent)) == (ssize_t)strlen(line_sent));
	MUST(recv(fd, buffer, sizeof buffer, MSG_WAITALL) == (ssize_t)sizeof buffer);
	MUST(memcmp(buffer, line_sent, sizeof buffer) == 0);
	wait_for(&poller_has_done, 4);
	MUST(close(fd) == 0);
}

static void
listen_at_loopback(struct sockaddr_in *address)
{
	socklen_t length = sizeof *address;

	*address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	MUST(listener.fd != -1);
	MUST(bind(listener.fd, (struct sockaddr *)address, length) == 0);
	MUST(listen(listener.fd, 8) == 0);
	MUST(getsockname(listener.fd, (struct sockaddr *)address, &length) == 0);
}

START_TEST(a_line_goes_round_through_three_threads_step_by_step)
{
	struct sockaddr_in address;
	pthread_t poller_thread, worker_thread;

	poller = amy_poller_create();
	MUST(poller != NULL);
	registrar = amy_registrar_create(poller);
	to_worker = amy_channel_create(16, sizeof(struct amy_notification));
	MUST(registrar != NULL && to_worker != NULL);
	listen_at_loopback(&address);
	MUST(amy_registrar_register(registrar, listener.fd, 0, &listener, &listener.id) == 0);
	MUST(amy_registrar_rearm(registrar, listener.id, AMY_READ) == 0);

	worker_thread = spawn(worker_run, NULL);
	poller_thread = spawn(poller_run, NULL);
	client_run(&address);
	join(poller_thread);
	join(worker_thread);
	ck_assert_int_eq(worker_has_done, 5);

	ck_assert_int_eq(amy_registrar_cancel(registrar, listener.id), 0);
	close(listener.fd);
	amy_channel_destroy(to_worker);
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("echo_threads", a_line_goes_round_through_three_threads_step_by_step);
}
