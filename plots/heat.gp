# heat.gp - cells of speedup: white where nothing is won, blue where faster, orange where slower
stats data using (is('cell') ? abs(log(column(7)) / log(2)) : NaN) nooutput
reach = STATS_max > 0.5 ? STATS_max : 0.5
stats data using (is('cell') ? column(5) : NaN):6 nooutput
width = STATS_max_x; height = STATS_max_y
page_w = width > 8 ? 18.0 : 9.0
panel_h = top_gap + bottom_gap + 0.62 * (height < 5 ? 5 : height)
right_gap = 1.9; top_gap = 0.1; left_gap = arrows > 0 ? 1.9 : 1.3

eval page(0)
eval clear . place(1) . named('x') . named('y')
unset grid
set border 15
set xrange [0.5:width + 0.5]; set yrange [0.5:height + 0.5]
set xlabel 'active neurons k/n' offset 0, 0.4
eval beside(1, size_axis)
set palette defined (-1 '#B34A00', -0.5 '#EBA05F', 0 'white', 0.5 '#6FB1DC', 1 '#00598F')
set cbrange [-reach:reach]
set colorbox user origin screen 1 - 1.5 / page_w, 1 - (head + panel_h - bottom_gap) / page_h \
    size screen 0.35 / page_w, (panel_h - top_gap - bottom_gap) / page_h
set cbtics () nomirror scale 0.5 font small
set for [s in '0.1 0.2 0.33 0.5 0.7 1 1.4 2 3 4 6 8 16'] cbtics add (fine(s) log(s) / log(2))
heat(unused) = log(column(7)) / log(2)
dark(unused) = abs(heat(0)) > 0.72 * reach
plot data using (is('cell') ? column(5) : NaN):6:(0.5):(0.5):(heat(0)) \
         with boxxyerror lc palette fs solid noborder, \
     data using (is('cell') && !dark(0) ? column(5) : NaN):6:(fine_cell(10)) \
         with labels font small, \
     data using (is('cell') && dark(0) ? column(5) : NaN):6:(fine_cell(10)) \
         with labels font small textcolor rgb 'white', \
     data using (is('contour') ? column(5) : NaN):6 with lines lc rgb 'black' lw 2
eval finish(0)
