/* SPDX-License-Identifier: MIT */
/*
 * command.c - the command mode: what each verb does. One function a verb, in one table.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mode.h"
#include "protocol.h"
#include "subject.h"

#define MAX_WORDS 256

enum outcome {
	OUTCOME_ANSWERED, /* the final line is queued */
	OUTCOME_PARKED,   /* nothing is done yet: the line comes again */
};

/*
 * The final line: the client's tag if it gave one, head ("+OK" or "-ERR CODE"), and text
 * behind a space if there is any.
 */
static void
answer(struct session *session, const struct command *command, const char *head,
       const char *text, size_t ntext)
{
	struct amy_line pieces[6];
	size_t n = 0;

	if (command->ntag > 0) {
		pieces[n++] = (struct amy_line){ "#", 1 };
		pieces[n++] = (struct amy_line){ command->tag, command->ntag };
		pieces[n++] = (struct amy_line){ " ", 1 };
	}
	pieces[n++] = (struct amy_line){ head, strlen(head) };
	if (ntext > 0) {
		pieces[n++] = (struct amy_line){ " ", 1 };
		pieces[n++] = (struct amy_line){ text, ntext };
	}
	session_answer(session, pieces, n);
}

static enum outcome
answered(struct session *session, const struct command *command, const char *head,
         const char *format, ...) __attribute__((format(printf, 4, 5)));

static enum outcome
answered(struct session *session, const struct command *command, const char *head,
         const char *format, ...)
{
	char text[MAX_WORDS];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (n >= (int)sizeof text)
		n = sizeof text - 1;
	answer(session, command, head, text, (size_t)n);
	return OUTCOME_ANSWERED;
}

static enum outcome
syntax_error(struct session *session, const struct command *command)
{
	return answered(session, command, "-ERR SYNTAX", "%s",
	                protocol_verbs[command->verb].usage);
}

/* The only argument of a verb that takes one word. False: there is none, or more. */
static bool
only_word(const struct command *command, struct amy_line *word)
{
	struct protocol_split split;

	protocol_split(command->args, command->nargs, &split);
	*word = (struct amy_line){ split.first, split.nfirst };
	return split.nfirst > 0 && split.nfirst == command->nargs;
}

static enum outcome
run_echo(struct router_view *view, struct session *session, const struct command *command)
{
	(void)view;
	answer(session, command, "+OK", command->args, command->nargs);
	return OUTCOME_ANSWERED;
}

static enum outcome
run_pub(struct router_view *view, struct session *session, const struct command *command)
{
	struct protocol_split split;
	struct amy_line subject, text;
	const char *why;
	size_t nreaders;

	protocol_split(command->args, command->nargs, &split);
	if (split.nfirst == 0)
		return syntax_error(session, command);
	why = subject_check(split.first, split.nfirst);
	if (why != NULL)
		return answered(session, command, "-ERR SUBJECT", "%s", why);
	if (subject_is_reserved(split.first, split.nfirst))
		return answered(session, command, "-ERR DENIED",
		                "_amyd is the daemon's own");
	subject = (struct amy_line){ split.first, split.nfirst };
	text = (struct amy_line){ split.rest, split.nrest };
	switch (router_publish(view, session, &subject, &text, &nreaders)) {
	case ROUTER_FULL:
		return OUTCOME_PARKED;
	case ROUTER_NO_MEMORY:
		return answered(session, command, "-ERR INTERNAL", "out of memory");
	case ROUTER_DONE:
		break;
	}
	return answered(session, command, "+OK", "%zu", nreaders);
}

static enum outcome
run_sub(struct router_view *view, struct session *session, const struct command *command)
{
	struct amy_line pattern;
	const char *why;

	if (!only_word(command, &pattern))
		return syntax_error(session, command);
	why = subject_check_pattern(pattern.bytes, pattern.nbytes);
	if (why != NULL)
		return answered(session, command, "-ERR SUBJECT", "%s", why);
	if (session->nsubscriptions >= session->listener->max_subs &&
	    !router_is_subscribed(view, session, &pattern))
		return answered(session, command, "-ERR LIMIT",
		                "%u subscriptions are the most a client may have",
		                session->listener->max_subs);
	if (router_subscribe(view, session, &pattern) == -1)
		return answered(session, command, "-ERR INTERNAL", "out of memory");
	answer(session, command, "+OK", NULL, 0);
	return OUTCOME_ANSWERED;
}

static enum outcome
run_unsub(struct router_view *view, struct session *session, const struct command *command)
{
	struct amy_line pattern;
	const char *why;
	size_t n;

	if (!only_word(command, &pattern))
		return syntax_error(session, command);
	why = subject_check_pattern(pattern.bytes, pattern.nbytes);
	if (why != NULL)
		return answered(session, command, "-ERR SUBJECT", "%s", why);
	if (pattern.nbytes == 1 && *pattern.bytes == '*')
		n = router_unsubscribe_all(view, session);
	else
		n = router_unsubscribe(view, session, &pattern);
	return answered(session, command, "+OK", "%zu", n);
}

static enum outcome
help_with(struct session *session, const struct command *command,
          const struct amy_line *name)
{
	enum verb verb = protocol_find_verb(name->bytes, name->nbytes);

	if (verb == VERB_COUNT)
		return answered(session, command, "-ERR UNKNOWN", "no such verb, try HELP");
	return answered(session, command, "+OK", "%s - %s", protocol_verbs[verb].usage,
	                protocol_verbs[verb].help);
}

static enum outcome
run_help(struct router_view *view, struct session *session, const struct command *command)
{
	struct amy_line name;

	(void)view;
	if (only_word(command, &name))
		return help_with(session, command, &name);
	if (command->nargs > 0)
		return syntax_error(session, command);
	for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
		char row[MAX_WORDS];
		int n = snprintf(row, sizeof row, "* %-22s %s", protocol_verbs[verb].usage,
		                 protocol_verbs[verb].help);
		struct amy_line line = { row, (size_t)n };

		session_answer(session, &line, 1);
	}
	return answered(session, command, "+OK", "%d", VERB_COUNT);
}

static enum outcome
run_quit(struct router_view *view, struct session *session, const struct command *command)
{
	(void)view;
	if (command->nargs > 0)
		return syntax_error(session, command);
	answered(session, command, "+OK", "bye");
	session_close(session);
	return OUTCOME_ANSWERED;
}

static enum outcome (*const verbs[VERB_COUNT])(struct router_view *, struct session *,
                                               const struct command *) = {
	[VERB_ECHO] = run_echo, [VERB_HELP] = run_help, [VERB_PING] = run_echo,
	[VERB_PUB] = run_pub,   [VERB_QUIT] = run_quit, [VERB_SUB] = run_sub,
	[VERB_UNSUB] = run_unsub,
};

/* The verb as it was typed, if it looks like a word: no byte of a stranger's choosing. */
static enum outcome
unknown_verb(struct session *session, const struct command *command)
{
	bool is_word = command->nword > 0 && command->nword <= 16;

	for (size_t i = 0; i < command->nword && is_word; i++) {
		char c = command->word[i];

		is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		          (c >= '0' && c <= '9');
	}
	if (!is_word)
		return answered(session, command, "-ERR UNKNOWN", "no such verb, try HELP");
	return answered(session, command, "-ERR UNKNOWN", "%.*s, try HELP",
	                (int)command->nword, command->word);
}

static bool
command_line(struct router_view *view, struct session *session, const struct amy_line *line)
{
	struct command command = { .ntag = 0 };
	bool is_first = !session->has_spoken;

	session->has_spoken = true;
	if (protocol_is_http(line->bytes, line->nbytes, is_first)) {
		session_bye(session, "HTTP", "this is no web server");
		return true;
	}
	switch (protocol_parse(line->bytes, line->nbytes, &command)) {
	case PROTOCOL_COMMAND:
		return verbs[command.verb](view, session, &command) == OUTCOME_ANSWERED;
	case PROTOCOL_EMPTY:
		break;
	case PROTOCOL_UNKNOWN:
		unknown_verb(session, &command);
		break;
	case PROTOCOL_BAD_TAG:
		answered(session, &command, "-ERR SYNTAX",
		         "#<tag> <verb>: a tag is 1 to 32 of [A-Za-z0-9_-]");
		break;
	}
	return true;
}

/*
 * The client says no more; what it follows still goes to it. A last line without its LF
 * is not run: the end of a writer that was killed looks just the same.
 */
static void
command_end(struct session *session, const struct amy_line *rest)
{
	static const char text[] = "-ERR UNTERMINATED the last line has no LF, and was not run";
	struct amy_line line = { text, sizeof text - 1 };

	if (rest != NULL)
		session_answer(session, &line, 1);
	if (session->nsubscriptions > 0 && session->state == SESSION_OPEN)
		session->state = SESSION_LISTENING;
	else
		session_close(session);
}

const struct mode mode_command = {
	.line = command_line,
	.too_long = mode_say_too_long,
	.end = command_end,
};
