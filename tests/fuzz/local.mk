# Fuzz targets. "make check" runs the inputs of corpus/ through them; "make fuzz" looks for more,
# with clang and libFuzzer: make fuzz fuzz_seconds=600 fuzz_targets="conf protocol".

fuzz_targets = conf protocol subject lines frames http_host
fuzz_seconds = 60

fuzz_programs = \
	%D%/fuzz_conf \
	%D%/fuzz_protocol \
	%D%/fuzz_subject \
	%D%/fuzz_lines \
	%D%/fuzz_frames \
	%D%/fuzz_http_host

check_PROGRAMS += $(fuzz_programs)
TESTS += $(fuzz_programs)

# Made in the build of clang and libFuzzer only.
EXTRA_PROGRAMS += \
	%D%/libfuzzer_conf \
	%D%/libfuzzer_protocol \
	%D%/libfuzzer_subject \
	%D%/libfuzzer_lines \
	%D%/libfuzzer_frames \
	%D%/libfuzzer_http_host

EXTRA_DIST += %D%/run.sh %D%/conf.dict %D%/corpus

.PHONY: fuzz
fuzz:
	+$(AM_V_at)$(AM_TESTS_ENVIRONMENT) MAKE='$(MAKE)' fuzz_seconds='$(fuzz_seconds)' \
		$(SHELL) $(srcdir)/%D%/run.sh $(fuzz_targets)

fuzz_cppflags = $(AM_CPPFLAGS) -I$(srcdir)/src/libamy -I$(srcdir)/src/amyd
fuzz_ldadd = libamyd.a $(private_archive) $(KERNEL_LIBS) $(CONFUSE_LIBS) $(PCRE2_LIBS)
libfuzzer_link = $(unit_link) -fsanitize=fuzzer

%C%_fuzz_conf_SOURCES = %D%/fuzz_conf.c %D%/fuzz.h %D%/replay.c
%C%_fuzz_conf_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"conf"'
%C%_fuzz_conf_LDADD = $(fuzz_ldadd)
%C%_fuzz_conf_LINK = $(unit_link) -Wl,--wrap=getaddrinfo
%C%_libfuzzer_conf_SOURCES = %D%/fuzz_conf.c %D%/fuzz.h
%C%_libfuzzer_conf_CPPFLAGS = $(fuzz_cppflags)
%C%_libfuzzer_conf_LDADD = $(fuzz_ldadd)
%C%_libfuzzer_conf_LINK = $(libfuzzer_link) -Wl,--wrap=getaddrinfo

%C%_fuzz_protocol_SOURCES = %D%/fuzz_protocol.c %D%/fuzz.h %D%/replay.c
%C%_fuzz_protocol_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"protocol"'
%C%_fuzz_protocol_LDADD = $(fuzz_ldadd)
%C%_fuzz_protocol_LINK = $(unit_link)
%C%_libfuzzer_protocol_SOURCES = %D%/fuzz_protocol.c %D%/fuzz.h
%C%_libfuzzer_protocol_CPPFLAGS = $(fuzz_cppflags)
%C%_libfuzzer_protocol_LDADD = $(fuzz_ldadd)
%C%_libfuzzer_protocol_LINK = $(libfuzzer_link)

%C%_fuzz_subject_SOURCES = %D%/fuzz_subject.c %D%/fuzz.h %D%/replay.c
%C%_fuzz_subject_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"subject"'
%C%_fuzz_subject_LDADD = $(fuzz_ldadd)
%C%_fuzz_subject_LINK = $(unit_link)
%C%_libfuzzer_subject_SOURCES = %D%/fuzz_subject.c %D%/fuzz.h
%C%_libfuzzer_subject_CPPFLAGS = $(fuzz_cppflags)
%C%_libfuzzer_subject_LDADD = $(fuzz_ldadd)
%C%_libfuzzer_subject_LINK = $(libfuzzer_link)

%C%_fuzz_lines_SOURCES = %D%/fuzz_lines.c %D%/fuzz.h %D%/replay.c
%C%_fuzz_lines_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"lines"'
%C%_fuzz_lines_LDADD = $(fuzz_ldadd)
%C%_fuzz_lines_LINK = $(unit_link)
%C%_libfuzzer_lines_SOURCES = %D%/fuzz_lines.c %D%/fuzz.h
%C%_libfuzzer_lines_CPPFLAGS = $(fuzz_cppflags)
%C%_libfuzzer_lines_LDADD = $(fuzz_ldadd)
%C%_libfuzzer_lines_LINK = $(libfuzzer_link)

%C%_fuzz_frames_SOURCES = %D%/fuzz_frames.c %D%/fuzz.h %D%/replay.c
%C%_fuzz_frames_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"frames"'
%C%_fuzz_frames_LDADD = $(fuzz_ldadd)
%C%_fuzz_frames_LINK = $(unit_link)
%C%_libfuzzer_frames_SOURCES = %D%/fuzz_frames.c %D%/fuzz.h
%C%_libfuzzer_frames_CPPFLAGS = $(fuzz_cppflags)
%C%_libfuzzer_frames_LDADD = $(fuzz_ldadd)
%C%_libfuzzer_frames_LINK = $(libfuzzer_link)

%C%_fuzz_http_host_SOURCES = %D%/fuzz_http_host.c %D%/fuzz.h %D%/replay.c
%C%_fuzz_http_host_CPPFLAGS = $(fuzz_cppflags) -DFUZZ_CORPUS='"http_host"'
%C%_fuzz_http_host_LDADD = $(fuzz_ldadd)
%C%_fuzz_http_host_LINK = $(unit_link)
%C%_libfuzzer_http_host_SOURCES = %D%/fuzz_http_host.c %D%/fuzz.h
%C%_libfuzzer_http_host_CPPFLAGS = $(fuzz_cppflags)
%C%_libfuzzer_http_host_LDADD = $(fuzz_ldadd)
%C%_libfuzzer_http_host_LINK = $(libfuzzer_link)
