/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "protocol.h"

const struct verb_info protocol_verbs[VERB_COUNT] = {
	[VERB_ECHO] = { "ECHO", "ECHO <text>", "answer with the text" },
	[VERB_HELP] = { "HELP", "HELP [verb]", "list the verbs, or say what one does" },
	[VERB_PING] = { "PING", "PING [text]", "answer when every earlier line was handled" },
	[VERB_PUB] = { "PUB", "PUB <subject> <text>", "send a line to all who follow the subject" },
	[VERB_QUIT] = { "QUIT", "QUIT", "finish and close" },
	[VERB_SUB] = { "SUB", "SUB <pattern>", "follow: a.b, one token a.*, all below a.>" },
	[VERB_UNSUB] = { "UNSUB", "UNSUB <pattern>|*", "stop following one pattern, or all" },
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_tag_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

enum verb
protocol_find_verb(const char *name, size_t nbytes)
{
	for (enum verb verb = 0; verb < VERB_COUNT; verb++)
		if (strlen(protocol_verbs[verb].name) == nbytes &&
		    strncasecmp(protocol_verbs[verb].name, name, nbytes) == 0)
			return verb;
	return VERB_COUNT;
}

void
protocol_split(const char *args, size_t nargs, struct protocol_split *split)
{
	size_t n = 0;

	while (n < nargs && !is_blank(args[n]))
		n++;
	split->first = args;
	split->nfirst = n;
	split->rest = n < nargs ? args + n + 1 : args + n;
	split->nrest = n < nargs ? nargs - n - 1 : 0;
}

/* The tag, if there is one; *line is moved behind it. */
static bool
parse_tag(const char **line, size_t *nbytes, struct command *command)
{
	struct protocol_split split;

	command->tag = NULL;
	command->ntag = 0;
	if (*nbytes == 0 || **line != '#')
		return true;
	protocol_split(*line + 1, *nbytes - 1, &split);
	if (split.nfirst == 0 || split.nfirst > PROTOCOL_MAX_TAG)
		return false;
	for (size_t i = 0; i < split.nfirst; i++)
		if (!is_tag_byte(split.first[i]))
			return false;
	command->tag = split.first;
	command->ntag = split.nfirst;
	*line = split.rest;
	*nbytes = split.nrest;
	return true;
}

enum protocol_result
protocol_parse(const char *line, size_t nbytes, struct command *command)
{
	struct protocol_split split;

	if (nbytes > 0 && line[nbytes - 1] == '\r')
		nbytes--;
	if (nbytes == 0)
		return PROTOCOL_EMPTY;
	if (!parse_tag(&line, &nbytes, command))
		return PROTOCOL_BAD_TAG;
	protocol_split(line, nbytes, &split);
	command->word = split.first;
	command->nword = split.nfirst;
	command->args = split.rest;
	command->nargs = split.nrest;
	command->has_args = split.nfirst < nbytes;
	command->verb = protocol_find_verb(split.first, split.nfirst);
	return command->verb == VERB_COUNT ? PROTOCOL_UNKNOWN : PROTOCOL_COMMAND;
}

static bool
ends_in_http(const char *line, size_t nbytes)
{
	static const char version[] = "HTTP/1.x";
	size_t n = sizeof version - 1;

	return nbytes >= n && memcmp(line + nbytes - n, version, n - 1) == 0 &&
	       line[nbytes - 1] >= '0' && line[nbytes - 1] <= '9';
}

bool
protocol_is_http(const char *line, size_t nbytes, bool is_first)
{
	if (nbytes > 0 && line[nbytes - 1] == '\r')
		nbytes--;
	if (is_first && ends_in_http(line, nbytes))
		return true;
	return nbytes >= 5 && strncasecmp(line, "Host:", 5) == 0;
}
