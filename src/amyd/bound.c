/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "ask.h"
#include "bound.h"
#include "history.h"
#include "http_limits.h"
#include "publication.h"
#include "requests.h"
#include "session.h"

/* The program, its threads, the log, and tables that are empty. */
#define BASE_BYTES (UINT64_C(8) << 20)

/* Of a handler: its buffer, its inbox of 1 MiB, the routes that it remembers, a turn's batch. */
#define HANDLER_BYTES (UINT64_C(4) << 20)
#define HANDLER_LINES 16 /* places where one line may stand that is longer than its bound */

/* Of a client, besides its session: its registration, tables, its name, its address. */
#define CLIENT_BYTES 512

/* A line with what stands before the text; or some that READ and WHO make at a time. */
#define LINE_BYTES 512
#define MADE_BYTES (32 * 1024)

/* What was read of a client at once, and may be kept if its lines cannot be run yet. */
#define READ_BYTES (128 * 1024)

/* Of a stored line, besides the publication: its entry, and its subject. */
#define STORED_BYTES 400

/* Of a target of a rule: its queues apart, what is just being written. */
#define TARGET_BYTES (UINT64_C(256) << 10)

static uint64_t
add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t
times(uint64_t n, uint64_t a)
{
	return a > 0 && n > UINT64_MAX / a ? UINT64_MAX : n * a;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The longest line that anybody may send. */
static uint64_t
longest_line(const struct conf *conf)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < conf->nlisteners; i++)
		if (conf->listeners[i].mode != CONF_MODE_HTTP)
			longest = larger(longest, conf->listeners[i].max_line);
	return longest + LINE_BYTES;
}

/* What may wait: deliveries fill the queue; answers half of it, and then one comes more. */
static uint64_t
most_output(const struct conf_listener *listener, uint64_t line)
{
	uint64_t deliveries = larger(listener->queue, line);
	uint64_t answers = listener->queue / 2 + listener->max_line + LINE_BYTES;

	switch (listener->mode) {
	case CONF_MODE_COMMAND:
		return deliveries + answers + MADE_BYTES;
	case CONF_MODE_ECHO:
		return answers;
	case CONF_MODE_PUBLISH:
		return 0;
	case CONF_MODE_SUBSCRIBE:
		return deliveries + MADE_BYTES;
	case CONF_MODE_HTTP:
		break;
	}
	return 0;
}

/* Buffers grow by doubling, but that of lines that have come. */
static uint64_t
most_of_client(const struct conf_listener *listener, uint64_t line)
{
	uint64_t most = sizeof(struct session) + CLIENT_BYTES + READ_BYTES +
	                2 * listener->max_line + 2 * most_output(listener, line);

	if (listener->mode == CONF_MODE_COMMAND) /* its will, and its requests */
		most += line + ASK_MAX_REQUESTS * sizeof(struct request);
	return most;
}

/* Of those that are answered by HTTP, which are none of max_clients. */
static uint64_t
most_of_web(const struct conf *conf)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < conf->nlisteners; i++)
		if (conf->listeners[i].mode == CONF_MODE_HTTP)
			sum += HTTP_MAX_CLIENTS * HTTP_CLIENT_BYTES;
	return sum;
}

static uint64_t
most_stored(const struct conf *conf)
{
	uint64_t sum = HISTORY_MAX_KEPT_BYTES + HISTORY_MAX_KEPT * STORED_BYTES;

	for (size_t i = 0; i < conf->nhistories; i++) {
		const struct conf_history *history = &conf->histories[i];
		uint64_t nlines = history->bytes / sizeof(struct publication);

		if (nlines > history->lines)
			nlines = history->lines;
		sum = add(sum, add(history->bytes, times(nlines, STORED_BYTES)));
	}
	return sum;
}

/* Of a connection, as much again may be sent and not acknowledged. */
static uint64_t
most_of_target(const struct conf_rule *rule, const struct conf_target *target, uint64_t line)
{
	uint64_t queue = larger(rule->queue, line);

	return (target->kind == CONF_TARGET_TCP ? 2 * queue : queue) + TARGET_BYTES;
}

static uint64_t
most_of_rules(const struct conf *conf, uint64_t line)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < conf->nrules; i++) {
		const struct conf_rule *rule = &conf->rules[i];

		for (size_t t = 0; t < rule->ntargets; t++)
			if (rule->targets[t].kind != CONF_TARGET_SUBJECT)
				sum = add(sum, most_of_target(rule, &rule->targets[t], line));
	}
	return sum;
}

void
bound_compute(const struct conf *conf, struct bound *bound)
{
	uint64_t line = longest_line(conf);

	bound->client = 0;
	for (size_t i = 0; i < conf->nlisteners; i++)
		if (conf->listeners[i].mode != CONF_MODE_HTTP)
			bound->client =
			    larger(bound->client, most_of_client(&conf->listeners[i], line));
	bound->clients = times(conf->max_clients, bound->client);
	bound->handler = HANDLER_BYTES + HANDLER_LINES * line;
	bound->handlers = times(conf->handlers, bound->handler);
	bound->stored = most_stored(conf);
	bound->rules = most_of_rules(conf, line);
	bound->total = add(add(add(bound->clients, bound->handlers), bound->stored),
	                   add(bound->rules, BASE_BYTES + most_of_web(conf)));
}

#define MAX_SIZE 32

static const char *
format_size(uint64_t nbytes, char text[MAX_SIZE])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double n = (double)nbytes;
	size_t i = 0;

	for (; n >= 1024 && i < sizeof units / sizeof units[0] - 1; i++)
		n /= 1024;
	snprintf(text, MAX_SIZE, "%.*f %s", i > 0 && n < 100 ? 1 : 0, n, units[i]);
	return text;
}

const char *
bound_format(const struct conf *conf, char text[BOUND_MAX_TEXT])
{
	char total[MAX_SIZE], client[MAX_SIZE], handler[MAX_SIZE], stored[MAX_SIZE],
	    rules[MAX_SIZE], each[MAX_SIZE];
	struct bound bound;

	bound_compute(conf, &bound);
	snprintf(text, BOUND_MAX_TEXT,
	         "memory: at most %s: %u clients of %s, %u handlers of %s, stored lines %s, "
	         "rules %s; and for each subscription %s",
	         format_size(bound.total, total), conf->max_clients,
	         format_size(bound.client, client), conf->handlers,
	         format_size(bound.handler, handler), format_size(bound.stored, stored),
	         format_size(bound.rules, rules), format_size(BOUND_SUBSCRIPTION_BYTES, each));
	return text;
}
