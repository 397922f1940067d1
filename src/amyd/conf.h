/* SPDX-License-Identifier: MIT */
/*
 * conf.h - amyd.conf as the rest of the daemon sees it.
 */
#ifndef CONF_H
#define CONF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"
#include "conf_rule.h"
#include "log.h"

#define CONF_MAX_HANDLERS 64
#define CONF_MAX_CLIENTS 32000 /* what a handler's pipe can be relied on to hold */
#define CONF_MAX_ADDRESSES 8
#define CONF_MAX_LINE (16u << 20)

enum conf_mode {
	CONF_MODE_COMMAND,
	CONF_MODE_ECHO,
	CONF_MODE_PUBLISH,
	CONF_MODE_SUBSCRIBE,
	CONF_MODE_HTTP,
};

/* Owner: its struct conf. Constant once read. */
struct conf_listener {
	struct conf *conf; /* whose it is, if that has references; else NULL */
	char *name;
	char *address; /* as written */
	struct address resolved[CONF_MAX_ADDRESSES];
	int nresolved; /* 0: it is "fd:name" */
	enum conf_mode mode;
	mode_t access;     /* of a Unix socket */
	size_t max_line;   /* bytes, LF not counted */
	size_t queue;      /* bytes on their way to one client */
	unsigned max_subs; /* of one client */
	bool open;         /* may be reachable from other machines */
	bool slow_cut;     /* past its queue a client is cut off, and loses no line before */
	int64_t slow_ms;   /* a client that takes nothing for so long is cut off; 0: never */
	int64_t idle_ms;   /* one that says and gets nothing for so long is closed; 0: never */
	int64_t line_ms;   /* one whose line takes so long is closed; 0: never */
	unsigned per_ip;   /* clients from one address; 0: any number */
	unsigned accept_rate; /* new clients a second; 0: any number */
	unsigned line_rate;   /* lines a second and client; 0: any number */
	char *subject;     /* publish: where its lines go. Else NULL */
	bool eof_line;     /* publish: an unterminated last line counts */
	char *pattern;     /* subscribe: what its clients follow. Else NULL */
	unsigned history;  /* subscribe: so many stored lines come first */
};

/* Lines that are stored. Owner: its struct conf. Constant once read. */
struct conf_history {
	char *name;
	char *match;    /* a pattern */
	uint64_t lines; /* at most, 1 or more */
	size_t bytes;   /* at most, of memory */
};

/*
 * Owner: whoever loaded it; or all who have a reference. Constant once read; so, any thread.
 */
struct conf {
	atomic_uint nreferences; /* 0: it is owned by one */
	bool is_blank;           /* the file says nothing: all is as by default */
	unsigned handlers; /* threads; never 0 */
	unsigned max_clients;
	size_t memory; /* bytes for all that waits and is stored; 0: as the control group allows */
	int64_t lease_ms; /* how long a quiet client stays with its handler; 0: it does not */
	int64_t drain_ms; /* how long the end waits for what is queued */
	char *user; /* "": stay who we are */

	bool log_to_is_set;
	enum log_target log_to;
	int log_facility;
	enum log_level log_level;

	struct conf_listener *listeners;
	size_t nlisteners; /* at least one */

	/* in the order of the file */
	struct conf_history *histories;
	size_t nhistories;
	struct conf_rule *rules;
	size_t nrules; /* at most CONF_MAX_RULES; no line goes round among them */
};

/* Enough for what conf_load() says of an error. */
#define CONF_MAX_ERROR 1024

/*
 * Read the file into *conf. 0; or a <sysexits.h> code, with a sentence in error that says
 * where, what and how to mend it; then there is nothing to free. One thread at a time.
 */
int conf_load(const char *path, struct conf *conf, char error[CONF_MAX_ERROR]);
void conf_fini(struct conf *conf);

/*
 * The same on the heap, with one reference, for those that outlive the next one: clients that
 * came by a listener, and what writes for the target of a rule. NULL: *code is the code.
 */
struct conf *conf_read(const char *path, int *code, char error[CONF_MAX_ERROR]);

/* NULL is fine for both: it is owned by one, who sees to it. Any thread. */
void conf_ref(struct conf *conf);
void conf_unref(struct conf *conf);

/* NULL: there is none of that name. */
const struct conf_listener *conf_find_listener(const struct conf *conf, const char *name);

#endif
