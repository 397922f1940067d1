#!/bin/sh
# SPDX-License-Identifier: MIT
# Listeners of mode "http": each path, who is answered, and that the figures are right.
. "${top_srcdir:-.}/tests/lib.sh"

if [ "${HTTP:-yes}" != yes ]; then
	echo 'listen web { address = "127.0.0.1:0"  mode = "http" }' >"$work/conf"
	"$top_builddir/amyd" -t -c "$work/conf" >"$work/out" 2>"$work/log"
	is "without libmicrohttpd the mode is refused" 78 $?
	like "with file and line, and what to do" \
	    "^amyd: $work/conf:1: listen web: .*libmicrohttpd-dev" "$work/log"
	done_testing
fi
need curl nc.openbsd

# get PATH [OPTION...]: into $work/body and $work/head; the status is in $code
get()
{
	local path=$1

	shift
	rm -f "$work/body" "$work/head"
	code=$(curl -s -m 60 -o "$work/body" -D "$work/head" -w '%{http_code}' "$@" \
	    "http://127.0.0.1:${at:-$web_port}$path")
}

# metric SERIES: its value
metric()
{
	get /metrics
	awk -v series="$1" 'index($0, series " ") == 1 { print substr($0, length(series) + 2) }' \
	    "$work/body"
}

metric_is()
{
	[ "$(metric "$1")" = "$2" ]
}

# What is wrong with a text for Prometheus: nothing is said if it is good.
judge()
{
	awk '
	function bad(why) { print "line " NR ": " why ": " $0; errors = 1 }
	function family(name) {
		if (type[current] == "histogram")
			sub(/_(bucket|sum|count)$/, "", name)
		return name
	}
	/^# HELP / {
		if ($3 in help) bad("told twice")
		if (NF < 4) bad("no help")
		help[$3] = 1; current = $3
		next
	}
	/^# TYPE / {
		if ($3 != current || $3 in type) bad("not behind its HELP")
		if ($4 !~ /^(counter|gauge|histogram)$/) bad("no such type")
		if (($4 == "counter") != ($3 ~ /_total$/)) bad("a counter ends in _total, no other")
		type[$3] = $4
		next
	}
	{
		series = $0; sub(/ [^ ]*$/, "", series)
		value = substr($0, length(series) + 2)
		name = series; sub(/[{].*/, "", name)
		if (!match(series, /^[a-z_]+([{][a-z_]+="([^"\\]|\\["\\n])*"(,[a-z_]+="([^"\\]|\\["\\n])*")*[}])?$/))
			bad("no such series")
		if (value !~ /^[0-9]+([.][0-9]+)?(e[-+][0-9]+)?$/) bad("no number")
		if (!(current in type) || family(name) != current) bad("not of its family")
		if (series in seen) bad("told twice")
		seen[series] = value
	}
	name == "amyd_line_seconds_bucket" {
		if (value + 0 < last) bad("less than the bucket before")
		last = value + 0
	}
	END {
		if (NR < 100) { print "only " NR " lines"; errors = 1 }
		if (seen["amyd_line_seconds_bucket{le=\"+Inf\"}"] != seen["amyd_line_seconds_count"]) {
			print "the buckets do not add up"; errors = 1
		}
		exit errors
	}' "$work/body"
}

is_json()
{
	if command -v jq >/dev/null; then
		jq -e . "$work/body"
	else
		python3 -m json.tool "$work/body"
	fi >"$work/json.out" 2>&1
}

# ask LINE...: one client, which is gone when this returns
ask()
{
	printf '%s\n' "$@" QUIT | talk openbsd 127.0.0.1 "$main_port"
	wait_until metric_is amyd_clients "${others:-0}"
}

start_daemon <<END
handlers = 2
listen main  { address = "127.0.0.1:0" }
listen echo  { address = "127.0.0.1:0"  mode = "echo" }
listen web   { address = "127.0.0.1:0"  mode = "http" }
listen any   { address = "127.0.0.1:0"  mode = "http"  open = true }
listen local { address = "$work/sock"   mode = "http" }
listen "a\"quote\"" { address = "127.0.0.1:0" }
history logs { match = "log.>" }
rule errors { match = "log.>"  regex = "ERROR"  to = { "file:$work/errors", "subject:alert" } }
rule double { match = "x.>"  to = { "file:$work/double", "file:$work/double" } }
END
main_port=$(port main)
web_port=$(port web)
check "the port of such a listener is told" test -n "$web_port"

# ---- Paths ---------------------------------------------------------------------------

get /healthz
is "/healthz: all is well" "200 ok" "$code $(cat "$work/body")"
get /
is "/ is there" 200 "$code"
like "/ is a page" '^<!doctype html>' "$work/body"
unlike "no place for a nonce is left in it" '@NONCE@' "$work/body"
like "it may load nothing but its own" "^Content-Security-Policy: default-src 'none'; script-src 'nonce-[0-9a-f]{32}'; style-src 'nonce-[0-9a-f]{32}'; connect-src 'self'" "$work/head"
like "its type is not guessed" '^X-Content-Type-Options: nosniff' "$work/head"
like "it is not kept" '^Cache-Control: no-store' "$work/head"
unlike "it speaks of no other place" '(src|href)="?(https?:)?//' "$work/body"
nonce=$(sed -n 's/.*script-src .nonce-\([0-9a-f]*\).*/\1/p' "$work/head")
is "style and script have the nonce of the head" 2 "$(grep -c "nonce=\"$nonce\"" "$work/body")"
get /
unlike "the next one has another" "$nonce" "$work/head"

get /status.json
is "/status.json is there" 200 "$code"
like "it says what it is" '^Content-Type: application/json' "$work/head"
if command -v jq >/dev/null || command -v python3 >/dev/null; then
	check "it is JSON" is_json
else
	skip "it is JSON" "there is neither jq nor python3"
fi
like "it says on which host amyd runs, and how many clients there may be" \
    "\"host\":\"$(hostname)\",.*\"max_clients\":10000," "$work/body"
get /
for counter in $(sed -n 's/^\tX([A-Z_]*, "\(\(lines\.dropped\|clients\.refused\|clients\.ended\)\.[a-z_]*\|lines\.\(too_long\|over_rate\|unterminated\|undelivered\)\)").*/\1/p' \
    "$top_srcdir/src/amyd/stats.h"); do
	grep -qF "\"$counter\": \"" "$work/body" || echo "$counter"
done >"$work/nameless"
is "what is dropped, refused and ended stands there in words" "" "$(cat "$work/nameless")"
get /metrics
is "/metrics is there" 200 "$code"
like "it says its version" '^Content-Type: text/plain; version=0\.0\.4' "$work/head"
check "it is well-formed" judge
like "labels are escaped" '^amyd_listener_clients\{listener="a\\"quote\\"",mode="command"\} 0$' \
    "$work/body"
is "a target that a rule has twice has one line" 1 \
    "$(grep -c '^amyd_rule_put_total{rule="double"' "$work/body")"
if command -v promtool >/dev/null; then
	check "promtool has nothing to complain of" \
	    sh -c 'promtool check metrics <"$1" 2>&1 | { ! grep .; }' - "$work/body"
else
	skip "promtool has nothing to complain of" "there is no promtool"
fi

# All that STATS knows is in both, by a rule.
printf 'STATS\nQUIT\n' | talk openbsd 127.0.0.1 "$main_port" |
    awk '$1 == "*" && $2 !~ /^(server|history|kept|rule)[.]|^clients[.](connected|named)$|^subscriptions$|^memory[.](used|limit)$/ { print $2 }' \
	>"$work/names"
get /metrics
missing=$(awk -F. 'NR == FNR { sub(/[{ ].*/, ""); has[$0] = 1; next }
	{ n = "amyd_" $1 "_" $2; if (!(n in has) && !((n "_total") in has)) print $0 }' \
    "$work/body" "$work/names")
check "STATS was read" has_lines "$work/names" 20
is "/metrics has all that STATS knows" "" "$missing"
get /status.json
is "/status.json has it by its own name" "" "$(while read -r name; do
	grep -qF "\"$name\":" "$work/body" || echo "$name"
done <"$work/names")"

get /nothing
is "no other path is there" 404 "$code"
like "and it says which are" '/healthz, /metrics and /status\.json' "$work/body"
get /healthz -X POST --data x
is "POST is refused" 405 "$code"
like "and it says what is not" '^Allow: GET, HEAD' "$work/head"
head -c 200000 /dev/zero >"$work/large"
get /healthz -X GET --data hello
is "a body is read and dropped" "200 ok" "$code $(cat "$work/body")"
get /healthz --data-binary "@$work/large"
is "one that is large is refused" 413 "$code"
get /healthz -X GET -H 'Transfer-Encoding: chunked' --data-binary "@$work/large"
is "so is one whose length is not said before" 413 "$code"
get /healthz -X GET -H 'Expect: 100-continue' --data hello
is "and one that is asked for comes" 200 "$code"
get /healthz -X DELETE
is "so is DELETE" 405 "$code"
code=$(curl -s -m 60 -I -o "$work/head" -w '%{http_code} %{size_download}' \
    "http://127.0.0.1:$web_port/metrics")
is "HEAD has no body" "200 0" "$code"
like "but says how long it would be" '^Content-Length: [1-9]' "$work/head"
printf 'GET /healthz HTTP/1.0\r\n\r\n' | talk openbsd 127.0.0.1 "$web_port" >"$work/body"
like "HTTP/1.0 without a host will do" '^ok$' "$work/body"

# ---- Who is answered -----------------------------------------------------------------

for host in evil.example evil.example:80 localhost.evil.example 127.0.0.1.evil.example \
    '[::1]evil' 127.0.0.1:x ''; do
	get /healthz -H "Host: $host" -H 'Expect:'
	[ -n "$host" ] || get /healthz -H 'Host;'
	is "a page at \"$host\" is not answered" 403 "$code"
done
like "and it says why" 'by an address, localhost' "$work/body"
for host in 127.0.0.1 192.0.2.7:80 '[::1]' '[2001:db8::1]:8080' localhost LOCALHOST:99 \
    localhost. "$(uname -n)" "$(uname -n):1"; do
	get /healthz -H "Host: $host"
	is "$host is" 200 "$code"
done
at=$(port any) get /healthz -H "Host: evil.example"
is "a listener that is open is called by any name" 200 "$code"
is "there is one at a Unix socket" ok \
    "$(curl -s -m 60 --unix-socket "$work/sock" http://localhost/healthz)"

is "which is called by any name" ok \
    "$(curl -s -m 60 --unix-socket "$work/sock" http://evil.example/healthz)"

# ---- Figures -------------------------------------------------------------------------

others=1
subscribe reader openbsd 'log.>' 127.0.0.1 "$main_port"
check "a client is counted" wait_until metric_is amyd_clients 1
is "so is its subscription" 1 "$(metric amyd_subscriptions)"
is "and at its listener" 1 "$(metric 'amyd_listener_clients{listener="main",mode="command"}')"
before=$(metric amyd_lines_published_total)
ask "PUB log.a one" "PUB log.a two" "PUB log.b ERROR" "PUB other x" >"$work/answers"
wait_until has_lines "$work/reader.out" 4
check "lines that were published are counted, those of a rule as well" \
    wait_until metric_is amyd_lines_published_total $((before + 5))
check "those that were delivered" wait_until metric_is amyd_lines_delivered_total 3
is "matched is delivered and queued and dropped" \
    "$(metric amyd_lines_matched_total)" \
    "$(awk '/^amyd_lines_(delivered_total|queued|dropped_total)[{ ]/ { n += $2 } END { print n }' "$work/body")"
is "those that nobody took" 1 "$(metric amyd_lines_undelivered_total)"
check "those that a rule has written" wait_until metric_is \
    "amyd_rule_written_total{rule=\"errors\",target=\"file:$work/errors\"}" 1
is "those that are stored" 3 "$(metric 'amyd_history_lines{section="logs"}')"

# By now all clients but the reader have gone: what they sent is as it was.
lines=$(metric amyd_lines_read_total)
is "a listener has the lines of its clients" "$lines" \
    "$(metric 'amyd_listener_lines_total{listener="main",mode="command"}')"
is "the handlers have them all" "$lines" \
    "$(awk '/^amyd_handler_lines_read_total/ { n += $2 } END { print n }' "$work/body")"
is "each of them has its time" "$lines" "$(metric amyd_line_seconds_count)"
check "which is more than none" awk '$1 == "amyd_line_seconds_sum" { exit !($2 > 0) }' "$work/body"
check "the handlers were busy" awk '
	/^amyd_handler_busy_seconds_total/ { n += $2 } END { exit !(n > 0) }' "$work/body"
printf 'one\ntwo\nthree' | talk openbsd 127.0.0.1 "$(port echo)" >"$work/echoed"
check "bytes are counted as they come, whatever line they are of" wait_until metric_is \
    'amyd_listener_received_bytes_total{listener="echo",mode="echo"}' 13
is "lines that are run at once are counted" 2 \
    "$(metric 'amyd_listener_lines_total{listener="echo",mode="echo"}')"
check "after that it is well-formed, too" judge

# The reader is on the first handler.
lines_of_handlers()
{
	get /metrics
	awk '/^amyd_handler_lines_read_total/ { print $2 }' "$work/body"
}
each_has_ten_more()
{
	lines_of_handlers | paste -d ' ' "$work/before" - | awk '$2 - $1 != 10 { exit 1 }'
}
lines_of_handlers >"$work/before"
for i in 1 2; do
	connect "echoer$i" openbsd 127.0.0.1 "$(port echo)"
	seq 10 >"$work/echoer$i.in"
	wait_until has_lines "$work/echoer$i.out" 10
done
check "two clients that have their lines echoed are on two handlers" \
    wait_until each_has_ten_more
for i in 1 2; do
	hang_up "echoer$i"
	wait_until gone "echoer$i"
done
wait_until metric_is amyd_clients 1

has_busiest()
{
	get /status.json
	file_has "$work/body" '"busiest":\[\{"subject":"busy\.one","lines_per_second":[0-9]'
}

publishes_on()
{
	seq -f 'PUB busy.one %g' 20 >"$work/reader.in"
	has_busiest
}

check "the busiest subject is told" wait_until publishes_on
leave reader
others=0

# ---- What is no request --------------------------------------------------------------

head -c 20000 /dev/urandom | talk openbsd 127.0.0.1 "$web_port" >"$work/garbage" 2>&1
{
	printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: '
	head -c 100000 /dev/zero | tr '\0' x
	printf '\r\n\r\n'
} | talk openbsd 127.0.0.1 "$web_port" >"$work/long" 2>&1
unlike "a head that is too long is not answered with ok" '^ok$' "$work/long"
get /healthz
is "after all that all is well" "200 ok" "$code $(cat "$work/body")"

# More connections than there are places, each of which says a byte now and then.
mkfifo "$work/idle.in"
"$peer" trickle --connections 70 127.0.0.1 "$web_port" <"$work/idle.in" >"$work/idle.out" 2>&1 &
idle=$!
children="$children $idle"
exec 8>"$work/idle.in"
check "of more connections than there are places, those that have been idle for longest are ended" \
    wait_until file_has "$work/log" 'listen web: more than 60 connections: the one that has been idle'
get /healthz
is "and who comes is answered" "200 ok" "$code $(cat "$work/body")"
exec 8>&-
wait_for_end "$idle"
stop_daemon

# ---- A thread that is stuck ----------------------------------------------------------

start_daemon <<END
handlers = 1
listen main { address = "127.0.0.1:0" }
listen web  { address = "127.0.0.1:0"  mode = "http" }
END
main_port=$(port main)
web_port=$(port web)

health_is()
{
	get /healthz
	[ "$code $(cat "$work/body")" = "$1" ]
}

is_ready_or_over()
{
	file_has "$work/frozen" ready || ! is_running "$freezer"
}

connect one openbsd 127.0.0.1 "$main_port"
say one PING
wait_until has_lines "$work/one.out" 1
mkfifo "$work/freeze.in"
"$peer" freeze "$(grep -lx 'handler 0' "/proc/$daemon"/task/*/comm | cut -d / -f 5)" \
    <"$work/freeze.in" >"$work/frozen" 2>"$work/freeze.err" &
freezer=$!
sleep 3600 >"$work/freeze.in" &
holder=$!
children="$children $freezer $holder"
wait_until is_ready_or_over
if file_has "$work/frozen" ready; then
	say one PING
	wait_until file_has "$work/frozen" frozen
	check "a thread that is stuck is told by its name" \
	    wait_until health_is "503 stuck: handler 0"
	is "and /metrics says that all is not well" 0 "$(metric amyd_healthy)"
	kill "$holder"
	wait_for_end "$holder"
	wait_for_end "$freezer"
	check "when it moves again, all is well" wait_until health_is "200 ok"
else
	skip "a thread that is stuck" "$(cat "$work/freeze.err")"
fi
leave one
stop_daemon

# ---- Going down ----------------------------------------------------------------------

start_daemon <<END
drain_time = "10m"
listen main { address = "127.0.0.1:0"  queue = "64M"  slow_time = "0" }
listen web  { address = "127.0.0.1:0"  mode = "http" }
END
main_port=$(port main)
web_port=$(port web)
others=1
echo 'SUB big.>' | "$peer" talk --rcvbuf 4096 127.0.0.1 "$main_port" >"$work/stopped.out" 2>&1 &
stopped=$!
children="$children $stopped"
wait_until metric_is amyd_subscriptions 1
kill -STOP "$stopped"
text=$(head -c 60000 /dev/zero | tr '\0' x)
nbig=$(lines_beyond_socket 60000)
is "what is published is queued for one reader" "$nbig" "$(
	yes "PUB big.a $text" | head -n "$nbig" | command_lines | grep -c '^+OK 1$')"
check "a client that does not read is waited for" not metric_is amyd_lines_queued 0
get /status.json
like "it is shown as the slowest" '"slowest":\[\{"id":1,"name":"","peer":"127\.0\.0\.1:[0-9]+","listener":"main","queued_bytes":[1-9]' "$work/body"
kill -TERM "$daemon"
check "while it is going down, it says so" wait_until health_is "503 draining"
is "and /metrics says that all is not well" 0 "$(metric amyd_healthy)"
kill -TERM "$daemon"
wait_for_end "$daemon"
check "at the second signal it is over" has_ended_well "$status"
kill -CONT "$stopped"

# ---- What it cannot have -------------------------------------------------------------

for option in 'per_ip = 1' 'accept_rate = 1' 'line_rate = 1' 'subject = "a"' 'history = 1'; do
	echo "listen web { address = \"127.0.0.1:0\"  mode = \"http\"  $option }" >"$work/conf"
	"$top_builddir/amyd" -t -c "$work/conf" >"$work/out" 2>"$work/errors"
	is "${option%% *} is refused" 78 $?
	like "${option%% *}: and it says so" "^amyd: $work/conf:1: listen web: ${option%% *} is for" \
	    "$work/errors"
done

# ---- The library ---------------------------------------------------------------------

# It is loaded where a listener asks for it: at the start, or when the configuration is read again.
has_library()
{
	grep -q 'libmicrohttpd' "/proc/$daemon/maps"
}

start_daemon <<END
listen main { address = "127.0.0.1:0" }
END
check "without such a listener the library is not loaded" not has_library
echo 'listen web { address = "127.0.0.1:0"  mode = "http" }' >>"$work/conf"
kill -HUP "$daemon"
check "with one it is" wait_until has_library
wait_until file_has "$work/ports" '^web '
at=$(port web)
get /healthz
is "and it answers" "200 ok" "$code $(cat "$work/body")"
library=$(sed -n '/libmicrohttpd/ { s/^[^/]*//p; q; }' "/proc/$daemon/maps")
stop_daemon

cat >"$work/without" <<'END'
mount --bind /dev/null "$1" && shift && exec "$@"
END
if unshare -m sh "$work/without" "$library" true 2>/dev/null; then
	unshare -m sh "$work/without" "$library" "$amyd" -l stderr -c "$work/conf" \
	    >"$work/out" 2>"$work/errors"
	is "where it cannot be loaded, the daemon does not start" 71 $?
	like "and says why, and what to do" \
	    "^$log_time "'amyd: listen web: libmicrohttpd cannot be loaded: .*: install it ' "$work/errors"
else
	skip "where it cannot be loaded, the daemon does not start" "no namespace to hide it in"
fi
done_testing
