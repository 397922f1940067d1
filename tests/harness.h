/* SPDX-License-Identifier: MIT */
/*
 * harness.h - the words that the unit tests share.
 *
 * Every test runs in a process of its own, which must leave as many descriptors open as
 * it found. All functions fail the test when the system does not do what they ask.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* For main() to return: run the tests as one suite. */
#define RUN_SUITE(name, ...) run_suite(name, (const TTest *const[]){ __VA_ARGS__, NULL })
int run_suite(const char *name, const TTest *const tests[]);

/*
 * ck_assert() notes each line it passes, which is slow, takes memory and is meant for one
 * thread. This does nothing as long as all is well: for loops, threads and full memory.
 */
#define MUST(condition)                                                                  \
	do {                                                                             \
		if (!(condition))                                                        \
			ck_abort_msg("%s", #condition);                                  \
	} while (0)

/* For what no call can wait for. It gives up, and fails, only when all hope is lost. */
#define WAIT_UNTIL(condition)                                                            \
	do {                                                                             \
		int64_t give_up_ms = monotonic_ms() + 100 * 1000;                        \
		while (!(condition)) {                                                   \
			if (monotonic_ms() > give_up_ms)                                 \
				ck_abort_msg("waited in vain: %s", #condition);          \
			nap();                                                           \
		}                                                                        \
	} while (0)
int64_t monotonic_ms(void);
void nap(void);

/* Threads. A thread that is asleep has nothing to do before something else happens. */
pthread_t spawn(void *(*run)(void *), void *argument);
void join(pthread_t thread);
bool is_asleep(pid_t tid);

/* Descriptors: non-blocking, connected. */
void make_socketpair(int fds[2]);
void make_tcp_pair(int fds[2]);
void make_pipe(int fds[2]);
void close_pair(const int fds[2]);

/* One byte; as many as fit; all there are. */
void put_byte(int fd);
size_t fill(int fd);
size_t drain(int fd);

/*
 * Those that this process has open. 0 where they cannot be counted: a library that stands in
 * for the system's kqueue(2) has some of its own, and closes them when it likes.
 */
size_t count_descriptors(void);

/* What libamy waits with. It is emulated if a library stands in for the system. */
bool kernel_is_epoll(void);
bool kernel_is_emulated(void);

/* A test that does not apply says so, and is over. */
#define SKIP_UNLESS(condition, why)                                                      \
	do {                                                                             \
		if (!(condition)) {                                                      \
			fprintf(stderr, "# skipped: %s: %s\n", __func__, why);           \
			return;                                                          \
		}                                                                        \
	} while (0)

/* The next of a sequence that is the same on every machine: 0 to n - 1. */
uint32_t random_below(uint64_t *seed, uint32_t n);

#endif
