/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "router.h"
#include "subject.h"

#define CACHED_ROUTES 512

struct router {
	unsigned nhandlers;                  /* constant after create */
	struct hash_key key;                 /* constant after create */
	struct subscriptions *subscriptions; /* constant after create */
	struct inbox inboxes[];
};

/* What a subject led to; good as long as the subscriptions have its version. */
struct cached_route {
	struct route *route; /* NULL: empty */
	size_t nsubject;
	char subject[SUBJECT_MAX_BYTES];
};

struct router *
router_create(unsigned nhandlers, struct record_pipe *const *pipes)
{
	struct router *router =
	    calloc(1, sizeof *router + nhandlers * sizeof router->inboxes[0]);

	if (router == NULL)
		return NULL;
	if (hash_key_init(&router->key) == -1)
		goto free_router;
	router->subscriptions = subscriptions_create();
	if (router->subscriptions == NULL)
		goto free_router;
	router->nhandlers = nhandlers;
	for (unsigned i = 0; i < nhandlers; i++)
		inbox_init(&router->inboxes[i], pipes[i]);
	return router;

free_router:
	free(router);
	return NULL;
}

void
router_destroy(struct router *router)
{
	if (router == NULL)
		return;
	for (unsigned i = 0; i < router->nhandlers; i++)
		inbox_fini(&router->inboxes[i]);
	subscriptions_destroy(router->subscriptions);
	free(router);
}

int
router_view_init(struct router_view *view, struct router *router, unsigned handler)
{
	memset(view, 0, sizeof *view);
	view->router = router;
	view->handler = handler;
	TAILQ_INIT(&view->dirty);
	TAILQ_INIT(&view->stalled);
	view->cache = calloc(CACHED_ROUTES, sizeof *view->cache);
	return view->cache == NULL ? -1 : 0;
}

void
router_view_fini(struct router_view *view)
{
	for (size_t i = 0; i < CACHED_ROUTES; i++)
		route_unref(view->cache[i].route);
	free(view->cache);
	free(view->sessions);
	free(view->scratch);
}

static int
view_grow(struct router_view *view, size_t index)
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
router_add(struct router_view *view, struct session *session)
{
	size_t index = amy_id_index(session->id);

	if (index >= view->nslots && view_grow(view, index) == -1)
		return -1;
	view->sessions[index] = session;
	view->nsessions++;
	return 0;
}

void
router_remove(struct router_view *view, struct session *session)
{
	router_unsubscribe_all(view, session);
	if (session->is_dirty)
		TAILQ_REMOVE(&view->dirty, session, dirty);
	if (session->is_stalled)
		TAILQ_REMOVE(&view->stalled, session, stalled);
	view->sessions[amy_id_index(session->id)] = NULL;
	view->nsessions--;
}

struct session *
router_find(const struct router_view *view, amy_id id)
{
	size_t index = amy_id_index(id);
	struct session *session = index < view->nslots ? view->sessions[index] : NULL;

	return session != NULL && session->id == id ? session : NULL;
}

void
router_mark_dirty(struct router_view *view, struct session *session)
{
	if (session->is_dirty)
		return;
	session->is_dirty = true;
	TAILQ_INSERT_TAIL(&view->dirty, session, dirty);
}

/* Who follows the subject, from the cache or found anew. Borrowed. NULL: ENOMEM. */
static struct route *
view_route(struct router_view *view, const struct amy_line *subject)
{
	struct router *router = view->router;
	uint64_t hash = hash_bytes(&router->key, subject->bytes, subject->nbytes);
	struct cached_route *cached = &view->cache[hash % CACHED_ROUTES];
	struct route *route;

	if (cached->route != NULL && cached->nsubject == subject->nbytes &&
	    memcmp(cached->subject, subject->bytes, subject->nbytes) == 0 &&
	    cached->route->version == subscriptions_version(router->subscriptions))
		return cached->route;
	route = subscriptions_match(router->subscriptions, subject->bytes, subject->nbytes);
	if (route == NULL)
		return NULL;
	route_unref(cached->route);
	cached->route = route;
	cached->nsubject = subject->nbytes;
	memcpy(cached->subject, subject->bytes, subject->nbytes);
	return route;
}

/* "MSG subject text" and LF, in the scratch buffer. Returns its length; 0: ENOMEM. */
static size_t
view_compose(struct router_view *view, const struct amy_line *subject,
             const struct amy_line *text)
{
	size_t nbytes = 4 + subject->nbytes + 1 + text->nbytes + 1;
	char *p;

	if (nbytes > view->nscratch) {
		p = realloc(view->scratch, nbytes);
		if (p == NULL)
			return 0;
		view->scratch = p;
		view->nscratch = nbytes;
	}
	p = view->scratch;
	memcpy(p, "MSG ", 4);
	memcpy(p + 4, subject->bytes, subject->nbytes);
	p += 4 + subject->nbytes;
	*p++ = ' ';
	if (text->nbytes > 0)
		memcpy(p, text->bytes, text->nbytes);
	p[text->nbytes] = '\n';
	return nbytes;
}

/* The first subscriber behind those of the handler that first belongs to. */
static size_t
route_next_handler(const struct route *route, size_t first)
{
	size_t i = first;

	while (i < route->n && route->subscribers[i].handler == route->subscribers[first].handler)
		i++;
	return i;
}

/* Is there room with every other handler that this goes to? */
static bool
view_others_have_room(struct router_view *view, const struct route *route)
{
	for (size_t i = 0; i < route->n; i = route_next_handler(route, i)) {
		unsigned handler = route->subscribers[i].handler;

		if (handler != view->handler &&
		    !inbox_has_room(&view->router->inboxes[handler], view->handler))
			return false;
	}
	return true;
}

/* To the view's own sessions among the route's. Returns how many took it. */
static size_t
view_deliver(struct router_view *view, const struct route *route, const char *line,
             size_t nbytes)
{
	size_t ntook = 0;

	for (size_t i = 0; i < route->n; i++) {
		struct session *session;

		if (route->subscribers[i].handler != view->handler)
			continue;
		session = router_find(view, route->subscribers[i].session);
		if (session == NULL)
			continue;
		if (session_deliver(session, line, nbytes))
			ntook++;
		router_mark_dirty(view, session);
	}
	return ntook;
}

/* A message for each other handler of the route. False: ENOMEM, and none is left. */
static bool
make_messages(struct router_view *view, struct route *route, size_t nbytes,
              struct message **messages)
{
	for (size_t i = 0; i < route->n; i = route_next_handler(route, i)) {
		unsigned handler = route->subscribers[i].handler;

		if (handler == view->handler)
			continue;
		messages[handler] = message_create(route, view->scratch, nbytes);
		if (messages[handler] != NULL)
			continue;
		for (unsigned j = 0; j < view->router->nhandlers; j++)
			if (messages[j] != NULL)
				message_destroy(messages[j]);
		return false;
	}
	return true;
}

/* Hand the messages over. Returns how many queues they are for. */
static size_t
send_messages(struct router_view *view, const struct route *route,
              struct message *const *messages)
{
	size_t nreaders = 0;

	for (size_t i = 0, next; i < route->n; i = next) {
		unsigned handler = route->subscribers[i].handler;

		next = route_next_handler(route, i);
		if (handler == view->handler)
			continue;
		inbox_push(&view->router->inboxes[handler], messages[handler]);
		view->to_wake |= (uint64_t)1 << handler;
		nreaders += next - i;
	}
	return nreaders;
}

static void
view_stall(struct router_view *view, struct session *session)
{
	session->is_stalled = true;
	TAILQ_INSERT_TAIL(&view->stalled, session, stalled);
}

enum router_result
router_publish(struct router_view *view, struct session *from,
               const struct amy_line *subject, const struct amy_line *text,
               size_t *nreaders)
{
	struct message *messages[CONF_MAX_HANDLERS] = { NULL };
	struct route *route = view_route(view, subject);
	size_t nbytes;

	*nreaders = 0;
	if (route == NULL)
		return ROUTER_NO_MEMORY;
	if (route->n == 0)
		return ROUTER_DONE;
	if (!view_others_have_room(view, route)) {
		view_stall(view, from);
		return ROUTER_FULL;
	}
	nbytes = view_compose(view, subject, text);
	if (nbytes == 0 || !make_messages(view, route, nbytes, messages))
		return ROUTER_NO_MEMORY;
	*nreaders = send_messages(view, route, messages);
	*nreaders += view_deliver(view, route, view->scratch, nbytes);
	return ROUTER_DONE;
}

static struct subscriber
view_subscriber(const struct router_view *view, const struct session *session)
{
	return (struct subscriber){ view->handler, session->id };
}

int
router_subscribe(struct router_view *view, struct session *session,
                 const struct amy_line *pattern)
{
	int result = subscriptions_add(view->router->subscriptions,
	                               view_subscriber(view, session), pattern->bytes,
	                               pattern->nbytes, &session->subscriptions);

	if (result == 1)
		session->nsubscriptions++;
	return result;
}

bool
router_is_subscribed(struct router_view *view, const struct session *session,
                     const struct amy_line *pattern)
{
	return subscriptions_has(view->router->subscriptions,
	                         view_subscriber(view, session), pattern->bytes,
	                         pattern->nbytes);
}

size_t
router_unsubscribe(struct router_view *view, struct session *session,
                   const struct amy_line *pattern)
{
	int n = subscriptions_remove(view->router->subscriptions,
	                             view_subscriber(view, session), pattern->bytes,
	                             pattern->nbytes);

	session->nsubscriptions -= (unsigned)n;
	return (size_t)n;
}

size_t
router_unsubscribe_all(struct router_view *view, struct session *session)
{
	size_t n = subscriptions_remove_all(view->router->subscriptions,
	                                    &session->subscriptions);

	session->nsubscriptions = 0;
	return n;
}

bool
router_is_woken(const struct router_view *view)
{
	const struct inbox *inbox = &view->router->inboxes[view->handler];

	return atomic_load_explicit(&inbox->is_woken, memory_order_acquire);
}

void
router_read_inbox(struct router_view *view)
{
	struct message_list messages;
	struct message *message;

	view->to_wake |= inbox_take(&view->router->inboxes[view->handler], &messages);
	while ((message = STAILQ_FIRST(&messages)) != NULL) {
		STAILQ_REMOVE_HEAD(&messages, link);
		view_deliver(view, message->route, message->line, message->nbytes);
		message_destroy(message);
	}
}

void
router_wake_others(struct router_view *view)
{
	for (unsigned i = 0; view->to_wake != 0; i++) {
		uint64_t bit = (uint64_t)1 << i;

		if (view->to_wake & bit)
			inbox_wake(&view->router->inboxes[i]);
		view->to_wake &= ~bit;
	}
}
