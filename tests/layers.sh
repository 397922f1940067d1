#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes point down only. A file of src/amyd is known by its stem; what it includes, apart
# from its own header, stands in a lower row of this table. Rows of one layer are in an order
# of their own, and stems of one row do not know each other.
. "${top_srcdir:-.}/tests/lib.sh"

cat >"$work/table" <<'END'
6.0 main
5.1 reload
5.0 server
4.3 handler_thread web
4.25 upstreams
4.2 targets
4.1 http_none upstream
4.0 accept_thread http_thread load_thread log_thread poll_thread resolve_thread sink_thread
3.6 client
3.5 command
3.4 bound metrics mode status_json
3.3 ask follow hits news report status watch
3.25 publish
3.2 router
3.15 deliver squeeze
3.1 view
3.0 inbox
2.5 access lease members
2.4 session
2.3 output
2.25 stream
2.2 batch packet requests unacked
2.15 opening replay subscriptions_list
2.1 clients history peers protocol rules sink subscriptions
2.08 ring route
2.06 group
2.04 trie
2.02 own_listeners stored_subjects subscription
2.0 busiest listener load publication record_pipe stats table tallies timers
0.4 conf_diff
0.3 conf
0.2 conf_check supervision
0.1 activation conf_rule heartbeat notify
0.05 log quota
0.0 address alike budget cgroup conf_text format hash http_host http_limits lines memory mhd
0.0 monotonic node peer_tcp rate regex standstill status_page subject system_log timestamp
0.0 units unread usage utf8
END
# <amy.h> is layer 1, config.h below all.

daemon=$top_srcdir/src/amyd
library=$top_srcdir/src/libamy

# "FILE STEM HEADER" for each include of a header of the tree; <amy.h> is one.
includes()
{
	sed -n 's/^#[[:space:]]*include[[:space:]]*[<"]\([a-z_]*\)\.h[">].*/\1/p' "$1" |
		while read -r header; do
			[ "$header" = amy ] || [ -e "$daemon/$header.h" ] || continue
			stem=${1##*/}
			echo "${1##*/} ${stem%.*} $header"
		done
}

all_includes()
{
	local file

	for file in "$daemon"/*.[ch]; do
		includes "$file"
	done
}

includes_point_down()
{
	all_includes >"$work/includes"
	[ "$(wc -l <"$work/includes")" -gt 50 ] || { echo "no includes were found"; return 1; }
	awk '
		NR == FNR { for (i = 2; i <= NF; i++) layer[$i] = $1; next }
		$2 == $3 { next }
		{
			above = layer[$2] + 0
			below = $3 == "amy" ? 1 : layer[$3] + 0
			if (!($2 in layer) || below < above)
				next
			printf "%s (%s) includes %s.h (%s)\n", $1, above, $3, below
			bad = 1
		}
		END { exit bad }
	' "$work/table" "$work/includes"
}

stems_of_table()
{
	cut -d' ' -f2- "$work/table" | tr ' ' '\n' | sort
}

stems_of_tree()
{
	ls "$daemon" | sed -n 's/\.[ch]$//p' | sort -u
}

library_knows_nothing_of_the_daemon()
{
	! grep -nE '^#[[:space:]]*include[[:space:]]*(<(syslog|confuse|sysexits)\.h>|"([^"]*/|conf|log|config))' \
	    "$library"/*.[ch] &&
		! sed -n 's/^#[[:space:]]*include[[:space:]]*"\(.*\)".*/\1/p' "$library"/*.[ch] |
		sort -u | while read -r header; do
			[ -e "$library/$header" ] || echo "$header is not in src/libamy"
		done | grep .
}

# In the daemon the library is <amy.h>, as for everybody else.
daemon_uses_the_public_header()
{
	! grep -nE '^#[[:space:]]*include[[:space:]]*("amy\.h"|[<"](core|kernel|poller)\.h|[<"].*libamy)' \
	    "$daemon"/*.[ch]
}

# syslog(3) may block: log.c calls it on its thread, and sink_thread.c on one for that target.
only_log_calls_syslog()
{
	! grep -nE '(^|[^a-z_])(syslog|openlog|vsyslog)\([^)0-9]' "$daemon"/*.[ch] |
		grep -vE '/(log|sink_thread)\.c:'
}

threads_of_tree()
{
	(cd "$daemon" && ls -- *_thread.c) | sed 's/\.c$//' | sort
}

# The drawing's list in HACKING: "    NAME_thread  ...".
threads_of_hacking()
{
	sed -n 's/^    \([a-z]*_thread\) .*/\1/p' "$top_srcdir/HACKING" | sort -u
}

layers_of_table()
{
	awk '{ layer = int($1); for (i = 2; i <= NF; i++) print layer, $i }' "$work/table" | sort
}

# The table in HACKING: "    N  stem stem ...", further lines without the number.
layers_of_hacking()
{
	awk '
		/^[A-Z]+$/ { inside = $0 == "LAYERS"; layer = "" }
		!inside || !/^    / { next }
		/^    [0-9]  / { layer = $1; sub(/[0-9]/, "") }
		{ for (i = 1; i <= NF; i++) print layer, $i }
	' "$top_srcdir/HACKING" | grep -v '<amy.h>' | sort
}

is "every file of src/amyd is in the table, and no other" "$(stems_of_tree)" "$(stems_of_table)"
check "includes point down" includes_point_down
check "the library includes nothing of the daemon's" library_knows_nothing_of_the_daemon
check "the daemon includes the library's public header only" daemon_uses_the_public_header
check "nobody but the log and the thread of a target calls syslog" only_log_calls_syslog
is "HACKING's threads are the *_thread.c there are" "$(threads_of_tree)" "$(threads_of_hacking)"
is "HACKING's layers are those of this table" "$(layers_of_table)" "$(layers_of_hacking)"
done_testing
