/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "faults.h"
#include "harness.h"

enum { ROOM = 1 << 20 };

static const struct subscription_ref one = { 1, 11 }, two = { 2, 22 };

static struct batch batch;

static struct publication
publication_of(const char *subject, const char *text)
{
	return (struct publication){
		.subject = { subject, strlen(subject) },
		.text = { text, strlen(text) },
		.from = { "-", 1 },
	};
}

/* A new publication, in that way. */
static const struct batch_text *
written(unsigned way, const char *text)
{
	struct publication publication = publication_of("s", text);
	const struct batch_text *result;

	batch_next(&batch);
	result = batch_write(&batch, way, &publication);
	MUST(result != NULL);
	return result;
}

/* All bytes of a parcel, one behind the other. */
static const char *
contents(const struct parcel *parcel)
{
	static char bytes[65536];
	struct iovec iovecs[PARCEL_MAX_RUNS];
	size_t n = parcel_bytes(parcel, iovecs), used = 0;

	MUST(n == parcel->nruns && n > 0);
	for (size_t i = 0; i < n; i++) {
		MUST(used + iovecs[i].iov_len < sizeof bytes);
		memcpy(bytes + used, iovecs[i].iov_base, iovecs[i].iov_len);
		used += iovecs[i].iov_len;
	}
	MUST(used == parcel->nbytes);
	bytes[used] = '\0';
	return bytes;
}

START_TEST(publication_is_written_once_in_each_way)
{
	struct publication publication = publication_of("a.b", "text");
	const struct batch_text *plain, *raw;
	const char *bytes;

	batch_init(&batch);
	batch_next(&batch);
	plain = batch_write(&batch, 0, &publication);
	raw = batch_write(&batch, BATCH_RAW, &publication);
	ck_assert_ptr_ne(plain, raw);
	ck_assert_ptr_eq(batch_write(&batch, 0, &publication), plain);
	ck_assert_uint_eq(plain->nlines, 1);
	ck_assert_uint_eq(batch_last(plain, &bytes)->nbytes, 13);
	ck_assert_mem_eq(bytes, "MSG a.b text\n", 13);
	ck_assert_uint_eq(batch_last(raw, &bytes)->nbytes, 5);
	ck_assert_mem_eq(bytes, "text\n", 5);
	batch_fini(&batch);
}
END_TEST

START_TEST(lines_of_a_turn_stand_behind_each_other)
{
	const struct batch_text *text;
	const char *bytes;

	batch_init(&batch);
	written(0, "1");
	written(BATCH_RAW, "not of these");
	text = written(0, "2");
	ck_assert_uint_eq(text->nlines, 2);
	ck_assert_uint_eq(text->nbytes, 16);
	ck_assert_mem_eq(text->bytes, "MSG s 1\nMSG s 2\n", 16);
	batch_end(&batch);
	ck_assert_uint_eq(text->nlines, 0);
	text = written(0, "3");
	ck_assert_uint_eq(batch_last(text, &bytes)->at, 0);
	ck_assert_mem_eq(bytes, "MSG s 3\n", 8);
	batch_fini(&batch);
}
END_TEST

START_TEST(large_batch_is_told_and_its_memory_given_back)
{
	static char text[1000];
	unsigned n = 0;

	batch_init(&batch);
	memset(text, 'x', sizeof text - 1);
	for (; !batch_is_large(&batch); n++) {
		MUST(n < 100000);
		written(n % BATCH_TEXTS, text);
	}
	ck_assert_uint_gt(n, 10);
	for (unsigned i = 0; i < 1000; i++)
		written(0, text);
	ck_assert_uint_gt(batch.texts[0].capacity, 1000000);
	batch_end(&batch);
	ck_assert(!batch_is_large(&batch));
	ck_assert_uint_eq(batch.texts[0].capacity, 0);
	ck_assert_uint_gt(batch.texts[1].capacity, 0);
	batch_fini(&batch);
}
END_TEST

START_TEST(lines_that_follow_each_other_are_one_run)
{
	const struct batch_text *text;
	struct parcel *parcel;

	batch_init(&batch);
	text = written(0, "1");
	parcel = parcel_make(&batch, text, one, ROOM);
	MUST(parcel != NULL);
	written(0, "2");
	ck_assert(parcel_add(parcel, text, one));
	written(0, "3");
	ck_assert(parcel_add(parcel, text, one));
	ck_assert_uint_eq(parcel->nruns, 1);
	ck_assert_uint_eq(parcel->nlines, 3);
	ck_assert_str_eq(contents(parcel), "MSG s 1\nMSG s 2\nMSG s 3\n");
	ck_assert_uint_eq(parcel->room, ROOM - 24 - 3 * PARCEL_OVERHEAD);
	parcel_leave(parcel);
	batch_fini(&batch);
}
END_TEST

START_TEST(gaps_and_other_subscriptions_begin_runs_until_there_are_too_many)
{
	const struct batch_text *text;
	struct parcel *parcel;
	int n = 1;

	batch_init(&batch);
	text = written(0, "0");
	parcel = parcel_make(&batch, text, one, ROOM);
	MUST(parcel != NULL);
	written(0, "1");
	ck_assert(parcel_add(parcel, text, two));
	ck_assert_uint_eq(parcel->nruns, 2);
	written(0, "missing");
	written(0, "2");
	ck_assert(parcel_add(parcel, text, two));
	ck_assert_uint_eq(parcel->nruns, 3);
	ck_assert_str_eq(contents(parcel), "MSG s 0\nMSG s 1\nMSG s 2\n");
	do {
		written(0, "missing");
		written(0, "x");
	} while (parcel_add(parcel, text, two) && n++ < 100);
	ck_assert_uint_eq(parcel->nruns, PARCEL_MAX_RUNS);
	ck_assert_uint_eq(parcel->nlines, PARCEL_MAX_RUNS);
	parcel_leave(parcel);
	batch_fini(&batch);
}
END_TEST

START_TEST(parcel_has_lines_of_one_text)
{
	const struct batch_text *plain, *raw;
	struct parcel *parcel;

	batch_init(&batch);
	plain = written(0, "1");
	raw = written(BATCH_RAW, "1");
	parcel = parcel_make(&batch, plain, one, ROOM);
	MUST(parcel != NULL);
	ck_assert(!parcel_add(parcel, raw, one));
	ck_assert_str_eq(contents(parcel), "MSG s 1\n");
	parcel_leave(parcel);
	batch_fini(&batch);
}
END_TEST

START_TEST(parcel_is_gone_through_line_by_line)
{
	static const char *const texts[] = { "0", "1", "2", "3" };
	struct parcel_place place = { 0, 0 };
	const struct batch_text *text;
	const struct batch_line *line;
	struct subscription_ref ref;
	struct parcel *parcel = NULL;
	const char *bytes;

	batch_init(&batch);
	for (size_t i = 0; i < 4; i++) {
		text = written(0, texts[i]);
		if (parcel == NULL)
			parcel = parcel_make(&batch, text, one, ROOM);
		else
			MUST(parcel_add(parcel, text, i < 3 ? one : two));
		MUST(parcel != NULL);
	}
	for (size_t i = 0; i < 4; i++) {
		line = parcel_next(parcel, &place, &ref, &bytes);
		MUST(line != NULL && line->nbytes == 8 && bytes[6] == *texts[i]);
		MUST(ref.serial == (i < 3 ? one : two).serial);
	}
	ck_assert_ptr_null(parcel_next(parcel, &place, &ref, &bytes));
	parcel_leave(parcel);
	batch_fini(&batch);
}
END_TEST

START_TEST(line_that_does_not_fit_makes_no_parcel)
{
	const struct batch_text *text;
	struct parcel *parcel;

	batch_init(&batch);
	text = written(0, "1");
	ck_assert_ptr_null(parcel_make(&batch, text, one, 8 + PARCEL_OVERHEAD - 1));
	parcel = parcel_make(&batch, text, one, 8 + PARCEL_OVERHEAD);
	MUST(parcel != NULL);
	ck_assert_uint_eq(parcel->room, 0);
	ck_assert_uint_eq(batch.nparcels, 1);
	parcel_leave(parcel);
	ck_assert_uint_eq(batch.nparcels, 0);
	batch_fini(&batch);
}
END_TEST

/* Some are kept, and used again; not any number of them. */
START_TEST(parcels_that_were_given_back_are_used_again)
{
	static struct parcel *parcels[1000];
	const struct batch_text *text;

	batch_init(&batch);
	text = written(0, "1");
	for (int i = 0; i < 1000; i++)
		MUST((parcels[i] = parcel_make(&batch, text, one, ROOM)) != NULL);
	for (int i = 0; i < 1000; i++)
		parcel_leave(parcels[i]);
	ck_assert_uint_gt(batch.nspare, 10);
	ck_assert_uint_lt(batch.nspare, 1000);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	parcels[0] = parcel_make(&batch, text, one, ROOM);
	ck_assert(!fault_clear());
	MUST(parcels[0] != NULL);
	parcel_leave(parcels[0]);
	batch_fini(&batch);
}
END_TEST

START_TEST(without_memory_nothing_is_written)
{
	struct publication publication = publication_of("s", "text");
	long live = fault_live_allocations();
	unsigned k = 0;
	bool failed;

	do {
		batch_init(&batch);
		batch_next(&batch);
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		MUST((batch_write(&batch, 0, &publication) == NULL) == (k <= 2));
		failed = fault_clear();
		MUST(batch.texts[0].nlines == (failed ? 0 : 1));
		batch_fini(&batch);
		MUST(fault_live_allocations() == live);
	} while (failed);
	ck_assert_uint_eq(k, 3);
}
END_TEST

START_TEST(shared_parcel_is_of_all_who_have_not_left_it)
{
	struct subscriber subscribers[] = { { 0, { 9, 90 }, 1 }, { 1, one, 5 }, { 1, two, 5 },
		                            { 1, two, 7 },       { 2, one, 3 } };
	struct route_part parts[] = { { 0, 0, 1, 1 }, { 1, 1, 3, 2 }, { 2, 4, 1, 1 } };
	struct route *route = malloc(sizeof *route);
	const struct subscription_ref none = { 0, 0 };
	const struct batch_text *text;
	struct parcel *parcel, *own;

	MUST(route != NULL);
	*route = (struct route){ .n = 5, .nparts = 3, .subscribers = subscribers, .parts = parts };
	atomic_init(&route->references, 1);
	batch_init(&batch);
	text = written(0, "1");
	parcel = parcel_share(&batch, text, route, &parts[1], ROOM);
	MUST(parcel != NULL);
	parcel_join(parcel);
	parcel_join(parcel);
	ck_assert_ptr_eq(batch.shared, parcel);
	ck_assert_uint_eq(parcel_limit(parcel), ROOM);
	ck_assert_uint_eq(parcel_ref(parcel, 5).serial, one.serial);
	ck_assert_uint_eq(parcel_ref(parcel, 7).serial, two.serial);
	written(0, "2");
	ck_assert(parcel_add(parcel, text, none));
	own = parcel_divide(parcel, 7);
	MUST(own != NULL);
	ck_assert_str_eq(contents(own), "MSG s 1\nMSG s 2\n");
	ck_assert_ptr_null(own->route);
	ck_assert_uint_eq(own->runs[0].ref.serial, two.serial);
	ck_assert_uint_eq(parcel->nsharers, 1);
	ck_assert_uint_eq(batch.nparcels, 2);
	parcel_leave(own);
	parcel_leave(parcel);
	ck_assert_ptr_null(batch.shared);
	ck_assert_uint_eq(batch.nparcels, 0);
	batch_fini(&batch);
	route_unref(route);
}
END_TEST

int
main(void)
{
	return RUN_SUITE(
	    "batch", publication_is_written_once_in_each_way,
	    lines_of_a_turn_stand_behind_each_other,
	    large_batch_is_told_and_its_memory_given_back, lines_that_follow_each_other_are_one_run,
	    gaps_and_other_subscriptions_begin_runs_until_there_are_too_many,
	    parcel_has_lines_of_one_text, parcel_is_gone_through_line_by_line,
	    shared_parcel_is_of_all_who_have_not_left_it, line_that_does_not_fit_makes_no_parcel, parcels_that_were_given_back_are_used_again,
	    without_memory_nothing_is_written);
}
