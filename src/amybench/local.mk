# The load generator. How people write times and addresses it has from the daemon.

bin_PROGRAMS += amybench

amybench_SOURCES = \
	%D%/clock.h \
	%D%/connection.c %D%/connection.h \
	%D%/dial.c %D%/dial.h \
	%D%/dialect.c %D%/dialect.h \
	%D%/dialect_amyd.c \
	%D%/dialect_lines.c \
	%D%/dialect_memcached.c \
	%D%/dialect_nats.c \
	%D%/dialect_raw.c \
	%D%/dialect_redis.c \
	%D%/form.c %D%/form.h \
	%D%/histogram.c %D%/histogram.h \
	%D%/load.c %D%/load.h \
	%D%/load_churn.c \
	%D%/load_echo.c \
	%D%/load_fanout.c \
	%D%/load_idle.c \
	%D%/load_request.c \
	%D%/main.c \
	%D%/opening.c %D%/opening.h \
	%D%/options.h \
	%D%/process.c %D%/process.h \
	%D%/run.c %D%/run.h \
	%D%/say.c %D%/say.h \
	%D%/stamps.c %D%/stamps.h \
	%D%/summary.c %D%/summary.h \
	%D%/text.c %D%/text.h \
	%D%/units_text.c %D%/units_text.h \
	src/amyd/address.c src/amyd/address.h \
	src/amyd/units.c src/amyd/units.h
amybench_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src/libamy -I$(srcdir)/src/amyd
amybench_LDADD = libamy.la
