/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memory.h"
#include "monotonic.h"
#include "view.h"

/* Of subscriptions of one handler; the number of a place has 31 bits. */
#define MAX_SLOTS ((uint32_t)1 << 30)

/* A buffer that was needed for a long line is given back. */
#define MAX_KEPT_BUFFER (128 * 1024)

void
view_init(struct view *view, unsigned handler, struct subscriptions *subscriptions,
          struct clients *clients, struct stats *stats)
{
	memset(view, 0, sizeof *view);
	view->handler = handler;
	view->subscriptions = subscriptions;
	view->clients = clients;
	view->stats = stats;
	budget_init(&view->budget);
	timers_init(&view->timers);
	batch_init(&view->batch);
	TAILQ_INIT(&view->dirty);
	TAILQ_INIT(&view->stalled);
	STAILQ_INIT(&view->asked);
}

void
view_fini(struct view *view)
{
	struct message *message;

	while ((message = STAILQ_FIRST(&view->asked)) != NULL) {
		STAILQ_REMOVE_HEAD(&view->asked, link);
		message_destroy(message);
	}
	batch_fini(&view->batch);
	free(view->others);
	free((char *)view->note.bytes);
	timers_fini(&view->timers);
	free(view->slots);
	free(view->sessions);
}

/* ---- Sessions --------------------------------------------------------------------- */

static int
view_grow(struct view *view, size_t index)
{
	size_t nslots = view->nslots == 0 ? 64 : view->nslots;
	struct session **sessions;

	while (nslots <= index)
		nslots *= 2;
	sessions = realloc(view->sessions, nslots * sizeof(struct session *));
	if (sessions == NULL)
		return -1;
	for (size_t i = view->nslots; i < nslots; i++)
		sessions[i] = NULL;
	view->sessions = sessions;
	view->nslots = nslots;
	return 0;
}

int
view_add(struct view *view, struct session *session)
{
	size_t index = amy_id_index(session->id);

	if (index >= view->nslots && view_grow(view, index) == -1)
		return -1;
	session->client.id = session->id;
	session->client.handler = view->handler;
	session->tally = tallies_get(view->tallies, session->listener->name, view->handler);
	if (session->tally == NULL || clients_add(view->clients, &session->client) == -1)
		return -1;
	session->stats = view->stats;
	session->quota = view->share;
	if (view->share != NULL && view->share->most_queued < session->listener->queue)
		output_set_limit(&session->output, view->share->most_queued);
	tally_add(session->tally, TALLY_ACCEPTED, 1);
	stats_add(view->stats, STAT_CLIENTS_ACCEPTED, 1);
	view->sessions[index] = session;
	view->nsessions++;
	return 0;
}

void
view_remove(struct view *view, struct session *session)
{
	view_unfollow_all(view, session);
	timers_cancel(&view->timers, &session->timer);
	if (session->is_dirty)
		TAILQ_REMOVE(&view->dirty, session, dirty);
	if (session->is_stalled)
		TAILQ_REMOVE(&view->stalled, session, stalled);
	clients_remove(view->clients, &session->client);
	stats_add(view->stats, STAT_CLIENTS_CLOSED, 1);
	tally_add(session->tally, TALLY_CLOSED, 1);
	view->sessions[amy_id_index(session->id)] = NULL;
	view->nsessions--;
}

struct session *
view_find(const struct view *view, amy_id id)
{
	size_t index = amy_id_index(id);
	struct session *session = index < view->nslots ? view->sessions[index] : NULL;

	return session != NULL && session->id == id ? session : NULL;
}

void
view_mark_dirty(struct view *view, struct session *session)
{
	if (session->is_dirty)
		return;
	session->is_dirty = true;
	TAILQ_INSERT_TAIL(&view->dirty, session, dirty);
}

/* ---- Turns ------------------------------------------------------------------------ */

int64_t
view_now_ms(struct view *view)
{
	if (view->now_ms == 0)
		view->now_ms = monotonic_now_ms();
	return view->now_ms;
}

int64_t
view_wall_ms(struct view *view)
{
	struct timespec ts;

	if (view->wall_ms == 0) {
		clock_gettime(CLOCK_REALTIME, &ts);
		view->wall_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	}
	return view->wall_ms;
}

void
view_end_turn(struct view *view)
{
	view->now_ms = view->wall_ms = 0;
	budget_next_turn(&view->budget);
	batch_end(&view->batch);
	if (view->note_capacity <= MAX_KEPT_BUFFER)
		return;
	free((char *)view->note.bytes);
	view->note = (struct amy_bytes){ NULL, 0 };
	view->note_capacity = 0;
}

/* ---- What they follow ------------------------------------------------------------- */

/* As many again as there are. -1: ENOMEM. */
static int
make_slots(struct view *view)
{
	uint32_t n = view->nsubscription_slots, end = n == 0 ? 64 : n * 2;
	struct view_slot *slots;

	if (n >= MAX_SLOTS) {
		errno = ENOMEM;
		return -1;
	}
	slots = memory_resize_scattered(view->slots, n * sizeof *slots, end * sizeof *slots);
	if (slots == NULL)
		return -1;
	for (uint32_t i = n; i < end; i++)
		slots[i] = (struct view_slot){ .next_free = i + 1 < end ? i + 2 : 0 };
	view->slots = slots;
	view->nsubscription_slots = end;
	view->free_slot = n + 1;
	return 0;
}

/* A place and a number for a new subscription. -1: ENOMEM. */
static int
take_slot(struct view *view, struct subscription_ref *ref)
{
	if (view->free_slot == 0 && make_slots(view) == -1)
		return -1;
	ref->slot = view->free_slot - 1;
	if (++view->last_serial == 0)
		view->last_serial = 1;
	ref->serial = view->last_serial;
	view->free_slot = view->slots[ref->slot].next_free;
	return 0;
}

static void
give_slot(struct view *view, uint32_t slot)
{
	view->slots[slot] = (struct view_slot){ .next_free = view->free_slot };
	view->free_slot = slot + 1;
}

void
view_foresee(const struct view *view, const struct subscriber *followers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (followers[i].handler == view->handler &&
		    followers[i].ref.slot < view->nsubscription_slots)
			__builtin_prefetch(&view->slots[followers[i].ref.slot]);
}

struct subscription *
view_subscription(const struct view *view, struct subscription_ref ref)
{
	const struct view_slot *slot = view_slot(view, ref);

	return slot == NULL ? NULL : slot->subscription;
}

void
view_say_done(struct session *session, const struct amy_bytes *pattern, const char *why)
{
	struct amy_bytes pieces[] = {
		{ "! DONE ", 7 }, *pattern, { " ", 1 }, { why, strlen(why) }
	};

	session_answer(session, pieces, 4);
}

void
view_end_subscription(struct view *view, struct session *session, struct subscription *sub,
                      const char *why)
{
	char text[SUBJECT_MAX_BYTES];
	struct amy_bytes pattern = { text, subscription_pattern(sub, text) };

	view_say_done(session, &pattern, why);
	view_unfollow(view, session, sub);
}

static void
end_in_time(struct timer *timer, void *context)
{
	struct limit *limit = (struct limit *)timer; /* its first member */

	view_end_subscription(context, limit->session, limit->subscription, "timeout");
}

static void
forget_limit(struct view *view, struct session *session, struct subscription *sub)
{
	struct limit *limit = sub->limit;

	if (limit == NULL)
		return;
	timers_cancel(&view->timers, &limit->timer);
	free(limit);
	sub->limit = NULL;
	view->slots[sub->who.ref.slot].has_limit = false;
	session->nbounded--;
}

/* -1: ENOMEM, and there is none. */
static int
set_limit(struct view *view, struct session *session, struct subscription *sub,
          const struct view_follow *follow)
{
	struct limit *limit;

	if (follow->count == 0 && follow->within_ms < 0)
		return 0;
	limit = calloc(1, sizeof *limit);
	if (limit == NULL)
		return -1;
	limit->left = follow->count;
	limit->session = session;
	limit->subscription = sub;
	if (follow->within_ms >= 0 &&
	    timers_set(&view->timers, &limit->timer, view_now_ms(view) + follow->within_ms,
	               end_in_time) == -1) {
		free(limit);
		return -1;
	}
	sub->limit = limit;
	view->slots[sub->who.ref.slot].has_limit = true;
	session->nbounded++;
	return 0;
}

static void
count_subscriptions(struct session *session)
{
	atomic_store_explicit(&session->client.nsubscriptions, session->nsubscriptions,
	                      memory_order_relaxed);
}

/* About what a subscription takes, by the bytes of its pattern. */
static size_t
subscription_cost(size_t npattern)
{
	return 256 + 8 * npattern;
}

struct subscription *
view_follow(struct view *view, struct session *session, const struct view_follow *follow)
{
	struct subscription_options options = {
		.group = follow->group.bytes,
		.ngroup = follow->group.nbytes,
		.credit = follow->count,
		.load = &session->client.load,
		.is_mute = &session->client.is_mute,
	};
	struct subscriber who = { .handler = view->handler, .session = session->id };
	struct subscription *sub;

	if (take_slot(view, &who.ref) == -1)
		return NULL;
	if (follow->ref.serial != 0 && follow->ref.slot == who.ref.slot)
		who.ref = follow->ref;
	sub = subscriptions_add(view->subscriptions, &who, follow->pattern.bytes,
	                        follow->pattern.nbytes, &options, &session->subscriptions);
	if (sub == NULL) {
		give_slot(view, who.ref.slot);
		return NULL;
	}
	view->slots[who.ref.slot].subscription = sub;
	view->slots[who.ref.slot].serial = who.ref.serial;
	session->nsubscriptions++;
	if (view->share != NULL)
		quota_grow(view->share, &view->share->nheld,
		            subscription_cost(follow->pattern.nbytes));
	if (sub->group != NULL)
		session->nmemberships++;
	count_subscriptions(session);
	if (set_limit(view, session, sub, follow) == 0)
		return sub;
	view_unfollow(view, session, sub);
	errno = ENOMEM;
	return NULL;
}

int
view_follow_on(struct view *view, struct session *session, struct subscription *sub,
               const struct view_follow *follow)
{
	forget_limit(view, session, sub);
	return set_limit(view, session, sub, follow);
}

void
view_unfollow(struct view *view, struct session *session, struct subscription *sub)
{
	forget_limit(view, session, sub);
	give_slot(view, sub->who.ref.slot);
	if (view->share != NULL)
		quota_shrink(&view->share->nheld, subscription_cost(sub->node->end->npattern));
	if (sub->group != NULL && --session->nmemberships == 0)
		session_forget_unread(session);
	subscriptions_remove(view->subscriptions, sub);
	session->nsubscriptions--;
	count_subscriptions(session);
	view_mark_dirty(view, session);
}

size_t
view_unfollow_all(struct view *view, struct session *session)
{
	size_t n = 0;

	for (; !LIST_EMPTY(&session->subscriptions); n++)
		view_unfollow(view, session, LIST_FIRST(&session->subscriptions));
	return n;
}

void
view_unfollow_unbounded(struct view *view, struct session *session)
{
	struct subscription *sub = LIST_FIRST(&session->subscriptions);

	while (sub != NULL) {
		struct subscription *next = LIST_NEXT(sub, of_client);

		if (sub->limit == NULL)
			view_unfollow(view, session, sub);
		sub = next;
	}
}
