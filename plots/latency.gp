# latency.gp - one panel a layer size: time over k/n, yardsticks as bands, break-even marked
array verdict[6] = ['', '', '', '', '', '']
stats data using (is('verdict') ? (verdict[int(column(2))] = strcol(10)) : 0, 1) nooutput
rows_of_panel = "in('point', p) || in('yardstick', p)"
eval spans(rows_of_panel)
eval page(0)
do for [p = 1:panels] {
    eval clear . place(p) . span(rows_of_panel)
    set xrange [0:1.02]; set xtics 0.2
    set title quote(panel_titles[p]) offset 0, -0.6
    if (last_row(p)) { set xlabel 'active neurons k/n' offset 0, 0.4 }
    eval beside(p, 'time per call (µs)')
    set label '' . fine(verdict[p]) at graph 0.5, graph 0.05 center font small
    plot for [i = 1:yards] data using (0.51 + 0 * x_of('yardstick', p, i)):6:(0):(1.02):7:8 \
             with boxxyerror lc rgb hue(styles[i]) fs transparent solid 0.2 noborder, \
         for [i = 1:yards] data using (of('yardstick', p, styles[i]) ? 0 : NaN):6:(1.02):(0) \
             with vectors nohead ls i, \
         @curves, \
         data using (in('breakeven', p) ? column(5) : NaN):6:(0):(low - column(6)) \
             with vectors nohead lc rgb 'black' dt 3, \
         data using (in('breakeven', p) ? column(5) : NaN):6 \
             with points pt 6 ps 1.2 lc rgb 'black', \
         data using (in('breakeven', p) && column(5) > 0.5 ? column(5) : NaN):(low): \
             (fine_cell(10)) with labels right offset -0.4, 0.6 font small, \
         data using (in('breakeven', p) && column(5) <= 0.5 ? column(5) : NaN):(low): \
             (fine_cell(10)) with labels left offset 0.4, 0.6 font small
}
eval finish(0)
