#!/bin/sh
# advise.sh MIDL MODEL... - how good are the predictions of `midl advise`? For each dense model and batch 1
# and 64 it measures 20 layers that were only predicted. Prints those lines, and at the end how many
# of all predictions were within 10 %: at least 18 of 20 are asked for. Exit status 1 if fewer. Takes
# about a minute per model and batch; the machine must be quiet.
set -u
midl=${1:?the midl program}
shift
out=$(mktemp) || exit 99
trap 'rm -f "$out"' EXIT
for model in "$@"; do
    for batch in 1 64; do
        echo "== $model, batch $batch" | tee -a "$out"
        "$midl" advise --model "$model" --batch "$batch" --held-out 20 --quiet | tee -a "$out"
    done
done
awk '/^predictions within/ { good += $5; all += $7 }
     END {
         printf "all predictions: %d of %d within 10 %%\n", good, all
         exit !(all > 0 && good >= 0.9 * all)
     }' "$out"
