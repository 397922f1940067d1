/* SPDX-License-Identifier: MIT */
/*
 * oracle.c - a random conversation of many clients with the daemon, and a model that knows
 * every line of it beforehand.
 *
 * Where tests/storm.c has clients that all talk at once and checks what must hold in any order,
 * this program says one thing at a time, waits until all that follows from it has arrived, and
 * compares every byte: finals, deliveries, stored lines, sequence numbers, notices, the end of
 * connections. The model is written from amyd-protocol(7), not from the daemon.
 *
 * What the daemon may decide by itself is a choice: which member of a group gets a line, and who
 * is asked by REQ. Any member is right, but exactly one.
 *
 * One thread, poll(2). Everything follows from the seed. The first difference is printed with the
 * last lines that were said, and ends the program with 1. Nothing waits for ever.
 *
 * Ownership: all objects are the main thread's.
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
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000
#define NCLIENTS 32
#define NNAMES 6
#define HISTORY_LINES 20 /* of the section that stores "h.>" */
#define MAX_SUBS 12      /* of a client */
#define MAX_TOKENS 8     /* groups that one publication meets */
#define MAX_REQUESTS 16
#define MAX_SUBJECT 32
#define MAX_TEXT 400
#define MAX_LINE (MAX_TEXT + 200)
#define NREMEMBERED 40 /* lines said, to be shown with a complaint */

static struct {
	uint64_t nsteps, seed;
	const char *host, *unix_path;
	unsigned port;
	pid_t daemon; /* gets signals; 0: none */
} options = { .nsteps = 2000, .seed = 1 };

/* ---- Errors, chance, memory ------------------------------------------------------------ */

static char remembered[NREMEMBERED][160];
static uint64_t nremembered;

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void
die(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	for (uint64_t i = nremembered < NREMEMBERED ? 0 : nremembered - NREMEMBERED;
	     i < nremembered; i++)
		fprintf(stderr, "oracle: said: %s\n", remembered[i % NREMEMBERED]);
	fputs("oracle: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, " (seed %" PRIu64 ")\n", options.seed);
	exit(1);
}

static void remember(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
remember(const char *format, ...)
{
	char *line = remembered[nremembered++ % NREMEMBERED];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof remembered[0], format, arguments);
	va_end(arguments);
	for (; *line != '\0'; line++)
		if (*line < ' ' || *line > '~')
			*line = '?';
}

static uint64_t random_state;

static uint32_t
below(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

static bool
one_in(uint32_t n)
{
	return below(n) == 0;
}

#define PICK(table) ((table)[below(sizeof(table) / sizeof(table)[0])])

static void *
grow(void *bytes, size_t nbytes)
{
	bytes = realloc(bytes, nbytes);
	if (bytes == NULL)
		die("out of memory");
	return bytes;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- The model: what is stored, who subscribes ------------------------------------------ */

static const char *const subjects[] = {
	"a.x", "a.y", "b.x", "b.y.z", "h.a", "h.b", "h.b.c", "k.a", "k.b", "r.a", "q.a", "q.b",
};
static const char *const kept_subjects[] = { "k.a", "k.b", "h.a", "a.x" };
static const char *const patterns[] = {
	"a.>", "a.*", "*.x", "b.>", "b.y.*", "h.>", "h.*", "h.b", "k.>", "k.a", "r.>", "copy", "*.b",
	"*.*.*", "q.a", "q.>", "*.>",
};
static const char *const counted_patterns[] = { "a.>", "h.>", "h.*", "k.>", "b.>", "*.x" };
static const char *const group_patterns[] = { "a.>", "h.*", "q.>", "k.>" };
static const char *const request_subjects[] = { "q.a", "q.b", "@n0", "@n1", "@n2" };

struct stored_line {
	uint64_t seq;
	char subject[MAX_SUBJECT], from[MAX_SUBJECT], text[MAX_TEXT];
	size_t ntext;
};

struct subscription {
	char pattern[MAX_SUBJECT], group[MAX_SUBJECT]; /* group "": none */
	uint64_t left;                                /* COUNT; 0: without end */
};

enum expect_kind {
	EXPECT_LINE,   /* this one */
	EXPECT_WORDS,  /* this one, and then key=value words */
	EXPECT_PREFIX, /* one that begins so */
	EXPECT_ROWS,   /* rows, then "+OK n" */
	EXPECT_END,    /* of the connection */
};

struct expectation {
	enum expect_kind kind;
	char *line;
	size_t nbytes;
	uint64_t nrows; /* of EXPECT_ROWS; UINT64_MAX: any number */
	bool is_gap;    /* of EXPECT_WORDS: "oldest=" must be among them */
};

enum client_state {
	CLIENT_CLOSED,
	CLIENT_OPEN,
	CLIENT_HALF,     /* its input has ended: it is closed when nothing is left to wait for */
	CLIENT_QUITTING, /* likewise, after QUIT */
	CLIENT_ENDING,   /* its end is expected */
};

struct client {
	enum client_state state;
	int fd;
	uint64_t id; /* of its connection, as amyd counts them */
	char name[MAX_SUBJECT], farewell[64];
	bool no_ack, no_echo, show_seq, show_from, is_blocked;
	struct subscription subs[MAX_SUBS];
	size_t nsubs;
	char will[MAX_TEXT];
	size_t nwill; /* 0: none */
	uint64_t nrows;

	char *in;
	size_t nin, max_in;
	struct expectation *expected; /* from first on */
	size_t first, nexpected, max_expected;
};

/* Lines that went to one member of each of some groups, of one publication. */
struct tokens {
	size_t n, ntaken;
	bool may_take[MAX_TOKENS][NCLIENTS]; /* the members of each group */
	size_t takers[MAX_TOKENS];           /* who has got one, so far */
	char *lines[NCLIENTS];               /* as each would see it; NULL: it may not take one */
	size_t nbytes[NCLIENTS];
};

/* A question that was put to one of several clients. */
struct request {
	bool is_open, is_asked; /* is_asked: REQ has arrived at its responder */
	size_t asker, responder;
	uint64_t asker_id;
	bool may_answer[NCLIENTS];
	char subject[MAX_SUBJECT], tag[16], id[32], text[MAX_TEXT];
	size_t ntext;
};

static struct client clients[NCLIENTS];
static struct tokens tokens;
static struct request requests[MAX_REQUESTS];
static struct stored_line history[HISTORY_LINES], *kept;
static size_t nhistory, nkept, max_kept;
static uint64_t seq, nmatched, nmessages, nchoices, nconnected;
static uint64_t nrows_told; /* by the last table that came */
static char run[32];        /* as the daemon names it; empty: it has not been told yet */
static uint64_t forgotten[16]; /* by subject: the greatest number that history has forgotten */
static struct {
	uint64_t matched, delivered, queued, dropped;
} counters; /* as STATS has told them */

/* The rules of amyd-protocol(7). */
static bool
pattern_matches(const char *pattern, const char *subject)
{
	for (;;) {
		size_t n = strcspn(pattern, "."), m = strcspn(subject, ".");

		if (*pattern == '>')
			return true;
		if (*pattern != '*' && (n != m || memcmp(pattern, subject, n) != 0))
			return false;
		pattern += n;
		subject += m;
		if (*pattern == '\0' || *subject == '\0')
			return *pattern == *subject;
		pattern++;
		subject++;
	}
}

static struct subscription *
find_subscription(struct client *client, const char *pattern)
{
	for (size_t i = 0; i < client->nsubs; i++)
		if (strcmp(client->subs[i].pattern, pattern) == 0)
			return &client->subs[i];
	return NULL;
}

static void
end_subscription(struct client *client, struct subscription *sub)
{
	size_t i = (size_t)(sub - client->subs);

	memmove(sub, sub + 1, (client->nsubs - i - 1) * sizeof *sub);
	client->nsubs--;
}

static bool
has_counted(const struct client *client)
{
	for (size_t i = 0; i < client->nsubs; i++)
		if (client->subs[i].left > 0)
			return true;
	return false;
}

/* Does it get what comes by its subscriptions? */
static bool
is_following(const struct client *client)
{
	return client->state == CLIENT_OPEN || client->state == CLIENT_HALF ||
	       client->state == CLIENT_QUITTING;
}

/* ---- Expectations ------------------------------------------------------------------------ */

static void
expect_bytes(struct client *client, enum expect_kind kind, const char *line, size_t nbytes)
{
	struct expectation *expectation;

	if (client->first == client->nexpected)
		client->first = client->nexpected = 0;
	if (client->nexpected == client->max_expected) {
		client->max_expected = client->max_expected * 2 + 16;
		client->expected =
		    grow(client->expected, client->max_expected * sizeof *client->expected);
	}
	expectation = &client->expected[client->nexpected++];
	*expectation = (struct expectation){ .kind = kind, .nbytes = nbytes };
	expectation->line = grow(NULL, nbytes + 1);
	memcpy(expectation->line, line, nbytes);
	expectation->line[nbytes] = '\0';
}

static void expect(struct client *client, enum expect_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
expect(struct client *client, enum expect_kind kind, const char *format, ...)
{
	char line[MAX_LINE];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	expect_bytes(client, kind, line, (size_t)n);
}

static void
expect_rows(struct client *client, uint64_t nrows, const char *tag)
{
	expect(client, EXPECT_ROWS, "%s", tag);
	client->expected[client->nexpected - 1].nrows = nrows;
}

static void
pop_expectation(struct client *client)
{
	free(client->expected[client->first++].line);
}

/* "MSG subject [seq] [from] text", as the client wants to see it. */
static size_t
write_delivery(const struct client *client, const struct stored_line *line, char *text)
{
	int n = snprintf(text, MAX_LINE, "MSG %s ", line->subject);

	if (client->show_seq && line->seq > 0)
		n += snprintf(text + n, MAX_LINE - (size_t)n, "%" PRIu64 " ", line->seq);
	else if (client->show_seq)
		n += snprintf(text + n, MAX_LINE - (size_t)n, "- ");
	if (client->show_from)
		n += snprintf(text + n, MAX_LINE - (size_t)n, "%s ",
		              *line->from == '\0' ? "-" : line->from);
	memcpy(text + n, line->text, line->ntext);
	return (size_t)n + line->ntext;
}

static void
expect_delivery(struct client *client, const struct stored_line *line)
{
	char text[MAX_LINE];

	expect_bytes(client, EXPECT_LINE, text, write_delivery(client, line, text));
}

/* ---- What follows from a publication ----------------------------------------------------- */

/* The subscriptions without a group of one client. True: it gets the line. */
static bool
deliver_to(struct client *client, const struct stored_line *line)
{
	bool has_it = false;

	for (size_t i = 0; i < client->nsubs; i++) {
		struct subscription *sub = &client->subs[i];
		char pattern[MAX_SUBJECT];

		if (*sub->group != '\0' || !pattern_matches(sub->pattern, line->subject))
			continue;
		if (!has_it)
			expect_delivery(client, line);
		has_it = true;
		if (sub->left == 0 || --sub->left > 0)
			continue;
		memcpy(pattern, sub->pattern, sizeof pattern);
		end_subscription(client, sub);
		expect(client, EXPECT_LINE, "! DONE %s count", pattern);
		i--;
	}
	return has_it;
}

/* One more client that may take the line for a group. */
static void
join_group(size_t group, size_t number, const struct stored_line *line)
{
	char text[MAX_LINE];
	size_t n = write_delivery(&clients[number], line, text);

	tokens.may_take[group][number] = true;
	if (tokens.lines[number] != NULL)
		return;
	tokens.lines[number] = grow(NULL, n + 1);
	memcpy(tokens.lines[number], text, n);
	tokens.nbytes[number] = n;
}

/* Groups are told apart by pattern and name. Returns how many get the line. */
static size_t
choose_members(const struct stored_line *line, size_t from)
{
	struct subscription *groups[MAX_TOKENS];
	size_t ngroups = 0;

	for (size_t i = 0; i < NCLIENTS; i++)
		for (size_t j = 0; j < clients[i].nsubs && is_following(&clients[i]); j++) {
			struct subscription *sub = &clients[i].subs[j];
			size_t g = 0;

			if (*sub->group == '\0' || !pattern_matches(sub->pattern, line->subject) ||
			    (i == from && clients[i].no_echo))
				continue;
			while (g < ngroups && (strcmp(groups[g]->pattern, sub->pattern) != 0 ||
			                       strcmp(groups[g]->group, sub->group) != 0))
				g++;
			if (g == ngroups)
				groups[ngroups++] = sub;
			join_group(g, i, line);
		}
	if (ngroups == 0)
		return 0; /* a will, perhaps, that follows from a line which has gone to some */
	tokens.n = ngroups;
	nchoices += ngroups;
	return ngroups;
}

static struct stored_line *
find_kept(const char *subject)
{
	for (size_t i = 0; i < nkept; i++)
		if (strcmp(kept[i].subject, subject) == 0)
			return &kept[i];
	return NULL;
}

static void
forget_kept(const char *subject)
{
	struct stored_line *line = find_kept(subject);

	if (line == NULL)
		return;
	memmove(line, line + 1, (size_t)(kept + nkept - line - 1) * sizeof *line);
	nkept--;
}

/* One that is a last value still is not forgotten. */
static void
note_forgotten(const struct stored_line *line)
{
	const struct stored_line *last = find_kept(line->subject);

	for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
		if (strcmp(subjects[i], line->subject) == 0 && (last == NULL || last->seq != line->seq))
			forgotten[i] = line->seq;
}

/* Has a line of the pattern been forgotten that has this number, or a greater one? */
static bool
is_forgotten(const char *pattern, uint64_t from)
{
	for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
		if (forgotten[i] >= from && pattern_matches(pattern, subjects[i]))
			return true;
	return false;
}

static void
store(struct stored_line *line, bool keep)
{
	bool in_history = pattern_matches("h.>", line->subject);

	if (!keep && !in_history)
		return;
	line->seq = ++seq;
	if (in_history && nhistory == HISTORY_LINES) {
		note_forgotten(&history[0]);
		memmove(history, history + 1, (HISTORY_LINES - 1) * sizeof *history);
		nhistory--;
	}
	if (in_history)
		history[nhistory++] = *line;
	if (!keep)
		return;
	forget_kept(line->subject);
	if (nkept == max_kept) {
		max_kept = max_kept * 2 + 16;
		kept = grow(kept, max_kept * sizeof *kept);
	}
	kept[nkept++] = *line;
}

/* To all who follow; from: NCLIENTS if it is nobody. Returns in how many queues it went. */
static size_t
deliver(const struct stored_line *line, size_t from)
{
	size_t n = 0;

	for (size_t i = 0; i < NCLIENTS; i++)
		if (is_following(&clients[i]) && !(i == from && clients[i].no_echo))
			n += deliver_to(&clients[i], line);
	return n;
}

static size_t
publish(struct stored_line *line, size_t from, bool keep)
{
	size_t n;

	if (from < NCLIENTS && *clients[from].name != '\0')
		snprintf(line->from, sizeof line->from, "@%.30s", clients[from].name);
	store(line, keep);
	n = deliver(line, from) + choose_members(line, from);
	nmatched += n;
	if (pattern_matches("r.>", line->subject)) { /* the rule of the configuration */
		struct stored_line copy = *line;

		strcpy(copy.subject, "copy");
		copy.seq = 0;
		nmatched += deliver(&copy, from);
	}
	return n;
}

/* ---- Choices that have been made ---------------------------------------------------------- */

/* Can the takers from i on each have a group of their own, of those that are left? */
static bool
can_assign(size_t i, unsigned used)
{
	if (i == tokens.ntaken)
		return true;
	for (size_t g = 0; g < tokens.n; g++)
		if (!(used & 1u << g) && tokens.may_take[g][tokens.takers[i]] &&
		    can_assign(i + 1, used | 1u << g))
			return true;
	return false;
}

/* The line may be that of a group whose member the client is. */
static bool
take_token(size_t number, const char *line, size_t nbytes)
{
	if (tokens.ntaken == tokens.n || tokens.lines[number] == NULL ||
	    nbytes != tokens.nbytes[number] || memcmp(line, tokens.lines[number], nbytes) != 0)
		return false;
	tokens.takers[tokens.ntaken++] = number;
	if (can_assign(0, 0)) {
		remember("client %zu takes it for a group", number);
		return true;
	}
	tokens.ntaken--;
	return false;
}

static void
forget_tokens(void)
{
	for (size_t i = 0; i < NCLIENTS; i++)
		free(tokens.lines[i]);
	memset(&tokens, 0, sizeof tokens);
}

/* "REQ subject id text" */
static bool
take_question(size_t number, const char *line, size_t nbytes)
{
	for (size_t i = 0; i < MAX_REQUESTS; i++) {
		struct request *request = &requests[i];
		size_t nhead = (size_t)4 + strlen(request->subject) + 1, nid = 0;

		if (!request->is_open || request->is_asked || !request->may_answer[number] ||
		    nbytes < nhead || memcmp(line, "REQ ", 4) != 0 ||
		    memcmp(line + 4, request->subject, nhead - 5) != 0)
			continue;
		while (nhead + nid < nbytes && line[nhead + nid] >= '0' && line[nhead + nid] <= '9')
			nid++;
		if (nid == 0 || nid >= sizeof request->id || nhead + nid >= nbytes ||
		    nbytes - nhead - nid - 1 != request->ntext ||
		    memcmp(line + nhead + nid + 1, request->text, request->ntext) != 0)
			continue;
		memcpy(request->id, line + nhead, nid);
		request->id[nid] = '\0';
		request->responder = number;
		request->is_asked = true;
		return true;
	}
	return false;
}

/* ---- Lines that come ------------------------------------------------------------------------ */

static void
complain(size_t number, const char *what, const char *line, size_t nbytes)
{
	const struct client *client = &clients[number];
	const struct expectation *head =
	    client->first < client->nexpected ? &client->expected[client->first] : NULL;

	char shown[200];
	size_t n = nbytes < sizeof shown - 1 ? nbytes : sizeof shown - 1;

	for (size_t i = 0; i < n; i++)
		shown[i] = line[i] < ' ' || line[i] > '~' ? '?' : line[i];
	shown[n] = '\0';
	for (size_t i = 0; i < client->nsubs; i++)
		remember("client %zu has: %s GROUP %s COUNT %" PRIu64, number,
		         client->subs[i].pattern, client->subs[i].group, client->subs[i].left);
	remember("%zu of %zu members of groups have it", tokens.ntaken, tokens.n);
	die("client %zu (state %d): %s came: \"%s\"; expected: %s", number, (int)client->state, what,
	    shown,
	    head == NULL ? "nothing" : head->kind == EXPECT_END ? "the end" : head->line);
}

/* Words such as " run=k3f oldest=8" */
static bool
are_words(const char *text, size_t nbytes)
{
	while (nbytes > 0) {
		size_t n = 1;

		if (*text != ' ')
			return false;
		while (n < nbytes && text[n] != ' ')
			n++;
		if (memchr(text, '=', n) == NULL)
			return false;
		text += n;
		nbytes -= n;
	}
	return true;
}

/* Of a row of STATS: what became of lines. */
static void
take_counter(const char *line, size_t nbytes)
{
	char row[128], name[64];
	uint64_t value;

	snprintf(row, sizeof row, "%.*s", nbytes < 127 ? (int)nbytes : 127, line);
	if (sscanf(row, "* %63s %" SCNu64, name, &value) != 2)
		return;
	if (strcmp(name, "lines.matched") == 0) {
		counters.matched = value;
		counters.dropped = 0;
	} else if (strcmp(name, "lines.delivered") == 0) {
		counters.delivered = value;
	} else if (strcmp(name, "lines.queued") == 0) {
		counters.queued = value;
	} else if (strncmp(name, "lines.dropped.", 14) == 0) {
		counters.dropped += value;
	}
}

static bool
take_row_or_total(struct client *client, const struct expectation *head, const char *line,
                  size_t nbytes)
{
	char total[64];
	size_t n;

	if (nbytes > 2 && memcmp(line, "* ", 2) == 0) {
		take_counter(line, nbytes);
		client->nrows++;
		return true;
	}
	n = (size_t)snprintf(total, sizeof total, "%s+OK %" PRIu64, head->line, client->nrows);
	if (nbytes != n || memcmp(line, total, n) != 0 ||
	    (head->nrows != UINT64_MAX && head->nrows != client->nrows))
		return false;
	nrows_told = client->nrows;
	client->nrows = 0;
	pop_expectation(client);
	return true;
}

/* Behind "next=": the run, always the same, and "oldest=" if lines are missing. */
static bool
take_words(const struct expectation *head, const char *text, size_t nbytes)
{
	char words[128], name[32];

	snprintf(words, sizeof words, "%.*s", nbytes < 127 ? (int)nbytes : 127, text);
	if (sscanf(words, " run=%31[a-z0-9]", name) != 1)
		return false;
	if (*run == '\0')
		strcpy(run, name);
	return strcmp(run, name) == 0 && (!head->is_gap || strstr(words, " oldest=") != NULL);
}

static bool
take_expected(struct client *client, const char *line, size_t nbytes)
{
	const struct expectation *head = &client->expected[client->first];
	bool begins;

	if (client->first == client->nexpected)
		return false;
	begins = nbytes >= head->nbytes && memcmp(line, head->line, head->nbytes) == 0;
	switch (head->kind) {
	case EXPECT_LINE:
		begins = begins && nbytes == head->nbytes;
		break;
	case EXPECT_WORDS:
		begins = begins && are_words(line + head->nbytes, nbytes - head->nbytes) &&
		         take_words(head, line + head->nbytes, nbytes - head->nbytes);
		break;
	case EXPECT_PREFIX:
		break;
	case EXPECT_ROWS:
		return take_row_or_total(client, head, line, nbytes);
	case EXPECT_END:
		return false;
	}
	if (begins)
		pop_expectation(client);
	return begins;
}

static void
take_line(size_t number, const char *line, size_t nbytes)
{
	nmessages++;
	if (!take_expected(&clients[number], line, nbytes) && !take_token(number, line, nbytes) &&
	    !take_question(number, line, nbytes))
		complain(number, "this line", line, nbytes);
}

static void
close_client(struct client *client)
{
	close(client->fd);
	while (client->first < client->nexpected)
		pop_expectation(client);
	free(client->expected);
	free(client->in);
	memset(client, 0, sizeof *client);
}

static void
take_end(size_t number)
{
	struct client *client = &clients[number];

	if (client->nin > 0 || client->first + 1 != client->nexpected ||
	    client->expected[client->first].kind != EXPECT_END)
		complain(number, "the end", client->in, client->nin);
	close_client(client);
}

static void
receive(size_t number)
{
	struct client *client = &clients[number];
	size_t at = 0;
	char *lf;
	ssize_t n;

	if (client->max_in - client->nin < 65536) {
		client->max_in += 65536;
		client->in = grow(client->in, client->max_in);
	}
	n = recv(client->fd, client->in + client->nin, client->max_in - client->nin, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		take_end(number);
		return;
	}
	client->nin += (size_t)n;
	while ((lf = memchr(client->in + at, '\n', client->nin - at)) != NULL) {
		size_t nbytes = (size_t)(lf - client->in) - at;

		take_line(number, client->in + at, nbytes);
		at += nbytes + 1;
	}
	client->nin -= at;
	memmove(client->in, client->in + at, client->nin);
}

/* ---- Waiting ---------------------------------------------------------------------------------- */

/* Does anything still have to come? */
static bool
is_waiting(void)
{
	if (tokens.ntaken < tokens.n)
		return true;
	for (size_t i = 0; i < MAX_REQUESTS; i++)
		if (requests[i].is_open && !requests[i].is_asked)
			return true;
	for (size_t i = 0; i < NCLIENTS; i++)
		if (clients[i].state != CLIENT_CLOSED && clients[i].first < clients[i].nexpected)
			return true;
	return false;
}

static void
what_is_missing(void)
{
	for (size_t i = 0; i < NCLIENTS; i++)
		if (clients[i].state != CLIENT_CLOSED && clients[i].first < clients[i].nexpected)
			complain(i, "nothing", "", 0);
	for (size_t i = 0; i < MAX_REQUESTS; i++)
		if (requests[i].is_open && !requests[i].is_asked)
			die("nobody was asked %s", requests[i].subject);
	die("of %zu groups, members of %zu got the line", tokens.n, tokens.ntaken);
}

/* Read what is there. Returns whether anything was, within the time. */
static bool
read_some(int timeout_ms)
{
	struct pollfd pfds[NCLIENTS];
	int n;

	for (size_t i = 0; i < NCLIENTS; i++)
		pfds[i] = (struct pollfd){
			.fd = clients[i].state == CLIENT_CLOSED ? -1 : clients[i].fd,
			.events = POLLIN,
		};
	n = poll(pfds, NCLIENTS, timeout_ms);
	for (size_t i = 0; i < NCLIENTS; i++)
		if (pfds[i].fd != -1 && pfds[i].revents != 0)
			receive(i);
	return n > 0;
}

/* All that the model knows of has come, and nothing else. */
static void
settle(void)
{
	int64_t deadline = now_ms() + PATIENCE_MS;

	while (is_waiting()) {
		if (now_ms() > deadline)
			what_is_missing();
		read_some(1000);
	}
	while (read_some(0))
		continue;
	forget_tokens();
}

/* ---- What clients say --------------------------------------------------------------------------- */

/* In pieces, sometimes: where a line is cut must not matter. */
static void
send_bytes(struct client *client, const char *bytes, size_t nbytes)
{
	while (nbytes > 0) {
		size_t n = one_in(8) ? 1 + below((uint32_t)nbytes) : nbytes;
		ssize_t sent = send(client->fd, bytes, n, MSG_NOSIGNAL);

		if (sent == -1 && errno != EAGAIN)
			die("client %zu: send: %s", (size_t)(client - clients), strerror(errno));
		if (sent > 0) {
			bytes += sent;
			nbytes -= (size_t)sent;
		}
	}
}

/* "[#tag ]verb rest", in one of the ways in which it may be typed. tag is set to how finals begin. */
static void
say(struct client *client, char tag[16], const char *verb, const char *rest, size_t nrest)
{
	static uint64_t last_tag;
	char line[MAX_LINE * 2];
	int n = 0;

	*tag = '\0';
	if (one_in(4)) {
		snprintf(tag, 16, "#%" PRIu64 " ", ++last_tag);
		n = snprintf(line, sizeof line, "%s", tag);
	}
	for (; *verb != '\0'; verb++)
		line[n++] = one_in(6) ? (char)(*verb | 0x20) : *verb;
	if (nrest > 0 || one_in(20))
		line[n++] = one_in(10) ? '\t' : ' ';
	memcpy(line + n, rest, nrest);
	n += (int)nrest;
	remember("client %zu: %.*s", (size_t)(client - clients), n < 120 ? n : 120, line);
	if (one_in(6))
		line[n++] = '\r';
	line[n++] = '\n';
	send_bytes(client, line, (size_t)n);
}

static void say_words(struct client *client, char tag[16], const char *verb, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

static void
say_words(struct client *client, char tag[16], const char *verb, const char *format, ...)
{
	char rest[MAX_LINE];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(rest, sizeof rest, format, arguments);
	va_end(arguments);
	say(client, tag, verb, rest, (size_t)n);
}

/* The final of what publishes or answers: with SET ack off there is none, so another line is awaited. */
static void expect_ack(struct client *client, const char *tag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
expect_ack(struct client *client, const char *tag, const char *format, ...)
{
	char words[64];
	va_list arguments;

	if (client->no_ack && *tag == '\0') {
		send_bytes(client, "#ack PING\n", 10);
		expect(client, EXPECT_LINE, "#ack +OK");
		return;
	}
	va_start(arguments, format);
	vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	expect(client, EXPECT_LINE, "%s+OK%s", tag, words);
}

/* Any bytes but LF; a CR at the end would be taken for that of CRLF. */
static size_t
make_text(char *text)
{
	static const char rare[] = { '\0', '\r', '\t', '\033', (char)0xff, (char)0xc3, ' ', '#' };
	size_t n = one_in(10) ? 0 : below(one_in(20) ? MAX_TEXT : 40);

	for (size_t i = 0; i < n; i++)
		text[i] = one_in(16) ? PICK(rare) : (char)('!' + below(94));
	if (n > 0 && text[n - 1] == '\r')
		text[n - 1] = '.';
	return n;
}

static size_t
any_client(enum client_state state)
{
	size_t start = below(NCLIENTS);

	for (size_t i = 0; i < NCLIENTS; i++) {
		size_t number = (start + i) % NCLIENTS;

		if (clients[number].state == state && !clients[number].is_blocked)
			return number;
	}
	return NCLIENTS;
}

/* ---- The end of a client --------------------------------------------------------------------------- */

static void
publish_will(struct client *client)
{
	struct stored_line line = { .subject = "w.a" };

	if (client->nwill == 0)
		return;
	memcpy(line.text, client->will, client->nwill);
	line.ntext = client->nwill;
	client->nwill = 0;
	publish(&line, (size_t)(client - clients), false);
}

/* Its final comes: the asker's further lines are run, if they have waited for it. */
static void
end_request(struct request *request)
{
	if (*request->tag == '\0')
		clients[request->asker].is_blocked = false;
	request->is_open = false;
}

/* Nobody waits for the answers to its own requests any more. */
static void
end_requests(size_t number)
{
	for (size_t i = 0; i < MAX_REQUESTS; i++)
		if (requests[i].is_open && requests[i].asker == number &&
		    requests[i].asker_id == clients[number].id)
			requests[i].is_open = false;
}

static bool
has_request(size_t number)
{
	for (size_t i = 0; i < MAX_REQUESTS; i++)
		if (requests[i].is_open && requests[i].asker == number)
			return true;
	return false;
}

/* Its subscriptions are over; then its will is published, unless it has said QUIT. */
static void
client_is_over(size_t number)
{
	struct client *client = &clients[number];
	bool has_quit = client->state == CLIENT_QUITTING;

	client->state = CLIENT_ENDING;
	client->nsubs = 0;
	if (*client->farewell != '\0')
		expect(client, EXPECT_LINE, "%s", client->farewell);
	expect(client, EXPECT_END, "%s", "");
	end_requests(number);
	if (!has_quit)
		publish_will(client);
}

/* Clients that wait for nothing any more. One that ends may be what another one waits for. */
static void
end_those_that_are_done(void)
{
	for (size_t i = 0; i < NCLIENTS; i++) {
		struct client *client = &clients[i];
		bool is_done = (client->state == CLIENT_HALF || client->state == CLIENT_QUITTING) &&
		               client->nsubs == 0 && !has_request(i);

		if (!is_done)
			continue;
		client_is_over(i);
		i = (size_t)-1;
	}
}

/* ---- Steps ------------------------------------------------------------------------------------------- */

static void
step_publish(size_t number)
{
	struct client *client = &clients[number];
	struct stored_line line = { 0 };
	bool keep = one_in(4);
	char tag[16], rest[MAX_LINE];
	size_t n;
	int nhead;

	strcpy(line.subject, keep ? PICK(kept_subjects) : PICK(subjects));
	line.ntext = make_text(line.text);
	nhead = snprintf(rest, sizeof rest, "%s ", line.subject);
	memcpy(rest + nhead, line.text, line.ntext);
	say(client, tag, keep ? "KEEP" : "PUB", rest, (size_t)nhead + line.ntext);
	n = publish(&line, number, keep);
	if (line.seq > 0)
		expect_ack(client, tag, " %zu seq=%" PRIu64, n, line.seq);
	else
		expect_ack(client, tag, " %zu", n);
}

static size_t
find_named(const char *name)
{
	for (size_t i = 0; i < NCLIENTS; i++)
		if (is_following(&clients[i]) && strcmp(clients[i].name, name) == 0)
			return i;
	return NCLIENTS;
}

static void
step_publish_to_name(size_t number)
{
	struct client *client = &clients[number];
	struct stored_line line = { 0 };
	char tag[16], rest[MAX_LINE], name[8];
	size_t to;
	int nhead;

	snprintf(name, sizeof name, "n%u", (unsigned)below(NNAMES));
	to = find_named(name);
	if (to == number)
		return;
	snprintf(line.subject, sizeof line.subject, "@%s", name);
	if (*client->name != '\0')
		snprintf(line.from, sizeof line.from, "@%.30s", client->name);
	line.ntext = make_text(line.text);
	nhead = snprintf(rest, sizeof rest, "%s ", line.subject);
	memcpy(rest + nhead, line.text, line.ntext);
	say(client, tag, "PUB", rest, (size_t)nhead + line.ntext);
	if (to < NCLIENTS)
		expect_delivery(&clients[to], &line);
	nmatched += to < NCLIENTS;
	expect_ack(client, tag, " %d", to < NCLIENTS);
}

static int
by_seq(const void *a, const void *b)
{
	const struct stored_line *const *left = a, *const *right = b;

	return (*left)->seq < (*right)->seq ? -1 : (*left)->seq > (*right)->seq;
}

/* What is stored of a pattern, each line once, by its number. Free it. */
static const struct stored_line **
stored_lines(const char *pattern, bool only_kept, size_t *n)
{
	const struct stored_line **lines =
	    grow(NULL, (nhistory + nkept + 1) * sizeof *lines);

	*n = 0;
	for (size_t i = 0; i < nkept; i++)
		if (pattern_matches(pattern, kept[i].subject))
			lines[(*n)++] = &kept[i];
	for (size_t i = 0; i < nhistory && !only_kept; i++) {
		const struct stored_line *last = find_kept(history[i].subject);

		if (pattern_matches(pattern, history[i].subject) &&
		    (last == NULL || last->seq != history[i].seq))
			lines[(*n)++] = &history[i];
	}
	qsort(lines, *n, sizeof *lines, by_seq);
	return lines;
}

struct look_back {
	enum { LOOK_NOT, LOOK_LAST, LOOK_FROM, LOOK_ALL } kind;
	uint64_t last, from, to; /* to 0: not said */
	bool is_renumbered;      /* the number is none of this run: all that is stored is shown */
};

/* FROM a number of this run, of another one, or one that was not given yet. */
static void
make_look_from(struct look_back *look, char *words)
{
	const char *other = "zz9";

	look->kind = LOOK_FROM;
	look->from = seq < 40 || one_in(4) ? 1 + below((uint32_t)seq + 1) : seq + 1 - below(40);
	look->is_renumbered = one_in(6);
	if (look->is_renumbered && one_in(2))
		sprintf(words, " FROM %" PRIu64, seq + 2 + below(1000));
	else if (look->is_renumbered)
		sprintf(words, " FROM %" PRIu64 " RUN %s", look->from, other);
	else if (*run != '\0' && one_in(2))
		sprintf(words, " FROM %" PRIu64 " RUN %s", look->from, run);
	else
		sprintf(words, " FROM %" PRIu64, look->from);
}

/* The words of it, and what it is. */
static void
make_look_back(struct look_back *look, char *words, bool with_to)
{
	*words = '\0';
	*look = (struct look_back){ .kind = LOOK_NOT };
	switch (below(4)) {
	case 0:
		look->kind = LOOK_LAST;
		look->last = below(30);
		sprintf(words, " LAST %" PRIu64, look->last);
		return;
	case 1:
		make_look_from(look, words);
		if (with_to && !look->is_renumbered && one_in(2)) {
			look->to = look->from + below(30);
			sprintf(words + strlen(words), " TO %" PRIu64, look->to);
		}
		return;
	}
}

/* Expect the lines; at most max. Returns how many they are. */
static uint64_t
expect_stored(struct client *client, const char *pattern, const struct look_back *look,
              bool only_kept, uint64_t max)
{
	size_t n, first = 0;
	const struct stored_line **lines = stored_lines(pattern, only_kept, &n);
	uint64_t nshown = 0;

	if (look->kind == LOOK_LAST && look->last < n)
		first = n - (size_t)look->last;
	if (look->is_renumbered)
		expect(client, EXPECT_WORDS, "! RENUMBERED next=%" PRIu64, seq + 1);
	for (size_t i = first; i < n && nshown < max; i++) {
		if (look->kind == LOOK_FROM && !look->is_renumbered &&
		    (lines[i]->seq < look->from || (look->to > 0 && lines[i]->seq > look->to)))
			continue;
		expect_delivery(client, lines[i]);
		nshown++;
	}
	free(lines);
	return nshown;
}

/* The final that is expected last has to say that lines are missing. */
static void
expect_gap(struct client *client, const char *pattern, const struct look_back *look)
{
	client->expected[client->nexpected - 1].is_gap =
	    look->kind == LOOK_FROM && !look->is_renumbered && look->to == 0 &&
	    is_forgotten(pattern, look->from);
}

static void
step_subscribe(size_t number)
{
	struct client *client = &clients[number];
	bool counts = one_in(3) && !has_counted(client), in_group = !counts && one_in(4);
	struct subscription sub = { .pattern = "" }, *old;
	uint64_t nshown = 0, count = counts ? 1 + below(12) : 0;
	struct look_back look;
	char tag[16], words[64], more[160];

	strcpy(sub.pattern, counts ? PICK(counted_patterns)
	                    : in_group ? PICK(group_patterns)
	                               : PICK(patterns));
	old = find_subscription(client, sub.pattern);
	if (old == NULL && client->nsubs == MAX_SUBS)
		return;
	make_look_back(&look, words, false);
	strcpy(more, words);
	if (in_group)
		sprintf(sub.group, "g%u", (unsigned)below(2));
	if (in_group)
		sprintf(more + strlen(more), " GROUP %s", sub.group);
	if (counts)
		sprintf(more + strlen(more), " COUNT %" PRIu64, count);
	say_words(client, tag, "SUB", "%s%s", sub.pattern, more);
	if (old != NULL)
		end_subscription(client, old);
	if (look.kind != LOOK_NOT || !in_group)
		nshown = expect_stored(client, sub.pattern, &look, look.kind == LOOK_NOT,
		                       counts ? count : UINT64_MAX);
	if (look.kind == LOOK_NOT)
		expect(client, EXPECT_LINE, "%s+OK", tag);
	else
		expect(client, EXPECT_WORDS, "%s+OK next=%" PRIu64, tag, seq + 1);
	expect_gap(client, sub.pattern, &look);
	if (counts && nshown == count) {
		expect(client, EXPECT_LINE, "! DONE %s count", sub.pattern);
		return;
	}
	sub.left = counts ? count - nshown : 0;
	client->subs[client->nsubs++] = sub;
}

static void
step_unsubscribe(size_t number)
{
	struct client *client = &clients[number];
	const char *pattern = one_in(6) ? "*" : PICK(patterns);
	struct subscription *sub = find_subscription(client, pattern);
	char tag[16];

	say_words(client, tag, "UNSUB", "%s", pattern);
	if (*pattern == '*' && pattern[1] == '\0') {
		expect(client, EXPECT_LINE, "%s+OK %zu", tag, client->nsubs);
		client->nsubs = 0;
		return;
	}
	expect(client, EXPECT_LINE, "%s+OK %d", tag, sub != NULL);
	if (sub != NULL)
		end_subscription(client, sub);
}

static void
step_read(size_t number)
{
	struct client *client = &clients[number];
	const char *pattern = PICK(patterns);
	struct look_back look;
	uint64_t nshown, next = seq + 1;
	char tag[16], words[64];

	make_look_back(&look, words, true);
	say_words(client, tag, "READ", "%s%s", pattern, words);
	nshown = expect_stored(client, pattern, &look, false, UINT64_MAX);
	if (look.to > 0 && look.to < next)
		next = look.to + 1;
	expect(client, EXPECT_WORDS, "%s+OK %" PRIu64 " next=%" PRIu64, tag, nshown, next);
	expect_gap(client, pattern, &look);
}

static void
step_forget(size_t number)
{
	const char *subject = PICK(kept_subjects);
	char tag[16];

	say_words(&clients[number], tag, "FORGET", "%s", subject);
	forget_kept(subject);
	expect(&clients[number], EXPECT_LINE, "%s+OK", tag);
}

static void
step_name(size_t number)
{
	struct client *client = &clients[number];
	char tag[16], name[8];
	size_t owner;

	snprintf(name, sizeof name, "n%u", (unsigned)below(NNAMES));
	owner = find_named(name);
	say_words(client, tag, "NAME", "%s", name);
	if (owner < NCLIENTS && owner != number) {
		expect(client, EXPECT_PREFIX, "%s-ERR TAKEN ", tag);
		return;
	}
	strcpy(client->name, name);
	expect(client, EXPECT_LINE, "%s+OK", tag);
}

static void
step_set(size_t number)
{
	static const char *const settings[] = {
		"ack off", "ack on", "echo off", "echo on", "show seq", "show seq,from", "show off",
		"show from", "slow cut", "slow drop",
	};
	struct client *client = &clients[number];
	const char *setting = PICK(settings);
	char tag[16];

	say_words(client, tag, "SET", "%s", setting);
	expect(client, EXPECT_LINE, "%s+OK", tag);
	if (strncmp(setting, "ack", 3) == 0)
		client->no_ack = strcmp(setting, "ack off") == 0;
	if (strncmp(setting, "echo", 4) == 0)
		client->no_echo = strcmp(setting, "echo off") == 0;
	if (strncmp(setting, "show", 4) == 0) {
		client->show_seq = strstr(setting, "seq") != NULL;
		client->show_from = strstr(setting, "from") != NULL;
	}
}

/* Between "raw on" and "raw off" nothing is answered. */
static void
step_raw(size_t number)
{
	struct client *client = &clients[number];
	static const char lines[] =
	    "SET raw on\nPING x\nPLUB\nSTATS lines.\nNAME n9 n9\nSET raw off\n";

	remember("client %zu: SET raw on, ..., SET raw off", number);
	send_bytes(client, lines, sizeof lines - 1);
	expect(client, EXPECT_LINE, "+OK");
}

static void
step_ping(size_t number)
{
	struct client *client = &clients[number];
	char tag[16], text[MAX_LINE], line[MAX_LINE * 2];
	size_t ntext = make_text(text);
	int n;

	say(client, tag, one_in(2) ? "PING" : "ECHO", text, ntext);
	n = snprintf(line, sizeof line, "%s+OK%s", tag, ntext > 0 ? " " : "");
	memcpy(line + n, text, ntext);
	expect_bytes(client, EXPECT_LINE, line, (size_t)n + ntext);
}

static uint64_t
nhere(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < NCLIENTS; i++)
		n += clients[i].state != CLIENT_CLOSED;
	return n;
}

static void
step_look(size_t number)
{
	struct client *client = &clients[number];
	char tag[16];

	switch (below(5)) {
	case 0:
		say_words(client, tag, "WHO", "%s", "");
		expect_rows(client, nhere(), tag);
		return;
	case 1:
		say_words(client, tag, "WHO", "%s", PICK(patterns));
		break;
	case 2:
		say_words(client, tag, "STATS", "%s", one_in(2) ? "lines." : "");
		break;
	case 3:
		say_words(client, tag, "TRACE", "%s", PICK(subjects));
		break;
	case 4:
		say_words(client, tag, "HELP", "%s", "");
		break;
	}
	expect_rows(client, UINT64_MAX, tag);
}

/* Lines that are wrong, and the code that says so. */
static void
step_wrong(size_t number)
{
	static const struct {
		const char *verb, *rest, *code;
	} wrong[] = {
		{ "PLUB", "x", "UNKNOWN" },          { "PUB", "", "SYNTAX" },
		{ "PUB", "a..b x", "SUBJECT" },      { "PUB", "a.* x", "SUBJECT" },
		{ "PUB", "_amyd.x y", "DENIED" },    { "KEEP", "@n0 x", "SUBJECT" },
		{ "SUB", "a.>.b", "SUBJECT" },       { "SUB", "a.b COUNT 0", "SYNTAX" },
		{ "SUB", "a.b COUNT", "SYNTAX" },    { "SUB", "a.b LAST -1", "SYNTAX" },
		{ "SUB", "a.b LAST 1 FROM 1", "SYNTAX" }, { "SUB", "a.b WITHIN 5", "SYNTAX" },
		{ "SUB", "a.b COUNT 99999999999999999999", "SYNTAX" },
		{ "READ", "a.b GROUP g", "SYNTAX" }, { "REP", "x y", "SYNTAX" },
		{ "REP", "12345 y", "GONE" },        { "NAME", "a.b", "SUBJECT" },
		{ "NAME", "", "SYNTAX" },            { "SET", "ack maybe", "SYNTAX" },
		{ "SET", "nothing on", "SYNTAX" },   { "TRACE", "a.>", "SUBJECT" },
		{ "UNSUB", "", "SYNTAX" },           { "REQ", "nobody.there x", "NOBODY" },
		{ "WILL", "", "SYNTAX" },            { "FORGET", "a.*", "SUBJECT" },
		{ "QUIT", "now", "SYNTAX" },         { "HELP", "PLUB", "UNKNOWN" },
	};
	size_t i = below(sizeof wrong / sizeof wrong[0]);
	char tag[16];

	if (strcmp(wrong[i].code, "NOBODY") == 0)
		for (size_t j = 0; j < NCLIENTS; j++)
			for (size_t k = 0; k < clients[j].nsubs; k++)
				if (pattern_matches(clients[j].subs[k].pattern, "nobody.there"))
					return;
	say_words(&clients[number], tag, wrong[i].verb, "%s", wrong[i].rest);
	expect(&clients[number], EXPECT_PREFIX, "%s-ERR %s ", tag, wrong[i].code);
}

static void
step_will(size_t number)
{
	struct client *client = &clients[number];
	char tag[16], rest[MAX_LINE] = "w.a ";

	client->nwill = 0;
	while (client->nwill == 0)
		client->nwill = make_text(client->will);
	memcpy(rest + 4, client->will, client->nwill);
	say(client, tag, "WILL", rest, 4 + client->nwill);
	expect(client, EXPECT_LINE, "%s+OK", tag);
}

/* ---- Requests --------------------------------------------------------------------------------------- */

/*
 * A member of a group, or else one who follows for itself; only those whose input goes on. Returns how
 * many may be asked; SIZE_MAX: more than one thing may happen.
 */
static size_t
find_responders(struct request *request)
{
	size_t n = 0;

	if (*request->subject == '@') {
		size_t named = find_named(request->subject + 1);

		if (named == NCLIENTS || named == request->asker)
			return 0;
		if (clients[named].state != CLIENT_OPEN)
			return SIZE_MAX; /* it counts as a line that nobody took, or not at all */
		request->may_answer[named] = true;
		return 1;
	}
	for (int pass = 0; pass < 2 && n == 0; pass++)
		for (size_t i = 0; i < NCLIENTS; i++)
			for (size_t j = 0; j < clients[i].nsubs; j++) {
				const struct subscription *sub = &clients[i].subs[j];

				if (!pattern_matches(sub->pattern, request->subject) || i == request->asker)
					continue;
				/* COUNT counts it, too; and when the end of input is seen, nobody is told. */
				if (sub->left > 0 || clients[i].state == CLIENT_HALF)
					return SIZE_MAX;
				if (clients[i].state != CLIENT_OPEN || (*sub->group != '\0') != (pass == 0))
					continue;
				n += !request->may_answer[i];
				request->may_answer[i] = true;
			}
	return n;
}

static struct request *
find_free_request(void)
{
	for (size_t i = 0; i < MAX_REQUESTS; i++)
		if (!requests[i].is_open)
			return &requests[i];
	return NULL;
}

static void
step_request(size_t number)
{
	struct client *client = &clients[number];
	struct request *request = find_free_request();
	char rest[MAX_LINE];
	size_t n;
	int nhead;

	if (request == NULL)
		return;
	*request = (struct request){ .asker = number,
		                     .asker_id = client->id,
		                     .responder = NCLIENTS };
	strcpy(request->subject, PICK(request_subjects));
	request->ntext = make_text(request->text);
	n = find_responders(request);
	if (n == SIZE_MAX)
		return;
	nhead = snprintf(rest, sizeof rest, "%s ", request->subject);
	memcpy(rest + nhead, request->text, request->ntext);
	say(client, request->tag, "REQ", rest, (size_t)nhead + request->ntext);
	if (n == 0) {
		expect(client, EXPECT_PREFIX, "%s-ERR NOBODY ", request->tag);
		return;
	}
	nmatched++;
	request->is_open = true;
	client->is_blocked = *request->tag == '\0';
}

static struct request *
any_request(void)
{
	size_t start = below(MAX_REQUESTS);

	for (size_t i = 0; i < MAX_REQUESTS; i++) {
		struct request *request = &requests[(start + i) % MAX_REQUESTS];

		if (request->is_open && clients[request->responder].state == CLIENT_OPEN &&
		    !clients[request->responder].is_blocked)
			return request;
	}
	return NULL;
}

/* The responder answers; or somebody else tries to. */
static void
step_answer(size_t number)
{
	struct request *request = any_request();
	struct client *client, *asker;
	char tag[16], text[MAX_TEXT], rest[MAX_LINE], line[MAX_LINE];
	size_t ntext;
	int n;

	if (request == NULL)
		return;
	if (!one_in(5))
		number = request->responder;
	client = &clients[number];
	asker = &clients[request->asker];
	ntext = make_text(text);
	n = snprintf(rest, sizeof rest, "%s ", request->id);
	memcpy(rest + n, text, ntext);
	say(client, tag, "REP", rest, (size_t)n + ntext);
	if (number != request->responder) {
		expect(client, EXPECT_PREFIX, "%s-ERR GONE ", tag);
		return;
	}
	expect_ack(client, tag, "%s", "");
	n = snprintf(line, sizeof line, "%s+OK%s", request->tag, ntext > 0 ? " " : "");
	memcpy(line + n, text, ntext);
	expect_bytes(asker, EXPECT_LINE, line, (size_t)n + ntext);
	end_request(request);
}

/* ---- Coming and going -------------------------------------------------------------------------------- */

static int
connect_somehow(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	bool is_unix = options.unix_path != NULL && one_in(2);
	int one = 1, fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		die("socket: %s", strerror(errno));
	if (is_unix)
		snprintf(un.sun_path, sizeof un.sun_path, "%s", options.unix_path);
	else if (inet_pton(AF_INET, options.host, &in.sin_addr) != 1)
		die("%s: no IPv4 address", options.host);
	if (connect(fd, is_unix ? (struct sockaddr *)&un : (struct sockaddr *)&in,
	            is_unix ? sizeof un : sizeof in) == -1)
		die("connect: %s", strerror(errno));
	if (!is_unix)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void
come(void)
{
	struct client *client = clients;
	char tag[16];

	while (client->state != CLIENT_CLOSED)
		client++;
	*client = (struct client){ .fd = connect_somehow(), .state = CLIENT_OPEN };
	client->id = ++nconnected;
	say_words(client, tag, "SET", "timeout 1h");
	expect(client, EXPECT_LINE, "%s+OK", tag);
	settle();
}

/*
 * Some clients have closed their connections, and the daemon has to notice it by itself. From when it
 * is not in the rows of WHO any more, a client gets nothing, and its will is published.
 */
static void
wait_until_forgotten(void)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	size_t number = any_client(CLIENT_OPEN);
	struct client *client = &clients[number];

	while (number < NCLIENTS) {
		send_bytes(client, "#who WHO\n", 9);
		expect_rows(client, UINT64_MAX, "#who ");
		settle();
		if (nrows_told == nhere())
			return;
		if (now_ms() > deadline)
			die("%" PRIu64 " clients are there, not %" PRIu64, nrows_told, nhere());
	}
}

/*
 * What it still waits for may take long, and then QUIT is not answered yet. The answer to a line in
 * front of it leaves when both were run: they are sent as one, and run in one turn.
 */
static void
step_quit(struct client *client)
{
	bool has_tag = one_in(4);
	const char *lines = has_tag ? "#ack PING\n#q QUIT\n" : "#ack PING\nQUIT\n";

	remember("client %zu: QUIT", (size_t)(client - clients));
	if (send(client->fd, lines, strlen(lines), MSG_NOSIGNAL) != (ssize_t)strlen(lines))
		die("QUIT cannot be sent: %s", strerror(errno));
	expect(client, EXPECT_LINE, "#ack +OK");
	strcpy(client->farewell, has_tag ? "#q +OK bye" : "+OK bye");
	for (size_t i = client->nsubs; i-- > 0;)
		if (client->subs[i].left == 0)
			end_subscription(client, &client->subs[i]);
	client->state = CLIENT_QUITTING;
}

/* Such a client stays: its asker would only hear of the end when the time is over. */
static bool
owes_an_answer(size_t number)
{
	for (size_t i = 0; i < MAX_REQUESTS; i++)
		if (requests[i].is_open && requests[i].responder == number)
			return true;
	return false;
}

static bool has_vanished; /* a client, in this step */

static void
step_leave(size_t number)
{
	struct client *client = &clients[number];
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (owes_an_answer(number))
		return;
	switch (below(4)) {
	case 0:
		step_quit(client);
		return;
	case 1:
		remember("client %zu: half-closes", number);
		if (one_in(3)) {
			send_bytes(client, "PUB a.x not a whole li", 22);
			expect(client, EXPECT_PREFIX, "-ERR UNTERMINATED ");
		}
		shutdown(client->fd, SHUT_WR);
		client->state = CLIENT_HALF;
		return;
	}
	/* By TCP, one that has closed looks like one that still reads, unless it resets. */
	if (client->nsubs > 0 || has_request(number) || one_in(2))
		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	remember("client %zu: closes", number);
	client->nsubs = 0;
	client->state = CLIENT_ENDING;
	end_requests(number);
	publish_will(client);
	close_client(client);
	has_vanished = true;
}

static void
step_signal(size_t number)
{
	(void)number;
	if (options.daemon != 0 && one_in(4))
		kill(options.daemon, one_in(2) ? SIGHUP : SIGUSR1);
}

static const struct {
	uint32_t weight;
	void (*run)(size_t number);
} steps[] = {
	{ 200, step_publish }, { 20, step_publish_to_name }, { 60, step_subscribe },
	{ 30, step_unsubscribe }, { 30, step_read }, { 6, step_forget }, { 12, step_name },
	{ 20, step_set }, { 4, step_raw }, { 20, step_ping }, { 12, step_look },
	{ 24, step_wrong }, { 8, step_will }, { 24, step_request }, { 30, step_answer },
	{ 20, step_leave }, { 4, step_signal },
};

static void
step(void)
{
	size_t number = any_client(CLIENT_OPEN), nsteps = sizeof steps / sizeof steps[0], i = 0;
	uint32_t total = 0, pick;

	while (i < nsteps)
		total += steps[i++].weight;
	pick = below(total);
	for (i = 0; pick >= steps[i].weight; i++)
		pick -= steps[i].weight;
	if (number < NCLIENTS)
		steps[i].run(number);
}

static void
settle_all(void)
{
	end_those_that_are_done();
	settle();
	if (has_vanished)
		wait_until_forgotten();
	has_vanished = false;
}

/* At rest, each line of the model was delivered, and the daemon has counted it so. */
static void
check_counters(void)
{
	size_t number;

	while ((number = any_client(CLIENT_OPEN)) == NCLIENTS)
		come();
	send_bytes(&clients[number], "#end STATS lines.\n", 18);
	expect_rows(&clients[number], UINT64_MAX, "#end ");
	settle();
	if (counters.matched != nmatched || counters.delivered != nmatched || counters.queued != 0 ||
	    counters.dropped != 0)
		die("%" PRIu64 " lines were delivered; the daemon has counted %" PRIu64 " matched, %" PRIu64
		    " delivered, %" PRIu64 " queued, %" PRIu64 " dropped", nmatched, counters.matched,
		    counters.delivered, counters.queued, counters.dropped);
}

static void
converse(void)
{
	random_state = options.seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (uint64_t i = 0; i < options.nsteps; i++) {
		if (nhere() < NCLIENTS && one_in(nhere() < NCLIENTS / 2 ? 2 : 30))
			come();
		step();
		settle_all();
	}
	check_counters();
	printf("# %" PRIu64 " steps of %" PRIu64 " clients, %" PRIu64 " lines came, %" PRIu64
	       " were delivered, %" PRIu64 " to one of a group, seed %" PRIu64 "\n",
	       options.nsteps, nconnected, nmessages, nmatched, nchoices, options.seed);
	for (size_t i = 0; i < NCLIENTS; i++)
		if (clients[i].state != CLIENT_CLOSED)
			close_client(&clients[i]);
	free(kept);
}

/* ---- Options ------------------------------------------------------------------------------------------ */

static const char help[] =
    "usage: oracle [OPTION...] HOST PORT\n"
    "\n"
    "A random conversation with a daemon that is new, has no other clients, and has\n"
    "\n"
    "    history NAME { match = \"h.>\"  lines = 20 }\n"
    "    rule NAME { match = \"r.>\"  to = {\"subject:copy\"} }\n"
    "\n"
    "  --steps N     so many lines or ends of connections; 2000 if it is not said\n"
    "  --seed N      which conversation; 1 if it is not said\n"
    "  --unix PATH   of a Unix socket: half of the clients come that way\n"
    "  --daemon PID  gets SIGHUP and SIGUSR1 now and then\n";

static const struct option long_options[] = {
	{ "steps", required_argument, NULL, 's' },
	{ "seed", required_argument, NULL, 'S' },
	{ "unix", required_argument, NULL, 'u' },
	{ "daemon", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static uint64_t
number_of(const char *text, uint64_t max)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n > max)
		die("%s: no number, or more than %" PRIu64, text, max);
	return n;
}

int
main(int argc, char **argv)
{
	int letter;

	while ((letter = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
		switch (letter) {
		case 's': options.nsteps = number_of(optarg, UINT32_MAX); break;
		case 'S': options.seed = number_of(optarg, UINT32_MAX); break;
		case 'u': options.unix_path = optarg; break;
		case 'd': options.daemon = (pid_t)number_of(optarg, INT32_MAX); break;
		case 'h': fputs(help, stdout); return 0;
		default: fputs(help, stderr); return 2;
		}
	if (argc - optind != 2) {
		fputs(help, stderr);
		return 2;
	}
	options.host = argv[optind];
	options.port = (unsigned)number_of(argv[optind + 1], 65535);
	converse();
	return 0;
}
