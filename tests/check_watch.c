/* SPDX-License-Identifier: MIT */
/*
 * Clients that are quiet, and lines that do not end. Time stands still but for pass().
 */
#include "two_handlers.h"

#ifdef __linux__
#include <linux/filter.h>
#endif

#include "watch.h"

enum { IDLE_MS = 8000, LINE_MS = 800 };

static struct watch watches[NVIEWS];

static void
start(int64_t idle_ms, int64_t line_ms)
{
	memset(watches, 0, sizeof watches);
	listener.mode = CONF_MODE_COMMAND;
	listener.idle_ms = idle_ms;
	listener.line_ms = line_ms;
	start_router();
}

static void
end(void)
{
	for (unsigned i = 0; i < NVIEWS; i++)
		timers_cancel(&views[i].timers, &watches[i].timer);
	end_router();
}

static struct watch *
watch_of(const struct visitor *visitor)
{
	return &watches[visitor->view->handler];
}

static struct visitor *
come(unsigned view)
{
	struct visitor *visitor = make_visitor(view);

	MUST(watch_start(watch_of(visitor), visitor->view, visitor->session) == 0);
	return visitor;
}

/* What a handler does with bytes that have come, but that lines are not run. */
static void
send_bytes(struct visitor *visitor, const char *bytes)
{
	struct session *session = visitor->session;
	struct amy_bytes line;
	bool is_new = false;

	session->is_active = true;
	amy_line_reader_feed(&session->reader, bytes, strlen(bytes));
	while (amy_line_reader_next(&session->reader, &line) != 0)
		is_new = true;
	MUST(watch_line(watch_of(visitor), visitor->view, session, is_new) == 0);
}

/* In steps, as a handler that has other timers, too. */
static void
pass_slowly(int64_t ms)
{
	for (; ms > 0; ms -= 20)
		pass(20);
}

static bool
is_here(const struct visitor *visitor)
{
	return session_is_following(visitor->session);
}

static void
must_hear(struct visitor *visitor, const char *words)
{
	char buffer[256];
	ssize_t n;

	settle();
	n = read(visitor->fd, buffer, sizeof buffer - 1);
	MUST(n >= 0);
	buffer[n] = '\0';
	MUST(strcmp(buffer, words) == 0);
}

START_TEST(quiet_client_is_ended_after_idle_time)
{
	struct visitor *visitor;

	start(IDLE_MS, 0);
	visitor = come(0);
	pass_slowly(IDLE_MS);
	MUST(is_here(visitor));
	pass_slowly(IDLE_MS / 4 + 20);
	MUST(!is_here(visitor));
	must_hear(visitor, "! BYE IDLE idle_time=8s\n");
	MUST(counted(STAT_CLIENTS_IDLE) == 1);
	end();
}
END_TEST

START_TEST(client_that_speaks_is_not_idle)
{
	struct visitor *visitor;

	start(IDLE_MS, 0);
	visitor = come(0);
	for (int i = 0; i < 20; i++) {
		pass_slowly(IDLE_MS * 3 / 4);
		MUST(is_here(visitor));
		send_bytes(visitor, "PING\n");
	}
	pass_slowly(IDLE_MS * 5 / 4 + 20);
	MUST(!is_here(visitor));
	end();
}
END_TEST

START_TEST(client_that_takes_what_it_is_sent_is_not_idle)
{
	struct visitor *visitor;
	const struct amy_bytes line = { "MSG a x", 7 };
	char buffer[64];

	start(IDLE_MS, 0);
	visitor = come(1);
	for (int i = 0; i < 20; i++) {
		pass_slowly(IDLE_MS * 3 / 4);
		MUST(is_here(visitor));
		session_answer(visitor->session, &line, 1);
		view_mark_dirty(visitor->view, visitor->session);
		settle();
		MUST(read(visitor->fd, buffer, sizeof buffer) == 8);
	}
	pass_slowly(IDLE_MS * 5 / 4 + 20);
	MUST(!is_here(visitor));
	end();
}
END_TEST

START_TEST(idle_client_is_ended_whoever_else_is_busy)
{
	struct visitor *idle, *busy;

	start(IDLE_MS, 0);
	idle = come(0);
	busy = come(0);
	for (int i = 0; i < 10; i++) {
		pass_slowly(IDLE_MS / 8);
		send_bytes(busy, "PING\n");
	}
	pass(20);
	MUST(!is_here(idle));
	MUST(is_here(busy));
	end();
}
END_TEST

START_TEST(without_idle_time_nobody_is_looked_at)
{
	struct visitor *visitor;

	start(0, LINE_MS);
	visitor = come(0);
	send_bytes(visitor, "PING\n");
	MUST(views[0].timers.n == 0);
	pass(INT64_C(1000) * 24 * 3600 * 1000);
	MUST(is_here(visitor));
	end();
}
END_TEST

START_TEST(line_that_does_not_end_ends_its_client)
{
	struct visitor *visitor;

	start(0, LINE_MS);
	visitor = come(0);
	send_bytes(visitor, "PI");
	pass_slowly(LINE_MS - 20);
	MUST(is_here(visitor));
	pass_slowly(LINE_MS / 8 + 40);
	MUST(!is_here(visitor));
	must_hear(visitor, "! BYE SLOW line_time=800ms\n");
	MUST(counted(STAT_CLIENTS_LINE_TIME) == 1);
	end();
}
END_TEST

START_TEST(trickle_does_not_help)
{
	struct visitor *visitor;
	int n = 0;

	start(0, LINE_MS);
	visitor = come(0);
	for (; is_here(visitor); n++) {
		MUST(n < 100);
		send_bytes(visitor, "x");
		pass(20);
	}
	MUST(n >= LINE_MS / 20);
	end();
}
END_TEST

START_TEST(line_that_ends_in_time_makes_room_for_the_next)
{
	struct visitor *visitor;

	start(0, LINE_MS);
	visitor = come(0);
	send_bytes(visitor, "PI");
	for (int i = 0; i < 20; i++) {
		pass_slowly(LINE_MS * 3 / 4);
		MUST(is_here(visitor));
		send_bytes(visitor, "NG\nPI"); /* one ends, and another one begins */
	}
	pass_slowly(LINE_MS * 3 / 4);
	send_bytes(visitor, "NG\n");
	pass_slowly(10 * LINE_MS);
	MUST(is_here(visitor));
	MUST(views[0].timers.n == 0);
	end();
}
END_TEST

START_TEST(line_that_is_dropped_has_no_more_time)
{
	struct visitor *visitor;

	start(0, LINE_MS);
	listener.max_line = 3;
	visitor = come(0);
	listener.max_line = 65536;
	send_bytes(visitor, "12345678");
	pass_slowly(2 * LINE_MS);
	MUST(!is_here(visitor));
	end();
}
END_TEST

START_TEST(client_that_is_not_read_from_has_time)
{
	struct visitor *visitor;

	start(0, LINE_MS);
	visitor = come(0);
	send_bytes(visitor, "PI");
	visitor->session->is_waiting = true;
	pass_slowly(10 * LINE_MS);
	MUST(is_here(visitor));
	visitor->session->is_waiting = false;
	pass_slowly(LINE_MS / 2);
	MUST(is_here(visitor));
	pass_slowly(LINE_MS);
	MUST(!is_here(visitor));
	end();
}
END_TEST

START_TEST(line_of_a_reader_may_take_for_ever)
{
	struct visitor *visitor;

	start(0, LINE_MS);
	listener.mode = CONF_MODE_SUBSCRIBE;
	visitor = come(0);
	send_bytes(visitor, "x");
	MUST(views[0].timers.n == 0);
	pass_slowly(10 * LINE_MS);
	MUST(is_here(visitor));
	end();
}
END_TEST

START_TEST(time_may_be_near_the_end_of_32_bits)
{
	struct visitor *visitor, *other;

	start(IDLE_MS, LINE_MS);
	set_time(((INT64_C(1) << 32) * 5) - LINE_MS / 2);
	visitor = come(0);
	other = come(1);
	send_bytes(visitor, "PI");
	pass_slowly(LINE_MS - 20);
	MUST(is_here(visitor));
	pass_slowly(LINE_MS / 4);
	MUST(!is_here(visitor));
	MUST(is_here(other));
	pass_slowly(IDLE_MS - 2 * LINE_MS);
	MUST(is_here(other));
	pass_slowly(IDLE_MS);
	MUST(!is_here(other));
	end();
}
END_TEST

START_TEST(time_in_which_the_daemon_stood_still_does_not_count)
{
	struct visitor *visitor, *other;

	start(IDLE_MS, LINE_MS);
	visitor = come(0);
	other = come(0);
	send_bytes(visitor, "PI");
	pass_slowly(LINE_MS / 2);
	pass(100 * IDLE_MS);
	MUST(is_here(visitor) && is_here(other));
	pass_slowly(LINE_MS);
	MUST(!is_here(visitor) && is_here(other));
	pass(100 * IDLE_MS);
	MUST(is_here(other));
	pass_slowly(IDLE_MS * 5 / 4 + 20);
	MUST(!is_here(other));
	end();
}
END_TEST

/* It came while the daemon stood still: its time begins now, and not later. */
START_TEST(client_that_came_late_has_no_time_of_the_future)
{
	struct visitor *visitor, *other;

	start(IDLE_MS, LINE_MS);
	visitor = come(0);
	set_time(now_ms + 100 * IDLE_MS);
	other = come(0);
	send_bytes(other, "PI");
	pass_slowly(LINE_MS / 2);
	MUST(is_here(visitor) && is_here(other));
	pass_slowly(LINE_MS);
	MUST(is_here(visitor) && !is_here(other));
	end();
}
END_TEST

START_TEST(handler_looks_a_few_times_in_the_shortest_time)
{
	struct visitor *visitor;
	int64_t began_ms;
	int nlooks = 0;

	start(IDLE_MS, LINE_MS);
	visitor = come(0);
	began_ms = now_ms;
	while (now_ms < began_ms + IDLE_MS) {
		int next_ms = timers_next_ms(&views[0].timers, now_ms);

		MUST(next_ms > 0);
		visitor->session->is_active = true;
		pass(next_ms);
		nlooks++;
	}
	MUST(nlooks == 8);
	send_bytes(visitor, "PI");
	MUST(timers_next_ms(&views[0].timers, now_ms) <= LINE_MS / 8);
	end();
}
END_TEST

/* ---- Other times ------------------------------------------------------------------ */

/* As a handler does, when those of its listener are others. Memory is not there to be had. */
static void
change_times(struct visitor *visitor, int64_t idle_ms, int64_t line_ms)
{
	static struct conf_listener listeners[8];
	static unsigned nlisteners;
	struct conf_listener *next = &listeners[nlisteners++ % 8];
	const struct conf_listener *old = visitor->session->listener;

	*next = *old;
	next->idle_ms = idle_ms;
	next->line_ms = line_ms;
	MUST(timers_reserve(&visitor->view->timers, 1) == 0);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(session_adopt(visitor->session, router->clients, next));
	watch_renew_client(visitor->view, visitor->session, old);
	watch_renew(watch_of(visitor), visitor->view);
	MUST(!fault_clear());
}

START_TEST(idle_time_that_was_none_begins_with_the_change)
{
	struct visitor *visitor;

	start(0, 0);
	visitor = come(0);
	pass(100 * IDLE_MS);
	change_times(visitor, IDLE_MS, 0);
	pass_slowly(IDLE_MS);
	MUST(is_here(visitor));
	pass_slowly(IDLE_MS / 4 + 20);
	MUST(!is_here(visitor));
	must_hear(visitor, "! BYE IDLE idle_time=8s\n");
	end();
}
END_TEST

START_TEST(line_time_that_was_none_begins_with_the_change)
{
	struct visitor *visitor;

	start(0, 0);
	visitor = come(0);
	send_bytes(visitor, "PI");
	pass(100 * LINE_MS);
	change_times(visitor, 0, LINE_MS);
	pass_slowly(LINE_MS - 20);
	MUST(is_here(visitor));
	pass_slowly(LINE_MS / 8 + 60);
	MUST(!is_here(visitor));
	must_hear(visitor, "! BYE SLOW line_time=800ms\n");
	end();
}
END_TEST

START_TEST(line_that_ends_after_the_change_has_done_so_in_time)
{
	struct visitor *visitor;

	start(0, 0);
	visitor = come(0);
	send_bytes(visitor, "PI");
	change_times(visitor, 0, LINE_MS);
	pass_slowly(LINE_MS / 2);
	send_bytes(visitor, "NG\n");
	pass_slowly(10 * LINE_MS);
	MUST(is_here(visitor));
	MUST(views[0].timers.n == 0);
	end();
}
END_TEST

START_TEST(shorter_times_count_from_when_it_fell_silent)
{
	struct visitor *idle, *slow;

	start(100 * IDLE_MS, 100 * IDLE_MS);
	idle = come(0);
	slow = come(1);
	pass_slowly(IDLE_MS);
	send_bytes(slow, "PI");
	pass_slowly(2 * LINE_MS);
	MUST(is_here(idle) && is_here(slow));
	/* It was looked at once, and was quiet since: longer than it may be now. */
	pass_slowly(25 * IDLE_MS);
	MUST(is_here(idle) && is_here(slow));
	change_times(idle, IDLE_MS, LINE_MS);
	change_times(slow, 0, LINE_MS);
	pass_slowly(20);
	MUST(!is_here(idle) && !is_here(slow));
	must_hear(idle, "! BYE IDLE idle_time=8s\n");
	must_hear(slow, "! BYE SLOW line_time=800ms\n");
	end();
}
END_TEST

START_TEST(longer_times_leave_more_time)
{
	struct visitor *idle, *slow;

	start(IDLE_MS, LINE_MS);
	idle = come(0);
	slow = come(1);
	send_bytes(slow, "PI");
	pass_slowly(LINE_MS / 2);
	change_times(idle, 10 * IDLE_MS, LINE_MS);
	change_times(slow, 10 * IDLE_MS, 10 * LINE_MS);
	pass_slowly(9 * LINE_MS);
	MUST(is_here(slow));
	pass_slowly(2 * LINE_MS);
	MUST(!is_here(slow));
	pass_slowly(8 * IDLE_MS);
	MUST(is_here(idle));
	pass_slowly(5 * IDLE_MS);
	MUST(!is_here(idle));
	end();
}
END_TEST

START_TEST(times_that_are_none_any_more_end_nobody)
{
	struct visitor *visitor;

	start(IDLE_MS, LINE_MS);
	visitor = come(0);
	send_bytes(visitor, "PI");
	change_times(visitor, 0, 0);
	pass_slowly(2 * IDLE_MS);
	MUST(is_here(visitor));
	MUST(views[0].timers.n == 0);
	end();
}
END_TEST

/* However often they are changed, and to what they were. */
START_TEST(same_times_go_on_as_they_were)
{
	struct visitor *visitor;
	int64_t came_ms;

	start(IDLE_MS, 0);
	visitor = come(0);
	came_ms = now_ms;
	while (is_here(visitor)) {
		MUST(now_ms - came_ms <= IDLE_MS * 5 / 4);
		change_times(visitor, IDLE_MS, 0);
		pass_slowly(IDLE_MS / 100);
	}
	MUST(now_ms - came_ms >= IDLE_MS);
	end();
}
END_TEST

START_TEST(without_memory_it_cannot_be_watched)
{
	struct visitor *visitor;

	start(IDLE_MS, 0);
	visitor = make_visitor(0);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(watch_start(watch_of(visitor), visitor->view, visitor->session) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	MUST(watch_start(watch_of(visitor), visitor->view, visitor->session) == 0);
	end();
}
END_TEST

/* ---- What is acknowledged ---------------------------------------------------------- */

enum { DEAD_MS = 300 };

static struct amy_poller *poller;

static struct visitor *
come_by_tcp(void)
{
	struct visitor *visitor;
	int fds[2];

	start(0, 0);
	poller = amy_poller_create();
	watches[0].registrar = amy_registrar_create(poller);
	watches[0].pipe = &pipes[0];
	watches[0].dead_ms = DEAD_MS;
	visitor = come(0);
	make_tcp_pair(fds);
	MUST(dup2(fds[0], visitor->session->fd) != -1);
	MUST(dup2(fds[1], visitor->fd) != -1);
	close(fds[0]);
	close(fds[1]);
	visitor->session->client.peer.any.sa_family = AF_INET;
	return visitor;
}

static void
end_tcp(void)
{
	amy_registrar_destroy(watches[0].registrar);
	amy_poller_destroy(poller);
	end();
}

/* From now on no packet reaches its socket: none is acknowledged. */
static void
vanish(const struct visitor *visitor)
{
#ifdef __linux__
	struct sock_filter nothing = { .code = BPF_RET | BPF_K, .k = 0 };
	const struct sock_fprog program = { .len = 1, .filter = &nothing };

	MUST(setsockopt(visitor->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ==
	     0);
#else
	(void)visitor;
#endif
}

/* Look at it until it has ended, or need not be looked at any more, or some time is over. */
static void
look_at(const struct visitor *visitor, int ms)
{
	watch_acks(&watches[0]);
	for (int i = 0; i < ms / 10; i++) {
		MUST(amy_registrar_take(watches[0].registrar, watches[0].acks_id) == 0);
		watch_look_at_acks(&watches[0], &views[0]);
		if (visitor->session->state == SESSION_DEAD || !watches[0].is_looking)
			return;
		poll(NULL, 0, 10);
	}
}

static void
answer(const struct visitor *visitor)
{
	session_answer_now(visitor->session, "+OK\n", 4);
	MUST(visitor->session->has_sent);
}

START_TEST(client_whose_machine_acknowledges_nothing_is_ended)
{
	struct visitor *visitor = come_by_tcp();

	vanish(visitor);
	answer(visitor);
	look_at(visitor, 60000);
	MUST(visitor->session->state == SESSION_DEAD);
	MUST(counted(STAT_CLIENTS_DEAD) == 1);
	end_tcp();
}
END_TEST

START_TEST(client_that_has_acknowledged_all_is_looked_at_no_more)
{
	struct visitor *visitor = come_by_tcp();

	answer(visitor);
	look_at(visitor, 60000);
	MUST(visitor->session->state == SESSION_OPEN && !visitor->session->has_sent);
	MUST(!watches[0].is_looking);
	vanish(visitor); /* it has nothing to acknowledge */
	look_at(visitor, 2 * DEAD_MS);
	MUST(visitor->session->state == SESSION_OPEN);
	end_tcp();
}
END_TEST

START_TEST(client_that_has_closed_its_window_is_not_dead)
{
	struct visitor *visitor = come_by_tcp();

	fill(visitor->session->fd);
	visitor->session->has_sent = true;
	look_at(visitor, 4 * DEAD_MS);
	MUST(visitor->session->state == SESSION_OPEN && visitor->session->has_sent);
	MUST(counted(STAT_CLIENTS_DEAD) == 0);
	end_tcp();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("watch",
	    quiet_client_is_ended_after_idle_time,
	    client_that_speaks_is_not_idle,
	    client_that_takes_what_it_is_sent_is_not_idle,
	    idle_client_is_ended_whoever_else_is_busy,
	    without_idle_time_nobody_is_looked_at,
	    line_that_does_not_end_ends_its_client,
	    trickle_does_not_help,
	    line_that_ends_in_time_makes_room_for_the_next,
	    line_that_is_dropped_has_no_more_time,
	    client_that_is_not_read_from_has_time,
	    line_of_a_reader_may_take_for_ever,
	    time_may_be_near_the_end_of_32_bits,
	    time_in_which_the_daemon_stood_still_does_not_count,
	    client_that_came_late_has_no_time_of_the_future,
	    handler_looks_a_few_times_in_the_shortest_time,
	    idle_time_that_was_none_begins_with_the_change,
	    line_time_that_was_none_begins_with_the_change,
	    line_that_ends_after_the_change_has_done_so_in_time,
	    shorter_times_count_from_when_it_fell_silent,
	    longer_times_leave_more_time,
	    times_that_are_none_any_more_end_nobody,
	    same_times_go_on_as_they_were,
	    without_memory_it_cannot_be_watched,
	    client_whose_machine_acknowledges_nothing_is_ended,
	    client_that_has_acknowledged_all_is_looked_at_no_more,
	    client_that_has_closed_its_window_is_not_dead);
}
