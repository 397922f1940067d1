/* SPDX-License-Identifier: MIT */
#ifndef UNITS_H
#define UNITS_H

#include <stddef.h>

/*
 * A size as people write it: digits, then perhaps K, M or G (times 1024). 0 and *size, or
 * -1: not of this form, or larger than a size_t holds.
 */
int units_parse_size(const char *text, size_t *size);

#endif
