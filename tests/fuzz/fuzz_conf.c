/* SPDX-License-Identifier: MIT */
/*
 * The way of a file into the configuration. Any bytes are either taken or refused with a sentence
 * that names the file and the line; they hide nothing that stands behind them; and they have no
 * effect on what is read next.
 */
#include "config.h"

#include <netdb.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf.h"
#include "conf_diff.h"
#include "fuzz.h"

/* No name server is asked. */
int __real_getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int __wrap_getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int
__wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                   struct addrinfo **list)
{
	struct addrinfo numeric = *hints;

	numeric.ai_flags |= AI_NUMERICHOST;
	return __real_getaddrinfo(node, service, &numeric, list);
}

/* The file that is read, and its name. */
static int file = -1;
static char path[64];
static char error[CONF_MAX_ERROR];

static void
write_file(const void *bytes, size_t size)
{
	if (file == -1) {
		file = memfd_create("amyd.conf", MFD_CLOEXEC);
		snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	}
	FUZZ_CHECK(ftruncate(file, 0) == 0);
	FUZZ_CHECK(pwrite(file, bytes, size, 0) == (ssize_t)size);
}

/* NULL: it is refused, and error has a sentence. */
static struct conf *
read_file(void)
{
	int code = -1;
	struct conf *conf;

	error[0] = '\0';
	conf = conf_read(path, &code, error);
	if (conf != NULL)
		return conf;
	FUZZ_CHECK(code == EX_CONFIG);
	FUZZ_CHECK(strncmp(error, path, strlen(path)) == 0);
	return NULL;
}

/* The number of the line in the sentence; 0: the file could not be read as text. */
static long
error_line(void)
{
	char *end;
	long line;

	if (strncmp(error + strlen(path), ": cannot be read (", 18) == 0)
		return 0;
	FUZZ_CHECK(error[strlen(path)] == ':');
	line = strtol(error + strlen(path) + 1, &end, 10);
	FUZZ_CHECK(line > 0 && strncmp(end, ": ", 2) == 0 && end[2] != '\0');
	return line;
}

static long
count_lines(const char *bytes, size_t size)
{
	long n = 1;

	for (size_t i = 0; i < size; i++)
		n += bytes[i] == '\n';
	return n;
}

/* What was taken hides nothing: an option that there is not, behind it, is found. */
static void
check_nothing_is_hidden(const char *bytes, size_t size)
{
	static const char behind[] = "\nnonsense = 1\n";
	char *text = malloc(size + sizeof behind);

	FUZZ_CHECK(text != NULL);
	memcpy(text, bytes, size);
	memcpy(text + size, behind, sizeof behind);
	write_file(text, size + sizeof behind - 1);
	free(text);
	FUZZ_CHECK(read_file() == NULL);
	FUZZ_CHECK(error_line() == count_lines(bytes, size) + 1);
	FUZZ_CHECK(strstr(error, "no such option 'nonsense'") != NULL);
}

static void
ignore(void *context, const char *change)
{
	(void)context;
	(void)change;
}

/* Read once more it is the same. */
static void
check_it_is_the_same_again(const struct conf *conf)
{
	struct conf *again = read_file();

	FUZZ_CHECK(again != NULL);
	FUZZ_CHECK(conf_diff(conf, again, ignore, NULL) == 0);
	conf_unref(again);
}

static void
check_the_next_is_read(void)
{
	static const char good[] =
	    "handlers = 7 # x\nuser = \"a${AMYD_UNSET}\"\n"
	    "rule r { match = 'a' to = { \"subject:b\", 'subject:c' } }\n";
	struct conf *conf;

	write_file(good, sizeof good - 1);
	conf = read_file();
	FUZZ_CHECK(conf != NULL);
	FUZZ_CHECK(conf->handlers == 7 && strcmp(conf->user, "a") == 0);
	FUZZ_CHECK(conf->nrules == 1 && conf->rules[0].ntargets == 2);
	conf_unref(conf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf;
	long line;

	write_file(data, size);
	conf = read_file();
	if (conf != NULL) {
		check_it_is_the_same_again(conf);
		conf_unref(conf);
		check_nothing_is_hidden((const char *)data, size);
	} else {
		line = error_line();
		FUZZ_CHECK(line <= count_lines((const char *)data, size));
	}
	check_the_next_is_read();
	return 0;
}
