# The library. Its ABI: version-info is current:revision:age, as libtool counts them.
# The unit tests link the archive in libamy-private.la, where nothing is hidden.

noinst_LTLIBRARIES += libamy-private.la
lib_LTLIBRARIES += libamy.la
include_HEADERS += %D%/amy.h
pkgconfig_DATA += %D%/libamy.pc

libamy_private_la_SOURCES = \
	%D%/amy.h \
	%D%/agenda.c %D%/agenda.h \
	%D%/buffer.c %D%/buffer.h \
	%D%/channel.c \
	%D%/core.c %D%/core.h \
	%D%/datagrams.c \
	%D%/deadline.h \
	%D%/frame_reader.c \
	%D%/frame_writer.c \
	%D%/kernel.h \
	%D%/line_reader.c \
	%D%/line_writer.c %D%/line_writer.h \
	%D%/messages.h %D%/messages_loop.c %D%/messages_mmsg.c \
	%D%/notice.h %D%/notice_eventfd.c %D%/notice_pipe.c \
	%D%/poller.c %D%/poller.h \
	%D%/registrar.c \
	%D%/registration.c %D%/registration.h \
	%D%/signals_kqueue.c %D%/signals_signalfd.c \
	%D%/soft.c %D%/soft.h \
	%D%/wait_set.c \
	%D%/word.h
libamy_private_la_CPPFLAGS = $(AM_CPPFLAGS) $(KERNEL_CPPFLAGS) -I$(srcdir)/%D%
libamy_private_la_LIBADD = $(KERNEL_LIBS)
private_archive = $(objdir)/libamy-private.a

$(private_archive): libamy-private.la
	@:

if KERNEL_KQUEUE
libamy_private_la_SOURCES += \
	%D%/kernel_kqueue.c %D%/kernel_kqueue.h \
	%D%/kqueue_changes.c %D%/kqueue_changes.h \
	%D%/kqueue_table.c %D%/kqueue_table.h
else
libamy_private_la_SOURCES += %D%/kernel_epoll.c %D%/kernel_epoll.h
endif

libamy_la_SOURCES =
libamy_la_LIBADD = libamy-private.la
libamy_la_LDFLAGS = $(AM_LDFLAGS) -version-info 1:0:0 -no-undefined
EXTRA_DIST += %D%/libamy.map

# What is exported, and with which version; without versions, all names of the API.
if HAVE_VERSION_SCRIPT
libamy_la_LDFLAGS += -Wl,--version-script=$(srcdir)/%D%/libamy.map
EXTRA_libamy_la_DEPENDENCIES = %D%/libamy.map
else
libamy_la_LDFLAGS += -export-symbols-regex '^amy_'
endif

# The library alone, with its pages and examples.
install-libamy: install-libLTLIBRARIES install-includeHEADERS install-pkgconfigDATA \
		install-man3 install-dist_examplesDATA
.PHONY: install-libamy
