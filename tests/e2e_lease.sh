#!/bin/sh
# SPDX-License-Identifier: MIT
# A busy client stays with its handler, which waits for it by itself; a quiet one goes back to
# the poller; and with lease = "0" everything goes by way of the poller.
AMY_TEST_LEASE=
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

# start LEASE
start()
{
	start_daemon <<-END
		handlers = 1
		lease = "$1"
		listen main { address = "127.0.0.1:0" }
		listen echo { address = "127.0.0.1:0"  mode = "echo" }
	END
	main_port=$(port main)
}

# converse NAME LINE...: one after the other, each when the one before was answered
converse()
{
	local name=$1 line n

	shift
	for line; do
		n=$(($(grep -c '^[+-]' "$work/$name.out") + 1))
		say "$name" "$line"
		wait_until has_finals "$name" "$n"
	done
}

has_finals()
{
	[ "$(grep -c '^[+-]' "$work/$1.out")" -ge "$2" ]
}

# told NAME: the counters that it was told last
told()
{
	grep '^\* \(clients.leased\|events\)' "$work/$1.out" | tail -n 3 | cut -d ' ' -f 2- | tr '\n' ' '
}

# ---- Long leases ---------------------------------------------------------------------

start 10m
connect busy openbsd 127.0.0.1 "$main_port"
converse busy 'PING 1' 'PING 2' 'PING 3' STATS
is "two events come by way of the poller, and then none" \
    "clients.leased 1 events.leased 2 events.polled 2 " "$(told busy)"
is "every line is answered" "+OK 1 +OK 2 +OK 3" "$(head -n 3 "$work/busy.out" | tr '\n' ' ' | sed 's/ $//')"

connect other openbsd 127.0.0.1 "$main_port"
converse other 'SUB a' 'PING 1' 'PING 2'
converse busy 'PUB a to one that is leased' STATS
wait_until file_has "$work/other.out" '^MSG a to one'
is "both are leased" "clients.leased 2" "$(told busy | cut -d ' ' -f 1-2)"
hang_up other
converse busy 'PUB a half-closed' STATS
wait_until file_has "$work/other.out" '^MSG a half-closed'
is "also one that has ended its input, and still reads" "clients.leased 2" \
    "$(told busy | cut -d ' ' -f 1-2)"
# The events so far; asking for them is one more.
nothing_else_happens()
{
	local before

	before=$(told busy | awk '{ print $4 + $6 }')
	converse busy STATS
	[ "$(told busy | awk '{ print $4 + $6 }')" -eq $((before + 1)) ]
}
check "which does not keep its handler busy" wait_until nothing_else_happens
kill -KILL "$(client_pid other)"
converse busy 'PUB a nobody is there to take it'
wait_until counter_is clients.connected 2 # busy, and who asks
converse busy STATS
is "one that is killed is leased no longer" "clients.leased 1" "$(told busy | cut -d ' ' -f 1-2)"

# One that goes while more of its lines are to be run than one turn takes.
seq -f 'PING %g' 1 20000 | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
is "20000 lines at once are answered, in their order" "$(seq -f '+OK %g' 1 20000 | cksum)" \
    "$(cksum <"$work/out")"
seq 1 50000 | talk openbsd 127.0.0.1 "$(port echo)" >"$work/out"
is "and 50000 come back" "$(seq 1 50000 | cksum)" "$(cksum <"$work/out")"

converse busy 'SUB b'
kill -TERM "$daemon"
wait_until file_has "$work/busy.out" '^! BYE DRAIN'
pass "a leased client is told goodbye"
stop_daemon

# ---- Short ones ----------------------------------------------------------------------

# until_leased NAME: it says something until it is leased; the machine may be slow
until_leased()
{
	local tries=0

	while [ "$tries" -lt 1000 ]; do
		tries=$((tries + 1))
		converse "$1" STATS
		case $(told "$1") in
		"clients.leased 0 "*) ;;
		*) return 0 ;;
		esac
	done
	return 1
}

start 100ms
connect busy openbsd 127.0.0.1 "$main_port"
check "it is leased" until_leased busy
check "and given back when it has been quiet" wait_until counter_is clients.leased 0
before=$(counter events.polled)
converse busy 'PING again'
like "then it is heard as before" '^\+OK again' "$work/busy.out"
check "by way of the poller" test "$(counter events.polled)" -gt $((before + 1))
check "and leased again" until_leased busy
hang_up busy
wait_until gone busy
stop_daemon

# ---- None ----------------------------------------------------------------------------

start 0
connect busy openbsd 127.0.0.1 "$main_port"
converse busy 'PING 1' 'PING 2' 'PING 3' STATS
is "lease = 0: everything comes by way of the poller" \
    "clients.leased 0 events.leased 0 events.polled 4 " "$(told busy)"
stop_daemon

done_testing
