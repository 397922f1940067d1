# Benchmarks: they print ratios, and judge nothing. "make bench" runs them all; a test runs
# each of them for a moment.

bench_programs = \
	%D%/fairness \
	%D%/floor_echo \
	%D%/floor_fanout \
	%D%/hold \
	%D%/library \
	%D%/many_subscriptions \
	%D%/one_stopped \
	%D%/start_stop

if HAVE_LIBEVENT
bench_programs += %D%/echo_libevent
endif
if HAVE_LIBUV
bench_programs += %D%/echo_libuv
endif
if HAVE_LIBEV
bench_programs += %D%/echo_libev
endif

check_PROGRAMS += $(bench_programs)
dist_check_SCRIPTS += %D%/bench_quick.sh
TESTS += %D%/bench_quick.sh
EXTRA_DIST += %D%/bench.sh %D%/servers.sh %D%/parts.sh \
	%D%/figures.awk %D%/report.awk %D%/bars.awk %D%/bars.gp

bench_load = %D%/common.c %D%/common.h
bench_server = $(bench_load) %D%/listening.c %D%/listening.h

%C%_fairness_SOURCES = %D%/fairness.c $(bench_load)
%C%_floor_echo_SOURCES = %D%/floor_echo.c $(bench_server)
%C%_floor_fanout_SOURCES = %D%/floor_fanout.c $(bench_server)
%C%_hold_SOURCES = %D%/hold.c $(bench_load)
%C%_many_subscriptions_SOURCES = %D%/many_subscriptions.c $(bench_load)
%C%_one_stopped_SOURCES = %D%/one_stopped.c $(bench_load)
%C%_start_stop_SOURCES = %D%/start_stop.c $(bench_load)

# libev has functions of the names of libevent's. Nobody wants those: so libevent comes first.
%C%_library_SOURCES = %D%/library.c %D%/library.h %D%/library_amy.c %D%/library_epoll.c \
	$(bench_load)
%C%_library_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src/libamy
%C%_library_LDADD = libamy.la
if HAVE_LIBEVENT
%C%_library_SOURCES += %D%/library_libevent.c
%C%_library_CPPFLAGS += -DHAVE_LIBEVENT $(LIBEVENT_CFLAGS)
%C%_library_LDADD += $(LIBEVENT_LIBS)
endif
if HAVE_LIBUV
%C%_library_SOURCES += %D%/library_libuv.c
%C%_library_CPPFLAGS += -DHAVE_LIBUV $(LIBUV_CFLAGS)
%C%_library_LDADD += $(LIBUV_LIBS)
endif
if HAVE_LIBEV
%C%_library_SOURCES += %D%/library_libev.c
%C%_library_CPPFLAGS += -DHAVE_LIBEV
%C%_library_LDADD += -lev
endif

%C%_echo_libevent_SOURCES = %D%/echo_libevent.c $(bench_server)
%C%_echo_libevent_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
%C%_echo_libevent_LDADD = $(LIBEVENT_LIBS)

%C%_echo_libuv_SOURCES = %D%/echo_libuv.c $(bench_server)
%C%_echo_libuv_CPPFLAGS = $(AM_CPPFLAGS) $(LIBUV_CFLAGS)
%C%_echo_libuv_LDADD = $(LIBUV_LIBS)

%C%_echo_libev_SOURCES = %D%/echo_libev.c $(bench_server)
%C%_echo_libev_LDADD = -lev

# Rounds, of which the median is printed, and seconds of each measurement. To run some parts
# only: make bench bench_parts="echo fanout"; bench.sh says which ones there are.

bench_rounds = 5
bench_seconds = 2
bench_parts =
bench_scale = 1

.PHONY: bench bench-quick
bench: $(bench_programs) amyd amybench
	$(AM_V_at)top_builddir='$(abs_top_builddir)' $(SHELL) $(srcdir)/%D%/bench.sh \
	  -r '$(bench_rounds)' -d '$(bench_seconds)' -q '$(bench_scale)' $(bench_parts)

# Everything once, for a moment, with a fiftieth of the clients: to see that it works.
bench-quick:
	$(AM_V_at)$(MAKE) $(AM_MAKEFLAGS) --no-print-directory bench \
	  bench_rounds=1 bench_seconds=0.05 bench_scale=50

CLEANFILES += bench/results.tsv bench/bench.svg
