/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "core.h"

#define STATE_MASK 3u
#define KNOWN 4u /* the kernel has the descriptor: arm it by a change, not anew */
#define ROUND_SHIFT 3
#define ROUND_MASK 0xfffffff8ull
#define GENERATION_SHIFT 32
#define INDEX_MASK ((1u << CORE_INDEX_BITS) - 1)

/*
 * Of round and generation a cookie has room for the lower bits. The round goes on from one
 * generation to the next, so that both together are long in coming around.
 */
#define COOKIE_ROUND_BITS 24
#define COOKIE_GENERATION_BITS 16
_Static_assert(CORE_INDEX_BITS + COOKIE_ROUND_BITS + COOKIE_GENERATION_BITS == 64,
               "a cookie has 64 bits");

static inline enum slot_state
word_state(uint64_t word)
{
	return (enum slot_state)(word & STATE_MASK);
}

static inline uint64_t
word_with_state(uint64_t word, enum slot_state state)
{
	return (word & ~(uint64_t)STATE_MASK) | state;
}

static inline uint32_t
word_generation(uint64_t word)
{
	return (uint32_t)(word >> GENERATION_SHIFT);
}

/* The word of the next arming: no two of them are alike. */
static inline uint64_t
word_next_arming(uint64_t word)
{
	uint64_t round = (word + (1u << ROUND_SHIFT)) & ROUND_MASK;

	return (word & ~(ROUND_MASK | STATE_MASK)) | round | KNOWN | SLOT_ARMING;
}

static inline amy_id
make_id(uint32_t generation, uint32_t index)
{
	return (uint64_t)generation << CORE_INDEX_BITS | index;
}

static inline uint32_t
id_generation(amy_id id)
{
	return (uint32_t)(id >> CORE_INDEX_BITS);
}

static inline uint64_t
make_cookie(uint64_t word, uint32_t index)
{
	uint64_t generation = word_generation(word) & ((1u << COOKIE_GENERATION_BITS) - 1);
	uint64_t round = (word >> ROUND_SHIFT) & ((1u << COOKIE_ROUND_BITS) - 1);

	return (generation << COOKIE_ROUND_BITS | round) << CORE_INDEX_BITS | index;
}

static inline bool
cookie_is_of(uint64_t cookie, uint64_t word, uint32_t index)
{
	return cookie == make_cookie(word, index);
}

static inline bool
swap(struct slot *slot, uint64_t *expected, uint64_t desired)
{
	return atomic_compare_exchange_strong_explicit(&slot->word, expected, desired,
	                                               memory_order_acq_rel,
	                                               memory_order_acquire);
}

/*
 * Segment k holds the places from 64 << (k - 1) (k = 0: from 0) up to 64 << k. They never
 * move, so that a place is found without a lock while the table grows.
 */
static inline unsigned
segment_of(uint32_t index)
{
	uint32_t n = index >> CORE_FIRST_SEGMENT_BITS;

	return n == 0 ? 0 : 32u - (unsigned)__builtin_clz(n);
}

static inline uint32_t
segment_first(unsigned segment)
{
	return segment == 0 ? 0 : 1u << (CORE_FIRST_SEGMENT_BITS + segment - 1);
}

static inline uint32_t
segment_size(unsigned segment)
{
	return segment == 0 ? 1u << CORE_FIRST_SEGMENT_BITS : segment_first(segment);
}

/* NULL: no registration ever had this place. */
static struct slot *
core_slot(struct core *core, uint32_t index)
{
	unsigned segment = segment_of(index);
	struct slot *slots =
	    atomic_load_explicit(&core->segments[segment], memory_order_acquire);

	return slots == NULL ? NULL : &slots[index - segment_first(segment)];
}

/* The slot of a registration that has not ended, its word in *word; or NULL, EINVAL. */
static struct slot *
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
	kernel_close(&core->kernel);
	pthread_mutex_destroy(&core->lock);
	free(core);
}

/* A place never used before. core->lock is held. */
static struct slot *
slot_append(struct core *core, uint32_t *index)
{
	unsigned segment = segment_of(core->nslots);
	struct slot *slots;

	if (core->nslots >= INDEX_MASK) {
		errno = EMFILE;
		return NULL;
	}
	if (core->nslots == segment_first(segment)) {
		slots = calloc(segment_size(segment), sizeof *slots);
		if (slots == NULL)
			return NULL;
		atomic_store_explicit(&core->segments[segment], slots,
		                      memory_order_release);
	}
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

int
core_register(struct core *core, int fd, void *data, amy_id *id)
{
	struct slot *slot;
	uint32_t generation, index = 0;
	uint64_t word;

	pthread_mutex_lock(&core->lock);
	slot = slot_take_free(core, &index);
	pthread_mutex_unlock(&core->lock);
	if (slot == NULL)
		return -1;
	word = atomic_load_explicit(&slot->word, memory_order_relaxed);
	generation = word_generation(word) + 1;
	slot->fd = fd;
	slot->data = data;
	*id = make_id(generation, index);
	atomic_store_explicit(&slot->word,
	                      (uint64_t)generation << GENERATION_SHIFT |
	                          (word & ROUND_MASK) | SLOT_OWNED,
	                      memory_order_release);
	return 0;
}

int
core_arm(struct core *core, amy_id id, unsigned interest)
{
	uint64_t word, arming;
	struct slot *slot = core_find(core, id, &word);
	uint32_t index = amy_id_index(id);
	int fd;

	if (slot == NULL)
		return -1;
	if (word_state(word) != SLOT_OWNED) {
		errno = EBUSY;
		return -1;
	}
	fd = slot->fd; /* now: once ARMING, the slot may become somebody else's */
	arming = word_next_arming(word);
	if (!swap(slot, &word, arming)) {
		errno = EBUSY;
		return -1;
	}
	if (kernel_arm(&core->kernel, fd, interest, make_cookie(arming, index),
	               !(word & KNOWN)) == -1) {
		atomic_store_explicit(&slot->word, word, memory_order_release);
		return -1;
	}
	/*
	 * Where this fails the event came first: the registration is somebody else's, who
	 * may be arming it again; that would be another round.
	 */
	swap(slot, &(uint64_t){ arming }, word_with_state(arming, SLOT_ARMED));
	return 0;
}

int
core_take(struct core *core, amy_id id)
{
	uint64_t word;
	struct slot *slot = core_find(core, id, &word);

	if (slot == NULL)
		return -1;
	if (word_state(word) != SLOT_ARMED ||
	    !swap(slot, &word, word_with_state(word, SLOT_OWNED))) {
		errno = EBUSY;
		return -1;
	}
	return 0;
}

/*
 * A place whose generations are used up is not used again: 24 bytes in four thousand
 * million registrations are a small price for ids that never come back.
 */
static void
slot_release(struct core *core, struct slot *slot, uint32_t index, uint32_t generation)
{
	if (generation == UINT32_MAX)
		return;
	pthread_mutex_lock(&core->lock);
	slot->next_free = core->free_head;
	core->free_head = index + 1;
	pthread_mutex_unlock(&core->lock);
}

int
core_deregister(struct core *core, amy_id id)
{
	uint64_t word;
	struct slot *slot = core_find(core, id, &word);
	uint32_t generation = id_generation(id);

	if (slot == NULL)
		return -1;
	if (word_state(word) != SLOT_OWNED ||
	    !swap(slot, &word, word_with_state(word & ~(uint64_t)KNOWN, SLOT_FREE))) {
		errno = EBUSY;
		return -1;
	}
	if (word & KNOWN)
		kernel_forget(&core->kernel, slot->fd);
	slot_release(core, slot, amy_id_index(id), generation);
	return 0;
}

bool
core_fire(struct core *core, const struct kernel_event *event,
          struct amy_notification *notification)
{
	uint32_t index = (uint32_t)(event->cookie & INDEX_MASK);
	struct slot *slot = core_slot(core, index);
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);

	/* Once again at most: ARMING may become ARMED in between. */
	do {
		if (!cookie_is_of(event->cookie, word, index) ||
		    (word_state(word) != SLOT_ARMED && word_state(word) != SLOT_ARMING))
			return false;
	} while (!swap(slot, &word, word_with_state(word, SLOT_OWNED)));
	notification->id = make_id(word_generation(word), index);
	notification->data = slot->data;
	notification->events = event->events;
	return true;
}
