#!/bin/sh
# SPDX-License-Identifier: MIT
# At TERM, what clients have sent is run: also what lies in sockets unread, what has to wait for
# line_rate or for an answer, and what was sent by clients that were not accepted yet.
. "${top_srcdir:-.}/tests/lib.sh"

need socat nc.openbsd

# start [DRAIN_TIME]: a daemon whose lines are kept in a file
start()
{
	rm -f "$work/kept"
	start_daemon <<-END
		handlers = 2
		drain_time = "${1:-60s}"
		listen main  { address = "127.0.0.1:0"  queue = "16M" }
		listen local { address = "$work/local" }
		listen pub   { address = "$work/pub"  mode = "publish"  subject = "k.pub" }
		listen pub2  { address = "127.0.0.1:0"  mode = "publish"  subject = "k.pub2" }
		listen rated { address = "$work/rated"  mode = "publish"  subject = "k.rated"
		               line_rate = 10  eof_line = "publish" }
		rule keep { match = ">"  queue = "16M"  to = { "file:$work/kept" } }
	END
	main_port=$(port main)
}

address_of()
{
	case $1 in
	main | pub2) echo "TCP:127.0.0.1:$(port "$1")" ;;
	*) echo "UNIX-CONNECT:$work/$1" ;;
	esac
}

# sender NAME LISTENER: a client that is connected, sends what comes in $work/NAME.in, reads
# nothing, and closes when finish NAME has ended its input. Then the kernel has all of it.
sender()
{
	mkfifo "$work/$1.in"
	{
		sleep 3600 >/dev/null 2>&1 &
		eval "holder_$1=$!"
		socat -u - "$(address_of "$2")" <"$work/$1.in" >/dev/null 2>&1 9<&- &
		eval "client_$1=$!"
	} 9<>"$work/$1.in"
	eval "children=\"\$children \$holder_$1 \$client_$1\""
}

finish()
{
	hang_up "$1"
	wait_for_end "$(client_pid "$1")"
	rm -f "$work/$1.in"
}

is_stopped()
{
	[ "$(state_of "$daemon")" = T ]
}

stop()
{
	kill -STOP "$daemon"
	wait_until is_stopped
}

# The daemon learns of TERM first.
go_on_and_end()
{
	kill -TERM "$daemon"
	kill -CONT "$daemon"
	wait_for_end "$daemon"
	check "it ends with 0" has_ended_well "$status"
}

has_clients()
{
	[ "$(counter clients.connected)" -ge "$1" ]
}

# More lines than are run in a turn, but less than a socket takes that nobody reads from.
lines_for()
{
	case $1 in
	main | local) seq -f "PUB k ${1%"${1#?}"}-%.0f" 3300 ;;
	rated)
		seq -f "$1-%.0f" 300
		printf '%s' "$1-end"
		;;
	*) seq -f "$1-%.0f" 5000 ;;
	esac
}

for name in main local pub pub2 rated; do
	lines_for "$name" | sed 's/^PUB k //' | awk 1 # awk ends the last line
done | sort >"$work/expected"

# ---- Sent by clients that are there --------------------------------------------------------------

start

for name in main local pub pub2 rated; do
	sender "$name" "$name"
done
subscribe reader1 openbsd ">" 127.0.0.1 "$main_port"
subscribe reader2 openbsd ">" 127.0.0.1 "$main_port"
wait_until has_clients 8
stop
for name in main local pub pub2 rated; do
	lines_for "$name" >"$work/$name.in"
	finish "$name"
done
go_on_and_end
sort "$work/kept" >"$work/sorted"
same "all that clients had sent is run, on each kind of listener" "$work/expected" "$work/sorted"
for reader in reader1 reader2; do
	hang_up "$reader"
	wait_until gone "$reader"
	is "$reader: goodbye comes last" "! BYE DRAIN the server is going down" \
	    "$(tail -n 1 "$work/$reader.out")"
	sed -n 's/^MSG k[a-z0-9.]* //p' "$work/$reader.out" | sort >"$work/sorted"
	same "$reader: all lines come before" "$work/expected" "$work/sorted"
done
unlike "nothing came too late" 'too late to be run' "$work/log"

# ---- Sent by clients that wait to be accepted ----------------------------------------------------

start
stop
for name in main local pub pub2 rated; do
	lines_for "$name" | timeout 120 socat -u - "$(address_of "$name")"
done
go_on_and_end
sort "$work/kept" >"$work/sorted"
same "clients that wait to be accepted are taken, and their lines run" \
    "$work/expected" "$work/sorted"

# ---- Behind a REQ whose answer was sent ---------------------------------------------------------

start
subscribe responder openbsd ask 127.0.0.1 "$main_port"
sender asker local
echo 'REQ ask me' >"$work/asker.in"
wait_until file_has "$work/responder.out" '^REQ'
stop
seq -f 'PUB k behind-%.0f' 100 >"$work/asker.in"
finish asker
say responder "REP $(awk '$1 == "REQ" { print $3 }' "$work/responder.out") later"
hang_up responder
has_sent_answer()
{
	[ "$(awk -v port=":$(printf '%04X' "$main_port")" \
	    '$2 ~ port "$" && $4 == "08" { print $5 }' /proc/net/tcp | grep -c -v ':00000000$')" -ge 1 ]
}
wait_until has_sent_answer
go_on_and_end
is "lines behind a REQ are run, since the answer to it was sent" 100 \
    "$(grep -c '^behind-' "$work/kept")"
wait_until gone responder

# ---- What is not run is counted -----------------------------------------------------------------

start 0
sender pub pub
wait_until has_clients 2
stop
seq 5000 >"$work/pub.in"
finish pub
go_on_and_end
late=$(sed -n 's/.* too late to be run: \([0-9]*\):.*/\1/p' "$work/log")
is "what there is no time for is counted and logged: ${late:-0} lines" 5000 \
    "$((${late:-0} + $(wc -l <"$work/kept")))"

done_testing
