# spread.gp - one panel a layer size: raw samples over rounds
yard_marks = 1
rows_of_panel = "in('point', p)"
eval spans(rows_of_panel)
eval page(0)
do for [p = 1:panels] {
    eval clear . place(p) . span(rows_of_panel)
    if (!logarithmic) { set yrange [0.95 * STATS_min_x:high] }
    set title quote(panel_titles[p]) offset 0, -0.6
    if (last_row(p)) { set xlabel 'round' offset 0, 0.4 }
    eval beside(p, 'time per call (µs)')
    plot @marks
}
eval finish(0)
