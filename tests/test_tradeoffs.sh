#!/bin/sh
# test_tradeoffs.sh MIDL QUERY - accuracy next to measured time: a model trained, converted and swept,
# its layers and the whole network, and the view that joins both. Bad input gets one line.
set -u
midl=$1
query=$2
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
faults=0
db=$folder/t.db
TMPDIR=$folder
export TMPDIR

complain() {
    echo "FAULT: $*"
    faults=$((faults + 1))
}

# sql QUESTION ANSWER
sql() {
    got=$("$query" "$db" "$1")
    [ "$got" = "$2" ] || complain "$1: '$got', expected '$2'"
}

# refuses STATUS PATTERN ARGUMENTS...: one line on standard error that matches.
refuses() {
    expected=$1
    pattern=$2
    shift 2
    "$midl" "$@" >"$folder/out" 2>"$folder/err"
    got=$?
    [ $got -eq "$expected" ] || complain "$*: exit status $got, expected $expected"
    [ "$(wc -l <"$folder/err")" -eq 1 ] && grep -q -- "$pattern" "$folder/err" ||
        complain "$*: said '$(cat "$folder/err")', expected '$pattern'"
}

if "$midl" train teacher --method converted --network 8 --epochs 0.1 --train-size 50 --quiet --db "$folder/tried.db" 2>&1 |
    grep -q 'built without OpenBLAS'; then
    echo 'skipped: built without OpenBLAS'
    exit 77
fi
"$midl" train teacher --method dense,converted,low-rank,dense-narrow --active 0.45 --epochs 0.5 --seed 1,2 --quiet \
    --db "$db" --save "$folder/models" || complain "training failed"
model=$folder/models/teacher-converted-a0.45-seed1.safetensors
[ -f "$model" ] || complain "no $model: $(ls "$folder/models")"
dense=$folder/models/teacher-dense-a0.45-seed1.safetensors

sweep="sweep --model $model --data teacher --batch 1,4 --budget 50ms --target 50% --kernel linear-rows,simd,masked"
"$midl" $sweep --db "$db" --parts --json >"$folder/json" 2>/dev/null || complain "the sweep failed"
sql "SELECT status FROM runs ORDER BY run_id DESC LIMIT 1" finished
sql "SELECT count(*) FROM networks" 10
sql "SELECT count(*) FROM networks WHERE status NOT IN ('ok', 'noisy')" 0
sql "SELECT group_concat(method) FROM (SELECT DISTINCT method FROM networks ORDER BY method)" \
    "converted,dense,dense-narrow,low-rank"
sql "SELECT count(*) FROM networks WHERE NOT (replaced_share < 1) OR dataset <> 'teacher'" 0
sql "SELECT count(*) > 0 FROM points WHERE scope = 'network'" 0
sql "SELECT count(DISTINCT scope) > 0 AND count(*) = sum(layer LIKE '%#classifier%' OR layer = 'random') FROM points" 1
sql "SELECT count(*) FROM points WHERE method = 'low-rank' AND kernel = 'low-rank' AND abs(flops_ratio - 1) < 0.1" 0
# Parts of the fastest MID-L call of each layer and batch; what is left over is the full path.
sql "SELECT group_concat(part) FROM (SELECT DISTINCT part FROM parts ORDER BY part)" "all,full,gate,light,select"
sql "SELECT count(*) FROM parts WHERE NOT (time_lo_ns <= time_ns AND time_ns <= time_hi_ns)" 0
sql "SELECT count(DISTINCT p.shape_key) = count(DISTINCT p.point_id) AND count(*) = 5 * count(DISTINCT p.point_id)
     FROM parts JOIN points p USING (point_id) WHERE NOT linear" 1
# The join: every method by network and layer, two seeds each, times per input.
sql "SELECT group_concat(DISTINCT seeds) FROM tradeoffs" 2
sql "SELECT group_concat(method) FROM (SELECT DISTINCT method FROM tradeoffs WHERE scope = 'network' ORDER BY method)" \
    "converted,dense,dense-narrow,low-rank"
sql "SELECT count(*) FROM tradeoffs WHERE NOT (accuracy_lo <= accuracy AND accuracy <= accuracy_hi)
     OR NOT (time_lo_ns <= time_ns AND time_ns <= time_hi_ns) OR NOT memory_bytes > 0" 0
sql "SELECT count(*) FROM tradeoffs t JOIN networks n USING (point_id) WHERE abs(t.time_ns * t.batch / n.time_ns - 1) > 1e-9" 0
sql "SELECT count(*) FROM tradeoffs WHERE method = 'dense' AND (active <> 1 OR k IS NOT NULL OR flops_ratio <> 1)" 0
sql "SELECT count(*) > 0 FROM tradeoffs WHERE method = 'converted' AND abs(active - 0.45) < 0.01 AND flops_ratio > 1.5" 1

# Interrupted, it goes on where it was, wherever its temporary files are then.
mkdir "$folder/another place"
env --default-signal=INT "$midl" $sweep --batch 1 --db "$folder/r.db" --quiet >"$folder/out" 2>&1 &
child=$!
until [ "$("$query" "$folder/r.db" "SELECT count(*) > 0 FROM points" 2>/dev/null)" = 1 ] || ! kill -0 $child 2>/dev/null; do
    sleep 0.05
done
kill -INT $child 2>/dev/null
wait $child
case $? in
0) ;; # it had come to its end
4) TMPDIR="$folder/another place" "$midl" $sweep --batch 1 --db "$folder/r.db" --quiet --resume || complain "resuming failed" ;;
*) complain "interrupted: $(cat "$folder/out")" ;;
esac
db=$folder/r.db
sql "SELECT group_concat(status) FROM runs" finished
sql "SELECT count(*) FROM networks" 5
db=$folder/t.db
grep -q '"scope":"network"' "$folder/json" || complain "no network in --json"
ls -d "$TMPDIR"/midl-sweep-* >/dev/null 2>&1 && complain "a temporary folder was left"

refuses 2 "midl convert" sweep --model "$dense" --data teacher --db "$db"
refuses 2 "no-such" sweep --model "$model" --data no-such --db "$db"
refuses 2 "the model takes" sweep --model "$model" --data clusters --db "$db"
refuses 2 "the model brings it" sweep --model "$model" --n 64 --db "$db"
refuses 2 "don't go together" sweep smoke --model "$model" --db "$db"
refuses 2 "batch" sweep --model "$model" --batch 0 --db "$db"
refuses 2 "batch" sweep --model "$model" --batch 1,,2 --db "$db"
refuses 2 "none.safetensors" sweep --model "$folder/none.safetensors" --db "$db"
: >"$folder/empty.safetensors"
refuses 2 "empty.safetensors" sweep --model "$folder/empty.safetensors" --db "$db"
refuses 2 "--data names" convert --model "$dense" --data clusters --output "$folder/x.safetensors"

[ $faults -eq 0 ]
