#!/bin/sh
# SPDX-License-Identifier: MIT
# SET: each key, in any order, on clients of both handlers.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
start_daemon <<END
handlers = 2
history h    { match = "h.>" }
listen main  { address = "127.0.0.1:0" }
listen small { address = "127.0.0.1:0"  queue = "16K" }
END
main_port=$(port main)

# ask LINE...: the answers, without numbers and addresses of this run. Subscriptions outlive
# the end of the input, hence QUIT.
ask()
{
	printf '%s\n' "$@" '#z QUIT' | talk openbsd 127.0.0.1 "$main_port" |
	    sed -E '/^#z \+OK bye$/d; s/ (seq|next)=[0-9]+/ \1=N/; s/ run=[a-z0-9]{6}$/ run=R/; s/^(-ERR [A-Z]+).*/\1/'
}

# What clients of both handlers are answered: one that comes alone is on the first one, and one
# that comes when there are two others on the second.
both()
{
	local name=$1 expected=$2

	shift 2
	is "$name, handler 1" "$expected" "$(ask "$@")"
	hold company "$main_port" 2
	is "$name, handler 2" "$expected" "$(ask "$@")"
	let_go company
}

# ---- ack -----------------------------------------------------------------------------

both "ack off: no +OK for PUB" "+OK
+OK
MSG a 1
MSG a 2
+OK end" 'SUB a' 'SET ack off' 'PUB a 1' 'PUB a 2' 'PING end'
both "ack off: nor for KEEP; all others are answered" "+OK
+OK
+OK 0
+OK 0 next=N run=R
+OK
+OK" 'SET ack off' 'KEEP a 1' 'FORGET a' 'UNSUB a' 'READ a' 'WILL a x' 'SET ack off'
both "ack off: what is tagged is answered" "+OK
#t +OK 0
#u +OK 0 seq=N" 'SET ack off' '#t PUB a 1' '#u KEEP h.a 1'
both "ack off: errors still come" "+OK
-ERR SUBJECT
-ERR SYNTAX
-ERR DENIED
-ERR GONE
-ERR NOBODY" 'SET ack off' 'PUB a..b x' 'PUB' 'PUB _amyd.x y' 'REP 1 x' 'REQ nobody x'
both "ack on: they come again" "+OK
+OK
+OK 0" 'SET ack off' 'PUB a 1' 'SET ack on' 'PUB a 2'

# ---- echo ----------------------------------------------------------------------------

both "echo off: not its own lines, and they do not count" "+OK
+OK
+OK 0
+OK
MSG a 2
+OK 1" 'SUB a' 'SET echo off' 'PUB a 1' 'SET echo on' 'PUB a 2'
both "echo off: nor those by a group" "+OK
+OK
+OK 0
+OK
MSG a 2
+OK 1" 'SUB a GROUP g' 'SET echo off' 'PUB a 1' 'SET echo on' 'PUB a 2'
both "echo off: COUNT does not count them" "+OK
+OK
+OK 0
+OK
MSG a 2
! DONE a count
+OK 1" 'SUB a COUNT 1' 'SET echo off' 'PUB a 1' 'SET echo on' 'PUB a 2'
subscribe other1 openbsd 'a' 127.0.0.1 "$main_port"
subscribe other2 openbsd 'a' 127.0.0.1 "$main_port"
both "echo off: others get them" "+OK
+OK
+OK 2" 'SUB a' 'SET echo off' 'PUB a mine'
is "and have them" "+OK
MSG a mine
MSG a mine
+OK
MSG a mine
MSG a mine" "$(wait_until has_lines "$work/other1.out" 3; wait_until has_lines "$work/other2.out" 3
    cat "$work/other1.out" "$work/other2.out")"
connect deaf openbsd 127.0.0.1 "$main_port"
say deaf 'SET echo off' 'SUB a'
wait_until has_lines "$work/deaf.out" 2
both "lines of others come all the same" "+OK 3" 'PUB a theirs'
wait_until has_lines "$work/deaf.out" 4
is "echo off: it has what others have said" "+OK
+OK
MSG a theirs
MSG a theirs" "$(cat "$work/deaf.out")"
leave deaf
leave other1
leave other2

# ---- show ----------------------------------------------------------------------------

time_pattern='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z'
# shown SETTING: a stored line with it, of a named client; SEQ and TIME for what they are
shown()
{
	ask 'NAME alice' "SET show $1" 'SUB h.b' 'PUB h.b the  text' 'UNSUB *' |
	    sed -n -E "s/^MSG h\.b [0-9]+( |\$)/MSG h.b SEQ /; s/ $time_pattern / TIME /; /^MSG/p"
}

while IFS='|' read -r setting columns; do
	for handler in 1 2; do
		is "show $setting, handler $handler" "MSG h.b ${columns}the  text" "$(shown "$setting")"
	done
done <<END
seq|SEQ 
time|TIME 
from|@alice 
seq,time|SEQ TIME 
time,seq|SEQ TIME 
from,seq|SEQ @alice 
from,time|TIME @alice 
from,time,seq|SEQ TIME @alice 
TIME,From,sEQ|SEQ TIME @alice 
off|
END
both "where there is none stands -" "+OK
+OK
MSG a - - x
+OK 1" 'SET show seq,from' 'SUB a' 'PUB a x'
both "it is for stored lines, as it is when they are sent" "+OK 0 seq=N
+OK
MSG h.c - x
+OK 1 next=N run=R" 'PUB h.c x' 'SET show from' 'READ h.c LAST 1'
both "a wrong one changes nothing" "+OK
-ERR SYNTAX
-ERR SYNTAX
-ERR SYNTAX
-ERR SYNTAX
-ERR SYNTAX
+OK
MSG a - x
+OK 1" 'SET show from' 'SET show seq,,time' 'SET show seq,seq' 'SET show seq, time' 'SET show plub' \
    'SET show' 'SUB a' 'PUB a x'

# ---- raw -----------------------------------------------------------------------------

both "raw on: texts and nothing else, until off" "+OK
one
  two
three
+OK" 'SUB a' 'SET raw on' 'PUB a one' 'PUB a   two' 'PING' 'PLUB' 'HELP' 'STATS' 'WHO' 'TRACE a' \
    'READ a' 'PUB a three' 'UNSUB a' 'NAME' 'SET raw off'
both "raw on: what is tagged is not answered, either" "#t +OK
+OK end" 'SET raw on' '#s PING' '#s PLUB' '#t SET raw off' 'PING end'
both "raw on: stored lines are texts" "+OK 0 seq=N
+OK 0 seq=N
one
two
one
two
+OK" 'PUB h.d one' 'PUB h.d two' 'SET raw on' 'READ h.d LAST 2' 'SUB h.d LAST 2 COUNT 2' 'SET raw off'
both "raw on: no notice at the end of COUNT and WITHIN" "one" 'SET raw on' 'SUB a COUNT 1' \
    'SUB b WITHIN 1ms' 'PUB a one'
both "raw and show: the text alone" "+OK
+OK
one
+OK
MSG a - two
+OK 1" 'SET show seq' 'SUB a' 'SET raw on' 'PUB a one' 'SET raw off' 'PUB a two'
both "show and raw the other way round" "+OK
one
+OK
MSG a - two
+OK 1" 'SUB a' 'SET raw on' 'SET show from' 'PUB a one' 'SET raw off' 'PUB a two'
both "raw, echo and ack do not know of each other" "+OK
+OK
one
+OK
+OK
MSG a three" 'SUB a' 'SET ack off' 'SET raw on' 'PUB a one' 'SET echo off' 'PUB a two' 'SET raw off' \
    'PUB a 2.5' 'SET echo on' 'PUB a three'

# ---- timeout -------------------------------------------------------------------------

connect silent openbsd 127.0.0.1 "$main_port"
say silent 'SET show seq,time,from' 'SUB ask'
wait_until has_lines "$work/silent.out" 2
for i in 1 2; do
	is "timeout: a REQ waits for no longer, handler $i" "+OK
-ERR TIMEOUT" "$(ask 'SET timeout 20ms' "REQ ask $i")"
	connect asker openbsd 127.0.0.1 "$main_port"
	say asker 'SET timeout 1d' "REQ ask later $i" 'PING'
	wait_until file_has "$work/silent.out" "later $i"
	is "a request has its number only, whatever is shown, handler $i" "REQ ask ID later $i" \
	    "$(sed -n "/later $i/s/ [0-9][0-9]* / ID /p" "$work/silent.out")"
	say silent "REP $(sed -n "s/^REQ ask \([0-9]*\) later $i\$/\1/p" "$work/silent.out") yes"
	wait_until has_lines "$work/asker.out" 3
	is "timeout: in a longer one there is an answer, and the lines behind it wait, handler $i" "+OK
+OK yes
+OK" "$(cat "$work/asker.out")"
	leave asker
done
say silent 'SET ack off'
wait_until has_lines "$work/silent.out" 9
ask 'SET timeout 20ms' 'REQ ask unanswered' >"$work/out"
wait_until file_has "$work/silent.out" unanswered
say silent "REP $(sed -n 's/^REQ ask \([0-9]*\) unanswered$/\1/p' "$work/silent.out") late" 'PING end'
wait_until file_has "$work/silent.out" '^\+OK end'
is "ack off: an answer that comes too late is told so" "-ERR GONE" \
    "$(tail -n 2 "$work/silent.out" | sed 's/^\(-ERR GONE\).*/\1/; $d')"
connect asker openbsd 127.0.0.1 "$main_port"
say asker 'REQ ask now'
wait_until file_has "$work/silent.out" 'ask [0-9]* now$'
say silent "REP $(sed -n 's/^REQ ask \([0-9]*\) now$/\1/p' "$work/silent.out") yes" 'PING done'
wait_until file_has "$work/silent.out" '^\+OK done'
wait_until has_lines "$work/asker.out" 1
is "ack off: one in time is not acknowledged" "REQ ask ID now
+OK done" "$(tail -n 2 "$work/silent.out" | sed 's/ask [0-9]* /ask ID /')"
is "and arrives" "+OK yes" "$(cat "$work/asker.out")"
leave asker
leave silent

# ---- slow ----------------------------------------------------------------------------

# stopped NAME N LINE...: it follows feed.NAME, and takes nothing when it has N finals
stopped()
{
	local name=$1 nfinals=$2

	shift 2
	connect "$name" openbsd 127.0.0.1 "$(port small)"
	say "$name" "SUB feed.$name" "NAME $name" "$@"
	wait_until has_lines "$work/$name.out" "$nfinals"
	kill -STOP "$(client_pid "$name")"
}

is_cut()
{
	[ "$(grep -c 'is cut off' "$work/log")" -ge 1 ]
}

# has_dropped NAME
has_dropped()
{
	ask WHO | grep -q " name=@$1 .* dropped=[1-9]"
}

padding=$(head -c 1000 /dev/zero | tr '\0' x)
# feed NAME UNTIL...: publish to it until that is so
feed()
{
	local name=$1 n=0

	shift
	while ! "$@" && [ "$n" -lt 100000 ]; do
		seq -f "PUB feed.$name %.0f $padding" $((n + 1)) $((n + 2000)) >"$work/in"
		{ echo 'SET ack off'; cat "$work/in"; } | talk openbsd 127.0.0.1 "$main_port" >"$work/out"
		n=$((n + 2000))
	done
	echo "# $n lines for $name"
	nlines=$n
}

stopped dropping 4 'SET slow cut' 'SET slow drop'
stopped raw 4 'SET raw on' 'SET raw off' 'PING' 'SET raw on'
stopped cutting 4 'SET slow drop' 'SET slow cut'
feed dropping has_dropped dropping
kill -CONT "$(client_pid dropping)"
wait_until file_has "$work/dropping.out" "^MSG feed.dropping $nlines "
like "slow drop: a notice stands where the gap is" '^! DROPPED [0-9]+ pat=feed\.dropping$' \
    "$work/dropping.out"
is "every line is there, or is counted" "$nlines" \
    "$(awk '$2 == "DROPPED" { n += $3 } $1 == "MSG" { n++ } END { print n }' "$work/dropping.out")"
leave dropping
feed raw has_dropped raw
kill -CONT "$(client_pid raw)"
wait_until file_has "$work/raw.out" "^$nlines "
is "raw on: not a word of what is missing" "" "$(tail -n +5 "$work/raw.out" | grep -v "^[0-9]* xxx")"
check "but there is less" test "$(tail -n +5 "$work/raw.out" | wc -l)" -lt "$nlines"
say raw 'SET raw off'
leave raw
feed cutting is_cut
kill -CONT "$(client_pid cutting)"
wait_until file_has "$work/cutting.out" '^! BYE SLOW '
unlike "slow cut: nothing is dropped before" '^! DROPPED' "$work/cutting.out"
is "it is cut off, and told" "! BYE SLOW" "$(tail -n 1 "$work/cutting.out" | cut -d ' ' -f 1-3)"
hang_up cutting
check "and closed" wait_until gone cutting

stop_daemon
done_testing
