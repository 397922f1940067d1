#!/bin/sh
# SPDX-License-Identifier: MIT
# One asks, one answers: REQ and REP, and everything that can become of them.
. "${top_srcdir:-.}/tests/lib.sh"

need_netcats
start_daemon <<END
handlers = 2
listen main  { address = "127.0.0.1:0" }
listen local { address = "$work/sock" }
listen out   { address = "127.0.0.1:0"  mode = "subscribe"  pattern = "screen" }
END
main_port=$(port main)
part_pairs "$main_port"

command_lines()
{
	talk openbsd 127.0.0.1 "$main_port"
}

codes()
{
	sed -E 's/^((#[^ ]+ )?-ERR [A-Z]+).*/\1/'
}

# request NAME N: the id of the N-th request that came to it, in $id
request()
{
	wait_until has_requests "$1" "$2"
	id=$(sed -n 's/^REQ [^ ]* \([^ ]*\).*/\1/p' "$work/$1.out" | sed -n "$2p")
}

has_requests()
{
	[ "$(grep -c '^REQ ' "$work/$1.out")" -ge "$2" ]
}

# A netcat, a pipe and sed: what people write. The rest of its lines are finals.
# responder NAME KIND SCRIPT LINE...: what sed says to what comes; lines to begin with
responder()
{
	local name=$1 kind=$2 script=$3 line

	shift 3
	rm -f "$work/$name.in"
	mkfifo "$work/$name.in"
	: >"$work/$name.out"
	(
		exec 9<>"$work/$name.in"
		for line; do
			echo "$line" >&9
		done
		(
			exec <"$work/$name.in" 9<&-
			# shellcheck disable=SC2016
			sh -c 'echo $PPID' >"$work/$name.pid"
			netcat "$kind" "$work/sock"
		) | tee "$work/$name.out" 9<&- | sed -un "$script" >&9
	) &
	children="$children $!"
	eval "loop_$name=$!"
	wait_until has_lines "$work/$name.out" $#
}

end_responder()
{
	kill "$(cat "$work/$1.pid")"
	eval "wait_for_end \$loop_$1" 2>/dev/null
}

nobody_follows()
{
	[ "$(echo "WHO $1" | command_lines)" = "+OK 0" ]
}

# ---- Answers -----------------------------------------------------------------------------

is "a request that nobody follows fails at once" "-ERR NOBODY
+OK" "$(printf 'REQ time.now\nPING\n' | command_lines | codes)"
is "one asks others, not itself" "+OK
-ERR NOBODY
+OK bye" "$(printf 'SUB time.now\nREQ time.now\nQUIT\n' | command_lines | codes)"

# Of the clients each second one is at the other handler.
for i in 1 2 3 4; do
	kind=$(echo "openbsd traditional ncat socat" | cut -d ' ' -f "$i")
	subscribe "asked$i" "$kind" "question.$i" 127.0.0.1 "$main_port"
	connect "asker$i" "$kind" 127.0.0.1 "$main_port"
	say "asker$i" "REQ question.$i what  is  it? "
	request "asked$i" 1
	is "$kind: the request has subject, id and text" "REQ question.$i $id what  is  it? " \
	    "$(sed -n 2p "$work/asked$i.out")"
	say "asked$i" "REP $id   an answer, with  spaces "
	wait_until has_lines "$work/asker$i.out" 1
	is "$kind: the answer is the final line, every space of it" "+OK   an answer, with  spaces " \
	    "$(cat "$work/asker$i.out")"
	wait_until has_lines "$work/asked$i.out" 3
	is "$kind: who has answered is told so" "+OK" "$(sed -n 3p "$work/asked$i.out")"
done

# Everybody asks everybody: whatever handler they are on.
n=1
for i in 1 2 3 4; do
	for j in 1 2 3 4; do
		[ "$i" = "$j" ] && continue
		say "asker$j" "REQ question.$i $j"
	done
	request "asked$i" 4
	sed -n "s/^REQ [^ ]* \([^ ]*\) \([0-9]\)\$/REP \1 $i to \2/p" "$work/asked$i.out" >"$work/replies"
	cat "$work/replies" >"$work/asked$i.in"
	for j in 1 2 3 4; do
		[ "$i" = "$j" ] && continue
		wait_until file_has "$work/asker$j.out" "^\\+OK $i to $j\$"
	done
	n=$((n + 3))
done
for j in 1 2 3 4; do
	is "asker $j has an answer of each other one, once" 4 "$(wc -l <"$work/asker$j.out")"
done

say asker1 "REQ question.2"
request asked2 5
is "a request without text" "REQ question.2 $id" "$(grep '^REQ' "$work/asked2.out" | sed -n 5p | sed 's/ *$//')"
say asked2 "REP $id"
wait_until has_lines "$work/asker1.out" 5
is "an answer without text" "+OK" "$(tail -n 1 "$work/asker1.out")"

# ---- Answers that nobody waits for -------------------------------------------------------

n=$(wc -l <"$work/asked2.out")
say asked2 "REP $id again"
wait_until has_lines "$work/asked2.out" $((n + 1))
is "a second answer is gone" "-ERR GONE" "$(tail -n 1 "$work/asked2.out" | codes)"
is "so is one to a request that never was" "-ERR GONE" "$(echo "REP 12345 x" | command_lines | codes)"
is "what is no id is a mistake" "-ERR SYNTAX" "$(echo "REP abc x" | command_lines | codes)"

say asker1 "REQ question.2 mine?"
request asked2 6
is "somebody else's answer is gone" "-ERR GONE" "$(echo "REP $id no" | command_lines | codes)"
n=$(wc -l <"$work/asked1.out")
say asked1 "REP $id no"
wait_until has_lines "$work/asked1.out" $((n + 1))
is "also from one who was asked something else" "-ERR GONE" "$(tail -n 1 "$work/asked1.out" | codes)"
say asked2 "REP $id yes"
wait_until has_lines "$work/asker1.out" 6
is "and the right one still arrives" "+OK yes" "$(tail -n 1 "$work/asker1.out")"

is "a request is given up in time" "+OK
-ERR TIMEOUT
+OK after" "$(printf 'SET timeout 20ms\nREQ question.3\nPING after\n' | command_lines | codes)"
request asked3 5
n=$(wc -l <"$work/asked3.out")
say asked3 "REP $id too late"
wait_until has_lines "$work/asked3.out" $((n + 1))
is "a late answer is gone" "-ERR GONE" "$(tail -n 1 "$work/asked3.out" | codes)"

# ---- By name, and in groups --------------------------------------------------------------

say asked4 "NAME bob"
n=$(wc -l <"$work/asked4.out")
is "a name that nobody has" "-ERR NOBODY" "$(echo "REQ @alice x" | command_lines | codes)"
say asker1 "REQ @bob are you there?"
request asked4 5
is "a request to a name" "REQ @bob $id are you there?" "$(grep '^REQ' "$work/asked4.out" | sed -n 5p)"
say asked4 "REP $id yes"
wait_until has_lines "$work/asker1.out" 7
is "and its answer" "+OK yes" "$(tail -n 1 "$work/asker1.out")"
is "one does not ask oneself by name" "+OK
-ERR NOBODY" "$(printf 'NAME eve\nREQ @eve x\n' | command_lines | codes)"
for i in 1 2 3 4; do
	leave "asker$i"
	leave "asked$i"
done

# answers_as NAME: in sed, how a responder gives back the text
answers_as()
{
	printf '%s\n' 's/^REQ [^ ]* \([^ ]*\) \(.*\)$/REP \1 '"$1"' \2/p'
}

for i in 1 2 3; do
	kind=$(echo "socat ncat socat" | cut -d ' ' -f "$i")
	responder "server$i" "$kind" "$(answers_as "server$i")" "SUB work.> GROUP servers"
done
seq -f 'REQ work.one %g' 1 300 | command_lines >"$work/out"
is "three in a group: every request has its answer, in the order asked" "$(seq 1 300)" \
    "$(sed 's/^+OK server[123] //' "$work/out")"
for i in 1 2 3; do
	check "server $i has its share" grep -q "server$i " "$work/out"
done
seq 1 300 | sed 's/.*/#t& REQ work.one &/' | command_lines >"$work/out"
is "300 at once, each with a tag: each has its own answer" "$(seq 1 300 | sed 's/.*/#t& +OK &/')" \
    "$(sed 's/server[123] //' "$work/out" | sort -t t -k 2 -n)"
is "each was asked of one" 600 "$(cat "$work"/server?.out | grep -c '^REQ')"
for i in 1 2 3; do
	end_responder "server$i"
done
wait_until nobody_follows "work.>"

# Those who follow alone are asked one at a time, too.
for i in 1 2; do
	responder "alone$i" socat "$(answers_as "alone$i")" "SUB work.>"
done
seq -f 'REQ work.one %g' 1 50 | command_lines >"$work/out"
is "of two who follow alone one is asked" "$(seq 1 50)" "$(sed 's/^+OK alone[12] //' "$work/out")"
is "not both" 50 "$(cat "$work"/alone?.out | grep -c '^REQ')"
for i in 1 2; do
	end_responder "alone$i"
done
wait_until nobody_follows "work.>"

# ---- The order of lines ------------------------------------------------------------------

subscribe server openbsd "slow.*" "$work/sock"
connect asker socat 127.0.0.1 "$main_port"
say asker "#one REQ slow.1" "#two REQ slow.2" "PING after both"
wait_until has_lines "$work/asker.out" 1
is "a request with a tag does not hold back the next line" "+OK after both" "$(cat "$work/asker.out")"
request server 2
second=$id
request server 1
say server "REP $second 2"
wait_until has_lines "$work/asker.out" 2
say server "REP $id 1"
wait_until has_lines "$work/asker.out" 3
is "answers with a tag may overtake" "+OK after both
#two +OK 2
#one +OK 1" "$(cat "$work/asker.out")"
say asker "REQ slow.3" "PUB slow.4 x" "PING after it"
request server 3
# What is held back must have had its chance.
n=$(wc -l <"$work/server.out")
say server PING
wait_until has_lines "$work/server.out" $((n + 1))
is "a request without a tag holds back the next line" 3 "$(wc -l <"$work/asker.out")"
unlike "which is not run" '^MSG' "$work/server.out"
say server "REP $id 3"
wait_until has_lines "$work/asker.out" 6
is "then the lines go on in their order" "+OK 3
+OK 1
+OK after it" "$(tail -n 3 "$work/asker.out")"
leave asker

# ---- Ends --------------------------------------------------------------------------------

nrequests=4
for kind in $kinds; do
	connect half "$kind" 127.0.0.1 "$main_port"
	say half "REQ slow.half $kind" "PING still there"
	request server "$nrequests"
	nrequests=$((nrequests + 1))
	hang_up half
	echo PING | command_lines >/dev/null
	say server "REP $id here you are"
	check "$kind: after a half-close it ends when all is done" wait_until gone half
	is "$kind: after a half-close the answer arrives" "+OK here you are
+OK still there" "$(cat "$work/half.out")"
done

printf '#a REQ slow.quit\n#b REQ slow.quit\n#q QUIT\n' >"$work/in"
connect quitter socat 127.0.0.1 "$main_port"
cat "$work/in" >"$work/quitter.in"
request server $((nrequests + 1))
second=$id
request server "$nrequests"
nrequests=$((nrequests + 2))
unlike "QUIT waits for what was asked" bye "$work/quitter.out"
say server "REP $id 1" "REP $second 2"
wait_until file_has "$work/quitter.out" bye
is "QUIT: the answers, and then the last word" "#a +OK 1
#b +OK 2
#q +OK bye" "$(cat "$work/quitter.out")"
hang_up quitter
wait_until gone quitter

# Who asked is gone: by a Unix socket that is known at once.
connect victim socat "$work/sock"
say victim "#t REQ slow.victim"
request server "$nrequests"
nrequests=$((nrequests + 1))
kill -KILL "$(client_pid victim)"
wait_for_end "$(client_pid victim)"
only_one_left()
{
	[ "$(echo WHO | command_lines | tail -n 1)" = "+OK 3" ]
}
if wait_until only_one_left; then
	n=$(wc -l <"$work/server.out")
	say server "REP $id where are you?"
	wait_until has_lines "$work/server.out" $((n + 1))
fi
is "when the asker has vanished, the answer is gone" "-ERR GONE" "$(tail -n 1 "$work/server.out" | codes)"

# The one who is asked is gone.
connect asker socat 127.0.0.1 "$main_port"
say asker "SET timeout 50ms" "REQ slow.responder"
request server "$nrequests"
kill -KILL "$(client_pid server)"
wait_for_end "$(client_pid server)"
wait_until has_lines "$work/asker.out" 2
like "when the one who was asked has vanished, that is an error in time" \
    '^-ERR (NOBODY|TIMEOUT)' "$work/asker.out"
nobody_is_there()
{
	say asker "REQ slow.responder"
	nasked=$((nasked + 1))
	wait_until has_lines "$work/asker.out" $((nasked + 2))
	[ "$(tail -n 1 "$work/asker.out" | codes)" = "-ERR NOBODY" ]
}
nasked=0
check "the next request finds nobody" wait_until nobody_is_there
leave asker

echo "STATS requests." | command_lines >"$work/out"
like "answers have been counted" '^\* requests\.answered 678$' "$work/out"
like "and those that came too late, or never" '^\* requests\.timed_out [12]$' "$work/out"

# ---- Who cannot answer is not asked ---------------------------------------------------------

# It has said all that it has to say; it is a member all the same.
for i in 1 2 3; do
	subscribe "mute$i" openbsd "work.> GROUP w COUNT 1" "$work/sock"
	hang_up "mute$i"
done
subscribe "mute4" openbsd "alone" "$work/sock"
hang_up "mute4"
connect screen openbsd 127.0.0.1 "$(port out)"
say screen "not heard"
followers_are()
{
	[ "$(echo "WHO >" | command_lines | tail -n 1)" = "+OK $1" ]
}
wait_until followers_are 5
is "those that have ended their input, or only look on, are not asked" "-ERR NOBODY
-ERR NOBODY
-ERR NOBODY" "$(printf 'REQ work.x 1\nREQ alone 2\nREQ screen 3\n' | command_lines | codes)"
responder talker socat "$(answers_as talker)" "SUB work.> GROUP w"
is "who can answer is asked, and not they" "$(seq -f '+OK talker %g' 1 30)" \
    "$(seq -f 'REQ work.x %g' 1 30 | command_lines)"
end_responder talker
wait_until followers_are 5
is "and each of them still waits for its job" "+OK 1
+OK 1
+OK 1
+OK 0" "$(seq -f 'PUB work.x %g' 1 4 | command_lines)"
for i in 1 2 3; do
	wait_until gone "mute$i"
done
for name in mute4 screen; do
	kill "$(client_pid "$name")"
	wait_for_end "$(client_pid "$name")"
done

# ---- Asked and killed at the same moment ---------------------------------------------------

# Whoever is chosen may be gone when the request is to be put: then it is put to another one.
is_stopped()
{
	grep -q '^State:[[:space:]]*T' "/proc/$1/status"
}
nfollow()
{
	[ "$(echo "WHO dying" | command_lines | tail -n 1)" = "+OK $1" ]
}
for how in "" " GROUP g"; do
	for i in 1 2 3 4; do
		subscribe "dying$i" socat "dying$how" "$work/sock"
	done
	connect asker openbsd "$work/sock"
	say asker "SET timeout 200ms"
	wait_until has_lines "$work/asker.out" 1
	kill -STOP "$daemon"
	wait_until is_stopped "$daemon"
	for i in 1 2 3; do
		kill -KILL "$(client_pid "dying$i")"
		wait "$(client_pid "dying$i")" 2>/dev/null
	done
	seq 1 20 | sed 's/.*/#t& REQ dying &/' >"$work/asker.in"
	kill -CONT "$daemon"
	wait_until nfollow 1
	sent_or_late()
	{
		[ $(($(grep -c '^REQ' "$work/dying4.out") + $(grep -c TIMEOUT "$work/asker.out"))) -ge 20 ]
	}
	wait_until sent_or_late
	sed -n 's/^REQ dying \([^ ]*\) \(.*\)/REP \1 \2/p' "$work/dying4.out" >"$work/dying4.in"
	wait_until has_lines "$work/asker.out" 21
	is "killed while asked$how: each request has one final" "$(seq 1 20)" \
	    "$(sed -n 's/^#t\([0-9]*\) .*/\1/p' "$work/asker.out" | sort -n)"
	unlike "killed while asked$how: and it is not that there is nobody" NOBODY "$work/asker.out"
	leave asker
	leave dying4
done

# ---- Bounds, and those who see the text alone ----------------------------------------------

connect silent openbsd 127.0.0.1 "$main_port"
say silent "SUB silent"
wait_until has_lines "$work/silent.out" 1
connect asker openbsd 127.0.0.1 "$main_port"
say asker "SET timeout 1h"
wait_until has_lines "$work/asker.out" 1
seq -f '#t%g REQ silent x' 1 1001 >"$work/asker.in"
say asker "PING"
wait_until has_lines "$work/asker.out" 3
is "1000 requests may be open, and no more" "+OK
#t1001 -ERR LIMIT
+OK" "$(cut -d ' ' -f 1-3 "$work/asker.out")"
wait_until has_lines "$work/silent.out" 1001
is "each of them is asked" 1000 "$(grep -c '^REQ silent [0-9]* x$' "$work/silent.out")"
kill "$(client_pid asker)"
wait_for_end "$(client_pid asker)"
leave silent

connect raw openbsd 127.0.0.1 "$main_port"
say raw "SUB raw" "SET raw on" "PING"
wait_until has_lines "$work/raw.out" 1
printf 'SET timeout 200ms\nREQ raw only this\n' | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
wait_until has_lines "$work/raw.out" 2
is "raw on: a request is its text, and nothing else" "+OK
only this" "$(cat "$work/raw.out")"
hang_up raw

stop_daemon
done_testing
