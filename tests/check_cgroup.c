/* SPDX-License-Identifier: MIT */
/* How much memory the control groups allow, read from folders that a test has made. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "harness.h"

static char root[64];

static void
write_file(const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", root, name);
	for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static uint64_t
limit_of(const char *list)
{
	char path[512];

	write_file("list", list);
	snprintf(path, sizeof path, "%s/list", root);
	return cgroup_memory_limit(path, root);
}

static void
start(void)
{
	strcpy(root, "/tmp/check_cgroup.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void
end(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(smallest_limit_of_a_group_and_those_above_counts)
{
	start();
	write_file("a/memory.max", "1000000\n");
	write_file("a/b/memory.max", "max\n");
	write_file("a/b/c/memory.max", "2000000\n");
	ck_assert_uint_eq(limit_of("0::/a/b/c\n"), 1000000);
	ck_assert_uint_eq(limit_of("0::/a/b\n"), 1000000);
	write_file("a/b/memory.max", "500000\n");
	ck_assert_uint_eq(limit_of("0::/a/b/c\n"), 500000);
	end();
}
END_TEST

START_TEST(group_of_a_container_is_the_root)
{
	start();
	write_file("memory.max", "3000000\n");
	ck_assert_uint_eq(limit_of("0::/\n"), 3000000);
	end();
}
END_TEST

START_TEST(version_1_has_a_folder_for_memory)
{
	start();
	write_file("memory/x/memory.limit_in_bytes", "4000000\n");
	ck_assert_uint_eq(limit_of("5:cpu,cpuacct:/x\n4:memory:/x\n0::/x\n"), 4000000);
	ck_assert_uint_eq(limit_of("4:hugetlb,memory:/x\n"), 4000000);
	ck_assert_uint_eq(limit_of("4:memory2:/x\n"), CGROUP_NO_LIMIT);
	write_file("memory/x/memory.limit_in_bytes", "9223372036854771712\n");
	ck_assert_uint_eq(limit_of("4:memory:/x\n"), CGROUP_NO_LIMIT);
	end();
}
END_TEST

START_TEST(what_is_not_there_is_no_limit)
{
	start();
	ck_assert_uint_eq(limit_of("0::/nowhere\n"), CGROUP_NO_LIMIT);
	ck_assert_uint_eq(limit_of("nonsense\n4:\n"), CGROUP_NO_LIMIT);
	ck_assert_uint_eq(limit_of(""), CGROUP_NO_LIMIT);
	end();
	ck_assert_uint_eq(cgroup_memory_limit("/nowhere/list", "/nowhere"), CGROUP_NO_LIMIT);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("cgroup", smallest_limit_of_a_group_and_those_above_counts,
	                 group_of_a_container_is_the_root, version_1_has_a_folder_for_memory,
	                 what_is_not_there_is_no_limit);
}
