/* SPDX-License-Identifier: MIT */
/* The two ways in which a status is written: for Prometheus, and as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "metrics.h"
#include "status_json.h"

static struct status_handler handlers[] = {
	{ .number = "0", .nclients = 1, .turns = 2, .busy_ns = 1500000000, .nread = 3, .npublished = 4, .ndelivered = 5 },
};
static struct status_listener listeners[] = {
	{ "main", "127.0.0.1:0", "command", 1, 2, 3, UINT64_MAX },
	{ "q\"b\\n\nx\x01\xff\xc3\xa4\xe2\x82", "[::1]:0", "echo", 0, 0, 0, 0 },
};
static struct status_target targets[] = {
	{ "errors", "file:/a b",
		  { .nput = 10, .nwritten = 4, .nunsure = 1, .ndropped = 3, .nqueued = 2,
		    .error = "No \"room\"" },
		  .is_up = 1, .since_s = 7 },
};
static struct status_section sections[] = { { "logs", 7, 700, 70 } };

static struct status
make_status(void)
{
	struct status status = {
		.uptime_ms = 61500,
		.since_wall_ms = 1700000000999,
		.handlers = handlers,
		.listeners = listeners,
		.targets = targets,
		.sections = sections,
		.nhandlers = 1,
		.nlisteners = 2,
		.ntargets = 1,
		.nsections = 1,
		.nbusiest = 1,
		.nslowest = 1,
	};

	for (int i = 0; i < STAT_COUNT; i++)
		status.counters[i] = 100 + (uint64_t)i;
	for (int i = 0; i <= LOAD_BUCKETS; i++)
		status.lines[i] = 1;
	status.line_ns = 2500000000;
	status.busiest[0] = (struct busiest_rate){ 12.5, 3, "a.b" };
	status.slowest[0] = (struct status_client){ "ann", "127.0.0.1:1", "main", 7, 8, 9 };
	return status;
}

static char *
written(void (*write)(FILE *file, const struct status *status), const struct status *status)
{
	char *text;
	size_t nbytes;
	FILE *file = open_memstream(&text, &nbytes);

	MUST(file != NULL);
	write(file, status);
	MUST(fclose(file) == 0);
	return text;
}

/* A whole line of it. */
static bool
has_line(const char *text, const char *line)
{
	size_t n = strlen(line);
	const char *at = text;

	while ((at = strstr(at, line)) != NULL) {
		if ((at == text || at[-1] == '\n') && at[n] == '\n')
			return true;
		at++;
	}
	return false;
}

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	return n;
}

START_TEST(counters_become_families)
{
	struct status status = make_status();
	char *text = written(metrics_write, &status), line[200];

	snprintf(line, sizeof line, "amyd_lines_read_total %d", 100 + STAT_LINES_READ);
	ck_assert(has_line(text, line));
	snprintf(line, sizeof line, "amyd_lines_dropped_total{cause=\"cut\"} %d",
	         100 + STAT_LINES_DROPPED_CUT);
	ck_assert(has_line(text, line));
	snprintf(line, sizeof line, "amyd_lines_queued %d", 100 + STAT_LINES_QUEUED);
	ck_assert(has_line(text, line));
	ck_assert(has_line(text, "# TYPE amyd_lines_queued gauge"));
	ck_assert_uint_eq(count(text, "# TYPE amyd_lines_dropped_total counter\n"), 1);
	ck_assert_uint_eq(count(text, "# HELP amyd_clients_refused_total "), 1);
	free(text);
}
END_TEST

/* What STATS(X) gets one day is told, too; but somebody has to say what it is. */
START_TEST(every_counter_is_told_and_explained)
{
	struct status status = make_status();
	char *text = written(metrics_write, &status), line[200];

	for (int i = 0; i < STAT_COUNT; i++) {
		snprintf(line, sizeof line, " %d\n", 100 + i);
		ck_assert_msg(strstr(text, line) != NULL, "%s", stats_names[i]);
	}
	ck_assert_ptr_null(strstr(text, "As STATS counts it."));
	free(text);
}
END_TEST

START_TEST(labels_are_escaped)
{
	struct status status = make_status();
	char *text = written(metrics_write, &status);

	ck_assert(has_line(
	    text, "amyd_listener_clients{listener=\"q\\\"b\\\\n\\nx\x01\\\\xff\xc3\xa4\\\\xe2\\\\x82\","
	          "mode=\"echo\"} 0"));
	ck_assert(has_line(
	    text, "amyd_listener_received_bytes_total{listener=\"main\",mode=\"command\"} "
	          "18446744073709551615"));
	free(text);
}
END_TEST

START_TEST(buckets_add_up)
{
	struct status status = make_status();
	char *text = written(metrics_write, &status);

	ck_assert(has_line(text, "amyd_line_seconds_bucket{le=\"1e-06\"} 1"));
	ck_assert(has_line(text, "amyd_line_seconds_bucket{le=\"0.0005\"} 9"));
	ck_assert(has_line(text, "amyd_line_seconds_bucket{le=\"1\"} 19"));
	ck_assert(has_line(text, "amyd_line_seconds_bucket{le=\"+Inf\"} 20"));
	ck_assert(has_line(text, "amyd_line_seconds_count 20"));
	ck_assert(has_line(text, "amyd_line_seconds_sum 2.5"));
	free(text);
}
END_TEST

START_TEST(tables_have_a_line_for_each_row)
{
	struct status status = make_status();
	char *text = written(metrics_write, &status);

	ck_assert(has_line(text, "amyd_handler_busy_seconds_total{handler=\"0\"} 1.5"));
	ck_assert(has_line(text, "amyd_handler_turns_total{handler=\"0\"} 2"));
	ck_assert(has_line(
	    text, "amyd_rule_dropped_total{rule=\"errors\",target=\"file:/a b\"} 3"));
	ck_assert_ptr_nonnull(strstr(
	    text, "amyd_rule_unsure_total{rule=\"errors\",target=\"file:/a b\"} 1"));
	ck_assert_ptr_nonnull(
	    strstr(text, "amyd_rule_connected{rule=\"errors\",target=\"file:/a b\"} 1"));
	ck_assert_ptr_nonnull(strstr(
	    text, "amyd_rule_state_seconds{rule=\"errors\",target=\"file:/a b\"} 7"));
	ck_assert_ptr_nonnull(
	    strstr(text, "amyd_rule_last_error{rule=\"errors\",target=\"file:/a b\","
	                 "error=\"No \\\"room\\\"\"} 1"));
	ck_assert(has_line(text, "amyd_history_bytes{section=\"logs\"} 700"));
	ck_assert(has_line(text, "amyd_uptime_seconds 61.5"));
	ck_assert(has_line(text, "process_start_time_seconds 1700000000"));
	ck_assert(has_line(text, "amyd_healthy 1"));
	free(text);
}
END_TEST

START_TEST(families_without_a_row_are_not_told)
{
	struct status status = make_status();
	char *text;

	status.ntargets = status.nsections = 0;
	status.is_draining = true;
	text = written(metrics_write, &status);
	ck_assert_ptr_null(strstr(text, "amyd_rule_put"));
	ck_assert_ptr_null(strstr(text, "amyd_history_lines"));
	ck_assert(has_line(text, "amyd_healthy 0"));
	free(text);
}
END_TEST

START_TEST(strings_of_json_are_escaped)
{
	struct status status = make_status();
	char *text = written(status_write_json, &status);

	ck_assert_ptr_nonnull(strstr(
	    text, "{\"listener\":\"q\\\"b\\\\n\\u000ax\\u0001\\\\xff\xc3\xa4\\\\xe2\\\\x82\",\"address\":\"[::1]:0\""));
	ck_assert_uint_eq(count(text, "\n"), 1);
	free(text);
}
END_TEST

START_TEST(json_has_every_counter_by_its_name)
{
	struct status status = make_status();
	char *text = written(status_write_json, &status), member[200];

	for (int i = 0; i < STAT_COUNT; i++) {
		snprintf(member, sizeof member, "\"%s\":%d", stats_names[i], 100 + i);
		ck_assert_msg(strstr(text, member) != NULL, "%s", member);
	}
	free(text);
}
END_TEST

START_TEST(json_has_commas_between_members_and_nowhere_else)
{
	struct status status = make_status();
	char *text = written(status_write_json, &status);

	ck_assert_ptr_nonnull(strstr(
	    text, "\"busiest\":[{\"subject\":\"a.b\",\"lines_per_second\":12.5}],\"slowest\":[{"
	          "\"id\":7,\"name\":\"ann\",\"peer\":\"127.0.0.1:1\",\"listener\":\"main\","
	          "\"queued_bytes\":8,\"dropped\":9}],\"process\":{"));
	ck_assert_ptr_null(strstr(text, ",,"));
	ck_assert_ptr_null(strstr(text, "[,"));
	ck_assert_ptr_null(strstr(text, "{,"));
	ck_assert_ptr_null(strstr(text, ",]"));
	ck_assert_ptr_null(strstr(text, ",}"));
	ck_assert_ptr_null(strstr(text, "}{"));
	free(text);
	status.nbusiest = status.nslowest = status.nlisteners = 0;
	text = written(status_write_json, &status);
	ck_assert_ptr_nonnull(strstr(text, "\"listeners\":[],\"rules\":[{"));
	ck_assert_ptr_nonnull(strstr(text, "\"written\":4,\"unsure\":1,\"queued\":2,\"dropped\":3,"
	                                   "\"connected\":true,\"since_seconds\":7,"
	                                   "\"error\":\"No \\\"room\\\"\"}"));
	ck_assert_ptr_nonnull(strstr(text, "\"busiest\":[],\"slowest\":[],\"process\""));
	free(text);
}
END_TEST

START_TEST(json_says_the_state)
{
	struct status status = make_status();
	char *text = written(status_write_json, &status);

	ck_assert_ptr_nonnull(strstr(text, "\"state\":\"running\",\"uptime"));
	free(text);
	status.is_stuck = true;
	strcpy(status.stuck, "handler 0");
	text = written(status_write_json, &status);
	ck_assert_ptr_nonnull(strstr(text, "\"state\":\"stuck\",\"stuck\":\"handler 0\""));
	free(text);
	status.is_draining = true;
	text = written(status_write_json, &status);
	ck_assert_ptr_nonnull(strstr(text, "\"state\":\"draining\",\"stuck\":\"handler 0\""));
	free(text);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("metrics",
	    counters_become_families,
	    every_counter_is_told_and_explained,
	    labels_are_escaped,
	    buckets_add_up,
	    tables_have_a_line_for_each_row,
	    families_without_a_row_are_not_told,
	    strings_of_json_are_escaped,
	    json_has_every_counter_by_its_name,
	    json_has_commas_between_members_and_nowhere_else,
	    json_says_the_state);
}
