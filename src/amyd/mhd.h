/* SPDX-License-Identifier: MIT */
/*
 * mhd.h - libmicrohttpd, loaded when a listener asks for it.
 *
 * With it come GnuTLS and ten more libraries. Loading them takes longer than all the rest of
 * the start, and a third of the memory: so whoever has no listener of mode "http" does without.
 */
#ifndef MHD_H
#define MHD_H

#include <microhttpd.h>

/* What is used of it, by the names that it has behind "MHD_". */
struct mhd {
	__typeof__(MHD_add_response_header) *add_response_header;
	__typeof__(MHD_create_response_from_buffer) *create_response_from_buffer;
	__typeof__(MHD_destroy_response) *destroy_response;
	__typeof__(MHD_get_connection_info) *get_connection_info;
	__typeof__(MHD_get_daemon_info) *get_daemon_info;
	__typeof__(MHD_get_timeout) *get_timeout;
	__typeof__(MHD_lookup_connection_value) *lookup_connection_value;
	__typeof__(MHD_queue_response) *queue_response;
	__typeof__(MHD_quiesce_daemon) *quiesce_daemon;
	__typeof__(MHD_run) *run;
	__typeof__(MHD_start_daemon) *start_daemon;
	__typeof__(MHD_stop_daemon) *stop_daemon;
};

/*
 * Load it, unless it is loaded; it stays until the end. The same for all. NULL: *why says in
 * words of the system why it cannot be. One thread at a time.
 */
const struct mhd *mhd_load(const char **why);

#endif
