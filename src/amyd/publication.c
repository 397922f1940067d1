/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "publication.h"

size_t
publication_size(const struct publication *publication)
{
	return sizeof *publication + publication->subject.nbytes + publication->text.nbytes +
	       publication->from.nbytes;
}

/* The bytes of a line, copied to *end, which moves behind them. */
static struct amy_bytes
copy_line(char **end, const struct amy_bytes *line)
{
	struct amy_bytes copy = { *end, line->nbytes };

	if (line->nbytes > 0)
		memcpy(*end, line->bytes, line->nbytes);
	*end += line->nbytes;
	return copy;
}

struct publication *
publication_copy(const struct publication *publication)
{
	struct publication *copy = malloc(publication_size(publication));
	char *end;

	if (copy == NULL)
		return NULL;
	atomic_init(&copy->references, 1);
	copy->seq = publication->seq;
	copy->request = publication->request;
	copy->from_id = publication->from_id;
	copy->at_ms = publication->at_ms;
	copy->wall_ms = publication->wall_ms;
	end = (char *)(copy + 1);
	copy->subject = copy_line(&end, &publication->subject);
	copy->text = copy_line(&end, &publication->text);
	copy->from = copy_line(&end, &publication->from);
	return copy;
}

struct publication *
publication_ref(struct publication *publication)
{
	atomic_fetch_add_explicit(&publication->references, 1, memory_order_relaxed);
	return publication;
}

void
publication_unref(struct publication *publication)
{
	if (publication != NULL &&
	    atomic_fetch_sub_explicit(&publication->references, 1, memory_order_acq_rel) == 1)
		free(publication);
}
