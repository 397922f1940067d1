#!/bin/sh
# SPDX-License-Identifier: MIT
# A reader that stops reading harms nobody but itself: its oldest lines go, and it is told
# where; or, where that is asked for, it is cut off.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd ncat
start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
listen cut  { address = "127.0.0.1:0"  slow = "cut" }
listen time { address = "127.0.0.1:0"  slow_time = "200ms" }
history feed { match = "feed.stored"  lines = 10 }
END
main_port=$(port main)
padding=$(head -c 8000 /dev/zero | tr '\0' x)

# ask LINE: rows of a table
ask()
{
	printf '%s\nQUIT\n' "$1" | talk openbsd 127.0.0.1 "$main_port"
}

# publish SUBJECT FIRST N: half a queue at most, and good1 and good2 have it
publish()
{
	seq -f "PUB $1 %.0f $padding" "$2" $(($2 + $3 - 1)) >"$work/in"
	talk openbsd 127.0.0.1 "$main_port" <"$work/in" >>"$work/finals"
	wait_until has_lines "$work/good1.out" $((1 + $2 + $3 - 1)) &&
	    wait_until has_lines "$work/good2.out" $((1 + $2 + $3 - 1))
}

# publish_until SUBJECT COMMAND...: what the kernel holds for one that sleeps is a few MiB.
# $nlines were needed.
publish_until()
{
	local subject=$1

	shift
	nlines=0
	: >"$work/finals"
	until "$@" || [ "$nlines" -ge 20000 ]; do
		publish "$subject" $((nlines + 1)) 60 || return
		nlines=$((nlines + 60))
	done
	echo "# $nlines lines of about 8 kB"
}

start_good()
{
	subscribe good1 openbsd "$1" 127.0.0.1 "$main_port"
	subscribe good2 ncat "$1" 127.0.0.1 "$main_port"
}

# end_good SUBJECT: they have every line
end_good()
{
	{ echo +OK; seq -f "MSG $1 %.0f $padding" 1 "$nlines"; } >"$work/expected"
	same "$1: one that reads has every line" "$work/expected" "$work/good1.out"
	same "$1: so has another" "$work/expected" "$work/good2.out"
	is "$1: the publisher has a final for every line" "$nlines" \
	    "$(grep -c '^+OK' "$work/finals")"
	leave good1
	leave good2
}

# ---- The oldest lines go ---------------------------------------------------------------

both_dropped()
{
	[ "$(ask WHO | grep -c ' dropped=[1-9]')" -ge 2 ]
}

# are_logged N: so many clients
are_logged()
{
	[ "$(sed -nE "s/^$log_time "'amyd: client ([0-9]+) \(main, from 127\.0\.0\.1:[0-9]+\) reads too slowly: [1-9][0-9]* lines .* raise queue$/\1/p' \
	    "$work/log" | sort -u | wc -l)" -ge "$1" ]
}

nslow=0
for subject in feed.plain feed.stored; do
	start_good "$subject"
	for name in slow1 slow2; do
		subscribe "$name" openbsd "$subject" 127.0.0.1 "$main_port"
		kill -STOP "$(client_pid "$name")"
	done
	publish_until "$subject" both_dropped
	publish "$subject" $((nlines + 1)) 60
	nlines=$((nlines + 60))
	ndropped=$(ask WHO | sed -n 's/.* dropped=\([1-9][0-9]*\).*/\1/p' | sort -n | head -n 1)
	nslow=$((nslow + 2))
	check "$subject: the log says who reads too slowly, and what to do about it" \
	    wait_until are_logged "$nslow"
	check "$subject: WHO tells what was dropped" test "${ndropped:-0}" -gt 0
	is "$subject: readers that sleep are still counted as readers" "" \
	    "$(grep -v '^+OK 4\( \|$\)' "$work/finals")"
	for name in slow1 slow2; do
		kill -CONT "$(client_pid "$name")"
		wait_until file_has "$work/$name.out" "^MSG $subject $nlines "
		is "$subject: $name: lines and gaps, each where it belongs, are all that was published" \
		    "$nlines" "$(whole "$work/$name.out" "$subject")"
		like "$subject: $name: it is told of the gap" "^! DROPPED [0-9]+ pat=$subject" \
		    "$work/$name.out"
		unlike "$subject: $name: nothing else is said" '^(-|\*|#|! [^D])' "$work/$name.out"
		leave "$name"
	done
	end_good "$subject"
done
like "where lines are stored, it is told which" '^! DROPPED [0-9]+ pat=feed.stored seq=[0-9]+-[0-9]+$' \
    "$work/slow1.out"
# With the first line that it loses, and with each binary digit more; each second at most.
is "and says it of each with twice as many lines only" "" \
    "$(sed -n 's/.*client \([0-9]*\) .*reads too slowly: \([0-9]*\) lines.*/\1 \2/p' "$work/log" |
	awk '{
		for (ndigits = 0; $2 >= 1; ndigits++)
			$2 /= 2
		if (ndigits <= last[$1])
			print
		last[$1] = ndigits
	}')"
is "nobody is cut off" "" "$(grep 'is cut off' "$work/log")"

# ---- It is cut off ---------------------------------------------------------------------

ncut=0
has_cut_both()
{
	[ "$(grep -c 'is cut off' "$work/log")" -ge $((ncut + 2)) ]
}

start_good cut
subscribe slow1 openbsd cut 127.0.0.1 "$(port cut)"
connect slow2 openbsd 127.0.0.1 "$main_port"
say slow2 "SET slow cut" "SUB cut"
wait_until has_lines "$work/slow2.out" 2
kill -STOP "$(client_pid slow1)" "$(client_pid slow2)"
publish_until cut has_cut_both
kill -CONT "$(client_pid slow1)" "$(client_pid slow2)"
is "slow = cut, and SET slow cut: it is logged once for each" 2 "$(grep -c 'is cut off' "$work/log")"
like "the log says who it was, and what to do about it" \
    "^$log_time "'amyd: client [0-9]+ \(cut, from 127\.0\.0\.1:[0-9]+\) is cut off: .* raise queue' "$work/log"
is "the finals count 4 readers, at last 2, never more than before" "" \
    "$(awk 'BEGIN { last = 4 } $1 != "+OK" || $2 > last || $2 < 2 { print } { last = $2 }' "$work/finals")"
is "the first one counts 4" "+OK 4" "$(head -n 1 "$work/finals")"
for name in slow1 slow2; do
	wait_until file_has "$work/$name.out" '^! BYE'
	ngot=$(grep -c '^MSG ' "$work/$name.out")
	{ seq -f "MSG cut %.0f $padding" 1 "$ngot"; echo "! BYE SLOW"; } >"$work/expected"
	sed -e '/^+OK$/d' -e 's/^\(! BYE SLOW\) .*/\1/' "$work/$name.out" >"$work/out"
	same "$name: what it has are the first lines, whole, and then ! BYE SLOW" \
	    "$work/expected" "$work/out"
	check "$name: it is not all of them" test "$ngot" -lt "$nlines"
	hang_up "$name"
	check "$name: and the connection is closed" wait_until gone "$name"
done
publish cut $((nlines + 1)) 1
nlines=$((nlines + 1))
is "the next line counts 2 readers" "+OK 2" "$(tail -n 1 "$work/finals")"
end_good cut

# ---- It takes nothing for a time -----------------------------------------------------------

has_queued()
{
	ask WHO | grep -q 'listener=time .* queued=[1-9]'
}
start_good time
subscribe slow1 openbsd time 127.0.0.1 "$(port time)"
subscribe reads openbsd time 127.0.0.1 "$(port time)"
kill -STOP "$(client_pid slow1)"
has_timed_out()
{
	file_has "$work/log" 'taken nothing for slow_time'
}
# What was queued at one moment may be in the socket at the next one.
has_timed_out_or_taken_all()
{
	has_timed_out || ! has_queued
}
is_stuck()
{
	has_queued && wait_until has_timed_out_or_taken_all
	has_timed_out
}
publish_until time is_stuck
check "slow_time = 200ms: one that sleeps is cut off" has_timed_out
wait_until has_lines "$work/reads.out" $((nlines + 1))
kill -CONT "$(client_pid slow1)"
wait_until file_has "$work/slow1.out" '^! BYE'
like "it is told why" '^! BYE SLOW ' "$work/slow1.out"
unlike "no line is dropped before without a word, or told of" '^! DROPPED' "$work/slow1.out"
ngot=$(grep -c '^MSG ' "$work/slow1.out")
is "what it has are the first lines, in order" "$ngot" "$(whole "$work/slow1.out" time)"
hang_up slow1
check "and the connection is closed" wait_until gone slow1
is "one that reads, and for which nothing waits, stays" "$nlines" "$(whole "$work/reads.out" time)"
is "and nobody else was cut off" 3 "$(grep -c 'is cut off' "$work/log")"
leave reads
end_good time

stop_daemon
done_testing
