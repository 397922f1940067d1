/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "listener.h"
#include "log.h"

#define BACKLOG 4096

static const char *
remedy(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "another program listens there: stop it, or choose another address";
	case EACCES:
	case EPERM:
		return "that needs more rights: start amyd as root with user = set, or choose "
		       "a port from 1024 or another folder";
	case EADDRNOTAVAIL:
		return "this machine does not have that address: see ip addr";
	case ENOENT:
	case ENOTDIR:
		return "make the folder of the socket first";
	case EROFS:
		return "nothing can be made there: choose a path where something can";
	case EEXIST:
		return "a file that is no socket is in the way: remove it, or choose another "
		       "path";
	case EAFNOSUPPORT:
		return "this machine, or the service manager, does not allow that: "
		       "write address = \"fd:NAME\" for a socket that is passed, or choose "
		       "another";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files (ulimit -n, LimitNOFILE=)";
	}
	return "see the cause";
}

static int
exit_code(int error)
{
	switch (error) {
	case EADDRINUSE:
		return EX_UNAVAILABLE;
	case EADDRNOTAVAIL:
		return EX_TEMPFAIL; /* at boot it may be there a moment later */
	case EAFNOSUPPORT:
		return EX_CONFIG; /* to be started again does not help */
	case EACCES:
	case EPERM:
		return EX_NOPERM;
	}
	return EX_OSERR;
}

static int
complain(const struct conf_listener *conf, const struct address *address)
{
	int error = errno;
	char text[ADDRESS_MAX_TEXT];

	log_error("listen %s: %s: %s: %s", conf->name, address_format(address, text),
	          strerror(error), remedy(error));
	return exit_code(error);
}

static struct made_file
made_file(const struct stat *st)
{
	return (struct made_file){ st->st_dev, st->st_ino, st->st_mtim };
}

/* What has the name is what we have made. Whatever uses the name asks this right before. */
static bool
is_still_there(const struct made_file *made, const char *path)
{
	struct stat st;

	return made->inode != 0 && lstat(path, &st) == 0 && st.st_dev == made->device &&
	       st.st_ino == made->inode && st.st_mtim.tv_sec == made->modified.tv_sec &&
	       st.st_mtim.tv_nsec == made->modified.tv_nsec;
}

static void
remove_made(const struct made_file *made, const char *path)
{
	if (is_still_there(made, path))
		unlink(path);
}

enum path_state {
	PATH_IS_FREE,
	PATH_IS_STALE, /* a socket that nobody listens on any more */
	PATH_IS_TAKEN, /* errno: EADDRINUSE, EEXIST, or why it cannot be looked at */
};

/*
 * A socket that a daemon left behind, for it did not come to removing it, refuses to be
 * connected to; one that is listened on does not.
 */
static enum path_state
look_at_path(const struct address *address, struct made_file *found)
{
	struct stat st;
	int fd, error;

	if (lstat(address->u.un.sun_path, &st) == -1)
		return errno == ENOENT ? PATH_IS_FREE : PATH_IS_TAKEN;
	*found = made_file(&st);
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return PATH_IS_TAKEN;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return PATH_IS_TAKEN;
	error = connect(fd, &address->u.any, address->length) == 0 ? 0 : errno;
	close(fd);
	if (error == ECONNREFUSED)
		return PATH_IS_STALE;
	errno = EADDRINUSE;
	return PATH_IS_TAKEN;
}

/* False, errno: something else is there. */
static bool
remove_stale_socket(const struct address *address)
{
	struct made_file found;

	switch (look_at_path(address, &found)) {
	case PATH_IS_FREE:
		return true;
	case PATH_IS_STALE:
		if (is_still_there(&found, address->u.un.sun_path))
			return unlink(address->u.un.sun_path) == 0;
		errno = EADDRINUSE;
		break;
	case PATH_IS_TAKEN:
		break;
	}
	return false;
}

static int
set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

/* The clients' sockets inherit these. */
static int
set_tcp_options(int fd)
{
	if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1)
		return -1;
	return address_set_tcp_options(fd);
}

static int
set_options(int fd, const struct address *address)
{
	switch (address->u.any.sa_family) {
	case AF_INET6:
		/* "*" is every address; an address that is named is that one alone. */
		if (set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
		               !IN6_IS_ADDR_UNSPECIFIED(&address->u.in6.sin6_addr)) == -1)
			return -1;
		return set_tcp_options(fd);
	case AF_INET:
		return set_tcp_options(fd);
	}
	return 0;
}

/* Nobody can connect before listen(2), so nobody does before the mode is as it should be. */
static int
bind_and_listen_unix(int fd, const struct conf_listener *conf, const struct address *address,
                     struct made_file *made)
{
	const char *path = address->u.un.sun_path;
	struct stat st;
	int error;

	if (!remove_stale_socket(address) || bind(fd, &address->u.any, address->length) == -1)
		return -1;
	if (lstat(path, &st) == 0)
		*made = made_file(&st);
	if (chmod(path, conf->access) == 0 && listen(fd, BACKLOG) == 0)
		return 0;
	error = errno;
	remove_made(made, path);
	errno = error;
	return -1;
}

static int
bind_and_listen(int fd, const struct conf_listener *conf, const struct address *address,
                struct made_file *made)
{
	if (address->u.any.sa_family == AF_UNIX)
		return bind_and_listen_unix(fd, conf, address, made);
	if (bind(fd, &address->u.any, address->length) == -1)
		return -1;
	return listen(fd, BACKLOG);
}

/* is_shared: beside another socket of ours that says so, too. -1, errno. */
static int
listener_open(struct listener *listener, const struct conf_listener *conf,
              const struct address *address, bool is_shared)
{
	socklen_t length = sizeof listener->address.u;
	int fd =
	    socket(address->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd == -1)
		return -1;
	if (set_options(fd, address) == -1 ||
	    (is_shared && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) == -1) ||
	    bind_and_listen(fd, conf, address, &listener->made) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	listener->conf = conf;
	listener->fd = fd;
	listener->address = *address;
	if (address->u.any.sa_family != AF_UNIX)
		getsockname(fd, &listener->address.u.any, &length);
	return 0;
}

/* It listens where this one is to listen. One that asks for any port has its own. */
static bool
is_same(const struct listener *present, const struct conf_listener *conf,
        const struct address *address)
{
	if (present->is_kept || present->is_passed)
		return false;
	if (address_is_equal(&present->address, address))
		return true;
	if (!address_is_equal(&present->asked, address))
		return false;
	return address->u.any.sa_family == AF_UNIX || address_port(address) != 0 ||
	       strcmp(present->conf->name, conf->name) == 0;
}

/* What listens there already goes on in this one. */
static void
listener_keep(struct listener *listener, struct listener *present,
              const struct conf_listener *conf)
{
	*listener = *present;
	listener->conf = conf;
	listener->before = present;
	present->is_kept = true;
}

/* False: none of those present listens there. */
static bool
find_and_keep(struct listener *listener, struct listeners *present,
              const struct conf_listener *conf, const struct address *address)
{
	for (size_t i = 0; i < present->n; i++) {
		if (!is_same(&present->items[i], conf, address))
			continue;
		listener_keep(listener, &present->items[i], conf);
		return true;
	}
	return false;
}

/* ---- An address that one of our own listeners has ---------------------------------- */

/* An own listener that this address cannot be bound beside. NULL: there is none. */
static struct listener *
find_in_the_way(const struct listeners *listeners, const struct address *address)
{
	for (size_t i = 0; i < listeners->n; i++)
		if (address_overlaps(&listeners->items[i].address, address))
			return &listeners->items[i];
	return NULL;
}

/* A listener that next goes on with, or will. */
static bool
stays(const struct listener *listener, const struct conf *next)
{
	if (listener->is_kept || listener->is_passed)
		return true;
	for (size_t i = 0; i < next->nlisteners; i++) {
		const struct conf_listener *conf = &next->listeners[i];

		for (int k = 0; k < conf->nresolved; k++)
			if (is_same(listener, conf, &conf->resolved[k]))
				return true;
	}
	return false;
}

/* Whether those of ours that go with this change let others bind their addresses. */
static void
share_leaving(const struct listeners *present, const struct conf *next,
              const struct address *address, int on)
{
	for (size_t i = 0; i < present->n; i++) {
		const struct listener *listener = &present->items[i];

		if (address_overlaps(&listener->address, address) && !stays(listener, next))
			set_option(listener->fd, SOL_SOCKET, SO_REUSEPORT, on);
	}
}

/*
 * An address, where another one that overlaps it is given up by the same change: between
 * "127.0.0.1:2693" and "*:2693". Both sockets are there for a moment; only while this one is
 * bound they say that they may. -1, errno.
 */
static int
open_beside_leaving(struct listener *listener, const struct listeners *present,
                    const struct conf *next, const struct conf_listener *conf,
                    const struct address *address)
{
	int rc, error;

	share_leaving(present, next, address, 1);
	rc = listener_open(listener, conf, address, true);
	error = errno;
	share_leaving(present, next, address, 0);
	if (rc == 0)
		set_option(listener->fd, SOL_SOCKET, SO_REUSEPORT, 0);
	errno = error;
	return rc;
}

/* Who has the address is one of ours: name it. False: it is not. */
static bool
blame_own(const struct listeners *listeners, const struct conf_listener *conf,
          const struct address *address)
{
	const struct listener *other = find_in_the_way(listeners, address);
	char text[ADDRESS_MAX_TEXT], other_text[ADDRESS_MAX_TEXT];

	if (other == NULL)
		return false;
	log_error("listen %s: %s: listen %s of this amyd has %s, which includes that or is "
	          "included: give one of them another port",
	          conf->name, address_format(address, text), other->conf->name,
	          address_format(&other->address, other_text));
	return true;
}

/* ---- Opening ---------------------------------------------------------------------- */

/* What listeners are made of: those that were opened before, and those of now, if any. */
struct opening {
	struct listeners *listeners; /* so far */
	struct listeners *present;
	const struct conf *conf;
};

/* 0: it listens; -1, errno: it does not. */
static int
open_one(const struct opening *opening, struct listener *listener,
         const struct conf_listener *conf, const struct address *address)
{
	if (find_in_the_way(opening->present, address) == NULL)
		return listener_open(listener, conf, address, false);
	return open_beside_leaving(listener, opening->present, opening->conf, conf, address);
}

/* An exit code for errno, once it is logged. */
static int
complain_of(const struct opening *opening, const struct conf_listener *conf,
            const struct address *address)
{
	if (errno == EADDRINUSE && (blame_own(opening->listeners, conf, address) ||
	                            blame_own(opening->present, conf, address)))
		return EX_UNAVAILABLE;
	return complain(conf, address);
}

/*
 * This machine does not have the address, but the name has others: "localhost" is ::1, too,
 * where IPv6 is off. There has to be one that can be had.
 */
static bool
is_left_out(const struct conf_listener *conf, int i, size_t nopened, const struct address *address)
{
	char text[ADDRESS_MAX_TEXT];
	int error = errno;

	if (error != EADDRNOTAVAIL && error != EAFNOSUPPORT)
		return false;
	if (nopened == 0 && i + 1 == conf->nresolved)
		return false;
	log_warning("listen %s: %s: %s: this address of %s is left out: remove it from "
	            "/etc/hosts or the name server, or write the address that is meant",
	            conf->name, address_format(address, text), strerror(error), conf->address);
	errno = error;
	return true;
}

/* The further addresses of a name share the port that the first one got. */
static int
open_resolved(const struct opening *opening, const struct conf_listener *conf)
{
	struct listeners *listeners = opening->listeners;
	unsigned port = address_port(&conf->resolved[0]);
	size_t before = listeners->n;

	for (int i = 0; i < conf->nresolved; i++) {
		struct listener *listener = &listeners->items[listeners->n];
		struct address address = conf->resolved[i];

		address_set_port(&address, port);
		if (!find_and_keep(listener, opening->present, conf, &conf->resolved[i]) &&
		    open_one(opening, listener, conf, &address) == -1) {
			if (is_left_out(conf, i, listeners->n - before, &address))
				continue;
			return complain_of(opening, conf, &address);
		}
		listener->asked = conf->resolved[i];
		port = address_port(&listeners->items[listeners->n++].address);
	}
	return 0;
}

/* What was passed at the start stays with whoever has the name. */
static int
keep_passed(struct listeners *listeners, struct listeners *present,
            const struct conf_listener *conf)
{
	const char *name = address_fd_name(conf->address);
	size_t n = 0;

	for (size_t i = 0; i < present->n; i++) {
		struct listener *old = &present->items[i];

		if (!old->is_passed || strcmp(address_fd_name(old->conf->address), name) != 0)
			continue;
		if (!conf->open && !address_is_loopback(&old->address)) {
			log_error("listen %s: fd:%s can be reached from other machines: if "
			          "that is meant, add open = true",
			          conf->name, name);
			return EX_CONFIG;
		}
		listener_keep(&listeners->items[listeners->n++], old, conf);
		n++;
	}
	if (n > 0)
		return 0;
	log_error("listen %s: no socket called %s was passed to amyd when it was started: "
	          "restart it with its .socket unit, or name another address",
	          conf->name, name);
	return EX_CONFIG;
}

/* What was passed is what clients can connect to? NULL, or what it is instead. */
static const char *
find_fault(int fd)
{
	int type, listens;
	socklen_t length = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == -1)
		return "it is no socket: write ListenStream= in the .socket unit";
	if (type != SOCK_STREAM)
		return "it is no stream socket: write ListenStream= in the .socket unit";
	length = sizeof listens;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == -1 || !listens)
		return "nobody can connect to it: write Accept=no in the .socket unit";
	return NULL;
}

/* Where it is bound to is seen only now. */
static const char *
find_address(struct listener *listener)
{
	struct address *address = &listener->address;

	address->length = sizeof address->u;
	if (getsockname(listener->fd, &address->u.any, &address->length) == -1)
		return strerror(errno);
	switch (address->u.any.sa_family) {
	case AF_INET:
	case AF_INET6:
		break;
	case AF_UNIX:
		address->u.un.sun_path[sizeof address->u.un.sun_path - 1] = '\0';
		return NULL;
	default:
		return "it is neither a TCP nor a Unix socket: write another ListenStream=";
	}
	if (!listener->conf->open && !address_is_loopback(address))
		return "it can be reached from other machines: if that is meant, add open = "
		       "true";
	return address_set_tcp_options(listener->fd) == -1 ? strerror(errno) : NULL;
}

static int
open_one_passed(struct listener *listener, const struct conf_listener *conf, int fd)
{
	char text[ADDRESS_MAX_TEXT] = "";
	const char *fault = find_fault(fd);
	int flags = fcntl(fd, F_GETFL);

	listener->conf = conf;
	listener->fd = fd;
	listener->is_passed = true;
	if (fault == NULL)
		fault = find_address(listener);
	if (fault == NULL && (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1))
		fault = strerror(errno);
	if (fault == NULL)
		return 0;
	if (listener->address.length > 0)
		address_format(&listener->address, text);
	log_error("listen %s: %s, descriptor %d%s%s: %s", conf->name, conf->address, fd,
	          text[0] == '\0' ? "" : ", ", text, fault);
	return EX_CONFIG;
}

/* Several of one name are like a host name with several addresses. */
static int
open_passed(struct listeners *listeners, const struct conf_listener *conf,
            struct activation *activation)
{
	const char *name = address_fd_name(conf->address);
	int fd = activation_take(activation, name);

	if (fd == -1) {
		log_error("listen %s: no socket called %s was passed to amyd: write "
		          "FileDescriptorName=%s in the .socket unit that starts it, or name "
		          "another address",
		          conf->name, name, name);
		return EX_CONFIG;
	}
	for (; fd != -1; fd = activation_take(activation, name)) {
		int code = open_one_passed(&listeners->items[listeners->n++], conf, fd);

		if (code != 0)
			return code;
	}
	return 0;
}

static size_t
count_sockets(const struct conf *conf, const struct activation *activation)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->nlisteners; i++) {
		const char *name = address_fd_name(conf->listeners[i].address);

		n += name == NULL ? (size_t)conf->listeners[i].nresolved
		                  : activation_count(activation, name);
	}
	return n;
}

static int
open_listener(const struct opening *opening, const struct conf_listener *conf,
              struct activation *activation)
{
	if (address_fd_name(conf->address) != NULL)
		return open_passed(opening->listeners, conf, activation);
	return open_resolved(opening, conf);
}

int
listeners_open(struct listeners *listeners, const struct conf *conf,
               struct activation *activation)
{
	struct listeners none = { 0 };
	const struct opening opening = { listeners, &none, conf };
	size_t n = count_sockets(conf, activation);

	listeners->n = 0;
	listeners->items = calloc(n == 0 ? 1 : n, sizeof *listeners->items);
	if (listeners->items == NULL) {
		log_error("listeners: %s", strerror(errno));
		return EX_OSERR;
	}
	for (size_t i = 0; i < conf->nlisteners; i++) {
		int code = open_listener(&opening, &conf->listeners[i], activation);

		if (code != 0) {
			listeners_close(listeners);
			return code;
		}
	}
	return 0;
}

/* ---- Whether all could be opened ---------------------------------------------------- */

/* A socket can be made at that path. -1, errno: it cannot. */
static int
try_path(const struct address *address)
{
	char folder[sizeof address->u.un.sun_path];
	struct made_file found;
	char *slash;

	if (look_at_path(address, &found) == PATH_IS_TAKEN)
		return -1;
	memcpy(folder, address->u.un.sun_path, sizeof folder);
	slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	return access(folder, W_OK | X_OK);
}

/* Nothing is left behind, and nobody can connect meanwhile. -1, errno: it cannot be had. */
static int
try_address(const struct address *address)
{
	int fd, rc, error;

	if (address->u.any.sa_family == AF_UNIX)
		return try_path(address);
	fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	rc = set_options(fd, address);
	if (rc == 0)
		rc = bind(fd, &address->u.any, address->length);
	error = errno;
	close(fd);
	errno = error;
	return rc;
}

/* Of what is in use now: names, for one message. */
struct in_use {
	char names[LOG_MAX_MESSAGE / 2];
	size_t nbytes;
};

static void
note_in_use(struct in_use *in_use, const char *name)
{
	size_t room = sizeof in_use->names - in_use->nbytes;
	int n = snprintf(in_use->names + in_use->nbytes, room, "%s%s",
	                 in_use->nbytes == 0 ? "" : ", ", name);

	if ((size_t)n < room)
		in_use->nbytes += (size_t)n;
	else
		in_use->names[in_use->nbytes] = '\0';
}

static int
check_resolved(const struct conf_listener *conf, struct in_use *in_use)
{
	size_t nfree = 0;
	bool is_in_use = false;

	for (int i = 0; i < conf->nresolved; i++) {
		const struct address *address = &conf->resolved[i];

		if (try_address(address) == 0) {
			nfree++;
		} else if (errno == EADDRINUSE) {
			is_in_use = true;
			nfree++;
		} else if (!is_left_out(conf, i, nfree, address)) {
			return complain(conf, address);
		}
	}
	if (is_in_use)
		note_in_use(in_use, conf->name);
	return EX_OK;
}

int
listeners_check(const struct conf *conf)
{
	struct in_use in_use = { 0 };

	for (size_t i = 0; i < conf->nlisteners; i++) {
		int code = check_resolved(&conf->listeners[i], &in_use);

		if (code != EX_OK)
			return code;
	}
	if (in_use.nbytes > 0)
		log_warning("in use now, perhaps by the amyd that runs: the addresses of listen %s",
		            in_use.names);
	return EX_OK;
}

/* ---- Closing ----------------------------------------------------------------------- */

static void
listener_close(const struct listener *listener)
{
	if (listener->address.u.any.sa_family == AF_UNIX)
		remove_made(&listener->made, listener->address.u.un.sun_path);
	close(listener->fd);
}

static void
listeners_free(struct listeners *listeners)
{
	free(listeners->items);
	listeners->items = NULL;
	listeners->n = 0;
}

void
listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->n; i++)
		listener_close(&listeners->items[i]);
	listeners_free(listeners);
}

static int
prepare_listener(const struct opening *opening, const struct conf_listener *conf)
{
	if (address_fd_name(conf->address) != NULL)
		return keep_passed(opening->listeners, opening->present, conf);
	return open_resolved(opening, conf);
}

int
listeners_prepare(struct listeners *next, struct listeners *present, const struct conf *conf)
{
	const struct opening opening = { next, present, conf };
	size_t n = present->n + conf->nlisteners * CONF_MAX_ADDRESSES;

	next->n = 0;
	next->items = calloc(n, sizeof *next->items);
	if (next->items == NULL) {
		log_error("listeners: %s", strerror(errno));
		return -1;
	}
	for (size_t i = 0; i < conf->nlisteners; i++) {
		if (prepare_listener(&opening, &conf->listeners[i]) == 0)
			continue;
		listeners_abandon(next, present);
		return -1;
	}
	return 0;
}

void
listeners_abandon(struct listeners *next, struct listeners *present)
{
	for (size_t i = 0; i < next->n; i++)
		if (next->items[i].before == NULL)
			listener_close(&next->items[i]);
	for (size_t i = 0; i < present->n; i++)
		present->items[i].is_kept = false;
	listeners_free(next);
}

static int
set_access(const struct listener *listener)
{
	const char *path = listener->address.u.un.sun_path;

	if (is_still_there(&listener->made, path))
		return chmod(path, listener->conf->access);
	errno = ENOENT;
	return -1;
}

/* A Unix socket that stays may get other rights. */
static void
change_access(const struct listener *listener, const struct listener *before)
{
	if (listener->address.u.any.sa_family == AF_UNIX && !listener->is_passed &&
	    listener->conf->access != before->conf->access && set_access(listener) == -1)
		complain(listener->conf, &listener->address);
}

void
listeners_apply(struct listeners *next, struct listeners *present)
{
	for (size_t i = 0; i < present->n; i++)
		if (!present->items[i].is_kept)
			listener_close(&present->items[i]);
	for (size_t i = 0; i < next->n; i++) {
		struct listener *listener = &next->items[i];

		if (listener->before != NULL)
			change_access(listener, listener->before);
		listener->before = NULL;
	}
	next->ports = present->ports;
	listeners_free(present);
	*present = *next;
}

void
listeners_give_to(const struct listeners *listeners, uid_t uid, gid_t gid)
{
	for (size_t i = 0; i < listeners->n; i++) {
		const struct listener *listener = &listeners->items[i];
		const struct address *address = &listener->address;

		if (listener->is_passed)
			continue;
		if (address->u.any.sa_family == AF_UNIX) {
			if (chown(address->u.un.sun_path, uid, gid) == -1)
				complain(listener->conf, address);
		} else if (fchown(listener->fd, uid, gid) == -1) {
			/* At a reload, no socket of that user could take its place. */
			complain(listener->conf, address);
		}
	}
}

static int
write_ports(const struct listeners *listeners, FILE *file)
{
	char host[ADDRESS_MAX_TEXT];

	for (size_t i = 0; i < listeners->n; i++) {
		const struct listener *listener = &listeners->items[i];

		fprintf(file, "%s %s ", listener->conf->name,
		        address_format_host(&listener->address, host));
		if (listener->address.u.any.sa_family == AF_UNIX)
			fprintf(file, "-\n");
		else
			fprintf(file, "%u\n", address_port(&listener->address));
	}
	return ferror(file) ? -1 : 0;
}

/* The whole file, and what it is. -1, errno: it is not whole. */
static int
write_ports_to(const struct listeners *listeners, const char *path, struct stat *st)
{
	FILE *file = fopen(path, "we");
	bool is_whole;
	int error;

	if (file == NULL)
		return -1;
	is_whole = write_ports(listeners, file) == 0 && fflush(file) == 0 &&
	           fstat(fileno(file), st) == 0;
	error = errno;
	if (fclose(file) == -1)
		return -1;
	errno = error;
	return is_whole ? 0 : -1;
}

int
listeners_write_ports(struct listeners *listeners, const char *path)
{
	char aside[4096];
	struct stat st;
	int error;

	if (snprintf(aside, sizeof aside, "%s.new", path) >= (int)sizeof aside) {
		log_error("%s: the path is too long", path);
		return EX_USAGE;
	}
	if (write_ports_to(listeners, aside, &st) == 0 && rename(aside, path) == 0) {
		listeners->ports = made_file(&st);
		return 0;
	}
	error = errno;
	unlink(aside);
	log_error("%s: %s: the ports cannot be written there: name another file with -p", path,
	          strerror(error));
	return error == EACCES ? EX_NOPERM : EX_OSERR;
}

void
listeners_remove_ports(const struct listeners *listeners, const char *path)
{
	remove_made(&listeners->ports, path);
}
