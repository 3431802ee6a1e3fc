#!/bin/sh
# test_train.sh MIDL QUERY [KILLS] - `midl train`: killed at random moments (kill -9) and resumed it comes to
# the same model, bit for bit; the same for other numbers of threads; bad input gets one line.
set -u
midl=$1
query=$2
kills=${3:-8}
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
faults=0
seed=1

complain() {
    echo "FAULT: $*"
    faults=$((faults + 1))
}

# A number in 0..$1-1, the same for the same seed.
random() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    drawn=$((seed / 65536 % $1))
}

# refuses STATUS PATTERN ARGUMENTS...: one line on standard error that matches.
refuses() {
    expected=$1
    pattern=$2
    shift 2
    "$midl" train "$@" --db "$folder/bad.db" >"$folder/out" 2>"$folder/err"
    got=$?
    [ $got -eq "$expected" ] || complain "train $*: exit status $got, expected $expected"
    [ "$(wc -l <"$folder/err")" -eq 1 ] && grep -q -- "$pattern" "$folder/err" ||
        complain "train $*: said '$(cat "$folder/err")', expected '$pattern'"
}

# ---- Order: what starts from one network stands together, from whichever sections

cat >"$folder/order.suite" <<'EOF'
[suite]
question = in which order?
[train dense]
dataset = teacher
method = dense
seed = 1:2
[train converted]
dataset = teacher
method = converted,converted-random
active = 0.2,0.45
seed = 1:2
EOF
order=$("$midl" train "$folder/order.suite" --dry-run | sed 's/.*method=\([a-z-]*\) seed=\([0-9]*\).*/\2 \1/' | uniq | tr '\n' ',')
[ "$order" = "1 dense,1 converted,1 converted-random,2 dense,2 converted,2 converted-random," ] ||
    complain "the order is $order"

# ---- Killed and resumed

# Each time at another moment of the time that this machine takes: where a training came to its end
# before it was killed, the next are killed in half the time.
most=400

train="train teacher --method midl --epochs 0.5 --quiet"
"$midl" $train --db "$folder/whole.db" --save "$folder/whole.safetensors" || complain "training failed"
"$midl" $train --db "$folder/two.db" --save "$folder/two.safetensors" --threads 2 || complain "training by two threads failed"
cmp "$folder/whole.safetensors" "$folder/two.safetensors" || complain "two threads come to another model"

stopped=0
tries=0
while [ $stopped -lt "$kills" ] && [ $tries -lt $((4 * kills + 20)) ]; do
    tries=$((tries + 1))
    "$midl" $train --db "$folder/killed.db" --save "$folder/killed.safetensors" --checkpoint 0.02 --resume >"$folder/out" 2>&1 &
    child=$!
    random $most
    sleep 0.$(printf %03d "$drawn")
    kill -KILL $child 2>/dev/null
    wait $child 2>/dev/null
    status=$?
    case $status in
    137) stopped=$((stopped + 1)) ;;
    0) # it came to its end: another one begins
        [ $most -lt 4 ] || most=$((most / 2))
        cmp "$folder/whole.safetensors" "$folder/killed.safetensors" || complain "resumed after $stopped kills it comes to another model"
        rm -rf "$folder/killed.db"* "$folder/killed.safetensors"
        ;;
    *) complain "exit status $status: $(cat "$folder/out")" ;;
    esac
done
[ $stopped -eq "$kills" ] || complain "only $stopped trainings were stopped before their end"
"$midl" $train --db "$folder/killed.db" --save "$folder/killed.safetensors" --checkpoint 0.02 --resume || complain "the last training failed"
cmp "$folder/whole.safetensors" "$folder/killed.safetensors" || complain "resumed after $stopped kills it comes to another model"
[ "$("$query" "$folder/killed.db" "SELECT count(*) FROM accuracy WHERE split = 'test'")" = 1 ] ||
    complain "the result is not stored once"

# ---- Others' checkpoints stay: of a training that was killed, or goes on beside this one

"$midl" train teacher --epochs 50 --quiet --db "$folder/beside.db" --checkpoint 0.01 >"$folder/out" 2>&1 &
child=$!
until ls "$folder/beside.db.checkpoints/"*.safetensors >/dev/null 2>&1 || ! kill -0 $child; do sleep 0.02; done
kill -KILL $child
wait $child 2>/dev/null
"$midl" train teacher --network 8 --epochs 0.1 --train-size 100 --test-size 50 --quiet --db "$folder/beside.db" ||
    complain "a training beside a checkpoint failed"
[ "$(ls "$folder/beside.db.checkpoints" | wc -l)" -eq 1 ] || complain "another's checkpoint is gone"
for file in "$folder/beside.db.checkpoints/"*; do
    head -c 1000 "$file" >"$folder/cut" && mv "$folder/cut" "$file"
done
"$midl" train teacher --epochs 50 --quiet --db "$folder/beside.db" --resume >"$folder/out" 2>&1
[ $? -eq 2 ] && grep -q 'safetensors: .*remove it to start anew' "$folder/out" ||
    complain "a checkpoint that is cut off: $(cat "$folder/out")"

# ---- What is the same, and what only has the same name

printf 'The quick brown fox jumps over the lazy dog, and so does the next one. %.0s' 1 2 3 4 5 >"$folder/a.txt"
printf 'Sphinx of black quartz, judge my vow: pack it with five dozen jugs. %.0s' 1 2 3 4 5 >"$folder/b.txt"
for text in a b a; do
    "$midl" train text --text "$folder/$text.txt" --network 'embed2 8' --epochs 0.1 --quiet --resume \
        --db "$folder/text.db" || complain "training on $text.txt failed"
done
[ "$("$query" "$folder/text.db" "SELECT count(*) FROM accuracy WHERE split = 'test'")" = 2 ] ||
    complain "two texts are not two results"
"$midl" train teacher --network 8 --epochs 0.1,0.2 --train-size 100 --test-size 50 --quiet \
    --db "$folder/names.db" --save "$folder/names" || complain "training two alike failed"
[ "$(ls "$folder/names" | wc -l)" -eq 2 ] || complain "one model replaced another: $(ls "$folder/names")"
"$midl" train teacher --network 32 --method converted --epochs 0.1 --train-size 100 --test-size 50 --json \
    --db "$folder/json.db" >"$folder/json" 2>"$folder/err" || grep -q 'built without OpenBLAS' "$folder/err" ||
    complain "training with --json failed: $(cat "$folder/err")"
grep -q '"epoch_s":null' "$folder/json" || grep -q 'built without OpenBLAS' "$folder/err" ||
    complain "no JSON: $(cat "$folder/json")"

# ---- Bad input

refuses 2 "moon" moon
refuses 2 "dence" teacher --method dence
refuses 2 "active" teacher --method midl --active 2
refuses 2 "epochs" teacher --epochs none
refuses 2 "multiply" teacher --seeds 100000 --batch 1:64
refuses 2 "more than 10000" teacher --seeds 10001
refuses 2 "cannot write" teacher --save "$folder/none/a.safetensors"
refuses 2 "is not a folder" teacher --save "$folder/a.txt"
refuses 2 "would replace" text --save "$folder/a.txt" --text "$folder/a.txt"
refuses 2 "which is not asked" teacher --text "$folder/a.txt"
refuses 2 "data set mnist: not in" teacher,mnist --data "$folder" # before the first is trained
[ ! -e "$folder/bad.db" ] || complain "what was refused has a database"
refuses 1 "finite" teacher --rate 900 --optimiser sgd --epochs 1 --quiet

echo "$stopped of $tries trainings killed, $faults faults"
[ $faults -eq 0 ]
