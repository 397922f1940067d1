/* SPDX-License-Identifier: MIT */
/*
 * publish.c - one line on its way: to its history, to those who follow, to one member of each
 * group, and to its rules. It is under router.h.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "router.h"
#include "subject.h"

/* A line costs 1 for so many sessions of others: their handlers have the work, but no end of it. */
#define COST_ELSEWHERE 8

/* To choose a member of a group, and to hand the line on to that one alone. */
#define COST_MEMBER 48

/* To give a line a number and a place. */
#define COST_STORED 32

/* So many rules may a line come by, one after the other: conf_rule.c sees to it. */
#define MAX_HOPS 9

/*
 * A line on its way. Owner: the stack of who publishes.
 */
struct post {
	struct publication line;    /* with somebody else's bytes */
	struct publication *copy;   /* the same on the heap, if it had to be; one reference */
	const struct session *from; /* NULL: the daemon */
	bool keep;
	unsigned hops; /* rules that it has come by */
	size_t nreaders;
	bool is_taken; /* by the target of a rule */
};

static enum router_result post_line(struct view *view, struct post *post,
                                    const struct cached_route *cached);

/* The line on the heap; NULL: ENOMEM. */
static struct publication *
post_copy(struct post *post)
{
	if (post->copy == NULL)
		post->copy = publication_copy(&post->line);
	return post->copy;
}

/* A line that is stored: at once, for its number is given at this moment. */
static void
send_stored(struct view *view, struct post *post, struct route *route)
{
	for (size_t i = 0; i < route->nparts; i++) {
		const struct route_part *part = &route->parts[i];
		struct message *message = NULL;

		if (part->handler == view->handler)
			continue;
		if (post_copy(post) != NULL)
			message = message_create(MESSAGE_PUBLISH, post->copy, route);
		if (message != NULL)
			message->cost += inbox_cost(part->nsessions, 1, post->line.text.nbytes);
		if (message != NULL)
			router_send(view, part->handler, message);
		else
			view_count_lost(view, STAT_LINES_DROPPED_MEMORY, part->nsessions);
	}
}

/* Sessions of other handlers that it is for; and in how many parts of the route they are. */
static size_t
count_others(const struct view *view, const struct route *route, size_t *nparts)
{
	size_t nsessions = 0;

	*nparts = 0;
	for (size_t i = 0; i < route->nparts; i++) {
		if (route->parts[i].handler == view->handler)
			continue;
		nsessions += route->parts[i].nsessions;
		++*nparts;
	}
	return nsessions;
}

/* To the other handlers that have followers in their part of the route. */
static void
send_parts(struct view *view, struct post *post, struct route *route)
{
	size_t nparts, nsessions = count_others(view, route, &nparts);

	if (nparts == 0)
		return;
	if (post->line.seq > 0)
		send_stored(view, post, route);
	else if (!router_gather(view, &post->line, route))
		view_count_lost(view, STAT_LINES_DROPPED_MEMORY, nsessions);
	post->nreaders += nsessions;
	view->cost += nparts + nsessions / COST_ELSEWHERE;
}

/* Who must not be chosen from a group: the publisher, if it wants to hear nothing of itself. */
static amy_id
post_except(const struct post *post)
{
	return post->from != NULL && post->from->no_echo ? post->from->id : 0;
}

/* One member of each group: into view->picks, id 0 where there is none. False: ENOMEM. */
static bool
choose_members(struct view *view, const struct post *post, const struct route *route)
{
	if (route->ngroups > view->picks_capacity) {
		struct subscriber *picks = realloc(view->picks, route->ngroups * sizeof *picks);

		if (picks == NULL)
			return false;
		view->picks = picks;
		view->picks_capacity = route->ngroups;
	}
	for (size_t i = 0; i < route->ngroups; i++)
		if (!subscriptions_choose(view->subscriptions, route->groups[i],
		                          post_except(post), router_line_size(&post->line),
		                          &view->picks[i]))
			view->picks[i].session = 0;
	return true;
}

/* To those that were chosen. */
static void
send_groups(struct view *view, struct post *post, struct route *route)
{
	amy_id except = post_except(post);

	for (size_t i = 0; i < route->ngroups; i++) {
		struct group *group = route->groups[i];
		const struct subscriber *to = &view->picks[i];

		if (to->session == 0)
			continue;
		if (post_copy(post) == NULL)
			view_count_lost(view, STAT_LINES_DROPPED_MEMORY, 1);
		else if (!router_send_to_member(view, post->copy, route, group, except, to) &&
		         !router_send_to_group(view, post->copy, route, group, except))
			continue;
		post->nreaders++;
	}
	view->cost += route->ngroups * COST_MEMBER;
}

/*
 * Number it and store it. In the same step it goes to the other handlers: so each of them
 * gets such lines in the order of their numbers; and so who follows with a look back finds
 * a line there, or gets it. The route is found anew, for it must be of this very moment.
 * What others have stored before is in our inbox, and comes first; what they store from
 * then on comes later.
 */
static enum router_result
store_and_send(struct view *view, struct post *post, struct route **route, int section)
{
	struct message_list before = STAILQ_HEAD_INITIALIZER(before);
	struct history *history = view->router->history;
	const struct cached_route *cached;
	int result;

	view->cost += COST_STORED;
	if (post_copy(post) == NULL)
		return ROUTER_NO_MEMORY;
	errno = ENOMEM;
	history_lock(history);
	cached = router_route(view, &post->line.subject);
	result = cached == NULL || !choose_members(view, post, cached->route)
	             ? -1
	             : history_append(history, section, post->copy, post->keep);
	if (result == 0) {
		view->share->ngrown += publication_size(post->copy);
		route_unref(*route);
		*route = route_ref(cached->route);
		post->line.seq = post->copy->seq;
		send_parts(view, post, *route);
		router_take_inbox(view, &before);
	}
	history_unlock(history);
	if (result == -1)
		return errno == ENOSPC ? ROUTER_TOO_MANY : ROUTER_NO_MEMORY;
	router_receive(view, &before);
	return ROUTER_DONE;
}

/* Hand it on to another subject. It has come by fewer rules than there may be. */
static void
hand_on(struct view *view, struct post *post, const char *subject)
{
	struct post next = {
		.line = post->line,
		.from = post->from,
		.hops = post->hops + 1,
	};
	const struct cached_route *cached;

	assert(next.hops <= MAX_HOPS);
	next.line.seq = 0;
	next.line.subject = (struct amy_bytes){ subject, strlen(subject) };
	cached = router_route(view, &next.line.subject);
	if (cached != NULL)
		post_line(view, &next, cached);
	publication_unref(next.copy);
	if (next.nreaders > 0 || next.is_taken)
		post->is_taken = true;
}

/*
 * The line as the targets of a rule get it; with a format, *formatted is it, once for all of
 * them. NULL: ENOMEM.
 */
static struct publication *
line_for_targets(struct post *post, const struct conf_rule *rule,
                 struct publication **formatted)
{
	if (rule->format == NULL)
		return post_copy(post);
	if (*formatted == NULL)
		*formatted = publication_copy_formatted(&post->line, rule->format);
	return *formatted;
}

static void
apply_rule(struct view *view, struct post *post, size_t index)
{
	const struct conf_rule *rule = &view->router->policy.conf->rules[index];
	struct publication *formatted = NULL, *line;

	for (size_t i = 0; i < rule->ntargets; i++) {
		struct sink *sink = view->router->policy.sinks[index][i];

		if (rule->targets[i].kind == CONF_TARGET_SUBJECT) {
			hand_on(view, post, rule->targets[i].name);
			continue;
		}
		line = sink == NULL ? NULL : line_for_targets(post, rule, &formatted);
		if (line != NULL) {
			sink_put(sink, line);
			post->is_taken = view->has_fed_sinks = true;
			view->cost++;
		}
	}
	publication_unref(formatted);
}

static void
apply_rules(struct view *view, struct post *post, uint64_t candidates)
{
	unsigned ngave_up = 0;
	uint64_t rules = rules_of_text(view->router->policy.rules, view->scratch, candidates,
	                               &post->line.text, &ngave_up, &view->cost);

	if (ngave_up > 0)
		stats_add(view->stats, STAT_RULES_GAVE_UP, ngave_up);
	for (size_t i = 0; rules != 0; i++, rules >>= 1)
		if (rules & 1)
			apply_rule(view, post, i);
}

/* "subject text", in the view's own buffer. NULL: ENOMEM. */
static const struct amy_bytes *
compose_note(struct view *view, const struct publication *line)
{
	size_t nbytes = line->subject.nbytes + 1 + line->text.nbytes;
	char *bytes = (char *)view->note.bytes;

	if (nbytes > view->note_capacity) {
		bytes = realloc(bytes, nbytes);
		if (bytes == NULL)
			return NULL;
		view->note.bytes = bytes;
		view->note_capacity = nbytes;
	}
	memcpy(bytes, line->subject.bytes, line->subject.nbytes);
	bytes[line->subject.nbytes] = ' ';
	if (line->text.nbytes > 0)
		memcpy(bytes + line->subject.nbytes + 1, line->text.bytes, line->text.nbytes);
	view->note.nbytes = nbytes;
	return &view->note;
}

/* Who published it does not wait for those who hear of it: then it is only counted. */
static void
tell_undelivered(struct view *view, const struct post *post)
{
	const struct amy_bytes *note;

	stats_add(view->stats, STAT_LINES_UNDELIVERED, 1);
	if (!router_is_heard(view, "_amyd.undelivered") || !router_has_room(view, NULL))
		return;
	note = compose_note(view, &post->line);
	if (note != NULL)
		router_say(view, "_amyd.undelivered", note);
}

static bool
is_reserved(const struct post *post)
{
	return subject_is_reserved(post->line.subject.bytes, post->line.subject.nbytes);
}

static enum router_result
post_line(struct view *view, struct post *post, const struct cached_route *cached)
{
	struct route *route = route_ref(cached->route);
	uint64_t rules = cached->rules;
	int section = cached->section;
	enum router_result result = ROUTER_DONE;

	if (view->is_watched)
		view->last_route->nlines++; /* cached is what was looked at last */
	if (section >= 0 && !history_fits(view->router->history, section, &post->line))
		section = -1;
	if (section >= 0 || post->keep)
		result = store_and_send(view, post, &route, section);
	else if (choose_members(view, post, route))
		send_parts(view, post, route);
	else
		result = ROUTER_NO_MEMORY;
	if (result == ROUTER_DONE) {
		stats_add(view->stats, STAT_LINES_PUBLISHED, 1);
		post->nreaders += view_deliver(view, &post->line, route);
		send_groups(view, post, route);
		if (rules != 0)
			apply_rules(view, post, rules);
		if (post->nreaders == 0 && !post->is_taken && post->hops == 0 &&
		    !is_reserved(post))
			tell_undelivered(view, post);
	}
	route_unref(route);
	return result;
}

struct amy_bytes
router_sender(const struct session *session, char text[SUBJECT_MAX_NAME + 1])
{
	size_t n;

	if (session == NULL || session->client.name == NULL)
		return (struct amy_bytes){ "-", 1 };
	n = strlen(session->client.name);
	text[0] = '@';
	memcpy(text + 1, session->client.name, n);
	return (struct amy_bytes){ text, n + 1 };
}

/* To a client of another handler. */
static enum router_result
post_to_other(struct view *view, struct post *post, struct session *from,
              const struct subscriber *to)
{
	struct message *message;

	if (from != NULL && !router_has_room(view, from))
		return ROUTER_STALLED;
	if (post_copy(post) == NULL)
		return ROUTER_NO_MEMORY;
	message = message_create(MESSAGE_TO, post->copy, NULL);
	if (message == NULL)
		return ROUTER_NO_MEMORY;
	message->to = *to;
	router_send(view, to->handler, message);
	post->nreaders = 1;
	return ROUTER_DONE;
}

/* To the one client that has the name. */
static enum router_result
post_to_name(struct view *view, struct post *post, struct session *from)
{
	struct subscriber to = { 0 };
	enum router_result result = ROUTER_DONE;
	bool is_there =
	    clients_find_name(view->clients, post->line.subject.bytes + 1,
	                      post->line.subject.nbytes - 1, &to.handler, &to.session);

	if (is_there && to.handler == view->handler)
		post->nreaders = view_deliver_to(view, &post->line, &to);
	else if (is_there)
		result = post_to_other(view, post, from, &to);
	if (result != ROUTER_DONE)
		return result;
	stats_add(view->stats, STAT_LINES_PUBLISHED, 1);
	if (post->nreaders == 0)
		tell_undelivered(view, post);
	return result;
}

/* May a line of that subject be handed on to another? */
static bool
is_handed_on(const struct view *view, uint64_t rules)
{
	const struct conf_rule *rule = view->router->policy.conf->rules;

	for (; rules != 0; rules >>= 1, rule++)
		for (size_t i = 0; rules & 1 && i < rule->ntargets; i++)
			if (rule->targets[i].kind == CONF_TARGET_SUBJECT)
				return true;
	return false;
}

static enum router_result
post_to_subject(struct view *view, struct post *post, struct session *from)
{
	const struct cached_route *cached = router_route(view, &post->line.subject);

	if (cached == NULL)
		return ROUTER_NO_MEMORY;
	if (from != NULL && is_handed_on(view, cached->rules) && !router_has_room(view, from))
		return ROUTER_STALLED;
	if (from != NULL && !router_has_room_for(view, from, cached->route))
		return ROUTER_STALLED;
	return post_line(view, post, cached);
}

/* Field by field: to zero all of it first takes long. */
static void
post_init(struct post *post, struct view *view, const struct session *from,
          const struct amy_bytes *subject, const struct amy_bytes *text)
{
	atomic_init(&post->line.references, 0);
	post->line.seq = post->line.request = 0;
	post->line.from_id = from == NULL ? 0 : from->id;
	post->line.at_ms = view_now_ms(view);
	post->line.wall_ms = view_wall_ms(view);
	post->line.subject = *subject;
	post->line.text = *text;
	post->copy = NULL;
	post->from = from;
	post->hops = 0;
	post->nreaders = 0;
	post->is_taken = false;
}

/* As router_publish(); parked is the session that waits if there is no room, or NULL. */
static enum router_result
publish_of(struct view *view, const struct session *from, struct session *parked,
           const struct amy_bytes *subject, const struct amy_bytes *text, bool keep,
           struct router_receipt *receipt)
{
	char name[SUBJECT_MAX_NAME + 1];
	enum router_result result;
	struct post post;

	post_init(&post, view, from, subject, text);
	post.line.from = router_sender(from, name);
	post.keep = keep;
	result = subject->bytes[0] == '@' ? post_to_name(view, &post, parked)
	                                  : post_to_subject(view, &post, parked);
	publication_unref(post.copy);
	receipt->nreaders = post.nreaders;
	receipt->seq = post.line.seq;
	return result;
}

enum router_result
router_publish(struct view *view, struct session *from, const struct amy_bytes *subject,
               const struct amy_bytes *text, bool keep, struct router_receipt *receipt)
{
	return publish_of(view, from, from, subject, text, keep, receipt);
}

void
router_publish_last(struct view *view, const struct session *from,
                    const struct amy_bytes *subject, const struct amy_bytes *text)
{
	struct router_receipt receipt;

	publish_of(view, from, NULL, subject, text, false, &receipt);
	router_send_gathered(view);
}

void
router_say(struct view *view, const char *subject, const struct amy_bytes *text)
{
	const struct amy_bytes line = { subject, strlen(subject) };
	struct router_receipt receipt;

	router_publish(view, NULL, &line, text, false, &receipt);
	router_send_gathered(view);
}
