#!/bin/sh
# SPDX-License-Identifier: MIT
# The shared library exports the functions that amy.h declares and libamy.map lists, each with
# a version, and nothing else.
set -u

header=$top_srcdir/src/libamy/amy.h
map=$top_srcdir/src/libamy/libamy.map
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

number=0

# none WORDS HEADING LINES: there are no such lines
none()
{
	number=$((number + 1))
	[ -z "$3" ] || printf 'not '
	echo "ok $number - $1"
	[ -z "$3" ] || printf '%s\n' "$3" | sed "s/^/# $2: /"
}

sed -n 's/^AMY_API .*\(amy_[a-z0-9_]*\)(.*/\1/p' "$header" | sort >"$work/declared"

# "NAME VERSION" of each name in the map
awk '
	/^AMY_[0-9]+ \{$/ { version = $1 }
	/^\t[a-z0-9_]+;$/ { sub(/;/, "", $1); print $1, version }
' "$map" | sort >"$work/listed"
cut -d' ' -f1 "$work/listed" >"$work/names"

# The same of what is exported. A version is a symbol, too, with its own name.
nm -D --defined-only --with-symbol-versions "$library" |
	awk '$2 == "A" { next } { sub(/@+/, " ", $3); print $3 }' | sort >"$work/exported"
cut -d' ' -f1 "$work/exported" | sort >"$work/names_exported"
ndeclared=$(grep -c '^AMY_API ' "$header")

echo "1..6"

number=1
[ "$ndeclared" -gt 0 ] && [ "$(wc -l <"$work/declared")" -eq "$ndeclared" ] || printf 'not '
echo "ok 1 - every declaration of amy.h was read"
none "what is declared is exported" "not exported" \
    "$(comm -23 "$work/declared" "$work/names_exported")"
none "nothing else is exported" "not declared" \
    "$(comm -13 "$work/declared" "$work/names_exported")"
none "what is declared is in libamy.map" "not in it" \
    "$(comm -23 "$work/declared" "$work/names")"
none "nothing else is in libamy.map" "not declared" \
    "$(comm -13 "$work/declared" "$work/names")"
if grep -q '^[^#].*-Wl,--version-script=' "$top_builddir/Makefile"; then
	none "each symbol has the version that libamy.map says" "differs" \
	    "$(comm -3 "$work/listed" "$work/exported")"
else
	echo "ok 6 - each symbol has the version that libamy.map says # SKIP the linker has none"
fi
