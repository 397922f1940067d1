/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "registration.h"
#include "soft.h"
#include "word.h"

int
registration_add(struct core *core, int fd, void *data, amy_id *id)
{
	return core_add(core, fd, 0, data, id) == NULL ? -1 : 0;
}

int
registration_arm(struct core *core, amy_id id, unsigned interest)
{
	uint64_t word, arming;
	struct slot *slot = core_find(core, id, &word);
	uint32_t index = amy_id_index(id);
	int fd;

	if (slot == NULL)
		return -1;
	if (word & SOFT)
		return soft_arm(core, id, interest);
	if (interest & ~KERNEL_INTEREST_BITS) {
		errno = EINVAL;
		return -1;
	}
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
		/* The round stays used: whatever the kernel may still say of it is stale. */
		word =
		    word_with_state((arming & ~(uint64_t)KNOWN) | (word & KNOWN), SLOT_OWNED);
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
registration_take(struct core *core, amy_id id)
{
	uint64_t word;
	struct slot *slot = core_find(core, id, &word);

	if (slot == NULL)
		return -1;
	if (word & SOFT)
		return soft_take(core, id);
	if (word_state(word) != SLOT_ARMED ||
	    !swap(slot, &word, word_with_state(word, SLOT_OWNED))) {
		errno = EBUSY;
		return -1;
	}
	return 0;
}

/* From OWNED or ARMED; EBUSY: it is in another state. */
static int
registration_end(struct core *core, amy_id id, enum slot_state from)
{
	uint64_t word;
	struct slot *slot = core_find(core, id, &word);

	if (slot == NULL)
		return -1;
	if (word & SOFT)
		return soft_end(core, id, from);
	if (word_state(word) != from ||
	    !swap(slot, &word, word_with_state(word & ~(uint64_t)KNOWN, SLOT_FREE))) {
		errno = EBUSY;
		return -1;
	}
	if (word & KNOWN)
		kernel_forget(&core->kernel, slot->fd);
	core_release(core, slot, id);
	return 0;
}

int
registration_deregister(struct core *core, amy_id id)
{
	return registration_end(core, id, SLOT_OWNED);
}

int
registration_cancel(struct core *core, amy_id id)
{
	return registration_end(core, id, SLOT_ARMED);
}

bool
registration_fire(struct core *core, const struct kernel_event *event,
                  struct amy_notification *notification)
{
	uint32_t index = (uint32_t)(event->cookie & CORE_INDEX_MASK);
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
	notification->count = 1;
	return true;
}
