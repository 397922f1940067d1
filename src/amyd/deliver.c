/* SPDX-License-Identifier: MIT */
/*
 * deliver.c - how a line gets to the sessions of a view: see view.h. Each has it in its parcel;
 * many who get the same lines share one.
 */
#include <stdlib.h>

#include "view.h"

/* To look at so many subscriptions of one session costs 1. */
#define SUBSCRIPTIONS_PER_COST 4

/* ---- Deliveries ------------------------------------------------------------------- */

/* Parcels are sent before the batch is too large, and the lines in it are forgotten. */
static void
send_batch(struct view *view)
{
	struct session *session;

	TAILQ_FOREACH(session, &view->dirty, dirty)
		if (session->parcel != NULL) {
			session_flush(session);
			if (view_is_to_look(view))
				view_look_at_quota(view);
		}
	if (view->batch.nparcels == 0)
		batch_end(&view->batch);
}

/* Another publication is delivered from now on. */
static void
start_publication(struct view *view)
{
	if (batch_is_large(&view->batch))
		send_batch(view);
	batch_next(&view->batch);
}

size_t
view_pattern_of(void *context, struct subscription_ref ref, char text[SUBJECT_MAX_BYTES])
{
	const struct subscription *sub = view_subscription(context, ref);

	return sub == NULL ? 0 : subscription_pattern(sub, text);
}

void
view_count_lost(struct view *view, enum stats_counter cause, size_t n)
{
	stats_add(view->stats, STAT_LINES_MATCHED, n);
	stats_add(view->stats, cause, n);
}

/* The line that a text ends with: into the session's parcel, or else by itself. False: gone. */
static bool
queue_text(struct view *view, const struct batch_text *text, struct session *session,
           struct subscription_ref ref)
{
	const struct batch_line *line;
	struct output_mark mark;
	const char *bytes;

	if (session_pack(session, &view->batch, text, ref))
		return true;
	view->cost += COST_QUEUED;
	line = batch_last(text, &bytes);
	mark = (struct output_mark){ line->seq, ref };
	return session_deliver(session, bytes, line->nbytes, &mark, view_pattern_of, view);
}

/* How it wants to see what it gets. */
static unsigned
session_way(const struct session *session)
{
	return session->is_raw ? BATCH_RAW : session->show;
}

/* Queue it for a session that has it by that subscription. */
static void
queue_line(struct view *view, const struct publication *publication, struct session *session,
           struct subscription_ref ref)
{
	const struct batch_text *text =
	    batch_write(&view->batch, session_way(session), publication);

	if (text == NULL)
		view_count_lost(view, STAT_LINES_DROPPED_MEMORY, 1);
	else if (!queue_text(view, text, session, ref))
		view_count_lost(view, STAT_LINES_DROPPED_GONE, 1);
	view->cost += 1 + budget_cost_of_bytes(1, publication->text.nbytes);
	view_mark_dirty(view, session);
	if (view_is_to_look(view))
		view_look_at_quota(view);
}

/* One more line for a subscription: was it the last? */
static void
count_line(struct view *view, struct session *session, struct subscription *sub)
{
	struct limit *limit = sub->limit;

	if (limit->left > 0 && --limit->left == 0)
		view_end_subscription(view, session, sub, "count");
}

/* n subscribers are one session: it gets the line once. False: it does not want it. */
static bool
deliver_session(struct view *view, const struct publication *publication,
                const struct subscriber *who, size_t n)
{
	struct session *session = view_find(view, who->session);
	bool is_queued = false;

	if (session == NULL) {
		view_count_lost(view, STAT_LINES_DROPPED_GONE, 1);
		return true;
	}
	if (session->no_echo && publication->from_id == session->id)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct view_slot *slot = view_slot(view, who[i].ref);

		if (slot == NULL)
			continue;
		if (!is_queued)
			queue_line(view, publication, session, who[i].ref);
		is_queued = true;
		if (slot->has_limit)
			count_line(view, session, slot->subscription);
	}
	view->cost += n / SUBSCRIPTIONS_PER_COST;
	if (!is_queued)
		view_count_lost(view, STAT_LINES_DROPPED_ENDED, 1);
	return true;
}

/* Behind the subscribers of the session whose first one it is. */
static size_t
next_session(const struct route *route, const struct route_part *part, size_t i)
{
	size_t end = part->first + part->n, next = i + 1;

	while (next < end && route->subscribers[next].session == route->subscribers[i].session)
		next++;
	return next;
}

static bool
deliver_at(struct view *view, const struct publication *publication, const struct route *route,
           const struct route_part *part, size_t i)
{
	return deliver_session(view, publication, &route->subscribers[i],
	                       next_session(route, part, i) - i);
}

/* ---- To many, who share a parcel ------------------------------------------------------ */

/* Fewer have each their own. */
#define MIN_SHARING 4
#define MAX_LOOKS 16

/* A line more for so many of them costs as much as one that goes into one queue. */
#define SHARING_PER_COST 4

/* NULL: it may not share, for what it gets of several lines differs from what others get. */
static struct session *
find_sharer(const struct view *view, const struct subscriber *who, size_t n)
{
	struct session *session = view_find(view, who->session);

	if (session == NULL || session->no_echo)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const struct view_slot *slot = view_slot(view, who[i].ref);

		if (slot == NULL || slot->has_limit)
			return NULL;
	}
	return session;
}

/* The first one of a part who may, of those few that are looked at. NULL: there is none. */
static struct session *
find_first_sharer(const struct view *view, const struct route *route,
                  const struct route_part *part)
{
	size_t end = part->first + part->n;

	for (size_t i = part->first, looks = 0, next; i < end && looks < MAX_LOOKS;
	     i = next, looks++) {
		struct session *session;

		next = next_session(route, part, i);
		session = find_sharer(view, &route->subscribers[i], next - i);
		if (session != NULL && !session_has_output(session))
			return session;
	}
	return NULL;
}

/* A parcel as the first one wants it who may share. NULL: it is not worth it, or ENOMEM. */
static struct parcel *
start_sharing(struct view *view, const struct publication *publication, struct route *route,
              const struct route_part *part)
{
	struct session *session =
	    part->nsessions < MIN_SHARING ? NULL : find_first_sharer(view, route, part);
	const struct batch_text *text;

	if (session == NULL)
		return NULL;
	if (part->nsessions > view->others_capacity) {
		uint32_t *others = realloc(view->others, part->nsessions * sizeof *others);

		if (others == NULL)
			return NULL;
		view->others = others;
		view->others_capacity = part->nsessions;
	}
	text = batch_write(&view->batch, session_way(session), publication);
	return text == NULL
	           ? NULL
	           : parcel_share(&view->batch, text, route, part, session->output.limit);
}

/* True: it has the line, and will have those that are put into the parcel. */
static bool
join(struct view *view, struct parcel *parcel, const struct subscriber *who, size_t n)
{
	struct session *session = find_sharer(view, who, n);

	if (session == NULL || parcel->text != &view->batch.texts[session_way(session)] ||
	    !session_join(session, parcel))
		return false;
	view->cost++;
	view_mark_dirty(view, session);
	return true;
}

/* To each of a part; where it may, by the parcel, unless that is NULL. */
static size_t
deliver_each(struct view *view, const struct publication *publication,
             const struct route *route, const struct route_part *part, struct parcel *parcel)
{
	size_t end = part->first + part->n, nsessions = 0;

	if (parcel != NULL)
		view->nothers = 0;
	for (size_t i = part->first, next; i < end; i = next) {
		next = next_session(route, part, i);
		if (parcel != NULL && join(view, parcel, &route->subscribers[i], next - i)) {
			nsessions++;
			continue;
		}
		if (parcel != NULL)
			view->others[view->nothers++] = (uint32_t)i;
		if (deliver_session(view, publication, &route->subscribers[i], next - i))
			nsessions++;
	}
	return nsessions;
}

/* Put the line into the parcel of the last one, if all who shared that still do. */
static bool
share_again(struct view *view, const struct publication *publication, const struct route *route)
{
	struct parcel *parcel = view->batch.shared;
	const struct subscription_ref none = { 0, 0 };
	const struct batch_text *text;

	if (parcel == NULL || parcel->route != route || parcel->nsharers != view->nsharing ||
	    parcel->part->handler != view->handler)
		return false;
	text = batch_write(&view->batch, (unsigned)(parcel->text - view->batch.texts),
	                   publication);
	if (text == NULL || parcel->room < parcel_cost(text) || !parcel_add(parcel, text, none))
		return false;
	stats_add(view->stats, STAT_LINES_MATCHED, view->nsharing);
	stats_add(view->stats, STAT_LINES_QUEUED, view->nsharing);
	view->cost += view->nsharing / SHARING_PER_COST +
	              budget_cost_of_bytes(view->nsharing, publication->text.nbytes);
	return true;
}

static size_t
deliver_to_others(struct view *view, const struct publication *publication,
                  const struct route *route, const struct route_part *part)
{
	size_t nsessions = 0;

	for (size_t i = 0; i < view->nothers; i++)
		if (deliver_at(view, publication, route, part, view->others[i]))
			nsessions++;
	return nsessions;
}

/* To all of a part. */
static size_t
deliver_part(struct view *view, const struct publication *publication, struct route *route,
             const struct route_part *part)
{
	struct parcel *parcel;
	size_t nsessions;

	if (share_again(view, publication, route))
		return view->nsharing + deliver_to_others(view, publication, route, part);
	parcel = start_sharing(view, publication, route, part);
	nsessions = deliver_each(view, publication, route, part, parcel);
	if (parcel == NULL)
		return nsessions;
	view->nsharing = parcel->nsharers;
	view->cost += budget_cost_of_bytes(parcel->nsharers, publication->text.nbytes);
	if (parcel->nsharers == 0)
		parcel_discard(parcel);
	return nsessions;
}

size_t
view_deliver(struct view *view, const struct publication *publication, struct route *route)
{
	const struct route_part *part = route->parts, *end = part + route->nparts;

	while (part < end && part->handler != view->handler)
		part++;
	if (part == end)
		return 0;
	start_publication(view);
	return deliver_part(view, publication, route, part);
}

bool
view_deliver_to(struct view *view, const struct publication *publication,
                const struct subscriber *to)
{
	struct session *session = view_find(view, to->session);
	struct subscription *sub = view_subscription(view, to->ref);

	if (session == NULL || (to->ref.serial != 0 && sub == NULL))
		return false;
	if (!session_is_following(session)) {
		/* It is about to be ended. Until then it must not be chosen again. */
		if (sub != NULL)
			view_unfollow(view, session, sub);
		return false;
	}
	start_publication(view);
	queue_line(view, publication, session, to->ref);
	if (sub != NULL && sub->limit != NULL)
		count_line(view, session, sub);
	return true;
}
