/* SPDX-License-Identifier: MIT */
/*
 * reload.h - the configuration is read again, and takes the place of the present one whole, or
 * not at all.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "conf.h"
#include "listener.h"
#include "load_thread.h"
#include "server.h"

/* What is changed by it. Owner: main. */
struct reload {
	const char *path;
	const char *port_path; /* NULL: it is not written */
	unsigned verbose;      /* as -v was said */
	struct conf *conf;     /* with a reference */
	struct listeners *listeners;
	struct server *server;
	struct load_thread *loading; /* NULL: none is under way */
	bool is_wanted_again;        /* it was asked for since that began */
};

/*
 * Begin: the file is read by a thread of its own. If that is under way, it is done once more
 * afterwards. Whatever is wrong is logged, and leaves all as it was.
 */
void reload_begin(struct reload *reload);

/* Is reload_finish() to be called? When it is, server_end_fd() can be read. */
bool reload_is_read(const struct reload *reload);

/* The file has been read, or it is waited for: change, and say what has, and what needs a restart. */
void reload_finish(struct reload *reload);

/* Nothing is to come of one that is under way. */
void reload_abandon(struct reload *reload);

/* How much is logged by that configuration, and by -v. */
enum log_level reload_log_level(const struct conf *conf, unsigned verbose);

#endif
