/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"

/* Version 1 has no word for "no limit": the largest multiple of a page that it can hold. */
#define LARGEST_LIMIT (UINT64_C(1) << 60)

/* What a file says; "max", or a file that is not there, is no limit. */
static uint64_t
read_limit(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t limit = CGROUP_NO_LIMIT;

	if (file == NULL)
		return CGROUP_NO_LIMIT;
	if (fscanf(file, "%" SCNu64, &limit) != 1 || limit >= LARGEST_LIMIT)
		limit = CGROUP_NO_LIMIT;
	fclose(file);
	return limit;
}

/* The smallest of a group and those above it; the path of the group is used up. */
static uint64_t
least_limit(const char *mount, char *group, const char *name)
{
	uint64_t least = CGROUP_NO_LIMIT;
	char path[2 * PATH_MAX];

	for (;;) {
		char *slash = strrchr(group, '/');
		uint64_t limit;

		snprintf(path, sizeof path, "%s%s/%s", mount, group, name);
		limit = read_limit(path);
		if (limit < least)
			least = limit;
		if (slash == NULL)
			return least;
		*slash = '\0';
	}
}

static bool
has_controller(const char *controllers, const char *name)
{
	size_t n = strlen(name);

	while (controllers != NULL) {
		if (strncmp(controllers, name, n) == 0 &&
		    (controllers[n] == ',' || controllers[n] == '\0'))
			return true;
		controllers = strchr(controllers, ',');
		if (controllers != NULL)
			controllers++;
	}
	return false;
}

/* "NUMBER:CONTROLLERS:GROUP"; version 2 has the number 0 and no controllers. */
static uint64_t
limit_of_line(char *line, const char *root)
{
	char *controllers = strchr(line, ':'), *group;
	char mount[PATH_MAX];

	line[strcspn(line, "\n")] = '\0';
	if (controllers == NULL)
		return CGROUP_NO_LIMIT;
	controllers++;
	group = strchr(controllers, ':');
	if (group == NULL)
		return CGROUP_NO_LIMIT;
	*group++ = '\0';
	if (*controllers == '\0')
		return least_limit(root, group, "memory.max");
	if (!has_controller(controllers, "memory"))
		return CGROUP_NO_LIMIT;
	snprintf(mount, sizeof mount, "%s/memory", root);
	return least_limit(mount, group, "memory.limit_in_bytes");
}

uint64_t
cgroup_memory_limit(const char *list_path, const char *root_path)
{
	FILE *list = fopen(list_path, "re");
	uint64_t least = CGROUP_NO_LIMIT;
	char line[PATH_MAX + 256];

	if (list == NULL)
		return CGROUP_NO_LIMIT;
	while (fgets(line, sizeof line, list) != NULL) {
		uint64_t limit = limit_of_line(line, root_path);

		if (limit < least)
			least = limit;
	}
	fclose(list);
	return least;
}
