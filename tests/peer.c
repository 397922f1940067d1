/* SPDX-License-Identifier: MIT */
/*
 * peer.c - a client for the end-to-end tests, for what the netcats cannot be made to do.
 *
 * One thread, poll(2). Nothing waits for ever: where nothing at all happens for
 * PATIENCE_MS, it says so and exits with 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 120000
#define STALL_MS 1000
#define TRICKLE_MS 20
#define BUFFER_BYTES 65536

struct options {
	size_t segment;    /* bytes; 0: as much as goes */
	long nlines;       /* -1: not given */
	bool hold, reset;
	int rcvbuf;        /* bytes; 0: the kernel's choice */
	size_t nconnections;
	size_t min, max;   /* bytes of a line, LF not counted */
	size_t window;     /* bytes on their way, per connection */
	uint64_t seed;
	const char *how;
	const char *head, *answer;
	const char *from;  /* the IPv4 address that it comes from; NULL: any */
	char **address;    /* host port, or the path of a Unix socket */
	int naddress;
};

struct text {
	char *bytes;
	size_t n, capacity;
};

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void
die(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fputs("peer: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

/* ---- Bytes ------------------------------------------------------------------------ */

static void
text_add(struct text *text, const char *bytes, size_t n)
{
	while (text->n + n > text->capacity) {
		text->capacity = text->capacity == 0 ? BUFFER_BYTES : text->capacity * 2;
		text->bytes = realloc(text->bytes, text->capacity);
		if (text->bytes == NULL)
			die("out of memory");
	}
	if (n > 0)
		memcpy(text->bytes + text->n, bytes, n);
	text->n += n;
}

static void
text_read_file(struct text *text, int fd)
{
	char buffer[BUFFER_BYTES];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		text_add(text, buffer, (size_t)n);
	if (n == -1)
		die("reading: %s", strerror(errno));
}

static long
count_lines(const char *bytes, size_t n)
{
	long nlines = 0;

	for (size_t i = 0; i < n; i++)
		nlines += bytes[i] == '\n';
	return nlines;
}

/* ---- Connections ------------------------------------------------------------------ */

static bool
happens(int fd, short events, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&pfd, 1, timeout_ms);
	while (n == -1 && errno == EINTR);
	return n == 1;
}

static void
wait_for(int fd, short events)
{
	if (!happens(fd, events, PATIENCE_MS))
		die("nothing happened for %d s", PATIENCE_MS / 1000);
}

static socklen_t
make_address(const struct options *options, struct sockaddr_storage *storage)
{
	struct sockaddr_un *un = (struct sockaddr_un *)storage;
	struct sockaddr_in *in = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;

	memset(storage, 0, sizeof *storage);
	if (options->naddress == 0)
		die("the address is missing");
	if (options->naddress == 1) {
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof un->sun_path, "%s", options->address[0]);
		return sizeof *un;
	}
	if (inet_pton(AF_INET, options->address[0], &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)atoi(options->address[1]));
		return sizeof *in;
	}
	if (inet_pton(AF_INET6, options->address[0], &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(options->address[1]));
		return sizeof *in6;
	}
	die("%s: no address", options->address[0]);
}

static void
come_from(int fd, const char *from)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int on = 1;

	if (inet_pton(AF_INET, from, &in.sin_addr) != 1)
		die("%s: no address", from);
	/* The port is chosen with the connection: those that the kernel remembers do not count. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&in, sizeof in) == -1)
		die("bind: %s: %s", from, strerror(errno));
}

/* A connected, non-blocking socket, whose segments leave at once. */
static int
dial(const struct options *options)
{
	struct sockaddr_storage address;
	socklen_t length = make_address(options, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd == -1)
		die("socket: %s", strerror(errno));
	if (options->rcvbuf > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options->rcvbuf,
		           sizeof options->rcvbuf);
	if (options->from != NULL)
		come_from(fd, options->from);
	if (connect(fd, (struct sockaddr *)&address, length) == -1)
		die("connect: %s", strerror(errno));
	if (address.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void
hang_up(int fd, bool reset)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}

/* What went; 0: nothing can now. */
static size_t
try_send(int fd, const char *bytes, size_t n)
{
	ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

	if (sent == -1 && errno != EAGAIN && errno != EINTR)
		die("send: %s", strerror(errno));
	return sent == -1 ? 0 : (size_t)sent;
}

/* What came; 0: nothing is there now; -1: the end. */
static ssize_t
try_receive(int fd, char *buffer, size_t size)
{
	ssize_t n = recv(fd, buffer, size, 0);

	if (n == -1 && errno != EAGAIN && errno != EINTR)
		die("recv: %s", strerror(errno));
	return n == 0 ? -1 : n == -1 ? 0 : n;
}

static void
send_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		size_t sent;

		wait_for(fd, POLLOUT);
		sent = try_send(fd, bytes, n);
		bytes += sent;
		n -= sent;
	}
}

/* One line, LF included, into a buffer; what it says is text. False: there was the end. */
static bool
receive_line(int fd, char *line, size_t size)
{
	size_t used = 0;

	while (used < size - 1) {
		ssize_t n;

		wait_for(fd, POLLIN);
		n = try_receive(fd, line + used, 1);
		if (n == -1)
			break;
		used += (size_t)n;
		if (n == 1 && line[used - 1] == '\n')
			break;
	}
	line[used] = '\0';
	return used > 0;
}

/*
 * By the time this is answered, a daemon with one handler has read all that was sent to
 * it before, on whatever connection. A command listener answers, and so does an echoing one.
 */
static void
barrier(int fd)
{
	char line[64];

	send_all(fd, "PING\n", 5);
	if (!receive_line(fd, line, sizeof line))
		die("the barrier's connection was closed");
}

/* ---- talk and splits -------------------------------------------------------------- */

/* Send it in pieces of segment bytes, each of which is read before the next one is sent. */
static void
send_in_segments(int fd, const struct options *options, const struct text *script)
{
	int other = dial(options);

	for (size_t at = 0; at < script->n; at += options->segment) {
		size_t left = script->n - at;

		send_all(fd, script->bytes + at,
		         left < options->segment ? left : options->segment);
		barrier(other);
	}
	close(other);
}

/* Both directions at once, until the other side ends it, or enough lines have come. */
static void
converse(int fd, const struct options *options, const struct text *script, size_t at,
         struct text *answers)
{
	char buffer[BUFFER_BYTES];
	long nlines = 0;
	bool has_said_all = false;

	for (;;) {
		ssize_t n;

		if (at < script->n)
			at += try_send(fd, script->bytes + at, script->n - at);
		if (at == script->n && !has_said_all) {
			has_said_all = true;
			if (!options->hold)
				shutdown(fd, SHUT_WR);
		}
		if (has_said_all && options->nlines >= 0 && nlines >= options->nlines)
			return;
		wait_for(fd, has_said_all ? POLLIN : POLLIN | POLLOUT);
		n = try_receive(fd, buffer, sizeof buffer);
		if (n == -1)
			return;
		text_add(answers, buffer, (size_t)n);
		nlines += count_lines(buffer, (size_t)n);
	}
}

static int
run_talk(const struct options *options)
{
	struct text script = { 0 }, answers = { 0 };
	int fd = dial(options), other;
	size_t at = 0;

	text_read_file(&script, STDIN_FILENO);
	if (options->segment > 0) {
		send_in_segments(fd, options, &script);
		at = script.n;
	}
	converse(fd, options, &script, at, &answers);
	if (options->reset) {
		other = dial(options);
		barrier(other);
		close(other);
	}
	hang_up(fd, options->reset);
	fwrite(answers.bytes, 1, answers.n, stdout);
	free(script.bytes);
	free(answers.bytes);
	return 0;
}

/* The answers to a script of which the first k bytes are read before the rest is sent. */
static void
converse_split(const struct options *options, int other, const struct text *script, size_t k,
               struct text *answers)
{
	int fd = dial(options);

	send_all(fd, script->bytes, k);
	if (k > 0)
		barrier(other);
	answers->n = 0;
	converse(fd, options, script, k, answers);
	close(fd);
}

static int
run_splits(const struct options *options)
{
	struct text script = { 0 }, whole = { 0 }, split = { 0 };
	int other = dial(options);
	int result = 0;

	text_read_file(&script, STDIN_FILENO);
	converse_split(options, other, &script, 0, &whole);
	for (size_t k = 1; k < script.n && result == 0; k++) {
		converse_split(options, other, &script, k, &split);
		if (split.n == whole.n && memcmp(split.bytes, whole.bytes, whole.n) == 0)
			continue;
		fprintf(stderr, "peer: split behind byte %zu of %zu: %zu bytes came, not %zu:\n%.*s",
		        k, script.n, split.n, whole.n, (int)split.n, split.bytes);
		result = 1;
	}
	fwrite(whole.bytes, 1, whole.n, stdout);
	close(other);
	free(script.bytes);
	free(whole.bytes);
	free(split.bytes);
	return result;
}

/* ---- echo-random ------------------------------------------------------------------ */

/* A stream of random lines: the same seed, the same bytes, however they are asked for. */
struct generator {
	uint64_t state, random;
	size_t min, max;
	unsigned nbytes_left; /* of random */
	size_t nlines_left;   /* that have not begun */
	size_t line_left;     /* bytes of the line, LF counted */
};

static uint64_t
generator_random(struct generator *generator)
{
	generator->state ^= generator->state >> 12;
	generator->state ^= generator->state << 25;
	generator->state ^= generator->state >> 27;
	return generator->state * UINT64_C(0x2545f4914f6cdd1d);
}

static void
generator_init(struct generator *generator, const struct options *options, size_t number,
               size_t nlines)
{
	memset(generator, 0, sizeof *generator);
	generator->state = (options->seed * 1000003 + number + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	generator->min = options->min;
	generator->max = options->max;
	generator->nlines_left = nlines;
	for (int i = 0; i < 8; i++)
		generator_random(generator);
}

static char
generator_byte(struct generator *generator)
{
	char c;

	if (generator->nbytes_left == 0) {
		generator->random = generator_random(generator);
		generator->nbytes_left = 8;
	}
	c = (char)(generator->random & 0xff);
	generator->random >>= 8;
	generator->nbytes_left--;
	return c == '\n' ? '\v' : c;
}

/* At most n bytes more of it. Returns how many; 0: it has ended. */
static size_t
generate(struct generator *generator, char *bytes, size_t n)
{
	size_t made = 0;

	while (made < n) {
		if (generator->line_left == 0) {
			if (generator->nlines_left == 0)
				break;
			generator->nlines_left--;
			generator->line_left = generator->min + 1 +
			                       generator_random(generator) %
			                           (generator->max - generator->min + 1);
			generator->nbytes_left = 0;
		}
		bytes[made++] = --generator->line_left == 0 ? '\n' : generator_byte(generator);
	}
	return made;
}

struct echo {
	int fd;
	size_t number;
	struct generator sent, expected;
	char *pending; /* generated, and not yet sent */
	size_t npending, first;
	uint64_t nsent, nreceived;
	bool has_said_all, is_over;
};

static void
echo_open(struct echo *echo, const struct options *options, size_t number)
{
	size_t nlines = (size_t)options->nlines;
	size_t share = nlines / options->nconnections +
	               (number < nlines % options->nconnections);

	memset(echo, 0, sizeof *echo);
	echo->fd = dial(options);
	echo->number = number;
	generator_init(&echo->sent, options, number, share);
	generator_init(&echo->expected, options, number, share);
	echo->pending = malloc(BUFFER_BYTES);
	if (echo->pending == NULL)
		die("out of memory");
}

static bool
echo_may_send(const struct echo *echo, const struct options *options)
{
	return !echo->has_said_all && echo->nsent - echo->nreceived < options->window;
}

static void
echo_send(struct echo *echo, const struct options *options)
{
	size_t room = options->window - (size_t)(echo->nsent - echo->nreceived);
	size_t n;

	if (echo->first == echo->npending) {
		echo->first = 0;
		echo->npending = generate(&echo->sent, echo->pending, BUFFER_BYTES);
	}
	if (echo->npending == 0) {
		echo->has_said_all = true;
		shutdown(echo->fd, SHUT_WR);
		return;
	}
	n = echo->npending - echo->first;
	n = try_send(echo->fd, echo->pending + echo->first, n < room ? n : room);
	echo->first += n;
	echo->nsent += n;
}

static void
echo_compare(struct echo *echo, const char *bytes, size_t n)
{
	char expected[BUFFER_BYTES];
	size_t nexpected = generate(&echo->expected, expected, n);

	for (size_t i = 0; i < n; i++)
		if (i >= nexpected || bytes[i] != expected[i])
			die("connection %zu: byte %" PRIu64 " is 0x%02x, not %s0x%02x",
			    echo->number, echo->nreceived + i, (unsigned char)bytes[i],
			    i >= nexpected ? "the end, " : "",
			    i >= nexpected ? 0 : (unsigned char)expected[i]);
	echo->nreceived += n;
}

static void
echo_receive(struct echo *echo)
{
	char buffer[BUFFER_BYTES];
	ssize_t n = try_receive(echo->fd, buffer, sizeof buffer);

	if (n != -1) {
		echo_compare(echo, buffer, (size_t)n);
		return;
	}
	if (!echo->has_said_all || echo->nreceived != echo->nsent)
		die("connection %zu: the end came after %" PRIu64 " of %" PRIu64 " bytes",
		    echo->number, echo->nreceived, echo->nsent);
	echo->is_over = true;
	close(echo->fd);
	free(echo->pending);
}

/* One round of poll(2). Returns how many connections are not over. */
static size_t
echo_turn(struct echo *echoes, struct pollfd *pfds, const struct options *options)
{
	size_t nopen = 0;

	for (size_t i = 0; i < options->nconnections; i++) {
		bool may_send = echo_may_send(&echoes[i], options);

		pfds[i].fd = echoes[i].is_over ? -1 : echoes[i].fd;
		pfds[i].events = (short)(POLLIN | (may_send ? POLLOUT : 0));
		pfds[i].revents = 0;
		nopen += !echoes[i].is_over;
	}
	if (nopen > 0 && poll(pfds, options->nconnections, PATIENCE_MS) < 1)
		die("nothing happened for %d s", PATIENCE_MS / 1000);
	for (size_t i = 0; i < options->nconnections; i++) {
		if (pfds[i].revents & POLLOUT)
			echo_send(&echoes[i], options);
		if (pfds[i].revents & (POLLIN | POLLHUP | POLLERR))
			echo_receive(&echoes[i]);
	}
	return nopen;
}

static int
run_echo_random(const struct options *options)
{
	struct echo *echoes = calloc(options->nconnections, sizeof *echoes);
	struct pollfd *pfds = calloc(options->nconnections, sizeof *pfds);
	uint64_t nbytes = 0;

	if (echoes == NULL || pfds == NULL)
		die("out of memory");
	for (size_t i = 0; i < options->nconnections; i++)
		echo_open(&echoes[i], options, i);
	while (echo_turn(echoes, pfds, options) > 0)
		continue;
	for (size_t i = 0; i < options->nconnections; i++)
		nbytes += echoes[i].nreceived;
	printf("%zu connections, %ld lines, %" PRIu64 " bytes, seed %" PRIu64 "\n",
	       options->nconnections, options->nlines, nbytes, options->seed);
	free(echoes);
	free(pfds);
	return 0;
}

/* The lines that the first of the connections would send, to stdout. */
static int
run_random(const struct options *options)
{
	struct generator generator;
	char buffer[BUFFER_BYTES];
	size_t n;

	generator_init(&generator, options, 0, (size_t)options->nlines);
	while ((n = generate(&generator, buffer, sizeof buffer)) > 0)
		fwrite(buffer, 1, n, stdout);
	return 0;
}

/* ---- flood ------------------------------------------------------------------------ */

static void
make_lines(struct text *text, const char *head, long nlines)
{
	char line[256];

	for (long i = 0; i < nlines; i++) {
		int n = snprintf(line, sizeof line, "%s%ld %0128d\n", head, i, 0);

		text_add(text, line, (size_t)n);
	}
}

/* Send, and do not read, until nothing has gone for STALL_MS. Returns how much went. */
static size_t
send_until_stalled(int fd, const struct text *script)
{
	size_t at = 0;

	while (at < script->n && happens(fd, POLLOUT, STALL_MS))
		at += try_send(fd, script->bytes + at, script->n - at);
	return at;
}

static int
run_flood(const struct options *options)
{
	struct text script = { 0 }, expected = { 0 }, answers = { 0 };
	struct options until_end = { .nlines = -1 };
	int fd = dial(options);
	size_t at;
	char c;

	make_lines(&script, options->head, options->nlines);
	make_lines(&expected, options->answer, options->nlines);
	at = send_until_stalled(fd, &script);
	printf("%zu bytes of %zu went\n", at, script.n);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) == 1)
		continue;
	converse(fd, &until_end, &script, at, &answers);
	close(fd);
	if (answers.n != expected.n || memcmp(answers.bytes, expected.bytes, answers.n) != 0)
		die("the answers, %zu bytes, are not the %zu that were expected", answers.n,
		    expected.n);
	puts("all answers came, in order");
	free(script.bytes);
	free(expected.bytes);
	free(answers.bytes);
	return 0;
}

/* ---- hold and storm --------------------------------------------------------------- */

static void
ping(int fd, size_t number)
{
	char line[256];

	/* One that is turned away may have closed it by now. */
	if (send(fd, "PING\n", 5, MSG_NOSIGNAL) == -1 && errno != EPIPE && errno != ECONNRESET)
		die("send: %s", strerror(errno));
	if (!receive_line(fd, line, sizeof line))
		die("connection %zu was closed without a word", number);
	if (strcmp(line, "+OK\n") != 0)
		printf("connection %zu: %s", number, line);
}

static int
run_hold(const struct options *options)
{
	int *fds = calloc(options->nconnections, sizeof *fds);
	char c;

	if (fds == NULL)
		die("out of memory");
	for (size_t i = 0; i < options->nconnections; i++) {
		fds[i] = dial(options); /* open until the process ends */
		ping(fds[i], i);
	}
	printf("held %zu\n", options->nconnections);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) == 1) {
		if (c != '\n')
			continue;
		for (size_t i = 0; i < options->nconnections; i++)
			ping(fds[i], i);
		printf("answered %zu\n", options->nconnections);
		fflush(stdout);
	}
	free(fds);
	return 0;
}

/* What a client of the storm says before it goes. */
static const struct {
	const char *how;
	const char *says;
	bool is_answered;
	bool reset;
} storms[] = {
	{ "close", "", false, false },
	{ "reset", "", false, true },
	{ "mid-line", "PUB storm.half a line without its en", false, true },
	{ "mid-reply", "HELP\nHELP\nHELP\nHELP\nHELP\nHELP\nHELP\nHELP\n", false, true },
	{ "subscribed", "SUB storm.>\n", true, true },
	{ "half-closed", "SUB storm.>\n", true, false },
};

static int
run_storm(const struct options *options)
{
	char line[256];
	size_t s = 0;

	while (s < sizeof storms / sizeof storms[0] && strcmp(storms[s].how, options->how) != 0)
		s++;
	if (s == sizeof storms / sizeof storms[0])
		die("--how %s: no such way", options->how);
	for (size_t i = 0; i < options->nconnections; i++) {
		int fd = dial(options);

		send_all(fd, storms[s].says, strlen(storms[s].says));
		if (storms[s].is_answered && !receive_line(fd, line, sizeof line))
			die("connection %zu was closed without an answer", i);
		if (!storms[s].reset)
			shutdown(fd, SHUT_WR);
		hang_up(fd, storms[s].reset);
	}
	return 0;
}

/* ---- Options ---------------------------------------------------------------------- */

/* ---- freeze ----------------------------------------------------------------------- */

/* Whether the thread, at the entry of a system call, is about to send something. */
static bool
is_sending(pid_t tid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof info, &info) == -1)
		die("PTRACE_GET_SYSCALL_INFO: %s", strerror(errno));
	return info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       (info.entry.nr == SYS_sendto || info.entry.nr == SYS_sendmsg ||
	        info.entry.nr == SYS_write || info.entry.nr == SYS_writev);
}

/* Its signals are blocked, so it stops for nothing else than what we ask for. */
static void
run_until_sending(pid_t tid)
{
	int status;

	do {
		if (waitpid(tid, &status, __WALL) == -1 || !WIFSTOPPED(status))
			die("thread %d is gone", (int)tid);
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) && is_sending(tid))
			return;
	} while (ptrace(PTRACE_SYSCALL, tid, NULL, NULL) == 0);
	die("PTRACE_SYSCALL: %s", strerror(errno));
}

/* Only that thread stops: in the middle of its work, and not where it waits for some. */
static int
run_freeze(const struct options *options)
{
	pid_t tid = options->naddress == 1 ? (pid_t)strtol(options->address[0], NULL, 10) : 0;
	char byte;

	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD) == -1 ||
	    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == -1)
		die("thread %d cannot be stopped: %s", (int)tid, strerror(errno));
	puts("ready");
	fflush(stdout);
	run_until_sending(tid);
	puts("frozen");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	return ptrace(PTRACE_DETACH, tid, NULL, NULL) == -1;
}

/* ---- reserve ---------------------------------------------------------------------- */

/* Where the ports begin that the system gives out by itself. */
static int
first_given_port(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
	int first;

	if (file == NULL || fscanf(file, "%d", &first) != 1 || first < 4096)
		die("no ports are left to choose from");
	fclose(file);
	return first;
}

/*
 * Nobody is given the port by chance, for it is none of those that the system gives out; and
 * nobody else who asks this way has it. A server may have it that sets SO_REUSEADDR; until
 * then whoever connects is refused.
 */
static int
run_reserve(const struct options *options)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, first = first_given_port();
	unsigned port = (unsigned)getpid();
	char byte;

	(void)options;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < first; i++) {
		port = port * 1103515245u + 12345u;
		address.sin_port = htons((uint16_t)(2048 + (port >> 8) % ((unsigned)first - 2048)));
		if (bind(fd, (struct sockaddr *)&address, sizeof address) == -1)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		printf("%u\n", ntohs(address.sin_port));
		fflush(stdout);
		while (read(STDIN_FILENO, &byte, 1) > 0)
			continue;
		return 0;
	}
	die("no port is free");
}

/* ---- serve ------------------------------------------------------------------------ */

/* At once, perhaps before anything has come. */
static void
serve_close(int fd)
{
	(void)fd;
}

/* Something has come, and is not read: closing resets the connection. */
static void
serve_unread(int fd)
{
	char byte;

	if (recv(fd, &byte, 1, MSG_PEEK) == -1)
		die("recv: %s", strerror(errno));
}

/* Say no more, and read all there is. */
static void
serve_half_closed(int fd)
{
	char buffer[BUFFER_BYTES];
	ssize_t n;

	if (shutdown(fd, SHUT_WR) == -1)
		die("shutdown: %s", strerror(errno));
	while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
		fwrite(buffer, 1, (size_t)n, stdout);
}

static const struct {
	const char *how;
	void (*serve)(int fd);
} servers[] = {
	{ "close", serve_close },
	{ "unread", serve_unread },
	{ "half-closed", serve_half_closed },
};

/* Take one connection after the other, until it is ended. */
static int
run_serve(const struct options *options)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	size_t s = 0;

	while (s < sizeof servers / sizeof servers[0] &&
	       strcmp(servers[s].how, options->how) != 0)
		s++;
	if (s == sizeof servers / sizeof servers[0])
		die("--how %s: no such way", options->how);
	if (options->naddress != 2 ||
	    inet_pton(AF_INET, options->address[0], &address.sin_addr) != 1)
		die("serve wants an IPv4 address and a port");
	address.sin_port = htons((uint16_t)atoi(options->address[1]));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(listener, (struct sockaddr *)&address, sizeof address) == -1 ||
	    listen(listener, 64) == -1)
		die("%s:%s: %s", options->address[0], options->address[1], strerror(errno));
	while ((fd = accept(listener, NULL, NULL)) != -1) {
		servers[s].serve(fd);
		close(fd);
		puts("closed");
		fflush(stdout);
	}
	die("accept: %s", strerror(errno));
}

/* ---- trickle ---------------------------------------------------------------------- */

/* Print what comes, until the daemon closes it. False: it did. */
static bool
listen_to(int fd)
{
	char buffer[BUFFER_BYTES];
	ssize_t n;

	while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
		fwrite(buffer, 1, (size_t)n, stdout);
	return n == -1 && (errno == EAGAIN || errno == EINTR);
}

/* One that was closed takes no more; whether it was is told by reading. */
static bool
trickle_on(int fd)
{
	if (send(fd, "x", 1, MSG_NOSIGNAL) == -1 && errno != EAGAIN && errno != EINTR &&
	    errno != EPIPE && errno != ECONNRESET)
		die("send: %s", strerror(errno));
	return listen_to(fd);
}

static int
run_trickle(const struct options *options)
{
	int *fds = calloc(options->nconnections, sizeof *fds);
	size_t nopen = options->nconnections;
	long ms = 0;

	if (fds == NULL)
		die("out of memory");
	for (size_t i = 0; i < options->nconnections; i++)
		fds[i] = dial(options);
	for (; nopen > 0 && ms < PATIENCE_MS; ms += TRICKLE_MS) {
		for (size_t i = 0; i < options->nconnections; i++)
			if (fds[i] != -1 && !trickle_on(fds[i])) {
				close(fds[i]);
				fds[i] = -1;
				nopen--;
			}
		poll(NULL, 0, TRICKLE_MS);
	}
	printf("closed %zu\n", options->nconnections - nopen);
	free(fds);
	return nopen == 0 ? 0 : 1;
}

/* ---- manager ---------------------------------------------------------------------- */

/* Datagrams to itself, until the queue of the socket takes no more. */
static void
fill_queue(int fd, const struct sockaddr_un *address)
{
	int from = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (from == -1)
		die("socket: %s", strerror(errno));
	for (long n = 0; n < 1000000; n++)
		if (sendto(from, "X", 1, 0, (const struct sockaddr *)address,
		           sizeof *address) == -1) {
			close(from);
			return;
		}
	die("descriptor %d: its queue does not fill", fd);
}

static int
run_manager(const struct options *options)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[512], byte;
	ssize_t n;

	if (options->naddress != 1 || strlen(options->address[0]) >= sizeof address.sun_path)
		die("manager: one PATH");
	strcpy(address.sun_path, options->address[0]);
	if (fd == -1 || bind(fd, (const struct sockaddr *)&address, sizeof address) == -1)
		die("%s: %s", address.sun_path, strerror(errno));
	fill_queue(fd, &address);
	puts("full");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	while ((n = recv(fd, text, sizeof text, 0)) != -1) {
		if (n == 1 && text[0] == 'X')
			continue;
		printf("%.*s\n", (int)n, text);
		fflush(stdout);
	}
	die("recv: %s", strerror(errno));
}

static const struct {
	const char *name;
	int (*run)(const struct options *);
} subcommands[] = {
	{ "talk", run_talk },
	{ "splits", run_splits },
	{ "echo-random", run_echo_random },
	{ "random", run_random },
	{ "flood", run_flood },
	{ "hold", run_hold },
	{ "storm", run_storm },
	{ "trickle", run_trickle },
	{ "reserve", run_reserve },
	{ "serve", run_serve },
	{ "freeze", run_freeze },
	{ "manager", run_manager },
};

static const char help[] =
    "usage: peer COMMAND [OPTION...] HOST PORT | PATH\n"
    "\n"
    "talk         send what is on stdin, half-close, print what comes until the end\n"
    "  --segment N    N bytes a segment; the daemon has read each before the next goes\n"
    "                 (if it has one handler)\n"
    "  --lines N      stop reading after N lines\n"
    "  --hold         do not half-close\n"
    "  --reset        end with a RST, once the daemon has read all (one handler)\n"
    "  --rcvbuf N     SO_RCVBUF\n"
    "splits       hold the conversation on stdin once for each place where it can be cut\n"
    "             in two segments; print the answer; 1 if one of them differs (one handler)\n"
    "echo-random  send random lines, and verify that just these come back\n"
    "  --connections N  --lines N (in all)  --min N --max N (bytes of a line)\n"
    "  --seed N  --window N (bytes that may be on their way, a connection)\n"
    "random       print random lines: --lines N --min N --max N --seed N\n"
    "flood        send lines \"HEAD number zeros\" and read nothing until no more goes; say\n"
    "             how much went; at the end of stdin send the rest, read, and verify\n"
    "  --lines N  --head TEXT  --answer TEXT (what HEAD has become in the answer)\n"
    "hold         open connections, a PING on each; print each answer that is not +OK, and\n"
    "             \"held N\"; keep all open until stdin ends; for each line of it, do the same\n"
    "             again, and print \"answered N\"\n"
    "  --connections N\n"
    "storm        open and leave connections, one after another\n"
    "  --connections N  --how close|reset|mid-line|mid-reply|subscribed|half-closed\n"
    "trickle      send a byte of a line that never ends now and then, on all connections, until\n"
    "             the daemon has closed them; print what it said, and \"closed N\"\n"
    "  --connections N\n"
    "freeze TID   stop that thread of another process when it next sends something; say\n"
    "             \"ready\" before and \"frozen\" then; let it go on when stdin ends\n"
    "manager      take datagrams at PATH, whose queue is full until stdin ends; say \"full\"\n"
    "             before, and print what others sent then\n"
    "serve        listen at an IPv4 address, and end one connection after the other:\n"
    "  --how close (at once) | unread (when something has come) | half-closed (say no more,\n"
    "        and print what comes); \"closed\" is printed after each\n"
    "reserve      print a port of 127.0.0.1 that nobody else is given, until stdin ends\n"
    "\n"
    "Each command that connects takes --from ADDRESS, of this machine.\n";

static const struct option long_options[] = {
	{ "segment", required_argument, NULL, 's' },
	{ "lines", required_argument, NULL, 'l' },
	{ "hold", no_argument, NULL, 'h' },
	{ "reset", no_argument, NULL, 'r' },
	{ "rcvbuf", required_argument, NULL, 'b' },
	{ "connections", required_argument, NULL, 'c' },
	{ "min", required_argument, NULL, 'm' },
	{ "max", required_argument, NULL, 'M' },
	{ "seed", required_argument, NULL, 'S' },
	{ "window", required_argument, NULL, 'w' },
	{ "how", required_argument, NULL, 'H' },
	{ "head", required_argument, NULL, 'a' },
	{ "answer", required_argument, NULL, 'A' },
	{ "from", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, '?' },
	{ NULL, 0, NULL, 0 },
};

static long
number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 0)
		die("%s: no number", text);
	return n;
}

static void
set_option(struct options *options, int letter)
{
	switch (letter) {
	case 's': options->segment = (size_t)number(optarg); return;
	case 'l': options->nlines = number(optarg); return;
	case 'h': options->hold = true; return;
	case 'r': options->reset = true; return;
	case 'b': options->rcvbuf = (int)number(optarg); return;
	case 'c': options->nconnections = (size_t)number(optarg); return;
	case 'm': options->min = (size_t)number(optarg); return;
	case 'M': options->max = (size_t)number(optarg); return;
	case 'S': options->seed = (uint64_t)number(optarg); return;
	case 'w': options->window = (size_t)number(optarg); return;
	case 'H': options->how = optarg; return;
	case 'a': options->head = optarg; return;
	case 'A': options->answer = optarg; return;
	case 'f': options->from = optarg; return;
	}
	fputs(help, stderr);
	exit(2);
}

int
main(int argc, char **argv)
{
	struct options options = {
		.nlines = -1,
		.nconnections = 1,
		.min = 1,
		.max = 4000,
		.window = BUFFER_BYTES,
		.seed = 1,
		.how = "close",
		.head = "ECHO ",
		.answer = "+OK ",
	};
	int letter;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return argc < 2 ? 2 : 0;
	}
	while ((letter = getopt_long(argc - 1, argv + 1, "+", long_options, NULL)) != -1)
		set_option(&options, letter);
	options.address = argv + 1 + optind;
	options.naddress = argc - 1 - optind;
	if (options.naddress > 2 || options.nconnections < 1 || options.max < options.min) {
		fputs(help, stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++)
		if (strcmp(subcommands[i].name, argv[1]) == 0)
			return subcommands[i].run(&options);
	die("%s: no such command; see peer --help", argv[1]);
}
