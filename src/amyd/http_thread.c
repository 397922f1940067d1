/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "heartbeat.h"
#include "http_host.h"
#include "http_limits.h"
#include "http_thread.h"
#include "log.h"
#include "metrics.h"
#include "mhd.h"
#include "monotonic.h"
#include "status.h"
#include "status_json.h"
#include "status_page.h"

/* A client that says nothing for so long is closed; so is one whose request takes so long. */
#define QUIET_SECONDS 10
#define REQUEST_MS 30000

/* Of a request, all that is no part of an answer. */
#define REQUEST_BYTES (32 * 1024)

#define TICK_MS 1000

/* How long accepting pauses when a caller cannot be taken. */
#define PAUSE_MS 100

/* Places that are kept free for who comes: the guest that has been idle for longest leaves. */
#define FREE_PLACES 4

/* The body of a request is read and dropped; one that is larger is refused. */
#define MAX_BODY ((uint64_t)64 * 1024)
#define STATUS_TOO_LARGE 413 /* the library's name for it has changed */

/* A connected client. */
struct guest {
	int fd;           /* -1: the place is free */
	int64_t since_ms; /* it has come, or its last request was answered */
	bool is_asking;   /* the head of a request has come, which is not answered */
	bool is_ended;    /* to make room: its connection is shut down */
	uint64_t nbody;   /* bytes of the body of its request, as far as they are known */
};

/*
 * Owner: the thread, but for stop_fd: any thread writes to it.
 */
struct http_thread {
	pthread_t thread;
	char *name; /* of the listener */
	int listen_fd;
	bool has_any_name; /* a browser may call it as it likes */
	struct router *router;
	struct tally *tally; /* those of all addresses of the listener count there */
	struct MHD_Daemon *daemon;
	int stop_fd, epoll_fd;
	char hostname[256];

	struct guest guests[HTTP_MAX_CLIENTS];
	unsigned nguests;
	uint64_t ncame;
	unsigned nfutile; /* turns in a row that a caller waited for in vain */
	int64_t tick_ms;  /* when the next one is due */
};

/* The library; NULL: not loaded yet. All threads of this kind have the same. */
static const struct mhd *mhd;

/* ---- Answers ---------------------------------------------------------------------- */

/* What is written, and then sent. */
struct page {
	FILE *file;
	char *bytes;
	size_t nbytes;
	unsigned status;
	const char *type;
	char policy[320]; /* Content-Security-Policy; "": that nothing may be loaded */
	bool has_failed;
};

static const char plain[] = "text/plain; charset=utf-8";

static void
refuse(struct page *page, unsigned status, const char *text)
{
	page->status = status;
	fprintf(page->file, "%s\n", text);
}

static void
write_health(struct http_thread *thread, struct page *page)
{
	char name[HEARTBEAT_MAX_NAME];

	if (heartbeats_find_stuck(monotonic_now_ms(), name)) {
		page->status = MHD_HTTP_SERVICE_UNAVAILABLE;
		fprintf(page->file, "stuck: %s\n", name);
	} else if (atomic_load_explicit(&thread->router->is_draining, memory_order_relaxed)) {
		refuse(page, MHD_HTTP_SERVICE_UNAVAILABLE, "draining");
	} else {
		fputs("ok\n", page->file);
	}
}

static void
write_status(struct http_thread *thread, struct page *page,
             void (*write)(FILE *file, const struct status *status))
{
	struct status status;

	if (status_collect(thread->router, &status) == -1) {
		page->has_failed = true;
		return;
	}
	write(page->file, &status);
	status_fini(&status);
}

static void
write_metrics(struct http_thread *thread, struct page *page)
{
	page->type = "text/plain; version=0.0.4; charset=utf-8";
	write_status(thread, page, metrics_write);
}

static void
write_json(struct http_thread *thread, struct page *page)
{
	page->type = "application/json";
	write_status(thread, page, status_write_json);
}

/* 32 hexadecimal digits that nobody can guess. */
static bool
make_nonce(char nonce[33])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return false;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

/* The page, in which a nonce stands for each "@NONCE@": its own script and style have that. */
static void
write_page(struct http_thread *thread, struct page *page)
{
	static const char mark[] = "@NONCE@";
	const char *rest = (const char *)status_page, *end = rest + status_page_size, *next;
	char nonce[33];

	(void)thread;
	page->type = "text/html; charset=utf-8";
	page->has_failed = !make_nonce(nonce);
	while ((next = memmem(rest, (size_t)(end - rest), mark, strlen(mark))) != NULL) {
		fwrite(rest, 1, (size_t)(next - rest), page->file);
		fputs(nonce, page->file);
		rest = next + strlen(mark);
	}
	fwrite(rest, 1, (size_t)(end - rest), page->file);
	snprintf(page->policy, sizeof page->policy,
	         "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "
	         "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
	         "frame-ancestors 'none'",
	         nonce, nonce);
}

static const struct {
	const char *path;
	void (*write)(struct http_thread *thread, struct page *page);
} pages[] = {
	{ "/", write_page },
	{ "/healthz", write_health },
	{ "/metrics", write_metrics },
	{ "/status.json", write_json },
};

static void
write_path(struct http_thread *thread, struct page *page, const char *path)
{
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
		if (strcmp(path, pages[i].path) == 0) {
			pages[i].write(thread, page);
			return;
		}
	refuse(page, MHD_HTTP_NOT_FOUND,
	       "There is nothing here. There are /, /healthz, /metrics and /status.json.");
}

/* One who has named no host is no browser. */
static bool
is_welcome(const struct http_thread *thread, struct MHD_Connection *connection)
{
	const char *host =
	    mhd->lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

	return host == NULL || thread->has_any_name ||
	       http_host_is_ours(host, thread->hostname);
}

static bool
is_read_only(const char *method)
{
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
	       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static void
write_answer(struct http_thread *thread, struct page *page, struct MHD_Connection *connection,
             const char *path, const char *method, uint64_t nbody)
{
	page->status = MHD_HTTP_OK;
	page->type = plain;
	if (nbody > MAX_BODY)
		refuse(page, STATUS_TOO_LARGE, "Nothing here takes a body: send none.");
	else if (!is_welcome(thread, connection))
		refuse(page, MHD_HTTP_FORBIDDEN,
		       "This name is not answered to: ask by an address, localhost, or the "
		       "name of this machine; or set open = true.");
	else if (!is_read_only(method))
		refuse(page, MHD_HTTP_METHOD_NOT_ALLOWED, "There are only GET and HEAD.");
	else
		write_path(thread, page, path);
}

static enum MHD_Result
send_page(struct MHD_Connection *connection, const struct page *page)
{
	struct MHD_Response *response =
	    mhd->create_response_from_buffer(page->nbytes, page->bytes, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (response == NULL) {
		free(page->bytes);
		return MHD_NO;
	}
	mhd->add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page->type);
	mhd->add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	mhd->add_response_header(response, "X-Content-Type-Options", "nosniff");
	mhd->add_response_header(response, "Referrer-Policy", "no-referrer");
	mhd->add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	mhd->add_response_header(response, "Content-Security-Policy",
	                        page->policy[0] == '\0'
	                            ? "default-src 'none'; frame-ancestors 'none'"
	                            : page->policy);
	if (page->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		mhd->add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = mhd->queue_response(connection, page->status, response);
	mhd->destroy_response(response);
	return result;
}

static enum MHD_Result
write_and_send(struct http_thread *thread, struct MHD_Connection *connection, const char *path,
               const char *method, uint64_t nbody)
{
	struct page page = { 0 };

	page.file = open_memstream(&page.bytes, &page.nbytes);
	if (page.file == NULL)
		return MHD_NO;
	write_answer(thread, &page, connection, path, method, nbody);
	if (fclose(page.file) != 0 || page.has_failed) {
		log_warning("listen %s: a request is not answered: out of memory",
		            thread->name);
		free(page.bytes);
		return MHD_NO;
	}
	return send_page(connection, &page);
}

static struct guest *
guest_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    mhd->get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

/* What the head of the request says of the length of its body. */
static uint64_t
body_length(struct MHD_Connection *connection)
{
	const char *length = mhd->lookup_connection_value(connection, MHD_HEADER_KIND,
	                                                  MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length == NULL ? 0 : strtoull(length, NULL, 10);
}

/*
 * Called with the head of a request, with each part of its body, and at its end, where it is
 * answered. MHD_NO, out of memory, closes the connection.
 */
static enum MHD_Result
answer(void *context, struct MHD_Connection *connection, const char *path, const char *method,
       const char *version, const char *body, size_t *nbody, void **of_request)
{
	struct guest *guest = *of_request;

	(void)version;
	(void)body;
	if (guest == NULL) {
		guest = *of_request = guest_of(connection);
		if (guest == NULL)
			return MHD_NO;
		guest->is_asking = true;
		guest->nbody = body_length(connection);
		if (guest->nbody <= MAX_BODY) {
			guest->nbody = 0;
			return MHD_YES;
		}
	} else if (*nbody > 0) {
		guest->nbody += *nbody;
		*nbody = 0;
		return MHD_YES;
	}
	return write_and_send(context, connection, path, method, guest->nbody);
}

/* ---- Guests ----------------------------------------------------------------------- */

/* Another address of the same listener may count there, too. */
static void
count(struct http_thread *thread, enum tally_counter which)
{
	atomic_fetch_add_explicit(&thread->tally->counters[which], 1, memory_order_relaxed);
}

static void
welcome(struct http_thread *thread, struct MHD_Connection *connection, void **place)
{
	const union MHD_ConnectionInfo *info =
	    mhd->get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct guest *guest = thread->guests;

	while (guest->fd != -1)
		guest++; /* there are as many places as there may be connections */
	*guest = (struct guest){ .fd = info->connect_fd, .since_ms = monotonic_now_ms() };
	thread->nguests++;
	thread->ncame++;
	*place = guest;
	count(thread, TALLY_ACCEPTED);
}

static void
tell_connection(void *context, struct MHD_Connection *connection, void **place,
                enum MHD_ConnectionNotificationCode code)
{
	struct http_thread *thread = context;
	struct guest *guest = *place;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		welcome(thread, connection, place);
	} else if (guest != NULL) {
		guest->fd = -1;
		thread->nguests--;
		count(thread, TALLY_CLOSED);
	}
}

static void
tell_completed(void *context, struct MHD_Connection *connection, void **of_request,
               enum MHD_RequestTerminationCode code)
{
	struct guest *guest = guest_of(connection);

	(void)context;
	(void)of_request;
	(void)code;
	if (guest == NULL)
		return;
	guest->since_ms = monotonic_now_ms();
	guest->is_asking = false;
}

/* NULL: none is idle. */
static struct guest *
find_idle(struct http_thread *thread)
{
	struct guest *oldest = NULL;

	for (struct guest *guest = thread->guests; guest < thread->guests + HTTP_MAX_CLIENTS;
	     guest++)
		if (guest->fd != -1 && !guest->is_asking && !guest->is_ended &&
		    (oldest == NULL || guest->since_ms < oldest->since_ms))
			oldest = guest;
	return oldest;
}

/* Those who wait for nothing do not keep out who does. */
static void
make_room(struct http_thread *thread)
{
	unsigned nstaying = 0;
	struct guest *guest;

	for (unsigned i = 0; i < HTTP_MAX_CLIENTS; i++)
		nstaying += thread->guests[i].fd != -1 && !thread->guests[i].is_ended;
	for (; nstaying > HTTP_MAX_CLIENTS - FREE_PLACES; nstaying--) {
		guest = find_idle(thread);
		if (guest == NULL)
			return;
		log_warning("listen %s: more than %d connections: the one that has been idle for "
		            "longest is ended: see who opens so many",
		            thread->name, HTTP_MAX_CLIENTS - FREE_PLACES);
		guest->is_ended = true;
		shutdown(guest->fd, SHUT_RDWR);
	}
}

/* However its bytes trickle. What is shut down becomes an event, and is closed by that. */
static void
end_slow_guests(struct http_thread *thread, int64_t now_ms)
{
	for (unsigned i = 0; i < HTTP_MAX_CLIENTS; i++) {
		struct guest *guest = &thread->guests[i];

		if (guest->fd != -1 && now_ms - guest->since_ms >= REQUEST_MS)
			shutdown(guest->fd, SHUT_RDWR);
	}
}

/* ---- Turns ------------------------------------------------------------------------ */

/*
 * Whether a caller was waited for in vain, and twice, for one may have come just now: there is
 * no descriptor for it, and it would be tried again, and again.
 */
static bool
must_pause(struct http_thread *thread, uint64_t ncame)
{
	struct pollfd caller = { .fd = thread->listen_fd, .events = POLLIN };

	if (thread->ncame == ncame && thread->nguests < HTTP_MAX_CLIENTS &&
	    poll(&caller, 1, 0) == 1)
		thread->nfutile++;
	else
		thread->nfutile = 0;
	return thread->nfutile >= 2;
}

static int
wait_ms(struct http_thread *thread)
{
	int64_t left_ms = thread->tick_ms - monotonic_now_ms();
	MHD_UNSIGNED_LONG_LONG of_daemon_ms;

	if (left_ms < 0)
		left_ms = 0;
	if (mhd->get_timeout(thread->daemon, &of_daemon_ms) == MHD_YES &&
	    of_daemon_ms < (MHD_UNSIGNED_LONG_LONG)left_ms)
		left_ms = (int64_t)of_daemon_ms;
	return (int)left_ms;
}

/* False: it is time to stop. */
static bool
is_to_go_on(struct http_thread *thread, int timeout_ms)
{
	struct pollfd pfd = { .fd = thread->stop_fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) != 1;
}

/* Heartbeats are to be looked at again and again, whoever asks. */
static void
tick(struct http_thread *thread)
{
	int64_t now_ms = monotonic_now_ms();
	char name[HEARTBEAT_MAX_NAME];

	if (now_ms < thread->tick_ms)
		return;
	thread->tick_ms = now_ms + TICK_MS;
	heartbeats_find_stuck(now_ms, name);
	end_slow_guests(thread, now_ms);
}

static void *
run(void *argument)
{
	struct http_thread *thread = argument;
	struct pollfd pfds[] = {
		{ .fd = thread->epoll_fd, .events = POLLIN },
		{ .fd = thread->stop_fd, .events = POLLIN },
	};
	int pause_ms = 0;

	pthread_setname_np(pthread_self(), "http thread");
	while (is_to_go_on(thread, pause_ms)) {
		uint64_t ncame = thread->ncame;

		poll(pfds, 2, wait_ms(thread));
		mhd->run(thread->daemon);
		tick(thread);
		if (thread->nguests > HTTP_MAX_CLIENTS - FREE_PLACES)
			make_room(thread);
		pause_ms = must_pause(thread, ncame) ? PAUSE_MS : 0;
	}
	return NULL;
}

/* ---- Start and stop --------------------------------------------------------------- */

static void log_of_daemon(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void
log_of_daemon(void *context, const char *format, va_list arguments)
{
	const struct http_thread *thread = context;
	char text[256], escaped[256];

	vsnprintf(text, sizeof text, format, arguments);
	text[strcspn(text, "\r\n")] = '\0';
	log_warning("listen %s: http: %s", thread->name,
	            log_escape(escaped, sizeof escaped, text, strlen(text)));
}

/* -1: it says why itself. */
static int
open_daemon(struct http_thread *thread)
{
	const union MHD_DaemonInfo *info;

	thread->daemon = mhd->start_daemon(
	    MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, answer, thread,
	    MHD_OPTION_EXTERNAL_LOGGER, log_of_daemon, thread, MHD_OPTION_LISTEN_SOCKET,
	    thread->listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_MAX_CLIENTS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)QUIET_SECONDS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
	    MHD_OPTION_NOTIFY_CONNECTION, tell_connection, thread, MHD_OPTION_NOTIFY_COMPLETED,
	    tell_completed, thread, MHD_OPTION_END);
	if (thread->daemon == NULL)
		return -1;
	info = mhd->get_daemon_info(thread->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		return -1;
	thread->epoll_fd = info->epoll_fd;
	return 0;
}

/* The listening socket is not the daemon's to close. */
static void
http_thread_free(struct http_thread *thread)
{
	if (thread->daemon != NULL) {
		mhd->quiesce_daemon(thread->daemon);
		mhd->stop_daemon(thread->daemon);
	}
	if (thread->stop_fd != -1)
		close(thread->stop_fd);
	free(thread->name);
	free(thread);
}

/* No browser can be led to a Unix socket; a server that stands before it may be. */
static bool
has_any_name(const struct listener *listener)
{
	return listener->conf->open || listener->address.u.any.sa_family == AF_UNIX;
}

/* 0, or the error. */
static int
http_thread_init(struct http_thread *thread, const struct listener *listener,
                 struct router *router)
{
	thread->stop_fd = -1;
	thread->listen_fd = listener->fd;
	thread->has_any_name = has_any_name(listener);
	thread->router = router;
	for (unsigned i = 0; i < HTTP_MAX_CLIENTS; i++)
		thread->guests[i].fd = -1;
	gethostname(thread->hostname, sizeof thread->hostname - 1);
	thread->name = strdup(listener->conf->name);
	thread->tally = tallies_get(router->tallies, listener->conf->name, router->nhandlers);
	if (thread->name == NULL || thread->tally == NULL)
		return ENOMEM;
	thread->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	errno = 0;
	if (thread->stop_fd == -1 || open_daemon(thread) == -1)
		return errno == 0 ? EIO : errno;
	return pthread_create(&thread->thread, NULL, run, thread);
}

bool
http_thread_is_possible(const struct conf_listener *conf)
{
	const char *why;

	if (mhd == NULL)
		mhd = mhd_load(&why);
	if (mhd == NULL)
		log_error("listen %s: libmicrohttpd cannot be loaded: %s: install it (on Debian, "
		          "libmicrohttpd12), or remove the listener",
		          conf->name, why);
	return mhd != NULL;
}

struct http_thread *
http_thread_start(const struct listener *listener, struct router *router)
{
	struct http_thread *thread;
	int error;

	if (!http_thread_is_possible(listener->conf))
		return NULL;
	thread = calloc(1, sizeof *thread);
	error = thread == NULL ? ENOMEM : http_thread_init(thread, listener, router);

	if (error == 0) {
		atomic_fetch_add_explicit(&router->nwatchers, 1, memory_order_relaxed);
		return thread;
	}
	log_error("listen %s: libmicrohttpd cannot be started: %s", listener->conf->name,
	          strerror(error));
	if (thread != NULL)
		http_thread_free(thread);
	return NULL;
}

void
http_thread_stop(struct http_thread *thread)
{
	if (thread == NULL)
		return;
	eventfd_write(thread->stop_fd, 1);
	pthread_join(thread->thread, NULL);
	atomic_fetch_sub_explicit(&thread->router->nwatchers, 1, memory_order_relaxed);
	http_thread_free(thread);
}
