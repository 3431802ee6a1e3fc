#!/bin/sh
# test_advise.sh MIDL - `midl advise` on a model of the built-in set: an answer with times, intervals and
# the command that makes it, which works. Bad input gets one line.
set -u
export COLUMNS=400 # lines that are looked for are whole
midl=$1
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
faults=0

complain() {
    echo "FAULT: $*"
    faults=$((faults + 1))
}

# refuses STATUS PATTERN ARGUMENTS...: one line on standard error that matches.
refuses() {
    expected=$1
    pattern=$2
    shift 2
    "$midl" advise "$@" >"$folder/out" 2>"$folder/err"
    got=$?
    [ $got -eq "$expected" ] || complain "advise $*: exit status $got, expected $expected"
    [ "$(wc -l <"$folder/err")" -eq 1 ] && grep -q -- "$pattern" "$folder/err" ||
        complain "advise $*: said '$(cat "$folder/err")', expected '$pattern'"
}

"$midl" train teacher --network 48 --epochs 0.5 --seed 1 --quiet --db "$folder/t.db" --save "$folder/model.safetensors" ||
    complain "training failed"
model=$folder/model.safetensors
if "$midl" advise --model "$model" --drop 100 --budget 0.05 --quiet 2>&1 | grep -q 'built without OpenBLAS'; then
    echo 'skipped: built without OpenBLAS'
    exit 77
fi

"$midl" advise --model "$model" --drop 100 --budget 0.05 --held-out 4 --quiet >"$folder/text" || complain "advise failed"
for words in "accuracy at least" "dense  *[0-9.]* us  *1.00x" "low rank  *[0-9.]* us" "MID-L  *[0-9.]* us" \
    "^\(MID-L\|low rank is enough\|keep it dense\)" "predictions within 10 %: [0-4] of 4"; do
    grep -q "$words" "$folder/text" || complain "no '$words' in: $(cat "$folder/text")"
done
[ "$(grep -c "held out:" "$folder/text")" -eq 4 ] || complain "not 4 layers held out"

"$midl" advise --model "$model" --error 1 --batch 4 --budget 0.05 --json >"$folder/json" || complain "--json failed"
grep -q '"verdict":"' "$folder/json" && grep -q '"batch":4' "$folder/json" || complain "no verdict in $(cat "$folder/json")"
for kind in low_rank midl; do
    command=$(sed "s/.*\"$kind\":{[^}]*\"command\":\"midl \([^\"]*\) -o FILE\".*/\1/" "$folder/json")
    "$midl" $command -o "$folder/$kind.safetensors" >/dev/null || complain "its command fails: $command"
done

# Sizes alone: times, and no word of errors.
"$midl" advise --d 48 --n 32 --budget 0.05 --quiet >"$folder/text" || complain "--d --n failed"
grep -q "^  MID-L  *[0-9.]* us.*k/n 0.4" "$folder/text" || complain "no MID-L in: $(cat "$folder/text")"
grep -q "error" "$folder/text" && complain "sizes have no error: $(cat "$folder/text")"

refuses 2 "go together" --d 48
refuses 2 "does not go with --d" --d 48 --n 32 --model "$model"
refuses 2 "does not go with --d" --d 48 --n 32 --error 0.1
refuses 2 "d" --d 4 --n 32
refuses 2 "weights FILE is missing"
refuses 2 "inputs FILE is missing" --weights "$model"
refuses 2 "does not go with" --model "$model" --inputs x
refuses 2 "does not go with" --weights "$model" --inputs x --drop 1
refuses 2 "one of them" --model "$model" --error 0.1 --drop 1
refuses 2 "no hidden plain layer" --model "$model" --layer classifier.9
"$midl" train teacher --network 48 --method midl --epochs 0.1 --seed 1 --quiet --db "$folder/t.db" --save "$folder/midl.safetensors" ||
    complain "training MID-L failed"
refuses 2 "method dense" --model "$folder/midl.safetensors"
refuses 2 "batch" --model "$model" --batch 0
refuses 2 "error" --model "$model" --error -1
refuses 2 "held-out" --model "$model" --held-out many
refuses 2 "no-such" --model "$model" --data no-such
refuses 2 "none" --model "$folder/none"
refuses 2 "unexpected argument" --model "$model" more
[ $faults -eq 0 ]
