/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "load.h"
#include "summary.h"
#include "units_text.h"

/* What follows from what a run has counted. */
struct figures {
	bool has_server, has_memory; /* what the server has used is known */
	double seconds;
	double lines_per_second;
	double server_cpu_ns, own_cpu_ns; /* per line */
	double server_bytes;              /* per connection */
};

static double
per(uint64_t total, uint64_t n)
{
	return n == 0 ? 0.0 : (double)total / (double)n;
}

static struct figures
reckon(const struct run *run)
{
	bool is_idle = run->options->load == &load_idle;
	uint64_t ns = run->end_ns - run->measure_ns;
	uint64_t server_cpu_ns = is_idle ? run->opening_cpu_ns : run->server_cpu_ns;

	return (struct figures){
		.has_server = run->options->server.n > 0,
		.has_memory = run->options->server.n > 0 && is_idle,
		.seconds = (double)ns / 1e9,
		.lines_per_second = per(run->nlines, is_idle ? run->opening_ns : ns) * 1e9,
		.server_cpu_ns = per(server_cpu_ns, run->nlines),
		.own_cpu_ns =
		    per(is_idle ? run->opening_own_cpu_ns : run->own_cpu_ns, run->nlines),
		.server_bytes = (double)run->server_bytes / (double)run->options->nconnections,
	};
}

/* ---- JSON -------------------------------------------------------------------------- */

static void
print_figure(const char *key, bool is_known, double value)
{
	if (is_known)
		printf(",\"%s\":%.1f", key, value);
	else
		printf(",\"%s\":null", key);
}

static void
print_latency_json(const struct histogram *latency)
{
	printf(",\"latency_min_ns\":%" PRIu64 ",\"latency_mean_ns\":%.0f"
	       ",\"latency_p50_ns\":%" PRIu64 ",\"latency_p90_ns\":%" PRIu64
	       ",\"latency_p99_ns\":%" PRIu64 ",\"latency_p999_ns\":%" PRIu64
	       ",\"latency_max_ns\":%" PRIu64,
	       latency->n == 0 ? 0 : latency->least_ns, histogram_mean_ns(latency),
	       histogram_per_mille(latency, 500), histogram_per_mille(latency, 900),
	       histogram_per_mille(latency, 990), histogram_per_mille(latency, 999),
	       latency->most_ns);
}

static void
print_json(const struct run *run, const struct figures *figures)
{
	const struct options *options = run->options;

	printf("{\"load\":\"%s\",\"protocol\":\"%s\",\"connections\":%u,\"in_flight\":%u,"
	       "\"rate\":%" PRIu64 ",\"size\":%zu,\"seconds\":%.3f,\"lines\":%" PRIu64
	       ",\"lines_per_second\":%.0f",
	       options->load->name, options->dialect->name, options->nconnections,
	       options->nin_flight, options->rate, options->size, figures->seconds, run->nlines,
	       figures->lines_per_second);
	if (options->load == &load_fanout)
		printf(",\"published\":%" PRIu64, run->npublished);
	print_latency_json(&run->latency);
	print_figure("server_cpu_ns_per_line", figures->has_server, figures->server_cpu_ns);
	print_figure("client_cpu_ns_per_line", true, figures->own_cpu_ns);
	print_figure("server_rss_bytes_per_connection", figures->has_memory,
	             figures->server_bytes);
	puts("}");
}

/* ---- Text -------------------------------------------------------------------------- */

#define LABEL "  %-15s "

static void
print_heading(const struct run *run, const struct figures *figures)
{
	const struct options *options = run->options;
	char count[UNITS_TEXT], pace[UNITS_TEXT + 32] = "";

	if (options->rate > 0)
		snprintf(pace, sizeof pace, ", %s a second", units_count(options->rate, count));
	else if (options->load->max_in_flight > 1)
		snprintf(pace, sizeof pace, ", %u in flight", options->nin_flight);
	printf("%s, %s, %s %s%s, %.1f s\n", options->load->name, options->dialect->name,
	       units_count(options->nconnections, count),
	       options->load == &load_fanout ? "readers" : "connections", pace,
	       figures->seconds);
}

static void
print_latency(const struct histogram *latency)
{
	static const struct {
		const char *name;
		unsigned per_mille;
	} rows[] = { { "p50", 500 }, { "p90", 900 }, { "p99", 990 }, { "p99.9", 999 } };
	char text[UNITS_TEXT];

	printf(LABEL "min %s", "latency",
	       units_time(latency->n == 0 ? 0 : latency->least_ns, text));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		printf("  %s %s", rows[i].name,
		       units_time(histogram_per_mille(latency, rows[i].per_mille), text));
	printf("  max %s", units_time(latency->most_ns, text));
	printf("   (mean %s)\n", units_time((uint64_t)histogram_mean_ns(latency), text));
}

static void
print_cpu(const char *label, double ns, const char *what)
{
	printf(LABEL "%.3f us a %s\n", label, ns / 1e3, what);
}

static void
print_text(const struct run *run, const struct figures *figures)
{
	const struct load *load = run->options->load;
	bool is_by_connection = load == &load_idle || load == &load_churn;
	const char *what = is_by_connection ? "connection" : "line";
	char count[UNITS_TEXT], rate[UNITS_TEXT];

	print_heading(run, figures);
	printf(LABEL "%s   %s a second\n", is_by_connection ? "connections" : "lines",
	       units_count(run->nlines, count),
	       units_count((uint64_t)(figures->lines_per_second + 0.5), rate));
	if (load == &load_fanout)
		printf(LABEL "%s\n", "published", units_count(run->npublished, count));
	print_latency(&run->latency);
	if (figures->has_server)
		print_cpu("server CPU", figures->server_cpu_ns, what);
	print_cpu("client CPU", figures->own_cpu_ns, what);
	if (figures->has_memory)
		printf(LABEL "%.0f bytes a connection\n", "server memory",
		       figures->server_bytes);
}

int
summary_print(const struct run *run)
{
	struct figures figures = reckon(run);

	if (run->options->is_json)
		print_json(run, &figures);
	else
		print_text(run, &figures);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}
