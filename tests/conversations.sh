#!/bin/sh
# SPDX-License-Identifier: MIT
# What the manual pages and the README show as typed is what happens, byte for byte.
#
# A conversation is commands behind "$ ", or "# " of root, each with its output on the lines below;
# "> " goes on with a command. In a page it stands in the block behind .\" conversation, in the README it is
# indented by 4 spaces. A command that ends in "&" goes on in the background, once there is a
# line in each file that it writes. One that reads such a file, the log, or what a rule writes, is
# repeated until it shows what it should.
#
# /etc/amyd.conf is the daemon's configuration here, /var/log/amyd a folder. For systemctl and
# journalctl there are stand-ins, which do to the daemon what systemd would do. The run of amyd, a
# random word, is k3f in the pages.
#
# The daemon has etc/amyd.conf, but for the ports, which are replaced here and there. For the
# pages, the listeners "in" and "out" are uncommented, and each conversation has a new daemon.
# The README is read from top to bottom, as a tour: it has one daemon, and one folder.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

home=$PWD
builddir=$(cd "$top_builddir" && pwd) || exit 99
folder=none

# ---- Conversations -------------------------------------------------------------------

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

# ---- Commands ------------------------------------------------------------------------

# One that hangs is a failure of the test, not its end.
make_nc()
{
	mkdir "$work/bin"
	printf '#!/bin/sh\nexec timeout -k 5 120 nc.openbsd "$@"\n' >"$work/bin/nc"
	chmod +x "$work/bin/nc"
	PATH=$work/bin:$PATH
}

# note_ports NAME PORT...: of these listeners, the port here for the one in the pages
note_ports()
{
	while [ $# -gt 0 ]; do
		echo "s/127\.0\.0\.1 $2/127.0.0.1 $(port "$1")/g"
		shift 2
	done >"$work/here.sed"
}

here()
{
	sed -e "s|/etc/amyd\.conf|$work/conf|g" -e "s|/var/log/amyd|$work/var|g" \
	    -f "$work/here.sed"
}

amyd()
{
	"$builddir/amyd" -c "$work/conf" "$@"
}

# Of a daemon that writes to standard error.
journalctl()
{
	[ "$*" = "-u amyd -o cat" ] || { echo "journalctl $*: not here"; return 1; }
	sed -E "s/^$log_time amyd: //" "$work/log"
}

nreloads_logged()
{
	grep -cE "^$log_time "'amyd: reload: .*(: done, |the configuration stays as it is)' "$work/log"
}

has_reloaded()
{
	[ "$(nreloads_logged)" -gt "$1" ]
}

# What the unit says, one command after the other, and until amyd is ready again.
reload()
{
	local before

	before=$(nreloads_logged)
	sed -n -e "s|^ExecReload=[^ ]*/amyd -t -c .*|$builddir/amyd -t -c $work/conf|p" -e t \
	    -e 's/^ExecReload=//p' "$builddir/systemd/amyd.service" >"$work/reload"
	MAINPID=$daemon sh -e "$work/reload" >/dev/null 2>>"$work/reload.log" &&
	    wait_until has_reloaded "$before"
}

systemctl()
{
	case $* in
	"is-active amyd") is_running "$daemon" && echo active ;;
	"reload amyd") reload ;;
	"stop amyd") kill -TERM "$daemon" && wait_until not is_running "$daemon" ;;
	"kill -s USR1 --kill-whom=main amyd")
		kill -USR1 "$daemon" && wait_until test -e "$work/var/all.log" ;;
	*)
		echo "systemctl $*: not here"
		return 1 ;;
	esac
}

# The files that a command writes, as far as they are files.
written_by()
{
	local file

	printf '%s\n' "$1" | grep -oE '(>|tee )[a-z.]+' | sed -e 's/^>//' -e 's/^tee //' |
	while read -r file; do
		[ -p "$file" ] || echo "$file"
	done
}

run_in_background()
{
	local file written

	written=$(written_by "$1")
	for file in $written; do
		rm -f "$file"
	done
	eval "$1"
	children="$children $!"
	for file in $written; do
		echo "$file" >>"$work/written"
		wait_until has_lines "$file" 1 || echo "nothing in $file" >>"$work/actual"
	done
}

# It reads what is written in the background.
is_waiting()
{
	grep -q -e '^journalctl ' -e '^cat /var/log/amyd/' "$work/command" && return
	grep -o '[a-z.]*' "$work/command" | grep -qxFf "$work/written"
}

shows_as_expected()
{
	eval "$1" >"$work/actual.here" 2>&1
	sed -E -e "s|$work/conf|/etc/amyd.conf|g" -e 's/ run=[a-z0-9]{6}( |$)/ run=k3f\1/' \
	    "$work/actual.here" >"$work/actual"
	cmp -s "$work/expected" "$work/actual"
}

# Run the command in $work/command; what it should show is in $work/expected.
replay()
{
	local command

	command=$(here <"$work/command")
	: >"$work/actual"
	case $command in
	*'&') run_in_background "$command" ;;
	*)
		if is_waiting; then
			wait_until shows_as_expected "$command"
		else
			shows_as_expected "$command"
		fi ;;
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

# try_conversation WORDS FILE, in the current folder
try_conversation()
{
	local line

	ncommands=0
	while IFS= read -r line <&3; do
		case $line in
		'$ '* | '# '*)
			try "$1"
			printf '%s\n' "${line#??}" >"$work/command"
			: >"$work/expected" ;;
		'> '*)
			printf '%s\n' "${line#??}" >>"$work/command" ;;
		*)
			printf '%s\n' "$line" >>"$work/expected" ;;
		esac
	done 3<"$2"
	try "$1"
}

# ---- Daemons and folders -------------------------------------------------------------

# begin FOLDER CONF: a new daemon, and a new folder
begin()
{
	start_daemon <"$2"
	rm -rf "$work/var"
	note_ports main 2693 echo 2694 in 2695 out 2696
	mkdir "$1" "$work/var"
	cd "$1" || exit 99
	folder=$(pwd -P)
	: >"$work/written"
}

# End what goes on in the background. True: nothing does.
is_quiet()
{
	local link pid result=0

	for link in $(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$folder" 2>/dev/null); do
		pid=${link#/proc/}
		kill -KILL "${pid%/cwd}" 2>/dev/null
		result=1
	done
	return $result
}

end()
{
	cd "$home" || exit 99
	wait_until is_quiet || exit 99
	stop_daemon "$1: the daemon ends well"
}

trap 'cd "$home"; is_quiet; clean_up' EXIT

# try_page PAGE NAME LEAST: all its conversations, and so many there should be
try_page()
{
	local n=0

	conversations_of_page "$2" "$top_srcdir/man/$1"
	while [ -e "$work/$2.$((n + 1))" ]; do
		n=$((n + 1))
		begin "$work/$2.$n.folder" "$work/page.conf"
		try_conversation "$1, conversation $n" "$work/$2.$n"
		end "$1, conversation $n"
	done
	check "$1 has conversations" test "$n" -ge "$3"
}

try_readme()
{
	local n=0

	conversations_of_text readme "$top_srcdir/README"
	begin "$work/readme.folder" "$work/example.conf"
	while [ -e "$work/readme.$((n + 1))" ]; do
		n=$((n + 1))
		try_conversation "the README, conversation $n" "$work/readme.$n"
	done
	end "the README"
	check "the README has conversations" test "$n" -ge "$1"
}

# --------------------------------------------------------------------------------------

make_nc
sed 's/127\.0\.0\.1:269[0-9]"/127.0.0.1:0"/' "$top_srcdir/etc/amyd.conf" >"$work/example.conf"
sed -e '/^# listen in /,/^# }/s/^# //' -e '/^# listen out /,/^# }/s/^# //' \
    "$work/example.conf" >"$work/page.conf"
try_page amyd-protocol.7 protocol 20
try_page amyd.8 daemon 6
try_readme 6
done_testing
