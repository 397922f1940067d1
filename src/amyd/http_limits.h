/* SPDX-License-Identifier: MIT */
#ifndef HTTP_LIMITS_H
#define HTTP_LIMITS_H

/* Clients at one time, of one socket of a listener of mode "http". */
#define HTTP_MAX_CLIENTS 64

/* Descriptors that such a socket needs besides. */
#define HTTP_OTHER_DESCRIPTORS 8

/* What one client may take: what it asks, and what it is sent. */
#define HTTP_CLIENT_BYTES (192 * 1024)

#endif
