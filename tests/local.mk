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

# Unit tests share harness.c. Those that make calls fail are linked so that the functions of
# faults.c stand in for the system's, also in the objects of the library.

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
	%D%/check_unread \
	%D%/check_cgroup \
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
	%D%/check_budget \
	%D%/check_busiest \
	%D%/check_http_host \
	%D%/check_opening \
	%D%/check_metrics \
	%D%/check_status \
	%D%/check_memory \
	%D%/check_log \
	%D%/check_system_log \
	%D%/check_notify

amybench_unit_tests = \
	%D%/check_histogram

libamy_tree_tests = \
	%D%/examples.sh \
	%D%/exports.sh \
	%D%/headers.sh \
	%D%/kqueue_macos.sh \
	%D%/outside.sh

unit_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS) $(KERNEL_CPPFLAGS) -I$(srcdir)/src/libamy
libamy_unit_ldadd = %D%/libharness.a $(private_archive) $(KERNEL_LIBS) $(CHECK_LIBS)
amyd_unit_cppflags = $(unit_cppflags) -I$(srcdir)/src/amyd
amyd_unit_ldadd = %D%/libharness.a libamyd.a $(private_archive) $(KERNEL_LIBS) $(CHECK_LIBS) \
	$(CONFUSE_LIBS) $(PCRE2_LIBS)

# Without libtool, which takes ten times as long as the linker, and has nothing to do here.
tool_cflags = $(WARN_CFLAGS) $(HARDEN_CFLAGS)
tool_link = $(CCLD) $(tool_cflags) $(CFLAGS) $(AM_LDFLAGS) $(LDFLAGS) -o $@
unit_link = $(CCLD) $(AM_CFLAGS) $(CFLAGS) $(AM_LDFLAGS) $(LDFLAGS) -o $@
faults_link = $(unit_link) \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=free -Wl,--wrap=aligned_alloc \
	-Wl,--wrap=strdup -Wl,--wrap=strndup \
	-Wl,--wrap=kqueue -Wl,--wrap=kevent \
	-Wl,--wrap=epoll_create1 -Wl,--wrap=epoll_ctl -Wl,--wrap=syscall \
	-Wl,--wrap=eventfd -Wl,--wrap=signalfd -Wl,--wrap=pipe -Wl,--wrap=fcntl -Wl,--wrap=readlink \
	-Wl,--wrap=read -Wl,--wrap=write \
	-Wl,--wrap=recvmsg -Wl,--wrap=recvmmsg -Wl,--wrap=sendmsg -Wl,--wrap=sendmmsg

if HAVE_CHECK
check_LIBRARIES += %D%/libharness.a
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

%C%_libharness_a_SOURCES = %D%/harness.c %D%/harness.h %D%/faults.c %D%/faults.h \
	%D%/conf_file.h %D%/two_handlers.h
%C%_libharness_a_CPPFLAGS = $(unit_cppflags)

%C%_check_core_CPPFLAGS = $(unit_cppflags)
%C%_check_core_LDADD = $(libamy_unit_ldadd)
%C%_check_core_LINK = $(faults_link)

%C%_check_agenda_CPPFLAGS = $(unit_cppflags)
%C%_check_agenda_LDADD = $(libamy_unit_ldadd)
%C%_check_agenda_LINK = $(faults_link)

%C%_check_soft_CPPFLAGS = $(unit_cppflags)
%C%_check_soft_LDADD = $(libamy_unit_ldadd)
%C%_check_soft_LINK = $(faults_link)

%C%_check_echo_threads_CPPFLAGS = $(unit_cppflags)
%C%_check_echo_threads_LDADD = $(libamy_unit_ldadd)
%C%_check_echo_threads_LINK = $(unit_link)

%C%_check_no_allocation_CPPFLAGS = $(unit_cppflags)
%C%_check_no_allocation_LDADD = $(libamy_unit_ldadd)
%C%_check_no_allocation_LINK = $(faults_link)

%C%_check_poller_CPPFLAGS = $(unit_cppflags)
%C%_check_poller_LDADD = $(libamy_unit_ldadd)
%C%_check_poller_LINK = $(unit_link)

%C%_check_poller_stress_CPPFLAGS = $(unit_cppflags)
%C%_check_poller_stress_LDADD = $(libamy_unit_ldadd)
%C%_check_poller_stress_LINK = $(unit_link)

%C%_check_wait_set_CPPFLAGS = $(unit_cppflags)
%C%_check_wait_set_LDADD = $(libamy_unit_ldadd)
%C%_check_wait_set_LINK = $(faults_link)

%C%_check_channel_CPPFLAGS = $(unit_cppflags)
%C%_check_channel_LDADD = $(libamy_unit_ldadd)
%C%_check_channel_LINK = $(faults_link)

# The same again with what is portable of libamy: these objects come before the library's.
%C%_check_channel_portable_SOURCES = %D%/check_channel.c \
	src/libamy/channel.c src/libamy/notice_pipe.c
%C%_check_channel_portable_CPPFLAGS = $(unit_cppflags) -DAMY_PORTABLE
%C%_check_channel_portable_LDADD = $(libamy_unit_ldadd)
%C%_check_channel_portable_LINK = $(faults_link)

# The kernel of kqueue(2) over a stand-in for that, whatever the library uses here; so faults.c is
# compiled for it, too.
%C%_check_kqueue_SOURCES = %D%/check_kqueue.c %D%/faults.c \
	%D%/kqueue/recorder.c %D%/kqueue/recorder.h %D%/kqueue/sys/event.h \
	src/libamy/kernel_kqueue.c src/libamy/kernel_kqueue.h \
	src/libamy/kqueue_changes.c src/libamy/kqueue_changes.h \
	src/libamy/kqueue_table.c src/libamy/kqueue_table.h
%C%_check_kqueue_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS) -DAMY_KERNEL_KQUEUE -I$(srcdir)/%D%/kqueue \
	-I$(srcdir)/%D% -I$(srcdir)/src/libamy
%C%_check_kqueue_LDADD = %D%/libharness.a $(CHECK_LIBS)
%C%_check_kqueue_LINK = $(faults_link)

%C%_check_signals_CPPFLAGS = $(unit_cppflags)
%C%_check_signals_LDADD = $(libamy_unit_ldadd)
%C%_check_signals_LINK = $(faults_link)

%C%_check_signals_kqueue_SOURCES = %D%/check_signals_kqueue.c %D%/faults.c \
	%D%/kqueue/recorder.c %D%/kqueue/recorder.h %D%/kqueue/sys/event.h \
	src/libamy/signals_kqueue.c
%C%_check_signals_kqueue_CPPFLAGS = $(%C%_check_kqueue_CPPFLAGS) -DAMY_PORTABLE
%C%_check_signals_kqueue_LDADD = %D%/libharness.a $(CHECK_LIBS)
%C%_check_signals_kqueue_LINK = $(faults_link)

%C%_check_datagrams_CPPFLAGS = $(unit_cppflags)
%C%_check_datagrams_LDADD = $(libamy_unit_ldadd)
%C%_check_datagrams_LINK = $(faults_link)

%C%_check_datagrams_portable_SOURCES = %D%/check_datagrams.c \
	src/libamy/datagrams.c src/libamy/messages_loop.c
%C%_check_datagrams_portable_CPPFLAGS = $(unit_cppflags) -DAMY_PORTABLE
%C%_check_datagrams_portable_LDADD = $(libamy_unit_ldadd)
%C%_check_datagrams_portable_LINK = $(faults_link)

%C%_check_frame_reader_CPPFLAGS = $(unit_cppflags)
%C%_check_frame_reader_LDADD = $(libamy_unit_ldadd)
%C%_check_frame_reader_LINK = $(faults_link)

%C%_check_frame_writer_CPPFLAGS = $(unit_cppflags)
%C%_check_frame_writer_LDADD = $(libamy_unit_ldadd)
%C%_check_frame_writer_LINK = $(faults_link)

%C%_check_line_reader_CPPFLAGS = $(unit_cppflags)
%C%_check_line_reader_LDADD = $(libamy_unit_ldadd)
%C%_check_line_reader_LINK = $(faults_link)

%C%_check_line_writer_CPPFLAGS = $(unit_cppflags)
%C%_check_line_writer_LDADD = $(libamy_unit_ldadd)
%C%_check_line_writer_LINK = $(faults_link)

%C%_check_faults_CPPFLAGS = $(unit_cppflags)
%C%_check_faults_LDADD = $(libamy_unit_ldadd)
%C%_check_faults_LINK = $(faults_link)

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
	%D%/e2e_fairness.sh \
	%D%/e2e_lease.sh \
	%D%/e2e_addresses.sh \
	%D%/e2e_memory.sh \
	%D%/e2e_conf.sh \
	%D%/e2e_signals.sh \
	%D%/e2e_left_alone.sh \
	%D%/e2e_reload.sh \
	%D%/e2e_reload_load.sh \
	%D%/e2e_systemd.sh \
	%D%/e2e_limits.sh \
	%D%/e2e_idle.sh \
	%D%/e2e_log_lines.sh \
	%D%/e2e_rates.sh \
	%D%/e2e_hang_up.sh \
	%D%/e2e_start.sh \
	%D%/e2e_drain.sh \
	%D%/e2e_history.sh \
	%D%/e2e_groups.sh \
	%D%/e2e_requests.sh \
	%D%/e2e_presence.sh \
	%D%/e2e_settings.sh \
	%D%/e2e_reports.sh \
	%D%/e2e_modes.sh \
	%D%/e2e_names.sh \
	%D%/e2e_rules.sh \
	%D%/e2e_faults.sh \
	%D%/e2e_clock.sh \
	%D%/e2e_disk.sh \
	%D%/e2e_log.sh \
	%D%/e2e_upstream.sh \
	%D%/e2e_storm.sh \
	%D%/e2e_oracle.sh \
	%D%/e2e_http.sh \
	%D%/e2e_browser.sh \
	%D%/e2e_amybench.sh

check_PROGRAMS += %D%/peer %D%/storm %D%/oracle %D%/reloads %D%/waiter
dist_check_SCRIPTS += $(e2e_tests)
TESTS += $(e2e_tests)
EXTRA_DIST += %D%/lib.sh

%C%_reloads_LINK = $(unit_link)
%C%_storm_LINK = $(unit_link)
%C%_oracle_LINK = $(unit_link)

# The tests start these very often, and a program with a sanitizer takes long to start.
%C%_peer_CFLAGS = $(tool_cflags)
%C%_peer_LINK = $(tool_link)
%C%_waiter_CFLAGS = $(tool_cflags)
%C%_waiter_LINK = $(tool_link)

# Checks of the tree: what the documents say is so.

document_tests = \
	%D%/conversations.sh \
	%D%/layers.sh \
	%D%/manpages.sh \
	%D%/musl.sh \
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

%C%_check_subject_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_subject_LDADD = $(amyd_unit_ldadd)
%C%_check_subject_LINK = $(unit_link)

%C%_check_protocol_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_protocol_LDADD = $(amyd_unit_ldadd)
%C%_check_protocol_LINK = $(unit_link)

%C%_check_units_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_units_LDADD = $(amyd_unit_ldadd)
%C%_check_units_LINK = $(unit_link)

%C%_check_batch_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_batch_LDADD = $(amyd_unit_ldadd)
%C%_check_batch_LINK = $(faults_link)

%C%_check_packet_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_packet_LDADD = $(amyd_unit_ldadd)
%C%_check_packet_LINK = $(faults_link)

%C%_check_lines_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_lines_LDADD = $(amyd_unit_ldadd)
%C%_check_lines_LINK = $(unit_link)

%C%_check_lease_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_lease_LDADD = $(amyd_unit_ldadd)
%C%_check_lease_LINK = $(faults_link)

%C%_check_cgroup_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_cgroup_LDADD = $(amyd_unit_ldadd)
%C%_check_cgroup_LINK = $(unit_link)

%C%_check_unread_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_unread_LDADD = $(amyd_unit_ldadd)
%C%_check_unread_LINK = $(unit_link)

%C%_check_address_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_address_LDADD = $(amyd_unit_ldadd)
%C%_check_address_LINK = $(unit_link)

%C%_check_conf_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_conf_LDADD = $(amyd_unit_ldadd)
%C%_check_conf_LINK = $(faults_link)

%C%_check_conf_diff_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_conf_diff_LDADD = $(amyd_unit_ldadd)
%C%_check_conf_diff_LINK = $(faults_link)

%C%_check_standstill_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_standstill_LDADD = $(amyd_unit_ldadd)
%C%_check_standstill_LINK = $(unit_link)

%C%_check_targets_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_targets_LDADD = $(amyd_unit_ldadd)
%C%_check_targets_LINK = $(faults_link) -Wl,--wrap=pthread_create

%C%_check_reload_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_reload_LDADD = $(amyd_unit_ldadd)
%C%_check_reload_LINK = $(faults_link)

%C%_check_listener_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_listener_LDADD = $(amyd_unit_ldadd)
%C%_check_listener_LINK = $(faults_link)

%C%_check_table_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_table_LDADD = $(amyd_unit_ldadd)
%C%_check_table_LINK = $(faults_link)

%C%_check_hash_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_hash_LDADD = $(amyd_unit_ldadd)
%C%_check_hash_LINK = $(unit_link)

%C%_check_subscriptions_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_subscriptions_LDADD = $(amyd_unit_ldadd)
%C%_check_subscriptions_LINK = $(faults_link)

%C%_check_record_pipe_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_record_pipe_LDADD = $(amyd_unit_ldadd)
%C%_check_record_pipe_LINK = $(unit_link)

%C%_check_inbox_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_inbox_LDADD = $(amyd_unit_ldadd)
%C%_check_inbox_LINK = $(faults_link)

%C%_check_router_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_router_LDADD = $(amyd_unit_ldadd)
%C%_check_router_LINK = $(faults_link)

%C%_check_session_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_session_LDADD = $(amyd_unit_ldadd)
%C%_check_session_LINK = $(faults_link)

%C%_check_log_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_log_LDADD = $(amyd_unit_ldadd)
%C%_check_log_LINK = $(unit_link) -Wl,--wrap=monotonic_now_ms

%C%_check_system_log_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_system_log_LDADD = $(amyd_unit_ldadd)
%C%_check_system_log_LINK = $(unit_link)

%C%_check_alike_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_alike_LDADD = $(amyd_unit_ldadd)
%C%_check_alike_LINK = $(unit_link)

%C%_check_heartbeat_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_heartbeat_LDADD = $(amyd_unit_ldadd)
%C%_check_heartbeat_LINK = $(unit_link)

%C%_check_supervision_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_supervision_LDADD = $(amyd_unit_ldadd)
%C%_check_supervision_LINK = $(unit_link) -Wl,--wrap=monotonic_now_ms

%C%_check_activation_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_activation_LDADD = $(amyd_unit_ldadd)
%C%_check_activation_LINK = $(faults_link)

%C%_check_notify_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_notify_LDADD = $(amyd_unit_ldadd)
%C%_check_notify_LINK = $(unit_link)

%C%_check_publication_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_publication_LDADD = $(amyd_unit_ldadd)
%C%_check_publication_LINK = $(faults_link)

%C%_check_timers_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_timers_LDADD = $(amyd_unit_ldadd)
%C%_check_timers_LINK = $(faults_link)

%C%_check_stats_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_stats_LDADD = $(amyd_unit_ldadd)
%C%_check_stats_LINK = $(unit_link)

%C%_check_regex_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_regex_LDADD = $(amyd_unit_ldadd)
%C%_check_regex_LINK = $(faults_link)

%C%_check_rules_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_rules_LDADD = $(amyd_unit_ldadd)
%C%_check_rules_LINK = $(faults_link)

%C%_check_history_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_history_LDADD = $(amyd_unit_ldadd)
%C%_check_history_LINK = $(faults_link)

%C%_check_output_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_output_LDADD = $(amyd_unit_ldadd)
%C%_check_output_LINK = $(faults_link)

%C%_check_clients_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_clients_LDADD = $(amyd_unit_ldadd)
%C%_check_clients_LINK = $(faults_link) -Wl,--wrap=hash_bytes -Wl,--wrap=hash_key_init

%C%_check_requests_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_requests_LDADD = $(amyd_unit_ldadd)
%C%_check_requests_LINK = $(faults_link) -Wl,--wrap=hash_bytes -Wl,--wrap=hash_key_init

%C%_check_sink_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_sink_LDADD = $(amyd_unit_ldadd)
%C%_check_sink_LINK = $(faults_link)

%C%_check_sink_thread_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_sink_thread_LDADD = $(amyd_unit_ldadd)
%C%_check_sink_thread_LINK = $(faults_link) -Wl,--wrap=pthread_create -Wl,--wrap=system_log_write

%C%_check_resolve_thread_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_resolve_thread_LDADD = $(amyd_unit_ldadd)
%C%_check_resolve_thread_LINK = $(faults_link) -Wl,--wrap=pthread_create

%C%_check_upstream_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_upstream_LDADD = $(amyd_unit_ldadd)
%C%_check_upstream_LINK = $(faults_link)

%C%_check_view_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_view_LDADD = $(amyd_unit_ldadd)
%C%_check_view_LINK = $(faults_link)

%C%_check_follow_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_follow_LDADD = $(amyd_unit_ldadd)
%C%_check_follow_LINK = $(faults_link)

%C%_check_ask_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_ask_LDADD = $(amyd_unit_ldadd)
%C%_check_ask_LINK = $(faults_link)

%C%_check_histogram_SOURCES = %D%/check_histogram.c src/amybench/histogram.c
%C%_check_histogram_CPPFLAGS = $(unit_cppflags) -I$(srcdir)/src/amybench
%C%_check_histogram_LDADD = %D%/libharness.a $(CHECK_LIBS)
%C%_check_histogram_LINK = $(unit_link)

%C%_check_memory_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_memory_LDADD = $(amyd_unit_ldadd)
%C%_check_memory_LINK = $(faults_link)

%C%_check_budget_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_budget_LDADD = $(amyd_unit_ldadd)
%C%_check_budget_LINK = $(unit_link)

%C%_check_rate_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_rate_LDADD = $(amyd_unit_ldadd)
%C%_check_rate_LINK = $(unit_link)

%C%_check_peers_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_peers_LDADD = $(amyd_unit_ldadd)
%C%_check_peers_LINK = $(faults_link) -Wl,--wrap=hash_bytes -Wl,--wrap=hash_key_init

%C%_check_watch_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_watch_LDADD = $(amyd_unit_ldadd)
%C%_check_watch_LINK = $(faults_link)

%C%_check_bound_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_bound_LDADD = $(amyd_unit_ldadd)
%C%_check_bound_LINK = $(unit_link)

%C%_check_utf8_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_utf8_LDADD = $(amyd_unit_ldadd)
%C%_check_utf8_LINK = $(unit_link)

%C%_check_load_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_load_LDADD = $(amyd_unit_ldadd)
%C%_check_load_LINK = $(unit_link)

%C%_check_http_host_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_http_host_LDADD = $(amyd_unit_ldadd)
%C%_check_http_host_LINK = $(unit_link)

%C%_check_opening_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_opening_LDADD = $(amyd_unit_ldadd)
%C%_check_opening_LINK = $(unit_link)

%C%_check_metrics_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_metrics_LDADD = $(amyd_unit_ldadd)
%C%_check_metrics_LINK = $(unit_link)

%C%_check_tallies_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_tallies_LDADD = $(amyd_unit_ldadd)
%C%_check_tallies_LINK = $(faults_link)

%C%_check_busiest_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_busiest_LDADD = $(amyd_unit_ldadd)
%C%_check_busiest_LINK = $(faults_link)

%C%_check_status_CPPFLAGS = $(amyd_unit_cppflags)
%C%_check_status_LDADD = $(amyd_unit_ldadd)
%C%_check_status_LINK = $(faults_link)
