/* SPDX-License-Identifier: MIT */
/*
 * storm.c - many clients that do anything at any time, and a few that watch.
 *
 * One thread, poll(2). What each client sends follows from the seed alone, but for the
 * answers to requests; when it is sent does not. Each published text says who published it,
 * to what, the how manieth of these it is, and ends in a checksum. The first thing that is
 * wrong is said, and ends it with 1. Nothing waits for ever.
 *
 * Of a client that comes and goes is verified
 * - each of its lines gets one final line that fits it: in order, or by its tag, once;
 * - each delivery is whole, and has come to the right place;
 * - of one publisher and subject they come in order, none twice, but where a look back
 *   was asked for. (Not where it is a member of a group: when another member leaves, lines
 *   that were on their way to that one are handed on.)
 * - what comes after the final of UNSUB * is not of a subscription.
 *
 * Steady readers follow before, always read and never leave. They have every line of every
 * publisher: 1, 2, 3, ... of each subject, at least all those whose final was seen, and at
 * most all that were sent; all have the same. Three of them are a group, and have each
 * line once between them. One follows what a rule makes of lines; one what the daemon says
 * of itself; to one it says the numbers of lines, which go up.
 *
 * Some clients, the feeders, come to a listener of mode "publish", write whole lines and close at
 * once: nobody waits for anything. Every line of theirs arrives. Clients come by TCP or by a Unix
 * socket, and the daemon gets SIGHUP and SIGUSR1 meanwhile, where options say so.
 *
 * When all clients but these have gone, and all is quiet, STATS is looked at:
 * - matched = delivered + queued + all that is dropped, and queued = 0: exactly.
 * - matched is what the clients know of: the sum of n of every "+OK n" of PUB and KEEP; one
 *   for each REQ that was answered, or not in time; each line of a rule or of the daemon
 *   itself (one steady reader follows them, and nobody else). In the first part clients
 *   vanish with finals unread: there it is a lower bound. In the second part every client
 *   waits for its finals before it goes, however it goes: there it is exact, apart from
 *   requests that ended with NOBODY. They count as one if somebody was there, but left when
 *   the request was on its way to another handler, and as none else.
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
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 120000
#define NNAMES 12
#define MAX_PENDING 32         /* lines of a client without their final */
#define MAX_PENDING_BYTES 4096 /* of them */
#define MAX_PADDING 300
#define MAX_LONG_PADDING 12000
#define MAX_WORDS 128
#define MAX_CLIENTS 1000
#define QUIET_ROUNDS 3

/* ---- What is published, and who follows it ---------------------------------------- */

enum subject_kind {
	SUBJECT_PLAIN,
	SUBJECT_KEPT,  /* KEEP, too */
	SUBJECT_GROUP, /* followed in groups: a line may be handed on */
	SUBJECT_FEED,  /* of the listener for feeders */
	SUBJECT_WILL,  /* published by the daemon, when a client vanishes */
};

static const struct {
	const char *name;
	enum subject_kind kind;
	bool has_seq;
} subjects[] = {
	{ "s.a.x", SUBJECT_PLAIN, false },  { "s.a.y", SUBJECT_PLAIN, false },
	{ "s.b.x", SUBJECT_PLAIN, false },  { "s.b.y", SUBJECT_PLAIN, false },
	{ "s.b.y.z", SUBJECT_PLAIN, false }, { "h.a", SUBJECT_PLAIN, true },
	{ "h.b", SUBJECT_PLAIN, true },     { "h.b.c", SUBJECT_PLAIN, true },
	{ "h.c", SUBJECT_PLAIN, true },     { "k.a", SUBJECT_KEPT, false },
	{ "k.b", SUBJECT_KEPT, false },     { "k.c.d", SUBJECT_KEPT, false },
	{ "g.a", SUBJECT_GROUP, false },    { "g.b", SUBJECT_GROUP, false },
	{ "q.a", SUBJECT_GROUP, false },    { "q.b", SUBJECT_GROUP, false },
	{ "r.a", SUBJECT_PLAIN, false },    { "r.b", SUBJECT_PLAIN, false },
	{ "feed", SUBJECT_FEED, false },    { "w.a", SUBJECT_WILL, false },
};

#define NSUBJECTS (sizeof subjects / sizeof subjects[0])
#define NPUBLISHED (NSUBJECTS - 2) /* by PUB and KEEP: all but the last two */
#define FEED (NSUBJECTS - 2)
#define WILL (NSUBJECTS - 1)

static const char *const patterns[] = {
	"s.>", "s.*.x", "s.a.*", "s.b.y", "s.b.>", "*.a.*", "h.>", "h.*", "h.b.>", "h.c", "k.>",
	"k.*", "k.c.d", "r.>", "*.b", "q.a", "q.>", "g.*", "*.*.*",
};

static const char *const group_patterns[] = { "g.a", "g.>", "q.*", "q.b" };

#define PICK(random, table) ((table)[random_below(random, sizeof(table) / sizeof(table)[0])])

enum steady_kind {
	STEADY_ALL,   /* what others are compared with */
	STEADY_SOME,
	STEADY_SEQ,   /* with the numbers of lines */
	STEADY_GROUP, /* a member */
	STEADY_COPY,  /* what the rule makes */
	STEADY_NEWS,  /* what the daemon says; asks for STATS, too */
};

static const struct steady_plan {
	enum steady_kind kind;
	const char *says;        /* lines; a final for each */
	const char *patterns[7]; /* the same, to know what is to come */
} steady_plans[] = {
	{ STEADY_ALL, "SUB s.>\nSUB h.>\nSUB k.>\nSUB g.>\nSUB q.>\nSUB r.>\n"
	              "SUB feed\n",
	  { "s.>", "h.>", "k.>", "g.>", "q.>", "r.>", "feed" } },
	{ STEADY_SOME, "SUB s.*.x\nSUB s.a.>\nSUB s.a.x\nSUB *.b.>\nSUB h.*\nSUB w.>\n",
	  { "s.*.x", "s.a.>", "s.a.x", "*.b.>", "h.*", "w.>" } },
	{ STEADY_SEQ, "SET show seq\nSUB h.>\n", { "h.>" } },
	{ STEADY_GROUP, "SUB s.> GROUP team\n", { "s.>" } },
	{ STEADY_GROUP, "SUB s.> GROUP team\n", { "s.>" } },
	{ STEADY_GROUP, "SUB s.> GROUP team\n", { "s.>" } },
	{ STEADY_COPY, "SUB copy\n", { "r.>" } },
	{ STEADY_NEWS, "SUB _amyd.>\n", { NULL } },
};

#define NSTEADY (sizeof steady_plans / sizeof steady_plans[0])

/* ---- Errors ----------------------------------------------------------------------- */

struct options {
	size_t nclients;
	uint64_t nlines;
	unsigned nseconds; /* 0: nlines decides */
	bool until_told;   /* SIGTERM does, once for each part */
	pid_t daemon;      /* gets signals; 0: none */
	uint64_t seed;
	const char *host;
	unsigned port, steady_port, feed_port; /* feed_port 0: there are no feeders */
	const char *unix_path, *feed_path;     /* of the same listeners; NULL: there is none */
	bool may_be_cut;
};

static volatile sig_atomic_t nparts_told; /* so many parts are to end */

static struct options options = { .nclients = 64, .nlines = 40000, .seed = 1 };

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void
die(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fputs("storm: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, " (seed %" PRIu64 ")\n", options.seed);
	exit(1);
}

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

/* ---- Chance ----------------------------------------------------------------------- */

static void
random_init(uint64_t *random, uint64_t number)
{
	*random = (options.seed * 1000003 + number + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static uint64_t
random_next(uint64_t *random)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return *random * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t
random_below(uint64_t *random, size_t n)
{
	return (size_t)((random_next(random) >> 16) % n);
}

static uint64_t
hash_of(const char *bytes, size_t n)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

/* Of a number, so that sums of them tell sets apart. */
static uint64_t
mixed(uint64_t n)
{
	n = (n + UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
	return (n ^ n >> 29) * UINT64_C(0x94d049bb133111eb);
}

/* ---- Bytes ------------------------------------------------------------------------ */

struct text {
	char *bytes;
	size_t n, capacity;
};

static void
text_add(struct text *text, const char *bytes, size_t n)
{
	if (text->n + n > text->capacity) {
		text->capacity = (text->n + n) * 2 + 4096;
		text->bytes = grow(text->bytes, text->capacity);
	}
	if (n > 0)
		memcpy(text->bytes + text->n, bytes, n);
	text->n += n;
}

static void
text_drop(struct text *text, size_t n)
{
	text->n -= n;
	if (n > 0 && text->n > 0)
		memmove(text->bytes, text->bytes + n, text->n);
}

static void
text_free(struct text *text)
{
	free(text->bytes);
	*text = (struct text){ 0 };
}

/* A part of a line. */
struct word {
	const char *bytes;
	size_t n;
};

static bool
starts(struct word word, const char *head)
{
	return word.n >= strlen(head) && memcmp(word.bytes, head, strlen(head)) == 0;
}

static bool
equals(struct word word, const char *text)
{
	return word.n == strlen(text) && starts(word, text);
}

/* What stands before the next space; *rest is what is behind it. */
static struct word
next_word(struct word *rest)
{
	const char *space = rest->n == 0 ? NULL : memchr(rest->bytes, ' ', rest->n);
	size_t n = space == NULL ? rest->n : (size_t)(space - rest->bytes);
	struct word word = { rest->bytes, n };
	size_t skip = space == NULL ? n : n + 1;

	*rest = (struct word){ rest->bytes + skip, rest->n - skip };
	return word;
}

/* UINT64_MAX: it is no number. */
static uint64_t
number_of(struct word word)
{
	uint64_t number = 0;

	if (word.n == 0 || word.n > 18)
		return UINT64_MAX;
	for (size_t i = 0; i < word.n; i++) {
		if (word.bytes[i] < '0' || word.bytes[i] > '9')
			return UINT64_MAX;
		number = number * 10 + (uint64_t)(word.bytes[i] - '0');
	}
	return number;
}

/* ---- Texts ------------------------------------------------------------------------ */

#define MARK_PUBLISHED '~'
#define MARK_ASKED '?'

/* What a text says of itself. place: of subjects; from NSUBJECTS on of names. */
struct label {
	uint32_t publisher, place, number;
};

/* "~publisher place number padding checksum"; any bytes but LF, and no CR at the end. */
static void
make_padded(uint64_t *random, char mark, const struct label *label, size_t npadding,
            struct text *text)
{
	static const char rare[] = { '\0', '\r', '\033', (char)0xff, (char)0xc3, '\t', '#', '\x01' };
	char head[64], tail[16];
	int n = snprintf(head, sizeof head, "%c%u %u %u ", mark, (unsigned)label->publisher,
	                 (unsigned)label->place, (unsigned)label->number);
	uint64_t bits = 0;

	text->n = 0;
	text_add(text, head, (size_t)n);
	for (size_t i = 0; i < npadding; i++) {
		char c;

		if (i % 8 == 0)
			bits = random_next(random);
		c = (bits & 0xfc) == 0 ? rare[bits & 3] : (char)(' ' + (bits & 0x3f));
		text_add(text, &c, 1);
		bits >>= 8;
	}
	n = snprintf(tail, sizeof tail, "%08x", (unsigned)(uint32_t)hash_of(text->bytes, text->n));
	text_add(text, tail, (size_t)n);
}

static void
make_text(uint64_t *random, char mark, const struct label *label, struct text *text)
{
	size_t npadding = random_below(random, 40) == 0
	                      ? random_below(random, MAX_LONG_PADDING)
	                      : random_below(random, MAX_PADDING);

	make_padded(random, mark, label, npadding, text);
}

static bool
parse_text(struct word text, char mark, struct label *label)
{
	struct word rest = { text.bytes + 1, text.n - 1 };
	uint64_t numbers[3];
	char tail[16];

	if (text.n < 9 + 6 || text.bytes[0] != mark)
		return false;
	snprintf(tail, sizeof tail, "%08x", (unsigned)(uint32_t)hash_of(text.bytes, text.n - 8));
	if (memcmp(text.bytes + text.n - 8, tail, 8) != 0)
		return false;
	for (int i = 0; i < 3; i++) {
		numbers[i] = number_of(next_word(&rest));
		if (numbers[i] > UINT32_MAX)
			return false;
	}
	*label = (struct label){ (uint32_t)numbers[0], (uint32_t)numbers[1],
		                 (uint32_t)numbers[2] };
	return label->place < NSUBJECTS + NNAMES;
}

/* Does the subject of a line say the same as its text? */
static bool
is_place(struct word subject, uint32_t place)
{
	char name[16];

	if (place < NSUBJECTS)
		return equals(subject, subjects[place].name);
	snprintf(name, sizeof name, "@n%u", (unsigned)(place - NSUBJECTS));
	return equals(subject, name);
}

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

/* ---- What was published ----------------------------------------------------------- */

/* Of one connection that publishes. */
struct publisher {
	uint32_t sent[NSUBJECTS];  /* at most: what was made ready to be sent */
	uint32_t acked[NSUBJECTS]; /* their final came */
	bool may_have_quit, has_quit; /* its QUIT was sent; its "+OK bye" came */
};

static struct publisher *publishers;
static size_t npublishers;

/* Of each steady reader, by publisher and subject: the last number. */
static uint32_t *seen[NSTEADY];

/* Of the group: how many, and the sum of mixed(). */
static uint32_t *group_count;
static uint64_t *group_sum;

static struct publisher *
publisher_of(uint32_t id)
{
	size_t n = npublishers;

	if (id < n)
		return &publishers[id];
	npublishers = id * 2 + 256;
	publishers = grow(publishers, npublishers * sizeof *publishers);
	memset(publishers + n, 0, (npublishers - n) * sizeof *publishers);
	group_count = grow(group_count, npublishers * NSUBJECTS * sizeof *group_count);
	group_sum = grow(group_sum, npublishers * NSUBJECTS * sizeof *group_sum);
	memset(group_count + n * NSUBJECTS, 0, (npublishers - n) * NSUBJECTS * sizeof *group_count);
	memset(group_sum + n * NSUBJECTS, 0, (npublishers - n) * NSUBJECTS * sizeof *group_sum);
	for (size_t i = 0; i < NSTEADY; i++) {
		seen[i] = grow(seen[i], npublishers * NSUBJECTS * sizeof **seen);
		memset(seen[i] + n * NSUBJECTS, 0, (npublishers - n) * NSUBJECTS * sizeof **seen);
	}
	return &publishers[id];
}

/* Totals, for the end. */
static struct {
	uint64_t lines, connections, deliveries, dropped_lines, replays;
	uint64_t matched, nobody; /* of finals */
	uint64_t copies, fed, news, ups, downs;
	uint64_t nsignals;
} totals;

/* ---- Connections ------------------------------------------------------------------ */

enum kind {
	KIND_PUB, KIND_KEEP, KIND_SUB, KIND_UNSUB, KIND_UNSUB_ALL, KIND_READ, KIND_REQ, KIND_REP,
	KIND_NAME, KIND_PING, KIND_SET, KIND_FORGET, KIND_WILL, KIND_ROWS, KIND_BOGUS, KIND_QUIT,
	KIND_UNTERMINATED,
};

/* A line without its final. */
struct pending {
	enum kind kind;
	uint32_t tag;   /* 0: none */
	uint32_t place; /* of what is published */
	uint32_t number; /* of that; of UNSUB *: SUB that were sent before */
	uint64_t hash;   /* of what is to come back */
	size_t nbytes;
};

/* What came of one publisher and place. */
struct track {
	uint64_t key; /* 0: none */
	uint32_t live, replay, epoch;
};

enum state {
	STATE_CLOSED,
	STATE_OPEN,
	STATE_FINISHING, /* it waits for its finals, and then closes */
	STATE_HALF,      /* its FIN was sent, or is about to be; it waits for its finals */
	STATE_QUITTING,
};

struct connection {
	int fd;
	enum state state;
	uint32_t id;  /* of the publisher */
	size_t steady; /* which one; NSTEADY: it is none */
	struct text in, out;
	struct pending pending[MAX_PENDING * 4];
	size_t npending, npending_bytes;
	uint32_t last_tag, last_question, names[NNAMES];
	struct track *tracks;
	size_t ntracks, max_tracks;
	uint32_t epoch;   /* of looks back: changes with each that is over */
	size_t nlooks;    /* that are not over */
	size_t nrows;     /* since the last final of a table */
	bool may_follow;  /* it may get lines by subscriptions */
	uint32_t nsubs;   /* SUB that were sent */
	bool has_endless_count;
	bool may_be_cut, is_cut;
	bool resets;      /* how it closes */
	bool was_shut;    /* its FIN was sent */
	unsigned npaused; /* turns that it does not read */
	uint64_t last_seq; /* of a line */
};

static struct connection *connections; /* the steady ones, then those that come and go */

static bool
is_steady(const struct connection *connection)
{
	return connection->steady < NSTEADY;
}

static void complain(const struct connection *connection, struct word line, const char *format,
                     ...) __attribute__((format(printf, 3, 4), noreturn));

static void
complain(const struct connection *connection, struct word line, const char *format, ...)
{
	char why[256], head[200];
	va_list arguments;
	size_t n = 0;

	va_start(arguments, format);
	vsnprintf(why, sizeof why, format, arguments);
	va_end(arguments);
	for (; n < line.n && n < sizeof head - 1; n++)
		head[n] = line.bytes[n] < ' ' || line.bytes[n] > '~' ? '?' : line.bytes[n];
	head[n] = '\0';
	die("%s %zu, publisher %u: %s: \"%s\" (%zu bytes)",
	    is_steady(connection) ? "steady reader" : "client",
	    is_steady(connection) ? connection->steady
	                          : (size_t)(connection - connections) - NSTEADY,
	    (unsigned)connection->id, why, head, line.n);
}

static int
connected_socket(const struct sockaddr *address, socklen_t length)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		die("socket: %s", strerror(errno));
	if (connect(fd, address, length) == -1)
		die("connect: %s", strerror(errno));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int
connect_tcp(unsigned port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd, one = 1;

	if (inet_pton(AF_INET, options.host, &in.sin_addr) != 1)
		die("%s: no IPv4 address", options.host);
	fd = connected_socket((struct sockaddr *)&in, sizeof in);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (snprintf(un.sun_path, sizeof un.sun_path, "%s", path) >= (int)sizeof un.sun_path)
		die("%s: the path is too long", path);
	return connected_socket((struct sockaddr *)&un, sizeof un);
}

/* path: of the same listener, if this one is to come that way; or NULL. */
static void
connection_open(struct connection *connection, uint32_t id, size_t steady, unsigned port,
                const char *path)
{
	*connection = (struct connection){
		.fd = path != NULL ? connect_unix(path) : connect_tcp(port),
		.state = STATE_OPEN,
		.id = id,
		.steady = steady,
		.epoch = 1,
	};
	totals.connections++;
}

static void
connection_close(struct connection *connection, bool resets)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (resets)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(connection->fd);
	text_free(&connection->in);
	text_free(&connection->out);
	free(connection->tracks);
	connection->tracks = NULL;
	connection->state = STATE_CLOSED;
}

/* A line that is to be sent, and what its final will be. */
static void
say(struct connection *connection, const struct pending *pending, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
say(struct connection *connection, const struct pending *pending, const char *format, ...)
{
	size_t before = connection->out.n, limit = sizeof connection->pending / sizeof *pending;
	char head[256];
	va_list arguments;
	int n;

	if (connection->npending == limit)
		die("client %u is owed %zu finals", (unsigned)connection->id, limit);
	if (pending->tag != 0) {
		n = snprintf(head, sizeof head, "#t%u ", (unsigned)pending->tag);
		text_add(&connection->out, head, (size_t)n);
	}
	va_start(arguments, format);
	n = vsnprintf(head, sizeof head, format, arguments);
	va_end(arguments);
	if (n >= (int)sizeof head)
		die("a line is too long");
	text_add(&connection->out, head, (size_t)n);
	connection->pending[connection->npending] = *pending;
	connection->pending[connection->npending].nbytes = connection->out.n - before;
	connection->npending_bytes += connection->out.n - before;
	connection->npending++;
	totals.lines++;
}

/* The rest of the line that was said last. */
static void
say_text(struct connection *connection, const char *bytes, size_t n)
{
	text_add(&connection->out, bytes, n);
	text_add(&connection->out, "\n", 1);
	connection->pending[connection->npending - 1].nbytes += n + 1;
	connection->npending_bytes += n + 1;
}

/* ---- Deliveries ------------------------------------------------------------------- */

static struct track *
find_track(const struct connection *connection, uint64_t key)
{
	size_t i = (size_t)(mixed(key) >> 20) & (connection->max_tracks - 1);

	while (connection->tracks[i].key != 0 && connection->tracks[i].key != key)
		i = (i + 1) & (connection->max_tracks - 1);
	return &connection->tracks[i];
}

static struct track *
track_of(struct connection *connection, const struct label *label)
{
	uint64_t key = ((uint64_t)label->publisher << 8 | label->place) + 1;
	struct track *track;

	if (connection->ntracks * 2 >= connection->max_tracks) {
		struct connection old = *connection;

		connection->max_tracks = old.max_tracks == 0 ? 64 : old.max_tracks * 2;
		connection->tracks = calloc(connection->max_tracks, sizeof *connection->tracks);
		if (connection->tracks == NULL)
			die("out of memory");
		for (size_t i = 0; i < old.max_tracks; i++)
			if (old.tracks[i].key != 0)
				*find_track(connection, old.tracks[i].key) = old.tracks[i];
		free(old.tracks);
	}
	track = find_track(connection, key);
	if (track->key == 0) {
		connection->ntracks++;
		track->key = key;
	}
	return track;
}

/* A look back begins anew; else the numbers go up. */
static void
check_order(struct connection *connection, const struct label *label, struct word line)
{
	struct track *track = track_of(connection, label);

	if (track->epoch != connection->epoch) {
		track->epoch = connection->epoch;
		track->replay = 0;
	}
	if (label->number > track->live) {
		track->live = label->number;
	} else if (connection->nlooks == 0) {
		complain(connection, line, "a line comes %s: the last one of this publisher and "
		         "subject was %u", label->number == track->live ? "twice" : "too late",
		         (unsigned)track->live);
	} else if (label->number <= track->replay) {
		complain(connection, line, "a look back comes to a line twice, or in disorder: "
		         "it was at %u", (unsigned)track->replay);
	} else {
		track->replay = label->number;
		totals.replays++;
	}
}

/* A client that comes and goes. */
static void
check_delivery(struct connection *connection, struct word subject, const struct label *label,
               struct word line)
{
	bool is_named = label->place >= NSUBJECTS;

	if (!is_place(subject, label->place))
		complain(connection, line, "the line is of another subject");
	if (!is_named && !connection->may_follow && connection->nlooks == 0)
		complain(connection, line, "a line comes after UNSUB *");
	if (is_named || subjects[label->place].kind != SUBJECT_GROUP)
		check_order(connection, label, line);
}

static uint32_t *
last_seen(size_t steady, const struct label *label)
{
	publisher_of(label->publisher);
	return &seen[steady][label->publisher * NSUBJECTS + label->place];
}

static void
check_steady(struct connection *connection, struct word subject, const struct label *label,
             struct word line)
{
	const struct steady_plan *plan = &steady_plans[connection->steady];
	uint32_t *last;

	if (label->place >= NSUBJECTS)
		complain(connection, line, "it has no name");
	if (plan->kind == STEADY_COPY ? !equals(subject, "copy") : !is_place(subject, label->place))
		complain(connection, line, "the line is of another subject");
	last = last_seen(connection->steady, label);
	if (plan->kind == STEADY_GROUP) {
		size_t i = label->publisher * NSUBJECTS + label->place;

		if (label->number <= *last)
			complain(connection, line, "a member of a group had %u before", (unsigned)*last);
		group_count[i]++;
		group_sum[i] += mixed(label->number);
	} else if (subjects[label->place].kind == SUBJECT_WILL) {
		if (*last != 0)
			complain(connection, line, "a will comes twice");
	} else if (label->number != *last + 1) {
		complain(connection, line, "the line before was %u", (unsigned)*last);
	}
	*last = label->number;
	totals.copies += plan->kind == STEADY_COPY;
	totals.fed += subjects[label->place].kind == SUBJECT_FEED;
}

/* A client of a listener that is none of ours. */
static bool
is_of_others(struct word text)
{
	while (text.n > 0)
		if (starts(next_word(&text), "listener=other"))
			return true;
	return false;
}

/* The daemon's own lines. */
static void
take_news(struct connection *connection, struct word subject, struct word text, struct word line)
{
	if (!starts(subject, "_amyd."))
		complain(connection, line, "this is none of the daemon's own lines");
	if (!equals(subject, "_amyd.undelivered") && !starts(text, "id=") && !starts(text, "rule="))
		complain(connection, line, "the line does not say of whom it is");
	totals.news++;
	if (is_of_others(text))
		return;
	totals.ups += equals(subject, "_amyd.client.up");
	totals.downs += equals(subject, "_amyd.client.down");
}

/* "MSG subject [columns] text" */
static void
take_delivery(struct connection *connection, struct word line)
{
	struct word rest = { line.bytes + 4, line.n - 4 };
	struct word subject = next_word(&rest);
	struct label label;

	totals.deliveries++;
	if (is_steady(connection) && steady_plans[connection->steady].kind == STEADY_NEWS) {
		take_news(connection, subject, rest, line);
		return;
	}
	if (is_steady(connection) && steady_plans[connection->steady].kind == STEADY_SEQ) {
		uint64_t seq = number_of(next_word(&rest));

		if (seq == UINT64_MAX || seq <= connection->last_seq)
			complain(connection, line, "the line before had the number %" PRIu64,
			         connection->last_seq);
		connection->last_seq = seq;
	}
	while (rest.n > 0 && rest.bytes[0] != MARK_PUBLISHED)
		next_word(&rest);
	if (!parse_text(rest, MARK_PUBLISHED, &label))
		complain(connection, line, "a line is not whole");
	if (is_steady(connection))
		check_steady(connection, subject, &label, line);
	else
		check_delivery(connection, subject, &label, line);
}

/* "REQ subject id text": it is asked, and answers with the question. */
static void
take_question(struct connection *connection, struct word line)
{
	const struct pending pending = { .kind = KIND_REP };
	struct word rest = { line.bytes + 4, line.n - 4 };
	struct word subject = next_word(&rest), id = next_word(&rest);
	struct label label;

	if (!parse_text(rest, MARK_ASKED, &label) || id.n == 0)
		complain(connection, line, "a question is not whole");
	if (!is_place(subject, label.place))
		complain(connection, line, "the question is of another subject");
	if (label.publisher == connection->id && !is_steady(connection))
		complain(connection, line, "it is asked by itself");
	if (connection->state != STATE_OPEN || connection->npending >= 3 * MAX_PENDING)
		return;
	say(connection, &pending, "REP %.*s ", (int)id.n, id.bytes);
	say_text(connection, rest.bytes, rest.n);
}

/* ---- Finals ----------------------------------------------------------------------- */

static bool
looks_back(const struct pending *pending)
{
	return pending->kind == KIND_SUB || pending->kind == KIND_READ;
}

static void
published(struct connection *connection, const struct pending *pending, struct word rest,
          struct word line)
{
	uint64_t n = number_of(next_word(&rest));
	bool has_seq = pending->kind == KIND_KEEP ||
	               (pending->place < NSUBJECTS && subjects[pending->place].has_seq);

	if (n == UINT64_MAX || starts(rest, "seq=") != has_seq)
		complain(connection, line, "this is no final of PUB or KEEP to %s",
		         pending->place < NSUBJECTS ? subjects[pending->place].name : "a name");
	totals.matched += n;
	if (pending->place < NSUBJECTS)
		publisher_of(connection->id)->acked[pending->place] = pending->number;
}

static void
check_rest(struct connection *connection, const struct pending *pending, struct word rest,
           struct word line)
{
	if (hash_of(rest.bytes, rest.n) != pending->hash)
		complain(connection, line, "that is not the answer to this line");
}

/* The final is "+OK rest". */
static void
final_is_good(struct connection *connection, const struct pending *pending, struct word rest,
              struct word line)
{
	switch (pending->kind) {
	case KIND_PUB:
	case KIND_KEEP:
		published(connection, pending, rest, line);
		return;
	case KIND_REQ:
		totals.matched++;
		check_rest(connection, pending, rest, line);
		return;
	case KIND_PING:
		check_rest(connection, pending, rest, line);
		return;
	case KIND_SUB:
		if (rest.n > 0 && !starts(rest, "next="))
			complain(connection, line, "this is no final of SUB");
		return;
	case KIND_REP:
	case KIND_NAME:
	case KIND_SET:
	case KIND_FORGET:
	case KIND_WILL:
		if (pending->kind == KIND_WILL)
			publisher_of(connection->id)->acked[WILL] = pending->number;
		if (rest.n > 0)
			complain(connection, line, "nothing was to come behind +OK");
		return;
	case KIND_UNSUB_ALL:
		if (connection->nsubs == pending->number)
			connection->may_follow = connection->has_endless_count = false;
		/* fall through */
	case KIND_UNSUB:
		if (number_of(rest) == UINT64_MAX)
			complain(connection, line, "UNSUB is answered with a number");
		return;
	case KIND_READ:
		if (number_of(next_word(&rest)) == UINT64_MAX || !starts(rest, "next="))
			complain(connection, line, "this is no final of READ");
		return;
	case KIND_ROWS:
		if (number_of(rest) != connection->nrows)
			complain(connection, line, "%zu rows came", connection->nrows);
		connection->nrows = 0;
		return;
	case KIND_QUIT:
		if (!equals(rest, "bye"))
			complain(connection, line, "this is no final of QUIT");
		publisher_of(connection->id)->has_quit = true;
		return;
	case KIND_BOGUS:
	case KIND_UNTERMINATED:
		break;
	}
	complain(connection, line, "the line was wrong, and is taken for good");
}

/* The final is "-ERR rest". */
static void
final_is_bad(struct connection *connection, const struct pending *pending, struct word rest,
             struct word line)
{
	bool is_fit = false;

	if (pending->kind == KIND_REQ && starts(rest, "NOBODY ")) {
		totals.nobody++;
		is_fit = true;
	} else if (pending->kind == KIND_REQ && starts(rest, "TIMEOUT ")) {
		totals.matched++;
		is_fit = true;
	} else if (pending->kind == KIND_REP) {
		is_fit = starts(rest, "GONE ");
	} else if (pending->kind == KIND_NAME) {
		is_fit = starts(rest, "TAKEN ");
	} else if (pending->kind == KIND_BOGUS) {
		is_fit = starts(rest, "UNKNOWN ");
	} else if (pending->kind == KIND_UNTERMINATED) {
		is_fit = starts(rest, "UNTERMINATED ");
	}
	if (!is_fit)
		complain(connection, line, "a good line failed");
}

/* The line that a final is for: the first without a tag, or the one with that tag. */
static struct pending
take_pending(struct connection *connection, uint32_t tag, struct word line)
{
	struct pending pending;
	size_t i = 0;

	while (i < connection->npending && connection->pending[i].tag != tag)
		i++;
	if (i == connection->npending)
		complain(connection, line, "a final line that no line is for");
	pending = connection->pending[i];
	connection->npending--;
	connection->npending_bytes -= pending.nbytes;
	memmove(connection->pending + i, connection->pending + i + 1,
	        (connection->npending - i) * sizeof pending);
	return pending;
}

static void
take_final(struct connection *connection, struct word line)
{
	struct word rest = line, head;
	uint32_t tag = 0;
	struct pending pending;

	if (line.bytes[0] == '#') {
		struct word word = next_word(&rest);
		struct word digits = { word.bytes + 2, word.n < 2 ? 0 : word.n - 2 };
		uint64_t number = number_of(digits);

		if (!starts(word, "#t") || number == 0 || number > UINT32_MAX)
			complain(connection, line, "a tag of somebody else");
		tag = (uint32_t)number;
	}
	pending = take_pending(connection, tag, line);
	head = next_word(&rest);
	if (equals(head, "+OK"))
		final_is_good(connection, &pending, rest, line);
	else if (equals(head, "-ERR"))
		final_is_bad(connection, &pending, rest, line);
	else
		complain(connection, line, "this is no final line");
	if (looks_back(&pending)) {
		connection->nlooks--;
		connection->epoch++;
	}
}

static void
take_notice(struct connection *connection, struct word line)
{
	struct word rest = { line.bytes + 2, line.n - 2 };

	if (is_steady(connection))
		complain(connection, line, "a steady reader is told");
	if (starts(rest, "DROPPED ")) {
		next_word(&rest);
		totals.dropped_lines += number_of(next_word(&rest));
	} else if (starts(rest, "BYE SLOW ") && connection->may_be_cut) {
		connection->is_cut = true;
	} else if (!starts(rest, "DONE ") &&
	           (connection->nlooks == 0 || !starts(rest, "RENUMBERED next="))) {
		complain(connection, line, "a notice that nothing was the reason for");
	}
}

/* ---- Rows that are of use --------------------------------------------------------- */

/* What STATS says of lines, of which one asks at a time. */
struct stats {
	uint64_t matched, delivered, queued, dropped, nclients;
};

static struct stats stats_row;

static void
take_row(struct connection *connection, struct word line)
{
	struct word rest = { line.bytes + 2, line.n - 2 };
	struct word name = next_word(&rest);
	uint64_t value = number_of(rest);

	connection->nrows++;
	if (!is_steady(connection))
		return;
	if (equals(name, "lines.matched"))
		stats_row.matched = value;
	else if (equals(name, "lines.delivered"))
		stats_row.delivered = value;
	else if (equals(name, "lines.queued"))
		stats_row.queued = value;
	else if (starts(name, "lines.dropped."))
		stats_row.dropped += value;
	else if (starts(name, "id=") && !is_of_others(rest))
		stats_row.nclients++;
}

/* ---- Input and output ------------------------------------------------------------- */

static void
take_line(struct connection *connection, struct word line)
{
	if (line.n == 0)
		complain(connection, line, "an empty line");
	if (connection->is_cut)
		complain(connection, line, "something comes behind ! BYE");
	if (starts(line, "MSG "))
		take_delivery(connection, line);
	else if (starts(line, "REQ "))
		take_question(connection, line);
	else if (starts(line, "* "))
		take_row(connection, line);
	else if (starts(line, "! "))
		take_notice(connection, line);
	else
		take_final(connection, line);
}

static void
take_lines(struct connection *connection)
{
	char *bytes = connection->in.bytes;
	size_t at = 0;

	while (at < connection->in.n) {
		char *newline = memchr(bytes + at, '\n', connection->in.n - at);
		struct word line = { bytes + at, 0 };

		if (newline == NULL)
			break;
		line.n = (size_t)(newline - bytes) - at;
		take_line(connection, line);
		at += line.n + 1;
	}
	text_drop(&connection->in, at);
}

/* The other side has ended it: was it to? */
static void
has_ended(struct connection *connection, const char *how)
{
	const struct word rest = { connection->in.bytes, connection->in.n };
	bool is_due = connection->state == STATE_HALF || connection->state == STATE_QUITTING;

	if (connection->in.n > 0)
		complain(connection, rest, "%s in the middle of a line", how);
	if (!connection->is_cut && (!is_due || connection->npending > 0))
		complain(connection, rest, "%s, and %zu finals are owed", how,
		         connection->npending);
	connection_close(connection, false);
}

static void
receive(struct connection *connection)
{
	char buffer[65536];
	ssize_t n;

	do {
		n = recv(connection->fd, buffer, sizeof buffer, 0);
		if (n > 0) {
			text_add(&connection->in, buffer, (size_t)n);
			take_lines(connection);
		}
	} while (n == (ssize_t)sizeof buffer || (n == -1 && errno == EINTR));
	if (n == 0)
		has_ended(connection, "the end came");
	else if (n == -1 && errno != EAGAIN)
		has_ended(connection, strerror(errno));
}

static void
transmit(struct connection *connection)
{
	ssize_t n;

	if (connection->out.n > 0) {
		n = send(connection->fd, connection->out.bytes, connection->out.n, MSG_NOSIGNAL);
		if (n == -1 && (errno == EPIPE || errno == ECONNRESET) && connection->may_be_cut)
			text_drop(&connection->out, connection->out.n);
		else if (n == -1 && errno != EAGAIN && errno != EINTR)
			has_ended(connection, strerror(errno));
		else if (n > 0)
			text_drop(&connection->out, (size_t)n);
	}
	if (connection->state == STATE_HALF && connection->out.n == 0 && !connection->was_shut) {
		connection->was_shut = true;
		shutdown(connection->fd, SHUT_WR);
	}
}

/* ---- Clients that come and go ----------------------------------------------------- */

struct client {
	uint64_t random;
	uint64_t nlines_left;
	uint32_t ncame;
};

static struct client clients[MAX_CLIENTS];
static bool is_polite; /* the second part: every final is waited for */
static bool is_ending; /* nothing new is to be begun */
static struct text scratch;

static uint32_t
tag_of(struct client *client, struct connection *connection)
{
	return random_below(&client->random, 4) == 0 ? ++connection->last_tag : 0;
}

static void
say_publish(uint64_t *random, struct connection *connection, uint32_t tag, uint32_t place)
{
	struct label label = { connection->id, place,
		               ++publisher_of(connection->id)->sent[place] };
	struct pending pending = { .kind = KIND_PUB,
		                   .tag = tag,
		                   .place = place,
		                   .number = label.number };

	if (subjects[place].kind == SUBJECT_KEPT && random_below(random, 2) == 0)
		pending.kind = KIND_KEEP;
	make_text(random, MARK_PUBLISHED, &label, &scratch);
	say(connection, &pending, "%s %s ", pending.kind == KIND_KEEP ? "KEEP" : "PUB",
	    subjects[place].name);
	say_text(connection, scratch.bytes, scratch.n);
}

static void
do_publish(struct client *client, struct connection *connection)
{
	uint32_t tag = tag_of(client, connection);

	say_publish(&client->random, connection, tag,
	            (uint32_t)random_below(&client->random, NPUBLISHED));
}

static void
do_publish_to_name(struct client *client, struct connection *connection)
{
	uint32_t name = (uint32_t)random_below(&client->random, NNAMES);
	struct label label = { connection->id, NSUBJECTS + name, ++connection->names[name] };
	const struct pending pending = { .kind = KIND_PUB,
		                         .tag = tag_of(client, connection),
		                         .place = label.place,
		                         .number = label.number };

	make_text(&client->random, MARK_PUBLISHED, &label, &scratch);
	say(connection, &pending, "PUB @n%u ", (unsigned)name);
	say_text(connection, scratch.bytes, scratch.n);
}

/* One more word or two of a line. */
static void add(char text[MAX_WORDS], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(char text[MAX_WORDS], const char *format, ...)
{
	size_t n = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + n, MAX_WORDS - n, format, arguments);
	va_end(arguments);
}

static void
add_look_back(uint64_t *random, char text[MAX_WORDS])
{
	switch (random_below(random, 8)) {
	case 0: add(text, " LAST %zu", random_below(random, 60)); return;
	case 1: add(text, " FROM %zu", random_below(random, 3000)); return;
	case 2: add(text, " SINCE %zus", random_below(random, 4)); return;
	}
}

static void
do_subscribe(struct client *client, struct connection *connection)
{
	struct pending pending = { .kind = KIND_SUB, .tag = tag_of(client, connection) };
	uint64_t *random = &client->random;
	bool in_group = random_below(random, 4) == 0;
	bool counts = random_below(random, 3) == 0, in_time = random_below(random, 4) == 0;
	char options_text[MAX_WORDS] = "";

	add_look_back(random, options_text);
	if (in_group)
		add(options_text, " GROUP g%zu", random_below(random, 2));
	if (counts)
		add(options_text, " COUNT %zu", 1 + random_below(random, 40));
	if (in_time)
		add(options_text, " WITHIN %zums", random_below(random, 300));
	connection->has_endless_count |= counts && !in_time;
	connection->may_follow = true;
	connection->nsubs++;
	connection->nlooks++;
	say(connection, &pending, "SUB %s%s\n",
	    in_group ? PICK(random, group_patterns) : PICK(random, patterns), options_text);
}

static void
do_unsubscribe(struct client *client, struct connection *connection)
{
	struct pending pending = { .kind = KIND_UNSUB, .tag = tag_of(client, connection) };

	if (random_below(&client->random, 4) > 0) {
		say(connection, &pending, "UNSUB %s\n", PICK(&client->random, patterns));
		return;
	}
	pending.kind = KIND_UNSUB_ALL;
	pending.number = connection->nsubs;
	say(connection, &pending, "UNSUB *\n");
}

static void
do_read(struct client *client, struct connection *connection)
{
	const struct pending pending = { .kind = KIND_READ, .tag = tag_of(client, connection) };
	char more[MAX_WORDS] = "";

	add_look_back(&client->random, more);
	connection->nlooks++;
	say(connection, &pending, "READ %s%s\n", PICK(&client->random, patterns),
	    *more == '\0' ? " LAST 9" : more);
}

static void
do_request(struct client *client, struct connection *connection)
{
	static const uint32_t places[] = { 14, 15, NSUBJECTS, NSUBJECTS + 1, NSUBJECTS + 2 };
	struct label label = { connection->id, PICK(&client->random, places),
		               ++connection->last_question };
	struct pending pending = { .kind = KIND_REQ, .tag = tag_of(client, connection) };

	make_text(&client->random, MARK_ASKED, &label, &scratch);
	pending.hash = hash_of(scratch.bytes, scratch.n);
	if (label.place < NSUBJECTS)
		say(connection, &pending, "REQ %s ", subjects[label.place].name);
	else
		say(connection, &pending, "REQ @n%u ", (unsigned)(label.place - NSUBJECTS));
	say_text(connection, scratch.bytes, scratch.n);
}

static void
do_name(struct client *client, struct connection *connection)
{
	const struct pending pending = { .kind = KIND_NAME, .tag = tag_of(client, connection) };

	say(connection, &pending, "NAME n%zu\n", random_below(&client->random, NNAMES));
}

static void
say_ping(struct connection *connection, uint32_t tag, unsigned number)
{
	struct pending pending = { .kind = KIND_PING, .tag = tag };
	char text[64];
	int n = snprintf(text, sizeof text, "%u of %u", number, (unsigned)connection->id);

	pending.hash = hash_of(text, (size_t)n);
	say(connection, &pending, "PING ");
	say_text(connection, text, (size_t)n);
}

static void
do_ping(struct client *client, struct connection *connection)
{
	uint32_t tag = tag_of(client, connection);

	say_ping(connection, tag, (unsigned)random_below(&client->random, 1000000));
}

static void
do_set(struct client *client, struct connection *connection)
{
	static const char *const settings[] = {
		"echo off", "echo on", "show seq,time,from", "show from", "show off",
		"timeout 150ms", "timeout 1ms", "slow drop", "slow cut",
	};
	const struct pending pending = { .kind = KIND_SET, .tag = tag_of(client, connection) };
	const char *setting = PICK(&client->random, settings);

	if (strcmp(setting, "slow cut") == 0 && is_polite)
		setting = "slow drop"; /* else its finals would be lost */
	if (strcmp(setting, "slow cut") == 0)
		connection->may_be_cut = true;
	say(connection, &pending, "SET %s\n", setting);
}

static void
do_look(struct client *client, struct connection *connection)
{
	static const char *const looks[] = { "WHO", "WHO s.>", "STATS lines", "STATS", "TRACE s.a.x",
		                             "TRACE k.a", "HELP" };
	const struct pending pending = { .kind = KIND_ROWS };

	say(connection, &pending, "%s\n", PICK(&client->random, looks));
}

static void
do_rare(struct client *client, struct connection *connection)
{
	struct pending pending = { .kind = KIND_BOGUS, .tag = tag_of(client, connection) };
	struct label label = { connection->id, WILL, 0 };

	switch (random_below(&client->random, 4)) {
	case 0:
		say(connection, &pending, "PLUB x\n");
		return;
	case 1:
		pending.kind = KIND_FORGET;
		say(connection, &pending, "FORGET k.a\n");
		return;
	case 2:
		connection->npaused = 1 + (unsigned)random_below(&client->random, 200);
		return;
	}
	if (is_polite)
		return;
	pending.kind = KIND_WILL;
	label.number = ++publisher_of(connection->id)->sent[WILL];
	pending.place = WILL;
	pending.number = label.number;
	make_text(&client->random, MARK_PUBLISHED, &label, &scratch);
	say(connection, &pending, "WILL %s ", subjects[WILL].name);
	say_text(connection, scratch.bytes, scratch.n);
}

static void
do_quit(struct connection *connection)
{
	struct pending pending = { .kind = KIND_UNSUB_ALL, .number = connection->nsubs };

	/* What waits for lines that never come would be waited for. */
	if (connection->has_endless_count)
		say(connection, &pending, "UNSUB *\n");
	pending.kind = KIND_QUIT;
	say(connection, &pending, "QUIT\n");
	connection->state = STATE_QUITTING;
	publisher_of(connection->id)->may_have_quit = true;
}

static void
do_half_close(struct client *client, struct connection *connection)
{
	const struct pending pending = { .kind = KIND_UNTERMINATED };

	if (random_below(&client->random, 2) == 0)
		say(connection, &pending, "PUB s.a.x a line without its en");
	connection->state = STATE_HALF;
}

/* The half line is of no use to anybody. */
static void
do_vanish(struct client *client, struct connection *connection)
{
	connection->resets = random_below(&client->random, 2) == 0;
	if (is_polite) {
		connection->state = STATE_FINISHING;
		return;
	}
	if (random_below(&client->random, 3) == 0)
		text_add(&connection->out, "PUB s.a.x a line without its en", 31);
	transmit(connection);
	if (connection->state != STATE_CLOSED)
		connection_close(connection, connection->resets);
}

static void
do_leave(struct client *client, struct connection *connection)
{
	switch (random_below(&client->random, 4)) {
	case 0:
		do_quit(connection);
		return;
	case 1:
		do_half_close(client, connection);
		return;
	}
	do_vanish(client, connection);
}

/* What they do, and how often. */
static const struct {
	unsigned weight;
	void (*run)(struct client *client, struct connection *connection);
} actions[] = {
	{ 600, do_publish }, { 60, do_publish_to_name }, { 80, do_subscribe },
	{ 60, do_unsubscribe }, { 20, do_read }, { 40, do_request }, { 20, do_name },
	{ 60, do_ping }, { 20, do_set }, { 8, do_look }, { 16, do_rare }, { 16, do_leave },
};

static void
act(struct client *client, struct connection *connection)
{
	size_t nactions = sizeof actions / sizeof actions[0], total = 0, pick;

	for (size_t i = 0; i < nactions; i++)
		total += actions[i].weight;
	pick = random_below(&client->random, total);
	for (size_t i = 0; i < nactions; i++) {
		if (pick < actions[i].weight) {
			actions[i].run(client, connection);
			return;
		}
		pick -= actions[i].weight;
	}
}

static bool
is_finished(const struct client *client)
{
	return is_ending || client->nlines_left == 0;
}

/* As much as it may say now. */
static void
client_act(struct client *client, struct connection *connection)
{
	while (connection->state == STATE_OPEN && connection->npending < MAX_PENDING &&
	       connection->npending_bytes < MAX_PENDING_BYTES) {
		if (is_finished(client)) {
			do_leave(client, connection);
			return;
		}
		client->nlines_left--;
		act(client, connection);
	}
}

/* One that writes whole lines and closes at once. It has no finals. */
static void
feeder_come(struct client *client, struct connection *connection, uint32_t id)
{
	struct publisher *publisher = publisher_of(id);
	bool has_many = random_below(&client->random, 8) == 0; /* more than one turn runs */
	size_t nlines = 1 + random_below(&client->random, has_many ? 10000 : 100);
	bool is_unix = options.feed_path != NULL && random_below(&client->random, 2) == 0;

	connection_open(connection, id, NSTEADY, options.feed_port,
	                is_unix ? options.feed_path : NULL);
	for (size_t i = 0; i < nlines; i++) {
		struct label label = { id, FEED, ++publisher->sent[FEED] };

		if (has_many)
			make_padded(&client->random, MARK_PUBLISHED, &label, 0, &scratch);
		else
			make_text(&client->random, MARK_PUBLISHED, &label, &scratch);
		text_add(&connection->out, scratch.bytes, scratch.n);
		text_add(&connection->out, "\n", 1);
	}
	publisher->acked[FEED] = publisher->sent[FEED];
	if (random_below(&client->random, 2) == 0)
		text_add(&connection->out, "a line without its en", 21);
	totals.lines += nlines;
	connection->state = STATE_FINISHING;
}

/* Its finals are there: it is time to go. */
static void
client_end(struct connection *connection)
{
	bool is_done = connection->npending == 0 && connection->out.n == 0;

	if (!is_done)
		return;
	if (connection->state == STATE_FINISHING)
		connection_close(connection, connection->resets);
	else if (connection->state == STATE_HALF && connection->was_shut && connection->may_follow)
		connection_close(connection, true); /* after a FIN, all else is silence */
}

static void
client_come(struct client *client, struct connection *connection, size_t number)
{
	const struct pending pending = { .kind = KIND_SET };
	uint32_t id = (uint32_t)(NSTEADY + number + options.nclients * client->ncame);

	bool is_unix = options.unix_path != NULL && random_below(&client->random, 2) == 0;

	client->ncame++;
	if (options.feed_port != 0 && random_below(&client->random, 4) == 0) {
		feeder_come(client, connection, id);
		return;
	}
	connection_open(connection, id, NSTEADY, options.port, is_unix ? options.unix_path : NULL);
	connection->may_be_cut = options.may_be_cut;
	publisher_of(id);
	say(connection, &pending, "SET timeout 150ms\n");
}

/* ---- Turns ------------------------------------------------------------------------ */

static size_t
nconnections(void)
{
	return NSTEADY + options.nclients;
}

static void
prepare(struct connection *connection, struct pollfd *pfd)
{
	size_t number = (size_t)(connection - connections);

	*pfd = (struct pollfd){ .fd = -1 };
	if (!is_steady(connection)) {
		struct client *client = &clients[number - NSTEADY];

		if (connection->state == STATE_CLOSED && !is_finished(client))
			client_come(client, connection, number - NSTEADY);
		if (connection->state == STATE_OPEN)
			client_act(client, connection);
	}
	if (connection->state != STATE_CLOSED)
		transmit(connection);
	if (connection->state != STATE_CLOSED && !is_steady(connection))
		client_end(connection);
	if (connection->state == STATE_CLOSED)
		return;
	if (connection->npaused > 0)
		connection->npaused--;
	pfd->fd = connection->fd;
	pfd->events = (short)((connection->npaused > 0 ? 0 : POLLIN) |
	                      (connection->out.n > 0 ? POLLOUT : 0));
}

static bool
is_paused(void)
{
	for (size_t i = NSTEADY; i < nconnections(); i++)
		if (connections[i].state != STATE_CLOSED && connections[i].npaused > 0)
			return true;
	return false;
}

/* Who waits, and for what. */
static void nothing_happens(void) __attribute__((noreturn));

static void
nothing_happens(void)
{
	for (size_t i = 0; i < nconnections(); i++) {
		const struct connection *connection = &connections[i];

		if (connection->state != STATE_CLOSED && (i >= NSTEADY || connection->npending > 0))
			fprintf(stderr, "storm: connection %zu, publisher %u, in state %d: %zu finals "
			        "are owed (the first of kind %d), %zu bytes are not sent\n", i,
			        (unsigned)connection->id, (int)connection->state,
			        connection->npending, (int)connection->pending[0].kind,
			        connection->out.n);
	}
	die("nothing happened for %d s", PATIENCE_MS / 1000);
}

/* The daemon is disturbed now and then: it reads its configuration, or opens files, anew. */
static void
disturb(void)
{
	static uint64_t random;
	int number;

	if (options.daemon == 0 || is_ending)
		return;
	if (random == 0)
		random_init(&random, MAX_CLIENTS + 1);
	if (random_below(&random, 100) > 0)
		return;
	number = random_below(&random, 2) == 0 ? SIGHUP : SIGUSR1;
	if (kill(options.daemon, number) == -1)
		die("signal %d to the daemon: %s", number, strerror(errno));
	totals.nsignals++;
}

/* One round of poll(2). The steady ones come first. */
static void
turn(void)
{
	static struct pollfd pfds[NSTEADY + MAX_CLIENTS];
	size_t n = nconnections();

	disturb();
	for (size_t i = 0; i < n; i++)
		prepare(&connections[i], &pfds[i]);
	if (poll(pfds, n, is_paused() ? 1 : PATIENCE_MS) < 1 && !is_paused())
		nothing_happens();
	for (size_t i = 0; i < n; i++)
		if (pfds[i].fd != -1 && connections[i].state != STATE_CLOSED &&
		    pfds[i].revents & (POLLIN | POLLHUP | POLLERR))
			receive(&connections[i]);
}

static size_t
nopen(void)
{
	size_t n = 0;

	for (size_t i = NSTEADY; i < nconnections(); i++)
		n += connections[i].state != STATE_CLOSED;
	return n;
}

/* ---- At rest ---------------------------------------------------------------------- */

/* A turn at least, and until the steady ones have all their finals. */
static void
wait_for_finals(void)
{
	int64_t deadline = now_ms() + PATIENCE_MS;

	for (size_t i = 0; i < NSTEADY; i++)
		while (connections[i].npending > 0) {
			if (now_ms() > deadline)
				die("steady reader %zu has waited for its final for %d s", i,
				    PATIENCE_MS / 1000);
			turn();
		}
}

static struct connection *
asker(void)
{
	return &connections[NSTEADY - 1];
}

static struct stats
ask_for(const char *what)
{
	const struct pending pending = { .kind = KIND_ROWS };

	stats_row = (struct stats){ 0 };
	say(asker(), &pending, "%s\n", what);
	wait_for_finals();
	return stats_row;
}

static bool
is_same(const struct stats *a, const struct stats *b)
{
	return a->matched == b->matched && a->delivered == b->delivered &&
	       a->queued == b->queued && a->dropped == b->dropped;
}

/*
 * Whoever has closed its connection looks just like one that half-closed it, and goes on
 * reading: until something is sent to it. So something is.
 */
static void
send_to_all(void)
{
	static uint64_t random;

	if (random == 0)
		random_init(&random, MAX_CLIENTS);
	for (uint32_t place = 0; place < NPUBLISHED; place++)
		say_publish(&random, asker(), 0, place);
	wait_for_finals();
}

/* Clients that came and went, or will: one that has left may not even be accepted yet. */
static uint64_t
nvisitors(void)
{
	return totals.connections - NSTEADY;
}

/*
 * Nobody is there but the steady ones, and nothing is on its way any more: through several
 * rounds, in each of which every handler was heard of, nothing has changed.
 */
static struct stats
come_to_rest(void)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	struct stats last, stats = { 0 };
	unsigned nquiet = 0;

	while (totals.ups < nvisitors() || (stats = ask_for("WHO")).nclients != NSTEADY) {
		if (now_ms() > deadline)
			die("%" PRIu64 " clients are there, not the %zu steady ones; of %" PRIu64
			    " others, %" PRIu64 " came",
			    stats.nclients, NSTEADY, nvisitors(), totals.ups);
		send_to_all();
	}
	last = ask_for("STATS lines.");
	while (nquiet < QUIET_ROUNDS) {
		if (now_ms() > deadline)
			die("it does not come to rest: %" PRIu64 " lines are queued", last.queued);
		for (size_t i = 0; i < NSTEADY; i++)
			say_ping(&connections[i], 0, nquiet);
		wait_for_finals();
		stats = ask_for("STATS lines.");
		nquiet = is_same(&stats, &last) && stats.queued == 0 ? nquiet + 1 : 0;
		last = stats;
	}
	return last;
}

static bool
follows(const struct steady_plan *plan, const char *subject)
{
	for (size_t i = 0; i < sizeof plan->patterns / sizeof plan->patterns[0]; i++)
		if (plan->patterns[i] != NULL && pattern_matches(plan->patterns[i], subject))
			return true;
	return false;
}

/* One publisher and subject, at every steady reader. */
static void
check_stream(uint32_t id, uint32_t place)
{
	const struct publisher *publisher = &publishers[id];
	size_t at = id * NSUBJECTS + place;
	uint32_t n = seen[0][at];
	const char *subject = subjects[place].name;
	uint64_t sum = 0;

	if (n < publisher->acked[place] || n > publisher->sent[place])
		die("publisher %u sent %u lines to %s, of which %u were answered: %u came",
		    (unsigned)id, (unsigned)publisher->sent[place], subject,
		    (unsigned)publisher->acked[place], (unsigned)n);
	for (size_t i = 0; i < NSTEADY; i++)
		if (steady_plans[i].kind != STEADY_GROUP && follows(&steady_plans[i], subject) &&
		    seen[i][at] != n)
			die("of publisher %u to %s, %u lines came to one steady reader, and %u to "
			    "steady reader %zu", (unsigned)id, subject, (unsigned)n,
			    (unsigned)seen[i][at], i);
	if (!pattern_matches("s.>", subject))
		return;
	for (uint32_t number = 1; number <= n; number++)
		sum += mixed(number);
	if (group_count[at] != n || group_sum[at] != sum)
		die("of publisher %u to %s, %u lines came to one steady reader, and %u (or other "
		    "ones) to the group", (unsigned)id, subject, (unsigned)n,
		    (unsigned)group_count[at]);
}

/* Whoever vanished, and not by QUIT, left its will, the last one that was answered or a later one. */
static void
check_will(uint32_t id)
{
	const struct publisher *publisher = &publishers[id];
	uint32_t n = seen[1][id * NSUBJECTS + WILL];
	bool is_last = n >= publisher->acked[WILL] && n <= publisher->sent[WILL];

	if (n == 0 ? publisher->acked[WILL] > 0 && !publisher->may_have_quit
	           : publisher->has_quit || !is_last)
		die("publisher %u, which %s, left %u wills, of which %u were answered: number %u came",
		    (unsigned)id, publisher->has_quit ? "has quit" : "vanished",
		    (unsigned)publisher->sent[WILL], (unsigned)publisher->acked[WILL], (unsigned)n);
}

static void
check_streams(void)
{
	for (uint32_t id = 0; id < npublishers; id++) {
		for (uint32_t place = 0; place <= FEED; place++)
			check_stream(id, place);
		check_will(id);
	}
	if (totals.ups != nvisitors() || totals.downs != nvisitors())
		die("of %" PRIu64 " clients %" PRIu64 " came and %" PRIu64 " left, says the daemon",
		    nvisitors(), totals.ups, totals.downs);
}

/* See above, what is checked. */
static void
check_stats(const struct stats *before, const struct stats *after, bool is_exact)
{
	uint64_t matched = after->matched - before->matched;
	uint64_t known = totals.matched + totals.copies + totals.fed + totals.news;

	if (after->matched != after->delivered + after->queued + after->dropped)
		die("%" PRIu64 " lines matched, but %" PRIu64 " are delivered, %" PRIu64 " queued "
		    "and %" PRIu64 " dropped", after->matched, after->delivered, after->queued,
		    after->dropped);
	if (matched < known || (is_exact && matched > known + totals.nobody))
		die("%" PRIu64 " lines matched, but clients know of %" PRIu64 " (in finals of PUB, "
		    "KEEP and REQ %" PRIu64 ", of a rule %" PRIu64 ", of feeders %" PRIu64 ", of the "
		    "daemon %" PRIu64 "), and %" PRIu64 " requests found nobody", matched, known,
		    totals.matched, totals.copies, totals.fed, totals.news, totals.nobody);
	printf("# %s: %" PRIu64 " matched, %" PRIu64 " known, %" PRIu64 " requests found nobody\n",
	       is_exact ? "in the second part" : "in the first part", matched, known,
	       totals.nobody);
	fflush(stdout); /* somebody may wait for it */
}

/* ---- The whole -------------------------------------------------------------------- */

static void
open_steady(void)
{
	const struct pending pending = { .kind = KIND_SET }; /* just +OK */

	for (size_t i = 0; i < NSTEADY; i++) {
		const char *line = steady_plans[i].says;

		connection_open(&connections[i], (uint32_t)i, i,
		                options.steady_port != 0 ? options.steady_port : options.port, NULL);
		connections[i].may_follow = true;
		publisher_of((uint32_t)i);
		while (*line != '\0') {
			int n = (int)strcspn(line, "\n") + 1;

			say(&connections[i], &pending, "%.*s", n, line);
			line += n;
		}
		wait_for_finals();
	}
}

/* So many lines in all, or for so long, or until it is told that this part is to end. */
static void
rage(int part, uint64_t nlines, unsigned nmilliseconds)
{
	int64_t end = nmilliseconds == 0 ? INT64_MAX : now_ms() + nmilliseconds;

	totals.matched = totals.nobody = totals.copies = totals.fed = totals.news = 0;
	for (size_t i = 0; i < options.nclients; i++)
		clients[i].nlines_left =
		    nmilliseconds > 0 || options.until_told ? UINT64_MAX
		                      : nlines / options.nclients + (i < nlines % options.nclients);
	is_ending = false;
	do {
		turn();
		if (nparts_told >= part || now_ms() >= end)
			is_ending = true;
		if (!is_ending) {
			is_ending = true;
			for (size_t i = 0; i < options.nclients; i++)
				is_ending &= clients[i].nlines_left == 0;
		}
	} while (!is_ending || nopen() > 0);
}

static void
run(void)
{
	struct stats before, between, after;

	connections = calloc(nconnections(), sizeof *connections);
	if (connections == NULL)
		die("out of memory");
	for (size_t i = 0; i < nconnections(); i++)
		connections[i].steady = i < NSTEADY ? i : NSTEADY;
	for (size_t i = 0; i < options.nclients; i++)
		random_init(&clients[i].random, i);
	is_ending = true;
	open_steady();
	before = come_to_rest();
	totals.ups = totals.downs = 0; /* until then the steady ones may be told of each other */

	rage(1, options.nlines / 3 * 2, options.nseconds * 1000 / 3 * 2);
	between = come_to_rest();
	check_streams();
	check_stats(&before, &between, false);

	is_polite = true;
	rage(2, options.nlines / 3, options.nseconds * 1000 / 3);
	after = come_to_rest();
	check_streams();
	check_stats(&between, &after, !options.may_be_cut);
	printf("%" PRIu64 " lines of %" PRIu64 " connections, %" PRIu64 " deliveries, %" PRIu64
	       " dropped, %" PRIu64 " signals, seed %" PRIu64 "\n",
	       totals.lines, totals.connections, totals.deliveries, totals.dropped_lines,
	       totals.nsignals, options.seed);
	for (size_t i = 0; i < NSTEADY; i++)
		connection_close(&connections[i], false);
}

/* ---- Options ---------------------------------------------------------------------- */

static const char help[] =
    "usage: storm [OPTION...] HOST PORT\n"
    "\n"
    "Clients that come, do anything, and go, and some that watch, against a daemon that has\n"
    "\n"
    "    history NAME { match = \"h.>\"  lines = 500 }\n"
    "    rule NAME { match = \"r.>\"  to = {\"subject:copy\"} }\n"
    "\n"
    "and no other clients, but of listeners whose name begins with \"other\".\n"
    "\n"
    "  --clients N      that come and go; 64 if it is not said\n"
    "  --lines N        that they send in all; 40000 if it is not said\n"
    "  --seconds S      go on for so long instead\n"
    "  --until-told     go on until SIGTERM; and, in the second part, until the next one\n"
    "  --seed N         what they do; 1 if it is not said\n"
    "  --steady-port N  of a listener for those that watch, whose queue is larger\n"
    "  --feed-port N    of a listener { mode = \"publish\"  subject = \"feed\" }: there are feeders\n"
    "  --feed-unix PATH    of another such listener\n"
    "  --unix PATH      half of the clients come to this listener\n"
    "  --daemon PID     gets SIGHUP and SIGUSR1 now and then\n"
    "  --may-be-cut     slow_time is short: whoever does not read may be told ! BYE SLOW\n";

static const struct option long_options[] = {
	{ "clients", required_argument, NULL, 'c' },
	{ "lines", required_argument, NULL, 'l' },
	{ "seconds", required_argument, NULL, 's' },
	{ "until-told", no_argument, NULL, 'u' },
	{ "seed", required_argument, NULL, 'S' },
	{ "steady-port", required_argument, NULL, 'p' },
	{ "feed-port", required_argument, NULL, 'f' },
	{ "feed-unix", required_argument, NULL, 'F' },
	{ "unix", required_argument, NULL, 'U' },
	{ "daemon", required_argument, NULL, 'd' },
	{ "may-be-cut", no_argument, NULL, 'b' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static uint64_t
number(const char *text, uint64_t max)
{
	const struct word word = { text, strlen(text) };
	uint64_t n = number_of(word);

	if (n > max)
		die("%s: no number, or more than %" PRIu64, text, max);
	return n;
}

static void
set_option(int letter)
{
	switch (letter) {
	case 'c': options.nclients = (size_t)number(optarg, MAX_CLIENTS); return;
	case 'l': options.nlines = number(optarg, UINT32_MAX); return;
	case 's': options.nseconds = (unsigned)number(optarg, 86400); return;
	case 'u': options.until_told = true; return;
	case 'S': options.seed = number(optarg, UINT32_MAX); return;
	case 'p': options.steady_port = (unsigned)number(optarg, 65535); return;
	case 'f': options.feed_port = (unsigned)number(optarg, 65535); return;
	case 'F': options.feed_path = optarg; return;
	case 'U': options.unix_path = optarg; return;
	case 'd': options.daemon = (pid_t)number(optarg, INT32_MAX); return;
	case 'b': options.may_be_cut = true; return;
	case 'h':
		fputs(help, stdout);
		exit(0);
	}
	fputs(help, stderr);
	exit(2);
}

static void
be_told(int number)
{
	(void)number;
	nparts_told = nparts_told + 1;
}

int
main(int argc, char **argv)
{
	int letter;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, be_told);
	while ((letter = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
		set_option(letter);
	if (argc - optind != 2) {
		fputs(help, stderr);
		return 2;
	}
	options.host = argv[optind];
	options.port = (unsigned)number(argv[optind + 1], 65535);
	run();
	free(connections);
	free(publishers);
	free(group_count);
	free(group_sum);
	text_free(&scratch);
	for (size_t i = 0; i < NSTEADY; i++)
		free(seen[i]);
	return 0;
}
