/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "core.h"
#include "poller.h"
#include "registration.h"
#include "soft.h"

#define MAX_US (100 * 365 * INT64_C(86400000000)) /* a hundred years */

struct amy_registrar {
	struct core *core; /* constant after create; one reference */
};

struct amy_registrar *
amy_registrar_create(struct amy_poller *poller)
{
	struct amy_registrar *registrar = malloc(sizeof *registrar);

	if (registrar != NULL)
		registrar->core = core_ref(poller_core(poller));
	return registrar;
}

void
amy_registrar_destroy(struct amy_registrar *registrar)
{
	if (registrar == NULL)
		return;
	core_unref(registrar->core);
	free(registrar);
}

int
amy_registrar_register(struct amy_registrar *registrar, int fd, unsigned interest, void *data,
                       amy_id *id)
{
	int error;

	if (interest & ~KERNEL_INTEREST_BITS) {
		errno = EINVAL;
		return -1;
	}
	if (registration_add(registrar->core, fd, data, id) == -1)
		return -1;
	if (interest == 0 || registration_arm(registrar->core, *id, interest) == 0)
		return 0;
	error = errno;
	registration_deregister(registrar->core, *id);
	errno = error;
	return -1;
}

int
amy_registrar_rearm(struct amy_registrar *registrar, amy_id id, unsigned interest)
{
	if (interest == 0) {
		errno = EINVAL;
		return -1;
	}
	return registration_arm(registrar->core, id, interest);
}

int
amy_registrar_take(struct amy_registrar *registrar, amy_id id)
{
	return registration_take(registrar->core, id);
}

int
amy_registrar_deregister(struct amy_registrar *registrar, amy_id id)
{
	return registration_deregister(registrar->core, id);
}

int
amy_registrar_cancel(struct amy_registrar *registrar, amy_id id)
{
	return registration_cancel(registrar->core, id);
}

static int
check_times(int64_t delay_us, int64_t interval_us)
{
	if (delay_us >= 0 && delay_us <= MAX_US && interval_us >= 0 && interval_us <= MAX_US)
		return 0;
	errno = EINVAL;
	return -1;
}

int
amy_registrar_register_timer(struct amy_registrar *registrar, int64_t delay_us,
                             int64_t interval_us, void *data, amy_id *id)
{
	if (check_times(delay_us, interval_us) == -1)
		return -1;
	return soft_register_timer(registrar->core, delay_us * 1000, interval_us * 1000, data,
	                           id);
}

int
amy_registrar_rearm_timer(struct amy_registrar *registrar, amy_id id, int64_t delay_us,
                          int64_t interval_us)
{
	if (check_times(delay_us, interval_us) == -1)
		return -1;
	return soft_set_timer(registrar->core, id, delay_us * 1000, interval_us * 1000);
}

int
amy_registrar_register_event(struct amy_registrar *registrar, void *data, amy_id *id)
{
	return soft_register_event(registrar->core, data, id);
}

int
amy_registrar_trigger(struct amy_registrar *registrar, amy_id id)
{
	return soft_trigger(registrar->core, id);
}
