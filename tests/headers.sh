#!/bin/sh
# SPDX-License-Identifier: MIT
# amy.h stands on its own, in C and in C++, with every warning on.
set -u

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

cat >"$work/use.c" <<'END'
#include "amy.h"
#include "amy.h"

int use(struct amy_registrar *registrar, int fd, amy_id *id);

int
use(struct amy_registrar *registrar, int fd, amy_id *id)
{
	return amy_registrar_register(registrar, fd, AMY_BOTH | AMY_HUP, registrar, id) +
	       (int)amy_id_index(*id);
}
END
cp "$work/use.c" "$work/use.cc"

number=0

# compiles NAME SOURCE COMPILER OPTION...
compiles()
{
	name=$1 source=$2
	shift 2
	number=$((number + 1))
	if ! command -v "$1" >/dev/null; then
		echo "ok $number - $name # SKIP there is no $1"
		return
	fi
	"$@" -pedantic-errors -Wall -Wextra -Werror -I"$top_srcdir/src/libamy" \
	    -c -o "$work/use.o" "$source" 2>"$work/errors" || printf 'not '
	echo "ok $number - $name"
	sed 's/^/# /' "$work/errors"
}

echo "1..3"
compiles "as C11" "$work/use.c" ${CC:-cc} -std=c11 -Wstrict-prototypes
compiles "as C++11" "$work/use.cc" ${CXX:-c++} -std=c++11
compiles "as C++20" "$work/use.cc" ${CXX:-c++} -std=c++20
