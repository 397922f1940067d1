#!/bin/sh
# SPDX-License-Identifier: MIT
# An echo listener: each line back as it came, byte for byte.
. "${top_srcdir:-.}/tests/lib.sh"

need_netcats
start_daemon <<END
listen echo  { address = "127.0.0.1:0"  mode = "echo" }
listen short { address = "127.0.0.1:0"  mode = "echo"  max_line = "100" }
listen local { address = "$work/sock"  mode = "echo" }
END
echo_port=$(port echo)
short_port=$(port short)

# comes_back NAME KIND ADDRESS...: what is in $work/in does
comes_back()
{
	local name=$1

	shift
	talk "$@" <"$work/in" >"$work/out"
	same "$name" "$work/in" "$work/out"
}

# As the manual page says it.
is "printf hello, nc -N prints hello" hello \
    "$(printf 'hello\n' | nc.openbsd -N 127.0.0.1 "$echo_port")"

for kind in $kinds; do
	printf 'a\nb' >"$work/in"
	comes_back "$kind: a last line without its LF comes back without one" \
	    "$kind" 127.0.0.1 "$echo_port"
done
for kind in openbsd ncat socat; do
	comes_back "$kind: likewise through a Unix socket" "$kind" "$work/sock"
done

printf 'a\r\n\r\nb\rc\n\r' >"$work/in"
comes_back "CR is kept, wherever it stands" openbsd 127.0.0.1 "$echo_port"

printf '\n\n\na\n\n\nb\n\n' >"$work/in"
comes_back "empty lines come back" openbsd 127.0.0.1 "$echo_port"

: >"$work/in"
comes_back "nothing comes back for nothing" openbsd 127.0.0.1 "$echo_port"

printf '\000a\000\n\000\n\033[31mred\007\177\n' >"$work/in"
i=128
while [ "$i" -lt 256 ]; do
	# shellcheck disable=SC2059
	printf "\\$(printf %o "$i")" >>"$work/in"
	i=$((i + 1))
done
printf '\n\377\376\000' >>"$work/in"
for kind in $kinds; do
	comes_back "$kind: NUL, control bytes and 0x80 to 0xff are data" \
	    "$kind" 127.0.0.1 "$echo_port"
done

# line N: N bytes and LF
line()
{
	head -c "$1" /dev/zero | tr '\0' x
	echo
}

# too_long LISTENER LIMIT N: how a line of N bytes is answered, and the one after it
too_long()
{
	{ echo before; line "$3"; echo after; } >"$work/in"
	printf 'before\n-ERR TOOLONG limit=%s\nafter\n' "$2" >"$work/expected"
	talk openbsd 127.0.0.1 "$(port "$1")" <"$work/in" >"$work/out"
	same "$1: a line of $3 bytes is refused once, and the next one works" \
	    "$work/expected" "$work/out"
}

for limit in 100 65536; do
	case $limit in
	100) name=short ;;
	*) name=echo ;;
	esac
	{ line "$limit"; echo after; line "$((limit - 1))"; } >"$work/in"
	comes_back "$name: lines of $limit bytes, the limit, and of one less come back" \
	    openbsd 127.0.0.1 "$(port "$name")"
	too_long "$name" "$limit" "$((limit + 1))"
	too_long "$name" "$limit" "$((limit * 10))"
done

head -c 101 /dev/zero | tr '\0' x >"$work/in"
echo "-ERR TOOLONG limit=100" >"$work/expected"
talk openbsd 127.0.0.1 "$short_port" <"$work/in" >"$work/out"
same "a last line that is too long is refused, LF or no LF" "$work/expected" "$work/out"

head -c 100 "$work/in" >"$work/cut" && mv "$work/cut" "$work/in"
comes_back "a last line of just the limit comes back without LF" openbsd 127.0.0.1 "$short_port"

{ line 101; line 1000; echo; line 101; } >"$work/in"
printf '%s\n' "-ERR TOOLONG limit=100" "-ERR TOOLONG limit=100" "" "-ERR TOOLONG limit=100" \
    >"$work/expected"
talk openbsd 127.0.0.1 "$short_port" <"$work/in" >"$work/out"
same "each of several lines that are too long is refused by itself" "$work/expected" "$work/out"

seq 1 10000 >"$work/in"
"$peer" talk 127.0.0.1 "$echo_port" <"$work/in" >"$work/out"
same "10000 lines in one send come back in order" "$work/in" "$work/out"
for kind in $kinds; do
	comes_back "$kind: 10000 lines come back in order" "$kind" 127.0.0.1 "$echo_port"
done

stop_daemon
done_testing
