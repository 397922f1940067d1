#!/bin/sh
# SPDX-License-Identifier: MIT
# What amyd-protocol(7) and the README show as typed is what happens, byte for byte.
#
# A conversation is commands behind "$ ", each with its output on the lines below. In the page
# it stands in the block behind .\" conversation, in the README it is indented by 4 spaces. A
# command that ends in ">FILE &" goes on in the background, once there is a line in the file.
# "cat FILE" is repeated until it shows what it should. The daemon has etc/amyd.conf, but for
# the ports, which are replaced here and there.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

# All conversations of a page or the README: $work/NAME.N
conversations_of_page()
{
	awk -v file="$work/$1." '
		/^\.\\" conversation$/ { n++; marked = 1 }
		/^\.Ed/ { inside = 0 }
		inside { print >(file n) }
		/^\.Bd/ && marked { inside = 1; marked = 0 }
	' "$2"
	for escaped in "$work/$1".*; do
		sed -i -e 's/^\\&//' -e "s/\\\\(aq/'/g" -e 's/\\(ti/~/g' -e 's/\\(ha/^/g' \
		    -e 's/\\(ga/`/g' -e 's/\\e/\\/g' "$escaped"
	done
}

conversations_of_text()
{
	awk -v file="$work/$1." '
		!/^    / { inside = 0; next }
		/^    \$ / && !inside { n++; inside = 1 }
		inside { sub(/^    /, ""); print >(file n) }
	' "$2"
}

nc()
{
	timeout -k 5 120 nc.openbsd "$@"
}

here()
{
	sed -e "s/127\.0\.0\.1 2693/127.0.0.1 $main_port/g" \
	    -e "s/127\.0\.0\.1 2694/127.0.0.1 $echo_port/g"
}

shows_as_expected()
{
	eval "$1" >"$work/actual" 2>&1
	cmp -s "$work/expected" "$work/actual"
}

# Run the command in $work/command; what it should show is in $work/expected.
replay()
{
	local command file

	command=$(here <"$work/command")
	case $command in
	*'&')
		file=$(printf '%s\n' "$command" | sed -n 's/.*>\([^ ]*\) &$/\1/p')
		eval "$command"
		children="$children $!"
		: >"$work/actual"
		wait_until has_lines "$file" 1 || echo "nothing in $file" >"$work/actual"
		;;
	'cat '*)
		wait_until shows_as_expected "$command" ;;
	*)
		shows_as_expected "$command" ;;
	esac
	cmp -s "$work/expected" "$work/actual" && return
	printf '$ %s\n' "$command"
	diff "$work/expected" "$work/actual"
	return 1
}

# A new command: try the one before.
try()
{
	[ -e "$work/command" ] || return
	ncommands=$((ncommands + 1))
	check "$1: command $ncommands shows what it should" replay
	rm -f "$work/command"
}

# try_conversation WORDS FILE, in a folder of its own
try_conversation()
{
	local line

	mkdir "$2.folder"
	cd "$2.folder" || exit 99
	ncommands=0
	while IFS= read -r line <&3; do
		case $line in
		'$ '*)
			try "$1"
			printf '%s\n' "${line#??}" >"$work/command"
			: >"$work/expected" ;;
		*)
			printf '%s\n' "$line" >>"$work/expected" ;;
		esac
	done 3<"$2"
	try "$1"
}

# try_all WORDS NAME LEAST: all conversations of that name, and so many there should be
try_all()
{
	local n=0

	while [ -e "$work/$2.$((n + 1))" ]; do
		n=$((n + 1))
		try_conversation "$1, conversation $n" "$work/$2.$n"
	done
	check "$1 has conversations" test "$n" -ge "$3"
}

sed -e 's/127\.0\.0\.1:2693"/127.0.0.1:0"/' -e 's/127\.0\.0\.1:2694"/127.0.0.1:0"/' \
    "$top_srcdir/etc/amyd.conf" >"$work/example.conf"
start_daemon <"$work/example.conf"
main_port=$(port main)
echo_port=$(port echo)

conversations_of_page page "$top_srcdir/man/amyd-protocol.7"
conversations_of_text readme "$top_srcdir/README"
try_all "amyd-protocol(7)" page 5
try_all "the README" readme 3
stop_daemon
done_testing
