# training-size.gp - test accuracy over the number of training examples
yard_marks = 1
dodge_log = 1
eval arrows_within(0)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . within(p)
    dodge = dodge_along(1.25 / 0.8 * most_x / least_x)
    set logscale x; set xrange [0.8 * least_x:1.25 * most_x]
    eval decades('x', steps_along(0.8 * least_x, 1.25 * most_x))
    eval below(p, 'training examples') . beside(p, 'test accuracy (%)')
    plot @curves
}
eval finish(0)
