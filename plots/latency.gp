# latency.gp - one panel a layer size: time over k/n, yardsticks as bands, break-even as a column
array verdict[panels_most]
array band_from[panels_most]
array band_to[panels_most]
do for [p = 1:panels] { verdict[p] = ''; band_from[p] = 0; band_to[p] = 0 }
set_band(p) = (band_from[p] = column(5), band_to[p] = column(6))
stats data using (is('verdict') ? (verdict[int(column(2))] = strcol(10)) : 0, \
                  is('band') ? set_band(int(column(2))) : 0, 1) nooutput
rows_of_panel = "in('point', p) || in('yardstick', p)"
eval spans(rows_of_panel)
eval arrows_above(1.05)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    words_here = wrap(verdict[p], int((cell_w - left_gap - right_gap) / small_width))
    foot_room = lines(words_here) > 1 ? 3.6 : 1.9
    eval clear . place(p) . span(rows_of_panel)
    set xrange [0:1.02]; set xtics 0.2
    eval below(p, 'active neurons k/n') . beside(p, 'time per call (µs)')
    set label '' . fine(words_here) at graph 0.97, graph 0.06 + 0.3 * (lines(words_here) - 1) / (panel_h - top_gap - bottom_gap) right font small front
    if (band_to[p] > band_from[p]) {
        set object rectangle from band_from[p], graph 0 to band_to[p], graph 1 behind \
            fc rgb 0xDDDDDD fs solid noborder
    }
    plot for [i = 1:yards] data using (0.51 + 0 * x_of('yardstick', p, i)):6:(0):(1.02):7:8 \
             with boxxyerror lc rgb colour(i) fs transparent solid 0.2 noborder, \
         for [i = 1:yards] data using (of('yardstick', p, styles[i]) ? 0 : NaN):6:(1.02):(0) \
             with vectors nohead ls i, \
         @curves
}
eval finish(0)
