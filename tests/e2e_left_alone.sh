#!/bin/sh
# SPDX-License-Identifier: MIT
# What another daemon has put in the place of our Unix socket and ports file is left alone.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

start()
{
	start_daemon <<-END
		listen main { address = "127.0.0.1:0" }
		listen local { address = "$work/sock" }
	END
}

answers()
{
	echo "PING $1" | talk openbsd "$work/sock" | grep -qx "+OK $1"
}

end_first()
{
	kill -TERM "$first"
	wait_for_end "$first"
}

start
first=$daemon
mv "$work/sock" "$work/sock.moved"
start
check "a second daemon answers at the same path" answers second
end_first
is "the first one ends with 0" 0 "$status"
check "the first one leaves the socket of the second alone" answers again
check "and the ports file" test -s "$work/ports"
check "what is its own but has another name stays as well" test -S "$work/sock.moved"
kill -HUP "$daemon"
wait_until file_has "$work/log" 'reload: .*done'
stop_daemon
check "the second one removes its socket" not test -e "$work/sock"
check "and its ports file, which it has written anew meanwhile" not test -e "$work/ports"

start
rm "$work/sock" "$work/ports"
echo theirs >"$work/sock"
echo theirs >"$work/ports"
stop_daemon
is "files of somebody else's stay as they are" "theirs theirs" \
    "$(cat "$work/sock") $(cat "$work/ports")"
rm "$work/sock"

start
kill -KILL "$daemon"
wait_for_end "$daemon"
check "a socket that was left behind is there" test -S "$work/sock"
start
check "and is replaced" answers replaced
stop_daemon
done_testing
