/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "history.h"
#include "table.h"

#define FIRST_CAPACITY 16
#define MAX_PASSED 4096 /* unwanted entries, under one hold of the lock */
#define MAX_READ 16384  /* bytes of lines, likewise; the last of them may go past it */

/*
 * A subject of which something is stored. A replay judges it once, not each of its lines.
 *
 * Owner: the history, as long as an entry refers to it.
 */
struct history_subject {
	struct table_item item; /* hash of its bytes */
	uint64_t verdict;       /* the last: twice the number of a replay, + 1 if it matched */
	size_t nreferences;
	struct publication *kept; /* its entry has the reference; NULL: none */
	size_t nbytes;
	char bytes[];
};

/* What scanning needs to know stands here, so that it need not look at the lines. */
struct entry {
	uint64_t seq;
	int64_t at_ms;
	struct publication *publication;
	struct history_subject *subject; /* NULL: a hole, without a publication */
};

/*
 * Entries in the order of their numbers. An entry has an ordinal: how many there were
 * before it, those that are gone included.
 */
struct ring {
	struct entry *entries;
	size_t first, n, capacity;
	uint64_t base; /* ordinal of the first */
	uint64_t gone; /* number of the last that is gone; 0: none is */
	size_t nbytes; /* of the publications */
};

/*
 * What replays point into, so it stays as long as the history does: one that is gone is empty,
 * and comes back when there is one of its name again.
 */
struct section {
	char *name;
	const struct conf_history *conf; /* borrowed; NULL: it is gone */
	struct subject_tokens match;
	bool has_others; /* it may have lines that it does not match any more */
	struct ring ring;
	uint64_t nforgotten;
};

struct history {
	struct hash_key key; /* constant after create */

	/* read without the lock; changed with it, and while nobody reads */
	struct section **sections; /* those there are, and then those that are gone */
	size_t nsections;          /* that there are */
	size_t nall;

	pthread_mutex_t turn; /* held while waiting for the lock */
	pthread_mutex_t lock; /* guards the rest */
	uint64_t head;
	uint64_t nreplays; /* ever made */
	struct table subjects;
	struct ring kept; /* with holes: values that were replaced or forgotten */
	size_t nkept;
};

/* Owner: whoever prepared it. */
struct history_change {
	struct history *history;
	const struct conf_history *conf;
	struct section **sections; /* as those of the history are to be */
	size_t nsections, nall;
};

/* Where a replay stands in a ring. */
struct cursor {
	struct ring *ring;
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
	int64_t since_ms;
	uint64_t oldest;
	struct subject_tokens pattern;
	char bytes[SUBJECT_MAX_BYTES]; /* of the pattern */
	size_t ncursors;

	/* owner only */
	uint64_t budget; /* of entries to pass */
	struct cursor cursors[];
};

/* ---- Subjects --------------------------------------------------------------------- */

static struct history_subject *
find_subject(const struct history *history, const char *bytes, size_t nbytes, uint64_t hash)
{
	struct table_item *item = table_first(&history->subjects, hash);

	for (; item != NULL; item = table_next(item)) {
		struct history_subject *subject = (struct history_subject *)item;

		if (subject->nbytes == nbytes && memcmp(subject->bytes, bytes, nbytes) == 0)
			return subject;
	}
	return NULL;
}

/* NULL: nothing of it is kept. */
static struct history_subject *
find_kept(const struct history *history, const char *bytes, size_t nbytes)
{
	uint64_t hash = hash_bytes(&history->key, bytes, nbytes);
	struct history_subject *subject = find_subject(history, bytes, nbytes, hash);

	return subject != NULL && subject->kept != NULL ? subject : NULL;
}

/* With a reference. NULL: ENOMEM. */
static struct history_subject *
get_subject(struct history *history, const struct amy_bytes *name)
{
	uint64_t hash = hash_bytes(&history->key, name->bytes, name->nbytes);
	struct history_subject *subject =
	    find_subject(history, name->bytes, name->nbytes, hash);

	if (subject == NULL) {
		subject = malloc(sizeof *subject + name->nbytes);
		if (subject == NULL)
			return NULL;
		*subject =
		    (struct history_subject){ .item.hash = hash, .nbytes = name->nbytes };
		memcpy(subject->bytes, name->bytes, name->nbytes);
		table_insert(&history->subjects, &subject->item);
	}
	subject->nreferences++;
	return subject;
}

static void
unref_subject(struct history *history, struct history_subject *subject)
{
	if (--subject->nreferences > 0)
		return;
	table_erase(&history->subjects, &subject->item);
	free(subject);
}

/* ---- Rings ------------------------------------------------------------------------ */

static struct entry *
ring_at(const struct ring *ring, uint64_t ordinal)
{
	size_t i = ring->first + (size_t)(ordinal - ring->base);

	return &ring->entries[i < ring->capacity ? i : i - ring->capacity];
}

/* The ordinal of the first entry that has this number, or a larger one. */
static uint64_t
ring_find(const struct ring *ring, uint64_t seq)
{
	uint64_t low = ring->base, high = ring->base + ring->n;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (ring_at(ring, middle)->seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
ring_grow(struct ring *ring, uint64_t max_capacity)
{
	uint64_t capacity = ring->capacity == 0 ? FIRST_CAPACITY : 2 * ring->capacity;
	struct entry *entries;

	if (capacity > max_capacity)
		capacity = max_capacity;
	entries = malloc((size_t)capacity * sizeof *entries);
	if (entries == NULL)
		return -1;
	for (size_t i = 0; i < ring->n; i++)
		entries[i] = *ring_at(ring, ring->base + i);
	free(ring->entries);
	ring->entries = entries;
	ring->first = 0;
	ring->capacity = (size_t)capacity;
	return 0;
}

/* There is room. */
static void
ring_push(struct ring *ring, struct publication *publication, struct history_subject *subject)
{
	*ring_at(ring, ring->base + ring->n) = (struct entry){
		.seq = publication->seq,
		.at_ms = publication->at_ms,
		.publication = publication_ref(publication),
		.subject = subject,
	};
	subject->nreferences++;
	ring->n++;
	ring->nbytes += publication_size(publication);
}

/* Leaves a hole. */
static void
ring_clear(struct history *history, struct ring *ring, struct entry *entry)
{
	ring->nbytes -= publication_size(entry->publication);
	publication_unref(entry->publication);
	unref_subject(history, entry->subject);
	entry->publication = NULL;
	entry->subject = NULL;
}

/* The first is a hole. */
static void
ring_shift(struct ring *ring)
{
	ring->gone = ring_at(ring, ring->base)->seq;
	if (++ring->first == ring->capacity)
		ring->first = 0;
	ring->base++;
	ring->n--;
}

static void
ring_close_holes(struct ring *ring)
{
	uint64_t end = ring->base;

	for (size_t i = 0; i < ring->n; i++) {
		const struct entry *entry = ring_at(ring, ring->base + i);

		if (entry->subject != NULL)
			*ring_at(ring, end++) = *entry;
	}
	ring->n = (size_t)(end - ring->base);
}

static void
ring_fini(struct history *history, struct ring *ring)
{
	for (size_t i = 0; i < ring->n; i++) {
		struct entry *entry = ring_at(ring, ring->base + i);

		if (entry->subject != NULL)
			ring_clear(history, ring, entry);
	}
	free(ring->entries);
}

/* ---- Sections --------------------------------------------------------------------- */

static bool
section_has_room(const struct section *section, size_t nbytes)
{
	const struct ring *ring = &section->ring;

	return ring->n < section->conf->lines && ring->nbytes + nbytes <= section->conf->bytes;
}

/* One that has no room forgets before it stores, so its ring need not grow. */
static int
section_reserve(struct section *section, size_t nbytes)
{
	struct ring *ring = &section->ring;

	if (ring->n < ring->capacity || !section_has_room(section, nbytes))
		return 0;
	return ring_grow(ring, section->conf->lines);
}

static void
section_forget_oldest(struct history *history, struct section *section)
{
	struct ring *ring = &section->ring;

	ring_clear(history, ring, ring_at(ring, ring->base));
	ring_shift(ring);
	section->nforgotten++;
}

static void
section_store(struct history *history, struct section *section, struct publication *publication,
              struct history_subject *subject)
{
	struct ring *ring = &section->ring;
	size_t nbytes = publication_size(publication);

	if (nbytes > section->conf->bytes) {
		section->nforgotten++;
		return;
	}
	while (!section_has_room(section, nbytes))
		section_forget_oldest(history, section);
	ring_push(ring, publication, subject);
}

bool
history_fits(const struct history *history, int section, const struct publication *publication)
{
	return publication_size(publication) <= history->sections[section]->conf->bytes;
}

int
history_section(const struct history *history, const char *subject, size_t nbytes)
{
	struct subject_tokens tokens;

	subject_split(subject, nbytes, &tokens);
	for (size_t i = 0; i < history->nsections; i++)
		if (subject_matches(&history->sections[i]->match, &tokens))
			return (int)i;
	return -1;
}

/* ---- Last values ------------------------------------------------------------------ */

static bool
has_room_to_keep(const struct history *history, const struct publication *publication,
                 const struct history_subject *subject)
{
	size_t n = history->nkept + 1;
	size_t nbytes = history->kept.nbytes + publication_size(publication);

	if (subject->kept != NULL) {
		n--;
		nbytes -= publication_size(subject->kept);
	}
	return n <= HISTORY_MAX_KEPT && nbytes <= HISTORY_MAX_KEPT_BYTES;
}

/* At its largest the ring has room for twice the values: if full, half of it is holes. */
static int
kept_reserve(struct history *history)
{
	struct ring *ring = &history->kept;

	if (ring->n < ring->capacity)
		return 0;
	if (ring->n == 0 || ring->n < 2 * history->nkept)
		return ring_grow(ring, 2 * HISTORY_MAX_KEPT);
	ring_close_holes(ring);
	return 0;
}

/* The subject may be gone after that. */
static void
kept_remove(struct history *history, struct history_subject *subject)
{
	struct ring *ring = &history->kept;
	struct entry *entry = ring_at(ring, ring_find(ring, subject->kept->seq));

	subject->kept = NULL;
	history->nkept--;
	ring_clear(history, ring, entry);
	while (ring->n > 0 && ring_at(ring, ring->base)->subject == NULL)
		ring_shift(ring);
}

static void
kept_store(struct history *history, struct publication *publication,
           struct history_subject *subject)
{
	if (subject->kept != NULL)
		kept_remove(history, subject);
	ring_push(&history->kept, publication, subject);
	subject->kept = publication;
	history->nkept++;
}

/* ---- The whole -------------------------------------------------------------------- */

static void
section_destroy(struct history *history, struct section *section)
{
	ring_fini(history, &section->ring);
	free(section->name);
	free(section);
}

/* NULL: ENOMEM. */
static struct section *
section_create(const char *name)
{
	struct section *section = calloc(1, sizeof *section);

	if (section == NULL)
		return NULL;
	section->name = strdup(name);
	if (section->name != NULL)
		return section;
	free(section);
	return NULL;
}

struct history *
history_create(const struct conf_history *sections, size_t nsections)
{
	struct history *history = calloc(1, sizeof *history);
	struct history_change *change;

	if (history == NULL)
		return NULL;
	if (hash_key_init(&history->key) == -1 || table_init(&history->subjects) == -1) {
		free(history);
		return NULL;
	}
	pthread_mutex_init(&history->turn, NULL);
	pthread_mutex_init(&history->lock, NULL);
	change = history_prepare(history, sections, nsections);
	if (change == NULL) {
		history_destroy(history);
		return NULL;
	}
	history_apply(change);
	return history;
}

void
history_destroy(struct history *history)
{
	if (history == NULL)
		return;
	for (size_t i = 0; i < history->nall; i++)
		section_destroy(history, history->sections[i]);
	free(history->sections);
	ring_fini(history, &history->kept);
	table_fini(&history->subjects);
	pthread_mutex_destroy(&history->lock);
	pthread_mutex_destroy(&history->turn);
	free(history);
}

/* ---- Other sections --------------------------------------------------------------- */

static struct section *
find_section(const struct history *history, const char *name)
{
	for (size_t i = 0; i < history->nall; i++)
		if (strcmp(history->sections[i]->name, name) == 0)
			return history->sections[i];
	return NULL;
}

static bool
has_section(const struct history_change *change, const struct section *section)
{
	for (size_t i = 0; i < change->nall; i++)
		if (change->sections[i] == section)
			return true;
	return false;
}

/* Those that the configuration names, in its order. -1: ENOMEM. */
static int
gather_sections(struct history_change *change, size_t nsections)
{
	for (change->nsections = 0; change->nsections < nsections; change->nsections++) {
		const char *name = change->conf[change->nsections].name;
		struct section *section = find_section(change->history, name);

		if (section == NULL)
			section = section_create(name);
		if (section == NULL)
			return -1;
		change->sections[change->nall++] = section;
	}
	return 0;
}

struct history_change *
history_prepare(struct history *history, const struct conf_history *sections, size_t nsections)
{
	struct history_change *change = calloc(1, sizeof *change);
	size_t most = history->nall + nsections + 1;

	if (change == NULL)
		return NULL;
	change->history = history;
	change->conf = sections;
	change->sections = calloc(most, sizeof change->sections[0]);
	if (change->sections == NULL || gather_sections(change, nsections) == -1) {
		history_abandon(change);
		return NULL;
	}
	for (size_t i = 0; i < history->nall; i++)
		if (!has_section(change, history->sections[i]))
			change->sections[change->nall++] = history->sections[i];
	return change;
}

/* It goes by another configuration from now on. */
static void
section_set_conf(struct history *history, struct section *section,
                 const struct conf_history *conf)
{
	if (section->conf == NULL || strcmp(section->conf->match, conf->match) != 0)
		section->has_others = section->ring.n > 0;
	section->conf = conf;
	subject_split(conf->match, strlen(conf->match), &section->match);
	while (section->ring.n > conf->lines || section->ring.nbytes > conf->bytes)
		section_forget_oldest(history, section);
}

static void
section_end(struct history *history, struct section *section)
{
	section->conf = NULL;
	while (section->ring.n > 0)
		section_forget_oldest(history, section);
}

void
history_apply(struct history_change *change)
{
	struct history *history = change->history;
	struct section **old = history->sections;

	history_lock(history);
	history->sections = change->sections;
	history->nsections = change->nsections;
	history->nall = change->nall;
	for (size_t i = 0; i < history->nall; i++)
		if (i < history->nsections)
			section_set_conf(history, history->sections[i], &change->conf[i]);
		else
			section_end(history, history->sections[i]);
	history_unlock(history);
	free(old);
	free(change);
}

void
history_abandon(struct history_change *change)
{
	if (change == NULL)
		return;
	for (size_t i = 0; i < change->nsections; i++)
		if (find_section(change->history, change->sections[i]->name) == NULL)
			section_destroy(change->history, change->sections[i]);
	free(change->sections);
	free(change);
}

/* ---- The lock --------------------------------------------------------------------- */

/*
 * After whoever waits already. A replay that gave the lock back would else have it again
 * before the others are awake.
 */
static void
lock_in_turn(struct history *history)
{
	pthread_mutex_lock(&history->turn);
	pthread_mutex_lock(&history->lock);
	pthread_mutex_unlock(&history->turn);
}

void
history_lock(struct history *history)
{
	if (pthread_mutex_trylock(&history->lock) != 0)
		lock_in_turn(history);
}

void
history_unlock(struct history *history)
{
	pthread_mutex_unlock(&history->lock);
}

/* All that can fail comes first. */
static int
reserve(struct history *history, int section, const struct publication *publication,
        const struct history_subject *subject, bool keep)
{
	if (keep && !has_room_to_keep(history, publication, subject)) {
		errno = ENOSPC;
		return -1;
	}
	if (keep && kept_reserve(history) == -1)
		return -1;
	if (section == -1)
		return 0;
	return section_reserve(history->sections[section], publication_size(publication));
}

int
history_append(struct history *history, int section, struct publication *publication, bool keep)
{
	struct history_subject *subject = get_subject(history, &publication->subject);
	int rc;

	if (subject == NULL)
		return -1;
	rc = reserve(history, section, publication, subject, keep);
	if (rc == -1)
		goto unref;
	publication->seq = ++history->head;
	if (section != -1)
		section_store(history, history->sections[section], publication, subject);
	if (keep)
		kept_store(history, publication, subject);
unref:
	unref_subject(history, subject);
	return rc;
}

bool
history_forget(struct history *history, const char *subject, size_t nbytes)
{
	struct history_subject *kept = find_kept(history, subject, nbytes);

	if (kept == NULL)
		return false;
	kept_remove(history, kept);
	return true;
}

uint64_t
history_head(const struct history *history)
{
	return history->head;
}

/* ---- Replays ---------------------------------------------------------------------- */

static void
judge(const struct replay *replay, struct history_subject *subject)
{
	struct subject_tokens tokens;

	subject_split(subject->bytes, subject->nbytes, &tokens);
	subject->verdict =
	    2 * replay->number + (subject_matches(&replay->pattern, &tokens) ? 1 : 0);
}

static bool
is_wanted(const struct replay *replay, const struct entry *entry)
{
	struct history_subject *subject = entry->subject;

	if (subject == NULL || entry->at_ms < replay->since_ms)
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
add_cursor(struct replay *replay, struct ring *ring)
{
	replay->cursors[replay->ncursors++] = (struct cursor){ .ring = ring };
}

static void
add_cursors(struct replay *replay, enum history_want want)
{
	struct history *history = replay->history;

	add_cursor(replay, &history->kept);
	if (want == HISTORY_KEPT)
		return;
	for (size_t i = 0; i < history->nsections; i++) {
		struct section *section = history->sections[i];

		if (section->has_others || subject_overlaps(&replay->pattern, &section->match))
			add_cursor(replay, &section->ring);
	}
}

static void
set_range(struct replay *replay, const struct history_query *query)
{
	replay->from = 1;
	replay->to = replay->head;
	replay->since_ms = INT64_MIN;
	if (query->want == HISTORY_SINCE)
		replay->since_ms = query->since_ms;
	if (query->want != HISTORY_FROM)
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

/* Where a section has forgotten something after the beginning of what is asked for. */
static uint64_t
find_oldest(const struct replay *replay)
{
	uint64_t oldest = 0;

	for (size_t i = 0; i < replay->ncursors; i++) {
		const struct ring *ring = replay->cursors[i].ring;
		uint64_t seq;

		if (ring == &replay->history->kept || ring->gone < replay->from ||
		    replay->from > replay->to)
			continue;
		seq = ring->n > 0 ? ring_at(ring, ring->base)->seq : replay->head + 1;
		if (oldest == 0 || seq < oldest)
			oldest = seq;
	}
	return oldest;
}

struct replay *
replay_create(struct history *history, const char *pattern, size_t nbytes,
              const struct history_query *query, size_t *nlines)
{
	size_t max_cursors = history->nsections + 1;
	struct replay *replay =
	    calloc(1, sizeof *replay + max_cursors * sizeof replay->cursors[0]);
	size_t n = 0;

	if (replay == NULL)
		return NULL;
	replay->history = history;
	replay->number = ++history->nreplays;
	replay->head = history->head;
	memcpy(replay->bytes, pattern, nbytes);
	subject_split(replay->bytes, nbytes, &replay->pattern);
	add_cursors(replay, query->want);
	set_range(replay, query);
	if (query->want == HISTORY_FROM)
		replay->oldest = find_oldest(replay);
	if (query->want == HISTORY_LAST)
		n = begin_with_last(replay, query->n);
	else if (nlines != NULL)
		n = count(replay);
	if (nlines != NULL)
		*nlines = n;
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

	if (ring == &replay->history->kept) {
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
		lock_in_turn(replay->history);
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
replay_oldest(const struct replay *replay)
{
	return replay->oldest;
}

/* ---- What there is ---------------------------------------------------------------- */

size_t
history_nsections(const struct history *history)
{
	return history->nsections;
}

void
history_usage(struct history *history, size_t section, struct history_usage *usage)
{
	const struct section *s = history->sections[section];

	history_lock(history);
	*usage = (struct history_usage){
		.name = s->name,
		.nlines = s->ring.n,
		.nbytes = s->ring.nbytes,
		.nforgotten = s->nforgotten,
	};
	history_unlock(history);
}

void
history_kept_usage(struct history *history, struct history_usage *usage)
{
	history_lock(history);
	*usage = (struct history_usage){
		.nlines = history->nkept,
		.nbytes = history->kept.nbytes,
	};
	history_unlock(history);
}

bool
history_is_kept(struct history *history, const char *subject, size_t nbytes)
{
	bool is_kept;

	history_lock(history);
	is_kept = find_kept(history, subject, nbytes) != NULL;
	history_unlock(history);
	return is_kept;
}
