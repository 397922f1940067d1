/* SPDX-License-Identifier: MIT */
/*
 * units_text.h - numbers as people like to read them. Each returns the text.
 */
#ifndef UNITS_TEXT_H
#define UNITS_TEXT_H

#include <stdint.h>

#define UNITS_TEXT 32 /* bytes, enough for each of them */

/* "1,823,456" */
const char *units_count(uint64_t n, char text[UNITS_TEXT]);

/* "850 ns", "12 us", "1.2 ms", "3.40 s": two or three digits that count. */
const char *units_time(uint64_t ns, char text[UNITS_TEXT]);

#endif
