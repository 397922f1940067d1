#!/bin/sh
# SPDX-License-Identifier: MIT
# The shared library exports the functions that amy.h declares, and nothing else.
set -u

header=$top_srcdir/src/libamy/amy.h
library=$top_builddir/.libs/libamy.so

skip()
{
	echo "1..0 # SKIP $1"
	exit 0
}

command -v nm >/dev/null || skip "there is no nm"
[ -e "$library" ] || skip "there is no shared library"

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

sed -n 's/^AMY_API .*\(amy_[a-z0-9_]*\)(.*/\1/p' "$header" | sort >"$work/declared"
nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | sort >"$work/exported"
ndeclared=$(grep -c '^AMY_API ' "$header")

echo "1..3"

[ "$ndeclared" -gt 0 ] && [ "$(wc -l <"$work/declared")" -eq "$ndeclared" ] || printf 'not '
echo "ok 1 - every declaration of amy.h was read"

missing=$(comm -23 "$work/declared" "$work/exported")
[ -z "$missing" ] || printf 'not '
echo "ok 2 - what is declared is exported"
[ -z "$missing" ] || printf '%s\n' "$missing" | sed 's/^/# not exported: /'

surplus=$(comm -13 "$work/declared" "$work/exported")
[ -z "$surplus" ] || printf 'not '
echo "ok 3 - nothing else is exported"
[ -z "$surplus" ] || printf '%s\n' "$surplus" | sed 's/^/# not declared: /'
