#!/bin/sh
# SPDX-License-Identifier: MIT
# A reader that stops reading harms nobody but itself: it is cut off past its queue. A client
# that does not read its own answers is not read from.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd ncat
start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
listen echo { address = "127.0.0.1:0"  mode = "echo" }
END
main_port=$(port main)

# Two that read, and two that will not, of each handler.
subscribe good1 openbsd feed 127.0.0.1 "$main_port"
subscribe good2 ncat feed 127.0.0.1 "$main_port"
subscribe slow1 openbsd feed 127.0.0.1 "$main_port"
subscribe slow2 openbsd feed 127.0.0.1 "$main_port"
kill -STOP "$(client_pid slow1)" "$(client_pid slow2)"

ncut()
{
	grep -c 'is cut off' "$work/log"
}

padding=$(head -c 1000 /dev/zero | tr '\0' x)

# Half a queue at a time, which the good readers get before the next: they cannot be too slow.
# What the kernel holds for those that sleep is a few MiB; it ends long before 100 MB.
: >"$work/finals"
nlines=0
while [ "$(ncut)" -lt 2 ] && [ "$nlines" -lt 100000 ]; do
	seq -f "PUB feed %.0f $padding" $((nlines + 1)) $((nlines + 500)) >"$work/in"
	talk openbsd 127.0.0.1 "$main_port" <"$work/in" >>"$work/finals"
	nlines=$((nlines + 500))
	wait_until has_lines "$work/good1.out" $((nlines + 1)) || break
	wait_until has_lines "$work/good2.out" $((nlines + 1)) || break
done
kill -CONT "$(client_pid slow1)" "$(client_pid slow2)"
echo "# $nlines lines of about 1 kB"
is "both that stopped reading are cut off, and it is logged once for each" 2 "$(ncut)"
like "the log says what to do about it" 'raise queue' "$work/log"

{ echo +OK; seq -f "MSG feed %.0f $padding" 1 "$nlines"; } >"$work/expected"
same "one that reads has every line" "$work/expected" "$work/good1.out"
same "so has another" "$work/expected" "$work/good2.out"

is "the publisher has a final for every line" "$nlines" "$(wc -l <"$work/finals")"
is "they count 4 readers, at last 2, never more than before" "" \
    "$(awk 'BEGIN { last = 4 } $1 != "+OK" || $2 > last || $2 < 2 { print } { last = $2 }' "$work/finals")"
is "the first one counts 4" "+OK 4" "$(head -n 1 "$work/finals")"
is "the next line after the cut counts 2" "+OK 2" \
    "$(echo 'PUB feed end' | talk openbsd 127.0.0.1 "$main_port")"

for name in slow1 slow2; do
	wait_until file_has "$work/$name.out" '^! BYE'
	ngot=$(grep -c '^MSG ' "$work/$name.out")
	{ echo +OK; seq -f "MSG feed %.0f $padding" 1 "$ngot"; echo "! BYE SLOW"; } >"$work/expected"
	sed 's/^\(! BYE SLOW\) .*/\1/' "$work/$name.out" >"$work/out"
	same "$name: what it has are the first $ngot lines, whole, and then ! BYE SLOW" \
	    "$work/expected" "$work/out"
	check "$name: it is not all of them" test "$ngot" -lt "$nlines"
	hang_up "$name"
	check "$name: and the connection is closed" wait_until gone "$name"
done
leave good1
leave good2

# The one that is too slow for itself.
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
	after=$(memory Rss)
	echo "# $went of $total bytes went; resident: from $before kB to $after kB"
	check "$what: one that sends and never reads is read from no more" test "$went" -lt "$total"
	if [ "$SANITIZER" = no ]; then
		check "$what: memory grows by no more than about its queue" \
		    test $((after - before)) -lt 2048
	else
		skip "$what: memory grows by no more than about its queue" \
		    "memory of a build with sanitizers"
	fi
	is "$what: others are answered" "+OK 1
+OK 2
+OK 3
+OK 4" "$(seq -f 'PING %g' 1 4 | talk openbsd 127.0.0.1 "$main_port")"
	exec 9>&-
	wait_for_end "$flood"
	is "$what: when it reads at last, it has every answer in order" \
	    "all answers came, in order" "$(tail -n 1 "$work/flood.out")"
done

stop_daemon
done_testing
