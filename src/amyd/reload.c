/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "bound.h"
#include "conf_diff.h"
#include "log.h"
#include "notify.h"
#include "reload.h"

enum log_level
reload_log_level(const struct conf *conf, unsigned verbose)
{
	unsigned level = (unsigned)conf->log_level + verbose;

	return level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : (enum log_level)level;
}

static void
say_changed(void *context, const char *text)
{
	(void)context;
	log_info("reload: changed: %s", text);
}

static void
say_kept(void *context, const char *text)
{
	(void)context;
	log_warning("reload: %s needs a restart: it stays as it is until then", text);
}

/* A file that says nothing is more often a mistake than the wish for all defaults. */
static bool
is_refused(const struct reload *reload, const struct conf *conf)
{
	if (!conf->is_blank)
		return false;
	log_error("reload: %s: it says nothing: the configuration stays as it is: to have the "
	          "defaults, write one of them into it, or restart",
	          reload->path);
	return true;
}

/* What was read; NULL: it was refused, which is logged. */
static struct conf *
take_read(struct reload *reload)
{
	char error[CONF_MAX_ERROR];
	int code;
	struct conf *conf = load_thread_finish(reload->loading, &code, error);

	reload->loading = NULL;
	if (conf == NULL) {
		log_error("reload: %s: the configuration stays as it is", error);
		return NULL;
	}
	if (!is_refused(reload, conf))
		return conf;
	conf_unref(conf);
	return NULL;
}

/* False: nothing has changed. */
static bool
change(struct reload *reload, struct conf *conf)
{
	char bound[BOUND_MAX_TEXT];
	size_t n;

	conf_keep(conf, reload->conf, server_most_clients(reload->server), say_kept, NULL);
	if (server_change(reload->server, conf, reload->listeners) == -1) {
		log_error("reload: the configuration stays as it is");
		return false;
	}
	log_set_level(reload_log_level(conf, reload->verbose));
	n = conf_diff(reload->conf, conf, say_changed, NULL);
	conf_unref(reload->conf);
	reload->conf = conf;
	if (reload->port_path != NULL)
		listeners_write_ports(reload->listeners, reload->port_path);
	if (n > 0)
		log_info("%s", bound_format(conf, bound));
	log_info("reload: %s: done, %zu change%s", reload->path, n, n == 1 ? "" : "s");
	return true;
}

static void
end(struct reload *reload, bool is_done)
{
	server_count_reload(reload->server, is_done);
	notify_ready();
}

void
reload_begin(struct reload *reload)
{
	reload->is_wanted_again = reload->loading != NULL;
	if (reload->loading != NULL)
		return;
	notify_reloading();
	reload->loading = load_thread_start(reload->path, server_end_fd(reload->server));
	if (reload->loading != NULL)
		return;
	log_error("reload: %s: the configuration stays as it is", strerror(errno));
	end(reload, false);
}

bool
reload_is_read(const struct reload *reload)
{
	return reload->loading != NULL && load_thread_is_done(reload->loading);
}

void
reload_finish(struct reload *reload)
{
	struct conf *conf = take_read(reload);
	bool is_done = conf != NULL && change(reload, conf);

	if (!is_done)
		conf_unref(conf);
	end(reload, is_done);
	if (reload->is_wanted_again)
		reload_begin(reload);
}

void
reload_abandon(struct reload *reload)
{
	if (reload->loading != NULL)
		load_thread_leave_behind(reload->loading);
	reload->loading = NULL;
}
