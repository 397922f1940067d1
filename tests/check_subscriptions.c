/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "subject.h"
#include "subscriptions_list.h"

enum { NSESSIONS = 24, NHANDLERS = 3, FIRST_SESSION = 1000 };

static struct subscriptions *subs;
static struct subscription_list lists[NSESSIONS];
static atomic_uint loads[NSESSIONS];
static uint32_t last_serial;
static long allocations;

/* Sessions are numbered; no number tells the handler by its order. */
static struct subscriber
subscriber(unsigned i)
{
	return (
	    struct subscriber){ i % NHANDLERS, { i, ++last_serial }, FIRST_SESSION + i };
}

static unsigned
number_of(const struct subscriber *who)
{
	unsigned number = (unsigned)(who->session - FIRST_SESSION);

	MUST(number < NSESSIONS && who->handler == number % NHANDLERS);
	MUST(who->ref.slot == number);
	return number;
}

static void
create(void)
{
	allocations = fault_live_allocations();
	subs = subscriptions_create();
	MUST(subs != NULL);
	for (int i = 0; i < NSESSIONS; i++) {
		LIST_INIT(&lists[i]);
		atomic_store(&loads[i], 0);
	}
}

static size_t
remove_all(unsigned i)
{
	size_t n = 0;

	for (; !LIST_EMPTY(&lists[i]); n++)
		subscriptions_remove(subs, LIST_FIRST(&lists[i]));
	return n;
}

static void
destroy(void)
{
	for (unsigned i = 0; i < NSESSIONS; i++)
		remove_all(i);
	MUST(subscriptions_count(subs) == 0);
	subscriptions_destroy(subs);
}

/* After a test without any ck_assert(): nothing may be left behind. */
static void
destroy_all(void)
{
	destroy();
	MUST(fault_live_allocations() == allocations);
}

/* group "": none. */
static struct subscription *
try_to_add(unsigned i, const char *pattern, const char *group, uint64_t credit)
{
	struct subscription_options options = { group, strlen(group), credit, &loads[i], NULL };
	struct subscriber who = subscriber(i);

	return subscriptions_add(subs, &who, pattern, strlen(pattern), &options,
	                         &lists[i]);
}

static struct subscription *
add(unsigned i, const char *pattern)
{
	struct subscription *sub = try_to_add(i, pattern, "", 0);

	MUST(sub != NULL);
	return sub;
}

static struct subscription *
join_group(unsigned i, const char *pattern, const char *group)
{
	struct subscription *sub = try_to_add(i, pattern, group, 0);

	MUST(sub != NULL);
	return sub;
}

static struct subscription *
find(unsigned i, const char *pattern)
{
	return subscriptions_find(subs, FIRST_SESSION + i, pattern, strlen(pattern));
}

static void
remove_one(unsigned i, const char *pattern)
{
	struct subscription *sub = find(i, pattern);

	MUST(sub != NULL);
	subscriptions_remove(subs, sub);
}

static int
compare(const struct subscriber *a, const struct subscriber *b)
{
	if (a->handler != b->handler)
		return a->handler < b->handler ? -1 : 1;
	if (a->session != b->session)
		return a->session < b->session ? -1 : 1;
	return a->ref.serial < b->ref.serial ? -1 : a->ref.serial > b->ref.serial;
}

/* Of the subscribers of one part. */
static unsigned
count_sessions(const struct subscriber *subscribers, size_t n)
{
	unsigned nsessions = 0;

	for (size_t i = 0; i < n; i++) {
		size_t j = 0;

		while (subscribers[j].session != subscribers[i].session)
			j++;
		nsessions += i == j;
	}
	return nsessions;
}

/* Sorted, nothing twice, and divided into parts as it should be. */
static void
check_route(const struct route *route)
{
	size_t next = 0;

	for (size_t i = 1; i < route->n; i++)
		MUST(compare(&route->subscribers[i - 1], &route->subscribers[i]) < 0);
	for (size_t i = 0; i < route->nparts; i++) {
		const struct route_part *part = &route->parts[i];

		MUST(part->first == next && part->n > 0);
		MUST(i == 0 || route->parts[i - 1].handler < part->handler);
		next += part->n;
		MUST(next <= route->n);
		for (size_t j = part->first; j < next; j++)
			MUST(route->subscribers[j].handler == part->handler);
		MUST(part->nsessions ==
		     count_sessions(&route->subscribers[part->first], part->n));
	}
	MUST(next == route->n);
}

static struct route *
match(const char *subject)
{
	struct route *route = subscriptions_match(subs, subject, strlen(subject));

	MUST(route != NULL);
	return route;
}

/* Who follows the subject, as a set of bits. */
static uint32_t
followers(const char *subject)
{
	struct route *route = match(subject);
	uint32_t set = 0;

	MUST(route->version == subscriptions_version(subs));
	check_route(route);
	for (size_t i = 0; i < route->n; i++)
		set |= 1u << number_of(&route->subscribers[i]);
	route_unref(route);
	return set;
}

/* The only group that has the subject; good as long as it has members. */
static struct group *
only_group(const char *subject)
{
	struct route *route = match(subject);
	struct group *group;

	MUST(route->ngroups == 1);
	group = route->groups[0];
	route_unref(route);
	return group;
}

/* The number of who was chosen, or -1. */
static int
choose_but(struct group *group, amy_id except)
{
	struct subscriber who;

	if (!subscriptions_choose(subs, group, except, 0, &who))
		return -1;
	return (int)number_of(&who);
}

static int
choose(struct group *group)
{
	return choose_but(group, 0);
}

static bool
is_text(const char *text, size_t nbytes, const char *wanted)
{
	return nbytes == strlen(wanted) && memcmp(text, wanted, nbytes) == 0;
}

static bool
has_pattern(const struct subscription *sub, const char *wanted)
{
	char text[SUBJECT_MAX_BYTES];

	return is_text(text, subscription_pattern(sub, text), wanted);
}

static bool
group_has_pattern(const struct group *group, const char *wanted)
{
	char text[SUBJECT_MAX_BYTES];

	return is_text(text, group_pattern(group, text), wanted);
}

/* ---- One at a time ---------------------------------------------------------------- */

START_TEST(nobody_follows_at_first)
{
	struct route *route;

	create();
	ck_assert_uint_eq(followers("a.b.c"), 0);
	ck_assert_ptr_null(find(0, "a"));
	ck_assert_uint_eq(subscriptions_count(subs), 0);
	/* It is a route all the same. */
	route = match("a");
	ck_assert_uint_eq(route->n, 0);
	ck_assert_uint_eq(route->nparts, 0);
	ck_assert_uint_eq(route->ngroups, 0);
	route_unref(route);
	destroy();
}
END_TEST

START_TEST(pattern_matches_as_it_says)
{
	static const struct {
		const char *pattern, *subject;
		bool matches;
	} pairs[] = {
		{ "a", "a", true },        { "a", "b", false },      { "a", "a.b", false },
		{ "a.b", "a", false },     { "a.b", "a.b", true },   { "a", "A", false },
		{ "ab", "a", false },      { "a", "ab", false },     { "*", "a", true },
		{ "*", "a.b", false },     { "*.*", "a", false },    { "*.*", "a.b", true },
		{ "a.*", "a.b", true },    { "a.*", "a", false },    { "a.*", "b.b", false },
		{ "*.b", "a.b", true },    { "*.b", "a.c", false },  { "a.*.c", "a.b.c", true },
		{ "a.*.c", "a.c", false }, { ">", "a", true },       { ">", "a.b.c", true },
		{ "a.>", "a", false },     { "a.>", "a.b", true },   { "a.>", "a.b.c.d", true },
		{ "a.>", "b.a", false },   { "*.>", "a", false },    { "*.>", "a.b", true },
		{ "a.*.>", "a.b", false }, { "a.*.>", "a.b.c.d", true },
		{ "*.b.>", "a.b.c", true }, { "*.b.>", "a.c.c", false },
		{ "a.b", "b.a", false },   { "a.a", "a", false },    { "a.b.a", "a.b.b", false },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		create();
		add(0, pairs[i].pattern);
		ck_assert_msg(followers(pairs[i].subject) == (pairs[i].matches ? 1 : 0),
		              "%s and %s", pairs[i].pattern, pairs[i].subject);
		destroy();
	}
}
END_TEST

START_TEST(what_the_daemon_says_is_for_who_names_it)
{
	create();
	add(0, "*");
	add(1, ">");
	add(2, "*.up");
	add(3, "*.>");
	add(4, "_amyd");
	add(5, "_amyd.*");
	add(6, "_amyd.>");
	join_group(7, ">", "g");
	join_group(8, "_amyd.>", "h");
	ck_assert_uint_eq(followers("_amyd"), 1u << 4);
	ck_assert_uint_eq(followers("_amyd.up"), 1u << 5 | 1u << 6);
	ck_assert_str_eq(group_name(only_group("_amyd.up")), "h");
	ck_assert_uint_eq(followers("_amyd.client.up"), 1u << 6);
	/* That name, as the first token, and no other. */
	ck_assert_uint_eq(followers("_amy"), 1u << 0 | 1u << 1);
	ck_assert_uint_eq(followers("_amyd2"), 1u << 0 | 1u << 1);
	ck_assert_uint_eq(followers("_amyd2.up"), 1u << 1 | 1u << 2 | 1u << 3);
	ck_assert_uint_eq(followers("a._amyd"), 1u << 1 | 1u << 3);
	ck_assert_str_eq(group_name(only_group("a._amyd")), "g");
	destroy();
}
END_TEST

START_TEST(pattern_is_followed_until_it_is_removed)
{
	struct subscription *first, *second;

	create();
	first = add(0, "a.*");
	second = add(1, "a.*");
	ck_assert_ptr_eq(find(0, "a.*"), first);
	ck_assert_ptr_eq(find(1, "a.*"), second);
	ck_assert_ptr_null(find(2, "a.*"));
	ck_assert_ptr_null(find(0, "a.b"));
	ck_assert_ptr_null(find(0, "a"));
	ck_assert_ptr_null(find(0, "a.>"));
	ck_assert_uint_eq(followers("a.b"), 3);
	subscriptions_remove(subs, first);
	ck_assert_ptr_null(find(0, "a.*"));
	ck_assert_ptr_eq(find(1, "a.*"), second);
	ck_assert_uint_eq(followers("a.b"), 2);
	subscriptions_remove(subs, second);
	ck_assert_ptr_null(find(1, "a.*"));
	ck_assert_uint_eq(followers("a.b"), 0);
	destroy();
}
END_TEST

START_TEST(subscriptions_stand_in_the_list_of_their_client)
{
	struct subscription *first, *second, *third;

	create();
	first = add(0, "a");
	second = join_group(0, "a.>", "g");
	third = add(0, "*");
	add(1, "a");
	ck_assert_uint_eq(subscriptions_count(subs), 4);
	subscriptions_remove(subs, second);
	ck_assert_ptr_eq(LIST_FIRST(&lists[0]), third);
	ck_assert_ptr_eq(LIST_NEXT(third, of_client), first);
	ck_assert_ptr_null(LIST_NEXT(first, of_client));
	ck_assert_uint_eq(remove_all(0), 2);
	ck_assert_uint_eq(subscriptions_count(subs), 1);
	ck_assert_uint_eq(followers("a"), 2);
	ck_assert_uint_eq(followers("a.b"), 0);
	destroy();
}
END_TEST

/* One of each kind, and those that are as long as they can be. */
START_TEST(subscription_knows_what_it_is)
{
	static const char *const patterns[] = {
		"a",
		"*",
		">",
		"a.b",
		"a.*.c.>",
		"*.*",
		"_amyd.>",
		"abc.de.f",
		"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p",
		"*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.>",
	};
	char longest[SUBJECT_MAX_BYTES + 1];
	struct subscription *sub;

	create();
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		sub = add(3, patterns[i]);
		ck_assert(has_pattern(sub, patterns[i]));
		ck_assert_uint_eq(sub->who.handler, 3 % NHANDLERS);
		ck_assert_uint_eq(sub->who.session, FIRST_SESSION + 3);
		ck_assert_uint_eq(sub->who.ref.slot, 3);
		ck_assert_uint_eq(sub->who.ref.serial, last_serial);
		ck_assert_ptr_null(sub->limit);
		ck_assert_ptr_null(subscription_group(sub));
		sub = join_group(4, patterns[i], "some-group");
		ck_assert(has_pattern(sub, patterns[i]));
		ck_assert_str_eq(subscription_group(sub), "some-group");
	}
	memset(longest, 'x', SUBJECT_MAX_BYTES);
	longest[SUBJECT_MAX_BYTES] = '\0';
	ck_assert(has_pattern(add(5, longest), longest));
	ck_assert_uint_eq(followers(longest) & 1u << 5, 1u << 5);
	sub = join_group(6, longest, "g");
	ck_assert(has_pattern(sub, longest));
	ck_assert(group_has_pattern(sub->group, longest));
	longest[100] = '.';
	ck_assert_uint_eq(followers(longest) & 1u << 5, 0);
	ck_assert(has_pattern(add(5, longest), longest));
	ck_assert_uint_eq(followers(longest) & 1u << 5, 1u << 5);
	destroy();
}
END_TEST

START_TEST(session_is_named_for_each_of_its_patterns_that_match)
{
	static const char *const patterns[] = { ">", "a.b", "*.b", "*.*", "a.>", "a.*" };
	struct route *route;
	uint32_t first;

	create();
	first = last_serial + 1;
	for (int i = 0; i < 6; i++)
		add(5, patterns[i]);
	add(5, "a");
	route = match("a.b");
	ck_assert_uint_eq(route->n, 6);
	for (uint32_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(route->subscribers[i].session, FIRST_SESSION + 5);
		ck_assert_uint_eq(route->subscribers[i].ref.serial, first + i);
	}
	ck_assert_uint_eq(route->nparts, 1);
	ck_assert_uint_eq(route->parts[0].handler, 5 % NHANDLERS);
	ck_assert_uint_eq(route->parts[0].n, 6);
	ck_assert_uint_eq(route->parts[0].nsessions, 1);
	route_unref(route);
	destroy();
}
END_TEST

START_TEST(route_is_sorted_and_has_a_part_for_each_handler)
{
	struct route *route;

	create();
	for (unsigned i = NSESSIONS; i-- > 0;)
		add(i, "a");
	for (unsigned i = 0; i < NSESSIONS; i++)
		add(i, ">");
	route = match("a");
	check_route(route);
	ck_assert_uint_eq(route->n, 2 * NSESSIONS);
	ck_assert_uint_eq(route->nparts, NHANDLERS);
	for (unsigned i = 0; i < NHANDLERS; i++) {
		ck_assert_uint_eq(route->parts[i].handler, i);
		ck_assert_uint_eq(route->parts[i].n, 2 * NSESSIONS / NHANDLERS);
		ck_assert_uint_eq(route->parts[i].nsessions, NSESSIONS / NHANDLERS);
	}
	route_unref(route);
	destroy();
}
END_TEST

/* As many parts as subscribers, and a handler's number that is no size of anything. */
START_TEST(handlers_may_have_any_number)
{
	static const unsigned handlers[] = { 4000000000u, 7, 0 };
	struct subscription_options options = { .credit = 0 };
	struct subscription_list list = LIST_HEAD_INITIALIZER(list);
	struct route *route;

	create();
	for (unsigned i = 0; i < 3; i++) {
		struct subscriber who = { handlers[i], { i, i }, i + 1 };

		ck_assert_ptr_nonnull(
		    subscriptions_add(subs, &who, "a", 1, &options, &list));
	}
	route = match("a");
	check_route(route);
	ck_assert_uint_eq(route->nparts, 3);
	ck_assert_uint_eq(route->parts[1].handler, 7);
	ck_assert_uint_eq(route->parts[2].handler, 4000000000u);
	route_unref(route);
	while (!LIST_EMPTY(&list))
		subscriptions_remove(subs, LIST_FIRST(&list));
	destroy();
}
END_TEST

START_TEST(route_lives_as_long_as_its_references)
{
	struct route *route;

	create();
	add(0, "a");
	route = match("a");
	ck_assert_ptr_eq(route_ref(route), route);
	remove_one(0, "a");
	route_unref(route);
	/* It says what was, whatever comes. */
	ck_assert_uint_eq(route->n, 1);
	ck_assert_uint_eq(route->subscribers[0].session, FIRST_SESSION);
	ck_assert_uint_ne(route->version, subscriptions_version(subs));
	route_unref(route);
	route_unref(NULL);
	destroy();
}
END_TEST

START_TEST(route_and_its_groups_may_outlive_all)
{
	struct route *route;

	create();
	add(0, "a");
	join_group(1, "*", "g");
	route = match("a");
	MUST(route->n == 1 && route->ngroups == 1);
	destroy();
	MUST(fault_live_allocations() > allocations);
	MUST(number_of(&route->subscribers[0]) == 0);
	MUST(strcmp(group_name(route->groups[0]), "g") == 0);
	MUST(group_has_pattern(route->groups[0], "*"));
	route_unref(route);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

/* True if it is another one than before. */
static bool
is_new_version(uint64_t *version)
{
	uint64_t before = *version;

	*version = subscriptions_version(subs);
	MUST(*version >= before);
	return *version != before;
}

START_TEST(version_changes_with_what_a_match_gives)
{
	uint64_t version;

	create();
	version = subscriptions_version(subs);
	add(0, "a");
	ck_assert(is_new_version(&version));
	add(1, "a");
	ck_assert(is_new_version(&version));
	followers("a");
	find(0, "a");
	find(0, "b");
	ck_assert(!is_new_version(&version));
	remove_one(0, "a");
	ck_assert(is_new_version(&version));
	remove_one(1, "a");
	ck_assert(is_new_version(&version));
	destroy();
}
END_TEST

START_TEST(version_changes_with_a_group_and_not_with_its_members)
{
	uint64_t version;

	create();
	version = subscriptions_version(subs);
	join_group(0, "a", "g");
	ck_assert(is_new_version(&version));
	join_group(1, "a", "g");
	choose(only_group("a"));
	remove_one(0, "a");
	ck_assert(!is_new_version(&version));
	join_group(0, "a", "h");
	ck_assert(is_new_version(&version));
	remove_one(1, "a");
	ck_assert(is_new_version(&version));
	remove_one(0, "a");
	ck_assert(is_new_version(&version));
	destroy();
}
END_TEST

START_TEST(trie_is_pruned_to_nothing)
{
	static const char *const patterns[] = {
		"a.b.c.d.e", "a.b.*.d.>", "*.*.*", ">", "a", "a.b", "a.b.c", "*.>"
	};
	const size_t n = sizeof patterns / sizeof patterns[0];
	struct route *route;
	long at_first;

	create();
	/* What a match is gathered in is kept. */
	add(0, "a");
	join_group(1, "a", "g");
	route = match("a");
	MUST(route->n == 1 && route->ngroups == 1);
	route_unref(route);
	remove_one(0, "a");
	remove_one(1, "a");
	at_first = fault_live_allocations();
	for (size_t first = 0; first < n; first++) {
		for (size_t i = 0; i < n; i++) {
			add(0, patterns[i]);
			join_group(1, patterns[i], "g");
		}
		MUST(fault_live_allocations() > at_first);
		for (size_t i = 0; i < n; i++)
			remove_one(0, patterns[(first + i) % n]);
		MUST(followers("a.b.c") == 0);
		for (size_t i = 0; i < n; i++)
			remove_one(1, patterns[(first + n - i) % n]);
		MUST(fault_live_allocations() == at_first);
	}
	destroy_all();
}
END_TEST

/* ---- Groups ----------------------------------------------------------------------- */

START_TEST(members_of_a_group_are_not_among_the_subscribers)
{
	struct route *route;

	create();
	add(0, "a.b");
	join_group(1, "a.*", "workers");
	join_group(2, "a.*", "workers");
	route = match("a.b");
	check_route(route);
	ck_assert_uint_eq(route->n, 1);
	ck_assert_uint_eq(number_of(&route->subscribers[0]), 0);
	ck_assert_uint_eq(route->ngroups, 1);
	ck_assert_str_eq(group_name(route->groups[0]), "workers");
	ck_assert(group_has_pattern(route->groups[0], "a.*"));
	ck_assert_uint_eq(subscriptions_group_size(subs, route->groups[0]), 2);
	ck_assert_uint_eq(subscriptions_count(subs), 3);
	route_unref(route);
	route = match("a.c");
	ck_assert_uint_eq(route->n, 0);
	ck_assert_uint_eq(route->nparts, 0);
	ck_assert_uint_eq(route->ngroups, 1);
	route_unref(route);
	destroy();
}
END_TEST

START_TEST(group_is_of_one_pattern_and_one_name)
{
	struct group *a_g, *a_h, *any_g;
	struct route *route;

	create();
	a_g = join_group(0, "a", "g")->group;
	a_h = join_group(1, "a", "h")->group;
	any_g = join_group(0, "*", "g")->group;
	ck_assert_ptr_ne(a_g, a_h);
	ck_assert_ptr_ne(a_g, any_g);
	ck_assert_ptr_eq(join_group(2, "a", "g")->group, a_g);
	ck_assert_ptr_ne(join_group(3, "a", "gg")->group, a_g);
	ck_assert_ptr_eq(join_group(4, "*", "g")->group, any_g);
	route = match("a");
	ck_assert_uint_eq(route->ngroups, 4);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_ptr_ne(route->groups[i], route->groups[j]);
	route_unref(route);
	ck_assert_ptr_eq(only_group("b"), any_g);
	destroy();
}
END_TEST

START_TEST(many_groups_of_one_pattern_are_kept_apart)
{
	enum { NGROUPS = NSESSIONS };
	struct route *route;

	create();
	for (unsigned i = 0; i < NGROUPS; i++) {
		char name[8];

		snprintf(name, sizeof name, "g%u", i);
		MUST(join_group(i, "a", name)->group != NULL);
	}
	route = match("a");
	ck_assert_uint_eq(route->ngroups, NGROUPS);
	for (unsigned i = 0; i < NGROUPS; i++) {
		ck_assert_uint_eq(subscriptions_group_size(subs, route->groups[i]), 1);
		ck_assert_int_eq(choose(route->groups[i]),
		                 atoi(group_name(route->groups[i]) + 1));
	}
	route_unref(route);
	destroy();
}
END_TEST

START_TEST(members_of_equal_load_are_chosen_in_turn)
{
	struct group *group;

	create();
	for (unsigned i = 0; i < 5; i++)
		join_group(i, "a", "g");
	group = only_group("a");
	for (unsigned load = 0; load < 3; load++) {
		for (unsigned i = 0; i < 5; i++)
			atomic_store(&loads[i], load);
		for (int i = 0; i < 100; i++)
			ck_assert_int_eq(choose(group), i % 5);
	}
	destroy();
}
END_TEST

START_TEST(member_with_the_least_load_is_chosen)
{
	struct group *group;

	create();
	for (unsigned i = 0; i < 6; i++) {
		join_group(i, "a", "g");
		atomic_store(&loads[i], 10 - i);
	}
	group = only_group("a");
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(choose(group), 5);
	/* In turn among those that have as little. */
	atomic_store(&loads[2], 5);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(choose(group), i % 2 == 0 ? 2 : 5);
	atomic_store(&loads[3], 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(choose(group), 3);
	destroy();
}
END_TEST

/* Each choice adds to the load of the one, as its queue does. */
START_TEST(load_is_levelled)
{
	struct group *group;

	create();
	for (unsigned i = 0; i < 4; i++) {
		join_group(i, "a", "g");
		atomic_store(&loads[i], 100 * i);
	}
	group = only_group("a");
	for (int i = 0; i < 600 + 4 * 50; i++)
		atomic_fetch_add(&loads[choose(group)], 1);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(atomic_load(&loads[i]), 350);
	destroy();
}
END_TEST

START_TEST(session_that_asks_not_to_be_is_not_chosen)
{
	struct group *group;

	create();
	join_group(0, "a", "g");
	group = only_group("a");
	ck_assert_int_eq(choose_but(group, FIRST_SESSION), -1);
	ck_assert_int_eq(choose_but(group, FIRST_SESSION + 1), 0);
	join_group(1, "a", "g");
	atomic_store(&loads[1], 1000);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(choose_but(group, FIRST_SESSION), 1);
		ck_assert_int_eq(choose_but(group, FIRST_SESSION + 1), 0);
	}
	destroy();
}
END_TEST

enum { NCROWD = 1000 };

/* A group of so many that not all are looked at; each has a load of its own. */
static atomic_uint crowd_loads[NCROWD];
static struct subscription_list crowd = LIST_HEAD_INITIALIZER(crowd);

static struct group *
make_crowd(void)
{
	for (unsigned i = 0; i < NCROWD; i++) {
		struct subscription_options options = { "g", 1, 0, &crowd_loads[i], NULL };
		struct subscriber who = { 0, { i, i }, i + 1 };

		MUST(subscriptions_add(subs, &who, "a", 1, &options, &crowd) != NULL);
		atomic_store(&crowd_loads[i], 5);
	}
	return only_group("a");
}

static unsigned
choose_of_crowd(struct group *group)
{
	struct subscriber who;

	MUST(subscriptions_choose(subs, group, 0, 0, &who));
	MUST(who.ref.slot < NCROWD && who.session == who.ref.slot + 1);
	return who.ref.slot;
}

static void
end_crowd(void)
{
	while (!LIST_EMPTY(&crowd))
		subscriptions_remove(subs, LIST_FIRST(&crowd));
	destroy();
}

START_TEST(large_group_is_in_turn_as_well)
{
	struct group *group;

	create();
	group = make_crowd();
	for (unsigned i = 0; i < 2 * NCROWD; i++)
		MUST(choose_of_crowd(group) == i % NCROWD);
	for (unsigned i = 0; i < NCROWD; i++)
		atomic_store(&crowd_loads[i], 0);
	for (unsigned i = 0; i < 2 * NCROWD; i++)
		MUST(choose_of_crowd(group) == i % NCROWD);
	end_crowd();
}
END_TEST

START_TEST(idle_member_of_a_large_group_is_found_by_and_by)
{
	struct group *group;
	unsigned nchoices = 1;

	create();
	group = make_crowd();
	atomic_store(&crowd_loads[500], 0);
	/* Not all were looked at. */
	ck_assert_uint_eq(choose_of_crowd(group), 0);
	while (choose_of_crowd(group) != 500)
		nchoices++;
	ck_assert_uint_gt(nchoices, 500 - 200);
	ck_assert_uint_lt(nchoices, 500 - 60);
	end_crowd();
}
END_TEST

/* Who is chosen in so many choices. */
static uint32_t
choose_several(struct group *group, unsigned n)
{
	uint32_t set = 0;

	while (n-- > 0)
		set |= 1u << choose(group);
	return set;
}

static unsigned
count_bits(uint32_t set)
{
	return (unsigned)__builtin_popcount(set);
}

/*
 * Of n members the first nserved had their turn when one left, and perhaps another came:
 * the rest have theirs before anybody is chosen again.
 */
static void
leave_in_between(unsigned n, unsigned nserved, unsigned leaving, bool one_comes)
{
	uint32_t left_over = (1u << n) - (1u << nserved);
	uint32_t everybody = (1u << n) - 1;
	struct group *group;

	create();
	for (unsigned i = 0; i < n; i++)
		join_group(i, "a", "g");
	group = only_group("a");
	MUST(choose_several(group, nserved) == (1u << nserved) - 1);
	remove_one(leaving, "a");
	left_over &= ~(1u << leaving);
	everybody &= ~(1u << leaving);
	if (one_comes) {
		join_group(n, "a", "g");
		left_over |= 1u << n;
		everybody |= 1u << n;
	}
	MUST(subscriptions_group_size(subs, group) == count_bits(everybody));
	MUST(choose_several(group, count_bits(left_over)) == left_over);
	for (int i = 0; i < 3; i++)
		MUST(choose_several(group, count_bits(everybody)) == everybody);
	destroy_all();
}

START_TEST(nobody_loses_a_turn_when_a_member_leaves)
{
	for (unsigned n = 2; n <= 7; n++)
		for (unsigned nserved = 0; nserved < n; nserved++)
			for (unsigned leaving = 0; leaving < n; leaving++)
				leave_in_between(n, nserved, leaving, false);
}
END_TEST

START_TEST(who_comes_in_between_has_a_turn_in_the_same_round)
{
	for (unsigned n = 2; n <= 7; n++)
		for (unsigned nserved = 0; nserved + 1 < n; nserved++)
			for (unsigned leaving = 0; leaving < n; leaving++)
				leave_in_between(n, nserved, leaving, true);
}
END_TEST

START_TEST(group_without_members_has_nobody_to_choose)
{
	struct route *route, *later;
	struct group *group;

	create();
	join_group(0, "a.*", "g");
	join_group(1, "a.*", "g");
	route = match("a.b");
	group = route->groups[0];
	remove_one(0, "a.*");
	ck_assert_int_eq(choose(group), 1);
	remove_one(1, "a.*");
	ck_assert_int_eq(choose(group), -1);
	ck_assert_uint_eq(subscriptions_group_size(subs, group), 0);
	/* The place of the pattern is gone from the trie; the group knows it. */
	ck_assert_str_eq(group_name(group), "g");
	ck_assert(group_has_pattern(group, "a.*"));
	/* Who comes later is in another one. */
	join_group(2, "a.*", "g");
	ck_assert_int_eq(choose(group), -1);
	later = match("a.b");
	ck_assert_ptr_ne(later->groups[0], group);
	ck_assert_int_eq(choose(later->groups[0]), 2);
	route_unref(later);
	route_unref(route);
	destroy();
}
END_TEST

START_TEST(credit_ends_and_the_others_go_on)
{
	struct group *group;
	unsigned ntimes[3] = { 0 };

	create();
	MUST(try_to_add(0, "a", "g", 0) != NULL);
	MUST(try_to_add(1, "a", "g", 3) != NULL);
	MUST(try_to_add(2, "a", "g", 1) != NULL);
	group = only_group("a");
	ck_assert_uint_eq(subscriptions_group_size(subs, group), 3);
	for (int i = 0; i < 20; i++)
		ntimes[choose(group)]++;
	ck_assert_uint_eq(ntimes[0], 16);
	ck_assert_uint_eq(ntimes[1], 3);
	ck_assert_uint_eq(ntimes[2], 1);
	ck_assert_uint_eq(subscriptions_group_size(subs, group), 1);
	/* They are still there, for their owner to end. */
	ck_assert_uint_eq(subscriptions_count(subs), 3);
	ck_assert(has_pattern(find(1, "a"), "a"));
	remove_one(1, "a");
	ck_assert_int_eq(choose(group), 0);
	destroy();
}
END_TEST

START_TEST(group_whose_credit_is_gone_is_there_until_it_is_removed)
{
	struct group *group;
	uint64_t version;

	create();
	MUST(try_to_add(0, "a", "g", 1) != NULL);
	group = only_group("a");
	version = subscriptions_version(subs);
	ck_assert_int_eq(choose_but(group, FIRST_SESSION), -1);
	ck_assert_int_eq(choose(group), 0);
	ck_assert_int_eq(choose(group), -1);
	ck_assert_uint_eq(subscriptions_group_size(subs, group), 0);
	ck_assert(!is_new_version(&version));
	/* Who joins it revives it. */
	ck_assert_ptr_eq(join_group(1, "a", "g")->group, group);
	ck_assert_ptr_eq(only_group("a"), group);
	remove_one(0, "a");
	ck_assert_int_eq(choose(group), 1);
	remove_one(1, "a");
	ck_assert(is_new_version(&version));
	ck_assert_uint_eq(followers("a"), 0);
	destroy();
}
END_TEST

/* ---- As deep as it goes ----------------------------------------------------------- */

/* followers() for so many that a check of every pair takes too long. */
static uint32_t
all_followers(const char *subject)
{
	struct route *route = match(subject);
	uint32_t set = 0;

	for (size_t i = 0; i < route->n; i++) {
		MUST(i == 0 ||
		     compare(&route->subscribers[i - 1], &route->subscribers[i]) < 0);
		set |= 1u << number_of(&route->subscribers[i]);
	}
	route_unref(route);
	return set;
}

START_TEST(every_mix_of_wildcards_16_tokens_deep_is_found)
{
	static const char subject[] = "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a";
	char other[sizeof subject];
	struct route *route;

	create();
	/* All patterns of "a" and "*": 65,536 ways to the same end. */
	for (unsigned mix = 0; mix < 1u << 16; mix++) {
		char pattern[sizeof subject];

		memcpy(pattern, subject, sizeof subject);
		for (unsigned i = 0; i < 16; i++)
			if (mix >> i & 1)
				pattern[2 * i] = '*';
		add(mix % 23, pattern);
	}
	/* And one that ends with ">" at every level. */
	for (size_t i = 0; i < 16; i++) {
		char pattern[sizeof subject];

		memcpy(pattern, subject, sizeof subject);
		pattern[2 * i] = '>';
		pattern[2 * i + 1] = '\0';
		add(23, pattern);
	}
	route = match(subject);
	ck_assert_uint_eq(route->n, (1u << 16) + 16);
	ck_assert_uint_eq(route->nparts, NHANDLERS);
	for (size_t i = 0; i < NHANDLERS; i++)
		ck_assert_uint_eq(route->parts[i].nsessions, NSESSIONS / NHANDLERS);
	route_unref(route);
	ck_assert_uint_eq(all_followers(subject), (1u << 24) - 1);
	/* In all but the last token: only "*" and ">" are left of the last. */
	memcpy(other, subject, sizeof other);
	other[30] = 'b';
	ck_assert_uint_eq(all_followers(other), (1u << 24) - 1);
	ck_assert_uint_eq(remove_all(23), 16);
	other[0] = 'b';
	ck_assert_uint_eq(all_followers(other), (1u << 23) - 1);
	/* In none: only the pattern of 16 stars, mix 65535. */
	for (size_t i = 0; i < 16; i++)
		other[2 * i] = 'b';
	ck_assert_uint_eq(all_followers(other), 1u << 65535 % 23);
	other[29] = '\0';
	ck_assert_uint_eq(all_followers(other), 0);
	destroy();
}
END_TEST

/* ---- Any patterns, against a matcher that is too simple to be wrong --------------- */

/*
 * Here a pattern is a number: 4 bits a token, the first one lowest; 0 ends it. So 16
 * tokens fill it.
 */
enum { AMYD = 1, NLITERALS = 7, STAR = 14, TAIL = 15 };

static const char *const token_texts[16] = {
	[AMYD] = "_amyd", "a", "b", "ab", "aa", "-", "_amyd2", [STAR] = "*", [TAIL] = ">",
};

static bool
naive_matches(uint64_t pattern, uint64_t subject)
{
	if ((subject & 15) == AMYD && (pattern & 15) != AMYD)
		return false;
	for (; subject != 0; pattern >>= 4, subject >>= 4) {
		unsigned token = pattern & 15;

		if (token == TAIL)
			return true;
		if (token == 0 || (token != STAR && token != (subject & 15)))
			return false;
	}
	return pattern == 0;
}

enum { MAX_TEXT = 16 * 7, MAX_FOLLOWED = 60 };

static size_t
write_text(uint64_t tokens, char *text)
{
	size_t nbytes = 0;

	for (; tokens != 0; tokens >>= 4) {
		const char *token = token_texts[tokens & 15];

		while (*token != '\0')
			text[nbytes++] = *token++;
		text[nbytes++] = '.';
	}
	text[--nbytes] = '\0';
	return nbytes;
}

/* Few tokens, some a part of others, so that much matches. */
static uint64_t
random_tokens(uint64_t *random, bool is_pattern)
{
	static const unsigned picks[] = { 2, 2,    3,    3,    4,    5,   6,
		                          7, AMYD, STAR, STAR, STAR, TAIL };
	uint32_t ntokens =
	    1 + random_below(random, random_below(random, 8) == 0 ? 16 : 4);
	uint64_t tokens = 0;

	for (uint32_t i = 0; i < ntokens; i++) {
		uint64_t token = picks[random_below(random, is_pattern ? 13 : 9)];

		/* ">" only at the end. */
		if (token == TAIL && i + 1 < ntokens)
			token = 2;
		tokens |= token << (4 * i);
	}
	return tokens;
}

/* What is followed, by whom, in which group (0: none). */
static struct followed {
	uint64_t pattern;
	unsigned session, group;
	struct subscription *sub;
	bool is_first; /* of its group */
} followed[MAX_FOLLOWED];
static unsigned nfollowed;

static const char *const group_texts[] = { "", "g", "gg" };

static bool
is_same_group(const struct followed *a, const struct followed *b)
{
	return a->pattern == b->pattern && a->group == b->group && a->group != 0;
}

static void
note_groups(void)
{
	for (unsigned i = 0; i < nfollowed; i++) {
		unsigned j = 0;

		while (j < i && !is_same_group(&followed[i], &followed[j]))
			j++;
		followed[i].is_first = followed[i].group != 0 && j == i;
		MUST(i == j || followed[i].sub->group == followed[j].sub->group);
	}
}

static unsigned
find_followed(uint64_t pattern, unsigned session)
{
	unsigned i = 0;

	while (i < nfollowed &&
	       (followed[i].pattern != pattern || followed[i].session != session))
		i++;
	return i;
}

/* It ends if it is there, or else it begins. */
static void
change_something(uint64_t *random)
{
	bool is_old = nfollowed > 0 && random_below(random, 7) < 3;
	struct followed one =
	    is_old ? followed[random_below(random, nfollowed)]
		   : (struct followed){ .pattern = random_tokens(random, true) };
	char text[MAX_TEXT + 1];
	unsigned i;

	if (!is_old)
		one.session = random_below(random, NSESSIONS);
	i = find_followed(one.pattern, one.session);
	write_text(one.pattern, text);
	MUST(subject_check_pattern(text, strlen(text)) == NULL);
	MUST(find(one.session, text) == (i < nfollowed ? followed[i].sub : NULL));
	if (i < nfollowed) {
		MUST(has_pattern(followed[i].sub, text));
		subscriptions_remove(subs, followed[i].sub);
		followed[i] = followed[--nfollowed];
	} else if (nfollowed < MAX_FOLLOWED) {
		one.group = random_below(random, 4) % 3;
		one.sub = try_to_add(one.session, text, group_texts[one.group], 0);
		MUST(one.sub != NULL);
		followed[nfollowed++] = one;
	}
	MUST(subscriptions_count(subs) == nfollowed);
	note_groups();
}

static void
join_crowd(uint64_t *random)
{
	unsigned like = random_below(random, nfollowed + 1);
	char text[MAX_TEXT + 1];
	struct followed one;

	if (like == nfollowed || nfollowed == MAX_FOLLOWED)
		return;
	one = followed[like];
	one.session = random_below(random, NSESSIONS);
	if (find_followed(one.pattern, one.session) < nfollowed)
		return;
	write_text(one.pattern, text);
	one.sub = join_group(one.session, text, group_texts[one.group]);
	followed[nfollowed++] = one;
	note_groups();
}

static bool
route_has(const struct route *route, const struct subscriber *who)
{
	size_t low = 0, high = route->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare(&route->subscribers[middle], who);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool
route_has_group(const struct route *route, const struct group *group)
{
	size_t i = 0;

	while (i < route->ngroups && route->groups[i] != group)
		i++;
	return i < route->ngroups;
}

/* As it is sorted, nothing is in it twice: so all that there are are those looked for. */
static bool
is_right_route(const struct route *route, uint64_t subject)
{
	size_t n = 0, ngroups = 0;

	for (unsigned i = 0; i < nfollowed; i++) {
		if (!naive_matches(followed[i].pattern, subject))
			continue;
		if (followed[i].group == 0 && ++n > 0 &&
		    !route_has(route, &followed[i].sub->who))
			return false;
		if (followed[i].is_first && ++ngroups > 0 &&
		    !route_has_group(route, followed[i].sub->group))
			return false;
	}
	check_route(route);
	return route->n == n && route->ngroups == ngroups &&
	       route->version == subscriptions_version(subs);
}

/* The loads of those that may be chosen, at least; UINT_MAX: there is nobody. */
static unsigned
least_load(const struct followed *like, amy_id except)
{
	unsigned least = UINT_MAX;

	for (unsigned i = 0; i < nfollowed; i++)
		if (is_same_group(&followed[i], like) &&
		    FIRST_SESSION + followed[i].session != except &&
		    atomic_load(&loads[followed[i].session]) < least)
			least = atomic_load(&loads[followed[i].session]);
	return least;
}

static void
choose_something(uint64_t *random)
{
	const struct followed *one = &followed[random_below(random, nfollowed + 1)];
	amy_id except = FIRST_SESSION + random_below(random, NSESSIONS + 1);
	int number;

	atomic_store(&loads[random_below(random, NSESSIONS)], random_below(random, 4));
	if (one == &followed[nfollowed] || one->group == 0)
		return;
	number = choose_but(one->sub->group, except);
	if (number == -1) {
		MUST(least_load(one, except) == UINT_MAX);
		return;
	}
	MUST(FIRST_SESSION + (amy_id)number != except);
	MUST(atomic_load(&loads[number]) == least_load(one, except));
	MUST(
	    is_same_group(&followed[find_followed(one->pattern, (unsigned)number)], one));
}

static unsigned
stress(void)
{
	const char *text = getenv("AMY_STRESS");
	int factor = text == NULL ? 1 : atoi(text);

	return factor < 1 ? 1 : (unsigned)factor;
}

/* True: somebody follows it. */
static bool
match_something(uint64_t *random, uint64_t seed)
{
	uint64_t subject = random_tokens(random, false);
	char text[MAX_TEXT + 1];
	size_t nbytes = write_text(subject, text);
	struct route *route = subscriptions_match(subs, text, nbytes);
	bool has_any;

	MUST(route != NULL);
	has_any = route->n > 0 || route->ngroups > 0;
	if (!is_right_route(route, subject))
		ck_abort_msg("seed %llu: \"%s\": %zu and %zu groups",
		             (unsigned long long)seed, text, route->n, route->ngroups);
	route_unref(route);
	return has_any;
}

START_TEST(any_subject_goes_to_those_who_follow_it)
{
	unsigned nmatched = 0, n = 0;

	for (uint64_t seed = 1; seed <= 500 * stress(); seed++) {
		uint64_t random = seed;

		create();
		nfollowed = 0;
		/* 500 * 200 sets of patterns, 10 subjects each. */
		for (int i = 0; i < 200; i++) {
			change_something(&random);
			join_crowd(&random);
			choose_something(&random);
			for (int j = 0; j < 10; j++, n++)
				nmatched += match_something(&random, seed);
		}
		destroy_all();
	}
	ck_assert_uint_ge(n, 1000000);
	ck_assert_uint_gt(nmatched, n / 3);
	ck_assert_uint_lt(nmatched, n - n / 10);
}
END_TEST

/* ---- Patterns that somebody chose with care --------------------------------------- */

enum { NCHOSEN = 100000 };

typedef void chosen_text_fn(unsigned i, char *text);

/* Of the same hash, if that is h * 33 + c ("Ez" and "FY") or h * 31 + c ("Aa" and "BB").
 */
static void
collide_for_33(unsigned i, char *text)
{
	for (unsigned bit = 0; bit < 17; bit++, text += 2)
		memcpy(text, i >> bit & 1 ? "Ez" : "FY", 3);
}

static void
collide_for_31(unsigned i, char *text)
{
	for (unsigned bit = 0; bit < 17; bit++, text += 2)
		memcpy(text, i >> bit & 1 ? "Aa" : "BB", 3);
}

/* The same tokens in another order: alike for a sum of the hashes of the tokens. */
static void
collide_for_sums(unsigned i, char *text)
{
	char tokens[] = "abcdefghi";

	for (unsigned n = 9; n > 0; n--) {
		char *token = &tokens[i % n];

		i /= n;
		*text++ = *token;
		*text++ = n == 1 ? '\0' : '.';
		memmove(token, token + 1, strlen(token));
	}
}

/* Pairs that cancel out, where the hashes of tokens are mixed by exclusive or. */
static void
collide_for_xor(unsigned i, char *text)
{
	sprintf(text, "x%u.x%u.y%u.y%u", i % 400, i % 400, i / 400, i / 400);
}

static void
be_honest(unsigned i, char *text)
{
	sprintf(text, "building.room%u.sensor%u", i / 100, i);
}

static uint64_t
multiply_and_add(const char *text, unsigned factor)
{
	uint64_t hash = 5381;

	while (*text != '\0')
		hash = hash * factor + (unsigned char)*text++;
	return hash;
}

START_TEST(patterns_chosen_to_collide_do_so_for_others)
{
	char first[64], text[64];

	for (unsigned i = 0; i < NCHOSEN; i++) {
		collide_for_33(0, first);
		collide_for_33(i, text);
		MUST(multiply_and_add(first, 33) == multiply_and_add(text, 33));
		MUST(i == 0 || strcmp(first, text) != 0);
		collide_for_31(0, first);
		collide_for_31(i, text);
		MUST(multiply_and_add(first, 31) == multiply_and_add(text, 31));
		collide_for_sums(i, text);
		MUST(subject_check(text, strlen(text)) == NULL && strlen(text) == 17);
	}
}
END_TEST

/* Steps along a chain, from this one on. */
static unsigned
count_chain(const struct subscription *sub)
{
	unsigned nsteps = 0;

	for (const struct table_item *item = &sub->item; item != NULL; item = item->next)
		nsteps++;
	return nsteps;
}

/*
 * The steps that it takes to find each subscription once. Of one session: the places of
 * two of them are as different as those of their patterns. A new one stands first in its
 * chain, which must not be such that this test takes for ever.
 */
static unsigned long
count_steps(chosen_text_fn *write)
{
	const struct subscription *sub;
	unsigned long nsteps = 0;
	char text[64];

	create();
	for (unsigned i = 0; i < NCHOSEN; i++) {
		write(i, text);
		MUST(count_chain(add(0, text)) < 100);
	}
	LIST_FOREACH(sub, &lists[0], of_client) {
		nsteps += count_chain(sub);
	}
	MUST(followers(text) == 1);
	destroy_all();
	return nsteps;
}

START_TEST(patterns_chosen_to_collide_cost_no_more_than_others)
{
	unsigned long honest = count_steps(be_honest);

	/* Twice would be a chance in a million. */
	ck_assert_uint_lt(honest, NCHOSEN * 2);
	ck_assert_uint_lt(count_steps(collide_for_33), honest * 2);
	ck_assert_uint_lt(count_steps(collide_for_31), honest * 2);
	ck_assert_uint_lt(count_steps(collide_for_sums), honest * 2);
	ck_assert_uint_lt(count_steps(collide_for_xor), honest * 2);
}
END_TEST

START_TEST(no_two_indices_have_the_same_key)
{
	uint64_t hash;

	create();
	hash = add(0, "a")->item.hash;
	destroy();
	create();
	ck_assert_uint_ne(add(0, "a")->item.hash, hash);
	destroy();
}
END_TEST

/* ---- No memory -------------------------------------------------------------------- */

START_TEST(without_memory_there_is_no_index)
{
	unsigned k = 0;
	bool failed;

	do {
		long before = fault_live_allocations();
		struct subscriptions *index;

		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		errno = 0;
		index = subscriptions_create();
		failed = fault_clear();
		MUST(failed ? index == NULL && errno == ENOMEM : index != NULL);
		subscriptions_destroy(index);
		MUST(fault_live_allocations() == before);
	} while (failed);
	ck_assert_uint_gt(k, 5);
}
END_TEST

/* Returns how often that failed. */
static unsigned
add_at_last(const char *pattern, const char *group)
{
	size_t count = subscriptions_count(subs);
	unsigned nfailures = 0;

	for (;;) {
		long before = fault_live_allocations();
		uint64_t version = subscriptions_version(subs);
		struct subscription *sub;

		fault_set(FAULT_ALLOCATION, nfailures + 1, ENOMEM);
		errno = 0;
		sub = try_to_add(1, pattern, group, 0);
		MUST(fault_clear() == (sub == NULL));
		if (sub != NULL)
			return nfailures;
		nfailures++;
		MUST(errno == ENOMEM);
		MUST(fault_live_allocations() == before);
		MUST(subscriptions_version(subs) == version);
		MUST(subscriptions_count(subs) == count);
		MUST(find(1, pattern) == NULL && find(0, "a.b.x") != NULL);
	}
}

START_TEST(without_memory_nothing_is_added)
{
	create();
	add(0, "a.b.x");
	/* The subscription, and the places that are missing. */
	MUST(add_at_last("a.b.c.d", "") == 3);
	MUST(add_at_last("a.b.*.>", "") == 3);
	MUST(add_at_last("*", "") == 2);
	MUST(add_at_last("x.>", "") == 3);
	MUST(add_at_last("a.b", "") == 2); /* others have it on their way */
	/* A group and its members. */
	MUST(add_at_last("a.c", "g") == 4);
	join_group(2, "a.d", "g");
	MUST(add_at_last("a.d", "h") == 3);
	for (unsigned i = 2; i < 6; i++)
		join_group(i, "a.e", "g");
	MUST(add_at_last("a.e", "g") == 2);
	MUST(subscriptions_group_size(subs, only_group("a.e")) == 5);
	destroy_all();
}
END_TEST

/* Returns how often that failed. */
static unsigned
match_at_last(const char *subject, size_t n, size_t ngroups)
{
	unsigned nfailures = 0;

	for (;;) {
		long before = fault_live_allocations();
		struct route *route;

		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		errno = 0;
		MUST(subscriptions_match(subs, subject, strlen(subject)) == NULL);
		MUST(fault_clear() && errno == ENOMEM);
		MUST(fault_live_allocations() == before);
		nfailures++;
		/* What is there of the room that it is gathered in stays: one step a
		 * time. */
		fault_set(FAULT_ALLOCATION, 2, ENOMEM);
		route = subscriptions_match(subs, subject, strlen(subject));
		MUST(fault_clear() == (route == NULL));
		if (route != NULL) {
			check_route(route);
			MUST(route->n == n && route->ngroups == ngroups);
			route_unref(route);
			return nfailures;
		}
	}
}

START_TEST(without_memory_nothing_is_matched)
{
	create();
	for (unsigned i = 0; i < NSESSIONS; i++) {
		add(i, "a.*");
		add(i, ">");
		add(i, "*.b");
		join_group(i, "a.b", i % 2 == 0 ? "g" : "h");
	}
	for (unsigned i = 0; i < 20; i++) {
		char group[8];

		snprintf(group, sizeof group, "g%u", i);
		join_group(i, "*.*", group);
	}
	/* Room for 64, for more; for 16 groups, for more; the route. */
	MUST(match_at_last("a.b", 3 * NSESSIONS, 22) == 5);
	/* It does not matter to whom nobody follows. */
	MUST(match_at_last("x", NSESSIONS, 0) == 1);
	destroy_all();
}
END_TEST

/* Nor does looking need any, or choosing. */
START_TEST(without_memory_all_else_goes_on)
{
	struct group *group;

	create();
	add(0, "a.b");
	join_group(1, "a.*", "g");
	group = only_group("a.b");
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(choose(group) == 1);
	MUST(find(0, "a.b") != NULL && has_pattern(find(0, "a.b"), "a.b"));
	MUST(subscriptions_group_size(subs, group) == 1);
	remove_one(0, "a.b");
	remove_one(1, "a.*");
	MUST(!fault_clear());
	destroy_all();
}
END_TEST

/* ---- Several threads -------------------------------------------------------------- */

enum { NTHREADS = 4, NSTEPS = 4000 };

static void
run_threads(void *(*run)(void *))
{
	static unsigned numbers[NTHREADS];
	pthread_t threads[NTHREADS];

	for (unsigned i = 0; i < NTHREADS; i++) {
		numbers[i] = i;
		threads[i] = spawn(run, &numbers[i]);
	}
	for (unsigned i = 0; i < NTHREADS; i++)
		join(threads[i]);
}

static struct group *spent;
static atomic_uint ntimes_chosen[3];
static const unsigned credits[3] = { 9000, 1, 500 };

static void *
choose_until_nobody_is_left(void *argument)
{
	int number;

	(void)argument;
	while ((number = choose(spent)) != -1) {
		MUST(atomic_fetch_add(&ntimes_chosen[number], 1) < credits[number]);
		atomic_fetch_add(&loads[number], 1);
	}
	return NULL;
}

START_TEST(credit_is_spent_exactly_however_many_choose)
{
	create();
	for (unsigned i = 0; i < 3; i++)
		MUST(try_to_add(i, "a", "g", credits[i]) != NULL);
	spent = only_group("a");
	run_threads(choose_until_nobody_is_left);
	for (unsigned i = 0; i < 3; i++)
		MUST(atomic_load(&ntimes_chosen[i]) == credits[i]);
	MUST(choose(spent) == -1);
	destroy_all();
}
END_TEST

enum { NSHARED = 6 };

/*
 * What one thread follows: nobody else changes that, so it knows what must be found,
 * whatever the others do.
 */
struct follower {
	struct subscriber who;
	struct subscription_list list;
	struct subscription *follows[NSHARED], *member;
	bool is_limited; /* the member's credit */
	atomic_uint load;
};

static const char *const shared_patterns[NSHARED] = {
	"a", "a.b", "a.*", "a.>", ">", "*.b"
};

static struct subscription *
add_own(struct follower *own, const char *pattern, const char *group, uint64_t credit)
{
	struct subscription_options options = { group, strlen(group), credit,
		                                &own->load, NULL };
	struct subscription *sub;

	own->who.ref.serial++;
	sub = subscriptions_add(subs, &own->who, pattern, strlen(pattern), &options,
	                        &own->list);
	MUST(sub != NULL);
	return sub;
}

static void
change_own(struct follower *own, uint32_t pick)
{
	struct subscription **place = &own->follows[pick];

	MUST(subscriptions_find(subs, own->who.session, shared_patterns[pick],
	                        strlen(shared_patterns[pick])) == *place);
	if (*place == NULL) {
		*place = add_own(own, shared_patterns[pick], "", 0);
	} else {
		MUST(has_pattern(*place, shared_patterns[pick]));
		subscriptions_remove(subs, *place);
		*place = NULL;
	}
}

/* In a group of all threads, for good or for a few lines. */
static void
change_member(struct follower *own, uint32_t credit)
{
	if (own->member == NULL) {
		own->member = add_own(own, "*.*", "g", credit);
		own->is_limited = credit > 0;
	} else {
		MUST(strcmp(subscription_group(own->member), "g") == 0);
		subscriptions_remove(subs, own->member);
		own->member = NULL;
	}
}

static void
choose_any(struct follower *own, struct group *group)
{
	struct subscriber who;

	MUST(group_has_pattern(group, "*.*"));
	MUST(subscriptions_group_size(subs, group) <= NTHREADS);
	if (subscriptions_choose(subs, group, 0, 0, &who)) {
		MUST(who.session > 5000 - NTHREADS && who.session <= 5000);
		MUST(who.handler == who.ref.slot % 2);
		atomic_store(&own->load, (unsigned)who.ref.serial % 3);
	} else {
		MUST(own->member == NULL || own->member->group != group ||
		     own->is_limited);
	}
	MUST(!subscriptions_choose(subs, group, own->who.session, 0, &who) ||
	     who.session != own->who.session);
}

static void
match_own(struct follower *own)
{
	uint64_t before = subscriptions_version(subs);
	struct route *route = match("a.b");

	MUST(route->version >= before && route->version <= subscriptions_version(subs));
	check_route(route);
	for (int i = 1; i < NSHARED; i++)
		MUST(own->follows[i] == NULL || route_has(route, &own->follows[i]->who));
	MUST(own->member == NULL || route_has_group(route, own->member->group));
	if (route->ngroups > 0)
		choose_any(own, route->groups[0]);
	route_unref(route);
	route = match("a");
	MUST(own->follows[0] == NULL || route_has(route, &own->follows[0]->who));
	MUST(route->n <= 2 * NTHREADS && route->ngroups == 0);
	route_unref(route);
}

static void
remove_own(struct follower *own)
{
	while (!LIST_EMPTY(&own->list))
		subscriptions_remove(subs, LIST_FIRST(&own->list));
	memset(own->follows, 0, sizeof own->follows);
	own->member = NULL;
}

static void *
follow_and_match(void *argument)
{
	unsigned number = *(const unsigned *)argument;
	struct follower own = { .who = { number % 2, { number, 0 }, 5000 - number } };
	uint64_t random = number + 1;

	LIST_INIT(&own.list);
	for (int i = 0; i < NSTEPS; i++) {
		uint32_t credit = random_below(&random, 2) * 3;

		change_own(&own, random_below(&random, NSHARED));
		if (random_below(&random, 3) == 0)
			change_member(&own, credit);
		match_own(&own);
		if (random_below(&random, 50) == 0)
			remove_own(&own);
	}
	remove_own(&own);
	return NULL;
}

START_TEST(each_of_several_threads_finds_itself)
{
	create();
	run_threads(follow_and_match);
	MUST(followers("a.b") == 0);
	destroy_all();
}
END_TEST

START_TEST(line_that_is_on_its_way_is_a_load)
{
	static const size_t nbytes[] = { 100, 10, 10, 10, 80, 1 };
	static const unsigned chosen[] = { 0, 1, 1, 1, 1, 0 };
	struct subscriber who;
	struct route *route;

	create();
	join_group(0, "a", "g");
	join_group(1, "a", "g");
	route = subscriptions_match(subs, "a", 1);
	MUST(route != NULL && route->ngroups == 1);
	for (int i = 0; i < 6; i++) {
		MUST(subscriptions_choose(subs, route->groups[0], 0, nbytes[i], &who));
		MUST(number_of(&who) == chosen[i]);
	}
	MUST(atomic_load(&loads[0]) == 101 && atomic_load(&loads[1]) == 110);
	route_unref(route);
	destroy_all();
}
END_TEST

START_TEST(what_is_foreseen_are_those_who_follow_a_subject_alone)
{
	static const struct amy_bytes subjects[] = {
		{ "a.b", 3 }, { "a.c", 3 }, { "x", 1 }, { "a.d", 3 }, { "a.b", 3 }, { "a", 1 },
	};
	struct subscriber followers[SUBSCRIPTIONS_MAX_FORESEEN];
	struct amy_bytes many[SUBSCRIPTIONS_MAX_FORESEEN + 1];

	create();
	MUST(subscriptions_foresee(subs, subjects, 6, followers) == 0);
	add(1, "a.b");
	add(2, "a.c");
	add(3, "a.c");
	add(4, "a.*");
	add(5, "a.d");
	join_group(6, "a.d", "g");
	MUST(subscriptions_foresee(subs, subjects, 6, followers) == 3);
	MUST(number_of(&followers[0]) == 1 && number_of(&followers[1]) == 5);
	MUST(number_of(&followers[2]) == 1);
	MUST(subscriptions_foresee(subs, subjects, 0, followers) == 0);
	for (int i = 0; i <= SUBSCRIPTIONS_MAX_FORESEEN; i++)
		many[i] = subjects[0];
	MUST(subscriptions_foresee(subs, many, SUBSCRIPTIONS_MAX_FORESEEN + 1, followers) ==
	     SUBSCRIPTIONS_MAX_FORESEEN);
	destroy_all();
}
END_TEST

/* ---- Lists for people to look at -------------------------------------------------- */

static int
compare_texts(const void *left, const void *right)
{
	return strcmp(left, right);
}

/* "NUMBER pattern[ group];" for each that a whole list has, sorted. */
static const char *
listed(const char *pattern)
{
	static char text[4096];
	char items[64][64];
	struct subscriptions_list list = { .n = 0 };
	size_t used = 0, n = 0;

	while (!subscriptions_list_is_over(&list)) {
		MUST(subscriptions_list_next(&list, subs, pattern, strlen(pattern)) == 0);
		for (size_t i = 0; i < list.n; i++) {
			const struct subscriptions_item *item = &list.items[i];

			snprintf(items[n++], sizeof items[0], "%u %s%s%s;",
			         number_of(&item->who), list.texts + item->pattern,
			         item->group == 0 ? "" : " ",
			         item->group == 0 ? "" : list.texts + item->group);
		}
	}
	subscriptions_list_free(&list);
	qsort(items, n, sizeof items[0], compare_texts);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s", items[i]);
	return text;
}

START_TEST(list_of_a_subject_has_all_whose_pattern_matches)
{
	create();
	ck_assert_str_eq(listed("a.b"), "");
	add(3, "a.b");
	add(3, "a.*");
	add(6, "a.>");
	add(1, "a.c");
	join_group(4, "a.b", "workers");
	join_group(7, "a.b", "workers");
	ck_assert_str_eq(listed("a.b"), "3 a.*;3 a.b;4 a.b workers;6 a.>;7 a.b workers;");
	ck_assert_str_eq(listed("a.c"), "1 a.c;3 a.*;6 a.>;");
	ck_assert_str_eq(listed("b"), "");
	destroy();
}
END_TEST

START_TEST(list_of_a_pattern_has_all_that_overlap_it)
{
	create();
	add(0, "a.b");
	add(3, "b.>");
	add(6, "*.c.d");
	join_group(9, "b.c", "g");
	ck_assert_str_eq(listed("a.*"), "0 a.b;");
	ck_assert_str_eq(listed("b.*"), "3 b.>;9 b.c g;");
	ck_assert_str_eq(listed("*.*.d"), "3 b.>;6 *.c.d;");
	ck_assert_str_eq(listed(">"), "0 a.b;3 b.>;6 *.c.d;9 b.c g;");
	ck_assert_str_eq(listed("c.>"), "6 *.c.d;");
	ck_assert_str_eq(listed("d"), "");
	destroy();
}
END_TEST

START_TEST(list_takes_no_longer_for_its_next_part_however_many_there_are)
{
	struct subscriptions_list list = { .n = 0 };
	size_t nparts = 0, nlooks = 0, n = 0;

	create();
	for (unsigned i = 0; i < 20000; i++) {
		char pattern[32];

		snprintf(pattern, sizeof pattern, "%s.%u", i % 100 == 0 ? "b" : "a", i);
		add(i % 10, pattern);
	}
	for (; !subscriptions_list_is_over(&list); nparts++) {
		MUST(subscriptions_list_next(&list, subs, "b.*", 3) == 0);
		MUST(list.nlooks < 1000);
		nlooks += list.nlooks;
		n += list.n;
	}
	ck_assert_uint_eq(n, 200);
	ck_assert_uint_eq(nlooks, 20000);
	ck_assert_uint_gt(nparts, 20);
	subscriptions_list_free(&list);
	destroy_all();
}
END_TEST

START_TEST(list_has_each_once_while_others_come_and_go)
{
	static unsigned seen[40000];
	struct subscriptions_list list = { .n = 0 };
	unsigned nadded = 0;
	char pattern[32];

	create();
	for (; nadded < 5000; nadded++) {
		snprintf(pattern, sizeof pattern, "a.%u", nadded);
		add(nadded % 10, pattern);
	}
	memset(seen, 0, sizeof seen);
	while (!subscriptions_list_is_over(&list)) {
		MUST(subscriptions_list_next(&list, subs, "a.*", 3) == 0);
		for (size_t i = 0; i < list.n; i++)
			seen[strtoul(list.texts + list.items[i].pattern + 2, NULL, 10)]++;
		for (unsigned i = 0; i < 700; i++, nadded++) {
			snprintf(pattern, sizeof pattern, "a.%u", nadded);
			add(nadded % 10, pattern);
		}
	}
	MUST(nadded > 15000); /* the table has grown twice at least */
	for (unsigned i = 0; i < 5000; i++)
		MUST(seen[i] == 1);
	for (unsigned i = 5000; i < nadded; i++)
		MUST(seen[i] <= 1);
	subscriptions_list_free(&list);
	destroy_all();
}
END_TEST

START_TEST(without_memory_there_is_no_list)
{
	unsigned nfailures = 0;

	create();
	add(0, "a.b");
	join_group(1, "a.b", "g");
	add(2, "c");
	for (unsigned k = 1;; k++, nfailures++) {
		struct subscriptions_list list = { .n = 0 };
		int result;

		fault_set(FAULT_ALLOCATION, k, ENOMEM);
		result = subscriptions_list_next(&list, subs, "a.>", 3);
		if (!fault_clear()) {
			MUST(result == 0 && list.n == 2);
			subscriptions_list_free(&list);
			break;
		}
		MUST(result == -1 && errno == ENOMEM);
		subscriptions_list_free(&list);
	}
	MUST(nfailures == 2);
	destroy_all();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("subscriptions",
	    nobody_follows_at_first,
	    pattern_matches_as_it_says,
	    what_the_daemon_says_is_for_who_names_it,
	    pattern_is_followed_until_it_is_removed,
	    subscriptions_stand_in_the_list_of_their_client,
	    subscription_knows_what_it_is,
	    session_is_named_for_each_of_its_patterns_that_match,
	    route_is_sorted_and_has_a_part_for_each_handler,
	    handlers_may_have_any_number,
	    route_lives_as_long_as_its_references,
	    route_and_its_groups_may_outlive_all,
	    version_changes_with_what_a_match_gives,
	    version_changes_with_a_group_and_not_with_its_members,
	    trie_is_pruned_to_nothing,
	    members_of_a_group_are_not_among_the_subscribers,
	    group_is_of_one_pattern_and_one_name,
	    many_groups_of_one_pattern_are_kept_apart,
	    members_of_equal_load_are_chosen_in_turn,
	    member_with_the_least_load_is_chosen,
	    load_is_levelled,
	    what_is_foreseen_are_those_who_follow_a_subject_alone,
	    line_that_is_on_its_way_is_a_load,
	    session_that_asks_not_to_be_is_not_chosen,
	    large_group_is_in_turn_as_well,
	    idle_member_of_a_large_group_is_found_by_and_by,
	    nobody_loses_a_turn_when_a_member_leaves,
	    who_comes_in_between_has_a_turn_in_the_same_round,
	    group_without_members_has_nobody_to_choose,
	    credit_ends_and_the_others_go_on,
	    group_whose_credit_is_gone_is_there_until_it_is_removed,
	    every_mix_of_wildcards_16_tokens_deep_is_found,
	    any_subject_goes_to_those_who_follow_it,
	    patterns_chosen_to_collide_do_so_for_others,
	    patterns_chosen_to_collide_cost_no_more_than_others,
	    no_two_indices_have_the_same_key,
	    without_memory_there_is_no_index,
	    without_memory_nothing_is_added,
	    without_memory_nothing_is_matched,
	    without_memory_all_else_goes_on,
	    list_of_a_subject_has_all_whose_pattern_matches,
	    list_of_a_pattern_has_all_that_overlap_it,
	    list_takes_no_longer_for_its_next_part_however_many_there_are,
	    list_has_each_once_while_others_come_and_go,
	    without_memory_there_is_no_list,
	    credit_is_spent_exactly_however_many_choose,
	    each_of_several_threads_finds_itself);
}
