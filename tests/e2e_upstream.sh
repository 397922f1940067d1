#!/bin/sh
# SPDX-License-Identifier: MIT
# A TCP target of a rule that refuses, resets, accepts nothing, stands still, and comes back: its
# lines wait, and are dropped when there are too many; nobody else has to do with it. (One that
# is killed, one with a name, and what is said of it: e2e_rules.sh.)
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd socat

# Nobody listens there, but who we let.
mkfifo "$work/reserve.in"
"$peer" reserve <"$work/reserve.in" >"$work/reserved" &
children="$children $!"
exec 8>"$work/reserve.in"
wait_until has_lines "$work/reserved" 1
bad_port=$(cat "$work/reserved")
bad=tcp:127.0.0.1:$bad_port

# One that is as it should be, all the time.
socat -u "TCP-LISTEN:0,bind=127.0.0.1" "OPEN:$work/good.out,creat,append" 2>"$work/good.log" &
good_server=$!
children="$children $good_server"
good_port()
{
	awk -v inode="$(readlink "/proc/$good_server"/fd/* | sed -n 's/^socket:\[\(.*\)\]$/\1/p')" '
		BEGIN { split(inode, wanted, "\n"); for (i in wanted) is_ours[wanted[i]] }
		$4 == "0A" && $10 in is_ours { print substr($2, 10) }' /proc/net/tcp
}
has_good_port()
{
	[ -n "$(good_port)" ]
}
wait_until has_good_port
good=tcp:127.0.0.1:$((0x$(good_port)))

start_daemon -vv <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
rule bad    { match = "log.>"  to = {"$bad"}  queue = "64K" }
rule good   { match = "log.>"  to = {"$good"}  queue = "64M" }
rule file   { match = "log.>"  to = {"file:$work/file.out"}  queue = "64M" }
END
main_port=$(port main)

# publish N: as many lines more, numbered; all are answered
nlines=0
publish()
{
	seq -f "PUB log.a %.0f" $((nlines + 1)) $((nlines + $1)) >"$work/in"
	nlines=$((nlines + $1))
	[ "$(command_lines <"$work/in" | grep -c '^+OK')" = "$1" ]
}

# harms_nobody WHEN
harms_nobody()
{
	check "$1: another TCP target has every line" wait_until has_written good "$good" "$nlines"
	check "$1: so has a file" wait_until has_written file "file:$work/file.out" "$nlines"
	check "$1: at the one itself it adds up" balances bad "$bad"
}

# error_is PATTERN: what went wrong last at the bad one
error_is()
{
	echo STATS rule.bad. | command_lines | grep -Eqx "\* rule\.bad\.$bad\.error ($1)"
}

# How often it was tried to connect, as far as that failed.
nfailures()
{
	grep -c "rule bad: $bad: Connection refused" "$work/log"
}

has_failed_more_often()
{
	[ "$(nfailures)" -gt "$1" ]
}

# ---- Refused -----------------------------------------------------------------------------

check "refused: publishers have their finals" publish 100
check "refused: it is tried again" wait_until has_failed_more_often 2
is "refused: its lines wait" "100 0 0" \
    "$(rule_stat bad "$bad" queued) $(rule_stat bad "$bad" written) $(rule_stat bad "$bad" dropped)"
harms_nobody refused
check "refused for long: publishers have their finals" publish 5000
check "refused for long: the oldest are dropped, and counted" has_lost_some bad "$bad"
harms_nobody "refused for long"
# 0.1 s, and each time twice as long: 7 times in the first 12 s.
seconds=$(counter server.seconds)
n=$(nfailures)
echo "# $n times in $seconds s"
check "refused: it is tried ever less often" [ "$n" -le $((8 + seconds / 10)) ]

# ---- Reset -------------------------------------------------------------------------------

# accept_and_reset: one connection, of which a few lines are read, and then it is reset
accept_and_reset()
{
	socat -u "TCP-LISTEN:$bad_port,reuseaddr,bind=127.0.0.1,linger=0" \
	    "SYSTEM:head -n 5 >>$work/reset.out" </dev/null >/dev/null 2>&1 &
	server=$!
	children="$children $server"
}

is_reset()
{
	publish 10
	! is_running "$server"
}

: >"$work/reset.out"
nreset=0
for round in 1 2 3; do
	accept_and_reset
	wait_until is_reset && nreset=$((nreset + 1))
	wait_for_end "$server" 2>/dev/null
done
is "it is reset three times, after a few lines" 3 "$nreset"
is "each time it has got some" 15 "$(wc -l <"$work/reset.out")"
check "whole lines, in order, none of them twice" sort -nuc "$work/reset.out"
harms_nobody "reset"

# ---- It accepts, and closes --------------------------------------------------------------

# serve_badly HOW
serve_badly()
{
	"$peer" serve --how "$1" 127.0.0.1 "$bad_port" >"$work/serve.out" 2>&1 &
	server=$!
	children="$children $server"
}

no_more_badly()
{
	kill "$server"
	wait_for_end "$server" 2>/dev/null
}

# stat WHAT: of the bad one
stat()
{
	rule_stat bad "$bad" "$1"
}

# The second time the pauses are long already: up to 30 s.
ntries=4
for how in close unread; do
	written=$(stat written)
	serve_badly "$how"
	check "it accepts and closes ($how): publishers have their finals" publish 2000
	check "it accepts and closes ($how): it is tried again" wait_until has_lines "$work/serve.out" $ntries
	is "it accepts and closes ($how): nothing counts as written" "$written" "$(stat written)"
	no_more_badly
	# 0.1 s after the first one, and each time twice as long.
	n=$(wc -l <"$work/serve.out")
	check "it accepts and closes ($how): and ever less often" [ "$n" -le $((8 + $(counter server.seconds) / 10)) ]
	harms_nobody "it accepts and closes ($how)"
	ntries=1
done
check "what it may not have read is unsure" [ "$(stat unsure)" -gt 0 ]
check "that is logged" file_has "$work/log" "rule bad: $bad: the connection broke: [0-9]* lines"
is "its state: not connected" 0 "$(stat connected)"
check "its state: since when" [ "$(stat since)" -ge 0 ]
check "its state: what went wrong last" wait_until error_is "the other side (reset|ended) the connection|Connection refused"

# ---- It comes back -------------------------------------------------------------------------

serve()
{
	socat -u "TCP-LISTEN:$bad_port,reuseaddr,bind=127.0.0.1$1" "OPEN:$work/bad.out,creat,append" \
	    </dev/null >/dev/null 2>&1 &
	server=$!
	children="$children $server"
}

: >"$work/bad.out"
serve ""
has_the_last()
{
	[ "$(tail -n 1 "$work/bad.out")" = "$nlines" ]
}
# The connection that was reset had taken some more, which are unsure.
is_back()
{
	publish 1
	has_the_last
}
check "it comes back: it has what comes from then on" wait_until is_back
publish 1000
check "it comes back: to the last line" wait_until has_the_last
check "it comes back: nothing waits any more" wait_until nothing_waits bad "$bad"
check "whole lines, in order, none of them twice" sort -nuc "$work/bad.out"
is "and no line is there that was none" "" "$(grep -vxE '[0-9]+' "$work/bad.out" | head -n 3)"
harms_nobody "it comes back"

# ---- It accepts nothing --------------------------------------------------------------------

# Its queue of callers is full, so that the next one hears nothing at all. The daemon is to be
# none of the first.
kill -STOP "$daemon"
kill -KILL "$server"
wait_for_end "$server" 2>/dev/null
serve ,backlog=0,fork
is_listening()
{
	awk -v port=":$(printf '%04X' "$bad_port")" \
	    '$4 == "0A" && substr($2, 9) == port { n++ } END { exit n == 0 }' /proc/net/tcp
}
wait_until is_listening
kill -STOP "$server"
is_not_answered()
{
	nc.openbsd 127.0.0.1 "$bad_port" </dev/null >/dev/null 2>&1 &
	children="$children $!"
	has_caller_without_answer
}
# State 02: it has called.
has_caller_without_answer()
{
	awk -v port=":$(printf '%04X' "$bad_port")" \
	    '$4 == "02" && substr($3, 9) == port { n++ } END { exit n == 0 }' /proc/net/tcp
}
check "it accepts nothing: a caller hears nothing" wait_until is_not_answered
kill -CONT "$daemon"
check "it accepts nothing: publishers have their finals" publish 5000
harms_nobody "it accepts nothing"
check "it accepts nothing: others are answered" [ "$(echo PING | command_lines)" = +OK ]
kill -CONT "$server"
check "it accepts at last: nothing waits any more" wait_until nothing_waits bad "$bad"
check "it accepts at last: it has what waited, to the last line" wait_until has_the_last
check "whole lines, in order, none of them twice" sort -nuc "$work/bad.out"
harms_nobody "it accepts at last"

# ---- In the end ----------------------------------------------------------------------------

# What it was sent and may not have read is unsure; the rest is accounted for.
nlost=$((nlines - $(stat dropped) - $(stat unsure) - $(stat written)))
is "every line was written, unsure or dropped" 0 "$nlost"
is "its state: connected" 1 "$(stat connected)"
seq 1 "$nlines" >"$work/expected"
stop_daemon
same "another TCP target has got every line, in order" "$work/expected" "$work/good.out"
same "so has a file" "$work/expected" "$work/file.out"

done_testing
