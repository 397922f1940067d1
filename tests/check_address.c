/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "harness.h"

#define FORM "write host:port, [v6]:port, *:port or the /path of a Unix socket"
#define PORT "the port is a number from 0 (any) to 65535"
#define BRACKETS "write an IPv6 address in brackets: [::1]:2693"
#define LONG_PATH "the path of a Unix socket has at most 107 bytes"

/* The one address of a text that has one. No test here asks a name server. */
static struct address
resolve(const char *text)
{
	struct address address;
	const char *why = NULL;

	memset(&address, 0x5a, sizeof address);
	ck_assert_msg(address_resolve(text, &address, 1, &why) == 1, "%s: %s", text, why);
	return address;
}

static void
assert_refused(const char *text, const char *expected)
{
	struct address address;
	const char *why = NULL;

	ck_assert_msg(address_resolve(text, &address, 1, &why) == -1, "%s", text);
	ck_assert_pstr_eq(why, expected);
}

START_TEST(ipv4_address_is_host_and_port)
{
	struct address address = resolve("127.0.0.1:2693");

	ck_assert_int_eq(address.u.any.sa_family, AF_INET);
	ck_assert_uint_eq(address.length, sizeof(struct sockaddr_in));
	ck_assert_uint_eq(ntohl(address.u.in.sin_addr.s_addr), 0x7f000001);
	ck_assert_uint_eq(ntohs(address.u.in.sin_port), 2693);
	ck_assert_uint_eq(address_port(&address), 2693);
}
END_TEST

START_TEST(ipv6_address_stands_in_brackets)
{
	struct address address = resolve("[::1]:2693");
	struct in6_addr expected;

	ck_assert_int_eq(address.u.any.sa_family, AF_INET6);
	ck_assert_uint_eq(address.length, sizeof(struct sockaddr_in6));
	ck_assert_mem_eq(&address.u.in6.sin6_addr, &in6addr_loopback, 16);
	ck_assert_uint_eq(address_port(&address), 2693);
	address = resolve("[2001:db8::4:5]:80");
	ck_assert_int_eq(inet_pton(AF_INET6, "2001:db8::4:5", &expected), 1);
	ck_assert_mem_eq(&address.u.in6.sin6_addr, &expected, 16);
}
END_TEST

START_TEST(ipv6_address_without_brackets_is_refused_with_the_remedy)
{
	assert_refused("::1:2693", BRACKETS);
	assert_refused(":::2693", BRACKETS);
	assert_refused("2001:db8::1:80", BRACKETS);
	assert_refused("[::1:80", BRACKETS);
	assert_refused("::1]:80", BRACKETS);
	assert_refused("1:2:3", BRACKETS);
}
END_TEST

START_TEST(star_is_every_address_of_this_machine)
{
	struct address address = resolve("*:2693");
	bool is_v6 = address.u.any.sa_family == AF_INET6;

	/* Where there is no IPv6, it is IPv4. */
	ck_assert(is_v6 || address.u.any.sa_family == AF_INET);
	if (is_v6)
		ck_assert_mem_eq(&address.u.in6.sin6_addr, &in6addr_any, 16);
	else
		ck_assert_uint_eq(address.u.in.sin_addr.s_addr, INADDR_ANY);
	ck_assert_uint_eq(address.length, is_v6 ? sizeof(struct sockaddr_in6)
	                                        : sizeof(struct sockaddr_in));
	ck_assert_uint_eq(address_port(&address), 2693);
	ck_assert(!address_is_loopback(&address));
}
END_TEST

START_TEST(path_is_a_unix_socket)
{
	struct address address = resolve("/run/amyd:1/amyd.sock");

	ck_assert_int_eq(address.u.any.sa_family, AF_UNIX);
	ck_assert_uint_eq(address.length, sizeof(struct sockaddr_un));
	ck_assert_str_eq(address.u.un.sun_path, "/run/amyd:1/amyd.sock");
	ck_assert_uint_eq(address_port(&address), 0);
	address_set_port(&address, 80);
	ck_assert_uint_eq(address_port(&address), 0);
	ck_assert_str_eq(address.u.un.sun_path, "/run/amyd:1/amyd.sock");
}
END_TEST

START_TEST(path_has_107_bytes_at_most)
{
	char path[110] = "";
	struct address address;

	memset(path, '/', 107);
	address = resolve(path);
	ck_assert_str_eq(address.u.un.sun_path, path);
	path[107] = '/';
	assert_refused(path, LONG_PATH);
	path[108] = '/';
	assert_refused(path, LONG_PATH);
}
END_TEST

START_TEST(port_is_0_to_65535)
{
	static const struct {
		const char *text;
		unsigned port;
	} good[] = {
		{ "127.0.0.1:0", 0 },
		{ "127.0.0.1:1", 1 },
		{ "127.0.0.1:080", 80 },
		{ "127.0.0.1:65535", 65535 },
		{ "[::1]:0", 0 },
		{ "[::1]:65535", 65535 },
		{ "*:65535", 65535 },
	};
	static const char *const bad[] = {
		"127.0.0.1:-1", "127.0.0.1:65536", "127.0.0.1:99999", "127.0.0.1:abc",
		"127.0.0.1:", "127.0.0.1:80x", "127.0.0.1: 80", "127.0.0.1:80 ",
		"127.0.0.1:+80", "127.0.0.1:0x50", "127.0.0.1:4294967376",
		"127.0.0.1:18446744073709551696", "127.0.0.1:2693\n", "127.0.0.1:http",
		"*:", "*:65536", "*:*", "[::1]:", "[::1]:65536", "[::1]", "[::1]80",
	};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct address address = resolve(good[i].text);

		ck_assert_uint_eq(address_port(&address), good[i].port);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_refused(bad[i], PORT);
}
END_TEST

START_TEST(what_has_no_host_or_no_port_is_refused)
{
	char text[300];

	assert_refused("", FORM);
	assert_refused("2693", FORM);
	assert_refused("127.0.0.1", FORM);
	assert_refused(":", FORM);
	assert_refused(":2693", FORM);
	assert_refused("run/amyd.sock", FORM);
	memset(text, 'a', sizeof text);
	strcpy(text + 256, ":80");
	assert_refused(text, FORM);
}
END_TEST

START_TEST(not_more_addresses_than_asked_for)
{
	struct address addresses[3];
	const char *why;

	memset(addresses, 0x5a, sizeof addresses);
	ck_assert_int_eq(address_resolve("127.0.0.1:80", addresses, 2, &why), 1);
	ck_assert_uint_eq(addresses[1].length, 0x5a5a5a5a);
}
END_TEST

START_TEST(loopback_is_what_other_machines_cannot_reach)
{
	static const char *const loopback[] = {
		"127.0.0.1:80", "127.0.0.0:80", "127.255.255.255:80", "[::1]:80", "/a",
	};
	static const char *const reachable[] = {
		"126.255.255.255:80", "128.0.0.1:80", "0.0.0.0:80", "192.168.0.127:80",
		"1.0.0.127:80", "[::]:80", "[::2]:80", "[fe80::1]:80", "[100::1]:80",
		"[::ffff:192.168.0.1]:80", "*:80",
	};

	for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
		struct address address = resolve(loopback[i]);

		ck_assert_msg(address_is_loopback(&address), "%s", loopback[i]);
	}
	for (size_t i = 0; i < sizeof reachable / sizeof reachable[0]; i++) {
		struct address address = resolve(reachable[i]);

		ck_assert_msg(!address_is_loopback(&address), "%s", reachable[i]);
	}
}
END_TEST

START_TEST(addresses_are_equal_only_to_themselves)
{
	static const char *const texts[] = {
		"127.0.0.1:80", "127.0.0.1:81", "127.0.0.2:80", "[::1]:80",
		"[::1]:81",     "[::2]:80",     "/a",           "/ab",
	};
	const size_t n = sizeof texts / sizeof texts[0];

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			struct address a = resolve(texts[i]);
			struct address b = resolve(texts[j]);

			ck_assert_int_eq(address_is_equal(&a, &b), i == j);
		}
}
END_TEST

START_TEST(port_can_be_set)
{
	struct address v4 = resolve("127.0.0.1:0"), v6 = resolve("[::1]:0");
	struct address v4_80 = resolve("127.0.0.1:80"), v6_80 = resolve("[::1]:80");

	address_set_port(&v4, 80);
	address_set_port(&v6, 80);
	ck_assert(address_is_equal(&v4, &v4_80));
	ck_assert(address_is_equal(&v6, &v6_80));
}
END_TEST

static void
assert_formatted(const struct address *address, const char *expected, const char *host)
{
	char text[ADDRESS_MAX_TEXT];

	memset(text, 0x5a, sizeof text);
	ck_assert_ptr_eq(address_format(address, text), text);
	ck_assert_str_eq(text, expected);
	ck_assert_ptr_eq(address_format_host(address, text), text);
	ck_assert_str_eq(text, host);
}

START_TEST(address_is_written_as_it_is_read)
{
	static const struct {
		const char *text, *host;
	} texts[] = {
		{ "127.0.0.1:2693", "127.0.0.1" },
		{ "255.255.255.255:65535", "255.255.255.255" },
		{ "0.0.0.0:0", "0.0.0.0" },
		{ "[::1]:2693", "::1" },
		{ "[::]:0", "::" },
		{ "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
		  "2001:db8:1111:2222:3333:4444:5555:6666" },
		{ "[::ffff:255.255.255.255]:65535", "::ffff:255.255.255.255" },
		{ "/run/amyd/amyd.sock", "/run/amyd/amyd.sock" },
	};
	char path[108] = "";

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct address address = resolve(texts[i].text);

		assert_formatted(&address, texts[i].text, texts[i].host);
	}
	memset(path, '/', 107);
	assert_formatted(&(struct address){ .u.un.sun_family = AF_UNIX }, "unix", "unix");
	assert_formatted(&(struct address){ .u.un = { AF_UNIX, "\0abstract" } }, "unix",
	                 "unix");
	{
		struct address address = resolve(path);

		assert_formatted(&address, path, path);
	}
}
END_TEST

START_TEST(any_address_is_read_back_as_it_was_written)
{
	for (uint64_t seed = 1; seed <= 5000; seed++) {
		uint64_t random = seed;
		bool is_v6 = random_below(&random, 2) == 0;
		struct address address = { .length = sizeof address.u.in }, back;
		unsigned char *bytes = (unsigned char *)&address.u.in.sin_addr;
		char text[ADDRESS_MAX_TEXT];
		const char *why = "it has another number of addresses";

		address.u.any.sa_family = AF_INET;
		if (is_v6) {
			address.u.any.sa_family = AF_INET6;
			address.length = sizeof address.u.in6;
			bytes = (unsigned char *)&address.u.in6.sin6_addr;
		}
		/* Runs of zeros, which are written as "::". */
		for (size_t i = 0; i < (is_v6 ? 16 : 4); i++)
			bytes[i] = (unsigned char)(random_below(&random, 2) == 0
			                               ? 0
			                               : random_below(&random, 256));
		address_set_port(&address, random_below(&random, 65536));
		address_format(&address, text);
		memset(&back, 0x5a, sizeof back);
		/* A scope is asked of the network's cards: not of them here. */
		if (is_v6 && IN6_IS_ADDR_LINKLOCAL(&address.u.in6.sin6_addr))
			continue;
		if (address_resolve(text, &back, 1, &why) != 1 ||
		    !address_is_equal(&address, &back))
			ck_abort_msg("seed %llu: %s: %s", (unsigned long long)seed, text,
			             why);
	}
}
END_TEST

START_TEST(numeric_host_is_resolved_without_asking)
{
	static const char *const texts[] = {
		"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:1",
		"[2001:db8::4:5]:80",
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct address expected = resolve(texts[i]), address;

		memset(&address, 0x5a, sizeof address);
		ck_assert_msg(address_resolve_numeric(texts[i], &address) == 1, "%s",
		              texts[i]);
		ck_assert_msg(address_is_equal(&address, &expected), "%s", texts[i]);
	}
}
END_TEST

START_TEST(what_is_not_numeric_is_left_to_be_asked_for)
{
	static const char *const texts[] = {
		"localhost:80", "example.org:80", "*:80", "/run/amyd.sock", "", ":80",
		"127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:http", "::1:80",
		"[::1]", "[]:80", "[localhost]:80", "127.0.0.256:80", "[::g]:80", "/a:80",
	};
	struct address address;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		ck_assert_msg(address_resolve_numeric(texts[i], &address) == -1, "%s",
		              texts[i]);
}
END_TEST

START_TEST(what_is_passed_has_a_name)
{
	ck_assert_str_eq(address_fd_name("fd:main"), "main");
	ck_assert_str_eq(address_fd_name("fd:"), "");
	ck_assert_str_eq(address_fd_name("fd:a:b"), "a:b");
	ck_assert_ptr_null(address_fd_name("fd"));
	ck_assert_ptr_null(address_fd_name("FD:main"));
	ck_assert_ptr_null(address_fd_name("/fd:main"));
	ck_assert_ptr_null(address_fd_name(""));
}
END_TEST

/* So it is no second line of a log, and nothing that a terminal obeys. */
START_TEST(path_that_a_client_made_up_is_escaped)
{
	static const char path[] = "/a\n\033[31m\\\177\xc2\x9bz ~";
	struct address address = { .length = sizeof address.u.un };
	char text[ADDRESS_MAX_TEXT], host[ADDRESS_MAX_TEXT];

	address.u.un.sun_family = AF_UNIX;
	memcpy(address.u.un.sun_path, path, sizeof path);
	ck_assert_str_eq(address_format(&address, text),
	                 "/a\\x0a\\x1b[31m\\x5c\\x7f\\xc2\\x9bz ~");
	ck_assert_str_eq(address_format_host(&address, host), path);
}
END_TEST

/* The kernel does not end one of 108 bytes with a NUL. */
START_TEST(path_without_an_end_is_not_read_beyond_it)
{
	struct address address;
	char text[ADDRESS_MAX_TEXT], expected[ADDRESS_MAX_TEXT] = "/";

	memset(&address, 'b', sizeof address);
	address.u.un.sun_family = AF_UNIX;
	address.u.un.sun_path[0] = '/';
	memset(expected + 1, 'b', sizeof address.u.un.sun_path - 1);
	ck_assert_str_eq(address_format_host(&address, text), expected);
	ck_assert_str_eq(address_format(&address, text), expected);

	memset(address.u.un.sun_path + 1, '\n', sizeof address.u.un.sun_path - 1);
	ck_assert_ptr_null(strchr(address_format(&address, text), '\n'));
	ck_assert_uint_eq(strlen(text), 1 + (ADDRESS_MAX_TEXT - 2) / 4 * 4);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("address",
	    ipv4_address_is_host_and_port,
	    ipv6_address_stands_in_brackets,
	    ipv6_address_without_brackets_is_refused_with_the_remedy,
	    star_is_every_address_of_this_machine,
	    path_is_a_unix_socket,
	    path_has_107_bytes_at_most,
	    port_is_0_to_65535,
	    what_has_no_host_or_no_port_is_refused,
	    not_more_addresses_than_asked_for,
	    loopback_is_what_other_machines_cannot_reach,
	    addresses_are_equal_only_to_themselves,
	    port_can_be_set,
	    address_is_written_as_it_is_read,
	    path_that_a_client_made_up_is_escaped,
	    path_without_an_end_is_not_read_beyond_it,
	    any_address_is_read_back_as_it_was_written,
	    numeric_host_is_resolved_without_asking,
	    what_is_not_numeric_is_left_to_be_asked_for,
	    what_is_passed_has_a_name);
}
