#!/bin/sh
# SPDX-License-Identifier: MIT
# Who is there: names, the daemon's own news of its clients, and what is said of those that
# vanish.
. "${top_srcdir:-.}/tests/lib.sh"

need_netcats
start_daemon <<END
handlers = 2
listen main  { address = "127.0.0.1:0" }
listen small { address = "127.0.0.1:0"  queue = "4K" }
listen local { address = "$work/sock" }
END
main_port=$(port main)

command_lines()
{
	talk openbsd 127.0.0.1 "$main_port"
}

codes()
{
	sed -E 's/^((#[^ ]+ )?-ERR [A-Z]+).*/\1/'
}

# answer NAME N: the N-th line that it got
answer()
{
	wait_until has_lines "$work/$1.out" "$2"
	sed -n "$2p" "$work/$1.out"
}

# ---- Names -------------------------------------------------------------------------------

connect alice openbsd 127.0.0.1 "$main_port"
connect bob ncat 127.0.0.1 "$main_port"
say alice "NAME alice"
is "a name that is free" "+OK" "$(answer alice 1)"
say bob "NAME alice"
is "a name that is taken" "-ERR TAKEN" "$(answer bob 1 | codes)"
say bob "NAME bob"
is "another one" "+OK" "$(answer bob 2)"
say bob "NAME bob"
is "one's own name is not taken" "+OK" "$(answer bob 3)"
is "names are words" "-ERR SUBJECT
-ERR SYNTAX
-ERR SYNTAX" "$(printf 'NAME a.b\nNAME a b\nNAME\n' | command_lines | codes)"
is "case matters" "+OK" "$(echo "NAME Alice" | command_lines)"

say bob "PUB @alice hi  there "
is "a line to a name goes to one" "+OK 1" "$(answer bob 4)"
is "who has it" "MSG @alice hi  there " "$(answer alice 2)"
say alice "PUB @bob and back"
is "from the other handler, too" "MSG @bob and back" "$(answer bob 5)"
answer alice 3 >"$work/out"
say alice "PUB @alice note"
answer alice 5 >"$work/out"
is "to oneself" "+OK 1
MSG @alice note" "$(sed -n 4,5p "$work/alice.out" | sort)"
is "a line to nobody" "+OK 0" "$(echo "PUB @carol x" | command_lines)"

say bob "SET show from" "SUB news"
wait_until has_lines "$work/bob.out" 7
is "a sender without a name" "+OK 1" "$(echo "PUB news x" | command_lines)"
is "is shown as -" "MSG news - x" "$(answer bob 8)"
say alice "PUB news y"
is "one with a name, with its name" "MSG news @alice y" "$(answer bob 9)"
say alice "NAME alicia" "PUB news z"
is "who has a new name speaks by it" "MSG news @alicia z" "$(answer bob 10)"
is "and has lost the old one" "+OK 0" "$(echo "PUB @alice x" | command_lines)"
is "which is free" "+OK" "$(echo "NAME alice" | command_lines)"
is "the new one is not" "-ERR TAKEN" "$(echo "NAME alicia" | command_lines | codes)"
say bob "SET show seq,time,from"
wait_until has_lines "$work/bob.out" 11
say alice "PUB @bob text"
like "with time and sender" '^MSG @bob - [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z @alicia text$' \
    "$(answer bob 12 >"$work/out"; echo "$work/out")"
leave alice
is "a name is free again as soon as its client has left" "+OK" \
    "$(echo "NAME alicia" | command_lines)"
leave bob
is "a hundred in turn may have a name" "100 +OK" "$(
	for i in 1 2 3 4 5 6 7 8 9 10; do
		printf 'NAME same\nNAME other\nNAME same\nNAME other\nNAME same\n'
		printf 'NAME other\nNAME same\nNAME other\nNAME same\nNAME other\n'
	done | command_lines | sort | uniq -c | sed 's/^ *//')"

# ---- News of clients ---------------------------------------------------------------------

subscribe news openbsd "_amyd.client.>" "$work/sock"
nnews=1

# said WHAT REGEX: the next news
said()
{
	nnews=$((nnews + 1))
	answer news "$nnews" >"$work/out"
	like "$1" "$2" "$work/out"
}

connect carol socat 127.0.0.1 "$main_port"
said "a client is here" \
    '^MSG _amyd\.client\.up id=[0-9]+ name=- peer=127\.0\.0\.1:[0-9]+ listener=main$'
id=$(sed 's/.* \(id=[0-9]*\) .*/\1/' "$work/out")
peer_text=$(sed 's/.* \(peer=[^ ]*\) .*/\1/' "$work/out")
say carol "NAME carol"
said "it has a name" "^MSG _amyd\\.client\\.name $id name=@carol $peer_text listener=main\$"
echo WHO | talk openbsd "$work/sock" >"$work/who"
like "WHO says the same of it" "^\\* $id name=@carol $peer_text listener=main " "$work/who"
said "one by a Unix socket" '^MSG _amyd\.client\.up id=[0-9]+ name=- peer=[^ ]+ listener=local$'
said "is gone" '^MSG _amyd\.client\.down id=[0-9]+ name=- peer=[^ ]+ listener=local$'
say carol "NAME carola"
said "it has another name" "^MSG _amyd\\.client\\.name $id name=@carola $peer_text listener=main\$"
say carol QUIT
said "it has said QUIT" "^MSG _amyd\\.client\\.down $id name=@carola $peer_text listener=main reason=quit\$"
hang_up carol
wait_until gone carol
connect carol openbsd 127.0.0.1 "$main_port"
said "the next one" '^MSG _amyd\.client\.up '
hang_up carol
said "that only ends its input, is gone without QUIT" '^MSG _amyd\.client\.down id=[0-9]+ name=- peer=[^ ]+ listener=main$'
wait_until gone carol
leave news
subscribe all openbsd ">" 127.0.0.1 "$main_port"
echo "PUB a x" | command_lines >/dev/null
is "who follows everything is not told of clients" "MSG a x" "$(answer all 2)"
leave all

# ---- Wills -------------------------------------------------------------------------------

subscribe heir openbsd "gone.>" "$work/sock"
say heir "SET show from"
nheir=2
wait_until has_lines "$work/heir.out" 2

# inherits NAME LINE: what the heir hears next
inherits()
{
	nheir=$((nheir + 1))
	is "$1" "$2" "$(answer heir "$nheir")"
}

for kind in $kinds; do
	connect mortal "$kind" 127.0.0.1 "$main_port"
	say mortal "NAME mortal" "WILL gone.first not this" "WILL gone.$kind my  last words"
	wait_until has_lines "$work/mortal.out" 3
	kill -KILL "$(client_pid mortal)"
	wait_for_end "$(client_pid mortal)"
	answer heir $((nheir + 1)) >"$work/will"
	sed 's/ [^ ]* my/ FROM my/' "$work/will" >"$work/out"
	nheir=$((nheir + 1))
	is "$kind: what was to be said when it is killed" "MSG gone.$kind FROM my  last words" "$(cat "$work/out")"
done
connect mortal openbsd "$work/sock"
say mortal "WILL gone.unix x"
wait_until has_lines "$work/mortal.out" 1
kill -KILL "$(client_pid mortal)"
wait_for_end "$(client_pid mortal)"
inherits "killed, at a Unix socket" "MSG gone.unix - x"
echo "WILL gone.half x" | command_lines >/dev/null
inherits "after a half-close, when it is closed" "MSG gone.half - x"
printf 'WILL gone.reset x\n' | "$peer" talk --hold --lines 1 --reset 127.0.0.1 "$main_port" >/dev/null
inherits "after a RST" "MSG gone.reset - x"
printf 'WILL gone.partial x\nPUB gone.part' | "$peer" talk --hold --lines 1 --reset 127.0.0.1 "$main_port" >/dev/null
inherits "after a RST in the middle of a line, which is not run" "MSG gone.partial - x"
printf 'WILL gone.quit x\nQUIT\n' | command_lines >/dev/null
printf 'GET / HTTP/1.1\r\n' | command_lines >/dev/null
printf 'WILL gone.cut x\nHost: x\n' | command_lines >/dev/null
inherits "not after QUIT, but for one that is cut off" "MSG gone.cut - x"
is "a will is published like a line: it can be refused at once" "-ERR SUBJECT
-ERR DENIED
-ERR SYNTAX" "$(printf 'WILL a.* x\nWILL _amyd.x y\nWILL\n' | command_lines | codes)"
say heir "NAME heir"
wait_until has_lines "$work/heir.out" $((nheir + 1))
nheir=$((nheir + 1))
echo "WILL @heir all of it" | command_lines >/dev/null
inherits "a will for a name" "MSG @heir - all of it"
leave heir

# ---- Lines that nobody took, and lines that were dropped -----------------------------------

subscribe ledger openbsd "_amyd.undelivered" "$work/sock"
is "a line that nobody takes" "+OK 0" "$(echo "PUB lost.one some  text " | command_lines)"
is "is told, whole" "MSG _amyd.undelivered lost.one some  text " "$(answer ledger 2)"
echo "PUB lost.two" | command_lines >/dev/null
is "one without text" "MSG _amyd.undelivered lost.two" "$(answer ledger 3 | sed 's/ $//')"
echo "PUB @nobody x" | command_lines >/dev/null
is "one to a name that nobody has" "MSG _amyd.undelivered @nobody x" "$(answer ledger 4)"
subscribe taker openbsd "lost.>" "$work/sock"
printf 'PUB lost.three x\nPUB other y\n' | command_lines >/dev/null
is "one that somebody takes is none" "MSG _amyd.undelivered other y" "$(answer ledger 5)"
leave taker
leave ledger

# Three that stand still, and are told of each other: it must come to rest all the same.
subscribe ledger openbsd "_amyd.dropped" "$work/sock"
for i in 1 2 3 4 5; do
	connect "still$i" openbsd 127.0.0.1 "$(port small)"
	say "still$i" "SET slow drop" "NAME still$i" "SUB _amyd.dropped" "SUB feed"
	wait_until has_lines "$work/still$i.out" 4
	kill -STOP "$(client_pid "still$i")"
done
padding=$(head -c 3000 /dev/zero | tr '\0' x)
nlines=0
while [ "$nlines" -lt 50000 ]; do
	seq -f "PUB feed %.0f $padding" $((nlines + 1)) $((nlines + 1000)) | command_lines >"$work/finals"
	nlines=$((nlines + 1000))
	for i in 1 2 3 4 5; do
		file_has "$work/ledger.out" "name=@still$i " || continue 2
	done
	break
done
for i in 1 2 3 4 5; do
	wait_until file_has "$work/ledger.out" "name=@still$i "
	like "lines for a reader that stands still are dropped, and it is told: $i" \
	    "^MSG _amyd\\.dropped id=[0-9]+ name=@still$i peer=127\\.0\\.0\\.1:[0-9]+ listener=small lines=[1-9][0-9]*\$" \
	    "$work/ledger.out"
done
is "others are served meanwhile" "+OK x" "$(echo "PING x" | command_lines)"
echo WHO | command_lines >"$work/who"
for i in 1 2 3 4 5; do
	like "WHO counts them: $i" "name=@still$i .* dropped=[1-9]" "$work/who"
done
for i in 1 2 3 4 5; do
	kill -CONT "$(client_pid "still$i")"
done
for i in 1 2 3 4 5; do
	wait_until file_has "$work/still$i.out" '^! DROPPED'
	leave "still$i"
done
# It is told of every one that was dropped: at the end at the latest.
all_is_told()
{
	told=$(sed -n 's/^MSG _amyd\.dropped .* lines=//p' "$work/ledger.out" | awk '{ n += $1 } END { print n }')
	counted=$(echo "STATS lines.dropped.slow" | command_lines | sed -n 's/^\* [^ ]* //p')
	[ "$told" = "$counted" ]
}
wait_until all_is_told
is "what it was told of is what was counted" "$counted" "$told"
leave ledger

stop_daemon
done_testing
