/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "subject.h"
#include "subscriptions.h"

enum { NSESSIONS = 24, NHANDLERS = 3 };

static struct subscriptions *subs;
static struct subscription_list lists[NSESSIONS];
static long allocations;

/* Sessions are numbered; no number tells the handler by its order. */
static struct subscriber
subscriber(unsigned i)
{
	return (struct subscriber){ i % NHANDLERS, 1000 + i };
}

static void
create(void)
{
	allocations = fault_live_allocations();
	subs = subscriptions_create();
	MUST(subs != NULL);
	for (int i = 0; i < NSESSIONS; i++)
		LIST_INIT(&lists[i]);
}

static void
destroy(void)
{
	for (int i = 0; i < NSESSIONS; i++)
		subscriptions_remove_all(subs, &lists[i]);
	subscriptions_destroy(subs);
}

/* After a test without any ck_assert(): nothing may be left behind. */
static void
destroy_all(void)
{
	destroy();
	MUST(fault_live_allocations() == allocations);
}

static int
add(unsigned i, const char *pattern)
{
	return subscriptions_add(subs, subscriber(i), pattern, strlen(pattern), &lists[i]);
}

static int
remove_one(unsigned i, const char *pattern)
{
	return subscriptions_remove(subs, subscriber(i), pattern, strlen(pattern));
}

static int
has(unsigned i, const char *pattern)
{
	return subscriptions_has(subs, subscriber(i), pattern, strlen(pattern));
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
	for (size_t i = 0; i < route->n; i++) {
		struct subscriber who = route->subscribers[i];
		unsigned number = (unsigned)(who.session - 1000);

		MUST(number < NSESSIONS && who.handler == number % NHANDLERS);
		MUST((set & 1u << number) == 0);
		set |= 1u << number;
		MUST(i == 0 || route->subscribers[i - 1].handler <= who.handler);
	}
	route_unref(route);
	return set;
}

/* ---- One at a time ----------------------------------------------------------------- */

START_TEST(nobody_follows_at_first)
{
	create();
	ck_assert_uint_eq(followers("a"), 0);
	ck_assert_uint_eq(followers("a.b.c"), 0);
	ck_assert_int_eq(has(0, "a"), 0);
	ck_assert_int_eq(remove_one(0, "a"), 0);
	ck_assert_uint_eq(subscriptions_remove_all(subs, &lists[0]), 0);
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
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		create();
		ck_assert_int_eq(add(0, pairs[i].pattern), 1);
		ck_assert_msg(followers(pairs[i].subject) == (pairs[i].matches ? 1 : 0),
		              "%s and %s", pairs[i].pattern, pairs[i].subject);
		destroy();
	}
}
END_TEST

START_TEST(pattern_is_followed_until_it_is_removed)
{
	create();
	ck_assert_int_eq(add(0, "a.*"), 1);
	ck_assert_int_eq(add(0, "a.*"), 0);
	ck_assert_int_eq(add(1, "a.*"), 1);
	ck_assert_int_eq(has(0, "a.*"), 1);
	ck_assert_int_eq(has(2, "a.*"), 0);
	ck_assert_int_eq(has(0, "a.b"), 0);
	ck_assert_int_eq(has(0, "a"), 0);
	ck_assert_int_eq(has(0, "a.>"), 0);
	ck_assert_uint_eq(followers("a.b"), 3);
	ck_assert_int_eq(remove_one(2, "a.*"), 0);
	ck_assert_int_eq(remove_one(0, "a.b"), 0);
	ck_assert_int_eq(remove_one(0, "a.*"), 1);
	ck_assert_int_eq(remove_one(0, "a.*"), 0);
	ck_assert_int_eq(has(0, "a.*"), 0);
	ck_assert_uint_eq(followers("a.b"), 2);
	ck_assert_int_eq(remove_one(1, "a.*"), 1);
	ck_assert_uint_eq(followers("a.b"), 0);
	destroy();
}
END_TEST

START_TEST(all_of_a_client_are_removed_and_no_others)
{
	create();
	ck_assert_int_eq(add(0, "a"), 1);
	ck_assert_int_eq(add(0, "a.>"), 1);
	ck_assert_int_eq(add(0, "*"), 1);
	ck_assert_int_eq(add(1, "a"), 1);
	ck_assert_uint_eq(subscriptions_remove_all(subs, &lists[0]), 3);
	ck_assert(LIST_EMPTY(&lists[0]));
	ck_assert_uint_eq(subscriptions_remove_all(subs, &lists[0]), 0);
	ck_assert_uint_eq(followers("a"), 2);
	ck_assert_uint_eq(followers("a.b"), 0);
	destroy();
}
END_TEST

START_TEST(session_is_named_once_however_many_patterns_match)
{
	struct route *route;

	create();
	ck_assert_int_eq(add(5, "a.b"), 1);
	ck_assert_int_eq(add(5, "a.*"), 1);
	ck_assert_int_eq(add(5, "*.b"), 1);
	ck_assert_int_eq(add(5, "*.*"), 1);
	ck_assert_int_eq(add(5, "a.>"), 1);
	ck_assert_int_eq(add(5, ">"), 1);
	route = match("a.b");
	ck_assert_uint_eq(route->n, 1);
	ck_assert_uint_eq(route->subscribers[0].session, 1005);
	ck_assert_uint_eq(route->subscribers[0].handler, 5 % NHANDLERS);
	route_unref(route);
	destroy();
}
END_TEST

START_TEST(route_is_sorted_by_handler)
{
	struct route *route;

	create();
	for (unsigned i = 0; i < NSESSIONS; i++) {
		ck_assert_int_eq(add(i, "a"), 1);
		ck_assert_int_eq(add(i, ">"), 1);
	}
	route = match("a");
	ck_assert_uint_eq(route->n, NSESSIONS);
	for (unsigned i = 0; i < NSESSIONS; i++)
		ck_assert_uint_eq(route->subscribers[i].handler,
		                  i / (NSESSIONS / NHANDLERS));
	route_unref(route);
	destroy();
}
END_TEST

START_TEST(route_lives_as_long_as_its_references)
{
	struct route *route;

	create();
	ck_assert_int_eq(add(0, "a"), 1);
	route = match("a");
	ck_assert_ptr_eq(route_ref(route), route);
	ck_assert_int_eq(remove_one(0, "a"), 1);
	route_unref(route);
	/* It says what was, whatever comes. */
	ck_assert_uint_eq(route->n, 1);
	ck_assert_uint_eq(route->subscribers[0].session, 1000);
	ck_assert_uint_ne(route->version, subscriptions_version(subs));
	route_unref(route);
	route_unref(NULL);
	destroy();
}
END_TEST

START_TEST(version_changes_with_each_change_and_only_then)
{
	uint64_t version;

	create();
	version = subscriptions_version(subs);
#define CHANGES(call) MUST((call) >= 1 && subscriptions_version(subs) > version && \
	                   (version = subscriptions_version(subs)) != 0)
#define CHANGES_NOTHING(call) MUST((call) == 0 && subscriptions_version(subs) == version)
	CHANGES_NOTHING(followers("a"));
	CHANGES_NOTHING(remove_one(0, "a"));
	CHANGES(add(0, "a"));
	CHANGES_NOTHING(add(0, "a"));
	CHANGES_NOTHING(has(1, "a"));
	CHANGES_NOTHING(remove_one(0, "b"));
	CHANGES_NOTHING(remove_one(1, "a"));
	CHANGES_NOTHING(followers("b"));
	CHANGES(add(1, "a"));
	CHANGES(add(0, "b"));
	CHANGES(remove_one(0, "a"));
	CHANGES_NOTHING(remove_one(0, "a"));
	CHANGES(subscriptions_remove_all(subs, &lists[0]));
	CHANGES_NOTHING(subscriptions_remove_all(subs, &lists[0]));
	CHANGES(subscriptions_remove_all(subs, &lists[1]));
	destroy_all();
}
END_TEST

START_TEST(trie_is_pruned_to_nothing)
{
	static const char *const patterns[] = { "a.b.c.d.e", "a.b.*.d.>", "*.*.*", ">", "a",
		                                "a.b", "a.b.c", "*.>" };
	const size_t n = sizeof patterns / sizeof patterns[0];
	long at_first;

	create();
	/* What a match is gathered in is kept. */
	MUST(add(0, "a") == 1 && followers("a") == 1 && remove_one(0, "a") == 1);
	at_first = fault_live_allocations();
	for (size_t first = 0; first < n; first++) {
		for (size_t i = 0; i < n; i++) {
			MUST(add(0, patterns[i]) == 1);
			MUST(add(1, patterns[i]) == 1);
		}
		MUST(fault_live_allocations() > at_first);
		for (size_t i = 0; i < n; i++)
			MUST(remove_one(0, patterns[(first + i) % n]) == 1);
		for (size_t i = 0; i < n; i++)
			MUST(remove_one(1, patterns[(first + n - i) % n]) == 1);
		MUST(fault_live_allocations() == at_first);
	}
	destroy_all();
}
END_TEST

/* ---- As deep as it goes ------------------------------------------------------------ */

START_TEST(every_mix_of_wildcards_16_tokens_deep_is_found)
{
	static const char subject[] = "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a";
	char other[sizeof subject];

	create();
	/* All patterns of "a" and "*": 65,536 ways to the same end. */
	for (unsigned mix = 0; mix < 1u << 16; mix++) {
		char pattern[sizeof subject];

		memcpy(pattern, subject, sizeof subject);
		for (unsigned i = 0; i < 16; i++)
			if (mix >> i & 1)
				pattern[2 * i] = '*';
		MUST(add(mix % 23, pattern) == 1);
	}
	/* And one that ends with ">" at every level. */
	for (size_t i = 0; i < 16; i++) {
		char pattern[sizeof subject];

		memcpy(pattern, subject, sizeof subject);
		pattern[2 * i] = '>';
		pattern[2 * i + 1] = '\0';
		MUST(add(23, pattern) == 1);
	}
	ck_assert_uint_eq(followers(subject), (1u << 24) - 1);
	/* In all but the last token: only "*" and ">" are left of the last. */
	memcpy(other, subject, sizeof other);
	other[30] = 'b';
	ck_assert_uint_eq(followers(other), (1u << 24) - 1);
	ck_assert_uint_eq(subscriptions_remove_all(subs, &lists[23]), 16);
	other[0] = 'b';
	ck_assert_uint_eq(followers(other), (1u << 23) - 1);
	/* In none: only the pattern of 16 stars, mix 65535. */
	for (size_t i = 0; i < 16; i++)
		other[2 * i] = 'b';
	ck_assert_uint_eq(followers(other), 1u << 65535 % 23);
	other[29] = '\0';
	ck_assert_uint_eq(followers(other), 0);
	destroy();
}
END_TEST

/* ---- Any patterns, against a matcher that is too simple to be wrong ---------------- */

static bool
matches(const struct subject_tokens *pattern, unsigned i,
        const struct subject_tokens *subject, unsigned j)
{
	if (i == pattern->n)
		return j == subject->n;
	if (j == subject->n)
		return false;
	if (*pattern->starts[i] == '>')
		return true;
	return (*pattern->starts[i] == '*' ||
	        (pattern->lengths[i] == subject->lengths[j] &&
	         memcmp(pattern->starts[i], subject->starts[j], pattern->lengths[i]) == 0)) &&
	       matches(pattern, i + 1, subject, j + 1);
}

enum { MAX_TEXT = 40, MAX_FOLLOWED = 60 };

/* Which patterns are followed, and by whom. */
static struct followed {
	char pattern[MAX_TEXT];
	unsigned session;
} followed[MAX_FOLLOWED];
static unsigned nfollowed;

static uint32_t
naive_followers(const char *subject)
{
	struct subject_tokens pattern_tokens, subject_tokens;
	uint32_t set = 0;

	subject_split(subject, strlen(subject), &subject_tokens);
	for (unsigned i = 0; i < nfollowed; i++) {
		subject_split(followed[i].pattern, strlen(followed[i].pattern),
		              &pattern_tokens);
		if (matches(&pattern_tokens, 0, &subject_tokens, 0))
			set |= 1u << followed[i].session;
	}
	return set;
}

/* Few tokens, some a part of others, so that much matches. */
static void
random_text(uint64_t *random, char *text, bool is_pattern)
{
	static const char *const tokens[] = { "a", "b", "ab", "aa", "-", "*", "*", ">" };
	uint32_t ntokens = 1 + random_below(random, 5);

	*text = '\0';
	for (uint32_t i = 0; i < ntokens; i++) {
		uint32_t pick = random_below(random, is_pattern ? 8 : 5);

		/* ">" only at the end. */
		if (pick == 7 && i + 1 < ntokens)
			pick = 0;
		if (i > 0)
			strcat(text, ".");
		strcat(text, tokens[pick]);
	}
	MUST((is_pattern ? subject_check_pattern(text, strlen(text))
	                 : subject_check(text, strlen(text))) == NULL);
}

static unsigned
find_followed(const struct followed *one)
{
	unsigned i = 0;

	while (i < nfollowed && (strcmp(followed[i].pattern, one->pattern) != 0 ||
	                         followed[i].session != one->session))
		i++;
	return i;
}

static void
forget_followed(unsigned i)
{
	followed[i] = followed[--nfollowed];
}

static void
add_something(uint64_t *random)
{
	struct followed *one = &followed[nfollowed];

	if (nfollowed == MAX_FOLLOWED)
		return;
	random_text(random, one->pattern, true);
	one->session = random_below(random, NSESSIONS);
	MUST(has(one->session, one->pattern) == (find_followed(one) < nfollowed));
	if (find_followed(one) < nfollowed) {
		MUST(add(one->session, one->pattern) == 0);
	} else {
		MUST(add(one->session, one->pattern) == 1);
		nfollowed++;
	}
}

static void
remove_something(uint64_t *random)
{
	struct followed one;
	unsigned i;

	if (nfollowed > 0 && random_below(random, 4) > 0) {
		one = followed[random_below(random, nfollowed)];
	} else {
		random_text(random, one.pattern, true);
		one.session = random_below(random, NSESSIONS);
	}
	i = find_followed(&one);
	MUST(remove_one(one.session, one.pattern) == (i < nfollowed));
	if (i < nfollowed)
		forget_followed(i);
}

static void
remove_someone(uint64_t *random)
{
	unsigned session = random_below(random, NSESSIONS);
	size_t n = 0;

	for (unsigned i = 0; i < nfollowed;) {
		if (followed[i].session == session) {
			forget_followed(i);
			n++;
		} else {
			i++;
		}
	}
	MUST(subscriptions_remove_all(subs, &lists[session]) == n);
}

static void
change_something(uint64_t *random)
{
	uint32_t pick = random_below(random, 20);

	if (pick < 11)
		add_something(random);
	else if (pick < 19)
		remove_something(random);
	else
		remove_someone(random);
}

static unsigned
stress(void)
{
	const char *text = getenv("AMY_STRESS");
	int factor = text == NULL ? 1 : atoi(text);

	return factor < 1 ? 1 : (unsigned)factor;
}

START_TEST(any_subject_goes_to_those_who_follow_it)
{
	unsigned nmatched = 0;

	for (uint64_t seed = 1; seed <= 60 * stress(); seed++) {
		uint64_t random = seed;

		create();
		nfollowed = 0;
		/* 60 * 2000 pairs of a subject and a set of patterns. */
		for (int i = 0; i < 2000; i++) {
			char subject[MAX_TEXT];
			uint32_t got, wanted;

			change_something(&random);
			random_text(&random, subject, false);
			got = followers(subject);
			wanted = naive_followers(subject);
			if (got != wanted)
				ck_abort_msg("seed %llu: \"%s\": %x, not %x",
				             (unsigned long long)seed, subject, got, wanted);
			nmatched += got != 0;
		}
		destroy_all();
	}
	ck_assert_uint_gt(nmatched, 20000);
}
END_TEST

/* ---- No memory --------------------------------------------------------------------- */

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
	ck_assert_uint_gt(k, 3);
}
END_TEST

START_TEST(without_memory_nothing_is_added)
{
	static const char *const patterns[] = { "a.b.c.d", "a.b.*.>", "*", "x.>", "a.b" };
	unsigned nfailures = 0;

	create();
	MUST(add(0, "a.b.x") == 1);
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		int result;
		unsigned k = 0;

		do {
			long before = fault_live_allocations();
			uint64_t version = subscriptions_version(subs);

			fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
			errno = 0;
			result = add(1, patterns[i]);
			MUST(fault_clear() == (result == -1));
			if (result == 1)
				break;
			nfailures++;
			MUST(result == -1 && errno == ENOMEM);
			MUST(fault_live_allocations() == before);
			MUST(subscriptions_version(subs) == version);
			MUST(has(1, patterns[i]) == 0 && has(0, "a.b.x") == 1);
		} while (result != 1);
		MUST(has(1, patterns[i]) == 1);
	}
	ck_assert_uint_ge(nfailures, 12);
	destroy();
}
END_TEST

START_TEST(without_memory_nothing_is_matched)
{
	struct route *route;
	long before;

	create();
	for (unsigned i = 0; i < NSESSIONS; i++) {
		MUST(add(i, "a.*") == 1);
		MUST(add(i, ">") == 1);
		MUST(add(i, "*.b") == 1);
	}
	before = fault_live_allocations();
	for (unsigned k = 1; k <= 3; k++) {
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		MUST(subscriptions_match(subs, "a.b", 3) == NULL);
		MUST(fault_clear());
		MUST(fault_live_allocations() == before);
	}
	/* The second time, when some of what is needed is there: 64 of 72 are gathered. */
	fault_set(FAULT_ALLOCATION, 2, ENOMEM);
	MUST(subscriptions_match(subs, "a.b", 3) == NULL);
	MUST(fault_clear());
	fault_set(FAULT_ALLOCATION, 2, ENOMEM);
	MUST(subscriptions_match(subs, "a.b", 3) == NULL);
	MUST(fault_clear());
	fault_set(FAULT_ALLOCATION, 2, ENOMEM);
	route = subscriptions_match(subs, "a.b", 3);
	MUST(route != NULL && route->n == NSESSIONS);
	MUST(!fault_clear());
	route_unref(route);
	/* It does not matter to whom nobody follows. */
	ck_assert_uint_eq(followers("x.y"), (1u << NSESSIONS) - 1);
	destroy();
}
END_TEST

/* ---- Several threads --------------------------------------------------------------- */

enum { NTHREADS = 4, NSTEPS = 4000 };

/*
 * What one thread follows: nobody else changes that, so it knows what must be found,
 * whatever the others do.
 */
struct follower {
	struct subscriber who;
	struct subscription_list list;
	bool follows[6];
};

static const char *const shared_patterns[6] = { "a", "a.b", "a.*", "a.>", ">", "*.b" };

static bool
route_has(const struct route *route, struct subscriber who)
{
	bool found = false;

	for (size_t i = 0; i < route->n; i++) {
		MUST(i == 0 ||
		     route->subscribers[i - 1].handler <= route->subscribers[i].handler);
		if (route->subscribers[i].session != who.session)
			continue;
		MUST(!found && route->subscribers[i].handler == who.handler);
		found = true;
	}
	return found;
}

static void
change_own(struct follower *own, uint32_t pick)
{
	const char *pattern = shared_patterns[pick];
	int rc = own->follows[pick]
	             ? subscriptions_remove(subs, own->who, pattern, strlen(pattern))
	             : subscriptions_add(subs, own->who, pattern, strlen(pattern), &own->list);

	MUST(rc == 1);
	own->follows[pick] = !own->follows[pick];
}

static void
match_own(const struct follower *own)
{
	const bool *follows = own->follows;
	uint64_t before = subscriptions_version(subs);
	struct route *route = match("a.b");

	MUST(route->version >= before && route->version <= subscriptions_version(subs));
	MUST(route_has(route, own->who) ==
	     (follows[1] || follows[2] || follows[3] || follows[4] || follows[5]));
	route_unref(route);
	route = match("a");
	MUST(route_has(route, own->who) == (follows[0] || follows[4]));
	route_unref(route);
}

static void
remove_own(struct follower *own)
{
	size_t n = 0;

	for (int i = 0; i < 6; i++) {
		n += own->follows[i];
		own->follows[i] = false;
	}
	MUST(subscriptions_remove_all(subs, &own->list) == n);
}

static void *
follow_and_match(void *argument)
{
	unsigned number = *(const unsigned *)argument;
	struct follower own = { .who = { number % 2, 5000 - number } };
	uint64_t random = number + 1;

	LIST_INIT(&own.list);
	for (int i = 0; i < NSTEPS; i++) {
		change_own(&own, random_below(&random, 6));
		match_own(&own);
		if (random_below(&random, 50) == 0)
			remove_own(&own);
	}
	remove_own(&own);
	return NULL;
}

START_TEST(each_of_several_threads_finds_itself)
{
	pthread_t threads[NTHREADS];
	unsigned numbers[NTHREADS];

	create();
	for (unsigned i = 0; i < NTHREADS; i++) {
		numbers[i] = i;
		threads[i] = spawn(follow_and_match, &numbers[i]);
	}
	for (unsigned i = 0; i < NTHREADS; i++)
		join(threads[i]);
	MUST(followers("a.b") == 0);
	destroy_all();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("subscriptions",
	    nobody_follows_at_first,
	    pattern_matches_as_it_says,
	    pattern_is_followed_until_it_is_removed,
	    all_of_a_client_are_removed_and_no_others,
	    session_is_named_once_however_many_patterns_match,
	    route_is_sorted_by_handler,
	    route_lives_as_long_as_its_references,
	    version_changes_with_each_change_and_only_then,
	    trie_is_pruned_to_nothing,
	    every_mix_of_wildcards_16_tokens_deep_is_found,
	    any_subject_goes_to_those_who_follow_it,
	    without_memory_there_is_no_index,
	    without_memory_nothing_is_added,
	    without_memory_nothing_is_matched,
	    each_of_several_threads_finds_itself);
}
