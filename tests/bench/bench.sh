#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC3043 # local
# shellcheck source-path=SCRIPTDIR
# amyd against the least that anything can do (the floor), and against its peers: in one run,
# in turn, the median of several rounds. It prints ratios and judges nothing.
#
# usage: bench.sh [-d seconds] [-r rounds] [-q scale] [-o folder] [part...]
#
#   -d   of each measurement (2)
#   -r   how often each is made (5)
#   -q   a quick look: so many times fewer clients and subscriptions (1)
#   -o   where results.tsv and bench.svg go (bench, where the programs are)
#
# Parts: echo sparse fanout idle memory route fairness start library; without any, all.
# top_builddir: where the programs are.
#
# A row of results.tsv is one measurement. Its last column is for what has no other one: bytes
# of memory a client, the longest that anybody waited, and of start what its load says.
#
# servers.sh says how each server is started, parts.sh what is measured, figures.awk how the
# results are read, report.awk and bars.awk what is made of them.

set -u
LC_ALL=C
export LC_ALL
unset NOTIFY_SOCKET

all_parts='echo sparse fanout idle memory route fairness start library'

usage() {
    sed -n 's/^# usage: /usage: /p; s/^# Parts: /parts: /p; s/^#   -/  -/p' "$0" >&2
    exit 64
}

seconds=2 rounds=5 scale=1 out=
while getopts d:r:q:o: option; do
    case $option in
    d) seconds=$OPTARG ;;
    r) rounds=$OPTARG ;;
    q) scale=$OPTARG ;;
    o) out=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))

# is_number TEXT LEAST MOST
is_number() {
    echo "$1" | awk -v least="$2" -v most="$3" \
        '{ exit !($0 ~ /^[0-9]+(\.[0-9]+)?$/ && $0 + 0 >= least && $0 + 0 <= most) }'
}

is_number "$seconds" 0.01 3600 || { echo "bench.sh: -d is 0.01 to 3600 seconds" >&2; usage; }
for number in "$rounds" "$scale"; do
    case $number in
    *.*) is_whole=false ;;
    *) is_whole=true ;;
    esac
    if ! $is_whole || ! is_number "$number" 1 1000; then
        echo "bench.sh: -r and -q are whole numbers from 1 to 1000" >&2
        usage
    fi
done
[ $# -gt 0 ] || eval "set -- $all_parts"
for part; do
    case " $all_parts " in
    *" $part "*) ;;
    *) echo "bench.sh: there is no part $part" >&2; usage ;;
    esac
done

here=$(cd "$(dirname "$0")" && pwd) || exit 1
bin=${top_builddir:-.}
: "${out:=$bin/bench}"
for program in amyd amybench tests/bench/floor_echo; do
    [ -x "$bin/$program" ] && continue
    echo "bench.sh: there is no $bin/$program: type make bench where amyd is built" >&2
    exit 69
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/amyd-bench.XXXXXX") || exit 1
results=$out/results.tsv
ms=$(awk -v s="$seconds" 'BEGIN { printf "%d", s * 1000 }')
warm_up=$((ms / 5))
pids=     # of the servers that run now
failures=0

# ---- What all parts share -------------------------------------------------------------

# Only what was started here, by its number.
stop_servers() {
    local pid

    # shellcheck disable=SC2086
    [ -z "$pids" ] || kill $pids 2>/dev/null
    for pid in $pids; do wait "$pid" 2>/dev/null; done
    pids=
}

clean_up() {
    progress ''
    stop_servers
    rm -rf "$dir"
}

progress() {
    [ ! -t 2 ] || printf '\r%-70s\r%s' '' "$1" >&2
}

# The reason goes where the tables go.
leave_out() {
    progress ''
    echo "left out: $*"
}

complain() {
    failures=$((failures + 1))
    progress ''
    echo "bench.sh: $*" >&2
}

# scaled N: so many clients or subscriptions
scaled() {
    echo $((($1 + scale - 1) / scale))
}

# wait_until COMMAND...: for 20 seconds at most
wait_until() {
    local polls=0

    until "$@"; do
        polls=$((polls + 1))
        [ $polls -lt 1000 ] || return 1
        sleep 0.02
    done
}

is_running() {
    grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null
}

# resident PID: kB
resident() {
    awk '/^Rss:/ { print $2 }' "/proc/$1/smaps_rollup"
}

# row PART LOAD SERVER ROUND CPU_NS LINES_S P50_NS P99_NS VALUE; "-" is nothing
row() {
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$results"
}

# json KEY... <OBJECT: their numbers, "-" for null or nothing
json() {
    awk -v keys="$*" '{
        n = split(keys, key, " ")
        for (i = 1; i <= n; i++) {
            value = "-"
            if (match($0, "\"" key[i] "\": *[0-9.e+-]+")) {
                value = substr($0, RSTART, RLENGTH)
                sub(/.*: */, "", value)
            }
            printf "%s%s", value, i < n ? " " : "\n"
        }
    }'
}

# measure PART LOAD SERVER ROUND OPTION... LOAD ADDRESS...: one run of amybench, one row
measure() {
    local part="$1" load="$2" server="$3" round="$4" pid

    shift 4
    eval "pid=\$${server}_pid"
    progress "$part $load: round $round of $rounds, $server"
    # shellcheck disable=SC2154
    if ! "$bin/amybench" -j -q -d "${ms}ms" -S "$pid" \
        "$@" >"$dir/json" 2>"$dir/amybench.log"; then
        complain "$server, $part $load: $(cat "$dir/amybench.log")"
        return
    fi
    # shellcheck disable=SC2046
    row "$part" "$load" "$server" "$round" $(json server_cpu_ns_per_line lines_per_second \
        latency_p50_ns latency_p99_ns server_rss_bytes_per_connection <"$dir/json")
}

# each_round COMMAND...: with the number of the round behind
each_round() {
    local round=1

    while [ $round -le "$rounds" ]; do
        "$@" $round
        round=$((round + 1))
    done
}

# The bars of echo, sparse, fanout and library.
draw() {
    awk -F '\t' -v dir="$dir" -f "$here/figures.awk" -f "$here/bars.awk" "$results"
    if [ ! -s "$dir/bars.gp" ]; then
        return
    elif ! command -v gnuplot >/dev/null; then
        leave_out "bench.svg: gnuplot is not there"
    elif gnuplot -e "dir='$dir'; out='$out/bench.svg'" "$here/bars.gp"; then
        echo "CPU over the floor, drawn: $out/bench.svg"
    else
        complain "gnuplot does not draw $out/bench.svg"
    fi
}

# ---- The run --------------------------------------------------------------------------

# shellcheck source=servers.sh
. "$here/servers.sh"
# shellcheck source=parts.sh
. "$here/parts.sh"

trap clean_up EXIT
mkdir -p "$out" || exit 1
printf 'part\tload\tserver\tround\tcpu_ns\tlines_s\tp50_ns\tp99_ns\tvalue\n' \
    >"$results" || exit 1
trap 'exit 130' INT
trap 'exit 143' TERM HUP PIPE
# shellcheck disable=SC3045 # every sh has it
ulimit -n "$(ulimit -H -n)"
# shellcheck disable=SC3045
max_descriptors=$(ulimit -n)

describe
for part; do
    "part_$part"
    stop_servers
done
progress ''
awk -F '\t' -f "$here/figures.awk" -f "$here/report.awk" "$results"
draw
echo "every measurement: $results"
[ "$failures" -eq 0 ] || { echo "bench.sh: $failures complaints, see above" >&2; exit 1; }
