#!/bin/sh
# SPDX-License-Identifier: MIT
# The option memory: what waits and what is stored stays below it, and what had to go is told.
. "${top_srcdir:-.}/tests/lib.sh"

[ "$SANITIZER" = no ] || skip_all "a sanitizer needs memory of its own"
[ -e /proc/self/status ] || skip_all "there is no /proc/self/status"

# most_memory: what the daemon has ever had, in KiB
most_memory()
{
	memory VmHWM
}

readers=""
readers_are_there()
{
	[ "$(echo STATS subscriptions | command_lines | awk '$2 == "subscriptions" { print $3 }')" = 9041 ]
}

# subscriptions N: of 16 tokens each
subscriptions()
{
	seq -f '%015.0f' 1 "$1" | awk '{
		line = "SUB " $1
		for (i = 1; i < 16; i++)
			line = line "." $1
		print line
	}'
}

# publish N SUBJECT
publish()
{
	seq -f "PUB $2 %g $padding" 1 "$1" | command_lines >"$work/finals"
}

accounts_balance()
{
	echo "STATS lines." | command_lines | awk '
		$2 == "lines.matched" { matched = $3 }
		$2 == "lines.delivered" || $2 == "lines.queued" || $2 ~ /^lines\.dropped\./ { sum += $3 }
		END { print matched, sum; exit matched != sum }'
}

padding=$(head -c 1000 /dev/zero | tr '\0' x)

# ---- Readers that do not read -----------------------------------------------------------

start_daemon <<END
handlers = 2
memory = "64M"
listen main   { address = "127.0.0.1:0" }
listen reader { address = "$work/reader"  mode = "subscribe"  pattern = "log.>" }
history all   { match = "log.>"  lines = 1000000  bytes = "64M" }
END
main_port=$(port main)
subscribe many openbsd "many" 127.0.0.1 "$main_port"
subscriptions 9000 >"$work/many.in"
wait_until has_lines "$work/many.out" 9001
for i in 1 2 3 4 5 6 7 8; do
	connect "trace$i" openbsd 127.0.0.1 "$main_port"
	kill -STOP "$(client_pid "trace$i")"
	say "trace$i" "WILL last.words $padding" "TRACE log.x"
done
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	for j in 1 2; do
		nc.openbsd -d -U "$work/reader" >/dev/null 2>&1 &
		readers="$readers $!"
		children="$children $!"
	done
done
wait_until readers_are_there
for pid in $readers; do
	kill -STOP "$pid"
done
subscribe told openbsd "log.>" 127.0.0.1 "$main_port"
kill -STOP "$(client_pid told)"
for i in 1 2 3 4 5; do
	publish 5000 log.x
	is "$i: each line is taken" 5000 "$(grep -c '^+OK 41 ' "$work/finals")"
done
most=$(most_memory)
echo "# memory = 64M, and the daemon had $most KiB"
check "readers that do not read: the daemon stays below memory" test "$most" -le 65536
check "what was dropped for it is counted" test "$(counter lines.dropped.memory)" -gt 0
check "the accounts balance" accounts_balance
like "the log says it, and what to do" 'memory = 67108864 is nearly used up: .*: raise memory' \
    "$work/log"
kill -CONT "$(client_pid told)"
check "a reader is told where lines are missing" \
    wait_until file_has "$work/told.out" '^! DROPPED [0-9]+ pat=log.> seq='
for pid in $readers; do
	kill -KILL "$pid"
done
stop_daemon

# ---- Histories, and what is kept for good -------------------------------------------------

start_daemon <<END
handlers = 2
memory = "48M"
listen main { address = "127.0.0.1:0" }
history all { match = "log.>"  lines = 1000000  bytes = "256M" }
END
main_port=$(port main)
publish 40000 log.x
is "histories: each line is stored" "40000" "$(grep -c '^+OK 0 seq=' "$work/finals")"
check "histories: the daemon stays below memory" test "$(most_memory)" -le 49152
check "histories: what was forgotten for it is counted" test "$(counter memory.forgotten)" -gt 0
check "histories: the newest lines are there" test "$(counter history.all.lines)" -gt 1000
connect many openbsd 127.0.0.1 "$main_port"
subscriptions 10000 >"$work/many.in"
connect more openbsd 127.0.0.1 "$main_port"
subscriptions 10000 | sed 's/SUB 0/SUB a/' >"$work/more.in"
check "subscriptions are refused when nothing is left to be dropped" \
    wait_until file_has "$work/more.out" '^-ERR FULL memory is used up'
nmore=100
new_client_is_turned_away()
{
	nmore=$((nmore + 1))
	subscriptions 500 | sed "s/SUB 000/SUB $nmore/" >"$work/more.in"
	[ "$(echo PING | command_lines)" = "! BYE LIMIT memory" ]
}
check "then new clients are turned away, and told why" wait_until new_client_is_turned_away
say more "UNSUB *"
new_client_is_served()
{
	[ "$(echo PING | command_lines)" = "+OK" ]
}
check "when there is room again, new clients are served" wait_until new_client_is_served
check "what was refused is counted" test "$(counter memory.refused)" -gt 0
is "all that could be was forgotten before" 0 "$(counter history.all.lines)"
stop_daemon
done_testing
