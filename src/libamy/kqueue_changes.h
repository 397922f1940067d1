/* SPDX-License-Identifier: MIT */
/*
 * kqueue_changes.h - what is asked of kqueue(2), and what its answers mean. No system calls.
 *
 * kqueue has a filter for each direction, and no word for a descriptor as a whole. So what
 * the kernel has of a descriptor is written down in an entry.
 */
#ifndef KQUEUE_CHANGES_H
#define KQUEUE_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

struct kevent;

enum { KQUEUE_READ, KQUEUE_WRITE, KQUEUE_FILTERS };

enum kqueue_mode {
	KQUEUE_ABSENT, /* the kernel has no such filter */
	KQUEUE_ARMED,  /* EV_DISPATCH: it reports once, and is then off */
	KQUEUE_LEVEL,  /* it reports whenever it is asked */
	KQUEUE_EDGE,   /* EV_CLEAR: it reports what is new. Only an end counts. */
};

struct kqueue_filters {
	enum kqueue_mode modes[KQUEUE_FILTERS];
};

/*
 * What the kernel has of one descriptor.
 *
 * Owner: whoever holds its lock (kqueue_table.h).
 */
struct kqueue_entry {
	uint64_t cookie; /* of the arming that is in force */
	struct kqueue_filters filters;
	unsigned interest;
	int place; /* of its event, in the batch that it was in last */
	bool is_known;
	bool is_watched;
	bool has_fired; /* what else comes of this arming does not count */
	bool is_broken; /* a pipe that nobody reads: it cannot have a filter for writing */

	/* constant while known */
	bool is_socket;
	bool is_pipe;
	bool is_read_only;
	bool is_write_only;
};

/* Every filter that there is removed, every one that is wanted added. */
#define KQUEUE_MAX_CHANGES (2 * KQUEUE_FILTERS)

/*
 * The filters for an interest. For AMY_HUP and AMY_ERROR alone: that of the direction in
 * which an end is a hang-up, as an edge, since it is ready nearly always.
 */
struct kqueue_filters kqueue_filters_for(const struct kqueue_entry *entry, unsigned interest,
                                         bool is_watched);

/* Those for a pipe that nobody reads: its other direction is at its end, too. */
struct kqueue_filters kqueue_filters_for_broken(unsigned interest, bool is_watched);

/*
 * The changes from what the entry has to what is wanted: first what goes, then what comes. A
 * filter is changed in place where all systems can do that: from armed to armed; unless
 * renews, which is for a kqueue that cannot. Returns how many.
 */
int kqueue_changes(const struct kqueue_entry *entry, int fd, struct kqueue_filters wanted,
                   uint64_t cookie, bool renews, struct kevent *changes);

/*
 * Write down in the entry what became of n changes, by their n results. Returns 0, or the
 * errno of the first that failed. That there was nothing to remove is no failure.
 */
int kqueue_note(struct kqueue_entry *entry, struct kqueue_filters wanted,
                const struct kevent *changes, const struct kevent *results, int n);

/* True if the entry has the filter that an event is of. */
bool kqueue_has_filter(const struct kqueue_entry *entry, const struct kevent *event);

/* The change that removes the filter that an event is of. */
void kqueue_remove(const struct kevent *event, struct kevent *change);

/* What an event of the entry's present arming says, as AMY_ bits; 0: nothing. */
unsigned kqueue_events(const struct kqueue_entry *entry, const struct kevent *event);

/*
 * True if it says that writing has ended, of a socket. That may have been this side's own
 * doing, while the peer still sends; so it is no hang-up unless reading has ended, too.
 */
bool kqueue_is_half_end(const struct kqueue_entry *entry, const struct kevent *event);

/*
 * The change that sets the timer. It may go off early, after a day at the latest, as any
 * timer may by a little: whoever it wakes looks at the clock, and sets it again.
 */
void kqueue_set_timer(int64_t now_ns, int64_t at_ns, uint64_t cookie, struct kevent *change);

/* The change that makes a user event, or triggers it. */
void kqueue_set_user(uintptr_t ident, uint64_t cookie, bool is_trigger, struct kevent *change);

/* The errno of kernel.h for what EV_ADD failed with. */
int kqueue_errno(int error);

/* Which descriptor, or other thing, an event is of, and its cookie. */
bool kqueue_is_of_descriptor(const struct kevent *event);
uint64_t kqueue_cookie(const struct kevent *event);

#endif
