# accuracy.gp - test accuracy over k/n, with intervals over seeds
yard_marks = 1
dodge = 0.004
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . within(p)
    set xrange [-0.01:*]
    eval below(p, 'active neurons k/n') . beside(p, 'test accuracy (%)')
    plot @curves
}
eval finish(0)
