#!/bin/sh
# SPDX-License-Identifier: MIT
# Rules: what they match, in which order, and where their lines go: other subjects, files,
# syslog, TCP. A target that fails harms nobody but itself, and what it lost is counted.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd socat

# ---- What matches ------------------------------------------------------------------------

start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
rule errors { match = "log.>"  regex = "ERROR|FATAL"  to = {"subject:alert"} }
rule quiet  { match = "log.debug"  to = {"subject:dull"}  stop = true }
rule loud   { match = "log.*"  regex = "^stop"  to = {"subject:stopped"}  stop = true }
rule rest   { match = "log.>"  to = {"subject:all.log", "subject:copy"} }
rule second { match = "all.>"  to = {"subject:third"} }
rule third  { match = "third"  to = {"file:$work/third"} }
END
main_port=$(port main)
subscribe reader openbsd ">" 127.0.0.1 "$main_port"
nread=1

# hands_on NAME LINE EXPECTED...: to these subjects, besides its own
hands_on()
{
	local name=$1 line=$2

	shift 2
	echo "PUB $line" | command_lines >"$work/final"
	printf '%s\n' "MSG $line" "$@" | sed 's/^[^M]/MSG &/' >"$work/expected"
	wait_until has_lines "$work/reader.out" $((nread + $# + 1))
	echo "PUB end x" | command_lines >/dev/null
	wait_until has_lines "$work/reader.out" $((nread + $# + 2))
	sed "1,${nread}d; \$d" "$work/reader.out" >"$work/out"
	same "$name" "$work/expected" "$work/out"
	nread=$((nread + $# + 2))
}

hands_on "what no rule matches" "other ERROR"
hands_on "the subject matches, the regex does not" "log.web fine" \
    "all.log fine" "third fine" "copy fine"
hands_on "both match: the rules from top to bottom" "log.web an ERROR" \
    "alert an ERROR" "all.log an ERROR" "third an ERROR" "copy an ERROR"
hands_on "stop ends it" "log.debug x" "dull x"
hands_on "but not what was before" "log.debug FATAL" "alert FATAL" "dull FATAL"
hands_on "stop with a regex, where it matches" "log.web stop here" "stopped stop here"
hands_on "and where it does not" "log.web do not stop" \
    "all.log do not stop" "third do not stop" "copy do not stop"
hands_on "a pattern is of whole tokens" "log.a.b stop" "all.log stop" "third stop" "copy stop"
is "the final counts the readers of its own subject" "+OK 1" "$(cat "$work/final")"
printf '%s\n' fine "an ERROR" "do not stop" stop >"$work/expected"
wait_until has_lines "$work/third" 4
same "at the end of a chain there is a file" "$work/expected" "$work/third"
leave reader
subscribe ledger openbsd "_amyd.undelivered" 127.0.0.1 "$main_port"
echo "PUB third taken" | command_lines >/dev/null
echo "PUB log.debug nobody" | command_lines >/dev/null
wait_until has_lines "$work/ledger.out" 2
is "what a file takes is not undelivered; what is handed on to nobody is" \
    "MSG _amyd.undelivered log.debug nobody" "$(sed -n 2p "$work/ledger.out")"
leave ledger
stop_daemon

# ---- Files -------------------------------------------------------------------------------

echo "what was there" >"$work/all.log"
mkfifo "$work/fifo"
mkdir "$work/folder"
start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
rule all   { match = "log.>"  to = {"file:$work/all.log"}  queue = "16M" }
rule bad   { match = "log.>"  to = {"file:$work/folder/none/x.log", "file:/dev/full"} }
rule fifo  { match = "log.>"  to = {"file:$work/fifo"}  queue = "64K" }
rule after { match = "log.>"  to = {"file:$work/after.log"}  queue = "16M" }
END
main_port=$(port main)
subscribe ledger openbsd "_amyd.dropped" 127.0.0.1 "$main_port"
for i in 1 2 3 4; do
	seq -f "PUB log.$i $i-%g" 1 500 >"$work/in$i"
	command_lines <"$work/in$i" >"$work/finals$i" &
	eval "pid$i=$!"
	children="$children $!"
done
for i in 1 2 3 4; do
	eval "wait_for_end \$pid$i"
done
wait_until has_written all "file:$work/all.log" 2000
is "a file is appended to" "what was there" "$(head -n 1 "$work/all.log")"
for i in 1 2 3 4; do
	seq -f "$i-%g" 1 500 >"$work/expected"
	grep "^$i-" "$work/all.log" >"$work/out"
	same "whole lines, in order, of publisher $i" "$work/expected" "$work/out"
done
is "and no others" 2001 "$(wc -l <"$work/all.log")"
for target in "$work/folder/none/x.log" /dev/full "$work/fifo"; do
	name=${target#"$work/"}
	rule=bad
	if [ "$name" = fifo ]; then
		rule=fifo
		check "a FIFO without a reader: lines wait, the oldest go" \
		    wait_until has_lost_some "$rule" "file:$target"
	else
		check "$name: its lines are lost, and counted" \
		    wait_until has_lost "$rule" "file:$target" 2000
	fi
	check "$name: which adds up" balances "$rule" "file:$target"
	check "$name: it is told" wait_until file_has "$work/ledger.out" \
	    "^MSG _amyd\\.dropped rule=$rule target=file:$target lines=[1-9]"
	check "$name: and logged" wait_until file_has "$work/log" "rule $rule: file:$target: "
done
nwaiting=$(rule_stat fifo "file:$work/fifo" queued)
check "at the FIFO some wait" test "$nwaiting" -gt 0
cat "$work/fifo" >"$work/fifo.out" &
children="$children $!"
check "when a reader comes, it gets those that waited" wait_until has_lines "$work/fifo.out" "$nwaiting"
check "it adds up" balances fifo "file:$work/fifo"
check "nobody else is harmed" wait_until has_written after "file:$work/after.log" 2000
is "and has every line" 2000 "$(wc -l <"$work/after.log")"

# As logrotate does it.
for round in 1 2 3; do
	seq -f "PUB log.5 $round-%g" 1 1000 >"$work/in"
	command_lines <"$work/in" >"$work/finals" &
	publisher=$!
	children="$children $publisher"
	mv "$work/all.log" "$work/all.log.$round"
	kill -USR1 "$daemon"
	wait_until test -e "$work/all.log"
	wait_for_end "$publisher"
done
wait_until has_written all "file:$work/all.log" 5000
cat "$work/all.log.1" "$work/all.log.2" "$work/all.log.3" "$work/all.log" | sed '1,2001d' >"$work/out"
for round in 1 2 3; do seq -f "$round-%g" 1 1000; done >"$work/expected"
same "renamed and opened anew, three times: no line is lost, torn, or out of order" \
    "$work/expected" "$work/out"
check "it adds up" balances all "file:$work/all.log"

# What could not be written can be again.
mkdir "$work/folder/none"
can_write()
{
	echo "PUB log.6 again" | command_lines >/dev/null
	file_has "$work/folder/none/x.log" again
}
check "a file that can be written at last is written" wait_until can_write
leave ledger
stop_daemon

# ---- TCP ---------------------------------------------------------------------------------

# Nobody listens there, but who we let.
mkfifo "$work/reserve.in"
"$peer" reserve <"$work/reserve.in" >"$work/reserved" &
children="$children $!"
exec 8>"$work/reserve.in"
wait_until has_lines "$work/reserved" 1
target_port=$(cat "$work/reserved")

# serve: whatever is sent there goes into $work/tcp.out
serve()
{
	socat -u "TCP-LISTEN:$target_port,reuseaddr,bind=127.0.0.1" "OPEN:$work/tcp.out,creat,append" \
	    </dev/null >/dev/null 2>&1 &
	server=$!
	children="$children $server"
}

kill_server()
{
	is_running "$server" && kill -CONT "$server" && kill -KILL "$server"
	wait_for_end "$server" 2>/dev/null
}

for host in 127.0.0.1 localhost; do
	target=tcp:$host:$target_port
	rm -f "$work/tcp.out" "$work/beside.log"
	start_daemon <<-END
		handlers = 2
		listen main { address = "127.0.0.1:0" }
		rule tcp    { match = "log.>"  to = {"$target"}  queue = "64K" }
		rule beside { match = "log.>"  to = {"file:$work/beside.log"}  queue = "16M" }
	END
	main_port=$(port main)
	subscribe ledger openbsd "_amyd.dropped" 127.0.0.1 "$main_port"

	seq -f 'PUB log.a %g' 1 100 | command_lines >/dev/null
	is "$target: refused, its lines wait" "100 0 0" \
	    "$(rule_stat tcp "$target" queued) $(rule_stat tcp "$target" written) $(rule_stat tcp "$target" dropped)"
	check "$target: that is logged" wait_until file_has "$work/log" "rule tcp: $target: .*its lines wait"
	serve
	check "$target: when it comes, it gets them" wait_until has_written tcp "$target" 100
	wait_until has_lines "$work/tcp.out" 100
	seq 1 100 >"$work/expected"
	same "$target: in order" "$work/expected" "$work/tcp.out"
	check "$target: that is logged as well" file_has "$work/log" "rule tcp: $target: connected"

	# What is in the kernel when it dies is lost, and nobody can tell; the rest is not.
	kill_server
	seq -f 'PUB log.a %g' 101 200 | command_lines >/dev/null
	serve
	sent_all()
	{
		echo "PUB log.a end" | command_lines >/dev/null
		file_has "$work/tcp.out" '^end$'
	}
	check "$target: killed and back, it is connected again" wait_until sent_all
	grep -v end "$work/tcp.out" >"$work/out"
	check "$target: what it has is in order" sort -nc "$work/out"
	wait_until nothing_waits tcp "$target"
	check "$target: it adds up" balances tcp "$target"

	# It hangs: the kernel takes some, its queue the last 64 KiB, and the rest goes.
	kill -STOP "$server"
	before=$(wc -l <"$work/tcp.out")
	padding=$(head -c 1000 /dev/zero | tr '\0' x)
	nlines=0
	has_dropped()
	{
		[ "$(rule_stat tcp "$target" dropped)" -gt 0 ]
	}
	until has_dropped || [ "$nlines" -ge 60000 ]; do
		seq -f "PUB log.b %.0f $padding" $((nlines + 1)) $((nlines + 2000)) | command_lines >/dev/null
		nlines=$((nlines + 2000))
	done
	check "$target: hanging, it loses lines" has_dropped
	check "$target: it adds up" balances tcp "$target"
	check "$target: it is told" wait_until file_has "$work/ledger.out" \
	    "^MSG _amyd\\.dropped rule=tcp target=$target lines=[1-9]"
	check "$target: and logged" wait_until file_has "$work/log" "rule tcp: $target: .*dropped"
	kill -CONT "$server"
	check "$target: when it reads again, all that waits goes" wait_until nothing_waits tcp "$target"
	check "$target: it adds up" balances tcp "$target"
	ndropped=$(rule_stat tcp "$target" dropped)
	wait_until has_lines "$work/tcp.out" $((before + nlines - ndropped))
	sed "1,${before}d" "$work/tcp.out" >"$work/out"
	is "$target: it has what was not dropped" $((nlines - ndropped)) "$(wc -l <"$work/out")"
	check "$target: in order" sort -nc -k 1,1 "$work/out"
	is "$target: whole lines, every one" "" "$(grep -vxE "[0-9]+ $padding" "$work/out" | head -n 3)"
	is "$target: the last line is the last" "$nlines" "$(tail -n 1 "$work/out" | cut -d ' ' -f 1)"

	put=$(rule_stat tcp "$target" put)
	check "$target: its neighbour has every line" wait_until has_written beside "file:$work/beside.log" "$put"
	is "$target: in its file" "$put" "$(wc -l <"$work/beside.log")"
	leave ledger
	stop_daemon "$target: the daemon ends with 0 when it is told to"
	kill_server
done

# ---- Formats -----------------------------------------------------------------------------

start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
history logs { match = "log.>" }
rule tagged { match = "log.>"  format = "%time %node %subject %seq %from %user 100%%: %text"
              to = {"file:$work/tagged", "tcp:127.0.0.1:1", "subject:copy"} }
rule bare   { match = ">"  to = {"file:$work/bare"} }
rule copied { match = "copy"  format = "%subject:%text"  to = {"file:$work/copied"} }
END
main_port=$(port main)
subscribe copies openbsd copy 127.0.0.1 "$main_port"
printf 'NAME ann\nPUB log.web hello %%text\nQUIT\n' | command_lines >"$work/out"
check "a target gets lines as its format has them" wait_until file_has "$work/tagged" \
    "^$log_time $(hostname) log\.web 1 @ann - 100%: hello %text\$"
wait_until has_lines "$work/bare" 1
is "a rule without one has the bare text" "hello %text" "$(head -n 1 "$work/bare")"
check "a subject has it, too" wait_until file_has "$work/copies.out" '^MSG copy hello %text$'
check "and the rule behind it has its own" wait_until file_has "$work/copied" '^copy:hello %text$'
check "what a target has of a format adds up" balances tagged "file:$work/tagged"
sed -i 's/^rule copied .*/rule copied { match = "copy"  format = "now %text"  to = {"file:'"$(
	echo "$work" | sed 's|/|\\/|g')"'\/copied"} }/' "$work/conf"
kill -HUP "$daemon"
wait_until file_has "$work/log" 'reload: changed: rule copied: format'
echo 'PUB copy again' | command_lines >"$work/out"
check "a reload changes it" wait_until file_has "$work/copied" '^now again$'
leave copies
stop_daemon

# ---- Its own listeners -------------------------------------------------------------------

# Where it is known, it is refused; a name is known only when it is connected to.
cat >"$work/own.conf" <<END
listen main { address = "127.0.0.1:0" }
listen in   { address = "localhost:$target_port"  mode = "publish"  subject = "log.in" }
rule round  { match = "log.>"  to = {"tcp:127.0.0.1:$target_port"} }
END
"$amyd" -t -c "$work/own.conf" >"$work/own.out" 2>&1
is "a target that is a listener of mode publish is refused" 78 "$?"
like "and the message says what to write" 'own\.conf:3: rule round: .* own listener in.*"subject:log\.in"' "$work/own.out"
if has_own_mounts; then
	echo "127.0.0.1 localhost myself.test" >"$work/hosts"
	cat >"$work/with_hosts" <<-END
		#!/bin/sh
		mount --bind "$work/hosts" /etc/hosts && exec "\$@"
	END
	chmod +x "$work/with_hosts"
	daemon_prefix="unshare -m $work/with_hosts"
	start_daemon <<-END
		handlers = 2
		listen main { address = "127.0.0.1:0" }
		listen in   { address = "127.0.0.1:$target_port"  mode = "publish"  subject = "log.in" }
		rule round  { match = "log.>"  to = {"tcp:myself.test:$target_port"} }
	END
	daemon_prefix=""
	main_port=$(port main)
	echo "PUB log.x once" | command_lines >/dev/null
	check "one that is so by its name is cut, which is logged" wait_until file_has "$work/log" \
	    "rule round: tcp:myself\\.test:$target_port: it leads to a listener of amyd itself"
	is "no line goes round" "1 1" "$(counter lines.published) $(rule_stat round "tcp:myself.test:$target_port" queued)"
	stop_daemon
else
	skip "one that is so by its name is cut, which is logged" "no mount namespace of our own"
fi

# ---- Syslog ------------------------------------------------------------------------------

if has_own_mounts; then
	give_own_dev
	start_daemon <<-END
		handlers = 2
		listen main { address = "127.0.0.1:0" }
		rule log    { match = "log.>"  to = {"syslog:local3.err"} }
		rule beside { match = "log.>"  to = {"file:$work/beside2.log"}  queue = "16M" }
	END
	daemon_prefix=""
	main_port=$(port main)
	start_syslog
	arrives()
	{
		echo "PUB log.x is it there?" | command_lines >/dev/null
		file_has "$work/syslog" 'is it there'
	}
	check "syslog: lines arrive" wait_until arrives
	printf 'PUB log.x 100%% of %%s%%n \033[31m\n' | command_lines >/dev/null
	check "syslog: a line is no format" wait_until grep -aqF '100% of %s%n ' "$work/syslog"
	check "syslog: facility and level are those of the rule" grep -aq '^<155>' "$work/syslog"
	printf 'PUB log.x caf\303\251 \342\202\254\n' | command_lines >/dev/null
	check "syslog: UTF-8 gets through as it is" wait_until grep -aqF "$(printf 'caf\303\251 \342\202\254')" \
	    "$work/syslog"
	check "syslog: control bytes do not get through" not grep -aq "$(printf '\033')" "$work/syslog"
	kill -STOP "$syslog"
	seq -f 'PUB log.x %g' 1 20000 | command_lines >"$work/finals"
	is "syslog hangs: publishers do not" 20000 "$(wc -l <"$work/finals")"
	put=$(rule_stat log syslog:local3.err put)
	check "syslog hangs: its neighbour has every line" \
	    wait_until has_written beside "file:$work/beside2.log" "$put"
	check "syslog hangs: it adds up" balances log syslog:local3.err
	kill -CONT "$syslog"
	check "syslog goes on: nothing waits any more" wait_until nothing_waits log syslog:local3.err
	check "syslog goes on: it adds up" balances log syslog:local3.err
	stop_daemon
else
	skip "syslog: lines arrive" "no mount namespace of our own"
fi

done_testing
