# memory.gp - one panel a data set: a bar for each method, in megabytes, with how many times dense's that is
stats data using (is('y name') ? column(6) : NaN) nooutput
rows_of_names = STATS_max
most_cols = page_w < 12 ? 1 : 2
if (sources == 1) { cols = panels < most_cols ? panels : most_cols }
eval names_beside(0)
panel_h = top_gap + bottom_gap + 0.4 * (rows_of_names < 4 ? 4 : rows_of_names)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . names_in('y', p)
    stats data using (in('bar', p) ? column(5) : NaN) nooutput
    set xrange [0:1.15 * STATS_max]; set yrange [rows_of_names + 0.6:0.4]
    eval below(p, 'memory (MB)')
    plot data using (in('bar', p) ? 0.5 * column(5) : NaN):6:(0.5 * column(5)):(0.3): \
             (column(3) < 0 ? 0x909090 : 0x0072B2) with boxxyerror lc rgb variable fs solid noborder, \
         data using (in('bar', p) ? column(5) : NaN):6:(fine_cell(10)) with labels left offset 0.4, 0 font small
}
eval finish(0)
