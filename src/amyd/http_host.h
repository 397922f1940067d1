/* SPDX-License-Identifier: MIT */
#ifndef HTTP_HOST_H
#define HTTP_HOST_H

#include <stdbool.h>

/*
 * May a browser that names this host ("Host:", with or without a port) be answered? An address
 * and "localhost" may be named, and this machine's own name. A page of somebody else's whose
 * name was made to lead here ("DNS rebinding") has another one, and must not read what we say.
 */
bool http_host_is_ours(const char *host, const char *hostname);

#endif
