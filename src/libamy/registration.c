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

/* May its owner arm it? Or -1: EBUSY, ECANCELED. */
static int
check_owned(uint64_t word)
{
	if (word_state(word) == SLOT_OWNED && !(word & CANCELLED))
		return 0;
	errno = word_state(word) == SLOT_OWNED ? ECANCELED : EBUSY;
	return -1;
}

/*
 * The kernel did not arm it. The round stays used: whatever the kernel may still say of it is
 * stale. Nobody else changes the word meanwhile, but for a mark of cancellation.
 */
static void
arming_failed(struct slot *slot, uint64_t arming, bool was_known)
{
	uint64_t word = arming, owned;

	do {
		owned = word_with_state(word, SLOT_OWNED);
		if (!was_known)
			owned &= ~(uint64_t)KNOWN;
	} while (!swap(slot, &word, owned));
}

/*
 * The kernel armed it. If the word is another one already, either the event came first, and the
 * registration is somebody else's, who may be arming it again: that would be another round. Or
 * it was cancelled during the call, and the event has not come: then it is the caller's again.
 */
static int
arming_succeeded(struct slot *slot, uint64_t arming)
{
	uint64_t word = arming;

	if (swap(slot, &word, word_with_state(arming, SLOT_ARMED)) ||
	    word != (arming | CANCELLED) ||
	    !swap(slot, &word, word_with_state(word, SLOT_OWNED)))
		return 0;
	errno = ECANCELED;
	return -1;
}

int
registration_arm(struct core *core, amy_id id, unsigned interest)
{
	uint64_t word, arming;
	struct slot *slot = core_find(core, id, &word);
	int fd;

	if (slot == NULL)
		return -1;
	if (word & SOFT)
		return soft_arm(core, id, interest);
	if (interest & ~KERNEL_INTEREST_BITS) {
		errno = EINVAL;
		return -1;
	}
	if (check_owned(word) == -1)
		return -1;
	fd = slot->fd; /* now: once ARMING, the slot may become somebody else's */
	arming = word_next_arming(word);
	if (!swap(slot, &word, arming)) {
		errno = EBUSY;
		check_owned(word);
		return -1;
	}
	if (kernel_arm(&core->kernel, fd, interest, make_cookie(arming, amy_id_index(id)),
	               !(word & KNOWN)) == -1) {
		arming_failed(slot, arming, word & KNOWN);
		return -1;
	}
	return arming_succeeded(slot, arming);
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

/* The word says FREE; before, it was this one. */
static void
registration_ended(struct core *core, struct slot *slot, uint64_t word, amy_id id)
{
	if (word & KNOWN)
		kernel_forget(&core->kernel, slot->fd);
	core_release(core, slot, id);
}

static uint64_t
word_of_end(uint64_t word)
{
	return word_with_state(word & ~(uint64_t)(KNOWN | CANCELLED), SLOT_FREE);
}

/* Once again at most: it may be cancelled in between. */
int
registration_deregister(struct core *core, amy_id id)
{
	uint64_t word;
	struct slot *slot;

	do {
		slot = core_find(core, id, &word);
		if (slot == NULL)
			return -1;
		if (word & SOFT)
			return soft_end(core, id);
		if (word_state(word) != SLOT_OWNED) {
			errno = EBUSY;
			return -1;
		}
	} while (!swap(slot, &word, word_of_end(word)));
	registration_ended(core, slot, word, id);
	return 0;
}

/* Armed, it ends; otherwise its owner is to end it, and the word says so. */
int
registration_cancel(struct core *core, amy_id id)
{
	uint64_t word, wanted;
	struct slot *slot;

	do {
		slot = core_find(core, id, &word);
		if (slot == NULL)
			return -1;
		if (word & SOFT)
			return soft_cancel(core, id);
		wanted = word_state(word) == SLOT_ARMED ? word_of_end(word) : word | CANCELLED;
	} while (!swap(slot, &word, wanted));
	if (word_state(word) != SLOT_ARMED) {
		errno = EBUSY;
		return -1;
	}
	registration_ended(core, slot, word, id);
	return 0;
}

bool
registration_fire(struct core *core, const struct kernel_event *event,
                  struct amy_notification *notification)
{
	uint32_t index = (uint32_t)(event->cookie & CORE_INDEX_MASK);
	struct slot *slot = core_slot(core, index);
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);

	/* Few times: ARMING may become ARMED, or be cancelled, in between. */
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
