# threads.gp - one panel a layer size: scaling over the batch, below the line of the ideal
yard_marks = 1
rows_of_panel = "in('point', p)"
logarithmic = 0
dodge_log = 1
eval arrows_above(1.05)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p)
    stats data using (in('ideal', p) ? column(6) : NaN) nooutput
    ideal = STATS_max
    eval span(rows_of_panel)
    if (high < 1.1 * ideal) { high = 1.1 * ideal; set yrange [low:high] }
    eval powers(p) . below(p, 'batch (inputs per call)') . beside(p, 'times as fast as one')
    set label 1 '' . fine('ideal') at graph 0.02, first ideal offset 0, 0.5 font small
    plot ideal with lines lc rgb 'black' lw 0.8, \
         1 with lines lc rgb 'black' lw 0.8 dt 3, \
         @curves
}
eval finish(0)
