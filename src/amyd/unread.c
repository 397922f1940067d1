/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifdef __linux__
#include <linux/sockios.h>
#include <linux/tcp.h>
#endif

#include "unread.h"

/* So many bytes may be sent before the first look. */
#define LOOK_BYTES 2048

/* Windows go up and down by a few segments: less than that says nothing. */
#define MIN_SHRINKAGE 16384

#define FORGET_FRACTION 8

/* What the kernel holds: not sent, or sent and not acknowledged. Of a Unix socket: not read. */
static uint32_t
bytes_in_kernel(int fd)
{
	int n = 0;

#if defined SIOCOUTQ
	if (ioctl(fd, SIOCOUTQ, &n) == -1)
		return 0;
#elif defined FIONWRITE
	if (ioctl(fd, FIONWRITE, &n) == -1)
		return 0;
#else
	(void)fd;
#endif
	return n < 0 ? 0 : (uint32_t)n;
}

/* How far the window of the peer's kernel is open. False: that is not known. */
static bool
peer_window(int fd, uint32_t *window)
{
#ifdef __linux__
	struct tcp_info info;
	socklen_t size = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1 ||
	    size < offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof info.tcpi_snd_wnd)
		return false;
	*window = info.tcpi_snd_wnd;
	return true;
#else
	(void)fd;
	(void)window;
	return false;
#endif
}

static uint32_t
window_shrinkage(struct unread *unread, int fd)
{
	uint32_t window, shrinkage;

	if (!peer_window(fd, &window))
		return 0;
	if (unread->window < window)
		unread->window = window;
	shrinkage = unread->window - window;
	return shrinkage < MIN_SHRINKAGE ? 0 : shrinkage;
}

bool
unread_is_due(const struct unread *unread)
{
	return unread->nsent >= LOOK_BYTES || (unread->nsent > 0 && unread->nbytes > 0);
}

void
unread_look(struct unread *unread, int fd, bool is_tcp)
{
	unread->nsent = 0;
	unread->nbytes = bytes_in_kernel(fd);
	if (is_tcp)
		unread->nbytes += window_shrinkage(unread, fd);
}

void
unread_look_again(struct unread *unread, int fd, bool is_tcp)
{
	uint32_t before = unread->nbytes;

	unread_look(unread, fd, is_tcp);
	if (unread->nbytes >= before)
		unread->window -= unread->window / FORGET_FRACTION;
}
