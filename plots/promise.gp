# promise.gp - left: delivered over promised, kept on the diagonal; right: their quotient
panel_h = 6.5
cols = page_w < 12 ? 1 : 2
# Names of sizes that have no room side by side are slanted.
size_names = 0; longest = 0
stats data using (is('x name') ? (size_names = column(5) > size_names ? column(5) : size_names, \
    longest = strlen(strcol(10)) > longest ? strlen(strcol(10)) : longest) : 0, 1) nooutput
slanted = size_names * (longest + 1) * digit_width > page_w / cols - left_gap - right_gap
if (slanted) { bottom_gap = 1.6 }
eval arrows_above(1.2)
eval page(0)
# At right the variants alone stand side by side.
turns = 0
do for [i = 1:series] {
    if (look(styles[i]) <= 80) { turns = turns + (strong[i] > 0); turn[i] = turns }
}
role(p) = (p - 1) / sources + 1
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p)
    set xlabel '' offset 0, 0.4
    if (role(p) == 1) {
        dodge = 0
        stats data using (in('point', p) ? column(5) : NaN):(upper(0)) nooutput
        top = 1.2 * (STATS_max_x > STATS_max_y ? STATS_max_x : STATS_max_y)
        stats data using (in('point', p) ? column(5) : NaN):(lower(0)) nooutput
        bottom = (STATS_min_x < STATS_min_y ? STATS_min_x : STATS_min_y) / 1.2
        low = bottom; high = top
        set xrange [bottom:top]; set yrange [bottom:top]
        set logscale xy
        eval decades('x', steps_along(bottom, top)) . decades('y', steps(bottom, top))
        set xlabel 'promised speedup' offset 0, 0.4
        set label 999 'delivered speedup' at \
            screen (p - 1) % cols / (1. * cols) + 0.3 / page_w, graph 0.5 center rotate
        plot x with lines lc rgb 'black' lw 0.8, 1 with lines lc rgb 'black' lw 0.8 dt 3, @curves
    } else {
        dodge = 0.06; dodge_log = 0
        largest = 1
        stats data using (in('x name', p) && column(5) > largest ? (largest = column(5)) : 0, 1) \
            nooutput
        set xrange [0.5:largest + 0.5]
        eval names_in('x', p)
        if (slanted) { set xtics rotate by 20 right }
        stats data using (in('point', p) ? upper(0) : NaN) nooutput
        low = 0; high = 1.2 * (STATS_max > 1 ? STATS_max : 1)
        set yrange [low:high]
        set xlabel quote(size_axis) offset 0, (slanted ? -0.9 : 0.4)
        set label 999 'delivered / promised' at \
            screen (p - 1) % cols / (1. * cols) + 0.3 / page_w, graph 0.5 center rotate
        plot 1 with lines lc rgb 'black' lw 0.8, @curves
    }
}
eval finish(0)
