#!/bin/sh
# SPDX-License-Identifier: MIT
# What is stored, and how it is seen again: READ; SUB with LAST, FROM and SINCE; last values;
# and what is stored and what comes, in one step.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
start_daemon <<END
handlers = 2
history logs { match = "log.>"   lines = 10 }
history big  { match = "big.*"   bytes = "64K" }
history bulk { match = "bulk"    lines = 100000  bytes = "64M" }
history race { match = "race.>"  lines = 10000 }
history all  { match = "all.>"   lines = 100000 }
listen main  { address = "127.0.0.1:0" }
listen small { address = "127.0.0.1:0"  queue = "64K" }
END
main_port=$(port main)
part_pairs "$main_port"

# ask LINE...: the answers. Subscriptions outlive the end of the input, hence QUIT.
ask()
{
	printf '%s\n' "$@" '#z QUIT' | talk openbsd 127.0.0.1 "$main_port" | 
	    grep -v '^#z +OK bye$' | hide_run
}

# Of a failure the code.
errors()
{
	sed -E 's/^((#[^ ]+ )?-ERR [A-Z]+).*/\1/'
}

# is_consecutive FILE [FIRST]: column 3 of each MSG is the number of the one before, and 1
is_consecutive()
{
	awk -v next_seq="${2:-0}" '
		$1 == "MSG" && next_seq && $3 != next_seq { print NR ": " $0 "; not " next_seq; bad = 1; exit }
		$1 == "MSG" { next_seq = $3 + 1 }
		$2 == "DROPPED" { print; bad = 1; exit }
		END { exit bad }
	' "$1"
}

# ---- Sections ------------------------------------------------------------------------

seq -f 'PUB log.a %g' 1 25 >"$work/in"
talk openbsd 127.0.0.1 "$main_port" <"$work/in" >"$work/out"
same "25 lines take the numbers from 1 to 25" "$(seq -f '+OK 0 seq=%g' 1 25 >"$work/expected"
    echo "$work/expected")" "$work/out"
is "lines = 10: the newest ten are there" "$(seq -f 'MSG log.a %g' 16 25)
+OK 10 next=26 run=R" "$(ask 'READ log.a')"
is "who asks for what was forgotten is told what is the oldest" "$(seq -f 'MSG log.a %g' 16 25)
+OK 10 next=26 run=R oldest=16" "$(ask 'READ log.> FROM 10')"
is "who asks for what is there is told nothing" "$(seq -f 'MSG log.a %g' 16 25)
+OK 10 next=26 run=R" "$(ask 'READ log.> FROM 16')"
is "so much was forgotten" "10 15" "$(counter history.logs.lines) $(counter history.logs.forgotten)"
is "wildcards across subjects share the section" \
    "$(seq -f 'MSG log.a %g' 18 25; echo 'MSG log.b 26'; echo 'MSG log.c.d 27'
    echo '+OK 10 next=28 run=R')" \
    "$(ask 'PUB log.b 26' 'PUB log.c.d 27' 'READ log.>' | sed 1,2d)"

line=$(head -c 1000 /dev/zero | tr '\0' x)
seq -f "PUB big.%g $line" 1 200 | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
ask "SET show seq" "READ big.*" | sed 1d >"$work/out"
n=$(grep -c '^MSG' "$work/out")
echo "# $n of 200 lines of 1000 bytes are stored in 64 KiB"
check "bytes = 64K: some are there" test "$n" -ge 30
check "but no more than that" test "$n" -le 64
check "what is there is in order" is_consecutive "$work/out" $((228 - n))
is "it is the newest" "+OK $n next=228 run=R" "$(tail -n 1 "$work/out")"
is "so much was forgotten, by bytes" "$n $((200 - n))" \
    "$(counter history.big.lines) $(counter history.big.forgotten)"
check "its bytes are within the bound" test "$(counter history.big.bytes)" -le 65536
is "what matches no section is not stored" "+OK 0
+OK 0 next=228 run=R" "$(ask 'PUB none.a x' 'READ none.a')"

# ---- One counter ---------------------------------------------------------------------

is "one counter for all sections and last values, and none for what is not stored" \
    "+OK
+OK
MSG log.a 228 1
+OK 1 seq=228
MSG none.a - 2
+OK 1
MSG big.a 229 3
+OK 1 seq=229
MSG none.a 230 4
+OK 1 seq=230
MSG log.a 231 5
+OK 1 seq=231
+OK" "$(ask 'SET show seq' 'SUB >' 'PUB log.a 1' 'PUB none.a 2' 'PUB big.a 3' 'KEEP none.a 4' \
    'KEEP log.a 5' 'FORGET none.a')"
is "a pattern over several sections shows them in the order of their numbers" \
    "+OK
MSG log.a 228 1
MSG big.a 229 3
MSG log.a 231 5
+OK 3 next=232 run=R" "$(ask 'SET show seq' 'READ *.a FROM 228')"
ask 'FORGET log.a' >/dev/null

# Writers at once, on both handlers, and a reader on each that follows all.
for i in 1 2; do
	connect "reader$i" openbsd 127.0.0.1 "$main_port"
	say "reader$i" "SET show seq" "SUB all.>"
	wait_until has_lines "$work/reader$i.out" 2
done
for i in 1 2 3 4 5 6; do
	seq -f "PUB all.$i %.0f" 1 500 >"$work/in$i"
	connect "writer$i" openbsd 127.0.0.1 "$main_port"
done
for i in 1 2 3 4 5 6; do
	cat "$work/in$i" >"$work/writer$i.in" &
	children="$children $!"
done
for i in 1 2 3 4 5 6; do
	wait_until has_lines "$work/writer$i.out" 500
done
cat "$work"/writer?.out | sed -n 's/^+OK 2 seq=//p' | sort -n >"$work/out"
seq 232 3231 >"$work/expected"
same "6 writers at once: their lines take all numbers, each once" "$work/expected" "$work/out"
for i in 1 2; do
	wait_until has_lines "$work/reader$i.out" 3002
	check "reader $i has all of them in the order of their numbers" \
	    is_consecutive "$work/reader$i.out" 232
	is "reader $i has no more" 3002 "$(wc -l <"$work/reader$i.out")"
done
ask "SET show seq" "READ all.> FROM 232 TO 3231" | grep ^MSG >"$work/out"
grep ^MSG "$work/reader1.out" >"$work/expected"
same "and this is what is stored" "$work/expected" "$work/out"
for i in 1 2 3 4 5 6; do leave "writer$i"; done
for i in 1 2; do leave "reader$i"; done

# ---- What READ and SUB show ----------------------------------------------------------

seq -f 'PUB log.s %g' 1 10 | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
first=$(sed -n '1s/.*seq=//p' "$work/out")
last=$((first + 9))

# shows NAME LINE FROM TO FINAL...: lines of log.s, and then
shows()
{
	local name=$1 line=$2 from=$3 to=$4

	shift 4
	is "$name" "$(seq -f 'MSG log.s %g' "$from" "$to"; printf '%s\n' "$@")" "$(ask "$line")"
}

shows "READ LAST" 'READ log.s LAST 3' 8 10 "+OK 3 next=$((last + 1)) run=R"
shows "READ LAST of more than there is" 'READ log.s LAST 30' 1 10 \
    "+OK 10 next=$((last + 1)) run=R oldest=$first"
shows "READ FROM" "READ log.s FROM $((first + 3))" 4 10 "+OK 7 next=$((last + 1)) run=R"
shows "READ FROM and TO" "READ log.s FROM $((first + 3)) TO $((first + 4))" 4 5 \
    "+OK 2 next=$((first + 5)) run=R"
shows "READ TO beyond the newest" "READ log.s FROM $((last)) TO $((last + 5))" 10 10 \
    "+OK 1 next=$((last + 1)) run=R"
shows "READ FROM beyond the newest" "READ log.s FROM $((last + 1))" 1 0 \
    "+OK 0 next=$((last + 1)) run=R"
shows "READ SINCE" "READ log.s SINCE 1h" 1 10 "+OK 10 next=$((last + 1)) run=R oldest=$first"
ok="+OK next=$((last + 1)) run=R"
shows "SUB LAST" 'SUB log.s LAST 3' 8 10 "$ok"
shows "SUB LAST 0" 'SUB log.s LAST 0' 1 0 "$ok"
shows "SUB FROM" "SUB log.s FROM $((first + 3))" 4 10 "$ok"
shows "SUB FROM of what is forgotten says so" "SUB log.s FROM 1" 1 10 "$ok oldest=$first"
shows "SUB SINCE" 'SUB log.s SINCE 1h' 1 10 "$ok oldest=$first"
shows "SUB alone shows nothing that is stored" 'SUB log.s' 1 0 +OK
shows "SUB COUNT counts stored lines" 'SUB log.s LAST 5 COUNT 3' 6 8 "$ok" '! DONE log.s count'
shows "SUB COUNT with as many stored" 'SUB log.s LAST 5 COUNT 5' 6 10 "$ok" '! DONE log.s count'
is "SUB with options in lower case, tabs and spaces" "MSG log.s 10
#t $ok" "$(ask "#t sub log.s   last	1 ")"

older_are_not_shown()
{
	[ "$(ask 'READ log.s SINCE 1ms')" = "+OK 0 next=$((last + 1)) run=R" ]
}
check "SINCE does not show what is older" wait_until older_are_not_shown

# ---- A gap is told -------------------------------------------------------------------

run=$(printf 'READ log.s LAST 0\nQUIT\n' | talk openbsd 127.0.0.1 "$main_port" |
    sed -n 's/.* run=//p')
check "a run has a short name" expr "$run" : '[a-z0-9][a-z0-9]*$'
next=$((last + 1))
shows "FROM the next number of this run shows nothing" "SUB log.s FROM $next RUN $run" 1 0 "$ok"
shows "FROM a number of this run" "READ log.s FROM $last RUN $run" 10 10 "+OK 1 next=$next run=R"
all=$(echo "! RENUMBERED next=$next run=R"; seq -f 'MSG log.s %g' 1 10)
is "SUB FROM a number of another run shows all, behind a notice" "$all
$ok oldest=$first" "$(ask "SUB log.s FROM $last RUN another")"
is "so does SUB FROM a number that was not given yet" "$all
$ok oldest=$first" "$(ask "SUB log.s FROM $((next + 1))")"
is "and READ, whatever TO says" "$all
+OK 10 next=$next run=R oldest=$first" "$(ask "READ log.s FROM $last TO $last RUN another")"
is "with a tag and in a group, too, and COUNT counts them" "$all
#t $ok oldest=$first
! DONE log.s count" "$(ask "#t SUB log.s FROM $((next + 1)) GROUP g COUNT 10")"
is "raw on: only the texts" "$(seq 1 10)" "$(ask 'SET raw on' "SUB log.s FROM 1 RUN another")"
is "SINCE takes a point in time" "$(seq -f 'MSG log.s %g' 1 10)
$ok oldest=$first
$ok" "$(ask 'SUB log.s SINCE 2020-02-29T23:59:59Z' 'SUB log.s SINCE 9999-12-31T23:59:59.999Z')"
moment=$(ask 'SET show time' 'READ log.s LAST 1' | sed -n 's/^MSG log.s \([^ ]*\) .*/\1/p')
check "the time that is shown is one to go on from" \
    eval 'ask "READ log.s SINCE $moment" | grep -qx "MSG log.s 10"'

# ---- Options in any order ------------------------------------------------------------

# permutations WORDS...: each on a line; a word has "_" for its space
permutations()
{
	awk 'function go(done, n,  i) {
		if (n == 4) { print done; return }
		for (i = 1; i <= 4; i++)
			if (!used[i]) {
				used[i] = 1
				go(done " " $i, n + 1)
				used[i] = 0
			}
	}
	{ go("", 0) }'
}

echo "LAST_2 COUNT_3 GROUP_g WITHIN_1h" | permutations | tr _ ' ' >"$work/orders"
is "there are 24 orders" 24 "$(wc -l <"$work/orders")"
: >"$work/out"
while read -r options; do
	ask 'PUB log.p 1' 'PUB log.p 2' "SUB log.p $options" 'PUB log.p 3' 'PUB log.p 4' |
	    sed 's/ \(seq\|next\)=.*//' | tr '\n' ';' >>"$work/out"
	echo >>"$work/out"
done <"$work/orders"
is "LAST, COUNT, GROUP and WITHIN in any order" \
    "24 +OK 0;+OK 0;MSG log.p 1;MSG log.p 2;+OK;MSG log.p 3;! DONE log.p count;+OK 1;+OK 0;" \
    "$(sort "$work/out" | uniq -c | sed 's/^ *//')"
is "WITHIN ends what COUNT has not" "MSG log.s 10
+OK next
! DONE log.s timeout" "$(ask 'PUB log.s 10' 'SUB log.s WITHIN 5ms LAST 1 COUNT 9' |
    sed -e 1d -e 's/=.*//')"
is "COUNT and WITHIN of a group" "+OK
MSG log.s 1
! DONE log.s count
+OK 1 seq" "$(ask 'SUB log.s WITHIN 1h GROUP g COUNT 1' 'PUB log.s 1' | sed 's/=.*//')"

# ---- Last values ---------------------------------------------------------------------

is "KEEP is a publication with a number" "+OK
MSG keep.a 1
+OK 1 seq" "$(ask 'SUB keep.a' 'KEEP keep.a 1' | sed 's/=.*//')"
is "a plain SUB shows the last value, and then follows" "MSG keep.a 2
+OK
MSG keep.a 3
+OK 1" "$(ask 'KEEP keep.a 2' 'SUB keep.a' 'PUB keep.a 3' | sed 1d)"
is "PUB does not change it" "MSG keep.a 2
+OK" "$(ask 'SUB keep.a')"
ask 'KEEP keep.c 3' 'KEEP keep.b 4' >/dev/null
is "of all that match, in the order of their numbers" "MSG keep.a 2
MSG keep.c 3
MSG keep.b 4
+OK" "$(ask 'SUB keep.*')"
is "with LAST the newest of them" "MSG keep.b 4
+OK next" "$(ask 'SUB keep.* LAST 1' | sed 's/=.*//')"
is "COUNT counts them" "MSG keep.a 2
MSG keep.c 3
+OK
! DONE keep.* count" "$(ask 'SUB keep.* COUNT 2')"
is "READ shows them, too" "MSG keep.c 3
+OK 1 next" "$(ask 'READ keep.c' | sed 's/=.*//')"
is "a member of a group does not see them" "+OK" "$(ask 'SUB keep.* GROUP g')"
is "FORGET forgets one, and no other" "+OK
MSG keep.a 2
MSG keep.b 4
+OK" "$(ask 'FORGET keep.c' 'SUB keep.*')"
is "KEEP of an empty text is a value" "MSG keep.a 
+OK" "$(ask 'KEEP keep.a' 'SUB keep.a' | sed 1d)"
is "what is stored and kept comes once" "MSG log.k x
+OK
MSG log.k x
+OK 1 next" "$(ask 'KEEP log.k x' 'SUB log.k' 'READ log.k' | sed '1d; s/=.*//')"
is "and is stored when it is not kept any more" "+OK
+OK
MSG log.k x
+OK 1 next" "$(ask 'FORGET log.k' 'SUB log.k' 'READ log.k' | sed 's/=.*//')"
is "the same text kept again is the newest" "MSG keep.b 4
MSG keep.a 5
+OK" "$(ask 'KEEP keep.a 5' 'SUB keep.*' | sed 1d)"
ask 'FORGET keep.a' 'FORGET keep.b' >/dev/null
is "none is left" "0 0" "$(counter kept.lines) $(counter kept.bytes)"

{ seq -f 'KEEP full.%.0f x' 1 10001; echo 'KEEP full.7 y'; echo 'FORGET full.8'
	echo 'KEEP full.a x'; echo 'KEEP full.b x'; } >"$work/in"
talk openbsd 127.0.0.1 "$main_port" <"$work/in" | errors | sed 's/ seq=.*//' | uniq -c |
    sed 's/^ *//' >"$work/out"
is "of 10001 last values the last is refused; replacing is not; FORGET makes room" "10000 +OK 0
1 -ERR FULL
1 +OK 0
1 +OK
1 +OK 0
1 -ERR FULL" "$(cat "$work/out")"
is "so many are kept" 10000 "$(counter kept.lines)"
ask 'SUB full.*' >"$work/out"
is "a plain SUB shows all of them" "10000 +OK" \
    "$(grep -c ^MSG "$work/out") $(tail -n 1 "$work/out")"
{ seq -f 'FORGET full.%.0f' 1 10000; echo 'FORGET full.a'; } |
    talk openbsd 127.0.0.1 "$main_port" >"$work/out"
line=$(head -c 60000 /dev/zero | tr '\0' x)
seq -f "KEEP full.%.0f $line" 1 300 | talk openbsd 127.0.0.1 "$main_port" | errors |
    sed 's/ seq=.*//' | uniq -c | sed 's/^ *//' >"$work/out"
like "their bytes are bounded as well" '^2[67][0-9] \+OK 0$' "$work/out"
like "what is past them is refused" '^[23][0-9] -ERR FULL$' "$work/out"
check "16 MiB are not exceeded" test "$(counter kept.bytes)" -le 16777216
seq -f 'FORGET full.%.0f' 1 300 | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
is "and can all be forgotten" "0 0" "$(counter kept.lines) $(counter kept.bytes)"

# ---- Going on where one has stopped --------------------------------------------------

# A reader that asks again and again, while it is written at full speed.
next=$(ask 'READ all.none' | sed 's/.*next=\([0-9]*\).*/\1/')
start=$next
seq -f 'PUB all.loop %.0f' 1 20000 >"$work/in"
talk openbsd 127.0.0.1 "$main_port" <"$work/in" >"$work/finals" &
writer=$!
children="$children $writer"
: >"$work/loop"
rounds=0
while rounds=$((rounds + 1)); [ "$rounds" -lt 2000 ] && ! has_lines "$work/loop" 20000; do
	ask "SET show seq" "READ all.loop FROM $next" >"$work/out"
	grep ^MSG "$work/out" >>"$work/loop"
	next=$(sed -n 's/^+OK .*next=\([0-9]*\).*/\1/p' "$work/out")
done
wait_for_end "$writer"
echo "# $rounds rounds"
seq "$start" $((start + 19999)) | awk -v start="$start" \
    '{ print "MSG all.loop " $1 " " $1 - start + 1 }' >"$work/expected"
same "READ FROM next, again and again: nothing lost, nothing doubled" "$work/expected" "$work/loop"
: >"$work/loop"
next=$start
while [ "$next" -lt $((start + 20000)) ]; do
	ask "SET show seq" "READ all.loop FROM $next TO $((next + 2999))" >"$work/out"
	grep ^MSG "$work/out" >>"$work/loop"
	next=$(sed -n 's/^+OK .*next=\([0-9]*\).*/\1/p' "$work/out")
done
same "the same in parts, with TO" "$work/expected" "$work/loop"

# ---- What is stored, and what comes, in one step -------------------------------------

# Two that write at full speed, one on each handler, for as long as it takes.
for i in 1 2; do
	connect "writer$i" openbsd 127.0.0.1 "$main_port"
	say "writer$i" "SET ack off"
	wait_until has_lines "$work/writer$i.out" 1
	seq -f "PUB race.$i %.0f" 1 1000000000 >"$work/writer$i.in" &
	eval "source$i=$!"
	children="$children $!"
done
is_underway()
{
	[ "$(counter history.race.lines)" = 10000 ]
}
wait_until is_underway
# Each number once, in order, and so many. While a look back is read, what it should show
# may be forgotten, to make room: then it is said, and counts.
cat >"$work/step.awk" <<'END'
/^\+OK( next=|$)/ { nfinals++; next }
$1 == "MSG" && (!n || $3 == next_seq) { next_seq = $3 + 1; n++; next }
$1 == "!" && $2 == "DONE" && n == want { is_done = 1; next }
$1 == "!" && $2 == "DROPPED" && nfinals == 1 {
	split(substr($5, 5), seq, "-")
	if ((!n || seq[1] == next_seq) && seq[2] - seq[1] + 1 == $3) {
		next_seq = seq[2] + 1
		n += $3
		next
	}
}
{ print NR ": " $0 "; not " next_seq; exit }
END { if (nfinals == 2 && is_done) print "good" }
END
for i in $(seq 1 20); do
	for line in 'race.> LAST 50 COUNT 250' 'race.> COUNT 500 LAST 250' 'race.* COUNT 100'; do
		want=${line#*COUNT }
		ask "SET show seq" "SUB $line" |
		    awk -v want="${want%% *}" -f "$work/step.awk"
	done
done >"$work/out"
is "60 times a look back and what comes then: no number is missing, doubled or out of order" \
    "60 good" "$(sort "$work/out" | uniq -c | sed 's/^ *//')"
for i in 1 2; do
	eval "kill \"\$source$i\"; wait_for_end \"\$source$i\""
	say "writer$i" "" # its last line was cut off
	leave "writer$i"
done

# ---- More than a queue ---------------------------------------------------------------

line=$(head -c 1000 /dev/zero | tr '\0' x)
seq -f "PUB bulk %.0f $line" 1 8000 | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
first=$(sed -n '1s/.*seq=//p' "$work/out")
seq -f "MSG bulk %.0f $line" 1 8000 >"$work/expected"
small_port=$(port small)

printf 'READ bulk\nPING\nQUIT\n' | talk openbsd 127.0.0.1 "$small_port" | hide_run >"$work/out"
tail -n 3 "$work/out" >"$work/tail"
is "a READ of 8 MB with a queue of 64 KiB has its finals" "+OK 8000 next=$((first + 8000)) run=R
+OK
+OK bye" "$(cat "$work/tail")"
head -n -3 "$work/out" >"$work/lines"
same "and every line" "$work/expected" "$work/lines"
printf 'SUB bulk FROM %s\nPUB bulk end\nQUIT\n' "$first" |
    talk openbsd 127.0.0.1 "$small_port" | hide_run >"$work/out"
is "a SUB of as much goes on behind it" "+OK next=$((first + 8000)) run=R
MSG bulk end
+OK 1" "$(tail -n 4 "$work/out" | sed '$d; s/ seq=.*//')"
head -n -4 "$work/out" >"$work/lines"
same "and has every line, too" "$work/expected" "$work/lines"

# Those that take nothing for a while: their netcat cannot write what it has.
# connect_slow NUMBER: it says what is on stdin
connect_slow()
{
	mkfifo "$work/slow$1.in" "$work/slow$1.fifo"
	# Opened for both, so that neither waits for the other side.
	{
		netcat openbsd 127.0.0.1 "$small_port" <"$work/slow$1.in" >"$work/slow$1.fifo" 8<&- 9<&- &
		eval "slow$1=$!"
		children="$children $!"
		sleep 3600 >/dev/null 2>&1 &
		eval "holder_slow$1=$!"
		children="$children $!"
		cat >"$work/slow$1.in"
		sleep 3600 <"$work/slow$1.fifo" >/dev/null 2>&1 8<&- 9<&- &
		eval "brake$1=$!"
		children="$children $!"
	} 9<>"$work/slow$1.in" 8<>"$work/slow$1.fifo"
}

# slow_ends NUMBER: nothing waits for it any more
slow_ends()
{
	echo QUIT >"$work/slow$1.in"
	hang_up "slow$1"
	eval "wait_for_end \"\$slow$1\""
}

are_following()
{
	[ "$(counter subscriptions)" = "$1" ]
}

before=$(memory Rss)
for i in $(seq 1 20); do
	if [ "$i" -le 10 ]; then
		echo "READ bulk FROM $first TO $((first + 7999))" >"$work/in"
		connect_slow "$i" <"$work/in"
	else
		printf 'SET show seq\nSUB bulk FROM %s\n' "$first" >"$work/in"
		connect_slow "$i" <"$work/in"
	fi
done
wait_until are_following 10
seq -f "PUB bulk %.0f $line" 8001 11000 | talk openbsd 127.0.0.1 "$main_port" >"$work/finals"
is "slow readers do not hold the publisher" "3000 +OK 10" \
    "$(sed 's/ seq=.*//' "$work/finals" | uniq -c | sed 's/^ *//')"
after=$(memory Rss)
echo "# 20 that take nothing: resident $before kB, $after kB"
if [ "$SANITIZER" = no ]; then
	# 3 MB more are stored, and of each there are a queue, and what is being sent.
	check "20 that are to get 8 MB and more each take little memory" \
	    test $((after - before)) -lt $((4096 + 20 * 256))
else
	skip "20 that are to get 8 MB and more each take little memory" \
	    "memory of a build with sanitizers"
fi

for i in $(seq 1 20); do
	cat "$work/slow$i.fifo" >"$work/slow$i.out" &
	children="$children $!"
	eval "kill \"\$brake$i\""
done
ngood=0
for i in $(seq 1 10); do
	wait_until file_has "$work/slow$i.out" '^\+OK'
	slow_ends "$i"
	wait_until file_has "$work/slow$i.out" '^\+OK bye'
	is_good=1
	head -n 8000 "$work/slow$i.out" | cmp -s "$work/expected" - || is_good=0
	[ "$(tail -n +8001 "$work/slow$i.out" | hide_run)" = "+OK 8000 next=$((first + 8000)) run=R
+OK bye" ] || is_good=0
	ngood=$((ngood + is_good))
done
is "10 slow ones have every line that they READ, and the final" 10 "$ngood"

# All stored lines; the final; and then each number, or a notice that it is missing.
cat >"$work/tail.awk" <<'END'
$1 == "MSG" && $3 == next_seq { next_seq++; next }
$0 == "+OK" && NR == 1 { next }
/^\+OK next=/ && next_seq == first + 8001 { has_final = 1; next }
$0 == "+OK bye" { next }
$1 == "!" && $2 == "DROPPED" && has_final && $4 == "pat=bulk" {
	split(substr($5, 5), seq, "-")
	if (seq[1] == next_seq && seq[2] - seq[1] + 1 == $3) {
		next_seq = seq[2] + 1
		ndropped += $3
		next
	}
}
{ print NR ": " substr($0, 1, 80) "; not " next_seq; bad = 1; exit }
END { print "# " ndropped " dropped"; exit bad || !ndropped || next_seq != first + 11001 }
END
for i in $(seq 11 20); do
	wait_until file_has "$work/slow$i.out" "^MSG bulk $((first + 11000)) "
	slow_ends "$i"
	check "slow follower $i: all that is stored, and what comes, or word of what is missing" \
	    awk -v first="$first" -v next_seq="$first" -f "$work/tail.awk" "$work/slow$i.out"
done

stop_daemon
done_testing
