/* SPDX-License-Identifier: MIT */
/*
 * dialect_raw.c - lines in at one address, and out at another one to all who are connected
 * there, without a word around them: amyd's modes publish and subscribe, and their like.
 */
#include "dialect.h"

static void
prepare(const struct dialect_wish *wish, struct phrases *phrases)
{
	form_init(&phrases->publish, wish->size, "\n", "%s", "");
	phrases->delivery = phrases->publish;
	form_init_fixed(&phrases->following, "%s is there\n", wish->subject);
	phrases->is_tuned = true;
}

/* The bytes are this line of ours, which has no text, or its beginning. */
static bool
is_or_begins(const struct form *form, const char *bytes, size_t nbytes)
{
	return nbytes <= form->nbytes && memcmp(bytes, form->prefix, nbytes) == 0;
}

/*
 * A reader that waits for the first line of this run may be shown older ones. Later on it may
 * get that line again, which was for another one that had not seen it yet.
 */
static enum heard
hear(const struct phrases *phrases, const struct form *expected, const char *bytes,
     size_t nbytes, struct utterance *utterance)
{
	const struct form *following = &phrases->following;
	size_t nline = dialect_line_length(bytes, nbytes);

	utterance->nbytes = nline;
	if (expected != following &&
	    !is_or_begins(following, bytes, nline == 0 ? nbytes : nline))
		return HEARD_WRONG;
	return nline == 0 ? HEARD_PART : HEARD_OTHER;
}

const struct dialect dialect_raw = {
	.name = "raw",
	.has_fanout = true,
	.has_two_addresses = true,
	.prepare = prepare,
	.hear = hear,
};
