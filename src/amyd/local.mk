# The daemon. All but main.c is in a library of its own, which the unit tests link.

sbin_PROGRAMS += amyd
noinst_LTLIBRARIES += libamyd.la

libamyd_la_SOURCES = \
	%D%/accept_thread.c %D%/accept_thread.h \
	%D%/address.c %D%/address.h \
	%D%/command.c \
	%D%/conf.c %D%/conf.h \
	%D%/conf_text.c %D%/conf_text.h \
	%D%/handler_thread.c %D%/handler_thread.h \
	%D%/hash.c %D%/hash.h \
	%D%/inbox.c %D%/inbox.h \
	%D%/listener.c %D%/listener.h \
	%D%/log.c %D%/log.h \
	%D%/log_thread.c %D%/log_thread.h \
	%D%/mode.c %D%/mode.h \
	%D%/monotonic.c %D%/monotonic.h \
	%D%/notify.c %D%/notify.h \
	%D%/poll_thread.c %D%/poll_thread.h \
	%D%/protocol.c %D%/protocol.h \
	%D%/record_pipe.c %D%/record_pipe.h \
	%D%/router.c %D%/router.h \
	%D%/server.c %D%/server.h \
	%D%/session.c %D%/session.h \
	%D%/subject.c %D%/subject.h \
	%D%/subscriptions.c %D%/subscriptions.h \
	%D%/table.c %D%/table.h \
	%D%/units.c %D%/units.h
libamyd_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src/libamy
libamyd_la_CFLAGS = $(AM_CFLAGS) $(CONFUSE_CFLAGS)

amyd_SOURCES = %D%/main.c
amyd_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src/libamy
amyd_LDADD = libamyd.la libamy.la $(CONFUSE_LIBS)
