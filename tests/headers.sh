#!/bin/sh
# SPDX-License-Identifier: MIT
# amy.h stands on its own, in C and in C++, with every warning on.
set -u

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

cat >"$work/use.c" <<'END'
#include "amy.h"
#include "amy.h"

struct client {
	struct amy_line_reader in;
	struct amy_line_writer out;
	struct amy_frame_reader frames_in;
	struct amy_frame_writer frames_out;
	struct amy_datagram datagram;
	struct amy_signal signal;
	char header[AMY_FRAME_HEADER_MAX];
};

int use(struct amy_registrar *registrar, struct client *client, int fd, amy_id *id);

int
use(struct amy_registrar *registrar, struct client *client, int fd, amy_id *id)
{
	unsigned interest = amy_line_writer_pending(&client->out, NULL) > 0 ? AMY_BOTH : AMY_READ;

	amy_frame_reader_init(&client->frames_in, AMY_FRAME_NETSTRING, sizeof client->header);
	return amy_registrar_register(registrar, fd, interest | AMY_HUP, client, id) +
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
	"$@" -pedantic-errors -Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror \
	    -I"$top_srcdir/src/libamy" -c -o "$work/use.o" "$source" 2>"$work/errors" ||
		printf 'not '
	echo "ok $number - $name"
	sed 's/^/# /' "$work/errors"
}

echo "1..6"
compiles "as C11" "$work/use.c" ${CC:-cc} -std=c11 -Wstrict-prototypes
compiles "as C23, or what there is of it" "$work/use.c" ${CC:-cc} -std=c2x -Wstrict-prototypes
for cxx in g++ clang++; do
	compiles "as C++11, by $cxx" "$work/use.cc" $cxx -std=c++11
	compiles "as C++20, by $cxx" "$work/use.cc" $cxx -std=c++20
done
