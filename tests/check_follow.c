/* SPDX-License-Identifier: MIT */
/*
 * SUB, UNSUB and READ: what is stored, then the final line, then what comes.
 */
#include "two_handlers.h"

#include <sched.h>

#include "history.h"

static struct conf_history sections[] = {
	{ (char[]){ "log" }, (char[]){ "log.>" }, 1000, 64 << 20 },
	{ (char[]){ "few" }, (char[]){ "few.>" }, 5, 64 << 20 },
};

static void
start_with_history(void)
{
	conf.histories = sections;
	conf.nhistories = 2;
	start_router();
}

static enum follow_result
try_read(struct visitor *visitor, const char *arguments, const char *tag)
{
	struct protocol_follow query;

	MUST(protocol_parse_read(arguments, strlen(arguments), &query) == NULL);
	view_mark_dirty(visitor->view, visitor->session);
	return follow_read(visitor->view, visitor->session, &query, tag,
	                   tag == NULL ? 0 : strlen(tag));
}

static void
read_stored(struct visitor *visitor, const char *arguments)
{
	MUST(try_read(visitor, arguments, NULL) == FOLLOW_DONE);
}

/* Lines with the texts first to last. */
static void
pub_numbers(struct visitor *visitor, const char *subject, int first, int last)
{
	char text[16];

	for (int i = first; i <= last; i++) {
		snprintf(text, sizeof text, "%d", i);
		pub_stored(visitor, subject, text);
	}
}

/* "MSG log.a first\n" and so on, behind what is there. */
static void
expect_numbers(char *expected, const char *subject, int first, int last)
{
	for (int i = first; i <= last; i++)
		sprintf(expected + strlen(expected), "MSG %s %d\n", subject, i);
}

/* ---- SUB -------------------------------------------------------------------------- */

START_TEST(final_line_comes_before_what_is_live)
{
	struct protocol_follow wish = { .pattern = line_of("b") };
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	sub(visitor, "a");
	MUST(follow_subscribe(visitor->view, visitor->session, &wish, "t-1", 3, false) ==
	     FOLLOW_DONE);
	MUST(pub(visitor, "a", "x") == 1 && pub(visitor, "b", "x") == 1);
	GETS(visitor, "+OK\n#t-1 +OK\nMSG a x\nMSG b x\n");
	follow(visitor, "c");
	visitor->session->is_raw = true;
	sub(visitor, "d");
	GETS(visitor, "");
	MUST(visitor->session->nsubscriptions == 4);
	MUST(atomic_load(&visitor->session->client.nsubscriptions) == 4);
	end_router();
}
END_TEST

START_TEST(subscriptions_end_one_by_one_or_all)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	follow(visitor, "a");
	follow(visitor, "b GROUP g");
	MUST(unsub(visitor, "c") == 0);
	MUST(unsub(visitor, "a") == 1);
	MUST(unsub(visitor, "a") == 0);
	MUST(visitor->session->nsubscriptions == 1);
	follow(visitor, "d WITHIN 1s");
	MUST(view_unfollow_all(visitor->view, visitor->session) == 2);
	MUST(atomic_load(&visitor->session->client.nsubscriptions) == 0);
	MUST(pub(visitor, "b", "x") == 0);
	end_router();
}
END_TEST

START_TEST(second_of_a_pattern_replaces_the_first)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	follow(visitor, "a COUNT 1 WITHIN 1s");
	follow(visitor, "a GROUP g");
	follow(visitor, "a");
	MUST(visitor->session->nsubscriptions == 1);
	MUST(visitor->session->nbounded == 0);
	pass(1000);
	for (int i = 0; i < 3; i++)
		MUST(pub(visitor, "a", "x") == 1);
	GETS(visitor, "MSG a x\nMSG a x\nMSG a x\n");
	end_router();
}
END_TEST

START_TEST(no_more_are_followed_than_there_may_be)
{
	struct visitor *visitor;

	listener.max_subs = 3;
	start_router();
	visitor = make_visitor(0);
	follow(visitor, "a");
	follow(visitor, "b");
	follow(visitor, "c");
	MUST(try_sub(visitor, "d", true) == FOLLOW_LIMIT);
	MUST(visitor->session->nsubscriptions == 3);
	follow(visitor, "b COUNT 1"); /* in place of another one */
	MUST(pub(visitor, "b", "x") == 1);
	follow(visitor, "d");
	MUST(pub(visitor, "d", "x") == 1);
	end_router();
}
END_TEST

/* ---- Looking back ----------------------------------------------------------------- */

START_TEST(stored_lines_come_first)
{
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	pub_numbers(publisher, "log.a", 1, 9);
	pub_numbers(publisher, "few.a", 10, 11);
	sub(reader, "log.> LAST 2");
	pub_numbers(publisher, "log.a", 12, 12);
	GETS(reader, "MSG log.a 8\nMSG log.a 9\n+OK next=12 run=R\nMSG log.a 12\n");
	sub(reader, "> FROM 9");
	GETS(reader, "MSG log.a 9\nMSG few.a 10\nMSG few.a 11\nMSG log.a 12\n"
	             "+OK next=13 run=R\n");
	sub(reader, "log.* LAST 0");
	sub(reader, "log.a LAST 1000000");
	GETS(reader, "+OK next=13 run=R\n"
	             "MSG log.a 1\nMSG log.a 2\nMSG log.a 3\nMSG log.a 4\nMSG log.a 5\n"
	             "MSG log.a 6\nMSG log.a 7\nMSG log.a 8\nMSG log.a 9\nMSG log.a 12\n"
	             "+OK next=13 run=R\n");
	MUST(counted(STAT_LINES_REPLAYED) == 2 + 4 + 10);
	MUST(counted(STAT_LINES_MATCHED) == 1);
	end_router();
}
END_TEST

START_TEST(lines_since_a_time_come_first)
{
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	for (int i = 1; i <= 5; i++) {
		pub_numbers(publisher, "log.a", i, i);
		pass(60000);
	}
	sub(reader, "log.> SINCE 2m");
	GETS(reader, "MSG log.a 4\nMSG log.a 5\n+OK next=6 run=R\n");
	sub(reader, "log.> SINCE 0s");
	GETS(reader, "+OK next=6 run=R\n");
	end_router();
}
END_TEST

START_TEST(last_values_come_without_being_asked_for)
{
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	keep(publisher, "door.a", "open");
	keep(publisher, "door.b", "open");
	keep(publisher, "door.a", "shut");
	pub_stored(publisher, "log.a", "not kept");
	keep(publisher, "log.b", "kept");
	sub(reader, ">");
	GETS(reader, "MSG door.b open\nMSG door.a shut\nMSG log.b kept\n+OK\n");
	/* Those of a group would each get them. */
	sub(reader, "door.* GROUP g");
	GETS(reader, "+OK\n");
	/* Each line once. */
	sub(reader, "> LAST 2");
	GETS(reader, "MSG log.a not kept\nMSG log.b kept\n+OK next=6 run=R\n");
	sub(reader, "door.* LAST 1 GROUP g");
	GETS(reader, "MSG door.a shut\n+OK next=6 run=R\n");
	end_router();
}
END_TEST

START_TEST(stored_lines_come_as_the_session_wants_them)
{
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	set_name(publisher, "alice");
	pub_numbers(publisher, "log.a", 1, 2);
	reader->session->show = PROTOCOL_SHOW_SEQ | PROTOCOL_SHOW_FROM;
	sub(reader, "log.a LAST 1");
	GETS(reader, "MSG log.a 2 @alice 2\n+OK next=3 run=R\n");
	reader->session->is_raw = true;
	sub(reader, "log.a LAST 5 COUNT 1");
	read_stored(reader, "log.a LAST 1");
	GETS(reader, "1\n2\n");
	end_router();
}
END_TEST

START_TEST(stored_lines_count)
{
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	pub_numbers(publisher, "log.a", 1, 3);
	sub(reader, "log.a LAST 5 COUNT 5");
	MUST(reader->session->nbounded == 1);
	pub_numbers(publisher, "log.a", 4, 6);
	GETS(reader, "MSG log.a 1\nMSG log.a 2\nMSG log.a 3\n+OK next=4 run=R\n"
	             "MSG log.a 4\nMSG log.a 5\n! DONE log.a count\n");
	/* Enough is stored: it never goes live. */
	sub(reader, "log.a FROM 2 COUNT 3 WITHIN 1s");
	MUST(reader->session->nsubscriptions == 0);
	GETS(reader, "MSG log.a 2\nMSG log.a 3\nMSG log.a 4\n+OK next=7 run=R\n"
	             "! DONE log.a count\n");
	sub(reader, "log.a LAST 2 COUNT 2");
	GETS(reader, "MSG log.a 5\nMSG log.a 6\n+OK next=7 run=R\n! DONE log.a count\n");
	MUST(timers_next_ms(&views[1].timers, now_ms) == -1);
	/* Last values, too. */
	keep(publisher, "k", "v");
	sub(reader, "k COUNT 1");
	GETS(reader, "MSG k v\n+OK\n! DONE k count\n");
	end_router();
}
END_TEST

/* More than is made at once: the rest is made when the client has room for it. */
START_TEST(many_stored_lines_come_before_what_is_live)
{
	static char expected[1 << 16];
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	pub_numbers(publisher, "log.a", 1, 500);
	fill(reader->session->fd);
	sub(reader, "log.a LAST 400");
	MUST(output_has_source(&reader->session->output));
	MUST(!session_wants_input(reader->session));
	pub_numbers(publisher, "log.a", 501, 600);
	settle();
	drain(reader->fd);
	for (int i = 0; i < 100 && session_has_output(reader->session); i++) {
		session_flush(reader->session);
		strcat(expected + 32768, received(reader));
	hide_run(expected + 32768);
	}
	expect_numbers(expected, "log.a", 101, 500);
	strcat(expected, "+OK next=501 run=R\n");
	expect_numbers(expected, "log.a", 501, 600);
	MUST(strlen(expected) < 32768);
	MUST(strcmp(expected + 32768, expected) == 0);
	MUST(session_wants_input(reader->session));
	end_router();
}
END_TEST

START_TEST(subscription_may_end_before_its_stored_lines_came)
{
	static char expected[1 << 15];
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	pub_numbers(publisher, "log.a", 1, 300);
	fill(reader->session->fd);
	sub(reader, "log.a LAST 300 WITHIN 1s");
	pass(1000);
	MUST(reader->session->nsubscriptions == 0);
	MUST(output_has_source(&reader->session->output));
	drain(reader->fd);
	expect_numbers(expected, "log.a", 1, 300);
	strcat(expected, "+OK next=301 run=R\n! DONE log.a timeout\n");
	GETS(reader, expected);
	end_router();
}
END_TEST

/* The client was too slow for them. */
START_TEST(what_was_forgotten_in_the_meantime_is_a_gap)
{
	unsigned long long n, first = 0, last;
	struct visitor *publisher, *reader;
	const char *text;

	sections[0].lines = 500;
	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	pub_numbers(publisher, "log.a", 1, 500);
	reader->session->show = PROTOCOL_SHOW_SEQ;
	fill(reader->session->fd);
	sub(reader, "log.a LAST 500 COUNT 501");
	MUST(output_has_source(&reader->session->output));
	pub_numbers(publisher, "log.a", 501, 800);
	drain(reader->fd);
	settle();
	session_flush(reader->session);
	text = received(reader);
	for (uint64_t i = 1; *text != '!'; i++) {
		MUST(sscanf(text, "MSG log.a %llu", &n) == 1 && n == i);
		text = strchr(text, '\n') + 1;
		first = n;
	}
	MUST(sscanf(text, "! DROPPED %llu pat=log.a seq=%llu-%llu\nMSG log.a %*u", &n, &last,
	            &last) == 3);
	MUST(last == 300 && n == 300 - first);
	hide_run((char *)text);
	text = strstr(text, "MSG log.a 301 ");
	MUST(text != NULL);
	text = strstr(text, "MSG log.a 500 500\n+OK next=501 run=R\nMSG log.a 501 501\n! DONE log.a count\n");
	MUST(text != NULL);
	end_router();
}
END_TEST

/* It is in the inbox for the old one; the new one has it from history. */
START_TEST(line_on_its_way_comes_before_what_is_asked_for_again)
{
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	follow(reader, "log.a");
	pub_numbers(publisher, "log.a", 1, 3);
	sub(reader, "log.a LAST 2");
	pub_numbers(publisher, "log.a", 4, 4);
	GETS(reader, "MSG log.a 1\nMSG log.a 2\nMSG log.a 3\n"
	             "MSG log.a 2\nMSG log.a 3\n+OK next=4 run=R\nMSG log.a 4\n");
	MUST(counted(STAT_LINES_DROPPED_ENDED) == 0);
	end_router();
}
END_TEST

START_TEST(who_follows_again_misses_nothing)
{
	static const char *const before[] = { "a", "a COUNT 9", "a GROUP g", "a WITHIN 1h" };
	static const char *const after[] = { "a", "a COUNT 4", "a GROUP h", "a WITHIN 1h" };

	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 4; j++) {
			struct visitor *publisher, *reader;

			start_router();
			publisher = make_visitor(0);
			reader = make_visitor(1);
			follow(reader, before[i]);
			for (int n = 0; n < 3; n++)
				pub(publisher, "a", "x");
			sub(reader, after[j]);
			pub(publisher, "a", "x");
			settle();
			MUST(counted(STAT_LINES_DELIVERED) == 4);
			MUST(counted(STAT_LINES_DROPPED_ENDED) == 0);
			MUST(reader->session->nsubscriptions == (j == 1 ? 0 : 1));
			MUST(reader->session->nbounded == (j == 3 ? 1 : 0));
			received(reader);
			end_router();
		}
}
END_TEST

START_TEST(line_that_was_on_its_way_before_is_not_doubled)
{
	struct visitor *publisher, *reader, *other;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	other = make_visitor(1);
	follow(other, ">");
	pub_numbers(publisher, "log.a", 1, 3);
	sub(reader, "log.a FROM 2");
	GETS(reader, "MSG log.a 2\nMSG log.a 3\n+OK next=4 run=R\n");
	GETS(other, "MSG log.a 1\nMSG log.a 2\nMSG log.a 3\n");
	end_router();
}
END_TEST

/* ---- READ ------------------------------------------------------------------------- */

START_TEST(stored_lines_are_read)
{
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	read_stored(reader, "log.>");
	GETS(reader, "+OK 0 next=1 run=R\n");
	pub_numbers(publisher, "log.a", 1, 4);
	keep(publisher, "k", "v");
	read_stored(reader, "log.>");
	GETS(reader, "MSG log.a 1\nMSG log.a 2\nMSG log.a 3\nMSG log.a 4\n+OK 4 next=6 run=R\n");
	read_stored(reader, "> LAST 2");
	GETS(reader, "MSG log.a 4\nMSG k v\n+OK 2 next=6 run=R\n");
	read_stored(reader, "> FROM 2 TO 3");
	GETS(reader, "MSG log.a 2\nMSG log.a 3\n+OK 2 next=4 run=R\n");
	read_stored(reader, "> FROM 5 TO 100");
	GETS(reader, "MSG k v\n+OK 1 next=6 run=R\n");
	read_stored(reader, "> FROM 6");
	GETS(reader, "+OK 0 next=6 run=R\n");
	MUST(try_read(reader, "k", "tag") == FOLLOW_DONE);
	GETS(reader, "MSG k v\n#tag +OK 1 next=6 run=R\n");
	/* Nothing is followed. */
	MUST(reader->session->nsubscriptions == 0);
	MUST(pub(publisher, "log.a", "5") == 0);
	end_router();
}
END_TEST

START_TEST(reader_is_told_what_was_forgotten)
{
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	pub_numbers(publisher, "few.a", 1, 12);
	read_stored(reader, "few.a FROM 10");
	GETS(reader, "MSG few.a 10\nMSG few.a 11\nMSG few.a 12\n+OK 3 next=13 run=R\n");
	read_stored(reader, "few.a FROM 3 TO 8");
	GETS(reader, "MSG few.a 8\n+OK 1 next=9 run=R oldest=8\n");
	end_router();
}
END_TEST

START_TEST(who_follows_again_is_told_what_was_forgotten)
{
	struct visitor *publisher, *reader;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	pub_numbers(publisher, "few.a", 1, 12);
	sub(reader, "few.a FROM 11");
	GETS(reader, "MSG few.a 11\nMSG few.a 12\n+OK next=13 run=R\n");
	sub(reader, "few.a FROM 7");
	GETS(reader, "MSG few.a 8\nMSG few.a 9\nMSG few.a 10\nMSG few.a 11\nMSG few.a 12\n"
	             "+OK next=13 run=R oldest=8\n");
	end_router();
}
END_TEST

/* After a restart, the numbers that a client remembers are those of other lines. */
START_TEST(who_follows_from_a_number_of_another_run_gets_all)
{
	struct visitor *publisher, *reader;
	char arguments[64];

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	pub_numbers(publisher, "log.a", 1, 2);
	snprintf(arguments, sizeof arguments, "log.a FROM 2 RUN %s", history_run(router->history));
	sub(reader, arguments);
	GETS(reader, "MSG log.a 2\n+OK next=3 run=R\n");
	sub(reader, "log.a FROM 2 RUN k3");
	GETS(reader, "! RENUMBERED next=3 run=R\nMSG log.a 1\nMSG log.a 2\n+OK next=3 run=R\n");
	read_stored(reader, "log.a FROM 4");
	GETS(reader, "! RENUMBERED next=3 run=R\nMSG log.a 1\nMSG log.a 2\n+OK 2 next=3 run=R\n");
	/* Not in front of other lines that wait already, but of its own. */
	fill(reader->session->fd);
	sub(reader, "log.a FROM 833 GROUP g COUNT 3");
	pub_numbers(publisher, "log.a", 3, 3);
	drain(reader->fd);
	GETS(reader, "! RENUMBERED next=3 run=R\nMSG log.a 1\nMSG log.a 2\n+OK next=3 run=R\n"
	             "MSG log.a 3\n! DONE log.a count\n");
	end_router();
}
END_TEST

START_TEST(reading_goes_on_from_where_it_ended)
{
	static char expected[1 << 16], got[1 << 16];
	struct visitor *publisher, *reader;
	uint64_t next = 1;
	char arguments[64];

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	for (int round = 0; round < 5; round++) {
		const char *text, *final;

		pub_numbers(publisher, "log.a", round * 150 + 1, round * 150 + 150);
		snprintf(arguments, sizeof arguments, "log.> FROM %" PRIu64, next);
		read_stored(reader, arguments);
		settle();
		text = received(reader);
		final = strstr(text, "+OK ");
		MUST(final != NULL && sscanf(final, "+OK 150 next=%" SCNu64 "\n", &next) == 1);
		strncat(got, text, (size_t)(final - text));
	}
	expect_numbers(expected, "log.a", 1, 750);
	MUST(strcmp(got, expected) == 0);
	end_router();
}
END_TEST

/* ---- The end ---------------------------------------------------------------------- */

START_TEST(stored_lines_go_with_their_session)
{
	struct visitor *publisher, *reader, *cut, *closing;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	cut = make_visitor(1);
	closing = make_visitor(1);
	pub_numbers(publisher, "log.a", 1, 500);
	fill(reader->session->fd);
	fill(cut->session->fd);
	sub(reader, "log.a LAST 500");
	sub(cut, "log.a LAST 500");
	MUST(output_has_source(&reader->session->output));
	leave(reader);
	session_cut(cut->session, "test");
	MUST(!output_has_source(&cut->session->output));
	session_close(closing->session);
	MUST(try_sub(closing, "log.a LAST 1", false) != FOLLOW_DONE);
	MUST(try_read(closing, "log.a LAST 1", NULL) != FOLLOW_DONE);
	GETS(closing, "");
	end_router();
}
END_TEST

/* ---- No memory -------------------------------------------------------------------- */

static unsigned
count_of(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

/* It is followed, and said so; or neither; or the session is dead. */
static void
sub_without_memory(const char *before, const char *arguments, int nlines)
{
	unsigned k = 0, nrefused = 0;
	bool failed;

	do {
		struct visitor *publisher, *reader;
		enum follow_result result;

		start_with_history();
		publisher = make_visitor(0);
		reader = make_visitor(1);
		pub_numbers(publisher, "log.a", 1, nlines);
		if (before != NULL)
			follow(reader, before);
		settle();
		received(reader);
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		result = try_sub(reader, arguments, false);
		settle();
		failed = fault_clear();
		MUST(failed || result == FOLLOW_DONE);
		settle();
		if (session_is_following(reader->session)) {
			bool is_done = result == FOLLOW_DONE;

			MUST(is_done || result == FOLLOW_NO_MEMORY);
			MUST(reader->session->nsubscriptions <= 1);
			/* What it has followed before it may follow still, if nothing was done. */
			MUST(is_done || before != NULL || reader->session->nsubscriptions == 0);
			MUST(count_of(received(reader), "+OK") == (is_done ? 1 : 0));
		}
		nrefused += result == FOLLOW_NO_MEMORY;
		end_router();
	} while (failed);
	MUST(nrefused > 3);
}

START_TEST(without_memory_it_is_not_followed)
{
	sub_without_memory(NULL, "log.a", 0);
	sub_without_memory(NULL, "log.a LAST 10 WITHIN 1s", 20);
	sub_without_memory(NULL, "log.a LAST 500 COUNT 600 GROUP g", 500);
	sub_without_memory(NULL, "log.a LAST 500 COUNT 300", 500);
	sub_without_memory("log.a", "log.a LAST 500", 500);
}
END_TEST

START_TEST(without_memory_it_is_not_read)
{
	static const int nlines[] = { 0, 20, 500 };

	for (int i = 0; i < 3; i++) {
		unsigned k = 0, nrefused = 0;
		bool failed;

		do {
			struct visitor *publisher, *reader;
			enum follow_result result;

			start_with_history();
			publisher = make_visitor(0);
			reader = make_visitor(1);
			pub_numbers(publisher, "log.a", 1, nlines[i]);
			fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
			result = try_read(reader, "log.a", NULL);
			settle();
			failed = fault_clear();
			MUST(failed || result == FOLLOW_DONE);
			settle();
			if (session_is_following(reader->session))
				MUST(count_of(received(reader), "+OK ") ==
				     (result == FOLLOW_DONE ? 1 : 0));
			nrefused += result == FOLLOW_NO_MEMORY;
			end_router();
		} while (failed);
		MUST(nrefused > 1);
	}
}
END_TEST

/* ---- At full speed ---------------------------------------------------------------- */

enum { NLINES = 20000, NROUNDS = 200 };

static atomic_bool is_published;
static atomic_uint nrounds;

/* As long as somebody looks back, at least so many. */
static void *
publish_many(void *argument)
{
	struct visitor *publisher = argument;
	char text[16];
	uint64_t n = 0;

	while (n < NLINES || atomic_load(&nrounds) < NROUNDS) {
		struct router_receipt receipt;
		enum router_result result;

		snprintf(text, sizeof text, "%" PRIu64, n + 1);
		result = try_pub(publisher, "log.a", text, false, &receipt);
		if (result == ROUTER_DONE) {
			MUST(receipt.seq == ++n);
			continue;
		}
		MUST(result == ROUTER_STALLED);
		TAILQ_REMOVE(&publisher->view->stalled, publisher->session, stalled);
		publisher->session->is_stalled = false;
		sched_yield();
	}
	atomic_store(&is_published, true);
	return NULL;
}

/* All lines that it has got, from the first number on: one after the other. */
static void
must_go_on(struct visitor *reader, uint64_t *next)
{
	static char buffer[1 << 20];
	static size_t used;
	char *line = buffer, *lf;
	ssize_t n;

	n = read(reader->fd, buffer + used, sizeof buffer - 1 - used);
	if (n > 0)
		used += (size_t)n;
	buffer[used] = '\0';
	for (; (lf = strchr(line, '\n')) != NULL; line = lf + 1) {
		uint64_t seq, number;

		if (strncmp(line, "+OK", 3) == 0)
			continue;
		MUST(sscanf(line, "MSG log.a %" SCNu64 " %" SCNu64 "\n", &seq, &number) == 2);
		MUST(seq == number);
		if (*next != 0 && seq != *next)
			ck_abort_msg("%" PRIu64 ", not %" PRIu64, seq, *next);
		*next = seq + 1;
	}
	used -= (size_t)(line - buffer);
	memmove(buffer, line, used);
}

static uint64_t
head(void)
{
	uint64_t seq;

	history_lock(router->history);
	seq = history_head(router->history);
	history_unlock(router->history);
	return seq;
}

static void
take_turn(struct visitor *reader, uint64_t *next)
{
	router_read_inbox(reader->view);
	flush_dirty(reader->view);
	session_flush(reader->session);
	view_end_turn(reader->view);
	must_go_on(reader, next);
}

START_TEST(nothing_is_lost_or_doubled_between_history_and_live)
{
	struct visitor *publisher, *reader;
	pthread_t thread;
	uint64_t next;

	listener.queue = 256 << 20;
	sections[0].lines = 100000000;
	sections[0].bytes = (size_t)1 << 40;
	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	reader->session->show = PROTOCOL_SHOW_SEQ;
	thread = spawn(publish_many, publisher);
	for (unsigned round = 0; round < NROUNDS; round++) {
		uint64_t first = 0, now = head();

		/* From the last few on, few of which or all of which are made at once. */
		sub(reader, round % 3 == 0 ? "log.a LAST 300" : "log.> LAST 3");
		while (first < now + 20)
			take_turn(reader, &first);
		while (output_has_source(&reader->session->output))
			take_turn(reader, &first);
		view_unfollow_all(reader->view, reader->session);
		while (session_has_output(reader->session))
			take_turn(reader, &first);
		take_turn(reader, &first);
		atomic_fetch_add(&nrounds, 1);
	}
	/* To the end. */
	next = 0;
	sub(reader, "log.a LAST 10");
	while (!atomic_load(&is_published) || !inbox_is_empty(&router->inboxes[1]) ||
	       session_has_output(reader->session))
		take_turn(reader, &next);
	take_turn(reader, &next);
	join(thread);
	MUST(next == head() + 1);
	end_router();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("follow",
	    final_line_comes_before_what_is_live,
	    subscriptions_end_one_by_one_or_all,
	    second_of_a_pattern_replaces_the_first,
	    no_more_are_followed_than_there_may_be,
	    stored_lines_come_first,
	    lines_since_a_time_come_first,
	    last_values_come_without_being_asked_for,
	    stored_lines_come_as_the_session_wants_them,
	    stored_lines_count,
	    many_stored_lines_come_before_what_is_live,
	    subscription_may_end_before_its_stored_lines_came,
	    what_was_forgotten_in_the_meantime_is_a_gap,
	    line_on_its_way_comes_before_what_is_asked_for_again,
	    who_follows_again_misses_nothing,
	    line_that_was_on_its_way_before_is_not_doubled,
	    stored_lines_are_read,
	    reader_is_told_what_was_forgotten,
	    who_follows_again_is_told_what_was_forgotten,
	    who_follows_from_a_number_of_another_run_gets_all,
	    reading_goes_on_from_where_it_ended,
	    stored_lines_go_with_their_session,
	    without_memory_it_is_not_followed,
	    without_memory_it_is_not_read,
	    nothing_is_lost_or_doubled_between_history_and_live);
}
