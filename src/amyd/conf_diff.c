/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_diff.h"

#define MAX_TEXT 400

/* An option: where its value is, and how many bytes; 0: it is a text, that may be NULL. */
struct option {
	const char *name;
	size_t offset, size;
};

#define VALUE(type, name, field)                                                                 \
	{                                                                                        \
		name, offsetof(type, field), sizeof(((type *)NULL)->field)                       \
	}
#define TEXT(type, name, field)                                                                  \
	{                                                                                        \
		name, offsetof(type, field), 0                                                   \
	}
#define END                                                                                      \
	{                                                                                        \
		NULL, 0, 0                                                                       \
	}

static const struct option listener_options[] = {
	TEXT(struct conf_listener, "address", address),
	VALUE(struct conf_listener, "mode", mode),
	VALUE(struct conf_listener, "access", access),
	VALUE(struct conf_listener, "max_line", max_line),
	VALUE(struct conf_listener, "queue", queue),
	VALUE(struct conf_listener, "max_subs", max_subs),
	VALUE(struct conf_listener, "open", open),
	VALUE(struct conf_listener, "slow", slow_cut),
	VALUE(struct conf_listener, "slow_time", slow_ms),
	VALUE(struct conf_listener, "idle_time", idle_ms),
	VALUE(struct conf_listener, "line_time", line_ms),
	VALUE(struct conf_listener, "per_ip", per_ip),
	VALUE(struct conf_listener, "accept_rate", accept_rate),
	VALUE(struct conf_listener, "line_rate", line_rate),
	TEXT(struct conf_listener, "subject", subject),
	VALUE(struct conf_listener, "eof_line", eof_line),
	TEXT(struct conf_listener, "pattern", pattern),
	VALUE(struct conf_listener, "history", history),
	END,
};

static const struct option history_options[] = {
	TEXT(struct conf_history, "match", match),
	VALUE(struct conf_history, "lines", lines),
	VALUE(struct conf_history, "bytes", bytes),
	END,
};

static const struct option rule_options[] = {
	TEXT(struct conf_rule, "match", match),
	TEXT(struct conf_rule, "regex", regex),
	TEXT(struct conf_rule, "format", format),
	VALUE(struct conf_rule, "queue", queue),
	VALUE(struct conf_rule, "stop", stop),
	END,
};

static const struct option global_options[] = {
	VALUE(struct conf, "max_clients", max_clients),
	VALUE(struct conf, "memory", memory),
	VALUE(struct conf, "lease", lease_ms),
	VALUE(struct conf, "drain_time", drain_ms),
	VALUE(struct conf, "log level", log_level),
	END,
};

/* Who is told, and how often that was. */
struct teller {
	conf_diff_fn *tell;
	void *context;
	size_t n;
};

/* A kind of section: how it is called, and where those of two configurations are. */
struct kind {
	const char *name;
	const char *farewell; /* what is said of one that is gone */
	const struct option *options;
	size_t size;
	const char *old, *new;
	size_t nold, nnew;
};

static void tell(struct teller *teller, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
tell(struct teller *teller, const char *format, ...)
{
	char text[MAX_TEXT];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	teller->tell(teller->context, text);
	teller->n++;
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_same_value(const struct option *option, const char *a, const char *b)
{
	a += option->offset;
	b += option->offset;
	if (option->size > 0)
		return memcmp(a, b, option->size) == 0;
	return is_same_text(*(char *const *)a, *(char *const *)b);
}

/* ", name" behind what there is. */
static void
add_name(char *names, size_t size, const char *name)
{
	size_t used = strlen(names);

	snprintf(names + used, size - used, "%s%s", used == 0 ? "" : ", ", name);
}

static void
name_options(const struct option *options, const void *old, const void *new, char *names,
             size_t size)
{
	for (; options->name != NULL; options++)
		if (!is_same_value(options, old, new))
			add_name(names, size, options->name);
}

static bool
has_same_targets(const struct conf_rule *a, const struct conf_rule *b)
{
	if (a->ntargets != b->ntargets)
		return false;
	for (size_t i = 0; i < a->ntargets; i++)
		if (strcmp(a->targets[i].text, b->targets[i].text) != 0)
			return false;
	return true;
}

/* The name of each section. */
static const char *
name_of(const struct kind *kind, const char *section)
{
	if (kind->options == listener_options)
		return ((const struct conf_listener *)section)->name;
	if (kind->options == history_options)
		return ((const struct conf_history *)section)->name;
	return ((const struct conf_rule *)section)->name;
}

/* Its place among n of them; n: it is not there. */
static size_t
find(const struct kind *kind, const char *sections, size_t n, const char *name)
{
	size_t i = 0;

	while (i < n && strcmp(name_of(kind, sections + i * kind->size), name) != 0)
		i++;
	return i;
}

static void
compare(struct teller *teller, const struct kind *kind, const char *old, const char *new)
{
	char names[MAX_TEXT / 2] = "";

	name_options(kind->options, old, new, names, sizeof names);
	if (kind->options == rule_options &&
	    !has_same_targets((const struct conf_rule *)old, (const struct conf_rule *)new))
		add_name(names, sizeof names, "to");
	if (names[0] != '\0')
		tell(teller, "%s %.64s: %s", kind->name, name_of(kind, new), names);
}

/* Those that are in both stand one behind the other as they did? */
static bool
has_same_order(const struct kind *kind)
{
	size_t last = 0;

	for (size_t i = 0; i < kind->nnew; i++) {
		size_t place = find(kind, kind->old, kind->nold,
		                    name_of(kind, kind->new + i * kind->size));

		if (place == kind->nold)
			continue;
		if (place < last)
			return false;
		last = place;
	}
	return true;
}

static void
compare_all(struct teller *teller, const struct kind *kind)
{
	for (size_t i = 0; i < kind->nold; i++) {
		const char *old = kind->old + i * kind->size;
		const char *name = name_of(kind, old);
		size_t place = find(kind, kind->new, kind->nnew, name);

		if (place < kind->nnew)
			compare(teller, kind, old, kind->new + place * kind->size);
		else
			tell(teller, "%s %.64s: it is gone%s", kind->name, name, kind->farewell);
	}
	for (size_t i = 0; i < kind->nnew; i++) {
		const char *name = name_of(kind, kind->new + i * kind->size);

		if (find(kind, kind->old, kind->nold, name) == kind->nold)
			tell(teller, "%s %.64s: it is new", kind->name, name);
	}
	if (kind->options != listener_options && !has_same_order(kind))
		tell(teller, "%s: the order of its sections", kind->name);
}

size_t
conf_diff(const struct conf *old, const struct conf *new, conf_diff_fn *fn, void *context)
{
	const struct kind kinds[] = {
		{ "listen", ", and its clients stay", listener_options,
		  sizeof *old->listeners, (const char *)old->listeners,
		  (const char *)new->listeners, old->nlisteners, new->nlisteners },
		{ "history", ", and what it stored", history_options, sizeof *old->histories,
		  (const char *)old->histories, (const char *)new->histories, old->nhistories,
		  new->nhistories },
		{ "rule", "", rule_options, sizeof *old->rules, (const char *)old->rules,
		  (const char *)new->rules, old->nrules, new->nrules },
	};
	struct teller teller = { fn, context, 0 };
	char names[MAX_TEXT / 2] = "";

	name_options(global_options, old, new, names, sizeof names);
	if (names[0] != '\0')
		tell(&teller, "%s", names);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		compare_all(&teller, &kinds[i]);
	return teller.n;
}

/* ---- What stays ------------------------------------------------------------------- */

/* Who it runs as; the text is kept that is there, the other one goes with its owner. */
static void
keep_user(struct teller *teller, struct conf *new, const struct conf *running)
{
	char *user;

	if (strcmp(new->user, running->user) == 0)
		return;
	tell(teller, "user = \"%.64s\"", new->user);
	user = strdup(running->user);
	if (user == NULL)
		return; /* nobody looks at it before a restart */
	free(new->user);
	new->user = user;
}

static void
keep_log(struct teller *teller, struct conf *new, const struct conf *running)
{
	if (new->log_to_is_set != running->log_to_is_set || new->log_to != running->log_to)
		tell(teller, "to = of the log");
	if (new->log_facility != running->log_facility)
		tell(teller, "facility = of the log");
	new->log_to_is_set = running->log_to_is_set;
	new->log_to = running->log_to;
	new->log_facility = running->log_facility;
}

size_t
conf_keep(struct conf *new, const struct conf *running, unsigned most_clients,
          conf_diff_fn *fn, void *context)
{
	struct teller teller = { fn, context, 0 };

	if (new->handlers != running->handlers)
		tell(&teller, "handlers = %u", new->handlers);
	new->handlers = running->handlers;
	if (new->max_clients > most_clients) {
		tell(&teller, "max_clients = %u", new->max_clients);
		new->max_clients = running->max_clients;
	}
	if ((new->lease_ms == 0) != (running->lease_ms == 0)) {
		tell(&teller, "lease, from or to \"0\"");
		new->lease_ms = running->lease_ms;
	}
	keep_user(&teller, new, running);
	keep_log(&teller, new, running);
	return teller.n;
}
