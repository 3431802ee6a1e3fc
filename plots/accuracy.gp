# accuracy.gp - test accuracy over k/n, with intervals over seeds; or in a column for each k/n, where many
# methods share few
yard_marks = 1
in_columns = 0
stats data using (is('x name') ? (in_columns = 1) : 0, 1) nooutput
dodge = in_columns ? 0 : 0.004
eval arrows_within(0)
eval page(0)
plain_lines = "for [j = 1:series] data using (of('across', p, styles[order[j]]) ? column(5) : NaN):6 with lines ls order[j]"
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p)
    if (in_columns) {
        stats data using (in('x name', p) ? column(8) : NaN) nooutput # before the ranges, which it goes by
        wide = STATS_max
        eval within(p) . names_in('x', p)
        if (page_w / cols < 5) { # columns of one method are no wider than .45
            eval 'set xtics ()' . tics_style
            set for [i = 1:named_ticks] xtics add (swap(name_text[i], '0.', '.') name_at[i])
        }
        set xrange [0:wide]; set grid noxtics
        eval below(p, 'active neurons k/n') . beside(p, 'test accuracy (%)')
        plot data using (in('x name', p) && column(9) == 1 ? column(5) : NaN):(low):7:8:(low):(high) \
                 with boxxyerror fc rgb 0xF0F0F0 fs solid noborder, @plain_lines, @bars, @marks
    } else {
        eval within(p)
        set xrange [-0.01:*]; step = most_x > 0.6 || page_w / cols < 5 ? 0.2 : 0.1
        set xtics step
        eval below(p, 'active neurons k/n') . beside(p, 'test accuracy (%)')
        plot @curves
    }
}
eval finish(0)
