#!/bin/sh
# SPDX-License-Identifier: MIT
# The first steps of the daemon: signals that come before it is ready, and standard streams that
# are closed.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

# ---- Signals --------------------------------------------------------------------------------

# It reads its configuration from a FIFO: until somebody writes that, it is at its start.
start_slowly()
{
	rm -f "$work/conf" "$work/ports"
	mkfifo "$work/conf"
	launch_daemon
	wait_until is_at_its_start
}

is_at_its_start()
{
	case $(readlink "/proc/$daemon/exe") in
	*/amyd) [ "$(state_of "$daemon")" = S ] ;;
	*) return 1 ;;
	esac
}

# The configuration, to who opens the FIFO next; if nobody does, the daemon has gone.
configure()
{
	printf 'handlers = 1\nlisten main { address = "127.0.0.1:0" }\n' >"$work/conf.text"
	timeout 60 sh -c 'cat "$1" >"$2"' - "$work/conf.text" "$work/conf"
}

for signal in TERM INT; do
	start_slowly
	kill -"$signal" "$daemon"
	is_running "$daemon" && configure
	wait_for_end "$daemon"
	check "$signal at the start is obeyed once it is ready: it exits with 0" \
	    has_ended_well "$status"
	like "$signal: it says so" 'is over$' "$work/log"
done

start_slowly
kill -HUP "$daemon"
kill -USR1 "$daemon"
if is_running "$daemon"; then
	configure
	configure
fi
check "HUP at the start is obeyed once it is ready" \
    wait_until file_has "$work/log" 'reload'
check "USR1 at the start is, too" wait_until file_has "$work/log" 'opened anew'
rm -f "$work/conf"
stop_daemon

# ---- Standard streams -----------------------------------------------------------------------

cat >"$work/closed" <<'END'
#!/bin/sh
exec "$@" <&- >&- 2>&-
END
chmod +x "$work/closed"
daemon_prefix=$work/closed
start_daemon -v -v <<END
handlers = 1
listen main { address = "127.0.0.1:0" }
listen echo { address = "127.0.0.1:0"  mode = "echo"  line_rate = 1 }
END
for fd in 0 1 2; do
	is "descriptor $fd, closed at the start, is /dev/null" /dev/null \
	    "$(readlink "/proc/$daemon/fd/$fd")"
done
connect first openbsd 127.0.0.1 "$(port main)"
say first "PING 1"
wait_until has_lines "$work/first.out" 1
for _ in 1 2 3 4 5; do
	printf 'too\nmany\nlines\n' | talk openbsd 127.0.0.1 "$(port echo)" >/dev/null
done
say first "PING 2"
wait_until has_lines "$work/first.out" 2
is "a client gets its answers, and nothing of the log" "+OK 1
+OK 2" "$(cat "$work/first.out")"
leave first
stop_daemon

done_testing
