#!/bin/sh
# SPDX-License-Identifier: MIT
# The listeners that know no verbs: what comes in at "publish" goes out at "subscribe".
. "${top_srcdir:-.}/tests/lib.sh"

need_netcats
start_daemon <<END
handlers = 2
listen main  { address = "127.0.0.1:0" }
listen in    { address = "127.0.0.1:0"  mode = "publish"  subject = "log.in"  max_line = "40" }
listen short { address = "127.0.0.1:0"  max_line = "200" }
listen whole { address = "127.0.0.1:0"  mode = "publish"  subject = "log.in"  eof_line = "publish" }
listen inl   { address = "$work/in.sock"  mode = "publish"  subject = "log.in" }
listen echo  { address = "127.0.0.1:0"  mode = "echo" }
listen out   { address = "127.0.0.1:0"  mode = "subscribe"  pattern = "log.>" }
listen outl  { address = "$work/out.sock"  mode = "subscribe"  pattern = "log.>" }
listen past  { address = "127.0.0.1:0"  mode = "subscribe"  pattern = "old.>"  history = 3 }
history old { match = "old.>" }
END
main_port=$(port main)

command_lines()
{
	talk openbsd 127.0.0.1 "$main_port"
}

nfollow()
{
	[ "$(echo "WHO $1" | command_lines | tail -n 1)" = "+OK $2" ]
}

# ---- Publish -----------------------------------------------------------------------------

connect reader socat 127.0.0.1 "$main_port"
say reader "SUB log.in"
wait_until has_lines "$work/reader.out" 1
nread=1

# came NAME LINE...: the reader has just these, one after the other
came()
{
	local name=$1 line

	shift
	: >"$work/expected"
	for line; do
		echo "MSG log.in $line" >>"$work/expected"
	done
	wait_until has_lines "$work/reader.out" $((nread + $#))
	sed "1,${nread}d" "$work/reader.out" >"$work/out"
	same "$name" "$work/expected" "$work/out"
	nread=$((nread + $#))
}

for kind in $kinds; do
	printf 'one\ntwo  spaces \nPUB a b\n' | talk "$kind" 127.0.0.1 "$(port in)" >"$work/said"
	came "$kind: each line is published, verbs or not" one "two  spaces " "PUB a b"
	is "$kind: and never a byte is said" 0 "$(wc -c <"$work/said")"
done
for kind in openbsd ncat socat; do
	printf 'one\ntwo\n' | talk "$kind" "$work/in.sock" >"$work/said"
	came "$kind, Unix socket: each line is published" one two
	is "$kind, Unix socket: and never a byte is said" 0 "$(wc -c <"$work/said")"
done
printf 'a\r\nb\r\r\n\r\n\nc\rd\n' | talk openbsd 127.0.0.1 "$(port in)" >"$work/said"
came "one CR before the LF is dropped, and empty lines are lines" a "b$(printf '\r')" "" "" "c$(printf '\r')d"

before=$(counter lines.too_long)
{
	printf '%040d\n' 0
	printf '%041d\n' 0
	printf '%01000d\n' 0
	echo after
} | talk openbsd 127.0.0.1 "$(port in)" >"$work/said"
came "a line that is too long is left out" "$(printf '%040d' 0)" after
is "and counted" 2 $(($(counter lines.too_long) - before))
is "and nothing is said" 0 "$(wc -c <"$work/said")"

before=$(counter lines.unterminated)
printf 'whole\npart' | talk openbsd 127.0.0.1 "$(port in)" >"$work/said"
printf 'whole\npart' | talk openbsd 127.0.0.1 "$(port whole)" >>"$work/said"
came "an unterminated last line: left out, or not, as eof_line says" whole whole part
is "what is left out is counted" 1 $(($(counter lines.unterminated) - before))
is "nothing is said of it" 0 "$(wc -c <"$work/said")"

for first in 'GET / HTTP/1.1' 'POST /x HTTP/1.0' 'Host: x'; do
	printf '%s\r\nline\r\n' "$first" | talk openbsd 127.0.0.1 "$(port in)" >"$work/said" 2>&1
	is "a browser is told nothing: $first" 0 "$(wc -c <"$work/said")"
done
{
	printf 'POST /%01000d HTTP/1.1\r\n' 0
	printf 'Host: x\r\n\r\nevil\r\n'
} | talk openbsd 127.0.0.1 "$(port in)" >"$work/said" 2>&1
is "nor is one whose first line is too long" 0 "$(wc -c <"$work/said")"
printf 'GET / HTTP/1.1' | talk openbsd 127.0.0.1 "$(port whole)" >"$work/said" 2>&1
printf 'first\nGET / HTTP/1.1\nHost: x\n' | talk openbsd 127.0.0.1 "$(port in)" >"$work/said"
came "and what it sends is not published; a later line is no request" first "GET / HTTP/1.1" "Host: x"

# What a page can make a browser send, where max_line is so small that neither the request nor the
# Host: below it is looked at as a line.
browser()
{
	printf 'POST /%0300d HTTP/1.1\r\nConnection: keep-alive\r\nHost: %0240d.localhost\r\n\r\n' 0 0
	printf 'PUB log.in evil\n'
}
browser | talk openbsd 127.0.0.1 "$(port in)" >"$work/said" 2>&1
is "a browser whose whole request is too long is told nothing" 0 "$(wc -c <"$work/said")"
browser | talk openbsd 127.0.0.1 "$(port short)" >"$work/said" 2>&1
like "in mode command it is told that this is no web server" '^! BYE HTTP ' "$work/said"
unlike "and none of its lines is run" '^(\+OK|-ERR UNKNOWN)' "$work/said"
for listener in in short main; do
	printf '\026\003\001\002\000\001\nPUB log.in evil\n' |
	    talk openbsd 127.0.0.1 "$(port "$listener")" >"$work/said" 2>&1
	is "who opens with TLS is told nothing: $listener" 0 "$(wc -c <"$work/said")"
	like "and the log says so: $listener" "client [0-9]+ \\($listener, .*: it speaks TLS, " "$work/log"
done
printf '\026\003\001\na\n' >"$work/hello"
talk openbsd 127.0.0.1 "$(port echo)" <"$work/hello" >"$work/said"
same "mode echo returns such bytes as any others" "$work/hello" "$work/said"
printf '\026\n\003\n' | talk openbsd 127.0.0.1 "$(port in)" >"$work/said"
came "nothing of all that is published; a line that only begins alike is" "$(printf '\026')" "$(printf '\003')"

connect killed openbsd 127.0.0.1 "$(port in)"
printf 'last\npar' >"$work/killed.in"
wait_until file_has "$work/reader.out" '^MSG log.in last$'
kill -KILL "$(client_pid killed)"
wait_for_end "$(client_pid killed)"
echo end | talk openbsd 127.0.0.1 "$(port in)"
wait_until file_has "$work/reader.out" '^MSG log.in end$'
unlike "of a client that is killed, no part of a line is published" '^MSG log.in par$' "$work/reader.out"
leave reader

# ---- Subscribe ---------------------------------------------------------------------------

for kind in $kinds; do
	connect "out_$kind" "$kind" 127.0.0.1 "$(port out)"
done
for kind in openbsd ncat socat; do
	connect "outl_$kind" "$kind" "$work/out.sock"
done
wait_until nfollow "log.>" 7
printf 'PUB log.web  two spaces\nPUB log.web\nPUB other x\nPUB log.db a\0b\n' | command_lines >"$work/said"
is "those who are connected follow" "+OK 7
+OK 7
+OK 0
+OK 7" "$(cat "$work/said")"
printf ' two spaces\n\na\0b\n' >"$work/expected"
for name in out_openbsd out_traditional out_ncat out_socat outl_openbsd outl_ncat outl_socat; do
	wait_until has_lines "$work/$name.out" 3
	same "$name: texts, and nothing else" "$work/expected" "$work/$name.out"
done

# What they say is read, and counts for nothing.
before=$(counter lines.published)
for kind in $kinds; do
	say "out_$kind" "PUB log.x no" PING "GET / HTTP/1.1" QUIT
	hang_up "out_$kind"
done
echo "PUB log.db after" | command_lines >/dev/null
echo after >>"$work/expected"
for kind in $kinds; do
	wait_until has_lines "$work/out_$kind.out" 4
	same "$kind: input is ignored, and its end as well" "$work/expected" "$work/out_$kind.out"
done
is "nothing of it was published" 1 $(($(counter lines.published) - before))
for kind in openbsd ncat socat; do
	kill "$(client_pid "outl_$kind")"
	wait_for_end "$(client_pid "outl_$kind")"
done
check "those that leave count no more" wait_until nfollow "log.>" 4
for kind in $kinds; do
	kill "$(client_pid "out_$kind")"
	wait_for_end "$(client_pid "out_$kind")"
done

# After a half-close, that a client has gone is known when something is sent to it.
all_are_gone()
{
	echo "PUB log.web x" | command_lines >/dev/null
	nfollow "log.>" 0
}
wait_until all_are_gone

# ---- With a look back --------------------------------------------------------------------

connect early openbsd 127.0.0.1 "$(port past)"
wait_until nfollow "old.>" 1
seq -f 'PUB old.x %g' 1 10 | command_lines >/dev/null
for kind in $kinds; do
	connect "past_$kind" "$kind" 127.0.0.1 "$(port past)"
done
wait_until nfollow "old.>" 5
seq -f 'PUB old.y %g' 11 12 | command_lines >/dev/null
seq 8 12 >"$work/expected"
for kind in $kinds; do
	wait_until has_lines "$work/past_$kind.out" 5
	same "$kind: history = 3: three lines from before, and what comes" "$work/expected" "$work/past_$kind.out"
	kill "$(client_pid "past_$kind")"
	wait_for_end "$(client_pid "past_$kind")"
done
seq 1 12 >"$work/expected"
wait_until has_lines "$work/early.out" 12
same "who was there before has them all" "$work/expected" "$work/early.out"
kill "$(client_pid early)"
wait_for_end "$(client_pid early)"

# ---- As it is used -----------------------------------------------------------------------

subscribe reader openbsd "log.in" 127.0.0.1 "$main_port"
netcat ncat 127.0.0.1 "$(port out)" </dev/null >"$work/raw" &
children="$children $!"
wait_until nfollow "log.>" 2
: >"$work/app.log"
mkfifo "$work/tail.fifo"
netcat openbsd 127.0.0.1 "$(port in)" <"$work/tail.fifo" >"$work/said" &
logger=$!
tail -F -n +1 "$work/app.log" >"$work/tail.fifo" 2>/dev/null &
tail=$!
children="$children $logger $tail"
for i in 1 2 3 4 5 6 7 8 9 10; do
	echo "line $i ERROR" >>"$work/app.log"
	echo "line $i fine" >>"$work/app.log"
done
wait_until file_has "$work/raw" '^line 10 fine$'
mv "$work/app.log" "$work/app.log.1"
for i in 11 12; do
	echo "line $i ERROR" >>"$work/app.log"
done
wait_until file_has "$work/raw" '^line 12 ERROR$'
seq -f 'line %g ERROR' 1 12 >"$work/expected"
grep ERROR "$work/raw" >"$work/out"
same "tail -F into a publish listener, grep behind a subscribe listener" "$work/expected" "$work/out"
kill "$tail"
wait_for_end "$tail"
check "when tail has ended, so has its netcat" wait_for_end "$logger"
is "it was told nothing" 0 "$(wc -c <"$work/said")"
leave reader

# Going down.
connect silent ncat 127.0.0.1 "$(port in)"
connect raw socat 127.0.0.1 "$(port out)"
wait_until nfollow "log.>" 2
say silent "last words"
wait_until file_has "$work/raw.out" '^last words$'
stop_daemon
hang_up raw
wait_until gone raw
is "a publisher is told nothing when the server goes down" 0 "$(wc -c <"$work/silent.out")"
is "and a reader no more than the texts" "last words" "$(cat "$work/raw.out")"
done_testing
