/* SPDX-License-Identifier: MIT */
#ifndef POLLER_H
#define POLLER_H

#include "core.h"

/* What registrars are made from. Borrowed. */
struct core *poller_core(struct amy_poller *poller);

#endif
