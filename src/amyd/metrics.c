/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - the status for Prometheus.
 *
 * What STATS has comes by itself: "lines.read" is amyd_lines_read_total, "lines.dropped.slow"
 * is amyd_lines_dropped_total{cause="slow"}.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "metrics.h"
#include "utf8.h"

/* What is said of a family: the first of its counters has it. */
static const char *const helps[STAT_COUNT] = {
	[STAT_CLIENTS_ACCEPTED] = "Clients that came.",
	[STAT_CLIENTS_CLOSED] = "Clients that ended.",
	[STAT_CLIENTS_IDLE] = "Clients that were ended, by the limit that they passed.",
	[STAT_REFUSED_MAX_CLIENTS] = "Callers that were turned away, by cause.",
	[STAT_ACCEPT_PAUSES] = "Times that callers of a listener had to wait.",
	[STAT_CLIENTS_LEASED] = "Clients that their handlers wait for themselves.",
	[STAT_EVENTS_LEASED] = "Events of clients that their handlers waited for.",
	[STAT_EVENTS_POLLED] = "Events that the poller thread told.",
	[STAT_LINES_READ] = "Lines that clients sent.",
	[STAT_LINES_NOT_RUN] = "Lines that came behind the end of their client, and were not run.",
	[STAT_LINES_TOO_LONG] = "Lines that were longer than max_line.",
	[STAT_LINES_OVER_RATE] = "Lines refused or delayed by line_rate.",
	[STAT_LINES_UNTERMINATED] = "Last lines without LF, which were not run.",
	[STAT_LINES_PUBLISHED] = "Lines published to a subject, by clients and rules.",
	[STAT_LINES_UNDELIVERED] = "Published lines that nobody took.",
	[STAT_LINES_MATCHED] = "Copies of lines that were due to clients.",
	[STAT_LINES_DELIVERED] = "Copies of lines that were sent to clients, whole.",
	[STAT_LINES_QUEUED] = "Copies of lines that wait for clients.",
	[STAT_LINES_DROPPED_SLOW] = "Copies of lines that were dropped, by cause.",
	[STAT_MEMORY_FORGOTTEN] = "Stored lines that were forgotten because memory was short.",
	[STAT_MEMORY_REFUSED] = "Lines of clients that were refused because memory was short.",
	[STAT_LINES_REPLAYED] = "Stored lines that were sent to clients.",
	[STAT_REQUESTS] = "Requests that were asked.",
	[STAT_REQUESTS_ANSWERED] = "Requests that were answered.",
	[STAT_REQUESTS_TIMED_OUT] = "Requests that were not answered in time.",
	[STAT_RULES_GAVE_UP] = "Lines for which a regex took too long.",
};

/* ---- Form ------------------------------------------------------------------------- */

/* A backslash, a quote and LF are escaped; what is no UTF-8 is shown as \xNN. */
static void
put_label(FILE *file, const char *name, const char *value)
{
	size_t left = strlen(value);

	fprintf(file, "%s=\"", name);
	while (left > 0) {
		size_t n = utf8_length(value, left);

		if (n == 0)
			fprintf(file, "\\\\x%02x", (unsigned char)*value);
		else if (*value == '\n')
			fputs("\\n", file);
		else if (*value == '"' || *value == '\\')
			fprintf(file, "\\%c", *value);
		else
			fwrite(value, 1, n, file);
		value += n == 0 ? 1 : n;
		left -= n == 0 ? 1 : n;
	}
	fputc('"', file);
}

/* Labels are names and values by turns, and a NULL; there may be none. */
struct labels {
	const char *items[9];
};

static void
put_labels(FILE *file, const struct labels *labels)
{
	for (size_t i = 0; labels->items[i] != NULL; i += 2) {
		fputc(i == 0 ? '{' : ',', file);
		put_label(file, labels->items[i], labels->items[i + 1]);
	}
	if (labels->items[0] != NULL)
		fputc('}', file);
}

/* clang-format off */
#define NONE ((struct labels){ { NULL } })
#define LABELS(...) ((struct labels){ { __VA_ARGS__, NULL } })
/* clang-format on */

static void
head(FILE *file, const char *name, const char *type, const char *help)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
sample(FILE *file, const char *name, struct labels labels, uint64_t value)
{
	fputs(name, file);
	put_labels(file, &labels);
	fprintf(file, " %" PRIu64 "\n", value);
}

static void
sample_seconds(FILE *file, const char *name, struct labels labels, double value)
{
	fputs(name, file);
	put_labels(file, &labels);
	fprintf(file, " %.9g\n", value);
}

static void
gauge(FILE *file, const char *name, const char *help, uint64_t value)
{
	head(file, name, "gauge", help);
	sample(file, name, NONE, value);
}

/* ---- What STATS has --------------------------------------------------------------- */

static bool
is_gauge(enum stats_counter stat)
{
	return stat == STAT_CLIENTS_LEASED || stat == STAT_LINES_QUEUED;
}

#define MAX_FAMILY 96

/* The family of a counter; of a name of three words the last one is a label: *cause, or NULL. */
static void
family_of(enum stats_counter stat, char family[MAX_FAMILY], const char **cause)
{
	const char *name = stats_names[stat];
	const char *first = strchr(name, '.');
	const char *second = first == NULL ? NULL : strchr(first + 1, '.');
	size_t n = second == NULL ? strlen(name) : (size_t)(second - name);

	*cause = second == NULL ? NULL : second + 1;
	snprintf(family, MAX_FAMILY, "amyd_%.*s%s", (int)n, name,
	         is_gauge(stat) ? "" : "_total");
	for (char *c = family; *c != '\0'; c++)
		if (*c == '.')
			*c = '_';
}

static bool
is_first_of_family(enum stats_counter stat, const char *family)
{
	char other[MAX_FAMILY];
	const char *cause;

	for (unsigned i = 0; i < stat; i++) {
		family_of((enum stats_counter)i, other, &cause);
		if (strcmp(other, family) == 0)
			return false;
	}
	return true;
}

/* All members of a family stand together, wherever STATS has them. */
static void
write_family(FILE *file, const struct status *status, enum stats_counter first,
             const char *family)
{
	head(file, family, is_gauge(first) ? "gauge" : "counter",
	     helps[first] == NULL ? "As STATS counts it." : helps[first]);
	for (unsigned i = first; i < STAT_COUNT; i++) {
		char other[MAX_FAMILY];
		const char *cause;

		family_of((enum stats_counter)i, other, &cause);
		if (strcmp(other, family) == 0)
			sample(file, family, cause == NULL ? NONE : LABELS("cause", cause),
			       status->counters[i]);
	}
}

static void
write_counters(FILE *file, const struct status *status)
{
	char family[MAX_FAMILY];
	const char *cause;

	for (unsigned i = 0; i < STAT_COUNT; i++) {
		family_of((enum stats_counter)i, family, &cause);
		if (is_first_of_family((enum stats_counter)i, family))
			write_family(file, status, (enum stats_counter)i, family);
	}
}

/* ---- Tables ----------------------------------------------------------------------- */

static void
write_general(FILE *file, const struct status *status)
{
	head(file, "amyd_build_info", "gauge", "The version of amyd; always 1.");
	sample(file, "amyd_build_info", LABELS("version", PACKAGE_VERSION), 1);
	head(file, "amyd_uptime_seconds", "gauge", "Since when it runs.");
	sample_seconds(file, "amyd_uptime_seconds", NONE, (double)status->uptime_ms / 1000);
	gauge(file, "amyd_healthy", "1: all threads move, and it is not going down; 0: not so.",
	      !status->is_stuck && !status->is_draining);
	gauge(file, "amyd_clients", "Clients that are connected.", status->nclients);
	gauge(file, "amyd_clients_named", "Clients that have a name.", status->nnames);
	gauge(file, "amyd_subscriptions", "Subscriptions of all clients.",
	      status->nsubscriptions);
	gauge(file, "amyd_memory_bytes", "Memory that counts for the option memory.",
	      status->memory_used);
	gauge(file, "amyd_memory_limit_bytes", "What that may be; 0: there is no limit.",
	      status->memory_limit);
}

/* A family of a grid: of each of its rows one number. */
struct column {
	const char *name, *type, *help;
	size_t at; /* in the row */
};

struct grid {
	const struct column *columns;
	size_t ncolumns;
	const void *rows;
	size_t nrows, size; /* of a row */
	struct labels (*labels)(const void *row);
};

/* A family without a row is left out. */
static void
write_grid(FILE *file, const struct grid *grid)
{
	for (size_t c = 0; c < grid->ncolumns && grid->nrows > 0; c++) {
		const struct column *column = &grid->columns[c];

		head(file, column->name, column->type, column->help);
		for (size_t i = 0; i < grid->nrows; i++) {
			const char *row = (const char *)grid->rows + i * grid->size;

			sample(file, column->name, grid->labels(row),
			       *(const uint64_t *)(row + column->at));
		}
	}
}

#define GRID(list, items, n, fn)                                                               \
	(&(struct grid){ list, sizeof list / sizeof list[0], items, n, sizeof items[0], fn })

static struct labels
labels_of_listener(const void *row)
{
	const struct status_listener *listener = row;

	return LABELS("listener", listener->name, "mode", listener->mode);
}

static void
write_listeners(FILE *file, const struct status *status)
{
	static const struct column columns[] = {
		{ "amyd_listener_clients", "gauge", "Clients of a listener.",
		  offsetof(struct status_listener, nclients) },
		{ "amyd_listener_accepted_total", "counter", "Clients that came to a listener.",
		  offsetof(struct status_listener, naccepted) },
		{ "amyd_listener_lines_total", "counter", "Lines that its clients sent.",
		  offsetof(struct status_listener, nlines) },
		{ "amyd_listener_received_bytes_total", "counter",
		  "Bytes that its clients sent.", offsetof(struct status_listener, nbytes) },
	};

	write_grid(file,
	           GRID(columns, status->listeners, status->nlisteners, labels_of_listener));
}

static struct labels
labels_of_handler(const void *row)
{
	const struct status_handler *handler = row;

	return LABELS("handler", handler->number);
}

static void
write_handlers(FILE *file, const struct status *status)
{
	static const struct column columns[] = {
		{ "amyd_handler_clients", "gauge", "Clients of a handler thread.",
		  offsetof(struct status_handler, nclients) },
		{ "amyd_handler_turns_total", "counter", "Times that it woke up and worked.",
		  offsetof(struct status_handler, turns) },
		{ "amyd_handler_lines_read_total", "counter", "Lines that its clients sent.",
		  offsetof(struct status_handler, nread) },
		{ "amyd_handler_lines_published_total", "counter", "Lines that it published.",
		  offsetof(struct status_handler, npublished) },
		{ "amyd_handler_lines_delivered_total", "counter",
		  "Copies of lines that its clients were sent.",
		  offsetof(struct status_handler, ndelivered) },
	};
	static const char busy[] = "amyd_handler_busy_seconds_total";

	write_grid(file, GRID(columns, status->handlers, status->nhandlers, labels_of_handler));
	head(file, busy, "counter", "Time for which it did not wait for something to do.");
	for (size_t i = 0; i < status->nhandlers; i++)
		sample_seconds(file, busy, labels_of_handler(&status->handlers[i]),
		               (double)status->handlers[i].busy_ns / 1e9);
}

static struct labels
labels_of_target(const void *row)
{
	const struct status_target *target = row;

	return LABELS("rule", target->rule, "target", target->target);
}

/* The last error of each target that had one. */
static void
write_target_errors(FILE *file, const struct status *status)
{
	static const char name[] = "amyd_rule_last_error";
	bool has_head = false;

	for (size_t i = 0; i < status->ntargets; i++) {
		const struct status_target *target = &status->targets[i];

		if (target->usage.error[0] == '\0')
			continue;
		if (!has_head)
			head(file, name, "gauge", "1, with what went wrong last at a target.");
		has_head = true;
		sample(file, name,
		       LABELS("rule", target->rule, "target", target->target, "error",
		              target->usage.error),
		       1);
	}
}

static void
write_targets(FILE *file, const struct status *status)
{
	static const struct column columns[] = {
		{ "amyd_rule_put_total", "counter", "Lines that went to a target of a rule.",
		  offsetof(struct status_target, usage.nput) },
		{ "amyd_rule_written_total", "counter",
		  "Lines that were written there, acknowledged by the peer if it is another machine.",
		  offsetof(struct status_target, usage.nwritten) },
		{ "amyd_rule_unsure_total", "counter",
		  "Lines that a peer acknowledged and perhaps did not read: its connection broke.",
		  offsetof(struct status_target, usage.nunsure) },
		{ "amyd_rule_dropped_total", "counter", "Lines that were dropped there.",
		  offsetof(struct status_target, usage.ndropped) },
		{ "amyd_rule_queued", "gauge",
		  "Lines that wait to be written there, or to be acknowledged.",
		  offsetof(struct status_target, usage.nqueued) },
		{ "amyd_rule_connected", "gauge",
		  "1 if the target is open or connected, 0 if it is not.",
		  offsetof(struct status_target, is_up) },
		{ "amyd_rule_state_seconds", "gauge", "How long it has been so.",
		  offsetof(struct status_target, since_s) },
	};

	write_grid(file, GRID(columns, status->targets, status->ntargets, labels_of_target));
	write_target_errors(file, status);
}

static struct labels
labels_of_section(const void *row)
{
	const struct status_section *section = row;

	return LABELS("section", section->name);
}

static void
write_history(FILE *file, const struct status *status)
{
	static const struct column columns[] = {
		{ "amyd_history_lines", "gauge", "Lines that a section of history has.",
		  offsetof(struct status_section, nlines) },
		{ "amyd_history_bytes", "gauge", "Memory that they take.",
		  offsetof(struct status_section, nbytes) },
		{ "amyd_history_forgotten_total", "counter", "Lines that it had to forget.",
		  offsetof(struct status_section, nforgotten) },
	};

	head(file, "amyd_history_stored_total", "counter", "Lines that were stored.");
	sample(file, "amyd_history_stored_total", NONE, status->seq);
	gauge(file, "amyd_kept_lines", "Last values that are kept.", status->nkept);
	gauge(file, "amyd_kept_bytes", "Memory that they take.", status->nkept_bytes);
	write_grid(file, GRID(columns, status->sections, status->nsections, labels_of_section));
}

static void
write_times(FILE *file, const struct status *status)
{
	uint64_t n = 0;
	char bound[32];

	head(file, "amyd_line_seconds", "histogram",
	     "From when a line was read until it was run and queued.");
	for (unsigned i = 0; i < LOAD_BUCKETS; i++) {
		n += status->lines[i];
		snprintf(bound, sizeof bound, "%g", (double)load_buckets_ns[i] / 1e9);
		sample(file, "amyd_line_seconds_bucket", LABELS("le", bound), n);
	}
	n += status->lines[LOAD_BUCKETS];
	sample(file, "amyd_line_seconds_bucket", LABELS("le", "+Inf"), n);
	sample_seconds(file, "amyd_line_seconds_sum", NONE, (double)status->line_ns / 1e9);
	sample(file, "amyd_line_seconds_count", NONE, n);
}

/* By the names that every exporter has them. */
static void
write_process(FILE *file, const struct status *status)
{
	const struct usage *usage = &status->usage;

	head(file, "process_cpu_seconds_total", "counter", "CPU time, of user and system.");
	sample_seconds(file, "process_cpu_seconds_total", NONE, usage->cpu_seconds);
	gauge(file, "process_open_fds", "Descriptors that are open.", usage->descriptors);
	gauge(file, "process_max_fds", "Descriptors that may be.", usage->max_descriptors);
	gauge(file, "process_resident_memory_bytes", "Resident memory.", usage->resident_bytes);
	gauge(file, "process_virtual_memory_bytes", "Virtual memory.", usage->virtual_bytes);
	gauge(file, "process_start_time_seconds", "When it was started, since 1970.",
	      (uint64_t)(status->since_wall_ms / 1000));
}

void
metrics_write(FILE *file, const struct status *status)
{
	write_general(file, status);
	write_counters(file, status);
	write_listeners(file, status);
	write_handlers(file, status);
	write_targets(file, status);
	write_history(file, status);
	write_times(file, status);
	write_process(file, status);
}
