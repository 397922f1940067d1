# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The vocabulary of the end-to-end tests. Each of them sources this first:
#
#     . "${top_srcdir:-.}/tests/lib.sh"
#
# Programs       $amyd, $amybench                  as they were built
# The daemon     start_daemon [option...] <<END   with this configuration; until it is ready
#                port NAME                        of a listener; they all ask for port 0
#                stop_daemon                      a test point: TERM, exit 0, clean log
# At once        talk KIND ADDRESS <in >out       one netcat; ADDRESS: host port, or a path
# In background  connect NAME KIND ADDRESS        $work/NAME.in, $work/NAME.out
#                say NAME LINE...; hang_up NAME   lines; the end of its input
#                leave NAME; gone NAME            QUIT; is it over?
# Many           hold NAME PORT N [option...]     connections of peer(1), until let_go NAME
# Waiting        wait_until COMMAND...            polls; 1 if it is in vain
#                listens_at PATH                  may a client connect to it?
# Counted        counter NAME; counter_is NAME N   what STATS says
# AMY_TEST_LEASE=0 makes all daemons wait for their clients that way, where a test does not say.
# Rules          rule_stat RULE TARGET WHAT; balances RULE TARGET
# Mounts         has_own_mounts; give_own_dev; start_syslog
# Numbered lines whole FILE SUBJECT [FIRST]        in order, gaps as they were told
# Test points    check, is, same, like, unlike, skip; done_testing at the end
#
# KIND is openbsd, traditional, ncat or socat. Whatever was started is ended, and $work is
# removed, when the script exits, however it does.

set -u
LC_ALL=C
export LC_ALL
umask 022
unset NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID LISTEN_PID LISTEN_FDS LISTEN_FDNAMES
unset JOURNAL_STREAM

: "${top_builddir:=.}" "${top_srcdir:=.}" "${SANITIZER:=no}" "${KERNEL:=epoll}"
peer=$top_builddir/tests/peer
waiter=$top_builddir/tests/waiter
kinds="openbsd traditional ncat socat"

# Where libtool has put a script in front of a program, what is behind it starts ten times as fast.
amyd=$top_builddir/amyd
amybench=$top_builddir/amybench
if [ -x "$top_builddir/.libs/amyd" ]; then
	amyd=$top_builddir/.libs/amyd
	amybench=$top_builddir/.libs/amybench
	LD_LIBRARY_PATH=$(cd "$top_builddir" && pwd)/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	export LD_LIBRARY_PATH
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/amyd-e2e.XXXXXX") || exit 99
children="" # the processes to be ended at exit, by number
test_number=0
nfailed=0

# A child that is ended before it has become another program runs the traps of the script, too.
clean_up()
{
	local pid self rest

	{ read -r self rest </proc/self/stat; } 2>/dev/null && [ "$self" != "$$" ] && return
	for pid in $children; do
		is_running "$pid" && kill -KILL "$pid" 2>/dev/null
	done
	for pid in $children; do
		wait "$pid" 2>/dev/null
	done
	rm -rf "$work"
}

trap clean_up EXIT
trap 'exit 99' HUP INT TERM PIPE

# See sleep_briefly(). It is there from the start, for subshells sleep, too.
mkfifo "$work/ticks" || exit 99
"$waiter" ticks "$work/ticks" </dev/null >/dev/null 2>&1 &
children=$!

# ---- Test points ---------------------------------------------------------------------

pass()
{
	test_number=$((test_number + 1))
	echo "ok $test_number - $1"
}

# Tells what is in $work/why with it.
fail()
{
	test_number=$((test_number + 1))
	nfailed=$((nfailed + 1))
	echo "not ok $test_number - $1"
	head -c 4000 "$work/why" | sed 's/^/#   /'
}

skip()
{
	test_number=$((test_number + 1))
	echo "ok $test_number - $1 # SKIP $2"
}

skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

need()
{
	local tool

	for tool; do
		command -v "$tool" >/dev/null || skip_all "there is no $tool"
	done
}

need_netcats()
{
	need nc.openbsd nc.traditional ncat socat
}

done_testing()
{
	if [ "$nfailed" -gt 0 ] && [ -s "$work/log" ]; then
		echo "# the end of the daemon's log:"
		tail -n 30 "$work/log" | sed 's/^/#   /'
	fi
	echo "1..$test_number"
	exit 0
}

# check NAME COMMAND...: it succeeds
check()
{
	local name=$1

	shift
	if "$@" >"$work/check.out" 2>&1; then
		pass "$name"
	else
		{ echo "failed: $*"; cat "$work/check.out"; } >"$work/why"
		fail "$name"
	fi
}

# same NAME EXPECTED ACTUAL: two files are equal, byte for byte
same()
{
	if cmp "$2" "$3" >"$work/same.why" 2>&1; then
		pass "$1"
		return
	fi
	{
		cat "$work/same.why"
		echo "expected ($(wc -c <"$2") bytes):"
		head -c 600 "$2" | od -c
		echo "actual ($(wc -c <"$3") bytes):"
		head -c 600 "$3" | od -c
	} >"$work/why" 2>&1
	fail "$1"
}

# is NAME EXPECTED ACTUAL: two texts are equal
is()
{
	if [ "$2" = "$3" ]; then
		pass "$1"
		return
	fi
	{
		echo "expected:"
		printf '%s\n' "$2" | cat -A
		echo "actual:"
		printf '%s\n' "$3" | cat -A
	} >"$work/why"
	fail "$1"
}

# like NAME PATTERN FILE: a line of the file matches the extended regular expression
like()
{
	if grep -Eq -- "$2" "$3"; then
		pass "$1"
		return
	fi
	{
		echo "no line matches: $2"
		head -c 3000 "$3" | cat -A
	} >"$work/why" 2>&1
	fail "$1"
}

# unlike NAME PATTERN FILE: none does
unlike()
{
	if [ -e "$3" ] && ! grep -Eq -- "$2" "$3"; then
		pass "$1"
		return
	fi
	{
		echo "a line matches: $2"
		grep -E -- "$2" "$3" | head -n 5 | cat -A
	} >"$work/why" 2>&1
	fail "$1"
}

# ---- Waiting -------------------------------------------------------------------------

# A process costs so much on some machines that most of the time would go into looking and
# sleeping. So waiter(1) looks at files, and a "sleep" is reading from a FIFO that it writes to.

# Generous, for slow builds on busy machines; nothing passes for having been quick.
max_polls=1200

wait_until()
{
	local polls=0

	case $1 in
	has_lines | file_has)
		"$waiter" "$@"
		case $? in
		0) return 0 ;;
		1) echo "# waited in vain for: $*" ;;
		*) echo "Bail out! waiter $*" ;;
		esac
		return 1
		;;
	esac
	until "$@"; do
		polls=$((polls + 1))
		if [ "$polls" -ge "$max_polls" ]; then
			echo "# waited in vain for: $*"
			return 1
		fi
		sleep_briefly "$polls"
	done
}

# sleep_briefly POLLS: 10 ms, and later on 50 ms
sleep_briefly()
{
	local tick ticks=5

	[ "$1" -ge 20 ] || ticks=1
	while [ "$ticks" -gt 0 ]; do
		read -r tick <"$work/ticks"
		ticks=$((ticks - 1))
	done
}

not()
{
	! "$@"
}

# state_of PID: as ps(1) shows it; nothing if there is no such process
state_of()
{
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return
	stat=${stat##*) } # state, parent, ...; in front of it there is its name
	echo "${stat%% *}"
}

# A child of ours. Numbers come again: where it is over, another process may have its own by now,
# which is neither to be waited for nor to be ended.
is_running()
{
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	stat=${stat##*) }
	case $stat in
	[ZX]*) return 1 ;;
	?" $$ "*) return 0 ;;
	esac
	return 1
}

# listens_at PATH: a stream socket of that name takes connections. Its file is there before: between
# bind(2) and listen(2) it refuses them.
listens_at()
{
	awk -v path="$1" '$4 == "00010000" && $8 == path { n++ } END { exit n == 0 }' /proc/net/unix
}

# lines_beyond_socket NBYTES: so many lines of that length are more than the kernel holds for a TCP
# reader that is stopped, if its receive buffer is small and fixed (peer talk --rcvbuf). With fewer,
# what is seen queued once may be in the socket a moment later.
lines_beyond_socket()
{
	awk -v nbytes="$1" '{ print int(($3 + 262144) / nbytes) + 1 }' \
	    /proc/sys/net/ipv4/tcp_wmem
}

# has_lines FILE N: at least so many
has_lines()
{
	[ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

# file_has FILE PATTERN
file_has()
{
	grep -Eq -- "$2" "$1" 2>/dev/null
}

# Collect a process; its status is in $status. 1: it is not over.
wait_for_end()
{
	status=none
	wait_until not is_running "$1" || return 1
	collect "$1"
}

# The same of one that is sure to end.
collect()
{
	local pid rest=""

	wait "$1"
	status=$?
	for pid in $children; do
		[ "$pid" = "$1" ] || rest="$rest $pid"
	done
	children=$rest
}

# ---- The daemon ----------------------------------------------------------------------

# Words to stand in front of its command line: prlimit, setpriv, ... which exec it.
daemon_prefix=""

has_ports_or_is_over()
{
	[ -e "$work/ports" ] || ! is_running "$daemon"
}

# Start it without waiting: $daemon is its process.
launch_daemon()
{
	[ ! -e "$work/ports" ] || rm "$work/ports"
	# shellcheck disable=SC2086
	$daemon_prefix "$amyd" -l stderr -c "$work/conf" -p "$work/ports" "$@" \
	    </dev/null >"$work/stdout" 2>"$work/log" &
	daemon=$!
	children="$children $daemon"
}

start_daemon()
{
	{
		[ -z "${AMY_TEST_LEASE:-}" ] || echo "lease = \"$AMY_TEST_LEASE\""
		cat
	} >"$work/conf"
	launch_daemon "$@"
	wait_until has_ports_or_is_over
	[ -e "$work/ports" ] && return
	echo "# the daemon did not start:"
	sed 's/^/#   /' "$work/log"
	echo "Bail out! the daemon did not start"
	exit 99
}

# What most tests need: a command listener, an echo listener, and a Unix socket.
start_default_daemon()
{
	start_daemon "$@" <<-END
		handlers = 2
		listen main  { address = "127.0.0.1:0" }
		listen echo  { address = "127.0.0.1:0"  mode = "echo" }
		listen local { address = "$work/sock" }
	END
}

port()
{
	local name address number

	while read -r name address number; do
		if [ "$name" = "$1" ] && [ -n "$number" ]; then
			echo "$number"
			return
		fi
	done <"$work/ports"
}

# How lines of the log begin, as an extended regular expression.
log_time='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}[-+][0-9]{2}:[0-9]{2}'

sanitizer_report='(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:'

# has_ended_well STATUS: and the log has no report
has_ended_well()
{
	[ "$1" = 0 ] && ! file_has "$work/log" "$sanitizer_report"
}

stop_daemon()
{
	local name=${1:-the daemon ends with 0 when it is told to, and nothing was wrong}

	is_running "$daemon" && kill -TERM "$daemon" 2>/dev/null
	wait_for_end "$daemon"
	if has_ended_well "$status"; then
		pass "$name"
		return
	fi
	{
		echo "exit status: $status"
		tail -n 60 "$work/log"
	} >"$work/why"
	fail "$name"
}

# rss KEY: kB of the daemon, of Rss (exact), or of VmHWM (the peak)
memory()
{
	case $1 in
	Rss) awk '/^Rss:/ { print $2 }' "/proc/$daemon/smaps_rollup" ;;
	*) awk -v key="$1:" '$1 == key { print $2 }' "/proc/$daemon/status" ;;
	esac
}

# counter NAME: what the daemon has counted, by its listener at $main_port
counter()
{
	printf 'STATS %s\nQUIT\n' "$1" | talk openbsd 127.0.0.1 "$main_port" |
	    awk -v name="$1" '$1 == "*" && $2 == name { print $3 }'
}

counter_is()
{
	[ "$(counter "$1")" = "$2" ]
}

# command_lines <in >out: a conversation with the listener at $main_port
# Answers without the name of this run of amyd, which is random.
hide_run()
{
	sed -E 's/ run=[a-z0-9]{6}( |$)/ run=R\1/'
}

command_lines()
{
	talk openbsd 127.0.0.1 "$main_port"
}

# rule_stat RULE TARGET WHAT
rule_stat()
{
	echo "STATS rule.$1." | command_lines | awk -v name="rule.$1.$2.$3" '$2 == name { print $3 }'
}

# has_written RULE TARGET N
has_written()
{
	[ "$(rule_stat "$1" "$2" written)" = "$3" ]
}

# has_lost RULE TARGET N; has_lost_some RULE TARGET
has_lost()
{
	[ "$(rule_stat "$1" "$2" dropped)" = "$3" ]
}

has_lost_some()
{
	[ "$(rule_stat "$1" "$2" dropped)" -gt 0 ]
}

# nothing_waits RULE TARGET
nothing_waits()
{
	[ "$(rule_stat "$1" "$2" queued)" = 0 ]
}

# balances RULE TARGET: put = written + unsure + queued + dropped
balances()
{
	echo "STATS rule.$1." | command_lines | awk -v name="rule.$1.$2." '
		$2 == name "put" { put = $3; found = 1 }
		$2 == name "written" || $2 == name "unsure" || $2 == name "queued" || $2 == name "dropped" { sum += $3 }
		END { print put, sum; exit !found || put != sum }'
}

# whole FILE SUBJECT [FIRST]: what is wrong with its lines FIRST (1), and one more each, gaps
# that are told of counted; and then the number of the last one. Where lines are stored, and
# no others are, the number of a line is its seq.
whole()
{
	awk -v subject="$2" -v first="${3:-1}" '
	BEGIN { want = first }
	$1 == "MSG" && $2 == subject {
		if ($3 != want)
			print "line " NR ": number " $3 " comes, not " want
		want = $3 + 1
	}
	/^! DROPPED / {
		if ($4 != "pat=" subject)
			print "line " NR ": " $0
		if ($5 ~ /^seq=/) {
			split(substr($5, 5), seq, "-")
			if (seq[1] != want || seq[2] - seq[1] + 1 != $3)
				print "line " NR ": " $0 ", but " want " is the next"
		}
		want += $3
	}
	END { print want - 1 }' "$1"
}

# ---- Mounts of the daemon's own ------------------------------------------------------

has_own_mounts()
{
	[ "$(id -u)" = 0 ] && command -v nsenter >/dev/null && unshare -m true 2>/dev/null
}

# The next daemons have a /dev of their own, without a /dev/log.
give_own_dev()
{
	cat >"$work/with_dev" <<-'END'
		#!/bin/sh
		mount -t tmpfs none /dev/shm && mkdir /dev/shm/dev &&
		for name in null zero random urandom tty; do
			: >"/dev/shm/dev/$name" && mount --bind "/dev/$name" "/dev/shm/dev/$name"
		done
		mount --rbind /dev/shm/dev /dev && exec "$@"
	END
	chmod +x "$work/with_dev"
	daemon_prefix="unshare -m $work/with_dev"
}

# A reader of that /dev/log: what comes goes to $work/syslog. $syslog is its process.
start_syslog()
{
	nsenter -t "$daemon" -m socat -u UNIX-RECV:/dev/log "OPEN:$work/syslog,creat,append" &
	syslog=$!
	children="$children $syslog"
	wait_until nsenter -t "$daemon" -m test -S /dev/log
}

# ---- The netcats ---------------------------------------------------------------------

# Each as it half-closes at the end of its input, and waits for what still comes:
# nc.openbsd does with -N; nc.traditional with -q, whose number bounds the waiting; ncat by
# itself; and so does socat, which then waits for -t seconds.
netcat()
{
	local kind=$1

	shift
	case $kind-$# in
	openbsd-1) set -- nc.openbsd -N -U "$1" ;;
	openbsd-2) set -- nc.openbsd -N "$1" "$2" ;;
	traditional-2) set -- nc.traditional -q 600 "$1" "$2" ;;
	ncat-1) set -- ncat -U "$1" ;;
	ncat-2) set -- ncat "$1" "$2" ;;
	socat-1) set -- socat -t 600 - "UNIX-CONNECT:$1" ;;
	socat-2)
		case $1 in
		*:*) set -- socat -t 600 - "TCP6:[$1]:$2" ;;
		*) set -- socat -t 600 - "TCP:$1:$2" ;;
		esac
		;;
	*)
		echo "no netcat: $kind with $# arguments" >&2
		exit 99
		;;
	esac
	# shellcheck disable=SC2086
	exec $netcat_prefix "$@"
}

netcat_prefix=""

# A netcat that hangs is a failure of the test, not its end.
talk()
{
	(
		netcat_prefix="timeout -k 5 120"
		netcat "$@"
	)
}

# The input of a client in the background is a FIFO. A sleeping process holds it open, and
# the client's input ends when that one is ended.
connect()
{
	local name=$1 pid holder

	shift
	[ ! -e "$work/$name.in" ] || rm -f "$work/$name.in" "$work/$name.out" "$work/$name.err"
	mkfifo "$work/$name.in"
	{
		sleep 3600 >/dev/null 2>&1 &
		holder=$!
		netcat "$@" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.err" 9<&- &
		pid=$!
	} 9<>"$work/$name.in"
	children="$children $holder $pid"
	eval "client_$name=$pid holder_$name=$holder"
}

# subscribe NAME KIND PATTERN ADDRESS: a connected client, once its subscription is made
subscribe()
{
	local name=$1 kind=$2 pattern=$3

	shift 3
	connect "$name" "$kind" "$@"
	say "$name" "SUB $pattern"
	wait_until file_has "$work/$name.out" '^\+OK'
}

client_pid()
{
	eval "echo \$client_$1"
}

say()
{
	local name=$1

	shift
	printf '%s\n' "$@" >"$work/$name.in"
}

hang_up()
{
	local holder

	eval "holder=\$holder_$1"
	is_running "$holder" && kill "$holder" 2>/dev/null
	collect "$holder" 2>/dev/null
}

# It says QUIT. When this returns, the daemon has forgotten it: only then it ends the
# connection. (nc.openbsd goes on till the end of its own input as well.)
leave()
{
	say "$1" QUIT
	wait_until file_has "$work/$1.out" '^\+OK bye'
	hang_up "$1"
	wait_until gone "$1"
}

# hold NAME PORT N [option...]: as many connections, in the background, until let_go NAME
hold()
{
	local name=$1 at=$2 n=$3 pid

	shift 3
	rm -f "$work/$name.in" "$work/$name.out"
	mkfifo "$work/$name.in"
	{
		sleep 3600 >/dev/null 2>&1 &
		eval "holder_$name=$!"
		"$peer" hold --connections "$n" "$@" 127.0.0.1 "$at" \
		    <"$work/$name.in" >"$work/$name.out" 2>&1 9<&- &
		pid=$!
	} 9<>"$work/$name.in"
	eval "client_$name=$pid children=\"\$children \$holder_$name $pid\""
	wait_until file_has "$work/$name.out" '^(held|peer)'
}

# part_pairs PORT: one idle client is on the first handler from now on. So of two clients that
# come one after the other, and would share a handler, each is on another one.
part_pairs()
{
	hold odd_one "$1" 1
}

let_go()
{
	hang_up "$1"
	wait_for_end "$(client_pid "$1")"
}

gone()
{
	! is_running "$(client_pid "$1")"
}
