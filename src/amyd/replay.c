/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define MAX_PASSED 4096 /* unwanted entries, under one hold of the lock */
#define MAX_READ 16384  /* bytes of lines, likewise; the last of them may go past it */

/* Where a replay stands in a ring. */
struct cursor {
	const struct ring *ring;
	bool is_kept; /* it is that of the last values, which has holes, and closes them */
	uint64_t next, end; /* ordinals; of kept values, for one hold of the lock */
	uint64_t from;      /* the number of what is next, when the lock was given back */
	uint64_t last;      /* the number of the last there was before end */
};

struct replay {
	/* constant after create */
	struct history *history;
	uint64_t number;
	uint64_t head;
	uint64_t from, to; /* numbers */
	int64_t since_ms, since_wall_ms;
	uint64_t oldest;
	bool is_renumbered;
	struct subject_tokens pattern;
	char bytes[SUBJECT_MAX_BYTES]; /* of the pattern */
	size_t ncursors;

	/* owner only */
	uint64_t budget; /* of entries to pass */
	struct cursor cursors[];
};

/* Once for all lines of the subject: twice the number of the replay, + 1 if it matches. */
static void
judge(const struct replay *replay, struct stored_subject *subject)
{
	struct subject_tokens tokens;

	subject_split(subject->bytes, subject->nbytes, &tokens);
	subject->verdict =
	    2 * replay->number + (subject_matches(&replay->pattern, &tokens) ? 1 : 0);
}

static bool
is_wanted(const struct replay *replay, const struct entry *entry)
{
	struct stored_subject *subject = entry->subject;

	if (subject == NULL || entry->at_ms < replay->since_ms ||
	    (replay->since_wall_ms != INT64_MIN &&
	     entry->publication->wall_ms < replay->since_wall_ms))
		return false;
	if (subject->verdict / 2 != replay->number)
		judge(replay, subject);
	return subject->verdict % 2 == 1;
}

/* What comes next, or backwards, last. NULL: nothing is left. */
static const struct entry *
cursor_look(const struct cursor *cursor, bool backwards)
{
	if (cursor->next == cursor->end)
		return NULL;
	return ring_at(cursor->ring, backwards ? cursor->end - 1 : cursor->next);
}

static void
cursor_pass(struct cursor *cursor, bool backwards)
{
	if (backwards)
		cursor->end--;
	else
		cursor->next++;
}

/* Pass what is not wanted. NULL: nothing is left, or the budget is used up. */
static const struct entry *
find_wanted(struct replay *replay, struct cursor *cursor, bool backwards)
{
	const struct entry *entry;

	while (replay->budget > 0 && (entry = cursor_look(cursor, backwards)) != NULL) {
		if (is_wanted(replay, entry))
			return entry;
		cursor_pass(cursor, backwards);
		replay->budget--;
	}
	return NULL;
}

/* What is in a section and kept, too, is passed in both. */
static void
pass_everywhere(struct replay *replay, uint64_t seq, bool backwards)
{
	for (size_t i = 0; i < replay->ncursors; i++) {
		const struct entry *entry = cursor_look(&replay->cursors[i], backwards);

		if (entry != NULL && entry->seq == seq)
			cursor_pass(&replay->cursors[i], backwards);
	}
}

/* The next, or backwards, last wanted of all. NULL: none, or the budget is used up. */
static const struct entry *
take(struct replay *replay, bool backwards)
{
	const struct entry *found = NULL;

	for (size_t i = 0; i < replay->ncursors; i++) {
		const struct entry *entry = find_wanted(replay, &replay->cursors[i], backwards);

		if (entry != NULL && (found == NULL || (entry->seq < found->seq) != backwards))
			found = entry;
	}
	/* A cursor that has not found anything might have, further on. */
	if (found == NULL || replay->budget == 0)
		return NULL;
	pass_everywhere(replay, found->seq, backwards);
	return found;
}

static void
cursor_remember(const struct replay *replay, struct cursor *cursor)
{
	const struct entry *entry = cursor_look(cursor, false);

	cursor->from = entry != NULL ? entry->seq : replay->to + 1;
}

/* To the beginning of what is asked for. */
static void
cursor_place(const struct replay *replay, struct cursor *cursor)
{
	const struct entry *entry;

	cursor->next = ring_find(cursor->ring, replay->from);
	cursor->end = ring_find(cursor->ring, replay->to + 1);
	while ((entry = cursor_look(cursor, false)) != NULL && entry->at_ms < replay->since_ms)
		cursor->next++;
	if ((entry = cursor_look(cursor, true)) != NULL)
		cursor->last = entry->seq;
	cursor_remember(replay, cursor);
}

static void
place(struct replay *replay)
{
	replay->budget = UINT64_MAX;
	for (size_t i = 0; i < replay->ncursors; i++)
		cursor_place(replay, &replay->cursors[i]);
}

static void
add_cursor(struct replay *replay, const struct ring *ring, bool is_kept)
{
	replay->cursors[replay->ncursors++] =
	    (struct cursor){ .ring = ring, .is_kept = is_kept };
}

static void
add_cursors(struct replay *replay, enum history_want want)
{
	const struct history *history = replay->history;

	add_cursor(replay, history_kept_ring(history), true);
	if (want == HISTORY_KEPT)
		return;
	for (size_t i = 0; i < history_nsections(history); i++) {
		const struct ring *ring = history_section_ring(history, i, &replay->pattern);

		if (ring != NULL)
			add_cursor(replay, ring, false);
	}
}

/* From a number on, which need not be one of this run. */
static bool
is_other_run(const struct replay *replay, const struct history_query *query)
{
	const char *run = history_run(replay->history);

	if (query->from > replay->head + 1)
		return true;
	return query->run.nbytes > 0 &&
	       (query->run.nbytes != strlen(run) ||
	        memcmp(query->run.bytes, run, query->run.nbytes) != 0);
}

static void
set_range(struct replay *replay, const struct history_query *query)
{
	replay->from = 1;
	replay->to = replay->head;
	replay->since_ms = replay->since_wall_ms = INT64_MIN;
	if (query->want == HISTORY_SINCE)
		replay->since_ms = query->since_ms;
	if (query->want == HISTORY_SINCE_MOMENT)
		replay->since_wall_ms = query->since_wall_ms;
	if (query->want != HISTORY_FROM)
		return;
	replay->is_renumbered = is_other_run(replay, query);
	if (replay->is_renumbered)
		return;
	if (query->to != 0 && query->to < replay->to)
		replay->to = query->to;
	if (query->from > replay->from)
		replay->from = query->from <= replay->to ? query->from : replay->to + 1;
}

/* Begin with the last n. How many there are of them. */
static size_t
begin_with_last(struct replay *replay, uint64_t n)
{
	uint64_t from = replay->to + 1;
	const struct entry *entry;
	size_t found = 0;

	place(replay);
	while (found < n && (entry = take(replay, true)) != NULL) {
		from = entry->seq;
		found++;
	}
	replay->from = from;
	return found;
}

static size_t
count(struct replay *replay)
{
	size_t n = 0;

	place(replay);
	while (take(replay, false) != NULL)
		n++;
	return n;
}

/* What was asked for, as far as something may be missing in it. */
struct wish {
	uint64_t from;
	int64_t since_ms;
};

/*
 * Of the last n, if there are as many, nothing before the first of them was asked for. Of a
 * moment it is known when it was about.
 */
static struct wish
make_wish(const struct replay *replay, const struct history_query *query, size_t nfound)
{
	bool has_time = query->want == HISTORY_SINCE || query->want == HISTORY_SINCE_MOMENT;
	bool is_short = query->want == HISTORY_LAST && nfound < query->n;

	return (struct wish){ is_short ? 1 : replay->from,
		              has_time ? query->since_ms : INT64_MIN };
}

/* Where a section has forgotten something after the beginning of what is asked for. */
static uint64_t
find_oldest(const struct replay *replay, const struct wish *wish)
{
	uint64_t oldest = 0;

	for (size_t i = 0; i < history_nall(replay->history); i++) {
		const struct ring *ring =
		    history_section_ring(replay->history, i, &replay->pattern);
		uint64_t seq;

		if (ring == NULL || ring->gone < wish->from || ring->gone_ms < wish->since_ms ||
		    wish->from > replay->to)
			continue;
		seq = ring->n > 0 ? ring_at(ring, ring->base)->seq : replay->head + 1;
		if (oldest == 0 || seq < oldest)
			oldest = seq;
	}
	return oldest;
}

static bool
is_look_back(enum history_want want)
{
	return want != HISTORY_KEPT && want != HISTORY_ALL;
}

struct replay *
replay_create(struct history *history, const char *pattern, size_t nbytes,
              const struct history_query *query, size_t *nlines)
{
	size_t max_cursors = history_nsections(history) + 1;
	struct replay *replay =
	    calloc(1, sizeof *replay + max_cursors * sizeof replay->cursors[0]);
	struct wish wish;
	size_t n = 0;

	if (replay == NULL)
		return NULL;
	replay->history = history;
	replay->number = history_new_replay(history);
	replay->head = history_head(history);
	memcpy(replay->bytes, pattern, nbytes);
	subject_split(replay->bytes, nbytes, &replay->pattern);
	add_cursors(replay, query->want);
	set_range(replay, query);
	if (query->want == HISTORY_LAST)
		n = begin_with_last(replay, query->n);
	else if (nlines != NULL)
		n = count(replay);
	if (nlines != NULL)
		*nlines = n;
	wish = make_wish(replay, query, n);
	if (is_look_back(query->want))
		replay->oldest = find_oldest(replay, &wish);
	place(replay);
	return replay;
}

void
replay_destroy(struct replay *replay)
{
	free(replay);
}

static void
add_to_gap(struct replay_gap *gap, uint64_t n, uint64_t first, uint64_t last)
{
	if (gap->n == 0 || first < gap->first)
		gap->first = first;
	if (last > gap->last)
		gap->last = last;
	gap->n += n;
}

/* The ring may have lost what is next since the lock was given back. */
static void
cursor_catch_up(const struct replay *replay, struct cursor *cursor, struct replay_gap *gap)
{
	const struct ring *ring = cursor->ring;
	uint64_t next = ring->base < cursor->end ? ring->base : cursor->end;

	if (cursor->is_kept) {
		cursor->next = ring_find(ring, cursor->from);
		cursor->end = ring_find(ring, replay->to + 1);
	} else if (cursor->next < next) {
		add_to_gap(gap, next - cursor->next, cursor->from,
		           ring->gone < cursor->last ? ring->gone : cursor->last);
		cursor->next = next;
	}
}

/* What can be had under one hold of the lock. */
static size_t
read_some(struct replay *replay, struct publication **publications, size_t max,
          struct replay_gap *gap)
{
	const struct entry *entry;
	size_t n = 0, nbytes = 0;

	replay->budget = MAX_PASSED;
	for (size_t i = 0; i < replay->ncursors; i++)
		cursor_catch_up(replay, &replay->cursors[i], gap);
	while (n < max && nbytes < MAX_READ && (entry = take(replay, false)) != NULL) {
		nbytes += publication_size(entry->publication);
		publications[n++] = publication_ref(entry->publication);
	}
	for (size_t i = 0; i < replay->ncursors; i++)
		cursor_remember(replay, &replay->cursors[i]);
	return n;
}

size_t
replay_next(struct replay *replay, struct publication **publications, size_t max,
            struct replay_gap *gap)
{
	size_t n;

	*gap = (struct replay_gap){ 0 };
	do {
		history_lock_in_turn(replay->history);
		n = read_some(replay, publications, max, gap);
		history_unlock(replay->history);
	} while (n == 0 && replay->budget == 0);
	return n;
}

uint64_t
replay_head(const struct replay *replay)
{
	return replay->head;
}

uint64_t
replay_end(const struct replay *replay)
{
	return replay->to + 1;
}

bool
replay_is_renumbered(const struct replay *replay)
{
	return replay->is_renumbered;
}

uint64_t
replay_oldest(const struct replay *replay)
{
	return replay->oldest;
}
