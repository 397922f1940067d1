#!/bin/sh
# SPDX-License-Identifier: MIT
# As many quiet clients as this machine lets one process have: each is answered, and costs little.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

# Of two processes; the daemon has some descriptors besides, and memory that sanitizers multiply.
case $SANITIZER in
no | '') nclients=19900 ;;
*) nclients=4000 ;;
esac
limit=$(ulimit -H -n)
[ "$limit" = unlimited ] || [ "$limit" -ge $((nclients + 64)) ] ||
    skip_all "only $limit descriptors: $nclients clients need more"
ulimit -S -n "$limit" || skip_all "the limit of descriptors cannot be raised"

start_daemon <<END
handlers = 2
max_clients = $nclients
listen main { address = "127.0.0.1:0" }
listen asks { address = "$work/sock" }
END
main_port=$(port main)
before=$(memory Rss)
half=$((nclients / 2 - 1))
hold some "$main_port" $half --from 127.0.0.2
hold more "$main_port" $half --from 127.0.0.3
is "so many are served: $half" "held $half" "$(cat "$work/some.out")"
is "and as many again" "held $half" "$(cat "$work/more.out")"
is "they are counted" "$((2 * half + 1))" "$(counter clients.connected)"
after=$(memory Rss)
bytes=$(((after - before) * 1024 / (2 * half)))
echo "# $bytes bytes a client"
if [ "$SANITIZER" = no ]; then
	check "a quiet one costs less than 2 KiB" [ "$bytes" -lt 2048 ]
else
	skip "a quiet one costs less than 2 KiB" "memory of a build with sanitizers"
fi

# has_answered NAME: all of them, once more
has_answered()
{
	file_has "$work/$1.out" "^answered $half\$"
}

say some ask
say more ask
check "after a while each of them is answered" wait_until has_answered some
check "each of the others, too" wait_until has_answered more
is "and all of them with +OK" "answered $half held $half" \
    "$(sort -u "$work/some.out" "$work/more.out" | tr '\n' ' ' | sed 's/ $//')"
seq -f 'PING %.0f' 1 1000 | talk openbsd "$work/sock" >"$work/out"
seq -f '+OK %.0f' 1 1000 >"$work/expected"
same "one who talks has all its answers, in order" "$work/expected" "$work/out"
let_go some
let_go more
check "when they have gone, they are forgotten" wait_until counter_is clients.connected 1
stop_daemon

done_testing
