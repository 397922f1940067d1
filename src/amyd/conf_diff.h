/* SPDX-License-Identifier: MIT */
/*
 * conf_diff.h - what is different between two configurations, in words.
 */
#ifndef CONF_DIFF_H
#define CONF_DIFF_H

#include "conf.h"

/* One thing that is different, such as "listen main: queue, line_rate". */
typedef void conf_diff_fn(void *context, const char *text);

/* Tell of each that is. Returns how many there are. Both stay as they are; any thread. */
size_t conf_diff(const struct conf *old, const struct conf *new, conf_diff_fn *tell,
                 void *context);

/*
 * What only a restart can change stays as it is: of that, put into new what is in running, and
 * tell of each that would have been different, such as "handlers = 4". most_clients is what
 * max_clients can be raised to. Returns how many there are.
 */
size_t conf_keep(struct conf *new, const struct conf *running, unsigned most_clients,
                 conf_diff_fn *tell, void *context);

#endif
