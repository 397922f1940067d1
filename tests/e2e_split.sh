#!/bin/sh
# SPDX-License-Identifier: MIT
# However the bytes of a client are cut into segments, and however fast it reads: the answer
# is the same, byte for byte.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
# One handler: an answered PING means that all that was sent before has been read.
start_daemon <<END
handlers = 1
listen main  { address = "127.0.0.1:0" }
listen short { address = "127.0.0.1:0"  max_line = "24" }
listen echo  { address = "127.0.0.1:0"  mode = "echo"  max_line = "24" }
END

# all_splits NAME LISTENER: what is in $work/in is answered as $work/expected says
all_splits()
{
	local nbytes

	nbytes=$(wc -c <"$work/in")
	check "$1: each of its $((nbytes - 1)) splits leads to the same answer" \
	    "$peer" splits 127.0.0.1 "$(port "$2")" <"$work/in"
	cp "$work/check.out" "$work/out"
	same "$1: and that is the right one" "$work/expected" "$work/out"
	"$peer" talk --segment 1 127.0.0.1 "$(port "$2")" <"$work/in" >"$work/out"
	same "$1: so does one byte per segment" "$work/expected" "$work/out"
	"$peer" talk --segment 7 127.0.0.1 "$(port "$2")" <"$work/in" >"$work/out"
	same "$1: and seven bytes per segment" "$work/expected" "$work/out"
}

printf '%s\n' "#a PING one" "SUB log.>" "pub log.web hi  there" "PUB log.web" "" "UNSUB log.>" \
    "bogus" "PUB" "#b ECHO two" "QUIT" >"$work/in"
cat >"$work/expected" <<'END'
#a +OK one
+OK
MSG log.web hi  there
+OK 1
MSG log.web 
+OK 1
+OK 1
-ERR UNKNOWN bogus, try HELP
-ERR SYNTAX PUB <subject> <text>
#b +OK two
+OK bye
END
all_splits "a script" main

sed 's/$/\r/' "$work/in" >"$work/crlf" && mv "$work/crlf" "$work/in"
all_splits "a script with CRLF" main

printf 'PING 1\nPING 2' >"$work/in"
printf '%s\n' "+OK 1" "-ERR UNTERMINATED the last line has no LF, and was not run" >"$work/expected"
all_splits "a script whose last line has no LF" main

printf '%s\n' "PING 6789012345678901234" "PING 67890123456789012345" \
    "PING 67890123456789012345 and on and on and on and on and on and on and on" \
    "PING ok" "PING 67890123456789012345" "PING again" >"$work/in"
printf '%s\n' "+OK 6789012345678901234" "-ERR TOOLONG limit=24" "-ERR TOOLONG limit=24" "+OK ok" \
    "-ERR TOOLONG limit=24" "+OK again" >"$work/expected"
all_splits "lines about as long as they may be" short

printf '012345678901234567890123\n\n\r\na\0b\n0123456789012345678901234\nb\r' >"$work/in"
printf '012345678901234567890123\n\n\r\na\0b\n-ERR TOOLONG limit=24\nb\r' >"$work/expected"
all_splits "an echo" echo

printf 'PING\nGET / HTTP/1.1\r\n' >"$work/in"
printf '%s\n' +OK "-ERR UNKNOWN GET, try HELP" >"$work/expected"
all_splits "a request that comes second" main

printf 'GET / HTTP/1.1\r\n' >"$work/in"
printf '! BYE HTTP this is no web server\n' >"$work/expected"
all_splits "a request of HTTP" main

# Thousands of lines in one send.
seq -f 'PING %g' 1 10000 >"$work/in"
seq -f '+OK %g' 1 10000 >"$work/expected"
"$peer" talk 127.0.0.1 "$(port main)" <"$work/in" >"$work/out"
same "10000 lines in one send are answered in order" "$work/expected" "$work/out"
"$peer" talk --rcvbuf 1024 127.0.0.1 "$(port main)" <"$work/in" >"$work/out"
same "likewise if the client's window is tiny" "$work/expected" "$work/out"
"$peer" talk --segment 1000 127.0.0.1 "$(port main)" <"$work/in" >"$work/out"
same "likewise in segments of 1000 bytes" "$work/expected" "$work/out"

# Answers that are many times what was sent.
yes HELP | head -n 3000 >"$work/in"
echo HELP | talk openbsd 127.0.0.1 "$(port main)" >"$work/help"
nrows=$(wc -l <"$work/help")
for rcvbuf in 1024 65536; do
	"$peer" talk --rcvbuf "$rcvbuf" 127.0.0.1 "$(port main)" <"$work/in" >"$work/out"
	is "3000 times HELP, read through $rcvbuf bytes: no line is missing" "$((3000 * nrows))" \
	    "$(wc -l <"$work/out")"
	is "and none is torn" "$nrows" "$(sort -u "$work/out" | wc -l)"
done

# One that sends all, reads nothing, then all.
rm -f "$work/out"
mkfifo "$work/flood.in"
"$peer" flood --lines 20000 127.0.0.1 "$(port main)" <"$work/flood.in" >"$work/out" 2>&1 &
flood=$!
children="$children $flood"
wait_until has_lines "$work/out" 1 9>"$work/flood.in"
wait_for_end "$flood"
is "a client that reads late has every answer, in order" "all answers came, in order" \
    "$(tail -n 1 "$work/out")"

# RST: the daemon lives, and forgets it.
for how in close reset mid-line mid-reply subscribed half-closed; do
	"$peer" storm --connections 200 --how "$how" 127.0.0.1 "$(port main)"
done
nobody()
{
	[ "$(echo 'PUB storm.x y' | talk openbsd 127.0.0.1 "$(port main)")" = "+OK 0" ]
}
check "of 1200 clients that left in six ways none is left" wait_until nobody

stop_daemon
done_testing
