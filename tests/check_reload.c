/* SPDX-License-Identifier: MIT */
/*
 * A server, and other configurations for it: each allocation fails once, and then either
 * nothing has changed or all has.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "activation.h"
#include "faults.h"
#include "harness.h"
#include "listener.h"
#include "reload.h"
#include "server.h"

static char folder[] = "/tmp/check_reload.XXXXXX";
static char path[sizeof folder + 16];
static struct listeners listeners;
static struct reload reloaded;

static void
reload_now(void)
{
	reload_begin(&reloaded);
	if (reloaded.loading != NULL)
		reload_finish(&reloaded);
}
static int client; /* of the first listener */

/* What there is before, and what is to be. @: the folder. */
static const char before[] = "handlers = 2\n"
                             "listen main { address = \"127.0.0.1:0\"  max_subs = 1 }\n"
                             "listen old { address = \"127.0.0.1:0\" }\n"
                             "history h { match = \"h.>\"  lines = 3 }\n"
                             "rule r { match = \"r\"  to = {\"subject:before\"} }\n"
                             "rule f { match = \"f\"  to = {\"file:@/f\", \"tcp:127.0.0.1:9\"} }\n";
static const char after[] = "handlers = 2\n"
                            "listen main { address = \"127.0.0.1:0\"  max_subs = 2 }\n"
                            "listen new { address = \"127.0.0.1:0\" }\n"
                            "listen local { address = \"@/sock\" }\n"
                            "history h { match = \"h.>\"  lines = 2 }\n"
                            "history other { match = \"other.>\" }\n"
                            "rule r { match = \"r\"  regex = \"x\"  to = {\"subject:after\"} }\n"
                            "rule f { match = \"f\"  to = {\"tcp:127.0.0.1:9\", \"tcp:127.0.0.1:10\"} }\n"
                            "rule g { match = \"g\"  to = {\"file:@/g\"} }\n";

static void
write_conf(const char *text)
{
	FILE *file = fopen(path, "w");

	MUST(file != NULL);
	for (; *text != '\0'; text++)
		if (*text == '@')
			fputs(folder, file);
		else
			putc(*text, file);
	MUST(fclose(file) == 0);
}

static int
dial(const char *name)
{
	for (size_t i = 0; i < listeners.n; i++) {
		const struct address *address = &listeners.items[i].address;
		int fd;

		if (strcmp(listeners.items[i].conf->name, name) != 0)
			continue;
		fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		MUST(fd != -1);
		MUST(connect(fd, &address->u.any, address->length) == 0);
		return fd;
	}
	return -1;
}

/* Say the lines, and hear until there is an answer of that end. */
static void
talk(int fd, const char *lines, const char *end, char *answer, size_t size)
{
	size_t n = 0;

	MUST(send(fd, lines, strlen(lines), MSG_NOSIGNAL) == (ssize_t)strlen(lines));
	answer[0] = '\0';
	while (strstr(answer, end) == NULL) {
		ssize_t got = recv(fd, answer + n, size - 1 - n, 0);

		MUST(got > 0);
		n += (size_t)got;
		answer[n] = '\0';
	}
}

static void
start(void)
{
	char error[CONF_MAX_ERROR], answer[1024];
	struct activation activation;
	int code;

	MUST(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/conf", folder);
	write_conf(before);
	reloaded.path = path;
	reloaded.conf = conf_read(path, &code, error);
	MUST(reloaded.conf != NULL);
	MUST(activation_open(&activation) == 0);
	MUST(listeners_open(&listeners, reloaded.conf, &activation) == 0);
	activation_fini(&activation);
	reloaded.listeners = &listeners;
	reloaded.server = server_start(reloaded.conf, &listeners, &code);
	MUST(reloaded.server != NULL);
	client = dial("main");
	talk(client, "PUB h.1 a\nPUB h.2 b\nPUB h.3 c\nSUB before\nPING\n", "+OK\n+OK\n", answer,
	     sizeof answer);
}

static void
end(void)
{
	char command[sizeof folder + 16];

	close(client);
	server_drain(reloaded.server);
	server_stop(reloaded.server);
	server_destroy(reloaded.server);
	listeners_close(&listeners);
	conf_unref(reloaded.conf);
	snprintf(command, sizeof command, "rm -r %s", folder);
	MUST(system(command) == 0);
}

/* All is as it was: the listeners, the limits, history and rules. */
static void
must_be_as_before(const struct conf *conf)
{
	char answer[1024];
	int fd;

	MUST(reloaded.conf == conf && listeners.n == 2);
	talk(client, "SUB after\n#t READ h.>\nPUB r x\nPING end\n", "+OK end\n", answer,
	     sizeof answer);
	MUST(strstr(answer, "-ERR LIMIT 1 ") != NULL);
	MUST(strstr(answer, "#t +OK 3 ") != NULL);
	MUST(strstr(answer, "MSG before x") != NULL);
	fd = dial("old");
	talk(fd, "PING old\n", "+OK old\n", answer, sizeof answer);
	close(fd);
	fd = dial("main");
	talk(fd, "PING main\n", "+OK main\n", answer, sizeof answer);
	close(fd);
}

/* All is as it is to be; and the client is still there. */
static void
must_be_as_after(const struct conf *conf)
{
	char answer[1024];
	int fd;

	MUST(reloaded.conf != conf && listeners.n == 3);
	talk(client, "SUB after\n#t READ h.>\nPUB r x\nUNSUB after\nPING end\n", "+OK end\n",
	     answer, sizeof answer);
	MUST(strstr(answer, "-ERR") == NULL);
	MUST(strstr(answer, "#t +OK 2 ") != NULL);
	MUST(strstr(answer, "MSG after x") != NULL);
	fd = dial("new");
	talk(fd, "PING new\n", "+OK new\n", answer, sizeof answer);
	close(fd);
	fd = dial("local");
	talk(fd, "PING local\n", "+OK local\n", answer, sizeof answer);
	close(fd);
}

/* As it was at the start; what history has forgotten is published anew. */
static void
go_back(void)
{
	char answer[1024];

	write_conf(before);
	reload_now();
	talk(client, "PUB h.4 d\nPING back\n", "+OK back\n", answer, sizeof answer);
	must_be_as_before(reloaded.conf);
}

/*
 * The nth allocation fails, for each n. A thread that works meanwhile may be the one that it
 * happens to: then all is as it is to be in spite of it. Returns how often it was refused.
 */
static unsigned
fail_each_allocation(void)
{
	unsigned nrefused = 0;

	for (unsigned n = 1;; n++) {
		const struct conf *conf = reloaded.conf;
		bool has_failed;

		write_conf(after);
		fault_set(FAULT_ALLOCATION, n, ENOMEM);
		reload_now();
		has_failed = fault_clear();
		if (reloaded.conf == conf) {
			MUST(has_failed);
			must_be_as_before(conf);
			nrefused++;
			continue;
		}
		must_be_as_after(conf);
		go_back();
		if (!has_failed)
			return nrefused;
	}
}

START_TEST(out_of_memory_changes_nothing)
{
	start();
	MUST(fail_each_allocation() > 20);
	end();
}
END_TEST

START_TEST(there_and_back_leaves_nothing_behind)
{
	long allocations;

	start();
	for (int i = 0; i < 3; i++) {
		const struct conf *conf = reloaded.conf;

		write_conf(after);
		reload_now();
		must_be_as_after(conf);
		go_back();
	}
	allocations = fault_live_allocations();
	for (int i = 0; i < 20; i++) {
		const struct conf *conf = reloaded.conf;

		write_conf(after);
		reload_now();
		must_be_as_after(conf);
		go_back();
	}
	WAIT_UNTIL(fault_live_allocations() <= allocations + 8);
	end();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("reload", out_of_memory_changes_nothing,
	                 there_and_back_leaves_nothing_behind);
}
