/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "core.h"
#include "word.h"

static inline uint32_t
segment_size(unsigned segment)
{
	return segment == 0 ? 1u << CORE_FIRST_SEGMENT_BITS : segment_first(segment);
}

struct slot *
core_find(struct core *core, amy_id id, uint64_t *word)
{
	struct slot *slot = core_slot(core, amy_id_index(id));

	if (slot != NULL && id >> (32 + CORE_INDEX_BITS) == 0) {
		*word = atomic_load_explicit(&slot->word, memory_order_acquire);
		if (word_generation(*word) == id_generation(id) &&
		    word_state(*word) != SLOT_FREE)
			return slot;
	}
	errno = EINVAL;
	return NULL;
}

struct core *
core_create(void)
{
	struct core *core = calloc(1, sizeof *core);

	if (core == NULL)
		return NULL;
	if (kernel_open(&core->kernel) == -1) {
		free(core);
		return NULL;
	}
	pthread_mutex_init(&core->lock, NULL);
	pthread_mutex_init(&core->soft_lock, NULL);
	agenda_init(&core->agenda);
	core->alarm_ns = INT64_MAX;
	atomic_init(&core->references, 1);
	return core;
}

struct core *
core_ref(struct core *core)
{
	atomic_fetch_add_explicit(&core->references, 1, memory_order_relaxed);
	return core;
}

void
core_unref(struct core *core)
{
	if (atomic_fetch_sub_explicit(&core->references, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < CORE_SEGMENTS; i++)
		free(atomic_load_explicit(&core->segments[i], memory_order_relaxed));
	agenda_fini(&core->agenda);
	kernel_close(&core->kernel);
	pthread_mutex_destroy(&core->soft_lock);
	pthread_mutex_destroy(&core->lock);
	free(core);
}

/* Memory for the places of a segment. core->lock is held. */
static int
segment_fill(struct core *core, unsigned segment)
{
	struct slot *slots;

	if (atomic_load_explicit(&core->segments[segment], memory_order_relaxed) != NULL)
		return 0;
	slots = calloc(segment_size(segment), sizeof *slots);
	if (slots == NULL)
		return -1;
	atomic_store_explicit(&core->segments[segment], slots, memory_order_release);
	return 0;
}

int
core_reserve(struct core *core, uint32_t n)
{
	int rc = 0;

	pthread_mutex_lock(&core->lock);
	for (unsigned i = 0; i < CORE_SEGMENTS && segment_first(i) < n && rc == 0; i++)
		rc = segment_fill(core, i);
	pthread_mutex_unlock(&core->lock);
	return rc;
}

/* A place never used before. core->lock is held. */
static struct slot *
slot_append(struct core *core, uint32_t *index)
{
	if (core->nslots >= CORE_INDEX_MASK) {
		errno = EMFILE;
		return NULL;
	}
	if (segment_fill(core, segment_of(core->nslots)) == -1)
		return NULL;
	*index = core->nslots++;
	return core_slot(core, *index);
}

/* core->lock is held. */
static struct slot *
slot_take_free(struct core *core, uint32_t *index)
{
	struct slot *slot;

	if (core->free_head == 0)
		return slot_append(core, index);
	*index = core->free_head - 1;
	slot = core_slot(core, *index);
	core->free_head = slot->next_free;
	return slot;
}

struct slot *
core_add(struct core *core, int fd, uint64_t flags, void *data, amy_id *id)
{
	struct slot *slot;
	uint32_t generation, index = 0;
	uint64_t word;

	pthread_mutex_lock(&core->lock);
	slot = slot_take_free(core, &index);
	pthread_mutex_unlock(&core->lock);
	if (slot == NULL)
		return NULL;
	word = atomic_load_explicit(&slot->word, memory_order_relaxed);
	generation = word_generation(word) + 1;
	slot->fd = fd;
	slot->data = data;
	*id = make_id(generation, index);
	atomic_store_explicit(&slot->word,
	                      (uint64_t)generation << GENERATION_SHIFT | (word & ROUND_MASK) |
	                          flags | SLOT_OWNED,
	                      memory_order_release);
	return slot;
}

/*
 * A place whose generations are used up is not used again: 24 bytes in four thousand
 * million registrations are a small price for ids that never come back.
 */
void
core_release(struct core *core, struct slot *slot, amy_id id)
{
	if (id_generation(id) == UINT32_MAX)
		return;
	pthread_mutex_lock(&core->lock);
	slot->next_free = core->free_head;
	core->free_head = amy_id_index(id) + 1;
	pthread_mutex_unlock(&core->lock);
}
