/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

/* No name, path or regular expression is as long; libConfuse's lexer is slow with longer ones. */
#define MAX_TOKEN 65535

/*
 * The text is written anew in its own place: in is what is still to be read, out is where the
 * next byte goes, at or before in.
 */
struct scan {
	const char *in;
	char *out;
	int line;
	int depth;     /* of braces: those of lists as well */
	int open_line; /* of the outermost brace that is open */
	int nsections;
	bool is_name; /* the token that was read last may be the name of an option */
};

/* The functions below return NULL, or what is wrong in scan->line, and how to mend it. */

static void
copy(struct scan *scan, size_t n)
{
	memmove(scan->out, scan->in, n);
	scan->out += n;
	scan->in += n;
}

static bool
has_lone_cr(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] == '\r' && text[i + 1] != '\n')
			return true;
	return false;
}

/* Instead of blanks and comments of n bytes: their line feeds, or one space. */
static const char *
replace_blanks(struct scan *scan, size_t n)
{
	const char *end = scan->in + n;
	int nfeeds = 0;

	if (has_lone_cr(scan->in, n))
		return "a carriage return that no line feed follows: it ends no line; write a "
		       "line feed";
	for (; scan->in < end; scan->in++)
		nfeeds += *scan->in == '\n';
	memset(scan->out, nfeeds > 0 ? '\n' : ' ', nfeeds > 0 ? (size_t)nfeeds : 1);
	scan->out += nfeeds > 0 ? nfeeds : 1;
	scan->line += nfeeds;
	return NULL;
}

static const char *
scan_long_comment(struct scan *scan)
{
	const char *end = strstr(scan->in + 2, "*/");

	if (end == NULL)
		return "a comment that never ends: add */";
	return replace_blanks(scan, (size_t)(end + 2 - scan->in));
}

/* ${NAME} or ${NAME:-text}: its length; 0: it has another form. */
static size_t
environment_length(const char *text)
{
	const char *p = text + 2;

	p += strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	if (p > text + 2 && p[0] == ':' && p[1] == '-')
		p += strcspn(p, "}\"'\\\r\n");
	return p > text + 2 && *p == '}' ? (size_t)(p + 1 - text) : 0;
}

static const char *
scan_environment(struct scan *scan)
{
	size_t n = environment_length(scan->in);

	if (n == 0)
		return "a ${ that is not of the form ${NAME} or ${NAME:-text}: mend it, or "
		       "write the string in single quotes";
	copy(scan, n);
	return NULL;
}

/* A backslash and what belongs to it, within double quotes. The lexer takes digits as octal. */
static const char *
scan_escape(struct scan *scan)
{
	const char *digits = scan->in + 1;
	size_t n = strspn(digits, "0123456789");

	if (n == 0 && *digits == 'x')
		n = strspn(++digits, "0123456789abcdefABCDEF");
	if (n > 0 && digits[-1] == 'x') {
		if (strtoul((char[]){ digits[0], n > 1 ? digits[1] : 0, 0 }, NULL, 16) == 0)
			return "a NUL byte in a string: remove it";
	} else if (n > 0) {
		if (n > 3 || strspn(digits, "01234567") != n || strtoul(digits, NULL, 8) > 255)
			return "a backslash before digits that are no byte in octal: write "
			       "\\001 to "
			       "\\377, or the string in single quotes";
		if (strtoul(digits, NULL, 8) == 0)
			return "a NUL byte in a string: remove it";
	}
	scan->line += scan->in[1] == '\n';
	copy(scan, 2);
	return NULL;
}

static const char *
scan_string(struct scan *scan)
{
	const char quote = *scan->in;
	const char *why = NULL;

	copy(scan, 1);
	while (*scan->in != quote && why == NULL) {
		if (*scan->in == '\n' || *scan->in == '\0' ||
		    (scan->in[0] == '\\' && scan->in[1] == '\0'))
			return "a string that does not end in its line: add the quote that is "
			       "missing, or write a line feed as \\n";
		if (quote == '"' && *scan->in == '\\')
			why = scan_escape(scan);
		else if (quote == '"' && scan->in[0] == '$' && scan->in[1] == '{')
			why = scan_environment(scan);
		else if (*scan->in == '\\') {
			scan->line += scan->in[1] == '\n';
			copy(scan, 2);
		} else
			copy(scan, 1);
	}
	if (why == NULL)
		copy(scan, 1);
	return why;
}

static bool
is_name(const char *word, size_t n)
{
	return strspn(word,
	              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") >= n;
}

/* What the lexer passes over without a word is refused: the rest would have another meaning. */
static const char *
scan_word(struct scan *scan)
{
	size_t n = strcspn(scan->in, " \t\r\n={}()+,\"'#*");

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)scan->in[i] < ' ' || scan->in[i] == 0x7f)
			return "a control byte outside of a string: remove it";
	if (scan->in[n] == '*' || scan->in[n] == '+')
		return "a * or + outside of a string: put what it belongs to into quotes";
	if (n > 0 && scan->in[n - 1] == '$' && scan->in[n] == '{')
		return "a ${ within a word: put the word into double quotes";
	scan->is_name = is_name(scan->in, n);
	copy(scan, n);
	return NULL;
}

static const char *
scan_brace(struct scan *scan)
{
	if (*scan->in == '}') {
		scan->depth -= scan->depth > 0;
	} else if (scan->depth++ == 0) {
		scan->open_line = scan->line;
		if (++scan->nsections > CONF_TEXT_MAX_SECTIONS)
			return "there are more than 4096 sections: remove those from here on";
	}
	copy(scan, 1);
	return NULL;
}

/* libConfuse would take "log|level" for the option of a section, and "" for nothing. */
static const char *
scan_equal_sign(struct scan *scan, bool follows_name)
{
	if (!follows_name)
		return "what stands before the = is not the name of an option: see "
		       "amyd.conf(5)";
	copy(scan, *scan->in == '+' ? 2 : 1);
	return NULL;
}

static const char *
scan_any(struct scan *scan, bool follows_name)
{
	const char *text = scan->in;

	if (*text == '"' || *text == '\'')
		return scan_string(scan);
	if (text[0] == '$' && text[1] == '{')
		return scan_environment(scan);
	if (*text == '{' || *text == '}')
		return scan_brace(scan);
	if (*text == '=' || (text[0] == '+' && text[1] == '='))
		return scan_equal_sign(scan, follows_name);
	if (*text != '(' && *text != ')' && *text != ',')
		return scan_word(scan);
	copy(scan, 1);
	return NULL;
}

static const char *
scan_token(struct scan *scan)
{
	const char *start = scan->in;
	int line = scan->line;
	bool follows_name = scan->is_name;
	const char *why;

	scan->is_name = false;
	why = scan_any(scan, follows_name);
	if (why == NULL && scan->in - start > MAX_TOKEN)
		why = "a string or word of more than 65535 bytes: is it a text file?";
	if (why != NULL)
		scan->line = line;
	return why;
}

static const char *
scan_text(struct scan *scan)
{
	const char *why = NULL;
	size_t n;

	while (*scan->in != '\0' && why == NULL) {
		if ((n = strspn(scan->in, " \t\r\n")) > 0)
			why = replace_blanks(scan, n);
		else if (scan->in[0] == '#' || (scan->in[0] == '/' && scan->in[1] == '/'))
			why = replace_blanks(scan, strcspn(scan->in, "\n"));
		else if (scan->in[0] == '/' && scan->in[1] == '*')
			why = scan_long_comment(scan);
		else
			why = scan_token(scan);
	}
	if (why != NULL || scan->depth == 0)
		return why;
	scan->line = scan->open_line;
	return "a section that never ends: add }";
}

const char *
conf_text_prepare(char *text, int *line)
{
	struct scan scan = { .in = text, .out = text, .line = 1 };
	const char *why = scan_text(&scan);

	*line = scan.line;
	*scan.out = '\0';
	return why;
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
	int cause = errno;
	const char *why;
	int line;

	if (text == NULL) {
		snprintf(error, size, "%s: cannot be read (%s): %s", path, strerror(cause),
		         remedy(cause));
		*code = exit_code(cause);
		return NULL;
	}
	why = conf_text_prepare(text, &line);
	if (why == NULL)
		return text;
	snprintf(error, size, "%s:%d: %s", path, line, why);
	*code = EX_CONFIG;
	free(text);
	return NULL;
}
