/* SPDX-License-Identifier: MIT */
/*
 * command.c - the command mode: what each verb does. One function a verb, in one table.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "access.h"
#include "ask.h"
#include "budget.h"
#include "follow.h"
#include "history.h"
#include "mode.h"
#include "news.h"
#include "protocol.h"
#include "report.h"
#include "subject.h"

#define MAX_WORDS 384

/* The end of a subscription. */
#define COST_UNFOLLOW 32

/* With fewer, of one handler, the cache of the processor has most of what is looked at. */
#define MANY_SUBSCRIPTIONS 32768

enum outcome {
	OUTCOME_ANSWERED, /* the final line is queued, or will be */
	OUTCOME_PARKED,   /* nothing is done yet: the line comes again */
};

static void
answer(struct session *session, const struct command *command, const char *head,
       const struct amy_bytes *text)
{
	session_final(session, command->tag, command->ntag, head, text->bytes, text->nbytes);
}

static enum outcome answered(struct session *session, const struct command *command,
                             const char *head, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static enum outcome
answered(struct session *session, const struct command *command, const char *head,
         const char *format, ...)
{
	char text[MAX_WORDS];
	struct amy_bytes line = { text, 0 };
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	line.nbytes = n < (int)sizeof text ? (size_t)n : sizeof text - 1;
	answer(session, command, head, &line);
	return OUTCOME_ANSWERED;
}

static enum outcome
ok(struct session *session, const struct command *command)
{
	return answered(session, command, "+OK", "%s", "");
}

static enum outcome
syntax_error(struct session *session, const struct command *command)
{
	return answered(session, command, "-ERR SYNTAX", "%s",
	                protocol_verbs[command->verb].usage);
}

static enum outcome
no_memory(struct session *session, const struct command *command)
{
	return answered(session, command, "-ERR INTERNAL", "out of memory");
}

/* What is kept for good is not taken where the limit "memory" is reached. */
static enum outcome
no_room(struct view *view, struct session *session, const struct command *command)
{
	stats_add(view->stats, STAT_MEMORY_REFUSED, 1);
	return answered(session, command, "-ERR FULL", "memory is used up: try again later");
}

/* The only argument of a verb that takes one word. False: there is none, or more. */
static bool
only_word(const struct command *command, struct amy_bytes *word)
{
	struct protocol_split split;

	protocol_split(command->args, command->nargs, &split);
	*word = (struct amy_bytes){ split.first, split.nfirst };
	return split.nfirst > 0 && split.nfirst == command->nargs;
}

/* The first word, and all the rest. False: there is none. */
static bool
word_and_text(const struct command *command, struct amy_bytes *word, struct amy_bytes *text)
{
	struct protocol_split split;

	protocol_split(command->args, command->nargs, &split);
	*word = (struct amy_bytes){ split.first, split.nfirst };
	*text = (struct amy_bytes){ split.rest, split.nrest };
	return split.nfirst > 0;
}

/* ---- May it? ---------------------------------------------------------------------- */

/* The error is answered: false. */
static bool
is_good(struct session *session, const struct command *command, const char *why)
{
	if (why == NULL)
		return true;
	answered(session, command, "-ERR SUBJECT", "%s", why);
	return false;
}

static bool
is_allowed(struct session *session, const struct command *command, enum access_action action,
           const struct amy_bytes *subject)
{
	const char *why = access_denies(session, action, subject);

	if (why == NULL)
		return true;
	answered(session, command, "-ERR DENIED", "%s", why);
	return false;
}

/* A subject to publish to; with_name: or "@name". */
static bool
may_publish(struct view *view, struct session *session, const struct command *command,
            const struct amy_bytes *subject, bool with_name)
{
	const char *why = with_name && subject->bytes[0] == '@'
	                      ? subject_check_name(subject->bytes + 1, subject->nbytes - 1)
	                      : router_check_subject(view, subject);

	return is_good(session, command, why) &&
	       is_allowed(session, command, ACCESS_PUBLISH, subject);
}

static bool
may_subscribe(struct session *session, const struct command *command,
              const struct amy_bytes *pattern)
{
	return is_good(session, command,
	               subject_check_pattern(pattern->bytes, pattern->nbytes)) &&
	       is_allowed(session, command, ACCESS_SUBSCRIBE, pattern);
}

/* ---- Publishing ------------------------------------------------------------------- */

static enum outcome
published(struct session *session, const struct command *command,
          const struct router_receipt *receipt)
{
	char text[PROTOCOL_MAX_RECEIPT];
	struct amy_bytes line = { text, 0 };

	if (session->no_ack && command->ntag == 0)
		return OUTCOME_ANSWERED;
	line.nbytes = protocol_write_receipt(receipt->nreaders, receipt->seq, text);
	answer(session, command, "+OK", &line);
	return OUTCOME_ANSWERED;
}

static enum outcome
publish(struct view *view, struct session *session, const struct command *command, bool keep)
{
	struct amy_bytes subject, text;
	struct router_receipt receipt;

	if (!word_and_text(command, &subject, &text))
		return syntax_error(session, command);
	if (!may_publish(view, session, command, &subject, !keep))
		return OUTCOME_ANSWERED;
	if (keep && quota_is_full(view->quota))
		return no_room(view, session, command);
	switch (router_publish(view, session, &subject, &text, keep, &receipt)) {
	case ROUTER_STALLED:
		return OUTCOME_PARKED;
	case ROUTER_NO_MEMORY:
		return no_memory(session, command);
	case ROUTER_TOO_MANY:
		return answered(session, command, "-ERR FULL",
		                "no more last values can be kept: FORGET some");
	case ROUTER_DONE:
		break;
	}
	return published(session, command, &receipt);
}

static enum outcome
run_pub(struct view *view, struct session *session, const struct command *command)
{
	return publish(view, session, command, false);
}

static enum outcome
run_keep(struct view *view, struct session *session, const struct command *command)
{
	return publish(view, session, command, true);
}

static enum outcome
run_forget(struct view *view, struct session *session, const struct command *command)
{
	struct history *history = view->router->history;
	struct amy_bytes subject;

	if (!only_word(command, &subject))
		return syntax_error(session, command);
	if (!may_publish(view, session, command, &subject, false))
		return OUTCOME_ANSWERED;
	history_lock(history);
	history_forget(history, subject.bytes, subject.nbytes);
	history_unlock(history);
	return ok(session, command);
}

static enum outcome
run_will(struct view *view, struct session *session, const struct command *command)
{
	struct publication will = { .seq = 0 }, *copy;

	if (!word_and_text(command, &will.subject, &will.text))
		return syntax_error(session, command);
	if (!may_publish(view, session, command, &will.subject, true))
		return OUTCOME_ANSWERED;
	if (quota_is_full(view->quota))
		return no_room(view, session, command);
	copy = publication_copy(&will);
	if (copy == NULL)
		return no_memory(session, command);
	session_set_will(session, copy);
	return ok(session, command);
}

/* ---- Following -------------------------------------------------------------------- */

static enum outcome
followed(struct session *session, const struct command *command, enum follow_result result)
{
	switch (result) {
	case FOLLOW_DONE:
		break;
	case FOLLOW_LIMIT:
		return answered(session, command, "-ERR LIMIT",
		                "%u subscriptions are the most a client may have",
		                session->listener->max_subs);
	case FOLLOW_NO_MEMORY:
		return no_memory(session, command);
	}
	return OUTCOME_ANSWERED;
}

/* What is wrong with the options; empty: show how it is written. */
static enum outcome
option_error(struct session *session, const struct command *command, const char *why)
{
	if (*why == '\0')
		return syntax_error(session, command);
	return answered(session, command, "-ERR SYNTAX", "%s: %s", why,
	                protocol_verbs[command->verb].usage);
}

static enum outcome
run_sub(struct view *view, struct session *session, const struct command *command)
{
	struct protocol_follow follow;
	const char *why = protocol_parse_sub(command->args, command->nargs, &follow);

	if (why != NULL)
		return option_error(session, command, why);
	if (!may_subscribe(session, command, &follow.pattern))
		return OUTCOME_ANSWERED;
	if (quota_is_full(view->quota))
		return no_room(view, session, command);
	return followed(
	    session, command,
	    follow_subscribe(view, session, &follow, command->tag, command->ntag, false));
}

static enum outcome
run_read(struct view *view, struct session *session, const struct command *command)
{
	struct protocol_follow follow;
	const char *why = protocol_parse_read(command->args, command->nargs, &follow);

	if (why != NULL)
		return option_error(session, command, why);
	if (!may_subscribe(session, command, &follow.pattern))
		return OUTCOME_ANSWERED;
	return followed(session, command,
	                follow_read(view, session, &follow, command->tag, command->ntag));
}

static enum outcome
run_unsub(struct view *view, struct session *session, const struct command *command)
{
	struct amy_bytes pattern;
	size_t n;

	if (!only_word(command, &pattern))
		return syntax_error(session, command);
	if (!is_good(session, command, subject_check_pattern(pattern.bytes, pattern.nbytes)))
		return OUTCOME_ANSWERED;
	if (pattern.nbytes == 1 && *pattern.bytes == '*')
		n = view_unfollow_all(view, session);
	else
		n = follow_unsubscribe(view, session, &pattern);
	view->cost += n * COST_UNFOLLOW;
	return answered(session, command, "+OK", "%zu", n);
}

/* ---- Asking ----------------------------------------------------------------------- */

static enum outcome
run_req(struct view *view, struct session *session, const struct command *command)
{
	struct amy_bytes subject, text;

	if (!word_and_text(command, &subject, &text))
		return syntax_error(session, command);
	if (!may_publish(view, session, command, &subject, true))
		return OUTCOME_ANSWERED;
	if (session->nrequests >= ASK_MAX_REQUESTS)
		return answered(session, command, "-ERR LIMIT",
		                "%d requests are the most that may be open", ASK_MAX_REQUESTS);
	switch (ask(view, session, &subject, &text, command->tag, command->ntag)) {
	case ASK_OPEN:
		break;
	case ASK_NOBODY:
		return answered(session, command, "-ERR NOBODY", "nobody follows that subject");
	case ASK_STALLED:
		return OUTCOME_PARKED;
	case ASK_NO_MEMORY:
		return no_memory(session, command);
	}
	return OUTCOME_ANSWERED;
}

static enum outcome
run_rep(struct view *view, struct session *session, const struct command *command)
{
	struct amy_bytes word, text;
	uint64_t number;

	if (!word_and_text(command, &word, &text))
		return syntax_error(session, command);
	if (protocol_parse_request(word.bytes, word.nbytes, &number) == -1)
		return answered(session, command, "-ERR SYNTAX",
		                "the id is the number behind the subject of the REQ: %s",
		                protocol_verbs[command->verb].usage);
	if (!ask_answer(view, session, number, &text))
		return answered(session, command, "-ERR GONE",
		                "nobody waits for an answer of yours to %" PRIu64, number);
	if (session->no_ack && command->ntag == 0)
		return OUTCOME_ANSWERED;
	return ok(session, command);
}

/* ---- Oneself ---------------------------------------------------------------------- */

static enum outcome
run_echo(struct view *view, struct session *session, const struct command *command)
{
	const struct amy_bytes text = { command->args, command->nargs };

	(void)view;
	answer(session, command, "+OK", &text);
	return OUTCOME_ANSWERED;
}

static enum outcome
run_name(struct view *view, struct session *session, const struct command *command)
{
	struct amy_bytes name;

	if (!only_word(command, &name))
		return syntax_error(session, command);
	if (!is_good(session, command, subject_check_name(name.bytes, name.nbytes)))
		return OUTCOME_ANSWERED;
	if (clients_set_name(view->clients, &session->client, name.bytes, name.nbytes) == -1) {
		if (errno == EEXIST)
			return answered(session, command, "-ERR TAKEN",
			                "another client has that name");
		return no_memory(session, command);
	}
	news_name(view, session);
	return ok(session, command);
}

static enum outcome
run_set(struct view *view, struct session *session, const struct command *command)
{
	struct protocol_set set;
	const char *why = protocol_parse_set(command->args, command->nargs, &set);

	(void)view;
	if (why != NULL)
		return option_error(session, command, why);
	switch (set.setting) {
	case PROTOCOL_SET_ACK:
		session->no_ack = !set.on;
		break;
	case PROTOCOL_SET_ECHO:
		session->no_echo = !set.on;
		break;
	case PROTOCOL_SET_RAW:
		session->is_raw = set.on;
		break;
	case PROTOCOL_SET_SHOW:
		session->show = (unsigned char)set.show;
		break;
	case PROTOCOL_SET_SLOW:
		session->slow_cut = set.on;
		break;
	case PROTOCOL_SET_TIMEOUT:
		session->timeout_ms = (uint32_t)set.timeout_ms;
		break;
	}
	return ok(session, command);
}

/* "+OK bye", with the tag, for later. False: ENOMEM. */
static bool
keep_farewell(struct session *session, const struct command *command)
{
	char head[PROTOCOL_MAX_HEAD];

	return asprintf(&session->farewell, "%s+OK bye\n",
	                protocol_write_tag(command->tag, command->ntag, head)) != -1;
}

/* What ends by itself is waited for; the last word comes when all of it has. */
static enum outcome
run_quit(struct view *view, struct session *session, const struct command *command)
{
	if (command->nargs > 0)
		return syntax_error(session, command);
	session->has_quit = true;
	view_unfollow_unbounded(view, session);
	if (!keep_farewell(session, command)) {
		session->farewell = NULL;
		return no_memory(session, command);
	}
	session_end_input(session);
	session_finish_if_idle(session);
	return OUTCOME_ANSWERED;
}

/* ---- Looking ---------------------------------------------------------------------- */

static enum outcome
help_with(struct session *session, const struct command *command, const struct amy_bytes *name)
{
	enum verb verb = protocol_find_verb(name->bytes, name->nbytes);

	if (verb == VERB_COUNT)
		return answered(session, command, "-ERR UNKNOWN", "no such verb, try HELP");
	return answered(session, command, "+OK", "%s - %s", protocol_verbs[verb].usage,
	                protocol_verbs[verb].help);
}

static enum outcome
run_help(struct view *view, struct session *session, const struct command *command)
{
	struct amy_bytes name;

	if (only_word(command, &name))
		return help_with(session, command, &name);
	if (command->nargs > 0)
		return syntax_error(session, command);
	view->cost += VERB_COUNT * COST_ROW;
	for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
		char row[MAX_WORDS];
		int n = snprintf(row, sizeof row, "* %s - %s", protocol_verbs[verb].usage,
		                 protocol_verbs[verb].help);
		struct amy_bytes line = { row, (size_t)n };

		session_answer(session, &line, 1);
	}
	return answered(session, command, "+OK", "%d", VERB_COUNT);
}

static enum outcome
reported(struct session *session, const struct command *command, bool is_done)
{
	return is_done ? OUTCOME_ANSWERED : no_memory(session, command);
}

static enum outcome
run_who(struct view *view, struct session *session, const struct command *command)
{
	struct amy_bytes pattern = { NULL, 0 };

	if (command->nargs > 0 && !only_word(command, &pattern))
		return syntax_error(session, command);
	if (pattern.nbytes > 0 &&
	    !is_good(session, command, subject_check_pattern(pattern.bytes, pattern.nbytes)))
		return OUTCOME_ANSWERED;
	if (!is_allowed(session, command, ACCESS_LOOK, &pattern))
		return OUTCOME_ANSWERED;
	return reported(session, command,
	                report_who(view, session, &pattern, command->tag, command->ntag));
}

static enum outcome
run_stats(struct view *view, struct session *session, const struct command *command)
{
	struct amy_bytes prefix = { NULL, 0 };

	if (command->nargs > 0 &&
	    (!only_word(command, &prefix) || prefix.nbytes > SUBJECT_MAX_BYTES))
		return syntax_error(session, command);
	if (!is_allowed(session, command, ACCESS_LOOK, &prefix))
		return OUTCOME_ANSWERED;
	return reported(session, command,
	                report_stats(view, session, &prefix, command->tag, command->ntag));
}

static enum outcome
run_trace(struct view *view, struct session *session, const struct command *command)
{
	struct amy_bytes subject;

	if (!only_word(command, &subject))
		return syntax_error(session, command);
	if (!is_good(session, command, subject_check(subject.bytes, subject.nbytes)) ||
	    !is_allowed(session, command, ACCESS_LOOK, &subject))
		return OUTCOME_ANSWERED;
	return reported(session, command,
	                report_trace(view, session, &subject, command->tag, command->ntag));
}

static enum outcome (*const verbs[VERB_COUNT])(struct view *, struct session *,
                                               const struct command *) = {
	[VERB_ECHO] = run_echo,   [VERB_FORGET] = run_forget, [VERB_HELP] = run_help,
	[VERB_KEEP] = run_keep,   [VERB_NAME] = run_name,     [VERB_PING] = run_echo,
	[VERB_PUB] = run_pub,     [VERB_QUIT] = run_quit,     [VERB_READ] = run_read,
	[VERB_REP] = run_rep,     [VERB_REQ] = run_req,       [VERB_SET] = run_set,
	[VERB_STATS] = run_stats, [VERB_SUB] = run_sub,       [VERB_TRACE] = run_trace,
	[VERB_UNSUB] = run_unsub, [VERB_WHO] = run_who,       [VERB_WILL] = run_will,
};

/* What a verb costs besides its line, and besides what it looks at or where it leads to. */
static const unsigned char verb_costs[VERB_COUNT] = {
	[VERB_FORGET] = 32, [VERB_HELP] = 16,  [VERB_KEEP] = 32,  [VERB_NAME] = 32,
	[VERB_QUIT] = 32,   [VERB_READ] = 64,  [VERB_REP] = 32,   [VERB_REQ] = 64,
	[VERB_SET] = 16,    [VERB_STATS] = 32, [VERB_SUB] = 96,   [VERB_TRACE] = 32,
	[VERB_UNSUB] = 32,  [VERB_WHO] = 32,   [VERB_WILL] = 16,
};

/* The verb as it was typed, if it looks like a word: no byte of a stranger's choosing. */
static enum outcome
unknown_verb(struct session *session, const struct command *command)
{
	bool is_word = command->nword > 0 && command->nword <= 16;

	for (size_t i = 0; i < command->nword && is_word; i++) {
		char c = command->word[i];

		is_word =
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
	}
	if (!is_word)
		return answered(session, command, "-ERR UNKNOWN", "no such verb, try HELP");
	return answered(session, command, "-ERR UNKNOWN", "%.*s, try HELP", (int)command->nword,
	                command->word);
}

/* One that speaks TLS would not understand a word. */
static void
command_refuse(struct session *session, enum opening_kind kind)
{
	if (kind == OPENING_TLS) {
		mode_end_stranger(session, kind);
		return;
	}
	mode_log_stranger(session, kind);
	session_bye(session, "HTTP", "this is no web server");
}

static bool
command_line(struct view *view, struct session *session, const struct amy_bytes *line)
{
	struct command command = { .ntag = 0 };
	bool is_first = !session->has_spoken;

	session->has_spoken = true;
	if (protocol_is_http(line->bytes, line->nbytes, is_first)) {
		command_refuse(session, OPENING_HTTP);
		return true;
	}
	switch (protocol_parse(line->bytes, line->nbytes, &command)) {
	case PROTOCOL_COMMAND:
		view->cost += verb_costs[command.verb];
		return verbs[command.verb](view, session, &command) == OUTCOME_ANSWERED;
	case PROTOCOL_EMPTY:
		break;
	case PROTOCOL_UNKNOWN:
		view->cost += COST_ROW / 2;
		unknown_verb(session, &command);
		break;
	case PROTOCOL_BAD_TAG:
		answered(session, &command, "-ERR SYNTAX",
		         "#<tag> <verb>: a tag is 1 to 32 of [A-Za-z0-9_-]");
		break;
	}
	return true;
}

/* Whoever wants to leave is not kept. */
static void
command_over_rate(struct view *view, struct session *session, const struct amy_bytes *line)
{
	struct command command = { .ntag = 0 };
	enum protocol_result result = protocol_parse(line->bytes, line->nbytes, &command);

	if (result == PROTOCOL_COMMAND && command.verb == VERB_QUIT)
		run_quit(view, session, &command);
	else if (result != PROTOCOL_EMPTY)
		answered(session, &command, "-ERR RATE", "limit=%u",
		         session->listener->line_rate);
}

/* "PUB subject ": the subject. False: it is another line, or no good one. */
static bool
is_publication(const char *line, size_t nbytes, struct amy_bytes *subject)
{
	struct protocol_split split;

	if (nbytes < 6 || strncasecmp(line, "PUB ", 4) != 0)
		return false;
	protocol_split(line + 4, nbytes - 4, &split);
	*subject = (struct amy_bytes){ split.first, split.nfirst };
	return subject_check(subject->bytes, subject->nbytes) == NULL;
}

/*
 * Where there are very many subscriptions, what a publication looks at is far away. For all
 * lines of a buffer at once the waiting is that for one.
 */
static void
command_foresee(struct view *view, const char *bytes, size_t nbytes)
{
	struct subscriber followers[SUBSCRIPTIONS_MAX_FORESEEN];
	struct amy_bytes subjects[SUBSCRIPTIONS_MAX_FORESEEN];
	const char *end = bytes + nbytes, *lf;
	size_t n = 0;

	if (view->nsubscription_slots < MANY_SUBSCRIPTIONS)
		return;
	for (; n < SUBSCRIPTIONS_MAX_FORESEEN; bytes = lf + 1) {
		lf = memchr(bytes, '\n', (size_t)(end - bytes));
		if (lf == NULL)
			break;
		if (is_publication(bytes, (size_t)(lf - bytes), &subjects[n]))
			n++;
	}
	if (n < 2)
		return;
	n = subscriptions_foresee(view->subscriptions, subjects, n, followers);
	view_foresee(view, followers, n);
}

/*
 * The client says no more; what it follows still goes to it. A last line without its LF
 * is not run: the end of a writer that was killed looks just the same.
 */
static void
command_end(struct view *view, struct session *session, const struct amy_bytes *rest)
{
	static const char text[] = "-ERR UNTERMINATED the last line has no LF, and was not run";
	struct amy_bytes line = { text, sizeof text - 1 };

	(void)view;
	if (rest != NULL)
		session_answer(session, &line, 1);
	session_end_input(session);
	session_finish_if_idle(session);
}

const struct mode mode_command = {
	.refuse = command_refuse,
	.foresee = command_foresee,
	.line = command_line,
	.too_long = mode_say_too_long,
	.over_rate = command_over_rate,
	.end = command_end,
};
