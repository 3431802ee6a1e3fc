# dtypes.gp - speedup by type of the weights: one panel over the layer size, one over the batch
yard_marks = 1
panel_h = 6.5
rows_of_panel = "in('point', p)"
eval spans(rows_of_panel)
eval page(0)
do for [p = 1:panels] {
    eval clear . place(p)
    sizes = 0
    stats data using (sizes = sizes + in('x name', p), in('point', p) ? column(5) : NaN) nooutput
    smallest = STATS_min; largest = STATS_max
    eval span(rows_of_panel)
    if (sizes > 0) {
        eval named('x')
        set xrange [0.6:largest + 0.4]
        set xlabel size_axis offset 0, 0.4
    } else {
        set logscale x 2
        set xtics 1, (largest > 32 * smallest ? 4 : 2), 2 ** 20
        set xrange [smallest / 1.2:largest * 1.2]
        set xlabel 'batch (inputs per call)' offset 0, 0.4
    }
    set title quote(panel_titles[p]) offset 0, -0.6
    eval beside(p, 'time of dense f32 / time')
    plot 1 with lines lc rgb 'black' lw 0.8 dt 3, @curves
}
eval finish(0)
