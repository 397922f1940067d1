/* SPDX-License-Identifier: MIT */
/*
 * hold.c - many connections that are kept, and say nothing more.
 *
 * usage: hold HOST PORT CONNECTIONS LINE
 *
 * Opens them, says the line on each (a # in it is the connection's number) and waits for the
 * answer, which begins with + or is the line. Then it prints "held N" and keeps them until it
 * is ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"

int
main(int argc, char **argv)
{
	unsigned n = argc == 5 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;

	if (n == 0) {
		fprintf(stderr, "usage: hold HOST PORT CONNECTIONS LINE\n");
		return 64;
	}
	raise_descriptor_limit();
	for (unsigned i = 0; i < n; i++)
		converse(dial(argv[1], argv[2], false), argv[4], i);
	printf("held %u\n", n);
	if (fflush(stdout) != 0)
		die("stdout");
	for (;;)
		pause();
}
