/* SPDX-License-Identifier: MIT */
/*
 * dialect_nats.c - a NATS server. Its answer to PING has no text. A reader knows that it
 * follows a subject by the answer to the PING behind its SUB.
 */
#include "dialect.h"

#define CONNECT "CONNECT {\"verbose\":false,\"pedantic\":false,\"name\":\"amybench\"}\r\n"

static void
prepare(const struct dialect_wish *wish, struct phrases *phrases)
{
	const char *subject = wish->subject;
	size_t size = wish->size;

	form_init_fixed(&phrases->hello, "%s", CONNECT);
	form_init_fixed(&phrases->ask, "PING\r\n");
	form_init_fixed(&phrases->answer, "PONG\r\n");
	form_init_fixed(&phrases->follow, "SUB %s 1\r\nPING\r\n", subject);
	form_init_fixed(&phrases->following, "PONG\r\n");
	form_init(&phrases->publish, size, "\r\n", "PUB %s %zu\r\n", subject, size);
	form_init(&phrases->delivery, size, "\r\n", "MSG %s 1 %zu\r\n", subject, size);
}

static bool
line_begins(const char *line, size_t nbytes, const char *word)
{
	size_t n = strlen(word);

	return nbytes >= n && memcmp(line, word, n) == 0;
}

/* The server greets, and asks now and then whether we are still there. */
static enum heard
hear(const struct phrases *phrases, const struct form *expected, const char *bytes,
     size_t nbytes, struct utterance *utterance)
{
	(void)phrases;
	(void)expected;
	utterance->nbytes = dialect_line_length(bytes, nbytes);
	if (utterance->nbytes == 0)
		return HEARD_PART;
	if (line_begins(bytes, utterance->nbytes, "PING\r\n"))
		utterance->answer = "PONG\r\n";
	else if (!line_begins(bytes, utterance->nbytes, "INFO "))
		return HEARD_WRONG;
	return HEARD_OTHER;
}

const struct dialect dialect_nats = {
	.name = "nats",
	.has_echo = true,
	.has_fanout = true,
	.echo_size = sizeof "PING\r\n" - 1,
	.prepare = prepare,
	.hear = hear,
};
