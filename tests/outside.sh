#!/bin/sh
# SPDX-License-Identifier: MIT
# The library as its users have it: installed, found by pkg-config, and linked to programs
# that know nothing of this tree, in C and in C++.
. "${top_srcdir:-.}/tests/lib.sh"

root=$work/root
cc=$(sed -n 's/^CC = //p' "$top_builddir/Makefile")
sanitize=
[ "$SANITIZER" = no ] || sanitize=-fsanitize=$SANITIZER
warnings="-Wall -Wextra -Wpedantic -Werror"

need make pkg-config

# ---- Installing ----------------------------------------------------------------------

install_library()
{
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
	    make -C "$top_builddir" install-libamy DESTDIR="$root"
}

# installed NAME: where it is
installed()
{
	find "$root" -type f -name "$1" | head -n 1
}

has_all_parts()
{
	local part result=0

	for part in amy.h libamy.pc libamy.3 amy_poller_wait.3 echo_server.c program.h; do
		[ -n "$(installed $part)" ] && continue
		echo "$part was not installed"
		result=1
	done
	return $result
}

# ---- Programs ------------------------------------------------------------------------

cat >"$work/use.c" <<'END'
#include <stdio.h>
#include <unistd.h>

#include <amy.h>

int
main(void)
{
	struct amy_poller *poller = amy_poller_create();
	struct amy_registrar *registrar = amy_registrar_create(poller);
	struct amy_notification told;
	int fds[2];
	amy_id id;

	if (registrar == NULL || pipe(fds) == -1 || write(fds[1], "x", 1) != 1)
		return 1;
	if (amy_registrar_register(registrar, fds[0], AMY_READ | AMY_HUP, fds, &id) == -1)
		return 1;
	if (amy_poller_wait(poller, &told, 1, -1) != 1 || told.id != id || told.data != fds)
		return 1;
	printf("told of %s\n", told.events == AMY_READ ? "bytes" : "something else");
	amy_registrar_deregister(registrar, id);
	close(fds[0]);
	close(fds[1]);
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
	return 0;
}
END
cp "$work/use.c" "$work/use.cc"

# build COMPILER... SOURCE: the program $work/program
build()
{
	# shellcheck disable=SC2086
	(cd "$work" && "$@" $sanitize $flags -pthread -o program)
}

run()
{
	LD_LIBRARY_PATH=$library_folder "$work/program" >"$work/out" 2>"$work/log"
	status=$?
	cat "$work/log"
	has_ended_well $status
}

# try_use NAME COMPILER... SOURCE
try_use()
{
	local name=$1

	shift
	rm -f "$work/program" "$work/out"
	check "$name builds with what pkg-config says" build "$@"
	check "$name runs" run
	is "$name is told" "told of bytes" "$(cat "$work/out")"
}

family()
{
	if "$@" --version 2>/dev/null | grep -q clang; then
		echo clang
	else
		echo gcc
	fi
}

# A sanitizer of one compiler does not go with that of another one.
try_compiler()
{
	if ! command -v "$1" >/dev/null; then
		skip "a program in C++, by $1" "there is no $1"
	elif [ "$SANITIZER" != no ] && [ "$(family "$1")" != "$(family $cc)" ]; then
		skip "a program in C++, by $1" "the library has the sanitizers of $cc"
	else
		# shellcheck disable=SC2086
		try_use "a program in C++11, by $1," "$1" -std=c++11 $warnings use.cc
	fi
}

# --------------------------------------------------------------------------------------

check "the library is installed without the daemon" install_library
check "its header, pages and examples are there" has_all_parts
check "the daemon is not" test -z "$(installed amyd)"

pc=$(installed libamy.pc)
library_folder=${pc%/pkgconfig/libamy.pc}
static=
[ -e "$library_folder/libamy.so" ] || static=--static
flags=$(
	export PKG_CONFIG_LIBDIR="${pc%/*}" PKG_CONFIG_SYSROOT_DIR="$root"
	export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
	pkg-config $static --cflags --libs libamy
)
is "pkg-config knows the version" \
    "$(sed -n 's/^PACKAGE_VERSION = //p' "$top_builddir/Makefile")" \
    "$(PKG_CONFIG_LIBDIR="${pc%/*}" pkg-config --modversion libamy)"

# shellcheck disable=SC2086
try_use "a program in C" $cc -std=gnu11 $warnings use.c
try_compiler g++
try_compiler clang++

examples=$(installed echo_server.c)
for source in "${examples%/*}"/*.c; do
	name=$(basename "$source")
	# shellcheck disable=SC2086
	check "the example $name builds as it is installed" build $cc $warnings "$source"
	[ "$name" != timers.c ] || check "the example $name runs" run
done
done_testing
