/* SPDX-License-Identifier: MIT */
/*
 * fairness.c - how long others wait for their answers beside one client that asks as fast as it
 * can.
 *
 * usage: fairness HOST PORT ATTACK MILLISECONDS SCALE
 *        fairness -l
 *
 * 100 clients send 20 times a second a PING with the time in it, whether the one before is
 * answered or not, and look how old the answer is. Meanwhile one client more sends the lines of
 * the attack, as many as are taken, and reads all that it is told. What an attack needs (those
 * who follow, what is stored) is made before, SCALE times less of it.
 *
 * Prints one line: how many PINGs there were, p50, p99 and the largest of their ages in
 * nanoseconds, those that were not answered as old as they are at the end; and how many final
 * lines a second the attacker had. -l: the names of the attacks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define NPINGERS 100
#define PERIOD_NS 50000000
#define WARM_UP_NS 200000000
#define BLOCK_BYTES (36 * 1024)
#define LONG_TEXT 65000
#define BUFFER_BYTES (256 * 1024)
#define MAX_LINE 128
#define MAX_PINGS 4000000
#define MANY 200 /* lines that are said in one go */
#define SUBSCRIPTIONS_PER_CLIENT 10000
#define MAX_FOLLOWERS 100
#define WIDE_TOKENS 16

/* A client that sends PINGs. Owner: main. */
struct pinger {
	int fd;
	uint64_t due_ns;
	uint64_t nsent, nanswered;
	uint64_t oldest_ns; /* when the first was sent that is not answered */
	size_t npartial;
	char partial[MAX_LINE];
};

/* What is said at full speed; # is a number that is another one each time. */
struct attack {
	const char *name;
	const char *lines; /* of which a block is made */
	void (*prepare)(void);
	bool has_long_text; /* each line ends with it */
};

static const char *host, *port;
static unsigned scale;
static struct pinger pingers[NPINGERS];
static int followers[MAX_FOLLOWERS];
static unsigned nfollowers;
static pid_t reader;
static int epoll, attacker;
static bool attacker_waits; /* its socket is full */
static char *block;
static size_t nblock, block_sent;
static uint64_t nfinals;
static bool is_at_start = true; /* of a line that the attacker is told */
static char buffer[BUFFER_BYTES];
static uint32_t *ages_us;
static size_t nages;
static uint64_t measure_from_ns;

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- What an attack needs ------------------------------------------------------------- */

/* The lines that were said are answered, each by one line. */
static void
await_answers(int fd, unsigned n)
{
	while (n > 0) {
		ssize_t nbytes = recv(fd, buffer, sizeof buffer, 0);

		if (nbytes <= 0)
			die("an answer");
		for (ssize_t i = 0; i < nbytes; i++)
			n -= buffer[i] == '\n';
	}
}

/* So few that all of it fits into a socket. */
static void
say_some(int fd, const char *format, unsigned first, unsigned n)
{
	const char *mark = strchr(format, '#');
	char lines[MANY * MAX_LINE];
	size_t nbytes = 0;

	for (unsigned i = first; i < first + n; i++)
		nbytes += (size_t)snprintf(lines + nbytes, MAX_LINE, "%.*s%u%s\n",
		                           (int)(mark - format), format, i, mark + 1);
	if (send(fd, lines, nbytes, MSG_NOSIGNAL) != (ssize_t)nbytes)
		die("send");
	await_answers(fd, n);
}

/* n lines, in which # is the number of each. */
static void
say_many(int fd, const char *format, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i += MANY)
		say_some(fd, format, first + i, n - i < MANY ? n - i : MANY);
}

static int
new_follower(void)
{
	int fd = dial(host, port, false);

	if (nfollowers == MAX_FOLLOWERS)
		exit(70);
	followers[nfollowers++] = fd;
	return fd;
}

/* 10 clients with 10,000 subscriptions each. */
static void
prepare_subscriptions(void)
{
	for (unsigned i = 0; i < 10; i++)
		say_many(new_follower(), "SUB bench.#.x", i * SUBSCRIPTIONS_PER_CLIENT,
		         SUBSCRIPTIONS_PER_CLIENT / scale);
}

static void
prepare_readers(void)
{
	for (unsigned i = 0; i < MAX_FOLLOWERS; i++)
		converse(new_follower(), "SUB feed", 0);
}

static void
prepare_one_reader(void)
{
	converse(new_follower(), "SUB feed", 0);
}

/* A pattern of 16 tokens, each of them a or *. */
static size_t
write_wide(char *line, unsigned bits)
{
	size_t n = (size_t)sprintf(line, "SUB ");

	for (unsigned i = 0; i < WIDE_TOKENS; i++) {
		line[n++] = bits >> i & 1 ? '*' : 'a';
		line[n++] = i + 1 < WIDE_TOKENS ? '.' : '\n';
	}
	return n;
}

/* All of these, which match a.a.a... */
static void
prepare_wide(void)
{
	unsigned n = (1u << WIDE_TOKENS) / scale;
	int fd = -1;

	for (unsigned bits = 0; bits < n; bits += MANY) {
		unsigned end = bits + MANY < n ? bits + MANY : n;
		char lines[MANY * MAX_LINE];
		size_t nbytes = 0;

		if (bits % SUBSCRIPTIONS_PER_CLIENT == 0)
			fd = new_follower();
		for (unsigned i = bits; i < end; i++)
			nbytes += write_wide(lines + nbytes, i);
		if (send(fd, lines, nbytes, MSG_NOSIGNAL) != (ssize_t)nbytes)
			die("send");
		await_answers(fd, end - bits);
	}
}

static void
prepare_stored(void)
{
	int fd = dial(host, port, false);

	say_many(fd, "PUB stored.# some text that is stored", 0, 100000 / scale);
	close(fd);
}

static void
prepare_kept(void)
{
	int fd = dial(host, port, false);

	say_many(fd, "KEEP kept.# some text that is kept", 0, 9000 / scale);
	close(fd);
}

static void
prepare_group(void)
{
	for (unsigned i = 0; i < MAX_FOLLOWERS; i++)
		converse(new_follower(), "SUB jobs GROUP g", 0);
}

#define WIDE "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a"
#define WIDE_ANY "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.#"
#define EVIL "xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaay"

static const struct attack attacks[] = {
	{ "none", "", NULL, false },
	{ "PING", "PING\n", NULL, false },
	{ "ECHO", "ECHO # some text\n", NULL, false },
	{ "ECHO-long", "ECHO ", NULL, true },
	{ "HELP", "HELP\n", NULL, false },
	{ "NAME", "NAME n#\n", NULL, false },
	{ "SET", "SET show seq,time\nSET ack on\n", NULL, false },
	{ "WILL", "WILL gone # some text\n", NULL, false },
	{ "unknown", "nonsense #\n", NULL, false },
	{ "too-long", "\n", NULL, true },
	{ "STATS", "STATS\n", prepare_subscriptions, false },
	{ "WHO", "WHO\n", prepare_readers, false },
	{ "WHO-pattern", "WHO zz.*\n", prepare_subscriptions, false },
	{ "WHO-all", "WHO >\n", prepare_subscriptions, false },
	{ "TRACE", "TRACE zz.y\n", prepare_subscriptions, false },
	{ "TRACE-wide", "TRACE " WIDE "\n", prepare_wide, false },
	{ "SUB-UNSUB", "SUB q.#\nUNSUB q.#\n", NULL, false },
	{ "SUB-again", "SUB q\n", NULL, false },
	{ "SUB-UNSUB-all", "SUB q.1\nSUB q.2\nSUB q.3\nUNSUB *\n", NULL, false },
	{ "READ", "READ stored.>\n", prepare_stored, false },
	{ "READ-no-match", "READ nothing.>\n", prepare_stored, false },
	{ "READ-LAST", "READ stored.1 LAST 10\n", prepare_stored, false },
	{ "READ-SINCE", "READ stored.1 SINCE 1h\n", prepare_stored, false },
	{ "READ-kept", "READ nothing\n", prepare_kept, false },
	{ "SUB-LAST", "SUB stored.> LAST 100000\nUNSUB stored.>\n", prepare_stored, false },
	{ "SUB-LAST-none", "SUB stored.x LAST 1\nUNSUB stored.x\n", prepare_stored, false },
	{ "SUB-FROM", "SUB stored.x FROM 1\nUNSUB stored.x\n", prepare_stored, false },
	{ "SUB-SINCE", "SUB stored.x SINCE 1h COUNT 10\nUNSUB stored.x\n", prepare_stored,
	  false },
	{ "SUB-kept", "SUB kept.>\nUNSUB kept.>\n", prepare_kept, false },
	{ "PUB-nobody", "PUB nobody.# text\n", NULL, false },
	{ "PUB-1-reader", "PUB feed some text\n", prepare_one_reader, false },
	{ "PUB-100-readers", "PUB feed some text\n", prepare_readers, false },
	{ "PUB-long", "PUB feed ", prepare_readers, true },
	{ "PUB-group", "PUB jobs some text\n", prepare_group, false },
	{ "PUB-stored", "PUB stored.x some text\n", NULL, false },
	{ "PUB-regex", "PUB rx." EVIL EVIL EVIL " " EVIL EVIL "\n", NULL, false },
	{ "PUB-regex-long", "PUB rx.x ", NULL, true },
	{ "PUB-wide", "PUB " WIDE " text\n", prepare_wide, false },
	{ "PUB-wide-subjects", "PUB " WIDE_ANY " text\n", prepare_wide, false },
	{ "PUB-wide-churn", "SUB q\nUNSUB q\nPUB " WIDE " text\n", prepare_wide, false },
	{ "KEEP-FORGET", "KEEP k.# text\nFORGET k.#\n", prepare_kept, false },
	{ "KEEP", "KEEP kept.# text\n", prepare_kept, false },
	{ "REQ", "#t REQ nobody.# text\n", NULL, false },
	{ "REQ-group", "#t REQ jobs text\n", prepare_group, false },
	{ "REQ-wide", "#t REQ " WIDE_ANY " text\n", prepare_wide, false },
};

/* ---- The attacker ------------------------------------------------------------------- */

static void
append(const char *bytes, size_t nbytes)
{
	memcpy(block + nblock, bytes, nbytes);
	nblock += nbytes;
}

/* The lines once more, with a number of their own. */
static void
append_lines(const char *lines, unsigned number)
{
	char text[16];

	for (; *lines != '\0'; lines++)
		if (*lines == '#' && (lines[1] < 'a' || lines[1] > 'z'))
			append(text, (size_t)snprintf(text, sizeof text, "%u", number));
		else
			append(lines, 1);
}

static void
append_long_text(size_t nbytes)
{
	memset(block + nblock, 'a', nbytes);
	nblock += nbytes;
	append("\n", 1);
}

static void
make_block(const struct attack *attack)
{
	block = malloc(BLOCK_BYTES + 4 * LONG_TEXT);
	if (block == NULL)
		die("block");
	if (attack->has_long_text)
		for (unsigned i = 0; i < 2; i++) {
			append_lines(attack->lines, i);
			append_long_text(*attack->lines == '\n' ? LONG_TEXT + 1000 : LONG_TEXT);
		}
	else
		for (unsigned i = 0; *attack->lines != '\0' && nblock < BLOCK_BYTES; i++)
			append_lines(attack->lines, i);
}

static void
watch_attacker(bool is_full)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &attacker };

	if (is_full == attacker_waits)
		return;
	attacker_waits = is_full;
	if (is_full)
		event.events |= EPOLLOUT;
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, attacker, &event) == -1)
		die("epoll_ctl");
}

/* A block at most, so that the PINGs have their turn. */
static void
attack_some(void)
{
	ssize_t n;

	if (nblock == 0)
		return;
	n = send(attacker, block + block_sent, nblock - block_sent,
	         MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n == -1 && errno != EAGAIN)
		die("the attacker's send");
	watch_attacker(n == -1);
	if (n > 0)
		block_sent = (block_sent + (size_t)n) % nblock;
}

/* "+OK", "-ERR", and with a tag "#t +OK" */
static void
count_finals(const char *bytes, size_t nbytes)
{
	bool counts = now_ns() >= measure_from_ns;

	for (size_t i = 0; i < nbytes; i++) {
		if (is_at_start && (bytes[i] == '+' || bytes[i] == '-' || bytes[i] == '#'))
			nfinals += counts;
		is_at_start = bytes[i] == '\n';
	}
}

/* Returns how many bytes it were. */
static size_t
drop_input(int fd)
{
	ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

	if (n == 0)
		errno = ECONNRESET;
	if (n == 0 || (n == -1 && errno != EAGAIN))
		die("recv");
	return n == -1 ? 0 : (size_t)n;
}

/* What they are told is read by a process that takes no time from the others. */
static void
read_followers(void)
{
	const struct sched_param usual = { .sched_priority = 0 };
	struct epoll_event events[MAX_FOLLOWERS];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sched_setscheduler(0, SCHED_OTHER, &usual);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < nfollowers; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = followers[i] };

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, followers[i], &event) == -1)
			die("epoll_ctl");
	}
	for (;;) {
		int n = epoll_wait(epoll, events, MAX_FOLLOWERS, -1);

		for (int i = 0; i < n; i++)
			drop_input(events[i].data.fd);
	}
}

static void
start_reading_followers(void)
{
	if (nfollowers == 0)
		return;
	reader = fork();
	if (reader == -1)
		die("fork");
	if (reader == 0)
		read_followers();
}

/* ---- The others --------------------------------------------------------------------- */

static void
note_age(uint64_t sent_ns, uint64_t at_ns)
{
	uint64_t us = (at_ns - sent_ns) / 1000;

	if (sent_ns >= measure_from_ns && nages < MAX_PINGS)
		ages_us[nages++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void
pinger_send(struct pinger *pinger, uint64_t at_ns)
{
	char line[MAX_LINE];
	int n = snprintf(line, sizeof line, "PING %" PRIu64 "\n", at_ns);

	if (pinger->nsent == pinger->nanswered)
		pinger->oldest_ns = at_ns;
	if (send(pinger->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		die("a PING");
	pinger->nsent++;
	pinger->due_ns += PERIOD_NS;
}

static void
pinger_take(struct pinger *pinger, const char *line, size_t nbytes)
{
	uint64_t sent_ns, at_ns = now_ns();

	if (sscanf(line, "+OK %" SCNu64, &sent_ns) != 1 || at_ns < sent_ns)
		die_of_line("an answer to PING", line, nbytes);
	pinger->nanswered++;
	pinger->oldest_ns = sent_ns + PERIOD_NS;
	note_age(sent_ns, at_ns);
}

static void
pinger_read(struct pinger *pinger)
{
	ssize_t n = recv(pinger->fd, pinger->partial + pinger->npartial,
	                 MAX_LINE - 1 - pinger->npartial, MSG_DONTWAIT);
	char *line = pinger->partial, *lf;

	if (n <= 0)
		die("a PING is not answered");
	pinger->npartial += (size_t)n;
	pinger->partial[pinger->npartial] = '\0';
	while ((lf = strchr(line, '\n')) != NULL) {
		*lf = '\0';
		pinger_take(pinger, line, (size_t)(lf - line));
		line = lf + 1;
	}
	pinger->npartial -= (size_t)(line - pinger->partial);
	memmove(pinger->partial, line, pinger->npartial);
}

static void
note_unanswered(const struct pinger *pinger)
{
	uint64_t sent_ns = pinger->oldest_ns, at_ns = now_ns();

	for (uint64_t n = pinger->nanswered; n < pinger->nsent && sent_ns < at_ns; n++) {
		note_age(sent_ns, at_ns);
		sent_ns += PERIOD_NS;
	}
}

/* When the next PING is due. */
static uint64_t
send_pings(void)
{
	uint64_t at_ns = now_ns(), next_ns = UINT64_MAX;

	for (unsigned i = 0; i < NPINGERS; i++) {
		if (pingers[i].due_ns <= at_ns)
			pinger_send(&pingers[i], at_ns);
		if (pingers[i].due_ns < next_ns)
			next_ns = pingers[i].due_ns;
	}
	return next_ns;
}

/* ---- All together ------------------------------------------------------------------- */

static void
open_all(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	uint64_t start_ns;

	for (unsigned i = 0; i < NPINGERS; i++)
		pingers[i].fd = dial(host, port, false);
	attacker = dial(host, port, false);
	start_ns = now_ns();
	measure_from_ns = start_ns + WARM_UP_NS / scale;
	for (unsigned i = 0; i < NPINGERS; i++) {
		pingers[i].due_ns = start_ns + PERIOD_NS / NPINGERS * i;
		event.data.ptr = &pingers[i];
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, pingers[i].fd, &event) == -1)
			die("epoll_ctl");
	}
	event.data.ptr = &attacker;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, attacker, &event) == -1)
		die("epoll_ctl");
}

static void
handle(const struct epoll_event *event)
{
	if (event->data.ptr == &attacker)
		count_finals(buffer, drop_input(attacker));
	else
		pinger_read(event->data.ptr);
}

static void
run(uint64_t until_ns)
{
	struct epoll_event events[NPINGERS];

	while (now_ns() < until_ns) {
		uint64_t next_ns = send_pings(), at_ns = now_ns();
		int64_t wait_ms = next_ns > at_ns ? (int64_t)(next_ns - at_ns) / 1000000 + 1 : 0;
		bool has_more = nblock > 0 && !attacker_waits;
		int n = epoll_wait(epoll, events, NPINGERS, has_more ? 0 : (int)wait_ms);

		for (int i = 0; i < n; i++)
			handle(&events[i]);
		attack_some();
	}
	for (unsigned i = 0; i < NPINGERS; i++)
		note_unanswered(&pingers[i]);
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t
age_ns(size_t percent)
{
	return nages == 0 ? 0 : (uint64_t)ages_us[(nages - 1) * percent / 100] * 1000;
}

static void
print_ages(const char *name, uint64_t ms)
{
	qsort(ages_us, nages, sizeof *ages_us, compare);
	printf("attack=%s pings=%zu p50_ns=%" PRIu64 " p99_ns=%" PRIu64 " max_ns=%" PRIu64
	       " finals_s=%" PRIu64 "\n",
	       name, nages, age_ns(50), age_ns(99), age_ns(100), nfinals * 1000 / ms);
}

static const struct attack *
find_attack(const char *name)
{
	for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
		if (strcmp(attacks[i].name, name) == 0)
			return &attacks[i];
	fprintf(stderr, "fairness: there is no attack %s\n", name);
	exit(64);
}

static void
list_attacks(void)
{
	for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
		puts(attacks[i].name);
}

int
main(int argc, char **argv)
{
	const struct attack *attack;
	uint64_t ms;

	if (argc == 2 && strcmp(argv[1], "-l") == 0) {
		list_attacks();
		return 0;
	}
	if (argc != 6 || (ms = strtoull(argv[4], NULL, 10)) == 0 ||
	    (scale = (unsigned)strtoul(argv[5], NULL, 10)) == 0) {
		fprintf(stderr, "usage: fairness HOST PORT ATTACK MILLISECONDS SCALE\n");
		return 64;
	}
	host = argv[1];
	port = argv[2];
	attack = find_attack(argv[3]);
	ages_us = malloc(MAX_PINGS * sizeof *ages_us);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (ages_us == NULL || epoll == -1)
		die("start");
	if (attack->prepare != NULL)
		attack->prepare();
	start_reading_followers();
	make_block(attack);
	open_all();
	run(measure_from_ns + ms * 1000000);
	print_ages(attack->name, ms);
	if (reader > 0)
		kill(reader, SIGKILL);
	return 0;
}
