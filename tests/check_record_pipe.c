/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conf.h"
#include "harness.h"
#include "record_pipe.h"

/* Records are numbered, so that the reader sees which are lost, doubled or torn. */
static struct record
numbered(uint64_t i)
{
	return (struct record){ RECORD_READY, (uint32_t)(i * 2654435761u), { .id = i } };
}

static bool
is_numbered(const struct record *record, uint64_t i)
{
	return record->kind == RECORD_READY && record->u.id == i &&
	       record->events == (uint32_t)(i * 2654435761u);
}

/* A pipe, and what has gone in and come out of it. */
static struct {
	struct record_pipe pipe;
	uint64_t nwritten, nread;
} model;

static void
open_model(void)
{
	model.nwritten = model.nread = 0;
	MUST(record_pipe_open(&model.pipe, 3) == 0);
}

static bool
write_batch(size_t n)
{
	struct record records[RECORD_PIPE_MAX_BATCH];

	MUST(n >= 1 && n <= RECORD_PIPE_MAX_BATCH);
	for (size_t i = 0; i < n; i++)
		records[i] = numbered(model.nwritten + i);
	errno = 0;
	if (record_pipe_write(&model.pipe, records, n) == -1) {
		MUST(errno == EAGAIN);
		return false;
	}
	model.nwritten += n;
	return true;
}

/* There is something to read. Returns how many records came. */
static size_t
read_batch(size_t max)
{
	struct record records[RECORD_PIPE_MAX_BATCH];
	size_t n;

	MUST(model.nread < model.nwritten);
	n = record_pipe_read(&model.pipe, records, max);
	MUST(n >= 1 && n <= max);
	for (size_t i = 0; i < n; i++)
		MUST(is_numbered(&records[i], model.nread + i));
	model.nread += n;
	MUST(model.nread <= model.nwritten);
	return n;
}

static void
read_all(void)
{
	while (model.nread < model.nwritten)
		read_batch(RECORD_PIPE_MAX_BATCH);
}

/* ---- One thread ------------------------------------------------------------------- */

START_TEST(records_come_as_they_were_sent)
{
	struct record record = { RECORD_NEW, 0, { .session = (struct session *)&model } };
	struct record back = { 0 };

	open_model();
	ck_assert_uint_eq(model.pipe.number, 3);
	ck_assert_int_eq(record_pipe_write(&model.pipe, &record, 1), 0);
	ck_assert_uint_eq(record_pipe_read(&model.pipe, &back, 1), 1);
	ck_assert_mem_eq(&back, &record, sizeof record);
	record_pipe_close(&model.pipe);
}
END_TEST

START_TEST(batches_of_any_size_keep_their_order)
{
	open_model();
	for (size_t n = 1; n <= RECORD_PIPE_MAX_BATCH; n++)
		MUST(write_batch(n));
	for (size_t max = 1; model.nread < model.nwritten; max++)
		read_batch(1 + max % RECORD_PIPE_MAX_BATCH);
	record_pipe_close(&model.pipe);
}
END_TEST

START_TEST(reader_gets_what_there_is)
{
	open_model();
	MUST(write_batch(3));
	ck_assert_uint_eq(read_batch(RECORD_PIPE_MAX_BATCH), 3);
	MUST(write_batch(3));
	MUST(write_batch(4));
	ck_assert_uint_eq(read_batch(5), 5);
	ck_assert_uint_eq(read_batch(5), 2);
	record_pipe_close(&model.pipe);
}
END_TEST

START_TEST(pipe_is_closed_on_exec)
{
	open_model();
	ck_assert_int_eq(fcntl(model.pipe.read_fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(model.pipe.write_fd, F_GETFD), FD_CLOEXEC);
	record_pipe_close(&model.pipe);
}
END_TEST

START_TEST(full_pipe_takes_all_of_a_batch_or_nothing)
{
	open_model();
	while (write_batch(7))
		continue;
	while (write_batch(1))
		continue;
	for (size_t n = 1; n <= RECORD_PIPE_MAX_BATCH; n++)
		MUST(!write_batch(n));
	read_all();
	/* Nothing was left behind by the writes that failed. */
	MUST(write_batch(1));
	ck_assert_uint_eq(read_batch(RECORD_PIPE_MAX_BATCH), 1);
	record_pipe_close(&model.pipe);
}
END_TEST

START_TEST(there_are_no_more_descriptors)
{
	struct record_pipe pipe;
	struct rlimit limit, none;

	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	MUST(setrlimit(RLIMIT_NOFILE, &none) == 0);
	errno = 0;
	MUST(record_pipe_open(&pipe, 0) == -1);
	MUST(errno == EMFILE);
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}
END_TEST

/* ---- The promise: capacity records fit, however they are batched ------------------ */

/* Sizes that fill the kernel's pages badly: 256 records are one page. */
static const struct {
	size_t sizes[4];
	size_t n;
} patterns[] = {
	{ { 1 }, 1 },        { { 2 }, 1 },        { { 127 }, 1 },      { { 128 }, 1 },
	{ { 129 }, 1 },      { { 130 }, 1 },      { { 171 }, 1 },      { { 255 }, 1 },
	{ { 256 }, 1 },      { { 1, 256 }, 2 },   { { 256, 1 }, 2 },   { { 2, 255 }, 2 },
	{ { 255, 2 }, 2 },   { { 129, 128 }, 2 }, { { 128, 129 }, 2 }, { { 1, 1, 255 }, 3 },
	{ { 100, 157 }, 2 }, { { 86, 171 }, 2 },  { { 3, 254, 3, 254 }, 4 },
};

#define NPATTERNS (sizeof patterns / sizeof patterns[0])

static size_t
batch_size(size_t pattern, size_t i)
{
	return patterns[pattern].sizes[i % patterns[pattern].n];
}

static void
fill_by_pattern(size_t pattern)
{
	size_t i = 0;

	while (write_batch(batch_size(pattern, i)))
		i++;
	if (model.nwritten - model.nread < model.pipe.capacity)
		ck_abort_msg("pattern %zu: %zu of %zu records fitted", pattern,
		             (size_t)(model.nwritten - model.nread), model.pipe.capacity);
}

START_TEST(promised_capacity_fits_however_it_is_batched)
{
	for (size_t pattern = 0; pattern < NPATTERNS; pattern++) {
		open_model();
		fill_by_pattern(pattern);
		read_all();
		record_pipe_close(&model.pipe);
	}
}
END_TEST

/* What is left of the first page takes the room of a whole one. */
START_TEST(promised_capacity_fits_behind_a_page_partly_read)
{
	for (size_t pattern = 0; pattern < NPATTERNS; pattern++)
		for (size_t left = 1; left < RECORD_PIPE_MAX_BATCH; left += 127) {
			open_model();
			MUST(write_batch(RECORD_PIPE_MAX_BATCH));
			read_batch(RECORD_PIPE_MAX_BATCH - left);
			fill_by_pattern(pattern);
			read_all();
			record_pipe_close(&model.pipe);
		}
}
END_TEST

START_TEST(promised_capacity_fits_while_records_come_and_go)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		uint64_t random = seed;
		size_t pattern = random_below(&random, NPATTERNS);

		open_model();
		for (size_t i = 0; i < 3000; i++) {
			size_t n = random_below(&random, 8) > 0
			               ? batch_size(pattern, i)
			               : 1 + random_below(&random, RECORD_PIPE_MAX_BATCH);
			size_t used = (size_t)(model.nwritten - model.nread);

			if (!write_batch(n) && used + n <= model.pipe.capacity)
				ck_abort_msg("seed %llu: %zu records, and %zu more do "
				             "not fit",
				             (unsigned long long)seed, used, n);
			if (model.nwritten > model.nread && random_below(&random, 4) == 0)
				read_batch(1 + random_below(&random,
				                            RECORD_PIPE_MAX_BATCH));
		}
		read_all();
		record_pipe_close(&model.pipe);
	}
}
END_TEST

/* Who may ask for the large pipe gets it; the clients' limit is made for that. */
START_TEST(large_pipe_holds_a_record_of_every_client)
{
	open_model();
	if (fcntl(model.pipe.write_fd, F_GETPIPE_SZ) >= 1 << 20)
		ck_assert_uint_ge(model.pipe.capacity, CONF_MAX_CLIENTS);
	else
		ck_assert_uint_gt(model.pipe.capacity, 0);
	record_pipe_close(&model.pipe);
}
END_TEST

/* ---- Several threads -------------------------------------------------------------- */

static atomic_int waiter_tid;

static void *
write_one_waiting(void *argument)
{
	struct record record = numbered(model.nwritten);

	(void)argument;
	atomic_store(&waiter_tid, gettid());
	record_pipe_write_waiting(&model.pipe, &record, 1);
	return NULL;
}

START_TEST(writer_of_a_full_pipe_waits_and_goes_on)
{
	pthread_t writer;

	open_model();
	while (write_batch(RECORD_PIPE_MAX_BATCH))
		continue;
	while (write_batch(1))
		continue;
	writer = spawn(write_one_waiting, NULL);
	WAIT_UNTIL(atomic_load(&waiter_tid) != 0 && is_asleep(atomic_load(&waiter_tid)));
	/* A page has to be read to its end before there is room. */
	for (size_t nread = 0; nread < 2 * RECORD_PIPE_MAX_BATCH;)
		nread += read_batch(RECORD_PIPE_MAX_BATCH);
	join(writer);
	model.nwritten++;
	read_all();
	record_pipe_close(&model.pipe);
}
END_TEST

static void *
read_one(void *argument)
{
	struct record record;

	atomic_store(&waiter_tid, gettid());
	*(size_t *)argument = record_pipe_read(&model.pipe, &record, 1);
	return NULL;
}

START_TEST(reader_of_an_empty_pipe_waits)
{
	pthread_t reader;
	size_t n = 0;

	open_model();
	reader = spawn(read_one, &n);
	WAIT_UNTIL(atomic_load(&waiter_tid) != 0 && is_asleep(atomic_load(&waiter_tid)));
	MUST(write_batch(1));
	join(reader);
	ck_assert_uint_eq(n, 1);
	record_pipe_close(&model.pipe);
}
END_TEST

enum { NWRITERS = 4, NBATCHES = 400 };

/* A record of a batch: who wrote it, which batch, and the place in it, of how many. */
static struct record
batched(unsigned writer, unsigned batch, size_t i, size_t n)
{
	return (struct record){ writer, batch, { .id = (uint64_t)i << 32 | n } };
}

static void *
write_batches(void *argument)
{
	unsigned writer = *(const unsigned *)argument;
	uint64_t random = writer + 1;

	for (unsigned batch = 0; batch < NBATCHES; batch++) {
		size_t n = 1 + random_below(&random, RECORD_PIPE_MAX_BATCH);
		struct record records[RECORD_PIPE_MAX_BATCH];

		for (size_t i = 0; i < n; i++)
			records[i] = batched(writer, batch, i, n);
		record_pipe_write_waiting(&model.pipe, records, n);
	}
	return NULL;
}

/* The stream of records as it should go on. */
struct expectation {
	unsigned next_batch[NWRITERS];
	unsigned writer;
	size_t i, n; /* inside a batch, unless i == n */
	unsigned nbatches;
};

static void
check_next(struct expectation *expected, const struct record *record)
{
	size_t i = (size_t)(record->u.id >> 32), n = (size_t)(record->u.id & UINT32_MAX);

	MUST(record->kind < NWRITERS);
	if (expected->i == expected->n) {
		expected->writer = record->kind;
		expected->i = 0;
		expected->n = n;
	}
	MUST(record->kind == expected->writer);
	MUST(record->events == expected->next_batch[expected->writer]);
	MUST(n == expected->n && i == expected->i);
	if (++expected->i == n) {
		expected->next_batch[expected->writer]++;
		expected->nbatches++;
	}
}

START_TEST(batches_of_several_writers_stay_whole)
{
	unsigned numbers[NWRITERS];
	pthread_t writers[NWRITERS];
	struct expectation expected = { .i = 0 };
	uint64_t random = 1;

	open_model();
	for (unsigned i = 0; i < NWRITERS; i++) {
		numbers[i] = i;
		writers[i] = spawn(write_batches, &numbers[i]);
	}
	while (expected.nbatches < NWRITERS * NBATCHES) {
		struct record records[RECORD_PIPE_MAX_BATCH];
		size_t max = 1 + random_below(&random, RECORD_PIPE_MAX_BATCH);
		size_t n = record_pipe_read(&model.pipe, records, max);

		MUST(n <= max);
		for (size_t i = 0; i < n; i++)
			check_next(&expected, &records[i]);
	}
	for (unsigned i = 0; i < NWRITERS; i++)
		join(writers[i]);
	record_pipe_close(&model.pipe);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("record_pipe",
	    records_come_as_they_were_sent,
	    batches_of_any_size_keep_their_order,
	    reader_gets_what_there_is,
	    pipe_is_closed_on_exec,
	    full_pipe_takes_all_of_a_batch_or_nothing,
	    there_are_no_more_descriptors,
	    promised_capacity_fits_however_it_is_batched,
	    promised_capacity_fits_behind_a_page_partly_read,
	    promised_capacity_fits_while_records_come_and_go,
	    large_pipe_holds_a_record_of_every_client,
	    writer_of_a_full_pipe_waits_and_goes_on,
	    reader_of_an_empty_pipe_waits,
	    batches_of_several_writers_stay_whole);
}
