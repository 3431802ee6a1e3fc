# spread.gp - one panel a layer size: for each variant, how its samples lie around their median
stats data using (is('y name') ? column(6) : NaN) nooutput
rows_of_names = STATS_max
right_gap = 0.5
most_cols = page_w < 12 ? 1 : 2
if (panels > 1) { cols = sources > 1 ? sources : most_cols }
eval names_beside(0)
panel_h = top_gap + bottom_gap + 0.34 * (rows_of_names < 5 ? 5 : rows_of_names)
series = 0; entries = 0
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . names_in('y', p)
    stats data using (in('scale', p) ? (scale = column(6)) : 0, 1) nooutput # times the usual width of bins
    set xrange [-6.5 * scale:13.5 * scale]; set yrange [0.5:named_ticks + 1]
    set xtics -5 * scale, 5 * scale, 10 * scale nomirror scale 0.5 font small
    eval below(p, 'sample / median - 1 (%)')
    plot data using (in('bin', p) ? column(5) + 0.25 * scale : NaN):(column(6) - 0.3 + 0.4 * column(7)): \
             (0.25 * scale):(0.4 * column(7)):(column(3) < 0 ? 0x707070 : 0x0072B2) \
             with boxxyerror lc rgb variable fs solid noborder, \
         data using (in('bin', p) && strlen(strcol(10)) > 0 && strcol(10) ne 'NaN' ? 12.8 * scale : NaN): \
             6:(fine_cell(10)) with labels left font small
}
eval finish(0)
