# smi.gp - a row for each part of the layer and each control: nats with their interval
left_gap = 4.0; panel_h = 6.6
if (sources == 1) { cols = panels == 1 || page_w < 14 ? 1 : 2 }
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . names_in('y', p)
    stats data using (in('bar', p) ? column(7) : NaN):(in('bar', p) ? column(8) : NaN) nooutput
    set xrange [(STATS_min_x < 0 ? 1.4 * STATS_min_x : 0):1.06 * STATS_max_y]
    set yrange [named_ticks + 0.6:0.4]
    set arrow from 0, graph 0 to 0, graph 1 nohead lc rgb 'black' lw 0.8
    eval below(p, 'nats of the label')
    plot for [i = 1:series] data using (in('bar', p) && column(3) == styles[i] ? column(5) : NaN):6:7:8 \
             with xerrorbars pt solid_mark(styles[i]) ps 0.6 lw 1.2 lc rgb colour(i)
}
eval finish(0)
