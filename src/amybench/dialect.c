/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "dialect.h"

static const struct dialect *const dialects[] = {
	&dialect_lines, &dialect_amyd, &dialect_raw,
	&dialect_redis, &dialect_nats, &dialect_memcached,
};

const struct dialect *
dialect_find(const char *name)
{
	for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
		if (strcmp(dialects[i]->name, name) == 0)
			return dialects[i];
	return NULL;
}

const char *
dialect_names(void)
{
	return "lines, amyd, raw, redis, nats or memcached";
}

size_t
dialect_line_length(const char *bytes, size_t nbytes)
{
	const char *lf = memchr(bytes, '\n', nbytes);

	return lf == NULL ? 0 : (size_t)(lf + 1 - bytes);
}

bool
dialect_line_counts(const char *line, size_t nbytes, const char *prefix, unsigned n)
{
	size_t i = strlen(prefix), first = i;
	uint64_t count = 0;

	if (nbytes < i || memcmp(line, prefix, i) != 0)
		return false;
	for (; i < nbytes && i < first + 10 && line[i] >= '0' && line[i] <= '9'; i++)
		count = count * 10 + (uint64_t)(line[i] - '0');
	if (i == first || i == nbytes || strchr(" \r\n", line[i]) == NULL)
		return false;
	return count >= n;
}
