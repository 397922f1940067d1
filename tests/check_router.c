/* SPDX-License-Identifier: MIT */
/*
 * Who gets a line: followers and groups of both handlers, history, rules, names.
 */
#include "two_handlers.h"

#include <fcntl.h>
#include <sched.h>

#include "history.h"
#include "sink.h"

/* ---- Publishing ------------------------------------------------------------------- */

START_TEST(line_goes_to_those_who_follow_it)
{
	struct visitor *publisher, *follower, *other;

	start_router();
	publisher = make_visitor(0);
	follower = make_visitor(0);
	other = make_visitor(0);
	MUST(pub(publisher, "log.web", "to nobody") == 0);
	follow(follower, "log.*");
	follow(other, "log.db");
	MUST(pub(publisher, "log.web", "two  words ") == 1);
	MUST(pub(publisher, "log.web", "") == 1);
	MUST(pub(publisher, "log.db", "x") == 2);
	GETS(follower, "MSG log.web two  words \nMSG log.web \nMSG log.db x\n");
	GETS(other, "MSG log.db x\n");
	GETS(publisher, "");
	MUST(counted(STAT_LINES_PUBLISHED) == 4);
	MUST(counted(STAT_LINES_MATCHED) == 4);
	MUST(counted(STAT_LINES_DELIVERED) == 4);
	end_router();
}
END_TEST

START_TEST(line_goes_through_the_inbox_of_another_handler)
{
	struct visitor *publisher, *here, *there, *there_too;

	start_router();
	publisher = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	there_too = make_visitor(1);
	follow(here, "a");
	follow(there, "a");
	follow(there_too, "*");
	MUST(pub(publisher, "a", "one") == 3);
	MUST(pub(publisher, "a", "two") == 3);
	flush_dirty(&views[0]);
	flush_dirty(&views[1]);
	MUST(strcmp(received(here), "MSG a one\nMSG a two\n") == 0);
	MUST(*received(there) == '\0');
	router_read_inbox(&views[1]);
	flush_dirty(&views[1]);
	MUST(strcmp(received(there), "MSG a one\nMSG a two\n") == 0);
	MUST(strcmp(received(there_too), "MSG a one\nMSG a two\n") == 0);
	end_router();
}
END_TEST

START_TEST(publisher_that_follows_gets_its_own_line)
{
	struct visitor *visitor;

	start_router();
	visitor = make_visitor(1);
	follow(visitor, ">");
	MUST(pub(visitor, "a.b", "mine") == 1);
	/* No other handler has anything to do with it. */
	MUST(views[1].to_wake == 0);
	GETS(visitor, "MSG a.b mine\n");
	end_router();
}
END_TEST

START_TEST(any_bytes_are_text)
{
	struct amy_bytes subject = line_of("a"), text;
	struct visitor *here, *there;
	struct router_receipt receipt;
	char bytes[256], back[600];

	start_router();
	here = make_visitor(0);
	there = make_visitor(1);
	follow(here, "a");
	follow(there, "a");
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	text = (struct amy_bytes){ bytes, 256 };
	MUST(router_publish(here->view, here->session, &subject, &text, false, &receipt) ==
	     ROUTER_DONE);
	text = (struct amy_bytes){ NULL, 0 };
	MUST(router_publish(here->view, here->session, &subject, &text, false, &receipt) ==
	     ROUTER_DONE);
	settle();
	for (int i = 0; i < 2; i++) {
		int fd = i == 0 ? here->fd : there->fd;

		MUST(read(fd, back, sizeof back) == 6 + 256 + 1 + 7);
		MUST(memcmp(back, "MSG a ", 6) == 0);
		MUST(memcmp(back + 6, bytes, 256) == 0);
		MUST(memcmp(back + 6 + 256, "\nMSG a \n", 8) == 0);
	}
	end_router();
}
END_TEST

START_TEST(order_is_kept_across_handlers)
{
	struct visitor *publisher, *here, *there;
	static char expected[8192];
	char text[32];

	start_router();
	publisher = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	follow(here, ">");
	follow(there, ">");
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof text, "%d", i);
		MUST(pub(publisher, i % 3 == 0 ? "a" : "b.c", text) == 2);
		sprintf(expected + strlen(expected), "MSG %s %d\n", i % 3 == 0 ? "a" : "b.c",
		        i);
		if (i % 7 == 0)
			router_read_inbox(&views[1]);
	}
	GETS(here, expected);
	GETS(there, expected);
	end_router();
}
END_TEST

START_TEST(what_was_found_before_is_not_believed_after_a_change)
{
	struct visitor *publisher, *here, *there;

	start_router();
	publisher = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	MUST(pub(publisher, "a", "1") == 0);
	follow(here, "a");
	MUST(pub(publisher, "a", "2") == 1);
	MUST(pub(publisher, "a", "3") == 1);
	follow(there, "*");
	MUST(pub(publisher, "a", "4") == 2);
	MUST(unsub(here, "a") == 1);
	MUST(pub(publisher, "a", "5") == 1);
	settle(); /* or else it would have ended before it got them */
	MUST(view_unfollow_all(there->view, there->session) == 1);
	MUST(pub(publisher, "a", "6") == 0);
	GETS(here, "MSG a 2\nMSG a 3\nMSG a 4\n");
	GETS(there, "MSG a 4\nMSG a 5\n");
	end_router();
}
END_TEST

static bool
is_judged_good(struct visitor *visitor, const char *subject)
{
	struct amy_bytes bytes = { subject, strlen(subject) };

	return router_check_subject(visitor->view, &bytes) == NULL;
}

/* Of those that were found before, too, and of one that has the place of another one. */
START_TEST(subject_is_judged_whatever_was_looked_up_last)
{
	static const char *const good[] = { "a", "a.b", "a.c", "ab" };
	static const char *const bad[] = { "", "a.", ".a", "a..b", "a.*", ">", "@a", "a b" };
	struct visitor *publisher;

	start_router();
	publisher = make_visitor(0);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		for (int again = 0; again < 3; again++) {
			MUST(pub(publisher, good[i], "x") == 0);
			for (size_t k = 0; k < sizeof good / sizeof good[0]; k++)
				MUST(is_judged_good(publisher, good[k]));
			for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
				MUST(!is_judged_good(publisher, bad[k]));
		}
	/* A name is looked up as well, and is good for PUB only. */
	for (int again = 0; again < 3; again++) {
		MUST(pub(publisher, "@a", "x") == 0);
		MUST(!is_judged_good(publisher, "@a"));
	}
	end_router();
}
END_TEST

/* More subjects than a view remembers, some of which share a place there. */
START_TEST(many_subjects_are_not_mixed_up)
{
	struct visitor *publisher, *follower;
	char subject[16], expected[32];

	start_router();
	publisher = make_visitor(0);
	follower = make_visitor(0);
	for (int i = 0; i < 3000; i += 2) {
		snprintf(subject, sizeof subject, "s.%d", i);
		follow(follower, subject);
	}
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 3000; i++) {
			snprintf(subject, sizeof subject, "s.%d", i);
			snprintf(expected, sizeof expected, "MSG %s x\n", subject);
			MUST(pub(publisher, subject, "x") == (i % 2 == 0 ? 1 : 0));
			GETS(follower, i % 2 == 0 ? expected : "");
		}
	end_router();
}
END_TEST

/* ---- Waking ----------------------------------------------------------------------- */

START_TEST(handler_is_woken_once_a_turn)
{
	struct visitor *publisher, *there;

	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(there, ">");
	for (int i = 0; i < 10; i++)
		MUST(pub(publisher, "a", "x") == 1);
	MUST(!router_is_woken(&views[1]));
	MUST(count_wakes(1) == 0);
	router_wake_others(&views[0]);
	MUST(router_is_woken(&views[1]));
	MUST(!router_is_woken(&views[0]));
	/* Again in the next turn, before the other has looked. */
	MUST(pub(publisher, "a", "x") == 1);
	router_wake_others(&views[0]);
	router_wake_others(&views[0]);
	MUST(count_wakes(1) == 1);
	MUST(count_wakes(0) == 0);
	MUST(router_is_woken(&views[1]));
	router_read_inbox(&views[1]);
	MUST(views[1].was_woken);
	MUST(!router_is_woken(&views[1]));
	MUST(pub(publisher, "a", "x") == 1);
	router_wake_others(&views[0]);
	MUST(count_wakes(1) == 1);
	end_router();
}
END_TEST

/* As a handler does it: nothing goes before the end of the turn, or before something else. */
static void
publish_in_turn(struct visitor *visitor, const char *subject, const char *text)
{
	struct amy_bytes subject_line = line_of(subject), text_line = line_of(text);
	struct router_receipt receipt;

	MUST(router_publish(visitor->view, visitor->session, &subject_line, &text_line, false,
	                    &receipt) == ROUTER_DONE);
}

START_TEST(lines_of_a_turn_that_go_one_way_are_one_message)
{
	struct visitor *publisher, *second, *there, *bob;

	start_router();
	publisher = make_visitor(0);
	second = make_visitor(0);
	there = make_visitor(1);
	bob = make_visitor(1);
	set_name(bob, "bob");
	follow(there, ">");
	settle();
	for (int i = 0; i < 5; i++)
		publish_in_turn(publisher, "a", "1");
	MUST(inbox_is_empty(&router->inboxes[1]));
	router_wake_others(&views[0]);
	MUST(atomic_load(&router->inboxes[1].nmessages) == 1);
	GETS(there, "MSG a 1\nMSG a 1\nMSG a 1\nMSG a 1\nMSG a 1\n");
	/* Another subject, another publisher, and a line to a name: each goes behind the last. */
	publish_in_turn(publisher, "a", "2");
	publish_in_turn(publisher, "b", "3");
	publish_in_turn(second, "b", "4");
	publish_in_turn(second, "@bob", "5");
	publish_in_turn(second, "b", "6");
	router_wake_others(&views[0]);
	MUST(atomic_load(&router->inboxes[1].nmessages) == 5);
	GETS(there, "MSG a 2\nMSG b 3\nMSG b 4\nMSG b 6\n");
	GETS(bob, "MSG @bob 5\n");
	end_router();
}
END_TEST

START_TEST(stored_line_goes_behind_those_that_were_gathered)
{
	struct visitor *publisher, *there;

	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(there, ">");
	settle();
	publish_in_turn(publisher, "a", "1");
	MUST(keep(publisher, "a", "2") > 0);
	publish_in_turn(publisher, "a", "3");
	GETS(there, "MSG a 1\nMSG a 2\nMSG a 3\n");
	end_router();
}
END_TEST

START_TEST(more_than_a_packet_holds_goes_in_several)
{
	static char expected[3000 * 16];
	struct visitor *publisher, *there;
	size_t used = 0;
	char text[16];

	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(there, "a");
	settle();
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof text, "%d", i);
		publish_in_turn(publisher, "a", text);
		used += (size_t)sprintf(expected + used, "MSG a %d\n", i);
	}
	router_wake_others(&views[0]);
	MUST(atomic_load(&router->inboxes[1].nmessages) > 1);
	MUST(atomic_load(&router->inboxes[1].nmessages) < 20);
	GETS(there, expected);
	end_router();
}
END_TEST

START_TEST(handler_whose_sessions_do_not_follow_is_not_woken)
{
	struct visitor *publisher, *here;

	start_router();
	publisher = make_visitor(0);
	here = make_visitor(0);
	make_visitor(1);
	follow(here, ">");
	MUST(pub(publisher, "a", "x") == 1);
	router_wake_others(&views[0]);
	MUST(!router_is_woken(&views[1]));
	MUST(count_wakes(1) == 0);
	router_read_inbox(&views[1]);
	MUST(!views[1].was_woken);
	end_router();
}
END_TEST

/* ---- A full inbox ----------------------------------------------------------------- */

/* Publish, numbered from first, until the other's inbox is full. Returns the last number. */
static int
publish_until_full(struct visitor *publisher, const char *subject, int first)
{
	static char text[60000];
	struct router_receipt receipt;
	int i;

	for (i = first; i < first + 1000; i++) {
		memset(text, ' ', sizeof text - 1);
		text[snprintf(text, sizeof text, "%d", i)] = ' ';
		if (try_pub(publisher, subject, text, false, &receipt) == ROUTER_STALLED)
			break;
	}
	MUST(i > first && i < first + 1000);
	MUST(receipt.nreaders == 0 && receipt.seq == 0);
	MUST(publisher->session->is_stalled);
	return i - 1;
}

static void
resume(struct visitor *visitor)
{
	TAILQ_REMOVE(&visitor->view->stalled, visitor->session, stalled);
	visitor->session->is_stalled = false;
}

START_TEST(full_inbox_parks_the_publisher)
{
	struct visitor *publisher, *here, *there;
	struct router_receipt receipt;

	listener.queue = 16 << 20;
	start_router();
	publisher = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	follow(there, "a");
	publish_until_full(publisher, "a", 0);
	MUST(TAILQ_FIRST(&views[0].stalled) == publisher->session);
	MUST(!session_wants_input(publisher->session));

	/* Another one is parked likewise; and nobody gets what only some can get. */
	follow(here, "a");
	flush_dirty(&views[0]);
	MUST(try_pub(here, "a", "not yet", false, &receipt) == ROUTER_STALLED);
	MUST(receipt.nreaders == 0);
	MUST(!session_has_output(here->session));
	MUST(here->session->is_stalled);
	MUST(!here->session->is_dirty);
	/* They wait in their order. */
	MUST(TAILQ_FIRST(&views[0].stalled) == publisher->session);
	MUST(TAILQ_NEXT(publisher->session, stalled) == here->session);
	end_router();
}
END_TEST

START_TEST(full_inbox_parks_nobody_who_does_not_need_it)
{
	struct visitor *publisher, *here, *there;

	listener.queue = 16 << 20;
	start_router();
	publisher = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	follow(there, "a");
	follow(here, "b");
	publish_until_full(publisher, "a", 0);
	MUST(pub(here, "b", "x") == 1);
	MUST(pub(here, "c", "x") == 0);
	MUST(pub(there, "a", "x") == 1);
	MUST(!here->session->is_stalled);
	MUST(!there->session->is_stalled);
	end_router();
}
END_TEST

/* Of a group any member may be chosen, and a name may be anybody's. */
START_TEST(full_inbox_parks_who_publishes_to_a_group_or_a_name)
{
	struct visitor *publisher, *to_group, *to_name, *here, *there;
	struct router_receipt receipt;

	listener.queue = 16 << 20;
	start_router();
	publisher = make_visitor(0);
	to_group = make_visitor(0);
	to_name = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	set_name(there, "bob");
	follow(there, "a");
	follow(here, "b GROUP g");
	publish_until_full(publisher, "a", 0);
	MUST(try_pub(to_group, "b", "x", false, &receipt) == ROUTER_STALLED);
	MUST(try_pub(to_name, "@bob", "x", false, &receipt) == ROUTER_STALLED);
	MUST(to_group->session->is_stalled && to_name->session->is_stalled);
	settle();
	resume(to_group);
	resume(to_name);
	MUST(pub(to_group, "b", "x") == 1);
	MUST(pub(to_name, "@bob", "x") == 1);
	end_router();
}
END_TEST

START_TEST(parked_publisher_is_woken_when_there_is_room)
{
	struct visitor *publisher, *there;

	listener.queue = 16 << 20;
	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(there, "a");
	publish_until_full(publisher, "a", 0);
	router_wake_others(&views[0]);
	MUST(count_wakes(1) == 1);
	MUST(count_wakes(0) == 0);
	MUST(!router_is_woken(&views[0]));
	router_read_inbox(&views[1]);
	router_wake_others(&views[1]);
	MUST(router_is_woken(&views[0]));
	MUST(count_wakes(0) == 1);
	/* Once: who does not wait any more is not told. */
	router_read_inbox(&views[0]);
	MUST(views[0].was_woken);
	router_read_inbox(&views[1]);
	router_wake_others(&views[1]);
	MUST(!router_is_woken(&views[0]));
	MUST(count_wakes(0) == 0);
	end_router();
}
END_TEST

/* The number with which the next line begins that the visitor has received; -1: none. */
static int
next_number(struct visitor *visitor)
{
	static char buffer[1 << 18];
	static size_t used;
	int number;
	ssize_t n;
	char *lf;

	session_flush(visitor->session);
	while ((lf = memchr(buffer, '\n', used)) == NULL) {
		n = read(visitor->fd, buffer + used, sizeof buffer - used);
		if (n <= 0)
			return -1;
		used += (size_t)n;
		session_flush(visitor->session);
	}
	MUST(sscanf(buffer, "MSG a %d ", &number) == 1);
	used -= (size_t)(lf + 1 - buffer);
	memmove(buffer, lf + 1, used);
	return number;
}

START_TEST(order_is_kept_across_a_full_inbox)
{
	struct visitor *publisher, *there;
	int last = -1, next = 0, number;

	listener.queue = 16 << 20;
	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(there, "a");
	for (int round = 0; round < 5; round++) {
		last = publish_until_full(publisher, "a", last + 1);
		resume(publisher);
		router_read_inbox(&views[1]);
	}
	while ((number = next_number(there)) != -1)
		MUST(number == next++);
	MUST(next == last + 1);
	end_router();
}
END_TEST

START_TEST(parked_session_can_be_removed)
{
	struct visitor *publisher, *there;

	listener.queue = 16 << 20;
	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(there, "a");
	publish_until_full(publisher, "a", 0);
	leave(publisher);
	MUST(TAILQ_EMPTY(&views[0].stalled));
	end_router();
}
END_TEST

/* ---- Slow readers ----------------------------------------------------------------- */

START_TEST(slow_reader_is_cut_and_the_others_are_not)
{
	struct visitor *publisher, *slow, *fast;
	unsigned n = 0;

	listener.queue = 4096;
	listener.slow_cut = true;
	start_router();
	publisher = make_visitor(0);
	slow = make_visitor(0);
	fast = make_visitor(0);
	follow(slow, "a");
	follow(fast, "a");
	fill(slow->session->fd);
	while (n < 1000 && session_is_following(slow->session)) {
		MUST(pub(publisher, "a", "0123456789") == 2);
		n++;
		GETS(fast, "MSG a 0123456789\n");
		must_add_up();
	}
	MUST(n == 4096 / (17 + OUTPUT_OVERHEAD) + 1);
	MUST(slow->session->state == SESSION_CLOSING);
	MUST(fast->session->state == SESSION_OPEN);
	MUST(counted(STAT_LINES_DROPPED_CUT) == n);
	MUST(pub(publisher, "a", "x") == 1);
	end_router();
}
END_TEST

START_TEST(slow_reader_loses_lines_and_the_others_do_not)
{
	struct visitor *publisher, *slow, *fast;
	char expected[64];

	listener.queue = 4096;
	start_router();
	publisher = make_visitor(0);
	slow = make_visitor(1);
	fast = make_visitor(1);
	follow(slow, "a.*");
	follow(fast, "a.*");
	fill(slow->session->fd);
	for (int i = 0; i < 500; i++) {
		MUST(pub(publisher, "a.b", "x") == 2);
		GETS(fast, "MSG a.b x\n");
		must_add_up();
	}
	drain(slow->fd);
	session_flush(slow->session);
	MUST(counted(STAT_LINES_QUEUED) == 0);
	MUST(counted(STAT_LINES_DROPPED_SLOW) > 0);
	snprintf(expected, sizeof expected, "! DROPPED %" PRIu64 " pat=a.*\n",
	         counted(STAT_LINES_DROPPED_SLOW));
	MUST(strncmp(received(slow), expected, strlen(expected)) == 0);
	end_router();
}
END_TEST

/* ---- Groups ----------------------------------------------------------------------- */

/* How many lines it has received; it settles. */
static unsigned
count_lines(const struct visitor *visitor)
{
	unsigned n = 0;

	settle();
	for (const char *text = received(visitor); *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

START_TEST(one_member_of_a_group_gets_a_line)
{
	struct visitor *publisher, *members[4], *follower;
	unsigned total = 0;

	start_router();
	publisher = make_visitor(0);
	follower = make_visitor(1);
	follow(follower, "jobs.*");
	for (unsigned i = 0; i < 4; i++) {
		members[i] = make_visitor(i % 2);
		follow(members[i], "jobs.> GROUP workers");
	}
	for (int i = 0; i < 100; i++)
		MUST(pub(publisher, "jobs.x", "work") == 2);
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = count_lines(members[i]);

		MUST(n > 0);
		total += n;
	}
	MUST(total == 100);
	MUST(count_lines(follower) == 100);
	end_router();
}
END_TEST

START_TEST(groups_and_followers_count_apart)
{
	struct visitor *publisher, *visitor;

	start_router();
	publisher = make_visitor(0);
	visitor = make_visitor(1);
	follow(visitor, "a GROUP g");
	follow(visitor, "* GROUP g");
	follow(visitor, "> GROUP h");
	MUST(pub(publisher, "a", "x") == 3);
	GETS(visitor, "MSG a x\nMSG a x\nMSG a x\n");
	follow(visitor, "a"); /* in place of the member */
	MUST(pub(publisher, "a", "x") == 3);
	MUST(count_lines(visitor) == 3);
	end_router();
}
END_TEST

START_TEST(member_that_left_while_its_line_was_on_the_way_is_replaced)
{
	struct visitor *publisher, *there, *there_too, *here;

	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	there_too = make_visitor(1);
	here = make_visitor(0);
	/* Who has the more to read the less is it chosen. */
	follow(there, "a GROUP g");
	follow(there_too, "a GROUP g");
	follow(here, "a GROUP g");
	atomic_store(&there_too->session->client.load, 1);
	atomic_store(&here->session->client.load, 2);
	/* By its own handler: another one of its own. */
	MUST(pub(publisher, "a", "1") == 1);
	leave(there);
	read_inbox(&views[1]);
	GETS(there_too, "MSG a 1\n");
	/* And then one of another handler. */
	atomic_store(&here->session->client.load, 2);
	MUST(pub(publisher, "a", "2") == 1);
	MUST(unsub(there_too, "a") == 1);
	GETS(there_too, "");
	GETS(here, "MSG a 2\n");
	MUST(counted(STAT_LINES_MATCHED) == 2);
	MUST(counted(STAT_LINES_DELIVERED) == 2);
	end_router();
}
END_TEST

START_TEST(line_of_a_group_that_all_have_left_is_counted)
{
	struct visitor *publisher, *there;

	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(there, "a GROUP g");
	MUST(pub(publisher, "a", "x") == 1);
	leave(there);
	settle();
	MUST(counted(STAT_LINES_MATCHED) == 1);
	MUST(counted(STAT_LINES_DROPPED_GONE) == 1);
	MUST(pub(publisher, "a", "x") == 0);
	end_router();
}
END_TEST

/* It still has its subscription until the end of the turn, and is not to be chosen. */
START_TEST(member_that_is_closing_is_passed_by)
{
	for (unsigned view = 0; view < NVIEWS; view++) {
		struct visitor *publisher, *closing, *other;

		start_router();
		publisher = make_visitor(0);
		closing = make_visitor(view);
		other = make_visitor(view);
		follow(closing, "a GROUP g");
		session_close(closing->session);
		pub(publisher, "a", "1");
		settle();
		MUST(counted(STAT_LINES_DELIVERED) == 0);
		must_add_up();
		follow(other, "a GROUP g");
		MUST(pub(publisher, "a", "2") == 1);
		GETS(other, "MSG a 2\n");
		GETS(closing, "");
		end_router();
	}
}
END_TEST

START_TEST(member_that_is_dead_is_passed_by)
{
	struct visitor *publisher, *dead, *other;

	start_router();
	publisher = make_visitor(0);
	dead = make_visitor(0);
	other = make_visitor(0);
	follow(dead, "a GROUP g");
	follow(other, "a GROUP g");
	dead->session->state = SESSION_DEAD;
	for (int i = 0; i < 5; i++)
		MUST(pub(publisher, "a", "x") == 1);
	MUST(count_lines(other) == 5);
	end_router();
}
END_TEST

START_TEST(publisher_without_echo_is_not_chosen)
{
	struct visitor *publisher, *there;

	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(publisher, "a GROUP g");
	publisher->session->no_echo = true;
	MUST(pub(publisher, "a", "1") == 0);
	follow(there, "a GROUP g");
	for (int i = 0; i < 3; i++)
		MUST(pub(publisher, "a", "2") == 1);
	/* Nor when another one has to be chosen. */
	MUST(unsub(there, "a") == 1);
	GETS(there, "");
	GETS(publisher, "");
	MUST(counted(STAT_LINES_DROPPED_GONE) == 3);
	publisher->session->no_echo = false;
	MUST(pub(publisher, "a", "3") == 1);
	GETS(publisher, "MSG a 3\n");
	end_router();
}
END_TEST

/* No more than it asked for is sent to it while it cannot say so. */
START_TEST(member_is_chosen_as_often_as_it_counts)
{
	struct visitor *publisher, *some, *others;

	start_router();
	publisher = make_visitor(0);
	some = make_visitor(1);
	others = make_visitor(1);
	follow(some, "a GROUP g COUNT 3");
	for (int i = 0; i < 3; i++)
		MUST(pub(publisher, "a", "x") == 1);
	MUST(pub(publisher, "a", "nobody is left") == 0);
	follow(others, "a GROUP g");
	for (int i = 0; i < 5; i++)
		MUST(pub(publisher, "a", "y") == 1);
	GETS(some, "MSG a x\nMSG a x\nMSG a x\n! DONE a count\n");
	MUST(count_lines(others) == 5);
	end_router();
}
END_TEST

/* Members come and go while lines are on their way: each line goes to one. */
START_TEST(no_line_of_a_group_is_lost_or_doubled)
{
	enum { NMEMBERS = 6 };
	struct visitor *publisher, *members[NMEMBERS];
	bool follows[NMEMBERS] = { false };
	unsigned nsent = 0, ngot = 0;
	uint64_t seed = 7;

	start_router();
	publisher = make_visitor(0);
	for (unsigned i = 0; i < NMEMBERS; i++)
		members[i] = make_visitor(i % 2);
	for (int round = 0; round < 5000; round++) {
		unsigned i = random_below(&seed, NMEMBERS);

		switch (random_below(&seed, 4)) {
		case 0:
			if (follows[i])
				MUST(unsub(members[i], "a") == 1);
			else
				follow(members[i], "a GROUP g");
			follows[i] = !follows[i];
			break;
		case 1:
			router_read_inbox(&views[i % 2]);
			break;
		default:
			nsent += (unsigned)pub(publisher, "a", "x");
		}
	}
	for (unsigned i = 0; i < NMEMBERS; i++)
		ngot += count_lines(members[i]);
	MUST(nsent > 1000);
	MUST(counted(STAT_LINES_MATCHED) == nsent);
	MUST(ngot + counted(STAT_LINES_DROPPED_GONE) == nsent);
	end_router();
}
END_TEST

/* ---- Names ------------------------------------------------------------------------ */

START_TEST(line_to_a_name_goes_to_that_client)
{
	struct visitor *publisher, *alice, *bob, *other;

	start_router();
	publisher = make_visitor(0);
	alice = make_visitor(0);
	bob = make_visitor(1);
	other = make_visitor(1);
	set_name(alice, "alice");
	set_name(bob, "bob");
	follow(other, ">");
	MUST(pub(publisher, "@alice", "1") == 1);
	MUST(pub(publisher, "@bob", "2") == 1);
	MUST(pub(publisher, "@carol", "3") == 0);
	MUST(pub(alice, "@alice", "4") == 1);
	GETS(alice, "MSG @alice 1\nMSG @alice 4\n");
	GETS(bob, "MSG @bob 2\n");
	GETS(other, "");
	MUST(counted(STAT_LINES_MATCHED) == 3);
	MUST(counted(STAT_LINES_UNDELIVERED) == 1);
	end_router();
}
END_TEST

START_TEST(line_to_a_name_that_has_gone_is_counted)
{
	struct visitor *publisher, *alice, *bob;

	start_router();
	publisher = make_visitor(0);
	alice = make_visitor(0);
	bob = make_visitor(1);
	set_name(alice, "alice");
	set_name(bob, "bob");
	MUST(pub(publisher, "@bob", "x") == 1);
	leave(bob);
	settle();
	MUST(counted(STAT_LINES_MATCHED) == 1);
	MUST(counted(STAT_LINES_DROPPED_GONE) == 1);
	MUST(pub(publisher, "@bob", "x") == 0);
	session_close(alice->session);
	MUST(pub(publisher, "@alice", "x") == 0);
	MUST(counted(STAT_LINES_MATCHED) == 1);
	end_router();
}
END_TEST

START_TEST(without_memory_a_line_to_a_name_is_refused_or_goes)
{
	for (unsigned view = 0; view < NVIEWS; view++) {
		unsigned k = 0;
		bool failed;

		do {
			struct visitor *publisher, *bob;
			struct router_receipt receipt;
			enum router_result result;

			start_router();
			publisher = make_visitor(0);
			bob = make_visitor(view);
			set_name(bob, "bob");
			fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
			result = try_pub(publisher, "@bob", "x", false, &receipt);
			failed = fault_clear();
			MUST(result == ROUTER_DONE ||
			     (failed && result == ROUTER_NO_MEMORY && receipt.nreaders == 0));
			settle();
			must_add_up();
			MUST(counted(STAT_LINES_MATCHED) == receipt.nreaders);
			MUST(*received(bob) != '\0' || failed);
			end_router();
		} while (failed);
		MUST(k > 2);
	}
}
END_TEST

/* ---- Lines that nobody took ------------------------------------------------------- */

START_TEST(undelivered_line_is_told)
{
	struct visitor *publisher, *watcher, *follower;

	start_router();
	publisher = make_visitor(0);
	watcher = make_visitor(1);
	follower = make_visitor(0);
	MUST(pub(publisher, "a.b", "before") == 0);
	follow(watcher, "_amyd.undelivered");
	MUST(pub(publisher, "a.b", "some text") == 0);
	MUST(pub(publisher, "@nobody", "hello") == 0);
	MUST(pub(publisher, "a.b", "") == 0);
	follow(follower, "a.b");
	MUST(pub(publisher, "a.b", "taken") == 1);
	GETS(watcher, "MSG _amyd.undelivered a.b some text\n"
	              "MSG _amyd.undelivered @nobody hello\n"
	              "MSG _amyd.undelivered a.b \n");
	MUST(counted(STAT_LINES_UNDELIVERED) == 4);
	end_router();
}
END_TEST

/* Who publishes does not wait for those who watch; nor do they make the daemon grow. */
START_TEST(undelivered_lines_are_not_told_to_a_full_inbox)
{
	static char text[60000];
	struct visitor *publisher, *watcher;

	listener.queue = 16 << 20;
	start_router();
	publisher = make_visitor(0);
	watcher = make_visitor(1);
	follow(watcher, "_amyd.undelivered");
	memset(text, 'x', sizeof text - 1);
	for (int i = 0; i < 100; i++)
		MUST(pub(publisher, "a", text) == 0);
	MUST(router->inboxes[1].nbytes < 2 << 20);
	settle();
	MUST(pub(publisher, "a", "x") == 0);
	settle();
	MUST(counted(STAT_LINES_UNDELIVERED) == 101);
	MUST(counted(STAT_LINES_MATCHED) > 10 && counted(STAT_LINES_MATCHED) < 50);
	end_router();
}
END_TEST

/* What the daemon says of itself, and nobody hears, is nobody's business. */
START_TEST(undelivered_lines_of_the_daemon_are_not_told)
{
	struct amy_bytes text = line_of("text");
	struct visitor *watcher;

	start_router();
	watcher = make_visitor(0);
	follow(watcher, "_amyd.undelivered");
	MUST(!router_is_heard(&views[0], "_amyd.client.up"));
	MUST(router_is_heard(&views[0], "_amyd.undelivered"));
	router_say(&views[0], "_amyd.client.up", &text);
	GETS(watcher, "");
	follow(watcher, "_amyd.client.*");
	MUST(router_is_heard(&views[1], "_amyd.client.up"));
	router_say(&views[1], "_amyd.client.up", &text);
	GETS(watcher, "MSG _amyd.client.up text\n");
	end_router();
}
END_TEST

/* ---- History ---------------------------------------------------------------------- */

static struct conf_history sections[] = {
	{ (char[]){ "log" }, (char[]){ "log.>" }, 1000, 1 << 20 },
};

static void
start_with_history(void)
{
	conf.histories = sections;
	conf.nhistories = 1;
	start_router();
}

START_TEST(stored_lines_are_numbered)
{
	struct visitor *publisher, *reader;
	struct router_receipt receipt;

	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	reader->session->show = PROTOCOL_SHOW_SEQ;
	follow(reader, ">");
	MUST(pub_stored(publisher, "log.a", "x") == 1);
	MUST(try_pub(publisher, "other", "x", false, &receipt) == ROUTER_DONE);
	MUST(receipt.seq == 0 && receipt.nreaders == 1);
	MUST(keep(publisher, "kept", "x") == 2);
	MUST(keep(publisher, "log.b", "x") == 3);
	MUST(try_pub(publisher, "@nobody", "x", false, &receipt) == ROUTER_DONE);
	MUST(receipt.seq == 0);
	GETS(reader, "MSG log.a 1 x\nMSG other - x\nMSG kept 2 x\nMSG log.b 3 x\n");
	end_router();
}
END_TEST

/* A line that was stored before, by another handler, comes before one that is stored now. */
START_TEST(stored_lines_come_in_the_order_of_their_numbers)
{
	struct visitor *publishers[NVIEWS], *readers[NVIEWS];
	static char expected[NVIEWS][1 << 16];
	uint64_t seed = 3;

	start_with_history();
	for (unsigned i = 0; i < NVIEWS; i++) {
		publishers[i] = make_visitor(i);
		readers[i] = make_visitor(i);
		readers[i]->session->show = PROTOCOL_SHOW_SEQ;
		follow(readers[i], "log.>");
	}
	for (int i = 0; i < 1000; i++) {
		unsigned who = random_below(&seed, 2);
		uint64_t seq = pub_stored(publishers[who], "log.a", who == 0 ? "0" : "1");

		MUST(seq == (uint64_t)i + 1);
		for (unsigned v = 0; v < NVIEWS; v++)
			sprintf(expected[v] + strlen(expected[v]), "MSG log.a %d %u\n", i + 1,
			        who);
		if (random_below(&seed, 10) == 0)
			router_read_inbox(&views[random_below(&seed, 2)]);
	}
	GETS(readers[0], expected[0]);
	GETS(readers[1], expected[1]);
	end_router();
}
END_TEST

/* ---- At full speed, from two threads ---------------------------------------------- */

enum { NLINES = 4000 };

static atomic_uint nready;

static const char *
find_line(char *buffer, size_t *used, char *line)
{
	char *lf = memchr(buffer, '\n', *used);
	size_t n;

	if (lf == NULL)
		return NULL;
	n = (size_t)(lf - buffer);
	memcpy(line, buffer, n);
	line[n] = '\0';
	*used -= n + 1;
	memmove(buffer, lf + 1, *used);
	return line;
}

/* Whatever it has got begins with a larger number than what came before. */
static unsigned
must_grow(struct visitor *reader, uint64_t *last)
{
	static char buffers[NVIEWS][1 << 17];
	static size_t used[NVIEWS];
	unsigned view = reader->view->handler, nlines = 0;
	char line[256];
	ssize_t n;

	n = read(reader->fd, buffers[view] + used[view], sizeof buffers[view] - used[view]);
	if (n > 0)
		used[view] += (size_t)n;
	while (find_line(buffers[view], &used[view], line) != NULL) {
		uint64_t seq;

		MUST(sscanf(line, "MSG log.a %" SCNu64 " ", &seq) == 1);
		if (seq <= *last)
			ck_abort_msg("handler %u: %" PRIu64 " after %" PRIu64, view, seq, *last);
		*last = seq;
		nlines++;
	}
	return nlines;
}

/* visitors[2 * i] publishes, visitors[2 * i + 1] reads, both of one handler. */
static void *
publish_and_read(void *argument)
{
	struct visitor *publisher = argument, *reader = publisher + 1;
	struct view *view = publisher->view;
	unsigned nsent = 0, ngot = 0;
	uint64_t last = 0;

	atomic_fetch_add(&nready, 1);
	WAIT_UNTIL(atomic_load(&nready) == NVIEWS);
	while (nsent < NLINES || ngot < NVIEWS * NLINES) {
		struct router_receipt receipt;
		enum router_result result = ROUTER_STALLED;

		if (nsent < NLINES)
			result = try_pub(publisher, "log.a", "text", false, &receipt);
		if (result == ROUTER_DONE)
			nsent++;
		else if (nsent < NLINES)
			resume(publisher);
		if (result != ROUTER_DONE || nsent % 16 == 0) {
			router_read_inbox(view);
			sched_yield();
		}
		flush_dirty(view);
		ngot += must_grow(reader, &last);
	}
	MUST(last == NVIEWS * NLINES);
	return NULL;
}

START_TEST(order_of_numbers_is_kept_at_full_speed)
{
	pthread_t threads[NVIEWS];

	listener.queue = 64 << 20;
	sections[0].lines = 100;
	start_with_history();
	for (unsigned i = 0; i < NVIEWS; i++) {
		struct visitor *publisher = make_visitor(i), *reader = make_visitor(i);

		MUST(reader == publisher + 1);
		reader->session->show = PROTOCOL_SHOW_SEQ;
		follow(reader, "log.>");
	}
	for (unsigned i = 0; i < NVIEWS; i++)
		threads[i] = spawn(publish_and_read, &visitors[2 * i]);
	for (unsigned i = 0; i < NVIEWS; i++)
		join(threads[i]);
	MUST(counted(STAT_LINES_MATCHED) == NVIEWS * NVIEWS * NLINES);
	MUST(counted(STAT_LINES_DELIVERED) == NVIEWS * NVIEWS * NLINES);
	end_router();
}
END_TEST

/* ---- Rules ------------------------------------------------------------------------ */

enum { MAX_RULES = 9 };

static struct conf_rule rules[MAX_RULES];
static struct conf_target targets[MAX_RULES][2];
static char rule_names[MAX_RULES][8], rule_targets[MAX_RULES][2][64];

/* A rule with one target, or two. */
static struct conf_rule *
add_rule(const char *match, const char *regex, const char *one, const char *two)
{
	size_t i = conf.nrules++;
	const char *texts[] = { one, two };

	MUST(i < MAX_RULES);
	snprintf(rule_names[i], sizeof rule_names[i], "r%zu", i);
	rules[i] = (struct conf_rule){
		.name = rule_names[i],
		.match = (char *)match,
		.regex = (char *)regex,
		.targets = targets[i],
		.queue = 1 << 20,
	};
	for (int t = 0; t < 2 && texts[t] != NULL; t++) {
		char why[256];

		snprintf(rule_targets[i][t], sizeof rule_targets[i][t], "%s", texts[t]);
		targets[i][t].text = rule_targets[i][t];
		MUST(conf_target_parse(&targets[i][t], why, sizeof why) == 0);
		rules[i].ntargets++;
	}
	conf.rules = rules;
	return &rules[i];
}

START_TEST(rule_hands_on_to_another_subject)
{
	struct visitor *publisher, *here, *there, *both;

	add_rule("log.>", "ERROR|FATAL", "subject:alert", "subject:copy.of.it");
	start_router();
	publisher = make_visitor(0);
	here = make_visitor(0);
	there = make_visitor(1);
	both = make_visitor(1);
	set_name(publisher, "alice");
	here->session->show = PROTOCOL_SHOW_FROM;
	follow(here, "alert");
	follow(there, "copy.>");
	follow(both, "log.*");
	follow(both, "alert");
	/* Whom it was handed on to is not told to the publisher. */
	MUST(pub(publisher, "log.a", "an ERROR") == 1);
	MUST(pub(publisher, "log.a", "all is well") == 1);
	MUST(pub(publisher, "other", "ERROR") == 0);
	GETS(here, "MSG alert @alice an ERROR\n");
	GETS(there, "MSG copy.of.it an ERROR\n");
	GETS(both, "MSG log.a an ERROR\nMSG alert an ERROR\nMSG log.a all is well\n");
	MUST(counted(STAT_LINES_PUBLISHED) == 5);
	end_router();
}
END_TEST

START_TEST(rules_are_tried_in_order_until_one_stops)
{
	struct visitor *visitor;

	add_rule("a.>", "one", "subject:r.one", NULL);
	add_rule("a.b", "two", "subject:r.two", NULL)->stop = true;
	add_rule("a.b", NULL, "subject:r.three", NULL);
	start_router();
	visitor = make_visitor(0);
	follow(visitor, "r.*");
	MUST(pub(visitor, "a.b", "one") == 0);
	MUST(pub(visitor, "a.b", "one two") == 0);
	MUST(pub(visitor, "a.b", "two") == 0);
	MUST(pub(visitor, "a.b", "neither") == 0);
	MUST(pub(visitor, "a.c", "two") == 0);
	GETS(visitor, "MSG r.one one\nMSG r.three one\nMSG r.one one two\nMSG r.two one two\n"
	              "MSG r.two two\nMSG r.three neither\n");
	end_router();
}
END_TEST

/* As many as there may be. */
START_TEST(line_is_handed_on_nine_times)
{
	static char subjects[MAX_RULES + 1][16], to[MAX_RULES][32];
	struct visitor *publisher, *follower;

	for (int i = 0; i < MAX_RULES; i++) {
		snprintf(subjects[i], sizeof subjects[i], "s%d", i);
		snprintf(to[i], sizeof to[i], "subject:s%d", i + 1);
		add_rule(subjects[i], NULL, to[i], NULL);
	}
	start_router();
	publisher = make_visitor(0);
	follower = make_visitor(1);
	follow(follower, "s8");
	follow(follower, "s9");
	MUST(pub(publisher, "s0", "x") == 0);
	GETS(follower, "MSG s8 x\nMSG s9 x\n");
	MUST(counted(STAT_LINES_PUBLISHED) == 10);
	/* Somebody has it at last. */
	MUST(counted(STAT_LINES_UNDELIVERED) == 0);
	end_router();
}
END_TEST

START_TEST(handed_on_line_is_stored_where_it_comes_to)
{
	struct visitor *publisher, *reader;
	struct router_receipt receipt;

	add_rule("in", NULL, "subject:log.a", NULL);
	add_rule("log.x", NULL, "subject:out", NULL);
	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(1);
	reader->session->show = PROTOCOL_SHOW_SEQ;
	follow(reader, ">");
	MUST(try_pub(publisher, "in", "x", false, &receipt) == ROUTER_DONE);
	MUST(receipt.seq == 0);
	MUST(pub_stored(publisher, "log.x", "y") == 2);
	/* What was kept is not kept there. */
	MUST(keep(publisher, "in", "z") == 3);
	MUST(!history_is_kept(router->history, "log.a", 5));
	GETS(reader, "MSG in - x\nMSG log.a 1 x\nMSG log.x 2 y\nMSG out - y\n"
	             "MSG in 3 z\nMSG log.a 4 z\n");
	end_router();
}
END_TEST

START_TEST(handed_on_line_that_nobody_takes_is_undelivered_once)
{
	struct visitor *publisher, *watcher, *follower;

	add_rule("a", NULL, "subject:b", "subject:c");
	start_router();
	publisher = make_visitor(0);
	watcher = make_visitor(1);
	follower = make_visitor(0);
	follow(watcher, "_amyd.undelivered");
	MUST(pub(publisher, "a", "x") == 0);
	GETS(watcher, "MSG _amyd.undelivered a x\n");
	follow(follower, "c GROUP g");
	MUST(pub(publisher, "a", "y") == 0);
	GETS(watcher, "");
	GETS(follower, "MSG c y\n");
	end_router();
}
END_TEST

START_TEST(publisher_without_echo_does_not_get_it_handed_on)
{
	struct visitor *publisher;

	add_rule("a", NULL, "subject:b", NULL);
	start_router();
	publisher = make_visitor(0);
	follow(publisher, "b");
	MUST(pub(publisher, "a", "1") == 0);
	publisher->session->no_echo = true;
	MUST(pub(publisher, "a", "2") == 0);
	GETS(publisher, "MSG b 1\n");
	end_router();
}
END_TEST

/* Where it is handed on to is somebody else's inbox. */
START_TEST(full_inbox_parks_who_publishes_by_a_rule)
{
	struct visitor *publisher, *there;

	listener.queue = 64 << 20;
	add_rule("in", NULL, "subject:out", NULL);
	start_router();
	publisher = make_visitor(0);
	there = make_visitor(1);
	follow(there, "out");
	publish_until_full(publisher, "in", 0);
	end_router();
}
END_TEST

/* ---- Targets of rules ------------------------------------------------------------- */

static unsigned nwakes;

static void
count_wake(struct sink *sink)
{
	MUST(sink_context(sink) == &nwakes);
	nwakes++;
}

static struct sink *
make_sink(size_t rule, size_t target)
{
	struct sink *sink =
	    sink_create(&rules[rule], &targets[rule][target], count_wake, &nwakes);

	MUST(sink != NULL);
	router->policy.sinks[rule][target] = sink;
	return sink;
}

static void
must_take(struct sink *sink, const char *subject, const char *text)
{
	struct publication *line = sink_take(sink);

	if (subject == NULL) {
		MUST(line == NULL);
		return;
	}
	MUST(line != NULL);
	MUST(line->subject.nbytes == strlen(subject) && line->text.nbytes == strlen(text));
	MUST(memcmp(line->subject.bytes, subject, line->subject.nbytes) == 0);
	MUST(memcmp(line->text.bytes, text, line->text.nbytes) == 0);
	publication_unref(line);
	sink_wrote(sink, 1);
}

START_TEST(targets_of_rules_are_fed)
{
	struct sink *file, *tcp, *other;
	struct visitor *publisher;

	add_rule("log.>", NULL, "file:/tmp/all", "tcp:127.0.0.1:1");
	add_rule("log.b", NULL, "syslog:local3.err", NULL);
	start_router();
	nwakes = 0;
	file = make_sink(0, 0);
	tcp = make_sink(0, 1);
	other = make_sink(1, 0);
	publisher = make_visitor(1);
	MUST(!views[1].has_fed_sinks);
	MUST(pub(publisher, "log.a", "1") == 0);
	MUST(nwakes == 2);
	MUST(pub(publisher, "log.b", "2") == 0);
	MUST(nwakes == 3);
	MUST(pub(publisher, "x", "3") == 0);
	MUST(views[1].has_fed_sinks && !views[0].has_fed_sinks);
	must_take(file, "log.a", "1");
	must_take(file, "log.b", "2");
	must_take(file, NULL, NULL);
	must_take(tcp, "log.a", "1");
	must_take(other, "log.b", "2");
	must_take(other, NULL, NULL);
	/* Who writes it down has taken it. */
	MUST(counted(STAT_LINES_UNDELIVERED) == 1);
	sink_lost(tcp, 0);
	must_take(tcp, "log.b", "2");
	sink_destroy(file);
	sink_destroy(tcp);
	sink_destroy(other);
	end_router();
}
END_TEST

START_TEST(rule_without_a_sink_loses_nothing_else)
{
	struct visitor *publisher;

	add_rule("a", NULL, "file:/tmp/all", "subject:b");
	start_router();
	publisher = make_visitor(0);
	follow(publisher, "b");
	MUST(pub(publisher, "a", "x") == 0);
	GETS(publisher, "MSG b x\n");
	end_router();
}
END_TEST

START_TEST(target_gets_stored_line_with_its_number)
{
	struct publication *line;
	struct visitor *publisher;
	struct sink *sink;

	add_rule("log.>", NULL, "file:/tmp/all", NULL);
	start_with_history();
	sink = make_sink(0, 0);
	publisher = make_visitor(0);
	MUST(pub_stored(publisher, "log.a", "x") == 1);
	line = sink_take(sink);
	MUST(line != NULL && line->seq == 1);
	sink_wrote(sink, 1);
	publication_unref(line);
	sink_destroy(sink);
	end_router();
}
END_TEST

/* ---- No memory -------------------------------------------------------------------- */

START_TEST(without_memory_there_is_no_router)
{
	struct record_pipe *const both[NVIEWS] = { &pipes[0], &pipes[1] };
	unsigned k = 0, nrefused = 0;
	bool failed;

	add_rule("a", "b", "subject:c", NULL);
	conf.histories = sections;
	conf.nhistories = 1;
	do {
		long allocations = fault_live_allocations();

		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		router = router_create(&conf, both);
		failed = fault_clear();
		MUST(failed || router != NULL); /* not all is needed */
		nrefused += router == NULL;
		router_destroy(router);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	MUST(nrefused > 8);
	router = router_create(&conf, both);
	MUST(router != NULL);
	k = 0;
	do {
		long allocations = fault_live_allocations();
		int result;

		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		result = router_view_init(&views[0], router, 0);
		failed = fault_clear();
		MUST(failed || result == 0);
		if (result == 0)
			router_view_fini(&views[0]);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	MUST(k > 2);
	router_destroy(router);
}
END_TEST

/* Followers, a group, history, rules and a sink, in both handlers. */
struct town {
	struct visitor *publisher, *here, *there, *member, *handed_on;
	struct sink *sink;
};

static void
make_town(struct town *town, bool has_history)
{
	conf.nrules = 0;
	add_rule("log.>", NULL, "subject:out", "file:/tmp/all");
	conf.histories = sections;
	conf.nhistories = has_history ? 1 : 0;
	start_router();
	town->sink = make_sink(0, 1);
	town->publisher = make_visitor(0);
	town->here = make_visitor(0);
	town->there = make_visitor(1);
	town->member = make_visitor(1);
	town->handed_on = make_visitor(1);
	follow(town->here, "log.a");
	follow(town->there, "log.*");
	follow(town->member, "log.> GROUP g");
	follow(town->handed_on, "out");
}

static void
end_town(struct town *town)
{
	sink_destroy(town->sink);
	end_router();
}

/* Whatever fails: it is accounted for, nothing leaks, and the next line works. */
static unsigned
publish_without_memory(bool has_history, bool keep_it)
{
	unsigned k = 0, nrefused = 0;
	bool failed;

	do {
		enum router_result result;
		struct router_receipt receipt;
		struct town town;

		make_town(&town, has_history);
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		result = try_pub(town.publisher, "log.a", "x", keep_it, &receipt);
		failed = fault_clear();
		settle();
		must_add_up();
		MUST(result == ROUTER_DONE || (failed && result == ROUTER_NO_MEMORY));
		if (result == ROUTER_NO_MEMORY) {
			MUST(receipt.nreaders == 0 && receipt.seq == 0);
			MUST(counted(STAT_LINES_MATCHED) == 0);
			nrefused++;
		} else {
			MUST(receipt.nreaders == 3);
			MUST((receipt.seq != 0) == (has_history || keep_it));
		}
		MUST(!town.publisher->session->is_stalled);
		if (!failed) {
			GETS(town.here, "MSG log.a x\n");
			GETS(town.there, "MSG log.a x\n");
			GETS(town.member, "MSG log.a x\n");
			GETS(town.handed_on, "MSG out x\n");
			must_take(town.sink, "log.a", "x");
		}
		end_town(&town);
	} while (failed);
	MUST(k > 5);
	return nrefused;
}

START_TEST(without_memory_a_line_is_refused_or_accounted_for)
{
	MUST(publish_without_memory(false, false) > 0);
	MUST(publish_without_memory(true, false) > 1);
	MUST(publish_without_memory(false, true) > 1);
	MUST(publish_without_memory(true, true) > 1);
}
END_TEST

START_TEST(without_memory_a_session_loses_its_place_and_not_the_others)
{
	unsigned k = 0, ndead = 0;
	bool failed;

	do {
		struct visitor *publisher, *one, *other;

		start_router();
		publisher = make_visitor(0);
		one = make_visitor(0);
		other = make_visitor(0);
		follow(one, "a");
		follow(other, "a");
		MUST(pub(publisher, "a", "x") == 2);
		GETS(one, "MSG a x\n");
		GETS(other, "MSG a x\n");
		/* They take nothing now: it is for them to keep what they are to get. */
		fill(one->session->fd);
		fill(other->session->fd);
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		MUST(pub(publisher, "a", "y") == 2);
		settle();
		failed = fault_clear();
		drain(one->fd);
		drain(other->fd);
		session_flush(one->session);
		session_flush(other->session);
		if (one->session->state == SESSION_DEAD ||
		    other->session->state == SESSION_DEAD) {
			ndead++;
			MUST(counted(STAT_LINES_DROPPED_MEMORY) == 1);
			MUST(strcmp(received(one->session->state == SESSION_DEAD ? other : one),
			            "MSG a y\n") == 0);
		}
		end_router();
	} while (failed);
	MUST(ndead >= 2);
}
END_TEST

START_TEST(no_more_last_values_than_there_may_be_are_kept)
{
	struct visitor *visitor;
	struct router_receipt receipt;
	char subject[16];

	start_router();
	visitor = make_visitor(0);
	follow(visitor, "k.10000");
	for (int i = 0; i < HISTORY_MAX_KEPT; i++) {
		snprintf(subject, sizeof subject, "k.%d", i);
		MUST(keep(visitor, subject, "") == (uint64_t)i + 1);
	}
	MUST(try_pub(visitor, "k.10000", "", true, &receipt) == ROUTER_TOO_MANY);
	MUST(receipt.nreaders == 0 && receipt.seq == 0);
	GETS(visitor, "");
	MUST(keep(visitor, "k.7", "") == HISTORY_MAX_KEPT + 1);
	end_router();
}
END_TEST

START_TEST(line_that_is_too_large_for_its_history_is_not_called_stored)
{
	struct router_receipt receipt;
	struct visitor *publisher, *reader;
	struct amy_bytes subject = line_of("log.a"), text = { NULL, 0 };
	char *bytes = malloc(sections[0].bytes);

	MUST(bytes != NULL);
	memset(bytes, 'x', sections[0].bytes);
	text = (struct amy_bytes){ bytes, sections[0].bytes };
	start_with_history();
	publisher = make_visitor(0);
	reader = make_visitor(0);
	follow(reader, "log.a");
	MUST(router_publish(publisher->view, publisher->session, &subject, &text, false,
	                    &receipt) == ROUTER_DONE);
	MUST(receipt.nreaders == 1 && receipt.seq == 0);
	MUST(pub_stored(publisher, "log.a", "x") == 1);
	session_flush(reader->session);
	drain(reader->fd);
	end_router();
	free(bytes);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("router",
	    line_that_is_too_large_for_its_history_is_not_called_stored,
	    line_goes_to_those_who_follow_it,
	    line_goes_through_the_inbox_of_another_handler,
	    publisher_that_follows_gets_its_own_line,
	    any_bytes_are_text,
	    order_is_kept_across_handlers,
	    what_was_found_before_is_not_believed_after_a_change,
	    subject_is_judged_whatever_was_looked_up_last,
	    many_subjects_are_not_mixed_up,
	    handler_is_woken_once_a_turn,
	    lines_of_a_turn_that_go_one_way_are_one_message,
	    stored_line_goes_behind_those_that_were_gathered,
	    more_than_a_packet_holds_goes_in_several,
	    handler_whose_sessions_do_not_follow_is_not_woken,
	    full_inbox_parks_the_publisher,
	    full_inbox_parks_nobody_who_does_not_need_it,
	    full_inbox_parks_who_publishes_to_a_group_or_a_name,
	    parked_publisher_is_woken_when_there_is_room,
	    order_is_kept_across_a_full_inbox,
	    parked_session_can_be_removed,
	    slow_reader_is_cut_and_the_others_are_not,
	    slow_reader_loses_lines_and_the_others_do_not,
	    one_member_of_a_group_gets_a_line,
	    groups_and_followers_count_apart,
	    member_that_left_while_its_line_was_on_the_way_is_replaced,
	    line_of_a_group_that_all_have_left_is_counted,
	    member_that_is_closing_is_passed_by,
	    member_that_is_dead_is_passed_by,
	    publisher_without_echo_is_not_chosen,
	    member_is_chosen_as_often_as_it_counts,
	    no_line_of_a_group_is_lost_or_doubled,
	    line_to_a_name_goes_to_that_client,
	    line_to_a_name_that_has_gone_is_counted,
	    without_memory_a_line_to_a_name_is_refused_or_goes,
	    undelivered_line_is_told,
	    undelivered_lines_are_not_told_to_a_full_inbox,
	    undelivered_lines_of_the_daemon_are_not_told,
	    stored_lines_are_numbered,
	    stored_lines_come_in_the_order_of_their_numbers,
	    order_of_numbers_is_kept_at_full_speed,
	    rule_hands_on_to_another_subject,
	    rules_are_tried_in_order_until_one_stops,
	    line_is_handed_on_nine_times,
	    handed_on_line_is_stored_where_it_comes_to,
	    handed_on_line_that_nobody_takes_is_undelivered_once,
	    publisher_without_echo_does_not_get_it_handed_on,
	    full_inbox_parks_who_publishes_by_a_rule,
	    targets_of_rules_are_fed,
	    rule_without_a_sink_loses_nothing_else,
	    target_gets_stored_line_with_its_number,
	    without_memory_there_is_no_router,
	    without_memory_a_line_is_refused_or_accounted_for,
	    without_memory_a_session_loses_its_place_and_not_the_others,
	    no_more_last_values_than_there_may_be_are_kept);
}
