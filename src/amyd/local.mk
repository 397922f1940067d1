# The daemon. All but main.c is in a library of its own, which the unit tests link.

sbin_PROGRAMS += amyd
noinst_LIBRARIES += libamyd.a

libamyd_a_SOURCES = \
	%D%/accept_thread.c %D%/accept_thread.h \
	%D%/access.c %D%/access.h \
	%D%/activation.c %D%/activation.h \
	%D%/address.c %D%/address.h \
	%D%/alike.c %D%/alike.h \
	%D%/ask.c %D%/ask.h \
	%D%/batch.c %D%/batch.h \
	%D%/bound.c %D%/bound.h \
	%D%/budget.h \
	%D%/busiest.c %D%/busiest.h \
	%D%/client.c %D%/client.h \
	%D%/cgroup.c %D%/cgroup.h \
	%D%/clients.c %D%/clients.h \
	%D%/command.c \
	%D%/conf.c %D%/conf.h \
	%D%/conf_check.c %D%/conf_check.h \
	%D%/conf_diff.c %D%/conf_diff.h \
	%D%/conf_rule.c %D%/conf_rule.h \
	%D%/conf_text.c %D%/conf_text.h \
	%D%/deliver.c \
	%D%/follow.c %D%/follow.h \
	%D%/format.c %D%/format.h \
	%D%/group.c %D%/group.h \
	%D%/handler_thread.c %D%/handler_thread.h \
	%D%/hits.c %D%/hits.h \
	%D%/http_host.c %D%/http_host.h \
	%D%/http_limits.h \
	%D%/http_thread.h \
	%D%/hash.c %D%/hash.h \
	%D%/heartbeat.c %D%/heartbeat.h \
	%D%/history.c %D%/history.h \
	%D%/inbox.c %D%/inbox.h \
	%D%/lease.c %D%/lease.h \
	%D%/lines.c %D%/lines.h \
	%D%/listener.c %D%/listener.h \
	%D%/load.c %D%/load.h \
	%D%/load_thread.c %D%/load_thread.h \
	%D%/log.c %D%/log.h \
	%D%/log_thread.c %D%/log_thread.h \
	%D%/members.c %D%/members.h \
	%D%/memory.c %D%/memory.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/mode.c %D%/mode.h \
	%D%/monotonic.c %D%/monotonic.h \
	%D%/news.c %D%/news.h \
	%D%/node.c %D%/node.h \
	%D%/notify.c %D%/notify.h \
	%D%/opening.c %D%/opening.h \
	%D%/output.c %D%/output.h \
	%D%/own_listeners.c %D%/own_listeners.h \
	%D%/packet.c %D%/packet.h \
	%D%/peer_tcp.c %D%/peer_tcp.h \
	%D%/peers.c %D%/peers.h \
	%D%/poll_thread.c %D%/poll_thread.h \
	%D%/protocol.c %D%/protocol.h \
	%D%/publication.c %D%/publication.h \
	%D%/publish.c \
	%D%/quota.c %D%/quota.h \
	%D%/rate.c %D%/rate.h \
	%D%/record_pipe.c %D%/record_pipe.h \
	%D%/regex.c %D%/regex.h \
	%D%/reload.c %D%/reload.h \
	%D%/replay.c %D%/replay.h \
	%D%/report.c %D%/report.h \
	%D%/requests.c %D%/requests.h \
	%D%/resolve_thread.c %D%/resolve_thread.h \
	%D%/ring.c %D%/ring.h \
	%D%/route.c %D%/route.h \
	%D%/router.c %D%/router.h \
	%D%/rules.c %D%/rules.h \
	%D%/server.c %D%/server.h \
	%D%/session.c %D%/session.h \
	%D%/sink.c %D%/sink.h \
	%D%/sink_thread.c %D%/sink_thread.h \
	%D%/squeeze.c \
	%D%/standstill.c %D%/standstill.h \
	%D%/stats.c %D%/stats.h \
	%D%/status.c %D%/status.h \
	%D%/status_json.c %D%/status_json.h \
	%D%/status_page.h \
	%D%/stored_subjects.c %D%/stored_subjects.h \
	%D%/stream.c %D%/stream.h \
	%D%/subject.c %D%/subject.h \
	%D%/subscription.h \
	%D%/subscriptions.c %D%/subscriptions.h \
	%D%/subscriptions_list.c %D%/subscriptions_list.h \
	%D%/supervision.c %D%/supervision.h \
	%D%/system_log.c %D%/system_log.h \
	%D%/table.c %D%/table.h \
	%D%/tallies.c %D%/tallies.h \
	%D%/targets.c %D%/targets.h \
	%D%/timers.c %D%/timers.h \
	%D%/timestamp.c %D%/timestamp.h \
	%D%/trie.c %D%/trie.h \
	%D%/units.c %D%/units.h \
	%D%/unacked.c %D%/unacked.h \
	%D%/unread.c %D%/unread.h \
	%D%/upstream.c %D%/upstream.h \
	%D%/upstreams.c %D%/upstreams.h \
	%D%/usage.c %D%/usage.h \
	%D%/utf8.c %D%/utf8.h \
	%D%/view.c %D%/view.h \
	%D%/watch.c %D%/watch.h \
	%D%/web.c %D%/web.h
if HAVE_MICROHTTPD
libamyd_a_SOURCES += %D%/http_thread.c %D%/mhd.c %D%/mhd.h
else
libamyd_a_SOURCES += %D%/http_none.c
endif
nodist_libamyd_a_SOURCES = %D%/status_page.c
libamyd_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src/libamy -I$(srcdir)/%D%
libamyd_a_CFLAGS = $(AM_CFLAGS) $(CONFUSE_CFLAGS) $(PCRE2_CFLAGS) $(MICROHTTPD_CFLAGS)

# The page that a browser is shown, as an array of its bytes.
EXTRA_DIST += %D%/status_page.html
CLEANFILES += %D%/status_page.c

%D%/status_page.c: %D%/status_page.html
	$(AM_V_GEN)$(MKDIR_P) %D% && od -An -v -t u1 $(srcdir)/%D%/status_page.html | $(AWK) ' \
		BEGIN { print "#include \"status_page.h\"\n\nconst unsigned char status_page[] = {" } \
		{ for (i = 1; i <= NF; i++) printf "%s,", $$i; print "" } \
		END { print "};\nconst size_t status_page_size = sizeof status_page;" }' >$@.new && \
		mv $@.new $@

amyd_SOURCES = %D%/main.c
amyd_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src/libamy
amyd_LDADD = libamyd.a libamy.la $(CONFUSE_LIBS) $(PCRE2_LIBS)
