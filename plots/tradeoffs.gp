# tradeoffs.gp - one row of panels a data set, one column a batch: accuracy over time per input
yard_marks = 1
stats data using (is('columns') ? (cols = int(column(6))) : 0, 1) nooutput
if (cols > most_cols) { cols = most_cols }
panel_h = panels > 6 ? 3.8 : 4.6
# Numbers of blocks and of random masks stand below their points, of others above.
labelled(p) = in('point', p) && strlen(strcol(10)) > 0 && strcol(10) ne 'NaN'
stands_below(style) = style == 720 || style == 740 || style == 770 || style == 790
whole = "in('front', p) || of('point', p, -10)" # -10: dense
eval arrows_within(0)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . within(p)
    set xrange [least_x / 1.3:most_x * 1.4]
    set logscale x
    eval decades('x', steps_along(least_x / 1.3, most_x * 1.4))
    eval below(p, 'time per input (µs)') . beside(p, 'test accuracy (%)')
    plot data using (in('front', p) ? column(5) : NaN):6 with steps lc rgb 0x888888 lw 0.8, \
         @curves, \
         data using (labelled(p) && !stands_below(column(3)) ? column(5) : NaN):6:(fine_cell(10)) \
             with labels left offset 0.5, 0.5 font small tc rgb 0x444444, \
         data using (labelled(p) && stands_below(column(3)) ? column(5) : NaN):6:(fine_cell(10)) \
             with labels left offset 0.5, -0.6 font small tc rgb 0x444444
}
eval finish(0)
