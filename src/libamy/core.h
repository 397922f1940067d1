/* SPDX-License-Identifier: MIT */
/*
 * core.h - what a poller and its registrars share: the kernel and the table of
 * registrations.
 *
 * registration.h says what may be done with one.
 */
#ifndef CORE_H
#define CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "agenda.h"
#include "amy.h"
#include "kernel.h"

#define CORE_INDEX_BITS 24
#define CORE_INDEX_MASK ((1u << CORE_INDEX_BITS) - 1) /* itself no place: see KERNEL_ALARM */
#define CORE_FIRST_SEGMENT_BITS 6
#define CORE_SEGMENTS (CORE_INDEX_BITS - CORE_FIRST_SEGMENT_BITS + 1)

enum slot_state {
	SLOT_FREE,
	SLOT_OWNED,
	SLOT_ARMING,
	SLOT_ARMED,
};

/*
 * One registration, or a free place for one.
 *
 * Owner: while free, whoever holds core.lock; then as its word says.
 */
struct slot {
	_Atomic uint64_t word; /* generation 32, round 27, cancelled, soft and known 1 each, state 2 */
	void *data;            /* constant while registered */
	int fd;                /* the same; of a soft one, its number in the agenda */
	uint32_t next_free;    /* guarded by core.lock */
};

/*
 * Owner: its references together; freed with the last. Any thread.
 */
struct core {
	struct kernel kernel; /* constant after create */
	atomic_uint references;
	_Atomic(struct slot *) segments[CORE_SEGMENTS]; /* filled once, never moved */

	/* guarded by lock */
	pthread_mutex_t lock;
	uint32_t nslots;
	uint32_t free_head; /* index + 1; 0: none */

	/* guarded by soft_lock, which is taken before lock */
	pthread_mutex_t soft_lock;
	struct agenda agenda;
	int64_t alarm_ns; /* what the kernel's alarm is set to; INT64_MAX: to nothing */
	bool has_alarm;
};

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

/* NULL: no registration ever had this place. */
static inline struct slot *
core_slot(struct core *core, uint32_t index)
{
	unsigned segment = segment_of(index);
	struct slot *slots =
	    atomic_load_explicit(&core->segments[segment], memory_order_acquire);

	return slots == NULL ? NULL : &slots[index - segment_first(segment)];
}

/* One reference is the caller's. Errors: EMFILE, ENFILE, ENOMEM. */
struct core *core_create(void);
struct core *core_ref(struct core *core);
void core_unref(struct core *core);

/* Places for as many registrations. Errors: ENOMEM. */
int core_reserve(struct core *core, uint32_t n);

/*
 * core_add      a new one, OWNED, of a descriptor (flags 0) or SOFT. NULL: ENOMEM, EMFILE
 * core_find     one that has not ended, and its word; NULL: EINVAL
 * core_release  its place may be another's; its word says FREE
 */
struct slot *core_add(struct core *core, int fd, uint64_t flags, void *data, amy_id *id);
struct slot *core_find(struct core *core, amy_id id, uint64_t *word);
void core_release(struct core *core, struct slot *slot, amy_id id);

#endif
