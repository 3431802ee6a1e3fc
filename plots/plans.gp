# plans.gp - left: memory of a plan; right: time to make it in calls; both over the layer size
yard_marks = 1
rows_of_panel = "in('point', p)"
dodge = 0
role(p) = (p - 1) / sources + 1
if (sources == 1 && page_w < 12) { cols = 1 }
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    logarithmic = role(p) == 2
    eval clear . place(p) . span(rows_of_panel) . names_in('x', p)
    set xrange [0.7:named_ticks + 0.3]
    set xlabel quote(size_axis) offset 0, 0.4
    set label 999 (role(p) == 1 ? 'memory / weights' : 'time (calls)') at \
        screen (p - 1) % cols / (1. * cols) + 0.3 / page_w, graph 0.5 center rotate
    plot @curves
}
eval finish(0)
