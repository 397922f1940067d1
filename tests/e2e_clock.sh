#!/bin/sh
# SPDX-License-Identifier: MIT
# Time that jumps: a daemon that was stopped for longer than any client may be quiet; a wall
# clock that goes ten years on, and an hour back.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

# ---- Stopped, and going on ---------------------------------------------------------------

# While it is stopped, another daemon measures the time: its client is ended for that.
start_daemon <<END
handlers = 1
listen main { address = "127.0.0.1:0"  idle_time = "6s" }
END
clock_daemon=$daemon
clock_port=$(port main)
mv "$work/log" "$work/clock.log"

start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
listen time { address = "127.0.0.1:0"  idle_time = "5s"  line_time = "5s"  slow_time = "5s"  queue = "256K" }
END
main_port=$(port main)
time_port=$(port time)

# measure: it lasts for longer than 5 s
measure()
{
	connect clock openbsd 127.0.0.1 "$clock_port"
	wait_until file_has "$work/clock.out" '^! BYE IDLE'
	hang_up clock
	wait_until gone clock
}

# Two that have set themselves a time.
start_waiting()
{
	connect timed openbsd 127.0.0.1 "$main_port"
	say timed 'SET timeout 5s' 'SUB timed WITHIN 5s'
	subscribe responder openbsd ask 127.0.0.1 "$main_port"
	say timed '#q REQ ask x'
	wait_until file_has "$work/responder.out" '^REQ ask'
}

# One that has more to read than the kernel takes for it, as long as it is stopped.
text=$(head -c 10000 /dev/zero | tr '\0' x)
nfed=$(lines_beyond_socket 10000)

start_reading()
{
	printf 'SUB feed COUNT 1000\nQUIT\n' |
		"$peer" talk --rcvbuf 4096 127.0.0.1 "$time_port" >"$work/reader.out" 2>&1 &
	reader=$!
	children="$children $reader"
	wait_until counter_is subscriptions 1
	kill -STOP "$reader"
	seq -f "PUB feed %.0f $text" 1 "$nfed" | command_lines >/dev/null
}

# Some say nothing, some have begun a line, some come when it is stopped.
names="1 2 3 4"
come_and_stop()
{
	for n in $names; do
		connect "quiet$n" openbsd 127.0.0.1 "$time_port"
		connect "half$n" openbsd 127.0.0.1 "$time_port"
	done
	start_reading
	start_waiting
	for n in $names; do
		say "quiet$n" 'PING here'
		say "half$n" 'PING here'
		wait_until has_lines "$work/quiet$n.out" 1
		wait_until has_lines "$work/half$n.out" 1
	done
	for n in $names; do
		printf 'PING hal' >"$work/half$n.in"
	done
	printf 'PING\n' | command_lines >/dev/null
	kill -STOP "$daemon"
	for n in $names; do
		connect "late$n" openbsd 127.0.0.1 "$time_port"
		say "late$n" 'PING late'
	done
	kill -CONT "$reader"
	measure
}

end_all()
{
	for name in quiet1 quiet2 quiet3 quiet4 half1 half2 half3 half4 late1 late2 late3 late4 \
	    timed responder; do
		gone "$name" || kill -KILL "$(client_pid "$name")"
		hang_up "$name"
	done
}

# Where all this took longer than they may be quiet for, it is done anew.
is_too_late()
{
	cat "$work"/quiet?.out "$work"/half?.out "$work/reader.out" "$work/timed.out" |
		grep -qE '^(! (BYE|DONE)|#q)'
}

is_empty()
{
	[ "$(counter clients.connected)" = 1 ] # it is who asks
}

tries=1
come_and_stop
while is_too_late && [ "$tries" -lt 10 ]; do
	kill -CONT "$daemon"
	end_all
	is_running "$reader" && kill "$reader"
	wait_for_end "$reader" 2>/dev/null
	wait_until is_empty
	tries=$((tries + 1))
	come_and_stop
done
check "clients are here when the daemon is stopped" not is_too_late
kill -CONT "$daemon"

# Whoever is here, or is not.
has_answer()
{
	file_has "$work/$1.out" "^(\\+OK $2|! BYE.*)\$"
}

nhere=0
for n in $names; do
	say "half$n" f
	say "quiet$n" 'PING quiet'
	for kind in half late quiet; do
		wait_until has_answer "$kind$n" "$kind"
		file_has "$work/$kind$n.out" "^\\+OK $kind\$" && nhere=$((nhere + 1))
	done
done
is "stopped for longer than idle_time and line_time, nobody is closed" 12 "$nhere"
check "a subscription whose time was over meanwhile is over" \
    wait_until file_has "$work/timed.out" '^! DONE timed timeout'
check "so is a request" wait_until file_has "$work/timed.out" '^#q -ERR TIMEOUT'
is "each once, and nothing else was said" "! DONE timed timeout
#q -ERR TIMEOUT
+OK
+OK" "$(sed 's/\(TIMEOUT\) .*/\1/' "$work/timed.out" | sort)"
seq -f "PUB feed %.0f" $((nfed + 1)) 1000 | command_lines >/dev/null
wait_for_end "$reader"
unlike "who has read meanwhile is not cut off for slow_time" '^! BYE' "$work/reader.out"
is "and has every line, or was told of the gap" 1000 "$(whole "$work/reader.out" feed)"
check "afterwards, who is quiet is ended as ever" \
    wait_until file_has "$work/quiet1.out" '^! BYE IDLE idle_time=5s'
end_all
stop_daemon

daemon=$clock_daemon
cp "$work/clock.log" "$work/log"
stop_daemon

# ---- The wall clock ----------------------------------------------------------------------

find_faketime()
{
	ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null | head -n 1
}

faketime=$(find_faketime)
[ -n "$faketime" ] || { skip "the wall clock jumps" "there is no libfaketime"; done_testing; }
if [ "$SANITIZER" != no ]; then
	skip "the wall clock jumps" "libfaketime and sanitizers do not go together"
	done_testing
fi

# set_clock OFFSET: from the next look at it on. The monotonic one stays as it is.
set_clock()
{
	echo "$1" >"$work/offset.new"
	mv "$work/offset.new" "$work/offset"
}

set_clock +0
daemon_prefix="env LD_PRELOAD=$faketime${LD_PRELOAD:+:$LD_PRELOAD} FAKETIME_TIMESTAMP_FILE=$work/offset
    FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1"
start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
listen time { address = "127.0.0.1:0"  idle_time = "1h"  line_time = "1h"  slow_time = "1h" }
history all { match = "h.>" }
END
daemon_prefix=""
main_port=$(port main)
subscribe reader openbsd "h.>" 127.0.0.1 "$(port time)"
say reader 'SET show seq,time'
wait_until has_lines "$work/reader.out" 2
connect half openbsd 127.0.0.1 "$(port time)"
printf 'PING ha' >"$work/half.in"
connect timed openbsd 127.0.0.1 "$(port time)"
say timed 'SUB timed WITHIN 1h' 'SET timeout 1h'
wait_until has_lines "$work/timed.out" 2
connect responder openbsd 127.0.0.1 "$(port time)"
say responder 'SUB ask'
wait_until has_lines "$work/responder.out" 1
say timed '#q REQ ask x'
wait_until file_has "$work/responder.out" '^REQ ask'
request=$(sed -n 's/^REQ ask \([^ ]*\) .*/\1/p' "$work/responder.out")

# stamp_of N: of the line of that number, in seconds
stamp_of()
{
	wait_until file_has "$work/reader.out" "^MSG h.a $1 "
	date -d "$(sed -n "s/^MSG h.a $1 \([^ ]*\) .*/\1/p" "$work/reader.out")" +%s
}

echo "PUB h.a one" | command_lines >/dev/null
set_clock +10y
echo "PUB h.a two" | command_lines >/dev/null
check "ten years on: the stamp is of then" \
    [ $((($(stamp_of 2) - $(stamp_of 1)) / (365 * 24 * 3600))) -ge 9 ]
set_clock -1h
echo "PUB h.a three" | command_lines >/dev/null
check "an hour back: so is this" [ "$(stamp_of 3)" -lt "$(stamp_of 1)" ]
printf 'SUB short WITHIN 300ms\nQUIT\n' | command_lines >"$work/out"
is "a time that begins then is as long as ever" "+OK
! DONE short timeout
+OK bye" "$(cat "$work/out")"
is "those that are stored are in their order" "MSG h.a one
MSG h.a two
MSG h.a three
+OK 3 next=4 run=R" "$(echo 'READ h.a' | command_lines | hide_run)"
is "as many clients are here as before" 5 "$(counter clients.connected)"
is "nobody is ended for being quiet" "0 0" \
    "$(counter clients.ended.idle) $(counter clients.ended.line_time)"
say half lf
check "who has begun a line may end it" wait_until file_has "$work/half.out" '^\+OK half$'
say responder "REP $request answer"
check "who waits for an answer gets it" wait_until file_has "$work/timed.out" '^#q \+OK answer$'
unlike "and nobody's time is over" '^! ' "$work/timed.out"
echo "PUB timed x" | command_lines >/dev/null
check "its subscription goes on" wait_until file_has "$work/timed.out" '^MSG timed x$'
set_clock -20y
for name in reader half timed responder; do
	hang_up "$name"
done
stop_daemon "it ends with 0, whatever year it is"

done_testing
