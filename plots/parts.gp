# parts.gp - one panel a layer, one bar a batch: shares of a call's time, stacked
swatches = 1
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . named('x')
    set xrange [0.4:named_ticks + 0.6]; set yrange [0:100]
    eval below(p, 'batch') . beside(p, 'share of time (%)')
    plot for [i = 1:series] data using (in('bar', p) && column(3) == styles[i] ? column(5) : NaN):6: \
             (column(5) - 0.36):(column(5) + 0.36):7:8 \
             with boxxyerror fs solid border lc rgb 'white' fc rgb colour(i)
}
eval finish(0)
