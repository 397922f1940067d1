/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "clock.h"
#include "process.h"
#include "say.h"

#define MAX_PATH 80

static void fail_process(pid_t pid, const char *path) __attribute__((noreturn));

static void
fail_process(pid_t pid, const char *path)
{
	fail(EX_USAGE,
	     "-S %ld: %s: %s: name a process that runs, and that this user may look at",
	     (long)pid, path, strerror(errno));
}

/* Of one thread; 0 where it has just ended. */
static uint64_t
thread_cpu_ns(pid_t pid, const char *tid)
{
	char path[MAX_PATH];
	uint64_t ns = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%ld/task/%.20s/schedstat", (long)pid, tid);
	file = fopen(path, "re");
	if (file == NULL && errno != ENOENT && errno != ESRCH)
		fail_process(pid, path);
	if (file == NULL)
		return 0;
	if (fscanf(file, "%" SCNu64, &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

static uint64_t
cpu_ns(pid_t pid)
{
	char path[MAX_PATH];
	uint64_t total = 0;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
	tasks = opendir(path);
	if (tasks == NULL)
		fail_process(pid, path);
	while ((entry = readdir(tasks)) != NULL)
		if (entry->d_name[0] != '.')
			total += thread_cpu_ns(pid, entry->d_name);
	closedir(tasks);
	return total;
}

static uint64_t
rss_bytes(pid_t pid)
{
	char path[MAX_PATH], line[256];
	uint64_t kib = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", (long)pid);
	file = fopen(path, "re");
	if (file == NULL)
		fail_process(pid, path);
	while (fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "Rss: %" SCNu64, &kib) == 1)
			break;
	fclose(file);
	return kib * 1024;
}

uint64_t
processes_cpu_ns(const struct processes *processes)
{
	uint64_t total = 0;

	for (size_t i = 0; i < processes->n; i++)
		total += cpu_ns(processes->pids[i]);
	return total;
}

uint64_t
processes_rss_bytes(const struct processes *processes)
{
	uint64_t total = 0;

	for (size_t i = 0; i < processes->n; i++)
		total += rss_bytes(processes->pids[i]);
	return total;
}

uint64_t
process_own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}
