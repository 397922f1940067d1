/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "follow.h"
#include "replay.h"
#include "output.h"

/* So many stored lines are made at a time. */
#define MAX_BATCH 64

/*
 * Stored lines on their way to a client, and the final line behind them.
 * Owner: the output of its session.
 */
struct stored {
	struct output_source source;
	struct view *view;
	struct session *session;
	struct replay *replay;
	uint64_t left;   /* so many lines, and no more */
	uint64_t nlines; /* that were made */
	bool is_read;    /* READ: the final line says how many */
	bool is_look_back; /* the final line says what is next */
	bool has_begun;  /* what stands before the first line was said */
	bool is_done;    /* SUB with COUNT: there were as many as that */
	bool quiet;
	char *buffer; /* a line being put together */
	size_t nbuffer;
	struct amy_bytes pattern;
	char head[PROTOCOL_MAX_HEAD]; /* of the final line */
	char pattern_text[SUBJECT_MAX_BYTES];
};

/* ---- Stored lines ----------------------------------------------------------------- */

static void
stored_end(struct output_source *source)
{
	struct stored *stored = (struct stored *)source; /* its first member */

	replay_destroy(stored->replay);
	free(stored->buffer);
	free(stored);
}

/* -1: ENOMEM. */
static int
append_line(struct stored *stored, struct amy_line_writer *writer,
            const struct publication *line)
{
	const struct session *session = stored->session;
	size_t size = protocol_delivery_size(line);

	if (size > stored->nbuffer) {
		char *buffer = realloc(stored->buffer, size);

		if (buffer == NULL)
			return -1;
		stored->buffer = buffer;
		stored->nbuffer = size;
	}
	size = protocol_write_delivery(line, session->show, session->is_raw, stored->buffer);
	return amy_line_writer_append(writer, stored->buffer, size);
}

static int append_words(const struct stored *stored, struct amy_line_writer *writer,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A line in words, unless the client wants nothing but texts. */
static int
append_words(const struct stored *stored, struct amy_line_writer *writer, const char *format,
             ...)
{
	char text[SUBJECT_MAX_BYTES + 128];
	va_list arguments;
	int n;

	if (stored->session->is_raw)
		return 0;
	va_start(arguments, format);
	n = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return amy_line_writer_put(writer, text, (size_t)n);
}

static int
append_gap(const struct stored *stored, struct amy_line_writer *writer,
           const struct replay_gap *gap)
{
	return append_words(
	    stored, writer, "! DROPPED %" PRIu64 " pat=%.*s seq=%" PRIu64 "-%" PRIu64, gap->n,
	    (int)stored->pattern.nbytes, stored->pattern.bytes, gap->first, gap->last);
}

/* The numbers of the client mean nothing here: before the first line it is told those that do. */
static int
append_renumbered(const struct stored *stored, struct amy_line_writer *writer)
{
	return append_words(stored, writer, "! RENUMBERED next=%" PRIu64 " run=%s",
	                    replay_head(stored->replay) + 1,
	                    history_run(stored->view->router->history));
}

/* "+OK", "+OK next=833 run=k3f oldest=8", and how many it were where it was READ. */
static int
append_ok(const struct stored *stored, struct amy_line_writer *writer)
{
	const char *run = history_run(stored->view->router->history);
	uint64_t oldest = replay_oldest(stored->replay);
	char nlines[24] = "", next[64] = "", forgotten[32] = "";

	if (stored->is_read)
		snprintf(nlines, sizeof nlines, " %" PRIu64, stored->nlines);
	if (stored->is_look_back)
		snprintf(next, sizeof next, " next=%" PRIu64 " run=%s",
		         replay_end(stored->replay), run);
	if (oldest != 0)
		snprintf(forgotten, sizeof forgotten, " oldest=%" PRIu64, oldest);
	return append_words(stored, writer, "%s+OK%s%s%s", stored->head, nlines, next, forgotten);
}

static int
append_final(const struct stored *stored, struct amy_line_writer *writer)
{
	if (!stored->quiet && append_ok(stored, writer) == -1)
		return -1;
	if (!stored->is_done)
		return 0;
	return append_words(stored, writer, "! DONE %.*s count", (int)stored->pattern.nbytes,
	                    stored->pattern.bytes);
}

/* The lines that there are, as many as are wanted. -1: ENOMEM. */
static int
append_batch(struct stored *stored, struct amy_line_writer *writer,
             struct publication *const *lines, size_t n)
{
	int result = 0;

	for (size_t i = 0; i < n && stored->left > 0 && result == 0; i++) {
		result = append_line(stored, writer, lines[i]);
		stored->nlines++;
		stored->left--;
	}
	stats_add(stored->view->stats, STAT_LINES_REPLAYED, n);
	return result;
}

/* Before the lines. */
static int
append_head(struct stored *stored, struct amy_line_writer *writer)
{
	if (stored->has_begun)
		return 0;
	stored->has_begun = true;
	return replay_is_renumbered(stored->replay) ? append_renumbered(stored, writer) : 0;
}

/* What a stored line costs that is looked at; and one that is made. */
#define COST_STORED_LOOK 16
#define COST_STORED_LINE 16

/* Some lines, or none if it has used up its share of the turn, or *is_over. */
static size_t
next_lines(struct stored *stored, struct publication *lines[MAX_BATCH], struct replay_gap *gap,
           bool *is_over)
{
	struct budget_share *share = &stored->session->share;
	struct budget *budget = &stored->view->budget;
	size_t max = stored->left < MAX_BATCH ? (size_t)stored->left : MAX_BATCH, n = 0;

	budget_open(budget, share);
	*is_over = max == 0;
	while (n == 0 && gap->n == 0 && !*is_over && share->left > 0) {
		uint64_t before = replay_looks(stored->replay);

		n = replay_next_some(stored->replay, lines, max, gap, is_over);
		budget_spend(budget, share,
		             (size_t)(replay_looks(stored->replay) - before + 1) *
		                 COST_STORED_LOOK);
	}
	for (size_t i = 0; i < n; i++)
		budget_spend(budget, share,
		             COST_STORED_LINE +
		                 budget_cost_of_bytes(1, lines[i]->text.nbytes));
	return n;
}

static bool
stored_more(struct output_source *source, struct amy_line_writer *writer)
{
	struct stored *stored = (struct stored *)source;
	struct publication *lines[MAX_BATCH];
	struct replay_gap gap = { 0 };
	bool is_over;
	size_t n = next_lines(stored, lines, &gap, &is_over);
	int result = append_head(stored, writer);

	if (result == 0 && gap.n > 0)
		result = append_gap(stored, writer, &gap);
	if (result == 0)
		result = append_batch(stored, writer, lines, n);
	for (size_t i = 0; i < n; i++)
		publication_unref(lines[i]);
	if (result == 0 && is_over)
		result = append_final(stored, writer);
	if (result == -1)
		session_fail(stored->session, strerror(errno));
	return !is_over && result == 0;
}

static void
set_query(struct view *view, const struct protocol_follow *follow, enum history_want otherwise,
          struct history_query *query)
{
	*query = (struct history_query){ .want = otherwise };
	switch (follow->since) {
	case PROTOCOL_SINCE_NOW:
		break;
	case PROTOCOL_SINCE_LAST:
		query->want = HISTORY_LAST;
		query->n = follow->last;
		break;
	case PROTOCOL_SINCE_FROM:
		query->want = HISTORY_FROM;
		query->from = follow->from;
		query->to = follow->to;
		query->run = follow->run;
		break;
	case PROTOCOL_SINCE_TIME:
		query->want = HISTORY_SINCE;
		query->since_ms = view_now_ms(view) - follow->since_ms;
		break;
	case PROTOCOL_SINCE_MOMENT:
		query->want = HISTORY_SINCE_MOMENT;
		query->since_wall_ms = follow->since_wall_ms;
		query->since_ms =
		    view_now_ms(view) - (view_wall_ms(view) - follow->since_wall_ms);
		break;
	}
}

/* NULL: ENOMEM. */
static struct stored *
stored_create(struct view *view, struct session *session, const struct amy_bytes *pattern,
              const char *tag, size_t ntag)
{
	struct stored *stored = calloc(1, sizeof *stored);

	if (stored == NULL)
		return NULL;
	stored->source = (struct output_source){ stored_more, stored_end };
	stored->view = view;
	stored->session = session;
	stored->left = UINT64_MAX;
	memcpy(stored->pattern_text, pattern->bytes, pattern->nbytes);
	stored->pattern = (struct amy_bytes){ stored->pattern_text, pattern->nbytes };
	protocol_write_tag(tag, ntag, stored->head);
	return stored;
}

enum follow_result
follow_read(struct view *view, struct session *session, const struct protocol_follow *follow,
            const char *tag, size_t ntag)
{
	struct history *history = view->router->history;
	struct stored *stored = stored_create(view, session, &follow->pattern, tag, ntag);
	struct message_list before = STAILQ_HEAD_INITIALIZER(before);
	struct history_query query;

	if (stored == NULL)
		return FOLLOW_NO_MEMORY;
	set_query(view, follow, HISTORY_ALL, &query);
	stored->is_read = stored->is_look_back = true;
	history_lock(history);
	stored->replay =
	    replay_create(history, follow->pattern.bytes, follow->pattern.nbytes, &query, NULL);
	router_take_inbox(view, &before);
	history_unlock(history);
	router_receive(view, &before);
	if (stored->replay == NULL) {
		stored_end(&stored->source);
		return FOLLOW_NO_MEMORY;
	}
	view->cost += (size_t)replay_looks(stored->replay) * COST_STORED_LOOK;
	return session_put_source(session, &stored->source) ? FOLLOW_DONE : FOLLOW_NO_MEMORY;
}

/* ---- Following -------------------------------------------------------------------- */

/*
 * Follow, in the place of old, which may be NULL. Where neither has a group it goes on, and
 * misses nothing. -1: ENOMEM, and it is not followed.
 */
static int
follow_live(struct view *view, struct session *session, struct subscription *old,
            struct view_follow *live)
{
	if (old != NULL && old->group == NULL && live->group.nbytes == 0) {
		if (view_follow_on(view, session, old, live) == 0)
			return 0;
		view_unfollow(view, session, old);
		return -1;
	}
	if (old != NULL) {
		live->ref = old->who.ref;
		view_unfollow(view, session, old);
	}
	return view_follow(view, session, live) == NULL ? -1 : 0;
}

/*
 * Look back and follow, in one step: with the lock of history. What is stored already is in
 * the replay; whatever comes later finds us. Of what is asked for by COUNT, the stored lines
 * may be all. -1: ENOMEM, and nothing was done.
 */
static int
look_back_and_follow(struct view *view, struct session *session, struct subscription *old,
                     const struct protocol_follow *follow, struct stored *stored)
{
	struct history *history = view->router->history;
	struct view_follow live = {
		.pattern = follow->pattern,
		.group = follow->group,
		.count = follow->count,
		.within_ms = follow->has_within ? follow->within_ms : -1,
	};
	struct history_query query;
	size_t n = 0;

	set_query(view, follow, HISTORY_KEPT, &query);
	if (follow->since == PROTOCOL_SINCE_NOW && follow->group.nbytes > 0)
		query = (struct history_query){ .want = HISTORY_LAST, .n = 0 };
	stored->replay = replay_create(history, follow->pattern.bytes, follow->pattern.nbytes,
	                               &query, follow->count > 0 ? &n : NULL);
	if (stored->replay == NULL)
		return -1;
	view->cost += (size_t)replay_looks(stored->replay) * COST_STORED_LOOK;
	if (follow->count > 0 && n >= follow->count) {
		stored->left = follow->count;
		stored->is_done = true;
		if (old != NULL)
			view_unfollow(view, session, old);
		return 0;
	}
	if (follow->count > 0) {
		live.count = follow->count - n;
		stored->left = n;
	}
	return follow_live(view, session, old, &live);
}

static enum follow_result
follow_with(struct view *view, struct session *session, struct subscription *old,
            const struct protocol_follow *follow, struct stored *stored)
{
	struct message_list before = STAILQ_HEAD_INITIALIZER(before);
	struct history *history = view->router->history;
	int result;

	/* Stored lines that are on their way to us already come before those of the look back. */
	history_lock(history);
	result = look_back_and_follow(view, session, old, follow, stored);
	router_take_inbox(view, &before);
	history_unlock(history);
	router_receive(view, &before);
	if (result == -1) {
		stored_end(&stored->source);
		return FOLLOW_NO_MEMORY;
	}
	if (session_put_source(session, &stored->source))
		return FOLLOW_DONE;
	follow_unsubscribe(view, session, &follow->pattern);
	return FOLLOW_NO_MEMORY;
}

enum follow_result
follow_subscribe(struct view *view, struct session *session,
                 const struct protocol_follow *follow, const char *tag, size_t ntag, bool quiet)
{
	struct subscription *old = subscriptions_find(
	    view->subscriptions, session->id, follow->pattern.bytes, follow->pattern.nbytes);
	struct stored *stored;

	if (old == NULL && session->nsubscriptions >= session->listener->max_subs)
		return FOLLOW_LIMIT;
	stored = stored_create(view, session, &follow->pattern, tag, ntag);
	if (stored == NULL)
		return FOLLOW_NO_MEMORY;
	stored->quiet = quiet;
	stored->is_look_back = follow->since != PROTOCOL_SINCE_NOW;
	return follow_with(view, session, old, follow, stored);
}

size_t
follow_unsubscribe(struct view *view, struct session *session, const struct amy_bytes *pattern)
{
	struct subscription *sub = subscriptions_find(view->subscriptions, session->id,
	                                              pattern->bytes, pattern->nbytes);

	if (sub == NULL)
		return 0;
	view_unfollow(view, session, sub);
	return 1;
}
