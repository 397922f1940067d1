#!/bin/sh
# SPDX-License-Identifier: MIT
# Many clients that come, do anything at any time, and go however they like; a few that watch.
# tests/storm.c says what is verified. AMY_STORM_SECONDS=60 makes it longer, AMY_STORM_SEED
# another one.
. "${top_srcdir:-.}/tests/lib.sh"

storm=$top_builddir/tests/storm
seed=${AMY_STORM_SEED:-1}
case $SANITIZER in
no | '') nlines=40000 ;;
*) nlines=12000 ;;
esac
if [ -n "${AMY_STORM_SECONDS:-}" ]; then
	set -- --seconds "$AMY_STORM_SECONDS"
else
	set -- --lines "$nlines"
fi

# The steady readers read all the time, but nobody promises that they have the processor.
start_daemon <<END
handlers = 4
listen main   { address = "127.0.0.1:0" }
listen local  { address = "$work/sock" }
listen feed   { address = "127.0.0.1:0"  mode = "publish"  subject = "feed" }
listen feed_local { address = "$work/feed"  mode = "publish"  subject = "feed" }
listen steady { address = "127.0.0.1:0"  queue = "64M" }
history h     { match = "h.>"  lines = 500 }
rule copies   { match = "r.>"  to = {"subject:copy"} }
rule file     { match = "s.a.x"  to = {"file:$work/target"} }
END
check "64 clients do anything: every line has its final, and steady readers miss nothing" \
    "$storm" --seed "$seed" --steady-port "$(port steady)" --feed-port "$(port feed)" \
    --feed-unix "$work/feed" --unix "$work/sock" --daemon "$daemon" "$@" \
    127.0.0.1 "$(port main)"
sed 's/^#* */# /' "$work/check.out"
stop_daemon

# Queues that are full all the time, and members of groups that come and go.
start_daemon <<END
handlers = 4
listen main   { address = "127.0.0.1:0"  queue = "8K"  slow_time = "100ms" }
listen steady { address = "127.0.0.1:0"  queue = "64M" }
history h     { match = "h.>"  lines = 5 }
rule copies   { match = "r.>"  to = {"subject:copy"} }
END
check "the same where queues are short, and little is stored" \
    "$storm" --seed "$seed" --lines $((nlines / 4)) --clients 20 --may-be-cut \
    --steady-port "$(port steady)" 127.0.0.1 "$(port main)"
sed 's/^#* */# /' "$work/check.out"
stop_daemon

done_testing
