# heat.gp - cells of speedup: blue, the darker the faster; orange, the darker the slower; a black line
# between them tells them apart in grey. What may be either is grey, what was not measured is hatched.
stats data using (is('cell') ? log(column(7)) / log(2) : NaN) nooutput
best = STATS_max > 0.2 ? STATS_max : 0.2
worst = STATS_min < 0 ? STATS_min : 0
longest_size = 0
stats data using (is('y name') && strlen(strcol(10)) > longest_size ? \
                  (longest_size = strlen(strcol(10))) : 0, 1) nooutput
stats data using (is('cell') ? column(5) : NaN):6 nooutput
columns = STATS_max_x; heights = STATS_max_y
if (!exists('width')) { page_w = columns > 8 || sources > 1 ? 17.7 : 8.4 }
cols = sources > 1 && page_w > 12 && columns <= 10 ? 2 : 1
right_gap = 1.9; top_gap = sources > 1 ? 0.55 : 0.1; left_gap = size_gap(longest_size)
cell_cm = (page_w / cols - left_gap - right_gap) / columns
narrow = cell_cm < (0.55) # no room for numbers in the cells: the colour tells
if (narrow) { bottom_gap = 1.45 } # names of columns stand upright
panel_h = top_gap + bottom_gap + 0.62 * (heights < 5 ? 5 : heights)
eval page(0)
# Steps of colour from the worst to 1 and from there to the best: the scale ends with the data.
span_of_all = best - worst
below_one = -worst / span_of_all
set palette defined (0 '#F3BE7C', (below_one > 0 ? below_one * 0.999 : 0) '#FDEBD2', \
    (below_one > 0 ? below_one : 0.0001) '#D6E8F5', below_one + 0.5 * (1 - below_one) '#5FA5D3', \
    1 '#08457E')
if (below_one == 0) { set palette defined (0 '#D6E8F5', 0.5 '#5FA5D3', 1 '#08457E') }
heat(unused) = log(column(7)) / log(2)
unsure(unused) = column(9) == 1
dark(unused) = heat(0) > 0.62 * best && !unsure(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . names_in('x', p) . names_in('y', p)
    unset grid
    set border 15
    stats data using (in('cell', p) ? column(5) : NaN):6 nooutput
    set xrange [0.5:STATS_max_x + 0.5]; set yrange [0.5:STATS_max_y + 0.5]
    if (narrow) { set xtics rotate by 90 right }
    eval below(p, 'active neurons k/n') . beside(p, size_axis)
    set cbrange [worst:best]
    set colorbox user origin screen ((p - 1) % cols + 1.) / cols - 1.5 / page_w, \
        1 - (head + ((p - 1) / cols + 1) * panel_h - bottom_gap) / page_h \
        size screen 0.35 / page_w, (panel_h - top_gap - bottom_gap) / page_h
    set cbtics () nomirror scale 0.5 font small
    steps_of_scale = span_of_all > 14 ? '0.001 0.01 0.1 1 10 100 1000 10000' : \
        span_of_all > 5.5 ? '0.06 0.12 0.25 0.5 1 2 4 8 16 32 64 128' : span_of_all > 2 ? '0.1 0.2 0.33 0.5 0.7 1 1.4 2 3 4 6 8 16 32' : \
        '0.2 0.4 0.6 0.7 0.8 0.9 1 1.1 1.2 1.4 1.6 1.8 2 2.5 3 4'
    set for [s in steps_of_scale] cbtics add (fine(s) log(s) / log(2))
    set label 998 '' . fine('speedup') at screen ((p - 1) % cols + 1.) / cols - 0.2 / page_w, graph 0.5 \
        center rotate font small
    plot data using (in('gap', p) ? column(5) : NaN):6:(0.5):(0.5) \
             with boxxyerror fc rgb 0x909090 fs transparent pattern 5 noborder, \
         data using (in('cell', p) && !unsure(0) ? column(5) : NaN):6:(0.5):(0.5):(heat(0)) \
             with boxxyerror lc palette fs solid noborder, \
         data using (in('cell', p) && unsure(0) ? column(5) : NaN):6:(0.5):(0.5) \
             with boxxyerror lc rgb 0xEDEDED fs solid noborder, \
         data using (!narrow && in('cell', p) && !dark(0) && !unsure(0) ? column(5) : NaN):6:(fine_cell(10)) \
             with labels font small, \
         data using (!narrow && in('cell', p) && unsure(0) ? column(5) : NaN):6:(fine_cell(10)) \
             with labels font small textcolor rgb 0x606060, \
         data using (!narrow && in('cell', p) && dark(0) ? column(5) : NaN):6:(fine_cell(10)) \
             with labels font small textcolor rgb 'white', \
         data using (in('contour', p) ? column(5) : NaN):6 with lines lc rgb 'black' lw 2
}
eval finish(0)
