# select.gp - one panel a distribution and k/n: time a value over the number of values
rows_of_panel = "in('point', p)"
eval spans(rows_of_panel)
eval page(0)
do for [p = 1:panels] {
    eval clear . place(p)
    stats data using (in('point', p) ? column(5) : NaN) nooutput
    smallest = STATS_min; largest = STATS_max
    eval span(rows_of_panel)
    set xrange [smallest / 1.2:largest * 1.2]
    set logscale x 2
    set xtics 1, (largest > 32 * smallest ? 4 : 2), 2 ** 24
    set title quote(panel_titles[p]) offset 0, -0.6
    if (last_row(p)) { set xlabel 'values n' offset 0, 0.4 }
    eval beside(p, 'time per value (ns)')
    plot @curves
}
eval finish(0)
