/* SPDX-License-Identifier: MIT */
/*
 * What one handler has: its sessions, their subscriptions, and how lines get to them.
 */
#include <malloc.h>

#include "bound.h"
#include "two_handlers.h"

static struct subscription *
find(const struct visitor *visitor, const char *pattern)
{
	return subscriptions_find(router->subscriptions, visitor->session->id, pattern,
	                          strlen(pattern));
}

/* The session as a member of nothing, as who a line is for by its name. */
static struct subscriber
by_name(const struct visitor *visitor)
{
	return (struct subscriber){ .handler = visitor->view->handler,
		                    .session = visitor->session->id };
}

/* ---- Memory --------------------------------------------------------------------------- */

/* What malloc(3) has given; 0 where a sanitizer stands in for it. */
static size_t
heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* The longest pattern, of as many tokens as there may be, which it has for itself. */
static void
follow_for_long(struct view *view, struct session *session, unsigned number)
{
	char pattern[SUBJECT_MAX_BYTES + 1];
	struct view_follow follow = { .pattern = { pattern, 0 }, .within_ms = 1000000 };

	for (unsigned i = 0; i < SUBJECT_MAX_TOKENS; i++)
		follow.pattern.nbytes +=
		    (size_t)sprintf(pattern + follow.pattern.nbytes, "%s%015u",
		                    i == 0 ? "" : ".", number);
	MUST(follow.pattern.nbytes == SUBJECT_MAX_BYTES);
	MUST(view_follow(view, session, &follow) != NULL);
}

START_TEST(subscription_takes_no_more_memory_than_is_said_at_start)
{
	enum { N = 10000 };
	size_t before, after;
	struct session *session;

	start_router();
	session = make_visitor(0)->session;
	before = heap_bytes();
	for (unsigned i = 0; i < N; i++)
		follow_for_long(&views[0], session, i);
	after = heap_bytes();
	fprintf(stderr, "# a subscription took %zu bytes\n", (after - before) / N);
	MUST(after - before <= (size_t)N * BOUND_SUBSCRIPTION_BYTES);
	end_router();
}
END_TEST

/* ---- Sessions --------------------------------------------------------------------- */

START_TEST(session_is_found_by_its_id)
{
	struct visitor *one, *other;

	start_router();
	one = make_visitor(0);
	other = make_visitor(1);
	MUST(view_find(&views[0], one->session->id) == one->session);
	MUST(view_find(&views[1], one->session->id) == NULL);
	MUST(view_find(&views[1], other->session->id) == other->session);
	/* One that had its place before, one that will, and those that nobody has. */
	MUST(view_find(&views[0], one->session->id - (1 << 24)) == NULL);
	MUST(view_find(&views[0], one->session->id + (1 << 24)) == NULL);
	MUST(view_find(&views[0], one->session->id + 1) == NULL);
	MUST(view_find(&views[0], 0xffffff) == NULL);
	MUST(views[0].nsessions == 1);
	end_router();
}
END_TEST

START_TEST(removed_session_is_not_found)
{
	struct visitor *visitor;
	amy_id id;

	start_router();
	visitor = make_visitor(0);
	id = visitor->session->id;
	follow(visitor, "a");
	view_mark_dirty(&views[0], visitor->session);
	leave(visitor);
	MUST(view_find(&views[0], id) == NULL);
	MUST(TAILQ_EMPTY(&views[0].dirty));
	MUST(views[0].nsessions == 0);
	MUST(counted(STAT_CLIENTS_ACCEPTED) == 1);
	MUST(counted(STAT_CLIENTS_CLOSED) == 1);
	end_router();
}
END_TEST

START_TEST(view_grows_with_its_sessions)
{
	struct visitor *low, *high;

	start_router();
	low = make_visitor(0);
	high = make_visitor(0);
	view_remove(&views[0], high->session);
	high->session->id = (uint64_t)1 << 24 | 5000;
	MUST(view_add(&views[0], high->session) == 0);
	MUST(view_find(&views[0], high->session->id) == high->session);
	MUST(view_find(&views[0], low->session->id) == low->session);
	MUST(view_find(&views[0], (uint64_t)1 << 24 | 4999) == NULL);
	end_router();
}
END_TEST

START_TEST(without_memory_a_session_stays_the_callers)
{
	struct visitor *visitor;
	unsigned k = 0;
	int result;

	start_router();
	visitor = make_visitor(0);
	view_remove(&views[0], visitor->session);
	visitor->session->id = (uint64_t)1 << 24 | 5000;
	do {
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		result = view_add(&views[0], visitor->session);
		MUST(fault_clear() == (result == -1));
		MUST(views[0].nsessions == (result == 0 ? 1 : 0));
		MUST((view_find(&views[0], visitor->session->id) == NULL) == (result == -1));
		MUST(clients_count(router->clients) == (result == 0 ? 1 : 0));
	} while (result == -1);
	MUST(k > 1);
	end_router();
}
END_TEST

START_TEST(session_is_dirty_once)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	view_mark_dirty(&views[0], visitor->session);
	view_mark_dirty(&views[0], visitor->session);
	MUST(visitor->session->is_dirty);
	MUST(TAILQ_FIRST(&views[0].dirty) == visitor->session);
	MUST(TAILQ_NEXT(visitor->session, dirty) == NULL);
	end_router();
}
END_TEST

/* ---- Places of subscriptions ------------------------------------------------------ */

START_TEST(place_is_used_again_with_another_serial)
{
	struct subscription_ref first, second;
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	follow(visitor, "a");
	first = find(visitor, "a")->who.ref;
	MUST(first.serial != 0);
	MUST(view_subscription(&views[0], first) == find(visitor, "a"));
	MUST(unsub(visitor, "a") == 1);
	MUST(view_subscription(&views[0], first) == NULL);
	follow(visitor, "b");
	second = find(visitor, "b")->who.ref;
	MUST(second.slot == first.slot && second.serial != first.serial);
	MUST(view_subscription(&views[0], first) == NULL);
	MUST(view_subscription(&views[0], second) == find(visitor, "b"));
	end_router();
}
END_TEST

START_TEST(unknown_places_have_no_subscription)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	MUST(view_subscription(&views[0], (struct subscription_ref){ 0, 1 }) == NULL);
	follow(visitor, "a");
	MUST(view_subscription(&views[0], (struct subscription_ref){ 0, 0 }) == NULL);
	MUST(view_subscription(&views[0], (struct subscription_ref){ 1, 1 }) == NULL);
	MUST(view_subscription(&views[0], (struct subscription_ref){ UINT32_MAX, 1 }) == NULL);
	MUST(view_subscription(&views[1], find(visitor, "a")->who.ref) == NULL);
	end_router();
}
END_TEST

START_TEST(serial_is_never_0)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	views[0].last_serial = UINT32_MAX - 1;
	follow(visitor, "a");
	follow(visitor, "b");
	MUST(find(visitor, "a")->who.ref.serial == UINT32_MAX);
	MUST(find(visitor, "b")->who.ref.serial == 1);
	MUST(pub(visitor, "b", "x") == 1);
	GETS(visitor, "MSG b x\n");
	end_router();
}
END_TEST

/* Places are taken, given back and taken again, in no order; each knows whose it is. */
START_TEST(many_places_are_not_mixed_up)
{
	enum { N = 300 };
	bool is_followed[N] = { false };
	struct visitor *visitor;
	uint64_t seed = 1;
	char pattern[16];

	start_router();
	visitor = make_visitor(0);
	for (int round = 0; round < 5000; round++) {
		uint32_t i = random_below(&seed, N);
		struct subscription *sub;

		snprintf(pattern, sizeof pattern, "s.%u", i);
		if (is_followed[i])
			MUST(unsub(visitor, pattern) == 1);
		else
			follow(visitor, pattern);
		is_followed[i] = !is_followed[i];
		sub = find(visitor, pattern);
		MUST((sub != NULL) == is_followed[i]);
		MUST(sub == NULL || view_subscription(&views[0], sub->who.ref) == sub);
	}
	MUST(views[0].nsubscription_slots < 2 * N);
	for (uint32_t i = 0; i < N; i++) {
		char expected[32];

		snprintf(pattern, sizeof pattern, "s.%u", i);
		snprintf(expected, sizeof expected, "MSG s.%u x\n", i);
		MUST(pub(visitor, pattern, "x") == (is_followed[i] ? 1 : 0));
		GETS(visitor, is_followed[i] ? expected : "");
	}
	end_router();
}
END_TEST

START_TEST(without_memory_nothing_is_followed)
{
	unsigned k = 0;
	bool failed;

	do {
		struct subscription *sub;
		struct visitor *visitor;
		struct view_follow wish = {
			.pattern = line_of("a.b.*.>"),
			.group = line_of("g"),
			.count = 5,
			.within_ms = 1000,
		};

		start_router();
		visitor = make_visitor(0);
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		sub = view_follow(&views[0], visitor->session, &wish);
		failed = fault_clear();
		MUST(failed == (sub == NULL));
		MUST(visitor->session->nsubscriptions == (failed ? 0 : 1));
		MUST(visitor->session->nbounded == (failed ? 0 : 1));
		MUST(LIST_EMPTY(&visitor->session->subscriptions) == failed);
		MUST(subscriptions_count(router->subscriptions) == (failed ? 0 : 1));
		/* And then it works. */
		if (failed)
			MUST(view_follow(&views[0], visitor->session, &wish) != NULL);
		MUST(pub(visitor, "a.b.c.d", "x") == 1);
		GETS(visitor, "MSG a.b.c.d x\n");
		end_router();
	} while (failed);
	MUST(k > 6);
}
END_TEST

/* ---- COUNT and WITHIN ------------------------------------------------------------- */

START_TEST(count_ends_after_so_many_lines)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	sub(visitor, "a.> COUNT 2");
	MUST(visitor->session->nbounded == 1);
	MUST(pub(visitor, "a.b", "1") == 1);
	MUST(pub(visitor, "x", "not counted") == 0);
	MUST(visitor->session->nsubscriptions == 1);
	MUST(pub(visitor, "a.c", "2") == 1);
	MUST(visitor->session->nsubscriptions == 0);
	MUST(visitor->session->nbounded == 0);
	MUST(pub(visitor, "a.b", "3") == 0);
	GETS(visitor, "+OK\nMSG a.b 1\nMSG a.c 2\n! DONE a.> count\n");
	end_router();
}
END_TEST

/* It may have been sent more while it could not look. */
START_TEST(count_is_kept_across_handlers)
{
	struct visitor *publisher, *there;

	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	sub(there, "a COUNT 2");
	for (int i = 0; i < 5; i++)
		MUST(pub(publisher, "a", "x") == 1);
	GETS(there, "+OK\nMSG a x\nMSG a x\n! DONE a count\n");
	MUST(counted(STAT_LINES_DROPPED_ENDED) == 3);
	MUST(pub(publisher, "a", "x") == 0);
	end_router();
}
END_TEST

START_TEST(every_pattern_counts_for_itself)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	follow(visitor, "a.* COUNT 1");
	follow(visitor, "a.> COUNT 3");
	follow(visitor, "*.b");
	for (int i = 0; i < 4; i++)
		MUST(pub(visitor, "a.b", "x") == 1);
	settle();
	GETS(visitor, "MSG a.b x\n! DONE a.* count\nMSG a.b x\nMSG a.b x\n! DONE a.> count\n"
	              "MSG a.b x\n");
	MUST(visitor->session->nsubscriptions == 1);
	end_router();
}
END_TEST

START_TEST(within_ends_in_time)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(1);
	sub(visitor, "a WITHIN 10s");
	MUST(timers_next_ms(&views[1].timers, now_ms) == 10000);
	MUST(pub(visitor, "a", "1") == 1);
	pass(9999);
	MUST(pub(visitor, "a", "2") == 1);
	GETS(visitor, "+OK\nMSG a 1\nMSG a 2\n");
	pass(1);
	MUST(visitor->session->is_dirty);
	GETS(visitor, "! DONE a timeout\n");
	MUST(pub(visitor, "a", "3") == 0);
	MUST(visitor->session->nsubscriptions == 0);
	pass(100000);
	GETS(visitor, "");
	end_router();
}
END_TEST

START_TEST(first_of_count_and_within_ends_it)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	follow(visitor, "a COUNT 1 WITHIN 10s");
	follow(visitor, "b WITHIN 10s COUNT 1");
	MUST(visitor->session->nbounded == 2);
	MUST(pub(visitor, "a", "x") == 1);
	MUST(timers_next_ms(&views[0].timers, now_ms) == 10000);
	pass(10000);
	MUST(pub(visitor, "b", "x") == 0);
	GETS(visitor, "MSG a x\n! DONE a count\n! DONE b timeout\n");
	MUST(visitor->session->nbounded == 0);
	end_router();
}
END_TEST

START_TEST(timer_goes_with_its_subscription)
{
	struct visitor *visitor, *gone;

	start_router();
	visitor = make_visitor(0);
	gone = make_visitor(0);
	follow(visitor, "a WITHIN 10s");
	follow(visitor, "b WITHIN 20s");
	follow(gone, "a WITHIN 10s");
	leave(gone);
	MUST(unsub(visitor, "a") == 1);
	MUST(timers_next_ms(&views[0].timers, now_ms) == 20000);
	/* Another one in its place has another time. */
	follow(visitor, "b WITHIN 30s");
	pass(20000);
	GETS(visitor, "");
	pass(10000);
	GETS(visitor, "! DONE b timeout\n");
	end_router();
}
END_TEST

START_TEST(those_without_bound_end_and_the_others_go_on)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	follow(visitor, "a");
	follow(visitor, "b COUNT 1");
	follow(visitor, "c");
	follow(visitor, "d WITHIN 1s");
	follow(visitor, "e GROUP g");
	view_unfollow_unbounded(&views[0], visitor->session);
	MUST(visitor->session->nsubscriptions == 2);
	MUST(pub(visitor, "a", "x") == 0 && pub(visitor, "c", "x") == 0);
	MUST(pub(visitor, "e", "x") == 0);
	MUST(pub(visitor, "b", "x") == 1 && pub(visitor, "d", "x") == 1);
	MUST(view_unfollow_all(&views[0], visitor->session) == 1);
	MUST(view_unfollow_all(&views[0], visitor->session) == 0);
	end_router();
}
END_TEST

/* ---- Deliveries ------------------------------------------------------------------- */

START_TEST(session_gets_a_line_once_however_many_patterns_match)
{
	static const char *const patterns[] = { "a.b", "a.*", "*.b", ">" };
	struct visitor *publisher, *here, *there;

	start_router();
	publisher = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	for (int i = 0; i < 4; i++) {
		follow(here, patterns[i]);
		follow(there, patterns[i]);
	}
	MUST(pub(publisher, "a.b", "x") == 2);
	GETS(here, "MSG a.b x\n");
	GETS(there, "MSG a.b x\n");
	MUST(counted(STAT_LINES_MATCHED) == 2);
	/* By whichever is left. */
	MUST(pub(publisher, "a.b", "y") == 2);
	MUST(unsub(there, "a.b") == 1 && unsub(there, ">") == 1);
	GETS(there, "MSG a.b y\n");
	end_router();
}
END_TEST

START_TEST(subscription_that_ended_before_is_counted)
{
	struct visitor *publisher, *there;

	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(there, "a");
	follow(there, "*");
	MUST(pub(publisher, "a", "x") == 1);
	MUST(view_unfollow_all(&views[1], there->session) == 2);
	/* The same patterns again are others. */
	follow(there, "a");
	GETS(there, "");
	MUST(counted(STAT_LINES_MATCHED) == 1);
	MUST(counted(STAT_LINES_DROPPED_ENDED) == 1);
	end_router();
}
END_TEST

START_TEST(session_that_is_gone_is_counted)
{
	struct visitor *publisher, *gone, *there;

	start_router();
	publisher = make_visitor(0);
	gone = make_visitor(1);
	there = make_visitor(1);
	follow(gone, "a");
	follow(gone, "*");
	follow(there, "a");
	MUST(pub(publisher, "a", "x") == 2);
	leave(gone);
	GETS(there, "MSG a x\n");
	MUST(counted(STAT_LINES_MATCHED) == 2);
	MUST(counted(STAT_LINES_DROPPED_GONE) == 1);
	MUST(pub(publisher, "a", "y") == 1);
	end_router();
}
END_TEST

START_TEST(who_takes_a_place_does_not_get_what_was_for_another)
{
	struct visitor *publisher, *gone, *successor;
	amy_id id;

	start_router();
	publisher = make_visitor(0);
	gone = make_visitor(1);
	successor = make_visitor(1);
	id = gone->session->id;
	follow(gone, "a");
	MUST(pub(publisher, "a", "x") == 1);
	leave(gone);
	view_remove(&views[1], successor->session);
	successor->session->id = id + (1 << 24);
	MUST(view_add(&views[1], successor->session) == 0);
	follow(successor, "a");
	GETS(successor, "");
	MUST(counted(STAT_LINES_DROPPED_GONE) == 1);
	end_router();
}
END_TEST

/* Between its last word and the end of the turn. */
START_TEST(session_that_is_closing_loses_its_lines)
{
	struct visitor *publisher, *here, *there;

	start_router();
	publisher = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	follow(here, "a");
	follow(there, "a");
	session_close(here->session);
	session_close(there->session);
	pub(publisher, "a", "x");
	settle();
	GETS(here, "");
	GETS(there, "");
	MUST(counted(STAT_LINES_DELIVERED) == 0);
	end_router();
}
END_TEST

START_TEST(lines_that_wait_for_who_leaves_are_counted)
{
	struct visitor *publisher, *slow;

	start_router();
	publisher = make_visitor(0);
	slow = make_visitor(0);
	follow(slow, "a");
	fill(slow->session->fd);
	for (int i = 0; i < 7; i++)
		MUST(pub(publisher, "a", "x") == 1);
	settle();
	MUST(counted(STAT_LINES_QUEUED) == 7);
	must_add_up();
	leave(slow);
	MUST(counted(STAT_LINES_QUEUED) == 0);
	MUST(counted(STAT_LINES_DROPPED_GONE) == 7);
	end_router();
}
END_TEST

START_TEST(publisher_does_not_get_its_own_line_unless_it_wants_it)
{
	struct visitor *one, *other;

	start_router();
	one = make_visitor(0);
	other = make_visitor(0);
	follow(one, "a");
	follow(one, "*");
	follow(other, "a");
	MUST(pub(one, "a", "1") == 2);
	one->session->no_echo = true;
	MUST(pub(one, "a", "2") == 1);
	MUST(pub(other, "a", "3") == 2);
	GETS(one, "MSG a 1\nMSG a 3\n");
	GETS(other, "MSG a 1\nMSG a 2\nMSG a 3\n");
	MUST(counted(STAT_LINES_MATCHED) == 5);
	end_router();
}
END_TEST

START_TEST(own_line_that_is_not_wanted_is_not_counted_down)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(0);
	visitor->session->no_echo = true;
	follow(visitor, "a COUNT 1");
	MUST(pub(visitor, "a", "x") == 0);
	MUST(visitor->session->nsubscriptions == 1);
	GETS(visitor, "");
	end_router();
}
END_TEST

START_TEST(line_to_one_session_goes_by_subscription_or_by_name)
{
	struct publication line = {
		.subject = line_of("a"), .text = line_of("x"), .from = line_of("-")
	};
	struct visitor *visitor;
	struct subscriber to;

	start_router();
	visitor = make_visitor(0);
	follow(visitor, "a COUNT 1");
	to = find(visitor, "a")->who;
	MUST(view_deliver_to(&views[0], &line, &to));
	/* That was the last. */
	MUST(!view_deliver_to(&views[0], &line, &to));
	to = by_name(visitor);
	MUST(view_deliver_to(&views[0], &line, &to));
	GETS(visitor, "MSG a x\n! DONE a count\nMSG a x\n");
	MUST(counted(STAT_LINES_MATCHED) == 2);
	session_close(visitor->session);
	MUST(!view_deliver_to(&views[0], &line, &to));
	leave(visitor);
	MUST(!view_deliver_to(&views[0], &line, &to));
	MUST(counted(STAT_LINES_MATCHED) == 2);
	end_router();
}
END_TEST

/* ---- As each wants to see it ------------------------------------------------------ */

static struct conf_history history = { (char[]){ "all" }, (char[]){ "log.>" }, 1000, 1 << 20 };

START_TEST(each_sees_a_line_in_the_way_it_wants)
{
	static const char *const expected[] = {
		"MSG log.a text\n",
		"MSG log.a 1 text\n",
		"MSG log.a 1970-01-02T00:00:00.123Z text\n",
		"MSG log.a 1 1970-01-02T00:00:00.123Z text\n",
		"MSG log.a @alice text\n",
		"MSG log.a 1 @alice text\n",
		"MSG log.a 1970-01-02T00:00:00.123Z @alice text\n",
		"MSG log.a 1 1970-01-02T00:00:00.123Z @alice text\n",
		"text\n",
	};
	struct visitor *publisher, *reader[2][9];

	conf.histories = &history;
	conf.nhistories = 1;
	start_router();
	publisher = make_visitor(0);
	set_name(publisher, "alice");
	/* On one handler the lines are made for each of them; on the other for some. */
	for (unsigned i = 0; i < 9; i++) {
		reader[0][i] = make_visitor(0);
		reader[0][i]->session->show = (unsigned char)(i % 8);
		reader[0][i]->session->is_raw = i == 8;
		follow(reader[0][i], "log.>");
	}
	for (unsigned i = 0; i < 3; i++) {
		reader[1][i] = make_visitor(1);
		reader[1][i]->session->show = (unsigned char)(i % 2 * 5);
		follow(reader[1][i], "log.>");
	}
	views[0].wall_ms = 86400123;
	MUST(pub_stored(publisher, "log.a", "text") == 1);
	for (unsigned i = 0; i < 9; i++)
		GETS(reader[0][i], expected[i]);
	for (unsigned i = 0; i < 3; i++)
		GETS(reader[1][i], expected[i % 2 * 5]);
	MUST(pub_stored(publisher, "log.a", "") == 2);
	GETS(reader[0][8], "\n");
	GETS(reader[0][1], "MSG log.a 2 \n");
	end_router();
}
END_TEST

START_TEST(columns_that_a_line_has_not_are_dashes)
{
	struct visitor *publisher, *reader;

	start_router();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	reader->session->show = PROTOCOL_SHOW_SEQ | PROTOCOL_SHOW_FROM;
	follow(reader, "a");
	MUST(pub(publisher, "a", "x") == 1);
	GETS(reader, "MSG a - - x\n");
	end_router();
}
END_TEST

/* What was made for one line is not shown of the next. */
START_TEST(one_line_is_not_taken_for_another)
{
	struct visitor *publisher, *plain, *raw;
	static char text[600000];
	char *line;

	listener.queue = 4 << 20;
	start_router();
	publisher = make_visitor(0);
	plain = make_visitor(0);
	raw = make_visitor(0);
	raw->session->is_raw = true;
	follow(plain, "a");
	follow(raw, "b");
	MUST(pub(publisher, "a", "1") == 1 && pub(publisher, "b", "2") == 1);
	MUST(pub(publisher, "a", "3") == 1 && pub(publisher, "b", "4") == 1);
	GETS(plain, "MSG a 1\nMSG a 3\n");
	GETS(raw, "2\n4\n");
	/* A large buffer is given back at the end of the turn. */
	memset(text, 'x', sizeof text - 1);
	MUST(pub(publisher, "a", text) == 1);
	MUST(views[0].batch.texts[0].capacity >= sizeof text);
	settle();
	view_end_turn(&views[0]);
	MUST(views[0].batch.texts[0].capacity == 0);
	MUST(views[0].batch.texts[BATCH_RAW].capacity > 0);
	view_end_turn(&views[0]);
	line = malloc(sizeof text + 8);
	MUST(line != NULL);
	sprintf(line, "MSG a %s\n", text);
	for (size_t done = 0; done < strlen(line);) {
		const char *some;

		session_flush(plain->session);
		some = received(plain);
		MUST(*some != '\0' && strncmp(line + done, some, strlen(some)) == 0);
		done += strlen(some);
	}
	free(line);
	set_time(now_ms);
	MUST(pub(publisher, "a", "5") == 1);
	GETS(plain, "MSG a 5\n");
	end_router();
}
END_TEST

/* ---- Parcels that are shared ------------------------------------------------------ */

enum { NREADERS = 8 };

static struct visitor *readers[NREADERS];

static void
make_readers(const char *pattern)
{
	for (int i = 0; i < NREADERS; i++) {
		readers[i] = make_visitor(0);
		follow(readers[i], pattern);
	}
}

/* How many of them share the parcel that was made last. */
static unsigned
count_sharing(void)
{
	const struct parcel *parcel = views[0].batch.shared;
	unsigned n = 0;

	for (int i = 0; i < NREADERS && parcel != NULL; i++)
		if (readers[i]->session != NULL && readers[i]->session->parcel == parcel)
			n++;
	MUST(parcel == NULL || parcel->nsharers == n);
	return n;
}

START_TEST(many_share_one_parcel)
{
	struct visitor *publisher;

	start_router();
	publisher = make_visitor(0);
	make_readers("a");
	MUST(pub(publisher, "a", "1") == NREADERS);
	MUST(count_sharing() == NREADERS);
	MUST(pub(publisher, "a", "2") == NREADERS);
	MUST(pub(publisher, "a", "3") == NREADERS);
	MUST(count_sharing() == NREADERS);
	MUST(views[0].batch.nparcels == 1 && views[0].batch.shared->nlines == 3);
	MUST(counted(STAT_LINES_QUEUED) == 3 * NREADERS);
	must_add_up();
	for (int i = 0; i < NREADERS; i++)
		GETS(readers[i], "MSG a 1\nMSG a 2\nMSG a 3\n");
	MUST(views[0].batch.nparcels == 0 && views[0].batch.shared == NULL);
	end_router();
}
END_TEST

START_TEST(one_that_does_something_of_its_own_shares_no_more)
{
	const struct amy_bytes ok = { "+OK", 3 };
	struct visitor *publisher;

	start_router();
	publisher = make_visitor(0);
	make_readers("a");
	MUST(pub(publisher, "a", "1") == NREADERS);
	session_answer(readers[0]->session, &ok, 1);
	session_stand_alone(readers[1]->session);
	session_flush(readers[2]->session);
	leave(readers[3]);
	MUST(count_sharing() == NREADERS - 4);
	MUST(pub(publisher, "a", "2") == NREADERS - 1);
	must_add_up();
	GETS(readers[0], "MSG a 1\n+OK\nMSG a 2\n");
	for (int i = 1; i < NREADERS; i++)
		if (i != 3)
			GETS(readers[i], "MSG a 1\nMSG a 2\n");
	end_router();
}
END_TEST

START_TEST(one_that_wants_lines_otherwise_does_not_share)
{
	struct visitor *publisher;

	start_router();
	publisher = make_visitor(0);
	make_readers("a");
	readers[1]->session->is_raw = true;
	readers[2]->session->no_echo = true;
	fill(readers[3]->session->fd);
	MUST(pub(publisher, "a", "0") == NREADERS);
	settle();
	sub(readers[4], "a COUNT 2");
	unsub(readers[5], "a");
	MUST(pub(publisher, "a", "1") == NREADERS - 1);
	MUST(count_sharing() == NREADERS - 5);
	MUST(pub(publisher, "a", "2") == NREADERS - 1);
	MUST(count_sharing() == NREADERS - 5);
	drain(readers[3]->fd);
	GETS(readers[0], "MSG a 0\nMSG a 1\nMSG a 2\n");
	GETS(readers[1], "0\n1\n2\n");
	GETS(readers[2], "MSG a 0\nMSG a 1\nMSG a 2\n");
	session_flush(readers[3]->session);
	GETS(readers[3], "MSG a 0\nMSG a 1\nMSG a 2\n");
	GETS(readers[4], "MSG a 0\n+OK\nMSG a 1\nMSG a 2\n! DONE a count\n");
	GETS(readers[5], "MSG a 0\n");
	end_router();
}
END_TEST

START_TEST(those_behind_one_who_may_not_share_do)
{
	struct visitor *publisher;

	start_router();
	publisher = make_visitor(0);
	make_readers("a");
	fill(readers[0]->session->fd);
	readers[1]->session->no_echo = true;
	MUST(pub(publisher, "a", "0") == NREADERS);
	settle();
	MUST(pub(publisher, "a", "1") == NREADERS);
	MUST(pub(publisher, "a", "2") == NREADERS);
	MUST(count_sharing() == NREADERS - 2);
	drain(readers[0]->fd);
	session_flush(readers[0]->session);
	for (int i = 0; i < NREADERS; i++)
		GETS(readers[i], "MSG a 0\nMSG a 1\nMSG a 2\n");
	end_router();
}
END_TEST

START_TEST(slow_sharer_is_told_what_it_lost_by_its_own_pattern)
{
	char expected[128], text[16];
	struct visitor *publisher;

	size_t queue = listener.queue;

	start_router();
	publisher = make_visitor(0);
	listener.queue = 4096;
	make_readers("a");
	listener.queue = queue;
	unsub(readers[5], "a");
	follow(readers[5], "*");
	settle();
	fill(readers[5]->session->fd);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof text, "%d", i);
		MUST(pub(publisher, "a", text) == NREADERS);
		MUST(count_sharing() >= NREADERS - 1);
		settle();
		must_add_up();
	}
	MUST(counted(STAT_LINES_DROPPED_SLOW) > 0);
	drain(readers[5]->fd);
	session_flush(readers[5]->session);
	snprintf(expected, sizeof expected, "! DROPPED %" PRIu64 " pat=*\n",
	         counted(STAT_LINES_DROPPED_SLOW));
	MUST(strncmp(received(readers[5]), expected, strlen(expected)) == 0);
	end_router();
}
END_TEST

START_TEST(without_memory_sharers_lose_nothing_that_is_not_counted)
{
	unsigned k = 0;
	bool failed;

	do {
		struct router_receipt receipt;
		struct visitor *publisher;
		unsigned ndead = 0;

		start_router();
		publisher = make_visitor(0);
		make_readers("a");
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		if (try_pub(publisher, "a", "1", false, &receipt) != ROUTER_DONE)
			MUST(pub(publisher, "a", "1") == NREADERS);
		session_stand_alone(readers[0]->session);
		fill(readers[1]->session->fd);
		MUST(pub(publisher, "a", "2") == NREADERS);
		settle();
		failed = fault_clear();
		must_add_up();
		for (int i = 0; i < NREADERS; i++)
			ndead += readers[i]->session->state == SESSION_DEAD;
		MUST(ndead <= (failed ? 1 : 0));
		MUST(counted(STAT_LINES_DROPPED_MEMORY) == 0 || failed);
		end_router();
	} while (failed);
	MUST(k > 5);
}
END_TEST

/* What each of them is to get; the last two are of the other handler. */
static struct {
	bool follows[2]; /* "a", "b" */
	char text[65536];
	size_t n;
} model[NREADERS];

static void
expect(int i, const char *before, const char *subject, const char *between, const char *text)
{
	model[i].n += (size_t)snprintf(model[i].text + model[i].n, 64, "%s%s%s%s\n", before,
	                               subject, between, text);
	MUST(model[i].n < sizeof model[i].text - 64);
}

static void
model_pub(int from, int subject, const char *text)
{
	const char *const name = subject == 0 ? "a" : "b";
	size_t n = 0;

	for (int i = 0; i < NREADERS; i++) {
		const struct session *session = readers[i]->session;

		if (!model[i].follows[subject] || (i == from && session->no_echo))
			continue;
		n++;
		if (session->is_raw)
			expect(i, "", "", "", text);
		else
			expect(i, "MSG ", name, session->show ? " - " : " ", text);
	}
	MUST(pub(readers[from], name, text) == n);
}

/* One of them does something, as handler_thread.c lets it. */
static void
model_act(int i, uint64_t *seed)
{
	const struct amy_bytes ok = { "+OK", 3 };
	struct session *session = readers[i]->session;

	if (readers[i]->view == &views[1])
		settle();
	session_stand_alone(session);
	switch (random_below(seed, 6)) {
	case 0:
		session->is_raw = !session->is_raw;
		break;
	case 1:
		session->show ^= PROTOCOL_SHOW_SEQ;
		break;
	case 2:
		session->no_echo = !session->no_echo;
		break;
	case 3:
		session_answer(session, &ok, 1);
		if (!session->is_raw)
			expect(i, "+OK", "", "", "");
		view_mark_dirty(readers[i]->view, session);
		break;
	case 4:
		session_flush(session);
		break;
	case 5:
		if (model[i].follows[1])
			MUST(unsub(readers[i], "b") == 1);
		else
			follow(readers[i], "b");
		model[i].follows[1] = !model[i].follows[1];
		break;
	}
}

START_TEST(whatever_they_do_each_gets_its_lines_in_their_order)
{
	uint64_t seed = 3;
	char text[16];

	start_router();
	memset(model, 0, sizeof model);
	for (int i = 0; i < NREADERS; i++) {
		readers[i] = make_visitor(i < NREADERS - 2 ? 0 : 1);
		follow(readers[i], "a");
		model[i].follows[0] = true;
	}
	for (int n = 0; n < 4000; n++) {
		snprintf(text, sizeof text, "%d", n);
		if (random_below(&seed, 4) > 0)
			model_pub((int)random_below(&seed, NREADERS - 2),
			          random_below(&seed, 5) == 0, text);
		else
			model_act((int)random_below(&seed, NREADERS), &seed);
		must_add_up();
		if (random_below(&seed, 30) > 0)
			continue;
		settle();
		view_end_turn(&views[0]);
		view_end_turn(&views[1]);
		set_time(now_ms + 1);
		for (int i = 0; i < NREADERS; i++) {
			MUST(strcmp(received(readers[i]), model[i].text) == 0);
			model[i].n = 0;
			model[i].text[0] = '\0';
		}
	}
	end_router();
}
END_TEST

START_TEST(without_memory_for_its_form_a_line_is_counted)
{
	struct visitor *publisher, *reader;

	start_router();
	publisher = make_visitor(0);
	reader = make_visitor(0);
	follow(reader, "a");
	MUST(pub(publisher, "a", "short") == 1);
	GETS(reader, "MSG a short\n");
	/* The one allocation is the buffer for a line that is longer. */
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(pub(publisher, "a", "a line that is longer than the one before") == 1);
	MUST(fault_clear());
	MUST(counted(STAT_LINES_DROPPED_MEMORY) == 1);
	must_add_up();
	MUST(pub(publisher, "a", "short") == 1);
	GETS(reader, "MSG a short\n");
	end_router();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("view",
	    subscription_takes_no_more_memory_than_is_said_at_start,
	    session_is_found_by_its_id,
	    removed_session_is_not_found,
	    view_grows_with_its_sessions,
	    without_memory_a_session_stays_the_callers,
	    session_is_dirty_once,
	    place_is_used_again_with_another_serial,
	    unknown_places_have_no_subscription,
	    serial_is_never_0,
	    many_places_are_not_mixed_up,
	    without_memory_nothing_is_followed,
	    count_ends_after_so_many_lines,
	    count_is_kept_across_handlers,
	    every_pattern_counts_for_itself,
	    within_ends_in_time,
	    first_of_count_and_within_ends_it,
	    timer_goes_with_its_subscription,
	    those_without_bound_end_and_the_others_go_on,
	    session_gets_a_line_once_however_many_patterns_match,
	    subscription_that_ended_before_is_counted,
	    session_that_is_gone_is_counted,
	    who_takes_a_place_does_not_get_what_was_for_another,
	    session_that_is_closing_loses_its_lines,
	    lines_that_wait_for_who_leaves_are_counted,
	    publisher_does_not_get_its_own_line_unless_it_wants_it,
	    own_line_that_is_not_wanted_is_not_counted_down,
	    line_to_one_session_goes_by_subscription_or_by_name,
	    each_sees_a_line_in_the_way_it_wants,
	    columns_that_a_line_has_not_are_dashes,
	    one_line_is_not_taken_for_another,
	    many_share_one_parcel,
	    one_that_does_something_of_its_own_shares_no_more,
	    one_that_wants_lines_otherwise_does_not_share,
	    those_behind_one_who_may_not_share_do,
	    slow_sharer_is_told_what_it_lost_by_its_own_pattern,
	    without_memory_sharers_lose_nothing_that_is_not_counted,
	    whatever_they_do_each_gets_its_lines_in_their_order,
	    without_memory_for_its_form_a_line_is_counted);
}
