/* SPDX-License-Identifier: MIT */
/*
 * channel.c - a ring of cells, each of which says whose turn it is.
 *
 * The ring is Dmitry Vyukov's bounded queue. Message n goes into cell n modulo the capacity.
 * The turn of that cell is
 *
 *      n               it is free, for whoever sends message n
 *      n + 1           message n is in it, for the receiver
 *      n + capacity    message n was received: it is free for the next time around
 *
 * A sender gets its n by a compare-and-swap of the tail. A bit of the tail says that the
 * channel is closed, so the same compare-and-swap decides that, too: a message has its n
 * before the end, and is waited for, or it is refused.
 *
 * Waking up: a receiver that finds nothing clears the notices, says that it is waiting, and
 * looks again. A sender publishes its message and then looks whether the receiver is waiting;
 * the first one that sees it takes that back, and puts the notice. Each stores before it
 * loads, all seq_cst: so one of the two sees the other. A message that has its n but is not
 * published yet is none; when it is, its sender looks, too.
 *
 * tests/model/channel.pml checks all of this exhaustively.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "amy.h"
#include "notice.h"

#define MAX_CAPACITY ((size_t)1 << 24)
#define MAX_NBYTES ((size_t)65536)

#define CACHE_LINE 64

#define CLOSED 1u    /* the bit of the tail */
#define TAIL_STEP 2u /* what the tail grows by with each message */

/*
 * Cells are not padded to cache lines: small messages are faster if several come with one
 * line, by a factor of two to three for 8 bytes.
 */
struct cell {
	_Atomic uint64_t turn;
	unsigned char message[]; /* nbytes of the channel */
};

/*
 * Owner: whoever created it. What is written by different threads stands in different cache
 * lines.
 */
struct amy_channel {
	/* constant after create */
	struct notice notice;
	size_t nbytes; /* of a message */
	size_t stride; /* bytes from one cell to the next */
	uint64_t mask; /* capacity - 1 */

	/* the senders */
	_Alignas(CACHE_LINE) _Atomic uint64_t tail; /* the next n, in steps; and CLOSED */

	/* read by all senders, written when the channel is empty */
	_Alignas(CACHE_LINE) atomic_bool is_waiting;

	/* the receiver only */
	_Alignas(CACHE_LINE) uint64_t head; /* the n of the next message */
	uint64_t nnotices;                  /* put, or about to be, and not cleared */

	_Alignas(CACHE_LINE) unsigned char cells[];
};

static struct cell *
cell_of(struct amy_channel *channel, uint64_t n)
{
	return (struct cell *)&channel->cells[(n & channel->mask) * channel->stride];
}

/* A power of two. Not 1: with one cell, n + 1 and n + capacity were the same. */
static size_t
ring_size(size_t capacity)
{
	size_t ncells = 2;

	while (ncells < capacity)
		ncells *= 2;
	return ncells;
}

/* Where a cell ends, the turn of the next one may stand. */
static size_t
cell_size(size_t nbytes)
{
	const size_t alignment = _Alignof(struct cell);

	return (sizeof(struct cell) + nbytes + alignment - 1) & ~(alignment - 1);
}

/* The channel and its cells, in one piece. */
static struct amy_channel *
allocate(size_t ncells, size_t stride)
{
	uint64_t total = sizeof(struct amy_channel) + (uint64_t)ncells * stride;
	struct amy_channel *channel = NULL;

	total = (total + CACHE_LINE - 1) & ~(uint64_t)(CACHE_LINE - 1);
	if (total <= PTRDIFF_MAX)
		channel = aligned_alloc(CACHE_LINE, (size_t)total);
	if (channel == NULL)
		errno = ENOMEM;
	return channel;
}

struct amy_channel *
amy_channel_create(size_t capacity, size_t nbytes)
{
	struct amy_channel *channel;
	size_t ncells;

	if (capacity == 0 || capacity > MAX_CAPACITY || nbytes == 0 || nbytes > MAX_NBYTES) {
		errno = EINVAL;
		return NULL;
	}
	ncells = ring_size(capacity);
	channel = allocate(ncells, cell_size(nbytes));
	if (channel == NULL)
		return NULL;
	if (notice_open(&channel->notice) == -1) {
		free(channel);
		return NULL;
	}
	channel->nbytes = nbytes;
	channel->stride = cell_size(nbytes);
	channel->mask = ncells - 1;
	channel->head = channel->nnotices = 0;
	atomic_init(&channel->tail, 0);
	atomic_init(&channel->is_waiting, true);
	for (size_t n = 0; n < ncells; n++)
		atomic_init(&cell_of(channel, n)->turn, n);
	return channel;
}

void
amy_channel_destroy(struct amy_channel *channel)
{
	if (channel == NULL)
		return;
	notice_close(&channel->notice);
	free(channel);
}

int
amy_channel_fd(const struct amy_channel *channel)
{
	return channel->notice.fd;
}

/* Something was published: one of those who see that the receiver is waiting tells it. */
static void
wake(struct amy_channel *channel)
{
	if (atomic_load(&channel->is_waiting) && atomic_exchange(&channel->is_waiting, false))
		notice_put(&channel->notice);
}

/*
 * The cell of the next message, and its n. NULL: EAGAIN (the message before this one in that
 * cell was not received yet: the channel is full), EPIPE.
 */
static struct cell *
claim(struct amy_channel *channel, uint64_t *n)
{
	uint64_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);
	uint64_t turn;
	struct cell *cell;

	while (!(tail & CLOSED)) {
		*n = tail / TAIL_STEP;
		cell = cell_of(channel, *n);
		turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
		if (turn < *n) {
			errno = EAGAIN;
			return NULL;
		}
		if (turn > *n) /* somebody else has it */
			tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);
		else if (atomic_compare_exchange_weak_explicit(
			     &channel->tail, &tail, tail + TAIL_STEP, memory_order_relaxed,
			     memory_order_relaxed))
			return cell;
	}
	errno = EPIPE;
	return NULL;
}

int
amy_channel_send(struct amy_channel *channel, const void *message)
{
	uint64_t n;
	struct cell *cell = claim(channel, &n);

	if (cell == NULL)
		return -1;
	memcpy(cell->message, message, channel->nbytes);
	atomic_store(&cell->turn, n + 1);
	wake(channel);
	return 0;
}

void
amy_channel_close(struct amy_channel *channel)
{
	atomic_fetch_or(&channel->tail, CLOSED);
	wake(channel);
}

static bool
has_message(struct amy_channel *channel)
{
	return atomic_load(&cell_of(channel, channel->head)->turn) == channel->head + 1;
}

/* Closed, and nothing is left of what was sent before; nor is it about to be published. */
static bool
has_ended(struct amy_channel *channel)
{
	return atomic_load(&channel->tail) == (channel->head * TAIL_STEP | CLOSED);
}

/*
 * Make the descriptor unreadable, then say that we are waiting. Whoever takes is_waiting back
 * puts one notice, sooner or later; nobody can while we clear. Where none is due there is
 * nothing to clear, and no system call.
 */
static void
start_waiting(struct amy_channel *channel)
{
	if (!atomic_exchange(&channel->is_waiting, false))
		channel->nnotices++;
	if (channel->nnotices > 0)
		channel->nnotices -= notice_clear(&channel->notice);
	atomic_store(&channel->is_waiting, true);
}

/*
 * True: there is nothing, and whoever changes that will wake us. If something came while we
 * made the descriptor unreadable, it is made readable again: the caller may take one message
 * and wait for the next.
 */
static bool
is_empty(struct amy_channel *channel)
{
	if (has_message(channel) || has_ended(channel))
		return false;
	start_waiting(channel);
	if (!has_message(channel) && !has_ended(channel))
		return true;
	wake(channel);
	return false;
}

int
amy_channel_receive(struct amy_channel *channel, void *message)
{
	struct cell *cell = cell_of(channel, channel->head);

	if (is_empty(channel))
		return 0;
	if (!has_message(channel)) {
		errno = EPIPE;
		return -1;
	}
	memcpy(message, cell->message, channel->nbytes);
	atomic_store_explicit(&cell->turn, channel->head + channel->mask + 1,
	                      memory_order_release);
	channel->head++;
	return 1;
}
