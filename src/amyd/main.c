/* SPDX-License-Identifier: MIT */
/*
 * main.c - options, start, signals, exit status.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "activation.h"
#include "bound.h"
#include "conf.h"
#include "http_limits.h"
#include "listener.h"
#include "log.h"
#include "log_thread.h"
#include "monotonic.h"
#include "notify.h"
#include "reload.h"
#include "server.h"
#include "supervision.h"

/* Descriptors that are not clients: listeners, pipes, pollers, and some to spare. */
#define OTHER_DESCRIPTORS 256

struct options {
	const char *conf_path;
	const char *port_path; /* NULL: do not write one */
	bool log_to_is_set;
	enum log_target log_to;
	unsigned verbose;
	bool check_only;
};

static const char usage_line[] = "usage: amyd [-tVhv] [-c file] [-l stderr|syslog] [-p file]\n";

static const char help_text[] =
    "\n"
    "Echo and route lines for whoever can open a connection and print one.\n"
    "\n"
    "  -c, --config FILE   read FILE instead of " SYSCONFDIR "/amyd.conf\n"
    "  -t, --test          check the configuration and exit\n"
    "  -l, --log WHERE     log to stderr or syslog (default: stderr if it is\n"
    "                      a terminal or the journal)\n"
    "  -p, --ports FILE    write \"name address port\" of each listener to FILE\n"
    "  -v, --verbose       log more; twice: debugging messages\n"
    "  -V, --version       print the version and exit\n"
    "  -h, --help          print this and exit\n"
    "\n"
    "It stays in the foreground. Signals: TERM and INT say goodbye to the clients and\n"
    "exit; again, at once. HUP reads the configuration again. USR1 reopens files.\n"
    "\n"
    "Try:  printf 'hello\\n' | nc -N 127.0.0.1 2694      (an echo listener)\n"
    "      nc 127.0.0.1 2693                            (then type HELP)\n"
    "\n"
    "See amyd(8), amyd.conf(5), amyd-protocol(7).\n";

/* clang-format off */
static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "test", no_argument, NULL, 't' },
	{ "log", required_argument, NULL, 'l' },
	{ "ports", required_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

static int
usage_error(void)
{
	fputs(usage_line, stderr);
	return EX_USAGE;
}

static bool
parse_log_target(const char *name, struct options *options)
{
	options->log_to_is_set = true;
	if (strcmp(name, "stderr") == 0)
		options->log_to = LOG_TO_STDERR;
	else if (strcmp(name, "syslog") == 0)
		options->log_to = LOG_TO_SYSLOG;
	else
		return false;
	return true;
}

enum next_step {
	STEP_GO_ON,
	STEP_EXIT, /* with the code that was set */
};

static enum next_step
parse_option(int letter, struct options *options, int *code)
{
	switch (letter) {
	case 'c':
		options->conf_path = optarg;
		return STEP_GO_ON;
	case 't':
		options->check_only = true;
		return STEP_GO_ON;
	case 'p':
		options->port_path = optarg;
		return STEP_GO_ON;
	case 'v':
		options->verbose++;
		return STEP_GO_ON;
	case 'l':
		if (parse_log_target(optarg, options))
			return STEP_GO_ON;
		fprintf(stderr, "amyd: -l %s: it is stderr or syslog\n", optarg);
		*code = usage_error();
		return STEP_EXIT;
	case 'V':
		puts(PACKAGE_STRING);
		*code = EX_OK;
		return STEP_EXIT;
	case 'h':
		fputs(usage_line, stdout);
		fputs(help_text, stdout);
		*code = EX_OK;
		return STEP_EXIT;
	}
	*code = usage_error();
	return STEP_EXIT;
}

static enum next_step
parse_options(int argc, char **argv, struct options *options, int *code)
{
	int letter;

	while ((letter = getopt_long(argc, argv, "c:tl:p:vVh", long_options, NULL)) != -1)
		if (parse_option(letter, options, code) == STEP_EXIT)
			return STEP_EXIT;
	if (optind == argc)
		return STEP_GO_ON;
	fprintf(stderr, "amyd: %s: no such argument\n", argv[optind]);
	*code = usage_error();
	return STEP_EXIT;
}

static void
open_log(const struct options *options, const struct conf *conf)
{
	bool is_read = isatty(STDERR_FILENO) || log_stderr_is_journal();
	enum log_target target = is_read ? LOG_TO_STDERR : LOG_TO_SYSLOG;
	if (options->log_to_is_set)
		target = options->log_to;
	else if (conf->log_to_is_set)
		target = conf->log_to;
	log_open(target, conf->log_facility, reload_log_level(conf, options->verbose));
}

/*
 * What is opened later must not have the number of a standard stream: it could be a client's
 * socket, and would get the log. -1: one that is closed cannot be opened.
 */
static int
open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
			return -1;
	return 0;
}

static void
set_of_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	sigaddset(signals, SIGUSR1);
}

/*
 * All signals are blocked in every thread, and read by this one. Those that come before it
 * reads them wait for that.
 */
static void
block_signals(void)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	set_of_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
}

/* Who only checks a configuration may be interrupted. */
static void
unblock_signals(void)
{
	sigset_t signals;

	set_of_signals(&signals);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

static int
open_signals(void)
{
	sigset_t signals;

	set_of_signals(&signals);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/*
 * Long queues go back to the system when they are freed: without this, the first one that
 * is freed would teach malloc(3) to keep the next ones.
 */
static void
return_memory_early(void)
{
#ifdef M_MMAP_THRESHOLD /* glibc */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

/* Descriptors of those that are answered by HTTP. */
static rlim_t
count_web_descriptors(const struct conf *conf)
{
	rlim_t n = 0;

	for (size_t i = 0; i < conf->nlisteners; i++)
		if (conf->listeners[i].mode == CONF_MODE_HTTP)
			n += HTTP_MAX_CLIENTS + HTTP_OTHER_DESCRIPTORS;
	return n;
}

/* As many descriptors as we may have. */
static void
raise_limits(const struct conf *conf)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur <
	    conf->max_clients + OTHER_DESCRIPTORS + count_web_descriptors(conf))
		log_warning("max_clients = %u, but only %llu descriptors: raise the limit "
		            "(ulimit -n, LimitNOFILE=), or lower max_clients",
		            conf->max_clients, (unsigned long long)limit.rlim_cur);
}

/* The user of the configuration, if there is to be one; NULL: there is not. 0, or an exit code. */
static int
find_user(const struct conf *conf, const struct passwd **pw)
{
	*pw = NULL;
	if (conf->user[0] == '\0')
		return EX_OK;
	errno = 0;
	*pw = getpwnam(conf->user);
	if (*pw != NULL)
		return EX_OK;
	if (errno == 0 || errno == ENOENT || errno == ESRCH) {
		log_error("user = \"%s\": there is no such user: make one, or name another",
		          conf->user);
		return EX_CONFIG;
	}
	log_error("user = \"%s\": %s: the list of users cannot be read", conf->user,
	          strerror(errno));
	return EX_TEMPFAIL;
}

/* Once the listeners are open. 0, or an exit code. */
static int
drop_privileges(const struct conf *conf, const struct listeners *listeners)
{
	const struct passwd *pw;
	int code = find_user(conf, &pw);

	if (pw == NULL || geteuid() != 0)
		return code;
	listeners_give_to(listeners, pw->pw_uid, pw->pw_gid);
	if (initgroups(pw->pw_name, pw->pw_gid) == -1 || setgid(pw->pw_gid) == -1 ||
	    setuid(pw->pw_uid) == -1) {
		log_error("user = \"%s\": %s: the rights of root cannot be given up",
		          conf->user, strerror(errno));
		return EX_NOPERM;
	}
	return EX_OK;
}

static void
say_what_listens(const struct conf *conf, const struct listeners *listeners)
{
	char text[ADDRESS_MAX_TEXT], bound[BOUND_MAX_TEXT];

	for (size_t i = 0; i < listeners->n; i++) {
		const struct listener *listener = &listeners->items[i];

		log_info("listen %s: %s", listener->conf->name,
		         address_format(&listener->address, text));
	}
	log_info("%s", bound_format(conf, bound));
	log_info("%s is ready: %u handlers, at most %u clients", PACKAGE_STRING, conf->handlers,
	         conf->max_clients);
}

/*
 * The next signal that came; 0: none did within the time (-1: for ever), or it is over, or a
 * file has been read for a reload, or the service manager is to be told something.
 */
static int
next_signal(int signal_fd, const struct server *server, struct supervision *supervision,
            int timeout_ms)
{
	int turn_ms = supervision_turn(supervision, server_nclients(server));
	struct signalfd_siginfo info;
	eventfd_t n;
	struct pollfd pfds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = server_end_fd(server), .events = POLLIN },
	};

	if (timeout_ms == -1 || (turn_ms != -1 && turn_ms < timeout_ms))
		timeout_ms = turn_ms;
	if (poll(pfds, 2, timeout_ms) > 0 && pfds[1].revents != 0)
		eventfd_read(pfds[1].fd, &n);
	if (read(signal_fd, &info, sizeof info) != sizeof info)
		return 0;
	return (int)info.ssi_signo;
}

static bool
is_end_signal(int signal_number)
{
	return signal_number == SIGTERM || signal_number == SIGINT;
}

static void
wait_for_end_signal(int signal_fd, struct reload *reloaded, struct supervision *supervision)
{
	struct server *server = reloaded->server;

	for (;;) {
		int signal_number = next_signal(signal_fd, server, supervision, -1);

		if (is_end_signal(signal_number))
			return;
		if (reload_is_read(reloaded))
			reload_finish(reloaded);
		if (signal_number == SIGUSR1)
			server_reopen(server);
		if (signal_number == SIGHUP)
			reload_begin(reloaded);
	}
}

/* Wait until it is so, or the time is up. False: a second signal came. */
static bool
await(int signal_fd, const struct server *server, struct supervision *supervision,
      bool (*is_so)(const struct server *), int64_t deadline_ms)
{
	while (!is_so(server)) {
		int64_t left_ms = deadline_ms - monotonic_now_ms();
		int wait_ms = left_ms > INT_MAX ? INT_MAX : (int)left_ms;

		if (left_ms <= 0)
			return true;
		if (is_end_signal(next_signal(signal_fd, server, supervision, wait_ms)))
			return false;
	}
	return true;
}

/*
 * What clients have sent is run first, so that those who read get it before goodbye: that may
 * take half of the time. Then goodbye to all, until all have gone, the time is up, or a second
 * signal comes.
 */
static void
drain(int signal_fd, struct server *server, struct supervision *supervision, int64_t drain_ms)
{
	int64_t now_ms = monotonic_now_ms();

	notify_stopping(drain_ms);
	server_hear_out(server);
	if (await(signal_fd, server, supervision, server_has_heard_out, now_ms + drain_ms / 2)) {
		server_drain(server);
		await(signal_fd, server, supervision, server_is_over, now_ms + drain_ms);
	}
	if (server_is_over(server))
		return;
	log_warning("clients that are closed before all was sent to them: %u",
	            server_nclients(server));
	server_stop(server);
	while (!server_is_over(server))
		next_signal(signal_fd, server, supervision, -1);
}

/* Each was counted; most of them come behind goodbye, from who goes on sending. */
static void
log_not_run(const struct server *server, uint64_t nbefore)
{
	uint64_t n = server_count_not_run(server) - nbefore;

	if (n > 0)
		log_warning("lines that clients sent, and that came too late to be run: %" PRIu64
		            ": raise drain_time, or stop first who sends them",
		            n);
}

/* Until it is ready, all that goes wrong is said on stderr; then in the log. */
static int
serve(int signal_fd, const struct options *options, struct conf **conf,
      struct listeners *listeners)
{
	struct supervision supervision = { 0 };
	struct reload reloaded = {
		.path = options->conf_path,
		.port_path = options->port_path,
		.verbose = options->verbose,
		.conf = *conf,
		.listeners = listeners,
	};
	struct server *server;
	uint64_t nnot_run;
	int code;

	server = server_start(*conf, listeners, &code);
	if (server == NULL)
		return code;
	reloaded.server = server;
	if (options->port_path != NULL)
		code = listeners_write_ports(listeners, options->port_path);
	if (code == EX_OK) {
		log_thread_start();
		say_what_listens(*conf, listeners);
		notify_ready();
		supervision_start(&supervision, server_nclients(server));
		wait_for_end_signal(signal_fd, &reloaded, &supervision);
		reload_abandon(&reloaded);
		log_info("going down; clients that are told: %u", server_nclients(server));
	}
	*conf = reloaded.conf; /* it may be another one by now */
	nnot_run = server_count_not_run(server);
	drain(signal_fd, server, &supervision, (*conf)->drain_ms);
	log_not_run(server, nnot_run);
	server_destroy(server);
	if (code != EX_OK)
		return code;
	if (options->port_path != NULL)
		listeners_remove_ports(listeners, options->port_path);
	log_info("%s is over", PACKAGE_STRING);
	log_thread_stop();
	return code;
}

/* Our own, and those that a service manager has for us. */
static int
open_listeners(struct listeners *listeners, const struct conf *conf)
{
	struct activation activation;
	int code = activation_open(&activation);

	if (code != EX_OK)
		return code;
	code = listeners_open(listeners, conf, &activation);
	if (code == EX_OK)
		activation_close_unused(&activation);
	activation_fini(&activation);
	return code;
}

/* *conf is what it went by in the end. */
static int
run(const struct options *options, struct conf **conf)
{
	struct listeners listeners;
	int signal_fd, code;

	return_memory_early();
	open_log(options, *conf);
	raise_limits(*conf);
	code = open_listeners(&listeners, *conf);
	if (code != EX_OK)
		return code;
	code = drop_privileges(*conf, &listeners);
	if (code != EX_OK)
		goto close_listeners;
	signal_fd = open_signals();
	if (signal_fd == -1) {
		log_error("signals: %s", strerror(errno));
		code = EX_OSERR;
		goto close_listeners;
	}
	code = serve(signal_fd, options, conf, &listeners);
	close(signal_fd);

close_listeners:
	listeners_close(&listeners);
	return code;
}

/* Whether it would start, as this user, on this machine. Nothing is left behind. */
static int
check(const struct conf *conf)
{
	const struct passwd *pw;
	int code = find_user(conf, &pw);

	if (code == EX_OK)
		code = listeners_check(conf);
	if (code == EX_OK)
		code = server_check(conf);
	if (code == EX_OK)
		puts("configuration OK");
	return code;
}

int
main(int argc, char **argv)
{
	struct options options = { .conf_path = SYSCONFDIR "/amyd.conf" };
	struct conf *conf;
	char error[CONF_MAX_ERROR];
	int code;

	block_signals();
	if (open_standard_streams() == -1)
		return EX_OSERR; /* there may be nowhere to say it */
	if (parse_options(argc, argv, &options, &code) == STEP_EXIT)
		return code;
	if (options.check_only)
		unblock_signals();
	conf = conf_read(options.conf_path, &code, error);
	if (conf == NULL) {
		log_error("%s", error);
		return code;
	}
	if (options.check_only)
		code = check(conf);
	else
		code = run(&options, &conf);
	conf_unref(conf);
	return code;
}
