/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "say.h"

static bool has_progress;

void
say_progress(const char *format, ...)
{
	va_list arguments;

	fputs("\r\033[K", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fflush(stderr);
	has_progress = true;
}

void
say_clear(void)
{
	if (has_progress)
		fputs("\r\033[K", stderr);
	has_progress = false;
}

static void say_line(const char *format, va_list arguments)
    __attribute__((format(printf, 1, 0)));

static void
say_line(const char *format, va_list arguments)
{
	say_clear();
	fputs("amybench: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void
say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line(format, arguments);
	va_end(arguments);
}

void
fail(int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line(format, arguments);
	va_end(arguments);
	exit(code);
}

void
fail_errno(const char *what)
{
	fail(EX_OSERR, "%s: %s", what, strerror(errno));
}

/* One byte; the text has room for 4 more and a NUL. */
static size_t
escape_byte(unsigned char byte, char *text)
{
	static const char letters[] = "\n\r\t\"\\", names[] = "nrt\"\\";
	const char *letter = byte == '\0' ? NULL : strchr(letters, byte);

	if (letter != NULL)
		return (size_t)sprintf(text, "\\%c", names[letter - letters]);
	if (byte < 0x20 || byte >= 0x7f)
		return (size_t)sprintf(text, "\\x%02x", byte);
	text[0] = (char)byte;
	return 1;
}

const char *
say_escape(const char *bytes, size_t nbytes, char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < nbytes; i++) {
		if (n + sizeof "\\xff..." > size) {
			strcpy(text + n, "...");
			return text;
		}
		n += escape_byte((unsigned char)bytes[i], text + n);
	}
	text[n] = '\0';
	return text;
}
