#!/bin/sh
# SPDX-License-Identifier: MIT
# Load that is unkind. (Connections that come and go, and whether each reply carries the
# token of its own connection: e2e_storm.sh. Ways of cutting a script: e2e_split.sh.)
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
case $SANITIZER in
no | '') nlines=20000 nreaders=100 ;;
*) nlines=6000 nreaders=30 ;;
esac

start_daemon <<END
handlers = 2
listen main  { address = "127.0.0.1:0" }
listen echo  { address = "127.0.0.1:0"  mode = "echo" }
listen short { address = "127.0.0.1:0"  queue = "64K"  slow_time = "0" }
listen wide  { address = "127.0.0.1:0"  queue = "64M" }
history feed { match = "feed"  lines = 10 }
END
main_port=$(port main)

# grew_less_than NAME BEFORE KB
grew_less_than()
{
	local after

	after=$(memory Rss)
	echo "# resident: from $2 kB to $after kB"
	if [ "$SANITIZER" = no ]; then
		check "$1" test $((after - $2)) -lt "$3"
	else
		skip "$1" "memory of a build with sanitizers"
	fi
}

# ---- Ten thousand lines in one segment ---------------------------------------------------

seq -f 'PING %.0f' 1 10000 >"$work/in"
sed 's/^PING/+OK/' "$work/in" >"$work/expected"
"$peer" talk 127.0.0.1 "$main_port" <"$work/in" >"$work/out"
same "10000 lines in one go are all answered, in order" "$work/expected" "$work/out"

# ---- Two that publish to each other --------------------------------------------------------

before=$(memory Rss)
for name in ping pong; do
	connect "$name" openbsd 127.0.0.1 "$main_port"
	say "$name" "SUB to.$name COUNT $nlines"
	wait_until file_has "$work/$name.out" '^\+OK$'
done
text=$(head -c 200 /dev/zero | tr '\0' x)
{ seq -f "PUB to.pong %.0f $text" 1 "$nlines"; echo QUIT; } >"$work/ping.lines"
{ seq -f "PUB to.ping %.0f $text" 1 "$nlines"; echo QUIT; } >"$work/pong.lines"
for name in ping pong; do
	cat "$work/$name.lines" >"$work/$name.in" &
	children="$children $!"
done
for name in ping pong; do
	check "two that publish to each other: $name comes to its end" \
	    wait_until file_has "$work/$name.out" '^\+OK bye'
	is "$name: it has every final" "$nlines" "$(grep -c '^+OK [0-9]' "$work/$name.out")"
	is "$name: it has every line, or was told of the gap" "$nlines" \
	    "$(whole "$work/$name.out" "to.$name")"
	hang_up "$name"
	wait_until gone "$name"
done
grew_less_than "memory grows by no more than queues and inboxes" "$before" 8192

# ---- Readers that stop ---------------------------------------------------------------------

# What the kernel takes for one that sleeps is 4 MiB at most, for so small a window. What
# comes to the others need not be stored.
text=$(head -c 4000 /dev/zero | tr '\0' x)
nlines=1500
printf 'SUB feed COUNT %s\nQUIT\n' "$nlines" >"$work/reader.in"

# reader PORT: it follows feed, for $nlines lines of it, and reads
reader()
{
	exec "$peer" talk 127.0.0.1 "$1" <"$work/reader.in"
}

# start_reader NAME PORT: the same, to be stopped; $reader is its process
start_reader()
{
	"$peer" talk --rcvbuf 4096 127.0.0.1 "$2" <"$work/reader.in" >"$work/$1.out" 2>&1 &
	reader=$!
	children="$children $reader"
}

# feed: $nlines lines, numbered from the next one on
nfed=0
feed()
{
	seq -f "PUB feed %.0f $text" $((nfed + 1)) $((nfed + nlines)) >"$work/in"
	nfed=$((nfed + nlines))
	talk openbsd 127.0.0.1 "$main_port" <"$work/in" >"$work/finals"
}

readers=""
n=1
while [ "$n" -lt "$nreaders" ]; do
	reader "$(port wide)" 2>&1 | cksum >"$work/reader$n.sum" &
	readers="$readers $!"
	children="$children $!"
	n=$((n + 1))
done
start_reader slow "$(port short)"
slow=$reader
wait_until counter_is subscriptions "$nreaders"
kill -STOP "$slow"
feed
is "one of $nreaders readers sleeps: the publisher has its finals" "$nlines" \
    "$(grep -c "^+OK $nreaders seq=" "$work/finals")"
{ echo +OK; seq -f "MSG feed %.0f $text" 1 "$nlines"; echo "! DONE feed count"; echo "+OK bye"; } |
    cksum >"$work/expected"
nwhole=0
for pid in $readers; do
	wait_for_end "$pid"
done
for file in "$work"/reader*.sum; do
	cmp -s "$work/expected" "$file" && nwhole=$((nwhole + 1))
done
is "the others have every line" $((nreaders - 1)) "$nwhole"
ndropped=$(counter lines.dropped.slow)
kill -CONT "$slow"
wait_for_end "$slow"
like "it is told of the gap" '^! DROPPED [0-9]+ pat=feed seq=[0-9]+-[0-9]+$' "$work/slow.out"
is "what it got and what was dropped, each in its place, are all that was published" "$nlines" \
    "$(whole "$work/slow.out" feed)"
is "and that is how many the daemon counts as dropped" "$ndropped" \
    "$(awk '/^! DROPPED/ { n += $3 } END { print n }' "$work/slow.out")"

# One that sleeps again and again, and one that takes a kilobyte at a time; beside them, one
# that reads.
all=$nlines
nlines=300
first=$((nfed + 1))
printf 'SUB feed COUNT %s\nQUIT\n' $((6 * nlines)) >"$work/reader.in"
start_reader sleepy "$(port short)"
sleepy=$reader
mkfifo "$work/sips"
nc.openbsd -N -I 4096 127.0.0.1 "$(port short)" <"$work/reader.in" >"$work/sips" 2>&1 &
sipping=$!
children="$children $sipping"
exec 7<"$work/sips"
subscribe awake openbsd feed 127.0.0.1 "$(port wide)"
wait_until counter_is subscriptions 3
for round in 1 2 3 4 5 6; do
	kill -STOP "$sleepy"
	feed
	kill -CONT "$sleepy"
	dd bs=1024 count=1 <&7 >>"$work/sipping.out" 2>"$work/dd"
	wait_until has_lines "$work/awake.out" $((round * nlines + 1))
done
cat <&7 >>"$work/sipping.out"
exec 7<&-
for pid in $sleepy $sipping; do
	wait_for_end "$pid"
done
leave awake
is "one that reads has every line" "$nfed 0" \
    "$(whole "$work/awake.out" feed "$first") $(grep -c '^! DROPPED' "$work/awake.out")"
is "one that sleeps again and again has all, and gaps where it was told" "$nfed" \
    "$(whole "$work/sleepy.out" feed "$first")"
is "so has one that takes a kilobyte at a time" "$nfed" \
    "$(whole "$work/sipping.out" feed "$first")"
check "which was too slow for some" file_has "$work/sipping.out" '^! DROPPED '
wait_until counter_is lines.queued 0
nlines=$all
printf 'SUB feed COUNT %s\nQUIT\n' "$nlines" >"$work/reader.in"

# All of them.
before=$(memory Rss)
readers=""
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	start_reader "all$n" "$(port short)"
	readers="$readers $reader"
done
wait_until counter_is subscriptions 20
# shellcheck disable=SC2086
kill -STOP $readers
first=$((nfed + 1))
feed
is "all readers sleep: the publisher has its finals" "$nlines" \
    "$(grep -c '^+OK 20 seq=' "$work/finals")"
# 20 queues of 64K, twice: a queue's memory grows by doubling.
grew_less_than "memory grows by no more than their queues" "$before" 4096
# shellcheck disable=SC2086
kill -CONT $readers
nwhole=0
for pid in $readers; do
	wait_for_end "$pid"
done
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ "$(whole "$work/all$n.out" feed "$first")" = "$nfed" ] &&
	    file_has "$work/all$n.out" '^! DROPPED ' && nwhole=$((nwhole + 1))
done
is "each has all that was published, and gaps where it was told" 20 "$nwhole"
wait_until counter_is lines.queued 0
is "each line that matched was delivered or dropped" "$(counter lines.matched)" \
    "$(printf 'STATS lines.\nQUIT\n' | talk openbsd 127.0.0.1 "$main_port" |
	awk '$2 ~ /^lines\.(delivered|queued|dropped\.)/ { n += $3 } END { print n }')"

# ---- One that sends and never reads ----------------------------------------------------------

for what in command echo; do
	case $what in
	command) head="ECHO " answer="+OK " listener=main ;;
	echo) head="line " answer="line " listener=echo ;;
	esac
	before=$(memory Rss)
	rm -f "$work/flood.in" "$work/flood.out"
	mkfifo "$work/flood.in"
	"$peer" flood --rcvbuf 65536 --lines 300000 --head "$head" --answer "$answer" \
	    127.0.0.1 "$(port "$listener")" <"$work/flood.in" >"$work/flood.out" 2>&1 &
	flood=$!
	children="$children $flood"
	exec 9>"$work/flood.in"
	wait_until has_lines "$work/flood.out" 1
	went=$(sed -n 's/ bytes of .*//p' "$work/flood.out")
	total=$(sed -n 's/.* bytes of \([0-9]*\) went/\1/p' "$work/flood.out")
	echo "# $went of $total bytes went"
	check "$what: one that sends and never reads is read from no more" test "$went" -lt "$total"
	grew_less_than "$what: memory grows by no more than about its queue" "$before" 2048
	is "$what: others are answered" "+OK 1
+OK 2
+OK 3
+OK 4" "$(seq -f 'PING %g' 1 4 | talk openbsd 127.0.0.1 "$main_port")"
	exec 9>&-
	wait_for_end "$flood"
	is "$what: when it reads at last, it has every answer in order" \
	    "all answers came, in order" "$(tail -n 1 "$work/flood.out")"
done

# ---- One that never stops ----------------------------------------------------------------------

yes "PUB fire text" | nc.openbsd 127.0.0.1 "$main_port" >/dev/null 2>&1 &
fire=$!
children="$children $fire"
published_more_than()
{
	[ "$(counter lines.published)" -gt "$1" ]
}
npublished=$(counter lines.published)
wait_until published_more_than $((npublished + 10000))
for round in 1 2 3; do
	npublished=$(counter lines.published)
	"$peer" hold --connections 100 127.0.0.1 "$main_port" </dev/null >"$work/out" 2>&1
	is "round $round: one never stops talking, and 100 others are answered" "held 100" \
	    "$(cat "$work/out")"
	seq -f 'PING %.0f' 1 1000 | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
	seq -f '+OK %.0f' 1 1000 >"$work/expected"
	same "round $round: and one who asks much, in order" "$work/expected" "$work/out"
	check "round $round: it did go on" wait_until published_more_than "$npublished"
done
kill "$fire"
wait_for_end "$fire"

stop_daemon

# ---- Very many subscriptions ---------------------------------------------------------------

start_daemon <<END
handlers = 1
listen main { address = "127.0.0.1:0" }
END
main_port=$(port main)
for n in 1 2 3 4; do
	connect "many$n" openbsd 127.0.0.1 "$main_port"
	seq -f 'SUB many.%.0f.x' $((n * 10000 - 9999)) $((n * 10000)) >"$work/many$n.in" &
	children="$children $!"
done
for n in 1 2 3 4; do
	wait_until has_lines "$work/many$n.out" 10000
done
is "four clients have 10000 subscriptions each" 40000 "$(counter subscriptions)"
# Some that nobody follows, some lines that are no publications, and some that are none at all.
seq 7 97 40000 | awk '{
	print "PUB many." $1 ".x " $1
	if (NR % 10 == 0) print "PUB many." $1 ".y " $1
	if (NR % 11 == 0) print "PUB many..x " $1
	if (NR % 12 == 0) print "pub  "
	if (NR % 13 == 0) print "PING " $1
}' >"$work/in"
awk '
	$1 == "PING" { print "+OK " $2; next }
	$1 == "pub" { print "-ERR SYNTAX"; next }
	$2 ~ /\.\./ { print "-ERR SUBJECT"; next }
	{ print "+OK " ($2 ~ /x$/ ? 1 : 0) }' "$work/in" >"$work/expected"
talk openbsd 127.0.0.1 "$main_port" <"$work/in" |
    sed -e 's/^\(-ERR SUBJECT\) .*/\1/' -e 's/^\(-ERR SYNTAX\) .*/\1/' >"$work/out"
same "who publishes to many of them has the right finals" "$work/expected" "$work/out"
for n in 1 2 3 4; do
	seq 7 97 40000 | awk -v n="$n" '
		$1 > (n - 1) * 10000 && $1 <= n * 10000 { print "MSG many." $1 ".x " $1 }' \
	    >"$work/expected"
	wait_until has_lines "$work/many$n.out" $((10000 + $(wc -l <"$work/expected")))
	grep -v '^+OK$' "$work/many$n.out" >"$work/out"
	same "client $n has its lines, and no others" "$work/expected" "$work/out"
	leave "many$n"
done
stop_daemon
done_testing
