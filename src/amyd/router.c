/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hash.h"
#include "monotonic.h"
#include "router.h"
#include "subject.h"

/* A packet of lines for other handlers: the first one of a turn, and the largest. */
#define MIN_PACKET 512
#define MAX_PACKET (32 * 1024)

/* For so many it is worth to look ahead. */
#define FORESEEN_FOLLOWERS 4

/* ---- What is shared --------------------------------------------------------------- */

/* What is counted for those who watch. */
static int
make_counts(struct router *router)
{
	size_t size = router->nhandlers * sizeof *router->loads;

	router->loads = aligned_alloc(_Alignof(struct load), size);
	if (router->loads == NULL)
		return -1;
	memset(router->loads, 0, size);
	router->tallies = tallies_create(router->nhandlers + 1);
	router->busiest = busiest_board_create(router->nhandlers);
	return router->tallies == NULL || router->busiest == NULL ? -1 : 0;
}

int
router_policy_init(struct router_policy *policy, const struct conf *conf)
{
	policy->conf = conf;
	policy->rules = rules_create(conf->rules, conf->nrules);
	policy->sinks = calloc(conf->nrules + 1, sizeof *policy->sinks);
	policy->ntold = calloc(conf->nrules + 1, sizeof *policy->ntold);
	if (policy->rules != NULL && policy->sinks != NULL && policy->ntold != NULL)
		return 0;
	router_policy_fini(policy);
	return -1;
}

void
router_policy_fini(struct router_policy *policy)
{
	rules_destroy(policy->rules);
	free(policy->sinks);
	free(policy->ntold);
	memset(policy, 0, sizeof *policy);
}

static int
make_parts(struct router *router, const struct conf *conf)
{
	router->inboxes = calloc(router->nhandlers, sizeof *router->inboxes);
	router->stats = calloc(router->nhandlers + 1, sizeof *router->stats);
	if (router->inboxes == NULL || router->stats == NULL ||
	    router_policy_init(&router->policy, conf) == -1 ||
	    hash_key_init(&router->key) == -1 || make_counts(router) == -1 ||
	    quota_init(&router->quota, router->nhandlers) == -1)
		return -1;
	router->subscriptions = subscriptions_create();
	router->clients = clients_create();
	router->peers = peers_create();
	router->requests = requests_create();
	router->history = history_create(conf->histories, conf->nhistories);
	if (router->history != NULL)
		history_count_at(router->history, &router->quota.stored);
	return router->subscriptions == NULL || router->clients == NULL ||
	               router->peers == NULL || router->requests == NULL ||
	               router->history == NULL
	           ? -1
	           : 0;
}

static void
free_parts(struct router *router)
{
	router_policy_fini(&router->policy);
	history_destroy(router->history);
	requests_destroy(router->requests);
	peers_destroy(router->peers);
	clients_destroy(router->clients);
	subscriptions_destroy(router->subscriptions);
	busiest_board_destroy(router->busiest);
	tallies_destroy(router->tallies);
	free(router->loads);
	free(router->stats);
	free(router->inboxes);
	quota_fini(&router->quota);
	pthread_mutex_destroy(&router->change_lock);
	free(router);
}

struct router *
router_create(const struct conf *conf, struct record_pipe *const *pipes)
{
	struct router *router = calloc(1, sizeof *router);

	if (router == NULL)
		return NULL;
	router->nhandlers = conf->handlers;
	pthread_mutex_init(&router->change_lock, NULL);
	router->since_ms = monotonic_now_ms();
	router->since_wall_ms = (int64_t)time(NULL) * 1000;
	if (make_parts(router, conf) == -1) {
		int error = errno;

		free_parts(router);
		errno = error;
		return NULL;
	}
	for (unsigned i = 0; i < router->nhandlers; i++)
		inbox_init(&router->inboxes[i], pipes[i]);
	return router;
}

void
router_destroy(struct router *router)
{
	if (router == NULL)
		return;
	for (unsigned i = 0; i < router->nhandlers; i++)
		inbox_fini(&router->inboxes[i]);
	free_parts(router);
}

void
router_exchange_policy(struct router *router, struct router_policy *policy)
{
	struct router_policy old = router->policy;

	router->policy = *policy;
	*policy = old;
}

void
router_forget_routes(struct view *view)
{
	for (size_t i = 0; i < ROUTER_CACHED_ROUTES; i++) {
		route_unref(view->cache[i].route);
		view->cache[i].route = NULL;
	}
}

int
router_view_init(struct view *view, struct router *router, unsigned handler)
{
	view_init(view, handler, router->subscriptions, router->clients,
	          &router->stats[handler]);
	view->router = router;
	view->tallies = router->tallies;
	view->history = router->history;
	view->quota = &router->quota;
	view->share = &router->quota.shares[handler];
	view->cache = calloc(ROUTER_CACHED_ROUTES, sizeof *view->cache);
	if (view->cache == NULL)
		goto fini_view;
	view->last_route = view->cache;
	view->packet_capacity = MIN_PACKET;
	view->scratch = rules_scratch_create(router->policy.rules);
	if (view->scratch == NULL)
		goto free_cache;
	return 0;

free_cache:
	free(view->cache);
fini_view:
	view_fini(view);
	return -1;
}

void
router_view_fini(struct view *view)
{
	packet_unref(view->packet);
	for (size_t i = 0; i < ROUTER_CACHED_ROUTES; i++)
		route_unref(view->cache[i].route);
	free(view->cache);
	free(view->picks);
	rules_scratch_destroy(view->scratch);
	free(view->sketch);
	view_fini(view);
}

/* To find a route anew; and for each follower that it has. */
#define COST_ROUTE 48
#define COST_OF_FOLLOWER 8

/* ---- Who follows ------------------------------------------------------------------ */

static bool
is_cached(const struct cached_route *cached, const struct amy_bytes *subject)
{
	return cached->route != NULL && cached->nsubject == subject->nbytes &&
	       memcmp(cached->subject, subject->bytes, subject->nbytes) == 0;
}

/* Where it is in the cache, or is to be. */
static struct cached_route *
find_cached(struct view *view, const struct amy_bytes *subject)
{
	uint64_t hash;

	if (!is_cached(view->last_route, subject)) {
		hash = hash_bytes(&view->router->key, subject->bytes, subject->nbytes);
		view->last_route = &view->cache[hash % ROUTER_CACHED_ROUTES];
	}
	return view->last_route;
}

const char *
router_check_subject(struct view *view, const struct amy_bytes *subject)
{
	struct cached_route *last = view->last_route;
	bool is_last = is_cached(last, subject);
	const char *why;

	if (is_last && last->is_good)
		return NULL;
	why = subject_check(subject->bytes, subject->nbytes);
	if (is_last)
		last->is_good = why == NULL;
	return why;
}

void
router_count_hits(struct view *view, struct cached_route *cached)
{
	if (cached->nlines > 0 && view->sketch != NULL)
		busiest_add(view->sketch, cached->subject, cached->nsubject, cached->nlines);
	cached->nlines = 0;
}

const struct cached_route *
router_route(struct view *view, const struct amy_bytes *subject)
{
	struct router *router = view->router;
	struct cached_route *cached = find_cached(view, subject);
	bool is_same = is_cached(cached, subject);
	struct route *route;

	if (is_same && cached->route->version == subscriptions_version(router->subscriptions))
		return cached;
	route = subscriptions_match(router->subscriptions, subject->bytes, subject->nbytes);
	if (route == NULL)
		return NULL;
	view->cost += COST_ROUTE + route->n * COST_OF_FOLLOWER;
	route_unref(cached->route);
	cached->route = route;
	if (is_same)
		return cached;
	router_count_hits(view, cached);
	cached->section = history_section(router->history, subject->bytes, subject->nbytes);
	cached->rules = rules_of_subject(router->policy.rules, subject->bytes, subject->nbytes);
	cached->is_good = false;
	cached->nsubject = subject->nbytes;
	memcpy(cached->subject, subject->bytes, subject->nbytes);
	return cached;
}

bool
router_is_heard(struct view *view, const char *subject)
{
	const struct amy_bytes line = { subject, strlen(subject) };
	const struct cached_route *cached = router_route(view, &line);

	return cached != NULL && (cached->route->n > 0 || cached->route->ngroups > 0 ||
	                          cached->rules != 0 || cached->section >= 0);
}

/* ---- Between handlers ------------------------------------------------------------- */

static void
park(struct view *view, struct session *session)
{
	session->is_stalled = true;
	TAILQ_INSERT_TAIL(&view->stalled, session, stalled);
}

static bool
all_inboxes_have_room(struct view *view)
{
	struct router *router = view->router;

	for (unsigned i = 0; i < router->nhandlers; i++)
		if (i != view->handler && !inbox_has_room(&router->inboxes[i], view->handler))
			return false;
	return true;
}

bool
router_has_room(struct view *view, struct session *session)
{
	if (all_inboxes_have_room(view))
		return true;
	if (session != NULL)
		park(view, session);
	return false;
}

static bool
have_room_for(struct view *view, const struct route *route)
{
	struct router *router = view->router;

	/* Of a group we know the member that is chosen only when it is. */
	if (route->ngroups > 0)
		return all_inboxes_have_room(view);
	for (size_t i = 0; i < route->nparts; i++) {
		unsigned handler = route->parts[i].handler;

		if (handler != view->handler &&
		    !inbox_has_room(&router->inboxes[handler], view->handler))
			return false;
	}
	return true;
}

bool
router_has_room_for(struct view *view, struct session *session, const struct route *route)
{
	if (have_room_for(view, route))
		return true;
	park(view, session);
	return false;
}

static void
push(struct view *view, unsigned handler, struct message *message)
{
	inbox_push(&view->router->inboxes[handler], message);
	view->to_wake |= (uint64_t)1 << handler;
}

/* The lines that were gathered, to all that have followers in their route. */
void
router_send_gathered(struct view *view)
{
	struct packet *packet = view->packet;

	if (packet == NULL)
		return;
	view->packet = NULL;
	for (size_t i = 0; i < packet->route->nparts; i++) {
		const struct route_part *part = &packet->route->parts[i];
		struct message *message;

		if (part->handler == view->handler)
			continue;
		message = message_create_packet(packet);
		if (message != NULL)
			message->cost += inbox_cost(part->nsessions, packet->n, packet->nbytes);
		if (message != NULL)
			push(view, part->handler, message);
		else
			view_count_lost(view, STAT_LINES_DROPPED_MEMORY,
			                (size_t)packet->n * part->nsessions);
	}
	packet_unref(packet);
}

bool
router_gather(struct view *view, const struct publication *line, struct route *route)
{
	if (view->packet != NULL) {
		if (packet_add(view->packet, route, line))
			return true;
		router_send_gathered(view);
		if (view->packet_capacity < MAX_PACKET)
			view->packet_capacity *= 4;
	}
	view->packet = packet_create(route, line, view->packet_capacity);
	return view->packet != NULL;
}

void
router_send(struct view *view, unsigned handler, struct message *message)
{
	router_send_gathered(view);
	push(view, handler, message);
}

bool
router_is_woken(const struct view *view)
{
	const struct inbox *inbox = &view->router->inboxes[view->handler];

	return atomic_load_explicit(&inbox->is_woken, memory_order_acquire);
}

void
router_wake_others(struct view *view)
{
	router_send_gathered(view);
	view->packet_capacity = MIN_PACKET;
	for (unsigned i = 0; view->to_wake != 0; i++) {
		uint64_t bit = (uint64_t)1 << i;

		if (view->to_wake & bit)
			inbox_wake(&view->router->inboxes[i]);
		view->to_wake &= ~bit;
	}
}

/* ---- One member of a group -------------------------------------------------------- */

bool
router_send_to_member(struct view *view, struct publication *copy, struct route *route,
                      struct group *group, amy_id except, const struct subscriber *to)
{
	struct message *message;

	if (to->handler == view->handler)
		return view_deliver_to(view, copy, to);
	message = message_create(MESSAGE_TO, copy, route);
	if (message == NULL) {
		view_count_lost(view, STAT_LINES_DROPPED_MEMORY, 1);
		return true;
	}
	message->group = group;
	message->except = except;
	message->to = *to;
	router_send(view, to->handler, message);
	return true;
}

bool
router_send_to_group(struct view *view, struct publication *copy, struct route *route,
                     struct group *group, amy_id except)
{
	struct subscriber to;

	while (subscriptions_choose(view->subscriptions, group, except, router_line_size(copy),
	                            &to))
		if (router_send_to_member(view, copy, route, group, except, &to))
			return true;
	return false;
}

/* ---- From other handlers ---------------------------------------------------------- */

static void
deliver_to_one(struct view *view, struct message *message)
{
	if (view_deliver_to(view, message->publication, &message->to))
		return;
	if (message->group == NULL ||
	    !router_send_to_group(view, message->publication, message->route, message->group,
	                          message->except))
		view_count_lost(view, STAT_LINES_DROPPED_GONE, 1);
}

static void
deliver_packet(struct view *view, const struct packet *packet)
{
	struct publication line;

	for (uint32_t i = 0; i < packet->n; i++) {
		packet_line(packet, i, &line);
		view_deliver(view, &line, packet->route);
	}
}

/* True: it was put aside. */
static bool
receive(struct view *view, struct message *message)
{
	switch (message->kind) {
	case MESSAGE_PUBLISH:
		view_deliver(view, message->publication, message->route);
		return false;
	case MESSAGE_PACKET:
		deliver_packet(view, message->packet);
		return false;
	case MESSAGE_TO:
		deliver_to_one(view, message);
		return false;
	case MESSAGE_REQUEST:
	case MESSAGE_ANSWER:
	case MESSAGE_NOBODY:
		STAILQ_INSERT_TAIL(&view->asked, message, link);
		return true;
	}
	return false;
}

void
router_take_inbox(struct view *view, struct message_list *messages)
{
	struct inbox *inbox = &view->router->inboxes[view->handler];

	if (inbox_is_empty(inbox) && !router_is_woken(view))
		return;
	view->was_woken = true;
	view->to_wake |= inbox_take(inbox, messages);
}

/*
 * What a line for a few leads to has mostly not been looked at for long: ask memory for all
 * of it at once. Of those who are many, the first one's waiting is little of the whole.
 */
static void
foresee(const struct view *view, const struct message_list *messages)
{
	const struct message *message;

	STAILQ_FOREACH(message, messages, link) {
		const struct route *route =
		    message->packet != NULL ? message->packet->route : message->route;

		if (route != NULL && route->n <= FORESEEN_FOLLOWERS)
			view_foresee(view, route->subscribers, route->n);
	}
}

void
router_receive(struct view *view, struct message_list *messages)
{
	struct message *message;

	foresee(view, messages);
	while ((message = STAILQ_FIRST(messages)) != NULL) {
		STAILQ_REMOVE_HEAD(messages, link);
		if (!receive(view, message))
			message_destroy(message);
	}
}

void
router_read_inbox(struct view *view)
{
	struct message_list messages = STAILQ_HEAD_INITIALIZER(messages);

	router_take_inbox(view, &messages);
	router_receive(view, &messages);
}
