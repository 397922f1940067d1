/* SPDX-License-Identifier: MIT */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "run.h"

/* What a run has measured, on stdout: for people, or as JSON. -1: it cannot be written. */
int summary_print(const struct run *run);

#endif
