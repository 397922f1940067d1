/* SPDX-License-Identifier: MIT */
/*
 * record_pipe.h - how a handler thread is told what happened.
 *
 * Fixed-size records over a pipe, any number of writers, one reader. A registration is
 * one-shot, so at most one record per client is on its way at any moment; the pipe is as
 * large as the kernel allows, and there are never more clients than it holds.
 */
#ifndef RECORD_PIPE_H
#define RECORD_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amy.h>

struct session;

/* At most so many are written at once: PIPE_BUF bytes, so that they stay whole. */
#define RECORD_PIPE_MAX_BATCH 256

enum record_kind {
	RECORD_NEW,   /* a session: it is the reader's from now on */
	RECORD_READY, /* a registration fired: it is the reader's from now on */
	RECORD_WAKE,  /* there is something in the reader's inbox, or room in another's */
	RECORD_HEAR_OUT, /* run what clients have sent until now, and report that it is done */
	RECORD_DRAIN, /* say goodbye to every client, and finish */
	RECORD_STOP,  /* finish at once */
	RECORD_STANDSTILL, /* come to the standstill, and wait there until it is over */
	RECORD_UPSTREAM, /* there is something to do for the upstream of that number */
};

struct record {
	uint32_t kind;   /* enum record_kind */
	uint32_t events; /* of RECORD_READY: AMY_ bits */
	union {
		struct session *session; /* of RECORD_NEW */
		amy_id id;               /* of RECORD_READY */
		uint64_t number;         /* of RECORD_UPSTREAM */
	} u;
};

/*
 * Owner: the handler whose pipe it is. Writing: any thread.
 */
struct record_pipe {
	unsigned number; /* constant: the handler's */
	size_t capacity; /* constant: records that fit, however they are batched */
	int read_fd, write_fd;
};

/* Errors: as pipe2(2). */
int record_pipe_open(struct record_pipe *pipe, unsigned number);
void record_pipe_close(struct record_pipe *pipe);

/*
 * Write n (1 to RECORD_PIPE_MAX_BATCH) records, all or none, without waiting. On -1,
 * EAGAIN, the pipe is full, and the caller still has what it wanted to hand over.
 */
int record_pipe_write(struct record_pipe *pipe, const struct record *records, size_t n);

/*
 * The same, but wait for room. Not for handlers: two of them would wait for each other.
 */
void record_pipe_write_waiting(struct record_pipe *pipe, const struct record *records,
                               size_t n);

/* True if there are records, or come within timeout_ms. Its owner. */
bool record_pipe_wait(struct record_pipe *pipe, int timeout_ms);

/* Wait for records, and return how many (1 or more) of at most max were read. Its owner. */
size_t record_pipe_read(struct record_pipe *pipe, struct record *records, size_t max);

#endif
