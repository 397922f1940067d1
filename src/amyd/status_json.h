/* SPDX-License-Identifier: MIT */
#ifndef STATUS_JSON_H
#define STATUS_JSON_H

#include <stdio.h>

#include "status.h"

/* As JSON (RFC 8259), in ASCII but for what is UTF-8 already. Errors are the file's. */
void status_write_json(FILE *file, const struct status *status);

#endif
