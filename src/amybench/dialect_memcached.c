/* SPDX-License-Identifier: MIT */
/*
 * dialect_memcached.c - memcached: its command mn does nothing, and is answered.
 */
#include "dialect.h"

static void
prepare(const struct dialect_wish *wish, struct phrases *phrases)
{
	(void)wish;
	form_init_fixed(&phrases->ask, "mn\r\n");
	form_init_fixed(&phrases->answer, "MN\r\n");
}

const struct dialect dialect_memcached = {
	.name = "memcached",
	.has_echo = true,
	.echo_size = sizeof "mn\r\n" - 1,
	.prepare = prepare,
};
