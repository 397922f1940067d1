#!/bin/sh
# SPDX-License-Identifier: MIT
# What the daemon tells of itself: WHO, STATS, TRACE, HELP; and that its counters add up.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
start_daemon <<END
handlers = 2
history logs { match = "log.>" }
rule errors  { match = "log.>"  regex = "ERROR|FATAL"  to = { "subject:alert", "file:$work/errors" } }
rule copy    { match = "log.web"  to = "subject:copy" }
rule never   { match = "other.*"  to = "subject:alert" }
listen main  { address = "127.0.0.1:0" }
listen small { address = "127.0.0.1:0"  queue = "16K" }
listen local { address = "$work/sock" }
END
main_port=$(port main)

# ask LINE...: the answers. Subscriptions outlive the end of the input, hence QUIT.
ask()
{
	printf '%s\n' "$@" '#z QUIT' | talk openbsd 127.0.0.1 "$main_port" | grep -v '^#z +OK bye$'
}

# ---- WHO -----------------------------------------------------------------------------

# client NAME ADDRESS-AND-LINES: named, of whichever handler's turn it is
client()
{
	local name=$1

	shift
	connect "$name" openbsd 127.0.0.1 "$main_port"
	say "$name" "NAME $name" "$@"
	wait_until has_lines "$work/$name.out" $(($# + 1))
}

# names LINE: whom the rows name, and the final
names()
{
	ask "$1" | sed -E 's/^\* .*name=(@?[^ ]*) .*/\1/' | grep -v '^-$' | sort | tr '\n' ' '
}

client web 'SUB log.web'
client all 'SUB log.>' 'SUB log.*' 'SUB log.db'
client worker1 'SUB jobs.* GROUP g'
client worker2 'SUB jobs.* GROUP g' 'SUB jobs.a'
client idle
connect unix openbsd "$work/sock"
say unix 'NAME unix' 'SUB >'
wait_until has_lines "$work/unix.out" 2

row='^\* id=[0-9]+ name=(-|@[a-z0-9]+) peer=(127\.0\.0\.1:[0-9]+|[^ ]*(unix|sock)[^ ]*) listener=(main|local|small) subs=[0-9]+ queued=[0-9]+ dropped=[0-9]+ seconds=[0-9]+$'
ask WHO >"$work/out"
is "WHO has a row for each, oneself included, and the number of rows" "7 +OK 7" \
    "$(grep -Ec "$row" "$work/out") $(tail -n 1 "$work/out")"
is "and nothing else" "" "$(grep -Ev "$row" "$work/out" | sed '$d')"
is "each row has an id of its own" 7 \
    "$(sed -n 's/^\* id=\([0-9]*\) .*/\1/p' "$work/out" | sort -u | wc -l)"
like "a row has its subscriptions" ' name=@all .* listener=main subs=3 queued=0 dropped=0 ' "$work/out"
like "a client without a name" ' name=- .* subs=0 ' "$work/out"
like "a client of a Unix socket" ' name=@unix .* listener=local subs=1 ' "$work/out"
is "WHO with a subject: who gets it, each once" "+OK 3 @all @unix @web " "$(names 'WHO log.web')"
is "WHO of what one of them follows" "+OK 2 @all @unix " "$(names 'WHO log.x.y')"
is "WHO with *: whoever follows one of them" "+OK 3 @all @unix @web " "$(names 'WHO log.*')"
is "WHO with >" "+OK 5 @all @unix @web @worker1 @worker2 " "$(names 'WHO >')"
is "WHO knows the members of groups" "+OK 3 @unix @worker1 @worker2 " "$(names 'WHO jobs.*')"
is "WHO of the daemon's own subjects: > is not for them" "+OK 0 " "$(names 'WHO _amyd.>')"
is "WHO with a tag: the final has it" "#t +OK 3" "$(ask '#t WHO log.web' | tail -n 1)"
leave web
is "WHO has no row for one that has left" "+OK 2 @all @unix " "$(names 'WHO log.web')"

# ---- TRACE ---------------------------------------------------------------------------

# trace SUBJECT: without what differs from run to run, the readers sorted
trace()
{
	ask "TRACE $1" | sed -E "s/id=[0-9]+ /id=N /; s/peer=[^ ]+/peer=P/; s|$work|DIR|" | sort
}

client web 'SUB log.web'
is "TRACE: history, rules in their order, and each subscription" "* history logs
* reader id=N name=@all peer=P listener=main pat=log.*
* reader id=N name=@all peer=P listener=main pat=log.>
* reader id=N name=@unix peer=P listener=local pat=>
* reader id=N name=@web peer=P listener=main pat=log.web
* rule copy to=subject:copy
* rule errors to=file:DIR/errors regex=ERROR|FATAL
* rule errors to=subject:alert regex=ERROR|FATAL
+OK 8" "$(trace log.web)"
is "rules stand as they are tried" "errors errors copy " \
    "$(ask 'TRACE log.web' | sed -n 's/^\* rule \([a-z]*\) .*/\1/p' | tr '\n' ' ')"
is "TRACE: a group, and one who follows for itself as well" "* reader id=N name=@unix peer=P listener=local pat=>
* reader id=N name=@worker1 peer=P listener=main pat=jobs.* group=g
* reader id=N name=@worker2 peer=P listener=main pat=jobs.* group=g
* reader id=N name=@worker2 peer=P listener=main pat=jobs.a
+OK 4" "$(trace jobs.a)"
ask 'KEEP state.x 1' >/dev/null
is "TRACE: a last value" "* kept
* reader id=N name=@unix peer=P listener=local pat=>
+OK 2" "$(trace state.x)"
ask 'FORGET state.x' >/dev/null
is "TRACE: not when it is forgotten" "* reader id=N name=@unix peer=P listener=local pat=>
+OK 1" "$(trace state.x)"
is "TRACE of what goes nowhere" "+OK 0" "$(trace _amyd.x)"
like "TRACE with a tag" '^#t \+OK 8$' "$(ask '#t TRACE log.web' >"$work/out"; echo "$work/out")"
for name in web all worker1 worker2 idle unix; do leave "$name"; done

# ---- HELP ----------------------------------------------------------------------------

ask HELP | sed -n 's/^\* //p' >"$work/rows"
cut -d ' ' -f 1 "$work/rows" | sed 's/^/HELP /' | talk openbsd 127.0.0.1 "$main_port" |
    sed 's/^+OK //' >"$work/out"
same "HELP of each verb says what its row says" "$work/rows" "$work/out"
check "there are 18 of them" has_lines "$work/rows" 18

# ---- STATS ---------------------------------------------------------------------------

ask STATS >"$work/out"
is "STATS: a name and a number in each row, and how many" "+OK $(($(wc -l <"$work/out") - 1))" \
    "$(grep -Ev '^\* [A-Za-z0-9_./:-]+ [0-9]+$' "$work/out")"
is "no name twice" "" "$(sed 's/ [0-9]*$//' "$work/out" | sort | uniq -d)"
for name in server.seconds server.handlers clients.accepted clients.connected clients.named \
    clients.leased events.leased events.polled \
    clients.ended.idle clients.ended.line_time clients.refused.max_clients clients.refused.per_ip \
    clients.refused.descriptors clients.refused.memory accept.pauses lines.over_rate \
    subscriptions lines.read lines.published lines.matched lines.delivered lines.queued \
    lines.dropped.slow lines.replayed requests.asked history.seq history.logs.lines kept.lines \
    "rule.errors.file:$work/errors.put"; do
	check "STATS has $name" grep -qF "* $name " "$work/out"
done
is "STATS with a prefix has those rows" "$(grep -c '^\* lines\.' "$work/out") +OK" \
    "$(ask 'STATS lines.' >"$work/lines"; grep -c '^\* lines\.' "$work/lines"
    )$(tail -n 1 "$work/lines" | sed 's/^+OK.*/ +OK/')"
is "and no others" "" "$(grep -v '^\* lines\.' "$work/lines" | sed '$d')"
is "STATS with a prefix that none has" "+OK 0" "$(ask 'STATS plub')"
is "STATS: the handlers" 2 "$(counter server.handlers)"
before=$(counter lines.read)
is "STATS: lines that were read" 102 \
    "$(yes PING | head -n 100 | talk openbsd 127.0.0.1 "$main_port" >/dev/null
    echo $(($(counter lines.read) - before)))"

# ---- The counters add up -------------------------------------------------------------

# sums: what is matched, what became of it
sums()
{
	ask 'STATS lines.' | awk '
		$2 == "lines.matched" { matched = $3 }
		$2 == "lines.delivered" || $2 == "lines.queued" || $2 ~ /^lines\.dropped\./ { sum += $3 }
		END { print matched, sum }'
}

add_up()
{
	[ "$(sums)" = "$1 $1" ]
}

matched0=$(counter lines.matched)
requests0=$(counter requests.asked)
client reader1 'SUB sum.>' 'SUB sum.1'
client reader2 'SUB sum.*'
client deaf 'SET echo off' 'SUB sum.1'
client worker1 'SUB sum.2 GROUP g'
client worker2 'SUB sum.2 GROUP g COUNT 100'
client counting 'SUB sum.3 COUNT 77'
client responder 'SUB ask'
connect stopped openbsd 127.0.0.1 "$(port small)"
say stopped 'SUB sum.*'
wait_until has_lines "$work/stopped.out" 1
connect cut openbsd 127.0.0.1 "$(port small)"
say cut 'SET slow cut' 'SUB sum.*'
wait_until has_lines "$work/cut.out" 2
kill -STOP "$(client_pid stopped)" "$(client_pid cut)"
line=$(head -c 1000 /dev/zero | tr '\0' x)
for i in 1 2 3 4; do
	{ seq -f "PUB sum.$i %.0f $line" 1 3000; seq -f "KEEP sum.$i %.0f" 1 50; echo 'PUB @reader1 hi'
		echo "FORGET sum.$i"; } >"$work/in$i"
	connect "writer$i" openbsd 127.0.0.1 "$main_port"
done
for i in 1 2 3 4; do
	cat "$work/in$i" >"$work/writer$i.in" &
	children="$children $!"
done
# Meanwhile some come and go, with and without a word.
: >"$work/more"
for i in $(seq 1 10); do
	printf 'SUB sum.>\nSUB sum.2 GROUP g\nPUB sum.1 mine\nUNSUB sum.>\n#z QUIT\n' |
	    talk openbsd 127.0.0.1 "$main_port" | grep '^+OK [0-9]*$' >"$work/out"
	# The last is that of UNSUB.
	sed '$d' "$work/out" >>"$work/more"
	subscribe visitor openbsd 'sum.>' 127.0.0.1 "$main_port"
	kill -KILL "$(client_pid visitor)"
	hang_up visitor
done
printf 'SET timeout 20ms\nREQ ask 1\nREQ ask 2\nREQ nobody 3\n' |
    talk openbsd 127.0.0.1 "$main_port" >"$work/out"
for i in 1 2 3 4; do
	wait_until has_lines "$work/writer$i.out" 3052
	leave "writer$i"
done
leave responder
# Of one that was killed with nothing to read the daemon learns by the next line only.
ask 'PUB sum.9 x' >>"$work/more"
kill -CONT "$(client_pid stopped)" "$(client_pid cut)"
leave reader2
npublished=$(cat "$work"/writer?.out "$work/more" | awk '$1 == "+OK" { n += $2 } END { print n }')
nasked=$(($(counter requests.asked) - requests0 - 1)) # nobody was to be asked once
expected=$((matched0 + npublished + nasked))
check "matched = delivered + queued + dropped = the sum of all +OK n, and requests" \
    wait_until add_up "$expected"
echo "# expected $expected; matched, and the sum: $(sums)"
ask 'STATS lines.' | sed 's/^/# /'
is "2 requests were put to somebody" 2 "$nasked"
for name in reader1 deaf worker1 worker2 counting stopped; do
	say "$name" 'UNSUB *' # QUIT alone would wait for what a COUNT still wants
	leave "$name"
done
kill -KILL "$(client_pid cut)"
hang_up cut
is_at_rest()
{
	[ "$(counter lines.queued) $(counter subscriptions)" = "0 0" ]
}
check "when all have left, nothing is queued" wait_until is_at_rest
check "and it adds up still" add_up "$expected"

# ---- WHO with many clients -----------------------------------------------------------

nmany=2000
# shellcheck disable=SC3045
if [ "$(ulimit -n)" != unlimited ] && [ "$(ulimit -n)" -lt $((nmany + 200)) ]; then
	skip "WHO with $nmany clients" "only $(ulimit -n) descriptors"
else
	mkfifo "$work/hold.in"
	"$peer" hold --connections "$nmany" 127.0.0.1 "$main_port" <"$work/hold.in" >"$work/hold.out" &
	hold=$!
	children="$children $hold"
	exec 9>"$work/hold.in"
	wait_until has_lines "$work/hold.out" 1
	"$peer" storm --connections 1000 --how subscribed 127.0.0.1 "$main_port" >"$work/storm.out" 2>&1 &
	storm=$!
	children="$children $storm"
	ngood=0
	for i in 1 2 3 4 5; do
		printf 'WHO\nPING end\nQUIT\n' | talk openbsd 127.0.0.1 "$main_port" >"$work/out" &
		who=$!
		[ "$(ask 'PING meanwhile')" = "+OK meanwhile" ] && ngood=$((ngood + 1))
		wait "$who"
		nrows=$(grep -Ec "$row" "$work/out")
		if [ "$nrows" -gt "$nmany" ] &&
		    [ "$(sed -n 's/^\* id=\([0-9]*\) .*/\1/p' "$work/out" | sort -u | wc -l)" = "$nrows" ] &&
		    [ "$(grep -Ev "$row" "$work/out")" = "+OK $nrows
+OK end
+OK bye" ]; then
			ngood=$((ngood + 1))
		else
			grep -Ev "$row" "$work/out" | head -n 5 | sed 's/^/# /'
		fi
	done
	is "5 times WHO with $nmany clients, and others that come and go: whole rows, each once; others are answered" \
	    10 "$ngood"
	wait_for_end "$storm"
	exec 9>&-
	wait_for_end "$hold"
	all_have_left()
	{
		[ "$(counter clients.connected)" = 1 ]
	}
	check "all of them are forgotten when they have left" wait_until all_have_left
fi

stop_daemon
done_testing
