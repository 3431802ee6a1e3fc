#!/bin/sh
# test_convert.sh MIDL EVAL_FILES - `midl convert --weights` from outside: the layer it writes is read
# by `midl eval`, and all that can go wrong has its exit status and one line.
set -u
export COLUMNS=400 # lines that are looked for are whole
midl=$(realpath "$1") files=$(realpath "$2")
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
failures=0

bad() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

# refused STATUS WORDS OPTIONS...: one line that holds WORDS, and no layer is written.
refused() {
    status=$1 words=$2
    shift 2
    rm -f no
    "$midl" convert "$@" -o no >stdout 2>stderr </dev/null
    got=$?
    [ "$got" -eq "$status" ] || bad "status $got, expected $status: $*: $(head -c 300 stderr)"
    [ "$(wc -l <stderr)" -eq 1 ] || bad "not one line of error: $*: $(head -c 300 stderr)"
    grep -qF -e "$words" stderr || bad "error without '$words': $*: $(head -c 300 stderr)"
    [ ! -e no ] || bad "a layer was written: $*"
}

"$files" make normal shared topk light 100 24 32 8 layer inputs || exit 99
if "$midl" convert --weights layer --prefix full --inputs inputs -o out 2>&1 |
    grep -q 'built without OpenBLAS'; then
    echo 'skipped: built without OpenBLAS'
    exit 77
fi

# ---- What it makes -------------------------------------------------------------------------------

for options in '' '--active 0.2' '--block 16' '--block 8 --active 0.5' '--select threshold' \
    '--margin 0.5' '--gate lowrank' '--rank 24' '--gate-rank 5 --rank 3'; do
    rm -f out
    # shellcheck disable=SC2086 # options are words
    "$midl" convert --weights layer --prefix full --inputs inputs -o out $options >stdout 2>&1 ||
        bad "convert $options: $(cat stdout)"
    for words in 'explained variance' 'positive' 'light path alone' 'low rank'; do
        grep -q "$words" stdout || bad "convert $options does not say '$words'"
    done
    "$midl" eval --layer out --input inputs --output y >stdout 2>&1 ||
        bad "eval of convert $options: $(cat stdout)"
done
"$midl" convert --weights layer --prefix full --inputs inputs -o out --rank 24 --json >stdout ||
    bad '--json'
for key in d n rank k active flops_ratio explained positive error error_light error_low_rank; do
    grep -q "\"$key\":" stdout || bad "--json without $key"
done

# ---- A model -------------------------------------------------------------------------------------

"$midl" train clusters --network '64 32' --epochs 0.5 --train-size 2000 --test-size 500 --db db \
    --save model.safetensors >stdout 2>&1 || bad "train: $(cat stdout)"
for options in '' '--active 0.2 --layer classifier.2' '--block 16' '--select threshold' '--gate lowrank'; do
    rm -f out
    # shellcheck disable=SC2086 # options are words
    "$midl" convert --model model.safetensors -o out $options >stdout 2>&1 ||
        bad "convert --model $options: $(cat stdout)"
    grep -q 'accuracy .* before, .* after' stdout || bad "convert --model $options tells no accuracy"
    head -c 4000 out | grep -q midl-model || bad "convert --model $options wrote no model"
done
"$midl" convert --model model.safetensors -o out --rank 32 --active 0 --layer classifier.2 --json >stdout ||
    bad 'convert --model --json'
before=$(sed 's/.*"accuracy_before":\([0-9.]*\).*/\1/' stdout)
grep -q "\"accuracy\":$before," stdout || bad "a light path of full rank changed the accuracy: $(cat stdout)"
"$midl" convert --model model.safetensors -o out --layer classifier.0 >stdout 2>&1 || bad "one layer: $(cat stdout)"
"$midl" convert --model out -o twice >stdout 2>&1 || bad "the other layer of a converted model"
grep -q '^classifier.2' stdout || bad "not the other layer: $(cat stdout)"

# A layer of a model on the inputs that it meets there.
"$midl" convert --model model.safetensors -o out >stdout 2>&1 || bad "both layers: $(cat stdout)"
for model in model.safetensors out; do
    rm -f met
    "$midl" eval --model $model --inputs-of classifier.2 --output met >stdout 2>&1 &&
        grep -q '1024 inputs of classifier.2, of length 64' stdout || bad "--inputs-of: $(cat stdout)"
done
"$midl" eval --layer out --prefix classifier.2 --input met --output y >stdout 2>&1 ||
    bad "eval of what a layer met: $(cat stdout)"
"$midl" smi --layer out#classifier.2 --inputs met --labels met --count 200 --slices 5 --db met.db --json \
    --quiet >stdout 2>&1 && grep -q '"quantity":.*"L"' stdout || bad "smi of what a layer met: $(cat stdout)"
"$midl" export smi --db met.db >stdout && grep -q ',clusters,' stdout ||
    bad "smi of what a layer met names its data set: $(cat stdout)"
for options in '--inputs-of nosuch --output no' '--inputs-of classifier.2' \
    '--inputs-of classifier.2 --output no --input met' '--inputs-of classifier.2 --output out'; do
    # shellcheck disable=SC2086 # options are words
    "$midl" eval --model out $options >stdout 2>stderr
    [ $? -eq 2 ] && [ "$(wc -l <stderr)" -eq 1 ] || bad "eval --model $options: $(cat stderr)"
    [ ! -e no ] || bad "eval --model $options wrote a file"
done

refused 2 'classifier.0, classifier.2' --model model.safetensors --layer nosuch
refused 2 'none' --model twice
refused 2 'not a model file' --model layer
refused 2 'does not go with --model' --model model.safetensors --inputs inputs
refused 2 'does not go with --weights' --weights layer --prefix full --inputs inputs --data mnist
refused 2 'absent' --model absent

# ---- What can go wrong ---------------------------------------------------------------------------

refused 2 '--prefix may be: full' --weights layer --inputs inputs
refused 2 'no tensor nowhere.weight' --weights layer --prefix nowhere --inputs inputs
refused 2 '--inputs FILE is missing' --weights layer --prefix full
refused 2 'absent' --weights absent --prefix full --inputs inputs
refused 2 'inputs have' --weights layer --prefix light.up --inputs inputs
refused 2 'expected 8 or 16' --weights layer --prefix full --inputs inputs --block 12
refused 2 'not a whole number' --weights layer --prefix full --inputs inputs --rank 1.5
refused 2 '--select' --weights layer --prefix full --inputs inputs --select some
refused 2 '--block is for' --weights layer --prefix full --inputs inputs --block 8 --select topk
refused 2 '--margin is for' --weights layer --prefix full --inputs inputs --margin 1 --select topk
refused 2 '--gate-rank is for' --weights layer --prefix full --inputs inputs --gate shared --gate-rank 2
refused 2 'unexpected argument' --weights layer --prefix full --inputs inputs more
"$files" make nan-weight shared topk light 100 24 32 8 broken inputs || exit 99
refused 2 'not finite' --weights broken --prefix full --inputs inputs
head -c 200 layer >short
refused 2 'short' --weights short --prefix full --inputs inputs
"$midl" convert --weights layer --prefix full --inputs inputs -o layer >stdout 2>stderr
[ $? -eq 2 ] || bad 'the weights were replaced'
grep -q 'would replace' stderr || bad "no word of replacing: $(cat stderr)"

[ "$failures" -eq 0 ] || exit 1
