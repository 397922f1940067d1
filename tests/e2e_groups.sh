#!/bin/sh
# SPDX-License-Identifier: MIT
# Groups: each line goes to exactly one of the members, whoever comes and goes.
. "${top_srcdir:-.}/tests/lib.sh"

need_netcats

start_group_daemon()
{
	start_daemon <<-END
		handlers = $1
		listen main  { address = "127.0.0.1:0" }
		listen local { address = "$work/sock"  queue = "16M" }
	END
	main_port=$(port main)
	part_pairs "$main_port"
}

# Lines in, finals out.
command_lines()
{
	talk openbsd 127.0.0.1 "$main_port"
}

# The lines that were dropped, for whatever reason.
ndropped()
{
	echo "STATS lines.dropped" | command_lines | awk '$1 == "*" { n += $3 } END { print n }'
}

# What the finals of PUB add up to.
sum_of_finals()
{
	awk '$1 == "+OK" { n += $2 } END { print n + 0 }' "$1"
}

is_at_rest()
{
	[ "$(counter lines.queued)" = 0 ]
}

accounts_balance()
{
	echo "STATS lines." | command_lines | awk '
		$2 == "lines.matched" { matched = $3 }
		$2 == "lines.delivered" || $2 == "lines.queued" || $2 ~ /^lines\.dropped\./ { sum += $3 }
		END { print matched, sum; exit matched != sum }'
}

# texts FILE...: of the deliveries in them
texts()
{
	sed -n 's/^MSG [^ ]* //p' "$@"
}

has_texts()
{
	[ "$(texts $2 | wc -l)" -ge "$1" ]
}

# ---- Shared work -----------------------------------------------------------------------

start_group_daemon 2

for kind in $kinds; do
	subscribe "worker_$kind" "$kind" "jobs.> GROUP w" 127.0.0.1 "$main_port"
done
subscribe everything openbsd "jobs.>" "$work/sock"
seq -f 'PUB jobs.new %g' 1 1000 | command_lines >"$work/out"
is "a group counts as one reader, beside one who follows alone" "1000 +OK 2" \
    "$(sort "$work/out" | uniq -c | sed 's/^ *//')"
workers=""
for kind in $kinds; do
	workers="$workers $work/worker_$kind.out"
done
wait_until has_texts 1000 "$workers"
wait_until has_texts 1000 "$work/everything.out"
seq 1 1000 >"$work/expected"
# shellcheck disable=SC2086
texts $workers | sort -n >"$work/out"
same "four netcats on two handlers: each line goes to exactly one of them" \
    "$work/expected" "$work/out"
for kind in $kinds; do
	texts "$work/worker_$kind.out" >"$work/out"
	check "$kind has a share" test -s "$work/out"
	check "$kind has its lines in order" sort -nc "$work/out"
done
texts "$work/everything.out" >"$work/out"
same "who follows alone has all of them, in order" "$work/expected" "$work/out"

subscribe other openbsd "jobs.* GROUP v" 127.0.0.1 "$main_port"
is "another group gets each line as well" "+OK 3" "$(echo "PUB jobs.new x" | command_lines)"
leave other
leave everything
is "a group without anybody does not count" "+OK 1" "$(echo "PUB jobs.new x" | command_lines)"
for kind in $kinds; do
	leave "worker_$kind"
done
is "when the last member has left, nobody takes a line" "+OK 0" \
    "$(echo "PUB jobs.new x" | command_lines)"

is "a subscription in a group counts apart: it comes twice" "+OK
+OK
MSG a x
MSG a x
+OK 2
+OK bye" "$(printf '%s\n' "SUB a" "SUB > GROUP g" "PUB a x" QUIT | command_lines)"
is "a member that does not want its own lines is not chosen for them" "+OK
+OK
+OK 0
+OK bye" "$(printf '%s\n' "SET echo off" "SUB a GROUP g" "PUB a x" QUIT | command_lines)"
subscribe second openbsd "a GROUP g" 127.0.0.1 "$main_port"
printf '%s\n' "SET echo off" "SUB a GROUP g" "PUB a 1" "PUB a 2" "PUB a 3" QUIT | command_lines >"$work/out"
is "then another member has each of them" "+OK
+OK
+OK 1
+OK 1
+OK 1
+OK bye" "$(cat "$work/out")"
wait_until has_lines "$work/second.out" 4
say second "SUB a"
wait_until has_lines "$work/second.out" 5
is "who follows the same pattern without a group is no member any more" "+OK
MSG a 1
MSG a 2
MSG a 3
+OK
MSG a 4" "$(echo "PUB a 4" | command_lines >"$work/out"; wait_until has_lines "$work/second.out" 6; cat "$work/second.out")"
leave second

# ---- A member that is stopped ----------------------------------------------------------

padding=$(head -c 1000 /dev/zero | tr '\0' x)
outs="$work/stopped.out $work/first.out $work/second.out"
seq 1 3000 >"$work/expected"

# Those that work have read all they were sent.
first_and_second_have_read()
{
	say first "PING $1" && say second "PING $1" &&
		wait_until file_has "$work/first.out" "^\+OK $1\$" &&
		wait_until file_has "$work/second.out" "^\+OK $1\$"
}

# publish_batch FROM TO
publish_batch()
{
	seq -f "PUB load.x %g $padding" "$1" "$2" | command_lines >"$work/finals"
	first_and_second_have_read "$1"
}

stopped_is_chosen_again()
{
	publish_batch "$1" "$1"
	has_texts $((nstopped + 1)) "$work/stopped.out"
}

# stopped_member NAME ADDRESS...
stopped_member()
{
	local where=$1 batch=0 name

	shift
	for name in stopped first second; do
		subscribe "$name" openbsd "load.> GROUP w" "$@"
	done
	kill -STOP "$(client_pid stopped)"
	while [ "$batch" -lt 10 ]; do
		publish_batch $((batch * 300 + 1)) $((batch * 300 + 300))
		batch=$((batch + 1))
	done
	kill -CONT "$(client_pid stopped)"
	wait_until has_texts 3000 "$outs"
	nstopped=$(texts "$work/stopped.out" | wc -l)
	echo "# $where: of 3000, $nstopped for the stopped one"
	check "$where: a member that does not read gets no more than its window" \
	    test "$nstopped" -lt 400
	# shellcheck disable=SC2086
	texts $outs | cut -d ' ' -f 1 | sort -n >"$work/out"
	same "$where: each line goes to exactly one of them all the same" \
	    "$work/expected" "$work/out"
	check "$where: when it reads again, it is chosen again" \
	    wait_until stopped_is_chosen_again 4000
	for name in stopped first second; do
		leave "$name"
	done
}

stopped_member TCP 127.0.0.1 "$main_port"
stopped_member Unix "$work/sock"

# ---- One job at a time -----------------------------------------------------------------

# Nobody gets more than it has asked for.
for name in one two three; do
	subscribe "$name" openbsd "jobs.> GROUP w COUNT 1" 127.0.0.1 "$main_port"
done
is "three members that want one job each take three of five" "+OK 1
+OK 1
+OK 1
+OK 0
+OK 0" "$(seq -f 'PUB jobs.new %g' 1 5 | command_lines)"
for name in one two three; do
	wait_until file_has "$work/$name.out" '^! DONE'
	is "$name: its job, and the word that this was all" "+OK
MSG jobs.new N
! DONE jobs.> count" "$(sed 's/ [0-9]$/ N/' "$work/$name.out")"
	leave "$name"
done
is "no two of them have the same" "1
2
3" "$(texts "$work/one.out" "$work/two.out" "$work/three.out" | sort)"

# What people write: a pipe that asks for the next job when it has done one.
# loop NAME KIND SCRIPT: a netcat whose output is the input of sed, whose output it is told
loop()
{
	rm -f "$work/$1.in"
	mkfifo "$work/$1.in"
	: >"$work/$1.out"
	(
		netcat_prefix=""
		exec 9<>"$work/$1.in"
		echo "SUB jobs.> GROUP w $4" >&9
		(
			exec <"$work/$1.in" 9<&-
			# shellcheck disable=SC2016
			sh -c 'echo $PPID' >"$work/$1.pid"
			netcat "$2" "$work/sock"
		) | tee "$work/$1.out" 9<&- | sed -un "$3" >&9
	) &
	children="$children $!"
	eval "loop_$1=$!"
	wait_until file_has "$work/$1.out" '^\+OK'
}

# Its netcat ends, and so does all of the pipe.
end_loop()
{
	kill "$(cat "$work/$1.pid")"
	eval "wait_for_end \$loop_$1" 2>/dev/null
}

nobody_reads()
{
	[ "$(counter subscriptions)" = 0 ]
}

i=0
for kind in socat ncat socat; do
	i=$((i + 1))
	loop "puller$i" "$kind" 's/^! DONE.*/SUB jobs.> GROUP w COUNT 1/p' "COUNT 1"
done
connect producer openbsd 127.0.0.1 "$main_port"
nasked=0
was_taken()
{
	say producer "PUB jobs.new $1"
	nasked=$((nasked + 1))
	wait_until has_lines "$work/producer.out" "$nasked"
	[ "$(tail -n 1 "$work/producer.out")" = "+OK 1" ]
}
for job in $(seq 1 40); do
	wait_until was_taken "$job"
done
outs="$work/puller1.out $work/puller2.out $work/puller3.out"
wait_until has_texts 40 "$outs"
seq 1 40 >"$work/expected"
# shellcheck disable=SC2086
texts $outs | sort -n >"$work/out"
same "workers that take one job at a time do each of them once" "$work/expected" "$work/out"
for i in 1 2 3; do
	end_loop "puller$i"
done
wait_until nobody_reads
for i in 1 2 3; do
	is "worker $i never had two jobs at a time" "" \
	    "$(awk '/^MSG/ { if (busy) print; busy = 1 } /^\+OK/ { busy = 0 }' "$work/puller$i.out")"
done
leave producer

# ---- Coming and going --------------------------------------------------------------------

# A line may be on its way to another handler when the member leaves that it was meant for.
# One member stays: so none is lost.
subscribe steady socat "jobs.> GROUP w" 127.0.0.1 "$main_port"
i=0
for kind in socat ncat socat ncat socat; do
	i=$((i + 1))
	loop "restless$i" "$kind" 's/^MSG.*/UNSUB jobs.>\nSUB jobs.> GROUP w/p' ""
done
outs="$work/steady.out $work/restless1.out $work/restless2.out $work/restless3.out
$work/restless4.out $work/restless5.out"
seq -f 'PUB jobs.new %g' 1 2000 >"$work/in1"
seq -f 'PUB jobs.new %g' 2001 4000 >"$work/in2"
command_lines <"$work/in1" >"$work/finals1" &
pid1=$!
command_lines <"$work/in2" >"$work/finals2" &
pid2=$!
children="$children $pid1 $pid2"
wait_for_end "$pid1"
wait_for_end "$pid2"
is "members that leave after each line and come back: each line finds one" "4000 +OK 1" \
    "$(sort "$work/finals1" "$work/finals2" | uniq -c | sed 's/^ *//')"
wait_until has_texts 4000 "$outs"
# shellcheck disable=SC2086
texts $outs | sort -n >"$work/out"
seq 1 4000 >"$work/expected"
same "and exactly one" "$work/expected" "$work/out"
is "nothing was dropped" 0 "$(ndropped)"
for i in 1 2 3 4 5; do
	end_loop "restless$i"
done
leave steady
check "what was matched was delivered, is queued, or was dropped" accounts_balance
stop_daemon

# ---- Killed at the moment it is chosen -----------------------------------------------------

# members N: so many netcats that have said all they have to say, in $members, by number.
# They write into one file, in whole lines.
members()
{
	local i=0

	: >"$work/members.out"
	echo "SUB jobs.> GROUP w" >"$work/sub"
	members=""
	while [ "$i" -lt "$1" ]; do
		i=$((i + 1))
		nc.openbsd -N -U "$work/sock" <"$work/sub" >>"$work/members.out" 2>/dev/null &
		members="$members $!"
	done
	children="$children$members"
	wait_until has_lines "$work/members.out" "$1"
}

nsubscriptions_is()
{
	[ "$(counter subscriptions)" = "$1" ]
}

# killed N K: of N members, K are killed while the daemon sleeps; when it wakes, it finds
# out about them and about 500 lines, all at once.
killed()
{
	local name="$handlers handlers, $2 of $1 killed" pid n=0 before matched

	members "$1"
	wait_until nsubscriptions_is "$1"
	before=$(ndropped)
	matched=$(counter lines.matched)
	connect publisher socat "$work/sock"
	say publisher PING
	wait_until has_lines "$work/publisher.out" 1
	kill -STOP "$daemon"
	wait_until not is_awake "$daemon"
	for pid in $members; do
		n=$((n + 1))
		[ "$n" -le "$2" ] || break
		kill -KILL "$pid"
		wait "$pid" 2>/dev/null
	done
	seq -f 'PUB jobs.new %g' 1 500 >"$work/publisher.in"
	kill -CONT "$daemon"
	wait_until has_lines "$work/publisher.out" 501
	sed 1d "$work/publisher.out" >"$work/finals"
	leave publisher
	wait_until nsubscriptions_is $(($1 - $2))
	wait_until is_at_rest
	n=$(sum_of_finals "$work/finals")
	is "$name: what the finals say was matched" "$n" $(($(counter lines.matched) - matched))
	wait_until has_texts $((n - $(ndropped) + before)) "$work/members.out"
	texts "$work/members.out" | sort -n >"$work/out"
	is "$name: no line goes to two" "" "$(uniq -d "$work/out")"
	is "$name: each went to a live one, or is counted as dropped" "$n" \
	    $(($(wc -l <"$work/out") + $(ndropped) - before))
	if [ "$1" -gt "$2" ]; then
		is "$name: each found a member" "500 +OK 1" \
		    "$(sort "$work/finals" | uniq -c | sed 's/^ *//')"
	fi
	for pid in $members; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait_until nsubscriptions_is 0
}

is_awake()
{
	[ "$(state_of "$1")" != T ]
}

for handlers in 1 2; do
	start_group_daemon "$handlers"
	killed 1 1
	killed 2 1
	killed 2 2
	killed 20 10
	[ "$handlers" = 1 ] || killed 1000 500
	check "$handlers handlers: the accounts balance" accounts_balance
	stop_daemon "$handlers handlers: the daemon ends with 0 when it is told to"
done

done_testing
