# accuracy.gp - test accuracy over k/n, with intervals over seeds
yard_marks = 1
dodge = 0.004
eval page(0)
do for [p = 1:panels] {
    if (!there[p]) { continue }
    eval clear . place(p) . within(p)
    set xrange [-0.01:*]; step = most_x > 0.6 || page_w / cols < 5 ? 0.2 : 0.1
    set xtics step
    eval below(p, 'active neurons k/n') . beside(p, 'test accuracy (%)')
    plot @curves
}
eval finish(0)
