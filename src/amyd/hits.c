/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "busiest.h"
#include "hits.h"
#include "router.h"

#define INTERVAL_MS 1000

static void
forget(struct view *view)
{
	for (unsigned i = 0; i < ROUTER_CACHED_ROUTES; i++)
		view->cache[i].nlines = 0;
}

static void
gather(struct view *view)
{
	for (unsigned i = 0; i < ROUTER_CACHED_ROUTES; i++)
		router_count_hits(view, &view->cache[i]);
}

static void
tell(struct timer *timer, void *context)
{
	struct hits *hits = (struct hits *)timer; /* its first member */
	struct view *view = context;
	int64_t now_ms = view_now_ms(view);

	gather(view);
	busiest_hang_out(view->router->busiest, view->handler, view->sketch, now_ms,
	                 now_ms > hits->since_ms ? now_ms - hits->since_ms : 1);
}

/* Nobody watches any more. */
static void
stop(struct hits *hits, struct view *view)
{
	timers_cancel(&view->timers, &hits->timer);
	forget(view);
	free(view->sketch);
	view->sketch = NULL;
}

void
hits_turn(struct hits *hits, struct view *view)
{
	uint64_t npublished = stats_get(view->stats, STAT_LINES_PUBLISHED);

	if (!view->is_watched) {
		if (view->sketch != NULL)
			stop(hits, view);
		return;
	}
	if (npublished == hits->npublished || hits->timer.place != 0)
		return;
	if (view->sketch == NULL)
		view->sketch = calloc(1, sizeof *view->sketch);
	if (view->sketch == NULL)
		return; /* the next turn tries it again */
	hits->npublished = npublished;
	hits->since_ms = view_now_ms(view);
	timers_set(&view->timers, &hits->timer, hits->since_ms + INTERVAL_MS, tell);
}
