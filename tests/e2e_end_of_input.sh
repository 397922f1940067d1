#!/bin/sh
# SPDX-License-Identifier: MIT
# What the end of a client's input means, with each of the netcats: "no more commands" after
# a half-close, and nothing but the end after a RST.
. "${top_srcdir:-.}/tests/lib.sh"

need_netcats
# One handler, so that an answered PING means that all that came before it was read.
start_daemon <<END
handlers = 1
listen main  { address = "127.0.0.1:0" }
listen local { address = "$work/sock" }
END
main_port=$(port main)
hex_port=$(printf '%04X' "$main_port")

# clients KIND: sets $address; a Unix socket is asked for by a name such as openbsd-unix
address_of()
{
	case $1 in
	*-unix) address=$work/sock ;;
	*) address="127.0.0.1 $main_port" ;;
	esac
}

# At the daemon's end of so many connections the other side's FIN has arrived: CLOSE_WAIT.
has_half_closed()
{
	[ "$(grep -Ec "^ *[0-9]+: 0100007F:$hex_port [0-9A-F:]+ 08 " /proc/net/tcp)" -eq "$1" ]
}

barrier()
{
	echo PING | talk openbsd 127.0.0.1 "$main_port" >/dev/null
}

watch_number=0

# A subscriber to the prices of one test point; the publisher is in the same file, or not.
watch()
{
	watch_number=$((watch_number + 1))
	watcher=watcher$watch_number
	subscribe "$watcher" openbsd price 127.0.0.1 "$main_port"
}

# saw NAME LINE...: the watcher saw these, and nothing else until now
saw()
{
	local name=$1

	shift
	echo "PUB price end of test" | talk openbsd 127.0.0.1 "$main_port" >/dev/null
	wait_until file_has "$work/$watcher.out" '^MSG price end of test$'
	printf '%s\n' +OK "$@" "MSG price end of test" >"$work/expected"
	same "$name" "$work/expected" "$work/$watcher.out"
	leave "$watcher"
}

for kind in $kinds openbsd-unix ncat-unix socat-unix; do
	address_of "$kind"
	nc=${kind%-unix}

	# Those that return here were closed by the daemon: they wait for 600 s else.
	seq -f 'PING %g' 1 3000 >"$work/in"
	seq -f '+OK %g' 1 3000 >"$work/expected"
	# shellcheck disable=SC2086
	talk "$nc" $address <"$work/in" >"$work/out"
	same "$kind: every final that is owed arrives after the half-close" \
	    "$work/expected" "$work/out"

	# shellcheck disable=SC2086
	is "$kind: without a subscription the connection closes after the half-close" "+OK
+OK 1" "$(printf 'SUB a\nUNSUB a\n' | talk "$nc" $address)"

	# shellcheck disable=SC2086
	is "$kind: QUIT closes, subscription or not" "+OK
+OK bye" "$(printf 'SUB a\nQUIT\nPING too late\n' | talk "$nc" $address)"

	watch
	# shellcheck disable=SC2086
	printf 'PING a\nPUB price 100' | talk "$nc" $address >"$work/out"
	sed 's/^\(-ERR [A-Z]*\) .*/\1/' "$work/out" >"$work/codes"
	printf '%s\n' "+OK a" "-ERR UNTERMINATED" >"$work/expected"
	same "$kind: a last line without its LF is refused" "$work/expected" "$work/codes"
	saw "$kind: and it was not run"

	# A subscriber that has said all it has to say.
	name=$(echo "half_$kind" | tr - _)
	# shellcheck disable=SC2086
	subscribe "$name" "$nc" "news.>" $address
	say "$name" "SUB other"
	wait_until has_lines "$work/$name.out" 2
	hang_up "$name"
	if [ "$nc" = "$kind" ]; then
		wait_until has_half_closed 1
	fi
	barrier
	is "$kind: a half-closed subscriber still counts" "+OK 1" \
	    "$(echo 'PUB news.one first' | talk openbsd 127.0.0.1 "$main_port")"
	wait_until file_has "$work/$name.out" first
	echo 'PUB other second' | talk openbsd 127.0.0.1 "$main_port" >/dev/null
	wait_until file_has "$work/$name.out" second
	printf '%s\n' +OK +OK "MSG news.one first" "MSG other second" >"$work/expected"
	same "$kind: what is published after the half-close arrives" "$work/expected" \
	    "$work/$name.out"

	kill "$(client_pid "$name")"
	wait_for_end "$(client_pid "$name")"
	no_reader()
	{
		[ "$(echo 'PUB news.one x' | talk openbsd 127.0.0.1 "$main_port")" = "+OK 0" ]
	}
	check "$kind: when it is gone, it counts no more" wait_until no_reader
done

# Half a command, an open subscription.
printf 'SUB price\nPUB price 5' >"$work/in"
rm -f "$work/out"
{
	sleep 3600 >/dev/null 2>&1 &
	children="$children $!"
	netcat openbsd 127.0.0.1 "$main_port" <"$work/in" >"$work/out" &
	pid=$!
	children="$children $pid"
}
wait_until has_lines "$work/out" 2
echo 'PUB price 6' | talk openbsd 127.0.0.1 "$main_port" >/dev/null
wait_until file_has "$work/out" '^MSG'
sed 's/^\(-ERR [A-Z]*\) .*/\1/' "$work/out" >"$work/codes"
printf '%s\n' +OK "-ERR UNTERMINATED" "MSG price 6" >"$work/expected"
same "a subscription goes on after a last line without its LF" "$work/expected" "$work/codes"
kill "$pid"
wait_for_end "$pid"
wait_until no_reader

# As people type it, without an option for the half-close: QUIT says it. Their standard input
# ends, and nothing tells the daemon.
is "nc.openbsd without -N: QUIT closes" "+OK 0
+OK bye" "$(printf 'PUB build.done 4711\nQUIT\n' | timeout 120 nc.openbsd 127.0.0.1 "$main_port")"
is "nc.traditional without -q: QUIT closes" "+OK 0
+OK bye" "$(printf 'PUB build.done 4711\nQUIT\n' | timeout 120 nc.traditional 127.0.0.1 "$main_port")"

# -q 0 does not wait for the answer.
watch
printf 'PUB price 7\n' | timeout 120 nc.traditional -q 0 127.0.0.1 "$main_port" >"$work/out"
wait_until file_has "$work/$watcher.out" 'price 7'
saw "nc.traditional -q 0: a line is run though nobody waits for its answer" "MSG price 7"

# A killed writer's kernel sends a FIN as well.
watch
connect victim openbsd 127.0.0.1 "$main_port"
say victim PING
wait_until has_lines "$work/victim.out" 1
printf 'PUB price 100' >"$work/victim.in"
kill -KILL "$(client_pid victim)"
wait_for_end "$(client_pid victim)"
barrier
saw "what a killed client had half written is not run"

# RST.
watch
printf 'PUB price whole\nPUB price 100' | "$peer" talk --hold --lines 1 --reset 127.0.0.1 "$main_port" \
    >"$work/out"
is "a client that will reset the connection gets its answer before" "+OK 1" "$(cat "$work/out")"
barrier
saw "after a RST whole lines were run, and the partial one is dropped" "MSG price whole"

watch
printf 'SUB other\nPUB price 100' | "$peer" talk --hold --lines 1 --reset 127.0.0.1 "$main_port" \
    >"$work/out"
barrier
is "a subscriber that has reset the connection counts no more" "+OK 0" \
    "$(echo 'PUB other x' | talk openbsd 127.0.0.1 "$main_port")"
saw "and its partial line is dropped"

# ---- What goes on by itself ------------------------------------------------------------------

echo 'SUB within WITHIN 200ms' | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
is "WITHIN goes on after the half-close, ends, and so does the connection" \
    "+OK
! DONE within timeout" "$(cat "$work/out")"

# keepalive_of PORT: of the connections to it, the timer of each, and when it is due, in 1/100 s
keepalive_of()
{
	local timer when

	awk -v port="$(printf ':%04X' "$1")" '$2 ~ port "$" && $4 == "01" { print $6 }' /proc/net/tcp |
	    while IFS=: read -r timer when; do echo "$timer $((0x$when))"; done
}

connect quiet openbsd 127.0.0.1 "$main_port"
say quiet PING
wait_until has_lines "$work/quiet.out" 1
has_keepalive()
{
	keepalive_of "$main_port" | awk '$1 == "02" && $2 > 0 && $2 <= 1500 { n++ } END { exit !(n > 0) }'
}
check "a quiet client is asked whether it is there, after 15 seconds at most" \
    wait_until has_keepalive
leave quiet

stop_daemon
done_testing
