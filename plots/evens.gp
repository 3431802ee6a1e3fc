# evens.gp - cells of the break-even k/n: the darker the more neurons may be active
longest_size = 0
stats data using (is('y name') && strlen(strcol(10)) > longest_size ? \
                  (longest_size = strlen(strcol(10))) : 0, 1) nooutput
stats data using (is('cell') ? column(5) : NaN):6 nooutput
columns = STATS_max_x; heights = STATS_max_y
if (!exists('width')) { page_w = columns > 8 || sources > 1 ? 17.7 : 8.4 }
cols = sources > 1 && page_w > 12 && columns <= 10 ? 2 : 1
right_gap = 1.6; top_gap = sources > 1 ? 0.55 : 0.1; left_gap = size_gap(longest_size)
cell_cm = (page_w / cols - left_gap - right_gap) / columns
narrow = cell_cm < (0.75) # no room for numbers in the cells: the colour tells
if (narrow) { bottom_gap = 1.45 } # names of columns stand upright
panel_h = bottom_gap + top_gap + 0.62 * (heights < 4 ? 4 : heights)
eval page(0)
set palette defined (0 '#F4F8FC', 0.5 '#6FB1DC', 1 '#08457E')
dark(unused) = column(7) > 0.68
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . names_in('x', p) . names_in('y', p)
    unset grid
    set border 15
    stats data using (in('cell', p) ? column(5) : NaN):6 nooutput
    set xrange [0.5:STATS_max_x + 0.5]; set yrange [0.5:STATS_max_y + 0.5]
    if (narrow) { set xtics rotate by 90 right }
    eval below(p, 'batch (inputs per call)') . beside(p, size_axis)
    set cbrange [0:1]
    set colorbox user origin screen ((p - 1) % cols + 1.) / cols - 1.3 / page_w, \
        1 - (head + ((p - 1) / cols + 1) * panel_h - bottom_gap) / page_h \
        size screen 0.3 / page_w, (panel_h - top_gap - bottom_gap) / page_h
    set cbtics 0, 0.2 nomirror scale 0.5 font small
    set label 998 '' . fine('k/n') at screen ((p - 1) % cols + 1.) / cols - 0.2 / page_w, graph 0.5 \
        center rotate font small
    plot data using (in('gap', p) ? column(5) : NaN):6:(0.5):(0.5) \
             with boxxyerror fc rgb 0x909090 fs transparent pattern 5 noborder, \
         data using (in('cell', p) ? column(5) : NaN):6:(0.5):(0.5):7 \
             with boxxyerror lc palette fs solid noborder, \
         data using (!narrow && in('cell', p) && !dark(0) ? column(5) : NaN):6:(fine_cell(10)) \
             with labels font small, \
         data using (!narrow && in('cell', p) && dark(0) ? column(5) : NaN):6:(fine_cell(10)) \
             with labels font small textcolor rgb 'white'
}
eval finish(0)
