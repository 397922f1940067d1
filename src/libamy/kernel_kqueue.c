/* SPDX-License-Identifier: MIT */
/*
 * kernel_kqueue.c - the BSDs and macOS, and whatever else offers kqueue(2).
 *
 * A filter with EV_DISPATCH is off after one event, and looks at readiness anew when it is
 * added again: that is half of what kernel.h asks for. The other half is that reading and
 * writing are two filters, which are told one by one, to different threads perhaps, and with
 * what has become stale in between. So each arming has an entry in a table, and an event
 * counts if it has the cookie of that entry, and is the first one, or in the batch of it.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/event.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "amy.h"
#include "deadline.h"
#include "kernel.h"

#define MAX_LIKELY 65536u

enum { USER_WAKE, USER_ALARM };

/*
 * libkqueue, which does it with epoll(7), changes a filter in place only if that has EV_CLEAR.
 * But then it is an edge, and those are lost that its kevent(2) fetches and has no room for.
 */
#ifdef LIBKQUEUE
#define RENEWS true
#else
#define RENEWS false
#endif

static const struct timespec at_once;

/*
 * So many descriptors have an entry from the start, so that arming allocates nothing: as
 * many as there may be. Entries that are not used are pages that nobody has touched.
 */
static unsigned
count_likely_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur > MAX_LIKELY)
		return MAX_LIKELY;
	return (unsigned)limit.rlim_cur;
}

int
kernel_open(struct kernel *kernel)
{
	kernel->fd = kqueue();
	if (kernel->fd == -1)
		return -1;
	if (kqueue_table_init(&kernel->table, count_likely_descriptors()) == -1) {
		close(kernel->fd);
		errno = ENOMEM;
		return -1;
	}
	fcntl(kernel->fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

void
kernel_close(struct kernel *kernel)
{
	kqueue_table_fini(&kernel->table);
	close(kernel->fd);
	kernel->fd = -1;
}

/* ---- Arming ----------------------------------------------------------------------- */

/* Errors: EBADF, EPERM. */
static int
examine(int fd, struct kqueue_entry *entry)
{
	struct stat status;
	int access;

	if (fstat(fd, &status) == -1)
		return -1;
	if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
		errno = EPERM;
		return -1;
	}
	access = fcntl(fd, F_GETFL) & O_ACCMODE;
	*entry = (struct kqueue_entry){
		.is_socket = S_ISSOCK(status.st_mode),
		.is_pipe = S_ISFIFO(status.st_mode),
		.is_read_only = access == O_RDONLY,
		.is_write_only = access == O_WRONLY,
	};
	return 0;
}

/* Is it the first time, as the caller says? Errors: EBADF, EEXIST, ENOENT, EPERM. */
static int
enter(int fd, struct kqueue_entry *entry, bool first)
{
	struct kqueue_entry examined;

	if (entry->is_known && !first)
		return 0;
	if (examine(fd, &examined) == -1)
		return -1;
	if (entry->is_known || !first) {
		errno = first ? EEXIST : ENOENT;
		return -1;
	}
	*entry = examined;
	return 0;
}

/* Returns 0 or an errno; the entry says what filters there are, at least. */
static int
set_filters(struct kernel *kernel, int fd, struct kqueue_entry *entry,
            struct kqueue_filters wanted, uint64_t cookie)
{
	struct kevent changes[KQUEUE_MAX_CHANGES], results[KQUEUE_MAX_CHANGES];
	int n = kqueue_changes(entry, fd, wanted, cookie, RENEWS, changes);

	if (n == 0 || kevent(kernel->fd, changes, n, results, n, &at_once) != -1)
		return kqueue_note(entry, wanted, changes, results, n);
	for (int i = 0; i < KQUEUE_FILTERS; i++)
		if (wanted.modes[i] != KQUEUE_ABSENT)
			entry->filters.modes[i] = wanted.modes[i];
	return errno;
}

static void
remove_filters(struct kernel *kernel, int fd, struct kqueue_entry *entry)
{
	set_filters(kernel, fd, entry, (struct kqueue_filters){ { KQUEUE_ABSENT } }, 0);
	entry->filters = (struct kqueue_filters){ { KQUEUE_ABSENT } };
}

/*
 * An arming that failed has no filter left, and what one has said in between does not count.
 * What is watched is watched as before.
 */
static void
back_out(struct kernel *kernel, int fd, struct kqueue_entry *entry,
         struct kqueue_filters before)
{
	remove_filters(kernel, fd, entry);
	if (entry->is_known && entry->is_watched)
		set_filters(kernel, fd, entry, before, entry->cookie);
	else
		entry->has_fired = true;
}

/* The entry is locked. */
static int
arm(struct kernel *kernel, int fd, struct kqueue_entry *entry, unsigned interest,
    uint64_t cookie, bool is_watched)
{
	struct kqueue_filters before = entry->filters;
	struct kqueue_filters wanted = kqueue_filters_for(entry, interest, is_watched);
	int error = set_filters(kernel, fd, entry, wanted, cookie);
	bool is_broken = error == EPIPE;

	if (is_broken) {
		wanted = kqueue_filters_for_broken(interest, is_watched);
		error = set_filters(kernel, fd, entry, wanted, cookie);
	}
	if (error != 0) {
		back_out(kernel, fd, entry, before);
		errno = kqueue_errno(error);
		return -1;
	}
	entry->cookie = cookie;
	entry->interest = interest;
	entry->is_broken = is_broken;
	entry->is_watched = is_watched;
	entry->is_known = true;
	entry->has_fired = false;
	return 0;
}

static int
arm_or_watch(struct kernel *kernel, int fd, unsigned interest, uint64_t cookie, bool first,
             bool is_watched)
{
	struct kqueue_entry *entry = kqueue_table_lock(&kernel->table, fd);
	int rc;

	if (entry == NULL)
		return -1;
	rc = enter(fd, entry, first);
	if (rc == 0)
		rc = arm(kernel, fd, entry, interest, cookie, is_watched);
	kqueue_table_unlock(&kernel->table, fd);
	return rc;
}

int
kernel_arm(struct kernel *kernel, int fd, unsigned interest, uint64_t cookie, bool first)
{
	return arm_or_watch(kernel, fd, interest, cookie, first, false);
}

int
kernel_watch(struct kernel *kernel, int fd, unsigned interest, uint64_t cookie, bool first)
{
	return arm_or_watch(kernel, fd, interest, cookie, first, true);
}

int
kernel_forget(struct kernel *kernel, int fd)
{
	struct kqueue_entry *entry = kqueue_table_lock(&kernel->table, fd);
	int rc;

	if (entry == NULL)
		return -1;
	rc = enter(fd, entry, false);
	if (rc == 0) {
		remove_filters(kernel, fd, entry);
		entry->is_known = false;
	}
	kqueue_table_unlock(&kernel->table, fd);
	return rc;
}

/* ---- The alarm -------------------------------------------------------------------- */

static int
tell(struct kernel *kernel, const struct kevent *change)
{
	return kevent(kernel->fd, change, 1, NULL, 0, &at_once);
}

/* There are two ways for an alarm to come: see kernel_set_alarm(). */
int
kernel_open_alarm(struct kernel *kernel)
{
	struct kevent wake, alarm;

	kqueue_set_user(USER_WAKE, KERNEL_WAKE, false, &wake);
	kqueue_set_user(USER_ALARM, KERNEL_ALARM, false, &alarm);
	return tell(kernel, &wake) == 0 && tell(kernel, &alarm) == 0 ? 0 : -1;
}

/*
 * A timer is made anew each time, which may fail. Then the alarm goes off at once: whoever
 * is told finds nothing due, and sets it again.
 */
void
kernel_set_alarm(struct kernel *kernel, int64_t at_ns)
{
	struct kevent change;

	kqueue_set_timer(deadline_now_ns(), at_ns, KERNEL_ALARM, &change);
	if (tell(kernel, &change) == 0 || at_ns == INT64_MAX)
		return;
	kqueue_set_user(USER_ALARM, KERNEL_ALARM, true, &change);
	tell(kernel, &change);
}

void
kernel_wake(struct kernel *kernel)
{
	struct kevent change;

	kqueue_set_user(USER_WAKE, KERNEL_WAKE, true, &change);
	tell(kernel, &change);
}

/* ---- Waiting ---------------------------------------------------------------------- */

/*
 * What one kernel_wait() tells.
 *
 * Owner: its caller.
 */
struct batch {
	struct kernel_event *events;
	int n;
	bool is_full; /* the system had more, perhaps */
	int fds[KERNEL_MAX_EVENTS];
};

static bool
may_read_more(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}

/*
 * What an event counts for: AMY_ bits, or 0. If writing has ended and hang-ups are all that
 * is asked for, it counts once reading has ended, too.
 */
static unsigned
weigh(struct kernel *kernel, int fd, struct kqueue_entry *entry, const struct kevent *event)
{
	const struct kqueue_filters reading = { { KQUEUE_EDGE, KQUEUE_ABSENT } };
	unsigned events = kqueue_events(entry, event);

	if (!kqueue_is_half_end(entry, event))
		return events;
	if (entry->interest & AMY_BOTH)
		return may_read_more(fd) ? events & ~(unsigned)AMY_HUP : events;
	return set_filters(kernel, fd, entry, reading, entry->cookie) == 0 ? 0 : events;
}

/* After an edge that counted: what is watched goes on, and what was armed is over. */
static void
settle(struct kernel *kernel, int fd, struct kqueue_entry *entry)
{
	struct kqueue_filters wanted = entry->filters;
	bool has_edge = false;

	for (int i = 0; i < KQUEUE_FILTERS; i++)
		if (wanted.modes[i] == KQUEUE_EDGE) {
			wanted.modes[i] = entry->is_watched ? KQUEUE_LEVEL : KQUEUE_ABSENT;
			has_edge = true;
		}
	if (has_edge)
		set_filters(kernel, fd, entry, wanted, entry->cookie);
}

/* The direction that may have had no place in the batch. */
static unsigned
look_at_both(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN | POLLOUT };
	unsigned events = 0;

	poll(&polled, 1, 0);
	if (polled.revents & POLLIN)
		events |= AMY_READ;
	if (polled.revents & POLLOUT)
		events |= AMY_WRITE;
	return events;
}

static void
batch_put(struct batch *batch, int fd, struct kqueue_entry *entry, unsigned events)
{
	int place = entry->place;

	if (place < batch->n && batch->fds[place] == fd &&
	    batch->events[place].cookie == entry->cookie) {
		batch->events[place].events |= events;
		return;
	}
	if (entry->has_fired)
		return;
	if (batch->is_full && (entry->interest & AMY_BOTH) == AMY_BOTH)
		events |= look_at_both(fd);
	entry->has_fired = !entry->is_watched;
	entry->place = batch->n;
	batch->fds[batch->n] = fd;
	batch->events[batch->n++] = (struct kernel_event){ entry->cookie, events };
}

/*
 * A stale event. Mostly it was under way when its filter was removed; but if that failed, it
 * would come again and again.
 */
static void
discard(struct kernel *kernel, const struct kqueue_entry *entry, const struct kevent *event)
{
	struct kevent change;

	if (entry->is_known && kqueue_has_filter(entry, event))
		return;
	kqueue_remove(event, &change);
	tell(kernel, &change);
}

static void
batch_take(struct kernel *kernel, struct batch *batch, const struct kevent *event)
{
	int fd = (int)event->ident;
	struct kqueue_entry *entry = kqueue_table_lock_known(&kernel->table, fd);
	unsigned events = 0;

	if (entry == NULL)
		return;
	if (entry->is_known && entry->cookie == kqueue_cookie(event))
		events = weigh(kernel, fd, entry, event);
	else
		discard(kernel, entry, event);
	if (events != 0) {
		settle(kernel, fd, entry);
		batch_put(batch, fd, entry, events);
	}
	kqueue_table_unlock(&kernel->table, fd);
}

static void
batch_take_soft(struct batch *batch, const struct kevent *event)
{
	batch->fds[batch->n] = -1;
	batch->events[batch->n++] = (struct kernel_event){ .cookie = kqueue_cookie(event) };
}

/* If none of n events counts, or there was none before it was time, the wait goes on. */
static int
interrupted(void)
{
	errno = EINTR;
	return -1;
}

int
kernel_wait(struct kernel *kernel, struct kernel_event *events, int max, int timeout_ms)
{
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	struct deadline deadline = deadline_in(timeout_ms);
	struct kevent ready[KERNEL_MAX_EVENTS];
	struct batch batch;
	int n = kevent(kernel->fd, NULL, 0, ready, max, timeout_ms < 0 ? NULL : &timeout);

	if (n == 0)
		return deadline_left_ms(&deadline) == 0 ? 0 : interrupted();
	batch.events = events;
	batch.n = 0;
	batch.is_full = n == max;
	for (int i = 0; i < n; i++)
		if (kqueue_is_of_descriptor(&ready[i]))
			batch_take(kernel, &batch, &ready[i]);
		else
			batch_take_soft(&batch, &ready[i]);
	if (n > 0 && batch.n == 0)
		return interrupted();
	return n == -1 ? -1 : batch.n;
}
