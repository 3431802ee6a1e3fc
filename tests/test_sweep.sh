#!/bin/sh
# test_sweep.sh MIDL QUERY - whole sweeps into databases of their own, read back by SQL. Asserts what
# is stored and said, never how long anything took.
set -u
export COLUMNS=200 # wide enough for all columns of the tables
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

# sql DATABASE SELECT EXPECTED
sql() {
    equals "$2" "$("$query" "$1" "$2")" "$3"
}

# run STATUS ARGUMENTS...: midl sweep ARGUMENTS ends with that status; its words in out and err
run() {
    expected=$1
    shift
    "$midl" sweep "$@" >"$folder/out" 2>"$folder/err"
    equals "exit status of midl sweep $*" "$?" "$expected"
}

# refused STATUS WORDS ARGUMENTS...: that status, and one line on standard error that holds WORDS
refused() {
    expected=$1
    words=$2
    shift 2
    run "$expected" --quiet "$@"
    equals "lines of standard error of $*" "$(wc -l <"$folder/err")" 1
    grep -q -- "$words" "$folder/err" || complain "'$words' is not in: $(cat "$folder/err")"
}

quick="--counters none --target 50% --budget 5ms"
# Two yardsticks, where the second is in this build.
second=linear
"$midl" list kernels | grep -q '^linear .*(generic)' && second=dense-rows
kernels="--kernel $second,linear-rows,masked,simd-portable"

# One sweep: two shapes of four kernels.
run 0 --n 32,48 $kernels $quick --db "$db"
sql "$db" "SELECT group_concat(status) FROM runs" finished
sql "$db" "SELECT count(*) FROM points" 8
sql "$db" "SELECT count(DISTINCT shape_key) FROM points" 2
sql "$db" "SELECT count(*) FROM points WHERE status NOT IN ('ok', 'noisy')" 0
sql "$db" "SELECT count(*) FROM points WHERE (status = 'ok') = (reason IS NOT NULL)" 0
sql "$db" "SELECT count(*) FROM points WHERE samples < 10" 0
sql "$db" "SELECT count(*) FROM points WHERE NOT (0 < time_lo_ns AND time_lo_ns <= time_ns
    AND time_ns <= time_hi_ns AND bound_ratio > 0 AND error_ratio <= 1 AND plan_ns > 0)" 0
sql "$db" "SELECT count(*) FROM points WHERE n NOT IN (32, 48) OR d <> n OR rank <> 1" 0
sql "$db" "SELECT count(*) FROM points WHERE linear AND speedup = 1 AND yardstick = kernel" 2
sql "$db" "SELECT count(*) FROM points WHERE speedup IS NULL" 0
sql "$db" "SELECT count(*) FROM points WHERE linear AND flops_ratio <> 1" 0
sql "$db" "SELECT min(value) > 0 AND count(*) >= 2 FROM ceilings" 1
sql "$db" "SELECT count(*) FROM (SELECT 1 FROM samples s JOIN points p USING (point_id)
    GROUP BY shape_key, round HAVING group_concat(DISTINCT position) IS NULL
    OR count(DISTINCT position) <> 4 OR max(position) <> 3)" 0
sql "$db" "SELECT count(*) FROM (SELECT 1 FROM samples s JOIN points p USING (point_id)
    GROUP BY point_id HAVING min(placement) <> 0 OR max(placement) <> placements - 1
    OR count(reference_ns) <> count(*) OR regimes NOT IN (1, 2))" 0

# Memory, processors, and where the time went: parts that make up the whole.
sql "$db" "SELECT count(*) FROM environment
    WHERE name IN ('pinning', 'first_touch', 'alignment', 'pages') AND value <> ''" 4
sql "$db" "SELECT count(*) = 8 AND abs(2 * max(value + 0) - sum(value)) < 0.01 AND min(value + 0) >= 0
    FROM environment WHERE name LIKE 'seconds_%'" 1
equals "where the time went" "$(grep -c 's: measuring .* s, counting .* s, other than that' "$folder/out")" 1
equals "tables" "$(grep -c 'promised' "$folder/out")" 2
equals "plans in tables" "$(grep -c -E "^  ($second|linear-rows|masked|simd-portable) .*x +[0-9.]+ (ns|µs|ms) +[0-9.]+ [kM]?B  " "$folder/out")" 8
equals "rows of tables" "$(grep -c -E "^  ($second|linear-rows|masked|simd-portable) " "$folder/out")" 8
first=$("$query" "$db" "SELECT total(time_ns) || ' ' || total(speedup) FROM points")

# A second one appends and leaves the first as it was. JSON: an object a point, and nothing else.
run 0 --n 32 $kernels $quick --db "$db" --json
equals "JSON lines" "$(wc -l <"$folder/out")" 4
equals "JSON objects" "$(grep -c '^{"run_id":2,.*"kernel":.*}$' "$folder/out")" 4
sql "$db" "SELECT count(*) FROM runs WHERE status = 'finished'" 2
sql "$db" "SELECT count(*) FROM points WHERE run_id = 2" 4
sql "$db" "SELECT total(time_ns) || ' ' || total(speedup) FROM points WHERE run_id = 1" "$first"
sql "$db" "SELECT argv FROM runs WHERE run_id = 2" \
    "midl sweep --n 32 $kernels $quick --db $db --json"

# A suite, an axis replaced; --quiet says nothing.
printf '[suite]\nquestion = does it run?\ntarget = 50%%\nbudget = 5 ms\ncounters = none\n[sweep]\nn = 16\nkernel = masked\n' \
    >"$folder/own.suite"
run 0 "$folder/own.suite" --batch 1,3 --db "$db" --quiet
equals "words of --quiet" "$(cat "$folder/out" "$folder/err")" ""
sql "$db" "SELECT group_concat(batch || ' ' || suite) FROM points WHERE run_id = 3" "1 own,3 own"
sql "$db" "SELECT count(*) FROM points WHERE run_id = 3 AND speedup IS NOT NULL" 0

# For Google Benchmark's tools: every sample a row; interrupted and resumed, all of the run.
json_rows() {
    equals "$1: samples in the JSON" "$(grep -c '"run_type": "iteration".*"real_time"' "$folder/gb.json")" \
        "$("$query" "$folder/gb.db" "SELECT count(*) FROM samples")"
    equals "$1: the JSON's end" "$(tail -n 1 "$folder/gb.json")" "}"
    command -v jq >/dev/null || return 0
    equals "$1: aggregates" "$(jq '[.benchmarks[] | select(.run_type == "aggregate")] | length' "$folder/gb.json")" \
        $((4 * $("$query" "$folder/gb.db" "SELECT count(*) FROM points")))
}
axes="--n 16:512:16 --kernel masked,linear-rows $quick --quiet --db $folder/gb.db"
"$midl" sweep $axes --gbench-json "$folder/gb.json" >/dev/null 2>&1 &
child=$!
until [ "$("$query" "$folder/gb.db" "SELECT count(*) > 0 FROM points" 2>/dev/null)" = 1 ] || ! kill -0 $child 2>/dev/null; do
    sleep 0.1
done
kill -INT $child 2>/dev/null
wait $child
json_rows interrupted
run 0 $axes --gbench-json "$folder/gb.json" --resume
json_rows resumed
cores=$("$query" "$folder/gb.db" "SELECT value FROM environment WHERE name = 'cores'")
grep -q "\"num_cpus\": $cores\b" "$folder/gb.json" || complain "num_cpus is not $cores: $(head -12 "$folder/gb.json")"
run 2 --n 16 --kernel masked $quick --db "$folder/gb.db" --gbench-json "$folder/gb.db"
run 2 --n 16 --kernel masked $quick --db "$folder/gb.db" --gbench-json "$folder/nowhere/gb.json"

# A made layer by name, with masks of its own.
run 0 --n 64 --batch 16 --layer random,skewed --kernel masked $quick --db "$folder/masks.db"
sql "$folder/masks.db" "SELECT group_concat(layer) FROM points" random,skewed
sql "$folder/masks.db" "SELECT a.distinct_rows > b.distinct_rows FROM points a, points b
    WHERE a.layer = 'random' AND b.layer = 'skewed'" 1

# What a variant can't do is a row with a reason; with nothing else in the sweep there is no answer.
refused 4 "nothing was measured" --n 8 --d 8 --kernel masked --cache cold $quick --db "$db"
sql "$db" "SELECT status || (reason LIKE '%copies%') FROM points WHERE run_id = 4" skipped1

# A dry run lists the points and makes no database.
run 0 --n 32,48 $kernels --dry-run --db "$folder/none.db"
equals "points of a dry run" "$(grep -c ' d=' "$folder/out")" 8
[ ! -e "$folder/none.db" ] || complain "a dry run made a database"

# Refusals: one line, the right status, nothing made or changed.
refused 2 "nothing to measure"
refused 2 "no-such-suite" no-such-suite
refused 2 "unexpected argument" quick surplus
refused 2 "not a whole number" --n 4x --db "$folder/none.db"
refused 2 "did you mean" --n 16 --bath 3 --db "$folder/none.db"
refused 2 "k = 17" --n 16 --k 17 --db "$folder/none.db"
[ ! -e "$folder/none.db" ] || complain "a refused sweep made a database"
refused 2 "$folder/missing/too" --n 16 --db "$folder/missing/too/a.db"
refused 2 "folder" --n 16 --db "$folder"
echo "not a database, whatever its name" >"$folder/text.db"
refused 2 "text.db" --n 16 --db "$folder/text.db"
equals "a text file" "$(cat "$folder/text.db")" "not a database, whatever its name"
sql "$db" "SELECT count(*) FROM runs" 4

# A disk that fills up in the middle, wherever that is: one line, status 3, what was stored stays,
# and --resume completes the run. Sizes are in blocks of 512 bytes or 1 KiB, as the shell has it; how
# many a run takes depends on how many samples there is time for.
partly=0
blocks=100
while [ $partly -lt 2 ]; do
    blocks=$((blocks + blocks / 4))
    full=$folder/full$blocks.db
    axes="--n 8:128:8 --kernel masked,linear-rows $quick --quiet"
    (
        trap '' XFSZ
        ulimit -f $blocks
        exec "$midl" sweep $axes --db "$full"
    ) >"$folder/out" 2>"$folder/err"
    status=$?
    [ $status -eq 0 ] && break
    equals "exit status on a full disk" $status 3
    equals "lines on a full disk" "$(wc -l <"$folder/err")" 1
    [ -s "$full" ] || continue
    [ "$("$query" "$full" "SELECT count(*) FROM runs" 2>&1)" = 1 ] || continue
    sql "$full" "SELECT integrity_check FROM pragma_integrity_check" ok
    before=$("$query" "$full" "SELECT count(*) FROM points")
    [ "$before" -gt 0 ] && partly=$((partly + 1))
    equals "half a shape" $((before % 2)) 0
    sum="SELECT total(time_ns) FROM (SELECT * FROM points ORDER BY point_id LIMIT $before)"
    times=$("$query" "$full" "$sum")
    run 0 $axes --db "$full" --resume
    sql "$full" "SELECT count(*) FROM runs" 1
    sql "$full" "SELECT count(*) FROM points" 32
    sql "$full" "$sum" "$times"
done
[ $partly -gt 0 ] || complain "no disk was full in the middle of a run"

echo "$faults faults"
[ $faults -eq 0 ]
