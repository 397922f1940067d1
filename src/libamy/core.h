/* SPDX-License-Identifier: MIT */
/*
 * core.h - what a poller and its registrars share: the kernel and the table of
 * registrations.
 *
 * The whole state of a registration is one atomic word, so that whoever loses a race for
 * it learns so from a compare-and-swap:
 *
 *      register ──▶ OWNED ──rearm──▶ ARMING ──▶ ARMED      a thread has it | the kernel
 *                     ▲                 │          │
 *                     ├──── event ◀─────┴──────────┤
 *                     └──── take  ◀────────────────┘       deregister: OWNED ──▶ FREE
 *
 * ARMING lasts as long as the system call that arms: the event may come first, but
 * nobody can take, end and close the descriptor under that call. Each arming is a new
 * round: the thread that armed cannot take somebody else's later arming for its own, and
 * an event of an arming that was taken back does not count for the next one. The kernel
 * hands back a cookie of place, generation and round.
 *
 * tests/model/registration.pml checks all of this exhaustively.
 */
#ifndef CORE_H
#define CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "amy.h"
#include "kernel.h"

#define CORE_INDEX_BITS 24
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
	_Atomic uint64_t word; /* generation 32, round 29, known 1, state 2 bits */
	void *data;            /* constant while registered */
	int fd;                /* constant while registered */
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
};

/* One reference is the caller's. Errors: EMFILE, ENFILE, ENOMEM. */
struct core *core_create(void);
struct core *core_ref(struct core *core);
void core_unref(struct core *core);

/* A new registration, OWNED by the caller. Errors: ENOMEM, EMFILE. */
int core_register(struct core *core, int fd, void *data, amy_id *id);
int core_arm(struct core *core, amy_id id, unsigned interest);
int core_take(struct core *core, amy_id id);
int core_deregister(struct core *core, amy_id id);

/* An event arrived: true if it counts, and the registration is the caller's now. */
bool core_fire(struct core *core, const struct kernel_event *event,
               struct amy_notification *notification);

#endif
