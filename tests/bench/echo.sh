#!/bin/sh
# SPDX-License-Identifier: MIT
# Server CPU per echoed line against the floor, a bare epoll loop: in one run, in turn, the
# median of several rounds. A benchmark: it prints ratios and judges nothing.
#
# usage: echo.sh [rounds [milliseconds]]    (top_builddir: where the programs are)

rounds=${1:-5}
ms=${2:-2000}
bin=${top_builddir:-.}
dir=$(mktemp -d) || exit 1
pids=

stop() {
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM

# wait_for FILE
wait_for() {
    i=0
    while [ ! -s "$1" ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
    [ -s "$1" ] || { echo "echo.sh: no $1" >&2; exit 1; }
}

# start_amyd NAME HANDLERS
start_amyd() {
    printf 'handlers = %s\nlisten echo { address = "127.0.0.1:0" mode = "echo" }\n' "$2" \
        >"$dir/$1.conf"
    "$bin/amyd" -l stderr -c "$dir/$1.conf" -p "$dir/$1.ports" 2>"$dir/$1.log" &
    eval "$1_pid=$!"
    pids="$pids $!"
    wait_for "$dir/$1.ports"
    eval "$1_port=$(awk '/^echo/ { print $3 }' "$dir/$1.ports")"
}

"$bin/tests/bench/floor_echo" "$dir/floor.port" &
floor_pid=$!
pids="$pids $!"
wait_for "$dir/floor.port"
floor_port=$(cat "$dir/floor.port")
start_amyd amyd1 1
start_amyd amyd2 2

# measure NAME CONNECTIONS IN-FLIGHT: a row for each server and round
measure() {
    eval "port=\$$1_port pid=\$$1_pid"
    row=$("$bin/tests/bench/echo_load" "$port" "$pid" "$2" "$3" "$ms") || exit 1
    echo "$2x$3 $1 $row" >>"$dir/rows"
}

for load in '50 1' '200 1' '50 16' '50 128'; do
    round=0
    while [ $round -lt "$rounds" ]; do
        for server in floor amyd1 amyd2; do
            # shellcheck disable=SC2086
            measure $server $load
        done
        round=$((round + 1))
        printf '\r%-60s' "$load: round $round of $rounds" >&2
    done
done
printf '\r%-60s\r' '' >&2

# median FIELD OF load AND server
median() {
    awk -v load="$1" -v server="$2" -v field="$3" \
        '$1 == load && $2 == server { print $field }' "$dir/rows" | sort -n |
        awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

printf '%-8s %-6s %14s %12s %8s\n' load server 'CPU us/line' lines/s ratio
for load in 50x1 200x1 50x16 50x128; do
    floor=$(median $load floor 3)
    for server in floor amyd1 amyd2; do
        cpu=$(median $load $server 3)
        printf '%-8s %-6s %14s %12s %8s\n' $load $server "$cpu" \
            "$(median $load $server 4)" \
            "$(awk -v a="$cpu" -v b="$floor" 'BEGIN { printf "%.2f", a / b }')"
    done
done
