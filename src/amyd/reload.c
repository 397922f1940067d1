/* SPDX-License-Identifier: MIT */
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

/* NULL: it was refused, which is logged. */
static struct conf *
read_again(const struct reload *reload)
{
	char error[CONF_MAX_ERROR];
	int code;
	struct conf *conf = conf_read(reload->path, &code, error);

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

void
reload(struct reload *reload)
{
	struct conf *conf;
	bool is_done = false;

	notify_reloading();
	conf = read_again(reload);
	if (conf != NULL) {
		is_done = change(reload, conf);
		if (!is_done)
			conf_unref(conf);
	}
	server_count_reload(reload->server, is_done);
	notify_ready();
}
