#!/bin/sh
# SPDX-License-Identifier: MIT
# What the log says of clients: of each that is turned away or ended, which one, where, why, and
# what to do about it; and nothing that a client could have written there itself.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd socat

# ---- Who it was ------------------------------------------------------------------------------

start_daemon -v <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
listen few  { address = "127.0.0.1:0"  per_ip = 1 }
listen idle { address = "127.0.0.1:0"  idle_time = "50ms" }
listen line { address = "127.0.0.1:0"  line_time = "50ms" }
listen rate { address = "127.0.0.1:0"  line_rate = 1 }
listen in   { address = "127.0.0.1:0"  mode = "publish"  subject = "in" }
listen un   { address = "$work/sock"  idle_time = "50ms" }
END
main_port=$(port main)
subscribe watcher openbsd _amyd.client.up 127.0.0.1 "$main_port"

# logged LISTENER WHAT: who the log says was the first one there to whom that happened
logged()
{
	sed -nE "s/^$log_time amyd: client ([0-9]+) \\(($1), from ([^ ]+)\\) $2.*/id=\\1 name=- peer=\\3 listener=\\2/p" \
	    "$work/log" | head -n 1
}

# It is one who has come there: "MSG _amyd.client.up id=..." says so.
is_known()
{
	local who

	who=$(logged "$1" "$2")
	[ -n "$who" ] && grep -qxF "MSG _amyd.client.up $who" "$work/watcher.out"
}

# names LISTENER WHAT: the log does, and names whom
names()
{
	if wait_until is_known "$1" "$2" >"$work/why"; then
		pass "listener $1: the log has number, listener and peer of who $2"
	else
		cat "$work/watcher.out" >>"$work/why"
		fail "listener $1: the log has number, listener and peer of who $2"
	fi
}

# visit LISTENER TEXT: a client that says that, and does not end its input
visit()
{
	connect "$1" openbsd 127.0.0.1 "$(port "$1")"
	# shellcheck disable=SC2059 # the text has escapes
	printf "$2" >"$work/$1.in"
	visitors="${visitors:-} $1"
}

visit main 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
visit in 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
visit idle 'PING\n'
visit line 'PIN'
visit rate 'PING\nPING\nPING\nPING\n'
connect un socat "$work/sock"
names un 'is here'
names main 'is ended: it speaks HTTP, and what it says is not run: see which browser'
names in 'is ended: it speaks HTTP, and what it says is not run: see which browser'
names idle 'is ended: it was idle for idle_time = "50ms"'
names line 'is ended: a line that it began has not come to its end within line_time = "50ms": raise'
names rate 'sends more lines a second than line_rate = 1: raise it'
names un 'is ended: it was idle for idle_time = "50ms"'
names un 'is gone'
for name in $visitors un; do
	hang_up "$name"
	wait_until gone "$name"
done

subscribe first openbsd few 127.0.0.1 "$(port few)"
is "one more of an address than per_ip is turned away" "! BYE LIMIT per_ip=1" \
    "$(talk openbsd 127.0.0.1 "$(port few)" </dev/null)"
check "the log has listener and peer of who is turned away" wait_until file_has "$work/log" \
    "^$log_time "'amyd: listen few: 127\.0\.0\.1:[0-9]+ is turned away: per_ip = 1 .*: raise it'
leave first
leave watcher
stop_daemon

# ---- What a client cannot write there --------------------------------------------------------

# The end of a Unix socket that is the client's has the name that the client likes.
evil=$(printf '%s/a\namyd: \033[2Jfake\n<0>fake\177' "$work")

# comes_with_a_name: it is turned away
comes_with_a_name()
{
	rm -f "$evil"
	talk_evil </dev/null >"$work/out"
	is "$1: a client with a name of several lines is turned away" "! BYE LIMIT max_clients=1" \
	    "$(cat "$work/out")"
	check "$1: the log says so, in one line" wait_until file_has "$work/log" \
	    "listen local: .*/a\\\\x0aamyd: \\\\x1b\\[2Jfake\\\\x0a<0>fake\\\\x7f is turned away"
}

talk_evil()
{
	timeout -k 5 120 socat -t 100 - "UNIX-CONNECT:$work/sock,bind=$evil"
}

# says_anything PORT: all that is not a line break, alone and in the places of words
says_anything()
{
	awk 'BEGIN {
		for (i = 0; i < 256; i++)
			if (i != 10)
				printf "%c\n#%c PING\nPUB %c x\nNAME %c\nSET %c%c on\nHost: %c\n", \
				    i, i, i, i, i, i, i
	}' | talk openbsd 127.0.0.1 "$1" >"$work/out" 2>&1
}

start_full_daemon()
{
	start_daemon -vv <<-END
		handlers = 1
		max_clients = 1
		listen main  { address = "127.0.0.1:0" }
		listen in    { address = "127.0.0.1:0"  mode = "publish"  subject = "in" }
		listen local { address = "$work/sock" }
	END
	says_anything "$(port main)"
	says_anything "$(port in)"
	wait_until file_has "$work/log" '\(in, from .* is gone'
	subscribe first openbsd x 127.0.0.1 "$(port main)"
}

start_full_daemon
comes_with_a_name "on standard error"
leave first
stop_daemon
is "on standard error: each line is amyd's own" "" "$(grep -aEv "^$log_time "'amyd: [ -~]*$' "$work/log")"

: >"$work/log"
JOURNAL_STREAM=$(stat -c %d:%i "$work/log")
export JOURNAL_STREAM
start_full_daemon
comes_with_a_name "in the journal"
leave first
stop_daemon
is "in the journal: each line has a level of amyd's own" "" \
    "$(grep -av '^<[3467]>[ -~]*$' "$work/log")"
unset JOURNAL_STREAM

done_testing
