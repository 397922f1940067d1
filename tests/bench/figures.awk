# SPDX-License-Identifier: MIT
# figures.awk - reads results.tsv, and answers what a part, a load and a server came to. Goes
# before report.awk and bars.awk.

NR == 1 {
    for (i = 5; i <= NF; i++)
        field_name[i] = $i
    next
}

{
    for (i = 5; i <= NF; i++)
        if ($i != "-")
            figure[field_name[i], $1, $2, $3, $4] = $i
    if ($1 == "fairness" && !(($1, $2) in is_measured)) {
        attacks = attacks " " $2
        is_measured[$1, $2] = 1
    }
    if ($4 > rounds)
        rounds = $4
    is_measured[$1] = is_measured[$1, $3] = 1
}

# Of list[1..n], which it sorts.
function median(list, n,    i, j, value) {
    for (i = 2; i <= n; i++) {
        value = list[i]
        for (j = i - 1; j > 0 && list[j] > value; j--)
            list[j + 1] = list[j]
        list[j + 1] = value
    }
    return n % 2 == 1 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# The median of a field; "" if there is nothing.
function figure_of(field, part, load, server,    list, n, round) {
    n = 0
    for (round = 1; round <= rounds; round++)
        if ((field, part, load, server, round) in figure)
            list[++n] = figure[field, part, load, server, round] + 0
    return n == 0 ? "" : median(list, n)
}

# The largest of a field; "" if there is nothing.
function worst_of(field, part, load, server,    round, worst) {
    worst = ""
    for (round = 1; round <= rounds; round++)
        if ((field, part, load, server, round) in figure && \
            (worst == "" || figure[field, part, load, server, round] + 0 > worst))
            worst = figure[field, part, load, server, round] + 0
    return worst
}

# The median of the ratios within a round: what a busy machine does falls on both.
function ratio_of(field, part, load, server, other,    list, n, round, least) {
    n = 0
    for (round = 1; round <= rounds; round++) {
        if (!((field, part, load, server, round) in figure))
            continue
        least = figure[field, part, load, other, round] + 0
        if (least > 0)
            list[++n] = figure[field, part, load, server, round] / least
    }
    return n == 0 ? "" : median(list, n)
}

# What a server is compared with: the floor that has as many threads; or, a library, the
# system calls that libamy makes.
function floor_of(part, server) {
    if (part == "fanout")
        return "floor_fanout"
    if (part == "library")
        return "epoll_once"
    return server ~ /^(floor2|amyd2)/ ? "floor2" : "floor1"
}

function loads_of(part) {
    if (part == "echo")
        return "50x1 200x1 50x16 50x128"
    if (part == "sparse")
        return "10000x1/s 1000x10/s 200x33/s"
    if (part == "library")
        return "register-10k dispatch-1k rearm-1 rearm-64 eventfd-64 ring-100 ring-1k"
    if (part == "fairness")
        return attacks
    return "1x100 10x100 100x1 100x100 100x1000"
}

# In the order of the tables. NAME_once: what was told of is not told of again before it is
# armed again; others go on.
function all_servers() {
    return "floor1 floor2 floor_fanout amyd1 amyd1_raw amyd1_off amyd2 amyd2_off " \
        "memcached redis nats " \
        "epoll_once libamy libevent_once libuv_once libev_once epoll wait_set " \
        "libevent libuv libev"
}

function label_of(server) {
    if (server ~ /^floor[12]$/)
        return "floor, " substr(server, 6) (server == "floor1" ? " thread" : " threads")
    if (server == "floor_fanout")
        return "floor"
    if (server ~ /^amyd[12]/)
        return "amyd, handlers = " substr(server, 5, 1) \
            (server ~ /_off$/ ? ", no lease" : server ~ /_raw$/ ? ", no verbs" : "")
    if (server ~ /_once$/)
        return label_of(substr(server, 1, length(server) - 5)) ", one-shot"
    if (server == "epoll")
        return "bare epoll"
    if (server == "wait_set")
        return "libamy, wait set"
    return server == "nats" ? "nats-server" : server
}
