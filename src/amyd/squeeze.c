/* SPDX-License-Identifier: MIT */
/*
 * squeeze.c - what a handler drops when memory is short: see view.h. The oldest lines of the
 * longest queues go first, then the oldest ones that are stored. Nothing else is ever dropped.
 */
#include <inttypes.h>

#include "log.h"
#include "view.h"

/* So much of the limit is kept free; and so much is made free when it is not. */
#define RESERVE_FRACTION 8
#define TARGET_FRACTION 5

/* How far a share may grow unseen. */
#define MIN_STEP ((int64_t)16 << 10)
#define MAX_STEP ((int64_t)1 << 20)

/* A queue is never made shorter than that. */
#define MIN_QUEUE ((size_t)4 << 10)

/* Where memory is short, all clients together may have so much of the limit in answers. */
#define ANSWERS_FRACTION 8
#define MIN_ANSWERS ((size_t)1 << 10)

#define LOG_MS 10000

/* ---- Queues --------------------------------------------------------------------------- */

static size_t
longest_queue(const struct view *view)
{
	size_t longest = 0;

	for (size_t i = 0; i < view->nslots; i++) {
		const struct session *session = view->sessions[i];
		size_t n = session == NULL ? 0 : output_delivery_bytes(&session->output);

		if (n > longest)
			longest = n;
	}
	return longest;
}

/* No queue is longer than that from now on. */
static void
set_most_queued(struct view *view, size_t most)
{
	view->share->most_queued = most;
	atomic_store_explicit(&view->share->is_short, true, memory_order_relaxed);
	for (size_t i = 0; i < view->nslots; i++) {
		struct session *session = view->sessions[i];

		if (session == NULL)
			continue;
		session_squeeze(session, most, view_pattern_of, view);
		view_mark_dirty(view, session);
	}
}

static uint64_t
queued_bytes(const struct view *view)
{
	return atomic_load_explicit(&view->share->nqueued, memory_order_relaxed);
}

/* The longest become shorter by a quarter, until so many bytes are free. True: some are. */
static bool
shorten_queues(struct view *view, uint64_t want)
{
	uint64_t before = queued_bytes(view);
	size_t longest = longest_queue(view);

	while (longest > MIN_QUEUE && before - queued_bytes(view) < want) {
		size_t most = longest - longest / 4;

		set_most_queued(view, most < MIN_QUEUE ? MIN_QUEUE : most);
		longest = longest_queue(view);
		if (longest > most)
			break; /* what is half sent, or there is no memory to make it shorter */
	}
	return queued_bytes(view) < before;
}

/* There is room again: queues may be twice as long. */
static void
lengthen_queues(struct view *view)
{
	size_t most = view->share->most_queued;

	if (most == SIZE_MAX)
		return;
	most = most > ((size_t)512 << 20) ? SIZE_MAX : most * 2;
	view->share->most_queued = most;
	atomic_store_explicit(&view->share->is_short, most != SIZE_MAX, memory_order_relaxed);
	for (size_t i = 0; i < view->nslots; i++)
		if (view->sessions[i] != NULL)
			session_squeeze(view->sessions[i], SIZE_MAX, view_pattern_of, view);
}

/* ---- All ------------------------------------------------------------------------------ */

/* True: others have lines that they may drop, and have not looked since they were asked. */
static bool
ask_others(struct view *view)
{
	struct quota *quota = view->quota;
	bool is_new = !view->has_asked, is_waiting = false;

	view->has_asked = true;
	for (unsigned i = 0; i < quota->nshares; i++) {
		struct quota_share *share = &quota->shares[i];

		if (i == view->handler ||
		    atomic_load_explicit(&share->nqueued, memory_order_relaxed) == 0)
			continue;
		if (is_new) {
			atomic_store_explicit(&share->must_look, true, memory_order_relaxed);
			view->to_wake |= (uint64_t)1 << i;
		}
		if (atomic_load_explicit(&share->must_look, memory_order_relaxed))
			is_waiting = true;
	}
	return is_waiting;
}

static void
log_shortage(struct view *view, uint64_t limit)
{
	int64_t now_ms = view_now_ms(view);

	if (now_ms < view->short_log_ms)
		return;
	view->short_log_ms = now_ms + LOG_MS;
	log_warning("memory = %" PRIu64 " is nearly used up: the oldest lines that wait for slow "
	            "clients are dropped, then stored ones: raise memory, or lower queue, "
	            "max_clients or the bytes of histories",
	            limit);
}

/* In proportion to what others have, who do the same. */
static uint64_t
own_part(const struct view *view, uint64_t want)
{
	uint64_t all = quota_queued(view->quota), own = queued_bytes(view);

	if (all == 0 || own >= all)
		return want;
	return (uint64_t)((double)want * (double)own / (double)all) + (uint64_t)MIN_STEP;
}

static void
make_room(struct view *view, uint64_t limit, int64_t reserve)
{
	int64_t target = (int64_t)(limit / TARGET_FRACTION);
	int64_t want = target - quota_room(view->quota);
	size_t nforgotten;
	bool is_waiting;

	log_shortage(view, limit);
	shorten_queues(view, own_part(view, (uint64_t)want));
	quota_give_back(view->quota);
	is_waiting = ask_others(view);
	if (quota_room(view->quota) >= reserve ||
	    (is_waiting && quota_room(view->quota) > 0))
		return;
	want = target - quota_room(view->quota);
	nforgotten = history_forget_oldest(view->history, (size_t)want);
	stats_add(view->stats, STAT_MEMORY_FORGOTTEN, nforgotten);
}

static void
set_most_answers(struct view *view, uint64_t limit, int64_t room)
{
	size_t n = view->nsessions * view->quota->nshares + 1;
	size_t most = limit / ANSWERS_FRACTION / n;

	if (room > (int64_t)(limit / 4))
		most = SIZE_MAX;
	else if (most < MIN_ANSWERS)
		most = MIN_ANSWERS;
	view->share->most_answers = most;
}

static void
set_full(struct view *view, bool is_full)
{
	if (quota_is_full(view->quota) != is_full)
		atomic_store_explicit(&view->quota->is_full, is_full, memory_order_relaxed);
}

static void
look_without_limit(struct view *view)
{
	lengthen_queues(view);
	view->share->most_answers = SIZE_MAX;
	view->share->look_at = UINT64_MAX;
	set_full(view, false);
}

void
view_look_at_quota(struct view *view)
{
	struct quota_share *share = view->share;
	uint64_t limit = atomic_load_explicit(&view->quota->limit, memory_order_relaxed);
	int64_t reserve = (int64_t)(limit / RESERVE_FRACTION), room, step;

	share->ngrown = 0;
	atomic_store_explicit(&share->must_look, false, memory_order_relaxed);
	if (limit == 0) {
		look_without_limit(view);
		return;
	}
	if (quota_room(view->quota) < (int64_t)(limit / 4))
		quota_measure(view->quota);
	if (quota_room(view->quota) < reserve)
		make_room(view, limit, reserve);
	else
		view->has_asked = false;
	room = quota_room(view->quota);
	set_full(view, room < reserve);
	if (room > (int64_t)(limit / 4))
		lengthen_queues(view);
	set_most_answers(view, limit, room);
	step = (room - reserve) / 2 / view->quota->nshares;
	share->look_at = (uint64_t)(step < MIN_STEP ? MIN_STEP : step > MAX_STEP ? MAX_STEP : step);
}
