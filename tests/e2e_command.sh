#!/bin/sh
# SPDX-License-Identifier: MIT
# The command mode, verb by verb: what is typed, and what comes back.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
start_daemon <<END
listen main  { address = "127.0.0.1:0" }
listen few   { address = "127.0.0.1:0"  max_subs = 3 }
listen none  { address = "127.0.0.1:0"  max_subs = 0 }
listen short { address = "127.0.0.1:0"  max_line = "20" }
END

# Of a failure the code, of SYNTAX the right form too: the rest is for people.
codes()
{
	sed -E '/-ERR SYNTAX/!s/^((#[^ ]+ )?(-ERR|! BYE) [A-Z]+).*/\1/'
}

# answers LISTENER NAME INPUT EXPECTED: with printf's escapes (\0ooo); a LF ends the input.
# Subscriptions outlive the end of the input: so there is a tagged QUIT, whose final is no
# part of what is compared.
answers()
{
	printf '%b\n#z QUIT\n' "$3" >"$work/in"
	printf '%b\n' "$4" >"$work/expected"
	[ -n "$4" ] || : >"$work/expected"
	talk openbsd 127.0.0.1 "$(port "$1")" <"$work/in" | sed '/^#z +OK bye$/d' | codes >"$work/out"
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
a verb of the future|READ a|-ERR UNKNOWN
a space in front of the verb|\0040PING|-ERR UNKNOWN
the beginning of a verb is none|PIN|-ERR UNKNOWN
a verb with bytes behind it is none|PINGX|-ERR UNKNOWN
a verb with NUL behind it is none|PING\0000|-ERR UNKNOWN

PUB to nobody|PUB a.b hello|+OK 0
PUB without a subject|PUB|-ERR SYNTAX PUB <subject> <text>
PUB with two spaces has no subject|PUB  a x|-ERR SYNTAX PUB <subject> <text>
SUB without a pattern|SUB|-ERR SYNTAX SUB <pattern>
SUB with two words|SUB a b|-ERR SYNTAX SUB <pattern>
SUB with a space at its end|SUB a \nPUB a x|-ERR SYNTAX SUB <pattern>\n+OK 0
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
a name is no subject|PUB @alice x|-ERR SUBJECT
a dollar is no subject|PUB $SYS x|-ERR SUBJECT
the daemon's own subjects are denied|PUB _amyd.client.up x|-ERR DENIED
the daemon's own root is denied|PUB _amyd x|-ERR DENIED
what only begins like it is not|PUB _amydx.y x|+OK 0
the daemon's own subjects can be followed|SUB _amyd.>|+OK

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
for verb in ECHO HELP PING PUB QUIT SUB UNSUB; do
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
echo "# seed 7"
"$peer" random --seed 7 --lines 500 --min 1 --max 200 | "$peer" talk 127.0.0.1 "$(port main)" >"$work/out"
is "random bytes are answered line by line" "" "$(grep -Ev '^(#[A-Za-z0-9_-]+ )?-ERR [A-Z]+' "$work/out")"
printf '\026\003\001\002\000\001\000\001\374\003\003\n' | talk openbsd 127.0.0.1 "$(port main)" >"$work/out"
like "a TLS ClientHello is an unknown verb" '^-ERR UNKNOWN' "$work/out"
printf 'SSH-2.0-OpenSSH_9.2\r\n' | talk openbsd 127.0.0.1 "$(port main)" >"$work/out"
like "so is the banner of SSH" '^-ERR UNKNOWN' "$work/out"

stop_daemon
unlike "the log has no control bytes" "$(printf '[\001-\010\013-\037\177]')" "$work/log"
done_testing
