# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC3043 # local
# How each server is started. Each start_ function takes a name, and leaves the process in
# NAME_pid and the port in NAME_port; then it is among $pids. All listen at 127.0.0.1, at ports
# that are free. It returns 1 if the server is not installed or does not start.
# shellcheck disable=SC2154 # dir, bin, part: bench.sh's

# What amyd and its peers must take at once.
max_clients=16000

# launched NAME: what was started just now, in the background
launched() {
    eval "$1_pid=$!"
    pids="$pids $!"
}

has_file_or_is_over() {
    [ -s "$1" ] || ! is_running "$2"
}

# wait_for_file FILE PID WHO
wait_for_file() {
    wait_until has_file_or_is_over "$1" "$2"
    [ -s "$1" ] && return
    complain "$3 does not start"
    return 1
}

# set_port NAME PORT
set_port() {
    eval "$1_port=\$2"
}

# start_small NAME PROGRAM [ARGUMENT]: one of those in this folder; a second port is NAME_port2
start_small() {
    local name="$1" program="$bin/tests/bench/$2" pid

    shift 2
    [ -x "$program" ] || return 1
    rm -f "$dir/$name.ports"
    "$program" "$@" "$dir/$name.ports" </dev/null >"$dir/$name.log" 2>&1 &
    pid=$!
    launched "$name"
    wait_for_file "$dir/$name.ports" $pid "$program" || return
    set_port "$name" "$(sed -n 1p "$dir/$name.ports")"
    eval "${name}_port2=\$(sed -n 2p '$dir/$name.ports')"
}

# write_conf FILE HANDLERS [LEASE]
write_conf() {
    cat >"$1" <<END
handlers = $2
max_clients = $max_clients
${3:+lease = "$3"}
listen echo { address = "127.0.0.1:0" mode = "echo" }
listen main { address = "127.0.0.1:0" }
listen in   { address = "127.0.0.1:0" mode = "publish" subject = "bench" }
listen out  { address = "127.0.0.1:0" mode = "subscribe" pattern = "bench" }
END
}

# What writes the configuration of an amyd; and words to stand in front of its command line.
amyd_conf=write_conf
amyd_prefix=

# start_amyd NAME HANDLERS [LEASE]: NAME_port echoes, NAME_port2 takes commands; what goes in
# at NAME_port3 comes out at NAME_port4
start_amyd() {
    local pid

    rm -f "$dir/$1.ports"
    $amyd_conf "$dir/$1.conf" "$2" "${3:-}"
    $amyd_prefix "$bin/amyd" -l stderr -c "$dir/$1.conf" -p "$dir/$1.ports" </dev/null >/dev/null \
        2>"$dir/$1.log" &
    pid=$!
    launched "$1"
    if ! wait_for_file "$dir/$1.ports" $pid amyd; then
        cat "$dir/$1.log" >&2
        return 1
    fi
    set_port "$1" "$(awk '/^echo / { print $3 }' "$dir/$1.ports")"
    eval "$1_port2=\$(awk '/^main / { print \$3 }' '$dir/$1.ports')"
    eval "$1_port3=\$(awk '/^in / { print \$3 }' '$dir/$1.ports')"
    eval "$1_port4=\$(awk '/^out / { print \$3 }' '$dir/$1.ports')"
}

# An amyd whose clients may be leased to handlers, or whose configuration has no word for it.
has_lease() {
    write_conf "$dir/lease.conf" 1 0
    "$bin/amyd" -t -c "$dir/lease.conf" >/dev/null 2>&1
}

start_memcached() {
    local pid

    command -v memcached >/dev/null || return 1
    rm -f "$dir/$1.ports"
    MEMCACHED_PORT_FILENAME="$dir/$1.ports" memcached -u "$(id -un)" -l 127.0.0.1 -p -1 -U 0 \
        -t 1 -c $max_clients </dev/null >"$dir/$1.log" 2>&1 &
    pid=$!
    launched "$1"
    wait_for_file "$dir/$1.ports" $pid memcached || return
    set_port "$1" "$(sed -n 's/^TCP INET: //p' "$dir/$1.ports")"
}

redis_is_ready_or_over() {
    grep -q 'Ready to accept connections' "$1" 2>/dev/null || ! is_running "$2"
}

# It cannot be asked for a free port: try some, below those that connections get.
start_redis() {
    local pid port tries=0

    command -v redis-server >/dev/null || return 1
    while [ $tries -lt 20 ]; do
        port=$((20000 + ($$ + tries * 397) % 10000))
        rm -f "$dir/$1.log"
        redis-server --bind 127.0.0.1 --port $port --save '' --appendonly no --dir "$dir" \
            --maxclients $max_clients --logfile "$dir/$1.log" </dev/null >/dev/null 2>&1 &
        pid=$!
        launched "$1"
        wait_until redis_is_ready_or_over "$dir/$1.log" $pid
        if is_running $pid; then
            set_port "$1" $port
            return
        fi
        tries=$((tries + 1))
    done
    complain "redis-server does not start: $(tail -n 1 "$dir/$1.log")"
    return 1
}

start_nats() {
    local pid

    command -v nats-server >/dev/null || return 1
    nats-server -a 127.0.0.1 -p -1 --ports_file_dir "$dir" -l "$dir/$1.log" </dev/null \
        >/dev/null 2>&1 &
    pid=$!
    launched "$1"
    wait_for_file "$dir/nats-server_$pid.ports" $pid nats-server || return
    set_port "$1" \
        "$(sed -n 's|.*nats://127.0.0.1:\([0-9]*\).*|\1|p' "$dir/nats-server_$pid.ports")"
}

# start NAME: by the names that the tables know. amyd1_off: 1 handler, no lease. amyd1_raw: its
# listeners without verbs, which say as little as the floor does.
start() {
    case $1 in
    floor1) start_small floor1 floor_echo 1 ;;
    floor2) start_small floor2 floor_echo 2 ;;
    floor_fanout) start_small floor_fanout floor_fanout ;;
    amyd1 | amyd2) start_amyd "$1" "${1#amyd}" ;;
    amyd1_raw) start_amyd "$1" 1 ;;
    amyd1_off) has_lease && start_amyd "$1" 1 0 ;;
    amyd2_off) has_lease && start_amyd "$1" 2 0 ;;
    memcached | redis | nats) "start_$1" "$1" ;;
    libevent | libuv | libev) start_small "$1" "echo_$1" ;;
    esac
}

# start_all NAME...: in $servers is what runs then; others are left out
start_all() {
    local server

    servers=
    for server; do
        if start "$server"; then
            servers="$servers $server"
        else
            leave_out "$server, of $part: it is not installed, or does not start"
        fi
    done
}

# address NAME [2, 3, 4]
address() {
    eval "echo 127.0.0.1:\$${1}_port${2:-}"
}

# The first line of what a program says of its version, or that it is not there.
version() {
    if command -v "$1" >/dev/null; then
        "$@" 2>/dev/null | head -n 1 | grep -o '[0-9][0-9]*\.[0-9.]*[0-9][-a-z]*' | head -n 1
    else
        echo none
    fi
}

describe() {
    echo "amyd $(version "$bin/amyd" -V), memcached $(version memcached -V), redis" \
        "$(version redis-server -v), nats-server $(version nats-server -v), libevent" \
        "$(version pkg-config --modversion libevent), libuv" \
        "$(version pkg-config --modversion libuv)"
    echo "Linux $(uname -r), $(getconf _NPROCESSORS_ONLN) CPUs; medians; rounds: $rounds," \
        "of $seconds s; only ratios within one run mean something"
    [ "$scale" -eq 1 ] ||
        echo "A quick look, with $scale times fewer clients: no figure here means anything."
}
