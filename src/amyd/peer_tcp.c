/* SPDX-License-Identifier: MIT */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "peer_tcp.h"

/* TCP_CLOSE of <netinet/tcp.h>, which cannot be had together with <linux/tcp.h>. */
#define STATE_CLOSED 7

bool
peer_tcp_look(int fd, struct peer_tcp *peer)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof info;
	int unacked;

	/* In this order: what is acknowledged in between is seen the next time. */
	if (ioctl(fd, SIOCOUTQ, &unacked) == -1 ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == -1)
		return false;
	peer->unacked = unacked < 0 ? 0 : (size_t)unacked;
	peer->window = info.tcpi_snd_wnd; /* which kernels before 5.4 do not tell */
	peer->is_dead = info.tcpi_state == STATE_CLOSED;
	return true;
}

/* Where the window is not known: a receive buffer is seldom larger than this. */
#define UNKNOWN_WINDOW (4 << 20)

void
peer_reading_note(struct peer_reading *reading, size_t nbytes, size_t nlines, uint32_t window)
{
	uint64_t slack;

	reading->acked_bytes += nbytes;
	reading->acked_lines += nlines;
	if (window > reading->largest_window)
		reading->largest_window = window;
	slack = reading->largest_window > 0 ? 2 * (uint64_t)reading->largest_window
	                                    : UNKNOWN_WINDOW;
	if (reading->acked_bytes + window < reading->mark_bytes + slack)
		return;
	if (reading->mark_lines > reading->read_lines)
		reading->read_lines = reading->mark_lines;
	reading->mark_bytes = reading->acked_bytes;
	reading->mark_lines = reading->acked_lines;
}

void
peer_reading_note_all(struct peer_reading *reading)
{
	reading->read_lines = reading->acked_lines;
}

uint64_t
peer_reading_unsure(const struct peer_reading *reading)
{
	return reading->acked_lines - reading->read_lines;
}
