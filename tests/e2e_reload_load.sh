#!/bin/sh
# SPDX-License-Identifier: MIT
# The configuration is read again 1,000 times under full load, each time another one: no
# connection and no line is lost, of which tests/storm.c and amybench keep the account.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

case $SANITIZER in
no | '') nreloads=1000 ;;
*) nreloads=300 ;;
esac
nreloads=${AMY_RELOADS:-$nreloads}

base='handlers = 4
listen steady { address = "127.0.0.1:0"  queue = "64M" }
listen other_control { address = "127.0.0.1:0" }
history h { match = "h.>"  lines = 500 }
rule copies { match = "r.>"  to = {"subject:copy"} }'
start_daemon <<END
$base
listen main { address = "127.0.0.1:0" }
listen other_echo { address = "127.0.0.1:0"  mode = "echo" }
END
cp "$work/conf" "$work/conf.a"
cat >"$work/conf.b" <<END
lease = "100ms"
max_clients = 9000
drain_time = "3s"
log { level = "warning" }
rule sink { match = "h.>"  to = {"file:$work/sink.out", "file:$work/sink.too"} }
$base
history other { match = "other.>"  lines = 10 }
listen main { address = "127.0.0.1:0"  queue = "900K"  line_rate = 1000000  idle_time = "1h" }
listen other_new { address = "127.0.0.1:0" }
listen other_echo { address = "127.0.0.1:0"  mode = "echo"  max_line = "32K"  line_time = "10m" }
listen local { address = "$work/sock" }
END
cat >"$work/conf.c" <<END
rule sink { match = "h.>"  regex = "7"  to = {"file:$work/sink.out"} }
$base
listen other_echo { address = "127.0.0.1:0"  mode = "echo"  per_ip = 5000 }
listen main { address = "127.0.0.1:0"  accept_rate = 1000000 }
END

# Clients that echo, until there is a word that it is enough.
echoes()
{
	local n=0

	while [ ! -e "$work/enough" ]; do
		n=$((n + 1))
		"$top_builddir/amybench" -q -c 20 -w 0 -d 1s echo "127.0.0.1:$(port other_echo)" ||
		    return 1
	done
	echo "$n times"
}

"$top_builddir/tests/storm" --until-told --steady-port "$(port steady)" 127.0.0.1 "$(port main)" \
    >"$work/storm.out" 2>&1 &
storm=$!
children="$children $storm"
echoes >"$work/echoes.out" 2>&1 &
echoes=$!
children="$children $echoes"
connect stays openbsd 127.0.0.1 "$(port other_control)"
say stays 'PING before'
wait_until has_lines "$work/stays.out" 1
reloads()
{
	"$top_builddir/tests/reloads" $((nreloads / 2)) "$daemon" "$work/conf" \
	    "$(port other_control)" "$work/conf.b" "$work/conf.a" "$work/conf.c"
}
check "$((nreloads / 2)) reloads under full load" reloads
kill -TERM "$storm"
check "the clients came to rest, and go on" \
    wait_until file_has "$work/storm.out" '^# in the first part'
check "$((nreloads / 2)) reloads more" reloads
kill -TERM "$storm"
: >"$work/enough"
wait_for_end "$storm"
is "of 64 clients that did anything meanwhile, no line was lost, doubled or out of order" 0 \
    "$status"
[ "$status" = 0 ] || sed 's/^/#   /' "$work/storm.out"
wait_for_end "$echoes"
is "of 20 that wanted an echo, each had it" 0 "$status"
[ "$status" = 0 ] || sed 's/^/#   /' "$work/echoes.out"
tail -n 1 "$work/storm.out" "$work/echoes.out" | sed 's/^/# /'
say stays 'PING after'
wait_until has_lines "$work/stays.out" 2
is "who was there before is there still" "+OK before
+OK after" "$(cat "$work/stays.out")"
stop_daemon

done_testing
