# threads.gp - one panel a layer size: scaling over the batch, below the line of the ideal
yard_marks = 1
rows_of_panel = "in('point', p)"
stats data using (is('ideal') ? column(6) : NaN) nooutput
ideal = STATS_max
stats data using (is('point') ? column(5) : NaN) nooutput
smallest = STATS_min; largest = STATS_max
logarithmic = 0
eval page(0)
do for [p = 1:panels] {
    eval clear . place(p)
    eval span(rows_of_panel)
    if (high < 1.1 * ideal) { high = 1.1 * ideal; set yrange [low:high] }
    set xrange [smallest / 1.2:largest * 1.2]
    set logscale x 2
    set xtics 1, (largest > 32 * smallest ? 4 : 2), 2 ** 20
    set title quote(panel_titles[p]) offset 0, -0.6
    if (last_row(p)) { set xlabel 'batch (inputs per call)' offset 0, 0.4 }
    eval beside(p, 'times faster than one thread')
    set label 1 '' . fine('ideal') at graph 0.02, first ideal offset 0, 0.5 font small
    plot ideal with lines lc rgb 'black' lw 0.8, \
         1 with lines lc rgb 'black' lw 0.8 dt 3, \
         @curves
}
eval finish(0)
