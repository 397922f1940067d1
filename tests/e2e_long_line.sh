#!/bin/sh
# SPDX-License-Identifier: MIT
# A line without an end does not fill the memory: 1 GiB of it, in each mode.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd
case $SANITIZER in
no | '') nbytes=1073741824 limit_kb=64 ;;
*) nbytes=67108864 limit_kb="" ;; # their memory is not ours
esac

# of_line COMMAND...: run it with the line and two more on its input, and note the largest Rss
of_line()
{
	{ head -c "$nbytes" /dev/zero | tr '\0' A; printf '\nPING after\n'; } | "$@" >"$work/out" &
	sender=$!
	children="$children $sender"
	nsamples=0 largest=0
	while is_running "$sender"; do
		rss=$(memory Rss)
		[ "$rss" -le "$largest" ] || largest=$rss
		nsamples=$((nsamples + 1))
		sleep 0.02
	done
	wait_for_end "$sender"
}

# grew NAME FROM TO: by less than the limit
grew()
{
	echo "# $1: from $2 kB to $3 kB: $(($3 - $2)) kB"
	if [ -z "$limit_kb" ]; then
		skip "$1 grew by less than 64 KiB" "memory of a build with sanitizers"
		return
	fi
	check "$1 grew by less than $limit_kb KiB" test $(($3 - $2)) -lt "$limit_kb"
}

for name in main echo; do
	start_daemon <<-END
		handlers = 1
		listen main { address = "127.0.0.1:0"  line_time = "0" }
		listen echo { address = "127.0.0.1:0"  mode = "echo"  line_time = "0" }
	END
	# The first client makes what any client does. Its line is a short one.
	echo PING first | talk openbsd 127.0.0.1 "$(port "$name")" >"$work/out"
	rss_before=$(memory Rss)
	hwm_before=$(memory VmHWM)
	of_line timeout 600 nc.openbsd -N 127.0.0.1 "$(port "$name")"
	rss_after=$(memory Rss)
	hwm_after=$(memory VmHWM)
	case $name in
	main) printf '%s\n' "-ERR TOOLONG limit=65536" "+OK after" >"$work/expected" ;;
	echo) printf '%s\n' "-ERR TOOLONG limit=65536" "PING after" >"$work/expected" ;;
	esac
	same "$name: $nbytes bytes without LF are refused once, and the next line works" \
	    "$work/expected" "$work/out"
	echo "# $nsamples samples while it flowed"
	check "$name: memory was looked at while it flowed" test "$nsamples" -gt 0
	grew "$name: resident memory, while it flowed," "$rss_before" "$largest"
	grew "$name: its peak, VmHWM," "$hwm_before" "$hwm_after"
	grew "$name: resident memory, afterwards," "$rss_before" "$rss_after"

	# No LF at all: nothing but the one word.
	head -c 10000000 /dev/zero | talk openbsd 127.0.0.1 "$(port "$name")" >"$work/out"
	is "$name: without any LF it is refused once, and the connection closes" \
	    "-ERR TOOLONG limit=65536" "$(cat "$work/out")"
	stop_daemon "$name: the daemon ends with 0 when it is told to, and nothing was wrong"
done

done_testing
