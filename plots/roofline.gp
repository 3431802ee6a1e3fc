# roofline.gp - one panel a layer size: GFLOP/s over FLOPs per byte, under slopes and ceilings
yard_marks = 1
array slope[16]; array slope_name[16]; slopes = 0
array flat[16]; array flat_name[16]; flats = 0; peak = 0
add_slope(unused) = (slopes = slopes + 1, slope[slopes] = column(6), \
    slope_name[slopes] = strcol(10))
add_flat(unused) = (flats = flats + 1, flat[flats] = column(6), flat_name[flats] = strcol(10), \
    peak = column(6) > peak ? column(6) : peak)
stats data using (is('slope') ? add_slope(0) : is('ceiling') ? add_flat(0) : 0, 1) nooutput
if (peak == 0) { peak = 1e9 }

# The same axes in all panels: from left of the points to right of where the ceiling begins, and of
# the points so far that the ceilings' names have room.
stats data using (is('point') ? column(5) : NaN):(lower(0)) nooutput
x_low = STATS_min_x / 8; x_high = STATS_max_x * 24; y_low = STATS_min_y / 2
do for [r = 1:slopes] {
    if (peak < 1e9 && slope[r] * x_high < 16 * peak) { x_high = 16 * peak / slope[r] }
}
stats data using (is('point') ? column(5) : NaN):(upper(0)) nooutput
y_high = 2 * (peak < 1e9 && peak > STATS_max_y ? peak : STATS_max_y)
top = peak < 1e9 ? peak : y_high / 1.5

# A slope has its name where it meets the ceiling, above which there is nothing; of two that meet it
# side by side one stands higher.
array height[16]
do for [r = 1:slopes] {
    height[r] = r > 1 && slope[r - (r > 1)] < 1.7 * slope[r] ? 1.7 - height[r - (r > 1)] : 0.5
}
roof(bandwidth, x) = bandwidth * x < peak ? bandwidth * x : peak

panel_h = panels == 1 ? 8.0 : 6.0
eval page(0)
do for [p = 1:panels] {
    eval clear . place(p)
    set xrange [x_low:x_high]; set yrange [y_low:y_high]
    set logscale xy
    eval decades('x', x_high > 500 * x_low ? '1' : '1 2 5') . decades('y', '1 2 5')
    set title quote(panel_titles[p]) offset 0, -0.6
    if (last_row(p)) { set xlabel 'FLOPs per byte' offset 0, 0.4 }
    eval beside(p, 'GFLOP/s')
    do for [r = 1:slopes] {
        set label '' . fine(slope_name[r]) at top / slope[r], top offset -0.7, height[r] \
            font small front
    }
    do for [r = 1:flats] {
        digits = flat[r] < 1000 ? '%s %.3g' : '%s %.0f'
        set label '' . fine(sprintf(digits, flat_name[r], flat[r])) at x_high, flat[r] right \
            offset -0.5, -0.6 font small front
    }
    plot for [r = 1:slopes] roof(slope[r], x) with lines lc rgb 'black' lw 0.8, \
         for [r = 1:flats] flat[r] with lines lc rgb 'black' lw 0.8 dt flat[r] < peak ? 3 : 1, \
         @curves
}
eval finish(0)
