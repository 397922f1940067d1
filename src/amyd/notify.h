/* SPDX-License-Identifier: MIT */
#ifndef NOTIFY_H
#define NOTIFY_H

/*
 * Tell the service manager ("READY=1", "STOPPING=1", ...), if there is one that asked to
 * be told: the protocol of sd_notify(3), a datagram to $NOTIFY_SOCKET. Does not wait.
 * -1: it was asked for, and could not be sent; the cause is logged.
 */
int notify(const char *state);

#endif
