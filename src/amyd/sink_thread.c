/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "monotonic.h"
#include "sink_thread.h"
#include "system_log.h"
#include "utf8.h"

#define RETRY_MS 1000
#define MAX_SYSLOG 8192 /* bytes of one line; a longer one is cut */

/*
 * It borrows nothing, so that it can be left behind.
 */
struct sink_thread {
	/* constant after start */
	struct sink *sink;
	pthread_t thread;
	const char *label; /* for the log: which rule, which target */
	const char *path;  /* NULL: syslog */
	int syslog_priority;

	atomic_bool wants_reopen;
	atomic_bool is_left_behind;
	SLIST_ENTRY(sink_thread) left_behind;

	/* guarded by lock; a change of any is signalled */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool has_news;
	bool is_stopping;
	bool has_ended;

	/* the thread's own */
	struct system_log logger;
	int fd; /* -1: it is not open */
	dev_t device;
	ino_t inode;
	bool is_torn; /* the last line of that file lacks its end, and will not get it */
	struct sink_batch batch;
	bool is_up; /* as the sink says */
	int error; /* what it failed of the last time; 0: it did not */
	int64_t retry_at_ms;
	uint64_t nlost; /* lines since it began to fail */

	char text[]; /* label and path */
};

SLIST_HEAD(sink_thread_list, sink_thread);

/* Those that hang; for ever reachable. */
static struct sink_thread_list all_left_behind = SLIST_HEAD_INITIALIZER(all_left_behind);
static pthread_mutex_t all_left_behind_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- A file ----------------------------------------------------------------------- */

static const char *
remedy(const struct sink_thread *thread, int error)
{
	if (thread->path == NULL)
		return "start the system's logger, which listens at " _PATH_LOG
		       ", or name another target";
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return "make room there";
	case EFBIG:
		return "rename it, and send amyd SIGUSR1";
	case EACCES:
	case EPERM:
	case EROFS:
		return "let the user that amyd runs as write there, or name another file";
	case ENOENT:
	case ENOTDIR:
		return "make its folder";
	case EISDIR:
		return "that is a folder: name a file in it";
	case EPIPE:
		return "start its reader";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files (ulimit -n, LimitNOFILE=)";
	}
	return "see to it, or name another target";
}

static void
set_up(struct sink_thread *thread, bool is_up, const char *error)
{
	thread->is_up = is_up;
	sink_set_state(thread->sink, is_up, error);
}

static void
complain(struct sink_thread *thread, int error)
{
	set_up(thread, false, strerror(error));
	if (error != thread->error)
		log_error("%s: %s: its lines are dropped: %s", thread->label, strerror(error),
		          remedy(thread, error));
	thread->error = error;
	thread->retry_at_ms = monotonic_now_ms() + RETRY_MS;
}

static void
note_success(struct sink_thread *thread)
{
	if (!thread->is_up)
		set_up(thread, true, NULL);
	if (thread->error == 0)
		return;
	log_info("%s: is written again; %" PRIu64 " lines were dropped", thread->label,
	         thread->nlost);
	thread->error = 0;
	thread->nlost = 0;
}

/* The rest of a line of which a part is written will not follow. */
static void
give_up_torn_line(struct sink_thread *thread)
{
	if (thread->batch.gone == 0)
		return;
	sink_batch_lose_first(&thread->batch, thread->sink);
	thread->nlost++;
	thread->is_torn = true;
}

static void
close_file(struct sink_thread *thread)
{
	give_up_torn_line(thread);
	if (thread->fd == -1)
		return;
	close(thread->fd);
	thread->fd = -1;
	set_up(thread, false, NULL);
}

/* A torn line is of importance only if what follows goes to the same file. */
static void
note_identity(struct sink_thread *thread)
{
	struct stat st;

	if (fstat(thread->fd, &st) == -1)
		return;
	if (st.st_dev != thread->device || st.st_ino != thread->inode ||
	    (S_ISREG(st.st_mode) && st.st_size == 0))
		thread->is_torn = false;
	thread->device = st.st_dev;
	thread->inode = st.st_ino;
}

/* False, errno: it cannot be opened. Without O_NONBLOCK it may wait, for a FIFO's reader. */
static bool
open_file(struct sink_thread *thread, int flags)
{
	do
		thread->fd =
		    open(thread->path,
		         O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | flags, 0640);
	while (thread->fd == -1 && errno == EINTR);
	if (thread->fd == -1)
		return false;
	if (flags != 0)
		fcntl(thread->fd, F_SETFL, O_APPEND);
	note_identity(thread);
	set_up(thread, true, NULL);
	return true;
}

/* Before there is a line: what is wrong is said early. A FIFO's reader may come later. */
static void
open_early(struct sink_thread *thread)
{
	if (!open_file(thread, O_NONBLOCK) && errno != ENXIO)
		complain(thread, errno);
}

static void
reopen_if_wanted(struct sink_thread *thread)
{
	if (!atomic_exchange(&thread->wants_reopen, false) || thread->path == NULL)
		return;
	close_file(thread);
	thread->retry_at_ms = INT64_MIN;
	open_early(thread);
}

/* False, errno: it failed. */
static bool
end_torn_line(struct sink_thread *thread)
{
	ssize_t n;

	if (!thread->is_torn)
		return true;
	do
		n = write(thread->fd, "\n", 1);
	while (n == -1 && errno == EINTR);
	thread->is_torn = n != 1;
	return n == 1;
}

/* One write(2). False, errno: it failed. */
static bool
write_some(struct sink_thread *thread)
{
	struct iovec pieces[SINK_BATCH_PIECES];
	int npieces = sink_batch_pieces(&thread->batch, pieces);
	ssize_t n;

	if (!end_torn_line(thread))
		return false;
	do
		n = writev(thread->fd, pieces, npieces);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return false;
	sink_batch_wrote(&thread->batch, thread->sink, (size_t)n);
	return true;
}

/* After these, writing can go on where it was. */
static bool
is_passing(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG || error == EPIPE;
}

/*
 * Of what waits all is lost; but a line that is written in part is to get its end. False: the file
 * is to be opened anew, and a line that may have been put after that was asked for is not lost.
 */
static bool
lose_all(struct sink_thread *thread)
{
	struct publication *publication;
	bool wants_reopen = false;
	uint64_t n = 0;

	thread->nlost += thread->batch.n - (thread->batch.gone > 0 ? 1 : 0);
	sink_batch_lose_rest(&thread->batch, thread->sink);
	while ((publication = sink_take(thread->sink)) != NULL) {
		wants_reopen = atomic_load(&thread->wants_reopen);
		if (wants_reopen) {
			sink_batch_add(&thread->batch, publication);
			break;
		}
		publication_unref(publication);
		n++;
	}
	thread->nlost += n;
	sink_lost(thread->sink, n);
	return !wants_reopen;
}

/* False: it failed, or is not to be tried so soon again. */
static bool
write_batch(struct sink_thread *thread)
{
	if (thread->error != 0 && monotonic_now_ms() < thread->retry_at_ms)
		return false;
	while (thread->batch.n > 0) {
		if ((thread->fd != -1 || open_file(thread, 0)) && write_some(thread))
			continue;
		complain(thread, errno);
		if (!is_passing(thread->error))
			close_file(thread);
		return false;
	}
	note_success(thread);
	return true;
}

static void
write_to_file(struct sink_thread *thread)
{
	bool has_lines = true;

	while (has_lines && !atomic_load(&thread->is_left_behind)) {
		has_lines = sink_batch_fill(&thread->batch, thread->sink);
		/* Now, so that what was put after it was asked for goes to the new file. */
		reopen_if_wanted(thread);
		if (has_lines && !write_batch(thread))
			has_lines = !lose_all(thread);
	}
}

/* ---- syslog ----------------------------------------------------------------------- */

static void
write_line_to_syslog(struct sink_thread *thread, const struct publication *publication)
{
	char text[MAX_SYSLOG];

	utf8_escape(text, sizeof text, publication->text.bytes, publication->text.nbytes);
	if (system_log_write(&thread->logger, thread->syslog_priority, text)) {
		sink_wrote(thread->sink, 1);
		note_success(thread);
		return;
	}
	complain(thread, errno);
	thread->nlost++;
	sink_lost(thread->sink, 1);
}

static void
write_to_syslog(struct sink_thread *thread)
{
	struct publication *publication;

	while (!atomic_load(&thread->is_left_behind) &&
	       (publication = sink_take(thread->sink)) != NULL) {
		write_line_to_syslog(thread, publication);
		publication_unref(publication);
	}
}

/* ---- The thread ------------------------------------------------------------------- */

/* False: it is to end, when all that waits is written. */
static bool
wait_for_news(struct sink_thread *thread)
{
	bool goes_on;

	pthread_mutex_lock(&thread->lock);
	while (!thread->has_news && !thread->is_stopping)
		pthread_cond_wait(&thread->changed, &thread->lock);
	thread->has_news = false;
	goes_on = !thread->is_stopping;
	pthread_mutex_unlock(&thread->lock);
	return goes_on;
}

static void
write_what_waits(struct sink_thread *thread)
{
	if (thread->path == NULL)
		write_to_syslog(thread);
	else
		write_to_file(thread);
}

static void
end(struct sink_thread *thread)
{
	close_file(thread);
	system_log_close(&thread->logger);
	pthread_mutex_lock(&thread->lock);
	thread->has_ended = true;
	pthread_cond_broadcast(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
}

static void *
run(void *argument)
{
	struct sink_thread *thread = argument;
	bool goes_on = true;

	if (thread->path != NULL)
		open_early(thread);
	while (goes_on) {
		goes_on = wait_for_news(thread);
		write_what_waits(thread);
	}
	end(thread);
	return NULL;
}

static void
wake(struct sink_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	thread->has_news = true;
	pthread_cond_broadcast(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
}

static void
wake_for_line(struct sink *sink)
{
	wake(sink_context(sink));
}

/* ---- Start and stop --------------------------------------------------------------- */

static struct sink_thread *
allocate(const struct conf_rule *rule, const struct conf_target *target)
{
	size_t nlabel = strlen("rule : ") + strlen(rule->name) + strlen(target->text) + 1;
	size_t npath = strlen(target->name) + 1;
	struct sink_thread *thread = calloc(1, sizeof *thread + nlabel + npath);

	if (thread == NULL)
		return NULL;
	snprintf(thread->text, nlabel, "rule %s: %s", rule->name, target->text);
	memcpy(thread->text + nlabel, target->name, npath);
	thread->label = thread->text;
	if (target->kind == CONF_TARGET_FILE)
		thread->path = thread->text + nlabel;
	thread->syslog_priority = target->syslog_priority;
	thread->logger = (struct system_log)SYSTEM_LOG_INIT;
	thread->fd = -1;
	return thread;
}

/* Times are those of the monotonic clock. */
static void
init_lock(struct sink_thread *thread)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&thread->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&thread->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void
thread_destroy(struct sink_thread *thread)
{
	sink_batch_fini(&thread->batch);
	sink_destroy(thread->sink);
	pthread_cond_destroy(&thread->changed);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
}

struct sink_thread *
sink_thread_start(const struct conf_rule *rule, const struct conf_target *target)
{
	struct sink_thread *thread = allocate(rule, target);
	int error;

	if (thread == NULL)
		return NULL;
	init_lock(thread);
	thread->sink = sink_create(rule, target, wake_for_line, thread);
	error = errno;
	if (thread->sink != NULL)
		error = pthread_create(&thread->thread, NULL, run, thread);
	if (error == 0)
		return thread;
	thread_destroy(thread);
	errno = error;
	return NULL;
}

struct sink *
sink_thread_sink(const struct sink_thread *thread)
{
	return thread->sink;
}

void
sink_thread_reopen(struct sink_thread *thread)
{
	atomic_store(&thread->wants_reopen, true);
	wake(thread);
}

static struct timespec
deadline_after(int timeout_ms)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += timeout_ms / 1000;
	deadline.tv_nsec += timeout_ms % 1000 * 1000000L;
	if (deadline.tv_nsec >= 1000000000L) {
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000L;
	}
	return deadline;
}

static bool
ends_in_time(struct sink_thread *thread, int timeout_ms)
{
	struct timespec deadline = deadline_after(timeout_ms);
	bool has_ended;

	pthread_mutex_lock(&thread->lock);
	thread->is_stopping = true;
	pthread_cond_broadcast(&thread->changed);
	while (!thread->has_ended &&
	       pthread_cond_timedwait(&thread->changed, &thread->lock, &deadline) == 0)
		continue;
	has_ended = thread->has_ended;
	pthread_mutex_unlock(&thread->lock);
	return has_ended;
}

static void
leave_behind(struct sink_thread *thread)
{
	struct sink_usage usage;

	sink_usage(thread->sink, &usage);
	log_error("%s: it hangs: %" PRIu64 " lines are left behind: see to its reader",
	          thread->label, usage.nqueued);
	atomic_store(&thread->is_left_behind, true);
	pthread_mutex_lock(&all_left_behind_lock);
	SLIST_INSERT_HEAD(&all_left_behind, thread, left_behind);
	pthread_mutex_unlock(&all_left_behind_lock);
	pthread_detach(thread->thread);
}

void
sink_thread_stop(struct sink_thread *thread, int timeout_ms)
{
	if (!ends_in_time(thread, timeout_ms)) {
		leave_behind(thread);
		return;
	}
	pthread_join(thread->thread, NULL);
	thread_destroy(thread);
}
