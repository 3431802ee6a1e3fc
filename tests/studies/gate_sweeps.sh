#!/bin/bash
# gate_sweeps.sh - do sweeps say of a commit what the gate says, and what its message says?
#
#   tests/studies/gate_sweeps.sh FOLDER [TURNS]
#
# Builds the program of each commit of gate_history.txt and of the one before in FOLDER/src, and sweeps the
# claim's point with both by turns (3). Prints the ratio of times relative to the dense layer of the same
# rounds, new over old, with the 95 % interval of the mean over turns. Claims about real layers (@) are left
# out: sweeps of their time can't read them. What is in FOLDER isn't swept again; COMMITS: only these, an
# extended regular expression. Two builds take minutes.
set -u
mkdir -p "${1:?a folder for builds and databases}/src"
folder=$(realpath "$1")
turns=${2:-3}
here=$(realpath "$(dirname "$0")")
export MIDL_CALIBRATION=
cd "$here" || exit 3
trap 'exit 130' INT TERM
touch "$folder/turns"

# built REVISION: the folder of its sources and program; made if it isn't there.
built() {
    local source
    source=$folder/src/$(git rev-parse --short=7 "$1") || return 1
    if [ ! -x "$source/build/harness/midl" ]; then
        mkdir -p "$source"
        git -C ../.. archive "$1" | tar x -C "$source" || return 1
        (cd "$source" && meson setup build && ninja -C build harness/midl) >"$source.log" 2>&1 || return 1
    fi
    echo "$source"
}

# swept SOURCE OPTIONS: the point relative to the dense layer, each turn a line of FOLDER/turns.
swept() {
    rm -f "$folder/turn.db"
    # shellcheck disable=SC2086
    (cd "$1" && MIDL_SHARE=$1 build/harness/midl sweep $2 --counters none --budget "${BUDGET:-1s}" --quiet \
        --db "$folder/turn.db") >/dev/null 2>"$folder/err" || return 1
    sqlite3 "$folder/turn.db" "SELECT p.time_ns / min(y.time_ns) FROM points p JOIN points y ON y.kernel LIKE 'linear%'
        AND y.kernel <> p.kernel WHERE p.kernel LIKE '$3%' AND p.time_ns > 0 AND y.time_ns > 0 GROUP BY p.point_id LIMIT 1"
}

while IFS='|' read -r commit claim processor options; do
    read -r commit revisions <<<"$commit"
    read -r claim <<<"$claim"
    read -r processor <<<"$processor"
    [[ -n $commit && $commit != '#'* && $options != *@* && $commit =~ ${COMMITS:-.} ]] || continue
    revisions=${revisions:-$commit^..$commit}
    if ! old=$(built "${revisions%..*}") || ! new=$(built "${revisions#*..}"); then
        echo "$commit: can't be built, see $folder/src"
        continue
    fi
    kernel=$(sed -n 's/.*--kernel \([^ ]*\).*/\1/p' <<<"$options")
    options=${options/--kernel $kernel/--kernel "$kernel,linear*"}
    read -r options <<<"$options"
    key="$commit $options"
    while [ "$(grep -cF "$key|" "$folder/turns")" -lt "$turns" ]; do
        before=$(swept "$old" "$options" "$kernel")
        after=$(swept "$new" "$options" "$kernel")
        if [ -z "$before" ] || [ -z "$after" ]; then
            echo "$commit: not swept: $(tail -n 1 "$folder/err")"
            break
        fi
        echo "$key|$claim|$processor|$before|$after" >>"$folder/turns"
    done
done <gate_history.txt

python3 - "$folder/turns" <<'P'
import math, statistics, sys
student = [0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
rows = {}
for line in open(sys.argv[1]):
    key, claim, processor, before, after = line.rstrip("\n").split("|")
    rows.setdefault((key, claim, processor), []).append(math.log(float(after) / float(before)))
print("| commit and point | message | measured on | sweeps here | 95 % interval |\n|---|---|---|---|---|")
for (key, claim, processor), logs in rows.items():
    mean, half = statistics.mean(logs), 0
    if len(logs) > 1:
        half = student[min(len(logs) - 1, 10)] * statistics.stdev(logs) / math.sqrt(len(logs))
    print("| %s | %s | %s | %.3f | %s |" % (key.replace("--", "").replace(",linear*", ""), claim, processor, math.exp(mean),
          "%.3f to %.3f" % (math.exp(mean - half), math.exp(mean + half)) if len(logs) > 1 else "one turn"))
P
