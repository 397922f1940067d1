/* SPDX-License-Identifier: MIT */
/*
 * dialect_redis.c - Redis, and what speaks its protocol, RESP 2.
 */
#include "dialect.h"

static void
prepare(const struct dialect_wish *wish, struct phrases *phrases)
{
	const char *subject = wish->subject;
	size_t nsubject = strlen(subject), size = wish->size;

	form_init(&phrases->ask, size, "\r\n", "*2\r\n$4\r\nPING\r\n$%zu\r\n", size);
	form_init(&phrases->answer, size, "\r\n", "$%zu\r\n", size);
	form_init_fixed(&phrases->follow, "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n%s\r\n", nsubject,
	                subject);
	form_init_fixed(&phrases->following, "*3\r\n$9\r\nsubscribe\r\n$%zu\r\n%s\r\n:1\r\n",
	                nsubject, subject);
	form_init(&phrases->publish, size, "\r\n",
	          "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n", nsubject, subject, size);
	form_init_fixed(&phrases->published, ":%u\r\n", wish->nreaders);
	form_init(&phrases->delivery, size, "\r\n",
	          "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n", nsubject, subject, size);
}

/* Nobody else follows the channel; but a pattern may match it. */
static enum heard
hear(const struct phrases *phrases, const struct form *expected, const char *bytes,
     size_t nbytes, struct utterance *utterance)
{
	utterance->nbytes = dialect_line_length(bytes, nbytes);
	if (utterance->nbytes == 0)
		return HEARD_PART;
	if (expected == &phrases->published &&
	    dialect_line_counts(bytes, utterance->nbytes, ":", phrases->nreaders))
		return HEARD_REPLY;
	return HEARD_WRONG;
}

const struct dialect dialect_redis = {
	.name = "redis",
	.has_echo = true,
	.has_fanout = true,
	.prepare = prepare,
	.hear = hear,
};
