/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define MAX_PASSED 1024 /* entries, under one hold of the lock */
#define MAX_READ 16384  /* bytes of lines, likewise; the last of them may go past it */

/* Where a replay stands in a ring. */
struct cursor {
	const struct ring *ring;
	bool is_kept; /* it is that of the last values, which has holes, and closes them */
	uint64_t next, end; /* ordinals; of kept values, for one hold of the lock */
	uint64_t from;      /* the number of what is next, when the lock was given back */
	uint64_t last;      /* the number of the last there was before end */
	uint64_t before;    /* going backwards: what has this number and larger ones is passed */
};

struct replay {
	/* constant after create */
	struct history *history;
	uint64_t number;
	uint64_t head;
	uint64_t from, to; /* numbers */
	int64_t since_ms, since_wall_ms;
	struct history_query query;
	uint64_t oldest; /* once is_seeking is over */
	bool is_renumbered;
	struct subject_tokens pattern;
	char bytes[SUBJECT_MAX_BYTES]; /* of the pattern */
	size_t ncursors;

	/* owner only */
	uint64_t budget; /* of entries to pass */
	uint64_t nlooks;
	uint64_t nlast;  /* of HISTORY_LAST: lines still to be found, going backwards */
	bool is_seeking; /* where the last ones begin is still to be found */
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
		cursor->before = ring_at(cursor->ring, --cursor->end)->seq;
	else
		cursor->next++;
}

/* Pass what is not wanted. NULL: nothing is left, or the budget is used up. */
static const struct entry *
find_wanted(struct replay *replay, struct cursor *cursor, bool backwards)
{
	const struct entry *entry;

	while (replay->budget > 0 && (entry = cursor_look(cursor, backwards)) != NULL) {
		replay->nlooks++;
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
	replay->budget--;
	pass_everywhere(replay, found->seq, backwards);
	return found;
}

static void
cursor_remember(const struct replay *replay, struct cursor *cursor)
{
	const struct entry *entry = cursor_look(cursor, false);

	cursor->from = entry != NULL ? entry->seq : replay->to + 1;
}

/*
 * The first that is not said long before since_ms. The times of entries are those of turns of
 * several handlers, and are in their order but for less than that.
 */
#define SINCE_SLACK_MS 10000

static uint64_t
find_since(const struct ring *ring, uint64_t low, uint64_t high, int64_t since_ms)
{
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (ring_at(ring, middle)->at_ms < since_ms - SINCE_SLACK_MS)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* So far as can be looked at in one go; what is left is passed later. */
static void
cursor_pass_older(struct cursor *cursor, int64_t since_ms)
{
	const struct entry *entry;

	cursor->next = find_since(cursor->ring, cursor->next, cursor->end, since_ms);
	for (int i = 0; i < MAX_PASSED && (entry = cursor_look(cursor, false)) != NULL &&
	                entry->at_ms < since_ms;
	     i++)
		cursor->next++;
}

/* To the beginning of what is asked for. */
static void
cursor_place(const struct replay *replay, struct cursor *cursor)
{
	const struct entry *entry;

	cursor->next = ring_find(cursor->ring, replay->from);
	cursor->end = ring_find(cursor->ring, replay->to + 1);
	if (replay->since_ms != INT64_MIN)
		cursor_pass_older(cursor, replay->since_ms);
	cursor->before = replay->to + 1;
	if ((entry = cursor_look(cursor, true)) != NULL)
		cursor->last = entry->seq;
	cursor_remember(replay, cursor);
}

static void
place(struct replay *replay)
{
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

/*
 * Go back to where the last ones begin, as far as the budget lets. Not found yet: is_seeking.
 * Returns how many were found.
 */
static size_t
seek_last(struct replay *replay)
{
	const struct entry *entry;
	size_t found = 0;

	while (replay->nlast > 0 && (entry = take(replay, true)) != NULL) {
		replay->from = entry->seq;
		replay->nlast--;
		found++;
	}
	replay->is_seeking = replay->nlast > 0 && replay->budget == 0;
	return found;
}

static size_t
count(struct replay *replay)
{
	size_t n = 0;

	replay->budget = UINT64_MAX;
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
make_wish(const struct replay *replay, const struct history_query *query)
{
	bool has_time = query->want == HISTORY_SINCE || query->want == HISTORY_SINCE_MOMENT;
	bool is_short = query->want == HISTORY_LAST && replay->nlast > 0;

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

/* All that is known is what is asked for; where the last ones begin, when that was found. */
static void
begin(struct replay *replay)
{
	struct wish wish = make_wish(replay, &replay->query);

	if (is_look_back(replay->query.want))
		replay->oldest = find_oldest(replay, &wish);
	place(replay);
}

/*
 * To where the last ones begin: at once if it is near, or they are to be counted. Returns how many
 * were found.
 */
static size_t
begin_with_last(struct replay *replay, bool at_once)
{
	size_t n;

	replay->nlast = replay->query.n;
	place(replay);
	replay->from = replay->to + 1; /* until the first is found */
	replay->budget = at_once ? UINT64_MAX : MAX_PASSED;
	n = seek_last(replay);
	if (!replay->is_seeking)
		begin(replay);
	return n;
}

struct replay *
replay_create(struct history *history, const char *pattern, size_t nbytes,
              const struct history_query *query, size_t *nlines)
{
	size_t max_cursors = history_nsections(history) + 1;
	struct replay *replay =
	    calloc(1, sizeof *replay + max_cursors * sizeof replay->cursors[0]);
	size_t n = 0;

	if (replay == NULL)
		return NULL;
	replay->history = history;
	replay->query = *query;
	replay->number = history_new_replay(history);
	replay->head = history_head(history);
	memcpy(replay->bytes, pattern, nbytes);
	subject_split(replay->bytes, nbytes, &replay->pattern);
	add_cursors(replay, query->want);
	set_range(replay, query);
	if (query->want == HISTORY_LAST)
		n = begin_with_last(replay, nlines != NULL);
	else if (nlines != NULL)
		n = count(replay);
	if (query->want != HISTORY_LAST)
		begin(replay);
	if (nlines != NULL)
		*nlines = n;
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

static void
cursor_catch_up_backwards(struct cursor *cursor)
{
	cursor->next = cursor->ring->base;
	cursor->end = ring_find(cursor->ring, cursor->before);
}

/* Look for where the last ones begin, and then go there. */
static void
seek_some(struct replay *replay)
{
	for (size_t i = 0; i < replay->ncursors; i++)
		cursor_catch_up_backwards(&replay->cursors[i]);
	seek_last(replay);
	if (!replay->is_seeking)
		begin(replay);
}

/* What can be had of what the budget still lets us look at. */
static size_t
read_some(struct replay *replay, struct publication **publications, size_t max,
          struct replay_gap *gap)
{
	const struct entry *entry;
	size_t n = 0, nbytes = 0;

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
replay_next_some(struct replay *replay, struct publication **publications, size_t max,
                 struct replay_gap *gap, bool *is_over)
{
	size_t n = 0;

	history_lock_in_turn(replay->history);
	replay->budget = MAX_PASSED;
	if (replay->is_seeking)
		seek_some(replay);
	if (replay->budget > 0)
		n = read_some(replay, publications, max, gap);
	*is_over = n == 0 && replay->budget > 0;
	history_unlock(replay->history);
	return n;
}

size_t
replay_next(struct replay *replay, struct publication **publications, size_t max,
            struct replay_gap *gap)
{
	bool is_over;
	size_t n;

	*gap = (struct replay_gap){ 0 };
	do
		n = replay_next_some(replay, publications, max, gap, &is_over);
	while (n == 0 && !is_over);
	return n;
}

uint64_t
replay_looks(const struct replay *replay)
{
	return replay->nlooks;
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
