/* SPDX-License-Identifier: MIT */
#include <sys/types.h>

#include <errno.h>
#include <sys/event.h>
#include <sys/time.h>

#include "amy.h"
#include "kqueue_changes.h"

_Static_assert(sizeof(((struct kevent *)NULL)->udata) >= sizeof(uint64_t),
               "kqueue hands back a pointer, which must have room for 64 bits");

#define MAX_TIMER_NS INT64_C(86400000000000)

/* Where a clock stops while the system sleeps, unlike CLOCK_MONOTONIC. */
#ifndef NOTE_MACH_CONTINUOUS_TIME
#define NOTE_MACH_CONTINUOUS_TIME 0
#endif

static const struct {
	short filter;
	unsigned interest;
} filters[KQUEUE_FILTERS] = {
	[KQUEUE_READ] = { EVFILT_READ, AMY_READ },
	[KQUEUE_WRITE] = { EVFILT_WRITE, AMY_WRITE },
};

struct kqueue_filters
kqueue_filters_for(const struct kqueue_entry *entry, unsigned interest, bool is_watched)
{
	enum kqueue_mode mode = is_watched ? KQUEUE_LEVEL : KQUEUE_ARMED;
	struct kqueue_filters wanted = { { KQUEUE_ABSENT, KQUEUE_ABSENT } };

	for (int i = 0; i < KQUEUE_FILTERS; i++)
		if (interest & filters[i].interest)
			wanted.modes[i] = mode;
	if (!(interest & AMY_BOTH))
		wanted.modes[entry->is_read_only ? KQUEUE_READ : KQUEUE_WRITE] = KQUEUE_EDGE;
	return wanted;
}

struct kqueue_filters
kqueue_filters_for_broken(unsigned interest, bool is_watched)
{
	struct kqueue_filters wanted = { { KQUEUE_EDGE, KQUEUE_ABSENT } };

	if (interest & AMY_BOTH)
		wanted.modes[KQUEUE_READ] = is_watched ? KQUEUE_LEVEL : KQUEUE_ARMED;
	return wanted;
}

static unsigned short
flags_of(enum kqueue_mode mode)
{
	switch (mode) {
	case KQUEUE_ABSENT:
		return EV_DELETE | EV_RECEIPT;
	case KQUEUE_ARMED:
		return EV_ADD | EV_ENABLE | EV_DISPATCH | EV_RECEIPT;
	case KQUEUE_LEVEL:
		return EV_ADD | EV_ENABLE | EV_RECEIPT;
	case KQUEUE_EDGE:
		break;
	}
	return EV_ADD | EV_ENABLE | EV_CLEAR | EV_RECEIPT;
}

static struct kevent
change_to(enum kqueue_mode mode, int fd, int filter, uint64_t cookie)
{
	return (struct kevent){
		.ident = (uintptr_t)fd,
		.filter = filters[filter].filter,
		.flags = flags_of(mode),
		.udata = (void *)(uintptr_t)cookie,
	};
}

static bool
is_as_wanted(const struct kqueue_entry *entry, int filter, enum kqueue_mode wanted,
             uint64_t cookie)
{
	return entry->filters.modes[filter] == wanted && wanted == KQUEUE_LEVEL &&
	       entry->cookie == cookie;
}

static bool
must_go(const struct kqueue_entry *entry, int filter, enum kqueue_mode wanted, bool renews)
{
	switch (entry->filters.modes[filter]) {
	case KQUEUE_ABSENT:
		return false;
	case KQUEUE_ARMED:
		return wanted != KQUEUE_ARMED || renews;
	case KQUEUE_LEVEL:
	case KQUEUE_EDGE:
		break;
	}
	return true;
}

int
kqueue_changes(const struct kqueue_entry *entry, int fd, struct kqueue_filters wanted,
               uint64_t cookie, bool renews, struct kevent *changes)
{
	bool stays[KQUEUE_FILTERS];
	int n = 0;

	for (int i = 0; i < KQUEUE_FILTERS; i++) {
		stays[i] = is_as_wanted(entry, i, wanted.modes[i], cookie);
		if (!stays[i] && must_go(entry, i, wanted.modes[i], renews))
			changes[n++] = change_to(KQUEUE_ABSENT, fd, i, cookie);
	}
	for (int i = 0; i < KQUEUE_FILTERS; i++)
		if (!stays[i] && wanted.modes[i] != KQUEUE_ABSENT)
			changes[n++] = change_to(wanted.modes[i], fd, i, cookie);
	return n;
}

static int
filter_of(const struct kevent *event)
{
	return event->filter == EVFILT_READ ? KQUEUE_READ : KQUEUE_WRITE;
}

int
kqueue_note(struct kqueue_entry *entry, struct kqueue_filters wanted,
            const struct kevent *changes, const struct kevent *results, int n)
{
	int error = 0;

	for (int i = 0; i < n; i++) {
		int filter = filter_of(&changes[i]);
		int result = (results[i].flags & EV_ERROR) ? (int)results[i].data : 0;

		if (changes[i].flags & EV_DELETE) {
			entry->filters.modes[filter] = KQUEUE_ABSENT;
		} else if (result == 0) {
			entry->filters.modes[filter] = wanted.modes[filter];
		} else if (error == 0) {
			error = result;
		}
	}
	return error;
}

bool
kqueue_has_filter(const struct kqueue_entry *entry, const struct kevent *event)
{
	return entry->filters.modes[filter_of(event)] != KQUEUE_ABSENT;
}

void
kqueue_remove(const struct kevent *event, struct kevent *change)
{
	*change = (struct kevent){
		.ident = event->ident,
		.filter = event->filter,
		.flags = EV_DELETE,
	};
}

/* A pipe: whoever writes gets an error. Of a socket or a terminal, both have gone. */
static unsigned
end_of_writing(const struct kqueue_entry *entry)
{
	if (!entry->is_pipe)
		return AMY_HUP;
	if (entry->is_write_only || entry->interest & AMY_WRITE)
		return AMY_ERROR;
	return AMY_HUP | AMY_ERROR;
}

unsigned
kqueue_events(const struct kqueue_entry *entry, const struct kevent *event)
{
	bool reads = filter_of(event) == KQUEUE_READ;
	unsigned events = entry->interest & (reads ? AMY_READ : AMY_WRITE);

	if (event->flags & EV_ERROR)
		return events | AMY_ERROR;
	if (entry->is_broken)
		return (entry->interest & AMY_BOTH) | end_of_writing(entry);
	if (event->flags & EV_EOF) {
		events |= reads ? AMY_HUP : end_of_writing(entry);
		if (event->fflags != 0)
			events |= AMY_ERROR;
	}
	return events;
}

bool
kqueue_is_half_end(const struct kqueue_entry *entry, const struct kevent *event)
{
	return entry->is_socket && event->filter == EVFILT_WRITE &&
	       (event->flags & (EV_EOF | EV_ERROR)) == EV_EOF && event->fflags == 0;
}

void
kqueue_set_timer(int64_t now_ns, int64_t at_ns, uint64_t cookie, struct kevent *change)
{
	int64_t delay_ns = at_ns > now_ns ? at_ns - now_ns : 1;

	*change = (struct kevent){
		.filter = EVFILT_TIMER,
		.flags = at_ns == INT64_MAX ? EV_DELETE : EV_ADD | EV_ENABLE | EV_ONESHOT,
		.fflags = NOTE_NSECONDS | NOTE_MACH_CONTINUOUS_TIME,
		.data = delay_ns < MAX_TIMER_NS ? delay_ns : MAX_TIMER_NS,
		.udata = (void *)(uintptr_t)cookie,
	};
}

void
kqueue_set_user(uintptr_t ident, uint64_t cookie, bool is_trigger, struct kevent *change)
{
	*change = (struct kevent){
		.ident = ident,
		.filter = EVFILT_USER,
		.flags = is_trigger ? 0 : EV_ADD | EV_CLEAR,
		.fflags = is_trigger ? NOTE_TRIGGER : 0,
		.udata = (void *)(uintptr_t)cookie,
	};
}

/* What a descriptor that has no such filter is refused with differs. */
int
kqueue_errno(int error)
{
	switch (error) {
	case EINVAL:
	case ENODEV:
	case ENOTSUP:
#if EOPNOTSUPP != ENOTSUP
	case EOPNOTSUPP:
#endif
		return EPERM;
	default:
		return error;
	}
}

bool
kqueue_is_of_descriptor(const struct kevent *event)
{
	return event->filter == EVFILT_READ || event->filter == EVFILT_WRITE;
}

uint64_t
kqueue_cookie(const struct kevent *event)
{
	return (uint64_t)(uintptr_t)event->udata;
}
