# masks.gp - one panel a layer size and k/n: speedup over the batch, a line for each kind of mask
rows_of_panel = "in('point', p)"
logarithmic = 0
dodge_log = 1
eval arrows_above(1.05)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . span(rows_of_panel) . powers(p)
    eval below(p, 'batch (inputs per call)') . beside(p, 'speedup')
    plot 1 with lines lc rgb 'black' lw 0.8 dt 3, @curves
}
eval finish(0)
