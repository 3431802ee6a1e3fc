# history.gp - one panel a shape: times relative to a dense layer over commits, with their levels
panel_h = 3.6
# Where a level begins after another; its change is written where there is room.
starts(p) = in('level', p) && valid(7) ? column(5) : NaN
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . named('x')
    stats data using (in('point', p) ? column(5) : NaN) nooutput
    turn_x = 0.75 * STATS_max
    stats data using (in('point', p) ? column(6) : NaN) nooutput
    low = STATS_min < -2 ? STATS_min - 1 : -3
    high = STATS_max > 2 ? STATS_max + 1 : 3
    set yrange [low:high]
    set xrange [0.5:*]
    eval below(p, 'commit') . beside(p, 'change (%)')
    plot 0 with lines lc rgb 0xB0B0B0 lw 0.7, \
        for [i = 1:series] $here using (column(3) == styles[i] ? column(5) : NaN):6 \
            with points pt solid_mark(styles[i]) ps 0.2 lc rgb pale(colour(i)), \
        for [i = 1:series] data using (of('level', p, styles[i]) ? column(5) : NaN):6: \
            (column(8) - column(5)):(0) with vectors nohead lc rgb colour(i) lw 1.4, \
        for [i = 1:series] data using (of('level', p, styles[i]) && valid(7) ? column(5) : NaN):7: \
            (0):(column(6) - column(7)) with vectors nohead lc rgb colour(i) lw 1.4, \
        data using (starts(p) <= turn_x ? column(5) : NaN):6:(fine_cell(10)) \
            with labels left offset 0.4, 0.5 font small, \
        data using (starts(p) > turn_x ? column(5) : NaN):6:(fine_cell(10)) \
            with labels right offset -0.4, 0 font small
}
eval finish(0)
