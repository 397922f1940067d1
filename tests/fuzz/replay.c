/* SPDX-License-Identifier: MIT */
/*
 * Runs the inputs of a corpus through the function that libFuzzer calls, without libFuzzer, and
 * prints TAP. With arguments: runs those files, such as what "make fuzz" has found.
 */
#include <dirent.h>
#include <stdbool.h>

#include "fuzz.h"

static bool
run_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *bytes = NULL;
	size_t size = 0;
	bool is_read = false;

	if (file == NULL)
		return false;
	if (fseek(file, 0, SEEK_END) == 0) {
		size = (size_t)ftell(file);
		bytes = malloc(size + 1);
		rewind(file);
		is_read = bytes != NULL && fread(bytes, 1, size, file) == size;
	}
	fclose(file);
	if (is_read)
		LLVMFuzzerTestOneInput((const uint8_t *)bytes, size);
	free(bytes);
	return is_read;
}

/* If the input breaks a check, the process ends here, and the plan is missing. */
static void
report_file(int number, const char *path, const char *name)
{
	printf("# %s\n", path);
	fflush(stdout);
	printf("%s %d - " FUZZ_CORPUS ": input %s is dealt with\n",
	       run_file(path) ? "ok" : "not ok", number, name);
}

static int
is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
run_corpus(void)
{
	const char *top = getenv("top_srcdir");
	char folder[4096], path[4096 + 256];
	struct dirent **entries;
	int n;

	snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", top == NULL ? "." : top,
	         FUZZ_CORPUS);
	n = scandir(folder, &entries, is_input, alphasort);
	if (n <= 0) {
		printf("Bail out! there is no corpus in %s\n", folder);
		return 99;
	}
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
		report_file(i + 1, path, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	printf("1..%d\n", n);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 1)
		return run_corpus();
	for (int i = 1; i < argc; i++)
		report_file(i, argv[i], argv[i]);
	return 0;
}
