/* SPDX-License-Identifier: MIT */
/*
 * load_request.c - connections ask, one answers: amyd's REQ and REP; see amyd-protocol(7).
 *
 * Who answers sends back the text of each request. Requests that are open at once have tags,
 * since their answers may overtake each other; the tag is the number of the request's place.
 */
#include <stdio.h>
#include <stdlib.h>

#include "load.h"
#include "opening.h"

/* The responder is connection 0; those who ask are 1 and so on. */
#define RESPONDER 0

/* amyd lets a client have that many requests open. */
#define MAX_OPEN 1000

/* Bytes of a tag; of what stands before a text, with the tag. */
#define MAX_TAG 16
#define MAX_HEAD (MAX_TAG + 8 + LOAD_MAX_SUBJECT)

/* A request that is open. */
struct place {
	uint64_t then_ns; /* when it was sent, or was due */
	struct text text;
	bool is_open;
};

/* Owner: the load. Of each connection that asks. */
struct asker {
	struct place *places;
	unsigned *free_places, nfree;
	uint64_t nwanted; /* requests that are to be sent, and wait for a place */
	uint64_t nasked;
};

/* Owner: load_request's run. */
struct request {
	struct run *run;
	struct phrases phrases;
	struct talk following;
	struct connection *connections; /* 1 + naskers */
	struct asker *askers;           /* likewise; the first is not used */
	unsigned naskers, nplaces;
	uint64_t nreplied, nconfirmed; /* by the responder, and what it was told of it */
	char subject[LOAD_MAX_SUBJECT];
	char line[MAX_HEAD + TEXT_MAX + 1]; /* that is being written */
};

/* ---- Asking ------------------------------------------------------------------------ */

static void
write_tag(const struct request *request, unsigned place, char tag[MAX_TAG])
{
	tag[0] = '\0';
	if (request->nplaces > 1)
		snprintf(tag, MAX_TAG, "#%u ", place);
}

/* The line: a head, the text, LF. Returns its bytes. */
static size_t
write_line(struct request *request, const char *head, const struct text *text)
{
	size_t nhead = strlen(head), size = request->run->options->size;

	memcpy(request->line, head, nhead);
	text_write(text, request->line + nhead, size);
	request->line[nhead + size] = '\n';
	return nhead + size + 1;
}

static uint64_t
then_ns(const struct request *request, const struct asker *asker, unsigned number)
{
	const struct run *run = request->run;

	if (run->options->rate == 0)
		return run->now_ns;
	return run_due_ns(run, asker->nasked * request->naskers + number - 1);
}

static void
ask_one(struct request *request, struct connection *connection, struct asker *asker)
{
	unsigned number = asker->free_places[--asker->nfree];
	struct place *place = &asker->places[number];
	char tag[MAX_TAG], head[MAX_HEAD];

	place->text = connection->to_say;
	place->then_ns = then_ns(request, asker, connection->number);
	place->is_open = true;
	text_advance(&connection->to_say);
	asker->nasked++;
	write_tag(request, number, tag);
	snprintf(head, sizeof head, "%sREQ %s ", tag, request->subject);
	connection_queue(connection, request->line, write_line(request, head, &place->text));
}

static void
ask(void *load, unsigned number, uint64_t n)
{
	struct request *request = load;
	struct connection *connection = &request->connections[number];
	struct asker *asker = &request->askers[number];

	run_expect(request->run, n);
	asker->nwanted += n;
	for (; asker->nwanted > 0 && asker->nfree > 0; asker->nwanted--)
		ask_one(request, connection, asker);
	if (!connection_flush(connection, NULL))
		run_fail_closed(request->run, connection);
	run_watch(request->run, connection);
}

/* What is right for the request of that place. */
static void
check_answer(struct request *request, struct connection *connection, unsigned number,
             const char *line, size_t nline)
{
	struct asker *asker = &request->askers[connection->number];
	struct place *place = &asker->places[number];
	char tag[MAX_TAG], head[MAX_HEAD];
	size_t nexpected;

	write_tag(request, number, tag);
	snprintf(head, sizeof head, "%s+OK ", tag);
	nexpected = write_line(request, head, &place->text);
	if (nline != nexpected || memcmp(line, request->line, nline) != 0 || !place->is_open)
		connection_fail_wrong(connection, request->line, nexpected, line, nline);
	place->is_open = false;
	asker->free_places[asker->nfree++] = number;
	connection->nheard++;
	run_heard(request->run, 1);
	run_note(request->run, place->then_ns, 1);
}

/*
 * The place that a line is the answer for; nplaces: it is none. Without tags there is one
 * place, and what does not begin as a final line is no answer.
 */
static unsigned
place_of(const struct request *request, const char *line, size_t nline)
{
	unsigned number = 0;
	size_t i = 1;

	if (request->nplaces == 1)
		return line[0] == '+' || line[0] == '-' ? 0 : request->nplaces;
	if (line[0] != '#')
		return request->nplaces;
	for (; i < nline && i < 6 && line[i] >= '0' && line[i] <= '9'; i++)
		number = number * 10 + (unsigned)(line[i] - '0');
	return i > 1 && number < request->nplaces ? number : request->nplaces;
}

/* A line that is no message of ours: it may have nothing to do with us. */
static void
check_other(const struct request *request, const struct connection *connection,
            const char *expected, const char *line, size_t nline)
{
	struct utterance utterance = { 0 };
	enum heard heard = request->following.dialect->hear(&request->phrases, NULL, line, nline,
	                                                    &utterance);

	if (heard == HEARD_GOODBYE)
		connection_fail_goodbye(connection, line, nline);
	if (heard != HEARD_OTHER)
		connection_fail_wrong(connection, expected, strlen(expected), line, nline);
}

typedef void take_line_fn(struct request *request, struct connection *connection,
                          const char *line, size_t nline);

static void
take_answer(struct request *request, struct connection *connection, const char *line,
            size_t nline)
{
	unsigned number = place_of(request, line, nline);

	if (number < request->nplaces)
		check_answer(request, connection, number, line, nline);
	else
		check_other(request, connection, "an answer to one of its requests", line,
		            nline);
}

/* ---- Answering --------------------------------------------------------------------- */

/* "REQ subject id text" is answered "REP id text". */
static void
take_question(struct request *request, struct connection *responder, const char *line,
              size_t nline)
{
	char head[MAX_HEAD];
	size_t nhead = (size_t)snprintf(head, sizeof head, "REQ %s ", request->subject);

	if (nline > nhead && memcmp(line, head, nhead) == 0) {
		connection_queue(responder, "REP ", 4);
		connection_queue(responder, line + nhead, nline - nhead);
		request->nreplied++;
	} else if (nline == 4 && memcmp(line, "+OK\n", 4) == 0 &&
	           request->nconfirmed < request->nreplied) {
		request->nconfirmed++;
	} else {
		check_other(request, responder, head, line, nline);
	}
}

/* ---- Both -------------------------------------------------------------------------- */

static size_t
take_lines(struct connection *connection, const char *bytes, size_t nbytes, void *context)
{
	struct request *request = context;
	take_line_fn *take = connection->number == RESPONDER ? take_question : take_answer;
	size_t used = 0, nline;

	while ((nline = dialect_line_length(bytes + used, nbytes - used)) > 0) {
		take(request, connection, bytes + used, nline);
		used += nline;
	}
	return used;
}

/* What was answered is asked anew; and what waits for a place at a fixed rate, too. */
static void
ask_again(struct request *request, struct connection *connection, uint64_t nanswered)
{
	if (run_goes_on(request->run))
		ask(request, connection->number, nanswered);
	else
		ask(request, connection->number, 0);
}

static void
ready(void *load, unsigned number, unsigned events)
{
	struct request *request = load;
	struct connection *connection = &request->connections[number];
	uint64_t nheard = connection->nheard;

	if ((events & ~(unsigned)AMY_WRITE) != 0 &&
	    !connection_read(connection, take_lines, request))
		run_fail_closed(request->run, connection);
	if (connection->nheard > nheard) {
		ask_again(request, connection, connection->nheard - nheard);
		return;
	}
	if (!connection_flush(connection, NULL))
		run_fail_closed(request->run, connection);
	run_watch(request->run, connection);
}

/* ---- Beginning --------------------------------------------------------------------- */

static void
make_places(struct request *request)
{
	const struct options *options = request->run->options;

	request->nplaces = options->rate > 0 ? MAX_OPEN : options->nin_flight;
	request->askers = load_allocate(1 + request->naskers, sizeof *request->askers);
	for (unsigned i = 1; i <= request->naskers; i++) {
		struct asker *asker = &request->askers[i];

		asker->places = load_allocate(request->nplaces, sizeof *asker->places);
		asker->free_places =
		    load_allocate(request->nplaces, sizeof *asker->free_places);
		while (asker->nfree < request->nplaces) {
			asker->free_places[asker->nfree] = asker->nfree;
			asker->nfree++;
		}
	}
}

static void
free_places(struct request *request)
{
	for (unsigned i = 1; i <= request->naskers; i++) {
		free(request->askers[i].places);
		free(request->askers[i].free_places);
	}
	free(request->askers);
}

static void
open_all(struct request *request)
{
	const struct options *options = request->run->options;
	static const struct form no_form;
	const struct talk silent = {
		.dialect = options->dialect,
		.phrases = &request->phrases,
		.hear = &no_form,
	};
	struct target target;
	const struct greeting responder = {
		.target = &target,
		.words = { &request->phrases.follow },
		.talk = &request->following,
	};
	const struct greeting asker = { .target = &target, .talk = &silent };

	target_init(&target, options->address, options->spreads_sources);
	opening_run(request->run, &responder, request->connections, 1, NULL);
	run_unwatch(request->run, &request->connections[RESPONDER]);
	opening_run(request->run, &asker, request->connections + 1, request->naskers, NULL);
	run_watch(request->run, &request->connections[RESPONDER]);
}

static void
prepare(struct request *request)
{
	const struct options *options = request->run->options;

	load_prepare(options, &request->phrases);
	load_subject(request->subject);
	request->following = (struct talk){
		.dialect = options->dialect,
		.phrases = &request->phrases,
		.hear = &request->phrases.following,
	};
	request->connections = load_make_connections(1 + request->naskers, RESPONDER);
	make_places(request);
}

static void
run_request(struct run *run)
{
	static struct request request;
	const struct options *options = run->options;
	const struct run_calls calls = {
		.ready = ready,
		.say = ask,
		.first = RESPONDER + 1,
		.n = options->nconnections,
		.nreplies = 1,
	};

	request.run = run;
	request.naskers = options->nconnections;
	prepare(&request);
	open_all(&request);
	run_begin(run);
	for (unsigned i = 1; i <= request.naskers && options->rate == 0; i++)
		ask(&request, i, options->nin_flight);
	run_loop(run, &calls, &request);
	load_free_connections(request.connections, 1 + request.naskers);
	free_places(&request);
}

static bool
is_for(const struct dialect *dialect)
{
	return dialect->has_request;
}

const struct load load_request = {
	.name = "request",
	.default_connections = 50,
	.default_dialect = &dialect_amyd,
	.max_in_flight = MAX_OPEN,
	.can_pace = true,
	.is_for = is_for,
	.dialects = "amyd",
	.run = run_request,
};
