/* SPDX-License-Identifier: MIT */
/*
 * form.h - what a message looks like: fixed bytes, a text of fixed size, fixed bytes.
 */
#ifndef FORM_H
#define FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

#define FORM_MAX_PREFIX 160
#define FORM_MAX_SUFFIX 4

/* Constant once made. */
struct form {
	size_t nbytes; /* of the whole message; 0: there is no such message */
	size_t nprefix, ntext, nsuffix;
	char prefix[FORM_MAX_PREFIX];
	char suffix[FORM_MAX_SUFFIX];
};

/* A form with a text; the prefix is made as by printf(3). */
void form_init(struct form *form, size_t ntext, const char *suffix, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A form without one. Messages without a text are all the same. */
void form_init_fixed(struct form *form, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The message with this text: form->nbytes. */
void form_write(const struct form *form, const struct text *text, char *to);

/* At least form->nbytes bytes begin with the message with this text. */
static inline bool
form_is(const struct form *form, const struct text *text, const char *bytes)
{
	if (memcmp(bytes, form->prefix, form->nprefix) != 0)
		return false;
	bytes += form->nprefix;
	return (form->ntext == 0 || text_is(text, bytes, form->ntext)) &&
	       memcmp(bytes + form->ntext, form->suffix, form->nsuffix) == 0;
}

/* These nbytes, fewer than form->nbytes, are its beginning. */
bool form_begins(const struct form *form, const struct text *text, const char *bytes,
                 size_t nbytes);

#endif
