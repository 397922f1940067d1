# The library. Its ABI: version-info is current:revision:age, as libtool counts them.
# The unit tests link libamy-private.la, where nothing is hidden.

noinst_LTLIBRARIES += libamy-private.la
lib_LTLIBRARIES += libamy.la
include_HEADERS += %D%/amy.h
pkgconfig_DATA += %D%/libamy.pc

libamy_private_la_SOURCES = \
	%D%/amy.h \
	%D%/core.c %D%/core.h \
	%D%/kernel.h %D%/kernel_epoll.c \
	%D%/line_reader.c \
	%D%/line_writer.c \
	%D%/poller.c %D%/poller.h \
	%D%/registrar.c
libamy_private_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/%D%

libamy_la_SOURCES =
libamy_la_LIBADD = libamy-private.la
libamy_la_LDFLAGS = $(AM_LDFLAGS) -version-info 1:0:0 -no-undefined \
	-export-symbols-regex '^amy_'
