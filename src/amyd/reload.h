/* SPDX-License-Identifier: MIT */
/*
 * reload.h - the configuration is read again, and takes the place of the present one whole, or
 * not at all.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "conf.h"
#include "listener.h"
#include "server.h"

/* What is changed by it. Owner: main. */
struct reload {
	const char *path;
	const char *port_path; /* NULL: it is not written */
	unsigned verbose;      /* as -v was said */
	struct conf *conf;     /* with a reference */
	struct listeners *listeners;
	struct server *server;
};

/*
 * Do it, and say what has changed and what needs a restart. Whatever is wrong is logged, and
 * leaves all as it was.
 */
void reload(struct reload *reload);

/* How much is logged by that configuration, and by -v. */
enum log_level reload_log_level(const struct conf *conf, unsigned verbose);

#endif
