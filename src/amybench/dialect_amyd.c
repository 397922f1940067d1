/* SPDX-License-Identifier: MIT */
/*
 * dialect_amyd.c - a listener of amyd in mode command; see amyd-protocol(7).
 */
#include "dialect.h"

static void
prepare(const struct dialect_wish *wish, struct phrases *phrases)
{
	const char *subject = wish->subject;

	form_init(&phrases->ask, wish->size, "\n", "PING ");
	form_init(&phrases->answer, wish->size, "\n", "+OK ");
	form_init_fixed(&phrases->follow, "SUB %s\n", subject);
	form_init_fixed(&phrases->following, "+OK\n");
	form_init(&phrases->publish, wish->size, "\n", "PUB %s ", subject);
	form_init_fixed(&phrases->published, "+OK %u\n", wish->nreaders);
	form_init(&phrases->delivery, wish->size, "\n", "MSG %s ", subject);
}

static bool
begins_with(const char *line, size_t nbytes, const char *word)
{
	size_t n = strlen(word);

	return nbytes > n && memcmp(line, word, n) == 0;
}

/*
 * Of what it does not know a client says nothing: other notices, other kinds of lines. That
 * lines were dropped is bad news.
 */
static bool
is_no_matter(const char *line, size_t nbytes)
{
	if (line[0] == '!')
		return !begins_with(line, nbytes, "! DROPPED ");
	return strchr("+-#*", line[0]) == NULL && !begins_with(line, nbytes, "MSG ") &&
	       !begins_with(line, nbytes, "REQ ");
}

static enum heard
hear(const struct phrases *phrases, const struct form *expected, const char *bytes,
     size_t nbytes, struct utterance *utterance)
{
	utterance->nbytes = dialect_line_length(bytes, nbytes);
	if (utterance->nbytes == 0)
		return HEARD_PART;
	/* More clients than ours follow the subject, or it is stored. */
	if (expected == &phrases->published &&
	    dialect_line_counts(bytes, utterance->nbytes, "+OK ", phrases->nreaders))
		return HEARD_REPLY;
	if (begins_with(bytes, utterance->nbytes, "! BYE "))
		return HEARD_GOODBYE;
	return is_no_matter(bytes, utterance->nbytes) ? HEARD_OTHER : HEARD_WRONG;
}

const struct dialect dialect_amyd = {
	.name = "amyd",
	.has_echo = true,
	.has_fanout = true,
	.has_request = true,
	.prepare = prepare,
	.hear = hear,
};
