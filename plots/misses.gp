# misses.gp - one panel a layer size and level of cache: misses over k/n
yard_marks = 1; counts = 1
rows_of_panel = "in('point', p) || in('model', p)"
eval spans(rows_of_panel)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . span(rows_of_panel)
    set xrange [0:1.02]; set xtics 0.2
    eval below(p, 'active neurons k/n') . beside(p, 'misses per call')
    plot @curves, data using (in('model', p) ? column(5) : NaN):6 with lines ls series lw 2
}
eval finish(0)
