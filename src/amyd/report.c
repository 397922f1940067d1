/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "report.h"
#include "subscriptions_list.h"

/* So many rows, and about as many bytes, are made at a time. */
#define MAX_ROWS 64
#define ENOUGH_BYTES 16384

#define MAX_ROW 1024

/* A bit for each place that a client may have. */
#define PLACES_A_WORD 64

/* ---- Rows ------------------------------------------------------------------------- */

/*
 * Rows on their way to a client, and the final line behind them. Owner: the output of its
 * session.
 */
struct report {
	struct output_source source;
	struct view *view;
	struct session *session;
	bool (*rows)(struct report *report,
	             struct amy_line_writer *writer); /* are there more? */
	size_t place;                   /* what it has come to; of a list, in its part */
	unsigned step;                  /* of STATS and TRACE: what comes next */
	size_t nrows;                   /* that were made */
	struct subscriptions_list list; /* a part of what is looked through */
	uint64_t *seen;                 /* of WHO: the places of those who had their row */
	size_t nseen;                   /* words of that */
	size_t cost;                    /* of the rows that were made since it was 0 */
	bool failed;                    /* ENOMEM */
	size_t nsubject;
	char head[PROTOCOL_MAX_HEAD]; /* of the final line */
	char subject[SUBJECT_MAX_BYTES];
};

static void
report_end(struct output_source *source)
{
	struct report *report = (struct report *)source; /* its first member */

	subscriptions_list_free(&report->list);
	free(report->seen);
	free(report);
}

static void row(struct report *report, struct amy_line_writer *writer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
row(struct report *report, struct amy_line_writer *writer, const char *format, ...)
{
	char text[MAX_ROW];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (n >= MAX_ROW)
		n = MAX_ROW - 1;
	report->cost += COST_ROW;
	if (report->session->is_raw)
		return;
	if (amy_line_writer_put(writer, text, (size_t)n) == -1)
		report->failed = true;
	report->nrows++;
}

static void
final(struct report *report, struct amy_line_writer *writer)
{
	size_t nrows = report->nrows;

	row(report, writer, "%s+OK %zu", report->head, nrows);
}

/* Some more rows, or none, and what they cost. False: these were the last. */
static bool
some_rows(struct report *report, struct amy_line_writer *writer)
{
	bool is_more;

	report->cost = COST_LOOK;
	is_more = report->rows(report, writer);
	budget_spend(&report->view->budget, &report->session->share, report->cost);
	return is_more;
}

static bool
has_enough(const struct report *report, struct amy_line_writer *writer)
{
	return report->session->share.left == 0 || report->failed ||
	       amy_line_writer_pending(writer, NULL) >= ENOUGH_BYTES;
}

static bool
report_more(struct output_source *source, struct amy_line_writer *writer)
{
	struct report *report = (struct report *)source;
	bool is_more = true;

	budget_open(&report->view->budget, &report->session->share);
	while (is_more && !has_enough(report, writer))
		is_more = some_rows(report, writer);
	if (!is_more)
		final(report, writer);
	if (report->failed)
		session_fail(report->session, "out of memory");
	return is_more && !report->failed;
}

/* NULL: ENOMEM. */
static struct report *
report_create(struct view *view, struct session *session, const struct amy_bytes *subject,
              const char *tag, size_t ntag)
{
	struct report *report = calloc(1, sizeof *report);

	if (report == NULL)
		return NULL;
	report->source = (struct output_source){ report_more, report_end };
	report->view = view;
	report->session = session;
	report->nsubject = subject->nbytes;
	if (subject->nbytes > 0)
		memcpy(report->subject, subject->bytes, subject->nbytes);
	protocol_write_tag(tag, ntag, report->head);
	return report;
}

/* ---- WHO -------------------------------------------------------------------------- */

static void
client_row(struct report *report, struct amy_line_writer *writer,
           const struct client_row *client)
{
	char text[CLIENTS_MAX_TEXT];
	int64_t age_ms = view_now_ms(report->view) - client->since_ms;

	row(report, writer, "* %s subs=%u queued=%u dropped=%" PRIu64 " seconds=%" PRId64,
	    client_format(client, text), client->nsubscriptions, client->queued, client->ndropped,
	    age_ms < 0 ? 0 : age_ms / 1000);
}

static bool
rows_of_clients(struct report *report, struct amy_line_writer *writer)
{
	struct client_row clients[MAX_ROWS];
	size_t n = clients_list(report->view->clients, &report->place, clients, MAX_ROWS);

	for (size_t i = 0; i < n; i++)
		client_row(report, writer, &clients[i]);
	return n > 0;
}

/* So that there is a bit for a place. False: ENOMEM. */
static bool
make_seen(struct report *report, size_t place)
{
	size_t nwords = place / PLACES_A_WORD + 1;
	uint64_t *seen;

	if (nwords <= report->nseen)
		return true;
	seen = realloc(report->seen, 2 * nwords * sizeof *seen);
	if (seen == NULL)
		return false;
	memset(seen + report->nseen, 0, (2 * nwords - report->nseen) * sizeof *seen);
	report->seen = seen;
	report->nseen = 2 * nwords;
	return true;
}

/* One row for each client, whatever it follows. */
static void
row_of_follower(struct report *report, struct amy_line_writer *writer, amy_id id)
{
	size_t place = amy_id_index(id);
	uint64_t bit = (uint64_t)1 << place % PLACES_A_WORD;
	struct client_row client;

	if (!make_seen(report, place)) {
		report->failed = true;
		return;
	}
	if (report->seen[place / PLACES_A_WORD] & bit)
		return;
	report->seen[place / PLACES_A_WORD] |= bit;
	if (clients_row(report->view->clients, id, &client))
		client_row(report, writer, &client);
}

/* Look for some more subscriptions. False: there are no more. */
static bool
next_part(struct report *report)
{
	struct subscriptions_list *list = &report->list;

	report->place = list->n = 0;
	if (subscriptions_list_is_over(list))
		return false;
	if (subscriptions_list_next(list, report->view->subscriptions, report->subject,
	                            report->nsubject) == -1)
		report->failed = true;
	report->cost += list->nlooks * COST_LOOK;
	return true;
}

static bool
rows_of_followers(struct report *report, struct amy_line_writer *writer)
{
	const struct subscriptions_list *list = &report->list;

	if (report->place == list->n)
		return next_part(report);
	for (int i = 0; i < MAX_ROWS && report->place < list->n; i++)
		row_of_follower(report, writer, list->items[report->place++].who.session);
	return true;
}

bool
report_who(struct view *view, struct session *session, const struct amy_bytes *pattern,
           const char *tag, size_t ntag)
{
	struct report *report = report_create(view, session, pattern, tag, ntag);

	if (report == NULL)
		return false;
	report->rows = pattern->nbytes == 0 ? rows_of_clients : rows_of_followers;
	return session_put_source(session, &report->source);
}

/* ---- TRACE ------------------------------------------------------------------------ */

static void
rows_of_store(struct report *report, struct amy_line_writer *writer)
{
	struct router *router = report->view->router;
	int section = history_section(router->history, report->subject, report->nsubject);
	struct history_usage usage;

	if (section >= 0) {
		history_usage(router->history, (size_t)section, &usage);
		row(report, writer, "* history %s", usage.name);
	}
	if (history_is_kept(router->history, report->subject, report->nsubject))
		row(report, writer, "* kept");
}

static void
rows_of_rules(struct report *report, struct amy_line_writer *writer)
{
	struct router *router = report->view->router;
	uint64_t rules = rules_of_subject(router->policy.rules, report->subject, report->nsubject);

	for (size_t i = 0; rules != 0; i++, rules >>= 1) {
		const struct conf_rule *rule = &router->policy.conf->rules[i];
		char regex[MAX_ROW / 4];

		for (size_t t = 0; (rules & 1) && t < rule->ntargets; t++)
			row(report, writer, "* rule %s to=%s%s%s", rule->name,
			    rule->targets[t].text, rule->regex == NULL ? "" : " regex=",
			    rule->regex == NULL ? ""
			                        : log_escape(regex, sizeof regex, rule->regex,
			                                     strlen(rule->regex)));
	}
}

static void
follower_row(struct report *report, struct amy_line_writer *writer,
             const struct subscriptions_item *item)
{
	struct client_row client;
	char text[CLIENTS_MAX_TEXT];
	const char *group = item->group == 0 ? NULL : report->list.texts + item->group;

	if (!clients_row(report->view->clients, item->who.session, &client))
		return;
	row(report, writer, "* reader %s pat=%s%s%s", client_format(&client, text),
	    report->list.texts + item->pattern,
	    group == NULL ? "" : " group=", group == NULL ? "" : group);
}

static bool
rows_of_trace(struct report *report, struct amy_line_writer *writer)
{
	const struct subscriptions_list *list = &report->list;

	if (report->step == 0) {
		report->step++;
		rows_of_store(report, writer);
		rows_of_rules(report, writer);
	}
	if (report->place == list->n)
		return next_part(report);
	for (int i = 0; i < MAX_ROWS && report->place < list->n; i++)
		follower_row(report, writer, &list->items[report->place++]);
	return true;
}

bool
report_trace(struct view *view, struct session *session, const struct amy_bytes *subject,
             const char *tag, size_t ntag)
{
	struct report *report = report_create(view, session, subject, tag, ntag);

	if (report == NULL)
		return false;
	report->rows = rows_of_trace;
	return session_put_source(session, &report->source);
}

/* ---- STATS ------------------------------------------------------------------------ */

static void stat_row(struct report *report, struct amy_line_writer *writer, uint64_t value,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "* name value", if the name begins as is asked for. */
static void
stat_row(struct report *report, struct amy_line_writer *writer, uint64_t value,
         const char *format, ...)
{
	char name[MAX_ROW / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof name, format, arguments);
	va_end(arguments);
	report->cost += COST_ROW / 2;
	if (strncmp(name, report->subject, report->nsubject) == 0)
		row(report, writer, "* %s %" PRIu64, name, value);
}

static void text_row(struct report *report, struct amy_line_writer *writer, const char *text,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* One whose value is a text; none if that is empty. */
static void
text_row(struct report *report, struct amy_line_writer *writer, const char *text,
         const char *format, ...)
{
	char name[MAX_ROW / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof name, format, arguments);
	va_end(arguments);
	if (*text != '\0' && strncmp(name, report->subject, report->nsubject) == 0)
		row(report, writer, "* %s %s", name, text);
}

static void
rows_of_counters(struct report *report, struct amy_line_writer *writer)
{
	const struct router *router = report->view->router;

	for (int stat = 0; stat < STAT_COUNT; stat++) {
		uint64_t sum = 0;

		for (unsigned i = 0; i <= router->nhandlers; i++)
			sum += stats_get(&router->stats[i], (enum stats_counter)stat);
		stat_row(report, writer, sum, "%s", stats_names[stat]);
	}
}

static void
rows_of_tables(struct report *report, struct amy_line_writer *writer)
{
	struct router *router = report->view->router;
	int64_t age_ms = view_now_ms(report->view) - router->since_ms;

	quota_measure(&router->quota);
	stat_row(report, writer, (uint64_t)(age_ms / 1000), "server.seconds");
	stat_row(report, writer, router->nhandlers, "server.handlers");
	stat_row(report, writer, atomic_load(&router->nreloads), "server.reloads");
	stat_row(report, writer, atomic_load(&router->nreloads_refused),
	         "server.reloads.refused");
	stat_row(report, writer, clients_count(router->clients), "clients.connected");
	stat_row(report, writer, clients_count_names(router->clients), "clients.named");
	stat_row(report, writer, subscriptions_count(router->subscriptions), "subscriptions");
	stat_row(report, writer, quota_used(&router->quota), "memory.used");
	stat_row(report, writer, atomic_load(&router->quota.limit), "memory.limit");
}

static void
rows_of_history(struct report *report, struct amy_line_writer *writer)
{
	struct history *history = report->view->router->history;
	struct history_usage usage;
	uint64_t head;

	history_lock(history);
	head = history_head(history);
	history_unlock(history);
	stat_row(report, writer, head, "history.seq");
	history_kept_usage(history, &usage);
	stat_row(report, writer, usage.nlines, "kept.lines");
	stat_row(report, writer, usage.nbytes, "kept.bytes");
	for (size_t i = 0; i < history_nsections(history); i++) {
		history_usage(history, i, &usage);
		stat_row(report, writer, usage.nlines, "history.%s.lines", usage.name);
		stat_row(report, writer, usage.nbytes, "history.%s.bytes", usage.name);
		stat_row(report, writer, usage.nforgotten, "history.%s.forgotten", usage.name);
	}
}

static void
rows_of_sink(struct report *report, struct amy_line_writer *writer, const struct sink *sink)
{
	const char *rule = sink_rule(sink)->name, *target = sink_target(sink)->text;
	struct sink_usage usage;
	int64_t age_ms;

	sink_usage((struct sink *)sink, &usage);
	age_ms = view_now_ms(report->view) - usage.since_ms;
	stat_row(report, writer, usage.nput, "rule.%s.%s.put", rule, target);
	stat_row(report, writer, usage.nwritten, "rule.%s.%s.written", rule, target);
	stat_row(report, writer, usage.nunsure, "rule.%s.%s.unsure", rule, target);
	stat_row(report, writer, usage.nqueued, "rule.%s.%s.queued", rule, target);
	stat_row(report, writer, usage.ndropped, "rule.%s.%s.dropped", rule, target);
	stat_row(report, writer, usage.is_up, "rule.%s.%s.connected", rule, target);
	stat_row(report, writer, age_ms < 0 ? 0 : (uint64_t)age_ms / 1000, "rule.%s.%s.since",
	         rule, target);
	text_row(report, writer, usage.error, "rule.%s.%s.error", rule, target);
}

/* False: there is no such rule. */
static bool
rows_of_rule(struct report *report, struct amy_line_writer *writer, size_t i)
{
	const struct router_policy *policy = &report->view->router->policy;

	if (i >= policy->conf->nrules)
		return false;
	for (size_t t = 0; t < policy->conf->rules[i].ntargets; t++)
		if (policy->sinks[i][t] != NULL)
			rows_of_sink(report, writer, policy->sinks[i][t]);
	return true;
}

/* What is to be compared comes at once: all counters, and then each rule. */
static bool
rows_of_stats(struct report *report, struct amy_line_writer *writer)
{
	switch (report->step++) {
	case 0:
		rows_of_tables(report, writer);
		rows_of_counters(report, writer);
		return true;
	case 1:
		rows_of_history(report, writer);
		return true;
	}
	return rows_of_rule(report, writer, report->place++);
}

bool
report_stats(struct view *view, struct session *session, const struct amy_bytes *prefix,
             const char *tag, size_t ntag)
{
	struct report *report = report_create(view, session, prefix, tag, ntag);

	if (report == NULL)
		return false;
	report->rows = rows_of_stats;
	return session_put_source(session, &report->source);
}
