#!/bin/sh
# SPDX-License-Identifier: MIT
# The log, where it is flooded, and where syslog is absent, stands still, or comes anew: it holds
# up nobody, and says what it had to leave out.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd socat

# ---- A flood of one cause -----------------------------------------------------------------

# How many messages a pattern stands for: those that are there, and those that are told of.
stands_for()
{
	grep -E -- "$1" "$2" | awk '
		match($0, /[0-9]+ more like this: /) { n += substr($0, RSTART) + 0; next }
		{ n++ }
		END { print n + 0 }'
}

start_daemon <<END
handlers = 2
max_clients = 3
listen main { address = "127.0.0.1:0" }
listen few  { address = "$work/few" }
listen one  { address = "127.0.0.1:0"  per_ip = 1 }
rule bad    { match = "bad"  to = {"file:/dev/full"} }
END
main_port=$(port main)
connect stays openbsd 127.0.0.1 "$main_port"
connect holds openbsd "$work/few"
connect one openbsd 127.0.0.1 "$(port one)"
for name in stays holds one; do
	say "$name" PING
	wait_until has_lines "$work/$name.out" 1
done

# A flood of callers that are turned away; who is here talks meanwhile.
"$peer" storm --connections 3000 --how close "$work/few" &
flood=$!
children="$children $flood"
for round in 1 2 3 4 5; do
	seq -f 'PING %.0f' $((round * 100 - 99)) $((round * 100)) >"$work/stays.in"
	wait_until file_has "$work/stays.out" "^\\+OK $((round * 100))\$"
done
wait_for_end "$flood"
is "while thousands are turned away, who is here has every answer" 501 "$(grep -c '^+OK' "$work/stays.out")"

# Another cause has room in the log meanwhile.
say stays 'PUB bad x'
check "what happens once is said, whatever floods the log" wait_until file_has "$work/log" \
    'rule bad: file:/dev/full: No space left on device'
# There is no place for one more who asks. The last ones may not have been looked at yet.
all_are_refused()
{
	say stays 'STATS clients.refused.max_clients'
	file_has "$work/stays.out" '^\* clients\.refused\.max_clients 3000$'
}
wait_until all_are_refused
say stays 'STATS server.seconds'
wait_until file_has "$work/stays.out" '^\* server\.seconds'
seconds=$(sed -n 's/^\* server\.seconds //p' "$work/stays.out" | tail -n 1)
hang_up one
hang_up holds
leave stays
stop_daemon
is "of 3000 messages that are alike, each is said or counted" 3000 \
    "$(stands_for 'is turned away: max_clients = 3' "$work/log")"
nsaid=$(grep -c 'is turned away: max_clients = 3' "$work/log")
echo "# $nsaid lines in $seconds s"
check "few are said: 11 in 5 s at most" [ "$nsaid" -le $((11 * (seconds / 5 + 2))) ]

# ---- Syslog -----------------------------------------------------------------------------

if ! has_own_mounts; then
	skip "a syslog that stands still" "no mount namespace of our own"
	done_testing
fi

# answers_all NAME: who talks has all answers, in order
answers_all()
{
	seq -f 'PING %.0f' 1 1000 >"$work/in"
	sed 's/^PING/+OK/' "$work/in" >"$work/expected"
	talk openbsd "$work/sock" <"$work/in" >"$work/out"
	same "$1" "$work/expected" "$work/out"
}

flood()
{
	"$peer" storm --connections 2000 --how close "$work/sock"
}

# A client that comes is logged.
logs()
{
	echo PING | talk openbsd "$work/sock" >"$work/out"
	file_has "$work/syslog" 'amyd\[[0-9]+\]: client [0-9]+ .*is here'
}

give_own_dev
start_default_daemon -l syslog -vv
main_port=$(port main)
flood
answers_all "without a syslog, who talks is answered"
check "without a syslog, the log is on standard error" wait_until file_has "$work/log" \
    "^$log_time amyd: amyd .* is ready: "
is "and says so once" 1 \
    "$(grep -cE "^$log_time "'amyd: syslog: /dev/log: No such file or directory: the log is on standard error' "$work/log")"

start_syslog
check "a syslog that comes has what is said from then on" wait_until logs
check "and is told that it has the log now" wait_until file_has "$work/syslog" \
    'amyd\[[0-9]+\]: syslog takes messages again'
cp "$work/log" "$work/before"
wait_until logs
same "what it has is not on standard error as well" "$work/before" "$work/log"

kill -STOP "$syslog"
flood
answers_all "a syslog that stands still: who talks is answered"
flood
answers_all "and goes on being answered"
kill -CONT "$syslog"
says_how_many()
{
	logs
	file_has "$work/syslog" 'amyd\[[0-9]+\]: [1-9][0-9]* log messages dropped: '
}
check "when it goes on, it is told how many messages there were not" wait_until says_how_many

for round in 1 2 3; do
	kill -KILL "$syslog"
	wait_for_end "$syslog" 2>/dev/null
	nsenter -t "$daemon" -m rm -f /dev/log
	answers_all "round $round: the syslog is gone: who talks is answered"
	rm -f "$work/syslog"
	start_syslog
	check "round $round: a new one has what is said from then on" wait_until logs
done

is "each time that it goes, standard error is told once" 4 \
    "$(grep -c 'amyd: syslog: .*: the log is on standard error' "$work/log")"

# It stands still for good: the end waits for it for a second, and no longer.
kill -STOP "$syslog"
flood
kill -TERM "$daemon"
wait_for_end "$daemon"
check "a syslog that stands still: the daemon ends with 0" has_ended_well "$status"
kill -KILL "$syslog"
wait_for_end "$syslog" 2>/dev/null

# Nobody says where to log, standard error is no terminal, and there is no /dev/log: a container.
rm "$work/ports"
$daemon_prefix "$amyd" -c "$work/conf" -p "$work/ports" </dev/null >"$work/stdout" 2>"$work/log" &
daemon=$!
children="$children $daemon"
wait_until has_ports_or_is_over
daemon_prefix=""
check "in a container the log is on standard error" wait_until file_has "$work/log" \
    "^$log_time amyd: amyd .* is ready: "
stop_daemon

done_testing
