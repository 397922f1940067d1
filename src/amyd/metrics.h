/* SPDX-License-Identifier: MIT */
#ifndef METRICS_H
#define METRICS_H

#include <stdio.h>

#include "status.h"

/* As version 0.0.4 of the text format of Prometheus. Errors are the file's. */
void metrics_write(FILE *file, const struct status *status);

#endif
