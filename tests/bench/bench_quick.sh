#!/bin/sh
# SPDX-License-Identifier: MIT
# The benchmarks work: each is made once, for a moment, with few clients. What they measure is
# not looked at here. With a sanitizer, only one of them.
. "${top_srcdir:-.}/tests/lib.sh"

bench=$top_srcdir/tests/bench/bench.sh
results=$work/out/results.tsv
case $SANITIZER in
no | '') parts="echo sparse fanout idle memory route fairness start library" ;;
*) parts="echo" ;;
esac
mkdir "$work/tmp"

# run_bench OPTION... PART...: its output in $work/tables
run_bench() {
    TMPDIR=$work/tmp sh "$bench" -o "$work/out" "$@" >"$work/tables" 2>"$work/complaints" ||
        { cat "$work/complaints"; return 1; }
}

# Nothing runs that was started by it; all such have its TMPDIR in their environment.
is_all_over() {
    ! grep -qs "TMPDIR=$work/tmp" /proc/[0-9]*/environ && [ -z "$(ls "$work/tmp")" ]
}

# is_echoing SERVER: a row for each load; where the machine had no time for anything within one,
# others have CPU, throughput, p50 and p99
is_echoing() {
    awk -F '\t' -v server="$1" '
        $1 == "echo" && $3 == server {
            nrows++
            if ($5 > 0 && $6 > 0 && $7 > 0 && $8 > 0)
                nfull++
        }
        END { exit nrows != 4 || nfull == 0 }' "$results"
}

# ---- A quick look at everything --------------------------------------------------------------

# shellcheck disable=SC2086 # a list of parts
check "each benchmark runs" run_bench -r 1 -d 0.02 -q 50 $parts
check "what it has started is over, and its folder is gone" is_all_over
sed 's/^/# /' "$work/tables"

for server in floor1 floor2 amyd1 amyd2; do
    check "echo: $server is measured" is_echoing $server
done
like "the table of echo has the ratio to the floor" \
    '^  amyd, handlers = 1 +(([0-9]+\.[0-9][0-9]|-) *){4}$' "$work/tables"
like "what amyd is to reach stands beside what was measured" \
    '^  echo [0-9x]+, handlers = 1, .* 1\.10 +[0-9.]+$' "$work/tables"

for part in $parts; do
    case $part in
    echo) continue ;;
    sparse) title='^sparse echo, ' server=amyd1 ;;
    fanout) title='^fan-out, ' server=floor_fanout ;;
    idle) title='^50 busy clients' server=crowded ;;
    memory) title='^resident memory of an idle client' server=amyd1 ;;
    route) title='^CPU of a publication' server=many ;;
    fairness) title='^others beside one client' server=amyd2 ;;
    start) title='^  start, until the ports are told' server=amyd1 ;;
    library) title='^libamy and other libraries: CPU over' server=libamy ;;
    esac
    like "$part is measured" "^$part	.*	$server	1	" "$results"
    like "$part has a table" "$title" "$work/tables"
done

case " $parts " in
*' start '*)
    like "a daemon that ends says goodbye to a crowd, and to each of it" \
        '^start	crowd_missed	amyd1	1	.*	0$' "$results"
    ;;
esac

if ! command -v gnuplot >/dev/null; then
    skip "the bars are drawn" "there is no gnuplot"
else
    like "the bars are drawn" '</svg>' "$work/out/bench.svg"
fi

# ---- Some parts, the end before its time, and what is not understood -------------------------

check "only the parts that are asked for run" run_bench -r 2 -d 0.01 -q 1000 library
is "each round is nine turns" 18 "$(grep -c '^library	rearm-64	libamy	' "$results")"
unlike "no other one is" '^(echo|start)	' "$results"

rm "$results"
TMPDIR=$work/tmp sh "$bench" -o "$work/out" -r 1000 -d 0.05 echo >/dev/null 2>&1 &
pid=$!
children="$children $pid"
wait_until has_lines "$results" 3
kill -TERM $pid
wait_for_end $pid
is "it ends when it is told to" 143 "$status"
check "and so does all that it has started" wait_until is_all_over

# refuses MESSAGE ARGUMENT...
refuses() {
    local message="$1"

    shift
    sh "$bench" -o "$work/out" "$@" >"$work/tables" 2>&1
    [ $? -eq 64 ] && grep -q -- "$message" "$work/tables"
}

check "an unknown part is refused" refuses 'there is no part ecko' ecko
check "rounds are a whole number" refuses 'whole numbers from 1 to 1000' -r 1.5 echo
check "and so is the scale" refuses 'whole numbers from 1 to 1000' -q 0 echo
check "seconds are a number" refuses '0.01 to 3600 seconds' -d soon echo

done_testing
