# SPDX-License-Identifier: MIT
# bars.gp - CPU per line, or event, over the floor, by load and server. gnuplot sets dir, where bars.awk
# has left its files, and out.

load dir."/bars.gp"

set terminal svg size 1100, 360 * words(parts) font "sans,13" background "white"
set output out
set multiplot layout words(parts), 1
set style data histograms
set style histogram clustered gap 1
set style fill solid noborder
set boxwidth 0.9
set logscale y 2
set format y "%g"
set ylabel "CPU per line or event,\nover the floor = 1"
set yrange [0.5:*]
set grid ytics linecolor "#cccccc"
set tics nomirror out
set border 3
set key at graph 1.02, graph 1 left top Left reverse samplen 1.5
set lmargin 11
set rmargin 30
set datafile missing "NaN"

do for [part in parts] {
    set title value("title_".part)
    data = dir."/".part.".dat"
    colours = value("colours_".part)
    set xrange [-0.6:value("nloads_".part) - 0.4]
    plot for [i = 2:words(colours) + 1] data using i:xtic(1) title columnheader(i) \
        linecolor rgb word(colours, i - 1), \
        1 with lines linecolor "black" linewidth 1.5 dashtype 2 title "floor"
}
unset multiplot
