/* SPDX-License-Identifier: MIT */
/*
 * cgroup.h - how much memory the control groups of this process allow, of version 1 or 2.
 */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdint.h>

/* No group sets a limit. */
#define CGROUP_NO_LIMIT UINT64_MAX

/*
 * The smallest limit of the group of this process and of all above it, bytes. list_path is
 * /proc/self/cgroup, and root_path where the groups are mounted, but in tests.
 */
uint64_t cgroup_memory_limit(const char *list_path, const char *root_path);

#define CGROUP_LIST "/proc/self/cgroup"
#define CGROUP_ROOT "/sys/fs/cgroup"

#endif
