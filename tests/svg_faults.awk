# svg_faults.awk - what is wrong with a figure that gnuplot wrote as SVG, a line each; nothing if it
# is well: text beyond the page or on other text, words of missing numbers, an axis without tics, two series of one look (in
# grey, as a printer makes it). Usage: awk -f svg_faults.awk FIGURE.svg

# Widths of characters in em: DejaVu Sans, wider than most that a viewer may take for it.
BEGIN {
    for (i = 32; i < 127; i++) em[sprintf("%c", i)] = 0.62
    widths("ijlI'|", 0.28)
    widths(" .,:;!()[]/-ftr\"", 0.37)
    widths("ABCDEGHKNOQRSTUVXYZ", 0.7)
    widths("mMwW=+<>~%@", 0.87)
    closest_grey = 20 # of 255: lines of one dash and mark differ by at least that
    entry_dx = 30.2   # from the line of an entry of the legend to its text: 0.8 cm
}

function widths(list, width,    i) { for (i = 1; i <= length(list); i++) em[substr(list, i, 1)] = width }

# A character of several bytes counts once, whether awk knows of such or not.
function width_of(text,    i, c, sum) {
    gsub(/&#160;| /, " ", text) # spaces that don't break
    gsub(/&lt;|&gt;|&amp;|&quot;|&apos;/, "x", text)
    sub(/ +$/, "", text)
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c in em) sum += em[c]
        else if (c >= "\300" || length("µ") == 1) sum += 0.8
    }
    return sum
}

# The value of an attribute of the line, or "".
function attribute(line, name,    at, rest) {
    at = match(line, "[ <]" name "=['\"][^'\"]*")
    if (!at) return ""
    rest = substr(line, RSTART, RLENGTH)
    sub(/^[^'"]*['"]/, "", rest)
    return rest
}

/<g .*stroke-width=/ { stroke_width = attribute($0, "stroke-width") }

# Sets place_x and place_y to where the line moves what it draws.
function place_of(line,    q) {
    sub(/.*translate\(/, "", line)
    split(line, q, /[,)]/)
    place_x = q[1] + 0; place_y = q[2] + 0
}

/^ *width="/ { page_w = attribute($0, "width"); page_h = attribute($0, "height") }

# Axes are drawn as one path: down the left side of a panel and along its foot.
/<path / && /stroke='black'/ {
    split(attribute($0, "d"), p, /[MLZ, ]+/) # p[2], p[3]: the first place
    axes = $0 ~ / d='M[0-9.]+,[0-9.]+ L[0-9.]+,[0-9.]+ L[0-9.]+,[0-9.]+ [ML]/
    if (axes && p[2] == p[4] && p[5] == p[7]) {
        if (!((p[2], p[5]) in seen_panel)) {
            seen_panel[p[2], p[5]] = 1; panels++
            left[panels] = p[2]; top[panels] = p[3]; foot[panels] = p[5]; right[panels] = p[6]
        }
    } else if (/<g transform=/) { # a tic and its text
        tics++; tic_x[tics] = p[2]; tic_y[tics] = p[3]; tic_along_x[tics] = p[2] == p[4]
    }
}

/<g transform="translate\(/ {
    place_of($0)
    text_x = place_x; text_y = place_y; degrees = 0
    if (match($0, /rotate\([-0-9.]+/)) degrees = substr($0, RSTART + 7, RLENGTH - 7) + 0
    size = attribute($0, "font-size")
    anchor = attribute($0, "text-anchor") == "end" ? 1 : attribute($0, "text-anchor") == "middle" ? 0.5 : 0
}

/<text>/ {
    text = $0; gsub(/<[^>]*>|^[ \t]+/, "", text)
    if (text != "") {
        texts++; words[texts] = text
        if (text ~ /(^|[^A-Za-z])(NaN|nan|inf)([^A-Za-z]|$)/) printf "text that is no word: %s\n", text
        box(texts, size * width_of(text))
        if (size > 8.6 && size < 8.7) { # of the legend
            entries++; entry_name[entries] = text; entry_x[entries] = text_x - entry_dx
            entry_y[entries] = text_y - 2.1
        }
    }
}

/<path / && / d='M[0-9.]+,[0-9.]+ L[0-9.]+,[0-9.]+ *'/ {
    split(attribute($0, "d"), p, /[MLZ, ]+/)
    if (p[3] == p[5] && p[4] - p[2] > 26 && p[4] - p[2] < 27) {
        lines++; line_x[lines] = p[2]; line_y[lines] = p[3]; line_grey[lines] = grey(attribute($0, "stroke"))
        line_dash[lines] = attribute($0, "stroke-dasharray"); line_strong[lines] = stroke_width > 1
        line_colour[lines] = attribute($0, "stroke")
    }
}

# Patches of the legend: as wide as its lines, 0.2 cm high.
/<polygon / {
    colour_here = $0
    sub(/.*fill *= *'/, "", colour_here)
    sub(/'.*/, "", colour_here)
    corners = $0
    sub(/.*points *= *'/, "", corners)
    split(corners, p, /[ ,]/)
    if (p[3] - p[1] > 26 && p[3] - p[1] < 27 && p[2] - p[6] > 7 && p[2] - p[6] < 8) {
        patches++; patch_x[patches] = p[1]; patch_y[patches] = (p[2] + p[6]) / 2
        patch_grey[patches] = grey(colour_here); patch_colour[patches] = colour_here
    }
}

/<use / {
    place_of($0)
    marks++; mark_x[marks] = place_x; mark_y[marks] = place_y; mark[marks] = attribute($0, "xlink:href")
    mark_colour[marks] = attribute($0, "color"); mark_grey[marks] = grey(mark_colour[marks])
}

function grey(colour,    c) {
    if (split(colour, c, /[(,)]/) < 4) return 0
    return 0.299 * c[2] + 0.587 * c[3] + 0.114 * c[4]
}

# The box around text i, from its corners along the line of writing and above it.
function box(i, wide,    along_x, along_y, up_x, up_y, a, b, x, y) {
    along_x = cos(degrees * 3.14159265 / 180); along_y = sin(degrees * 3.14159265 / 180)
    up_x = along_y; up_y = -along_x
    x0[i] = y0[i] = 1e9; x1[i] = y1[i] = -1e9
    for (a = 0; a <= 1; a++)
        for (b = 0; b <= 1; b++) {
            x = text_x + (a - anchor) * wide * along_x + (b ? 0.72 : -0.1) * size * up_x
            y = text_y + (a - anchor) * wide * along_y + (b ? 0.72 : -0.1) * size * up_y
            if (x < x0[i]) x0[i] = x
            if (x > x1[i]) x1[i] = x
            if (y < y0[i]) y0[i] = y
            if (y > y1[i]) y1[i] = y
        }
}

function near(a, b, most) { return a - b < most && b - a < most }
function distance(a, b) { return a > b ? a - b : b - a }

function check_texts(    i, j, wide, high, least) {
    for (i = 1; i <= texts; i++) {
        if (x0[i] < -2 || x1[i] > page_w + 2 || y0[i] < -2 || y1[i] > page_h + 2)
            printf "text beyond the page: %s\n", words[i]
        for (j = 1; j < i; j++) {
            wide = (x1[i] < x1[j] ? x1[i] : x1[j]) - (x0[i] > x0[j] ? x0[i] : x0[j])
            high = (y1[i] < y1[j] ? y1[i] : y1[j]) - (y0[i] > y0[j] ? y0[i] : y0[j])
            least = x1[i] - x0[i] < x1[j] - x0[j] ? x1[i] - x0[i] : x1[j] - x0[j]
            if (wide > 0.3 * least && high > 2.5) printf "text on text: %s, %s\n", words[i], words[j]
        }
    }
}

function check_tics(    i, t, along, up) {
    for (i = 1; i <= panels; i++) {
        along = up = 0
        for (t = 1; t <= tics; t++) {
            if (tic_along_x[t] && near(tic_y[t], foot[i], 0.1) && tic_x[t] > left[i] - 1 && tic_x[t] < right[i] + 1)
                along++
            if (!tic_along_x[t] && near(tic_x[t], left[i], 0.1) && tic_y[t] > top[i] - 1 && tic_y[t] < foot[i] + 1)
                up++
        }
        if (along < 1) printf "panel %d: no tics along x\n", i
        if (up < 1) printf "panel %d: no tics along y\n", i
    }
    if (!panels) print "no axes"
}

function check_legend(    e, i, most, first, last) {
    for (i = 1; i <= panels; i++) if (foot[i] - top[i] > most) most = foot[i] - top[i]
    first = page_h
    for (e = 1; e <= entries; e++) {
        if (entry_y[e] < first) first = entry_y[e]
        if (entry_y[e] > last) last = entry_y[e]
    }
    if (last - first > 1.6 * most) print "the legend is taller than a panel"
}

function check_looks(    e, i, f) {
    for (e = 1; e <= entries; e++) {
        look[e] = ""
        for (i = 1; i <= lines; i++)
            if (near(line_x[i], entry_x[e], 1) && near(line_y[i], entry_y[e], 1)) {
                look[e] = look[e] " line " line_dash[i]; look_grey[e] = line_grey[i]
                strong[e] = line_strong[i]; colour[e] = line_colour[i]
            }
        for (i = 1; i <= marks; i++)
            if (near(mark_x[i], entry_x[e] + 13.2, 1) && near(mark_y[i], entry_y[e], 1)) {
                look[e] = look[e] " mark " mark[i]; look_grey[e] = mark_grey[i]
                colour[e] = colour[e] " " mark_colour[i]
            }
        for (i = 1; i <= patches; i++)
            if (near(patch_x[i], entry_x[e], 1) && near(patch_y[i], entry_y[e], 1)) {
                look[e] = look[e] " patch"; look_grey[e] = patch_grey[i]; strong[e] = 1; colour[e] = patch_colour[i]
            }
        for (f = 1; f < e; f++)
            if (look[e] != "" && look[e] == look[f] && (colour[e] == colour[f] || strong[e] && strong[f] && distance(look_grey[e], look_grey[f]) < closest_grey))
                printf "two series of one look: %s, %s\n", entry_name[f], entry_name[e]
    }
}

END { check_texts(); check_tics(); check_legend(); check_looks() }
