#!/bin/sh
# SPDX-License-Identifier: MIT
# "make fuzz": builds everything a second time, with clang and libFuzzer, in the folder fuzz/ of the
# build, and lets each target look for inputs that break its checks, for fuzz_seconds (60) each.
# What it keeps is in fuzz/corpus/, what it has found in fuzz/found/; tests/fuzz/fuzz_NAME FILE
# runs that again. The targets are the arguments.

set -eu
seconds=${fuzz_seconds:-60}
top_srcdir=$(cd "$top_srcdir" && pwd -P)

command -v clang >/dev/null || {
	echo "fuzz: clang is needed; on Debian: apt-get install clang libclang-rt-dev llvm" >&2
	exit 77
}
if [ -f "$top_srcdir/config.status" ]; then
	echo "fuzz: the source tree itself is configured, and so another folder cannot be: type" >&2
	echo "make distclean, and build in a folder of its own: mkdir build; cd build; ../configure" >&2
	exit 1
fi

mkdir -p fuzz
cd fuzz
[ -f config.status ] || "$top_srcdir/configure" --quiet CC="${FUZZ_CC:-clang}" \
	CFLAGS='-g -O1 -fsanitize=fuzzer-no-link' --enable-sanitizer=address,undefined
mkdir -p found
status=0
ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=4 # else freeing costs more than the target
export ASAN_OPTIONS
for name; do
	set -- # a dictionary, if there is one
	[ ! -f "$top_srcdir/tests/fuzz/$name.dict" ] || set -- "-dict=$top_srcdir/tests/fuzz/$name.dict"
	${MAKE:-make} --no-print-directory "tests/fuzz/libfuzzer_$name"
	mkdir -p "corpus/$name"
	echo "fuzz: $name, for $seconds seconds"
	"tests/fuzz/libfuzzer_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
	    -print_final_stats=1 -artifact_prefix="found/$name-" "$@" "corpus/$name" \
	    "$top_srcdir/tests/fuzz/corpus/$name" >"$name.log" 2>&1 || {
		status=1
		tail -n 60 "$name.log"
	}
	grep -E '^stat::(number_of_executed_units|peak_rss_mb)' "$name.log" || :
done
exit $status
