#!/bin/bash
# epoch.sh - does an epoch of training take longer than in PyTorch? A ratio in one run, by turns.
#
#   tests/studies/epoch.sh BUILD [THREADS]
#
# The network 784-1024-1024-10 on MNIST ($MIDL_DATA), batches of 64: dense against dense, and MID-L by rule
# ste-selected against PyTorch's module that masks. ROUNDS (8): in each both are timed, the first by turns.
# Prints medians in seconds, and midl / PyTorch with the range of the rounds. Needs python3-torch.
set -eu
midl=$(realpath "${1:?a build folder}")/harness/midl
threads=${2:-1}
here=$(realpath "$(dirname "$0")")
: "${ROUNDS:=8}" "${PYTHON:=/usr/bin/python3}" "${MIDL_DATA:?the folder with mnist}"
export MIDL_DATA
"$PYTHON" -c 'import torch' 2>/dev/null || { echo "epoch.sh: no PyTorch; apt-get install python3-torch" >&2; exit 3; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# column NAME DB: that column of all rows of training, in their order.
column() {
    "$midl" export accuracy --db "$2" | "$PYTHON" -c 'import csv, sys
for row in csv.DictReader(sys.stdin):
    if row["split"] == "train": print(row[sys.argv[1]])' "$1"
}

# ours METHOD: seconds of the second epoch of two.
ours() {
    rm -f "$work/db"
    "$midl" train mnist --method "$1" --epochs 2 --threads "$threads" --test-size 100 --db "$work/db" --quiet
    column epoch_s "$work/db" | tail -n 1
}

theirs() {
    "$PYTHON" "$here/epoch_torch.py" "$1" "$rank" "$threads"
}

# The rank that midl takes where none is asked for, for the wider of the two layers.
"$midl" train mnist --method midl --epochs 1 --train-size 64 --test-size 64 --db "$work/rank" --quiet
rank=$(column rank "$work/rank" | sort -n | tail -n 1)

for method in dense midl; do
    : >"$work/times"
    for round in $(seq "$ROUNDS"); do
        if [ $((round % 2)) = 0 ]; then
            a=$(ours $method) b=$(theirs $method)
        else
            b=$(theirs $method) a=$(ours $method)
        fi
        echo "$a $b" >>"$work/times"
    done
    "$PYTHON" - "$method" "$work/times" <<'P'
import statistics, sys
rows = [tuple(map(float, line.split())) for line in open(sys.argv[2])]
ratios = sorted(a / b for a, b in rows)
print("%-5s midl %.2f s, PyTorch %.2f s, ratio %.2f (%.2f to %.2f in %d rounds)" % (
    sys.argv[1], statistics.median(a for a, _ in rows), statistics.median(b for _, b in rows),
    statistics.median(ratios), ratios[0], ratios[-1], len(rows)))
P
done
