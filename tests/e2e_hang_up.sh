#!/bin/sh
# SPDX-License-Identifier: MIT
# A client that writes and closes: all that it has sent is run, whatever it has to wait for. On a
# Unix socket the daemon learns of the close at once, with lines that it has not read yet.
. "${top_srcdir:-.}/tests/lib.sh"

need socat nc.openbsd
start_daemon <<END
handlers = 2
listen main   { address = "127.0.0.1:0" }
listen local  { address = "$work/local"  queue = "64K" }
listen echo   { address = "$work/echo"  mode = "echo"  queue = "64K" }
listen lines  { address = "$work/lines"  mode = "publish"  subject = "lines.unix" }
listen lines2 { address = "127.0.0.1:0"  mode = "publish"  subject = "lines.tcp" }
listen rated  { address = "$work/rated"  mode = "publish"  subject = "rated.unix"
                line_rate = 2000  eof_line = "publish" }
listen rated2 { address = "127.0.0.1:0"  mode = "publish"  subject = "rated.tcp"
                line_rate = 2000  eof_line = "publish" }
listen idle   { address = "127.0.0.1:0"  mode = "publish"  subject = "rated.idle"
                line_rate = 5  idle_time = "100ms" }
history rated  { match = "rated.>"  lines = 100 }
history stored { match = "stored"  lines = 1000 }
END
main_port=$(port main)

# send_and_close ADDRESS <lines: it writes, and never reads
send_and_close()
{
	timeout 120 socat -u - "$1"
}

# runs NAME COUNTER N COMMAND...: the command makes the counter grow by N
runs()
{
	local name=$1 counter=$2 wanted=$3 before

	shift 3
	before=$(counter "$counter")
	"$@" >"$work/runs.out"
	has_grown()
	{
		[ "$(($(counter "$counter") - before))" -ge "$wanted" ]
	}
	check "$name" wait_until has_grown
}

seq 60000 >"$work/60000"
{ seq 3000 && printf 'the end'; } >"$work/3000"
"$peer" random --lines 400 --min 30000 --max 60000 --seed 7 >"$work/long"

# Readers on both handlers, so that lines go through both inboxes. None of them ever reads.
for reader in 1 2 3 4; do
	subscribe "reader$reader" openbsd "lines.>" "$work/local"
	say "reader$reader" "SUB full.>"
	wait_until has_lines "$work/reader$reader.out" 2
	kill -STOP "$(client_pid "reader$reader")"
done

for kind in unix tcp; do
	case $kind in
	unix) lines=UNIX-CONNECT:$work/lines rated=UNIX-CONNECT:$work/rated ;;
	tcp) lines=TCP:127.0.0.1:$(port lines2) rated=TCP:127.0.0.1:$(port rated2) ;;
	esac
	runs "$kind: all 60,000 lines of a publisher that writes and closes are published" \
	    lines.published 60000 send_and_close "$lines" <"$work/60000"
	runs "$kind: so are long ones, for which inboxes have no room at times" \
	    lines.published 400 send_and_close "$lines" <"$work/long"
	runs "$kind: so are lines that have to wait for line_rate, and the last one without its LF" \
	    lines.published 3001 send_and_close "$rated" <"$work/3000"
	is "$kind: the last line is the last one" "MSG rated.$kind the end" \
	    "$(echo "READ rated.$kind LAST 1" | command_lines | grep ^MSG)"
done

# It stays open: what is to be seen is idle_time.
listening=$(port idle)
connect idle openbsd 127.0.0.1 "$listening"
runs "a client is not idle whose lines have to wait for line_rate longer than idle_time" \
    lines.published 8 say idle 1 2 3 4 5 6 7 8
wait_until gone idle
hang_up idle

# ---- Answers that nobody reads ----------------------------------------------------------------

seq -f 'PUB full.unix %.0f' 5000 >"$work/pubs"
runs "5,000 PUB are run, though nobody waits for their answers" \
    lines.published 5000 send_and_close "UNIX-CONNECT:$work/local" <"$work/pubs"

# flood_and_close HEAD PATH: until no more goes, for the daemon sends no more, and so reads no more.
# $nwhole is how many lines went.
flood_and_close()
{
	rm -f "$work/flood"
	"$peer" flood --lines 20000 --head "$1" "$2" <"$work/never" >"$work/flood" 2>&1 &
	flood=$!
	children="$children $flood"
	wait_until file_has "$work/flood" went
	kill -KILL "$flood"
	collect "$flood" 2>/dev/null
	nwhole=$(awk -v n="$(cut -d ' ' -f 1 "$work/flood")" -v head="$1" '
		BEGIN { while ((n -= length(head i) + 130) >= 0) i++; print i + 0 }' i=0)
}
mkfifo "$work/never"
exec 8<>"$work/never"
for mode in local echo; do
	head=""
	[ "$mode" = echo ] || head="ECHO "
	before=$(counter lines.read)
	flood_and_close "$head" "$work/$mode"
	has_heard()
	{
		[ "$(($(counter lines.read) - before))" -ge "$nwhole" ]
	}
	check "$mode: $nwhole lines are run of one that closes when its answers fill every buffer" \
	    wait_until has_heard
done

# It closes when it has seen the first line: then the daemon can send no more, and reads no more,
# since the answers fill half of the queue, or one that is long waits to be read.
seq -f "PUB stored %.0f $(head -c 1000 /dev/zero | tr '\0' x)" 1000 | command_lines >/dev/null
{
	echo 'READ stored'
	seq -f 'PUB behind.read %.0f' 100
} >"$work/behind_read"
runs "lines behind a long answer are run when their client closes instead of reading it" \
    lines.published 100 "$peer" talk --hold --lines 1 "$work/local" \
    <"$work/behind_read"
seq -f "ECHO %.0f $(head -c 1000 /dev/zero | tr '\0' x)" 1000 >"$work/piled_up"
seq -f 'PUB behind.echo %.0f' 100 >>"$work/piled_up"
runs "lines are run that were held back because the answers before them piled up" \
    lines.published 100 "$peer" talk --hold --lines 1 "$work/local" \
    <"$work/piled_up"

# ---- Behind a REQ ---------------------------------------------------------------------------

for kind in unix tcp; do
	case $kind in
	unix) address=UNIX-CONNECT:$work/local ;;
	tcp) address=TCP:127.0.0.1:$main_port ;;
	esac
	subscribe responder openbsd slow.answer 127.0.0.1 "$main_port"
	published=$(counter lines.published)
	{
		printf '%s\n' "SUB jobs.$kind GROUP workers" "WILL will.$kind gone" "REQ slow.answer now"
		seq -f "PUB behind.req %.0f" 100
	} | send_and_close "$address"
	wait_until file_has "$work/responder.out" '^REQ'
	if [ "$kind" = unix ]; then
		# A group has no member that has hung up, though the client is not over yet.
		nobody_works()
		{
			[ "$(echo 'PUB jobs.unix x' | command_lines)" = "+OK 0" ]
		}
		check "one that has hung up gets no more lines, while it waits for an answer" \
		    wait_until nobody_works
		before=$(($(counter events.polled) + $(counter events.leased)))
		seq -f 'PING %.0f' 20 | command_lines >/dev/null
		after=$(($(counter events.polled) + $(counter events.leased)))
		check "and it costs nothing meanwhile: $((after - before)) events" \
		    [ "$((after - before))" -lt 200 ]
	fi
	published=$(counter lines.published)
	say responder "REP $(awk '$1 == "REQ" { print $3 }' "$work/responder.out") later"
	has_run_rest()
	{
		[ "$(counter lines.published)" -ge "$((published + 101))" ]
	}
	check "$kind: what stands behind an open REQ is run once that is answered, and the will" \
	    wait_until has_run_rest
	leave responder
done

for reader in 1 2 3 4; do
	kill -KILL "$(client_pid "reader$reader")"
	collect "$(client_pid "reader$reader")" 2>/dev/null
done
nothing_waits_for_clients()
{
	counter_is lines.queued 0
}
check "nothing waits for anybody in the end" wait_until nothing_waits_for_clients
sum=0
for name in delivered dropped.slow dropped.cut dropped.gone dropped.ended dropped.memory; do
	sum=$((sum + $(counter lines.$name)))
done
is "every line that was matched was delivered or dropped, and counted" \
    "$(counter lines.matched)" "$sum"

stop_daemon
done_testing
