#!/bin/sh
# SPDX-License-Identifier: MIT
# Signals: TERM and INT say goodbye and exit with 0, whatever goes on; a second one hurries, and
# so does drain_time; HUP, EPIPE and a storm of signals end nothing; a killed daemon is followed
# by the next one at once; a syslog that hangs holds up nobody.
. "${top_srcdir:-.}/tests/lib.sh"

need_netcats

# Two that publish and one that follows, for as long as there is a daemon.
start_load()
{
	subscribe load_reader openbsd "load.>" 127.0.0.1 "$(port main)"
	seq -f 'PUB load.a %g' 1 1000000 >"$work/load.in"
	rm -f "$work/load1.out" "$work/load2.out"
	nc.openbsd -N 127.0.0.1 "$(port main)" <"$work/load.in" >"$work/load1.out" 2>&1 &
	load1=$!
	nc.openbsd -N 127.0.0.1 "$(port echo)" <"$work/load.in" >"$work/load2.out" 2>&1 &
	load2=$!
	children="$children $load1 $load2"
	wait_until has_lines "$work/load_reader.out" 1000
	wait_until has_lines "$work/load2.out" 1000
}

end_load()
{
	hang_up load_reader
	wait_until gone load_reader
	wait_for_end "$load1"
	wait_for_end "$load2"
}

for signal in TERM INT; do
	start_default_daemon
	for kind in $kinds; do
		subscribe "quiet_$kind" "$kind" quiet 127.0.0.1 "$(port main)"
	done
	subscribe quiet_unix openbsd quiet "$work/sock"
	connect echo openbsd 127.0.0.1 "$(port echo)"
	say echo hello
	wait_until has_lines "$work/echo.out" 1
	start_load

	kill -"$signal" "$daemon"
	wait_for_end "$daemon"
	check "$signal: it exits with 0 under load, and nothing was wrong" has_ended_well "$status"
	check "$signal: the ports file is removed" test ! -e "$work/ports"
	check "$signal: the Unix socket is removed" test ! -e "$work/sock"
	for name in quiet_openbsd quiet_traditional quiet_ncat quiet_socat quiet_unix; do
		wait_until has_lines "$work/$name.out" 2
		is "$signal: $name is told goodbye, and no more" "+OK
! BYE DRAIN" "$(sed 's/^\(! BYE DRAIN\) .*/\1/' "$work/$name.out")"
		hang_up "$name"
		check "$signal: $name: the connection is closed" wait_until gone "$name"
	done
	is "$signal: what was echoed is all that a client of the echo sees" hello \
	    "$(grep -v '^! BYE' "$work/echo.out")"
	hang_up echo
	wait_until gone echo
	end_load

	# Whole lines to the end: 1, 2, 3, ... and goodbye. It may be too slow for some of them.
	is "$signal: the reader under load has whole lines in order, and goodbye" "! BYE DRAIN" \
	    "$(sed 's/^\(! BYE DRAIN\) .*/\1/' "$work/load_reader.out" | awk '
		BEGIN { want = 1 }
		NR == 1 && $0 == "+OK" { next }
		/^MSG load\.a [0-9]+$/ && $3 == want { want++; next }
		/^! DROPPED [0-9]+ pat=load\.>$/ { want += $3; next }
		{ print }')"
	# It sent without a pause, and was still sending when it was told.
	is "$signal: the publisher has its finals, whole ones, and goodbye" "! BYE DRAIN" \
	    "$(grep -v '^+OK [01]$' "$work/load1.out" | sed 's/^\(! BYE DRAIN\) .*/\1/')"
done

# ---- Again and again: whole lines, in order, and goodbye ------------------------------------

# What is wrong with a file of numbered lines that ends with goodbye.
whole_to_the_end()
{
	[ "$(tail -c 1 "$1" | od -An -c | tr -d ' ')" = '\n' ] || echo "it ends within a line"
	sed 's/^\(! BYE DRAIN\) .*/\1/' "$1" | awk '
		BEGIN { want = 1 }
		NR == 1 && $0 == "+OK" { next }
		/^MSG load\.a [0-9]+$/ && $3 == want { want++; next }
		/^! DROPPED [0-9]+ pat=load\.>$/ { want += $3; next }
		$0 == "! BYE DRAIN" && !bye { bye = 1; next }
		{ print "line " NR ": " $0; exit }
		END { if (!bye) print "no goodbye" }'
}

rounds=100
round=0
: >"$work/wrong"
seq -f 'PUB load.a %g' 1 1000000 >"$work/load.in"
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	start_daemon <<-END
		handlers = 2
		listen main { address = "127.0.0.1:0" }
	END
	subscribe reader openbsd "load.>" 127.0.0.1 "$(port main)"
	nc.openbsd -N 127.0.0.1 "$(port main)" <"$work/load.in" >"$work/load1.out" 2>&1 &
	load1=$!
	children="$children $load1"
	wait_until has_lines "$work/reader.out" "$((round * 7))"
	kill -TERM "$daemon"
	wait_for_end "$daemon"
	has_ended_well "$status" || echo "round $round: status $status" >>"$work/wrong"
	hang_up reader
	wait_until gone reader
	wait_for_end "$load1"
	whole_to_the_end "$work/reader.out" | sed "s/^/round $round: /" >>"$work/wrong"
done
is "TERM under load, $rounds times: whole lines, goodbye, exit 0" "" "$(cat "$work/wrong")"
rm "$work/load.in"

# ---- The second signal: the first one waits for a reader that does not read --------------

text=$(head -c 30000 /dev/zero | tr '\0' x)
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	echo "PUB feed $text"
done >"$work/feed.in"

is_cut()
{
	file_has "$work/log" 'is cut off'
}

# A daemon with a reader that sleeps, until it is cut off: what the kernel took for it is not
# read, so goodbye does not arrive.
start_with_sleeper()
{
	start_daemon <<-END
		handlers   = 2
		drain_time = "$1"
		listen main { address = "127.0.0.1:0"  slow = "cut" }
	END
	subscribe slow openbsd feed 127.0.0.1 "$(port main)"
	kill -STOP "$(client_pid slow)"
	tries=0
	while ! is_cut && [ "$tries" -lt 1000 ]; do
		talk openbsd 127.0.0.1 "$(port main)" <"$work/feed.in" >"$work/out"
		tries=$((tries + 1))
	done
	check "drain_time $1: a reader that sleeps has its goodbye still to come" is_cut
}

end_sleeper()
{
	like "drain_time $1: it says what that cost" \
	    'clients that are closed before all was sent to them: 1$' "$work/log"
	kill -KILL "$(client_pid slow)"
	wait_for_end "$(client_pid slow)"
	hang_up slow
}

start_with_sleeper 1h
kill -TERM "$daemon"
wait_until file_has "$work/log" 'going down'
check "the first TERM waits for it" is_running "$daemon"
kill -TERM "$daemon"
wait_for_end "$daemon"
check "a second TERM does not: it exits with 0 at once" has_ended_well "$status"
end_sleeper 1h

for drain_time in 0 300ms; do
	start_with_sleeper "$drain_time"
	kill -TERM "$daemon"
	wait_for_end "$daemon"
	check "drain_time $drain_time: it exits with 0 by itself" has_ended_well "$status"
	end_sleeper "$drain_time"
done

# ---- Signals that end nothing ---------------------------------------------------------------

start_default_daemon
connect stays openbsd 127.0.0.1 "$(port main)"
say stays "PING 1"
wait_until has_lines "$work/stays.out" 1
for signal in HUP USR1 PIPE; do
	i=0
	while [ "$i" -lt 50 ]; do
		kill -"$signal" "$daemon"
		i=$((i + 1))
	done
	say stays "PING $signal"
	wait_until file_has "$work/stays.out" "$signal"
done
is "HUP, USR1 and PIPE, 50 times each: the client is still there" "+OK 1
+OK HUP
+OK USR1
+OK PIPE" "$(cat "$work/stays.out")"

kill -STOP "$daemon"
echo "PING early" >"$work/in"
talk openbsd 127.0.0.1 "$(port main)" <"$work/in" >"$work/out" &
early=$!
children="$children $early"
kill -CONT "$daemon"
wait_for_end "$early"
is "after STOP and CONT it goes on" "+OK early" "$(cat "$work/out")"

# A storm: each of the four sends 25,000, as fast as it can, while somebody talks.
for number in 1 2 3 4; do
	(
		i=0
		while [ "$i" -lt 6250 ]; do
			kill -HUP "$daemon"
			kill -USR1 "$daemon"
			kill -PIPE "$daemon"
			kill -CONT "$daemon"
			i=$((i + 1))
		done
	) &
	eval "storm$number=\$!"
	children="$children $!"
done
seq -f 'PING %g' 1 20000 | talk openbsd 127.0.0.1 "$(port main)" >"$work/out"
is "100,000 signals: who talks meanwhile has all the answers" 20000 \
    "$(grep -c '^+OK [0-9]*$' "$work/out")"
for number in 1 2 3 4; do
	eval "wait_for_end \"\$storm$number\""
done
say stays "PING storm"
check "100,000 signals: the client is still there" \
    wait_until file_has "$work/stays.out" '^\+OK storm$'

# Readers that vanish while they are written to.
for i in 1 2 3 4 5; do
	"$peer" storm --connections 100 --how subscribed 127.0.0.1 "$(port main)" &
	storm=$!
	"$peer" storm --connections 100 --how mid-reply 127.0.0.1 "$(port main)" &
	storm2=$!
	children="$children $storm $storm2"
	seq -f 'PUB storm.x %g' 1 2000 | talk openbsd 127.0.0.1 "$(port main)" >"$work/out"
	is "round $i: while its readers reset their connections, a publisher has all its finals" 2000 \
	    "$(grep -c '^+OK [0-9]*$' "$work/out")"
	wait_for_end "$storm"
	wait_for_end "$storm2"
done
leave stays
stop_daemon

# ---- Killed, and started again ------------------------------------------------------------------

mkfifo "$work/reserve.in"
"$peer" reserve <"$work/reserve.in" >"$work/reserved" &
children="$children $!"
sleep 3600 >"$work/reserve.in" &
children="$children $!"
wait_until has_lines "$work/reserved" 1
fixed=$(cat "$work/reserved")
start_fixed()
{
	start_daemon <<-END
		handlers = 2
		listen main  { address = "127.0.0.1:$fixed" }
		listen local { address = "$work/sock" }
	END
}

# Of local port $fixed there are connections that the kernel remembers: state 06.
has_time_wait()
{
	awk -v port="$(printf ':%04X' "$fixed")" '
		substr($2, 9) == port && $4 == "06" { n++ }
		END { exit n == 0 }' /proc/net/tcp
}

start_fixed
round=0
while [ "$round" -lt 20 ]; do
	round=$((round + 1))
	connect victim openbsd 127.0.0.1 "$fixed"
	say victim PING
	wait_until has_lines "$work/victim.out" 1
	# The daemon is the one who closes.
	printf 'PING\nQUIT\n' | talk openbsd 127.0.0.1 "$fixed" >"$work/out"
	kill -KILL "$daemon"
	wait_for_end "$daemon" 2>/dev/null
	hang_up victim
	wait_until gone victim
	start_fixed
	[ "$(echo PING | talk openbsd 127.0.0.1 "$fixed")" = +OK ] || break
	[ "$(echo PING | talk openbsd "$work/sock")" = +OK ] || break
done
check "the kernel remembers some of its connections" has_time_wait
is "killed 20 times, the next one serves at the same addresses" "20 +OK" \
    "$round $(echo PING | talk openbsd 127.0.0.1 "$fixed")"
stop_daemon

# ---- The service manager ----------------------------------------------------------------------

# told NAME NOTIFY_SOCKET SOCAT_ADDRESS
told()
{
	rm -f "$work/told"
	socat -u "$3" "OPEN:$work/told,creat,append" &
	manager=$!
	children="$children $manager"
	wait_until test -e "$work/told"
	NOTIFY_SOCKET=$2
	export NOTIFY_SOCKET
	start_default_daemon
	wait_until file_has "$work/told" READY=1
	stop_daemon "$1: it ends with 0"
	wait_until file_has "$work/told" STOPPING=1
	is "$1: it says when it is ready, how many clients it has, and when it stops" \
	    "READY=1STATUS=0 clientsSTOPPING=1EXTEND_TIMEOUT_USEC=10000000" \
	    "$(tr -d '\n' <"$work/told")"
	kill "$manager"
	wait_for_end "$manager"
	unset NOTIFY_SOCKET
}
told "a service manager" "$work/notify" "UNIX-RECV:$work/notify"
told "one with an abstract socket" "@amyd-e2e-$$" "ABSTRACT-RECV:amyd-e2e-$$"

NOTIFY_SOCKET=$work/nobody
export NOTIFY_SOCKET
start_default_daemon
is "a service manager that is gone: it serves" +OK "$(echo PING | talk openbsd "$work/sock")"
wait_until file_has "$work/log" NOTIFY_SOCKET
like "and complains" "NOTIFY_SOCKET=$work/nobody" "$work/log"
stop_daemon
unset NOTIFY_SOCKET

# ---- Logs -------------------------------------------------------------------------------------

if [ ! -e /dev/log ]; then
	start_default_daemon -l syslog
	is "-l syslog without a syslog: it serves" +OK "$(echo PING | talk openbsd "$work/sock")"
	stop_daemon "-l syslog without a syslog: it ends with 0"
else
	skip "-l syslog without a syslog: it serves" "there is one"
fi

if has_own_mounts; then
	give_own_dev
	start_default_daemon -l syslog -vv </dev/null
	start_syslog
	says_something()
	{
		echo PING | talk openbsd "$work/sock" >/dev/null
		file_has "$work/syslog" 'client [0-9]+ .*is here'
	}
	check "a syslog that comes later has what is said from then on" wait_until says_something
	kill -STOP "$syslog"
	# Far more messages than a socket and a ring hold.
	"$peer" storm --connections 2000 --how close "$work/sock"
	seq -f 'PING %g' 1 1000 | talk openbsd "$work/sock" >"$work/out"
	is "a syslog that hangs: the daemon still answers" 1000 "$(grep -c '^+OK' "$work/out")"
	kill -TERM "$daemon"
	wait_for_end "$daemon"
	check "a syslog that hangs: the daemon still ends with 0" has_ended_well "$status"
	kill -CONT "$syslog"
	kill "$syslog"
	wait_for_end "$syslog"
	daemon_prefix=""
else
	skip "a syslog that hangs: the daemon still answers" "no mount namespace of our own"
fi

done_testing
