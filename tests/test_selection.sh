#!/bin/sh
# test_selection.sh MIDL QUERY - `midl select` into a database of its own, read back by SQL: what is
# stored, that no figure or query of layers sees it, and what is refused.
set -u
midl=$1
query=$2
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
db=$folder/a.db
faults=0

complain() {
    echo "FAULT: $*"
    faults=$((faults + 1))
}

# equals WHAT GOT EXPECTED
equals() {
    [ "$2" = "$3" ] || complain "$1: '$2', expected '$3'"
}

sql() {
    equals "$1" "$("$query" "$db" "$1")" "$2"
}

# refused WORDS ARGUMENTS...: status 2, and one line on standard error that holds WORDS
refused() {
    words=$1
    shift
    "$midl" select "$@" --db "$folder/refused.db" >"$folder/out" 2>"$folder/err"
    equals "exit status of midl select $*" "$?" 2
    equals "lines of standard error of $*" "$(wc -l <"$folder/err")" 1
    grep -q -- "$words" "$folder/err" || complain "'$words' is not in: $(cat "$folder/err")"
    [ ! -e "$folder/refused.db" ] || complain "$* made a database"
}

"$midl" select --n 100,200 --active 0.1,0.45 --fill normal,two --batch 3 --seed 5 --target 50% \
    --budget 1ms --db "$db" >"$folder/out" 2>"$folder/err"
equals "exit status" "$?" 0
grep -q "introselect" "$folder/out" || complain "no table: $(cat "$folder/out")"
sql "SELECT status || suite || seed FROM runs" finishedselect5
sql "SELECT count(*) FROM points" 0
sql "SELECT count(DISTINCT shape_key) FROM selections" 8
sql "SELECT count(*) FROM selections WHERE kernel IN ('introselect', 'heap', 'radix', 'sort')" 32
sql "SELECT count(*) > 0 FROM selections WHERE kernel = 'topk' AND isa = 'portable'" 1
sql "SELECT count(*) FROM selections WHERE status NOT IN ('ok', 'noisy') OR samples < 10" 0
sql "SELECT count(*) FROM selections WHERE batch <> 3 OR k NOT IN (10, 20, 45, 90)" 0
sql "SELECT count(*) FROM selections WHERE NOT (0 < time_lo_ns AND time_lo_ns <= time_ns
    AND time_ns <= time_hi_ns AND abs(ns_per_value * 3 * n / time_ns - 1) < 1e-9)" 0
sql "SELECT count(*) FROM selections WHERE kernel = 'introselect' AND speedup = 1" 8

"$midl" plot select --db "$db" --out "$folder" >"$folder/out" 2>"$folder/err"
equals "exit status of midl plot select" "$?" 0
grep -q "introselect" "$folder/select.svg" || complain "no method in the figure"
equals "panels" "$(grep -c '^panel' "$folder/select.tsv")" 4
"$midl" plot latency --db "$db" --out "$folder" >"$folder/out" 2>"$folder/err"
equals "exit status of a figure of layers" "$?" 4

refused "must be of normal" --fill norma
refused "active" --active 1.5
refused "above 0" --active 0.45,0

# What a select that was killed leaves is interrupted when the next begins.
"$midl" select --n 4096 --budget 60s --target 0.001% --quiet --db "$db" >"$folder/out" 2>&1 &
killed=$!
while [ "$("$query" "$db" "SELECT count(*) FROM runs WHERE status = 'running'")" = 0 ]; do
    kill -0 $killed 2>/dev/null || { complain "select ended by itself: $(cat "$folder/out")"; break; }
    sleep 0.1
done
kill -9 $killed
wait $killed 2>"$folder/err"
sql "SELECT count(*) FROM runs WHERE status = 'running'" 1
"$midl" select --n 64 --active 0.001 --budget 1ms --target 50% --quiet --db "$db" 2>"$folder/err"
sql "SELECT group_concat(status) FROM runs" finished,interrupted,finished
sql "SELECT DISTINCT k FROM selections WHERE n = 64" 1
refused "budget" --budget soon
refused "unexpected argument" normal

[ "$faults" -eq 0 ] || exit 1
echo "selection: all as expected"
