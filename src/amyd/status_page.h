/* SPDX-License-Identifier: MIT */
#ifndef STATUS_PAGE_H
#define STATUS_PAGE_H

#include <stddef.h>

/* status_page.html, as it is: make turns it into status_page.c. */
extern const unsigned char status_page[];
extern const size_t status_page_size;

#endif
