/* SPDX-License-Identifier: MIT */
/*
 * news.h - what the daemon says of its clients, under _amyd.
 */
#ifndef NEWS_H
#define NEWS_H

#include "session.h"
#include "view.h"

/* _amyd.client.up, _amyd.client.name, _amyd.client.down */
void news_up(struct view *view, const struct session *session);
void news_name(struct view *view, const struct session *session);
void news_down(struct view *view, const struct session *session);

/* _amyd.dropped: what of its lines was dropped since this was called the last time. */
void news_dropped(struct view *view, struct session *session);

/* The same of all targets of rules. */
void news_sinks_dropped(struct view *view);

#endif
