/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf_text.h"

#define MAX_FILE (16u << 20)

/* Read all that there is, and a NUL behind it. NULL, errno. */
static char *
read_all(int fd, size_t *used)
{
	size_t capacity = 4096;
	char *text = NULL;
	ssize_t n;

	*used = 0;
	do {
		char *larger = capacity > MAX_FILE ? NULL : realloc(text, capacity);

		if (larger == NULL) {
			errno = capacity > MAX_FILE ? EFBIG : ENOMEM;
			n = -1;
			break;
		}
		text = larger;
		n = read(fd, text + *used, capacity - *used - 1);
		if (n > 0)
			*used += (size_t)n;
		if (*used == capacity - 1)
			capacity *= 2;
	} while (n > 0);
	if (n == 0) {
		text[*used] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

/* NULL, errno. EILSEQ: it is no text. */
static char *
read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used;
	char *text;
	int error;

	if (fd == -1)
		return NULL;
	text = read_all(fd, &used);
	error = errno;
	close(fd);
	if (text != NULL && strlen(text) != used) {
		free(text);
		text = NULL;
		error = EILSEQ;
	}
	errno = error;
	return text;
}

/* How long the comment is that begins here; 0: none does; SIZE_MAX: it never ends. */
static size_t
comment_length(const char *text)
{
	const char *end;

	if (text[0] == '#' || (text[0] == '/' && text[1] == '/'))
		return strcspn(text, "\n");
	if (text[0] != '/' || text[1] != '*')
		return 0;
	end = strstr(text + 2, "*/");
	return end == NULL ? SIZE_MAX : (size_t)(end + 2 - text);
}

/* How long the string in quotes is that begins here; 0: none does. */
static size_t
string_length(const char *text)
{
	const char *p = text + 1;

	if (*text != '"' && *text != '\'')
		return 0;
	for (; *p != '\0' && *p != *text; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return (size_t)(p - text) + (*p != '\0');
}

/* So long is a word: a slash within it begins no comment. */
static size_t
word_length(const char *text)
{
	size_t n = strcspn(text, " \t\r\n={}()+,\"'#");

	return n == 0 ? 1 : n;
}

static void
blank(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] != '\n')
			text[i] = ' ';
}

/* What never ends: where it begins, and what to say of it. */
struct open_end {
	const char *where;
	const char *what;
};

/* Put blanks in the place of comments. True: something never ends. */
static bool
blank_comments(char *text, struct open_end *open_end)
{
	const char *section = text;
	int depth = 0; /* lists have braces as well */

	while (*text != '\0') {
		size_t n = comment_length(text);

		if (n == SIZE_MAX) {
			*open_end =
			    (struct open_end){ text, "a comment that never ends: add */" };
			return true;
		}
		blank(text, n);
		if (n == 0)
			n = string_length(text);
		if (n == 0) {
			if (*text == '{' && depth++ == 0)
				section = text;
			else if (*text == '}' && depth > 0)
				depth--;
			n = word_length(text);
		}
		text += n;
	}
	*open_end = (struct open_end){ section, "a section that never ends: add }" };
	return depth > 0;
}

static int
line_of(const char *text, const char *place)
{
	int line = 1;

	for (; text < place; text++)
		line += *text == '\n';
	return line;
}

static int
exit_code(int error)
{
	switch (error) {
	case EACCES:
		return EX_NOPERM;
	case ENOMEM:
		return EX_OSERR;
	}
	return EX_CONFIG;
}

static const char *
remedy(int error)
{
	switch (error) {
	case ENOENT:
		return "name another with -c";
	case EACCES:
		return "let the user who starts amyd read it";
	case ENOMEM:
		return "there is no memory for it";
	case EILSEQ:
		return "it has NUL bytes: is it a text file?";
	}
	return "is it a text file?";
}

char *
conf_text_read(const char *path, int *code, char *error, size_t size)
{
	char *text = read_file(path);
	struct open_end open_end;
	int cause = errno;

	if (text == NULL) {
		snprintf(error, size, "%s: cannot be read (%s): %s", path, strerror(cause),
		         remedy(cause));
		*code = exit_code(cause);
		return NULL;
	}
	if (!blank_comments(text, &open_end))
		return text;
	snprintf(error, size, "%s:%d: %s", path, line_of(text, open_end.where), open_end.what);
	*code = EX_CONFIG;
	free(text);
	return NULL;
}
