#!/bin/sh
# SPDX-License-Identifier: MIT
# The lives of a registration and of a channel, checked exhaustively by spin: as they are,
# nothing is found; with each precaution taken away, spin finds what goes wrong.

[ "${SANITIZER:-no}" = no ] || { echo "1..0 # SKIP no sanitizer looks at a model"; exit 0; }
models=$top_srcdir/tests/model
cc=${CC:-cc}

for tool in spin "$cc"; do
    command -v "$tool" >/dev/null || { echo "1..0 # SKIP no $tool"; exit 0; }
done
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# errors MODEL FLAG: how many errors spin finds in the model, built with -DFLAG
errors() {
    spin -D"$2" -a "$models/$1.pml" >log 2>&1 && "$cc" -O2 -DSAFETY -DNOREDUCE -o pan pan.c >>log 2>&1 &&
        ./pan -m1000000 -n >>log 2>&1
    sed -n 's/.*errors: \([0-9]*\)$/\1/p' log
}

# point SENTENCE EXPECTED MODEL FLAG
point() {
    n=$((n + 1))
    found=$(errors "$3" "$4")
    if [ "$found" = "$2" ] && ! grep -q 'max search depth too small' log; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        sed 's/^/# /' log
    fi
}

n=0
echo 1..17
point 'a registration has one owner, and is not lost' 0 registration AS_IT_IS
point 'without a state for the time of the call, a stranger is armed' 1 registration BUG_NO_ARMING
point 'without rounds, one arming is taken for another' 1 registration BUG_NO_ROUND
point 'without generations, an event reaches the next registration' 1 registration BUG_NO_GENERATION
point 'taking what a thread owns makes two owners' 1 registration BUG_TAKE_OWNED
point 'a registration that is cancelled is never armed again' 0 registration CANCEL
point 'without a mark, one that was cancelled is left for ever' 1 registration BUG_NO_MARK
point 'a mark that is set while it is armed must be seen after that' 1 registration BUG_MARK_NOT_SEEN_AFTER_ARMING
point 'an event must leave the mark as it is' 1 registration BUG_MARK_LOST_BY_EVENT
point 'a channel loses no message, keeps their order, and wakes its receiver' 0 channel AS_IT_IS
point 'with one cell, a message is overwritten' 1 channel BUG_ONE_CELL
point 'if the end is not in the tail, a message is accepted after it' 1 channel BUG_CLOSED_APART
point 'if the end does not wait for what is claimed, it comes too early' 1 channel BUG_END_BEFORE_CLAIMED
point 'a receiver that does not look again sleeps on a message' 1 channel BUG_NO_SECOND_LOOK
point 'a receiver that clears after it says that it waits does so, too' 1 channel BUG_CLEAR_LAST
point 'what was found by looking again must make it readable again' 1 channel BUG_NOT_READABLE_AGAIN
point 'a notice that is put while others are cleared is not counted' 1 channel BUG_TAKEN_WHILE_CLEARING
