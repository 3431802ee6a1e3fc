#!/bin/sh
# test_documents.sh - every figure and table as it is in a paper: articles of IEEE, of ACM and of none are
# compiled, without a box that is too full, a figure without its picture, or fonts of bits. Usage:
# test_documents.sh MIDL MAKE_RUNS. Needs gnuplot and pdfTeX with these classes.
set -u

midl=$(realpath "$1")
make_runs=$(realpath "$2")
published=$(cd "$(dirname "$0")/../results/published" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

say() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

for program in gnuplot pdflatex kpsewhich; do
    command -v $program >/dev/null || { echo "$program is missing: skipped" >&2; exit 77; }
done
for file in IEEEtran.cls acmart.cls booktabs.sty; do
    kpsewhich $file >/dev/null || { echo "TeX has no $file: skipped" >&2; exit 77; }
done

"$make_runs" runs.db >/dev/null || exit 1
"$midl" plot --db runs.db --out figures --format tex,pdf >out 2>err || say "plot: $(cat err)"
for table in $("$midl" table --list | cut -d ' ' -f 1); do
    "$midl" table "$table" --db runs.db --format latex >"figures/table-$table.tex" || say "table $table"
done

# Every figure by its tex and by its pdf, wide ones over both columns.
body() {
    for tex in figures/*-inc.pdf; do
        name=$(basename "$tex" -inc.pdf)
        points=$(sed -n 's/.*includegraphics\[width={\([0-9]*\).*/\1/p' "figures/$name.tex")
        star=
        [ "$points" -lt 250 ] || star='*'
        printf '\\begin{figure%s}\\input{figures/%s}\\caption[%s]{\\input{figures/%s-caption}}\\end{figure%s}\n' \
            "$star" "$name" "$name" "$name" "$star"
        printf '\\begin{figure%s}\\includegraphics{figures/%s.pdf}\\caption{The same.}\\end{figure%s}\n' \
            "$star" "$name" "$star"
        printf '%s\n' '\clearpage'
    done
    for tex in figures/table-*.tex; do
        printf '\\begin{table*}\\caption{Table}\\input{%s}\\end{table*}\n' "${tex%.tex}"
    done
}

# What a log complains about: boxes that are a point or more too wide, missing files and characters.
faults() {
    grep -E '^!|^Overfull .hbox \([1-9][0-9]*\.|^Missing character|not found|undefined' "$1" |
        grep -v '^LaTeX Font\|^Package hyperref\|^Class' | head -5
}

# compile NAME FIGURES: NAME.tex from its preamble on standard input; prints its faults.
compile() {
    {
        cat
        printf '%s\n' '\title{T}\begin{document}\maketitle'
        $2
        printf '%s\n' '\end{document}'
    } >"$1.tex"
    pdflatex -interaction=nonstopmode -halt-on-error "$1" >"$1.said" 2>&1 ||
        grep -A 3 '^!' "$1.said" | head -5
    faults "$1.log"
    command -v pdffonts >/dev/null && [ -e "$1.pdf" ] && pdffonts "$1.pdf" | grep 'Type 3'
}

expect_none() {
    [ -z "$2" ] || say "$1: $2"
}

ieee='\documentclass[conference]{IEEEtran}\author{A}\usepackage{graphicx,xcolor,booktabs}'
acm='\documentclass[sigconf,nonacm]{acmart}\author{A}\affiliation{\institution{I}\country{C}}'
plain='\documentclass{article}\author{A}\usepackage[margin=15mm]{geometry}\usepackage{graphicx,xcolor,booktabs}'
expect_none IEEEtran "$(printf "%s\n" "$ieee" | compile ieee body)"
expect_none acmart "$(printf "%s\n" "$acm" | compile acm body)"
expect_none article "$(printf "%s\n" "$plain" | compile plain body)"
cp ./*.pdf "${KEEP-$work}" 2>/dev/null # KEEP=FOLDER: to look at

# A table that is longer than a page is compiled outside of floats, and has several pages.
long() {
    printf '%s\n' '\input{long}'
}
"$midl" table learning --db "$published/learning.db" --format latex >long.tex || say "a long table"
found=$(printf "%s\\usepackage{longtable}\n" "$plain" | compile pages long)
[ -z "$found" ] && grep -q 'pages.pdf ([3-9] pages' pages.log || say "a long table: $found $(tail -n 1 pages.log)"

# A figure that is wider than its column, one without its picture and one of bits are found.
one() {
    printf '%s\n' '\begin{figure}\input{figures/batch}\end{figure}'
}
"$midl" plot batch --db runs.db --run 7 --width 100mm --out figures --format tex >out || say "plot"
printf "%s\n" "$ieee" | compile wide one | grep -q Overfull || say "a figure that is too wide passes"
rm figures/batch-inc.pdf
printf "%s\n" "$ieee" | compile empty one | grep -q 'not found' || say "a figure without picture passes"
[ $failures -eq 0 ]
