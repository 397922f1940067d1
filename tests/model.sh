#!/bin/sh
# SPDX-License-Identifier: MIT
# The life of a registration, checked exhaustively by spin: as it is, nothing is found; with
# each precaution taken away, spin finds what goes wrong.

model=$top_srcdir/tests/model/registration.pml
cc=${CC:-cc}

for tool in spin "$cc"; do
    command -v "$tool" >/dev/null || { echo "1..0 # SKIP no $tool"; exit 0; }
done
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# errors FLAG: how many errors spin finds in the model, built with -DFLAG
errors() {
    spin -D"$1" -a "$model" >log 2>&1 && "$cc" -O2 -DSAFETY -DNOREDUCE -o pan pan.c >>log 2>&1 &&
        ./pan -m1000000 -n >>log 2>&1
    sed -n 's/.*errors: \([0-9]*\)$/\1/p' log
}

# point SENTENCE EXPECTED FLAG
point() {
    n=$((n + 1))
    found=$(errors "$3")
    if [ "$found" = "$2" ] && ! grep -q 'max search depth too small' log; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        sed 's/^/# /' log
    fi
}

n=0
echo 1..5
point 'a registration has one owner, and is not lost' 0 AS_IT_IS
point 'without a state for the time of the call, a stranger is armed' 1 BUG_NO_ARMING
point 'without rounds, one arming is taken for another' 1 BUG_NO_ROUND
point 'without generations, an event reaches the next registration' 1 BUG_NO_GENERATION
point 'taking what a thread owns makes two owners' 1 BUG_TAKE_OWNED
