/* SPDX-License-Identifier: MIT */
/*
 * Requests: who is asked, and that who asks gets one final line, whatever happens.
 */
#include "two_handlers.h"

static enum ask_result
try_ask(struct visitor *visitor, const char *subject, const char *text, const char *tag)
{
	struct amy_bytes subject_line = line_of(subject), text_line = line_of(text);

	return ask(visitor->view, visitor->session, &subject_line, &text_line, tag,
	           tag == NULL ? 0 : strlen(tag));
}

static void
ask_for(struct visitor *visitor, const char *subject, const char *text, const char *tag)
{
	MUST(try_ask(visitor, subject, text, tag) == ASK_OPEN);
}

static bool
answer(struct visitor *visitor, uint64_t number, const char *text)
{
	struct amy_bytes line = line_of(text);

	return ask_answer(visitor->view, visitor->session, number, &line);
}

/* The number of the one request that it has received: "REQ subject number text". */
static uint64_t
asked(const struct visitor *visitor, const char *subject, const char *text)
{
	char got_subject[64], expected[128];
	const char *line;
	uint64_t number;

	settle();
	line = received(visitor);
	if (sscanf(line, "REQ %63s %" SCNu64, got_subject, &number) != 2)
		ck_abort_msg("\"%s\" is no request", line);
	snprintf(expected, sizeof expected, "REQ %s %" PRIu64 " %s\n", subject, number, text);
	MUST(strcmp(line, expected) == 0);
	MUST(number > 0);
	return number;
}

/* None is open any more. */
static void
must_be_over(const struct visitor *visitor)
{
	MUST(visitor->session->nrequests == 0);
	MUST(LIST_EMPTY(&visitor->session->requests));
	MUST(!visitor->session->is_waiting);
	MUST(timers_next_ms(&visitor->view->timers, now_ms) == -1);
}

/* ---- Answers ---------------------------------------------------------------------- */

START_TEST(question_is_answered)
{
	for (unsigned view = 0; view < NVIEWS; view++) {
		struct visitor *asker, *responder;
		uint64_t number;

		start_router();
		asker = make_visitor(0);
		responder = make_visitor(view);
		follow(responder, "time.*");
		ask_for(asker, "time.now", "in UTC", NULL);
		MUST(asker->session->nrequests == 1);
		number = asked(responder, "time.now", "in UTC");
		GETS(asker, "");
		MUST(answer(responder, number, "18:40 sharp"));
		GETS(asker, "+OK 18:40 sharp\n");
		must_be_over(asker);
		MUST(counted(STAT_REQUESTS) == 1);
		MUST(counted(STAT_REQUESTS_ANSWERED) == 1);
		MUST(counted(STAT_LINES_MATCHED) == 1);
		MUST(counted(STAT_LINES_DELIVERED) == 1);
		end_router();
	}
}
END_TEST

START_TEST(answer_may_be_empty)
{
	for (unsigned view = 0; view < NVIEWS; view++) {
		struct visitor *asker, *responder;

		start_router();
		asker = make_visitor(0);
		responder = make_visitor(view);
		follow(responder, "a");
		ask_for(asker, "a", "", NULL);
		MUST(answer(responder, asked(responder, "a", ""), ""));
		GETS(asker, "+OK\n");
		end_router();
	}
}
END_TEST

START_TEST(who_asks_waits_unless_it_has_a_tag)
{
	struct visitor *asker, *responder;
	uint64_t first, second;

	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	follow(responder, "a");
	ask_for(asker, "a", "1", "one");
	first = asked(responder, "a", "1");
	MUST(session_wants_input(asker->session));
	ask_for(asker, "a", "2", NULL);
	second = asked(responder, "a", "2");
	MUST(first != second);
	MUST(!session_wants_input(asker->session));
	MUST(answer(responder, first, "to one"));
	GETS(asker, "#one +OK to one\n");
	MUST(!session_wants_input(asker->session));
	MUST(answer(responder, second, "to two"));
	GETS(asker, "+OK to two\n");
	MUST(session_wants_input(asker->session));
	must_be_over(asker);
	end_router();
}
END_TEST

START_TEST(answers_come_in_any_order)
{
	enum { N = 20 };
	struct visitor *asker, *responder;
	uint64_t numbers[N];
	char tag[16], expected[32];

	start_router();
	asker = make_visitor(1);
	responder = make_visitor(0);
	follow(responder, "a");
	for (int i = 0; i < N; i++) {
		snprintf(tag, sizeof tag, "t%d", i);
		ask_for(asker, "a", "", tag);
		numbers[i] = asked(responder, "a", "");
	}
	for (int i = N - 1; i >= 0; i--) {
		MUST(answer(responder, numbers[i], "x"));
		snprintf(expected, sizeof expected, "#t%d +OK x\n", i);
		GETS(asker, expected);
	}
	must_be_over(asker);
	end_router();
}
END_TEST

START_TEST(only_who_was_asked_may_answer_and_once)
{
	struct visitor *asker, *responder, *other;
	uint64_t number;

	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	other = make_visitor(1);
	follow(responder, "a");
	ask_for(asker, "a", "", NULL);
	number = asked(responder, "a", "");
	MUST(!answer(other, number, "forged"));
	MUST(!answer(asker, number, "forged"));
	MUST(!answer(responder, number + 1, "wrong"));
	MUST(!answer(responder, 0, "wrong"));
	GETS(asker, "");
	MUST(answer(responder, number, "right"));
	MUST(!answer(responder, number, "again"));
	GETS(asker, "+OK right\n");
	end_router();
}
END_TEST

/* ---- Nobody ----------------------------------------------------------------------- */

START_TEST(without_a_responder_there_is_nobody)
{
	struct visitor *asker, *other;

	start_router();
	asker = make_visitor(0);
	other = make_visitor(1);
	follow(other, "b");
	MUST(try_ask(asker, "a", "", NULL) == ASK_NOBODY);
	MUST(try_ask(asker, "@nobody", "", "t") == ASK_NOBODY);
	must_be_over(asker);
	/* Nor is it asked itself. */
	follow(asker, "a");
	follow(asker, "a.b GROUP g");
	set_name(asker, "me");
	MUST(try_ask(asker, "a", "", NULL) == ASK_NOBODY);
	MUST(try_ask(asker, "a.b", "", NULL) == ASK_NOBODY);
	MUST(try_ask(asker, "@me", "", NULL) == ASK_NOBODY);
	must_be_over(asker);
	GETS(asker, "");
	GETS(other, "");
	MUST(counted(STAT_LINES_MATCHED) == 0);
	end_router();
}
END_TEST

START_TEST(who_is_closing_is_not_asked)
{
	struct visitor *asker, *closing, *member;

	start_router();
	asker = make_visitor(0);
	closing = make_visitor(0);
	member = make_visitor(0);
	follow(closing, "a");
	follow(member, "b GROUP g");
	set_name(closing, "bob");
	session_close(closing->session);
	session_close(member->session);
	MUST(try_ask(asker, "a", "", NULL) == ASK_NOBODY);
	MUST(try_ask(asker, "b", "", NULL) == ASK_NOBODY);
	MUST(try_ask(asker, "@bob", "", NULL) == ASK_NOBODY);
	must_be_over(asker);
	end_router();
}
END_TEST

START_TEST(responder_that_left_before_it_was_asked_is_replaced)
{
	struct visitor *asker, *gone, *there, *here;
	uint64_t number;

	start_router();
	asker = make_visitor(0);
	gone = make_visitor(1);
	there = make_visitor(1);
	here = make_visitor(0);
	/* By one of its handler. */
	follow(gone, "a");
	ask_for(asker, "a", "1", NULL);
	follow(there, "a");
	leave(gone);
	number = asked(there, "a", "1");
	MUST(answer(there, number, "x"));
	GETS(asker, "+OK x\n");
	/* By one of the asker's own. */
	ask_for(asker, "a", "2", NULL);
	follow(here, "*");
	MUST(unsub(there, "a") == 1);
	number = asked(here, "a", "2");
	GETS(there, "");
	MUST(!answer(there, number, "y"));
	MUST(answer(here, number, "z"));
	GETS(asker, "+OK z\n");
	must_be_over(asker);
	MUST(counted(STAT_LINES_MATCHED) == 2);
	end_router();
}
END_TEST

START_TEST(nobody_is_left_when_it_arrives)
{
	static const char *const subjects[] = { "a", "b.c", "@bob" };

	for (int i = 0; i < 3; i++) {
		struct visitor *asker, *gone;

		start_router();
		asker = make_visitor(0);
		gone = make_visitor(1);
		follow(gone, "a");
		follow(gone, "b.> GROUP g");
		set_name(gone, "bob");
		follow(asker, subjects[i][0] == '@' ? "c" : subjects[i]);
		ask_for(asker, subjects[i], "x", i == 1 ? "tag" : NULL);
		leave(gone);
		GETS(asker, i == 1 ? "#tag -ERR NOBODY nobody follows that subject\n"
		                   : "-ERR NOBODY nobody follows that subject\n");
		must_be_over(asker);
		MUST(counted(STAT_LINES_MATCHED) == 1);
		MUST(counted(STAT_LINES_DROPPED_GONE) == 1);
		pass(60000);
		GETS(asker, "");
		end_router();
	}
}
END_TEST

START_TEST(responder_that_is_closing_when_it_arrives_is_replaced)
{
	for (int is_group = 0; is_group < 2; is_group++) {
		struct visitor *asker, *closing, *other;

		start_router();
		asker = make_visitor(0);
		closing = make_visitor(1);
		other = make_visitor(1);
		follow(closing, is_group ? "a GROUP g" : "a");
		ask_for(asker, "a", "x", NULL);
		follow(other, is_group ? "a GROUP g" : "a");
		session_close(closing->session);
		MUST(answer(other, asked(other, "a", "x"), "y"));
		GETS(asker, "+OK y\n");
		end_router();
	}
}
END_TEST

/* Half-closed, it still gets lines, but can answer none. */
START_TEST(who_has_ended_its_input_is_not_asked)
{
	for (unsigned view = 0; view < 2; view++)
		for (int is_group = 0; is_group < 2; is_group++) {
			const char *pattern = is_group ? "a GROUP g" : "a";
			bool is_known = view == 0 || is_group; /* or else it is seen there */
			struct visitor *asker, *mute, *other;

			start_router();
			asker = make_visitor(0);
			mute = make_visitor(view);
			other = make_visitor(1 - view);
			follow(mute, pattern);
			session_end_input(mute->session);
			if (is_known)
				MUST(try_ask(asker, "a", "x", NULL) == ASK_NOBODY);
			else
				ask_for(asker, "a", "x", NULL);
			GETS(mute, "");
			GETS(asker, is_known ? "" : "-ERR NOBODY nobody follows that subject\n");
			follow(other, pattern);
			ask_for(asker, "a", "y", NULL);
			MUST(answer(other, asked(other, "a", "y"), "z"));
			GETS(asker, "+OK z\n");
			must_be_over(asker);
			end_router();
		}
}
END_TEST

START_TEST(those_who_cannot_answer_are_not_asked_for_ever)
{
	struct visitor *asker, *here, *there;

	start_router();
	asker = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	follow(here, "a GROUP g");
	follow(there, "a GROUP g");
	session_end_input(here->session);
	session_end_input(there->session);
	MUST(try_ask(asker, "a", "x", NULL) != ASK_STALLED);
	settle();
	must_be_over(asker);
	GETS(here, "");
	GETS(there, "");
	end_router();
}
END_TEST

/* ---- Whom to ask ------------------------------------------------------------------ */

START_TEST(followers_are_asked_in_turn)
{
	struct visitor *asker, *responders[4];

	start_router();
	asker = make_visitor(0);
	for (unsigned i = 0; i < 4; i++) {
		responders[i] = make_visitor(i % 2);
		follow(responders[i], "a");
	}
	for (int round = 0; round < 3; round++) {
		unsigned ngot = 0;

		for (int i = 0; i < 4; i++)
			ask_for(asker, "a", "x", "tag");
		settle();
		for (unsigned i = 0; i < 4; i++)
			ngot += *received(responders[i]) != '\0';
		MUST(ngot == 4);
	}
	end_router();
}
END_TEST

START_TEST(member_with_the_least_load_is_asked)
{
	struct visitor *asker, *busy, *idle;

	start_router();
	asker = make_visitor(0);
	busy = make_visitor(1);
	idle = make_visitor(1);
	follow(busy, "a GROUP g");
	follow(idle, "a GROUP g");
	atomic_store(&busy->session->client.load, 1000);
	for (int i = 0; i < 5; i++) {
		ask_for(asker, "a", "x", "tag");
		asked(idle, "a", "x");
		atomic_store(&busy->session->client.load, 1000);
	}
	GETS(busy, "");
	end_router();
}
END_TEST

START_TEST(client_is_asked_by_its_name)
{
	for (unsigned view = 0; view < NVIEWS; view++) {
		struct visitor *asker, *bob;

		start_router();
		asker = make_visitor(0);
		bob = make_visitor(view);
		set_name(bob, "bob");
		ask_for(asker, "@bob", "how are you", NULL);
		MUST(answer(bob, asked(bob, "@bob", "how are you"), "fine"));
		GETS(asker, "+OK fine\n");
		end_router();
	}
}
END_TEST

/* It is a line for it, like others. */
START_TEST(question_counts_for_who_is_asked)
{
	for (unsigned view = 0; view < NVIEWS; view++) {
		struct visitor *asker, *responder;
		const char *text;

		start_router();
		asker = make_visitor(0);
		responder = make_visitor(view);
		follow(responder, "a COUNT 1");
		ask_for(asker, "a", "x", NULL);
		settle();
		text = received(responder);
		MUST(strncmp(text, "REQ a ", 6) == 0);
		MUST(strcmp(strchr(text, '\n'), "\n! DONE a count\n") == 0);
		MUST(try_ask(asker, "a", "x", "t") == ASK_NOBODY);
		end_router();
	}
}
END_TEST

START_TEST(full_inbox_parks_who_asks)
{
	static char text[60000];
	struct visitor *asker, *responder;
	int n = 0;

	listener.queue = 16 << 20;
	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	follow(responder, "a");
	memset(text, 'x', sizeof text - 1);
	while (n < 1000 && try_ask(asker, "a", text, "tag") == ASK_OPEN)
		n++;
	MUST(n > 10 && n < 1000);
	MUST(asker->session->is_stalled);
	MUST(asker->session->nrequests == (unsigned)n);
	settle();
	TAILQ_REMOVE(&views[0].stalled, asker->session, stalled);
	asker->session->is_stalled = false;
	ask_for(asker, "a", "y", "tag");
	end_router();
}
END_TEST

/* ---- Time ------------------------------------------------------------------------- */

START_TEST(no_answer_in_time_is_the_end)
{
	for (unsigned view = 0; view < NVIEWS; view++) {
		struct visitor *asker, *responder;
		uint64_t number;

		start_router();
		asker = make_visitor(0);
		responder = make_visitor(view);
		follow(responder, "a");
		ask_for(asker, "a", "", NULL);
		number = asked(responder, "a", "");
		pass(4999);
		GETS(asker, "");
		pass(1);
		GETS(asker, "-ERR TIMEOUT no answer in time\n");
		must_be_over(asker);
		MUST(counted(STAT_REQUESTS_TIMED_OUT) == 1);
		/* Late. */
		MUST(!answer(responder, number, "x"));
		GETS(asker, "");
		end_router();
	}
}
END_TEST

START_TEST(each_client_has_its_own_patience)
{
	struct visitor *asker, *responder;

	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	follow(responder, "a");
	asker->session->timeout_ms = 30000;
	ask_for(asker, "a", "", "slow");
	asker->session->timeout_ms = 1;
	ask_for(asker, "a", "", "fast");
	settle();
	pass(1);
	GETS(asker, "#fast -ERR TIMEOUT no answer in time\n");
	pass(29999);
	GETS(asker, "#slow -ERR TIMEOUT no answer in time\n");
	end_router();
}
END_TEST

START_TEST(answer_that_is_on_its_way_is_waited_for)
{
	struct visitor *asker, *responder;
	uint64_t number;

	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	follow(responder, "a");
	ask_for(asker, "a", "", NULL);
	number = asked(responder, "a", "");
	MUST(answer(responder, number, "just in time"));
	pass(5000);
	MUST(asker->session->nrequests == 1);
	GETS(asker, "+OK just in time\n");
	must_be_over(asker);
	pass(100000);
	GETS(asker, "");
	end_router();
}
END_TEST

/* The other handler had no memory for it. */
START_TEST(answer_that_is_lost_is_not_waited_for_forever)
{
	for (unsigned k = 1; k <= 2; k++) {
		struct visitor *asker, *responder;
		uint64_t number;

		start_router();
		asker = make_visitor(0);
		responder = make_visitor(1);
		follow(responder, "a");
		ask_for(asker, "a", "", NULL);
		number = asked(responder, "a", "");
		fault_set(FAULT_ALLOCATION, k, ENOMEM);
		MUST(answer(responder, number, "lost"));
		MUST(fault_clear());
		pass(5000);
		GETS(asker, "");
		pass(1000);
		GETS(asker, "-ERR TIMEOUT no answer in time\n");
		must_be_over(asker);
		end_router();
	}
}
END_TEST

/* ---- Who leaves ------------------------------------------------------------------- */

START_TEST(answer_to_who_has_left_is_dropped)
{
	for (unsigned view = 0; view < NVIEWS; view++) {
		struct visitor *asker, *responder;
		uint64_t before, late;

		start_router();
		asker = make_visitor(0);
		responder = make_visitor(view);
		follow(responder, "a");
		ask_for(asker, "a", "1", "one");
		before = asked(responder, "a", "1");
		ask_for(asker, "a", "2", "two");
		late = asked(responder, "a", "2");
		MUST(answer(responder, before, "x"));
		leave(asker);
		settle();
		MUST(!answer(responder, late, "x"));
		MUST(timers_next_ms(&views[0].timers, now_ms) == -1);
		end_router();
	}
}
END_TEST

START_TEST(question_of_who_has_left_still_arrives)
{
	struct visitor *asker, *responder;
	uint64_t number;

	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	follow(responder, "a");
	ask_for(asker, "a", "x", NULL);
	leave(asker);
	number = asked(responder, "a", "x");
	MUST(!answer(responder, number, "y"));
	end_router();
}
END_TEST

START_TEST(nobody_and_nobody_to_tell)
{
	struct visitor *asker, *responder;

	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	follow(responder, "a");
	ask_for(asker, "a", "x", NULL);
	leave(asker);
	leave(responder);
	settle();
	MUST(counted(STAT_LINES_DROPPED_GONE) == 1);
	end_router();
}
END_TEST

START_TEST(answer_for_another_who_took_its_place_is_dropped)
{
	struct visitor *asker, *responder, *successor;
	amy_id id;

	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	successor = make_visitor(0);
	follow(responder, "a");
	id = asker->session->id;
	ask_for(asker, "a", "x", NULL);
	MUST(answer(responder, asked(responder, "a", "x"), "y"));
	leave(asker);
	view_remove(&views[0], successor->session);
	successor->session->id = id + (1 << 24);
	MUST(view_add(&views[0], successor->session) == 0);
	GETS(successor, "");
	end_router();
}
END_TEST

START_TEST(responder_that_leaves_does_not_answer)
{
	struct visitor *asker, *responder;

	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	follow(responder, "a");
	ask_for(asker, "a", "x", NULL);
	asked(responder, "a", "x");
	leave(responder);
	GETS(asker, "");
	pass(5000);
	GETS(asker, "-ERR TIMEOUT no answer in time\n");
	end_router();
}
END_TEST

/* What was put aside for the end of the turn goes with the view. */
START_TEST(questions_that_nobody_read_go_with_the_view)
{
	struct visitor *asker, *responder;

	start_router();
	asker = make_visitor(0);
	responder = make_visitor(1);
	follow(responder, "a");
	ask_for(asker, "a", "x", NULL);
	router_read_inbox(&views[1]);
	MUST(!STAILQ_EMPTY(&views[1].asked));
	leave(asker);
	leave(responder);
	for (unsigned i = 0; i < NVIEWS; i++)
		router_view_fini(&views[i]);
	router_destroy(router);
	for (unsigned i = 0; i < NVIEWS; i++)
		record_pipe_close(&pipes[i]);
	MUST(fault_live_allocations() == live_allocations);
}
END_TEST

/* ---- No memory -------------------------------------------------------------------- */

/* All that are on their way to it; it may take several reads. */
static unsigned
count_finals(const struct visitor *visitor)
{
	const char *text, *lf;
	unsigned n = 0;

	settle();
	while (*(text = received(visitor)) != '\0') {
		for (; (lf = strchr(text, '\n')) != NULL; text = lf + 1)
			n++;
		MUST(*text == '\0');
		session_flush(visitor->session);
	}
	return n;
}

/*
 * A question, an answer, the end of the time: one allocation fails in it. There is one
 * final line, or it is said at once that there will be none; or the asker is dead.
 */
static void
ask_without_memory(unsigned view, const char *pattern, const char *subject, bool responder_leaves)
{
	unsigned k = 0;
	bool failed;

	do {
		struct visitor *asker, *responder;
		enum ask_result result;
		unsigned nfinals;
		uint64_t number;

		start_router();
		asker = make_visitor(0);
		responder = make_visitor(view);
		set_name(responder, "bob");
		follow(responder, pattern);
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		result = try_ask(asker, subject, "x", NULL);
		if (responder_leaves) {
			leave(responder);
			settle();
		} else {
			char name[64];

			settle();
			if (sscanf(received(responder), "REQ %63s %" SCNu64, name, &number) == 2)
				MUST(answer(responder, number, "y"));
		}
		failed = fault_clear();
		settle();
		pass(5000);
		settle();
		pass(1000);
		nfinals = count_finals(asker);
		if (asker->session->state != SESSION_DEAD)
			MUST(nfinals == (result == ASK_OPEN ? 1 : 0));
		MUST(asker->session->nrequests == 0);
		MUST(failed || result == ASK_OPEN);
		end_router();
	} while (failed);
	MUST(k > 2);
}

START_TEST(without_memory_there_is_one_final_line_or_none)
{
	ask_without_memory(0, "a", "a", false);
	ask_without_memory(1, "a", "a", false);
	ask_without_memory(1, "a GROUP g", "a", false);
	ask_without_memory(1, "a", "@bob", false);
}
END_TEST

START_TEST(without_memory_and_responder_there_is_one_final_line_or_none)
{
	ask_without_memory(1, "a", "a", true);
	ask_without_memory(1, "a GROUP g", "a", true);
	ask_without_memory(1, "a", "@bob", true);
}
END_TEST

/* ---- By chance -------------------------------------------------------------------- */

/* Whatever comes first, each request ends once, and after its time all have. */
START_TEST(every_request_ends_once)
{
	enum { NRESPONDERS = 4, MAX_OPEN = 64 };
	struct visitor *asker, *responders[NRESPONDERS];
	uint64_t numbers[NRESPONDERS][MAX_OPEN], seed = 11;
	unsigned nnumbers[NRESPONDERS] = { 0 }, nasked = 0, nfinals = 0;

	start_router();
	asker = make_visitor(0);
	for (unsigned i = 0; i < NRESPONDERS; i++)
		responders[i] = make_visitor(i % 2);
	for (int round = 0; round < 4000; round++) {
		unsigned i = random_below(&seed, NRESPONDERS);
		struct visitor *responder = responders[i];
		const char *text;

		switch (random_below(&seed, 8)) {
		case 0:
			if (responder->session->nsubscriptions == 0)
				follow(responder, i < 2 ? "a" : "a GROUP g");
			break;
		case 1:
			view_unfollow_all(responder->view, responder->session);
			break;
		case 2:
			pass(random_below(&seed, 500));
			break;
		case 3:
		case 4:
			nasked += try_ask(asker, "a", "x", "tag") == ASK_OPEN;
			break;
		case 5:
			read_inbox(&views[i % 2]);
			break;
		default:
			flush_dirty(responder->view);
			for (text = received(responder); *text != '\0';
			     text = strchr(text, '\n') + 1)
				MUST(sscanf(text, "REQ a %" SCNu64,
				            &numbers[i][nnumbers[i]++ % MAX_OPEN]) == 1);
			if (nnumbers[i] > 0)
				answer(responder, numbers[i][--nnumbers[i] % MAX_OPEN], "y");
		}
	}
	settle();
	pass(5000);
	settle();
	pass(1000);
	nfinals = count_finals(asker);
	MUST(nasked > 500);
	MUST(nfinals == nasked);
	MUST(counted(STAT_REQUESTS_ANSWERED) > 100);
	must_be_over(asker);
	end_router();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("ask",
	    question_is_answered,
	    answer_may_be_empty,
	    who_asks_waits_unless_it_has_a_tag,
	    answers_come_in_any_order,
	    only_who_was_asked_may_answer_and_once,
	    without_a_responder_there_is_nobody,
	    who_is_closing_is_not_asked,
	    responder_that_left_before_it_was_asked_is_replaced,
	    nobody_is_left_when_it_arrives,
	    responder_that_is_closing_when_it_arrives_is_replaced,
	    who_has_ended_its_input_is_not_asked,
	    those_who_cannot_answer_are_not_asked_for_ever,
	    followers_are_asked_in_turn,
	    member_with_the_least_load_is_asked,
	    client_is_asked_by_its_name,
	    question_counts_for_who_is_asked,
	    full_inbox_parks_who_asks,
	    no_answer_in_time_is_the_end,
	    each_client_has_its_own_patience,
	    answer_that_is_on_its_way_is_waited_for,
	    answer_that_is_lost_is_not_waited_for_forever,
	    answer_to_who_has_left_is_dropped,
	    question_of_who_has_left_still_arrives,
	    nobody_and_nobody_to_tell,
	    answer_for_another_who_took_its_place_is_dropped,
	    responder_that_leaves_does_not_answer,
	    questions_that_nobody_read_go_with_the_view,
	    without_memory_there_is_one_final_line_or_none,
	    without_memory_and_responder_there_is_one_final_line_or_none,
	    every_request_ends_once);
}
