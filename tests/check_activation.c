/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "activation.h"
#include "faults.h"
#include "harness.h"

enum { FIRST = 3, NPASSED = 3 };

static int kept[NPASSED]; /* what was at these descriptors; -1: nothing */

/*
 * Sockets at descriptors 3, 4 and 5, as a service manager leaves them. Check talks through one
 * of these: until they are put back, no ck_assert(). A MUST() that fails ends in SIGPIPE.
 */
static void
pass(void)
{
	for (int i = 0; i < NPASSED; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		MUST(fd != -1);
		kept[i] = fcntl(FIRST + i, F_DUPFD_CLOEXEC, 20);
		if (fd == FIRST + i) {
			MUST(kept[i] != -1 && close(kept[i]) == 0);
			kept[i] = -1;
			continue;
		}
		MUST(dup2(fd, FIRST + i) == FIRST + i);
		MUST(close(fd) == 0);
	}
}

static void
put_back(void)
{
	for (int i = 0; i < NPASSED; i++) {
		close(FIRST + i);
		if (kept[i] == -1)
			continue;
		MUST(dup2(kept[i], FIRST + i) == FIRST + i);
		MUST(close(kept[i]) == 0);
	}
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static bool
is_close_on_exec(int fd)
{
	return fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

/* NULL: it is not set. The pid is ours. */
static void
say(const char *fds, const char *names)
{
	char pid[32];

	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (fds != NULL)
		setenv("LISTEN_FDS", fds, 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
}

START_TEST(sockets_are_found_by_their_names_in_order)
{
	struct activation activation;

	pass();
	say("3", "main:echo:main");
	MUST(activation_open(&activation) == 0);
	for (int i = 0; i < NPASSED; i++)
		MUST(is_close_on_exec(FIRST + i));
	MUST(activation_count(&activation, "main") == 2);
	MUST(activation_count(&activation, "echo") == 1);
	MUST(activation_count(&activation, "mai") == 0);
	MUST(activation_take(&activation, "nobody") == -1);
	MUST(activation_take(&activation, "main") == FIRST);
	MUST(activation_count(&activation, "main") == 1);
	MUST(activation_take(&activation, "main") == FIRST + 2);
	MUST(activation_take(&activation, "main") == -1);
	MUST(activation_take(&activation, "echo") == FIRST + 1);
	activation_close_unused(&activation);
	activation_fini(&activation);
	for (int i = 0; i < NPASSED; i++)
		MUST(is_open(FIRST + i));
	put_back();
}
END_TEST

START_TEST(unused_ones_are_closed)
{
	struct activation activation;

	pass();
	say("3", "main:echo:main");
	MUST(activation_open(&activation) == 0);
	MUST(activation_take(&activation, "echo") == FIRST + 1);
	activation_close_unused(&activation);
	MUST(!is_open(FIRST));
	MUST(is_open(FIRST + 1));
	MUST(!is_open(FIRST + 2));
	MUST(activation_count(&activation, "main") == 0);
	activation_fini(&activation);
	MUST(activation_open(&activation) == EX_OSERR); /* they are gone */
	put_back();

	pass();
	say("3", NULL);
	MUST(activation_open(&activation) == 0);
	activation_fini(&activation);
	for (int i = 0; i < NPASSED; i++)
		MUST(!is_open(FIRST + i));
	put_back();
}
END_TEST

START_TEST(without_names_they_are_unknown)
{
	struct activation activation;

	pass();
	say("2", NULL);
	MUST(activation_open(&activation) == 0);
	MUST(activation_count(&activation, "unknown") == 2);
	activation_fini(&activation);
	MUST(is_open(FIRST + 2));
	say("0", NULL);
	MUST(activation_open(&activation) == 0);
	MUST(activation.n == 0);
	activation_fini(&activation);
	put_back();
}
END_TEST

START_TEST(sockets_of_another_process_are_left_alone)
{
	static const char *const pids[] = { "1", "", "-1", "x", "99999999999999999999" };
	struct activation activation;
	char longer[32];

	pass();
	for (size_t i = 0; i < sizeof pids / sizeof pids[0]; i++) {
		say("3", "a:b:c");
		setenv("LISTEN_PID", pids[i], 1);
		MUST(activation_open(&activation) == 0);
		MUST(activation.n == 0);
		activation_fini(&activation);
	}
	say("3", "a:b:c");
	snprintf(longer, sizeof longer, "%dx", (int)getpid());
	setenv("LISTEN_PID", longer, 1);
	MUST(activation_open(&activation) == 0);
	MUST(activation.n == 0);
	say("3", "a:b:c");
	unsetenv("LISTEN_PID");
	MUST(activation_open(&activation) == 0);
	MUST(activation.n == 0);
	say(NULL, "a:b:c");
	MUST(activation_open(&activation) == 0);
	MUST(activation.n == 0);
	for (int i = 0; i < NPASSED; i++)
		MUST(is_open(FIRST + i) && !is_close_on_exec(FIRST + i));
	put_back();
}
END_TEST

START_TEST(what_cannot_be_so_is_refused)
{
	static const struct {
		const char *fds, *names;
	} bad[] = {
		{ "", NULL },       { "x", NULL },     { "-1", NULL },
		{ "3x", NULL },     { " 3", NULL },    { "4294967299", NULL },
		{ "3", "" },        { "3", "a" },      { "3", "a:b" },
		{ "3", "a:b:c:d" }, { "3", "a:b:c:" }, { "2147483648", NULL },
	};
	struct activation activation;

	pass();
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		say(bad[i].fds, bad[i].names);
		MUST(activation_open(&activation) == EX_CONFIG);
		MUST(activation.n == 0);
	}
	say("3", "a::c"); /* an empty name is one */
	MUST(activation_open(&activation) == 0);
	MUST(activation_count(&activation, "") == 1);
	activation_fini(&activation);
	put_back();
}
END_TEST

START_TEST(without_memory_nothing_is_taken)
{
	struct activation activation;
	long allocations = fault_live_allocations();
	unsigned nth = 0;
	int code;

	pass();
	say("3", "main:echo:main");
	do {
		fault_set(FAULT_ALLOCATION, ++nth, ENOMEM);
		code = activation_open(&activation);
		MUST(code == 0 || code == EX_OSERR);
		MUST(code == 0 || activation.n == 0);
	} while (fault_clear() && code != 0);
	MUST(nth == 5 && code == 0);
	activation_fini(&activation);
	MUST(fault_live_allocations() == allocations);
	put_back();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("activation",
	    sockets_are_found_by_their_names_in_order,
	    unused_ones_are_closed,
	    without_names_they_are_unknown,
	    sockets_of_another_process_are_left_alone,
	    what_cannot_be_so_is_refused,
	    without_memory_nothing_is_taken);
}
