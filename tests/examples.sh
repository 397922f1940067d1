#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples do what they say, with real netcats, and are short enough to be read.
. "${top_srcdir:-.}/tests/lib.sh"

sources=$top_srcdir/src/libamy/examples
programs=$top_builddir/src/libamy/examples
max_lines=149

# begin NAME: start a server; $example is its process, $port where it listens
begin()
{
	rm -f "$work/stdout"
	"$programs/$1" 0 >"$work/stdout" 2>"$work/log" </dev/null &
	example=$!
	children="$children $example"
	wait_until file_has "$work/stdout" '^port [0-9]+$' || exit 99
	port=$(sed -n 's/^port //p' "$work/stdout")
}

end()
{
	kill -TERM "$example"
	wait_for_end "$example"
	if has_ended_well "$status"; then
		pass "$1 ends with 0 when it is told to, and nothing was wrong"
		return
	fi
	{
		echo "exit status: $status"
		tail -n 60 "$work/log"
	} >"$work/why"
	fail "$1 ends with 0 when it is told to, and nothing was wrong"
}

# ---- All of them ---------------------------------------------------------------------

are_short()
{
	local file result=0

	for file in "$sources"/*.c; do
		[ "$(wc -l <"$file")" -le "$max_lines" ] && continue
		echo "$file is longer than $max_lines lines"
		result=1
	done
	return $result
}

helps()
{
	"$programs/$1" --help >"$work/out" && file_has "$work/out" '^usage: '
}

# refuses NAME WORDS ARGUMENT...: with 2, and these words
refuses()
{
	local name=$1 words=$2

	shift 2
	"$programs/$name" "$@" >"$work/out" 2>"$work/err"
	status=$?
	cat "$work/err"
	[ $status -eq 2 ] && file_has "$work/err" "$words" && [ ! -s "$work/out" ]
}

check "each example has $max_lines lines at most" are_short
for name in chat echo_server timers udp_echo; do
	check "$name says how it is used" helps "$name"
done
for name in chat echo_server udp_echo; do
	check "$name refuses what is no port" refuses "$name" 'from 1 to 65535, or 0' 65536
	check "$name refuses a word for a port" refuses "$name" 'from 1 to 65535, or 0' 80x
	check "$name refuses two arguments" refuses "$name" 'try --help' 1 2
done
check "timers refuses an argument" refuses timers 'try --help' 1

# ---- timers --------------------------------------------------------------------------

cat >"$work/expected" <<END
alarm 1000, N us late
alarm 2000, N us late
alarm 3000, N us late
alarm 4000, N us late
alarm 5000, N us late
5000 timeouts, cancelled by another thread
5000 alarms, in order, and 100 beats, in N ms
END

# Ten thousand timers, and 64 descriptors.
run_timers()
{
	(
		ulimit -n 64
		"$programs/timers" 2>"$work/log"
	) >"$work/out"
	status=$?
	cat "$work/log"
	has_ended_well "$status"
}

check "timers ends with 0, and nothing was wrong" run_timers
sed -e 's/, [0-9]* us/, N us/' -e 's/ [0-9]* ms$/ N ms/' "$work/out" >"$work/actual"
same "timers prints what went off, in order" "$work/expected" "$work/actual"

# ---- echo_server ---------------------------------------------------------------------

has_all_answers()
{
	local kind result=0

	for kind in $kinds; do
		eval "wait_for_end \$talk_$kind"
		cmp "$work/lines" "$work/$kind" || result=1
	done
	return $result
}

says_that_the_port_is_in_use()
{
	"$programs/echo_server" "$port" 2>"$work/err"
	cat "$work/err"
	file_has "$work/err" "port $port .*give another one.*in use"
}

need_netcats
begin echo_server
check "echo_server says that a port is in use, and what to do" says_that_the_port_is_in_use

# Each ends its input long before it has its answers.
seq 100000 >"$work/lines"
for kind in $kinds; do
	talk "$kind" 127.0.0.1 "$port" <"$work/lines" >"$work/$kind" &
	children="$children $!"
	eval "talk_$kind=$!"
done
check "echo_server answers four netcats at once, after the end of their input, too" \
    has_all_answers
is "echo_server sends back a last line without an end" "one
two" "$(printf 'one\ntwo' | talk openbsd 127.0.0.1 "$port")"
check "echo_server answers a hundred clients at once, line by line" \
    "$peer" echo-random --connections 100 --lines 10000 --min 0 --max 1000 --seed 7 \
    --window 4000 127.0.0.1 "$port"
head -c 5000 /dev/zero | tr '\0' x >"$work/long"
is "echo_server ends a client with a line that is too long" "" \
    "$(talk openbsd 127.0.0.1 "$port" <"$work/long" 2>/dev/null)"
for how in close reset mid-line mid-reply half-closed; do
	check "echo_server: fifty clients come and go ($how)" \
	    "$peer" storm --connections 50 --how $how 127.0.0.1 "$port"
done

has_not_all_gone()
{
	local went total

	went=$(sed -n 's/ bytes of .*//p' "$work/flood.out")
	total=$(sed -n 's/.* bytes of \([0-9]*\) went/\1/p' "$work/flood.out")
	echo "$went of $total bytes went"
	[ "$went" -lt "$total" ]
}

mkfifo "$work/flood.in"
"$peer" flood --rcvbuf 65536 --lines 300000 --head "line " --answer "line " \
    127.0.0.1 "$port" <"$work/flood.in" >"$work/flood.out" 2>&1 &
flood=$!
children="$children $flood"
exec 9>"$work/flood.in"
wait_until has_lines "$work/flood.out" 1
check "echo_server reads no more from one that sends and never reads" has_not_all_gone
is "echo_server: meanwhile others are answered" "hello" \
    "$(echo hello | talk openbsd 127.0.0.1 "$port")"
exec 9>&-
wait_for_end "$flood"
is "echo_server: when it reads at last, it has every answer in order" \
    "all answers came, in order" "$(tail -n 1 "$work/flood.out")"

connect ann openbsd 127.0.0.1 "$port"
say ann hello
wait_until has_lines "$work/ann.out" 1
printf 'half a li' >"$work/ann.in"
end echo_server
hang_up ann

# ---- chat ----------------------------------------------------------------------------

# What is said before the server has accepted a client does not reach it: so it is repeated.
hears()
{
	say "$1" "$2, are you there?"
	file_has "$work/$2.out" "^$2, are you there"
}

# numbers FILE: those of the lines "line N ..."
numbers()
{
	sed -n 's/^line \([0-9]*\).*/\1/p' "$1"
}

begin chat
connect ann openbsd 127.0.0.1 "$port"
connect bob ncat 127.0.0.1 "$port"
connect cid socat 127.0.0.1 "$port"
connect dan traditional 127.0.0.1 "$port"
for name in bob cid dan; do
	wait_until hears ann $name
done
wait_until hears bob ann
say ann "line 1"
wait_until file_has "$work/bob.out" '^line 1$'
say bob "line 2"
for name in ann cid dan; do
	wait_until file_has "$work/$name.out" '^line 2$'
done
is "chat: who speaks hears the others only" "2 1" \
    "$(numbers "$work/ann.out") $(numbers "$work/bob.out")"
is "chat: the others hear all, in order" "1 2 1 2" \
    "$(echo $(numbers "$work/cid.out") $(numbers "$work/dan.out"))"

printf 'from a pipe\nwithout an end' | talk openbsd 127.0.0.1 "$port" >"$work/out"
wait_until file_has "$work/dan.out" '^without an end$'
is "chat: what is said before the end of input is heard" "from a pipe
without an end" "$(grep -A 1 '^from a pipe' "$work/dan.out")"

# Dan stops reading. Ann waits for the others, so they are never too slow.
kill -STOP "$(client_pid dan)"
said=10
while [ $said -lt 400000 ] && ! file_has "$work/log" 'too slow'; do
	seq -f "line %.0f with as much as it takes to fill a queue and what the kernel holds" \
	    $((said + 1)) $((said + 1000)) >"$work/ann.in"
	said=$((said + 1000))
	wait_until file_has "$work/bob.out" "^line $said "
	wait_until file_has "$work/cid.out" "^line $said "
done
is "chat: one that does not read loses its connection" 1 "$(grep -c 'too slow' "$work/log")"
seq 11 $said >"$work/expected"
grep ' with as much' "$work/bob.out" >"$work/bob.lines"
numbers "$work/bob.lines" >"$work/actual"
same "chat: meanwhile another one hears all, in order" "$work/expected" "$work/actual"
kill -CONT "$(client_pid dan)"
hang_up dan
for how in close reset mid-line; do
	check "chat: fifty clients come and go ($how)" \
	    "$peer" storm --connections 50 --how $how 127.0.0.1 "$port"
done
end chat
for name in ann bob cid; do
	hang_up $name
done

# ---- udp_echo ------------------------------------------------------------------------

# udp NAME COMMAND...: what connect is for the others
udp()
{
	local name=$1

	shift
	mkfifo "$work/$name.in"
	{
		sleep 3600 >/dev/null 2>&1 &
		children="$children $!"
		"$@" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.err" 9<&- &
		children="$children $!"
	} 9<>"$work/$name.in"
}

# has_bytes FILE N: at least so many
has_bytes()
{
	[ "$(wc -c <"$1")" -ge "$2" ]
}

begin udp_echo
udp eve nc.openbsd -u 127.0.0.1 "$port"
udp fay ncat -u 127.0.0.1 "$port"
udp gil socat -b 60000 - "UDP:127.0.0.1:$port"
seq 1000 >"$work/lines"
for name in eve fay gil; do
	cat "$work/lines" >"$work/$name.in"
done
for name in eve fay gil; do
	wait_until has_bytes "$work/$name.out" "$(wc -c <"$work/lines")"
	same "udp_echo sends back what $name sends" "$work/lines" "$work/$name.out"
done
head -c 50000 /dev/zero | tr '\0' x >>"$work/lines"
tail -c 50000 "$work/lines" >"$work/gil.in"
wait_until has_bytes "$work/gil.out" "$(wc -c <"$work/lines")"
same "udp_echo sends back long datagrams" "$work/lines" "$work/gil.out"
end udp_echo
done_testing
