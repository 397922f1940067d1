/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#include "mhd.h"

/* Its name has been that since 0.9.71, which configure asks for. */
#define LIBRARY "libmicrohttpd.so.12"

static struct mhd mhd;

/* Where a function's address goes, which dlsym(3) tells as a pointer to an object. */
static const struct {
	const char *name;
	void *place;
} functions[] = {
	{ "MHD_add_response_header", &mhd.add_response_header },
	{ "MHD_create_response_from_buffer", &mhd.create_response_from_buffer },
	{ "MHD_destroy_response", &mhd.destroy_response },
	{ "MHD_get_connection_info", &mhd.get_connection_info },
	{ "MHD_get_daemon_info", &mhd.get_daemon_info },
	{ "MHD_get_timeout", &mhd.get_timeout },
	{ "MHD_lookup_connection_value", &mhd.lookup_connection_value },
	{ "MHD_queue_response", &mhd.queue_response },
	{ "MHD_quiesce_daemon", &mhd.quiesce_daemon },
	{ "MHD_run", &mhd.run },
	{ "MHD_start_daemon", &mhd.start_daemon },
	{ "MHD_stop_daemon", &mhd.stop_daemon },
};

static bool
find_functions(void *library)
{
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
		void *function = dlsym(library, functions[i].name);

		if (function == NULL)
			return false;
		memcpy(functions[i].place, &function, sizeof function);
	}
	return true;
}

const struct mhd *
mhd_load(const char **why)
{
	static bool is_loaded;
	void *library;

	if (is_loaded)
		return &mhd;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (library != NULL && find_functions(library)) {
		is_loaded = true;
		return &mhd;
	}
	*why = dlerror();
	return NULL;
}
