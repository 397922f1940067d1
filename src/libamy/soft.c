/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>

#include "deadline.h"
#include "soft.h"
#include "word.h"

/* Its item in the agenda stands where others have their descriptor. */
static struct agenda_item *
soft_item(struct core *core, const struct slot *slot)
{
	return &core->agenda.items[slot->fd];
}

static void
soft_set_state(struct slot *slot, uint64_t word, enum slot_state state)
{
	atomic_store_explicit(&slot->word, word_with_state(word, state), memory_order_release);
}

/* A soft one that has not ended, with soft_lock held; or NULL, EINVAL. */
static struct slot *
soft_find(struct core *core, amy_id id, uint64_t *word)
{
	struct slot *slot = core_find(core, id, word);

	if (slot == NULL || *word & SOFT)
		return slot;
	errno = EINVAL;
	return NULL;
}

/* The same, and in this state; or NULL, EINVAL or EBUSY. */
static struct slot *
soft_find_in(struct core *core, amy_id id, uint64_t *word, enum slot_state state)
{
	struct slot *slot = soft_find(core, id, word);

	if (slot == NULL || word_state(*word) == state)
		return slot;
	errno = EBUSY;
	return NULL;
}

/* One that its owner may arm, with soft_lock held; or NULL, EINVAL, EBUSY or ECANCELED. */
static struct slot *
soft_find_owned(struct core *core, amy_id id, uint64_t *word)
{
	struct slot *slot = soft_find_in(core, id, word, SLOT_OWNED);

	if (slot == NULL || !(*word & CANCELLED))
		return slot;
	errno = ECANCELED;
	return NULL;
}

static void
soft_set_alarm(struct core *core, int64_t at_ns)
{
	core->alarm_ns = at_ns;
	kernel_set_alarm(&core->kernel, at_ns);
}

/* Arm a timer for that time. */
static void
soft_start(struct core *core, struct slot *slot, uint64_t word, int64_t due_ns)
{
	agenda_schedule(&core->agenda, (uint32_t)slot->fd, due_ns);
	soft_set_state(slot, word, SLOT_ARMED);
	if (due_ns < core->alarm_ns)
		soft_set_alarm(core, due_ns);
}

/* A user event that is armed, and was triggered. */
static void
soft_fire(struct core *core, struct slot *slot)
{
	agenda_schedule(&core->agenda, (uint32_t)slot->fd, deadline_now_ns());
	kernel_wake(&core->kernel);
}

/* The alarm is opened with the first that may need it. */
static int
soft_open(struct core *core)
{
	if (core->has_alarm)
		return 0;
	if (kernel_open_alarm(&core->kernel) == -1)
		return -1;
	core->has_alarm = true;
	return 0;
}

/* A new one, owned. soft_lock is held. */
static struct slot *
soft_add(struct core *core, bool is_timer, void *data, amy_id *id)
{
	struct slot *slot;
	uint32_t item;

	if (soft_open(core) == -1)
		return NULL;
	item = agenda_add(&core->agenda);
	if (item == AGENDA_NONE)
		return NULL;
	slot = core_add(core, (int)item, SOFT, data, id);
	if (slot == NULL) {
		agenda_remove(&core->agenda, item);
		return NULL;
	}
	core->agenda.items[item].slot = amy_id_index(*id);
	core->agenda.items[item].is_timer = is_timer;
	return slot;
}

static void
soft_start_timer(struct core *core, struct slot *slot, int64_t delay_ns, int64_t interval_ns)
{
	struct agenda_item *item = soft_item(core, slot);

	item->delay_ns = delay_ns;
	item->interval_ns = interval_ns;
	soft_start(core, slot, atomic_load_explicit(&slot->word, memory_order_relaxed),
	           deadline_now_ns() + delay_ns);
}

int
soft_register_timer(struct core *core, int64_t delay_ns, int64_t interval_ns, void *data,
                    amy_id *id)
{
	struct slot *slot;

	pthread_mutex_lock(&core->soft_lock);
	slot = soft_add(core, true, data, id);
	if (slot != NULL)
		soft_start_timer(core, slot, delay_ns, interval_ns);
	pthread_mutex_unlock(&core->soft_lock);
	return slot == NULL ? -1 : 0;
}

int
soft_register_event(struct core *core, void *data, amy_id *id)
{
	struct slot *slot;

	pthread_mutex_lock(&core->soft_lock);
	slot = soft_add(core, false, data, id);
	if (slot != NULL)
		soft_set_state(slot, atomic_load_explicit(&slot->word, memory_order_relaxed),
		               SLOT_ARMED);
	pthread_mutex_unlock(&core->soft_lock);
	return slot == NULL ? -1 : 0;
}

int
soft_set_timer(struct core *core, amy_id id, int64_t delay_ns, int64_t interval_ns)
{
	struct slot *slot;
	uint64_t word;

	pthread_mutex_lock(&core->soft_lock);
	slot = soft_find_owned(core, id, &word);
	if (slot != NULL && !soft_item(core, slot)->is_timer) {
		errno = EINVAL;
		slot = NULL;
	}
	if (slot != NULL)
		soft_start_timer(core, slot, delay_ns, interval_ns);
	pthread_mutex_unlock(&core->soft_lock);
	return slot == NULL ? -1 : 0;
}

int
soft_trigger(struct core *core, amy_id id)
{
	struct slot *slot;
	uint64_t word;

	pthread_mutex_lock(&core->soft_lock);
	slot = soft_find(core, id, &word);
	if (slot != NULL && soft_item(core, slot)->is_timer) {
		errno = EINVAL;
		slot = NULL;
	}
	if (slot != NULL && soft_item(core, slot)->ntriggers++ == 0 &&
	    word_state(word) == SLOT_ARMED)
		soft_fire(core, slot);
	pthread_mutex_unlock(&core->soft_lock);
	return slot == NULL ? -1 : 0;
}

/* With an interval it goes on with the beat that is next, whoever took it before that. */
static void
soft_arm_timer(struct core *core, struct slot *slot, uint64_t word)
{
	const struct agenda_item *item = soft_item(core, slot);

	soft_start(core, slot, word,
	           item->interval_ns > 0 ? item->due_ns
	                                 : deadline_now_ns() + item->delay_ns);
}

static void
soft_arm_event(struct core *core, struct slot *slot, uint64_t word)
{
	soft_set_state(slot, word, SLOT_ARMED);
	if (soft_item(core, slot)->ntriggers > 0)
		soft_fire(core, slot);
}

int
soft_arm(struct core *core, amy_id id, unsigned interest)
{
	struct slot *slot;
	uint64_t word;

	pthread_mutex_lock(&core->soft_lock);
	slot = soft_find_owned(core, id, &word);
	if (slot != NULL) {
		bool is_timer = soft_item(core, slot)->is_timer;

		if (interest != (is_timer ? AMY_TIMER : AMY_USER)) {
			errno = EINVAL;
			slot = NULL;
		} else if (is_timer) {
			soft_arm_timer(core, slot, word);
		} else {
			soft_arm_event(core, slot, word);
		}
	}
	pthread_mutex_unlock(&core->soft_lock);
	return slot == NULL ? -1 : 0;
}

int
soft_take(struct core *core, amy_id id)
{
	struct slot *slot;
	uint64_t word;

	pthread_mutex_lock(&core->soft_lock);
	slot = soft_find_in(core, id, &word, SLOT_ARMED);
	if (slot != NULL) {
		agenda_unschedule(&core->agenda, (uint32_t)slot->fd);
		soft_set_state(slot, word, SLOT_OWNED);
	}
	pthread_mutex_unlock(&core->soft_lock);
	return slot == NULL ? -1 : 0;
}

/* It is in the state that it may be ended from. */
static void
soft_end_found(struct core *core, struct slot *slot, uint64_t word, amy_id id)
{
	agenda_remove(&core->agenda, (uint32_t)slot->fd);
	soft_set_state(slot, word, SLOT_FREE);
	core_release(core, slot, id);
}

int
soft_end(struct core *core, amy_id id)
{
	struct slot *slot;
	uint64_t word;

	pthread_mutex_lock(&core->soft_lock);
	slot = soft_find_in(core, id, &word, SLOT_OWNED);
	if (slot != NULL)
		soft_end_found(core, slot, word, id);
	pthread_mutex_unlock(&core->soft_lock);
	return slot == NULL ? -1 : 0;
}

int
soft_cancel(struct core *core, amy_id id)
{
	struct slot *slot;
	uint64_t word;
	int rc = -1;

	pthread_mutex_lock(&core->soft_lock);
	slot = soft_find(core, id, &word);
	if (slot != NULL && word_state(word) == SLOT_ARMED) {
		soft_end_found(core, slot, word, id);
		rc = 0;
	} else if (slot != NULL) {
		soft_set_state(slot, word | CANCELLED, word_state(word));
		errno = EBUSY;
	}
	pthread_mutex_unlock(&core->soft_lock);
	return rc;
}

int
soft_reserve(struct core *core, uint32_t n)
{
	int rc;

	if (n == 0)
		return 0;
	pthread_mutex_lock(&core->soft_lock);
	rc = soft_open(core);
	if (rc == 0)
		rc = agenda_reserve(&core->agenda, n);
	pthread_mutex_unlock(&core->soft_lock);
	return rc;
}

static unsigned
count_of(uint64_t n)
{
	return n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

/* How many beats there were up to now, one at least; due_ns is that of the next one. */
static unsigned
soft_count_beats(struct agenda_item *item, int64_t now_ns)
{
	int64_t nbeats = 1;

	if (item->interval_ns > 0)
		nbeats += (now_ns - item->due_ns) / item->interval_ns;
	item->due_ns += nbeats * item->interval_ns;
	return count_of((uint64_t)nbeats);
}

static unsigned
soft_count_triggers(struct agenda_item *item)
{
	uint64_t ntriggers = item->ntriggers;

	item->ntriggers = 0;
	return count_of(ntriggers);
}

/* Tell of one that was due, and is not in the heap any more. */
static void
soft_tell(struct core *core, uint32_t number, int64_t now_ns,
          struct amy_notification *notification)
{
	struct agenda_item *item = &core->agenda.items[number];
	struct slot *slot = core_slot(core, item->slot);
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

	notification->id = make_id(word_generation(word), item->slot);
	notification->data = slot->data;
	notification->events = item->is_timer ? AMY_TIMER : AMY_USER;
	notification->count =
	    item->is_timer ? soft_count_beats(item, now_ns) : soft_count_triggers(item);
	soft_set_state(slot, word, SLOT_OWNED);
}

/* See to it that somebody comes for what is left. */
static void
soft_pass_on(struct core *core, int64_t now_ns)
{
	int64_t next_ns = agenda_next_ns(&core->agenda);

	if (next_ns <= now_ns)
		kernel_wake(&core->kernel);
	else if (next_ns < core->alarm_ns)
		soft_set_alarm(core, next_ns);
}

int
soft_collect(struct core *core, struct amy_notification *notifications, int max,
             bool is_alarm)
{
	int64_t now_ns;
	uint32_t item;
	int n = 0;

	pthread_mutex_lock(&core->soft_lock);
	if (is_alarm)
		core->alarm_ns = INT64_MAX; /* it has gone off, or was set anew just now */
	now_ns = deadline_now_ns();
	while (n < max && (item = agenda_pop_due(&core->agenda, now_ns)) != AGENDA_NONE)
		soft_tell(core, item, now_ns, &notifications[n++]);
	soft_pass_on(core, now_ns);
	pthread_mutex_unlock(&core->soft_lock);
	return n;
}
