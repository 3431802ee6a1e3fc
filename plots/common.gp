# common.gp - what all figures share: sizes, fonts, colours and marks, the page with its panels,
# legend and small print. Loaded before the figure's own file, in the folder that holds its columns:
#
#   gnuplot -e "name = 'latency'; format = 'svg'" plots/common.gp plots/latency.gp
#
# reads latency.tsv and writes latency.svg (pdf, png; tex: latency-inc.tex with latency-inc.pdf).

data = name . '.tsv'
set encoding utf8
set datafile separator tab
set datafile missing NaN

# ---- Columns: see common.sql -------------------------------------------------------------------

is(kind) = strcol(1) eq kind
in(kind, p) = column(2) == p && strcol(1) eq kind
of(kind, p, s) = column(3) == s && column(2) == p && strcol(1) eq kind

# ---- Colours and marks -------------------------------------------------------------------------
# Okabe and Ito's palette, told apart by colour-blind readers; its yellow is too pale for lines and
# comes last. In print without colour, pairs of mark and dash tell the variants apart, which repeat
# after nine; the instruction sets of one variant share its colour. Yardsticks are grey, with dashes
# and crosses of their own; style 0 is a line of no variant, black and dotted.

array hues[7]
hues[1] = 0x0072B2; hues[2] = 0xD55E00; hues[3] = 0x009E73; hues[4] = 0xCC79A7
hues[5] = 0xE69F00; hues[6] = 0x56B4E9; hues[7] = 0x000000
array greys[3]
greys[1] = 0x404040; greys[2] = 0x707070; greys[3] = 0x9A9A9A
array dashes[5]
dashes[1] = '1'; dashes[2] = '(9,3)'; dashes[3] = '(3,2)'; dashes[4] = '(9,3,2,3)'
dashes[5] = '(9,2,2,2,2,2)'
array yard_dashes[3]
yard_dashes[1] = '(14,4)'; yard_dashes[2] = '(2,3)'; yard_dashes[3] = '(14,3,2,3)'

idea(style) = abs(style) / 10 - 1
set_of(style) = abs(style) % 10
hue(style) = style == 0 ? 0x000000 : \
    style < 0 ? greys[1 + idea(style) % 3] : hues[1 + idea(style) % 7]
solid_mark(style) = style < 0 ? 1 + idea(style) % 3 : \
    5 + 2 * ((idea(style) + 5 * set_of(style) + 1) % 6)
hollow_mark(style) = style < 0 ? solid_mark(style) : solid_mark(style) - 1
dash(style) = style == 0 ? '(1,3)' : \
    style < 0 ? yard_dashes[1 + idea(style) % 3] : dashes[1 + (idea(style) + set_of(style)) % 5]

# ---- What is in the data -----------------------------------------------------------------------

array styles[64]
array names[64]
array panel_titles[6]
series = 0; panels = 0; title = ''; caption = ''; seen = ' '; yards = 0

meet(style, label) = strstrt(seen, ' ' . style . ' ') > 0 ? 0 : (seen = seen . style . ' ', \
    series = series + 1, yards = yards + (style < 0), styles[series] = style, names[series] = label)
append(text) = (caption = caption . (strlen(caption) > 0 ? '. ' : '') . text)
stats data using ( \
    column(3) == column(3) ? meet(int(column(3)), strcol(4)) : 0, \
    is('title') ? (title = strcol(10)) : 0, \
    is('panel') ? (panels = int(column(2)), panel_titles[panels] = strcol(10)) : 0, \
    is('note') || is('caption') ? append(strcol(10)) : 0, 1) nooutput

# ---- Text --------------------------------------------------------------------------------------

# What TeX would take for commands.
swap(s, a, b) = strstrt(s, a) == 0 ? s : \
    s[1:strstrt(s, a) - 1] . b . swap(s[strstrt(s, a) + strlen(a):*], a, b)
escape(s) = swap(swap(swap(swap(swap(swap(swap(s, '\', '\textbackslash '), '{', '\{'), '}', '\}'), \
    '&', '\&'), '%', '\%'), '_', '\_'), '#', '\#')
quote(s) = format ne 'tex' ? s : \
    swap(swap(swap(swap(escape(s), '$', '\$'), '^', '\^{}'), '~', '\~{}'), '→', '$\to$')

# Small text: `'' . fine(s)` with `font small`. LaTeX takes sizes from the text only.
fine_mark = format eq 'tex' ? '\fontsize{6}{7}\selectfont ' : ''
# `data using ...:(fine_cell(10)) with labels`: backslashes are read once more there.
fine_cell(n) = swap(fine(strcol(n)), '\', '\\')
fine(s) = fine_mark . swap(quote(s), "\n", "\n" . fine_mark)

last_space(s, i) = i < 2 ? strlen(s) : s[i:i] eq ' ' ? i : last_space(s, i - 1)
wrap(s, width) = strlen(s) <= width ? s : \
    s[1:last_space(s, width)] . "\n" . wrap(s[last_space(s, width) + 1:*], width)
lines(s) = strstrt(s, "\n") == 0 ? strlen(s) > 0 : 1 + lines(s[strstrt(s, "\n") + 1:*])

# ---- The page ----------------------------------------------------------------------------------
# From the top: title, rows of panels, legend, small print. Lengths in centimetres, text in points:
# one panel is as wide as a column of a paper, more are as wide as the page.

text_size = 8; small_size = 6
text_width = 0.155; small_width = format eq 'tex' ? 0.124 : 0.114 # of a character, about
left_gap = 1.3; right_gap = 0.3; top_gap = 0.55; bottom_gap = 1.0 # around the axes of a panel

cols = panels == 1 ? 1 : panels == 2 || panels == 4 ? 2 : 3
page_w = panels == 1 ? 9.0 : 18.0
panel_h = 5.0
counts = 0     # 1: y counts things: the axis is logarithmic, large numbers end in k or M
yard_marks = 0 # 1: yardsticks are points among the others, not lines across

# Text in points, lines and marks in the same proportion in all formats; png at 200 dots an inch.
dots = 200
terminal(w, h) = \
    format eq 'svg' ? sprintf("svg noenhanced size %d,%d font 'sans-serif,%g' fontscale %g" \
                              . " background 'white'", \
                              w / 2.54 * 96, h / 2.54 * 96, text_size, 96 / 72.) : \
    format eq 'png' ? sprintf("pngcairo noenhanced size %d,%d font 'sans,%g' fontscale %g" \
                              . " linewidth %g pointscale %g dashlength 1.4", \
                              w / 2.54 * dots, h / 2.54 * dots, text_size, dots / 96., dots / 96., \
                              dots / 96.) : \
    format eq 'pdf' ? sprintf("pdfcairo noenhanced size %gcm,%gcm font 'sans,%g'" \
                              . " fontscale 0.75 linewidth 1.5 pointscale 0.75", w, h, text_size) : \
    sprintf("cairolatex pdf input colortext header '\\fontsize{%g}{%g}\\selectfont'" \
            . " size %gcm,%gcm font ',%g' fontscale 0.75 linewidth 1.5 pointscale 0.75", \
            text_size, 1.2 * text_size, w, h, text_size)
small = sprintf(',%g', small_size)

# Where the entries of the legend stand: x in centimetres, rows from 0.
array legend_x[64]
array legend_y[64]
legend_rows = 0
legend_at = page_w
new_group(i) = i > 1 && styles[i] < 700 && styles[i > 1 ? i - 1 : i] > 700
entry_w(i) = 1.3 + text_width * strlen(names[i])
legend_set(i) = (legend_at + entry_w(i) > page_w - 0.2 || new_group(i) ? \
                 (legend_at = 0.3, legend_rows = legend_rows + 1) : 0, \
    legend_x[i] = legend_at, legend_y[i] = legend_rows - 1, legend_at = legend_at + entry_w(i))

# `eval page(0)` opens the page; a figure that wants other sizes sets them before.
page(unused) = ( \
    rows = (panels + cols - 1) / cols, \
    small_print = wrap(caption, int((page_w - 0.4) / small_width)), \
    legend_at = page_w, legend_rows = 0, sum [i = 1:series] legend_set(i), \
    foot = 0.2 + 0.27 * lines(small_print), \
    strip = foot + 0.1 + 0.42 * legend_rows, \
    head_line = wrap(title, int((page_w - 0.4) / text_width)), \
    head = 0.15 + 0.4 * lines(head_line), \
    page_h = strip + rows * panel_h + head, \
    sprintf("set terminal %s; set output '%s%s'; set multiplot", terminal(page_w, page_h), name, \
            format eq 'tex' ? '-inc.tex' : '.' . format))

# `eval place(i)`: the axes of panel i, and its 'point' rows without names in $here, so that a curve
# doesn't go through the rows of all panels.
gather(i) = 'set table $here separator tab; plot data using (0):2:3:(0):5:6:' \
    . '(strcol(7)):(strcol(8)):9 with table if ' . sprintf("(in('point', %d)); unset table; ", i)
first_column(i) = (i - 1) % cols == 0
last_row(i) = i + cols > panels
beside(i, text) = first_column(i) ? \
    sprintf("set label 999 \"%s\" at screen %g, graph 0.5 center rotate;", text, \
            (i - 1) % cols / (1. * cols) + 0.3 / page_w) : ''
edge(side, at) = sprintf("set %smargin at screen %g; ", side, at)
place(i) = edge('l', ((i - 1) % cols / (1. * cols)) + left_gap / page_w) \
    . edge('r', ((i - 1) % cols + 1.) / cols - right_gap / page_w) \
    . edge('t', 1 - (head + (i - 1) / cols * panel_h + top_gap) / page_h) \
    . edge('b', 1 - (head + ((i - 1) / cols + 1) * panel_h - bottom_gap) / page_h) . gather(i)

# Line style i is that of series i.
do for [i = 1:series] {
    eval sprintf("set style line %d lc rgb %d lw 1.3 dt %s pt %d ps 0.45", \
                 i, hue(styles[i]), dash(styles[i]), solid_mark(styles[i]))
}

# `eval finish(0)`: title, legend and small print, then the page is complete.
cm_x(x) = x / page_w
cm_y(y) = y / page_h
legend_row(i) = cm_y(strip - 0.1 - 0.42 * (legend_y[i] + 0.5))
legend_mark(i) = styles[i] > 0 || styles[i] < 0 && yard_marks ? legend_x[i] + 0.4 : -page_w
finish(unused) = clear . 'unset border; unset tics; unset grid; set margins 0, 0, 0, 0;' \
    . 'set label "" . quote(head_line) at screen 0.5, 1 - cm_y(0.3) center;' \
    . 'set label "" . fine(small_print) at screen cm_x(0.2), cm_y(foot - 0.2) font small;' \
    . 'set for [i = 1:series] arrow from screen cm_x(legend_x[i]), legend_row(i)' \
    . ' to screen cm_x(legend_x[i] + 0.8), legend_row(i) nohead ls i;' \
    . 'set for [i = 1:series] label "" . quote(names[i]) at screen cm_x(legend_x[i] + 0.9),' \
    . ' legend_row(i);' \
    . 'set for [i = 1:series] label "" at screen cm_x(legend_mark(i)), legend_row(i)' \
    . ' point ls i ps 0.6;' \
    . 'plot [0:1] [0:1] NaN notitle; unset multiplot; set output'
clear = 'unset label; unset arrow; unset object; unset title; unset xlabel; unset ylabel;' \
    . 'unset logscale; set autoscale; set xtics auto; set ytics auto;'

# ---- Axes --------------------------------------------------------------------------------------

set border 3 lw 0.7
set clip two
set tics nomirror scale 0.5 font small
set format fine_mark . '%h'
set grid lt 1 lw 0.5 lc rgb 0xE2E2E2
unset key

# `eval decades('y', '1 2 5')`: tics of a logarithmic axis. `eval named('x')`: of an axis with names,
# given as rows 'x name' with x and text, or 'y name' with y and text.
tics_style = ' nomirror scale 0.5 font small;'
tic(value) = counts && value > 5e3 ? gprintf('%.0s%c', value) : \
    value < 1e5 ? sprintf('%g', value) : sprintf('%.0f', value)
decades(axis, steps) = 'set ' . axis . 'tics ()' . tics_style . 'set for [e = -4:9] for [m in "' \
    . steps . '"] ' . axis . 'tics add (fine(tic(m * 10. ** e)) m * 10. ** e);'
array name_at[64]
array name_text[64]
named_ticks = 0
add_name(at, text) = (named_ticks = named_ticks + 1, name_at[named_ticks] = at, \
    name_text[named_ticks] = text)
named(axis) = 'named_ticks = 0; set ' . axis . 'tics ()' . tics_style \
    . sprintf("stats data using (is('%s name') ? add_name(column(%d), fine(strcol(10))) : 0, 1)" \
              . " nooutput;", axis, axis eq 'x' ? 5 : 6) \
    . 'set for [i = 1:named_ticks] ' . axis . 'tics add (name_text[i] name_at[i]);'

# Layers that are not square have names with an arrow.
arrows = 0
stats data using (arrows = arrows + (strstrt(strcol(10), '→') > 0), 1) nooutput
size_axis = arrows > 0 ? quote('layer size d→n') : 'layer size n = d'

# `eval spans(rows)` before the page: whether the y axes are linear from zero, or logarithmic because
# one panel p spans more than a decade of what the condition picks. `eval span(rows)`: the y axis of
# panel p. low and high: its ends. Noisy points count without their intervals, which may run out of
# the panel. A count of zero has no place on a logarithmic axis: it lies on the lower end, and that
# is labelled 0.
lower(unused) = !valid(7) || column(9) == 1 ? column(6) : column(7) > 0 ? column(7) : column(6)
upper(unused) = !valid(8) || column(9) == 1 ? column(6) : column(8) > 0 ? column(8) : column(6)
positive(value) = value > 0 ? value : (zeros = zeros + 1, NaN)
measure(rows) = 'zeros = 0;' \
    . sprintf('stats data using ((%s) ? positive(lower(0)) : NaN):(upper(0)) nooutput;', rows)
spans(rows) = 'logarithmic = counts; do for [p = 1:panels] {' . measure(rows) \
    . 'if (STATS_max_y > 10 * STATS_min_x) { logarithmic = 1 } }'
span(rows) = measure(rows) \
    . 'low = logarithmic ? STATS_min_x / (zeros > 0 ? 4 : 1.9) : 0;' \
    . 'high = STATS_max_y * (logarithmic ? 1.15 : 1.05);' \
    . 'set yrange [low:high];' \
    . 'if (logarithmic) { set logscale y; eval decades("y", high > 3000 * low ? "1" : "1 2 5") }' \
    . 'else { set ytics auto; set format y fine_mark . (high < 1e5 ? "%h" : "%.0f") };' \
    . 'if (zeros > 0) { set ytics add (fine("0") low) }'

# `plot @curves`: the 'point' rows of panel p, series by series: lines, intervals, marks; noisy
# points are hollow, on white, so that their line doesn't fill them.
low = 0
y_of(unused) = column(6) > low ? column(6) : low
x_of(kind, p, i) = of(kind, p, styles[i]) ? column(5) : NaN
x_here(i) = column(3) == styles[i] ? column(5) : NaN
marks = "for [i = 1:series] $here using (column(9) == 1 ? x_here(i) : NaN):(y_of(0))" \
    . " with points pt solid_mark(styles[i]) ps 0.5 lc rgb 'white'," \
    . "for [i = 1:series] $here using (x_here(i)):(y_of(0)):" \
    . "(column(9) == 1 ? hollow_mark(styles[i]) : solid_mark(styles[i]))" \
    . " with points pt variable ps 0.5 lw 0.8 lc rgb hue(styles[i])"
curves = "for [i = 1:series] $here using (x_here(i)):(y_of(0)) with lines ls i," \
    . "for [i = 1:series] $here using (x_here(i)):7:(0):(column(8) - column(7))" \
    . " with vectors nohead lc rgb hue(styles[i]) lw 0.8," . marks
