# dtypes.gp - speedup by type of the weights: one panel over the layer size, one over the batch
yard_marks = 1
panel_h = 5.5
rows_of_panel = "in('point', p)"
logarithmic = 0
eval arrows_above(1.05)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p)
    sizes = 0; largest = 1
    stats data using (sizes = sizes + in('x name', p), \
                      in('x name', p) ? (largest = column(5)) : 0, 1) nooutput
    eval span(rows_of_panel)
    if (sizes > 0) {
        dodge = 0.08; dodge_log = 0
        eval names_in('x', p)
        set xrange [0.5:largest + 0.5]
        set xlabel quote(size_axis) offset 0, 0.4
    } else {
        dodge = 0.06; dodge_log = 1
        eval powers(p)
        set xlabel 'batch (inputs per call)' offset 0, 0.4
    }
    eval beside(p, 'speedup')
    plot 1 with lines lc rgb 'black' lw 0.8 dt 3, @curves
}
eval finish(0)
