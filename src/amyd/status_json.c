/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "node.h"
#include "status_json.h"
#include "utf8.h"

/*
 * Where it is, to know whether a comma is due: "," stands before all members of an object
 * or array but the first one.
 */
struct json {
	FILE *file;
	bool is_first;
};

/* ---- Form ------------------------------------------------------------------------- */

/* What is no UTF-8 is shown as \xNN: a text, and not what a byte means. */
static void
put_string(FILE *file, const char *bytes, size_t nbytes)
{
	fputc('"', file);
	while (nbytes > 0) {
		size_t n = utf8_length(bytes, nbytes);

		if (n == 0)
			fprintf(file, "\\\\x%02x", (unsigned char)*bytes);
		else if (*bytes == '"' || *bytes == '\\')
			fprintf(file, "\\%c", *bytes);
		else if ((unsigned char)*bytes < ' ' || *bytes == 0x7f)
			fprintf(file, "\\u%04x", (unsigned char)*bytes);
		else
			fwrite(bytes, 1, n, file);
		bytes += n == 0 ? 1 : n;
		nbytes -= n == 0 ? 1 : n;
	}
	fputc('"', file);
}

/* The name of a member; or NULL, of an array. */
static void
name(struct json *json, const char *text)
{
	if (!json->is_first)
		fputc(',', json->file);
	json->is_first = false;
	if (text == NULL)
		return;
	put_string(json->file, text, strlen(text));
	fputc(':', json->file);
}

static void
begin(struct json *json, const char *text, char bracket)
{
	name(json, text);
	fputc(bracket, json->file);
	json->is_first = true;
}

static void
end(struct json *json, char bracket)
{
	fputc(bracket, json->file);
	json->is_first = false;
}

static void
number(struct json *json, const char *text, uint64_t value)
{
	name(json, text);
	fprintf(json->file, "%" PRIu64, value);
}

static void
fraction(struct json *json, const char *text, double value)
{
	name(json, text);
	fprintf(json->file, "%.9g", value);
}

static void
truth(struct json *json, const char *text, bool value)
{
	name(json, text);
	fputs(value ? "true" : "false", json->file);
}

static void
string(struct json *json, const char *text, const char *value)
{
	name(json, text);
	put_string(json->file, value, strlen(value));
}

/* ---- Parts ------------------------------------------------------------------------ */

static const char *
state_name(const struct status *status)
{
	return status->is_draining ? "draining" : status->is_stuck ? "stuck" : "running";
}

static void
put_general(struct json *json, const struct status *status)
{
	string(json, "version", PACKAGE_VERSION);
	string(json, "host", node_name());
	string(json, "state", state_name(status));
	if (status->is_stuck)
		string(json, "stuck", status->stuck);
	fraction(json, "uptime_seconds", (double)status->uptime_ms / 1000);
	number(json, "start_time_seconds", (uint64_t)(status->since_wall_ms / 1000));
	number(json, "clients", status->nclients);
	number(json, "max_clients", status->max_clients);
	number(json, "clients_named", status->nnames);
	number(json, "subscriptions", status->nsubscriptions);
	number(json, "memory", status->memory_used);
	number(json, "memory_limit", status->memory_limit);
}

/* By the names of STATS. */
static void
put_counters(struct json *json, const struct status *status)
{
	begin(json, "counters", '{');
	for (unsigned i = 0; i < STAT_COUNT; i++)
		number(json, stats_names[i], status->counters[i]);
	end(json, '}');
}

static void
put_handlers(struct json *json, const struct status *status)
{
	begin(json, "handlers", '[');
	for (size_t i = 0; i < status->nhandlers; i++) {
		const struct status_handler *handler = &status->handlers[i];

		begin(json, NULL, '{');
		number(json, "handler", i);
		number(json, "clients", handler->nclients);
		number(json, "turns", handler->turns);
		fraction(json, "busy_seconds", (double)handler->busy_ns / 1e9);
		number(json, "read", handler->nread);
		number(json, "published", handler->npublished);
		number(json, "delivered", handler->ndelivered);
		end(json, '}');
	}
	end(json, ']');
}

static void
put_listeners(struct json *json, const struct status *status)
{
	begin(json, "listeners", '[');
	for (size_t i = 0; i < status->nlisteners; i++) {
		const struct status_listener *listener = &status->listeners[i];

		begin(json, NULL, '{');
		string(json, "listener", listener->name);
		string(json, "address", listener->address);
		string(json, "mode", listener->mode);
		number(json, "clients", listener->nclients);
		number(json, "accepted", listener->naccepted);
		number(json, "lines", listener->nlines);
		number(json, "received_bytes", listener->nbytes);
		end(json, '}');
	}
	end(json, ']');
}

static void
put_targets(struct json *json, const struct status *status)
{
	begin(json, "rules", '[');
	for (size_t i = 0; i < status->ntargets; i++) {
		const struct status_target *target = &status->targets[i];

		begin(json, NULL, '{');
		string(json, "rule", target->rule);
		string(json, "target", target->target);
		number(json, "put", target->usage.nput);
		number(json, "written", target->usage.nwritten);
		number(json, "unsure", target->usage.nunsure);
		number(json, "queued", target->usage.nqueued);
		number(json, "dropped", target->usage.ndropped);
		truth(json, "connected", target->is_up);
		number(json, "since_seconds", target->since_s);
		string(json, "error", target->usage.error);
		end(json, '}');
	}
	end(json, ']');
}

static void
put_history(struct json *json, const struct status *status)
{
	number(json, "stored", status->seq);
	number(json, "kept_lines", status->nkept);
	number(json, "kept_bytes", status->nkept_bytes);
	begin(json, "history", '[');
	for (size_t i = 0; i < status->nsections; i++) {
		const struct status_section *section = &status->sections[i];

		begin(json, NULL, '{');
		string(json, "section", section->name);
		number(json, "lines", section->nlines);
		number(json, "bytes", section->nbytes);
		number(json, "forgotten", section->nforgotten);
		end(json, '}');
	}
	end(json, ']');
}

/* As in Prometheus: each bucket has what those before it have, too. */
static void
put_times(struct json *json, const struct status *status)
{
	uint64_t n = 0;

	begin(json, "line_seconds", '{');
	begin(json, "buckets", '[');
	for (unsigned i = 0; i < LOAD_BUCKETS; i++) {
		n += status->lines[i];
		begin(json, NULL, '{');
		fraction(json, "le", (double)load_buckets_ns[i] / 1e9);
		number(json, "count", n);
		end(json, '}');
	}
	end(json, ']');
	number(json, "count", n + status->lines[LOAD_BUCKETS]);
	fraction(json, "sum", (double)status->line_ns / 1e9);
	end(json, '}');
}

static void
put_busiest(struct json *json, const struct status *status)
{
	begin(json, "busiest", '[');
	for (size_t i = 0; i < status->nbusiest; i++) {
		const struct busiest_rate *rate = &status->busiest[i];

		begin(json, NULL, '{');
		name(json, "subject");
		put_string(json->file, rate->subject, rate->nsubject);
		fraction(json, "lines_per_second", rate->lines_per_second);
		end(json, '}');
	}
	end(json, ']');
}

static void
put_slowest(struct json *json, const struct status *status)
{
	begin(json, "slowest", '[');
	for (size_t i = 0; i < status->nslowest; i++) {
		const struct status_client *client = &status->slowest[i];

		begin(json, NULL, '{');
		number(json, "id", client->number);
		string(json, "name", client->name);
		string(json, "peer", client->peer);
		string(json, "listener", client->listener);
		number(json, "queued_bytes", client->queued);
		number(json, "dropped", client->ndropped);
		end(json, '}');
	}
	end(json, ']');
}

static void
put_process(struct json *json, const struct status *status)
{
	const struct usage *usage = &status->usage;

	begin(json, "process", '{');
	fraction(json, "cpu_seconds", usage->cpu_seconds);
	number(json, "resident_bytes", usage->resident_bytes);
	number(json, "virtual_bytes", usage->virtual_bytes);
	number(json, "open_fds", usage->descriptors);
	number(json, "max_fds", usage->max_descriptors);
	end(json, '}');
}

void
status_write_json(FILE *file, const struct status *status)
{
	struct json json = { .file = file, .is_first = true };

	begin(&json, NULL, '{');
	put_general(&json, status);
	put_counters(&json, status);
	put_handlers(&json, status);
	put_listeners(&json, status);
	put_targets(&json, status);
	put_history(&json, status);
	put_times(&json, status);
	put_busiest(&json, status);
	put_slowest(&json, status);
	put_process(&json, status);
	end(&json, '}');
	fputc('\n', file);
}
