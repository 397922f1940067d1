#!/bin/sh
# SPDX-License-Identifier: MIT
# amybench: every load, with the daemon and with its peers; its figures agree with each other;
# and servers that lose, double, alter or mix up lines, or go away, are found out.
. "${top_srcdir:-.}/tests/lib.sh"

bench=$amybench

# value KEY: of the object in $work/json, without quotes
value()
{
	sed -n 's/.*[{,]"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p' "$work/json"
}

# All of them at once: $value_KEY; a key that is not there is empty.
read_values()
{
	# shellcheck disable=SC2046 # names
	unset $(set | sed -n 's/^\(value_[a-z_0-9]*\)=.*/\1/p')
	eval "$(grep -o '"[a-z_0-9]*":"\{0,1\}[^",}]*' "$work/json" |
		sed "s/\"\([a-z_0-9]*\)\":\"\{0,1\}\(.*\)/value_\1='\2'/")"
}

# ---- Loads ---------------------------------------------------------------------------

is_one_json_object()
{
	[ "$(wc -l <"$work/json")" -eq 1 ] && grep -q '^{"load":.*}$' "$work/json"
}

# What holds for the figures of every load.
agree()
{
	local key

	is_one_json_object || { echo "that is no object in one line"; return 1; }
	read_values
	for key in load protocol connections in_flight rate size seconds lines lines_per_second \
	    latency_min_ns latency_mean_ns latency_p50_ns latency_p90_ns latency_p99_ns \
	    latency_p999_ns latency_max_ns server_cpu_ns_per_line client_cpu_ns_per_line \
	    server_rss_bytes_per_connection; do
		eval "[ -n \"\${value_$key:-}\" ]" || { echo "there is no $key"; return 1; }
	done
	echo "$value_latency_min_ns $value_latency_p50_ns $value_latency_p90_ns" \
	    "$value_latency_p99_ns $value_latency_p999_ns $value_latency_max_ns" |
		awk '{ for (i = 2; i <= NF; i++) if ($i < $(i - 1)) exit 1 }' ||
		{ echo "the percentiles do not rise"; return 1; }
	[ "$value_lines" -gt 0 ] && [ "$value_latency_min_ns" -gt 0 ] &&
		[ "$value_client_cpu_ns_per_line" != 0.0 ]
}

# load ARGUMENT...: it exits with 0, has counted something, and the figures agree. On a machine
# that stands still for a moment, a longer time is given to it.
load()
{
	local duration

	for duration in 200ms 2s 20s; do
		"$bench" -j -w 50ms -d "$duration" "$@" >"$work/json" 2>"$work/stderr"
		status=$?
		[ "$status" = 0 ] && [ "$(value lines)" = 0 ] && continue
		break
	done
	cat "$work/json" "$work/stderr"
	[ "$status" = 0 ] && agree
}

# rated LINES ARGUMENT...: so many lines are due, and all of them count
rated()
{
	local expected=$1

	shift
	load "$@" || return 1
	[ "$(value lines)" = "$expected" ]
}

# The deliveries of all batches, but for those that were under way at the beginning or the end.
deliveries_are_of_publications()
{
	local all=$(($(value published) * $(value connections)))
	local batch=$(($(value in_flight) * $(value connections)))
	local difference=$((all - $(value lines)))

	echo "$difference of $all are missing, a batch is $batch"
	[ "$difference" -le "$batch" ] && [ "$difference" -ge "-$batch" ]
}

start_daemon <<END
handlers = 2
listen main  { address = "127.0.0.1:0" }
listen echo  { address = "127.0.0.1:0"  mode = "echo" }
listen six   { address = "[::1]:0"  mode = "echo" }
listen local { address = "$work/sock"  mode = "echo" }
listen in    { address = "127.0.0.1:0"  mode = "publish"  subject = "bench.raw" }
listen out   { address = "127.0.0.1:0"  mode = "subscribe"  pattern = "bench.raw"  history = 10 }
history h    { match = "bench.>" }
END
main_port=$(port main)
main=127.0.0.1:$main_port
echo_at=127.0.0.1:$(port echo)

check "echo: one line in flight" load echo "$echo_at"
is "50 connections are what is taken" 50 "$(value connections)"
is "and lines of 32 bytes" 32 "$(value size)"
is "what is not known is null" "null null" \
    "$(value server_cpu_ns_per_line) $(value server_rss_bytes_per_connection)"
check "echo: 128 lines in flight" load -k 128 echo "$echo_at"
check "echo: lines of 65536 bytes" load -c 3 -k 20 -s 65536 echo "$echo_at"
check "echo: through a Unix socket" load -k 16 echo "$work/sock"
check "echo: by name, which may have two addresses" load echo "localhost:$(port echo)"
check "echo: from many source addresses" load -b -c 300 echo "$echo_at"
if [ -n "$(port six)" ]; then
	check "echo: IPv6" load echo "[::1]:$(port six)"
else
	skip "echo: IPv6" "there is none"
fi
check "echo: PING of amyd, and the server's CPU time" load -P amyd -k 16 -S "$daemon" echo "$main"
unlike "it is a number" '"server_cpu_ns_per_line":(null|0\.0)' "$work/json"

check "fanout: one reader, one line" load -c 1 fanout "$main"
check "each delivery counts" deliveries_are_of_publications
check "fanout: ten readers, batches of 100" load -k 100 fanout "$main"
check "each delivery counts" deliveries_are_of_publications
check "fanout: raw lines, to readers who first get older ones" \
    load -P raw -k 20 fanout "127.0.0.1:$(port in)" "127.0.0.1:$(port out)"
check "each delivery counts" deliveries_are_of_publications

# Others who follow everything are no matter.
subscribe witness openbsd '>' 127.0.0.1 "$main_port"
check "fanout: while somebody else follows, too" load -k 10 fanout "$main"
leave witness
like "who has seen the lines" '^MSG amybench\.[0-9]+ 0000000 [0-9]{12} [A-Za-z0-9_-]{11}$' \
    "$work/witness.out"

check "request: one at a time, without tags" load -c 5 request "$main"
check "request: 100 at once, with tags" load -c 5 -k 100 request "$main"
check "churn" load churn "$echo_at"
check "churn: PING of amyd, from many source addresses" load -b -P amyd churn "$main"
check "idle: 200 connections" load -c 200 -S "$daemon" idle "$echo_at"
is "each of them counts once" 200 "$(value lines)"
like "it says when they are open" '^amybench: 200 connections are open$' "$work/stderr"
like "what they take of memory is a number" '"server_rss_bytes_per_connection":-?[0-9]+\.[0-9]' \
    "$work/json"

for what in "-c 7 -r 1000 echo $echo_at" "-c 300 -r 1000 echo $echo_at" \
    "-c 10 -r 1000 request $main"; do
	# shellcheck disable=SC2086
	check "at a fixed rate each line that is due counts: ${what% *}" rated 200 $what
done
check "likewise of what is published: 200 lines to each of 4" rated 800 -c 4 -r 1000 fanout "$main"
is "which were as many" 200 "$(value published)"

# ---- What people see -----------------------------------------------------------------

"$bench" -d 200ms -w 0ms -S "$daemon" -c 1234 -r 12340 echo "$echo_at" >"$work/text" 2>"$work/stderr"
is "nothing stands on stderr, which is no terminal" "" "$(cat "$work/stderr")"
is "the table, with digits as 0" "echo, lines, 0,000 connections, 00,000 a second, 0.0 s
  lines           0,000   00,000 a second
  latency         min 0 x  p00 0 x  p00 0 x  p00 0 x  p00.0 0 x  max 0 x   (mean 0 x)
  server CPU      0.000 us a line
  client CPU      0.000 us a line" "$(sed -e 's/[0-9]/0/g' -e '/^  latency/{
s/ 0[0.]* [mun]\{0,1\}s/ 0 x/g
}' -e 's/CPU      00*/CPU      0/' "$work/text")"

shows_progress()
{
	script -qec "$bench -d 1500ms -w 700ms echo $echo_at" /dev/null >"$work/progress" </dev/null &&
		grep -q 'echo  1 of 3 s  [0-9,]* lines/s  p99 ' "$work/progress"
}

if command -v script >/dev/null; then
	check "on a terminal it shows how far it is" shows_progress
else
	skip "on a terminal it shows how far it is" "there is no script(1)"
fi

has_read_lines()
{
	[ "$(counter lines.read)" -gt "$1" ]
}

# ends_early SIGNAL
ends_early()
{
	local pid

	"$bench" -j -w 0ms -d 1h -k 4 echo "$echo_at" >"$work/json" 2>"$work/stderr" &
	pid=$!
	children="$children $pid"
	wait_until has_read_lines $(($(counter lines.read) + 2000)) || return 1
	kill "-$1" "$pid"
	wait_for_end "$pid"
	cat "$work/stderr"
	[ "$status" = 0 ] && agree
}

check "INT ends it early, and what there is is printed" ends_early INT
check "so does TERM" ends_early TERM

# It takes its time to see that.
"$bench" -d 1m -w 0ms -P raw -c 2 fanout "127.0.0.1:$(port in)" "$main" >"$work/nowhere.out" 2>&1 &
nowhere=$!
children="$children $nowhere"

# ---- Bad servers ---------------------------------------------------------------------

nservers=0

# serve NAME SCRIPT: what a connection to $server sends comes back through sed
serve()
{
	nservers=$((nservers + 1))
	server=$work/$1.$nservers.sock
	printf '%s\n' "$2" >"$server.sed"
	socat "UNIX-LISTEN:$server,fork,backlog=100" "EXEC:sed -u -f $server.sed" \
	    2>"$server.log" &
	children="$children $!"
	wait_until listens_at "$server"
}

# fails STATUS PATTERN ARGUMENT...: so it ends, and that stands on stderr
fails()
{
	local expected=$1 pattern=$2

	shift 2
	"$bench" -d 1m -w 0ms "$@" >"$work/out" 2>"$work/stderr"
	status=$?
	echo "exit status $status"
	cat "$work/out" "$work/stderr"
	[ "$status" = "$expected" ] && [ ! -s "$work/out" ] && grep -Eq -- "$pattern" "$work/stderr"
}

# The connection is number 0, its first line is 0, so the hundredth is 99.
wrong_are_found()
{
	serve lost 100d
	check "a lost line is found" fails 76 'actual +0000000 000000000100 ' "$@" echo "$server"
	serve doubled 100p
	check "a doubled line is found" fails 76 'actual +0000000 000000000099 ' "$@" \
	    echo "$server"
	serve altered 's/\(000099 ..\)./\1%/'
	check "an altered line is found, and shown" fails 76 'actual +0000000 0000000000[0-9]* ..%' \
	    "$@" echo "$server"
	serve swapped '100{N;s/\(.*\)\n\(.*\)/\2\n\1/}'
	check "lines in another order are found" fails 76 'actual +0000000 000000000100 ' "$@" \
	    echo "$server"
	serve mixed '100s/^0000000/0000001/'
	check "another connection's line is found" fails 76 'actual +0000001 000000000099 ' "$@" \
	    echo "$server"
	serve longer '100s/$/!/'
	check "a line that is too long is found" fails 76 'expected +0000000 000000000099 .*' "$@" \
	    echo "$server"
	serve late '100s/.$/!/'
	check "of a long line, the place is shown where it is wrong" fails 76 \
	    'actual +\.\.\.[A-Za-z0-9_-]*!' "$@" -s 5000 echo "$server"
	serve closing 100q
	check "a server that closes is found" fails 75 'closed connection 0.* outstanding$' "$@" \
	    echo "$server"
}

if command -v socat >/dev/null && echo a | sed -u p >/dev/null 2>&1; then
	serve mute '100,$d'
	"$bench" -d 1m -w 0ms -c 1 -k 3 echo "$server" >"$work/mute.out" 2>&1 &
	mute=$!
	children="$children $mute"
	wrong_are_found -c 1 -k 3
	wrong_are_found -c 1 -r 3000
	serve pair '100s/^0000001/0000000/'
	check "of two connections, too" fails 76 'connection 1: .*' -c 2 -k 3 echo "$server"
	serve binary '100s/.*/a\x01\xff"/'
	check "what is no text is shown escaped" fails 76 'actual +a\\x01\\xff\\"' -c 1 -k 3 \
	    echo "$server"

	# The server stands still for half a second of one; half of all lines are due then. Of
	# those, the first 20 wait for 0.4 s at least; sent one after the other, just one would.
	serve slow '100e sleep 0.5'
	check "a server that stands still for a while answers all" rated 200 -w 0ms -d 1s -c 1 \
	    -r 200 echo "$server"
	check "and is charged for every line that was due meanwhile" \
	    test "$(value latency_p90_ns)" -ge 400000000

	wait_for_end "$mute"
	is "a server that falls silent is given up after 10 s" 75 "$status"
	like "and it is said so" 'no answer for 10 s; 3 lines were outstanding' "$work/mute.out"
else
	skip "bad servers are found" "no socat, or a sed without -u"
fi

check "a rate that cannot be kept up with is said to be one" \
    fails 75 'lines are unanswered: .* 100,000,000 lines a second: lower -r' -r 100000000 \
    echo "$echo_at"
check "a command listener is no echo listener" fails 76 'actual +-ERR UNKNOWN' echo "$main"
check "a line that is longer than the server takes" fails 76 'actual +-ERR TOOLONG' -P amyd \
    -s 65536 echo "$main"
wait_for_end "$nowhere"
is "what is published nowhere is not waited for for ever" 75 "$status"
like "and it is said so" '0 of 2 readers have seen' "$work/nowhere.out"

# ---- Bad options ---------------------------------------------------------------------

refuses()
{
	fails 64 "$@"
}

check "no address" refuses 'name a load and an address' echo
check "an unknown load" refuses 'storm: the loads are echo, fanout, request, idle and churn' storm "$main"
check "an unknown option" refuses 'usage: amybench' -x echo "$main"
check "an address without a port" refuses 'localhost: write host:port' echo localhost
check "no connections" refuses '-c 0: it is a number from 1 to ' -c 0 echo "$main"
check "not a number" refuses '-c ten: ' -c ten echo "$main"
check "more connections than descriptors" refuses '-c: at most [0-9]+ connections' -c 1000000 \
    echo "$main"
check "too many in flight" refuses '-k 5000: it is at most 4096 for echo' -k 5000 echo "$main"
check "too many requests in flight" refuses 'at most 1000 for request' -k 1001 request "$main"
check "in flight, of a load that has one" refuses 'at most 1 for churn' -k 2 churn "$main"
check "in flight, and a rate" refuses '-k and -r: take one of them' -k 2 -r 100 echo "$main"
check "a rate, of a load that has none" refuses '-r: idle has no rate' -r 100 idle "$main"
check "a rate of 0" refuses '-r 0: it is a number from 1 to ' -r 0 echo "$main"
check "a time without a unit" refuses '-d 10: it is a time from 1ms' -d 10 echo "$main"
check "no time" refuses '-d 0ms: it is a time from 1ms' -d 0ms echo "$main"
check "a warm-up without a unit" refuses '-w 10: it is a time from 0' -w 10 echo "$main"
check "a short line" refuses '-s 31: a line has 32 bytes at least' -s 31 echo "$main"
check "a shorter text" refuses '-s 23: it is a number from 24 to 65536' -s 23 -P amyd echo "$main"
check "a size, where all lines are the same" refuses '-s: the lines of -P memcached are all the same' \
    -s 100 -P memcached echo "$main"
check "an unknown protocol" refuses '-P http: it is lines, amyd, raw, redis, nats or memcached' \
    -P http echo "$main"
check "a protocol that cannot do it" refuses '-P raw: echo is not for it: it is lines' -P raw \
    echo "$main"
check "memcached does not publish" refuses 'it is amyd, raw, redis or nats' -P memcached \
    fanout "$main"
check "only amyd has requests" refuses '-P redis: request is not for it: it is amyd' -P redis \
    request "$main"
check "raw wants two addresses" refuses 'name two addresses' -P raw fanout "$main"
check "nothing else does" refuses 'a second address is for fanout with -P raw' echo "$main" "$main"
check "no such process" refuses '-S 2147483647: .*No such file' -S 2147483647 echo "$main"
check "source addresses are for this machine" refuses '-b: .* is not in 127.0.0.0/8' -b \
    echo "$work/sock"
check "nobody listens at a socket" fails 69 'cannot connect to .*/none: No such file .*running' \
    echo "$work/none"
check "no such host" fails 69 'cannot connect to no\.such\.host\.invalid:1: ' \
    echo no.such.host.invalid:1

# The options that the help has are those of the manual page.
"$bench" -h >"$work/help"
sed -n 's/^  -\([a-zA-Z]\), --\([a-z-]*\).*/\1 \2/p' "$work/help" | sort >"$work/options"
sed -n 's/^\.It Fl \([a-zA-Z]\) .*, Fl Fl \([a-z-]*\).*/\1 \2/p' "$top_srcdir/man/amybench.1" |
	sort >"$work/documented"
same "amybench(1) has the options of the help" "$work/options" "$work/documented"
is "there are 13 of them" 13 "$(wc -l <"$work/options")"

stop_daemon
if [ "$KERNEL" = kqueue ] && [ "$(uname)" = Linux ]; then
	skip "nobody listens at a port" "libkqueue reads SO_ERROR"
else
	check "nobody listens at a port" fails 69 \
	    'cannot connect to .*: Connection refused: .*running' echo "$echo_at"
fi

# A goodbye is told from a wrong answer.
start_daemon <<END
handlers = 1
listen main { address = "127.0.0.1:0"  per_ip = 2 }
END
main=127.0.0.1:$(port main)
check "a server that says goodbye: that is shown, and why" fails 75 \
    'connection [0-9]+: the server ended it, after [0-9]+ right replies: ! BYE LIMIT per_ip=2' \
    -P amyd -c 5 echo "$main"
check "likewise where requests are answered" fails 75 \
    'connection [0-9]+: the server ended it, after [0-9]+ right replies: ! BYE LIMIT per_ip=2' \
    -P amyd -c 5 request "$main"
stop_daemon

# ---- Peers ---------------------------------------------------------------------------

# peer NAME COMMAND...: it runs
peer_starts()
{
	local name=$1

	shift
	"$@" >"$work/$name.log" 2>&1 &
	children="$children $!"
}

if command -v redis-server >/dev/null; then
	peer_starts redis redis-server --port 0 --unixsocket "$work/redis.sock" --save "" \
	    --appendonly no --dir "$work"
	wait_until listens_at "$work/redis.sock"
	check "redis: echo" load -P redis -k 16 -s 1000 echo "$work/redis.sock"
	check "redis: fanout" load -P redis -k 16 fanout "$work/redis.sock"
	check "redis: each delivery counts" deliveries_are_of_publications
	check "redis: churn" load -P redis churn "$work/redis.sock"
else
	skip "redis" "there is no redis-server"
fi

nats_port()
{
	sed -n 's/.*"nats":\["nats:[^"]*:\([0-9]*\)".*/\1/p' "$work"/nats-server_*.ports 2>/dev/null |
		grep .
}

if command -v nats-server >/dev/null; then
	peer_starts nats nats-server -a 127.0.0.1 -p -1 --ports_file_dir "$work"
	wait_until nats_port >/dev/null
	nats=127.0.0.1:$(nats_port)
	check "nats: echo" load -P nats -k 16 echo "$nats"
	check "nats: fanout" load -P nats -k 16 -s 1000 fanout "$nats"
	check "nats: each delivery counts" deliveries_are_of_publications
	check "nats: idle" load -P nats idle "$nats"
else
	skip "nats" "there is no nats-server"
fi

if command -v memcached >/dev/null; then
	user=$(id -un)
	peer_starts memcached memcached -u "$user" -s "$work/memcached.sock"
	wait_until listens_at "$work/memcached.sock"
	check "memcached: echo" load -P memcached -k 16 echo "$work/memcached.sock"
	is "its lines have 4 bytes" 4 "$(value size)"
	check "memcached: churn" load -P memcached churn "$work/memcached.sock"
else
	skip "memcached" "there is no memcached"
fi

done_testing
