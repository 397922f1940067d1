/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>

#include "hash.h"
#include "requests.h"

struct requests {
	struct hash_key key; /* constant after create */

	pthread_mutex_t lock; /* guards the rest */
	uint64_t last;        /* what the last number was made of */
	struct table open;    /* by number, which is a hash already */
};

struct requests *
requests_create(void)
{
	struct requests *requests = calloc(1, sizeof *requests);

	if (requests == NULL)
		return NULL;
	if (hash_key_init(&requests->key) == -1)
		goto free_requests;
	if (table_init(&requests->open) == -1)
		goto free_requests;
	pthread_mutex_init(&requests->lock, NULL);
	return requests;

free_requests:
	free(requests);
	return NULL;
}

void
requests_destroy(struct requests *requests)
{
	if (requests == NULL)
		return;
	pthread_mutex_destroy(&requests->lock);
	table_fini(&requests->open);
	free(requests);
}

/* NULL: none of that number is open. */
static struct request *
find(const struct requests *requests, uint64_t number)
{
	return (struct request *)table_first(&requests->open, number);
}

/* Who has seen some of them cannot tell the next: whoever guesses one could answer it. */
static uint64_t
make_number(struct requests *requests)
{
	uint64_t number;

	do {
		requests->last++;
		number = hash_bytes(&requests->key, &requests->last, sizeof requests->last);
	} while (number == 0 || find(requests, number) != NULL);
	return number;
}

void
requests_open(struct requests *requests, struct request *request)
{
	pthread_mutex_lock(&requests->lock);
	request->number = make_number(requests);
	request->item.hash = request->number;
	request->is_open = true;
	table_insert(&requests->open, &request->item);
	pthread_mutex_unlock(&requests->lock);
}

void
requests_set_responder(struct requests *requests, uint64_t number, amy_id responder)
{
	struct request *request;

	pthread_mutex_lock(&requests->lock);
	request = find(requests, number);
	if (request != NULL)
		request->responder = responder;
	pthread_mutex_unlock(&requests->lock);
}

static void
take_out(struct requests *requests, struct request *request)
{
	table_erase(&requests->open, &request->item);
	request->is_open = false;
}

bool
requests_close(struct requests *requests, struct request *request)
{
	bool was_open;

	pthread_mutex_lock(&requests->lock);
	was_open = request->is_open;
	if (was_open)
		take_out(requests, request);
	pthread_mutex_unlock(&requests->lock);
	return was_open;
}

/* Once it is closed and the lock released, its owner may free it at any moment. */
bool
requests_answer(struct requests *requests, uint64_t number, amy_id from, unsigned *handler,
                amy_id *session)
{
	struct request *request;

	pthread_mutex_lock(&requests->lock);
	request = find(requests, number);
	if (request != NULL && request->responder != from)
		request = NULL;
	if (request != NULL) {
		*handler = request->handler;
		*session = request->session;
		take_out(requests, request);
	}
	pthread_mutex_unlock(&requests->lock);
	return request != NULL;
}
