# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC3043 # local
# What is measured: a function for each part. Servers of a part run side by side and are
# measured in turn, so that what else the machine does falls on all of them.
# shellcheck disable=SC2034,SC2154 # bin, dir, ms, ...: shared with bench.sh and servers.sh

# ---- echo: each client has some lines in flight, and sends one for each that comes back 

# protocol NAME: what it is spoken to in
protocol() {
    case $1 in
    memcached | redis | nats) echo "$1" ;;
    *) echo lines ;;
    esac
}

# echo_round CONNECTIONS IN_FLIGHT ROUND
echo_round() {
    local server

    for server in $servers; do
        measure echo "$1x$2" "$server" "$3" -w "${warm_up}ms" \
            -P "$(protocol "$server")" -c "$1" -k "$2" echo "$(address "$server")"
    done
}

part_echo() {
    start_all floor1 floor2 amyd1 amyd1_off amyd2 amyd2_off memcached redis nats libevent \
        libuv libev
    each_round echo_round 50 1
    each_round echo_round 200 1
    each_round echo_round 50 16
    each_round echo_round 50 128
}

# ---- sparse: each client sends a line now and then -------------------------------------

# sparse_round CONNECTIONS EACH_A_SECOND ROUND. The warm-up is long enough for all to have
# spoken once; addresses of their own, so that no port is used again at once.
sparse_round() {
    local server n

    n=$(scaled "$1")
    for server in $servers; do
        measure sparse "$1x$2/s" "$server" "$3" -w "$((1000 / scale + 10))ms" -b -c "$n" \
            -r $((n * $2)) echo "$(address "$server")"
    done
}

part_sparse() {
    start_all floor1 amyd1 amyd1_off
    each_round sparse_round 10000 1
    each_round sparse_round 1000 10
    each_round sparse_round 200 33
}

# ---- fanout: a publisher sends a batch of lines, and waits until each reader has them all 

# fanout_round READERS BATCH ROUND
fanout_round() {
    local server

    for server in $servers; do
        case $server in
        floor_fanout)
            set -- "$1" "$2" "$3" raw "$(address "$server")" "$(address "$server" 2)"
            ;;
        *_raw)
            set -- "$1" "$2" "$3" raw "$(address "$server" 3)" "$(address "$server" 4)"
            ;;
        amyd*) set -- "$1" "$2" "$3" amyd "$(address "$server" 2)" ;;
        *) set -- "$1" "$2" "$3" "$server" "$(address "$server")" ;;
        esac
        fanout_of "$server" "$@"
    done
}

# fanout_of SERVER READERS BATCH ROUND PROTOCOL ADDRESS...
fanout_of() {
    local server="$1" readers="$2" batch="$3" round="$4" protocol="$5"

    shift 5
    measure fanout "${readers}x$batch" "$server" "$round" -w "${warm_up}ms" \
        -P "$protocol" -c "$readers" -k "$batch" -s 31 fanout "$@"
}

part_fanout() {
    start_all floor_fanout amyd1 amyd1_raw amyd2 redis nats
    each_round fanout_round 1 100
    each_round fanout_round 10 100
    each_round fanout_round 100 1
    each_round fanout_round 100 100
    each_round fanout_round 100 1000
}

# ---- idle: do clients that say nothing slow down those that do? ------------------------

# hold NAME PORT CONNECTIONS LINE: open them, until they have all got their answer
hold() {
    "$bin/tests/bench/hold" 127.0.0.1 "$2" "$3" "$4" >"$dir/$1.held" 2>"$dir/$1.log" &
    launched "$1"
    eval "wait_for_file '$dir/$1.held' \$$1_pid 'hold ($3 connections)'" && return
    cat "$dir/$1.log" >&2
    return 1
}

idle_round() {
    local server

    for server in alone crowded; do
        measure idle 50x1 $server "$1" -w "${warm_up}ms" -c 50 \
            echo "$(address $server)"
    done
}

part_idle() {
    local n

    n=$(scaled 15000)
    if [ "$max_descriptors" -lt $((n + 200)) ]; then
        leave_out "idle: $n connections are more than ulimit -n, $max_descriptors"
        return
    fi
    start_amyd alone 1 && start_amyd crowded 1 || return
    progress "idle: opening $n connections"
    hold idlers "$crowded_port" "$n" hello || return
    each_round idle_round
}

# ---- memory: what one more client takes ------------------------------------------------

# spoken_once NAME PROTOCOL ADDRESS: of a server that has just been started
spoken_once() {
    local ms=3000 # the lease of those that have spoken is over then

    [ "$scale" -eq 1 ] || ms=100
    measure memory "$memory_of" "$1" 1 -w 0ms -P "$2" -c "$(scaled 10000)" idle "$3"
}

# subscribed NAME PORT: each to a subject of its own
subscribed() {
    local before after pid n

    n=$(scaled 10000)
    eval "pid=\$$1_pid"
    before=$(resident "$pid")
    hold subscribers "$2" "$n" 'SUB bench.#.x' || return
    after=$(resident "$pid")
    row memory subscribed "$1" 1 - - - - $(((after - before) * 1024 / n))
}

# In turn, and only once: memory is the same each time, if the server is new.
part_memory() {
    local server

    if [ "$max_descriptors" -lt $(($(scaled 10000) + 200)) ]; then
        leave_out "memory: $(scaled 10000) connections are more than ulimit -n," \
            "$max_descriptors"
        return
    fi
    for server in amyd1 memcached redis nats libevent; do
        memory_of=spoken
        start_all $server
        [ -z "$servers" ] || spoken_once $server "$(protocol $server)" "$(address $server)"
        stop_servers
    done
    memory_of=spoken_command
    start_amyd amyd1 1 && spoken_once amyd1 amyd "$(address amyd1 2)"
    stop_servers
    start_amyd amyd1 1 && subscribed amyd1 "$amyd1_port2"
}

# ---- route: one of many subscriptions; one reader of many that has stopped -------------

# value KEY <LINE of key=value
value() {
    sed -n "s/.*\<$1=\([0-9.]*\).*/\1/p"
}

# route_round WINDOW PUBLICATIONS ROUND
route_round() {
    local server n port pid

    for server in few many; do
        n=1000
        [ $server = few ] || n=1000000
        eval "port=\$${server}_port2 pid=\$${server}_pid"
        progress "route, $1 in flight: round $3 of $rounds, 1 of $n"
        if "$bin/tests/bench/many_subscriptions" 127.0.0.1 "$port" "$pid" "$(scaled $n)" "$1" \
            "$(scaled "$2")" 3 >"$dir/line" 2>"$dir/why"; then
            row route "$1" $server "$3" "$(value server_ns_per_publish <"$dir/line")" - - - -
        else
            complain "many_subscriptions: $(cat "$dir/why")"
        fi
    done
}

stopped_round() {
    local server

    for server in all stopped; do
        progress "one of 100 readers stopped: round $1 of $rounds, $server"
        if "$bin/tests/bench/one_stopped" 127.0.0.1 "$readers_port2" "$readers_pid" $server 64 \
            "$(scaled 200000)" >"$dir/line" 2>"$dir/why"; then
            row stopped 64 $server "$1" "$(value server_ns_per_delivery <"$dir/line")" \
                "$(value lines_per_second <"$dir/line")" - - -
        else
            complain "one_stopped: $(cat "$dir/why")"
        fi
    done
}

part_route() {
    start_amyd few 2 && start_amyd many 2 && start_amyd readers 2 || return
    each_round route_round 1 20000
    each_round route_round 64 100000
    each_round stopped_round
}

# ---- fairness: how long others wait beside a client that asks as fast as it can ----------

# A text of a or x makes these look for long; and there is something to look back at.
write_fairness_conf() {
    write_conf "$1" "$2" "${3:-}"
    cat >>"$1" <<END
history stored { match = "stored.>"  lines = 100000  bytes = "64M" }
rule evil   { match = "rx.>"  regex = "(x+x+)+y"  to = "subject:nobody" }
rule evil_2 { match = "rx.>"  regex = "a.*[bc]"   to = "subject:nobody" }
END
}

# attack SERVER LEASE ATTACK ROUND: a daemon of its own, for some leave much behind
attack() {
    local port

    amyd_conf=write_fairness_conf
    start_amyd "$1" 2 "$2" || return
    amyd_conf=write_conf
    eval "port=\$${1}_port2"
    progress "fairness, $3: round $4 of $rounds, $1"
    if $amyd_prefix "$bin/tests/bench/fairness" 127.0.0.1 "$port" "$3" "$ms" "$scale" \
        >"$dir/line" 2>"$dir/why"; then
        row fairness "$3" "$1" "$4" - "$(value finals_s <"$dir/line")" \
            "$(value p50_ns <"$dir/line")" "$(value p99_ns <"$dir/line")" \
            "$(value max_ns <"$dir/line")"
    else
        complain "fairness, $3: $(cat "$dir/why")"
    fi
    stop_servers
}

# A quick look is at some of them.
fairness_round() {
    local attack

    for attack in $("$bin/tests/bench/fairness" -l |
        awk -v scale="$scale" 'scale == 1 || NR % 8 == 1'); do
        attack amyd2 "" "$attack" "$1"
        attack amyd2_off 0 "$attack" "$1"
    done
}

# Where they may have it, the daemon and its clients have the CPUs to themselves meanwhile: what
# is measured is how long a turn takes, and not what else the machine does.
part_fairness() {
    [ "$scale" -gt 1 ] || ! chrt -f 10 true 2>/dev/null || amyd_prefix="chrt -f 10"
    each_round fairness_round
    amyd_prefix=
}

# ---- start: how long it takes to start and to end, and the memory in between -----------

# start_stop CLIENTS KEY=COLUMN...: a row for each key of the line that start_stop prints. The
# program itself, not the script that libtool puts in front of it.
start_stop() {
    local program="$bin/amyd" clients="$1" line key

    shift
    [ ! -x "$bin/.libs/amyd" ] || program=$bin/.libs/amyd
    if ! line=$(LD_LIBRARY_PATH=$bin/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
        "$bin/tests/bench/start_stop" "$clients" "$dir/start.ports" "$program" -l stderr \
        -c "$dir/start.conf" -p "$dir/start.ports" 2>"$dir/why"); then
        complain "start_stop: $(cat "$dir/why")"
        return
    fi
    for key; do
        row start "${key#*=}" amyd1 "$round" - - - - "$(echo "$line" | value "${key%=*}")"
    done
}

start_round() {
    local round="$1"

    progress "start: round $round of $rounds"
    start_stop 0 start_us=start_us answer_us=answer_us resident_kb=resident_kb stop_us=stop_us
}

# crowd_round CLIENTS ROUND
crowd_round() {
    local round="$2"

    progress "start: round $round of $rounds, $1 clients"
    start_stop "$1" stop_us=crowd_stop_us missed=crowd_missed
    row start crowd amyd1 "$round" - - - - "$1"
}

# As many clients as 20,000 descriptors let in; last, for the kernel has long to do after them.
part_start() {
    local n max_clients

    n=$(scaled 19900)
    max_clients=$((n + 1)) # one has just gone
    if [ "$max_descriptors" -lt $((n + 100)) ]; then
        leave_out "start, with clients: $n connections are more than ulimit -n," \
            "$max_descriptors"
        n=0 max_clients=100
    fi
    write_conf "$dir/start.conf" 1
    each_round start_round
    [ "$n" -eq 0 ] || each_round crowd_round "$n"
}

# ---- library: an event with libamy, with other libraries, and with a bare epoll -----------

# In one process, which takes turns itself: a row for each, so there are more than rounds.
part_library() {
    if [ "$max_descriptors" -lt $(($(scaled 10000) + 100)) ]; then
        leave_out "library: $(scaled 10000) descriptors are more than ulimit -n," \
            "$max_descriptors"
        return
    fi
    progress "library: $rounds rounds"
    if "$bin/tests/bench/library" "$rounds" "$scale" >"$dir/lines" 2>"$dir/why"; then
        awk '{ printf "library\t%s\t%s\t%s\t%s\t%.0f\t-\t-\t-\n", $1, $2, $3, $4, 1e9 / $5 }' \
            "$dir/lines" >>"$results"
    else
        complain "library: $(cat "$dir/why")"
    fi
}
