/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "harness.h"
#include "recorder.h"

struct kevent recorded[RECORDER_ROOM];
int nrecorded, nwaits;
int64_t last_timeout_ns;
void (*recorder_hook)(void);

static struct {
	int at; /* the change that is refused: its number, from 1; 0: none */
	int error;
} refusals[RECORDER_ROOM];
static int nrefusals;
static int changes_error, wait_error, queue_error;
static struct kevent pushed[4 * RECORDER_ROOM];
static int npushed;

void
recorder_reset(void)
{
	memset(recorded, 0, sizeof recorded);
	nrecorded = nwaits = nrefusals = npushed = 0;
	changes_error = wait_error = queue_error = 0;
	last_timeout_ns = 0;
}

void
recorder_refuse(int nth, int error)
{
	refusals[nrefusals].at = nrecorded + nth;
	refusals[nrefusals++].error = error;
}

void
recorder_fail_changes(int error)
{
	changes_error = error;
}

void
recorder_fail_wait(int error)
{
	wait_error = error;
}

void
recorder_fail_queue(int error)
{
	queue_error = error;
}

void
recorder_push(struct kevent event)
{
	MUST(npushed < (int)(sizeof pushed / sizeof pushed[0]));
	pushed[npushed++] = event;
}

static bool
fails(int *error)
{
	if (*error == 0)
		return false;
	errno = *error;
	*error = 0;
	return true;
}

/* A real descriptor, which is to be closed on exec by the caller. */
int
kqueue(void)
{
	return fails(&queue_error) ? -1 : socket(AF_UNIX, SOCK_STREAM, 0);
}

static int
refusal(void)
{
	for (int i = 0; i < nrefusals; i++)
		if (refusals[i].at == nrecorded)
			return refusals[i].error;
	return 0;
}

static int
take_changes(const struct kevent *changes, int nchanges, struct kevent *events, int nevents)
{
	for (int i = 0; i < nchanges; i++) {
		int error;

		MUST(nrecorded < RECORDER_ROOM);
		recorded[nrecorded++] = changes[i];
		error = refusal();
		/* As the manual page says: in the list if there is room, or else by errno. */
		if (i < nevents) {
			MUST(changes[i].flags & EV_RECEIPT);
			events[i] = changes[i];
			events[i].flags |= EV_ERROR;
			events[i].data = error;
		} else if (error != 0) {
			errno = error;
			return -1;
		}
		if (i == 0 && recorder_hook != NULL) {
			recorder_hook();
			recorder_hook = NULL;
		}
	}
	return nchanges < nevents ? nchanges : nevents;
}

static int
wait_for_pushed(struct kevent *events, int nevents, const struct timespec *timeout)
{
	int n = npushed < nevents ? npushed : nevents;

	nwaits++;
	last_timeout_ns =
	    timeout == NULL ? -1 : (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec;
	if (fails(&wait_error))
		return -1;
	memcpy(events, pushed, (size_t)n * sizeof *events);
	npushed -= n;
	memmove(pushed, pushed + n, (size_t)npushed * sizeof *pushed);
	return n;
}

int
kevent(int fd, const struct kevent *changes, int nchanges, struct kevent *events, int nevents,
       const struct timespec *timeout)
{
	MUST(fd >= 0);
	if (nchanges == 0)
		return wait_for_pushed(events, nevents, timeout);
	MUST(timeout != NULL && timeout->tv_sec == 0 && timeout->tv_nsec == 0);
	if (fails(&changes_error))
		return -1;
	return take_changes(changes, nchanges, events, nevents);
}
