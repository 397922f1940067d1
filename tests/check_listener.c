/* SPDX-License-Identifier: MIT */
/*
 * Real sockets, of one configuration after the other. What is logged is captured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "conf_file.h"
#include "faults.h"
#include "listener.h"

static struct listeners present, next;
static struct conf *present_conf, *next_conf;
static struct activation activation;
static int captured[2], real_stderr;

/* ---- Configurations --------------------------------------------------------------- */

static void
capture(void)
{
	make_pipe(captured);
	real_stderr = dup(STDERR_FILENO);
	MUST(dup2(captured[1], STDERR_FILENO) != -1);
	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_ERROR);
}

static void
end_capture(void)
{
	MUST(dup2(real_stderr, STDERR_FILENO) != -1);
	close(real_stderr);
	close_pair(captured);
}

/* All that was logged since the last time. */
static const char *
logged(void)
{
	static char text[4096];
	ssize_t n = read(captured[0], text, sizeof text - 1);

	MUST(n != -1 || errno == EAGAIN);
	text[n == -1 ? 0 : n] = '\0';
	return text;
}

static void
must_have_logged(const char *words)
{
	const char *text = logged();

	if (strstr(text, words) == NULL)
		ck_abort_msg("\"%s\" is not in \"%s\"", words, text);
}

static void
start(void)
{
	make_folder();
	capture();
}

static void
open_text(const char *text)
{
	present_conf = read_conf("%s", text);
	MUST(listeners_open(&present, present_conf, &activation) == 0);
}

static void
stop(void)
{
	MUST(strcmp(logged(), "") == 0);
	listeners_close(&present);
	MUST(present.items == NULL && present.n == 0);
	conf_unref(present_conf);
	activation_fini(&activation);
	end_capture();
	remove_folder();
}

static int
prepare(const char *text)
{
	next_conf = read_conf("%s", text);
	return listeners_prepare(&next, &present, next_conf);
}

static void
apply(void)
{
	listeners_apply(&next, &present);
	conf_unref(present_conf);
	present_conf = next_conf;
	for (size_t i = 0; i < present.n; i++) {
		MUST(present.items[i].before == NULL);
		MUST(!present.items[i].is_kept);
	}
}

/* The text says what there is from now on. */
static void
have(const char *text)
{
	MUST(prepare(text) == 0);
	apply();
}

/* ---- Listeners -------------------------------------------------------------------- */

static struct listener *
at(size_t i)
{
	MUST(i < present.n);
	return &present.items[i];
}

static unsigned
port_of(size_t i)
{
	return address_port(&at(i)->address);
}

/* An address of this process alone: a port of it that was closed is nobody else's. */
static const char *
host(void)
{
	static char text[32];
	unsigned pid = (unsigned)getpid();

	snprintf(text, sizeof text, "127.77.%u.%u", pid >> 8 & 255, pid & 255);
	return text;
}

/* "listen NAME { address = ADDRESS OPTIONS }"; the address is a port, or a file of the folder. */
static const char *
at_port(const char *name, unsigned port)
{
	static char texts[8][128];
	static unsigned n;

	snprintf(texts[++n % 8], sizeof texts[0], "listen %s { address = \"%s:%u\" }\n", name,
	         host(), port);
	return texts[n % 8];
}

static const char *
at_path(const char *name, const char *file, const char *options)
{
	static char texts[8][256];
	static unsigned n;

	snprintf(texts[++n % 8], sizeof texts[0], "listen %s { address = \"%s\" %s }\n", name,
	         path_of(file), options);
	return texts[n % 8];
}

static const char *
both(const char *one, const char *other)
{
	static char texts[2][512];
	static unsigned n;

	snprintf(texts[++n % 2], sizeof texts[0], "%s%s", one, other);
	return texts[n % 2];
}

/* The client's end. -1: nobody listens there. */
static int
try_to_connect(const struct address *address)
{
	int fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd != -1);
	if (connect(fd, &address->u.any, address->length) == 0)
		return fd;
	MUST(errno == ECONNREFUSED || errno == ENOENT);
	close(fd);
	return -1;
}

static bool
is_listened_at(const struct address *address)
{
	int fd = try_to_connect(address);

	if (fd == -1)
		return false;
	close(fd);
	return true;
}

/* Somebody who has connected already is there for this one to accept. */
static void
must_accept(size_t i, int client)
{
	int fd;

	WAIT_UNTIL((fd = accept4(at(i)->fd, NULL, NULL, SOCK_CLOEXEC)) != -1);
	MUST(write(client, "x", 1) == 1);
	MUST(read(fd, &(char){ 0 }, 1) == 1);
	close(fd);
	close(client);
}

static mode_t
mode_of(const char *file)
{
	struct stat st;

	MUST(lstat(path_of(file), &st) == 0);
	MUST(S_ISSOCK(st.st_mode));
	return st.st_mode & 0777;
}

static bool
is_there(const char *file)
{
	struct stat st;

	return lstat(path_of(file), &st) == 0;
}

/* ---- Opening ---------------------------------------------------------------------- */

START_TEST(what_is_configured_is_listened_at)
{
	struct address tcp;

	start();
	open_text(both(at_port("a", 0), at_path("b", "socket", "access = \"0600\"")));
	MUST(present.n == 2);
	MUST(at(0)->conf == &present_conf->listeners[0]);
	MUST(at(1)->conf == &present_conf->listeners[1]);
	MUST(port_of(0) != 0);
	MUST(address_port(&at(0)->asked) == 0);
	MUST(mode_of("socket") == 0600);
	tcp = at(0)->address;
	must_accept(0, try_to_connect(&tcp));
	must_accept(1, try_to_connect(&at(1)->address));
	stop();
	MUST(!is_listened_at(&tcp));
}
END_TEST

/* ---- What stays ------------------------------------------------------------------- */

START_TEST(address_that_stays_keeps_its_socket)
{
	int fd, client;

	start();
	open_text(at_port("a", 0));
	fd = at(0)->fd;
	client = try_to_connect(&at(0)->address);
	have(at_port("a", 0));
	MUST(at(0)->fd == fd);
	MUST(at(0)->conf == &present_conf->listeners[0]);
	have(at_port("a", 0));
	MUST(at(0)->fd == fd);
	/* Who connected before all that is still in the queue. */
	must_accept(0, client);
	stop();
}
END_TEST

START_TEST(port_that_became_explicit_is_the_same)
{
	unsigned port;
	int fd;

	start();
	open_text(at_port("a", 0));
	fd = at(0)->fd;
	port = port_of(0);
	have(at_port("a", port));
	MUST(at(0)->fd == fd && port_of(0) == port);
	MUST(address_port(&at(0)->asked) == port);
	have(at_port("a", port));
	MUST(at(0)->fd == fd);
	/* Any port is another one, for it does not ask for this one. */
	have(at_port("a", 0));
	MUST(port_of(0) != port && address_port(&at(0)->asked) == 0);
	stop();
}
END_TEST

START_TEST(renamed_listener_keeps_its_socket)
{
	unsigned port;
	int fd, path_fd;

	start();
	open_text(both(at_port("a", 0), at_path("b", "socket", "")));
	port = port_of(0);
	fd = at(0)->fd;
	path_fd = at(1)->fd;
	have(both(at_path("c", "socket", ""), at_port("d", port)));
	MUST(at(0)->fd == path_fd && strcmp(at(0)->conf->name, "c") == 0);
	MUST(at(1)->fd == fd && strcmp(at(1)->conf->name, "d") == 0);
	stop();
}
END_TEST

START_TEST(any_port_belongs_to_the_name)
{
	struct address a, b;
	int fds[2];

	start();
	open_text(both(at_port("a", 0), at_port("b", 0)));
	a = at(0)->address;
	b = at(1)->address;
	fds[0] = at(0)->fd;
	fds[1] = at(1)->fd;
	have(both(at_port("b", 0), at_port("a", 0)));
	MUST(at(0)->fd == fds[1] && at(1)->fd == fds[0]);
	have(both(at_port("b", 0), at_port("c", 0)));
	MUST(at(0)->fd == fds[1]);
	MUST(!address_is_equal(&at(1)->address, &a) && !address_is_equal(&at(1)->address, &b));
	MUST(!is_listened_at(&a));
	MUST(is_listened_at(&b));
	stop();
}
END_TEST

START_TEST(listeners_may_change_places)
{
	unsigned ports[2];
	int fds[2];

	start();
	open_text(both(at_port("a", 0), at_port("b", 0)));
	for (size_t i = 0; i < 2; i++) {
		ports[i] = port_of(i);
		fds[i] = at(i)->fd;
	}
	have(both(at_port("a", ports[1]), at_port("b", ports[0])));
	MUST(at(0)->fd == fds[1] && at(1)->fd == fds[0]);
	stop();
}
END_TEST

START_TEST(path_that_stays_gets_the_access_of_now)
{
	int fd, client;

	start();
	open_text(at_path("a", "socket", "access = \"0600\""));
	fd = at(0)->fd;
	client = try_to_connect(&at(0)->address);
	MUST(prepare(at_path("a", "socket", "access = \"0666\"")) == 0);
	MUST(mode_of("socket") == 0600);
	apply();
	MUST(at(0)->fd == fd && mode_of("socket") == 0666);
	/* If it is the same as it was, it is let alone. */
	MUST(chmod(path_of("socket"), 0640) == 0);
	have(at_path("a", "socket", "access = \"0666\""));
	MUST(mode_of("socket") == 0640);
	have(at_path("a", "socket", "access = \"0660\""));
	MUST(mode_of("socket") == 0660);
	must_accept(0, client);
	stop();
}
END_TEST

START_TEST(access_that_cannot_be_changed_is_logged)
{
	start();
	open_text(at_path("a", "socket", "access = \"0600\""));
	MUST(unlink(path_of("socket")) == 0);
	have(at_path("a", "socket", "access = \"0666\""));
	must_have_logged(strerror(ENOENT));
	MUST(present.n == 1);
	stop();
}
END_TEST

/* ---- What comes and goes ---------------------------------------------------------- */

START_TEST(what_is_gone_is_closed_and_what_is_new_is_open)
{
	struct address tcp;

	start();
	open_text(both(at_port("a", 0), at_path("b", "old", "")));
	tcp = at(0)->address;
	MUST(prepare(at_path("c", "new", "access = \"0600\"")) == 0);
	/* As yet, all of them are. */
	MUST(is_listened_at(&tcp));
	MUST(is_there("old") && is_there("new"));
	apply();
	MUST(present.n == 1);
	MUST(!is_listened_at(&tcp));
	MUST(!is_there("old"));
	MUST(mode_of("new") == 0600);
	MUST(is_listened_at(&at(0)->address));
	stop();
}
END_TEST

START_TEST(descriptors_are_neither_lost_nor_left)
{
	size_t before;

	start();
	open_text(both(at_port("a", 0), at_path("b", "one", "")));
	before = count_descriptors();
	for (int i = 0; i < 10; i++) {
		have(both(at_port("a", 0), at_path("b", i % 2 == 0 ? "two" : "one", "")));
		MUST(count_descriptors() == before);
		have(at_port("c", 0));
		MUST(count_descriptors() == before - 1);
		have(both(at_port("a", 0), at_path("b", "one", "")));
		MUST(count_descriptors() == before);
	}
	stop();
}
END_TEST

/* A text that says of each where it is. */
static const char *
written_ports(void)
{
	static char text[512];
	FILE *file;
	size_t n;

	MUST(listeners_write_ports(&present, path_of("ports")) == 0);
	file = fopen(path_of("ports"), "re");
	MUST(file != NULL);
	n = fread(text, 1, sizeof text - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

START_TEST(ports_are_written_of_those_of_now)
{
	char expected[256];

	start();
	open_text(at_port("a", 0));
	snprintf(expected, sizeof expected, "a %s %u\n", host(), port_of(0));
	MUST(strcmp(written_ports(), expected) == 0);
	snprintf(expected, sizeof expected, "b %s %u\nc %s -\n", host(), port_of(0),
	         path_of("socket"));
	have(both(at_port("b", port_of(0)), at_path("c", "socket", "")));
	MUST(strcmp(written_ports(), expected) == 0);
	stop();
}
END_TEST

/* ---- Names of several addresses --------------------------------------------------- */

/* Two of this process alone, with any port. */
static struct conf *
read_two_addresses(const char *name)
{
	struct conf *conf = read_conf("%s", at_port(name, 0));
	struct conf_listener *listener = &conf->listeners[0];

	listener->resolved[1] = listener->resolved[0];
	listener->resolved[1].u.in.sin_addr.s_addr ^= htonl(0x00800000);
	listener->nresolved = 2;
	return conf;
}

static void
have_conf(struct conf *conf)
{
	next_conf = conf;
	MUST(listeners_prepare(&next, &present, conf) == 0);
	apply();
}

START_TEST(addresses_of_a_name_share_its_port_ever_after)
{
	struct address second;
	unsigned port;
	int fds[2];

	start();
	open_text(at_port("a", 0));
	port = port_of(0);
	fds[0] = at(0)->fd;
	/* A second one comes. */
	have_conf(read_two_addresses("a"));
	MUST(present.n == 2);
	MUST(at(0)->fd == fds[0]);
	MUST(port_of(0) == port && port_of(1) == port);
	fds[1] = at(1)->fd;
	second = at(1)->address;
	/* Both stay. */
	have_conf(read_two_addresses("a"));
	MUST(at(0)->fd == fds[0] && at(1)->fd == fds[1]);
	MUST(is_listened_at(&second));
	/* It goes. */
	have(at_port("a", 0));
	MUST(present.n == 1 && at(0)->fd == fds[0]);
	MUST(!is_listened_at(&second));
	stop();
}
END_TEST

START_TEST(address_that_this_machine_lacks_is_left_out_where_the_name_has_another)
{
	struct conf *conf;

	start();
	log_set_level(LOG_LEVEL_WARNING);
	for (int i = 0; i < 2; i++) {
		conf = read_two_addresses("a");
		inet_pton(AF_INET, "192.0.2.1", &conf->listeners[0].resolved[i].u.in.sin_addr);
		if (i == 0) {
			present_conf = conf;
			MUST(listeners_open(&present, conf, &activation) == 0);
		} else {
			have_conf(conf);
		}
		must_have_logged("listen a: 192.0.2.1:");
		MUST(present.n == 1);
		MUST(is_listened_at(&at(0)->address));
	}
	stop();
}
END_TEST

START_TEST(name_of_which_no_address_is_there_is_an_error_that_passes)
{
	struct conf *conf;

	start();
	conf = read_two_addresses("a");
	for (int i = 0; i < 2; i++)
		inet_pton(AF_INET, "192.0.2.1", &conf->listeners[0].resolved[i].u.in.sin_addr);
	ck_assert_int_eq(listeners_open(&present, conf, &activation), EX_TEMPFAIL);
	must_have_logged("this machine does not have that address");
	conf_unref(conf);
	end_capture();
	remove_folder();
}
END_TEST

/* ---- Sockets of somebody else's -------------------------------------------------- */

/* At any port of a host, in network order. */
static int
make_passed(uint32_t at_host, struct address *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct address){ .u.in.sin_family = AF_INET };
	address->u.in.sin_addr.s_addr = at_host;
	address->length = sizeof address->u.in;
	MUST(bind(fd, &address->u.any, address->length) == 0);
	MUST(listen(fd, 1) == 0);
	MUST(getsockname(fd, &address->u.any, &address->length) == 0);
	return fd;
}

/* ---- What cannot be opened -------------------------------------------------------- */

static struct address old_tcp;
static int old_fds[2];

static void
start_with_two(void)
{
	start();
	open_text(both(at_port("a", 0), at_path("b", "old", "access = \"0600\"")));
	old_tcp = at(0)->address;
	for (size_t i = 0; i < 2; i++)
		old_fds[i] = at(i)->fd;
}

/* Nothing was opened that is still there, nothing is closed, and the next one may come. */
static void
must_be_as_it_was(size_t ndescriptors)
{
	MUST(count_descriptors() == ndescriptors);
	MUST(present.n == 2);
	for (size_t i = 0; i < 2; i++) {
		MUST(at(i)->fd == old_fds[i]);
		MUST(at(i)->conf == &present_conf->listeners[i]);
		MUST(!at(i)->is_kept && at(i)->before == NULL);
		MUST(is_listened_at(&at(i)->address));
	}
	MUST(mode_of("old") == 0600);
	MUST(!is_there("new"));
}

static void
must_fail(const char *text, const char *why)
{
	size_t before = count_descriptors();

	MUST(prepare(text) == -1);
	MUST(next.items == NULL);
	must_have_logged(why);
	conf_unref(next_conf);
	must_be_as_it_was(before);
}

/* The listeners that stay, with other options, one that can be opened, and that one. */
static const char *
and_another(const char *text)
{
	static char whole[1024];

	snprintf(whole, sizeof whole, "%s%s%s%s", at_port("a", address_port(&old_tcp)),
	         at_path("b", "old", "access = \"0666\""), at_path("c", "new", ""), text);
	return whole;
}

START_TEST(where_one_cannot_be_opened_all_stay_as_they_are)
{
	struct address taken;
	FILE *file;
	int fd;

	start_with_two();
	fd = make_passed(old_tcp.u.in.sin_addr.s_addr, &taken);
	must_fail(and_another(at_port("d", address_port(&taken))), strerror(EADDRINUSE));
	must_fail(and_another("listen d { address = \"/nowhere/at/all\" }"),
	          "listen d: /nowhere/at/all: No such file or directory");
	file = fopen(path_of("file"), "we");
	MUST(file != NULL);
	fclose(file);
	must_fail(and_another(at_path("d", "file", "")),
	          "a file that is no socket is in the way");
	must_fail(and_another("listen d { address = \"fd:nobody\" }"),
	          "listen d: no socket called nobody was passed");
	/* When all can be, they are. */
	have(and_another(at_port("d", 0)));
	MUST(present.n == 4);
	MUST(at(0)->fd == old_fds[0] && at(1)->fd == old_fds[1]);
	MUST(mode_of("old") == 0666);
	stop();
	close(fd);
}
END_TEST

START_TEST(who_has_the_port_is_named_if_it_is_one_of_ours)
{
	char text[512];

	start_with_two();
	snprintf(text, sizeof text, "%s%slisten d { address = \"*:%u\" open = true }",
	         at_port("a", 0), at_path("b", "old", "access = \"0600\""),
	         address_port(&old_tcp));
	/* It keeps its port, which the file does not say. */
	must_fail(text, "listen a of this amyd has");
	stop();
}
END_TEST

START_TEST(where_it_is_abandoned_all_stay_as_they_are)
{
	size_t before;

	start_with_two();
	before = count_descriptors();
	for (int i = 0; i < 3; i++) {
		MUST(prepare(and_another(at_port("d", 0))) == 0);
		MUST(is_there("new"));
		listeners_abandon(&next, &present);
		MUST(next.items == NULL);
		conf_unref(next_conf);
		must_be_as_it_was(before);
	}
	have(and_another(""));
	MUST(present.n == 3);
	stop();
}
END_TEST

START_TEST(without_descriptors_all_stay_as_they_are)
{
	struct rlimit limit, none;
	int lowest;

	start_with_two();
	next_conf = read_conf("%s", and_another(""));
	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	lowest = dup(0);
	MUST(lowest != -1 && close(lowest) == 0);
	none = limit;
	none.rlim_cur = (rlim_t)lowest;
	MUST(setrlimit(RLIMIT_NOFILE, &none) == 0);
	MUST(listeners_prepare(&next, &present, next_conf) == -1);
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	must_have_logged("raise the limit of open files");
	conf_unref(next_conf);
	must_be_as_it_was(count_descriptors());
	stop();
}
END_TEST

START_TEST(without_memory_all_stay_as_they_are)
{
	long live;

	start_with_two();
	next_conf = read_conf("%s", and_another(""));
	live = fault_live_allocations();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(listeners_prepare(&next, &present, next_conf) == -1);
	MUST(fault_clear());
	MUST(next.items == NULL);
	must_have_logged(strerror(ENOMEM));
	must_be_as_it_was(count_descriptors());
	/* There is nothing else that is asked for. */
	fault_set(FAULT_ALLOCATION, 2, ENOMEM);
	MUST(listeners_prepare(&next, &present, next_conf) == 0);
	MUST(!fault_clear());
	listeners_abandon(&next, &present);
	MUST(fault_live_allocations() == live);
	conf_unref(next_conf);
	stop();
}
END_TEST

/* ---- Sockets that were passed ----------------------------------------------------- */

/* n sockets, of those names. */
static void
pass(const int *fds, const char *const *names, size_t n)
{
	activation.sockets = calloc(n, sizeof *activation.sockets);
	MUST(activation.sockets != NULL);
	activation.n = n;
	for (size_t i = 0; i < n; i++) {
		activation.sockets[i].fd = fds[i];
		activation.sockets[i].name = strdup(names[i]);
	}
}

START_TEST(socket_that_was_passed_stays_with_its_name)
{
	static const char *const names[] = { "one", "two", "one" };
	int fds[3], client;
	struct address address;

	for (size_t i = 0; i < 3; i++)
		fds[i] = make_passed(inet_addr(host()), &address);
	pass(fds, names, 3);
	start();
	open_text("listen a { address = \"fd:one\" }\nlisten b { address = \"fd:two\" }\n");
	MUST(present.n == 3);
	client = try_to_connect(&at(2)->address);
	/* Whatever else the listener is called, and wherever it stands. */
	have("listen c { address = \"fd:two\" }\nlisten d { address = \"fd:one\" }\n");
	MUST(present.n == 3);
	MUST(at(0)->fd == fds[1] && at(1)->fd == fds[0] && at(2)->fd == fds[2]);
	MUST(at(1)->is_passed && strcmp(at(1)->conf->name, "d") == 0);
	must_accept(0, client);
	/* One that is gone is closed, and does not come back before a restart. */
	address = at(0)->address;
	have("listen d { address = \"fd:one\" }\n");
	MUST(present.n == 2 && !is_listened_at(&address));
	MUST(
	    prepare("listen d { address = \"fd:one\" }\nlisten b { address = \"fd:two\" }\n") ==
	    -1);
	must_have_logged(
	    "listen b: no socket called two was passed to amyd when it was started");
	conf_unref(next_conf);
	MUST(at(0)->fd == fds[0] && at(1)->fd == fds[2]);
	MUST(!at(0)->is_kept && !at(1)->is_kept);
	have("listen d { address = \"fd:one\" }\n");
	stop();
}
END_TEST

START_TEST(socket_that_was_passed_must_be_open_to_be_reached)
{
	static const char *const names[] = { "one" };
	struct address address;
	int fd = make_passed(htonl(INADDR_ANY), &address);

	pass(&fd, names, 1);
	start();
	open_text("listen a { address = \"fd:one\" open = true }\n");
	have("listen a { address = \"fd:one\" open = true }\n");
	MUST(prepare("listen a { address = \"fd:one\" }\n") == -1);
	must_have_logged("add open = true");
	conf_unref(next_conf);
	MUST(at(0)->fd == fd && !at(0)->is_kept);
	have("listen a { address = \"fd:one\" open = true }\n");
	stop();
}
END_TEST

START_TEST(path_of_a_socket_that_was_passed_is_its_makers)
{
	static const char *const names[] = { "one" };
	struct address address = { .u.un.sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	pass(&fd, names, 1);
	start();
	strcpy(address.u.un.sun_path, path_of("passed"));
	MUST(bind(fd, &address.u.any, sizeof address.u.un) == 0);
	MUST(chmod(path_of("passed"), 0640) == 0);
	MUST(listen(fd, 1) == 0);
	open_text("listen a { address = \"fd:one\" access = \"0600\" }\n");
	have("listen a { address = \"fd:one\" access = \"0666\" }\n");
	MUST(at(0)->fd == fd && mode_of("passed") == 0640);
	have(at_path("a", "other", ""));
	MUST(is_there("passed"));
	stop();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("listener",
	    what_is_configured_is_listened_at,
	    address_that_stays_keeps_its_socket,
	    port_that_became_explicit_is_the_same,
	    renamed_listener_keeps_its_socket,
	    any_port_belongs_to_the_name,
	    listeners_may_change_places,
	    path_that_stays_gets_the_access_of_now,
	    access_that_cannot_be_changed_is_logged,
	    what_is_gone_is_closed_and_what_is_new_is_open,
	    descriptors_are_neither_lost_nor_left,
	    ports_are_written_of_those_of_now,
	    addresses_of_a_name_share_its_port_ever_after,
	    address_that_this_machine_lacks_is_left_out_where_the_name_has_another,
	    name_of_which_no_address_is_there_is_an_error_that_passes,
	    where_one_cannot_be_opened_all_stay_as_they_are,
	    who_has_the_port_is_named_if_it_is_one_of_ours,
	    where_it_is_abandoned_all_stay_as_they_are,
	    without_descriptors_all_stay_as_they_are,
	    without_memory_all_stay_as_they_are,
	    socket_that_was_passed_stays_with_its_name,
	    socket_that_was_passed_must_be_open_to_be_reached,
	    path_of_a_socket_that_was_passed_is_its_makers);
}
