#!/bin/sh
# SPDX-License-Identifier: MIT
# What a listener allows one address, one second, one line, and one quiet client.
. "${top_srcdir:-.}/tests/lib.sh"

need_netcats

# answers ADDRESS...
answers()
{
	[ "$(echo PING | talk openbsd "$@")" = +OK ]
}

has_heard_goodbye()
{
	file_has "$work/$1.out" '^! BYE'
}

# ---- per_ip ------------------------------------------------------------------------------

start_daemon <<END
handlers = 2
listen main  { address = "127.0.0.1:0" }
listen few   { address = "127.0.0.1:0"  per_ip = 2 }
listen echo  { address = "127.0.0.1:0"  per_ip = 2  mode = "echo" }
listen in    { address = "127.0.0.1:0"  per_ip = 1  mode = "publish"  subject = "in" }
listen local { address = "$work/sock"  per_ip = 1 }
END
main_port=$(port main)
few=$(port few)
like "the log says how much memory it may need" \
    "^$log_time "'amyd: memory: at most [0-9.]+ [KMGT]iB: 10000 clients of [0-9.]+ MiB, 2 handlers of ' \
    "$work/log"
hold two "$few" 2
is "per_ip = 2: two of one address are served" "held 2" "$(cat "$work/two.out")"
for kind in $kinds; do
	talk "$kind" 127.0.0.1 "$few" </dev/null >"$work/out"
	is "$kind: the third is told why it is not" "! BYE LIMIT per_ip=2" "$(cat "$work/out")"
done
hold other "$few" 2 --from 127.0.0.2
is "another address has places of its own" "held 2" "$(cat "$work/other.out")"
is "so has another one, which is a netcat's" "+OK" \
    "$(echo PING | timeout 120 nc.openbsd -N -s 127.0.0.3 127.0.0.1 "$few")"
hold echo "$(port echo)" 1
is "and so has another listener" "connection 0: PING held 1" "$(tr '\n' ' ' <"$work/echo.out" | sed 's/ $//')"
let_go echo
let_go two
check "a place that was freed can be used" wait_until answers 127.0.0.1 "$few"
is "the others have theirs still" "! BYE LIMIT per_ip=2" \
    "$(timeout 120 nc.openbsd -N -s 127.0.0.2 127.0.0.1 "$few" </dev/null)"
let_go other
check "callers that were turned away are counted" [ "$(counter clients.refused.per_ip)" -ge 5 ]
is "and those alone" 0 "$(counter clients.refused.max_clients)"
like "the log says what to do about it" \
    'listen few: 127\.0\.0\.1:[0-9]+ is turned away: per_ip = 2 of its address are here: raise it' \
    "$work/log"

# However clients end, their places are free again.
all_fit()
{
	hold again "$few" 2
	let_go again
	[ "$(cat "$work/again.out")" = "held 2" ]
}
come_and_go()
{
	local i

	for i in 1 2 3 4 5 6 7 8 9 10; do
		printf 'PING\nPI' | timeout 5 nc.openbsd -N 127.0.0.1 "$few" &
		printf 'SUB a\nQUIT\n' | timeout 5 nc.traditional -q 5 127.0.0.1 "$few" &
		printf 'PING\n' | "$peer" talk --lines 0 127.0.0.1 "$few" &
	done
	wait_for_all
}
wait_for_all()
{
	wait_until none_but_the_asker
}
none_but_the_asker()
{
	[ "$(counter clients.connected)" -le 1 ]
}
come_and_go >/dev/null 2>&1
check "after many that came and went there is room for two" wait_until all_fit
hold two "$few" 2
is "and no more" "! BYE LIMIT per_ip=2" "$(talk openbsd 127.0.0.1 "$few" </dev/null)"
let_go two

connect in openbsd 127.0.0.1 "$(port in)"
refused=$(counter clients.refused.per_ip)
is_refused_in()
{
	talk openbsd 127.0.0.1 "$(port in)" </dev/null >"$work/out"
	[ "$(counter clients.refused.per_ip)" -gt "$refused" ]
}
check "mode publish: the second is turned away" wait_until is_refused_in
is "without a word" "" "$(cat "$work/out")"
hang_up in

"$peer" hold --connections 5 "$work/sock" </dev/null >"$work/out"
is "Unix sockets have no address: per_ip = 1 means nothing there" "held 5" "$(cat "$work/out")"
stop_daemon

if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
	start_daemon <<-END
		handlers = 1
		listen main { address = "127.0.0.1:0" }
		listen any  { address = "*:0"  open = true  per_ip = 1 }
	END
	main_port=$(port main)
	hold one "$(port any)" 1
	hold other "$(port any)" 1 --from 127.0.0.2
	is "IPv4 addresses at a listener for IPv6 are told apart" "held 1 held 1" \
	    "$(cat "$work/one.out" "$work/other.out" | tr '\n' ' ' | sed 's/ $//')"
	is "and have their places" "! BYE LIMIT per_ip=1" \
	    "$(talk openbsd 127.0.0.1 "$(port any)" </dev/null)"
	is "an IPv6 address has others" "+OK" "$(echo PING | talk openbsd ::1 "$(port any)")"
	let_go one
	let_go other
	stop_daemon
else
	skip "an IPv6 address has places of its own" "there is no IPv6"
fi

# ---- accept_rate -------------------------------------------------------------------------

start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
listen slow { address = "127.0.0.1:0"  accept_rate = 2 }
listen lazy { address = "127.0.0.1:0"  accept_rate = 1000 }
END
main_port=$(port main)
hold lazy "$(port lazy)" 3
is "accept_rate: fewer than it do not wait" "held 3 0" \
    "$(cat "$work/lazy.out") $(counter accept.pauses)"
hold many "$(port slow)" 6
is "accept_rate = 2: of six that come at once nobody is turned away" "held 6" \
    "$(cat "$work/many.out")"
check "they had to wait" [ "$(counter accept.pauses)" -ge 1 ]
check "others did not" answers 127.0.0.1 "$main_port"
is "it is logged once" 1 \
    "$(grep -c 'listen slow: clients have to wait: .*accept_rate = 2' "$work/log")"
let_go many
let_go lazy
stop_daemon

# ---- line_rate ---------------------------------------------------------------------------

start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
listen one  { address = "127.0.0.1:0"  line_rate = 1 }
listen echo { address = "127.0.0.1:0"  line_rate = 1  mode = "echo" }
listen in   { address = "127.0.0.1:0"  line_rate = 20  mode = "publish"  subject = "in" }
END
main_port=$(port main)
printf 'PING\nPUB x y\n#tag PING\n\n#? x\nplub\nQUIT\n' >"$work/in"
printf '%s\n' +OK '-ERR RATE limit=1' '#tag -ERR RATE limit=1' '-ERR RATE limit=1' \
    '-ERR RATE limit=1' '+OK bye' >"$work/expected"
for kind in $kinds; do
	talk "$kind" 127.0.0.1 "$(port one)" <"$work/in" >"$work/out"
	same "$kind: lines over line_rate are refused; QUIT never is" "$work/expected" "$work/out"
done
is "they are counted" 24 "$(counter lines.over_rate)"
is "they are not published" 0 "$(counter lines.published)"
like "the log says what to do about it" \
    'client [0-9]+ \(one, from .*\) sends more lines a second than line_rate = 1: raise it' \
    "$work/log"
connect patient openbsd 127.0.0.1 "$(port one)"
say patient 'PING 1' 'PING 2'
wait_until file_has "$work/patient.out" '^-ERR RATE'
later_line_is_run()
{
	say patient 'PING later'
	file_has "$work/patient.out" '^\+OK later'
}
check "later lines are run" wait_until later_line_is_run
hang_up patient
printf 'a\nb\nc' >"$work/in"
printf 'a\n-ERR RATE limit=1\nc' >"$work/expected"
talk openbsd 127.0.0.1 "$(port echo)" <"$work/in" >"$work/out"
same "mode echo: a line over it is refused; one without LF is none" "$work/expected" "$work/out"

over=$(counter lines.over_rate)
subscribe reader openbsd in 127.0.0.1 "$main_port"
seq 60 | talk openbsd 127.0.0.1 "$(port in)"
check "mode publish: all lines come" wait_until has_lines "$work/reader.out" 61
seq -f 'MSG in %g' 60 >"$work/expected"
sed 1d "$work/reader.out" >"$work/out"
same "in order, and each once" "$work/expected" "$work/out"
check "but they had to wait" [ "$(counter lines.over_rate)" -gt "$over" ]
over=$(counter lines.over_rate)
connect flood openbsd 127.0.0.1 "$(port in)"
seq 10000 >"$work/flood.in"
has_to_wait()
{
	[ "$(counter lines.over_rate)" -gt "$over" ]
}
check "one that sends very many has to wait" wait_until has_to_wait
check "who else is there is answered" answers 127.0.0.1 "$main_port"
stop_daemon

# ---- line_time ---------------------------------------------------------------------------

start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0"  line_time = "0" }
listen fast { address = "127.0.0.1:0"  line_time = "500ms" }
listen echo { address = "127.0.0.1:0"  line_time = "500ms"  mode = "echo" }
listen in   { address = "127.0.0.1:0"  line_time = "500ms"  mode = "publish"  subject = "in" }
listen out  { address = "127.0.0.1:0"  line_time = "100ms"  mode = "subscribe"  pattern = "in" }
END
main_port=$(port main)
connect out openbsd 127.0.0.1 "$(port out)"
printf 'x' >"$work/out.in"
connect slow openbsd 127.0.0.1 "$main_port"
printf 'PI' >"$work/slow.in"
connect good openbsd 127.0.0.1 "$(port fast)"
say good 'PING 1'
"$peer" trickle --connections 1000 127.0.0.1 "$(port fast)" >"$work/trickle.out" 2>&1
is "a thousand that trickle are closed, and told why" "1000 ! BYE SLOW line_time=500ms" \
    "$(sed '$d' "$work/trickle.out" | sort | uniq -c | sed 's/^ *//')"
is "all of them" "closed 1000" "$(tail -n 1 "$work/trickle.out")"
is "they are counted" 1000 "$(counter clients.ended.line_time)"
like "the log says what to do about it" \
    'has not come to its end within line_time = "[0-9a-z]+": raise it' "$work/log"
say good 'PING 2'
check "who sends whole lines is not harmed" wait_until file_has "$work/good.out" '^\+OK 2'
hang_up good
say slow NG
check 'with line_time = "0" a line may take as long' wait_until file_has "$work/slow.out" '^\+OK'
hang_up slow
is "mode echo: it is told, too" "! BYE SLOW line_time=500ms closed 3" \
    "$("$peer" trickle --connections 3 127.0.0.1 "$(port echo)" | sort -u | tr '\n' ' ' |
    sed 's/ $//')"
is "mode publish: it is closed without a word" "closed 3" \
    "$("$peer" trickle --connections 3 127.0.0.1 "$(port in)")"
echo "PUB in a line" | talk openbsd 127.0.0.1 "$main_port" >/dev/null
check "mode subscribe: a reader stays, whatever it has typed" \
    wait_until file_has "$work/out.out" '^a line'
hang_up out
stop_daemon

# ---- idle_time ---------------------------------------------------------------------------

start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
listen idle { address = "127.0.0.1:0"  idle_time = "2s" }
listen in   { address = "127.0.0.1:0"  idle_time = "500ms"  mode = "publish"  subject = "in" }
END
main_port=$(port main)
connect publisher openbsd 127.0.0.1 "$main_port"
subscribe follower openbsd a 127.0.0.1 "$(port idle)"
connect talker openbsd 127.0.0.1 "$(port idle)"
connect mute openbsd 127.0.0.1 "$(port idle)"
subscribe lonely openbsd b 127.0.0.1 "$(port idle)"
go_on_until_two_are_gone()
{
	say publisher 'PUB a x'
	say talker PING
	has_heard_goodbye mute && has_heard_goodbye lonely
}
check "idle_time = 2s: who says nothing, and who gets nothing, is ended" \
    wait_until go_on_until_two_are_gone
is "it is told so" "! BYE IDLE idle_time=2s" "$(cat "$work/mute.out")"
is "in one line" 2 "$(wc -l <"$work/lonely.out")"
say publisher 'PUB a last'
check "who is sent something stays" wait_until file_has "$work/follower.out" '^MSG a last'
say talker 'PING last'
check "who says something stays" wait_until file_has "$work/talker.out" '^\+OK last'
for name in mute lonely publisher follower talker; do
	hang_up $name
done
check "those that are ended are counted" [ "$(counter clients.ended.idle)" -ge 2 ]
ended=$(counter clients.ended.idle)
"$peer" talk --hold 127.0.0.1 "$(port in)" </dev/null >"$work/out"
is "mode publish: it is closed without a word" "" "$(cat "$work/out")"
check "and counted" [ "$(counter clients.ended.idle)" -gt "$ended" ]
stop_daemon

done_testing
