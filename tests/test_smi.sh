#!/bin/sh
# test_smi.sh MIDL EVAL_FILES QUERY - `midl smi` from outside: a small layer on files and on a data set
# made here, what it prints and stores, and what it refuses.
set -u
midl=$(realpath "$1") files=$(realpath "$2") query=$(realpath "$3")
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
failures=0

bad() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

# refuses WORDS ARGUMENTS...: exit status 2 and one line that holds WORDS.
refuses() {
    words=$1
    shift
    "$midl" smi "$@" >stdout 2>stderr
    got=$?
    [ $got -eq 2 ] || bad "status $got, expected 2: $*"
    [ "$(wc -l <stderr)" -eq 1 ] || bad "not one line of error: $* : $(head -c 300 stderr)"
    grep -qF -e "$words" stderr || bad "error without '$words': $(head -c 300 stderr)"
}

"$files" make normal lowrank topk light 200 64 48 20 layer.safetensors x.safetensors >/dev/null || bad "no layer"
{
    printf '\000\000\010\001\000\000\000\310'
    i=0
    while [ $i -lt 100 ]; do
        printf '\000\001'
        i=$((i + 1))
    done
} >labels

few="--slices 20 --count 200 --db smi.db"
"$midl" smi --layer layer.safetensors --inputs x.safetensors --labels labels $few >stdout 2>stderr ||
    bad "files: $(head -c 300 stderr)"
[ "$(wc -l <stdout)" -eq 12 ] || bad "not a line for each quantity: $(cat stdout)"
grep -q '^y selected  *-*[0-9]' stdout || bad "no line of what is selected"
"$midl" smi --layer layer.safetensors --dataset teacher $few --quiet >stdout 2>stderr ||
    bad "data set: $(head -c 300 stderr)"
[ -s stdout ] && bad "--quiet prints: $(head -c 300 stdout)"
"$midl" smi --layer layer.safetensors --dataset teacher $few --json >stdout 2>/dev/null
[ "$(grep -c '"nats":' stdout)" -eq 11 ] || bad "--json: $(head -c 300 stdout)"

rows=$("$query" smi.db "SELECT count(*) || ' ' || count(DISTINCT quantity) || ' ' || sum(nats_lo <= nats AND nats <= nats_hi) FROM smi")
[ "$rows" = "33 11 33" ] || bad "stored: $rows"
share=$("$query" smi.db "SELECT round(max(active), 4) || ' ' || max(points) FROM smi")
[ "$share" = "0.4167 200" ] || bad "stored: $share"
same=$("$query" smi.db "SELECT count(DISTINCT nats) FROM smi WHERE run_id > 1 AND quantity = 'mask'")
[ "$same" = 1 ] || bad "the same seed, other numbers: $same"

refuses "give --layer FILE"
refuses "give --dataset NAME, or --inputs FILE and --labels FILE" --layer layer.safetensors
refuses "give --dataset NAME, or" --layer layer.safetensors --inputs x.safetensors
refuses "give --dataset NAME, or" --layer layer.safetensors --dataset teacher --labels labels
refuses "unknown data set teecher (did you mean teacher?)" --layer layer.safetensors --dataset teecher
refuses "takes inputs of 64 values, these have 512" --layer layer.safetensors --dataset clusters
refuses "no tensor \`labels\`" --layer layer.safetensors --inputs x.safetensors --labels x.safetensors
head -c 107 labels >short
refuses "idx data ends here" --layer layer.safetensors --inputs x.safetensors --labels short

# Too few points: one line, before any progress.
for count in 1 3; do
    "$files" make normal lowrank topk light $count 64 48 20 few.safetensors few-x >/dev/null || bad "no layer"
    printf "$(printf '\\000\\000\\010\\001\\000\\000\\000\\%03o' $count)" >few-labels
    head -c $count labels | tr -c '\001' '\000' >>few-labels
    "$midl" smi --layer few.safetensors --inputs few-x --labels few-labels --db few.db >stdout 2>stderr
    [ $? -eq 4 ] || bad "$count points: $(cat stderr)"
    [ "$(wc -l <stderr)" -eq 1 ] && grep -q 'too few' stderr || bad "$count points: not one line of error: $(cat stderr)"
done
refuses "must be from 2 to" --layer layer.safetensors --dataset teacher --slices 1

[ $failures -eq 0 ] && echo "all fine"
exit $((failures > 0))
