#!/bin/sh
# real.sh [DATASET]: make the layers of real.suite in the folder real/, about a minute of work:
# train a network 1024-1024 on DATASET (clusters, which needs no files; or mnist, adult, ...), then
# convert its second layer, 1024 -> 1024, in closed form. $MIDL: the program, if it isn't in PATH.
set -e
midl=${MIDL:-midl}
set_name=${1:-clusters}
base=real/$set_name
layer=classifier.2
mkdir -p real
"$midl" train "$set_name" --method dense --network "1024 1024" --epochs 2 --seed 1 \
    --save "$base-dense.safetensors" --db real/training.db
"$midl" eval --model "$base-dense.safetensors" --inputs-of $layer --output "$base-x.safetensors"
for active in 0.2 0.45; do
    "$midl" convert --model "$base-dense.safetensors" --layer $layer --active $active \
        --output "$base-$active.safetensors"
    "$midl" convert --model "$base-dense.safetensors" --layer $layer --active $active \
        --select block --output "$base-blocks-$active.safetensors"
done
"$midl" convert --model "$base-dense.safetensors" --layer $layer --active 0.13 \
    --select threshold --output "$base-threshold.safetensors"
