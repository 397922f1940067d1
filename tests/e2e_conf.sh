#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line and the configuration: what is refused, how it is said, with which exit
# status, and that nothing half-started is left.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd socat
chmod 755 "$work" # some of this is done as another user
conf=$work/conf

# try COMMAND...: its status, and what it says
try()
{
	timeout -k 5 120 "$@" </dev/null >"$work/stdout" 2>"$work/stderr"
	status=$?
}

# refused NAME STATUS PATTERN [-t]: $conf is, in a sentence that matches; it may already be by -t
refused()
{
	rm -f "$work/ports" "$work/sock"
	status=untried
	# shellcheck disable=SC2086
	if [ $# = 3 ] || { try $as_user "$amyd" -t -c "$conf"; [ "$status" = "$2" ]; }; then
		try $as_user "$amyd" -l stderr -c "$conf" -p "$work/ports"
	fi
	{
		[ "$status" = "$2" ] || echo "exit status $status, not $2"
		[ "$(wc -l <"$work/stderr")" = 1 ] || echo "not one sentence"
		grep -Eq -- "$3" "$work/stderr" || echo "it does not match: $3"
		[ ! -s "$work/stdout" ] || echo "something on standard output"
		[ ! -e "$work/ports" ] || echo "a ports file is left"
		[ ! -e "$work/ports.new" ] || echo "a file beside the ports file is left"
		[ ! -e "$work/sock" ] || echo "a Unix socket is left"
	} >"$work/why"
	if [ -s "$work/why" ]; then
		{ echo; echo "stderr:"; cat "$work/stderr"; } >>"$work/why"
		fail "$1"
	else
		pass "$1"
	fi
}

as_user=""

# ---- The file: lines "option text | the line it is found in", in a file of its own ------

# The value is put in its place; the Unix socket in front must never be left behind.
write_conf()
{
	case $1 in
	listen) printf 'listen a { address = "%s" }\n\nlisten b {\n%s\n}\n' "$work/sock" "$2" ;;
	history | rule) printf '# a comment\n\n%s a {\n%s\n}\n' "$1" "$2" ;;
	log) printf '# a comment\n\nlog {\n%s\n}\n' "$2" ;;
	*) printf '\n# a comment\n\n%s\n' "$2" ;;
	esac >"$conf"
}

cat >"$work/table" <<'END'
top|handlers = -1
top|handlers = 65
top|handlers = many
top|handlers = 2147483648
top|handlers = 4294967297
top|handlers = 9223372036854775808
top|handlers = 1e9
top|handlers = 08
top|handlers = 1.5
top|handlers = ""
top|max_clients = 0
top|max_clients = -1
top|max_clients = 32001
top|max_clients = 4294967297
top|max_clients = 18446744073709551617
top|max_clients = "10 000"
top|no_such_option = 1
top|Handlers = 1
log|to = "file"
log|to = ""
log|facility = "kern"
log|level = "loud"
log|colour = "red"
listen|address = "127.0.0.1:0"  mode = "subscribers"
listen|address = "127.0.0.1:0"  mode = "Echo"
listen|address = "127.0.0.1:0"  access = "rw"
listen|address = "127.0.0.1:0"  access = "0888"
listen|address = "127.0.0.1:0"  access = "1777"
listen|address = "127.0.0.1:0"  access = "-1"
listen|address = "127.0.0.1:0"  access = ""
listen|address = "127.0.0.1:0"  max_line = "0"
listen|address = "127.0.0.1:0"  max_line = "-1"
listen|address = "127.0.0.1:0"  max_line = "17M"
listen|address = "127.0.0.1:0"  max_line = "16777217"
listen|address = "127.0.0.1:0"  max_line = "4294967297"
listen|address = "127.0.0.1:0"  max_line = "18446744073709551617"
listen|address = "127.0.0.1:0"  max_line = "17179869185G"
listen|address = "127.0.0.1:0"  max_line = "64KB"
listen|address = "127.0.0.1:0"  max_line = "1e9"
listen|address = "127.0.0.1:0"  max_line = "+1"
listen|address = "127.0.0.1:0"  max_line = ""
listen|address = "127.0.0.1:0"  queue = "4095"
listen|address = "127.0.0.1:0"  queue = "513M"
listen|address = "127.0.0.1:0"  queue = "lots"
listen|address = "127.0.0.1:0"  max_subs = -1
listen|address = "127.0.0.1:0"  max_subs = 1000001
listen|address = "127.0.0.1:0"  max_subs = 4294967297
listen|address = "127.0.0.1:0"  open = perhaps
listen|address = "127.0.0.1:0"  max_lines = "64K"
listen|address = "127.0.0.1:0"  slow = "wait"
listen|address = "127.0.0.1:0"  slow = ""
listen|address = "127.0.0.1:0"  slow_time = "60"
listen|address = "127.0.0.1:0"  slow_time = "-1s"
listen|address = "127.0.0.1:0"  slow_time = "3651d"
listen|address = "127.0.0.1:0"  idle_time = "10"
listen|address = "127.0.0.1:0"  idle_time = "31d"
listen|address = "127.0.0.1:0"  line_time = "-1s"
listen|address = "127.0.0.1:0"  line_time = "721h"
listen|address = "127.0.0.1:0"  per_ip = -1
listen|address = "127.0.0.1:0"  per_ip = 32001
listen|address = "127.0.0.1:0"  accept_rate = -1
listen|address = "127.0.0.1:0"  accept_rate = 4294967297
listen|address = "127.0.0.1:0"  line_rate = 10000001
listen|address = "127.0.0.1:0"  line_rate = fast
listen|address = "127.0.0.1:0"  slow_time = "18446744073709551617ms"
listen|address = "127.0.0.1:0"  slow_time = "never"
listen|address = "127.0.0.1:0"  mode = "publish"  subject = ""
listen|address = "127.0.0.1:0"  mode = "publish"  subject = "log.>"
listen|address = "127.0.0.1:0"  mode = "publish"  subject = "log..in"
listen|address = "127.0.0.1:0"  mode = "publish"  subject = "_amyd.in"
listen|address = "127.0.0.1:0"  mode = "publish"  subject = "a"  eof_line = "keep"
listen|address = "127.0.0.1:0"  mode = "subscribe"  pattern = ""
listen|address = "127.0.0.1:0"  mode = "subscribe"  pattern = "log.>.in"
listen|address = "127.0.0.1:0"  mode = "subscribe"  pattern = "a"  history = -1
listen|address = "127.0.0.1:0"  mode = "subscribe"  pattern = "a"  history = 1000001
listen|address = "127.0.0.1:0"  mode = "subscribe"  pattern = "a"  history = 4294967297
history|match = ""
history|match = "log.>.x"
history|match = "a"  lines = 0
history|match = "a"  lines = -1
history|match = "a"  lines = 10000001
history|match = "a"  lines = 4294967297
history|match = "a"  bytes = "0"
history|match = "a"  bytes = "4095"
history|match = "a"  bytes = "17179869185G"
history|match = "a"  colour = "red"
rule|match = "a b"
rule|match = "a"  regex = "foo("
rule|match = "a"  regex = "[z-a]"
rule|match = "a"  regex = "(*UTF)a"
rule|match = "a"  to = { "subject:b", "alert" }
rule|match = "a"  to = { "subject:" }
rule|match = "a"  to = { "subject:_amyd.a" }
rule|match = "a"  to = { "subject:b.*" }
rule|match = "a"  to = { "file:log" }
rule|match = "a"  to = { "file:/var/" }
rule|match = "a"  to = { "syslog:local3" }
rule|match = "a"  to = { "syslog:local8.err" }
rule|match = "a"  to = { "syslog:local3.loud" }
rule|match = "a"  to = { "tcp:127.0.0.1" }
rule|match = "a"  to = { "tcp::5140" }
rule|match = "a"  to = { "tcp:127.0.0.1:0" }
rule|match = "a"  to = { "tcp:127.0.0.1:65536" }
rule|match = "a"  to = { "tcp:127.0.0.1:4294967297" }
rule|match = "a"  to = { "tcp:::1:5140" }
rule|match = "a"  queue = "4095"
rule|match = "a"  queue = "513M"
rule|match = "a"  stop = perhaps
rule|match = "a"  target = "subject:b"
listen|address = "127.0.0.1"
listen|address = ":0"
listen|address = ""
listen|address = "127.0.0.1:"
listen|address = "127.0.0.1:65536"
listen|address = "127.0.0.1:4294967297"
listen|address = "127.0.0.1:-1"
listen|address = "127.0.0.1:http"
listen|address = "127.0.0.1: 1"
listen|address = "::1:2693"
listen|address = "[::1]"
listen|address = "[::1:2693"
listen|address = "relative/path"
END
while IFS='|' read -r section text; do
	write_conf "$section" "$text"
	refused "refused, with file and line: $text" 78 "^amyd: $conf:4: .*" -t
done <"$work/table"

long=$(head -c 108 /dev/zero | tr '\0' x)
write_conf listen "address = \"/$long\""
refused "the path of a Unix socket that is too long is refused" 78 "^amyd: $conf:4: .*107 bytes" -t

# What is a matter of the whole section is told at its beginning or its end.
write_conf listen 'mode = "echo"'
refused "a listener without an address is refused" 78 "^amyd: $conf:[345]: .*address" -t
write_conf listen 'address = "127.0.0.1:0"  mode = "publish"'
refused "a publish listener without a subject is refused" 78 "^amyd: $conf:[345]: .*subject = " -t
write_conf listen 'address = "127.0.0.1:0"  mode = "subscribe"'
refused "a subscribe listener without a pattern is refused" 78 "^amyd: $conf:[345]: .*pattern = " -t
for option in 'subject = "a"' 'eof_line = "drop"' 'pattern = "a"' 'history = 1'; do
	write_conf listen "address = \"127.0.0.1:0\"  $option"
	refused "$option is refused on a command listener" 78 \
	    "^amyd: $conf:[345]: .*${option%% *} is for mode = .*remove it" -t
done
write_conf history 'lines = 1'
refused "a history without a match is refused" 78 "^amyd: $conf:[345]: history a: .*match = " -t
write_conf rule 'to = { "subject:b" }'
refused "a rule without a match is refused" 78 "^amyd: $conf:[345]: rule a: .*match = " -t
write_conf rule 'match = "a"'
refused "a rule without a target is refused" 78 "^amyd: $conf:[345]: rule a: .*to = " -t
write_conf rule 'match = "a"  to = { }'
refused "a rule with an empty list of targets is refused" 78 "^amyd: $conf:[345]: rule a: .*to = " -t
write_conf rule 'match = "a"  to = { "subject:a" }'
refused "a rule that hands on to itself is refused" 78 \
    "^amyd: $conf:[345]: rule a: subject:a goes to rule a, .*loop" -t
printf '%s\n' 'rule a { match = "x.>"  to = { "subject:y" } }' 'rule b { match = "y"  to = { "subject:x.1" } }' \
    >"$conf"
refused "two rules that hand on to each other are refused" 78 \
    "^amyd: $conf:1: rule a: subject:y goes to rule b, where subject:x.1 goes to rule a, .*loop" -t
for i in 0 1 2 3 4 5 6 7 8 9; do
	echo "rule r$i { match = \"s$i\"  to = { \"subject:s$((i + 1))\" } }"
done >"$conf"
refused "a chain of ten rules is refused" 78 "^amyd: $conf:1: rule r0: subject:s1 .*shorter" -t
sed -i 1d "$conf"
try "$amyd" -t -c "$conf"
is "a chain of nine is taken" 0 "$status"
seq 65 | sed 's/.*/rule r& { match = "a"  to = { "subject:b" } }/' >"$conf"
refused "a 65th rule is refused" 78 "^amyd: $conf:65: rule r65: .*64" -t
sed -i 65d "$conf"
try "$amyd" -t -c "$conf"
is "64 rules are taken" 0 "$status"
for section in history rule; do
	for i in 1 2; do
		echo "$section a { match = \"a\"  $([ $section = history ] || echo 'to = { "subject:b" }') }"
	done >"$conf"
	refused "two sections $section of one name are refused" 78 "^amyd: $conf:2: " -t
done
for address in '*:0' '0.0.0.0:0' '[::]:0'; do
	write_conf listen "address = \"$address\""
	refused "$address is refused without open = true" 78 "^amyd: $conf:[345]: .*open = true" -t
	write_conf listen "address = \"$address\" open = true"
	try "$amyd" -t -c "$conf"
	is "$address with open = true is taken" 0 "$status"
done

printf '%s\n' 'listen a { address = "127.0.0.1:12693" }' 'listen b { address = "127.0.0.1:12693" }' \
    >"$conf"
refused "two listeners on one address are refused" 78 "^amyd: $conf:2: listen b: .*listen a" -t
printf '%s\n' "listen a { address = \"$work/sock\" }" "listen b { address = \"$work/sock\" }" >"$conf"
refused "two listeners on one Unix socket are refused" 78 "^amyd: $conf:2: listen b: .*listen a" -t
printf '%s\n' 'listen a { address = "127.0.0.1:0" }' 'listen b { address = "127.0.0.1:0" }' >"$conf"
try "$amyd" -t -c "$conf"
is "two listeners on any port are not on one address" 0 "$status"
printf '%s\n' 'listen a { address = "127.0.0.1:0" }' 'listen a { address = "127.0.0.1:0" }' >"$conf"
refused "two listeners of one name are refused" 78 "^amyd: $conf:2: " -t

printf 'listen a {\naddress = "127.0.0.1:0"\n' >"$conf"
refused "a section that does not end is refused" 78 "^amyd: $conf:[0-9]+: " -t
printf '\nhandlers 3\n' >"$conf"
refused "an option without = is refused" 78 "^amyd: $conf:[0-9]+: " -t
printf 'handlers = 1\n}\n' >"$conf"
refused "a brace too many is refused" 78 "^amyd: $conf:[0-9]+: " -t
printf 'user = "root\n' >"$conf"
refused "a quote that does not end is refused" 78 "^amyd: $conf:[0-9]+: " -t
printf 'include("/etc/hostname")\n' >"$conf"
refused "what is no option of ours is refused" 78 "^amyd: $conf:1: " -t
printf '\n\nbogus = 1\nhandlers = -1\n' >"$conf"
refused "of two errors the first one is told" 78 "^amyd: $conf:3: .*bogus" -t

# ---- The file itself ---------------------------------------------------------------------

rm -f "$conf"
refused "a file that is missing" 78 "^amyd: $conf: .*No such file.*-c" -t
mkdir "$conf"
refused "a directory" 78 "^amyd: $conf: .*[Dd]irectory" -t
rmdir "$conf"
head -c 5000 /dev/zero >"$conf"
refused "a binary file" 78 "^amyd: $conf: .*NUL" -t
cat "$amyd" /proc/self/exe >"$conf"
refused "a program" 78 "^amyd: $conf: " -t
head -c 20000000 /dev/zero | tr '\0' '\n' >"$conf"
refused "a file that is enormous" 78 "^amyd: $conf: " -t
rm -f "$conf"

if [ "$(id -u)" != 0 ]; then
	can_be_user=yes
elif command -v setpriv >/dev/null &&
    setpriv --reuid=65534 --regid=65534 --clear-groups "$amyd" -V >/dev/null 2>&1; then
	can_be_user=yes
	as_user="setpriv --reuid=65534 --regid=65534 --clear-groups"
else
	can_be_user=no
fi
no_user="root cannot become another user who may read the build"

echo 'handlers = 1' >"$conf"
chmod 000 "$conf"
if [ "$can_be_user" = yes ]; then
	refused "a file that may not be read" 77 "^amyd: $conf: .*Permission denied"
else
	skip "a file that may not be read" "$no_user"
fi
chmod 644 "$conf"

mkdir "$work/closed"
chmod 555 "$work/closed"
echo "listen a { address = \"$work/closed/sock\" }" >"$conf"
if [ "$can_be_user" = yes ]; then
	refused "a folder where no socket may be made" 77 "amyd: listen a: $work/closed/sock: .*denied" -t
else
	skip "a folder where no socket may be made" "$no_user"
fi
echo "listen a { address = \"127.0.0.1:7\" }" >"$conf"
if [ "$can_be_user" = yes ] && [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 7 ]; then
	refused "a port that is for root" 77 "amyd: listen a: 127.0.0.1:7: .*denied" -t
else
	skip "a port that is for root" "$no_user, or every port is for all"
fi
as_user=""

: >"$conf"
try "$amyd" -t -c "$conf"
is "an empty file is a configuration" "0 configuration OK" "$status $(cat "$work/stdout")"
printf 'handlers = 64\nmax_clients = 32000\nlog { level = "debug" }\n' >"$conf"
try "$amyd" -t -c "$conf"
is "so is one with the largest values" "0 configuration OK" "$status $(cat "$work/stdout")"
cat >"$conf" <<'END'
listen in  { address = "127.0.0.1:0"  mode = "publish"  subject = "log.in"  eof_line = "publish" }
listen out { address = "127.0.0.1:0"  mode = "subscribe"  pattern = "log.>"  history = 1000000 }
listen cut { address = "127.0.0.1:0"  slow = "cut"  slow_time = "0" }
history logs { match = "log.>"  lines = 10000000  bytes = "4K" }
rule errors { match = "log.>"  regex = '\s5\d\d\s|ERROR'  to = { "subject:alert", "syslog:local3.err" } }
rule all    { match = ">"  to = { "file:/nowhere/all.log", "tcp:[::1]:5140" }  queue = "512M"  stop = true }
END
try "$amyd" -t -c "$conf"
is "so is one with everything" "0 configuration OK" "$status $(cat "$work/stdout")"
try "$amyd" -t -c "$top_srcdir/etc/amyd.conf"
is "so is the example that is installed" "0 configuration OK" "$status $(cat "$work/stdout")"
sed 's/^# *//' "$top_srcdir/etc/amyd.conf" | grep -q 'handlers' &&
    sed 's/^# handlers/handlers/; s/^# max_clients/max_clients/' "$top_srcdir/etc/amyd.conf" >"$conf"
try "$amyd" -t -c "$conf"
is "its defaults can be uncommented" "0 configuration OK" "$status $(cat "$work/stdout")"

# ---- The command line ----------------------------------------------------------------------

: >"$conf"
for arguments in -x --nonsense "-l nowhere" "-l" "-c" "-p" "-c $conf argument" "-t -c $conf x"; do
	# shellcheck disable=SC2086
	try "$amyd" $arguments
	is "amyd $arguments: a wrong usage" 64 "$status"
	like "amyd $arguments: the right one is told" '^usage: amyd ' "$work/stderr"
done
for arguments in -V --version; do
	try "$amyd" $arguments
	is "$arguments tells the version" "0 amyd" "$status $(sed 's/ [0-9].*//' "$work/stdout")"
	is "$arguments complains of nothing" "" "$(cat "$work/stderr")"
done
for arguments in -h --help; do
	try "$amyd" $arguments
	is "$arguments exits with 0" 0 "$status"
	for option in c t l p v V h; do
		like "$arguments tells of -$option" "^ *-$option," "$work/stdout"
	done
	is "$arguments complains of nothing" "" "$(cat "$work/stderr")"
done

# ---- Addresses that are taken ----------------------------------------------------------------

start_daemon <<END
listen main  { address = "127.0.0.1:0" }
listen local { address = "$work/live" }
END
port=$(port main)
conf=$work/conf2
printf '%s\n' "listen a { address = \"$work/sock\" }" "listen b { address = \"127.0.0.1:$port\" }" >"$conf"
mv "$work/ports" "$work/ports1"
refused "a port in use" 69 "^$log_time amyd: listen b: 127.0.0.1:$port: .*in use"
printf '%s\n' "listen a { address = \"$work/sock\" }" "listen b { address = \"$work/live\" }" >"$conf"
refused "a Unix socket in use" 69 "^$log_time amyd: listen b: $work/live: .*in use"
check "and it is still there" test -S "$work/live"
printf '%s\n' "listen a { address = \"$work/live\" }" "listen b { address = \"127.0.0.1:$port\" }" \
    "listen c { address = \"$work/free\" }" >"$conf"
try "$amyd" -t -c "$conf"
is "-t takes what is in use: it may be used by this one" "0 configuration OK" \
    "$status $(cat "$work/stdout")"
is "but warns of it" \
    "amyd: in use now, perhaps by the amyd that runs: the addresses of listen a, b" \
    "$(cat "$work/stderr")"
check "and leaves nothing behind" test ! -e "$work/free"
is "the daemon that has it still answers" +OK "$(echo PING | talk openbsd "$work/live")"
mv "$work/ports1" "$work/ports"
stop_daemon
check "the ports file is removed" test ! -e "$work/ports"
check "the Unix socket is removed" test ! -e "$work/live"

echo kept >"$work/file"
printf '%s\n' "listen a { address = \"$work/sock\" }" "listen b { address = \"$work/file\" }" >"$conf"
refused "a file in the way" 71 "amyd: listen b: $work/file: .*" -t
is "and the file is kept" kept "$(cat "$work/file")"
printf '%s\n' "listen a { address = \"$work/sock\" }" "listen b { address = \"$work/none/sock\" }" >"$conf"
refused "a folder that is missing" 71 "amyd: listen b: $work/none/sock: .*folder" -t
printf '%s\n' "listen a { address = \"$work/sock\" }" "listen b { address = \"192.0.2.1:0\" open = true }" \
    >"$conf"
refused "an address that is not ours" 75 "amyd: listen b: 192.0.2.1:0: .*ip addr" -t

echo "listen a { address = \"$work/sock\" }" >"$conf"
try "$amyd" -l stderr -c "$conf" -p "$work/none/ports"
is "where the ports cannot be written it does not start" 71 "$status"
like "and says so" "^$log_time amyd: $work/none/ports: .*-p" "$work/stderr"
check "and leaves no socket" test ! -e "$work/sock"
conf=$work/conf

# ---- Unix sockets ------------------------------------------------------------------------------

socat "UNIX-LISTEN:$work/stale" /dev/null &
stale=$!
children="$children $stale"
wait_until test -S "$work/stale"
kill -KILL "$stale"
wait_for_end "$stale"
check "a socket is left behind" test -S "$work/stale"
start_daemon <<END
listen stale { address = "$work/stale" }
listen own   { address = "$work/own"  access = "0600" }
listen all   { address = "$work/all"  access = "666" }
END
is "a socket that was left behind is replaced" +OK "$(echo PING | talk openbsd "$work/stale")"
is "the ports file names Unix sockets" "stale $work/stale -
own $work/own -
all $work/all -" "$(cat "$work/ports")"
is "a socket has mode 0660 by default" 660 "$(stat -c %a "$work/stale")"
is "access = 0600" 600 "$(stat -c %a "$work/own")"
is "access = 666" 666 "$(stat -c %a "$work/all")"
stop_daemon

# ---- As root -----------------------------------------------------------------------------------

if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1; then
	printf 'user = "no-such-user"\nlisten a { address = "%s" }\n' "$work/sock" >"$conf"
	refused "user = one that does not exist" 78 'amyd: .*user = "no-such-user"' -t

	mkdir "$work/run"
	chown nobody "$work/run"
	rm -f "$work/ports"
	start_daemon_in_run()
	{
		cat >"$work/conf"
		launch_daemon -p "$work/run/ports"
		wait_until test -e "$work/run/ports"
	}
	start_daemon_in_run <<-END
		user = "nobody"
		listen main  { address = "127.0.0.1:0" }
		listen local { address = "$work/run/sock"  access = "0600" }
	END
	uid=$(id -u nobody)
	is "user = nobody: root is given up, for good" "Uid: $uid $uid $uid $uid" \
	    "$(grep ^Uid: "/proc/$daemon/status" | tr '\t' ' ')"
	is "so are the groups of root" "Groups: $(id -G nobody)" \
	    "$(grep ^Groups: "/proc/$daemon/status" | tr '\t' ' ' | sed 's/ *$//')"
	is "so are its capabilities" "CapPrm: 0000000000000000" \
	    "$(grep ^CapPrm: "/proc/$daemon/status" | tr '\t' ' ')"
	is "the socket is the user's" "$uid 600" "$(stat -c '%u %a' "$work/run/sock")"
	is "and it works" +OK "$(echo PING | talk openbsd "$work/run/sock")"
	stop_daemon
	check "the socket is removed" test ! -e "$work/run/sock"
	check "the ports file is removed" test ! -e "$work/run/ports"
else
	skip "user = drops the rights of root" "not run as root"
fi

if [ "$(id -u)" = 0 ] && command -v ip >/dev/null && command -v nsenter >/dev/null &&
    unshare -n ip link set lo up 2>/dev/null; then
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nip link set lo up && exec "$@"\n' >"$work/with_lo"
	chmod +x "$work/with_lo"
	daemon_prefix="unshare -n $work/with_lo"
	start_daemon </dev/null
	is "an empty file: a command listener on 127.0.0.1:2693" "main 127.0.0.1 2693" \
	    "$(cat "$work/ports")"
	is "that answers" "+OK hello" \
	    "$(echo PING hello | timeout 120 nsenter -t "$daemon" -n nc.openbsd -N 127.0.0.1 2693)"
	stop_daemon
	daemon_prefix=""
else
	skip "an empty file: a command listener on 127.0.0.1:2693" "no network namespace of our own"
fi

done_testing
