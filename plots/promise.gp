# promise.gp - left: delivered over promised, kept on the diagonal; right: their quotient
panel_h = 7.5
panels = 2; cols = 2
eval page(0)

eval clear . place(1)
stats data using (in('point', 1) ? column(5) : NaN):(upper(0)) nooutput
top = 1.15 * (STATS_max_x > STATS_max_y ? STATS_max_x : STATS_max_y)
stats data using (in('point', 1) ? column(5) : NaN):(lower(0)) nooutput
bottom = (STATS_min_x < STATS_min_y ? STATS_min_x : STATS_min_y) / 1.15
set xrange [bottom:top]; set yrange [bottom:top]
set logscale xy
steps = top < 15 * bottom ? '1 1.5 2 3 4 5 7' : '1 2 5'
eval decades('x', steps) . decades('y', steps)
set title quote(panel_titles[1]) offset 0, -0.6
set xlabel 'promised: FLOPs of linear / FLOPs of MID-L' offset 0, 0.4
eval beside(1, 'delivered: time of linear / time of MID-L')
slope = atan2(panel_h - top_gap - bottom_gap, page_w / cols - left_gap - right_gap) / pi * 180
set label 1 '' . fine('promise kept') at graph 0.7, graph 0.74 center rotate by slope font small
set label 2 '' . fine('above: faster than linear') at graph 0.99, first 1 right \
    offset 0, 0.5 font small
p = 1
plot x with lines lc rgb 'black' lw 0.8, \
     1 with lines lc rgb 'black' lw 0.8 dt 3, \
     @curves

eval clear . place(2)
stats data using (is('x name') ? column(5) : NaN) nooutput
set xrange [0.6:STATS_max + 0.4]
eval named('x')
if (arrows > 0) { set xtics rotate by 20 right }
stats data using (in('point', 2) ? upper(0) : NaN) nooutput
set yrange [0:1.08 * (STATS_max > 1 ? STATS_max : 1)]
set title quote(panel_titles[2]) offset 0, -0.6
set xlabel size_axis offset 0, 0.4
set label 999 'delivered / promised' at screen 0.5 + 0.3 / page_w, graph 0.5 center rotate
set label 1 '' . fine('promise kept') at graph 0.02, first 1 offset 0, -0.5 font small
p = 2
plot 1 with lines lc rgb 'black' lw 0.8, @curves
eval finish(0)
