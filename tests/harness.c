/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef AMY_KERNEL_KQUEUE
#include <sys/event.h>
#endif

#include "harness.h"

#define TEST_TIMEOUT_S 240

/*
 * Clang's ThreadSanitizer may, at any time, open pipes of its own, to a program that tells
 * it the names of functions. Leaks are left to the other builds.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_FOREIGN_DESCRIPTORS 1
#endif
#endif
#ifndef HAS_FOREIGN_DESCRIPTORS
#define HAS_FOREIGN_DESCRIPTORS 0
#endif

static size_t descriptors_before;

bool
kernel_is_epoll(void)
{
#ifdef AMY_KERNEL_KQUEUE
	return false;
#else
	return true;
#endif
}

bool
kernel_is_emulated(void)
{
#ifdef LIBKQUEUE
	return true;
#else
	return false;
#endif
}

size_t
count_descriptors(void)
{
	DIR *directory;
	size_t n = 0;

	if (kernel_is_emulated())
		return 0;
	directory = opendir("/proc/self/fd");
	MUST(directory != NULL);
	while (readdir(directory) != NULL)
		n++;
	closedir(directory);
	return n;
}

static void
note_descriptors(void)
{
	descriptors_before = count_descriptors();
}

static void
compare_descriptors(void)
{
	if (!HAS_FOREIGN_DESCRIPTORS)
		ck_assert_uint_eq(count_descriptors(), descriptors_before);
}

int
run_suite(const char *name, const TTest *const tests[])
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int nfailed;

	tcase_set_timeout(tcase, TEST_TIMEOUT_S);
	tcase_add_checked_fixture(tcase, note_descriptors, compare_descriptors);
	for (size_t i = 0; tests[i] != NULL; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int64_t
monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 }, NULL);
}

pthread_t
spawn(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, run, argument) == 0);
	return thread;
}

void
join(pthread_t thread)
{
	MUST(pthread_join(thread, NULL) == 0);
}

/* /proc/self/task/TID/stat: "TID (name) state ..." */
bool
is_asleep(pid_t tid)
{
	char path[64], text[256] = "";
	const char *name_end;
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
	file = fopen(path, "re");
	MUST(file != NULL);
	MUST(fgets(text, sizeof text, file) != NULL);
	fclose(file);
	name_end = strrchr(text, ')');
	return name_end != NULL && strncmp(name_end, ") S", 3) == 0;
}

static void
make_nonblocking(int fd)
{
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	MUST(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
}

void
make_socketpair(int fds[2])
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
}

void
make_tcp_pair(int fds[2])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(listener != -1);
	MUST(bind(listener, (struct sockaddr *)&address, length) == 0);
	MUST(listen(listener, 1) == 0);
	MUST(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	MUST(fds[0] != -1);
	MUST(connect(fds[0], (struct sockaddr *)&address, length) == 0);
	fds[1] = accept(listener, NULL, NULL);
	MUST(fds[1] != -1);
	make_nonblocking(fds[0]);
	make_nonblocking(fds[1]);
	close(listener);
}

void
make_pipe(int fds[2])
{
	MUST(pipe(fds) == 0);
	make_nonblocking(fds[0]);
	make_nonblocking(fds[1]);
}

void
close_pair(const int fds[2])
{
	MUST(close(fds[0]) == 0);
	MUST(close(fds[1]) == 0);
}

void
put_byte(int fd)
{
	MUST(write(fd, "x", 1) == 1);
}

size_t
fill(int fd)
{
	static const char zeros[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = write(fd, zeros, sizeof zeros)) > 0)
		total += (size_t)n;
	MUST(n == -1 && errno == EAGAIN);
	return total;
}

size_t
drain(int fd)
{
	char buffer[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		total += (size_t)n;
	MUST(n == 0 || errno == EAGAIN);
	return total;
}

/* A linear congruential generator; its high bits are good enough for tests. */
uint32_t
random_below(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 32) % n);
}
