/* SPDX-License-Identifier: MIT */
/*
 * report.h - what a client may see of all the rest: WHO, STATS, TRACE. Rows, each beginning
 * with "* ", and "+OK n" behind them.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

#include <amy.h>

#include "router.h"
#include "session.h"
#include "view.h"

/*
 * All clients; or, with a pattern (nbytes not 0), those that follow something of it. False,
 * nothing was queued: ENOMEM.
 */
bool report_who(struct view *view, struct session *session, const struct amy_bytes *pattern,
                const char *tag, size_t ntag);

/* What is counted, of names that begin so. */
bool report_stats(struct view *view, struct session *session, const struct amy_bytes *prefix,
                  const char *tag, size_t ntag);

/* Where a line of that subject would go. */
bool report_trace(struct view *view, struct session *session, const struct amy_bytes *subject,
                  const char *tag, size_t ntag);

#endif
