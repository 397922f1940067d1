/* SPDX-License-Identifier: MIT */
/*
 * The table of registrations, from inside: what the word of a slot says, and which events
 * of the kernel count.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core.h"
#include "faults.h"
#include "harness.h"
#include "registration.h"

#define ALL_PLACES (1u << CORE_INDEX_BITS)

static char some_data, other_data;

static uint32_t
generation_of(amy_id id)
{
	return (uint32_t)(id >> CORE_INDEX_BITS);
}

/* The first segment is all that most tests use. */
static struct slot *
slot_at(struct core *core, uint32_t index)
{
	MUST(index < 1u << CORE_FIRST_SEGMENT_BITS);
	return &atomic_load(&core->segments[0])[index];
}

static enum slot_state
state_of(struct core *core, amy_id id)
{
	return (enum slot_state)(atomic_load(&slot_at(core, amy_id_index(id))->word) & 3u);
}

static amy_id
register_owned(struct core *core, int fd)
{
	amy_id id = 0;

	MUST(registration_add(core, fd, &some_data, &id) == 0);
	MUST(id != 0);
	return id;
}

/* A descriptor that is readable. */
static int
make_ready_fd(void)
{
	int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

	MUST(fd != -1);
	return fd;
}

static amy_id
register_armed(struct core *core, int fd)
{
	amy_id id = register_owned(core, fd);

	MUST(registration_arm(core, id, AMY_READ) == 0);
	return id;
}

/* The kernel's next event, as a poller would get it, before it looks at the table. */
static struct kernel_event
next_event(struct core *core)
{
	struct kernel_event event;

	MUST(kernel_wait(&core->kernel, &event, 1, -1) == 1);
	return event;
}

static bool
fires(struct core *core, struct kernel_event event)
{
	struct amy_notification unused;

	return registration_fire(core, &event, &unused);
}

START_TEST(ids_are_never_used_twice)
{
	struct core *core = core_create();
	amy_id last = 0;

	for (int i = 0; i < 1000; i++) {
		amy_id id = register_owned(core, -1);

		MUST(amy_id_index(id) == 0);
		MUST(id > last);
		MUST(registration_deregister(core, id) == 0);
		last = id;
	}
	core_unref(core);
}
END_TEST

START_TEST(id_is_generation_and_place)
{
	struct core *core = core_create();
	amy_id first = register_owned(core, -1);
	amy_id second = register_owned(core, -1);
	amy_id again;

	ck_assert_uint_eq(amy_id_index(first), 0);
	ck_assert_uint_eq(generation_of(first), 1);
	ck_assert_uint_eq(amy_id_index(second), 1);
	ck_assert_uint_eq(generation_of(second), 1);
	ck_assert_int_eq(registration_deregister(core, second), 0);
	again = register_owned(core, -1);
	ck_assert_uint_eq(amy_id_index(again), 1);
	ck_assert_uint_eq(generation_of(again), 2);
	core_unref(core);
}
END_TEST

START_TEST(place_freed_last_is_reused_first)
{
	struct core *core = core_create();
	amy_id ids[4];

	for (int i = 0; i < 4; i++)
		ids[i] = register_owned(core, -1);
	ck_assert_int_eq(registration_deregister(core, ids[2]), 0);
	ck_assert_int_eq(registration_deregister(core, ids[0]), 0);
	ck_assert_int_eq(registration_deregister(core, ids[3]), 0);
	ck_assert_uint_eq(amy_id_index(register_owned(core, -1)), 3);
	ck_assert_uint_eq(amy_id_index(register_owned(core, -1)), 0);
	ck_assert_uint_eq(amy_id_index(register_owned(core, -1)), 2);
	ck_assert_uint_eq(amy_id_index(register_owned(core, -1)), 4);
	core_unref(core);
}
END_TEST

START_TEST(place_whose_generations_are_used_up_is_retired)
{
	struct core *core = core_create();
	int fd = make_ready_fd();
	struct amy_notification told;
	struct kernel_event event;
	amy_id id = register_owned(core, fd);

	ck_assert_int_eq(registration_deregister(core, id), 0);
	atomic_store(&slot_at(core, 0)->word, (uint64_t)(UINT32_MAX - 1) << 32);

	id = register_armed(core, fd);
	ck_assert_uint_eq(amy_id_index(id), 0);
	ck_assert_uint_eq(generation_of(id), UINT32_MAX);
	event = next_event(core);
	ck_assert(registration_fire(core, &event, &told));
	ck_assert_uint_eq(told.id, id);
	ck_assert_int_eq(registration_deregister(core, id), 0);

	ck_assert_uint_eq(amy_id_index(register_owned(core, fd)), 1);
	ck_assert_uint_eq(amy_id_index(register_owned(core, fd)), 2);
	errno = 0;
	ck_assert_int_eq(registration_deregister(core, id), -1);
	ck_assert_int_eq(errno, EINVAL);
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(table_grows_and_no_place_ever_moves)
{
	enum { NIDS = 2100 };
	static amy_id ids[NIDS];
	static struct slot *seen[CORE_SEGMENTS];
	struct core *core = core_create();
	unsigned nsegments = 0;

	for (uint32_t i = 0; i < NIDS; i++) {
		ids[i] = register_owned(core, -1);
		MUST(amy_id_index(ids[i]) == i);
		for (unsigned k = 0; k < CORE_SEGMENTS; k++) {
			struct slot *segment = atomic_load(&core->segments[k]);

			MUST(seen[k] == NULL || seen[k] == segment);
			seen[k] = segment;
		}
	}
	while (nsegments < CORE_SEGMENTS && seen[nsegments] != NULL)
		nsegments++;
	/* 64, 64, 128, 256, 512, 1024: 2048 in six, the rest in a seventh. */
	ck_assert_uint_eq(nsegments, 7);
	ck_assert_uint_eq(core->nslots, NIDS);
	for (uint32_t i = 0; i < NIDS; i++)
		MUST(registration_deregister(core, ids[i]) == 0);
	for (uint32_t i = NIDS; i-- > 0;)
		MUST(amy_id_index(register_owned(core, -1)) == i);
	ck_assert_uint_eq(core->nslots, NIDS);
	core_unref(core);
}
END_TEST

START_TEST(places_at_the_edges_of_segments_have_their_own_slots)
{
	enum { NIDS = 300 };
	struct core *core = core_create();
	static char data[NIDS];
	static amy_id ids[NIDS];
	int fd = make_ready_fd();

	for (int i = 0; i < NIDS; i++)
		MUST(registration_add(core, fd, &data[i], &ids[i]) == 0);
	for (int i = 0; i < NIDS; i++) {
		struct amy_notification told;
		struct kernel_event event;

		MUST(registration_arm(core, ids[i], AMY_READ) == 0);
		event = next_event(core);
		MUST(registration_fire(core, &event, &told));
		MUST(told.id == ids[i]);
		MUST(told.data == &data[i]);
		MUST(registration_deregister(core, ids[i]) == 0);
	}
	core_unref(core);
	close(fd);
}
END_TEST

/* What amy.h promises: 16,777,215. The places before the last are only said to exist. */
START_TEST(table_is_full_at_the_number_that_is_documented)
{
	struct core *core = core_create();
	amy_id id;

	core->nslots = ALL_PLACES / 2;
	ck_assert_uint_eq(amy_id_index(register_owned(core, -1)), ALL_PLACES / 2);
	core->nslots = 16777215 - 1;
	id = register_owned(core, -1);
	ck_assert_uint_eq(amy_id_index(id), 16777215 - 1);
	errno = 0;
	ck_assert_int_eq(registration_add(core, -1, NULL, &(amy_id){ 0 }), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(registration_deregister(core, id), 0);
	ck_assert_uint_eq(amy_id_index(register_owned(core, -1)), 16777215 - 1);
	core_unref(core);
}
END_TEST

START_TEST(unknown_ids_are_invalid)
{
	struct core *core = core_create();
	amy_id id = register_owned(core, -1);
	const amy_id unknown[] = {
		0,
		id + 1,                             /* a place that nobody had yet */
		id + 64,                            /* one in a segment that is not there */
		id | 0xffffff,                      /* the last of all */
		id + ((amy_id)1 << CORE_INDEX_BITS), /* the next generation */
		id - ((amy_id)1 << CORE_INDEX_BITS), /* generation 0 */
		id | (amy_id)1 << 56,               /* bits that no id has */
		id | (amy_id)1 << 63,
		1,                                  /* generation 0 of a place not used */
		UINT64_MAX,
	};

	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		errno = 0;
		ck_assert_int_eq(registration_arm(core, unknown[i], AMY_READ), -1);
		ck_assert_int_eq(errno, EINVAL);
		errno = 0;
		ck_assert_int_eq(registration_take(core, unknown[i]), -1);
		ck_assert_int_eq(errno, EINVAL);
		errno = 0;
		ck_assert_int_eq(registration_deregister(core, unknown[i]), -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_int_eq(registration_deregister(core, id), 0);
	core_unref(core);
}
END_TEST

START_TEST(owned_registration_can_be_ended_but_not_taken)
{
	struct core *core = core_create();
	amy_id id = register_owned(core, -1);

	ck_assert_int_eq(state_of(core, id), SLOT_OWNED);
	errno = 0;
	ck_assert_int_eq(registration_take(core, id), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(state_of(core, id), SLOT_OWNED);
	ck_assert_int_eq(registration_deregister(core, id), 0);
	ck_assert_int_eq(state_of(core, id), SLOT_FREE);
	core_unref(core);
}
END_TEST

START_TEST(armed_registration_can_be_taken_but_not_armed_or_ended)
{
	struct core *core = core_create();
	int fd = make_ready_fd();
	amy_id id = register_armed(core, fd);

	ck_assert_int_eq(state_of(core, id), SLOT_ARMED);
	errno = 0;
	ck_assert_int_eq(registration_arm(core, id, AMY_READ), -1);
	ck_assert_int_eq(errno, EBUSY);
	errno = 0;
	ck_assert_int_eq(registration_deregister(core, id), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(state_of(core, id), SLOT_ARMED);
	ck_assert_int_eq(registration_take(core, id), 0);
	ck_assert_int_eq(state_of(core, id), SLOT_OWNED);
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(event_makes_the_registration_the_thread_s)
{
	struct core *core = core_create();
	struct amy_notification told;
	int fd = make_ready_fd();
	amy_id id = register_armed(core, fd);
	struct kernel_event event = next_event(core);

	ck_assert(registration_fire(core, &event, &told));
	ck_assert_uint_eq(told.id, id);
	ck_assert_ptr_eq(told.data, &some_data);
	ck_assert_uint_eq(told.events, AMY_READ);
	ck_assert_int_eq(state_of(core, id), SLOT_OWNED);
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(event_counts_once)
{
	struct core *core = core_create();
	int fd = make_ready_fd();
	amy_id id = register_armed(core, fd);
	struct kernel_event event = next_event(core);

	ck_assert(fires(core, event));
	ck_assert(!fires(core, event));
	ck_assert_int_eq(registration_deregister(core, id), 0);
	ck_assert(!fires(core, event));
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(event_under_way_when_taken_does_not_count)
{
	struct core *core = core_create();
	int fd = make_ready_fd();
	amy_id id = register_armed(core, fd);
	struct kernel_event event = next_event(core);

	ck_assert_int_eq(registration_take(core, id), 0);
	ck_assert(!fires(core, event));
	ck_assert_int_eq(state_of(core, id), SLOT_OWNED);
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(event_of_an_arming_that_was_taken_does_not_count_for_the_next)
{
	struct core *core = core_create();
	int fd = make_ready_fd();
	amy_id id = register_armed(core, fd);

	for (int i = 0; i < 600; i++) {
		struct kernel_event stale = next_event(core);
		struct kernel_event current;

		MUST(registration_take(core, id) == 0);
		MUST(registration_arm(core, id, AMY_READ) == 0);
		MUST(!fires(core, stale));
		MUST(state_of(core, id) == SLOT_ARMED);
		current = next_event(core);
		MUST(current.cookie != stale.cookie);
		MUST(fires(core, current));
		MUST(registration_arm(core, id, AMY_READ) == 0);
	}
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(stale_event_does_not_count_after_any_number_of_rounds)
{
	struct core *core = core_create();
	int fd = make_ready_fd();
	amy_id id = register_armed(core, fd);
	struct kernel_event stale = next_event(core);

	/* More than fit in 16 bits. */
	for (int i = 0; i < 70000; i++) {
		MUST(registration_take(core, id) == 0);
		MUST(registration_arm(core, id, AMY_READ) == 0);
		MUST(!fires(core, stale));
	}
	ck_assert_int_eq(state_of(core, id), SLOT_ARMED);
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(stale_event_does_not_count_after_any_number_of_generations)
{
	struct core *core = core_create();
	int fd = make_ready_fd();
	amy_id id = register_armed(core, fd);
	struct kernel_event stale = next_event(core);

	MUST(registration_take(core, id) == 0);
	MUST(registration_deregister(core, id) == 0);
	/* The lower 16 bits of the generation come around at 65,536. */
	for (int i = 1; i <= 70000; i++) {
		id = register_owned(core, fd);
		MUST(amy_id_index(id) == 0);
		if (i % 64 == 0) {
			MUST(registration_arm(core, id, AMY_READ) == 0);
			MUST(!fires(core, stale));
			MUST(registration_take(core, id) == 0);
		}
		MUST(registration_deregister(core, id) == 0);
	}
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(event_of_an_ended_registration_does_not_count_for_its_successor)
{
	struct core *core = core_create();
	struct amy_notification told;
	struct kernel_event stale, current;
	int fd = make_ready_fd();
	amy_id id = register_armed(core, fd), successor;

	stale = next_event(core);
	ck_assert_int_eq(registration_take(core, id), 0);
	ck_assert_int_eq(registration_deregister(core, id), 0);
	ck_assert_int_eq(registration_add(core, fd, &other_data, &successor), 0);
	ck_assert_uint_eq(amy_id_index(successor), amy_id_index(id));
	ck_assert(!fires(core, stale));
	ck_assert_int_eq(registration_arm(core, successor, AMY_READ), 0);
	ck_assert(!fires(core, stale));
	current = next_event(core);
	ck_assert(registration_fire(core, &current, &told));
	ck_assert_uint_eq(told.id, successor);
	ck_assert_ptr_eq(told.data, &other_data);
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(taken_registration_is_armed_with_its_new_interest)
{
	struct core *core = core_create();
	struct amy_notification told;
	struct kernel_event event;
	int fds[2];
	amy_id id;

	make_socketpair(fds);
	id = register_armed(core, fds[0]);
	ck_assert_int_eq(registration_take(core, id), 0);
	ck_assert_int_eq(registration_arm(core, id, AMY_WRITE), 0);
	event = next_event(core);
	ck_assert(registration_fire(core, &event, &told));
	ck_assert_uint_eq(told.events, AMY_WRITE);
	core_unref(core);
	close_pair(fds);
}
END_TEST

START_TEST(last_reference_frees_the_core)
{
	long allocations = fault_live_allocations();
	size_t descriptors = count_descriptors();
	struct core *core = core_create();

	MUST(core_ref(core) == core);
	register_owned(core, -1);
	core_unref(core);
	register_owned(core, -1);
	MUST(fault_live_allocations() > allocations);
	MUST(kernel_is_emulated() || count_descriptors() == descriptors + 1);
	core_unref(core);
	MUST(fault_live_allocations() == allocations);
	MUST(count_descriptors() == descriptors);
}
END_TEST

/* ---- What the kernel is told ------------------------------------------------------ */

static char ops[64];

static int
note_op(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	strcat(ops, op == EPOLL_CTL_ADD ? "+" : op == EPOLL_CTL_MOD ? "~" : "-");
	return fault_real_epoll_ctl(epoll_fd, op, fd, event);
}

START_TEST(kernel_learns_of_a_descriptor_when_it_is_first_armed)
{
	SKIP_UNLESS(kernel_is_epoll(), "it looks into epoll_ctl(2)");
	struct core *core = core_create();
	int fd = make_ready_fd();
	amy_id id;

	fault_epoll_ctl_hook = note_op;
	id = register_owned(core, fd);
	ck_assert_str_eq(ops, "");
	ck_assert_int_eq(registration_deregister(core, id), 0);
	ck_assert_str_eq(ops, "");

	id = register_armed(core, fd);
	ck_assert_str_eq(ops, "+");
	ck_assert(fires(core, next_event(core)));
	ck_assert_int_eq(registration_arm(core, id, AMY_READ), 0);
	ck_assert_int_eq(registration_take(core, id), 0);
	ck_assert_int_eq(registration_arm(core, id, AMY_READ), 0);
	ck_assert_str_eq(ops, "+~~");
	ck_assert_int_eq(registration_take(core, id), 0);
	ck_assert_int_eq(registration_deregister(core, id), 0);
	ck_assert_str_eq(ops, "+~~-");
	core_unref(core);
	close(fd);
}
END_TEST

START_TEST(arming_that_failed_leaves_the_registration_owned_and_unknown)
{
	struct core *core = core_create();
	int fd = make_ready_fd();
	amy_id id = register_owned(core, fd);

	fault_epoll_ctl_hook = note_op;
	fault_set(FAULT_EPOLL_CTL, 1, ENOSPC);
	errno = 0;
	ck_assert_int_eq(registration_arm(core, id, AMY_READ), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert(fault_clear());
	ck_assert_int_eq(state_of(core, id), SLOT_OWNED);
	ck_assert_int_eq(registration_arm(core, id, AMY_READ), 0);
	ck_assert_str_eq(ops, kernel_is_epoll() ? "+" : "");
	ck_assert(fires(core, next_event(core)));

	fault_set(FAULT_EPOLL_CTL, 1, ENOMEM);
	errno = 0;
	ck_assert_int_eq(registration_arm(core, id, AMY_READ), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert(fault_clear());
	ck_assert_int_eq(state_of(core, id), SLOT_OWNED);
	ck_assert_int_eq(registration_arm(core, id, AMY_READ), 0);
	ck_assert_str_eq(ops, kernel_is_epoll() ? "+~" : "");
	ck_assert(fires(core, next_event(core)));
	core_unref(core);
	close(fd);
}
END_TEST

/* ---- While the system call that arms is under way --------------------------------- */

static struct {
	struct core *core;
	amy_id id;
	bool fire; /* let the event come before the call is back */
	bool fail; /* let the call fail */
} arming;

static int
look_while_arming(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	int rc;

	ck_assert_int_eq(state_of(arming.core, arming.id), SLOT_ARMING);
	errno = 0;
	ck_assert_int_eq(registration_take(arming.core, arming.id), -1);
	ck_assert_int_eq(errno, EBUSY);
	errno = 0;
	ck_assert_int_eq(registration_deregister(arming.core, arming.id), -1);
	ck_assert_int_eq(errno, EBUSY);
	errno = 0;
	ck_assert_int_eq(registration_arm(arming.core, arming.id, AMY_WRITE), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(state_of(arming.core, arming.id), SLOT_ARMING);
	rc = fault_real_epoll_ctl(epoll_fd, op, fd, event);
	if (arming.fire)
		ck_assert(fires(arming.core, next_event(arming.core)));
	return rc;
}

START_TEST(registration_that_is_being_armed_is_busy)
{
	SKIP_UNLESS(kernel_is_epoll(), "it looks into epoll_ctl(2)");
	int fd = make_ready_fd();

	arming.core = core_create();
	arming.id = register_owned(arming.core, fd);
	fault_epoll_ctl_hook = look_while_arming;
	ck_assert_int_eq(registration_arm(arming.core, arming.id, AMY_READ), 0);
	ck_assert_int_eq(state_of(arming.core, arming.id), SLOT_ARMED);
	core_unref(arming.core);
	close(fd);
}
END_TEST

START_TEST(event_that_comes_before_the_arming_call_is_back_counts)
{
	SKIP_UNLESS(kernel_is_epoll(), "it looks into epoll_ctl(2)");
	int fd = make_ready_fd();

	arming.core = core_create();
	arming.id = register_owned(arming.core, fd);
	arming.fire = true;
	fault_epoll_ctl_hook = look_while_arming;
	ck_assert_int_eq(registration_arm(arming.core, arming.id, AMY_READ), 0);
	ck_assert_int_eq(state_of(arming.core, arming.id), SLOT_OWNED);
	core_unref(arming.core);
	close(fd);
}
END_TEST

/* It is cancelled while the call is under way; the call is made, or fails. */
static int
cancel_while_arming(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	int rc = -1;

	errno = 0;
	ck_assert_int_eq(registration_cancel(arming.core, arming.id), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(state_of(arming.core, arming.id), SLOT_ARMING);
	errno = ENOMEM;
	if (!arming.fail)
		rc = fault_real_epoll_ctl(epoll_fd, op, fd, event);
	if (arming.fire)
		ck_assert(fires(arming.core, next_event(arming.core)));
	return rc;
}

static void
start_cancelling_while_arming(int fd)
{
	arming.core = core_create();
	arming.id = register_owned(arming.core, fd);
	fault_epoll_ctl_hook = cancel_while_arming;
}

/* Whose it is now can only end it. */
static void
arming_must_be_cancelled(void)
{
	fault_epoll_ctl_hook = NULL;
	ck_assert_int_eq(state_of(arming.core, arming.id), SLOT_OWNED);
	errno = 0;
	ck_assert_int_eq(registration_arm(arming.core, arming.id, AMY_READ), -1);
	ck_assert_int_eq(errno, ECANCELED);
	ck_assert_int_eq(registration_deregister(arming.core, arming.id), 0);
	core_unref(arming.core);
}

START_TEST(registration_that_is_cancelled_while_it_is_armed_is_the_caller_s_again)
{
	SKIP_UNLESS(kernel_is_epoll(), "it looks into epoll_ctl(2)");
	int fd = make_ready_fd();

	start_cancelling_while_arming(fd);
	errno = 0;
	ck_assert_int_eq(registration_arm(arming.core, arming.id, AMY_READ), -1);
	ck_assert_int_eq(errno, ECANCELED);
	ck_assert(!fires(arming.core, next_event(arming.core)));
	arming_must_be_cancelled();
	close(fd);
}
END_TEST

START_TEST(event_that_comes_first_of_one_that_is_cancelled_is_told_once)
{
	SKIP_UNLESS(kernel_is_epoll(), "it looks into epoll_ctl(2)");
	int fd = make_ready_fd();

	arming.fire = true;
	start_cancelling_while_arming(fd);
	ck_assert_int_eq(registration_arm(arming.core, arming.id, AMY_READ), 0);
	arming_must_be_cancelled();
	close(fd);
}
END_TEST

START_TEST(cancelling_is_not_forgotten_where_the_arming_call_fails)
{
	SKIP_UNLESS(kernel_is_epoll(), "it looks into epoll_ctl(2)");
	int fd = make_ready_fd();

	arming.fail = true;
	start_cancelling_while_arming(fd);
	errno = 0;
	ck_assert_int_eq(registration_arm(arming.core, arming.id, AMY_READ), -1);
	ck_assert_int_eq(errno, ENOMEM);
	arming_must_be_cancelled();
	close(fd);
}
END_TEST

/* The event came first, and was handled to its end: the place is somebody else's. */
static int
end_while_arming(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	int rc = fault_real_epoll_ctl(epoll_fd, op, fd, event);

	fault_epoll_ctl_hook = NULL;
	ck_assert(fires(arming.core, next_event(arming.core)));
	ck_assert_int_eq(registration_deregister(arming.core, arming.id), 0);
	arming.id = register_owned(arming.core, fd);
	return rc;
}

START_TEST(registration_ended_before_the_arming_call_is_back_stays_ended)
{
	SKIP_UNLESS(kernel_is_epoll(), "it looks into epoll_ctl(2)");
	int fd = make_ready_fd();
	amy_id id;

	arming.core = core_create();
	id = arming.id = register_owned(arming.core, fd);
	fault_epoll_ctl_hook = end_while_arming;
	ck_assert_int_eq(registration_arm(arming.core, id, AMY_READ), 0);
	ck_assert_uint_ne(arming.id, id);
	ck_assert_uint_eq(amy_id_index(arming.id), amy_id_index(id));
	ck_assert_int_eq(state_of(arming.core, arming.id), SLOT_OWNED);
	core_unref(arming.core);
	close(fd);
}
END_TEST

/*
 * One thread arms; before its call is back the event comes, and the thread that is told
 * arms again. That the first call is back now says nothing of the second.
 */
static struct {
	atomic_bool second_is_in_its_call;
	atomic_bool first_is_back;
} handover;
static _Thread_local bool is_second;

static int
arm_in_turns(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	int rc;

	if (is_second) {
		atomic_store(&handover.second_is_in_its_call, true);
		WAIT_UNTIL(atomic_load(&handover.first_is_back));
		errno = 0;
		MUST(registration_take(arming.core, arming.id) == -1);
		MUST(errno == EBUSY);
		MUST(state_of(arming.core, arming.id) == SLOT_ARMING);
		return fault_real_epoll_ctl(epoll_fd, op, fd, event);
	}
	rc = fault_real_epoll_ctl(epoll_fd, op, fd, event);
	WAIT_UNTIL(atomic_load(&handover.second_is_in_its_call));
	return rc;
}

static void *
arm_again(void *unused)
{
	(void)unused;
	is_second = true;
	MUST(fires(arming.core, next_event(arming.core)));
	MUST(registration_arm(arming.core, arming.id, AMY_READ) == 0);
	return NULL;
}

START_TEST(registration_that_is_being_armed_again_is_busy_until_that_call_is_back)
{
	SKIP_UNLESS(kernel_is_epoll(), "it looks into epoll_ctl(2)");
	int fd = make_ready_fd();
	pthread_t second;

	arming.core = core_create();
	arming.id = register_owned(arming.core, fd);
	fault_epoll_ctl_hook = arm_in_turns;
	second = spawn(arm_again, NULL);
	ck_assert_int_eq(registration_arm(arming.core, arming.id, AMY_READ), 0);
	atomic_store(&handover.first_is_back, true);
	join(second);
	ck_assert_int_eq(state_of(arming.core, arming.id), SLOT_ARMED);
	core_unref(arming.core);
	close(fd);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("core",
	    ids_are_never_used_twice,
	    id_is_generation_and_place,
	    place_freed_last_is_reused_first,
	    place_whose_generations_are_used_up_is_retired,
	    table_grows_and_no_place_ever_moves,
	    places_at_the_edges_of_segments_have_their_own_slots,
	    table_is_full_at_the_number_that_is_documented,
	    unknown_ids_are_invalid,
	    owned_registration_can_be_ended_but_not_taken,
	    armed_registration_can_be_taken_but_not_armed_or_ended,
	    event_makes_the_registration_the_thread_s,
	    event_counts_once,
	    event_under_way_when_taken_does_not_count,
	    event_of_an_arming_that_was_taken_does_not_count_for_the_next,
	    stale_event_does_not_count_after_any_number_of_rounds,
	    stale_event_does_not_count_after_any_number_of_generations,
	    event_of_an_ended_registration_does_not_count_for_its_successor,
	    taken_registration_is_armed_with_its_new_interest,
	    last_reference_frees_the_core,
	    kernel_learns_of_a_descriptor_when_it_is_first_armed,
	    arming_that_failed_leaves_the_registration_owned_and_unknown,
	    registration_that_is_being_armed_is_busy,
	    event_that_comes_before_the_arming_call_is_back_counts,
	    registration_that_is_cancelled_while_it_is_armed_is_the_caller_s_again,
	    event_that_comes_first_of_one_that_is_cancelled_is_told_once,
	    cancelling_is_not_forgotten_where_the_arming_call_fails,
	    registration_ended_before_the_arming_call_is_back_stays_ended,
	    registration_that_is_being_armed_again_is_busy_until_that_call_is_back);
}
