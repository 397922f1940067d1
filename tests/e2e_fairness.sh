#!/bin/sh
# SPDX-License-Identifier: MIT
# One client asks for as much as it can: all others have their turn in between, and so have reloads
# and the end.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
[ -r /proc/net/tcp ] || skip_all "there is no /proc/net/tcp"

start_fair_daemon()
{
	start_daemon <<-END
		handlers = 1
		drain_time = "100ms"
		rule evil { match = "rx"  regex = "a.*[bc]"  to = "subject:gone" }
		history stored { match = "stored.>"  lines = 20000 }
		listen main { address = "127.0.0.1:0" }
	END
	main_port=$(port main)
	hex_port=$(printf '0100007F:%04X' "$main_port")
}

# unread N: so many of the daemon's sockets have something that it has not read yet
unread()
{
	[ "$(awk -v port="$hex_port" '
		$2 == port && substr($5, 10) != "00000000" { n++ }
		END { print n + 0 }' /proc/net/tcp)" -eq "$1" ]
}

# stopped_with LINES: the daemon is stopped, and finds these from the greedy client when it goes on
stopped_with()
{
	connect greedy openbsd 127.0.0.1 "$main_port"
	say greedy 'SUB tick'
	wait_until has_lines "$work/greedy.out" 1
	connect other openbsd 127.0.0.1 "$main_port"
	say other PING
	wait_until has_lines "$work/other.out" 1
	kill -STOP "$daemon"
	cat "$1" >"$work/greedy.in"
	wait_until unread 1
}

leave_both()
{
	leave other
	kill -KILL "$(client_pid greedy)"
	hang_up greedy
	wait_for_end "$(client_pid greedy)"
	wait_until unread 0
}

# finals_before LINE: how many the greedy client had before the line, its SUB's not counted
finals_before()
{
	awk -v line="$1" '
		$0 == line { print n - 1; exit }
		/^(\+OK|-ERR)/ { n++ }' "$work/greedy.out"
}

# others_have_their_turn N LINE...: while the greedy client says the lines N times
others_have_their_turn()
{
	local name=$1 n=$2 before

	shift 2
	for line; do echo "$line"; done >"$work/once"
	yes "$(cat "$work/once")" | head -n $((n * $#)) >"$work/lines"
	stopped_with "$work/lines"
	say other 'PUB tick now'
	wait_until unread 2
	kill -CONT "$daemon"
	wait_until file_has "$work/greedy.out" '^MSG tick now'
	before=$(finals_before 'MSG tick now')
	check "$name: $before answers of $n come before another client's line" \
	    [ "$before" -lt $((n * $# / 10)) ]
	leave_both
}

# ---- Many subscriptions ----------------------------------------------------------------------

start_fair_daemon
connect crowd openbsd 127.0.0.1 "$main_port"
seq -f 'SUB crowd.%.0f.x' 1 10000 >"$work/crowd.in"
wait_until has_lines "$work/crowd.out" 10000

others_have_their_turn "WHO with a pattern" 1000 'WHO zz.*'
others_have_their_turn "WHO with a pattern that all overlap" 1000 'WHO >'
others_have_their_turn "TRACE" 1000 'TRACE zz.y'
others_have_their_turn "STATS" 1000 'STATS zz'

# ---- Stored lines ----------------------------------------------------------------------------

seq -f 'PUB stored.%.0f x' 1 20000 | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
others_have_their_turn "READ of all" 50 'READ stored.>'
others_have_their_turn "READ of what nobody has said" 500 'READ stored.x'
others_have_their_turn "READ of the last ones, of which there are few" 500 'READ stored.1 LAST 2'
others_have_their_turn "READ of the last hour" 500 'READ stored.x SINCE 1h'
others_have_their_turn "SUB with a look back" 500 'SUB stored.1 LAST 2' 'UNSUB stored.1'
others_have_their_turn "SUB from a number on" 500 'SUB stored.x FROM 1' 'UNSUB stored.x'
others_have_their_turn "SUB with a look back, of which lines are counted" 500 \
    'SUB stored.x LAST 2 COUNT 2' 'UNSUB stored.x'

# ---- What else makes it look for long, or write for long --------------------------------------

long=$(head -c 1000 /dev/zero | tr '\0' a)
others_have_their_turn "a regex that looks for long" 30 "PUB rx $long"
others_have_their_turn "HELP" 4000 HELP

# ---- Reload and end --------------------------------------------------------------------------

has_reloaded()
{
	file_has "$work/greedy.out" '^\* server.reloads 1$'
}

{ yes 'WHO zz.*
STATS server.reloads' | head -n 6000; echo 'ECHO last'; } >"$work/lines"
stopped_with "$work/lines"
kill -HUP "$daemon"
kill -CONT "$daemon"
check "a reload comes while a client asks for more and more" wait_until has_reloaded
unlike "which is not answered all of it by then" '^\+OK last$' "$work/greedy.out"
leave_both

{ yes 'WHO zz.*' | head -n 3000; echo 'ECHO last'; } >"$work/lines"
stopped_with "$work/lines"
kill -TERM "$daemon"
kill -CONT "$daemon"
stop_daemon "and the daemon ends when it is told to"
unlike "before all of that is answered" '^\+OK last$' "$work/greedy.out"

done_testing
