#!/bin/sh
# SPDX-License-Identifier: MIT
# 100000 lines of random bytes through 50 connections come back identical.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
seed=${SEED:-1}
echo "# seed $seed (set SEED to choose another)"

start_daemon <<END
handlers = 3
listen echo  { address = "127.0.0.1:0"  mode = "echo" }
listen small { address = "127.0.0.1:0"  mode = "echo"  queue = "4K" }
listen local { address = "$work/sock"  mode = "echo" }
END

check "100000 random lines of 1 to 4000 bytes through 50 connections come back identical" \
    "$peer" echo-random --connections 50 --lines 100000 --min 1 --max 4000 --seed "$seed" \
    127.0.0.1 "$(port echo)"
sed 's/^/# /' "$work/check.out"

check "tiny and empty lines through 50 connections come back identical" \
    "$peer" echo-random --connections 50 --lines 50000 --min 0 --max 20 --seed "$seed" \
    127.0.0.1 "$(port echo)"

check "lines about as long as they may be come back identical" \
    "$peer" echo-random --connections 5 --lines 200 --min 60000 --max 65536 --seed "$seed" \
    --window 1000000 127.0.0.1 "$(port echo)"

check "lines longer than the queue come back identical" \
    "$peer" echo-random --connections 10 --lines 2000 --min 1 --max 20000 --seed "$seed" \
    --window 1000000 127.0.0.1 "$(port small)"

check "random lines through a Unix socket come back identical" \
    "$peer" echo-random --connections 20 --lines 5000 --min 1 --max 4000 --seed "$seed" "$work/sock"

"$peer" random --lines 500 --min 1 --max 4000 --seed "$seed" >"$work/in"
talk openbsd 127.0.0.1 "$(port echo)" <"$work/in" >"$work/out"
same "random lines through a netcat come back identical" "$work/in" "$work/out"

stop_daemon
done_testing
