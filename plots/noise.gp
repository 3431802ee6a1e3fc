# noise.gp - test accuracy over Gaussian noise on the test inputs
yard_marks = 1
dodge = 0.01
eval arrows_within(0)
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . within(p)
    set xrange [least_x - 0.05 * most_x:1.05 * most_x]
    eval below(p, 'noise on inputs (deviations)') . beside(p, 'test accuracy (%)')
    plot @curves
}
eval finish(0)
