#!/bin/sh
# test_plot.sh - `midl plot` as a whole: a small real sweep to figures, and everything that may be
# missing or broken. Usage: test_plot.sh MIDL. Needs no sqlite3 and no Python.
set -u

midl=$(realpath "$1")
[ -x "$midl" ] || { echo "no program $1" >&2; exit 1; }
share=$(cd "${MIDL_SHARE:?the folder that holds plots}" && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

say() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# expect STATUS WORDS COMMAND...: the command's exit status, and WORDS in its one line of errors
# (WORDS empty: no error line).
expect() {
    status=$1 words=$2
    shift 2
    "$@" >out 2>err
    got=$?
    [ $got -eq "$status" ] || say "exit status $got, expected $status: $*: $(cat err)"
    if [ -z "$words" ]; then
        [ ! -s err ] || say "unexpected error line: $*: $(cat err)"
    else
        [ "$(wc -l <err)" -eq 1 ] || say "not one line: $*: $(cat err)"
        grep -qF -- "$words" err || say "no '$words' in: $*: $(cat err)"
    fi
}

nothing_left() {
    [ -z "$(find "$1" -name '.midl-plot-*' 2>/dev/null)" ] || say "a work folder is left in $1"
}

# ---- What is asked wrongly, before anything is looked for ----------------------------------------

expect 2 'did you mean latency' "$midl" plot latencey
expect 2 'svg, pdf, png and tex' "$midl" plot --format svg,jpeg
expect 2 'NAME=VALUE' "$midl" plot --where dtype
expect 2 'not one of' "$midl" plot --where color=red
expect 2 'not a whole number' "$midl" plot --run newest
expect 0 '' "$midl" plot --help
expect 0 '' "$midl" plot --list
for figure in batch caches dtypes evens heat history latency masks misses plans promise roofline select \
    spread threads; do
    grep -q "^$figure  *[a-z]" out || say "--list doesn't explain $figure"
done

for list in plot table; do
    "$midl" $list --list | awk 'length($0) > 80' | grep . && say "$list --list is wider than 80 columns"
done

# ---- Without gnuplot -----------------------------------------------------------------------------

mkdir empty fake
expect 3 'gnuplot is not installed' env PATH="$work/empty" "$midl" plot
if ! command -v gnuplot >/dev/null; then
    echo "gnuplot is missing: the rest is skipped" >&2
    [ $failures -eq 0 ] && exit 77
    exit 1
fi

# ---- Databases that aren't -----------------------------------------------------------------------

echo 'not a database, but a line of text that is long enough to be looked at as one' >text.db
expect 2 'text.db' "$midl" plot --db text.db
expect 2 'missing.db' "$midl" plot --db missing.db
[ ! -e missing.db ] || say "a missing database was made"
[ ! -e figures ] || say "an output folder was made for nothing"

# ---- A small sweep -------------------------------------------------------------------------------

"$midl" sweep --n 64,96 --active 0.2,0.45,0.8 --batch 1,4 --budget 20ms --counters none --quiet \
    --db real.db >/dev/null 2>err
status=$?
if grep -q 'unknown command sweep' err; then
    echo "midl sweep is missing: the rest is skipped" >&2
    [ $failures -eq 0 ] && exit 77
    exit 1
fi
[ $status -eq 0 ] || say "midl sweep: exit status $status: $(cat err)"

# Every figure in every format, in a folder with an awkward name. Some have nothing to show.
out="fi'g \"u\" \$r;es"
"$midl" plot --db real.db --out "$out" --format svg,pdf,png,tex >drawn 2>err || say "plot: $(cat err)"
for passed in 'misses needs .*midl sweep cache' 'select needs .*midl select' \
    'dtypes needs .*midl sweep dtypes' 'threads needs .*midl sweep threads' \
    'caches needs .*--cache warm,cold' 'masks needs .*midl sweep masks' 'accuracy needs .*midl train' \
    'noise needs .*midl train' 'smi needs .*midl smi' 'training-size needs .*midl train' \
    'history needs .*midl check --history'; do
    grep -q "figure $passed" err || say "not passed over with its reason: $passed: $(cat err)"
done
shown='batch evens heat latency plans promise roofline spread'
[ $(($(wc -l <err) + $(echo $shown | wc -w))) -eq "$("$midl" plot --list | wc -l)" ] ||
    say "not all other figures were passed over: $(cat err)"
for figure in $shown; do
    for suffix in .svg .pdf .png .tex -inc.pdf -caption.tex .tsv; do
        [ -s "$out/$figure$suffix" ] || say "$figure$suffix is missing or empty"
    done
    grep -q "$figure.svg  from run 1" drawn || say "$figure.svg was not announced"
    grep -q 'caption.*run 1 (custom)' "$out/$figure.tsv" || say "$figure has no caption"
done
grep -q 'n = d = 64' "$out/latency.svg" || say "the panels of latency have no titles"
grep -q 'simd' "$out/latency.svg" || say "the legend of latency lacks a variant"
[ ! -e "$out/misses.tsv" ] || say "data of a figure that was passed over"
nothing_left "$out"

# A figure is its data: drawn again without the store, it is the same, byte for byte.
mv "$out/latency.svg" first.svg
expect 0 '' "$midl" plot latency --db missing.db --out "$out" --keep-data
cmp -s first.svg "$out/latency.svg" || say "latency differs when drawn from its own data"
expect 4 'misses.tsv' "$midl" plot misses --out "$out" --keep-data
nothing_left "$out"

# A few seeds have wide intervals: those of dense and of the frontier are whole, one of others ends in an
# arrow, which the small print tells. wide METHOD: dense 90, a frontier at 91 and another at 90, one of
# them with 8 points to either side.
wide() {
    awk -v wide="$1" 'BEGIN {
        OFS = "\t"
        print "panel", 1, "NaN", "NaN", "NaN", "NaN", "NaN", "NaN", "NaN", "known, batch 1"
        print "columns", "NaN", "NaN", "NaN", "NaN", 1, "NaN", "NaN", "NaN", "NaN"
        rows("front", "NaN", "NaN", 50, 91, wide == "front" ? 8 : 1, "NaN")
        rows("point", -10, "dense", 100, 90, wide == "dense" ? 8 : 1, "NaN")
        rows("point", 730, "converted", 50, 91, wide == "front" ? 8 : 1, "0.45")
        rows("point", 740, "other", 80, 90, wide == "other" ? 8 : 1, "0.45")
        print "note", "NaN", "NaN", "NaN", "NaN", "NaN", "NaN", "NaN", "NaN", "Bars: 95 % intervals"
    }
    function rows(what, style, name, x, y, half, text) { print what, 1, style, name, x, y, y - half, y + half, 0, text }
    ' >wide/tradeoffs.tsv
    expect 0 '' "$midl" plot tradeoffs --out wide --keep-data --width 178mm
    grep -q 'they leave the panel' wide/tradeoffs.svg
}
mkdir wide
wide dense && say "the interval of dense leaves its panel"
wide front && say "an interval of the frontier leaves its panel"
wide other || say "no arrow at an interval that is off the frontier"

# Where a picture comes from is in its file, in the words of its columns.
for suffix in .svg .tex .tsv; do
    grep -q 'Made by: midl plot' "$out/latency$suffix" || say "latency$suffix doesn't tell its command"
    grep -q 'real.db, run 1' "$out/latency$suffix" || say "latency$suffix doesn't tell its database"
done
grep -q '<title>MID-L ' "$out/latency.svg" || say "latency.svg has no title of its own"
grep -q 'pHYs' "$out/latency.png" && grep -q 'Description' "$out/latency.png" ||
    say "latency.png has no resolution or no description"
grep -q '/Creator (midl)' "$out/latency.pdf" || say "latency.pdf doesn't tell where it comes from"
grep -q 'midlpicture' "$out/latency.tex" || say "latency.tex finds its picture in one place only"
grep -q 'intervals of the median' "$out/latency-caption.tex" || say "no caption for LaTeX"

# Widths, picks, and several runs or databases in one figure.
expect 2 '85mm' "$midl" plot latency --db real.db --width 85
expect 2 '--width 9m' "$midl" plot latency --db real.db --width 9m
expect 2 'empty name' "$midl" plot latency --db real.db --run 1,,2
expect 2 'at most 4' "$midl" plot latency --db real.db --run 1,1,1,1,1
expect 2 'not one of' "$midl" plot latency --db real.db --where kernel=simd
expect 0 '' "$midl" plot latency --db real.db --width 85mm --kernel 'simd*' --out wide
grep -q '^ width="321"' wide/latency.svg || say "85 mm aren't 321 pixels: $(grep -m1 width= wide/latency.svg)"
cp real.db "other one.db"
expect 0 '' "$midl" plot latency heat promise roofline spread batch --db "real.db,other one.db" \
    --out several
grep -q '^panel.*other one.db, run 1' several/latency.tsv || say "the panels don't name their source"
grep -q '^caption.*"real.db, run 1: ' several/latency.tsv || say "the captions don't name their source"
[ "$(grep -c '^panel' several/latency.tsv)" -eq 4 ] || say "not both sources of latency"
expect 2 'one of them' "$midl" plot --db "real.db,other one.db" --run 1,1,1
expect 4 'needs' "$midl" plot misses --db "real.db,other one.db" --out several

# ---- Tables and the page -------------------------------------------------------------------------

expect 0 '' "$midl" table --list
grep -q '^speedup  *[a-z]' out || say "table --list doesn't explain speedup"
expect 2 'did you mean speedup' "$midl" table spedup --db real.db
expect 2 'name a table' "$midl" table
expect 2 'markdown, latex, csv and html' "$midl" table speedup --db real.db --format txt
expect 0 '' "$midl" table speedup --db real.db --format latex
grep -q 'toprule' out && grep -q 'Made by: midl table speedup' out || say "no booktabs: $(cat out)"
expect 0 '' "$midl" table speedup --db real.db --intervals
[ "$(grep -c '^| [0-9]' out)" -eq 2 ] && grep -q ' to ' out || say "not two lines: $(cat out)"
expect 0 '' "$midl" table evens --db real.db --format csv
grep -q '^"64, batch 1","pays up to k/n",' out || say "no CSV: $(cat out)"
expect 4 'table speedup needs' "$midl" table speedup --db real.db --where threads=64
expect 2 'no run 7' "$midl" table speedup --db real.db --run 7
expect 2 'not one of' "$midl" table speedup --db real.db --where color=red
# What a query doesn't ask is refused, not ignored.
expect 2 "where active: table speedup doesn't hold it; it holds batch, cache" \
    "$midl" table speedup --db real.db --where batch=4,active=0.2
expect 2 "where active: table evens doesn't" "$midl" table evens --db real.db --where active=0.2
expect 2 "where active: figure heat doesn't" "$midl" plot batch heat --db real.db --where active=0.2
expect 0 '' "$midl" plot batch --db real.db --out held --where active=0.2

expect 0 '' "$midl" report --db real.db -o page.html --quiet
for part in '<h1>' 'One input:' 'id="latency"' 'data:image/svg+xml;base64,PD94' 'Table: speedup' \
    'Made by: midl report' '</html>'; do
    grep -q "$part" page.html || say "the page lacks $part"
done
grep -q '&quot;' page.html && say "a quote is left of the columns"
grep -q 'src="[^d]' page.html && say "the page needs another file"
expect 2 'that is the database' "$midl" report --db real.db -o real.db
expect 2 'nowhere' "$midl" report --db real.db -o nowhere/page.html
expect 2 'no run 7' "$midl" report --db real.db --run 7 -o page.html

# Named figures and runs that have nothing to show.
expect 4 'figure misses needs' "$midl" plot misses --db real.db --out none
expect 4 'figure latency needs' "$midl" plot latency --db real.db --out none --where threads=64
# A database of a schema that knew of no accuracy has none.
expect 4 'figure noise' "$midl" plot noise --db "$share/results/published/zen4.db" --out none
expect 2 'no run 7' "$midl" plot --db real.db --run 7
expect 4 'no run of suite batch' "$midl" plot --db real.db --suite batch
nothing_left none
[ -z "$(ls none)" ] || say "files of figures that have nothing to show: $(ls none)"

# The newest run that has rows is taken: a second run with one k is none of latency's.
"$midl" sweep --n 64 --active 0.5 --budget 10ms --counters none --quiet --db real.db >/dev/null 2>&1
expect 0 '' "$midl" plot latency spread --db real.db --out newest
grep -q 'latency.svg  from run 1' out && grep -q 'spread.svg  from run 2' out ||
    say "not the newest runs with rows: $(cat out)"
expect 0 '' "$midl" plot latency --db real.db --out newest --quiet
[ ! -s out ] || say "--quiet was not"

# Simulated misses, where callgrind works on this build.
if "$midl" sweep --n 64 --active 0.2,0.5,0.8 --kernel linear,gather --budget 10ms \
    --counters callgrind --quiet --db misses.db >/dev/null 2>&1; then
    "$midl" plot misses --db misses.db --out misses >out 2>err
    case $? in
    0) grep -q 'Simulated' misses/misses.svg || say "misses doesn't say that they are simulated" ;;
    4) grep -q 'figure misses needs' err || say "misses: $(cat err)" ;;
    *) say "misses: $(cat err)" ;;
    esac
fi

# ---- Output that can't be written ----------------------------------------------------------------

echo >file
expect 2 'file' "$midl" plot spread --db real.db --out file
expect 2 'file/below' "$midl" plot spread --db real.db --out file/below
expect 2 '--out' "$midl" plot spread --db real.db --out ''
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked
    chmod 555 locked
    expect 3 'locked' "$midl" plot spread --db real.db --out locked
fi
mkdir -p taken/spread.svg
expect 3 'taken/spread.svg' "$midl" plot spread --db real.db --out taken
nothing_left taken

# ---- A gnuplot that fails ------------------------------------------------------------------------
# The old figure stays, and no half one takes its place.

cp -r "$share/plots" plots && chmod -R u+w plots
echo 'plot nonsense +' >>plots/spread.gp
mkdir old && echo old >old/spread.svg
expect 3 'spread.gp" line' env MIDL_SHARE="$work" "$midl" plot spread --db real.db --out old
grep -q '^old$' old/spread.svg || say "a failed figure replaced the old one"
nothing_left old

fake_gnuplot() {
    printf '#!/bin/sh\ncase "$*" in *TERMINALS*) echo "%s" >&2; exit 0 ;; esac\n%s\n' "$1" "$2" \
        >fake/gnuplot
    chmod +x fake/gnuplot
}
all='5.4
 svg pdfcairo pngcairo cairolatex '
with_fake() {
    expect 3 "$1" env PATH="$work/fake:$PATH" "$midl" plot spread --db real.db --out old \
        --format svg,pdf
    grep -q '^old$' old/spread.svg || say "replaced by a gnuplot that failed: $1"
    nothing_left old
}
fake_gnuplot "$all" 'echo "<svg>half" >spread.svg'
with_fake 'could not finish spread.svg: it did not become whole'
fake_gnuplot "$all" 'exit 0'
with_fake 'could not finish spread.svg: it did not become whole'
fake_gnuplot "$all" 'kill -9 $$'
with_fake 'signal 9'
fake_gnuplot "$all" 'exit 1'
with_fake 'it gave no reason'
fake_gnuplot '5.4
 svg pngcairo ' ''
with_fake 'without terminal pdfcairo'
fake_gnuplot '4.6
 svg pdfcairo ' ''
with_fake 'too old'

# One that hangs is ended by a request to stop.
fake_gnuplot "$all" "echo >'$work/hangs'; exec sleep 600"
env --default-signal=INT PATH="$work/fake:$PATH" "$midl" plot spread --db real.db --out old >hung 2>&1 &
process=$!
until [ -f hangs ] || ! kill -0 $process; do sleep 0.05; done
kill -INT $process
wait $process
[ $? -eq 3 ] || say "a plot with a gnuplot that hangs isn't interrupted: $(cat hung)"

[ $failures -eq 0 ] || exit 1
