/* SPDX-License-Identifier: MIT */
#ifndef NODE_H
#define NODE_H

/* The name of this host, as it was when this was first asked. Any thread. */
const char *node_name(void);

#endif
