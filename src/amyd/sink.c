/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monotonic.h"
#include "sink.h"

/* How often it is said that lines were dropped. */
#define SAY_EVERY_MS 10000

/* One line that waits. */
struct node {
	STAILQ_ENTRY(node) link;
	struct publication *publication;
};

STAILQ_HEAD(node_list, node);

struct sink {
	/* constant after create */
	const struct conf_rule *rule;
	const struct conf_target *target;
	sink_wake_fn *wake;
	void *context;

	/* guarded by lock */
	pthread_mutex_t lock;
	size_t limit; /* bytes that may wait */
	struct node_list waiting;
	size_t nbytes;
	uint64_t nput, nwritten, nunsure, ndropped;
	bool reader_waits; /* it was told that there is nothing */
	uint64_t unsaid;   /* lines dropped since that was last said */
	int64_t say_not_before_ms;
	bool is_up;
	int64_t since_ms;
	char error[SINK_MAX_ERROR];
};

struct sink *
sink_create(const struct conf_rule *rule, const struct conf_target *target, sink_wake_fn *wake,
            void *context)
{
	struct sink *sink = calloc(1, sizeof *sink);

	if (sink == NULL)
		return NULL;
	sink->rule = rule;
	sink->target = target;
	sink->wake = wake;
	sink->context = context;
	sink->limit = rule->queue;
	conf_ref(rule->conf);
	pthread_mutex_init(&sink->lock, NULL);
	STAILQ_INIT(&sink->waiting);
	sink->reader_waits = true;
	sink->say_not_before_ms = INT64_MIN;
	sink->since_ms = monotonic_now_ms();
	return sink;
}

static void
free_nodes(struct node_list *nodes)
{
	struct node *node;

	while ((node = STAILQ_FIRST(nodes)) != NULL) {
		STAILQ_REMOVE_HEAD(nodes, link);
		publication_unref(node->publication);
		free(node);
	}
}

static void
say_dropped(const struct sink *sink, uint64_t n)
{
	log_warning("rule %s: %s: %" PRIu64 " lines dropped, for they had to wait too long: "
	            "mend the target, or raise queue = of the rule",
	            sink->rule->name, sink->target->text, n);
}

/* The lock is held, or nobody else has it. */
static uint64_t
count_queued(const struct sink *sink)
{
	return sink->nput - sink->nwritten - sink->nunsure - sink->ndropped;
}

void
sink_destroy(struct sink *sink)
{
	uint64_t unsaid;

	if (sink == NULL)
		return;
	unsaid = sink->unsaid + count_queued(sink);
	if (unsaid > 0)
		say_dropped(sink, unsaid);
	free_nodes(&sink->waiting);
	pthread_mutex_destroy(&sink->lock);
	conf_unref(sink->rule->conf);
	free(sink);
}

const struct conf_rule *
sink_rule(const struct sink *sink)
{
	return sink->rule;
}

const struct conf_target *
sink_target(const struct sink *sink)
{
	return sink->target;
}

void *
sink_context(const struct sink *sink)
{
	return sink->context;
}

void
sink_set_limit(struct sink *sink, size_t limit)
{
	pthread_mutex_lock(&sink->lock);
	sink->limit = limit;
	pthread_mutex_unlock(&sink->lock);
}

size_t
sink_limit(struct sink *sink)
{
	size_t limit;

	pthread_mutex_lock(&sink->lock);
	limit = sink->limit;
	pthread_mutex_unlock(&sink->lock);
	return limit;
}

static size_t
node_size(const struct publication *publication)
{
	return sizeof(struct node) + publication_size(publication);
}

/* The lock is held, and a line waits. */
static struct node *
take_oldest(struct sink *sink)
{
	struct node *node = STAILQ_FIRST(&sink->waiting);

	STAILQ_REMOVE_HEAD(&sink->waiting, link);
	sink->nbytes -= node_size(node->publication);
	return node;
}

/* The lock is held. A line that is larger than the whole queue waits alone. */
static uint64_t
make_room(struct sink *sink, size_t nbytes, struct node_list *dropped)
{
	size_t limit = sink->limit;
	uint64_t n = 0;

	while (!STAILQ_EMPTY(&sink->waiting) &&
	       (nbytes > limit || sink->nbytes > limit - nbytes)) {
		struct node *node = take_oldest(sink);

		STAILQ_INSERT_TAIL(dropped, node, link);
		n++;
	}
	return n;
}

/* The lock is held. Returns how many are to be logged now. */
static uint64_t
count_dropped(struct sink *sink, uint64_t n)
{
	uint64_t to_say;
	int64_t now;

	if (n == 0)
		return 0;
	sink->ndropped += n;
	sink->unsaid += n;
	now = monotonic_now_ms();
	if (now < sink->say_not_before_ms)
		return 0;
	sink->say_not_before_ms = now + SAY_EVERY_MS;
	to_say = sink->unsaid;
	sink->unsaid = 0;
	return to_say;
}

/* The lock is held. */
static uint64_t
insert(struct sink *sink, struct node *node, struct node_list *dropped)
{
	size_t nbytes = node_size(node->publication);
	uint64_t n = make_room(sink, nbytes, dropped);

	STAILQ_INSERT_TAIL(&sink->waiting, node, link);
	sink->nbytes += nbytes;
	return n;
}

uint64_t
sink_put(struct sink *sink, struct publication *publication)
{
	struct node_list dropped = STAILQ_HEAD_INITIALIZER(dropped);
	struct node *node = malloc(sizeof *node);
	uint64_t n = 1, to_say;
	bool wakes = false;

	if (node != NULL)
		node->publication = publication_ref(publication);
	pthread_mutex_lock(&sink->lock);
	sink->nput++;
	if (node != NULL) {
		n = insert(sink, node, &dropped);
		wakes = sink->reader_waits;
		sink->reader_waits = false;
	}
	to_say = count_dropped(sink, n);
	pthread_mutex_unlock(&sink->lock);
	if (wakes)
		sink->wake(sink);
	if (to_say > 0)
		say_dropped(sink, to_say);
	free_nodes(&dropped);
	return n;
}

struct publication *
sink_take(struct sink *sink)
{
	struct publication *publication;
	struct node *node = NULL;

	pthread_mutex_lock(&sink->lock);
	sink->reader_waits = STAILQ_EMPTY(&sink->waiting);
	if (!sink->reader_waits)
		node = take_oldest(sink);
	pthread_mutex_unlock(&sink->lock);
	if (node == NULL)
		return NULL;
	publication = node->publication;
	free(node);
	return publication;
}

void
sink_wrote(struct sink *sink, uint64_t n)
{
	pthread_mutex_lock(&sink->lock);
	sink->nwritten += n;
	pthread_mutex_unlock(&sink->lock);
}

void
sink_lost(struct sink *sink, uint64_t n)
{
	pthread_mutex_lock(&sink->lock);
	sink->ndropped += n;
	pthread_mutex_unlock(&sink->lock);
}

void
sink_doubt(struct sink *sink, uint64_t n)
{
	pthread_mutex_lock(&sink->lock);
	sink->nwritten -= n;
	sink->nunsure += n;
	pthread_mutex_unlock(&sink->lock);
}

void
sink_set_state(struct sink *sink, bool is_up, const char *error)
{
	pthread_mutex_lock(&sink->lock);
	if (is_up != sink->is_up)
		sink->since_ms = monotonic_now_ms();
	sink->is_up = is_up;
	if (error != NULL)
		snprintf(sink->error, sizeof sink->error, "%s", error);
	pthread_mutex_unlock(&sink->lock);
}

void
sink_usage(struct sink *sink, struct sink_usage *usage)
{
	pthread_mutex_lock(&sink->lock);
	usage->nput = sink->nput;
	usage->nwritten = sink->nwritten;
	usage->ndropped = sink->ndropped;
	usage->nunsure = sink->nunsure;
	usage->nqueued = count_queued(sink);
	usage->nbytes = sink->nbytes;
	usage->is_up = sink->is_up;
	usage->since_ms = sink->since_ms;
	memcpy(usage->error, sink->error, sizeof usage->error);
	pthread_mutex_unlock(&sink->lock);
}

/* ---- Batches ---------------------------------------------------------------------- */

/* With its LF. */
static size_t
line_size(const struct publication *publication)
{
	return publication->text.nbytes + 1;
}

bool
sink_batch_fill(struct sink_batch *batch, struct sink *sink)
{
	struct publication *publication;
	size_t nbytes = 0;

	if (batch->n > 0)
		return true;
	batch->first = 0;
	while (batch->n < SINK_BATCH_LINES && nbytes < SINK_BATCH_BYTES &&
	       (publication = sink_take(sink)) != NULL) {
		batch->lines[batch->n++] = publication;
		nbytes += line_size(publication);
	}
	return batch->n > 0;
}

void
sink_batch_add(struct sink_batch *batch, struct publication *publication)
{
	if (batch->n > 0)
		batch->lines[0] = batch->lines[batch->first];
	batch->first = 0;
	batch->lines[batch->n++] = publication;
}

static void
add_piece(struct iovec *pieces, int *n, const char *bytes, size_t nbytes)
{
	if (nbytes > 0)
		pieces[(*n)++] = (struct iovec){ (char *)bytes, nbytes };
}

int
sink_batch_pieces(const struct sink_batch *batch, struct iovec pieces[SINK_BATCH_PIECES])
{
	size_t gone = batch->gone;
	int n = 0;

	for (unsigned i = 0; i < batch->n; i++) {
		const struct amy_bytes *text = &batch->lines[batch->first + i]->text;

		if (gone < text->nbytes)
			add_piece(pieces, &n, text->bytes + gone, text->nbytes - gone);
		add_piece(pieces, &n, "\n", 1);
		gone = 0;
	}
	return n;
}

static void
pop_first(struct sink_batch *batch)
{
	publication_unref(batch->lines[batch->first]);
	batch->first++;
	batch->n--;
}

unsigned
sink_batch_wrote(struct sink_batch *batch, struct sink *sink, size_t nbytes)
{
	unsigned n = 0;

	batch->gone += nbytes;
	while (batch->n > 0 && batch->gone >= line_size(batch->lines[batch->first])) {
		batch->gone -= line_size(batch->lines[batch->first]);
		pop_first(batch);
		n++;
	}
	if (n > 0)
		sink_wrote(sink, n);
	return n;
}

void
sink_batch_lose_first(struct sink_batch *batch, struct sink *sink)
{
	pop_first(batch);
	batch->gone = 0;
	sink_lost(sink, 1);
}

void
sink_batch_lose_rest(struct sink_batch *batch, struct sink *sink)
{
	unsigned nkept = batch->gone > 0 ? 1 : 0;

	sink_lost(sink, batch->n - nkept);
	while (batch->n > nkept)
		publication_unref(batch->lines[batch->first + --batch->n]);
}

void
sink_batch_fini(struct sink_batch *batch)
{
	while (batch->n > 0)
		pop_first(batch);
	batch->gone = 0;
}
