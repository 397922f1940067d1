/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "harness.h"
#include "http_host.h"

START_TEST(addresses_localhost_and_our_name_are_ours)
{
	static const char *const hosts[] = {
		"127.0.0.1",  "127.0.0.1:80",     "192.0.2.7:65535",   "[::1]",
		"[::1]:2697", "[2001:db8::7]:80", "[::ffff:10.0.0.1]", "localhost",
		"LocalHost",  "localhost.:80",    "box",               "BOX:2697",
		"box.lan",    "box.lan.",         "box.lan:80",        "127.0.0.1:",
	};

	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
		ck_assert_msg(http_host_is_ours(hosts[i], "box.lan"), "%s", hosts[i]);
}
END_TEST

START_TEST(all_others_are_not)
{
	static const char *const hosts[] = {
		"", ".", ":80", "evil.example", "localhost.evil.example", "evil.localhost",
		"127.0.0.1.evil.example", "127.0.0.1 ", "127.1", "0x7f000001", "2130706433",
		"127.0.0.1:80:80", "127.0.0.1:80x", "localhost:80@evil", "[::1", "[::1]x", "[]",
		"::1", "[127.0.0.1]", "[fe80::1%25eth0]", "box.lan.evil", "bo", "boxx", "ox.lan",
		"box.la", "localhost..",
	};

	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
		ck_assert_msg(!http_host_is_ours(hosts[i], "box.lan"), "%s", hosts[i]);
}
END_TEST

START_TEST(machine_without_a_name_has_none)
{
	ck_assert(!http_host_is_ours("", ""));
	ck_assert(!http_host_is_ours(".", ""));
	ck_assert(!http_host_is_ours("a", ""));
	ck_assert(http_host_is_ours("localhost", ""));
}
END_TEST

START_TEST(very_long_hosts_are_refused)
{
	static char host[100000];

	memset(host, '1', sizeof host - 1);
	ck_assert(!http_host_is_ours(host, "box"));
	host[0] = '[';
	host[sizeof host - 2] = ']';
	ck_assert(!http_host_is_ours(host, "box"));
}
END_TEST

int
main(void)
{
	return RUN_SUITE("http_host",
	    addresses_localhost_and_our_name_are_ours,
	    all_others_are_not,
	    machine_without_a_name_has_none,
	    very_long_hosts_are_refused);
}
