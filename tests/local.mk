# SPDX-License-Identifier: MIT
# Unit tests (check_*.c, with Check), end-to-end tests (e2e_*.sh, the real daemon and the
# real netcats) and checks of the tree (*.sh). All print TAP; automake's driver reads it.

AM_TESTS_ENVIRONMENT = \
	CK_VERBOSITY=silent; CK_TAP_LOG_FILE_NAME=-; export CK_VERBOSITY CK_TAP_LOG_FILE_NAME; \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0; export ASAN_OPTIONS; \
	TSAN_OPTIONS=halt_on_error=1; \
	export TSAN_OPTIONS; \
	SANITIZER='$(enable_sanitizer)'; export SANITIZER; \
	KERNEL='$(with_kernel)'; export KERNEL; \
	HTTP='$(with_http)'; export HTTP; \
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
	%D%/check_agenda \
	%D%/check_soft \
	%D%/check_echo_threads \
	%D%/check_no_allocation \
	%D%/check_poller \
	%D%/check_poller_stress \
	%D%/check_wait_set \
	%D%/check_kqueue \
	%D%/check_channel \
	%D%/check_channel_portable \
	%D%/check_signals \
	%D%/check_signals_kqueue \
	%D%/check_datagrams \
	%D%/check_datagrams_portable \
	%D%/check_frame_reader \
	%D%/check_frame_writer \
	%D%/check_line_reader \
	%D%/check_line_writer \
	%D%/check_faults

# The daemon's modules.

amyd_unit_tests = \
	%D%/check_subject \
	%D%/check_protocol \
	%D%/check_units \
	%D%/check_alike \
	%D%/check_heartbeat \
	%D%/check_supervision \
	%D%/check_activation \
	%D%/check_rate \
	%D%/check_lines \
	%D%/check_lease \
	%D%/check_batch \
	%D%/check_packet \
	%D%/check_address \
	%D%/check_conf \
	%D%/check_conf_diff \
	%D%/check_standstill \
	%D%/check_targets \
	%D%/check_listener \
	%D%/check_reload \
	%D%/check_table \
	%D%/check_hash \
	%D%/check_subscriptions \
	%D%/check_record_pipe \
	%D%/check_inbox \
	%D%/check_router \
	%D%/check_session \
	%D%/check_publication \
	%D%/check_timers \
	%D%/check_stats \
	%D%/check_regex \
	%D%/check_rules \
	%D%/check_history \
	%D%/check_output \
	%D%/check_clients \
	%D%/check_peers \
	%D%/check_requests \
	%D%/check_sink \
	%D%/check_sink_thread \
	%D%/check_resolve_thread \
	%D%/check_upstream \
	%D%/check_view \
	%D%/check_follow \
	%D%/check_ask \
	%D%/check_watch \
	%D%/check_bound \
	%D%/check_utf8 \
	%D%/check_tallies \
	%D%/check_load \
	%D%/check_busiest \
	%D%/check_http_host \
	%D%/check_metrics \
	%D%/check_status \
	%D%/check_memory \
	%D%/check_log \
	%D%/check_notify

amybench_unit_tests = \
	%D%/check_histogram

libamy_tree_tests = \
	%D%/examples.sh \
	%D%/exports.sh \
	%D%/headers.sh \
	%D%/kqueue_macos.sh \
	%D%/outside.sh

unit_cppflags = $(AM_CPPFLAGS) $(KERNEL_CPPFLAGS) -I$(srcdir)/src/libamy
unit_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
libamy_unit_ldadd = %D%/libharness.la libamy-private.la $(CHECK_LIBS)
amyd_unit_cppflags = $(unit_cppflags) -I$(srcdir)/src/amyd
amyd_unit_ldadd = %D%/libharness.la libamyd.la libamy-private.la $(CHECK_LIBS) $(CONFUSE_LIBS) $(PCRE2_LIBS)
faults_ldflags = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=free -Wl,--wrap=aligned_alloc \
	-Wl,--wrap=strdup -Wl,--wrap=strndup \
	-Wl,--wrap=kqueue -Wl,--wrap=kevent \
	-Wl,--wrap=epoll_create1 -Wl,--wrap=epoll_ctl -Wl,--wrap=syscall \
	-Wl,--wrap=eventfd -Wl,--wrap=signalfd -Wl,--wrap=pipe -Wl,--wrap=fcntl -Wl,--wrap=readlink \
	-Wl,--wrap=read -Wl,--wrap=write \
	-Wl,--wrap=recvmsg -Wl,--wrap=recvmmsg -Wl,--wrap=sendmsg -Wl,--wrap=sendmmsg

if HAVE_CHECK
check_LTLIBRARIES += %D%/libharness.la
check_PROGRAMS += $(libamy_unit_tests) $(amyd_unit_tests) $(amybench_unit_tests)
TESTS += $(libamy_unit_tests) $(amyd_unit_tests) $(amybench_unit_tests)
endif

dist_check_SCRIPTS += $(libamy_tree_tests)
TESTS += $(libamy_tree_tests)

# Not part of "make check": it builds everything a second time.
EXTRA_DIST += %D%/coverage.sh
.PHONY: coverage
coverage:
	+$(AM_V_at)$(AM_TESTS_ENVIRONMENT) MAKE='$(MAKE)' $(SHELL) $(srcdir)/%D%/coverage.sh $(libamy_unit_tests)

%C%_libharness_la_SOURCES = %D%/harness.c %D%/harness.h
%C%_libharness_la_CPPFLAGS = $(AM_CPPFLAGS) $(KERNEL_CPPFLAGS)
%C%_libharness_la_CFLAGS = $(unit_cflags)

%C%_check_core_SOURCES = %D%/check_core.c %D%/faults.c %D%/faults.h
%C%_check_core_CPPFLAGS = $(unit_cppflags)
%C%_check_core_CFLAGS = $(unit_cflags)
%C%_check_core_LDADD = $(libamy_unit_ldadd)
%C%_check_core_LDFLAGS = $(faults_ldflags)

%C%_check_agenda_SOURCES = %D%/check_agenda.c %D%/faults.c %D%/faults.h
%C%_check_agenda_CPPFLAGS = $(unit_cppflags)
%C%_check_agenda_CFLAGS = $(unit_cflags)
%C%_check_agenda_LDADD = $(libamy_unit_ldadd)
%C%_check_agenda_LDFLAGS = $(faults_ldflags)

%C%_check_soft_SOURCES = %D%/check_soft.c %D%/faults.c %D%/faults.h
%C%_check_soft_CPPFLAGS = $(unit_cppflags)
%C%_check_soft_CFLAGS = $(unit_cflags)
%C%_check_soft_LDADD = $(libamy_unit_ldadd)
%C%_check_soft_LDFLAGS = $(faults_ldflags)

%C%_check_echo_threads_SOURCES = %D%/check_echo_threads.c
%C%_check_echo_threads_CPPFLAGS = $(unit_cppflags)
%C%_check_echo_threads_CFLAGS = $(unit_cflags)
%C%_check_echo_threads_LDADD = $(libamy_unit_ldadd)

%C%_check_no_allocation_SOURCES = %D%/check_no_allocation.c %D%/faults.c %D%/faults.h
%C%_check_no_allocation_CPPFLAGS = $(unit_cppflags)
%C%_check_no_allocation_CFLAGS = $(unit_cflags)
%C%_check_no_allocation_LDADD = $(libamy_unit_ldadd)
%C%_check_no_allocation_LDFLAGS = $(faults_ldflags)

%C%_check_poller_SOURCES = %D%/check_poller.c
%C%_check_poller_CPPFLAGS = $(unit_cppflags)
%C%_check_poller_CFLAGS = $(unit_cflags)
%C%_check_poller_LDADD = $(libamy_unit_ldadd)

%C%_check_poller_stress_SOURCES = %D%/check_poller_stress.c
%C%_check_poller_stress_CPPFLAGS = $(unit_cppflags)
%C%_check_poller_stress_CFLAGS = $(unit_cflags)
%C%_check_poller_stress_LDADD = $(libamy_unit_ldadd)

%C%_check_wait_set_SOURCES = %D%/check_wait_set.c %D%/faults.c %D%/faults.h
%C%_check_wait_set_CPPFLAGS = $(unit_cppflags)
%C%_check_wait_set_CFLAGS = $(unit_cflags)
%C%_check_wait_set_LDADD = $(libamy_unit_ldadd)
%C%_check_wait_set_LDFLAGS = $(faults_ldflags)

%C%_check_channel_SOURCES = %D%/check_channel.c %D%/faults.c %D%/faults.h
%C%_check_channel_CPPFLAGS = $(unit_cppflags)
%C%_check_channel_CFLAGS = $(unit_cflags)
%C%_check_channel_LDADD = $(libamy_unit_ldadd)
%C%_check_channel_LDFLAGS = $(faults_ldflags)

# The same again with what is portable of libamy: these objects come before the library's.
%C%_check_channel_portable_SOURCES = $(%C%_check_channel_SOURCES) \
	src/libamy/channel.c src/libamy/notice_pipe.c
%C%_check_channel_portable_CPPFLAGS = $(unit_cppflags) -DAMY_PORTABLE
%C%_check_channel_portable_CFLAGS = $(unit_cflags)
%C%_check_channel_portable_LDADD = $(libamy_unit_ldadd)
%C%_check_channel_portable_LDFLAGS = $(faults_ldflags)

# The kernel of kqueue(2) over a stand-in for that, whatever the library uses here.
%C%_check_kqueue_SOURCES = %D%/check_kqueue.c %D%/faults.c %D%/faults.h \
	%D%/kqueue/recorder.c %D%/kqueue/recorder.h %D%/kqueue/sys/event.h \
	src/libamy/kernel_kqueue.c src/libamy/kernel_kqueue.h \
	src/libamy/kqueue_changes.c src/libamy/kqueue_changes.h \
	src/libamy/kqueue_table.c src/libamy/kqueue_table.h
%C%_check_kqueue_CPPFLAGS = $(AM_CPPFLAGS) -DAMY_KERNEL_KQUEUE -I$(srcdir)/%D%/kqueue \
	-I$(srcdir)/%D% -I$(srcdir)/src/libamy
%C%_check_kqueue_CFLAGS = $(unit_cflags)
%C%_check_kqueue_LDADD = %D%/libharness.la $(CHECK_LIBS)
%C%_check_kqueue_LDFLAGS = $(faults_ldflags)

%C%_check_signals_SOURCES = %D%/check_signals.c %D%/faults.c %D%/faults.h
%C%_check_signals_CPPFLAGS = $(unit_cppflags)
%C%_check_signals_CFLAGS = $(unit_cflags)
%C%_check_signals_LDADD = $(libamy_unit_ldadd)
%C%_check_signals_LDFLAGS = $(faults_ldflags)

%C%_check_signals_kqueue_SOURCES = %D%/check_signals_kqueue.c %D%/faults.c %D%/faults.h \
	%D%/kqueue/recorder.c %D%/kqueue/recorder.h %D%/kqueue/sys/event.h \
	src/libamy/signals_kqueue.c
%C%_check_signals_kqueue_CPPFLAGS = $(%C%_check_kqueue_CPPFLAGS) -DAMY_PORTABLE
%C%_check_signals_kqueue_CFLAGS = $(unit_cflags)
%C%_check_signals_kqueue_LDADD = %D%/libharness.la $(CHECK_LIBS)
%C%_check_signals_kqueue_LDFLAGS = $(faults_ldflags)

%C%_check_datagrams_SOURCES = %D%/check_datagrams.c %D%/faults.c %D%/faults.h
%C%_check_datagrams_CPPFLAGS = $(unit_cppflags)
%C%_check_datagrams_CFLAGS = $(unit_cflags)
%C%_check_datagrams_LDADD = $(libamy_unit_ldadd)
%C%_check_datagrams_LDFLAGS = $(faults_ldflags)

%C%_check_datagrams_portable_SOURCES = $(%C%_check_datagrams_SOURCES) \
	src/libamy/datagrams.c src/libamy/messages_loop.c
%C%_check_datagrams_portable_CPPFLAGS = $(unit_cppflags) -DAMY_PORTABLE
%C%_check_datagrams_portable_CFLAGS = $(unit_cflags)
%C%_check_datagrams_portable_LDADD = $(libamy_unit_ldadd)
%C%_check_datagrams_portable_LDFLAGS = $(faults_ldflags)

%C%_check_frame_reader_SOURCES = %D%/check_frame_reader.c %D%/faults.c %D%/faults.h
%C%_check_frame_reader_CPPFLAGS = $(unit_cppflags)
%C%_check_frame_reader_CFLAGS = $(unit_cflags)
%C%_check_frame_reader_LDADD = $(libamy_unit_ldadd)
%C%_check_frame_reader_LDFLAGS = $(faults_ldflags)

%C%_check_frame_writer_SOURCES = %D%/check_frame_writer.c %D%/faults.c %D%/faults.h
%C%_check_frame_writer_CPPFLAGS = $(unit_cppflags)
%C%_check_frame_writer_CFLAGS = $(unit_cflags)
%C%_check_frame_writer_LDADD = $(libamy_unit_ldadd)
%C%_check_frame_writer_LDFLAGS = $(faults_ldflags)

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
	%D%/e2e_lease.sh \
	%D%/e2e_conf.sh \
	%D%/e2e_signals.sh \
	%D%/e2e_reload.sh \
	%D%/e2e_reload_load.sh \
	%D%/e2e_systemd.sh \
	%D%/e2e_limits.sh \
	%D%/e2e_idle.sh \
	%D%/e2e_log_lines.sh \
	%D%/e2e_rates.sh \
	%D%/e2e_history.sh \
	%D%/e2e_groups.sh \
	%D%/e2e_requests.sh \
	%D%/e2e_presence.sh \
	%D%/e2e_settings.sh \
	%D%/e2e_reports.sh \
	%D%/e2e_modes.sh \
	%D%/e2e_rules.sh \
	%D%/e2e_faults.sh \
	%D%/e2e_clock.sh \
	%D%/e2e_disk.sh \
	%D%/e2e_log.sh \
	%D%/e2e_upstream.sh \
	%D%/e2e_storm.sh \
	%D%/e2e_http.sh \
	%D%/e2e_browser.sh \
	%D%/e2e_amybench.sh

check_PROGRAMS += %D%/peer
check_PROGRAMS += %D%/storm %D%/reloads
dist_check_SCRIPTS += $(e2e_tests)
TESTS += $(e2e_tests)
EXTRA_DIST += %D%/lib.sh

%C%_peer_SOURCES = %D%/peer.c
%C%_reloads_SOURCES = %D%/reloads.c
%C%_storm_SOURCES = %D%/storm.c

# Checks of the tree: what the documents say is so.

document_tests = \
	%D%/conversations.sh \
	%D%/layers.sh \
	%D%/manpages.sh \
	%D%/units.sh

dist_check_SCRIPTS += $(document_tests)
TESTS += $(document_tests)

# Checks of what is made for others to install.

package_tests = \
	%D%/completion.sh \
	%D%/deb.sh

dist_check_SCRIPTS += $(package_tests)
TESTS += $(package_tests)

# Exhaustive checks of a model.

dist_check_SCRIPTS += %D%/model.sh
TESTS += %D%/model.sh
EXTRA_DIST += %D%/model/registration.pml %D%/model/channel.pml

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

%C%_check_batch_SOURCES = %D%/check_batch.c %D%/faults.c %D%/faults.h
%C%_check_batch_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_batch_CFLAGS = $(unit_cflags)
%C%_check_batch_LDADD = $(amyd_unit_ldadd)
%C%_check_batch_LDFLAGS = $(faults_ldflags)

%C%_check_packet_SOURCES = %D%/check_packet.c %D%/faults.c %D%/faults.h
%C%_check_packet_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_packet_CFLAGS = $(unit_cflags)
%C%_check_packet_LDADD = $(amyd_unit_ldadd)
%C%_check_packet_LDFLAGS = $(faults_ldflags)

%C%_check_lines_SOURCES = %D%/check_lines.c
%C%_check_lines_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_lines_CFLAGS = $(unit_cflags)
%C%_check_lines_LDADD = $(amyd_unit_ldadd)

%C%_check_lease_SOURCES = %D%/check_lease.c %D%/faults.c %D%/faults.h
%C%_check_lease_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_lease_CFLAGS = $(unit_cflags)
%C%_check_lease_LDADD = $(amyd_unit_ldadd)
%C%_check_lease_LDFLAGS = $(faults_ldflags)

%C%_check_address_SOURCES = %D%/check_address.c
%C%_check_address_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_address_CFLAGS = $(unit_cflags)
%C%_check_address_LDADD = $(amyd_unit_ldadd)

%C%_check_conf_SOURCES = %D%/check_conf.c %D%/faults.c %D%/faults.h
%C%_check_conf_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_conf_CFLAGS = $(unit_cflags)
%C%_check_conf_LDADD = $(amyd_unit_ldadd)
%C%_check_conf_LDFLAGS = $(faults_ldflags)

%C%_check_conf_diff_SOURCES = %D%/check_conf_diff.c %D%/conf_file.h %D%/faults.c %D%/faults.h
%C%_check_conf_diff_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_conf_diff_CFLAGS = $(unit_cflags)
%C%_check_conf_diff_LDADD = $(amyd_unit_ldadd)
%C%_check_conf_diff_LDFLAGS = $(faults_ldflags)

%C%_check_standstill_SOURCES = %D%/check_standstill.c
%C%_check_standstill_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_standstill_CFLAGS = $(unit_cflags)
%C%_check_standstill_LDADD = $(amyd_unit_ldadd)

%C%_check_targets_SOURCES = %D%/check_targets.c %D%/conf_file.h %D%/faults.c %D%/faults.h
%C%_check_targets_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_targets_CFLAGS = $(unit_cflags)
%C%_check_targets_LDADD = $(amyd_unit_ldadd)
%C%_check_targets_LDFLAGS = $(faults_ldflags) -Wl,--wrap=pthread_create

%C%_check_reload_SOURCES = %D%/check_reload.c %D%/faults.c %D%/faults.h
%C%_check_reload_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_reload_CFLAGS = $(unit_cflags)
%C%_check_reload_LDADD = $(amyd_unit_ldadd)
%C%_check_reload_LDFLAGS = $(faults_ldflags)

%C%_check_listener_SOURCES = %D%/check_listener.c %D%/conf_file.h %D%/faults.c %D%/faults.h
%C%_check_listener_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_listener_CFLAGS = $(unit_cflags)
%C%_check_listener_LDADD = $(amyd_unit_ldadd)
%C%_check_listener_LDFLAGS = $(faults_ldflags)

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

%C%_check_router_SOURCES = %D%/check_router.c %D%/two_handlers.h %D%/faults.c %D%/faults.h
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
%C%_check_log_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=monotonic_now_ms

%C%_check_alike_SOURCES = %D%/check_alike.c
%C%_check_alike_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_alike_CFLAGS = $(unit_cflags)
%C%_check_alike_LDADD = $(amyd_unit_ldadd)

%C%_check_heartbeat_SOURCES = %D%/check_heartbeat.c
%C%_check_heartbeat_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_heartbeat_CFLAGS = $(unit_cflags)
%C%_check_heartbeat_LDADD = $(amyd_unit_ldadd)

%C%_check_supervision_SOURCES = %D%/check_supervision.c
%C%_check_supervision_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_supervision_CFLAGS = $(unit_cflags)
%C%_check_supervision_LDADD = $(amyd_unit_ldadd)
%C%_check_supervision_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=monotonic_now_ms

%C%_check_activation_SOURCES = %D%/check_activation.c %D%/faults.c %D%/faults.h
%C%_check_activation_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_activation_CFLAGS = $(unit_cflags)
%C%_check_activation_LDADD = $(amyd_unit_ldadd)
%C%_check_activation_LDFLAGS = $(faults_ldflags)

%C%_check_notify_SOURCES = %D%/check_notify.c
%C%_check_notify_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_notify_CFLAGS = $(unit_cflags)
%C%_check_notify_LDADD = $(amyd_unit_ldadd)

%C%_check_publication_SOURCES = %D%/check_publication.c %D%/faults.c %D%/faults.h
%C%_check_publication_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_publication_CFLAGS = $(unit_cflags)
%C%_check_publication_LDADD = $(amyd_unit_ldadd)
%C%_check_publication_LDFLAGS = $(faults_ldflags)

%C%_check_timers_SOURCES = %D%/check_timers.c %D%/faults.c %D%/faults.h
%C%_check_timers_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_timers_CFLAGS = $(unit_cflags)
%C%_check_timers_LDADD = $(amyd_unit_ldadd)
%C%_check_timers_LDFLAGS = $(faults_ldflags)

%C%_check_stats_SOURCES = %D%/check_stats.c
%C%_check_stats_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_stats_CFLAGS = $(unit_cflags)
%C%_check_stats_LDADD = $(amyd_unit_ldadd)

%C%_check_regex_SOURCES = %D%/check_regex.c %D%/faults.c %D%/faults.h
%C%_check_regex_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_regex_CFLAGS = $(unit_cflags)
%C%_check_regex_LDADD = $(amyd_unit_ldadd)
%C%_check_regex_LDFLAGS = $(faults_ldflags)

%C%_check_rules_SOURCES = %D%/check_rules.c %D%/faults.c %D%/faults.h
%C%_check_rules_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_rules_CFLAGS = $(unit_cflags)
%C%_check_rules_LDADD = $(amyd_unit_ldadd)
%C%_check_rules_LDFLAGS = $(faults_ldflags)

%C%_check_history_SOURCES = %D%/check_history.c %D%/faults.c %D%/faults.h
%C%_check_history_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_history_CFLAGS = $(unit_cflags)
%C%_check_history_LDADD = $(amyd_unit_ldadd)
%C%_check_history_LDFLAGS = $(faults_ldflags)

%C%_check_output_SOURCES = %D%/check_output.c %D%/faults.c %D%/faults.h
%C%_check_output_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_output_CFLAGS = $(unit_cflags)
%C%_check_output_LDADD = $(amyd_unit_ldadd)
%C%_check_output_LDFLAGS = $(faults_ldflags)

%C%_check_clients_SOURCES = %D%/check_clients.c %D%/faults.c %D%/faults.h
%C%_check_clients_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_clients_CFLAGS = $(unit_cflags)
%C%_check_clients_LDADD = $(amyd_unit_ldadd)
%C%_check_clients_LDFLAGS = $(faults_ldflags) -Wl,--wrap=hash_bytes -Wl,--wrap=hash_key_init

%C%_check_requests_SOURCES = %D%/check_requests.c %D%/faults.c %D%/faults.h
%C%_check_requests_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_requests_CFLAGS = $(unit_cflags)
%C%_check_requests_LDADD = $(amyd_unit_ldadd)
%C%_check_requests_LDFLAGS = $(faults_ldflags) -Wl,--wrap=hash_bytes -Wl,--wrap=hash_key_init

%C%_check_sink_SOURCES = %D%/check_sink.c %D%/faults.c %D%/faults.h
%C%_check_sink_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_sink_CFLAGS = $(unit_cflags)
%C%_check_sink_LDADD = $(amyd_unit_ldadd)
%C%_check_sink_LDFLAGS = $(faults_ldflags)

%C%_check_sink_thread_SOURCES = %D%/check_sink_thread.c %D%/faults.c %D%/faults.h
%C%_check_sink_thread_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_sink_thread_CFLAGS = $(unit_cflags)
%C%_check_sink_thread_LDADD = $(amyd_unit_ldadd)
%C%_check_sink_thread_LDFLAGS = $(faults_ldflags) -Wl,--wrap=pthread_create

%C%_check_resolve_thread_SOURCES = %D%/check_resolve_thread.c %D%/faults.c %D%/faults.h
%C%_check_resolve_thread_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_resolve_thread_CFLAGS = $(unit_cflags)
%C%_check_resolve_thread_LDADD = $(amyd_unit_ldadd)
%C%_check_resolve_thread_LDFLAGS = $(faults_ldflags) -Wl,--wrap=pthread_create

%C%_check_upstream_SOURCES = %D%/check_upstream.c %D%/faults.c %D%/faults.h
%C%_check_upstream_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_upstream_CFLAGS = $(unit_cflags)
%C%_check_upstream_LDADD = $(amyd_unit_ldadd)
%C%_check_upstream_LDFLAGS = $(faults_ldflags)

%C%_check_view_SOURCES = %D%/check_view.c %D%/two_handlers.h %D%/faults.c %D%/faults.h
%C%_check_view_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_view_CFLAGS = $(unit_cflags)
%C%_check_view_LDADD = $(amyd_unit_ldadd)
%C%_check_view_LDFLAGS = $(faults_ldflags)

%C%_check_follow_SOURCES = %D%/check_follow.c %D%/two_handlers.h %D%/faults.c %D%/faults.h
%C%_check_follow_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_follow_CFLAGS = $(unit_cflags)
%C%_check_follow_LDADD = $(amyd_unit_ldadd)
%C%_check_follow_LDFLAGS = $(faults_ldflags)

%C%_check_ask_SOURCES = %D%/check_ask.c %D%/two_handlers.h %D%/faults.c %D%/faults.h
%C%_check_ask_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_ask_CFLAGS = $(unit_cflags)
%C%_check_ask_LDADD = $(amyd_unit_ldadd)
%C%_check_ask_LDFLAGS = $(faults_ldflags)

%C%_check_histogram_SOURCES = %D%/check_histogram.c src/amybench/histogram.c
%C%_check_histogram_CPPFLAGS = $(unit_cppflags) -I$(srcdir)/src/amybench
%C%_check_histogram_CFLAGS = $(unit_cflags)
%C%_check_histogram_LDADD = %D%/libharness.la $(CHECK_LIBS)

%C%_check_memory_SOURCES = %D%/check_memory.c %D%/faults.c %D%/faults.h
%C%_check_memory_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_memory_CFLAGS = $(unit_cflags)
%C%_check_memory_LDADD = $(amyd_unit_ldadd)
%C%_check_memory_LDFLAGS = $(faults_ldflags)

%C%_check_rate_SOURCES = %D%/check_rate.c
%C%_check_rate_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_rate_CFLAGS = $(unit_cflags)
%C%_check_rate_LDADD = $(amyd_unit_ldadd)

%C%_check_peers_SOURCES = %D%/check_peers.c %D%/faults.c %D%/faults.h
%C%_check_peers_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_peers_CFLAGS = $(unit_cflags)
%C%_check_peers_LDADD = $(amyd_unit_ldadd)
%C%_check_peers_LDFLAGS = $(faults_ldflags) -Wl,--wrap=hash_bytes -Wl,--wrap=hash_key_init

%C%_check_watch_SOURCES = %D%/check_watch.c %D%/two_handlers.h %D%/faults.c %D%/faults.h
%C%_check_watch_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_watch_CFLAGS = $(unit_cflags)
%C%_check_watch_LDADD = $(amyd_unit_ldadd)
%C%_check_watch_LDFLAGS = $(faults_ldflags)

%C%_check_bound_SOURCES = %D%/check_bound.c
%C%_check_bound_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_bound_CFLAGS = $(unit_cflags)
%C%_check_bound_LDADD = $(amyd_unit_ldadd)

%C%_check_utf8_SOURCES = %D%/check_utf8.c
%C%_check_utf8_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_utf8_CFLAGS = $(unit_cflags)
%C%_check_utf8_LDADD = $(amyd_unit_ldadd)

%C%_check_load_SOURCES = %D%/check_load.c
%C%_check_load_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_load_CFLAGS = $(unit_cflags)
%C%_check_load_LDADD = $(amyd_unit_ldadd)

%C%_check_http_host_SOURCES = %D%/check_http_host.c
%C%_check_http_host_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_http_host_CFLAGS = $(unit_cflags)
%C%_check_http_host_LDADD = $(amyd_unit_ldadd)

%C%_check_metrics_SOURCES = %D%/check_metrics.c
%C%_check_metrics_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_metrics_CFLAGS = $(unit_cflags)
%C%_check_metrics_LDADD = $(amyd_unit_ldadd)

%C%_check_tallies_SOURCES = %D%/check_tallies.c %D%/faults.c %D%/faults.h
%C%_check_tallies_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_tallies_CFLAGS = $(unit_cflags)
%C%_check_tallies_LDADD = $(amyd_unit_ldadd)
%C%_check_tallies_LDFLAGS = $(faults_ldflags)

%C%_check_busiest_SOURCES = %D%/check_busiest.c %D%/faults.c %D%/faults.h
%C%_check_busiest_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_busiest_CFLAGS = $(unit_cflags)
%C%_check_busiest_LDADD = $(amyd_unit_ldadd)
%C%_check_busiest_LDFLAGS = $(faults_ldflags)

%C%_check_status_SOURCES = %D%/check_status.c %D%/two_handlers.h %D%/faults.c %D%/faults.h
%C%_check_status_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_status_CFLAGS = $(unit_cflags)
%C%_check_status_LDADD = $(amyd_unit_ldadd)
%C%_check_status_LDFLAGS = $(faults_ldflags)
