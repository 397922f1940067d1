/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "core.h"
#include "poller.h"

#define INTEREST_BITS (AMY_READ | AMY_WRITE | AMY_HUP | AMY_ERROR)

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
amy_registrar_register(struct amy_registrar *registrar, int fd, unsigned interest,
                       void *data, amy_id *id)
{
	int error;

	if (interest & ~INTEREST_BITS) {
		errno = EINVAL;
		return -1;
	}
	if (core_register(registrar->core, fd, data, id) == -1)
		return -1;
	if (interest == 0 || core_arm(registrar->core, *id, interest) == 0)
		return 0;
	error = errno;
	core_deregister(registrar->core, *id);
	errno = error;
	return -1;
}

int
amy_registrar_rearm(struct amy_registrar *registrar, amy_id id, unsigned interest)
{
	if (interest == 0 || interest & ~INTEREST_BITS) {
		errno = EINVAL;
		return -1;
	}
	return core_arm(registrar->core, id, interest);
}

int
amy_registrar_take(struct amy_registrar *registrar, amy_id id)
{
	return core_take(registrar->core, id);
}

int
amy_registrar_deregister(struct amy_registrar *registrar, amy_id id)
{
	return core_deregister(registrar->core, id);
}
