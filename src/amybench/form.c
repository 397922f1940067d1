/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "form.h"

static void set_prefix(struct form *form, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void
set_prefix(struct form *form, const char *format, va_list arguments)
{
	int n = vsnprintf(form->prefix, sizeof form->prefix, format, arguments);

	assert(n >= 0 && (size_t)n < sizeof form->prefix);
	form->nprefix = (size_t)n;
	form->nbytes = form->nprefix + form->ntext + form->nsuffix;
}

void
form_init(struct form *form, size_t ntext, const char *suffix, const char *format, ...)
{
	va_list arguments;

	form->ntext = ntext;
	form->nsuffix = strlen(suffix);
	assert(form->nsuffix <= sizeof form->suffix);
	memcpy(form->suffix, suffix, form->nsuffix);
	va_start(arguments, format);
	set_prefix(form, format, arguments);
	va_end(arguments);
}

void
form_init_fixed(struct form *form, const char *format, ...)
{
	va_list arguments;

	form->ntext = form->nsuffix = 0;
	va_start(arguments, format);
	set_prefix(form, format, arguments);
	va_end(arguments);
}

void
form_write(const struct form *form, const struct text *text, char *to)
{
	memcpy(to, form->prefix, form->nprefix);
	to += form->nprefix;
	if (form->ntext > 0)
		text_write(text, to, form->ntext);
	memcpy(to + form->ntext, form->suffix, form->nsuffix);
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool
form_begins(const struct form *form, const struct text *text, const char *bytes, size_t nbytes)
{
	size_t n = least(nbytes, form->nprefix);

	if (memcmp(bytes, form->prefix, n) != 0)
		return false;
	bytes += n;
	nbytes -= n;
	n = least(nbytes, form->ntext);
	if (n > 0 && !text_begins(text, bytes, n))
		return false;
	return memcmp(bytes + n, form->suffix, nbytes - n) == 0;
}
