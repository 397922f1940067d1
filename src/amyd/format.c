/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "format.h"

static const struct {
	const char *name;
	enum format_field field;
} fields[] = {
	{ "text", FORMAT_TEXT }, { "subject", FORMAT_SUBJECT }, { "time", FORMAT_TIME },
	{ "from", FORMAT_FROM }, { "user", FORMAT_USER },       { "seq", FORMAT_SEQ },
	{ "node", FORMAT_NODE },
};

static enum format_field
field_called(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (strlen(fields[i].name) == n && memcmp(fields[i].name, name, n) == 0)
			return fields[i].field;
	return FORMAT_UNKNOWN;
}

bool
format_next(const char **at, struct format_piece *piece)
{
	const char *begin = *at;

	if (*begin == '\0')
		return false;
	*piece = (struct format_piece){ .field = FORMAT_LITERAL, .bytes = begin };
	if (begin[0] != '%') {
		piece->nbytes = strcspn(begin, "%");
		*at += piece->nbytes;
	} else if (begin[1] == '%') {
		piece->nbytes = 1;
		*at += 2;
	} else {
		piece->nbytes = 1 + strspn(begin + 1, "abcdefghijklmnopqrstuvwxyz");
		piece->field = field_called(begin + 1, piece->nbytes - 1);
		*at += piece->nbytes;
	}
	return true;
}

bool
format_check(const char *format, struct format_piece *unknown)
{
	while (format_next(&format, unknown))
		if (unknown->field == FORMAT_UNKNOWN)
			return false;
	return true;
}
