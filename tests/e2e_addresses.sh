#!/bin/sh
# SPDX-License-Identifier: MIT
# Addresses that are not there yet, or only in part, and those that change while amyd runs. All in
# a network of its own, where no port is anybody else's.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd ip nsenter
has_own_mounts || skip_all "no mount namespace of our own"
unshare -n true 2>/dev/null || skip_all "no network namespace of our own"

# The next daemons have the loopback interface, $work/hosts, and a name server that nobody runs.
cat >"$work/with_network" <<END
#!/bin/sh
ip link set lo up &&
mount --bind "$work/hosts" /etc/hosts &&
mount --bind "$work/resolv.conf" /etc/resolv.conf &&
mount --bind "$work/nsswitch.conf" /etc/nsswitch.conf || exit 1
if [ -e "$work/without_ipv6" ]; then
	echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 || exit 1
fi
exec "\$@"
END
chmod +x "$work/with_network"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$work/hosts"
echo 'nameserver 127.0.0.1' >"$work/resolv.conf"
echo 'hosts: files dns' >"$work/nsswitch.conf"
with_network="unshare -m -n $work/with_network"
$with_network true 2>"$work/why" || skip_all "no files of our own in /etc: $(cat "$work/why")"

# refused NAME STATUS PATTERN: by -t, and at start, with one sentence
refused()
{
	local how

	for how in -t "-l stderr"; do
		# shellcheck disable=SC2086
		$with_network "$amyd" $how -c "$work/conf" >"$work/stdout" 2>"$work/stderr"
		is "$1 ($how): the exit status" "$2" $?
		like "$1 ($how): and why" "$3" "$work/stderr"
	done
}

echo 'listen main { address = "amyd.example:2693"  open = true }' >"$work/conf"
refused "a name server that does not answer is a temporary failure" 75 \
    "amyd: $work/conf:1: listen main: address = \"amyd.example:2693\": .*name server"
echo 'listen main { address = "192.0.2.1:2693"  open = true }' >"$work/conf"
refused "an address that is not there yet is a temporary failure" 75 \
    'amyd: listen main: 192.0.2.1:2693: .*this machine does not have that address'

# ---- A name, one of whose addresses cannot be had --------------------------------------

# ask HOST PORT LINE...: of the daemon, in its network
ask()
{
	local host=$1 at=$2

	shift 2
	printf '%s\n' "$@" | timeout 120 nsenter -t "$daemon" -n nc.openbsd -N "$host" "$at"
}

: >"$work/without_ipv6"
daemon_prefix=$with_network
start_daemon <<END
listen main { address = "localhost:2693" }
END
is "localhost without IPv6: it is served" +OK "$(ask 127.0.0.1 2693 PING)"
is "and listens at what can be had" "main 127.0.0.1 2693" "$(cat "$work/ports")"
check "and says what is left out" wait_until file_has "$work/log" \
    'listen main: \[::1\]:2693: .*: this address of localhost:2693 is left out'
stop_daemon
rm "$work/without_ipv6"

# ---- From one address to all of them, and back -----------------------------------------

listen_at()
{
	echo "listen main { address = \"$1\"  open = true${2:+ $2} }"
}

# reload_as LINE...: until it is done, or refused
nreloads=0
reload_as()
{
	printf '%s\n' "$@" >"$work/conf"
	kill -HUP "$daemon"
	nreloads=$((nreloads + 1))
	wait_until has_reloaded $nreloads
}

has_reloaded()
{
	[ "$(grep -cE 'reload: .*(: done|stays as it is$)' "$work/log")" -ge "$1" ]
}

listen_at 127.0.0.1:2693 >"$work/first"
start_daemon <"$work/first"
netcat_prefix="nsenter -t $daemon -n"
connect stays openbsd 127.0.0.1 2693
netcat_prefix=""
say stays PING
wait_until has_lines "$work/stays.out" 1
for round in 1 2; do
	for address in '*:2693' 127.0.0.1:2693 '[::1]:2693' '*:2693' '0.0.0.0:2693' 127.0.0.1:2693; do
		reload_as "$(listen_at "$address")"
		case $address in
		'[::1]'*) host=::1 ;;
		*) host=127.0.0.1 ;;
		esac
		is "round $round: it listens at $address now" +OK "$(ask $host 2693 PING)"
	done
done
unlike "no change of them is refused" 'the configuration stays as it is' "$work/log"
say stays 'PING still'
check "who was there is there all the time" wait_until file_has "$work/stays.out" '^\+OK still$'

# What is in the way is one of ours.
reload_as "$(listen_at 127.0.0.1:2693)" 'listen all { address = "*:2693"  open = true }'
like "two listeners that cannot be both: it says which" \
    'listen all: \*:2693 is an address of listen main \(127.0.0.1:2693\) already' "$work/log"

# ---- per_ip ----------------------------------------------------------------------------

reload_as "$(listen_at 127.0.0.1:2693 'per_ip = 1')"
is "a limit that comes later counts those who are there" \
    "! BYE LIMIT" "$(ask 127.0.0.1 2693 PING | cut -d ' ' -f 1-3)"
reload_as "$(listen_at 127.0.0.1:2693 'per_ip = 2')"
is "and no more than those" +OK "$(ask 127.0.0.1 2693 PING)"
leave stays
stop_daemon

done_testing
