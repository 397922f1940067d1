/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "history.h"

/*
 * What replays point into, so it stays as long as the history does: one that is gone is empty,
 * and comes back when there is one of its name again.
 */
struct section {
	char *name;
	const struct conf_history *conf; /* borrowed; NULL: it is gone */
	struct subject_tokens match; /* of pattern; of one that is gone, what it matched */
	char pattern[SUBJECT_MAX_BYTES];
	bool has_others; /* it may have lines that it does not match any more */
	struct ring ring;
	uint64_t nforgotten;
};

struct history {
	/* read without the lock; changed with it, and while nobody reads */
	struct section **sections; /* those there are, and then those that are gone */
	size_t nsections;          /* that there are */
	size_t nall;
	char run[HISTORY_RUN_LENGTH + 1]; /* constant after create */

	pthread_mutex_t turn; /* held while waiting for the lock */
	pthread_mutex_t lock; /* guards the rest */
	uint64_t head;
	uint64_t nreplays; /* ever made */
	struct stored_subjects subjects;
	struct ring kept; /* with holes: values that were replaced or forgotten */
	size_t nkept;
	_Atomic uint64_t *nbytes; /* of all of it, for others to see; NULL: nobody wants to */
};

/* Owner: whoever prepared it. */
struct history_change {
	struct history *history;
	const struct conf_history *conf;
	struct section **sections; /* as those of the history are to be */
	size_t nsections, nall;
};

/* With the lock: the rings have changed. */
static void
history_count(const struct history *history)
{
	uint64_t sum = history->kept.nbytes;

	if (history->nbytes == NULL)
		return;
	for (size_t i = 0; i < history->nall; i++)
		sum += history->sections[i]->ring.nbytes;
	atomic_store_explicit(history->nbytes, sum, memory_order_relaxed);
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

	ring_clear(ring, ring_at(ring, ring->base), &history->subjects);
	ring_shift(ring);
	section->nforgotten++;
}

static void
section_store(struct history *history, struct section *section, struct publication *publication,
              struct stored_subject *subject)
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

/* NULL: nothing of it is kept. */
static struct stored_subject *
find_kept(const struct history *history, const char *bytes, size_t nbytes)
{
	struct stored_subject *subject =
	    stored_subjects_find(&history->subjects, bytes, nbytes);

	return subject != NULL && subject->kept != NULL ? subject : NULL;
}

static bool
has_room_to_keep(const struct history *history, const struct publication *publication,
                 const struct stored_subject *subject)
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
kept_remove(struct history *history, struct stored_subject *subject)
{
	struct ring *ring = &history->kept;
	struct entry *entry = ring_at(ring, ring_find(ring, subject->kept->seq));

	subject->kept = NULL;
	history->nkept--;
	ring_clear(ring, entry, &history->subjects);
	while (ring->n > 0 && ring_at(ring, ring->base)->subject == NULL)
		ring_shift(ring);
}

static void
kept_store(struct history *history, struct publication *publication,
           struct stored_subject *subject)
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
	ring_fini(&section->ring, &history->subjects);
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

static int
make_run(char run[HISTORY_RUN_LENGTH + 1])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	unsigned char bytes[HISTORY_RUN_LENGTH];

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return -1;
	for (size_t i = 0; i < sizeof bytes; i++)
		run[i] = digits[bytes[i] % (sizeof digits - 1)];
	run[sizeof bytes] = '\0';
	return 0;
}

struct history *
history_create(const struct conf_history *sections, size_t nsections)
{
	struct history *history = calloc(1, sizeof *history);
	struct history_change *change;

	if (history == NULL)
		return NULL;
	if (make_run(history->run) == -1 || stored_subjects_init(&history->subjects) == -1) {
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
	ring_fini(&history->kept, &history->subjects);
	stored_subjects_fini(&history->subjects);
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
	memcpy(section->pattern, conf->match, strlen(conf->match));
	subject_split(section->pattern, strlen(conf->match), &section->match);
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
	history_count(history);
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

/* A replay that gave the lock back would else have it again before the others are awake. */
void
history_lock_in_turn(struct history *history)
{
	pthread_mutex_lock(&history->turn);
	pthread_mutex_lock(&history->lock);
	pthread_mutex_unlock(&history->turn);
}

void
history_lock(struct history *history)
{
	if (pthread_mutex_trylock(&history->lock) != 0)
		history_lock_in_turn(history);
}

void
history_unlock(struct history *history)
{
	pthread_mutex_unlock(&history->lock);
}

/* All that can fail comes first. */
static int
reserve(struct history *history, int section, const struct publication *publication,
        const struct stored_subject *subject, bool keep)
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
	struct stored_subject *subject =
	    stored_subjects_get(&history->subjects, &publication->subject);
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
	history_count(history);
unref:
	stored_subjects_unref(&history->subjects, subject);
	return rc;
}

bool
history_forget(struct history *history, const char *subject, size_t nbytes)
{
	struct stored_subject *kept = find_kept(history, subject, nbytes);

	if (kept == NULL)
		return false;
	kept_remove(history, kept);
	return true;
}

const char *
history_run(const struct history *history)
{
	return history->run;
}

uint64_t
history_head(const struct history *history)
{
	return history->head;
}

/* ---- For replays ------------------------------------------------------------------ */

uint64_t
history_new_replay(struct history *history)
{
	return ++history->nreplays;
}

const struct ring *
history_kept_ring(const struct history *history)
{
	return &history->kept;
}

size_t
history_nall(const struct history *history)
{
	return history->nall;
}

const struct ring *
history_section_ring(const struct history *history, size_t i,
                     const struct subject_tokens *pattern)
{
	const struct section *section = history->sections[i];

	if (!section->has_others && !subject_overlaps(pattern, &section->match))
		return NULL;
	return &section->ring;
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
	const struct section *s;

	history_lock(history);
	s = history->sections[section];
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

/* ---- Memory --------------------------------------------------------------------------- */

void
history_count_at(struct history *history, _Atomic uint64_t *nbytes)
{
	history->nbytes = nbytes;
}

/* NULL: none has a line. */
static struct section *
largest_section(const struct history *history)
{
	struct section *largest = NULL;

	for (size_t i = 0; i < history->nall; i++) {
		struct section *section = history->sections[i];

		if (section->ring.n > 0 &&
		    (largest == NULL || section->ring.nbytes > largest->ring.nbytes))
			largest = section;
	}
	return largest;
}

size_t
history_forget_oldest(struct history *history, size_t nbytes)
{
	struct section *section;
	size_t nlines = 0, n = 0;

	history_lock(history);
	while (n < nbytes && (section = largest_section(history)) != NULL) {
		size_t before = section->ring.nbytes;

		section_forget_oldest(history, section);
		n += before - section->ring.nbytes;
		nlines++;
	}
	history_count(history);
	history_unlock(history);
	return nlines;
}
