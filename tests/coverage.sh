#!/bin/sh
# SPDX-License-Identifier: MIT
# What of libamy its own unit tests run: "make coverage". Builds in the folder coverage/ of the
# build, runs the tests named as arguments, and prints gcovr's table. Fails if fewer than 98 %
# of the lines, or 92 % of the branches, were run.

set -eu
least_lines=98
least_branches=92

# As gcovr will find the files: without "..".
top_srcdir=$(cd "$top_srcdir" && pwd -P)

command -v gcovr >/dev/null || {
	echo "coverage: gcovr is needed; on Debian: apt-get install gcovr" >&2
	exit 77
}
if [ -f "$top_srcdir/config.status" ]; then
	echo "coverage: the source tree itself is configured, and so another folder cannot be: type" >&2
	echo "make distclean, and build in a folder of its own: mkdir build; cd build; ../configure" >&2
	exit 1
fi

rm -rf coverage
mkdir coverage
cd coverage
"$top_srcdir/configure" --quiet CC="${CC:-gcc}" \
	CFLAGS='-O0 -g --coverage -fprofile-update=atomic'
${MAKE:-make} --no-print-directory "$@" >build.log 2>&1 || {
	tail -n 30 build.log >&2
	exit 1
}
status=0
${MAKE:-make} --no-print-directory check-TESTS TESTS="$*" >check.log 2>&1 || status=$?
grep -v '^PASS: ' check.log
rm -f a-conftest.gcno
measure() {
	gcovr --root "$top_srcdir" --filter "$top_srcdir/src/libamy/[^/]*\$" "$@" .
}
measure --branches
measure --print-summary --fail-under-line $least_lines --fail-under-branch $least_branches ||
	status=$?
exit $status
