# Benchmarks: they print ratios, and judge nothing. "make bench" runs them.

EXTRA_PROGRAMS = %D%/floor_echo %D%/echo_load
EXTRA_DIST += %D%/echo.sh

%C%_floor_echo_SOURCES = %D%/floor_echo.c
%C%_echo_load_SOURCES = %D%/echo_load.c

bench_rounds = 5
bench_milliseconds = 2000

.PHONY: bench
bench: $(EXTRA_PROGRAMS) amyd
	top_builddir='$(abs_top_builddir)' $(SHELL) $(srcdir)/%D%/echo.sh \
	  $(bench_rounds) $(bench_milliseconds)
