/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "log.h"
#include "resolve_thread.h"

/* How long its end waits for the answer that is being looked for. */
#define GRACE_MS 200

/* How soon a full pipe is tried again. */
#define RETRY_MS 10

enum question_state {
	QUESTION_WAITING,
	QUESTION_ASKED,
	QUESTION_ANSWERED,
};

/* Guarded by the resolver's lock; number, pipe and text are constant. */
struct question {
	STAILQ_ENTRY(question) link;
	enum question_state state;
	bool is_told; /* ANSWERED: whoever asked knows */
	unsigned number;
	struct record_pipe *pipe;
	struct address addresses[RESOLVE_MAX_ADDRESSES];
	int naddresses; /* -1: why says why there are none */
	const char *why;
	char text[];
};

struct resolver {
	SLIST_ENTRY(resolver) left_behind;

	/* guarded by lock; a change of any is signalled */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	STAILQ_HEAD(, question) questions;
	pthread_t threads[RESOLVE_MAX_THREADS];
	unsigned nthreads; /* that were started */
	unsigned nbusy;    /* of them, that are asking */
	const char *asked[RESOLVE_MAX_THREADS]; /* what for, in any order */
	unsigned nended;
	bool is_stopping;
};

SLIST_HEAD(resolver_list, resolver);

/* Those that hang; for ever reachable. */
static struct resolver_list all_left_behind = SLIST_HEAD_INITIALIZER(all_left_behind);
static pthread_mutex_t all_left_behind_lock = PTHREAD_MUTEX_INITIALIZER;

/* The lock is held. False: the time has passed. */
static bool
wait_until(struct resolver *resolver, const struct timespec *deadline)
{
	return pthread_cond_timedwait(&resolver->changed, &resolver->lock, deadline) !=
	       ETIMEDOUT;
}

/* A moment of the monotonic clock; ms is less than a second. */
static struct timespec
deadline_after(long ms)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_nsec += ms * 1000000;
	deadline.tv_sec += deadline.tv_nsec / 1000000000;
	deadline.tv_nsec %= 1000000000;
	return deadline;
}

/* ---- The thread; the lock is held wherever nothing else is said ------------------- */

static bool
is_asked(const struct resolver *resolver, const char *text)
{
	for (unsigned i = 0; i < resolver->nbusy; i++)
		if (strcmp(resolver->asked[i], text) == 0)
			return true;
	return false;
}

/* The oldest one whose text is not being asked already. */
static struct question *
find_waiting(struct resolver *resolver)
{
	struct question *question;

	STAILQ_FOREACH(question, &resolver->questions, link)
		if (question->state == QUESTION_WAITING && !is_asked(resolver, question->text))
			return question;
	return NULL;
}

static struct question *
find_untold(struct resolver *resolver)
{
	struct question *question;

	STAILQ_FOREACH(question, &resolver->questions, link)
		if (question->state == QUESTION_ANSWERED && !question->is_told)
			return question;
	return NULL;
}

/* Handlers read their pipes, so a full one is not full for long. */
static void
tell(struct resolver *resolver, struct record_pipe *pipe, unsigned number)
{
	const struct record record = { .kind = RECORD_UPSTREAM, .u.number = number };
	struct timespec deadline;

	while (!resolver->is_stopping && record_pipe_write(pipe, &record, 1) == -1) {
		deadline = deadline_after(RETRY_MS);
		while (!resolver->is_stopping && wait_until(resolver, &deadline))
			continue;
	}
}

/* It is the answer to all that wait with the same text, too. */
static void
share_answer(struct resolver *resolver, const struct question *answered)
{
	struct question *question;

	STAILQ_FOREACH(question, &resolver->questions, link) {
		if (question->state != QUESTION_WAITING ||
		    strcmp(question->text, answered->text) != 0)
			continue;
		memcpy(question->addresses, answered->addresses, sizeof question->addresses);
		question->naddresses = answered->naddresses;
		question->why = answered->why;
		question->state = QUESTION_ANSWERED;
	}
}

/* Once it is told, a question may be taken, and be gone. */
static void
tell_all(struct resolver *resolver)
{
	struct question *question;

	while ((question = find_untold(resolver)) != NULL) {
		question->is_told = true;
		tell(resolver, question->pipe, question->number);
	}
}

static void
forget_asked(struct resolver *resolver, const char *text)
{
	unsigned i = 0;

	while (resolver->asked[i] != text)
		i++;
	resolver->asked[i] = resolver->asked[--resolver->nbusy];
}

/* The lock is not held while it asks: nobody touches a question that is being asked. */
static void
answer(struct resolver *resolver, struct question *question)
{
	question->state = QUESTION_ASKED;
	resolver->asked[resolver->nbusy++] = question->text;
	pthread_mutex_unlock(&resolver->lock);
	question->naddresses = address_resolve(question->text, question->addresses,
	                                       RESOLVE_MAX_ADDRESSES, &question->why);
	pthread_mutex_lock(&resolver->lock);
	question->state = QUESTION_ANSWERED;
	forget_asked(resolver, question->text);
	share_answer(resolver, question);
	tell_all(resolver);
}

static void *
run(void *argument)
{
	struct resolver *resolver = argument;
	struct question *question;

	pthread_mutex_lock(&resolver->lock);
	while (!resolver->is_stopping) {
		question = find_waiting(resolver);
		if (question != NULL)
			answer(resolver, question);
		else
			pthread_cond_wait(&resolver->changed, &resolver->lock);
	}
	resolver->nended++;
	pthread_cond_broadcast(&resolver->changed);
	pthread_mutex_unlock(&resolver->lock);
	return NULL;
}

/* ---- Questions; the lock is held -------------------------------------------------- */

static struct question *
find(struct resolver *resolver, unsigned number)
{
	struct question *question;

	STAILQ_FOREACH(question, &resolver->questions, link)
		if (question->number == number)
			return question;
	return NULL;
}

static void
forget(struct resolver *resolver, struct question *question)
{
	STAILQ_REMOVE(&resolver->questions, question, question, link);
	free(question);
}

static struct question *
question_create(const char *host_port, unsigned number, struct record_pipe *pipe)
{
	size_t ntext = strlen(host_port) + 1;
	struct question *question = calloc(1, sizeof *question + ntext);

	if (question == NULL)
		return NULL;
	question->number = number;
	question->pipe = pipe;
	memcpy(question->text, host_port, ntext);
	return question;
}

/* Is there a thread that will ask it, or ask the same? */
static bool
is_in_good_hands(struct resolver *resolver, const char *text)
{
	unsigned nidle = resolver->nthreads - resolver->nbusy, nwaiting = 0;
	struct question *question;

	if (resolver->nthreads == RESOLVE_MAX_THREADS || is_asked(resolver, text))
		return true;
	STAILQ_FOREACH(question, &resolver->questions, link) {
		if (question->state != QUESTION_WAITING)
			continue;
		if (strcmp(question->text, text) == 0)
			return true;
		nwaiting++;
	}
	return nidle > nwaiting;
}

/* One that cannot be started is missed only if there is none at all. */
static int
start_thread(struct resolver *resolver, const char *text)
{
	int error;

	if (is_in_good_hands(resolver, text))
		return 0;
	error = pthread_create(&resolver->threads[resolver->nthreads], NULL, run, resolver);
	if (error == 0)
		resolver->nthreads++;
	return resolver->nthreads > 0 ? 0 : error;
}

/* Takes the question, if 0 is returned. */
static int
add(struct resolver *resolver, struct question *question)
{
	struct question *older = find(resolver, question->number);
	int error;

	if (older != NULL && older->state != QUESTION_ANSWERED)
		return EBUSY;
	error = start_thread(resolver, question->text);
	if (error != 0)
		return error;
	if (older != NULL)
		forget(resolver, older); /* nobody came for it */
	STAILQ_INSERT_TAIL(&resolver->questions, question, link);
	pthread_cond_broadcast(&resolver->changed);
	return 0;
}

/* ---- For others ------------------------------------------------------------------- */

struct resolver *
resolver_create(void)
{
	struct resolver *resolver = calloc(1, sizeof *resolver);
	pthread_condattr_t attributes;

	if (resolver == NULL)
		return NULL;
	pthread_mutex_init(&resolver->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&resolver->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	STAILQ_INIT(&resolver->questions);
	return resolver;
}

/* True: all its threads have ended. */
static bool
ends_in_time(struct resolver *resolver)
{
	struct timespec deadline = deadline_after(GRACE_MS);
	bool has_ended;

	pthread_mutex_lock(&resolver->lock);
	resolver->is_stopping = true;
	pthread_cond_broadcast(&resolver->changed);
	while (resolver->nended < resolver->nthreads && wait_until(resolver, &deadline))
		continue;
	has_ended = resolver->nended == resolver->nthreads;
	pthread_mutex_unlock(&resolver->lock);
	return has_ended;
}

/* They stop as soon as they have their answers, and tell nobody. */
static void
leave_behind(struct resolver *resolver)
{
	log_debug("a name server has not answered yet: its answer is not waited for");
	pthread_mutex_lock(&all_left_behind_lock);
	SLIST_INSERT_HEAD(&all_left_behind, resolver, left_behind);
	pthread_mutex_unlock(&all_left_behind_lock);
	for (unsigned i = 0; i < resolver->nthreads; i++)
		pthread_detach(resolver->threads[i]);
}

void
resolver_destroy(struct resolver *resolver)
{
	if (resolver == NULL)
		return;
	if (!ends_in_time(resolver)) {
		leave_behind(resolver);
		return;
	}
	for (unsigned i = 0; i < resolver->nthreads; i++)
		pthread_join(resolver->threads[i], NULL);
	while (!STAILQ_EMPTY(&resolver->questions))
		forget(resolver, STAILQ_FIRST(&resolver->questions));
	pthread_cond_destroy(&resolver->changed);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
}

int
resolver_ask(struct resolver *resolver, const char *host_port, unsigned number,
             struct record_pipe *pipe)
{
	struct question *question = question_create(host_port, number, pipe);
	int error;

	if (question == NULL)
		return -1;
	pthread_mutex_lock(&resolver->lock);
	error = add(resolver, question);
	pthread_mutex_unlock(&resolver->lock);
	if (error == 0)
		return 0;
	free(question);
	errno = error;
	return -1;
}

int
resolver_take(struct resolver *resolver, unsigned number,
              struct address addresses[RESOLVE_MAX_ADDRESSES], const char **why)
{
	struct question *question;
	int n = 0;

	pthread_mutex_lock(&resolver->lock);
	question = find(resolver, number);
	if (question != NULL && question->state == QUESTION_ANSWERED) {
		n = question->naddresses;
		*why = question->why;
		memcpy(addresses, question->addresses, sizeof question->addresses);
		forget(resolver, question);
	}
	pthread_mutex_unlock(&resolver->lock);
	return n;
}
