#!/bin/sh
# SPDX-License-Identifier: MIT
# A disk without room: for the file of a rule, for the log, for the ports file; and a folder
# where nothing can be made. Whoever runs goes on, and counts what it could not write; whoever
# starts says so in one line, and does not.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
has_own_mounts || skip_all "no mount namespace of our own"

# A disk of 64 KiB, which the daemon alone sees; and, if that is asked for, what is said on
# stderr goes there.
here=$work/here
mkdir "$here"
cat >"$work/with_disk" <<END
#!/bin/sh
mount -t tmpfs -o size=64k none "$here" || exit
case \$1 in
log) exec 2>>"$here/log" ;;
full) head -c 1000000 /dev/zero >"$here/ballast" 2>/dev/null ;;
read-only) mount -o remount,ro "$here" || exit ;;
esac
shift
exec "\$@"
END
chmod +x "$work/with_disk"

# What is there, as the daemon sees it.
disk()
{
	echo "/proc/$daemon/root$here/$1"
}

has_no_room()
{
	! head -c 1 /dev/zero >>"$(disk ballast)" 2>/dev/null
}

fill_disk()
{
	head -c 1000000 /dev/zero >>"$(disk ballast)" 2>/dev/null
	wait_until has_no_room
}

# ---- The file of a rule ----------------------------------------------------------------

daemon_prefix="unshare -m $work/with_disk -"
start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
rule full   { match = "log.>"  to = {"file:$here/lines"} }
rule beside { match = "log.>"  to = {"file:$work/beside"}  queue = "16M" }
END
main_port=$(port main)
target=file:$here/lines
subscribe ledger openbsd "_amyd.dropped" 127.0.0.1 "$main_port"

# Nothing waits, but a line that is there in part.
waits_for_its_end()
{
	[ "$(rule_stat full "$target" queued)" -le 1 ]
}

padding=$(head -c 100 /dev/zero | tr '\0' x)
head -c 30000 /dev/zero >"$(disk ballast)"
seq -f "PUB log.a %.0f $padding" 1 2000 | command_lines >"$work/finals"
is "a disk without room: the publisher has its finals" 2000 "$(grep -c '^+OK' "$work/finals")"
check "nothing waits for ever" wait_until waits_for_its_end
check "some lines are written" [ "$(rule_stat full "$target" written)" -gt 0 ]
check "some are dropped, and counted" has_lost_some full "$target"
check "it adds up" balances full "$target"
check "it is told" wait_until file_has "$work/ledger.out" \
    "^MSG _amyd\\.dropped rule=full target=$target lines=[1-9]"
check "the log says what to do about it" wait_until file_has "$work/log" \
    "rule full: $target: No space left on device: its lines are dropped: make room there"
nsaid=$(grep -c "rule full: $target: No space left" "$work/log")
check "its neighbour has every line" wait_until has_written beside "file:$work/beside" 2000
seq -f "%.0f $padding" 1 2000 >"$work/expected"
same "in its file" "$work/expected" "$work/beside"

# For some time it stays as it is.
fill_disk
seq -f "PUB log.a %.0f $padding" 2001 2500 | command_lines >/dev/null
check "as long as there is none, lines are dropped" wait_until waits_for_its_end
is "which is not said again and again" "$nsaid" \
    "$(grep -c "rule full: $target: No space left" "$work/log")"
check "it adds up" balances full "$target"

rm "$(disk ballast)"
nlines=2500
is_written_again()
{
	nlines=$((nlines + 1))
	echo "PUB log.a $nlines $padding" | command_lines >/dev/null
	file_has "$(disk lines)" "^$nlines $padding\$"
}
check "when there is room again, it is written again" wait_until is_written_again
check "and the log says how much was lost" wait_until file_has "$work/log" \
    "rule full: $target: is written again; $(rule_stat full "$target" dropped) lines were dropped"
check "it adds up" balances full "$target"
cp "$(disk lines)" "$work/lines"
is "whole lines, but for one that had no room for its end, and begins no other one" 1 \
    "$(($(grep -cvxE "[0-9]+ $padding" "$work/lines") <= 1))"
is "as many as are counted" "$(rule_stat full "$target" written)" \
    "$(grep -cxE "[0-9]+ $padding" "$work/lines")"
check "in order" sort -nuc -k 1,1 "$work/lines"
leave ledger
stop_daemon

# ---- The log ---------------------------------------------------------------------------

daemon_prefix="unshare -m $work/with_disk log"
start_default_daemon -vv
main_port=$(port main)
log=$(disk log)
wait_until file_has "$log" 'is ready'
fill_disk
# Each client that comes and goes is worth some lines of the log.
seq -f 'PING %.0f' 1 1000 >"$work/in"
sed 's/^PING/+OK/' "$work/in" >"$work/expected"
for round in 1 2 3; do
	"$peer" storm --connections 200 --how close "$work/sock"
	talk openbsd 127.0.0.1 "$main_port" <"$work/in" >"$work/out"
	same "round $round: a log without room: who talks is answered" "$work/expected" "$work/out"
done
has_no_client()
{
	counter_is clients.connected 1
}
wait_until has_no_client
rm "$(disk ballast)"
says_how_many()
{
	echo PING | talk openbsd "$work/sock" >/dev/null
	file_has "$log" "^$log_time "'amyd: [1-9][0-9]* log messages could not be written: No space left on device$'
}
check "when there is room, the log says how many messages there were not" wait_until says_how_many
cp "$log" "$work/seen"
is "all its lines are whole, but one that had no room for its end" 1 \
    "$(($(grep -cvE "^$log_time "'amyd: (client [0-9]+ .*|[0-9]+ log messages .*|memory: .*|listen .*|.* is ready: .*)$' "$work/seen") <= 1))"
unlike "and none begins within another one" ".$log_time amyd: " "$work/seen"
cp "$log" "$work/log"
stop_daemon

# ---- Starting --------------------------------------------------------------------------

# refused NAME STATUS PATTERN OPTION...: it does not start, and says why in one line
refused()
{
	local name=$1 expected=$2 pattern=$3

	shift 3
	launch_daemon "$@"
	wait_for_end "$daemon"
	is "$name: it does not start" "$expected" "$status"
	like "$name: it says why, and what to do" "$pattern" "$work/log"
	is "$name: in one line" 1 "$(wc -l <"$work/log")"
}

printf '%s\n' 'listen main { address = "127.0.0.1:0" }' "listen local { address = \"$work/sock\" }" \
    >"$work/conf"
daemon_prefix="unshare -m $work/with_disk full"
refused "no room for the ports file" 71 \
    "^$log_time amyd: $here/ports: No space left on device: .*name another file with -p" -p "$here/ports"
check "no socket is left" test ! -e "$work/sock"
daemon_prefix="unshare -m $work/with_disk read-only"
refused "a ports file where nothing can be made" 71 \
    "^$log_time amyd: $here/ports: Read-only file system: .*name another file with -p" -p "$here/ports"
echo "listen local { address = \"$here/sock\" }" >"$work/conf"
refused "a Unix socket where nothing can be made" 71 \
    "^$log_time amyd: listen local: $here/sock: Read-only file system: .*choose a path"

done_testing
