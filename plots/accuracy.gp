# accuracy.gp - test accuracy over k/n, with intervals over seeds; or in a row for each method, where many
# methods share few
yard_marks = 1
in_rows = 0 # or the lower end of the last
stats data using (is('y name') ? (in_rows = column(8)) : 0, 1) nooutput
dodge = in_rows > 0 ? 0 : 0.004
if (in_rows > 0) {
    eval names_beside(0)
    names_most = int(0.4 * page_w / small_width)
    names_w = small_width * (longest_name < names_most ? longest_name : names_most)
    left_gap = 0.4; bottom_gap = 0.9
    panel_h = top_gap + bottom_gap + 0.105 * in_rows
    do for [i = 1:series] { set style line i dt 1 }
}
eval arrows_within(0)
eval page(0)
# An interval of series j in a row: of all, or of those that leave the panel on one side.
row_bar(condition, from, to, head) = sprintf("for [j = 1:series] $here using (%s ? %s : NaN):(bounded(order[j])):" \
    . "(%s - %s):(0) with vectors %s lc rgb colour(order[j]) lw 0.8", condition, from, to, from, head)
row_bars = row_bar('1', '(bar_low(0))', 'bar_high(0)', 'nohead') \
    . ',' . row_bar('column(8) > high', '(bar_low(0))', 'high', 'head size screen 0.006, 25 filled') \
    . ',' . row_bar('column(7) < low', '(bar_high(0))', 'low', 'head size screen 0.006, 25 filled')
row_marks = "for [j = 1:series] $here using (y_of(0)):(x_here(order[j])) with points ls order[j]"
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . within(p)
    if (in_rows > 0) {
        eval named('y')
        if (!first_column(p)) { set for [i = 1:named_ticks] ytics add ('' name_at[i]) }
        set xrange [low:high]; set yrange [in_rows + 0.4:-0.4]; set grid noytics
        set xtics step_of((high - low) * (0.15 + 4 * digit_width) / panel_cm)
        eval below(p, 'test accuracy (%)')
        plot data using (is('y name') && column(9) == 1 ? (low + high) / 2 : NaN):6:(low):(high):7:8 \
                 with boxxyerror fc rgb 0xF0F0F0 fs solid noborder, \
             data using (in('dense', p) ? column(6) : NaN):(0):(0):(in_rows) \
                 with vectors nohead lc rgb hue(-10) lw 0.8 dt (6,4), @row_bars, @row_marks
    } else {
        set xrange [-0.01:*]; step = most_x > 0.6 || page_w / cols < 5 ? 0.2 : 0.1
        set xtics step
        eval below(p, 'active neurons k/n') . beside(p, 'test accuracy (%)')
        plot @curves
    }
}
eval finish(0)
