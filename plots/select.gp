# select.gp - one panel a distribution and k/n: time per value over the number of values
rows_of_panel = "in('point', p)"
eval spans(rows_of_panel)
eval arrows_above(1.05)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . span(rows_of_panel) . powers(p)
    eval below(p, 'values n') . beside(p, 'time per value (ns)')
    plot @curves
}
eval finish(0)
