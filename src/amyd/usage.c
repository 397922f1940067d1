/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "usage.h"

static void
measure_memory(struct usage *usage)
{
	FILE *file = fopen("/proc/self/statm", "re");
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), npages, nresident;

	if (file == NULL)
		return;
	if (fscanf(file, "%" SCNu64 " %" SCNu64, &npages, &nresident) == 2) {
		usage->virtual_bytes = npages * page;
		usage->resident_bytes = nresident * page;
	}
	fclose(file);
}

/* Entries of /proc/self/fd, without those that looking makes. */
static uint64_t
count_entries(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (folder == NULL)
		return 0;
	while (readdir(folder) != NULL)
		n++;
	closedir(folder);
	return n < 3 ? 0 : n - 3;
}

/* Since Linux 6.2 the size of the folder is their number, and nobody has to count. */
static uint64_t
count_descriptors(void)
{
	struct stat st;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	return count_entries();
}

static double
seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

void
usage_measure(struct usage *usage)
{
	struct rlimit limit;
	struct rusage used;

	memset(usage, 0, sizeof *usage);
	measure_memory(usage);
	usage->descriptors = count_descriptors();
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		usage->max_descriptors = limit.rlim_cur;
	if (getrusage(RUSAGE_SELF, &used) == 0)
		usage->cpu_seconds = seconds(&used.ru_utime) + seconds(&used.ru_stime);
}
