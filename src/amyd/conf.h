/* SPDX-License-Identifier: MIT */
/*
 * conf.h - amyd.conf as the rest of the daemon sees it.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "address.h"
#include "log.h"

#define CONF_MAX_HANDLERS 64
#define CONF_MAX_CLIENTS 32000 /* what a handler's pipe can be relied on to hold */
#define CONF_MAX_ADDRESSES 8
#define CONF_MAX_LINE (16u << 20)

enum conf_mode {
	CONF_MODE_COMMAND,
	CONF_MODE_ECHO,
};

/* Owner: its struct conf. Constant once read. */
struct conf_listener {
	char *name;
	char *address; /* as written */
	struct address resolved[CONF_MAX_ADDRESSES];
	int nresolved;
	enum conf_mode mode;
	mode_t access;     /* of a Unix socket */
	size_t max_line;   /* bytes, LF not counted */
	size_t queue;      /* bytes on their way to one client */
	unsigned max_subs; /* of one client */
	bool open;         /* may be reachable from other machines */
};

/* Owner: whoever loaded it. Constant once read; so, any thread. */
struct conf {
	unsigned handlers; /* threads; never 0 */
	unsigned max_clients;
	char *user; /* "": stay who we are */

	bool log_to_is_set;
	enum log_target log_to;
	int log_facility;
	enum log_level log_level;

	struct conf_listener *listeners;
	size_t nlisteners; /* at least one */
};

/* Enough for what conf_load() says of an error. */
#define CONF_MAX_ERROR 1024

/*
 * Read the file into *conf. 0; or a <sysexits.h> code, with a sentence in error that says
 * where, what and how to mend it; then there is nothing to free. One thread at a time.
 */
int conf_load(const char *path, struct conf *conf, char error[CONF_MAX_ERROR]);
void conf_fini(struct conf *conf);

#endif
