#!/bin/bash
# gate.sh - how well the gate tells: slowdowns that it finds, and false alarms of identical builds.
#
#   tests/studies/gate.sh BUILD STUDY [RUNS] [SECONDS]
#
# BUILD is a build folder with its tests (tests/slow.c). STUDY:
#   slow PERCENT [EFFECT]   runs against a build in which variant masked is so much slower
#   alarms                  runs of identical builds: a copy, and one linked in another order elsewhere
#   counts                  one instruction more per row of masked (a patched copy of the sources)
#   history                 commits of this project that claim a speedup or loss, against their parents
# PERCENT is 2, 3 or 5 and stands behind STUDY. RUNS: 100. SECONDS: stop after so many, with what there
# is. BUSY=1: with a process that loads another core and the memory bus. POINTS: options of midl check in
# place of the suite's points, to be quick. A line per run, then a row for a table of Markdown.
set -u
build=$(realpath "${1:?a build folder}")
study=${2:?slow, alarms, counts or history}
shift 2
midl=$build/harness/midl
source=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
neighbour=
cleanup() {
    [ -z "$neighbour" ] || kill "$neighbour" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
: "${POINTS:=gate}"

# A neighbour that copies memory all the time.
if [ "${BUSY:-0}" = 1 ]; then
    (while :; do head -c 300M /dev/zero | tail -c 1 >/dev/null; done) &
    neighbour=$!
fi

# run SEED OLD NEW OPTIONS...: one gate run; prints its status, what it calls slower, and seconds.
run() {
    local seed=$1 old=$2 new=$3 begin=$SECONDS status
    shift 3
    "$midl" check $POINTS --baseline "$old" --library "$new" --order-seed "$seed" --json "$@" \
        >"$work/json" 2>"$work/err"
    status=$?
    python3 - "$work/json" "$status" "$((SECONDS - begin))" <<'P'
import json, sys
try:
    points = json.load(open(sys.argv[1]))["points"]
except Exception:
    points = []
slower = sorted({p["variant"] for p in points if p["verdict"] == "slower"})
found = [p for p in points if p["variant"] == "masked" and p["ratio"]]
ratios = " ".join("%.3f" % p["ratio"] for p in found)
print(f"status {sys.argv[2]} slower {','.join(slower) or '-'} masked {ratios or '-'} seconds {sys.argv[3]}")
P
}

# table TITLE: what the lines of the runs say together.
table() {
    awk -v title="$1" '
        /^status/ { runs++; fails += $2 == 1; none += $2 == 4; other += $2 > 1 && $2 != 4
                    wrong += $4 != "-" && $4 != "masked"; slower += $4 != "-"; seconds += $NF }
        END { printf "| %s | %d | %d | %d | %d | %d | %.1f |\n", title, runs, fails, slower, wrong,
              none + other, runs ? seconds / runs : 0 }' "$work/lines"
}

header() {
    echo "| study | runs | fail | some point called slower | another variant named | no verdict | s per run |"
    echo "|---|---|---|---|---|---|---|"
}

repeat() {
    local title=$1 runs=$2 limit=$3 seed end
    shift 3
    end=$((SECONDS + limit))
    : >"$work/lines"
    for seed in $(seq 1 "$runs"); do
        run "$seed" "$@" | tee -a "$work/lines"
        [ $SECONDS -lt $end ] || break
    done
    header
    table "$title${neighbour:+, busy neighbour}"
}

# The same objects linked in reverse order, in another folder.
relink() {
    local command
    command=$(ninja -C "$build" -t commands kernels/libmidl.so.0.1.0 | tail -n 1)
    (cd "$build" && python3 - "$command" "$work/relinked.so" <<'P'
import shlex, subprocess, sys
words = shlex.split(sys.argv[1])
objects = [w for w in words if w.endswith(".o")]
reverse = iter(objects[::-1])
words = [next(reverse) if w.endswith(".o") else w for w in words]
words[words.index("-o") + 1] = sys.argv[2]
sys.exit(subprocess.run(words).returncode)
P
    )
}

case $study in
slow)
    percent=${1:?2, 3 or 5}
    effect=3
    [ "$percent" != 2 ] || effect=2
    repeat "$percent % slower, effect $effect %" "${2:-100}" "${3:-1000000}" \
        "$build/tests/libmidl_slow_0.so" "$build/tests/libmidl_slow_$percent.so" --effect $effect
    ;;
alarms)
    cp "$build/kernels/libmidl.so" "$work/copy.so"
    repeat "identical, copied" "$(((${1:-200} + 1) / 2))" "$((${2:-2000000} / 2))" "$work/copy.so" \
        "$build/kernels/libmidl.so"
    relink || { echo "gate.sh: the library could not be linked again" >&2; exit 3; }
    repeat "identical, linked in another order" "$((${1:-200} / 2))" "$((${2:-2000000} / 2))" \
        "$work/relinked.so" "$build/kernels/libmidl.so"
    ;;
counts)
    git -C "$source" archive HEAD | tar -x -C "$work"
    sed -i '/^static void masked_row/,/^}/s|^{$|{\n    __asm__ volatile("nop");|' "$work/kernels/masked.c"
    cmp -s "$work/kernels/masked.c" "$source/kernels/masked.c" &&
        { echo "gate.sh: kernels/masked.c has no masked_row as this script knows it" >&2; exit 3; }
    meson setup "$work/build" "$work" -Dtests=disabled >/dev/null &&
        meson compile -C "$work/build" kernels/midl:shared_library >/dev/null || exit 3
    for seed in $(seq 1 "${1:-20}"); do
        run "$seed" "$build/kernels/libmidl.so" "$work/build/kernels/libmidl.so" --counts --no-time \
            --n 64,256,512 --kernel masked,simd-avx2,lists-avx2
    done | tee "$work/lines"
    header
    table "one instruction more per row, by counts"
    ;;
history)
    # COMMIT | what its message claims, as a ratio new/old | options of midl check
    while IFS='|' read -r commit claim options; do
        case $commit in '' | '#'*) continue ;; esac
        "$midl" check --against "$commit^" --no-time --counts --n 64 --kernel masked --quiet >/dev/null 2>&1
        old=$(ls "${XDG_CACHE_HOME:-$HOME/.cache}"/midl/builds/"$(git -C "$source" rev-parse "$commit^")"-*.so 2>/dev/null | head -n 1)
        "$midl" check --against "$commit" --no-time --counts --n 64 --kernel masked --quiet >/dev/null 2>&1
        new=$(ls "${XDG_CACHE_HOME:-$HOME/.cache}"/midl/builds/"$(git -C "$source" rev-parse "$commit")"-*.so 2>/dev/null | head -n 1)
        [ -n "$old" ] && [ -n "$new" ] || { echo "$commit: not built"; continue; }
        # shellcheck disable=SC2086
        "$midl" check --baseline "$old" --library "$new" $options --effect 2 --json >"$work/json" 2>"$work/err"
        python3 - "$work/json" "$commit" "$claim" <<'P'
import json, sys
try:
    for p in json.load(open(sys.argv[1]))["points"]:
        if p["ratio"]:
            print("| %s | %s | %s | %s | %.3f | %.3f to %.3f | %s |" % (sys.argv[2].strip(), p["variant"],
                  " ".join(w for w in p["shape"].split() if w.split("=")[0] in ("n", "batch")), sys.argv[3].strip(),
                  p["ratio"], p["ratio_lo"], p["ratio_hi"], p["verdict"]))
except Exception as e:
    print(sys.argv[2], "no answer", e)
P
    done <"$source/tests/studies/gate_history.txt"
    ;;
*)
    echo "gate.sh: unknown study $study" >&2
    exit 2
    ;;
esac
