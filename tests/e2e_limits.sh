#!/bin/sh
# SPDX-License-Identifier: MIT
# At the limits: of clients, of descriptors; and when accept4(2) fails in each way it can.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

answers()
{
	[ "$(echo PING | talk openbsd 127.0.0.1 "$(port main)")" = +OK ]
}

# ---- max_clients -----------------------------------------------------------------------

start_daemon <<END
handlers = 2
max_clients = 5
listen main  { address = "127.0.0.1:0" }
listen echo  { address = "127.0.0.1:0"  mode = "echo" }
listen local { address = "$work/sock" }
END
main_port=$(port main)
hold five "$main_port" 5
is "max_clients = 5: five are served" "held 5" "$(cat "$work/five.out")"
for address in "127.0.0.1 $(port main)" "127.0.0.1 $(port echo)" "$work/sock"; do
	# shellcheck disable=SC2086
	talk openbsd $address </dev/null >"$work/out"
	like "the sixth is told why it is not, at ${address#"$work"/}" '^! BYE LIMIT' "$work/out"
	is "in one line" 1 "$(wc -l <"$work/out")"
	# shellcheck disable=SC2086
	seq -f 'PING %g' 1 1000 | talk openbsd $address >"$work/out" 2>"$work/err"
	unlike "and is not answered, whatever it says, at ${address#"$work"/}" '^\+OK' "$work/out"
done
let_go five
check "a place that was freed can be used" wait_until answers
is "who was turned away is counted" 6 "$(counter clients.refused.max_clients)"
like "and the log says what to do about it" 'max_clients = 5 are here: raise it' "$work/log"

# Each place that is freed is one that can be taken.
all_fit()
{
	hold again "$main_port" 5
	let_go again
	[ "$(cat "$work/again.out")" = "held 5" ]
}
nfull=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	wait_until all_fit && nfull=$((nfull + 1))
done
is "ten times all places are taken and freed again" 10 "$nfull"
stop_daemon

# Those who are here go on as if nobody were turned away.
start_daemon <<END
handlers = 2
max_clients = 3
listen main { address = "127.0.0.1:0" }
listen one  { address = "127.0.0.1:0"  per_ip = 1 }
END
main_port=$(port main)
subscribe reader openbsd feed 127.0.0.1 "$main_port"
connect writer openbsd 127.0.0.1 "$main_port"
connect one openbsd 127.0.0.1 "$(port one)"
say one PING
wait_until has_lines "$work/one.out" 1
nfinals=0
for limit in max_clients per_ip; do
	[ "$limit" = max_clients ] && at=$main_port || at=$(port one)
	"$peer" storm --connections 1000 --how close 127.0.0.1 "$at" &
	storm=$!
	"$peer" storm --connections 1000 --how mid-line 127.0.0.1 "$at" &
	storm2=$!
	children="$children $storm $storm2"
	seq -f "PUB feed $limit.%.0f" 1 5000 >"$work/writer.in"
	wait_until file_has "$work/reader.out" "^MSG feed $limit.5000\$"
	wait_for_end "$storm"
	wait_for_end "$storm2"
	seq -f "MSG feed $limit.%.0f" 1 5000 >"$work/expected"
	grep "^MSG feed $limit\\." "$work/reader.out" >"$work/out"
	same "while thousands are turned away for $limit, who is here has every line" \
	    "$work/expected" "$work/out"
	nfinals=$((nfinals + 5000))
	check "$limit: and its finals" wait_until has_lines "$work/writer.out" "$nfinals"
done
is "each of which is as it should be" $nfinals "$(grep -c '^+OK 1$' "$work/writer.out")"
for name in reader writer one; do
	hang_up "$name"
	gone "$name" || kill "$(client_pid "$name")"
done
stop_daemon

# ---- Descriptors -------------------------------------------------------------------------

if command -v prlimit >/dev/null; then
	case $SANITIZER in
	no | '') nofile=48 ;;
	*) nofile=64 ;;
	esac
	daemon_prefix="prlimit --nofile=$nofile:$nofile"
	start_daemon <<-END
		handlers = 2
		max_clients = 1000
		listen main { address = "127.0.0.1:0" }
	END
	like "too few descriptors for max_clients: it says so at start" "only $nofile descriptors" "$work/log"
	main_port=$(port main)
	# A few more than fit: after each, the daemon takes a longer break.
	set -- "/proc/$daemon/fd/"*
	ncallers=$((nofile - $# + 4))
	hold many "$main_port" "$ncallers"
	like "who comes when there is no descriptor left is told so" '^connection [0-9]+: ! BYE LIMIT' \
	    "$work/many.out"
	like "everybody was answered in one way or the other" "^held $ncallers\$" "$work/many.out"
	wait_until file_has "$work/log" 'accepting pauses'
	like "the log says what to do about it" 'raise the limit of open files' "$work/log"
	let_go many
	check "when there are descriptors again, it accepts again" wait_until answers
	check "who was turned away is counted" [ "$(counter clients.refused.descriptors)" -gt 0 ]
	# Accepting is tried once, and pauses, for each of them; there is no other reason to.
	npauses=$(counter accept.pauses)
	check "meanwhile it does not run in circles: $npauses pauses" \
	    [ "$npauses" -le $((2 * ncallers)) ]
	stop_daemon
	daemon_prefix=""
else
	skip "who comes when there is no descriptor left is told so" "there is no prlimit"
fi

# ---- accept4(2) fails ----------------------------------------------------------------------

if [ "$SANITIZER" = no ] && command -v strace >/dev/null &&
    strace -o /dev/null -f -e trace=none true 2>/dev/null; then
	for error in EAGAIN EINTR ECONNABORTED EPROTO EPERM ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET \
	    EHOSTUNREACH EOPNOTSUPP ENETUNREACH EMFILE ENFILE ENOBUFS ENOMEM EINVAL; do
		# -D: strace stands aside, and the daemon is our child.
		daemon_prefix="strace -D -f -o $work/strace -e trace=accept4
		    -e inject=accept4:error=$error:when=1+3"
		start_daemon <<-END
			handlers = 1
			listen main { address = "127.0.0.1:0" }
		END
		nanswers=0
		for i in 1 2 3; do
			# Where there is no descriptor left, a client is turned away, and comes again.
			case $error in
			EMFILE | ENFILE) wait_until answers && nanswers=$((nanswers + 1)) ;;
			*) answers && nanswers=$((nanswers + 1)) ;;
			esac
		done
		is "accept4 fails with $error every third time: the clients are served" 3 "$nanswers"
		like "accept4 did fail with $error" "accept4\\(.*$error.*INJECTED" "$work/strace"
		kill -TERM "$daemon"
		wait_for_end "$daemon"
		check "$error: and it ends with 0" has_ended_well "$status"
	done
	daemon_prefix=""
else
	skip "accept4 fails: the clients are served" "no strace, no ptrace, or a build with sanitizers"
fi

done_testing
