#!/bin/sh
# SPDX-License-Identifier: MIT
# A name server that does not answer: other targets are connected to all the same, and while the
# configuration is read again the service manager hears that all goes on, and signals are obeyed.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd socat
has_own_mounts || skip_all "no mount namespace of our own"
[ -f /etc/resolv.conf ] && [ -f /etc/nsswitch.conf ] || skip_all "the resolver has no files here"

# It takes every question, and answers none. Nobody else has this address.
server=127.$(($$ / 65536 % 250 + 2)).$(($$ / 256 % 256)).$(($$ % 250 + 2))
socat -u "UDP-RECV:53,bind=$server" /dev/null </dev/null 2>"$work/server.log" &
name_server=$!
children="$children $name_server"
# listens: its socket is there
listens()
{
	[ -n "$(find "/proc/$name_server/fd" -lname 'socket:*' 2>/dev/null)" ]
}
wait_until listens

echo "nameserver $server" >"$work/resolv.conf"
echo "options timeout:30 attempts:1" >>"$work/resolv.conf"
echo "hosts: files dns" >"$work/nsswitch.conf"
echo "127.0.0.1 localhost known.test" >"$work/hosts"
cat >"$work/with_names" <<END
#!/bin/sh
for name in resolv.conf nsswitch.conf hosts; do
	mount --bind "$work/\$name" "/etc/\$name" || exit 1
done
exec "\$@"
END
chmod +x "$work/with_names"

# Somebody who takes lines, and the service manager.
mkfifo "$work/reserve.in"
"$peer" reserve <"$work/reserve.in" >"$work/reserved" &
children="$children $!"
exec 8>"$work/reserve.in"
wait_until has_lines "$work/reserved" 1
target_port=$(cat "$work/reserved")
socat -u "TCP-LISTEN:$target_port,reuseaddr,bind=127.0.0.1" "OPEN:$work/out,creat,append" \
    </dev/null >/dev/null 2>&1 &
children="$children $!"
socat -u "UNIX-RECV:$work/notify" "OPEN:$work/notified,creat,append" </dev/null >/dev/null 2>&1 &
children="$children $!"
wait_until test -S "$work/notify"

# ---- Targets -----------------------------------------------------------------------------

daemon_prefix="unshare -m $work/with_names env NOTIFY_SOCKET=$work/notify WATCHDOG_USEC=200000"
start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
rule slow  { match = "log.>"  to = {"tcp:one.slow.test:9", "tcp:two.slow.test:9", "tcp:three.slow.test:9"} }
rule quick { match = "log.>"  to = {"tcp:known.test:$target_port"} }
END
main_port=$(port main)
echo "PUB log.a hello" | command_lines >/dev/null
check "a name server that does not answer for one target does not delay another" \
    wait_until has_written quick "tcp:known.test:$target_port" 1
unlike "though it is still being asked for the others" 'rule slow: .*its lines wait' "$work/log"

# ---- Reload ------------------------------------------------------------------------------

# has_beaten N: so often has the service manager heard that all goes on
has_beaten()
{
	[ "$(grep -ao 'WATCHDOG=1' "$work/notified" | wc -l)" -ge "$1" ]
}
cp "$work/conf" "$work/conf.good"
echo 'listen named { address = "four.slow.test:0" }' >>"$work/conf"
kill -HUP "$daemon"
wait_until file_has "$work/notified" 'RELOADING=1'
beats=$(grep -ao 'WATCHDOG=1' "$work/notified" | wc -l)
check "while it asks for a listener's name, the watchdog is fed" wait_until has_beaten $((beats + 5))
is "and it has no answer yet" "0 0" "$(counter server.reloads) $(counter server.reloads.refused)"
check "clients are answered" [ "$(echo PING | command_lines)" = +OK ]
stop_daemon "TERM is obeyed while it asks"

done_testing
