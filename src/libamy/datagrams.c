/* SPDX-License-Identifier: MIT */
/*
 * datagrams.c - a ring of datagrams, each with bytes of its own, which never move: what was
 * sent is left behind, and what is put goes where it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amy.h"
#include "messages.h"

#define MAX_DATAGRAMS 1024
#define MAX_NBYTES 65535

/*
 * Owner: one thread at a time. The arrays have max elements each, set aside by create.
 */
struct amy_datagrams {
	/* constant after create */
	unsigned max;
	size_t max_nbytes;           /* of one datagram */
	char *bytes;                 /* max_nbytes for each place */
	struct amy_datagram *places; /* each with bytes of its own */

	unsigned first; /* the place of the first one */
	unsigned count;

	/* for the system, in the order of the datagrams */
	struct messages_header *headers;
	struct iovec *pieces;
	unsigned nused; /* so many headers are not as receiving needs them */
};

/* What was allocated is the batch's, on failure too. */
static int
allocate(struct amy_datagrams *batch)
{
	batch->bytes = malloc(batch->max * batch->max_nbytes);
	batch->places = calloc(batch->max, sizeof *batch->places);
	batch->headers = calloc(batch->max, sizeof *batch->headers);
	batch->pieces = calloc(batch->max, sizeof *batch->pieces);
	if (batch->bytes == NULL || batch->places == NULL || batch->headers == NULL ||
	    batch->pieces == NULL)
		return -1;
	return 0;
}

struct amy_datagrams *
amy_datagrams_create(unsigned max, size_t max_nbytes)
{
	struct amy_datagrams *batch;

	if (max == 0 || max > MAX_DATAGRAMS || max_nbytes == 0 || max_nbytes > MAX_NBYTES) {
		errno = EINVAL;
		return NULL;
	}
	batch = calloc(1, sizeof *batch);
	if (batch == NULL)
		return NULL;
	batch->max = batch->nused = max;
	batch->max_nbytes = max_nbytes;
	if (allocate(batch) == -1) {
		amy_datagrams_destroy(batch);
		return NULL;
	}
	for (unsigned i = 0; i < max; i++)
		batch->places[i].bytes = batch->bytes + i * max_nbytes;
	return batch;
}

void
amy_datagrams_destroy(struct amy_datagrams *batch)
{
	if (batch == NULL)
		return;
	free(batch->pieces);
	free(batch->headers);
	free(batch->places);
	free(batch->bytes);
	free(batch);
}

unsigned
amy_datagrams_count(const struct amy_datagrams *batch)
{
	return batch->count;
}

struct amy_datagram *
amy_datagrams_get(struct amy_datagrams *batch, unsigned i)
{
	return &batch->places[(batch->first + i) % batch->max];
}

static int
check_put(const struct amy_datagrams *batch, size_t nbytes, socklen_t naddress)
{
	if (batch->count == batch->max)
		errno = ENOBUFS;
	else if (nbytes > batch->max_nbytes)
		errno = EMSGSIZE;
	else if (naddress > sizeof(struct sockaddr_storage))
		errno = EINVAL;
	else
		return 0;
	return -1;
}

int
amy_datagrams_put(struct amy_datagrams *batch, const void *bytes, size_t nbytes,
                  const struct sockaddr *address, socklen_t naddress)
{
	struct amy_datagram *datagram;

	if (check_put(batch, nbytes, naddress) == -1)
		return -1;
	datagram = amy_datagrams_get(batch, batch->count++);
	if (nbytes > 0)
		memcpy(datagram->bytes, bytes, nbytes);
	if (naddress > 0)
		memcpy(&datagram->address, address, naddress);
	datagram->nbytes = nbytes;
	datagram->naddress = naddress;
	datagram->is_truncated = false;
	return 0;
}

void
amy_datagrams_drop(struct amy_datagrams *batch, unsigned n)
{
	if (n > batch->count)
		n = batch->count;
	batch->first = (batch->first + n) % batch->max;
	batch->count -= n;
}

/* Let header i speak of datagram i. */
static void
set_header(struct amy_datagrams *batch, unsigned i, size_t nbytes, socklen_t naddress)
{
	struct amy_datagram *datagram = amy_datagrams_get(batch, i);

	batch->pieces[i] = (struct iovec){ .iov_base = datagram->bytes, .iov_len = nbytes };
	batch->headers[i].msg_hdr = (struct msghdr){
		.msg_name = naddress == 0 ? NULL : &datagram->address,
		.msg_namelen = naddress,
		.msg_iov = &batch->pieces[i],
		.msg_iovlen = 1,
	};
}

static void
take_header(struct amy_datagram *datagram, const struct messages_header *header)
{
	datagram->nbytes = (size_t)header->msg_len;
	datagram->naddress = header->msg_hdr.msg_namelen;
	datagram->is_truncated = (header->msg_hdr.msg_flags & MSG_TRUNC) != 0;
}

int
amy_datagrams_receive(struct amy_datagrams *batch, int fd)
{
	int n;

	batch->first = batch->count = 0;
	for (unsigned i = 0; i < batch->nused; i++)
		set_header(batch, i, batch->max_nbytes, sizeof batch->places[i].address);
	do
		n = messages_receive(fd, batch->headers, batch->max);
	while (n == -1 && errno == EINTR);
	batch->nused = n == -1 ? 0 : (unsigned)n;
	if (n == -1)
		return errno == EAGAIN ? 0 : -1;
	for (int i = 0; i < n; i++)
		take_header(&batch->places[i], &batch->headers[i]);
	batch->count = (unsigned)n;
	return n;
}

static void
set_headers(struct amy_datagrams *batch)
{
	for (unsigned i = 0; i < batch->count; i++) {
		const struct amy_datagram *datagram = amy_datagrams_get(batch, i);

		set_header(batch, i, datagram->nbytes, datagram->naddress);
	}
	if (batch->nused < batch->count)
		batch->nused = batch->count;
}

int
amy_datagrams_send(struct amy_datagrams *batch, int fd)
{
	int total = 0;
	int n;

	set_headers(batch);
	while (batch->count > 0) {
		n = messages_send(fd, batch->headers + total, batch->count);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return total > 0 || errno == EAGAIN ? total : -1;
		amy_datagrams_drop(batch, (unsigned)n);
		total += n;
	}
	return total;
}
