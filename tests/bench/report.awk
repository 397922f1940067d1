# SPDX-License-Identifier: MIT
# report.awk - the tables, and last what amyd is to reach. Goes behind figures.awk.

function number(value, format) {
    return value == "" ? "-" : sprintf(format, value)
}

# One cell of a table, by what the table shows.
function cell(kind, part, load, server,    cpu, p50) {
    if (kind == "event") {
        cpu = figure_of("cpu_ns", part, load, server)
        return cpu == "" ? "-" : sprintf("%.0f (%.0f)", cpu, \
            1e9 / figure_of("lines_s", part, load, server))
    }
    if (kind == "ratio")
        return number(ratio_of("cpu_ns", part, load, server, floor_of(part, server)), "%.2f")
    if (kind == "latency") {
        p50 = figure_of("p50_ns", part, load, server)
        return p50 == "" ? "-" : sprintf("%.0f / %.0f", p50 / 1000, \
            figure_of("p99_ns", part, load, server) / 1000)
    }
    cpu = figure_of("cpu_ns", part, load, server)
    return cpu == "" ? "-" : sprintf("%.3f (%.0f)", cpu / 1000, \
        figure_of("lines_s", part, load, server) / 1000)
}

function table(title, kind, part,    loads, servers, n, m, i, j, column) {
    column = part == "library" ? " %12s" : " %15s"
    n = split(loads_of(part), loads, " ")
    m = split(all_servers(), servers, " ")
    printf "\n%s\n%-30s", title, ""
    for (i = 1; i <= n; i++)
        printf column, loads[i]
    print ""
    for (j = 1; j <= m; j++) {
        if (!((part, servers[j]) in is_measured))
            continue
        printf "  %-28s", label_of(servers[j])
        for (i = 1; i <= n; i++)
            printf column, cell(kind, part, loads[i], servers[j])
        print ""
    }
}

function tables(part, what, unit, columns) {
    if (!(part in is_measured))
        return
    table(what ", " columns ": server CPU per " unit ", us (thousands a second)", "cpu", part)
    table(what ": server CPU over the floor with as many threads", "ratio", part)
    table(what ": latency, p50 / p99, us", "latency", part)
}

# Two things side by side, and their ratio.
function pair(title, field, part, load, server, other, divisor, format) {
    printf "  %-48s %12s %12s %8s\n", title, \
        number(scaled(figure_of(field, part, load, other), divisor), format), \
        number(scaled(figure_of(field, part, load, server), divisor), format), \
        number(ratio_of(field, part, load, server, other), "%.3f")
}

function scaled(value, divisor) {
    return value == "" ? "" : value / divisor
}

function head(title, first, second) {
    printf "\n%-50s %12s %12s %8s\n", title, first, second, "ratio"
}

function idle_table() {
    if (!("idle" in is_measured))
        return
    head("50 busy clients, and 15,000 that are idle", "without", "with")
    pair("p50, us", "p50_ns", "idle", "50x1", "crowded", "alone", 1000, "%.0f")
    pair("p99, us", "p99_ns", "idle", "50x1", "crowded", "alone", 1000, "%.0f")
    pair("server CPU per line, us", "cpu_ns", "idle", "50x1", "crowded", "alone", 1000, "%.3f")
}

function route_tables() {
    if ("route" in is_measured) {
        head("CPU of a publication that matches one of, ns", "1,000", "1,000,000")
        pair("1 in flight", "cpu_ns", "route", "1", "many", "few", 1, "%.0f")
        pair("64 in flight", "cpu_ns", "route", "64", "many", "few", 1, "%.0f")
    }
    if ("stopped" in is_measured) {
        head("100 readers, and one of them stopped", "all read", "1 stopped")
        pair("lines/s to each that reads", "lines_s", "stopped", "64", "stopped", "all", 1, \
            "%.0f")
        pair("server CPU per delivery, ns", "cpu_ns", "stopped", "64", "stopped", "all", 1, \
            "%.0f")
    }
}

function fairness_cell(attack, server,    p50) {
    p50 = figure_of("p50_ns", "fairness", attack, server)
    return p50 == "" ? "-" : sprintf("%.0f / %.0f / %.0f", p50 / 1000, \
        figure_of("p99_ns", "fairness", attack, server) / 1000, \
        worst_of("value", "fairness", attack, server) / 1000)
}

function fairness_table(    loads, n, i) {
    if (!("fairness" in is_measured))
        return
    printf "\n%-50s %24s %24s\n", "others beside one client: p50 / p99 / longest, us", \
        "amyd, handlers = 2", "lease = \"0\""
    n = split(loads_of("fairness"), loads, " ")
    for (i = 1; i <= n; i++)
        printf "  %-48s %24s %24s\n", loads[i], fairness_cell(loads[i], "amyd2"), \
            fairness_cell(loads[i], "amyd2_off")
}

function library_tables() {
    if (!("library" in is_measured))
        return
    table("libamy and other libraries: CPU (and time) of an event, ns", "event", \
        "library")
    table("libamy and other libraries: CPU over a bare epoll, one-shot", "ratio", "library")
}

function memory_row(title, load, server,    bytes) {
    bytes = figure_of("value", "memory", load, server)
    if (bytes != "")
        printf "  %-48s %12.0f\n", title, bytes
}

function memory_table() {
    if (!("memory" in is_measured))
        return
    printf "\n%-50s %12s\n", "resident memory of an idle client", "bytes"
    memory_row("amyd, has echoed one line", "spoken", "amyd1")
    memory_row("amyd, has given one command", "spoken_command", "amyd1")
    memory_row("amyd, has one subscription, of its own", "subscribed", "amyd1")
    memory_row("memcached, has given one command", "spoken", "memcached")
    memory_row("redis, has given one command", "spoken", "redis")
    memory_row("nats-server, has given one command", "spoken", "nats")
    memory_row("libevent, has echoed one line", "spoken", "libevent")
}

function start_figure(load) {
    return figure_of("value", "start", load, "amyd1")
}

function start_ms(load) {
    return scaled(start_figure(load), 1000)
}

function start_row(title, value, format) {
    if (value != "")
        printf "  %-48s %12s\n", title, sprintf(format, value)
}

function start_table() {
    if (!("start" in is_measured))
        return
    printf "\n%s\n", "amyd, handlers = 1"
    start_row("start, until the ports are told, ms", start_ms("start_us"), "%.1f")
    start_row("start, until the first client is answered, ms", start_ms("answer_us"), "%.1f")
    start_row("end, from SIGTERM, ms", start_ms("stop_us"), "%.1f")
    start_row("the same, with so many clients", start_figure("crowd"), "%d")
    start_row("    ms", start_ms("crowd_stop_us"), "%.0f")
    start_row("    clients that were not told goodbye, at worst", \
        worst_of("value", "start", "crowd_missed", "amyd1"), "%d")
    start_row("resident memory, kB", start_figure("resident_kb"), "%.0f")
}

# What was not measured is left out.
function bar(title, most, value, format) {
    if (value == "")
        return
    if (nbars++ == 0)
        printf "\n%-70s %8s %9s\n", "what amyd is to reach", "at most", "measured"
    printf "  %-68s %8s %9s\n", title, most, sprintf(format, value)
}

function echo_bars(handlers, most,    loads, n, i, amyd) {
    n = split(loads_of("echo"), loads, " ")
    amyd = "amyd" handlers
    for (i = 1; i <= n; i++)
        bar("echo " loads[i] ", handlers = " handlers ", CPU per line over the floor", most, \
            ratio_of("cpu_ns", "echo", loads[i], amyd, "floor" handlers), "%.2f")
}

function sparse_bar(load, most) {
    bar("sparse echo " load ", CPU per line over the floor", most, \
        ratio_of("cpu_ns", "sparse", load, "amyd1", "floor1"), "%.2f")
}

function fanout_bar(load, most) {
    bar("fan-out " load ", handlers = 1, CPU per delivery over the floor", most, \
        ratio_of("cpu_ns", "fanout", load, "amyd1", "floor_fanout"), "%.2f")
}

function library_bars(library, other, most,    loads, n, i) {
    n = split(loads_of("library"), loads, " ")
    for (i = 1; i <= n; i++)
        bar(label_of(library) ", " loads[i] ", CPU of an event over " label_of(other), most, \
            ratio_of("cpu_ns", "library", loads[i], library, other), "%.3f")
}

# Over the cheaper one, if both are there.
function peers_ratio(load,    redis, nats) {
    redis = ratio_of("cpu_ns", "fanout", load, "amyd1", "redis")
    nats = ratio_of("cpu_ns", "fanout", load, "amyd1", "nats")
    if (redis == "" || nats == "")
        return redis == "" ? nats : redis
    return redis > nats ? redis : nats
}

function bars() {
    echo_bars(1, "1.10")
    echo_bars(2, "1.15")
    sparse_bar("1000x10/s", "1.25")
    sparse_bar("10000x1/s", "1.70")
    fanout_bar("100x1", "1.10")
    fanout_bar("100x100", "1.60")
    fanout_bar("1x100", "2.00")
    bar("the same, without verbs and answers, as the floor", "2.00", \
        ratio_of("cpu_ns", "fanout", "1x100", "amyd1_raw", "floor_fanout"), "%.2f")
    bar("fan-out 100x100, over the better of redis and nats-server", "0.33", \
        peers_ratio("100x100"), "%.2f")
    bar("a publication that matches 1 of 1,000,000, over 1 of 1,000", "1.20", \
        ratio_of("cpu_ns", "route", "1", "many", "few"), "%.2f")
    bar("the same, 64 in flight", "1.20", \
        ratio_of("cpu_ns", "route", "64", "many", "few"), "%.2f")
    bar("resident memory of an idle client that has spoken once, bytes", "512", \
        figure_of("value", "memory", "spoken", "amyd1"), "%.0f")
    bar("p99 of 50 busy clients with 15,000 idle ones, over without", "1.10", \
        ratio_of("p99_ns", "idle", "50x1", "crowded", "alone"), "%.2f")
    bar("start, until the first client is answered, ms", "10", start_ms("answer_us"), "%.1f")
    bar("end without clients, from SIGTERM, ms", "50", start_ms("stop_us"), "%.1f")
    bar("end with " start_figure("crowd") " clients, from SIGTERM, ms", "2000", \
        start_ms("crowd_stop_us"), "%.0f")
    bar("of these, clients that were not told goodbye, in the worst round", "0", \
        worst_of("value", "start", "crowd_missed", "amyd1"), "%d")
    library_bars("libamy", "epoll_once", "1.05")
    library_bars("libamy", "libevent_once", "1.00")
    library_bars("wait_set", "libevent", "1.00")
}

END {
    tables("echo", "echo", "line", "connections x lines in flight")
    tables("sparse", "sparse echo", "line", "connections x lines a second of each")
    tables("fanout", "fan-out", "delivery", "readers x lines in a batch")
    idle_table()
    memory_table()
    route_tables()
    fairness_table()
    start_table()
    library_tables()
    bars()
    print ""
}
