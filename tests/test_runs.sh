#!/bin/sh
# test_runs.sh - every figure and table of runs that differ in all that a run may differ in: what is drawn
# has all text on its page and none on other text, tics on every axis, no two series of one look, and
# small files. Usage: test_runs.sh MIDL MAKE_RUNS. Needs gnuplot.
set -u

midl=$(realpath "$1")
make_runs=$(realpath "$2")
tests=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
command -v gnuplot >/dev/null || { echo "gnuplot is missing: skipped" >&2; exit 77; }

say() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

runs=$("$make_runs" runs.db) || exit 1
[ "$runs" -ge 20 ] || say "only $runs runs"

# ---- Figures -------------------------------------------------------------------------------------

# Faults of a figure, a line each.
faults() {
    [ "$(wc -c <"$1")" -lt 400000 ] || echo "has $(wc -c <"$1") bytes"
    grep -q '<title>.' "$1" || echo "has no title"
    LC_ALL=C.UTF-8 awk -f "$tests/svg_faults.awk" "$1"
}

# A look that two series share in the columns of a figure, and lines that go back.
column_faults() {
    LC_ALL=C.UTF-8 awk -F '\t' '$1 == "series" || $1 == "point" || $1 == "bar" {
            if ($3 in name && name[$3] != $4) print "one look for " name[$3] " and " $4
            name[$3] = $4
        }
        $1 == "point" && $3 != "NaN" {
            line = $2 SUBSEP $3
            step = line in x ? $5 - x[line] : 0
            if (step * way[line] < 0) print $4 " turns back in panel " $2 " at " $5
            if (step) way[line] = step
            x[line] = $5 + 0
        }' "$1"
}

drawn=0
for run in $(seq "$runs"); do
    "$midl" plot --db runs.db --run "$run" --out "$run" >out 2>err ||
        say "run $run: $(grep -v skipped err)"
    for svg in "$run"/*.svg; do
        [ -e "$svg" ] || continue
        found=$(faults "$svg"; column_faults "${svg%.svg}.tsv")
        [ -z "$found" ] || say "$svg: $found"
        drawn=$((drawn + 1))
    done
done
# Several runs side by side, and two that one figure takes together.
mkdir several
for several in 4,5 5,19 13,14; do
    "$midl" plot --db runs.db --run $several --out several/$several >out 2>err ||
        say "runs $several: $(grep -v skipped err)"
    for svg in several/$several/*.svg; do
        found=$(faults "$svg")
        [ -z "$found" ] || say "$svg: $found"
    done
done
[ -e several/13,14/caches.svg ] || say "two runs show no caches"
[ $drawn -ge 100 ] || say "only $drawn figures were drawn"
for figure in $("$midl" plot --list | cut -d ' ' -f 1); do
    # Each as wide as a column, too, from the run that shows most panels.
    widest=$(grep -cH '^panel' ./*/"$figure.tsv" 2>/dev/null | sort -t : -k 2 -n | tail -n 1)
    widest=${widest#./}
    [ -n "$widest" ] || { say "no run shows $figure"; continue; }
    "$midl" plot "$figure" --db runs.db --run "${widest%%/*}" --width 85mm --out narrow >out 2>err ||
        say "$figure, 85 mm: $(cat err)"
    found=$(faults "narrow/$figure.svg")
    [ -z "$found" ] || say "$figure of run ${widest%%/*}, 85 mm: $found"
done

# ---- Tables --------------------------------------------------------------------------------------

# Lines of a table that have another number of cells than the first, and numbers that are none.
table_faults() {
    awk -F "$2" 'NR == 1 { cells = NF }
        NF != cells { print "line " NR " has " NF " cells of " cells }
        tolower($0) ~ /(^|[^a-z])(nan|inf|null)([^a-z]|$)/ { print "line " NR ": " $0 }' "$1"
}

tables=0
for table in $("$midl" table --list | cut -d ' ' -f 1); do
    shown=0
    for run in $(seq "$runs"); do
        "$midl" table "$table" --db runs.db --run "$run" >table 2>err
        status=$?
        [ $status -eq 4 ] && continue # nothing to show
        [ $status -eq 0 ] || say "table $table of run $run: $(cat err)"
        found=$(table_faults table '|')
        [ -z "$found" ] || say "table $table of run $run: $found"
        "$midl" table "$table" --db runs.db --run "$run" --format latex |
            sed -n '/toprule/,/end{/p' | grep '\\\\' >table
        found=$(table_faults table '&')
        [ -z "$found" ] || say "LaTeX table $table of run $run: $found"
        shown=$((shown + 1))
    done
    [ $shown -gt 0 ] || say "no run shows table $table"
    tables=$((tables + shown))
done

# ---- Faults that are planted ---------------------------------------------------------------------

# planted FILE SED FIGURE RUN FAULT: the figure has that fault if sed changes that script of the plots.
planted() {
    rm -rf share bad
    mkdir share
    cp -r "$tests/../plots" "$tests/../suites" share
    sed "$2" "share/plots/$1" >changed
    cmp -s changed "share/plots/$1" && say "sed '$2' changes nothing in $1"
    cp changed "share/plots/$1"
    MIDL_SHARE=$PWD/share "$midl" plot "$3" --db runs.db --run "$4" --out bad >out 2>err ||
        say "$3 after sed '$2': $(cat err)"
    faults "bad/$3.svg" | grep -q "$5" || say "$3 after sed '$2': not found: $5"
}
planted heat.gp 's/center rotate font small/center font small/' heat 4 'text beyond the page: speedup'
planted common.gp 's/^head = 0.1/head = -0.3/; s/    head = 0.1/    head = -0.3/' batch 7 'text on text'
planted batch.gp 's/^    plot /    unset xtics; plot /' batch 7 'panel 1: no tics along x'
planted batch.gp 's/^    plot /    unset ytics; plot /' batch 7 'panel 1: no tics along y'
planted batch.gp 's/^    plot /    unset border; plot /' batch 7 'no axes'
planted common.gp "s/^midl_mark .*/midl_mark = '5 5 5 5 5 5 5 5 5'/; s/^midl_hue *=/midl_hue = '0 0 0 0 0 0 0 0 0' #/" batch 7 'two series of one look'
planted common.gp "s/^yard_dash .*/yard_dash = '1'/; s/^yard_hue .*/yard_hue = '0x303030'/" latency 4 'two series of one look'
planted common.gp 's/tallest = 1.3/tallest = 99/' latency 17 'the legend is taller than a panel'
planted parts.sql "s/810, 'light/730, 'light/; s/820, 'gate/710, 'gate/" parts 14 'two series of one look'
planted common.gp "s/^group_of(text) = .*/group_of(text) = 'NaN'/" batch 7 'text that is no word: NaN'
printf 'series\tNaN\t710\ta\nseries\tNaN\t710\tb\npoint\t1\t710\tb\t2\npoint\t1\t710\tb\t3\npoint\t1\t710\tb\t1\n' >bad.tsv
[ "$(column_faults bad.tsv | wc -l)" -eq 2 ] || say "faults of columns pass: $(column_faults bad.tsv)"
sed 's/<title>.*<\/title>//' 7/batch.svg >untitled.svg
faults untitled.svg | grep -q 'no title' || say "a figure without title passes"
{ cat 7/batch.svg; head -c 400000 /dev/zero | tr '\0' ' '; } >large.svg
faults large.svg | grep -q 'bytes' || say "a large figure passes"
printf '| a | b |\n| 1 |\n| nan | 2 |\n' >table
[ "$(table_faults table '|' | wc -l)" -eq 2 ] || say "faults of a table pass: $(table_faults table '|')"

echo "$drawn figures and $tables tables of $runs runs"
[ $failures -eq 0 ]
