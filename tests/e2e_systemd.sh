#!/bin/sh
# SPDX-License-Identifier: MIT
# As a service: sockets that the service manager passes, what it is told, and the watchdog, which
# is fed only while no thread is stuck.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd socat

# ---- Sockets that are passed --------------------------------------------------------------------

# reserve NAME: a port that nobody else is given, in $reserved
reserve()
{
	mkfifo "$work/$1.reserve"
	"$peer" reserve <"$work/$1.reserve" >"$work/$1.reserved" &
	children="$children $!"
	sleep 3600 >"$work/$1.reserve" &
	children="$children $!"
	wait_until has_lines "$work/$1.reserved" 1
	reserved=$(cat "$work/$1.reserved")
}

# activate WORD...: how systemd-socket-activate is to start the daemon. It starts it with the
# first client, and clears its environment.
activate()
{
	local name

	daemon_prefix="systemd-socket-activate"
	for name in LD_LIBRARY_PATH ASAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS; do
		eval "[ -z \"\${$name:-}\" ]" || daemon_prefix="$daemon_prefix -E $name"
	done
	daemon_prefix="$daemon_prefix $*"
	cat >"$work/conf"
	rm -f "$work/log"
	launch_daemon
	daemon_prefix=""
}

# refused NAME PATTERN: it ends with 78, and its log says why
refused()
{
	wait_for_end "$daemon"
	is "$1: amyd does not start" 78 "$status"
	like "$1: and says why" "$2" "$work/log"
}

if command -v systemd-socket-activate >/dev/null; then
	reserve one
	one=$reserved
	reserve two
	two=$reserved
	activate -l "127.0.0.1:$one" -l "127.0.0.1:$two" -l "$work/echo" -l "$work/spare" \
	    --fdname=main:main:echo:spare <<-END
		handlers = 2
		listen main { address = "fd:main" }
		listen echo { address = "fd:echo"  mode = "echo" }
		listen own  { address = "127.0.0.1:0"  mode = "echo" }
	END
	wait_until test -S "$work/spare"
	check "it is not started before there is a client" not test -e "$work/ports"
	connect first openbsd 127.0.0.1 "$one"
	say first "PING 1"
	check "the first client is answered" wait_until file_has "$work/first.out" '^\+OK 1$'
	is "the second socket of the name, too" "+OK 2" \
	    "$(echo "PING 2" | talk openbsd 127.0.0.1 "$two")"
	is "a Unix socket, too" hello "$(echo hello | talk openbsd "$work/echo")"
	is "the ports file says where they are" "main 127.0.0.1 $one
main 127.0.0.1 $two
echo $work/echo -
own 127.0.0.1 N" "$(sed 's/^\(own .*\) [0-9]*$/\1 N/' "$work/ports")"
	is "it has a listener of its own as well" hello \
	    "$(echo hello | talk openbsd 127.0.0.1 "$(port own)")"
	like "a socket that no listener uses is named" \
	    'descriptor 6, called spare, was passed, but no listener has address = "fd:spare"' \
	    "$work/log"
	check "and closed" not socat -u OPEN:/dev/null "UNIX-CONNECT:$work/spare"
	leave first
	stop_daemon
	check "a Unix socket that was passed is not removed" test -S "$work/echo"

	activate -l "127.0.0.1:$one" --fdname=main <<-END
		listen main { address = "fd:main" }
		listen web  { address = "fd:web" }
	END
	wait_until file_has "$work/log" Listening
	echo PING | talk openbsd 127.0.0.1 "$one" >"$work/out" 2>&1
	refused "a name that was not passed" \
	    'listen web: no socket called web was passed to amyd: write FileDescriptorName=web'

	activate -l "0.0.0.0:$two" --fdname=main <<-END
		listen main { address = "fd:main" }
	END
	wait_until file_has "$work/log" Listening
	echo PING | talk openbsd 127.0.0.1 "$two" >"$work/out" 2>&1
	refused "one that other machines can reach" \
	    "listen main: fd:main, descriptor 3, 0.0.0.0:$two: it can be reached from .*open = true"

	activate -l "0.0.0.0:$two" --fdname=main <<-END
		listen main { address = "fd:main"  open = true }
	END
	wait_until file_has "$work/log" Listening
	is "with open = true that is fine" +OK "$(echo PING | talk openbsd 127.0.0.1 "$two")"
	stop_daemon

	# The README says how the file that is installed is made to fit amyd.socket.
	cp "$top_srcdir/etc/amyd.conf" "$work/installed"
	sed -n "s|^    sed -i \(.*\) /etc/amyd.conf|sed -i \1 '$work/installed'|p" \
	    "$top_srcdir/README" >"$work/fit"
	check "what the README says is done to the file that is installed" sh -e "$work/fit"
	activate -l "127.0.0.1:$two" --fdname=main <"$work/installed"
	wait_until file_has "$work/log" Listening
	is "with amyd.socket the file that is installed works" +OK \
	    "$(echo PING | talk openbsd 127.0.0.1 "$two")"
	is "and opens no other socket" "main 127.0.0.1 $two" "$(cat "$work/ports")"
	stop_daemon

	activate -d -l "$work/datagrams" --fdname=main <<-END
		listen main { address = "fd:main" }
	END
	wait_until file_has "$work/log" Listening
	echo PING | socat -u - "UNIX-SENDTO:$work/datagrams"
	refused "a socket of datagrams" 'it is no stream socket: write ListenStream='
else
	skip "sockets that are passed" "there is no systemd-socket-activate"
fi

# pass PID FDS WORD...: descriptor 3 is no socket; PID own stands for the daemon's number
cat >"$work/pass" <<'END'
#!/bin/sh
LISTEN_PID=$1 LISTEN_FDS=$2 LISTEN_FDNAMES=main
[ "$1" != own ] || LISTEN_PID=$$
export LISTEN_PID LISTEN_FDS LISTEN_FDNAMES
shift 2
exec 3</dev/null
exec "$@"
END
chmod +x "$work/pass"

passes()
{
	daemon_prefix="$work/pass $1 $2"
	echo 'listen main { address = "fd:main" }' >"$work/conf"
	launch_daemon
	daemon_prefix=""
}

passes own 1
refused "what is no socket" 'fd:main, descriptor 3: it is no socket: write ListenStream='
passes 1 1
refused "sockets of another process are not ours" 'no socket called main was passed'
passes own 2
refused "fewer names than sockets" 'LISTEN_FDNAMES=main: that is not a name for each of 2'
passes own x
refused "no number of sockets" 'LISTEN_FDS=x: it is no number'

# ---- What a service manager is told -------------------------------------------------------------

# A manager that writes down what it is told, on one long line.
start_manager()
{
	rm -f "$work/told" "$work/notify"
	socat -u "UNIX-RECV:$work/notify" "OPEN:$work/told,creat,append" &
	manager=$!
	children="$children $manager"
	wait_until test -e "$work/told"
	NOTIFY_SOCKET=$work/notify
	export NOTIFY_SOCKET
}

stop_manager()
{
	kill "$manager"
	wait_for_end "$manager"
	unset NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID
}

# how_often TEXT
how_often()
{
	grep -o -- "$1" "$work/told" | wc -l
}

is_told_more_often()
{
	[ "$(how_often "$1")" -gt "$2" ]
}

# How often main has waited for something to do.
turns()
{
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$daemon/task/$daemon/status"
}

has_turned()
{
	[ "$(turns)" -ge "$1" ]
}

# thread NAME: its number
thread()
{
	grep -lx -- "$1" "/proc/$daemon"/task/*/comm 2>/dev/null | cut -d / -f 5
}

start_manager
WATCHDOG_USEC=100000
export WATCHDOG_USEC
start_daemon <<END
handlers = 1
listen main { address = "127.0.0.1:0" }
END
wait_until is_told_more_often WATCHDOG=1 5
like "first it is ready, then it says how many clients there are, and that all is well" \
    '^READY=1STATUS=0 clients(WATCHDOG=1)+$' "$work/told"
connect one openbsd 127.0.0.1 "$(port main)"
connect two openbsd 127.0.0.1 "$(port main)"
say two PING
wait_until has_lines "$work/two.out" 1
check "in time it says that there are two" wait_until file_has "$work/told" 'STATUS=2 clients'
leave two
check "and that there is one" wait_until file_has "$work/told" 'STATUS=1 client([^s]|$)'
for name in "accept thread" "poller thread" "handler 0"; do
	check "there is a thread called $name" test -n "$(thread "$name")"
done

# One thread after the other is stopped in the middle of its work, as if a lock, a disk or a
# loop held it up.
is_ready_or_over()
{
	file_has "$work/frozen" ready || ! is_running "$freezer"
}

cannot_freeze=""
for name in "handler 0" "poller thread" "accept thread"; do
	short=${name%% *}
	rm -f "$work/freeze.in" "$work/frozen"
	mkfifo "$work/freeze.in"
	"$peer" freeze "$(thread "$name")" <"$work/freeze.in" >"$work/frozen" 2>"$work/freeze.err" &
	freezer=$!
	sleep 3600 >"$work/freeze.in" &
	holder=$!
	children="$children $freezer $holder"
	wait_until is_ready_or_over
	if ! file_has "$work/frozen" ready; then
		cannot_freeze=$(cat "$work/freeze.err")
		break
	fi
	# Something to do for each of them: they stop when they pass it on.
	connect "$short" openbsd 127.0.0.1 "$(port main)"
	say "$short" "PING $short"
	check "$name: it is stopped in its work" wait_until file_has "$work/frozen" frozen
	check "$name: that is found out" wait_until file_has "$work/log" "internal: $name is stuck"
	fed=$(how_often WATCHDOG=1)
	seen=$(turns)
	wait_until has_turned $((seen + 10))
	is "$name: the watchdog is not fed any more" "$fed" "$(how_often WATCHDOG=1)"
	kill "$holder"
	wait_for_end "$holder"
	wait_for_end "$freezer"
	check "$name: it goes on, and so does the watchdog" wait_until \
	    is_told_more_often WATCHDOG=1 $((fed + 3))
	like "$name: it says so" "$name moves again" "$work/log"
	check "$name: who waited for it has the answer" \
	    wait_until file_has "$work/$short.out" "^\\+OK $short\$"
	leave "$short"
done
[ -z "$cannot_freeze" ] || skip "a thread that is stuck" "$cannot_freeze"
leave one
stop_daemon
wait_until file_has "$work/told" STOPPING=1
check "at the end it says that it stops" file_has "$work/told" 'STOPPING=1$'
like "and how long that may take" \
    '^EXTEND_TIMEOUT_USEC=10000000(WATCHDOG=1|STATUS=[0-9]+ clients?)*$' "$work/told"
stop_manager

start_manager
WATCHDOG_USEC=100000 WATCHDOG_PID=1
export WATCHDOG_USEC WATCHDOG_PID
start_daemon <<END
drain_time = "1m"
listen main { address = "127.0.0.1:0" }
END
connect one openbsd 127.0.0.1 "$(port main)"
wait_until file_has "$work/told" 'STATUS=1 client'
is "a watchdog of another process is not fed" 0 "$(how_often WATCHDOG=1)"
leave one
stop_daemon
check "it asks for the time that drain_time may take" \
    wait_until file_has "$work/told" EXTEND_TIMEOUT_USEC=65000000
stop_manager

# A manager that does not read: what it has to be told is sent again until it is taken.
start_full_manager()
{
	rm -f "$work/notify" "$work/full.in" "$work/told"
	mkfifo "$work/full.in"
	"$peer" manager "$work/notify" <"$work/full.in" >"$work/told" &
	manager=$!
	sleep 3600 >"$work/full.in" &
	holder=$!
	children="$children $manager $holder"
	wait_until file_has "$work/told" full
	NOTIFY_SOCKET=$work/notify
	export NOTIFY_SOCKET
}

let_manager_read()
{
	kill "$holder"
	wait_for_end "$holder"
}

start_full_manager
start_default_daemon
check "who is not told that it is ready: the log says so" wait_until file_has "$work/log" \
    'NOTIFY_SOCKET=.*: Resource temporarily unavailable: .* is not told READY=1'
let_manager_read
check "when it reads, it is told that amyd is ready" wait_until file_has "$work/told" '^READY=1$'
kill "$manager"
wait_for_end "$manager"
start_full_manager
kill -HUP "$daemon"
wait_until file_has "$work/log" 'reload: .*: done'
let_manager_read
check "after a reload that it did not read of, it is told that amyd is ready" wait_until \
    file_has "$work/told" '^READY=1$'
is "and of the reload before" RELOADING=1 "$(grep -Ex 'RELOADING=1|READY=1' "$work/told" | head -n 1)"
stop_daemon
stop_manager

# ---- The journal --------------------------------------------------------------------------------

: >"$work/log"
JOURNAL_STREAM=$(stat -c %d:%i "$work/log")
export JOURNAL_STREAM
start_default_daemon
wait_until file_has "$work/log" 'is ready'
like "lines for the journal have their level" '^<6>amyd .* is ready' "$work/log"
unlike "and no name, which it knows" '^amyd: ' "$work/log"
stop_daemon
unset JOURNAL_STREAM

done_testing
