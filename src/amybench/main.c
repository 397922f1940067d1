/* SPDX-License-Identifier: MIT */
/*
 * main.c - options of amybench, which loads a server and measures what comes back.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clock.h"
#include "dial.h"
#include "load.h"
#include "options.h"
#include "run.h"
#include "say.h"
#include "summary.h"
#include "units.h"

#define MAX_CONNECTIONS 1000000
#define MAX_RATE 100000000
#define MAX_TIME_MS (INT64_C(24) * 60 * 60 * 1000)
#define MIN_LINE 32 /* with its LF */
#define DEFAULT_SIZE 32

static const char usage_line[] =
    "usage: amybench [-bhjqV] [-c n] [-d time] [-k n] [-P protocol] [-r rate] [-S pid]\n"
    "                [-s bytes] [-w time] load address [address]\n";

static const char help_text[] =
    "\n"
    "Load a server of lines, verify every answer, and print how fast it was.\n"
    "\n"
    "Loads:\n"
    "  echo      connections send lines, and get each back\n"
    "  fanout    one publishes, the others all get it\n"
    "  request   connections ask, one answers (amyd)\n"
    "  idle      connections say one line each, and are kept open\n"
    "  churn     connect, one line, close, again and again\n"
    "\n"
    "  -c, --connections N     so many (50; fanout: 10 readers)\n"
    "  -k, --in-flight N       lines that each has under way (1)\n"
    "  -r, --rate N            lines a second of all, at even distances, instead of -k\n"
    "  -d, --duration TIME     measure for so long: 500ms, 30s, 2m (10s)\n"
    "  -w, --warm-up TIME      and before it, without counting (1s)\n"
    "  -s, --size BYTES        of a line (32)\n"
    "  -P, --protocol NAME     lines, amyd, raw, redis, nats or memcached\n"
    "  -S, --server-pid PID    also print the server's CPU time; may be given several times\n"
    "  -b, --bind-sources      connect from 127.0.0.2 to 127.0.0.255 in turn\n"
    "  -j, --json              print one JSON object\n"
    "  -q, --quiet             do not show how far it is\n"
    "  -V, --version           print the version and exit\n"
    "  -h, --help              print this and exit\n"
    "\n"
    "Try:  amybench echo 127.0.0.1:2694\n"
    "      amybench -c 100 -k 100 fanout 127.0.0.1:2693\n"
    "\n"
    "See amybench(1).\n";

/* clang-format off */
static const struct option long_options[] = {
	{ "bind-sources", no_argument, NULL, 'b' },
	{ "connections", required_argument, NULL, 'c' },
	{ "duration", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "in-flight", required_argument, NULL, 'k' },
	{ "protocol", required_argument, NULL, 'P' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "rate", required_argument, NULL, 'r' },
	{ "server-pid", required_argument, NULL, 'S' },
	{ "size", required_argument, NULL, 's' },
	{ "version", no_argument, NULL, 'V' },
	{ "warm-up", required_argument, NULL, 'w' },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

static void usage_error(void) __attribute__((noreturn));

static void
usage_error(void)
{
	fputs(usage_line, stderr);
	exit(EX_USAGE);
}

/* ---- Values ------------------------------------------------------------------------ */

static uint64_t
number_of(const char *option, const char *text, uint64_t min, uint64_t max)
{
	uint64_t n;

	if (units_parse_count(text, strlen(text), &n) == -1 || n < min || n > max)
		fail(EX_USAGE, "%s %s: it is a number from %llu to %llu", option, text,
		     (unsigned long long)min, (unsigned long long)max);
	return n;
}

static uint64_t
time_of(const char *option, const char *text, int64_t min_ms)
{
	int64_t ms;

	if (units_parse_time(text, strlen(text), &ms) == -1 || ms < min_ms || ms > MAX_TIME_MS)
		fail(EX_USAGE, "%s %s: it is a time from %s to 24h: 500ms, 30s, 2m", option,
		     text, min_ms == 0 ? "0" : "1ms");
	return (uint64_t)ms * NS_PER_MS;
}

static const struct dialect *
dialect_of(const char *name)
{
	const struct dialect *dialect = dialect_find(name);

	if (dialect == NULL)
		fail(EX_USAGE, "-P %s: it is %s", name, dialect_names());
	return dialect;
}

static void
add_process(struct processes *processes, const char *text)
{
	if (processes->n == PROCESS_MAX)
		fail(EX_USAGE, "-S: at most %d processes", PROCESS_MAX);
	processes->pids[processes->n++] = (pid_t)number_of("-S", text, 1, INT32_MAX);
}

static void
parse_option(int letter, struct options *options)
{
	switch (letter) {
	case 'b':
		options->spreads_sources = true;
		return;
	case 'c':
		options->nconnections = (unsigned)number_of("-c", optarg, 1, MAX_CONNECTIONS);
		return;
	case 'd':
		options->duration_ns = time_of("-d", optarg, 1);
		return;
	case 'j':
		options->is_json = true;
		return;
	case 'k':
		options->nin_flight = (unsigned)number_of("-k", optarg, 1, UINT32_MAX);
		return;
	case 'P':
		options->dialect = dialect_of(optarg);
		return;
	case 'q':
		options->is_quiet = true;
		return;
	case 'r':
		options->rate = number_of("-r", optarg, 1, MAX_RATE);
		return;
	case 'S':
		add_process(&options->server, optarg);
		return;
	case 's':
		options->size = (size_t)number_of("-s", optarg, TEXT_MIN, TEXT_MAX);
		return;
	case 'w':
		options->warm_up_ns = time_of("-w", optarg, 0);
		return;
	case 'V':
		puts("amybench " PACKAGE_VERSION);
		exit(EX_OK);
	case 'h':
		fputs(usage_line, stdout);
		fputs(help_text, stdout);
		exit(EX_OK);
	}
	usage_error();
}

/* ---- What goes together ------------------------------------------------------------ */

static void
check_in_flight(struct options *options)
{
	const struct load *load = options->load;

	if (options->nin_flight > load->max_in_flight)
		fail(EX_USAGE, "-k %u: it is at most %u for %s", options->nin_flight,
		     load->max_in_flight, load->name);
	if (options->nin_flight > 0 && options->rate > 0)
		fail(EX_USAGE, "-k and -r: take one of them: with a rate, lines are sent when "
		               "they are due");
	if (options->nin_flight == 0 && options->rate == 0)
		options->nin_flight = 1;
	if (options->rate > 0 && !load->can_pace)
		fail(EX_USAGE, "-r: %s has no rate: it is for echo, fanout and request",
		     load->name);
}

static void
check_size(struct options *options)
{
	const struct dialect *dialect = options->dialect;
	size_t fixed_size = options->load->is_echo ? dialect->echo_size : 0;

	if (options->size > 0 && fixed_size > 0)
		fail(EX_USAGE, "-s: the lines of -P %s are all the same: leave -s out",
		     dialect->name);
	if (options->size > 0 && dialect->is_line && options->size < MIN_LINE)
		fail(EX_USAGE, "-s %zu: a line has %d bytes at least", options->size, MIN_LINE);
	if (options->size == 0)
		options->size = fixed_size > 0 ? fixed_size : DEFAULT_SIZE;
}

static void
check_addresses(const struct options *options)
{
	const struct dialect *dialect = options->dialect;

	if (options->second_address == NULL && dialect->has_two_addresses)
		fail(EX_USAGE,
		     "-P %s: name two addresses: where lines are published, and where "
		     "they are read",
		     dialect->name);
	if (options->second_address != NULL && !dialect->has_two_addresses)
		fail(EX_USAGE, "%s: a second address is for fanout with -P raw",
		     options->second_address);
}

static void
check_together(struct options *options)
{
	const struct load *load = options->load;

	if (options->dialect == NULL)
		options->dialect = load->default_dialect;
	if (!load->is_for(options->dialect))
		fail(EX_USAGE, "-P %s: %s is not for it: it is %s", options->dialect->name,
		     load->name, load->dialects);
	if (load->has_no_warm_up)
		options->warm_up_ns = 0;
	if (options->nconnections == 0)
		options->nconnections = load->default_connections;
	check_in_flight(options);
	check_size(options);
	check_addresses(options);
}

static void
parse_options(int argc, char **argv, struct options *options)
{
	int letter;

	while ((letter =
	            getopt_long(argc, argv, "bc:d:hjk:P:qr:S:s:Vw:", long_options, NULL)) != -1)
		parse_option(letter, options);
	if (argc - optind < 2 || argc - optind > 3) {
		say("name a load and an address");
		usage_error();
	}
	options->load = load_find(argv[optind]);
	if (options->load == NULL)
		fail(EX_USAGE, "%s: the loads are echo, fanout, request, idle and churn",
		     argv[optind]);
	options->address = argv[optind + 1];
	options->second_address = argv[optind + 2];
	check_together(options);
}

int
main(int argc, char **argv)
{
	struct options options = {
		.duration_ns = 10 * NS_PER_S,
		.warm_up_ns = 1 * NS_PER_S,
	};
	static struct run run;

	parse_options(argc, argv, &options);
	dial_raise_limit(options.nconnections);
	text_prepare();
	run_init(&run, &options);
	options.load->run(&run);
	run_fini(&run);
	if (summary_print(&run) == -1)
		fail(EX_IOERR, "the result cannot be written: %s", strerror(errno));
	return EX_OK;
}
