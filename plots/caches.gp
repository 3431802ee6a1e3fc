# caches.gp - one panel a k/n: speedup over the layer size, a line for each state of the caches
rows_of_panel = "in('point', p)"
logarithmic = 0
dodge = 0.08; dodge_log = 0
sizes = 1 # the panels have the same places, though one may lack some
stats data using (is('x name') && column(5) > sizes ? (sizes = column(5)) : 0, 1) nooutput
eval arrows_above(1.05)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . span(rows_of_panel) . names_in('x', p)
    set xrange [0.5:sizes + 0.5]
    eval below(p, size_axis) . beside(p, 'speedup')
    plot 1 with lines lc rgb 'black' lw 0.8 dt 3, @curves
}
eval finish(0)
