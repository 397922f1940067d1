/* SPDX-License-Identifier: MIT */
/*
 * own_listeners.h - the addresses of our own listeners of mode "publish": a target "tcp:" that
 * leads to one would have its lines published again and again.
 */
#ifndef OWN_LISTENERS_H
#define OWN_LISTENERS_H

#include <stdbool.h>

#include "listener.h"

/* As many are known; further ones are not found. */
#define OWN_LISTENERS_MAX 128

/* These, from now on. Nobody else opens or closes listeners meanwhile. */
void own_listeners_set(const struct listeners *listeners);

/*
 * Does a connection lead to one of them? peer: where it was made to; local: its own end. Any
 * thread.
 */
bool own_listeners_have(const struct address *peer, const struct address *local);

#endif
