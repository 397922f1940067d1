#!/bin/sh
# SPDX-License-Identifier: MIT
# The command mode, verb by verb: what is typed, and what comes back.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
start_daemon <<END
handlers = 2
history h    { match = "h.>" }
listen main  { address = "127.0.0.1:0" }
listen few   { address = "127.0.0.1:0"  max_subs = 3 }
listen none  { address = "127.0.0.1:0"  max_subs = 0 }
listen short { address = "127.0.0.1:0"  max_line = "20" }
END

# Of a failure the code, of SYNTAX the right form too: the rest is for people. And nothing of
# the QUIT of answers().
codes()
{
	sed -E '/^#z \+OK bye$/d
		s/ run=[a-z0-9]{6}( |$)/ run=R\1/
		/-ERR SYNTAX/!s/^((#[^ ]+ )?(-ERR|! BYE) [A-Z]+).*/\1/'
}

# answers LISTENER NAME INPUT EXPECTED: with printf's escapes (\0ooo); a LF ends the input.
# Subscriptions outlive the end of the input: so there is a tagged QUIT, whose final is no
# part of what is compared.
answers()
{
	printf '%b\n#z QUIT\n' "$3" >"$work/in"
	printf '%b\n' "$4" >"$work/expected"
	[ -n "$4" ] || : >"$work/expected"
	talk openbsd 127.0.0.1 "$(port "$1")" <"$work/in" | codes >"$work/out"
	same "$2" "$work/expected" "$work/out"
}

# table LISTENER <<END: lines "name | input | expected"; empty lines and comments
table()
{
	local listener=$1 name input expected

	while IFS='|' read -r name input expected; do
		case $name in
		'' | '#'*) continue ;;
		esac
		answers "$listener" "$name" "$input" "$expected"
	done <"$work/table"
}

cat >"$work/table" <<'END'
PING is answered|PING|+OK
PING gives its text back|PING a b  c|+OK a b  c
PING with a space and no text|PING |+OK
ECHO gives its text back|ECHO hello|+OK hello
ECHO without text|ECHO|+OK
spaces of the text are kept, in front, within and at its end|ECHO   a   b   |+OK   a   b   
a tab ends the verb|ECHO\ttext|+OK text
a tab of the text is kept|ECHO a\tb\t|+OK a\tb\t
verbs in lower case|ping x|+OK x
verbs in any case|pInG x|+OK x
finals come in the order of the lines|PING 1\nBOGUS\nPING 2\nSUB .\nECHO 3|+OK 1\n-ERR UNKNOWN\n+OK 2\n-ERR SUBJECT\n+OK 3
an empty line is ignored|\n\nPING 1\n\n\nPING 2\n|+OK 1\n+OK 2
nothing but empty lines|\n\n\r\n|
CRLF is as good as LF|PING x\r\n\r\nPING y\r|+OK x\n+OK y
one CR is dropped, no more|PING x\r\r|+OK x\r
a lone CR is data|PING a\rb|+OK a\rb
NUL, ESC and 0x80 to 0xff are data|ECHO a\0000b\0033[31m\0200\0377|+OK a\0000b\0033[31m\0200\0377

a tag comes back|#t1 PING x|#t1 +OK x
a tag of one byte|#1 PING|#1 +OK
a tag of 32 bytes|#abcdefghijklmnopqrstuvwxyz_-0189 PING|#abcdefghijklmnopqrstuvwxyz_-0189 +OK
a tag of 33 bytes is refused|#abcdefghijklmnopqrstuvwxyz_-01890 PING|-ERR SYNTAX #<tag> <verb>: a tag is 1 to 32 of [A-Za-z0-9_-]
an empty tag is refused|# PING|-ERR SYNTAX #<tag> <verb>: a tag is 1 to 32 of [A-Za-z0-9_-]
a tag with other bytes is refused|#a.b PING|-ERR SYNTAX #<tag> <verb>: a tag is 1 to 32 of [A-Za-z0-9_-]
a tab ends a tag|#t1\tPING|#t1 +OK
a tag on a failure|#t1 BOGUS|#t1 -ERR UNKNOWN
a tag on a wrong form|#t1 PUB|#t1 -ERR SYNTAX PUB <subject> <text>
a tag and no verb|#t1|#t1 -ERR UNKNOWN
a tag is not for the lines of a table|#t1 HELP PING|#t1 +OK PING [text] - answer when every earlier line was handled
the same tag twice|#a PING 1\n#a PING 2|#a +OK 1\n#a +OK 2

an unknown verb|PLUB x|-ERR UNKNOWN
a verb of the future|PEEK a|-ERR UNKNOWN
a space in front of the verb|\0040PING|-ERR UNKNOWN
the beginning of a verb is none|PIN|-ERR UNKNOWN
a verb with bytes behind it is none|PINGX|-ERR UNKNOWN
a verb with NUL behind it is none|PING\0000|-ERR UNKNOWN

PUB to nobody|PUB a.b hello|+OK 0
PUB without a subject|PUB|-ERR SYNTAX PUB <subject> <text>
PUB with two spaces has no subject|PUB  a x|-ERR SYNTAX PUB <subject> <text>
SUB without a pattern|SUB|-ERR SYNTAX SUB <pattern> [LAST n\0174FROM seq [RUN r]\0174SINCE 10m] [GROUP g] [COUNT n] [WITHIN 30s]
SUB with nothing but spaces|SUB   |-ERR SYNTAX SUB <pattern> [LAST n\0174FROM seq [RUN r]\0174SINCE 10m] [GROUP g] [COUNT n] [WITHIN 30s]
SUB with a word that is no option|SUB a b|-ERR SYNTAX options are LAST, FROM, RUN, SINCE, GROUP, COUNT and WITHIN: SUB <pattern> [LAST n\0174FROM seq [RUN r]\0174SINCE 10m] [GROUP g] [COUNT n] [WITHIN 30s]
SUB with an option without its value|SUB a LAST|-ERR SYNTAX LAST takes a number, such as 20: SUB <pattern> [LAST n\0174FROM seq [RUN r]\0174SINCE 10m] [GROUP g] [COUNT n] [WITHIN 30s]
SUB with an option twice|SUB a COUNT 1 COUNT 2|-ERR SYNTAX an option stands there twice, once is enough: SUB <pattern> [LAST n\0174FROM seq [RUN r]\0174SINCE 10m] [GROUP g] [COUNT n] [WITHIN 30s]
SUB with two beginnings|SUB a LAST 1 FROM 1|-ERR SYNTAX only one of LAST, FROM and SINCE: SUB <pattern> [LAST n\0174FROM seq [RUN r]\0174SINCE 10m] [GROUP g] [COUNT n] [WITHIN 30s]
SUB with a group that is no name|SUB a GROUP a.b|-ERR SYNTAX GROUP takes a name of 1 to 64 of [A-Za-z0-9_:/=+-], such as g1: SUB <pattern> [LAST n\0174FROM seq [RUN r]\0174SINCE 10m] [GROUP g] [COUNT n] [WITHIN 30s]
SUB takes no TO|SUB a FROM 1 TO 2|-ERR SYNTAX options are LAST, FROM, RUN, SINCE, GROUP, COUNT and WITHIN: SUB <pattern> [LAST n\0174FROM seq [RUN r]\0174SINCE 10m] [GROUP g] [COUNT n] [WITHIN 30s]
SUB with spaces and tabs between and behind|SUB  a\t \nPUB a x|+OK\nMSG a x\n+OK 1
READ without a pattern|READ|-ERR SYNTAX READ <pattern> [LAST n\0174FROM a [TO b] [RUN r]\0174SINCE t]
READ with a word that is no option|READ a b|-ERR SYNTAX options are LAST, FROM, TO, RUN and SINCE: READ <pattern> [LAST n\0174FROM a [TO b] [RUN r]\0174SINCE t]
READ takes no COUNT|READ a COUNT 1|-ERR SYNTAX options are LAST, FROM, TO, RUN and SINCE: READ <pattern> [LAST n\0174FROM a [TO b] [RUN r]\0174SINCE t]
READ with TO alone|READ a TO 3|-ERR SYNTAX TO goes with FROM, such as FROM 812 TO 832: READ <pattern> [LAST n\0174FROM a [TO b] [RUN r]\0174SINCE t]
READ with two beginnings|READ a LAST 1 SINCE 1m|-ERR SYNTAX only one of LAST, FROM and SINCE: READ <pattern> [LAST n\0174FROM a [TO b] [RUN r]\0174SINCE t]
KEEP without a subject|KEEP|-ERR SYNTAX KEEP <subject> <text>
FORGET without a subject|FORGET|-ERR SYNTAX FORGET <subject>
FORGET with two words|FORGET a b|-ERR SYNTAX FORGET <subject>
REQ without a subject|REQ|-ERR SYNTAX REQ <subject> <text>
REP without an id|REP|-ERR SYNTAX REP <id> <text>
REP with an id that is no number|REP a x|-ERR SYNTAX the id is the number behind the subject of the REQ: REP <id> <text>
NAME without a name|NAME|-ERR SYNTAX NAME <name>
NAME with two words|NAME a b|-ERR SYNTAX NAME <name>
WILL without a subject|WILL|-ERR SYNTAX WILL <subject> <text>
SET without a key|SET|-ERR SYNTAX SET <key> <value>
SET of an unknown key|SET plub on|-ERR SYNTAX keys are ack, echo, raw, show, slow and timeout: SET <key> <value>
WHO with two words|WHO a b|-ERR SYNTAX WHO [pattern]
STATS with two words|STATS a b|-ERR SYNTAX STATS [prefix]
TRACE without a subject|TRACE|-ERR SYNTAX TRACE <subject>
TRACE with two words|TRACE a b|-ERR SYNTAX TRACE <subject>
UNSUB without a pattern|UNSUB|-ERR SYNTAX UNSUB <pattern>\0174*
UNSUB with two words|UNSUB a b|-ERR SYNTAX UNSUB <pattern>\0174*
QUIT with a word goes on|QUIT now\nPING|-ERR SYNTAX QUIT\n+OK
HELP with two words|HELP a b|-ERR SYNTAX HELP [verb]
HELP of a verb, in any case|help quit|+OK QUIT - finish and close
HELP of no verb|HELP plub|-ERR UNKNOWN
QUIT says goodbye, and nothing behind it is run|PING\nquit\nPING|+OK\n+OK bye

a subscriber gets its own line, before the final|SUB a\nPUB a x|+OK\nMSG a x\n+OK 1
not any more after UNSUB|SUB a\nPUB a x\nUNSUB a\nPUB a y|+OK\nMSG a x\n+OK 1\n+OK 1\n+OK 0
the text is verbatim|SUB a\nPUB a  two  spaces  |+OK\nMSG a  two  spaces  \n+OK 1
a tab ends the subject|SUB a\nPUB a\tx\ty|+OK\nMSG a x\ty\n+OK 1
an empty text|SUB a\nPUB a\nPUB a |+OK\nMSG a \n+OK 1\nMSG a \n+OK 1
a text of one CR, CRLF at its end|SUB a\nPUB a \r\r|+OK\nMSG a \r\n+OK 1
a text with NUL and ESC|SUB a\nPUB a \0000\0033|+OK\nMSG a \0000\0033\n+OK 1
a tagged line is delivered without the tag|SUB a\n#t PUB a x|+OK\nMSG a x\n#t +OK 1
case matters in subjects|SUB a\nPUB A x|+OK\n+OK 0
every byte that a token may have|SUB aZ09_:/=+-\nPUB aZ09_:/=+- x|+OK\nMSG aZ09_:/=+- x\n+OK 1

UNSUB of what was never subscribed|UNSUB a|+OK 0
UNSUB twice|SUB a\nUNSUB a\nUNSUB a|+OK\n+OK 1\n+OK 0
UNSUB of another pattern that matches the same|SUB a.*\nUNSUB a.b\nUNSUB a.>\nPUB a.b x|+OK\n+OK 0\n+OK 0\nMSG a.b x\n+OK 1
UNSUB * ends all|SUB a\nSUB b.*\nSUB c.>\nUNSUB *\nPUB a x\nPUB b.b x|+OK\n+OK\n+OK\n+OK 3\n+OK 0\n+OK 0
UNSUB * without any|UNSUB *|+OK 0
UNSUB * ends the subscription to * too|SUB *\nUNSUB *\nPUB a x|+OK\n+OK 1\n+OK 0
UNSUB of a bad pattern|UNSUB a..b|-ERR SUBJECT
a second SUB of the same pattern replaces the first|SUB a\nSUB a\nPUB a x\nUNSUB a\nUNSUB a|+OK\n+OK\nMSG a x\n+OK 1\n+OK 1\n+OK 0

* is one token|SUB a.*\nPUB a.b 1\nPUB a 2\nPUB a.b.c 3|+OK\nMSG a.b 1\n+OK 1\n+OK 0\n+OK 0
* in front|SUB *.b\nPUB a.b 1\nPUB b.b 2\nPUB b 3|+OK\nMSG a.b 1\n+OK 1\nMSG b.b 2\n+OK 1\n+OK 0
* in the middle|SUB a.*.c\nPUB a.b.c 1\nPUB a.c 2\nPUB a.b.b.c 3|+OK\nMSG a.b.c 1\n+OK 1\n+OK 0\n+OK 0
* alone|SUB *\nPUB a 1\nPUB a.b 2|+OK\nMSG a 1\n+OK 1\n+OK 0
> is one token or more|SUB a.>\nPUB a.b 1\nPUB a.b.c.d 2\nPUB a 3\nPUB ab.c 4|+OK\nMSG a.b 1\n+OK 1\nMSG a.b.c.d 2\n+OK 1\n+OK 0\n+OK 0
> alone|SUB >\nPUB a 1\nPUB a.b 2|+OK\nMSG a 1\n+OK 1\nMSG a.b 2\n+OK 1
* and > together|SUB *.b.>\nPUB a.b.c 1\nPUB a.b 2|+OK\nMSG a.b.c 1\n+OK 1\n+OK 0
several patterns match, and it comes once|SUB a.b\nSUB a.*\nSUB *.b\nSUB a.>\nSUB >\nPUB a.b x|+OK\n+OK\n+OK\n+OK\n+OK\nMSG a.b x\n+OK 1
it comes once while one of several still matches|SUB a.b\nSUB a.>\nUNSUB a.b\nPUB a.b x|+OK\n+OK\n+OK 1\nMSG a.b x\n+OK 1

a subject of two dots|PUB a..b x|-ERR SUBJECT
a subject that begins with a dot|PUB .a x|-ERR SUBJECT
a subject that ends with a dot|PUB a. x|-ERR SUBJECT
a subject of a dot|PUB . x|-ERR SUBJECT
* in PUB|PUB a.* x|-ERR SUBJECT
> in PUB|PUB a.> x|-ERR SUBJECT
> within a pattern|SUB a.>.b|-ERR SUBJECT
> in front|SUB >.a|-ERR SUBJECT
* as a part of a token|SUB a*|-ERR SUBJECT
> as a part of a token|SUB a>|-ERR SUBJECT
a pattern of two dots|SUB a..b|-ERR SUBJECT
a pattern that begins with a dot|SUB .a|-ERR SUBJECT
a pattern that ends with a dot|SUB a.|-ERR SUBJECT
a byte that no token has|PUB a,b x|-ERR SUBJECT
NUL in a subject|PUB a\0000b x|-ERR SUBJECT
UTF-8 in a subject|PUB \0303\0244 x|-ERR SUBJECT
CR in a subject|PUB a\rb x|-ERR SUBJECT
a name that nobody has|PUB @alice x|+OK 0
a line by name reaches its client|NAME alice\nPUB @alice x|+OK\nMSG @alice x\n+OK 1
a name is no subject to keep, whatever was published|NAME alice\nPUB @alice x\nPUB @alice y\nKEEP @alice z|+OK\nMSG @alice x\n+OK 1\nMSG @alice y\n+OK 1\n-ERR SUBJECT
a name has no dots|PUB @alice.x x|-ERR SUBJECT
an empty name|PUB @ x|-ERR SUBJECT
NAME of what is none|NAME a.b|-ERR SUBJECT
a name is nothing to follow|SUB @alice|-ERR SUBJECT
a name has no last value|KEEP @alice x|-ERR SUBJECT
wildcards in KEEP|KEEP a.* x|-ERR SUBJECT
wildcards in FORGET|FORGET a.>|-ERR SUBJECT
wildcards in REQ|REQ a.* x|-ERR SUBJECT
wildcards in WILL|WILL > x|-ERR SUBJECT
wildcards in TRACE|TRACE a.>|-ERR SUBJECT
READ of a bad pattern|READ a..b|-ERR SUBJECT
WHO of a bad pattern|WHO a..b|-ERR SUBJECT
a dollar is no subject|PUB $SYS x|-ERR SUBJECT
the daemon's own subjects are denied|PUB _amyd.client.up x|-ERR DENIED
the daemon's own root is denied|PUB _amyd x|-ERR DENIED
so they are to KEEP, FORGET, REQ and WILL|KEEP _amyd.a x\nFORGET _amyd.a\nREQ _amyd.a x\nWILL _amyd.a x|-ERR DENIED\n-ERR DENIED\n-ERR DENIED\n-ERR DENIED
a tag on what is denied|#t PUB _amyd.a x|#t -ERR DENIED
what only begins like it is not|PUB _amydx.y x|+OK 0
the daemon's own subjects can be followed|SUB _amyd.>|+OK

KEEP to nobody has a number|KEEP k.a 1\nKEEP k.a 2\nFORGET k.a\nFORGET k.a|+OK 0 seq=1\n+OK 0 seq=2\n+OK\n+OK
PUB with history has a number|PUB h.a 1\nPUB n.a 2\nPUB h.a 3|+OK 0 seq=3\n+OK 0\n+OK 0 seq=4
READ says how many, and what is next|READ h.>\nREAD n.>|MSG h.a 1\nMSG h.a 3\n+OK 2 next=5 run=R\n+OK 0 next=5 run=R
a tagged READ|#t READ h.> LAST 1|MSG h.a 3\n#t +OK 1 next=5 run=R
SUB has its final behind the stored lines|#t SUB h.> LAST 1\nPUB h.b 5|MSG h.a 3\n#t +OK next=5 run=R\nMSG h.b 5\n+OK 1 seq=5
UNSUB * ends groups, too|SUB a GROUP g\nSUB b COUNT 3\nUNSUB *\nPUB a x|+OK\n+OK\n+OK 2\n+OK 0
a COUNT that is reached|SUB a COUNT 2\nPUB a 1\nPUB a 2\nPUB a 3|+OK\nMSG a 1\n+OK 1\nMSG a 2\n! DONE a count\n+OK 1\n+OK 0
a WITHIN that is over|SUB a WITHIN 1ms|+OK\n! DONE a timeout
a WITHIN of nothing|SUB a WITHIN 0|+OK\n! DONE a timeout
SET is answered|SET ack on\nset ECHO OFF\nSET timeout 30s\nSET slow cut|+OK\n+OK\n+OK\n+OK
WILL is answered|WILL a.b x|+OK
a QUIT with a tag|#q QUIT|#q +OK bye
nobody to ask|REQ a x\n#t REQ a x\nREQ @nobody x|-ERR NOBODY\n#t -ERR NOBODY\n-ERR NOBODY
the asker itself is nobody|SUB a\nREQ a x|+OK\n-ERR NOBODY
an answer to nobody|REP 4711 x\n#t REP 4711 x|-ERR GONE\n#t -ERR GONE

a request of HTTP|GET / HTTP/1.1\r\nHost: localhost\r\n\r|! BYE HTTP
another|POST /x HTTP/1.0\r\n\r\nPUB a x|! BYE HTTP
its version alone|HTTP/1.1|! BYE HTTP
a line that begins with Host:, wherever|PING\nHost: localhost\nPING|+OK\n! BYE HTTP
in any case|PING\nhOST:x\nPING|+OK\n! BYE HTTP
a later line that ends in HTTP/1.1 is no request|PING\nECHO a HTTP/1.1|+OK\n+OK a HTTP/1.1
HTTP/2 is only unknown|PRI * HTTP/2.0|-ERR UNKNOWN
Host without a colon is only unknown|Host|-ERR UNKNOWN
END
table main

# Nothing that a page can make a browser send gets through.
printf 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nPUB a x\r\n' >"$work/in"
subscribe page openbsd a 127.0.0.1 "$(port main)"
talk openbsd 127.0.0.1 "$(port main)" <"$work/in" >"$work/out"
like "a browser is told that this is no web server" '^! BYE HTTP ' "$work/out"
is "and gets one line" 1 "$(wc -l <"$work/out")"
echo "PUB a end" | talk openbsd 127.0.0.1 "$(port main)" >"$work/out"
wait_until file_has "$work/page.out" end
# What it sends later must not reset the connection before it has read the word.
{ cat "$work/in"; head -c 3000000 /dev/zero; } >"$work/body"
ntold=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	talk openbsd 127.0.0.1 "$(port main)" <"$work/body" >"$work/out" 2>&1
	file_has "$work/out" '^! BYE HTTP ' && ntold=$((ntold + 1))
done
is "ten browsers that send 3 MB more are told it as well" 10 "$ntold"
is "what a page makes a browser say is not published" "+OK
MSG a end" "$(cat "$work/page.out")"
leave page

cat >"$work/table" <<'END'
the subscription past max_subs is refused|SUB a\nSUB b\nSUB c\nSUB d\nPUB d x|+OK\n+OK\n+OK\n-ERR LIMIT\n+OK 0
replacing one is none more|SUB a\nSUB b\nSUB c\nSUB b\nUNSUB *|+OK\n+OK\n+OK\n+OK\n+OK 3
a place that was freed can be used|SUB a\nSUB b\nSUB c\nUNSUB b\nSUB d\nSUB e|+OK\n+OK\n+OK\n+OK 1\n+OK\n-ERR LIMIT
UNSUB of an unknown one frees none|SUB a\nSUB b\nSUB c\nUNSUB x\nSUB d|+OK\n+OK\n+OK\n+OK 0\n-ERR LIMIT
UNSUB * frees all|SUB a\nSUB b\nSUB c\nUNSUB *\nSUB d\nSUB e\nSUB f\nSUB g|+OK\n+OK\n+OK\n+OK 3\n+OK\n+OK\n+OK\n-ERR LIMIT
END
table few
answers none "with max_subs = 0 none is allowed" 'SUB a\nPUB a x' '-ERR LIMIT\n+OK 0'

{ seq -f 'SUB s.%g' 1 10001; echo "PUB s.10000 x"; echo "PUB s.10001 x"; echo 'UNSUB *'; } \
    >"$work/in"
{
	yes +OK | head -n 10000
	printf '%s\n' "-ERR LIMIT" "MSG s.10000 x" "+OK 1" "+OK 0" "+OK 10000"
} >"$work/expected"
talk openbsd 127.0.0.1 "$(port main)" <"$work/in" | codes >"$work/out"
same "of 10001 subscriptions the last one is refused" "$work/expected" "$work/out"

cat >"$work/table" <<'END'
a line of max_line|PING 456789012345678\nPING|+OK 456789012345678\n+OK
a line of max_line and CR is one too long|PING 4567890123456789\r\nPING|-ERR TOOLONG\n+OK
a line of one more is refused, and the next one works|PING 4567890123456789x\nPING|-ERR TOOLONG\n+OK
a tag does not help|#t PING 4567890123456789x\nPING|-ERR TOOLONG\n+OK
END
table short
is "a line that is too long is told the limit" "-ERR TOOLONG limit=20" \
    "$(echo 'PING 4567890123456789x' | talk openbsd 127.0.0.1 "$(port short)")"

# repeat N TEXT
repeat()
{
	# shellcheck disable=SC2046
	printf "$2%.0s" $(seq "$1")
}

subject255=$(repeat 255 a)
tokens16=$(repeat 15 a.)a
answers main "a subject of 255 bytes" "SUB $subject255\nPUB $subject255 x" \
    "+OK\nMSG $subject255 x\n+OK 1"
answers main "a subject of 256 bytes" "PUB a$subject255 x" "-ERR SUBJECT"
answers main "a pattern of 256 bytes" "SUB a$subject255" "-ERR SUBJECT"
answers main "a subject of 16 tokens" "SUB $tokens16\nPUB $tokens16 x" "+OK\nMSG $tokens16 x\n+OK 1"
answers main "a subject of 17 tokens" "PUB $tokens16.a x" "-ERR SUBJECT"
answers main "a pattern of 17 tokens" "SUB $tokens16.>" "-ERR SUBJECT"
answers main "> matches up to 16 tokens" "SUB a.>\nPUB $tokens16 x" "+OK\nMSG $tokens16 x\n+OK 1"

text=$(head -c 65530 /dev/zero | tr '\0' x)
printf 'SUB a\nPUB a %s\nQUIT\n' "$text" >"$work/in"
printf '+OK\nMSG a %s\n+OK 1\n+OK bye\n' "$text" >"$work/expected"
talk openbsd 127.0.0.1 "$(port main)" <"$work/in" >"$work/out"
same "the longest line there may be is delivered whole" "$work/expected" "$work/out"

echo HELP | talk openbsd 127.0.0.1 "$(port main)" >"$work/out"
for verb in ECHO FORGET HELP KEEP NAME PING PUB QUIT READ REP REQ SET STATS SUB TRACE UNSUB WHO \
    WILL; do
	like "HELP has a row for $verb" "^\* $verb( |\$)" "$work/out"
	echo "HELP $verb" | talk openbsd 127.0.0.1 "$(port main)" >"$work/help"
	like "HELP $verb says its form" "^\+OK $verb.* - " "$work/help"
done
is "HELP ends with the number of its rows" "+OK $(grep -c '^\* ' "$work/out")" \
    "$(tail -n 1 "$work/out")"
is "HELP is nothing but rows and the final" "" "$(grep -v '^\* ' "$work/out" | sed '$d')"

is "an unknown verb is named, with a way out" "-ERR UNKNOWN plub, try HELP" \
    "$(echo 'plub x' | talk openbsd 127.0.0.1 "$(port main)")"
printf '\033]0;evil\007\n' | talk openbsd 127.0.0.1 "$(port main)" >"$work/out"
unlike "what is no word at all is not given back" evil "$work/out"

# A terminal and a log are not to be told what to do by a stranger.
# Nor does an answer become much more than what was sent.
# strangers NAME FACTOR: what is in $work/in gets errors only, of so many times its bytes
strangers()
{
	local sent got

	talk openbsd 127.0.0.1 "$(port main)" <"$work/in" >"$work/out"
	sent=$(wc -c <"$work/in") got=$(wc -c <"$work/out")
	is "$1: nothing but errors" "" \
	    "$(grep -Ev '^((#[A-Za-z0-9_-]+ )?-ERR [A-Z]+|! BYE HTTP) ' "$work/out")"
	check "$1: an error there is" test "$got" -gt 0
	check "$1: $got bytes for $sent are no amplification" test "$got" -le $(($2 * sent))
}

for seed in 7 8 9; do
	"$peer" random --seed "$seed" --lines 500 --min 1 --max 400 >"$work/in"
	strangers "random lines, seed $seed" 2
done
"$peer" random --seed 10 --lines 2 --min 300000 --max 300000 >"$work/in"
strangers "random bytes with hardly a LF" 1
"$peer" random --seed 11 --lines 20000 --min 1 --max 1 >"$work/in"
strangers "random lines of one byte" 22
yes x | head -n 20000 >"$work/in"
strangers "lines of one letter" 16
printf 'GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n' >"$work/in"
strangers "a browser" 1
{
	printf '\026\003\001\000\245\001\000\000\241\003\003'
	head -c 32 /dev/zero | tr '\0' '\252'
	printf '\000\000\046\314\251\314\250\300\057\300\060\300\053\300\054\300\023\300\011'
	printf '\300\024\300\012\000\234\000\235\000\057\000\065\300\022\000\012\001\000\000\122'
} >"$work/in"
echo >>"$work/in"
talk openbsd 127.0.0.1 "$(port main)" <"$work/in" >"$work/out" 2>&1
is "a TLS ClientHello is told nothing" 0 "$(wc -c <"$work/out")"
printf 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n' >"$work/in"
strangers "the banner of SSH" 2

# ---- Numbers -------------------------------------------------------------------------

# with LINE NUMBER...: the line with each of the numbers in place of %, and the answers
with()
{
	local line=$1 n

	shift
	for n; do echo "$line" | sed "s/%/$n/"; done >"$work/in"
	printf '#z UNSUB *\n#z QUIT\n' >>"$work/in"
	talk openbsd 127.0.0.1 "$(port main)" <"$work/in" | grep -v '^#z '
}

# numbers NAME LINE GOOD BAD: each of the numbers is done, or refused.
numbers()
{
	# shellcheck disable=SC2086
	is "$1 may be $3" "" "$(with "$2" $3 | grep -vE '^(\+OK|! RENUMBERED )')"
	# shellcheck disable=SC2086
	is "$1 is not to be $4" "$(echo "$4" | wc -w) -ERR SYNTAX" \
	    "$(with "$2" $4 | cut -d ' ' -f 1,2 | sort | uniq -c | sed 's/^ *//')"
}

large="2147483647 2147483648 4294967295 4294967296 9223372036854775807 9223372036854775808
    18446744073709551615"
large=$(echo $large)
wrong="-1 +1 1e9 1.5 0x10 1K 18446744073709551616 36893488147419103233 99999999999999999999999"
numbers "READ LAST" "READ q LAST %" "0 1 08 $large" "$wrong"
numbers "READ FROM" "READ q FROM %" "0 1 08 $large" "$wrong"
numbers "READ TO" "READ q FROM 1 TO %" "1 08 $large" "0 $wrong"
numbers "SUB LAST" "SUB q LAST %" "0 1 08 $large" "$wrong"
numbers "SUB FROM" "SUB q FROM %" "0 1 08 $large" "$wrong"
numbers "SUB COUNT" "SUB q COUNT %" "1 08 $large" "0 $wrong"
times="0 0ms 0d 1ms 08s 2147483648ms 4294967296ms 3650d 315360000s"
untimely="-1s +1s 1 08 1e9s 1.5s 1S 1w 1y s 3651d 2147483648s 4294967296s 9223372036854775808ms
    18446744073709551615ms 18446744073709551616ms 18446744073709552s 307445734561825861m"
untimely=$(echo $untimely)
numbers "READ SINCE" "READ q SINCE %" "$times" "$untimely"
numbers "SUB SINCE" "SUB q SINCE %" "$times" "$untimely"
numbers "SUB WITHIN" "SUB q WITHIN %" "1h 24d 2147483648ms 4294967296ms 3650d" "$untimely"
numbers "SET timeout" "SET timeout %" "1ms 08s 1d 86400s 86400000ms" \
    "0 0s 2d 86401s 86400001ms 2147483648ms 4294967297ms $untimely"
# shellcheck disable=SC2086
is "REP: ids that there never were" "9 -ERR GONE" \
    "$(with "REP % x" 1 08 $large | cut -d ' ' -f 1,2 | uniq -c | sed 's/^ *//')"
numbers "REP" "REP % x" "" "0 $wrong"

# And what is accepted means what it says.
seq -f 'PUB h.n %g' 1 20 | talk openbsd 127.0.0.1 "$(port main)" >"$work/out"
first=$(sed -n '1s/.*seq=//p' "$work/out")
# stored LINE: which of the numbered lines come
stored()
{
	echo "$1" | talk openbsd 127.0.0.1 "$(port main)" | sed -n 's/^MSG h\.n //p' | tr '\n' ' '
}
all=$(seq -s ' ' 1 20)
is "LAST 08 is 8" "$(seq -s ' ' 13 20) " "$(stored 'READ h.n LAST 08')"
is "LAST 0 is none" "" "$(stored 'READ h.n LAST 0')"
is "LAST 2^32 + 3 is all" "$all " "$(stored 'READ h.n LAST 4294967299')"
is "LAST 2^64 - 1 is all" "$all " "$(stored 'READ h.n LAST 18446744073709551615')"
is "FROM 0 is all" "$all " "$(stored 'READ h.n FROM 0')"
is "FROM with zeros in front" "$(seq -s ' ' 5 20) " "$(stored "READ h.n FROM 00$((first + 4))")"
is "FROM 2^32 + 1 is beyond all numbers, so it is all" "$all " \
    "$(stored 'READ h.n FROM 4294967297')"
is "FROM 2^64 - 1, too" "$all " "$(stored 'READ h.n FROM 18446744073709551615')"
is "TO 2^32 + 1 is all" "$all " "$(stored 'READ h.n FROM 1 TO 4294967297')"
is "TO 2^64 - 1 is all" "$all " "$(stored 'READ h.n FROM 1 TO 18446744073709551615')"
is "FROM and TO the same is one" "7 " "$(stored "READ h.n FROM $((first + 6)) TO $((first + 6))")"
is "TO before FROM is none" "" "$(stored "READ h.n FROM $((first + 6)) TO $((first + 5))")"
is "SINCE 3650d is all" "$all " "$(stored 'READ h.n SINCE 3650d')"
is "SINCE 2^32 ms is all" "$all " "$(stored 'READ h.n SINCE 4294967296ms')"
lines="MSG a x\\n+OK 1"
answers main "COUNT 2^32 + 1 is not 1" 'SUB a COUNT 4294967297\nPUB a x\nPUB a x\nUNSUB a' \
    "+OK\\n$lines\\n$lines\\n+OK 1"
answers main "COUNT 02 is 2" 'SUB a COUNT 02\nPUB a x\nPUB a x\nUNSUB a' \
    "+OK\\n$lines\\nMSG a x\\n! DONE a count\\n+OK 1\\n+OK 0"

# ---- Two clients ---------------------------------------------------------------------

subscribe other openbsd ask 127.0.0.1 "$(port main)"
say other "NAME bob"
wait_until has_lines "$work/other.out" 2
for i in 1 2; do # each handler once
	is "a name that somebody has is taken, handler $i" "-ERR TAKEN" \
	    "$(echo 'NAME bob' | talk openbsd 127.0.0.1 "$(port main)" | codes)"
	is "no answer in time, handler $i" "+OK
-ERR TIMEOUT
#t -ERR TIMEOUT" "$(printf 'SET timeout 1ms\nREQ ask x\n#t REQ ask x\n' |
	    talk openbsd 127.0.0.1 "$(port main)" | codes)"
done
wait_until has_lines "$work/other.out" 6
like "a late one is told that it is" '^REQ ask [0-9]+ x$' "$work/other.out"
say other "REP $(sed -n 's/^REQ ask \([0-9]*\) .*/\1/p' "$work/other.out" | head -n 1) late"
wait_until file_has "$work/other.out" '^-ERR GONE'
for i in 1 2; do
	connect asker openbsd 127.0.0.1 "$(port main)"
	say asker "REQ ask question $i"
	wait_until file_has "$work/other.out" " question $i\$"
	id=$(sed -n "s/^REQ ask \\([0-9]*\\) question $i\$/\\1/p" "$work/other.out")
	before=$(wc -l <"$work/other.out")
	say other "REP ${id%?} wrong" "REP 00$id answer $i"
	wait_until has_lines "$work/other.out" $((before + 2))
	is "an id is compared whole, and zeros in front are none, handler $i" "-ERR GONE
+OK" "$(tail -n 2 "$work/other.out" | codes)"
	wait_until has_lines "$work/asker.out" 1
	is "the answer is the final of the REQ, handler $i" "+OK answer $i" \
	    "$(cat "$work/asker.out")"
	leave asker
done
leave other

is "a last line without its LF is not run" "+OK
-ERR UNTERMINATED" "$(printf 'PING\nPUB h.n 21' | talk openbsd 127.0.0.1 "$(port main)" | codes)"
is "it was not" "$all " "$(stored 'READ h.n')"

stop_daemon
unlike "the log has no control bytes" "$(printf '[\001-\010\013-\037\177]')" "$work/log"
done_testing
