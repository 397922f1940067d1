# SPDX-License-Identifier: MIT
# Unit tests (check_*.c, with Check), end-to-end tests (e2e_*.sh, the real daemon and the
# real netcats) and checks of the tree (*.sh). All print TAP; automake's driver reads it.

AM_TESTS_ENVIRONMENT = \
	CK_VERBOSITY=silent; CK_TAP_LOG_FILE_NAME=-; export CK_VERBOSITY CK_TAP_LOG_FILE_NAME; \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0; export ASAN_OPTIONS; \
	TSAN_OPTIONS=halt_on_error=1; \
	export TSAN_OPTIONS; \
	SANITIZER='$(enable_sanitizer)'; export SANITIZER; \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; \
	export top_srcdir top_builddir;
TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = $(SHELL)

# Unit tests share harness.c. Those that make calls fail are linked with faults.c, too,
# whose functions stand in for the system's, also in the objects of the library.

libamy_unit_tests = \
	%D%/check_core \
	%D%/check_poller \
	%D%/check_poller_stress \
	%D%/check_line_reader \
	%D%/check_line_writer \
	%D%/check_faults

# The daemon's modules. check_conf counts what strdup(3) allocates, too.

amyd_unit_tests = \
	%D%/check_subject \
	%D%/check_protocol \
	%D%/check_units \
	%D%/check_address \
	%D%/check_conf \
	%D%/check_table \
	%D%/check_hash \
	%D%/check_subscriptions \
	%D%/check_record_pipe \
	%D%/check_inbox \
	%D%/check_router \
	%D%/check_session \
	%D%/check_log \
	%D%/check_notify

libamy_tree_tests = \
	%D%/exports.sh \
	%D%/headers.sh

unit_cppflags = $(AM_CPPFLAGS) -I$(srcdir)/src/libamy
unit_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
libamy_unit_ldadd = %D%/libharness.la libamy-private.la $(CHECK_LIBS)
amyd_unit_cppflags = $(unit_cppflags) -I$(srcdir)/src/amyd
amyd_unit_ldadd = %D%/libharness.la libamyd.la libamy-private.la $(CHECK_LIBS) $(CONFUSE_LIBS)
faults_ldflags = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=free \
	-Wl,--wrap=epoll_create1 -Wl,--wrap=epoll_ctl -Wl,--wrap=syscall

if HAVE_CHECK
check_LTLIBRARIES += %D%/libharness.la
check_PROGRAMS += $(libamy_unit_tests) $(amyd_unit_tests)
TESTS += $(libamy_unit_tests) $(amyd_unit_tests)
endif

dist_check_SCRIPTS += $(libamy_tree_tests)
TESTS += $(libamy_tree_tests)

%C%_libharness_la_SOURCES = %D%/harness.c %D%/harness.h
%C%_libharness_la_CFLAGS = $(unit_cflags)

%C%_check_core_SOURCES = %D%/check_core.c %D%/faults.c %D%/faults.h
%C%_check_core_CPPFLAGS = $(unit_cppflags)
%C%_check_core_CFLAGS = $(unit_cflags)
%C%_check_core_LDADD = $(libamy_unit_ldadd)
%C%_check_core_LDFLAGS = $(faults_ldflags)

%C%_check_poller_SOURCES = %D%/check_poller.c
%C%_check_poller_CPPFLAGS = $(unit_cppflags)
%C%_check_poller_CFLAGS = $(unit_cflags)
%C%_check_poller_LDADD = $(libamy_unit_ldadd)

%C%_check_poller_stress_SOURCES = %D%/check_poller_stress.c
%C%_check_poller_stress_CPPFLAGS = $(unit_cppflags)
%C%_check_poller_stress_CFLAGS = $(unit_cflags)
%C%_check_poller_stress_LDADD = $(libamy_unit_ldadd)

%C%_check_line_reader_SOURCES = %D%/check_line_reader.c %D%/faults.c %D%/faults.h
%C%_check_line_reader_CPPFLAGS = $(unit_cppflags)
%C%_check_line_reader_CFLAGS = $(unit_cflags)
%C%_check_line_reader_LDADD = $(libamy_unit_ldadd)
%C%_check_line_reader_LDFLAGS = $(faults_ldflags)

%C%_check_line_writer_SOURCES = %D%/check_line_writer.c %D%/faults.c %D%/faults.h
%C%_check_line_writer_CPPFLAGS = $(unit_cppflags)
%C%_check_line_writer_CFLAGS = $(unit_cflags)
%C%_check_line_writer_LDADD = $(libamy_unit_ldadd)
%C%_check_line_writer_LDFLAGS = $(faults_ldflags)

%C%_check_faults_SOURCES = %D%/check_faults.c %D%/faults.c %D%/faults.h
%C%_check_faults_CPPFLAGS = $(unit_cppflags)
%C%_check_faults_CFLAGS = $(unit_cflags)
%C%_check_faults_LDADD = $(libamy_unit_ldadd)
%C%_check_faults_LDFLAGS = $(faults_ldflags)

# End-to-end tests: the daemon, and real netcats. What they share: lib.sh, and peer, a client
# that does what no netcat can be made to do.

e2e_tests = \
	%D%/e2e_echo.sh \
	%D%/e2e_end_of_input.sh \
	%D%/e2e_command.sh \
	%D%/e2e_two_netcats.sh \
	%D%/e2e_split.sh \
	%D%/e2e_random_lines.sh \
	%D%/e2e_long_line.sh \
	%D%/e2e_slow_reader.sh \
	%D%/e2e_conf.sh \
	%D%/e2e_signals.sh \
	%D%/e2e_limits.sh

check_PROGRAMS += %D%/peer
dist_check_SCRIPTS += $(e2e_tests)
TESTS += $(e2e_tests)
EXTRA_DIST += %D%/lib.sh

%C%_peer_SOURCES = %D%/peer.c

# Checks of the tree: what the documents say is so.

document_tests = \
	%D%/conversations.sh \
	%D%/layers.sh \
	%D%/manpages.sh

dist_check_SCRIPTS += $(document_tests)
TESTS += $(document_tests)

# Exhaustive checks of a model.

dist_check_SCRIPTS += %D%/model.sh
TESTS += %D%/model.sh
EXTRA_DIST += %D%/model/registration.pml

%C%_check_subject_SOURCES = %D%/check_subject.c
%C%_check_subject_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_subject_CFLAGS = $(unit_cflags)
%C%_check_subject_LDADD = $(amyd_unit_ldadd)

%C%_check_protocol_SOURCES = %D%/check_protocol.c
%C%_check_protocol_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_protocol_CFLAGS = $(unit_cflags)
%C%_check_protocol_LDADD = $(amyd_unit_ldadd)

%C%_check_units_SOURCES = %D%/check_units.c
%C%_check_units_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_units_CFLAGS = $(unit_cflags)
%C%_check_units_LDADD = $(amyd_unit_ldadd)

%C%_check_address_SOURCES = %D%/check_address.c
%C%_check_address_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_address_CFLAGS = $(unit_cflags)
%C%_check_address_LDADD = $(amyd_unit_ldadd)

%C%_check_conf_SOURCES = %D%/check_conf.c %D%/faults.c %D%/faults.h
%C%_check_conf_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_conf_CFLAGS = $(unit_cflags)
%C%_check_conf_LDADD = $(amyd_unit_ldadd)
%C%_check_conf_LDFLAGS = $(faults_ldflags) -Wl,--wrap=strdup

%C%_check_table_SOURCES = %D%/check_table.c %D%/faults.c %D%/faults.h
%C%_check_table_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_table_CFLAGS = $(unit_cflags)
%C%_check_table_LDADD = $(amyd_unit_ldadd)
%C%_check_table_LDFLAGS = $(faults_ldflags)

%C%_check_hash_SOURCES = %D%/check_hash.c
%C%_check_hash_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_hash_CFLAGS = $(unit_cflags)
%C%_check_hash_LDADD = $(amyd_unit_ldadd)

%C%_check_subscriptions_SOURCES = %D%/check_subscriptions.c %D%/faults.c %D%/faults.h
%C%_check_subscriptions_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_subscriptions_CFLAGS = $(unit_cflags)
%C%_check_subscriptions_LDADD = $(amyd_unit_ldadd)
%C%_check_subscriptions_LDFLAGS = $(faults_ldflags)

%C%_check_record_pipe_SOURCES = %D%/check_record_pipe.c
%C%_check_record_pipe_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_record_pipe_CFLAGS = $(unit_cflags)
%C%_check_record_pipe_LDADD = $(amyd_unit_ldadd)

%C%_check_inbox_SOURCES = %D%/check_inbox.c %D%/faults.c %D%/faults.h
%C%_check_inbox_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_inbox_CFLAGS = $(unit_cflags)
%C%_check_inbox_LDADD = $(amyd_unit_ldadd)
%C%_check_inbox_LDFLAGS = $(faults_ldflags)

%C%_check_router_SOURCES = %D%/check_router.c %D%/faults.c %D%/faults.h
%C%_check_router_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_router_CFLAGS = $(unit_cflags)
%C%_check_router_LDADD = $(amyd_unit_ldadd)
%C%_check_router_LDFLAGS = $(faults_ldflags)

%C%_check_session_SOURCES = %D%/check_session.c %D%/faults.c %D%/faults.h
%C%_check_session_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_session_CFLAGS = $(unit_cflags)
%C%_check_session_LDADD = $(amyd_unit_ldadd)
%C%_check_session_LDFLAGS = $(faults_ldflags)

%C%_check_log_SOURCES = %D%/check_log.c
%C%_check_log_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_log_CFLAGS = $(unit_cflags)
%C%_check_log_LDADD = $(amyd_unit_ldadd)

%C%_check_notify_SOURCES = %D%/check_notify.c
%C%_check_notify_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_notify_CFLAGS = $(unit_cflags)
%C%_check_notify_LDADD = $(amyd_unit_ldadd)
