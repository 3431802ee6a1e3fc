#!/bin/sh
# test_eval.sh MIDL EVAL_FILES - `midl eval` from outside: every kernel that runs here on every kind of
# layer, judged by the oracle; then all that can go wrong, each with its exit status, one line of
# error and an output file that is still what it was.
set -u
export COLUMNS=400 # lines that are looked for are whole
midl=$(realpath "$1") files=$(realpath "$2")
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
failures=0 checks=0

bad() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

# expect STATUS WORDS COMMAND...: the exit status; if it isn't 0, one line of error that holds WORDS,
# nothing on standard output, `out` as before and no temporary file left.
expect() {
    status=$1 words=$2
    shift 2
    checks=$((checks + 1))
    before=$(cksum <out)
    "$@" >stdout 2>stderr </dev/null
    got=$?
    [ "$got" -eq "$status" ] || bad "status $got, expected $status: $* : $(head -c 300 stderr)"
    if [ "$status" -ne 0 ]; then
        [ "$(wc -l <stderr)" -eq 1 ] || bad "not one line of error: $* : $(head -c 300 stderr)"
        grep -qF -e "$words" stderr || bad "error without '$words': $* : $(head -c 300 stderr)"
        [ ! -s stdout ] || bad "printed something: $*"
        [ "$before" = "$(cksum <out)" ] || bad "the old output changed: $*"
    elif [ -s stderr ]; then
        bad "warned: $* : $(head -c 300 stderr)"
    fi
    [ -z "$(find . -name '.midl-*')" ] || bad "temporary file left: $*"
}

# ---- Every kernel on every kind of layer ---------------------------------------------------------

# Name and dtype of the kernels, split by whether they run here.
COLUMNS=80 "$midl" list kernels >list || exit 99 # a row and its words on lines of their own
# A row: name, data types, instruction sets, those in brackets not here; its words stand below, indented.
awk 'NR > 1 && /^[^ ]/ {
    here = 0
    for (i = 2; i <= NF; i++)
        here += $i !~ /^(f32|bf16|int8)$/ && $i !~ /^\(/
    for (i = 2; i <= NF; i++)
        if ($i ~ /^(f32|bf16|int8)$/)
            print $1, $i >(here ? "here" : "elsewhere")
}' list
touch elsewhere
[ "$(wc -l <here)" -ge 3 ] || bad "midl list kernels lists only $(wc -l <here) that run here"
: >ran

# every_kernel exact|near ROWS LAYER INPUT [OPTIONS]: run them all, then judge their outputs.
every_kernel() {
    accuracy=$1 rows=$2 layer=$3 input=$4
    shift 4
    rm -f result-*
    while read -r kernel dtype; do
        "$midl" eval --layer "$layer" --input "$input" --output "result-$kernel-$dtype" \
            --kernel "$kernel" --dtype "$dtype" --quiet "$@" >stdout 2>stderr </dev/null
        case $? in
        0) echo "$kernel $dtype" >>ran ;;
        2) # not made for this shape: must say so in one line
            [ "$(wc -l <stderr)" -eq 1 ] || bad "$kernel $dtype $layer: $(cat stderr)"
            ;;
        *) bad "$kernel $dtype $layer $*: $(cat stderr)" ;;
        esac
    done <here
    "$files" check "$layer" "$input" "$rows" "$accuracy" result-* 2>stderr ||
        bad "$accuracy $layer $*: $(cat stderr)"
}

for gate in full lowrank shared; do
    for select in topk block threshold; do
        "$files" make integer $gate $select light 13 24 64 16 layer input || bad "making $gate"
        every_kernel exact 13 layer input
        "$files" make normal $gate $select zero 13 24 64 16 layer input || bad "making $gate"
        every_kernel near 13 layer input
    done
done
"$files" make integer lowrank block16 light 130 24 64 32 layer input
every_kernel exact 130 layer input
"$files" make integer lowrank topk light 130 33 97 43 layer input
two="--threads 2"
"$midl" eval --layer layer --input input --output out --kernel masked $two >stdout 2>stderr ||
    two= # built without OpenMP
for options in "--k 0" "--k 97" "--k 1" "--batch 1" "--batch 7" "--batch 1000" "$two" \
    "--unselected zero --k 5" "--select threshold --threshold 0.75" "--select threshold --k 97"; do
    # shellcheck disable=SC2086
    every_kernel exact 130 layer input $options
done
"$files" make normal shared topk light 1 1 1 1 layer1 input1
every_kernel near 1 layer1 input1
"$files" make normal shared topk light 1 4 4 2 layer1 input1
"$midl" eval --layer layer1 --input input1 --output result-1 --kernel masked >stdout
"$files" make normal full topk light 1 4 4 2 layer1 input1
"$files" check layer1 input1 1 near result-1 2>stderr && bad "the judge lets a wrong output pass"
sort -u ran >ran_once
sort -u here | comm -23 - ran_once >never
[ ! -s never ] || bad "kernels that never ran: $(tr '\n' ' ' <never)"

# Chunks and threads change nothing, to the last bit.
for kernel in masked gather simd; do
    grep -q "^$kernel[- ]" here || continue
    for options in "--batch 1" "--batch 7" "--batch 64 $two"; do
        # shellcheck disable=SC2086
        "$midl" eval --layer layer --input input --output result --kernel $kernel $options >stdout
        mv result part
        "$midl" eval --layer layer --input input --output result --kernel $kernel >stdout
        cmp -s result part || bad "$kernel $options: not the same bits"
    done
done

# ---- What it prints ------------------------------------------------------------------------------

: >out
expect 0 - "$midl" eval --layer layer --input input --output out --kernel masked
[ "$(head -n 1 stdout)" = "masked f32: 130 inputs, 33 -> 97, k = 43, active 0.4433 -> out" ] ||
    bad "summary: $(cat stdout)"
tail -n +2 stdout | grep -qx "masks: two inputs share [0-9.]* % of their selections, the most popular third takes \
[0-9.]* %, [0-9.]* % of the neurons are never selected; as alike: layer = skewed:0\.[0-9]*" ||
    bad "masks: $(cat stdout)"
expect 0 - "$midl" sweep --n 97 --d 33 --k 43 --layer "$(sed -n 's/.*layer = //p' stdout)" --dry-run
expect 0 - "$midl" eval --layer layer --input input --output out --kernel linear-rows
grep -qF 'linear-rows f32: 130 inputs, 33 -> 97, k = 97, active 1 -> out' stdout ||
    bad "summary: $(cat stdout)"
expect 0 - "$midl" eval --layer layer --input input --output out --kernel masked --json
for pair in '"kernel":"masked"' '"inputs":130' '"d":33' '"n":97' '"k":43' '"output":"out"'; do
    grep -qF -e "$pair" stdout || bad "no $pair in $(cat stdout)"
done
expect 0 - "$midl" eval --layer layer --input input --output /dev/null
expect 0 - "$midl" eval --help

# idx images as inputs, plain and gzip
"$files" make normal lowrank topk light 1 4 64 16 layer4 input4
printf '\000\000\010\003\000\000\000\002\000\000\000\002\000\000\000\002\000\377\200\001abcd' >idx
expect 0 - "$midl" eval --layer layer4 --input idx --output out
"$files" check layer4 idx 2 near out || bad "idx"
gzip -c idx >idx.gz
expect 0 - "$midl" eval --layer layer4 --input idx.gz --output out
"$files" check layer4 idx.gz 2 near out || bad "idx.gz"

# ---- What goes wrong -----------------------------------------------------------------------------

run() { # STATUS WORDS OPTIONS: sound files, and these options
    status=$1 words=$2
    shift 2
    expect "$status" "$words" "$midl" eval --layer layer --input input --output out "$@"
}

"$files" make nan-input full topk light 100 24 64 16 layer.nan-input input.nan-input
"$files" make nan-logit full topk light 100 24 64 16 layer.nan-logit input.nan-logit
"$files" make nan-weight full topk light 100 24 64 64 layer.nan-weight input.nan-weight
head -c 3000 layer >layer.cut
printf '\000\000\010\001\000\000\000\002\003\004' >labels
head -c 20 idx >idx.cut
mkdir folder
ln -s layer link

expect 2 "--layer FILE is missing" "$midl" eval
expect 2 "--input FILE is missing" "$midl" eval --layer layer
expect 2 "--output FILE is missing" "$midl" eval --layer layer --input input
run 2 "unknown option --kernle" --kernle masked
run 2 "unexpected argument" stray
run 2 "needs an argument" --kernel
run 2 "no variant 'fastest'" --kernel fastest
run 2 "--dtype f64" --dtype f64
run 2 "k" --k 98
run 2 "k" --k -1
run 2 "k" --k 0.45
run 2 "--select best: expected topk, block or threshold" --select best
run 2 "--unselected dark: expected light or zero" --unselected dark
run 2 "--threshold is for --select threshold" --threshold 0.5
run 2 "--block is for --select block" --block 8
run 2 "block" --select block
run 2 "threshold" --select threshold --threshold 1.5
run 2 "batch" --batch 0
run 2 "batch" --batch many
run 2 "threads" --threads 0
run 2 "No such file" --layer missing
run 2 "it is a folder" --layer folder
run 2 "it is a device" --input /dev/zero
run 2 "layer.cut: offset " --layer layer.cut
run 2 "no tensor full.weight: not a MID-L layer" --layer input
run 2 "no tensor x" --input layer
run 2 "neither safetensors nor idx nor gzip" --input list
run 2 "labels: offset 0: this idx file holds labels" --input labels
run 2 "idx.cut: offset 20" --input idx.cut
run 2 "inputs of length d = 4, the layer layer takes d = 33" --input idx
expect 2 "x[70][0] is nan; inputs must be finite" \
    "$midl" eval --layer layer.nan-input --input input.nan-input --output out
expect 1 "input row 70: the gate logit of neuron 5 is NaN" \
    "$midl" eval --layer layer.nan-logit --input input.nan-logit --output out
expect 1 "input row 0: output 6 is NaN" \
    "$midl" eval --layer layer.nan-weight --input input.nan-weight --output out
run 2 "would replace a file that is read" --output layer
run 2 "would replace a file that is read" --output link
run 2 "would replace a file that is read" --output ./input
run 2 "Is a directory" --output folder
run 2 "No such file or directory" --output nowhere/out
run 3 "/dev/full: No space left on device" --output /dev/full
if [ -s elsewhere ]; then
    read -r kernel dtype <elsewhere
    run 3 "$kernel: " --kernel "$kernel" \
        --dtype "$dtype"
fi

# A disk that fills up while the output is written: 4 KB fit.
limited() { (ulimit -f 8 && exec "$midl" eval --layer layer --input input --output out); }
expect 3 "cannot write out: File too large" limited

# A folder that may not be written to; root may, so root becomes nobody.
chmod 755 . && chmod 555 folder
if [ "$(id -u)" -ne 0 ]; then
    run 3 "Permission denied" --output folder/out
elif setpriv --reuid 65534 --clear-groups "$midl" --version >/dev/null 2>&1; then
    expect 3 "Permission denied" setpriv --reuid 65534 --clear-groups "$midl" eval --layer layer \
        --input input --output folder/out
else
    echo "not shown: an unwritable folder (root here, and no setpriv)"
fi

# Ctrl-C
expect 4 "interrupted at input row 0; no output written" "$files" interrupt --layer layer \
    --input input --output out

# Standard output that can't be written to.
"$midl" eval --layer layer --input input --output out >/dev/full 2>stderr
[ $? -eq 3 ] && [ "$(wc -l <stderr)" -eq 1 ] || bad "standard output full: $(cat stderr)"

runs=$(wc -l <ran)
[ "$runs" -ge 100 ] || bad "only $runs runs were judged"
echo "$runs runs judged, $checks other checks, $failures failures"
[ "$failures" -eq 0 ]
