# common.gp - what all figures share: sizes, fonts, looks, the page with its panels, legend and small
# print. Loaded before the figure's own file, in the folder that holds its columns:
#
#   gnuplot -e "name = 'latency'; format = 'svg'" plots/common.gp plots/latency.gp
#
# reads latency.tsv and writes latency.svg (pdf, png; tex: latency-inc.tex, latency-inc.pdf and
# latency-caption.tex). `width = 8.4` there sets the width of the page in centimetres.

data = name . '.tsv'
set encoding utf8
set datafile separator tab

# ---- Columns: see common.sql -------------------------------------------------------------------

is(kind) = strcol(1) eq kind
in(kind, p) = column(2) == p && strcol(1) eq kind
of(kind, p, s) = column(3) == s && column(2) == p && strcol(1) eq kind

# ---- Looks -------------------------------------------------------------------------------------
# A look is a colour, a mark and a dash; common.sql gives each idea its number. The colours are told
# apart by colour-blind readers (Okabe and Ito's, and two darker ones). In grey, pairs of mark and
# dash tell the variants apart: no two are equal. Yardsticks are grey. The instruction sets of one
# variant share colour and mark and differ in dashes. Looks from 71 on are those of other things,
# types of weights or kinds of masks; from 81 on those of things in an order, as layer sizes: the
# darker the larger. Look 0 is a line of no series.
#   look         1 auto   2 simd   3 lists  4 hybrid 5 block  6 masked 7 gather 8 dense  9 dense-rows
midl_hue  = '0x000000 0x0072B2 0xD55E00 0x009E73 0x56B4E9 0xCC79A7 0x882255 0xE69F00 0x8A5A00'
midl_mark = '7        5        13       9        15       5        13       9        9'
midl_dash = '1        1        1        1        1        (2,2)    (8,3)    (8,3)    (2,2)'
spare_hue  = '0x555555 0x44AA99 0xAA4499 0x999933 0x332288'
spare_mark = '7 7 15 15 13'
spare_dash = '(8,3) (2,2) (8,3) (2,2) (2,2)'
#            OpenBLAS oneDNN   BLIS     own tiles, others
yard_hue  = '0x303030 0x5A5A5A 0x808080 0x484848 0x9A9A9A'
yard_mark = '1        2        3        11       11'
yard_dash = '(12,4)   (2,3)    (12,3,2,3) (6,2)  (5,3)'
other_hue  = '0x0072B2 0xD55E00 0x009E73 0xCC79A7 0x000000 0xE69F00 0x56B4E9 0x882255 0x999933 0x332288'
other_mark = '5        13       9        7        15       11       5        13       7        15'
other_dash = '1        (8,3)    (2,2)    1        (8,3)    (2,2)    (8,3)    1        (2,2)    1'
order_hue  = '0x7FB8DA 0x3E8EC4 0x1B5E9B 0x0A3A6B 0x5B3A8C 0x2A0A4A'
order_mark = '15 7 11 13 5 9'
order_dash = '(8,3) (2,2) 1 (2,2) (8,3) (4,4)'
set_dash   = '(10,2,2,2) (6,2,1,2,1,2) (1,3) (16,3) (4,6)'

look(style) = int(abs(style)) / 10
set_of(style) = int(abs(style)) % 10
cycle(list, i) = word(list, 1 + (i - 1) % words(list))
pick(style, yard, midl, spare, other, ordered) = look(style) > 80 ? cycle(ordered, look(style) - 80) : \
    look(style) > 70 ? cycle(other, look(style) - 70) : style < 0 ? cycle(yard, look(style)) : \
    look(style) <= words(midl) ? word(midl, look(style)) : cycle(spare, look(style) - words(midl))
hue(style) = style == 0 ? 0x000000 : int(pick(style, yard_hue, midl_hue, spare_hue, other_hue, order_hue))
solid_mark(style) = style == 0 ? 0 : style < -700 ? 1 + look(style) % 3 : \
    int(pick(style, yard_mark, midl_mark, spare_mark, other_mark, order_mark))
hollow_mark(style) = solid_mark(style) < 4 ? solid_mark(style) : solid_mark(style) - 1
dash(style) = style == 0 ? '(1,3)' : style < -700 ? '(4,3)' : \
    set_of(style) > 0 ? cycle(set_dash, set_of(style)) : \
    pick(style, yard_dash, midl_dash, spare_dash, other_dash, order_dash)

# What is not drawn strongly is mixed with white and thin.
mix(part, c) = int(255 - (255 - part) * c)
pale(rgb) = mix(rgb / 65536, 0.45) * 65536 + mix(rgb / 256 % 256, 0.45) * 256 + mix(rgb % 256, 0.45)

# ---- What is in the data -----------------------------------------------------------------------

panels_most = 24
array styles[64]
array names[64]
array strong[64]
array groups[64]
array panel_titles[panels_most]
array there[panels_most]
do for [p = 1:panels_most] { panel_titles[p] = ''; there[p] = 0 }
series = 0; panels = 0; sources = 1; title = ''; subject = ''; caption = ''; seen = ' '; yards = 0

meet(style, label, strength, group) = strstrt(seen, ' ' . style . ' ') > 0 ? 0 : ( \
    seen = seen . style . ' ', series = series + 1, yards = yards + (style < 0), \
    styles[series] = style, names[series] = label, strong[series] = strength, \
    groups[series] = group)
# A missing text is none.
group_of(text) = text eq 'NaN' ? '' : text
swap(s, a, b) = strstrt(s, a) == 0 ? s : \
    s[1:strstrt(s, a) - 1] . b . swap(s[strstrt(s, a) + strlen(a):*], a, b)
# Numbers, signs and `%` stay on the line of what is before them, but for numbers after a comma.
glued = '0 1 2 3 4 5 6 7 8 9 = % + - −'
glue_from(text, i) = i > words(glued) ? swap(text, ",\302\240", ', ') : \
    glue_from(swap(text, ' ' . word(glued, i), "\302\240" . word(glued, i)), i + 1)
glue(text) = glue_from(text, 1)
append_glued(text) = strstrt(caption, text) > 0 ? 0 : \
    (caption = caption . (strlen(caption) > 0 ? '. ' : '') . text)
append(text) = append_glued(glue(text))
stats data using ( \
    is('series') ? meet(int(column(3)), strcol(4), int(column(6)), group_of(strcol(10))) : \
    is('point') ? meet(int(column(3)), strcol(4), 1, '') : 0, \
    is('title') ? (title = strcol(10)) : 0, is('subject') ? (subject = strcol(10)) : 0, \
    is('sources') ? (sources = int(column(6))) : 0, \
    is('panel') ? (panels = int(column(2)) > panels ? int(column(2)) : panels, \
                   there[int(column(2))] = 1, panel_titles[int(column(2))] = strcol(10)) : 0, \
    is('note') || is('caption') ? append(strcol(10)) : 0, 1) nooutput
if (title eq '' || sources > 1) { title = subject }
title = glue(title)
# From here on only: gnuplot 6 passes over a whole row if a column that it asks for is missing.
set datafile missing NaN

# ---- Text --------------------------------------------------------------------------------------

# What TeX would take for commands.
escape(s) = swap(swap(swap(swap(swap(swap(swap(s, '\', '\textbackslash '), '{', '\{'), '}', '\}'), \
    '&', '\&'), '%', '\%'), '_', '\_'), '#', '\#')
symbols(s) = swap(swap(swap(swap(swap(swap(swap(s, ' ', '~'), '→', '$\to$'), 'µ', '$\mu$'), '×', '$\times$'), \
    '–', '--'), '…', '\dots{}'), '−', '$-$')
quote(s) = format ne 'tex' ? s : \
    symbols(swap(swap(swap(escape(s), '$', '\$'), '^', '\^{}'), '~', '\~{}'))

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
# one panel is as wide as a column of a paper, more are as wide as the page. The legend stands in the
# empty cells that panels leave, if it fits; else below. LaTeX sets title and small print itself.

text_size = 8; small_size = 6
text_width = 0.152; small_width = format eq 'tex' ? 0.105 : 0.114 # of a character, about
line_h = 0.34                                                    # of the legend
left_gap = 1.3; right_gap = 0.3; top_gap = 0.55; bottom_gap = 1.0 # around the axes of a panel
names_w = 0 # at the left of the page, of names that the panels of a row share

page_w = exists('width') ? width : panels == 1 ? 8.4 : 17.7
most_cols = page_w < 7 ? 1 : page_w < 12 ? 2 : 3
cols = sources > 1 && sources <= most_cols ? sources : \
    panels < most_cols ? panels : panels == 4 && most_cols == 3 ? 2 : most_cols
panel_h = 4.6
counts = 0     # 1: y counts things: the axis is logarithmic, large numbers end in k or M
yard_marks = 0 # 1: yardsticks are points among the others, not lines across
size_marks = 0 # 1: marks tell the looks from 81 on, variants have colour and dash only
swatches = 0   # 1: series are bars: the legend shows patches of their colours

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

# A name that is too long for the page without its middle.
shorten(s, most) = strlen(s) <= most ? s : \
    s[1:most / 2 - 1] . '…' . s[strlen(s) - (most - most / 2 - 1):*]

# Entries of the legend: a series, or where a group begins its heading (entry_of 0).
array entry_of[128]
array entry_text[128]
array entry_x[128]
array entry_y[128]
entries = 0; longest = 0; entry_w = 1; group_seen = ''
add_entry(i, text) = (entries = entries + 1, entry_of[entries] = i, entry_text[entries] = text, \
    longest = strlen(text) > longest ? strlen(text) : longest)
add_series(i) = (groups[i] ne group_seen ? (group_seen = groups[i], add_entry(0, groups[i])) : 0, \
    add_entry(i, shorten(names[i], int((page_w - 1.5) / 0.128))))
# All series, or those that are drawn strongly and how many others there are.
list_entries(all) = (entries = 0, longest = 0, group_seen = '', others = 0, \
    sum [i = 1:series] all || strong[i] ? add_series(i) : (others = others + 1), \
    others > 0 ? add_entry(0, sprintf('%d more, pale', others)) : 0, \
    entry_w = 0.95 + 0.128 * longest)
legend_cols(w) = w < 2 * entry_w ? 1 : int(w / entry_w)
# Column by column, no heading at the foot of one: as many rows as that takes.
array entry_col[128]
array entry_row[128]
put_next(i, most) = (at_row >= most || entry_of[i] == 0 && at_row == most - 1 && most > 1 ? \
    (at_col = at_col + 1, at_row = 0) : 0, entry_col[i] = at_col, entry_row[i] = at_row, \
    at_row = at_row + 1)
rows_for(w, most) = (at_col = 0, at_row = 0, sum [i = 1:entries] put_next(i, most), \
    at_col < legend_cols(w) ? most : rows_for(w, most + 1))
legend_rows(w) = entries == 0 ? 0 : rows_for(w, (entries + legend_cols(w) - 1) / legend_cols(w))
put_entry(i, x, y, w) = (entry_x[i] = x + entry_col[i] * (w / legend_cols(w)), \
    entry_y[i] = y - line_h * (entry_row[i] + 0.5))

# `eval page(0)` opens the page; a figure that wants other sizes sets them before.
page(unused) = ( \
    rows = (panels + cols - 1) / cols, \
    series > 0 ? list_entries(1) : 0, \
    tallest = 1.3 * (panel_h - top_gap - bottom_gap), \
    legend_rows(page_w - 0.5) * line_h > tallest ? list_entries(0) : 0, \
    small_print = format eq 'tex' ? '' : wrap(caption, int((page_w - 0.4) / small_width)), \
    cell_w = (page_w - names_w) / cols, \
    panel_cm = cell_w - left_gap - right_gap, \
    title_lines = 1, \
    sum [i = 1:panels] (title_lines = lines(small_title(i)) > title_lines ? \
                        lines(small_title(i)) : title_lines), \
    top_gap = top_gap + 0.22 * (title_lines - 1), panel_h = panel_h + 0.22 * (title_lines - 1), \
    empty_w = (rows * cols - panels) * cell_w - left_gap, \
    inside = empty_w > entry_w && legend_rows(empty_w) * line_h < panel_h - 0.4, \
    legend_w = inside ? empty_w : page_w - 0.5, \
    legend_used = legend_rows(legend_w), \
    legend_h = inside ? 0 : line_h * legend_used + (entries > 0 ? 0.1 : 0), \
    foot = 0.15 + 0.27 * lines(small_print), \
    strip = foot + legend_h, \
    head_line = format eq 'tex' ? '' : wrap(title, int((page_w - 0.4) / text_width)), \
    head = 0.1 + 0.4 * lines(head_line), \
    page_h = strip + rows * panel_h + head, \
    sum [i = 1:entries] put_entry(i, inside ? page_w - empty_w : 0.3, \
                                  inside ? strip + panel_h - 0.4 : strip - 0.05, legend_w), \
    sprintf("set terminal %s; set output '%s%s'; set multiplot", terminal(page_w, page_h), name, \
            format eq 'tex' ? '-inc.tex' : '.' . format))

# A panel's title is centred above its axes. One that would leave the cell is small, and in lines.
title_room(unused) = cell_w - left_gap - right_gap + 2 * (left_gap < right_gap ? left_gap : right_gap)
is_long(i) = strlen(panel_titles[i]) * text_width > title_room(0)
small_title(i) = is_long(i) ? wrap(glue(panel_titles[i]), int(title_room(0) / small_width)) : ''
panel_title(i) = is_long(i) ? fine(small_title(i)) : quote(panel_titles[i])
panel_font(i) = is_long(i) ? small : sprintf(',%g', text_size)

# there[i]: whether panel i has rows; of several sources one may have fewer panels. `eval place(i)`:
# the axes of panel i, and its 'point' rows without names in $here, so that a curve
# doesn't go through the rows of all panels. One without such rows has none, not those of another.
gather(i) = 'set print $here; print "NaN"; set print; set table $here separator tab; plot data using (0):2:3:(0):5:6:' \
    . '(strcol(7)):(strcol(8)):9 with table if ' . sprintf("(in('point', %d)); unset table; ", i)
first_column(i) = (i - 1) % cols == 0
cell_at(i) = (names_w + (i - 1) % cols * cell_w) / page_w
last_row(i) = i + cols > panels
beside(i, text) = first_column(i) ? \
    sprintf("set label 999 \"%s\" at screen %g, graph 0.5 center rotate;", \
            swap(quote(text), '\', '\\'), cell_at(i) + 0.3 / page_w) : ''
# The words below an axis are small where they would leave the cell.
below(i, text) = !last_row(i) ? '' : strlen(text) * text_width > title_room(0) ? \
    sprintf("set xlabel \"%s\" font small offset 0, 0.4;", swap(fine(text), '\', '\\')) : \
    sprintf("set xlabel \"%s\" font ',%g' offset 0, 0.4;", swap(quote(text), '\', '\\'), text_size)
edge(side, at) = sprintf("set %smargin at screen %g; ", side, at)
place(i) = edge('l', cell_at(i) + left_gap / page_w) \
    . edge('r', cell_at(i) + (cell_w - right_gap) / page_w) \
    . edge('t', 1 - (head + (i - 1) / cols * panel_h + top_gap) / page_h) \
    . edge('b', 1 - (head + ((i - 1) / cols + 1) * panel_h - bottom_gap) / page_h) \
    . sprintf("set title panel_title(%d) font panel_font(%d) offset 0, -0.6;", i, i) . gather(i)

# Line style i is that of series i. Pale ones are drawn first: order[1] is the number of the first.
array order[64]
drawn = 0
colour(i) = strong[i] ? hue(styles[i]) : pale(hue(styles[i]))
mark_size(i) = strong[i] ? 0.5 : 0.3
do for [strength = 0:1] {
    do for [i = 1:series] {
        if (strong[i] == strength) { drawn = drawn + 1; order[drawn] = i }
    }
}
do for [i = 1:series] {
    eval sprintf("set style line %d lc rgb %d lw %g dt %s pt %d ps 0.45", \
                 i, colour(i), strong[i] ? 1.5 : 0.8, dash(styles[i]), solid_mark(styles[i]))
}

# `eval finish(0)`: title, legend and small print, then the page is complete.
cm_x(x) = x / page_w
cm_y(y) = y / page_h
entry_line(i) = entry_of[i] == 0 || swatches || size_marks && look(styles[entry_of[i]]) > 80 ? \
    -page_w : entry_x[i]
entry_patch(i) = entry_of[i] > 0 && swatches ? entry_x[i] : -page_w
has_mark(style) = style == 0 || swatches ? 0 : size_marks ? look(style) > 80 : style > 0 || style < 0 && yard_marks
entry_mark(i) = entry_of[i] > 0 && has_mark(styles[entry_of[i] > 0 ? entry_of[i] : 1]) ? \
    entry_x[i] + 0.35 : -page_w
entry_style(i) = entry_of[i] > 0 ? entry_of[i] : 1
finish(unused) = clear . 'unset border; unset tics; unset grid; set margins 0, 0, 0, 0;' \
    . 'set label "" . quote(head_line) at screen 0.5, 1 - cm_y(0.3) center;' \
    . 'set label "" . fine(small_print) at screen cm_x(0.2), cm_y(foot - 0.15) font small;' \
    . 'set for [i = 1:entries] arrow from screen cm_x(entry_line(i)), cm_y(entry_y[i])' \
    . ' to screen cm_x(entry_line(i) + 0.7), cm_y(entry_y[i]) nohead ls entry_style(i);' \
    . 'set for [i = 1:entries] object rectangle from screen cm_x(entry_patch(i)),'\
    . ' cm_y(entry_y[i] - 0.1) to screen cm_x(entry_patch(i) + 0.7), cm_y(entry_y[i] + 0.1)'\
    . ' fc rgb colour(entry_style(i)) fs solid noborder;'\
    . 'set for [i = 1:entries] label "" . fine(entry_text[i]) at' \
    . ' screen cm_x(entry_x[i] + (entry_of[i] > 0 ? 0.8 : 0)), cm_y(entry_y[i]) font ",6.5";' \
    . 'set for [i = 1:entries] label "" at screen cm_x(entry_mark(i)), cm_y(entry_y[i])' \
    . ' point ls entry_style(i) ps 0.6;' \
    . 'plot [0:1] [0:1] NaN notitle; unset multiplot; set output;' . write_caption
clear = 'unset label; unset arrow; unset object; unset title; unset xlabel; unset ylabel;' \
    . 'unset logscale; set autoscale; set xtics auto; set ytics auto;'
write_caption = format ne 'tex' ? '' : 'set print name . "-caption.tex";' \
    . 'print quote(title) . ". " . quote(caption) . "."; print "% the caption is whole"; set print;'

# ---- Axes --------------------------------------------------------------------------------------

set border 3 lw 0.7
set clip two
set tics nomirror scale 0.5 font small
# Very small and large numbers are powers of ten, which TeX takes for mathematics.
plain_format = format eq 'tex' ? '$%h$' : '%h'
set format fine_mark . plain_format
set grid lt 1 lw 0.5 lc rgb 0xE2E2E2
unset key

# `eval decades('y', '1 2 5')`: tics of a logarithmic axis. `eval named('x')`: of an axis with names,
# given as rows 'x name' with x and text, or 'y name' with y and text; names_in(axis, p): of panel p.
tics_style = ' nomirror scale 0.5 font small;'
tic(value) = value < (counts ? 1e4 : 1e5) ? sprintf('%g', value) : \
    value < 1e6 ? sprintf('%gk', value / 1e3) : value < 1e9 ? sprintf('%gM', value / 1e6) : \
    sprintf('%gG', value / 1e9)
# The same for the tics of a linear axis from 0, which gnuplot chooses.
tic_format(high) = high < 1e5 ? plain_format : \
    high / 1e3 ** floor(log10(high) / 3) < 10 ? '%.1s%c' : '%.0s%c'
decade_step = 1 # 2: every other power of ten
decades(axis, steps) = 'set ' . axis . 'tics ()' . tics_style . 'set for [e = -4:9:decade_step] for [m in "' \
    . steps . '"] ' . axis . 'tics add (fine(tic(m * 10. ** e)) m * 10. ** e);'
# Tics of a logarithmic axis from low to high, dense enough that there are two at least.
steps(low, high) = high > 200 * low ? '1' : high > 8 * low ? '1 2 5' : high > 2.5 * low ? \
    '1 1.5 2 3 4 5 7' : '1 1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8 2 2.2 2.5 2.8 3 3.5 4 4.5 5 5.5 6 7 8 9'
# The same for an axis along x of panel_cm centimetres, where names stand side by side: as dense
# as they have room.
has_room(gap, low, high) = panel_cm * gap / log10(high / low) >= 0.06 + digit_width * (low < 1 || high < 10 ? 3 : strlen(tic(ceil(high))))
steps_along(low, high) = has_room(0.025, low, high) ? steps(1, 1.1) : \
    has_room(0.076, low, high) ? '1 1.2 1.5 2 2.5 3 4 5 6 8' : \
    has_room(0.12, low, high) ? '1 1.5 2 3 5 7' : has_room(0.3, low, high) ? '1 2 5' : '1'
# A step of a linear axis that is at least so long: a round number.
step_of(least) = 10. ** floor(log10(least)) * step_in(least / 10. ** floor(log10(least)))
step_in(least) = least <= 6 ? ceil(least) : least <= 8 ? 8 : 10
array name_at[64]
array name_text[64]
named_ticks = 0
names_most = 1000 # characters of a name; longer ones are cut in the middle
# `eval names_beside(0)`: left_gap and names_most, so that names along y have room, at most half a cell.
names_beside(unused) = 'longest_name = 0; stats data using (is("y name") && strlen(strcol(10)) > longest_name ? ' \
    . '(longest_name = strlen(strcol(10))) : 0, 1) nooutput;' \
    . 'names_most = int((0.5 * page_w / cols - 0.5) / small_width);' \
    . 'left_gap = 0.5 + small_width * (longest_name < names_most ? longest_name : names_most)'
add_name(at, text) = named_ticks == 64 ? 0 : (named_ticks = named_ticks + 1, \
    name_at[named_ticks] = at, name_text[named_ticks] = text)
named(axis) = names_if(axis, "is('" . axis . " name')")
names_in(axis, p) = names_if(axis, sprintf("in('%s name', %d)", axis, p))
names_if(axis, condition) = 'named_ticks = 0; set ' . axis . 'tics ()' . tics_style \
    . sprintf("stats data using ((%s) ? add_name(column(%d), fine(shorten(strcol(10), names_most))) : 0, 1) nooutput;", \
              condition, axis eq 'x' ? 5 : 6) \
    . 'set for [i = 1:named_ticks] ' . axis . 'tics add (name_text[i] name_at[i]);'

# `eval powers(p)`: a logarithmic x axis of batches or sizes, with a tic at each power of two that
# has room, or at a lone value. smallest and largest: its ends. After span(): stats goes by ranges.
powers(p) = 'set autoscale y;' . sprintf("stats data using (in('point', %d) ? column(5) : NaN) nooutput;", p) \
    . 'smallest = STATS_min; largest = STATS_max; set yrange [low:high];' \
    . 'set xrange [smallest / 1.25:largest * 1.25]; set logscale x 2;' \
    . 'if (dodge_log) { dodge = dodge_along(1.25 ** 2 * largest / smallest) };' \
    . 'if (largest < 2 * smallest) { set xtics () ' . tics_style \
    . ' set xtics add (fine(tic(smallest)) smallest, fine(tic(largest)) largest) }' \
    . 'else { set xtics 1, (largest > 32 * smallest ? 4 : 2), 2 ** 24 };'

# Layers that are not square have names with an arrow.
arrows = 0
stats data using (arrows = arrows + (strstrt(strcol(10), '→') > 0), 1) nooutput
digit_width = 0.145 # of a small digit, which is wider than letters are on average
size_gap(longest) = longest > 4 ? 0.75 + digit_width * longest : 1.3 # for names of sizes, and those of their axis
size_axis = arrows > 0 ? 'layer size d→n' : 'layer size n = d'

# `eval spans(rows)` before the page: whether the y axes are linear from zero, or logarithmic because
# one panel p spans more than a decade of what the condition picks. `eval span(rows)`: the y axis of
# panel p. low and high: its ends. Noisy points count without their intervals, which may run out of
# the panel: an arrow shows that. A count of zero has no place on a logarithmic axis: it lies on the
# lower end, and that is labelled 0. A missing bound is asked for first: who reads it, in gnuplot 6,
# makes the whole expression missing.
lower(unused) = !valid(7) || column(9) == 1 ? column(6) : column(7) > 0 ? column(7) : column(6)
upper(unused) = !valid(8) || column(9) == 1 ? column(6) : column(8) > 0 ? column(8) : column(6)
positive(value) = value > 0 ? value : (zeros = zeros + 1, NaN)
measure(rows) = 'zeros = 0;' \
    . sprintf('stats data using ((%s) ? positive(lower(0)) : NaN):(upper(0)) nooutput;', rows)
spans(rows) = 'logarithmic = counts; do for [p = 1:panels] { if (there[p]) {' . measure(rows) \
    . 'if (STATS_max_y > 10 * STATS_min_x) { logarithmic = 1 } } }'
foot_room = 1.9 # of a logarithmic axis below its lowest row
span(rows) = measure(rows) \
    . 'low = logarithmic ? STATS_min_x / (zeros > 0 ? 4 : foot_room) : 0;' \
    . 'high = STATS_max_y * (logarithmic ? 1.15 : 1.05);' \
    . 'set yrange [low:high];' \
    . 'if (logarithmic) { set logscale y; eval decades("y", steps(low, high)) }' \
    . 'else { set ytics auto; set format y fine_mark . tic_format(high) };' \
    . 'if (zeros > 0) { set ytics add (fine("0") low) };'

# `eval within(p)`: the y axis of panel p, in per cent, as far as its intervals go, but no farther from
# the points than those are apart: a few seeds have wide ones. The rows that `whole` picks of panel p have
# theirs in it always. least_x and most_x: the ends of the points.
whole = '0'
stretch(unused) = (low = lower(0) < low ? lower(0) : low, high = upper(0) > high ? upper(0) : high)
within(p) = sprintf("stats data using (in('point', %d) ? lower(0) : NaN):(upper(0)) nooutput;", p) \
    . 'low = STATS_min_x; high = STATS_max_y;' \
    . sprintf("stats data using (in('point', %d) ? column(6) : NaN) nooutput;", p) \
    . 'reach = STATS_max - STATS_min > 0.5 ? STATS_max - STATS_min : 0.5;' \
    . 'low = low < STATS_min - reach ? STATS_min - reach : low;' \
    . 'high = high > STATS_max + reach ? STATS_max + reach : high;' \
    . 'stats data using ((' . whole . ') ? stretch(0) : 0, 1) nooutput;' \
    . 'if (high - low < 0.2) { low = low - 0.1; high = high + 0.1 };' \
    . 'room = 0.06 * (high - low);' \
    . sprintf("stats data using (in('point', %d) ? column(5) : NaN) nooutput;", p) \
    . 'least_x = STATS_min; most_x = STATS_max; low = low - room; high = high + room;' \
    . 'low = low < 0 ? 0 : low; high = high > 100 ? 100 : high;' \
    . 'set yrange [low:high];'

# `eval arrows_above(factor)`, `eval arrows_within(0)` before the page: whether an interval leaves its panel,
# of axes that end at so many times their highest point, or of those of within(); the small print says so.
beyond = 0
arrows_above(factor) = 'do for [p = 1:panels] { top = 0;' \
    . 'stats data using (in("point", p) && valid(6) && upper(0) > top ? (top = upper(0)) : 0, 1) nooutput;' \
    . sprintf('stats data using (in("point", p) && valid(8) && column(8) > %g * top', factor) \
    . ' ? (beyond = 1) : 0, 1) nooutput }; caption = told(caption)'
arrows_within(unused) = 'do for [p = 1:panels] { if (there[p]) { eval within(p); set autoscale;' \
    . 'stats data using (in("point", p) && (valid(8) && column(8) > high || valid(7) && column(7) < low)' \
    . ' ? (beyond = 1) : 0, 1) nooutput } }; caption = told(caption)'
told(text) = beyond ? swap(text, 'Bars', 'Bars (arrows: they leave the panel)') : text

# `plot @curves`: the 'point' rows of panel p, series by series: lines, intervals, marks; noisy
# points are hollow, on white, so that their line doesn't fill them. Series that share an x stand
# side by side, `dodge` apart, if they are drawn strongly: a share of x on a logarithmic axis (`dodge_log`), else as it is.
# An interval that leaves the panel ends in an arrow.
dodge_along(quotient) = 0.06 * panel_cm > 0.05 * log(quotient) / log(2) ? \
    0.05 * log(quotient) / log(2) / panel_cm : 0.06
low = 0; high = 1e300; dodge = 0; dodge_log = 0
y_of(unused) = column(6) > low ? column(6) : low
x_of(kind, p, i) = of(kind, p, styles[i]) ? column(5) : NaN
array turn[64]
turns = 0
do for [i = 1:series] { turns = turns + (strong[i] > 0); turn[i] = strong[i] ? turns : 0 }
aside(i) = strong[i] ? (turn[i] - (turns + 1) / 2.) * dodge : 0
x_at(i) = dodge_log ? column(5) * 2 ** aside(i) : column(5) + aside(i)
x_here(i) = column(3) == styles[i] ? x_at(i) : NaN
bounded(i) = column(3) == styles[i] && valid(7) && valid(8) ? x_at(i) : NaN
bar_low(unused) = column(7) > low ? column(7) : low
bar_high(unused) = column(8) < high ? column(8) : high
marks = "for [j = 1:series] $here using (column(9) == 1 ? x_here(order[j]) : NaN):(y_of(0))" \
    . " with points pt solid_mark(styles[order[j]]) ps mark_size(order[j]) lc rgb 'white'," \
    . "for [j = 1:series] $here using (x_here(order[j])):(y_of(0)):" \
    . "(column(9) == 1 ? hollow_mark(styles[order[j]]) : solid_mark(styles[order[j]]))" \
    . " with points pt variable ps mark_size(order[j]) lw 0.8 lc rgb colour(order[j])"
bars = "for [j = 1:series] $here using (bounded(order[j])):(bar_low(0)):(0):" \
    . "(bar_high(0) - bar_low(0)) with vectors nohead lc rgb colour(order[j]) lw 0.8," \
    . "for [j = 1:series] $here using (column(8) > high ? bounded(order[j]) : NaN):" \
    . "(bar_low(0)):(0):(high - bar_low(0)) with vectors head size screen 0.006, 25 filled" \
    . " lc rgb colour(order[j]) lw 0.8," \
    . "for [j = 1:series] $here using (column(7) < low ? bounded(order[j]) : NaN):" \
    . "(bar_high(0)):(0):(low - bar_high(0)) with vectors head size screen 0.006, 25 filled" \
    . " lc rgb colour(order[j]) lw 0.8"
curves = "for [j = 1:series] $here using (x_here(order[j])):(y_of(0)) with lines ls order[j]," \
    . bars . "," . marks
