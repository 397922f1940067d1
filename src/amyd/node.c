/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "node.h"

static char name[256]; /* constant once it is read */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
read_name(void)
{
	if (gethostname(name, sizeof name - 1) == -1 || name[0] == '\0')
		snprintf(name, sizeof name, "localhost");
}

const char *
node_name(void)
{
	pthread_once(&once, read_name);
	return name;
}
