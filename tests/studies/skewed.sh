#!/bin/sh
# skewed.sh MIDL FOLDER LAYER INPUTS - are made layers as fast as the real one that they stand for?
#
# Asks `midl eval` which skewed:S is as alike as the masks of LAYER on INPUTS (safetensors), then sweeps both
# by turns, each time with another part of INPUTS and another seed: DRAWS of them (16), since what four
# inputs have in common depends on which four. Prints the medians of made / real speedup, with the interval
# that the spread over draws gives, and how many are within 5 %. BATCH, KERNEL, BUDGET: as midl sweep; 4,16,64,
# the variants for single neurons, 3s. Needs python3. What is in FOLDER/skewed.db isn't measured again.
set -eu
midl=$(realpath "${1:?the midl program}")
folder=${2:?a folder for the database}
layer=$(realpath "${3%%#*}")
case $3 in *#*) layer="$layer#${3#*#}" ;; esac
inputs=$(realpath "${4:?inputs of the layer, safetensors}")
mkdir -p "$folder"
cd "$folder"

"$midl" eval --layer "$layer" --input "$inputs" --output y.safetensors --json --quiet >masks.json
python3 - "$inputs" "${DRAWS:-16}" masks.json <<'P'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
entry = json.loads(data[8 : 8 + size])["x"]
rows, d = entry["shape"]
begin = 8 + size + entry["data_offsets"][0]
draws = int(sys.argv[2])
share = rows // draws
if share < 1:
    sys.exit("skewed.sh: %d draws of %d inputs" % (draws, rows))
for i in range(draws):
    part = data[begin + 4 * d * i * share : begin + 4 * d * (i + 1) * share]
    head = json.dumps({"x": {"dtype": "F32", "shape": [share, d], "data_offsets": [0, len(part)]}}).encode()
    head += b" " * (-len(head) % 8)
    open("draw-%d.safetensors" % (i + 1), "wb").write(struct.pack("<Q", len(head)) + head + part)
masks = json.load(open(sys.argv[3]))
if "skewed" not in masks:
    sys.exit("skewed.sh: no made layer stands for these masks")
print("two inputs share %.3f, the popular third takes %.3f: skewed:%.3f"
      % (masks["overlap"], masks["popular_third"], masks["skewed"]))
open("share", "w").write("%.3f" % masks["skewed"])
P

sweep() {
    "$midl" sweep --batch "${BATCH:-4,16,64}" --kernel "${KERNEL:-linear-onednn,masked,simd,lists,hybrid,dense-rows,dense,auto}" \
        --counters none --budget "${BUDGET:-3s}" --quiet --db skewed.db "$@"
}
runs() { sqlite3 skewed.db "SELECT count(DISTINCT run_id) FROM points WHERE layer $1 'skewed:%'" 2>/dev/null || echo 0; }
for i in $(seq "${DRAWS:-16}"); do
    [ "$(runs 'NOT LIKE')" -ge "$i" ] || sweep --layer "$layer" --input "draw-$i.safetensors"
    [ "$(runs LIKE)" -lt "$i" ] || continue
    # shellcheck disable=SC2046
    sweep $(sqlite3 -separator ' ' skewed.db "SELECT '--d', d, '--n', n, '--k', k, '--rank', rank, '--gate', gate,
                CASE gate WHEN 'lowrank' THEN '--gate-rank ' || gate_rank ELSE '' END
            FROM points WHERE layer NOT LIKE 'skewed:%' LIMIT 1") --layer "skewed:$(cat share)" --seed "$i"
done
python3 - <<'P'
import math, sqlite3, statistics as st
points = {}
for made, batch, kernel, speedup in sqlite3.connect("skewed.db").execute(
        "SELECT layer LIKE 'skewed:%', batch, kernel, speedup FROM points WHERE linear = 0 AND speedup > 0"):
    points.setdefault((batch, kernel), ([], []))[made].append(math.log(speedup))
good = 0
for (batch, kernel), (real, made) in sorted(points.items()):
    ratio = math.exp(st.median(made) - st.median(real))
    error = 2 * math.sqrt((st.variance(real) + st.variance(made)) / len(real))
    good += abs(ratio - 1) <= 0.05
    print("batch %-4d %-12s %.3f +- %.3f" % (batch, kernel, ratio, error))
print("made / real within 5 %%: %d of %d" % (good, len(points)))
P
