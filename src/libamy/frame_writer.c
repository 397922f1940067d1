/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "amy.h"
#include "line_writer.h"

static size_t
length32_header(uint32_t length, char *header)
{
	for (int i = 0; i < 4; i++)
		header[i] = (char)(unsigned char)(length >> (24 - 8 * i));
	return 4;
}

static size_t
netstring_header(uint32_t length, char *header)
{
	size_t n = 1;

	for (uint32_t left = length; left >= 10; left /= 10)
		n++;
	header[n] = ':';
	for (size_t i = n; i > 0; length /= 10)
		header[--i] = (char)('0' + length % 10);
	return n + 1;
}

const char *
amy_frame_envelope(enum amy_framing framing, size_t nbytes, char *header, size_t *nheader)
{
	switch (framing) {
	case AMY_FRAME_LENGTH32:
		break;
	case AMY_FRAME_NETSTRING:
		*nheader = netstring_header((uint32_t)nbytes, header);
		return ",";
	}
	*nheader = length32_header((uint32_t)nbytes, header);
	return "";
}

void
amy_frame_writer_init(struct amy_frame_writer *writer, enum amy_framing framing,
                      size_t max_frame, size_t limit)
{
	amy_line_writer_init(&writer->queue, limit);
	writer->max_frame = clamp_bytes(max_frame, 0);
	writer->framing = framing;
}

int
amy_frame_writer_reserve(struct amy_frame_writer *writer)
{
	return amy_line_writer_reserve(&writer->queue);
}

void
amy_frame_writer_fini(struct amy_frame_writer *writer)
{
	amy_line_writer_fini(&writer->queue);
}

int
amy_frame_writer_put(struct amy_frame_writer *writer, const void *bytes, size_t nbytes)
{
	const struct amy_bytes frame = { bytes, nbytes };

	return amy_frame_writer_putv(writer, &frame, 1);
}

int
amy_frame_writer_putv(struct amy_frame_writer *writer, const struct amy_bytes *pieces,
                      size_t npieces)
{
	char header[AMY_FRAME_HEADER_MAX];
	size_t nbytes = 0, nheader, ntrailer;
	const char *trailer;

	if (!line_writer_add_up(&nbytes, pieces, npieces, writer->max_frame)) {
		errno = EMSGSIZE;
		return -1;
	}
	trailer = amy_frame_envelope(writer->framing, nbytes, header, &nheader);
	ntrailer = strlen(trailer);
	if (line_writer_make_room(&writer->queue, nheader + nbytes + ntrailer) == -1)
		return -1;
	buffer_copy(writer->queue.buffer, header, nheader);
	line_writer_copy(&writer->queue, pieces, npieces);
	buffer_copy(writer->queue.buffer, trailer, ntrailer);
	return 0;
}

size_t
amy_frame_writer_pending(const struct amy_frame_writer *writer, const char **bytes)
{
	return amy_line_writer_pending(&writer->queue, bytes);
}

void
amy_frame_writer_consume(struct amy_frame_writer *writer, size_t nbytes)
{
	amy_line_writer_consume(&writer->queue, nbytes);
}
