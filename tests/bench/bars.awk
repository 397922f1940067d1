# SPDX-License-Identifier: MIT
# bars.awk - what gnuplot draws: for each part a file dir/PART.dat with a row for each load and
# a column for each server, CPU over the floor; and dir/bars.gp, which says what there is. Goes
# behind figures.awk.

# The same in each part; amyd and libamy in blue and green. One that has none is black.
function colour_of(server,    list, n, pair, i) {
    n = split("amyd1=#08519c amyd1_raw=#9ecae1 amyd1_off=#6baed6 amyd2=#006d2c amyd2_off=#74c476 " \
        "memcached=#fdae6b redis=#d94801 nats=#f768a1 libevent=#6a51a3 libuv=#9e9ac8 " \
        "libev=#969696 libamy=#08519c wait_set=#6baed6 epoll=#252525 libevent_once=#fa9fb5 " \
        "libuv_once=#c51b8a libev_once=#fdae6b", list, " ")
    for (i = 1; i <= n; i++) {
        split(list[i], pair, "=")
        if (pair[1] == server)
            return pair[2]
    }
    return "#000000"
}

function is_drawn(part, server) {
    return (part, server) in is_measured && server != floor_of(part, server)
}

function draw(part, title,    loads, servers, n, m, i, j, ndrawn, file, ratio, colours) {
    n = split(loads_of(part), loads, " ")
    m = split(all_servers(), servers, " ")
    file = dir "/" part ".dat"
    ndrawn = 0
    printf "load" >file
    for (j = 1; j <= m; j++)
        if (is_drawn(part, servers[j])) {
            printf " \"%s\"", label_of(servers[j]) >file
            colours = colours " " colour_of(servers[j])
            ndrawn++
        }
    for (i = 1; i <= n; i++) {
        printf "\n\"%s\"", loads[i] >file
        for (j = 1; j <= m; j++)
            if (is_drawn(part, servers[j])) {
                ratio = ratio_of("cpu_ns", part, loads[i], servers[j], \
                    floor_of(part, servers[j]))
                printf " %s", ratio == "" ? "NaN" : ratio >file
            }
    }
    printf "\n" >file
    close(file)
    if (ndrawn == 0)
        return
    parts = parts " " part
    printf "title_%s = \"%s\"\nnloads_%s = %d\ncolours_%s = \"%s\"\n", part, title, part, \
        n, part, substr(colours, 2) >(dir "/bars.gp")
}

END {
    draw("echo", "echo: connections x lines in flight")
    draw("sparse", "sparse echo: connections x lines a second of each")
    draw("fanout", "fan-out: readers x lines in a batch")
    draw("library", "libamy and other libraries: an event, over a bare epoll that is one-shot")
    if (parts != "")
        printf "parts = \"%s\"\n", substr(parts, 2) >(dir "/bars.gp")
}
