/* SPDX-License-Identifier: MIT */
/*
 * conf_file.h - a folder for a test, and configurations that are read from a file in it.
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "harness.h"

static char folder[32];

/* Of a file in it. Good until the next call but three. */
static inline const char *
path_of(const char *name)
{
	static char paths[4][64];
	static unsigned next;
	char *path = paths[next++ % 4];

	MUST(snprintf(path, sizeof paths[0], "%s/%s", folder, name) < (int)sizeof paths[0]);
	return path;
}

static inline void
make_folder(void)
{
	strcpy(folder, "/tmp/amyd-check-XXXXXX");
	MUST(mkdtemp(folder) != NULL);
}

/* And what is in it. */
static inline void
remove_folder(void)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;

	MUST(directory != NULL);
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			MUST(unlink(path_of(entry->d_name)) == 0);
	closedir(directory);
	MUST(rmdir(folder) == 0);
}

static inline struct conf *read_conf(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* With one reference. The text is a good one. */
static inline struct conf *
read_conf(const char *format, ...)
{
	FILE *file = fopen(path_of("amyd.conf"), "we");
	char error[CONF_MAX_ERROR];
	struct conf *conf;
	va_list arguments;
	int code;

	MUST(file != NULL);
	va_start(arguments, format);
	MUST(vfprintf(file, format, arguments) >= 0);
	va_end(arguments);
	MUST(fclose(file) == 0);
	conf = conf_read(path_of("amyd.conf"), &code, error);
	if (conf == NULL)
		ck_abort_msg("code %d: %s", code, error);
	return conf;
}

#endif
