/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "monotonic.h"
#include "notify.h"

/* What may come on top of the time to drain. */
#define STOP_RESERVE_MS 5000

/* What was not taken is sent again after so long, then after twice as long, and so on. */
#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS 5000

/* States that have to arrive, in the order in which they are sent. */
enum notice {
	NOTICE_RELOADING,
	NOTICE_READY,
	NOTICE_STOPPING,
	NNOTICES
};

/* Those that were not taken yet. Owner: main. */
static struct {
	char states[NNOTICES][64]; /* "": taken, or not to be sent */
	int64_t retry_in_ms, retry_at_ms;
} owed;

/* A leading '@' stands for the NUL of an abstract name. 0: it cannot be an address. */
static socklen_t
make_address(const char *name, struct sockaddr_un *address)
{
	size_t n = strlen(name);

	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof address->sun_path)
		return 0;
	memcpy(address->sun_path, name, n);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static int
send_datagram(const char *name, const char *text)
{
	struct sockaddr_un address;
	socklen_t length = make_address(name, &address);
	ssize_t n;
	int fd;

	if (length == 0) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	n = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
	           length);
	close(fd);
	return n == -1 ? -1 : 0;
}

bool
notify_is_wanted(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

int
notify(const char *state)
{
	static bool has_failed;
	const char *name = getenv("NOTIFY_SOCKET");

	if (name == NULL)
		return 0;
	if (send_datagram(name, state) == 0) {
		has_failed = false;
		return 0;
	}
	if (!has_failed)
		log_warning("NOTIFY_SOCKET=%s: %s: the service manager is not told %.*s: see to "
		            "who starts amyd",
		            name, strerror(errno), (int)strcspn(state, "\n"), state);
	has_failed = true;
	return -1;
}

/* Those that are owed, up to the first one that is not taken. */
static void
send_owed(int64_t now_ms)
{
	for (int i = 0; i < NNOTICES; i++) {
		if (owed.states[i][0] == '\0')
			continue;
		if (notify(owed.states[i]) == -1) {
			owed.retry_at_ms = now_ms + owed.retry_in_ms;
			return;
		}
		owed.states[i][0] = '\0';
	}
}

static void
owe(enum notice notice, const char *state)
{
	snprintf(owed.states[notice], sizeof owed.states[notice], "%s", state);
	owed.retry_in_ms = RETRY_FIRST_MS;
	send_owed(monotonic_now_ms());
}

static bool
is_owing(void)
{
	for (int i = 0; i < NNOTICES; i++)
		if (owed.states[i][0] != '\0')
			return true;
	return false;
}

/* An earlier state that was not taken is not of interest any more. */
static void
forget_owed(void)
{
	memset(owed.states, 0, sizeof owed.states);
}

int64_t
notify_retry(int64_t now_ms)
{
	if (!is_owing())
		return -1;
	if (now_ms >= owed.retry_at_ms) {
		owed.retry_in_ms *= 2;
		if (owed.retry_in_ms > RETRY_MOST_MS)
			owed.retry_in_ms = RETRY_MOST_MS;
		send_owed(now_ms);
	}
	return is_owing() ? owed.retry_at_ms - now_ms : -1;
}

void
notify_ready(void)
{
	owe(NOTICE_READY, "READY=1");
}

/* The time tells it which READY=1 is the answer to which reload. */
void
notify_reloading(void)
{
	char state[64];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	         (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	forget_owed();
	owe(NOTICE_RELOADING, state);
}

/* Its own time for stopping may be shorter than ours for draining. */
void
notify_stopping(int64_t drain_ms)
{
	char state[64];

	snprintf(state, sizeof state, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64,
	         (uint64_t)(drain_ms + STOP_RESERVE_MS) * 1000);
	forget_owed();
	owe(NOTICE_STOPPING, state);
}

/* A number of the environment. 1; 0: it is not set; -1: it is none, which is logged. */
static int
read_number(const char *name, uint64_t *number)
{
	const char *text = getenv(name);
	char *end;

	if (text == NULL)
		return 0;
	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0')
		return 1;
	log_warning("%s=%s: it is no number: there is no watchdog: see to who starts amyd",
	            name, text);
	return -1;
}

uint64_t
notify_watchdog_usec(void)
{
	uint64_t usec, pid = (uint64_t)getpid();

	if (read_number("WATCHDOG_USEC", &usec) != 1 || read_number("WATCHDOG_PID", &pid) == -1)
		return 0;
	if (usec > 0 && usec < UINT64_MAX)
		return pid == (uint64_t)getpid() ? usec : 0;
	log_warning("WATCHDOG_USEC=%" PRIu64 ": it is out of range: there is no watchdog: see "
	            "to who starts amyd",
	            usec);
	return 0;
}
