/* SPDX-License-Identifier: MIT */
/*
 * say.h - what goes to stderr: one line that shows how far it is, sentences, and the last one.
 */
#ifndef SAY_H
#define SAY_H

#include <stddef.h>

/* In place of the progress line before. */
void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Nothing stands where the progress line was. */
void say_clear(void);

/* A line of its own, with the program's name in front. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same; and it exits, with a code of <sysexits.h>. */
void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* Out of memory, or a system call that cannot fail otherwise: what, and errno's words. */
void fail_errno(const char *what) __attribute__((noreturn));

/*
 * Bytes as people can read them: control bytes, those past ASCII, quotes and backslashes are
 * escaped as in C; cut to what fits, with "..." at the end. Returns text.
 */
const char *say_escape(const char *bytes, size_t nbytes, char *text, size_t size);

#endif
