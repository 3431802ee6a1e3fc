# plans.gp - left: memory of a plan; right: time to make it in calls; both over the layer size
yard_marks = 1
rows_of_panel = "in('point', p)"
dodge = 0
role(p) = (p - 1) / sources + 1
if (sources == 1 && page_w < 12) { cols = 1 }
longest_size = 0
stats data using (is('x name') && strlen(strcol(10)) > longest_size ? (longest_size = strlen(strcol(10))) : 0, 1) nooutput
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    logarithmic = role(p) == 2
    eval clear . place(p) . span(rows_of_panel) . names_in('x', p)
    # Names of sizes stand where they have room.
    stride = ceil(named_ticks * (longest_size + 1) * digit_width / panel_cm)
    if (stride > 1) {
        eval 'set xtics ()' . tics_style
        set for [i = 1:named_ticks:stride] xtics add (name_text[i] name_at[i])
    }
    set xrange [0.7:named_ticks + 0.3]
    set xlabel quote(size_axis) offset 0, 0.4
    set label 999 (role(p) == 1 ? 'memory / weights' : 'time (calls)') at \
        screen (p - 1) % cols / (1. * cols) + 0.3 / page_w, graph 0.5 center rotate
    plot @curves
}
eval finish(0)
