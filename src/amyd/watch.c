/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "log.h"
#include "units.h"
#include "watch.h"

/* So often in the time after which a client is ended, but not more often than that. */
#define LOOKS 8
#define MIN_LOOK_MS 10

#define NEVER INT64_MAX

/* How often those are looked at that were sent something, and how many of them at a time. */
#define ACKS_PAUSE_US 5000000
#define ACKS_NEXT_US 20000
#define MAX_ACKS 256

/* Differences of such times are right as long as they are shorter than 49 days. */
static uint32_t
short_time(int64_t ms)
{
	return (uint32_t)ms;
}

static int64_t
look_ms(int64_t time_ms)
{
	return time_ms / LOOKS < MIN_LOOK_MS ? MIN_LOOK_MS : time_ms / LOOKS;
}

/* Whoever only reads has no lines that count. */
static bool
has_line_time(const struct session *session)
{
	return session->listener->line_ms > 0 && session->listener->mode != CONF_MODE_SUBSCRIBE;
}

/* Tell it why, and count it. */
static void
end_client(struct view *view, struct session *session, enum stats_counter stat,
           const char *reason, const char *option, int64_t ms)
{
	char time[UNITS_MAX_TIME], text[64];

	snprintf(text, sizeof text, "%s=%s", option, units_format_time(ms, time));
	stats_add(view->stats, stat, 1);
	session_bye(session, reason, text);
	view_mark_dirty(view, session);
}

/* It has sent a line, and it is we who let that wait: for line_rate, an answer, or an inbox. */
static bool
is_held(const struct session *session)
{
	return (session->is_waiting || session->is_stalled) &&
	       amy_line_reader_has_line(&session->reader);
}

static void
look_at_activity(struct view *view, struct session *session, uint32_t now)
{
	int64_t idle_ms = session->listener->idle_ms;
	char name[SESSION_MAX_NAME], time[UNITS_MAX_TIME];

	if (session->is_active || is_held(session)) {
		session->is_active = false;
		session->active_since_ms = now;
	} else if ((uint32_t)(now - session->active_since_ms) >= idle_ms) {
		log_debug("%s is ended: it was idle for idle_time = \"%s\"",
		          session_name(session, name), units_format_time(idle_ms, time));
		end_client(view, session, STAT_CLIENTS_IDLE, "IDLE", "idle_time", idle_ms);
	}
}

/* What is there and is not read yet, or not run yet, is not the client's fault. */
static void
look_at_line(struct view *view, struct session *session, uint32_t now)
{
	int64_t line_ms = session->listener->line_ms;
	char name[SESSION_MAX_NAME], time[UNITS_MAX_TIME];

	if (!session_wants_input(session) || amy_line_reader_has_line(&session->reader)) {
		session->line_since_ms = now;
	} else if ((uint32_t)(now - session->line_since_ms) >= line_ms) {
		log_warning("%s is ended: a line that it began has not come to its end within "
		            "line_time = \"%s\": raise it if a line may take longer",
		            session_name(session, name), units_format_time(line_ms, time));
		end_client(view, session, STAT_CLIENTS_LINE_TIME, "SLOW", "line_time", line_ms);
	}
}

/*
 * A look that comes late comes from a daemon that was stopped, or did not get the processor: so
 * long no client was heard, or sent anything, and that counts for none of them.
 */
static uint32_t
without(uint32_t missed_ms, uint32_t since_ms, uint32_t now)
{
	return (uint32_t)(now - since_ms) < missed_ms ? now : since_ms + missed_ms;
}

static void
forgive(struct session *session, uint32_t missed_ms, uint32_t now)
{
	session->active_since_ms = without(missed_ms, session->active_since_ms, now);
	session->line_since_ms = without(missed_ms, session->line_since_ms, now);
}

/* Returns when it is to be looked at again, in ms from now; NEVER: as far as is known. */
static int64_t
look_at(struct view *view, struct session *session)
{
	uint32_t now = short_time(view_now_ms(view));
	int64_t next_ms = NEVER;

	if (session->is_in_line && session->state == SESSION_OPEN && has_line_time(session)) {
		look_at_line(view, session, now);
		next_ms = look_ms(session->listener->line_ms);
	}
	if (session->listener->idle_ms > 0 && session_is_following(session)) {
		look_at_activity(view, session, now);
		if (look_ms(session->listener->idle_ms) < next_ms)
			next_ms = look_ms(session->listener->idle_ms);
	}
	return next_ms;
}

static void
look_at_all(struct timer *timer, void *context)
{
	struct view *view = context;
	int64_t now_ms = view_now_ms(view), next_ms = NEVER, ms;
	uint32_t missed_ms = short_time(now_ms - timer->at_ms);

	for (size_t i = 0; i < view->nslots; i++) {
		struct session *session = view->sessions[i];

		if (session == NULL)
			continue;
		forgive(session, missed_ms, short_time(now_ms));
		ms = look_at(view, session);
		if (ms < next_ms)
			next_ms = ms;
	}
	if (next_ms < NEVER) /* it was set just now: there is room for it */
		timers_set(&view->timers, timer, view_now_ms(view) + next_ms, look_at_all);
}

/* Look at all in that time at the latest. */
static int
look_within(struct watch *watch, struct view *view, int64_t ms)
{
	int64_t at_ms = view_now_ms(view) + ms;

	if (watch->timer.place != 0 && watch->timer.at_ms <= at_ms)
		return 0;
	return timers_set(&view->timers, &watch->timer, at_ms, look_at_all);
}

static unsigned
dead_ms(const struct watch *watch)
{
	return watch->dead_ms == 0 ? WATCH_DEAD_MS : watch->dead_ms;
}

/* If it cannot be set, it is tried again when somebody is sent something. */
static void
arm_acks(struct watch *watch, int64_t delay_us)
{
	int rc = watch->acks_id == 0
	             ? amy_registrar_register_timer(watch->registrar, delay_us, 0, watch->pipe,
	                                            &watch->acks_id)
	             : amy_registrar_rearm_timer(watch->registrar, watch->acks_id, delay_us, 0);

	watch->is_looking = rc == 0;
}

void
watch_acks(struct watch *watch)
{
	if (!watch->is_looking)
		arm_acks(watch, ACKS_PAUSE_US);
}

/* Its NAME is free then, and its will published. */
static void
end_dead(const struct watch *watch, struct view *view, struct session *session)
{
	char name[SESSION_MAX_NAME], time[UNITS_MAX_TIME];

	log_info("%s is ended: its machine has acknowledged nothing for %s",
	         session_name(session, name), units_format_time(dead_ms(watch), time));
	stats_add(view->stats, STAT_CLIENTS_DEAD, 1);
	session->state = SESSION_DEAD;
	view_mark_dirty(view, session);
}

static void
look_at_acks(struct watch *watch, struct view *view, struct session *session)
{
	switch (session_look_at_acks(session, dead_ms(watch))) {
	case SESSION_ACKNOWLEDGED:
		session->has_sent = false;
		break;
	case SESSION_UNACKNOWLEDGED:
		watch->is_any_left = true;
		break;
	case SESSION_UNACKNOWLEDGED_LONG:
		end_dead(watch, view, session);
		break;
	}
}

void
watch_look_at_acks(struct watch *watch, struct view *view)
{
	size_t nlooks = 0;

	for (; watch->acks_at < view->nslots && nlooks < MAX_ACKS; watch->acks_at++) {
		struct session *session = view->sessions[watch->acks_at];

		if (session == NULL || !session->has_sent)
			continue;
		look_at_acks(watch, view, session);
		nlooks++;
	}
	if (watch->acks_at < view->nslots) {
		arm_acks(watch, ACKS_NEXT_US);
		return;
	}
	watch->acks_at = 0;
	watch->is_looking = false;
	if (watch->is_any_left)
		arm_acks(watch, ACKS_PAUSE_US);
	watch->is_any_left = false;
}

int
watch_start(struct watch *watch, struct view *view, struct session *session)
{
	if (session->listener->idle_ms == 0)
		return 0;
	return look_within(watch, view, look_ms(session->listener->idle_ms));
}

int
watch_line(struct watch *watch, struct view *view, struct session *session, bool is_new)
{
	bool was_in_line = session->is_in_line;

	session->is_in_line = !amy_line_reader_is_empty(&session->reader);
	if (!session->is_in_line || !has_line_time(session))
		return 0;
	if (was_in_line && !is_new)
		return 0;
	session->line_since_ms = short_time(view_now_ms(view));
	return look_within(watch, view, look_ms(session->listener->line_ms));
}

void
watch_renew_client(struct view *view, struct session *session, const struct conf_listener *old)
{
	if (old->idle_ms == 0)
		session->is_active = true;
	if (old->line_ms == 0)
		session->line_since_ms = short_time(view_now_ms(view));
}

void
watch_renew(struct watch *watch, struct view *view)
{
	look_within(watch, view, MIN_LOOK_MS);
}
