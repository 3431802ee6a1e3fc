# roofline.gp - one panel a layer size: GFLOP/s over FLOPs per byte, under slopes and ceilings
yard_marks = 1
array slope[16]; array slope_name[16]
array flat[16]; array flat_name[16]
add_slope(unused) = (slopes = slopes + 1, slope[slopes] = column(6), \
    slope_name[slopes] = strcol(10))
add_flat(unused) = (flats = flats + 1, flat[flats] = column(6), flat_name[flats] = strcol(10), \
    peak = column(6) > peak ? column(6) : peak)
# `eval read_roofs(p)`: slopes, flats and peak, those of panel p.
read_roofs(p) = 'slopes = 0; flats = 0; peak = 0;' \
    . sprintf("stats data using (in('slope', %d) ? add_slope(0) : in('ceiling', %d) ? add_flat(0) : 0, 1)" \
              . " nooutput;", p, p) \
    . 'if (peak == 0) { peak = 1e9 };'

# Dots of one batch: sizes are marks, and variants stand side by side.
dots_only = 0
stats data using (is('point') && strlen(strcol(10)) > 0 && strcol(10) ne 'NaN' ? \
                  (dots_only = 1) : 0, 1) nooutput
size_marks = dots_only
dodge = 0.25
# Strong variants of one batch stand side by side: there are no lines that would move. The first stands at
# its FLOPs per byte, the others at right of it, where roofs are higher: none seems to be above its own.
variants = 0
array place_of[64]
do for [i = 1:series] {
    variants = variants + (strong[i] && look(styles[i]) <= 80)
    place_of[i] = variants
}
beside_here = 0
beside_each(i) = beside_here && strong[i] ? (place_of[i] - 1) * dodge : 0
x_at(i) = column(5) * 2 ** beside_each(i)
spread_x = dots_only ? 2 ** (dodge * (variants - 1)) : 1

# Above the roof stand the names of slopes in two rows and at the right that of the roof, in narrow panels
# in a third row. headroom: how far the axis goes beyond a peak so that they have room.
narrow = page_w / cols < 6.5
panel_h = panels == 1 ? 7.5 : 5.5
head_share = (narrow ? 1.0 : 0.65) / (panel_h - top_gap - bottom_gap)
headroom(peak, low) = (peak / low) ** (head_share / (1 - head_share))

# The same axes in all panels: from left of the points to right of where the ceiling begins, and of
# the points so far that the ceilings' names have room.
stats data using (is('point') ? column(5) : NaN):(lower(0)) nooutput
x_low = STATS_min_x / 8; x_high = STATS_max_x * (narrow ? 60 : 24) * spread_x; y_low = STATS_min_y / 2
stats data using (is('point') ? column(5) : NaN):(upper(0)) nooutput
y_high = 2 * STATS_max_y
do for [p = 1:panels] {
    eval read_roofs(p)
    do for [r = 1:slopes] {
        if (peak < 1e9 && slope[r] * x_high < 50 * peak) { x_high = 50 * peak / slope[r] }
    }
    do for [r = 1:flats] { # ceilings stay in sight where all points lie above them
        if (flat[r] < 2 * y_low) { y_low = flat[r] / 2 }
    }
    if (peak < 1e9 && y_high < peak * headroom(peak, y_low)) { y_high = peak * headroom(peak, y_low) }
}

# A slope has its name where it meets the ceiling, above which there is nothing, in the lowest row that
# has room.
array row_end[3]
eval page(0)
roofs = "for [r = 1:flats] flat[r] with lines lc rgb 'black' lw 0.8 dt flat[r] < peak ? 3 : 1,"
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p)
    stats data using (in('point', p) ? column(5) : NaN):6 nooutput # before the ranges, which it goes by
    beside_here = STATS_max_x < 1.1 * STATS_min_x
    set xrange [x_low:x_high]; set yrange [y_low:y_high]
    set logscale xy
    decade_step = ceil(0.7 * log10(x_high / x_low) / panel_cm)
    eval decades('x', x_high > 500 * x_low ? '1' : '1 2 5')
    decade_step = 1
    eval decades('y', steps(y_low, y_high))
    low = y_low; high = y_high
    eval below(p, 'FLOPs per byte') . beside(p, 'GFLOP/s')
    eval read_roofs(p)
    top = peak < 1e9 ? peak : y_high / 1.5
    do for [row = 1:3] { row_end[row] = -1e9 }
    do for [r = 1:slopes] {
        at_cm = panel_cm * log(top / slope[r] / x_low) / log(x_high / x_low)
        row = at_cm > row_end[1] ? 1 : at_cm > row_end[2] || !narrow ? 2 : 3
        row_end[row] = at_cm + digit_width * strlen(slope_name[r])
        set label '' . fine(slope_name[r]) at top / slope[r], top offset -0.7, 0.7 * row - 0.2 \
            font small front
    }
    # A slope goes from the left side or the foot to the roof.
    set for [r = 1:slopes] arrow from (slope[r] * x_low < y_low ? y_low / slope[r] : x_low), \
        (slope[r] * x_low < y_low ? y_low : slope[r] * x_low) to top / slope[r], top nohead lc rgb 'black' lw 0.8 back
    set for [r = 1:flats] label '' . fine(flat_name[r]) at x_high, flat[r] right \
        offset -0.5, (flat[r] < peak ? -0.6 : narrow ? 1.9 : 0.5) font small front
    if (dots_only) {
        plot @roofs @bars, for [j = 1:series] \
            data using (of('point', p, styles[order[j]]) ? x_at(order[j]) : NaN):6: \
                (column(10) > 0 ? (column(9) == 1 ? hollow_mark(column(10)) : solid_mark(column(10))) : 0) \
            with points pt variable ps 0.55 lc rgb hue(styles[order[j]])
    } else {
        plot @roofs @curves
    }
}
eval finish(0)
