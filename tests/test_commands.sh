#!/bin/sh
# test_commands.sh MIDL - the command line: usage, unknown words, exit statuses, `midl list`.
set -u
export COLUMNS=400 # of the lines that are looked for; what is wider is broken
midl=$1
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
unset MIDL_DATA MIDL_ISA
failures=0

[ -x "$midl" ] || { echo "no program $midl" >&2; exit 1; }
command -v sqlite3 >/dev/null || echo "no sqlite3: columns and JSON are not compared"

complain() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# expect STATUS ARGUMENTS...: runs midl; output in $folder/out and $folder/err.
expect() {
    status=$1
    shift
    "$midl" "$@" >"$folder/out" 2>"$folder/err"
    got=$?
    [ $got -eq "$status" ] || complain "midl $*: exit status $got, expected $status"
}

# A command that fails: nothing on standard output, one line on standard error, this one.
refuses() {
    line=$1
    shift
    expect 2 "$@"
    [ -s "$folder/out" ] && complain "midl $*: wrote to standard output"
    [ "$(cat "$folder/err")" = "$line" ] ||
        complain "midl $*: said '$(cat "$folder/err")', expected '$line'"
    [ "$(wc -l <"$folder/err")" -eq 1 ] || complain "midl $*: not one line"
}

# A command that succeeds, with a line that matches the pattern.
prints() {
    pattern=$1
    shift
    expect 0 "$@"
    grep -q -- "$pattern" "$folder/out" || complain "midl $*: no line matches '$pattern'"
    [ -s "$folder/err" ] && complain "midl $*: wrote to standard error"
}

# ---- midl itself

refuses "midl: no command given; midl --help lists the commands"
refuses "midl: unknown command lsit (did you mean list?); midl --help lists the commands" lsit
refuses "midl: unknown command frobnicate; midl --help lists the commands" frobnicate
refuses "midl: unknown command ; midl --help lists the commands" ""
refuses "midl: unknown command --json; midl --help lists the commands" --json
refuses "midl: unknown command ?[2J; midl --help lists the commands" "$(printf '\033[2J')"
refuses "midl: unknown command frobnicate; midl --help lists the commands" help frobnicate
export MIDL_ISA=sse9
refuses "midl: MIDL_ISA is 'sse9', which is no instruction set that can run here; take one that \`midl info\` lists" list kernels
MIDL_ISA=portable
prints '^simd .*(avx512)' list kernels
unset MIDL_ISA

prints '^usage: midl COMMAND' --help
prints '^  list  *kernels' -h
prints '^Exit status: 0 done' help
prints '^midl [0-9][0-9]*\.[0-9][0-9]*\.[0-9]' --version
prints '^  dense  *hidden layers as they are$' train --help
prints '^usage: midl list ' help list
"$midl" --help | grep -q count-one && complain "the hidden command is in the help"

# Every command of the help explains itself and takes no unknown option.
commands=$("$midl" --help | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p')
for command in $commands; do
    prints "^usage: midl $command" "$command" --help
    prints '^  --help  *print this and stop' "$command" -h
    refuses "midl $command: unknown option --frobnicate (--help lists the options)" \
        "$command" --frobnicate
done
[ "$(echo $commands | wc -w)" -ge 2 ] || complain "the help lists no commands"

# ---- midl list

refuses "midl list: list what? kernels, suites, axes, figures, metrics, counters or datasets" list
refuses "midl list: no list of kernles (did you mean kernels?): kernels, suites, axes, figures, metrics, counters or datasets" \
    list kernles
refuses "midl list: unexpected argument more (--help shows the usage)" list kernels more
refuses "midl list: unknown option --jsn: did you mean --json?" list kernels --jsn
refuses "midl list: option --json takes no argument" list kernels --json=1

prints '^name  *dtype  *instruction sets' list kernels
prints '^masked  *f32 bf16 int8  *generic  *row by row' list kernels
prints '^simd  *f32 bf16 int8  *.*portable' list kernels
[ "$(grep -c '^simd ' "$folder/out")" -eq 1 ] || complain "simd has not one line"
# Nothing is wider than the terminal.
for columns in 80 50; do
    for list in kernels suites axes figures metrics counters datasets; do
        COLUMNS=$columns "$midl" list $list >"$folder/out" 2>"$folder/err" || complain "list $list"
        wide=$(LC_ALL=C.UTF-8 awk -v most=$columns 'length($0) > most' "$folder/out" | head -1)
        [ -z "$wide" ] || complain "list $list: wider than $columns: $wide"
    done
    COLUMNS=$columns "$midl" info >"$folder/out" 2>"$folder/err" || complain "info"
    wide=$(LC_ALL=C.UTF-8 awk -v most=$columns 'length($0) > most' "$folder/out" | head -1)
    [ -z "$wide" ] || complain "info: wider than $columns: $wide"
done
head -1 "$folder/out" | grep -q '^WARNINGS' || complain "info doesn't begin with its warnings"
prints '^masked ' list kernels
grep -q ' $' "$folder/out" && complain "midl list kernels: blanks at the end of a line"
prints '^quick  *[1-9][0-9]*  *does ' list suites
prints '^mnist  .*set MIDL_DATA or --data to the folder that holds mnist/' list suites
[ "$(wc -l <"$folder/out")" -eq $(($(ls "$here"/suites/*.suite | wc -l) + 1)) ] ||
    complain "midl list suites: not a line each"
prints '^points  *time_ns  *ns  ' list metrics
prints '^flops  *flops  ' list counters
flops_here=$(awk '$1 == "flops" {print $3}' "$folder/out")
prints '^gate_rank  *of a lowrank gate; 0: n/32' list axes
prints '^name  *text' list figures
[ "$(wc -l <"$folder/out")" -eq $(($(ls "$here"/plots | grep -c '\.sql$') + 1)) ] ||
    complain "midl list figures: not a line each"

# The list of metrics is the columns of the views: none is missing, none is made up.
if command -v sqlite3 >/dev/null && ls "$here"/results/*.sql >/dev/null; then
    cat "$here/results/schema.sql" >"$folder/all.sql"
    [ -e "$here/results/views.sql" ] && cat "$here/results/views.sql" >>"$folder/all.sql"
    for view in points counters; do
        sqlite3 :memory: ".read $folder/all.sql" \
            "SELECT name FROM pragma_table_info('$view') ORDER BY name" >"$folder/columns"
        "$midl" list metrics | awk -v view=$view '$1 == view {print $2}' | sort >"$folder/listed"
        LC_ALL=C sort -o "$folder/columns" "$folder/columns"
        LC_ALL=C sort -o "$folder/listed" "$folder/listed"
        [ -s "$folder/columns" ] || complain "no columns of view $view"
        cmp -s "$folder/columns" "$folder/listed" ||
            complain "metrics of $view: $(diff "$folder/columns" "$folder/listed" | tr '\n' ' ')"
    done
fi

# JSON parses, and holds what the lines hold.
for list in kernels suites figures metrics counters; do
    expect 0 list $list
    lines=$(($(wc -l <"$folder/out") - 1))
    expect 0 list $list --json
    if command -v sqlite3 >/dev/null; then
        objects=$(sqlite3 :memory: "SELECT json_array_length(readfile('$folder/out'))")
        # Lines of kernels are ideas.
        [ "$list" = kernels ] && objects=$(sqlite3 :memory: "SELECT count(DISTINCT value ->> 'idea')
            FROM json_each(readfile('$folder/out'))")
        [ "$objects" = "$lines" ] || complain "list $list --json: $objects objects, $lines lines"
    fi
done

# A folder of suites of one's own, with a broken one in it.
mkdir "$folder/suites"
printf '[sweep]\nn = 8\nkernel = masked\n' >"$folder/suites/mine.suite"
printf 'rubbish\033[2J\n' >"$folder/suites/broken.suite"
MIDL_SHARE=$folder "$midl" list suites >"$folder/out" 2>"$folder/err" || complain "own suites"
grep -q '^mine  *1$' "$folder/out" || complain "midl list suites: mine is not listed with 1 point"
grep -q '^broken  .*broken.suite:1: neither' "$folder/out" || complain "no reason for broken"

# ---- midl calibrate

refuses "midl calibrate: --dtype f16: expected f32, bf16, int8 or all" calibrate --dtype f16
refuses "midl calibrate: unexpected argument now (--help shows the usage)" calibrate now
MIDL_CALIBRATION= expect 2 calibrate
grep -q "give --output FILE or set MIDL_CALIBRATION" "$folder/err" || complain "calibrate to nowhere"
expect 2 calibrate --output "$folder/no/such/folder/file"
[ "$(wc -l <"$folder/err")" -eq 1 ] || complain "calibrate without a folder: not one line"
prints 'MIDL_CALIBRATION' calibrate --help

# Interrupted: status 4, and what was there stays.
echo old >"$folder/table"
"$midl" calibrate --output "$folder/table" >"$folder/out" 2>"$folder/err" &
calibrating=$!
while [ ! -s "$folder/err" ] && kill -0 $calibrating 2>/dev/null; do sleep 0.1; done
kill -TERM $calibrating
wait $calibrating
got=$?
[ $got -eq 4 ] || complain "interrupted calibrate: exit status $got, expected 4"
grep -q "midl calibrate: interrupted; no calibration written" "$folder/err" ||
    complain "interrupted calibrate: said '$(tail -n 1 "$folder/err")'"
[ "$(cat "$folder/table")" = old ] || complain "interrupted calibrate: the old table is gone"

# A file that isn't one is said in one line, and auto goes on without it.
MIDL_CALIBRATION="$folder/table" "$midl" info --json >"$folder/out" 2>"$folder/err" ||
    complain "info with a damaged calibration"
grep -q "line 1: no calibration" "$folder/err" || complain "a damaged calibration is not told"
grep -q '"calibration":.*built in: ' "$folder/out" || complain "info doesn't tell the calibration"

# ---- Output that can't be written

if [ -c /dev/full ]; then
    for arguments in "list kernels" "list metrics --json" "--help" "--version" "list --help"; do
        # shellcheck disable=SC2086
        "$midl" $arguments >/dev/full 2>"$folder/err"
        got=$?
        [ $got -eq 3 ] || complain "midl $arguments >/dev/full: exit status $got, expected 3"
        grep -q '^midl: cannot write the output: .*\(space\|full\)' "$folder/err" ||
            complain "midl $arguments >/dev/full: said '$(cat "$folder/err")'"
    done
fi
"$midl" list kernels >&- 2>&- || complain "closed streams"

# ---- midl verify --counters: a verdict where FLOPs can be counted, else none, and why

if [ "$flops_here" = no ]; then
    expect 4 verify --counters --quick --kernel masked --quiet
    grep -q "^midl verify: no model can be judged: FLOPs can't be counted: " "$folder/err" ||
        complain "verify --counters doesn't say what was tried: $(cat "$folder/err")"
else
    expect 0 verify --counters --quick --kernel masked --quiet
    grep -q '^masked .* right$' "$folder/out" || complain "verify --counters: no verdict"
fi
expect 4 verify --counters --kernel "simd-$(uname -m | sed 's/x86_64/neon/;s/aarch64/avx2/')" --quiet
refuses "midl verify: --case and --counters don't go together" verify --counters --case 1

[ $failures -eq 0 ] || exit 1
echo "commands: all as expected"
