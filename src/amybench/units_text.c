/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "units_text.h"

const char *
units_count(uint64_t n, char text[UNITS_TEXT])
{
	char digits[UNITS_TEXT];
	size_t ndigits = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);
	char *to = text;

	for (size_t i = 0; i < ndigits; i++) {
		if (i > 0 && (ndigits - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

const char *
units_time(uint64_t ns, char text[UNITS_TEXT])
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	size_t i = 0;
	double value;

	while (i < 3 && (double)ns >= units[i + 1].ns)
		i++;
	value = (double)ns / units[i].ns;
	snprintf(text, UNITS_TEXT, "%.*f %s", value < 9.95 && i > 0 ? 1 : 0, value,
	         units[i].name);
	return text;
}
