#!/bin/sh
# SPDX-License-Identifier: MIT
# HUP: the configuration is read again, and takes the place of the one before whole or not at
# all; clients stay. First what each thing means that can change; then whatever can be wrong
# with the file or the system, which changes nothing.
. "${top_srcdir:-.}/tests/lib.sh"

need nc.openbsd

# conf TEXT: what the file says from now on, put into its place whole
conf()
{
	printf '%s\n' "$1" >"$work/conf.new"
	mv "$work/conf.new" "$work/conf"
}

# has_reloaded ROW N
has_reloaded()
{
	[ "$(counter "$1")" -ge "$2" ]
}

ndone=0
nrefused=0

# reload: it is done; refuse: it is not
reload()
{
	ndone=$((ndone + 1))
	kill -HUP "$daemon"
	wait_until has_reloaded server.reloads "$ndone"
}

refuse()
{
	nrefused=$((nrefused + 1))
	kill -HUP "$daemon"
	wait_until has_reloaded server.reloads.refused "$nrefused"
}

# ask LINE...: what a client is answered that comes for them
ask()
{
	{ printf '%s\n' "$@"; } | talk openbsd 127.0.0.1 "$(port main)" | hide_run
}

connects()
{
	talk openbsd 127.0.0.1 "$1" </dev/null >/dev/null 2>&1
}

# ---- What changes --------------------------------------------------------------------

a='handlers = 2
listen main { address = "127.0.0.1:0" }
listen echo { address = "127.0.0.1:0"  mode = "echo" }
listen local { address = "'$work/sock'" }
history h { match = "h.>"  lines = 100 }
rule r { match = "r.>"  to = {"subject:copy", "file:'$work/r.out'"} }'

start_daemon <<END
$a
END
main_port=$(port main)
echo=$(port echo)
connect follower openbsd 127.0.0.1 "$main_port"
say follower 'SUB copy' 'SUB h.>' 'SUB extra.>'
connect echoing openbsd 127.0.0.1 "$echo"
say echoing first
wait_until has_lines "$work/follower.out" 3
wait_until has_lines "$work/echoing.out" 1
ask 'PUB h.1 one' 'PUB h.2 two' 'PUB h.3 three' 'PUB r.1 before' >"$work/out"
wait_until has_lines "$work/r.out" 1

conf 'handlers = 2
log { level = "debug" }
listen main { address = "127.0.0.1:0"  line_rate = 100000  max_subs = 3  max_line = "1K" }
listen other { address = "127.0.0.1:0" }
listen local { address = "'"$work/sock"'"  access = "0600" }
history h { match = "h.>"  lines = 2 }
history extra { match = "extra.>" }
rule r { match = "r.>"  to = {"file:'"$work/r.out"'", "subject:copy2"} }
rule new { match = "extra.>"  regex = "x"  to = {"file:'"$work/new.out"'"} }'
reload
is "a listener that asked for any port keeps the one it has" "$main_port" "$(port main)"
check "a new one is listened at" connects "$(port other)"
check "one that is gone is not" not connects "$echo"
is "nor is it in the file of ports" "" "$(port echo)"
is "a Unix socket gets other rights" 600 "$(stat -c %a "$work/sock")"
say echoing second
wait_until has_lines "$work/echoing.out" 2
is "a client of a listener that is gone stays" "first
second" "$(cat "$work/echoing.out")"
say follower 'SUB one.more'
wait_until file_has "$work/follower.out" 'ERR LIMIT'
check "limits hold for clients that were there: max_subs" \
    file_has "$work/follower.out" '^-ERR LIMIT 3 subscriptions'
head -c 2000 /dev/zero | tr '\0' x >"$work/long"
say follower "PING $(cat "$work/long")"
wait_until file_has "$work/follower.out" 'TOOLONG'
check "and max_line" file_has "$work/follower.out" '^-ERR TOOLONG limit=1024$'
is "history forgets what it has no room for any more" "+OK 2 next=4 run=R
MSG h.2 two
MSG h.3 three" "$(ask 'READ h.>' | sort)"
is "a new section stores, and a rule has other targets" "+OK 1 seq=4
+OK 1 seq=5
+OK 1" "$(ask 'PUB extra.1 abc' 'PUB extra.2 xyz' 'PUB r.2 after' | sed 's/^+OK 0$/+OK 1/')"
wait_until has_lines "$work/r.out" 2
wait_until has_lines "$work/new.out" 1
is "a target that stays has every line" "before
after" "$(cat "$work/r.out")"
is "a new one those that are its" "xyz" "$(cat "$work/new.out")"
is "the follower had all, and what is gone from the rule no more" "MSG copy before
MSG h.1 one
MSG h.2 two
MSG h.3 three
MSG extra.1 abc
MSG extra.2 xyz" "$(grep '^MSG' "$work/follower.out" | sort -s -k 2,2.4 | sort -s -k 2,2 |
    awk '/MSG copy/ { print } /MSG h/ { print } /MSG extra/ { rest = rest $0 "\n" }
        END { printf "%s", rest }')"
like "it is said what has changed: options" 'reload: changed: listen main: max_line, max_subs, line_rate$' "$work/log"
like "what is new" 'reload: changed: listen other: it is new$' "$work/log"
like "what is gone" 'reload: changed: listen echo: it is gone, and its clients stay$' "$work/log"
like "of rules their targets" 'reload: changed: rule r: to$' "$work/log"
like "and of history" 'reload: changed: history h: lines$' "$work/log"
like "and that it is done" 'reload: .*/conf: done, [0-9]+ changes$' "$work/log"
wait_until file_has "$work/log" 'client [0-9]+ .* is here'
check "the level of the log is another one at once" file_has "$work/log" 'client [0-9]+ .* is here'

conf "$(printf '%s\n' "$a" | sed 's/handlers = 2/handlers = 3/
1i\
user = "nobody"
1i\
log { facility = "local1" }')"
reload
like "what needs a restart is said: handlers" 'reload: handlers = 3 needs a restart' "$work/log"
like "and user" 'reload: user = "nobody" needs a restart' "$work/log"
like "and where the log goes" 'reload: facility = of the log needs a restart' "$work/log"
is "and stays as it was" 2 "$(counter server.handlers)"
is "a section that comes back is empty, one that stayed is not" "+OK 0 next=6 run=R
+OK 2 next=6 run=R
MSG h.2 two
MSG h.3 three" "$(ask 'READ extra.>' 'READ h.>' | sort)"
check "a listener that comes back is listened at" connects "$(port echo)"
say echoing third
wait_until has_lines "$work/echoing.out" 3
reload
like "without a change, that is said" 'done, 0 changes$' "$work/log"

# An address that is named with the port that it happened to get.
a=$(printf '%s\n' "$a" | sed "s/main { address = \"127.0.0.1:0\"/main { address = \"127.0.0.1:$main_port\"/")
conf "$a"
reload
is "the port that any port was can be named" "$main_port" "$(port main)"
conf "$(printf '%s\n' "$a" | sed 's/listen main/listen renamed/')"
reload
is "a listener may have another name" "$main_port" "$(port renamed)"
conf "$a"
reload
say follower 'PING still here'
wait_until file_has "$work/follower.out" 'still here'
check "through all that, a client has stayed" file_has "$work/follower.out" '^\+OK still here$'

# ---- What changes nothing ------------------------------------------------------------

# security: a listener that lets one client in from an address, and is full
conf "$a
listen one { address = \"127.0.0.1:0\"  per_ip = 1 }"
reload
connect only openbsd 127.0.0.1 "$(port one)"
say only 'PING'
wait_until has_lines "$work/only.out" 1
cp "$work/conf" "$work/good"

# is_unchanged WHAT PATTERN: it was refused for that reason, and all is as it was
is_unchanged()
{
	check "$1: it is said why" file_has "$work/log" "$2"
	is "$1: nothing is changed" "! BYE LIMIT per_ip=1
+OK 2 next=6 run=R
+OK" "$(talk openbsd 127.0.0.1 "$(port one)" </dev/null
	    ask 'READ h.>' 'PING' | grep -v '^MSG')"
	say follower "PING $1"
	wait_until file_has "$work/follower.out" "^\\+OK $1\$"
}

conf 'listen main { address = "127.0.0.1:0" '
refuse
is_unchanged "a broken file" 'conf:[0-9]+: .*: the configuration stays as it is'
conf 'listen one { address = "127.0.0.1:0"  per_ip = many }'
refuse
is_unchanged "a bad value" 'per_ip = many'
for text in '*/*' 'user = "a' 'user = "\9"'; do
	conf "$a
$text"
	refuse
	is_unchanged "a text that could be misread" \
	    "conf:$(wc -l <"$work/conf"): .*: the configuration stays as it is"
done
: >"$work/conf"
refuse
is_unchanged "an empty file" 'conf: it says nothing: the configuration stays as it is'
conf '# comments only
/* as well */'
refuse
is_unchanged "a file of comments" 'conf: it says nothing'
rm "$work/conf"
refuse
is_unchanged "a missing file" 'conf: cannot be read \(No such file'
mkdir "$work/conf"
refuse
is_unchanged "a directory" 'conf: cannot be read \(Is a directory'
rmdir "$work/conf"
conf "$a
listen taken { address = \"127.0.0.1:$(port one)\" }"
sed -i "/listen local/d" "$work/conf"
conf "$(cat "$work/conf")
listen two { address = \"127.0.0.2:$(port one)\" }
listen bad { address = \"$work/no/such/folder\" }"
refuse
is_unchanged "an address that cannot be listened at" 'listen bad: .*No such file or directory'
check "what could be opened is closed again" \
    not nc.openbsd -z -w 1 127.0.0.2 "$(port one)"
check "and what was to go is still there" test -S "$work/sock"
conf "$a
listen passed { address = \"fd:web\" }"
refuse
is_unchanged "a socket that was not passed" 'no socket called web was passed'
conf 'listen main { address = "192.0.2.1:2693" }'
refuse
is_unchanged "an address for others, without open = true" 'can be reached from other machines'

if command -v prlimit >/dev/null; then
	free=0
	while [ -e "/proc/$daemon/fd/$free" ]; do
		free=$((free + 1))
	done
	limit=$(prlimit --pid "$daemon" --nofile --output SOFT --noheadings | tr -d ' ')
	cp "$work/good" "$work/conf"
	printf 'listen %s { address = "127.0.0.1:0" }\n' one.more more >>"$work/conf"
	for why in 'conf: cannot be read .Too many' 'listen more: .*Too many'; do
		prlimit --pid "$daemon" --nofile="$free:"
		kill -HUP "$daemon"
		wait_until file_has "$work/log" "$why"
		prlimit --pid "$daemon" --nofile="$limit:"
		nrefused=$((nrefused + 1))
		wait_until has_reloaded server.reloads.refused "$nrefused"
		is_unchanged "no descriptor left" "$why"
		free=$((free + 1))
	done
	case $SANITIZER in
	no | '')
		{
			cat "$work/good"
			yes 'drain_time = "5s"' | head -n 100000
		} >"$work/conf"
		size=$(awk '/^VmSize/ { print $2 * 1024 }' "/proc/$daemon/status")
		prlimit --pid "$daemon" --as="$((size + 4000000)):"
		kill -HUP "$daemon"
		wait_until file_has "$work/log" 'conf: (out of memory|cannot be read .Cannot allocate)'
		prlimit --pid "$daemon" --as=unlimited:
		nrefused=$((nrefused + 1))
		wait_until has_reloaded server.reloads.refused "$nrefused"
		is_unchanged "no memory left" 'conf: (out of memory|cannot be read .Cannot allocate memory.*): '
		;;
	*) skip "no memory left" "memory of a build with sanitizers" ;;
	esac
else
	skip "no descriptor, no memory left" "there is no prlimit"
fi

cp "$work/good" "$work/conf"
reload
is "afterwards it is read as ever" "$ndone $nrefused" \
    "$(counter server.reloads) $(counter server.reloads.refused)"
stop_daemon

# ---- Who may read it -----------------------------------------------------------------

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && [ -z "$SANITIZER" -o "$SANITIZER" = no ]; then
	ndone=0 nrefused=0
	chmod 0777 "$work"
	start_daemon <<-END
		user = "nobody"
		listen main { address = "127.0.0.1:0" }
	END
	main_port=$(port main)
	chmod 0600 "$work/conf"
	refuse
	like "a file that the user of the daemon may not read changes nothing" \
	    'conf: cannot be read \(Permission denied\): let the user' "$work/log"
	is "and it goes on" "+OK here" "$(ask 'PING here')"
	stop_daemon
else
	skip "a file that the user of the daemon may not read" "not root, or a build with sanitizers"
fi

done_testing
