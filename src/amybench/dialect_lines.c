/* SPDX-License-Identifier: MIT */
/*
 * dialect_lines.c - a server that sends each line back, whatever it is called.
 */
#include "dialect.h"

static void
prepare(const struct dialect_wish *wish, struct phrases *phrases)
{
	form_init(&phrases->ask, wish->size - 1, "\n", "%s", "");
	phrases->answer = phrases->ask;
}

const struct dialect dialect_lines = {
	.name = "lines",
	.has_echo = true,
	.is_line = true,
	.prepare = prepare,
};
