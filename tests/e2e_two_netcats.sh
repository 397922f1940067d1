#!/bin/sh
# SPDX-License-Identifier: MIT
# A line from one netcat to another: each pair of them, over IPv4, IPv6 and a Unix socket,
# within a handler and from one handler to another.
. "${top_srcdir:-.}/tests/lib.sh"

need_netcats

listen6=""
if grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then
	listen6='listen six { address = "[::1]:0" }'
fi

# pair NAME SUBSCRIBER PUBLISHER ADDRESS...
pair()
{
	local name=$1 from=$3

	subscribe reader "$2" "log.>" "$4" ${5:+"$5"}
	shift 3
	is "$name: the publisher is told of one reader" "+OK 1" \
	    "$(echo 'PUB log.web hi' | talk "$from" "$@")"
	wait_until has_lines "$work/reader.out" 2
	is "$name: and the reader has the line" "+OK
MSG log.web hi" "$(cat "$work/reader.out")"
	leave reader
}

# all_pairs NAME KINDS ADDRESS...
all_pairs()
{
	local name=$1 some=$2 reader writer

	shift 2
	for reader in $some; do
		for writer in $some; do
			pair "$name, $writer to $reader" "$reader" "$writer" "$@"
		done
	done
}

# So many that each handler has some.
many_readers()
{
	local i kind out

	set -- $kinds $kinds openbsd socat
	i=0
	for kind; do
		i=$((i + 1))
		subscribe "many$i" "$kind" "count.>" 127.0.0.1 "$main_port"
	done
	seq -f 'PUB count.up %g' 1 1000 >"$work/in"
	yes "+OK 10" | head -n 1000 >"$work/expected"
	talk openbsd 127.0.0.1 "$main_port" <"$work/in" >"$work/out"
	same "$handlers handlers: each of 1000 lines goes to 10 readers" "$work/expected" "$work/out"
	{ echo +OK; seq -f 'MSG count.up %g' 1 1000; } >"$work/expected"
	i=0
	for kind; do
		i=$((i + 1))
		out=$work/many$i.out
		wait_until has_lines "$out" 1001
		same "$handlers handlers: reader $i, $kind, has all of them in order" \
		    "$work/expected" "$out"
	done
	i=0
	for kind; do
		i=$((i + 1))
		leave "many$i"
	done
	is "$handlers handlers: when they have left, nobody reads" "+OK 0" \
	    "$(echo 'PUB count.up x' | talk openbsd 127.0.0.1 "$main_port")"
}

# Publishers at once, on all handlers: each one's lines stay in their order.
many_writers()
{
	local i

	subscribe reader openbsd "from.*" 127.0.0.1 "$main_port"
	for i in 1 2 3 4 5 6; do
		seq -f "PUB from.$i %g" 1 500 >"$work/in$i"
		connect "writer$i" openbsd 127.0.0.1 "$main_port"
	done
	for i in 1 2 3 4 5 6; do
		cat "$work/in$i" >"$work/writer$i.in" &
		children="$children $!"
	done
	wait_until has_lines "$work/reader.out" 3001
	for i in 1 2 3 4 5 6; do
		seq -f "MSG from.$i %g" 1 500 >"$work/expected"
		grep "^MSG from\.$i " "$work/reader.out" >"$work/out"
		same "$handlers handlers: of 6 writers at once, the lines of writer $i are in order" \
		    "$work/expected" "$work/out"
		wait_until has_lines "$work/writer$i.out" 500
		is "$handlers handlers: and writer $i has a final for each" "500 +OK 1" \
		    "$(sort "$work/writer$i.out" | uniq -c | sed 's/^ *//')"
		leave "writer$i"
	done
	leave reader
}

for handlers in 1 3; do
	start_daemon <<-END
		handlers = $handlers
		listen main  { address = "127.0.0.1:0" }
		listen local { address = "$work/sock" }
		$listen6
	END
	main_port=$(port main)
	part_pairs "$main_port"
	all_pairs "$handlers handlers, IPv4" "$kinds" 127.0.0.1 "$main_port"
	all_pairs "$handlers handlers, Unix" "openbsd ncat socat" "$work/sock"
	# nc.traditional knows IPv4 only.
	if [ -n "$listen6" ]; then
		all_pairs "$handlers handlers, IPv6" "openbsd ncat socat" ::1 "$(port six)"
	else
		skip "$handlers handlers, IPv6" "there is no ::1"
	fi
	many_readers
	many_writers
	stop_daemon "$handlers handlers: the daemon ends with 0 when it is told to"
done

done_testing
