#!/bin/bash
# gate.sh - how well the gate tells: slowdowns that it finds, and false alarms of identical builds.
#
#   tests/studies/gate.sh BUILD FOLDER [STUDY...]
#
# BUILD is a build folder with its tests (tests/slow.c makes the builds with faults). FOLDER keeps what
# was measured, a line a run in FOLDER/runs: runs that are there aren't made again, so that a study that
# was stopped goes on, and more of RUNS add to it. Each STUDY; all of the first eight without one:
#   slow-3 slow-5    variant masked takes 3 or 5 % longer; effect 3 %
#   slow-2           2 %, effect 2 %
#   alarms           identical code that the gate can't know for identical: copied, linked in another
#                    order, and built in another folder, by turns
#   busy-slow-3 ...  the same with a process that fills the last processor and the memory bus
#   counts           one instruction more a row of masked (a patched copy of the sources), by counts
#   history          commits of this project that claim a speedup or loss, against their parents
#   table            nothing measured: the table of what is in FOLDER, in Markdown
# RUNS: of each; 100, of alarms 200. SECONDS_MOST: stop after so many, between runs. POINTS: what a gate run
# measures, options of midl check; two variants at two sizes unless given, POINTS=gate: the whole suite.
set -u
build=$(realpath "${1:?a build folder}")
mkdir -p "${2:?a folder for what is measured}"
folder=$(realpath "$2")
shift 2
source=$(realpath "$(dirname "$0")/../..")
midl=$build/harness/midl
studies=${*:-slow-3 alarms slow-5 slow-2 busy-slow-3 busy-alarms busy-slow-5 busy-slow-2}
: "${POINTS:=--n 256,512 --kernel masked,simd}" "${SECONDS_MOST:=1000000}"
work=$(mktemp -d)
neighbour=
cleanup() {
    [ -z "$neighbour" ] || kill "$neighbour" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# A process that writes memory all the time on the last processor, and midl on the others.
busy() {
    local last=$(($(nproc) - 1))
    [ $last -gt 0 ] || { echo "gate.sh: a busy neighbour needs a second processor" >&2; exit 3; }
    taskset -c $last dd if=/dev/zero of=/dev/null bs=64M status=none &
    neighbour=$!
    on="taskset -c 0-$((last - 1))"
}

calm() {
    [ -z "$neighbour" ] || kill "$neighbour" 2>/dev/null
    neighbour=
    on=
}

# run STUDY SEED OLD NEW OPTIONS...: one gate run; a line of what it said, in FOLDER/runs and here.
run() {
    local study=$1 seed=$2 old=$3 new=$4 begin=$EPOCHREALTIME status
    shift 4
    # shellcheck disable=SC2086
    $on "$midl" check $POINTS --baseline "$old" --library "$new" --order-seed "$seed" --json "$@" \
        >"$work/json" 2>"$work/err"
    status=$?
    [ $status -ne 130 ] || exit 130
    [ $status -le 4 ] || { echo "gate.sh: midl check ended with $status: $(tail -1 "$work/err")" >&2; exit 3; }
    python3 - "$work/json" "$study" "$seed" "$status" "$begin" "$EPOCHREALTIME" <<'P' | tee -a "$folder/runs"
import json, sys
path, study, seed, status, begin, end = sys.argv[1:]
try:
    points = json.load(open(path))["points"]
except Exception:
    points = []
slower = sorted({p["variant"] for p in points if p["verdict"] == "slower"})
ratios = ["%.4f" % p["ratio"] for p in points if p["variant"] == "masked" and p["ratio"]]
print(study, seed, "status", status, "slower", ",".join(slower) or "-", "points", len(points),
      "masked", ",".join(ratios) or "-", "seconds", "%.1f" % (float(end) - float(begin)))
P
}

# Whether a run is in FOLDER.
made() {
    grep -q "^$1 $2 " "$folder/runs" 2>/dev/null
}

in_time() {
    [ $SECONDS -lt "$SECONDS_MOST" ] || { table; exit 0; }
}

# Of identical code three builds: of the same objects, linked the other way round, compiled elsewhere.
others() {
    [ -e "$folder/copied.so" ] || cp "$build/tests/libmidl_slow_blind_too.so" "$folder/copied.so"
    [ -e "$folder/relinked.so" ] || relink "$folder/relinked.so"
    [ -e "$folder/elsewhere.so" ] || elsewhere "$folder/elsewhere.so"
}

# The same objects in reverse order.
relink() {
    local command
    command=$(ninja -C "$build" -t commands tests/libmidl_slow_blind_too.so | tail -n 1)
    (cd "$build" && python3 - "$command" "$1.part" <<'P'
import shlex, subprocess, sys
words, objects = [], []
for word in shlex.split(sys.argv[1]):
    if word.endswith(".a"):
        objects += subprocess.run(["ar", "t", word], capture_output=True, text=True).stdout.split()
    elif word.endswith(".o"):
        objects.append(word)
    elif "whole-archive" not in word:
        words.append(word)
at = words.index("-o")
words[at + 1] = sys.argv[2]
words[at + 2:at + 2] = objects[::-1]
sys.exit(subprocess.run(words).returncode)
P
    ) && mv "$1.part" "$1" || { echo "gate.sh: the library could not be linked again" >&2; exit 3; }
}

elsewhere() {
    local there=$work/another/folder
    mkdir -p "$there" && git -C "$source" archive HEAD | tar -x -C "$there" &&
        meson setup "$there/build" "$there" >/dev/null &&
        ninja -C "$there/build" tests/libmidl_slow_blind_too.so >/dev/null &&
        cp "$there/build/tests/libmidl_slow_blind_too.so" "$1" ||
        { echo "gate.sh: the library could not be built elsewhere" >&2; exit 3; }
}

slow() {
    local effect=3 seed
    [ "$2" != 2 ] || effect=2
    for seed in $(seq "${RUNS:-100}"); do
        made "$1" "$seed" && continue
        in_time
        run "$1" "$seed" "$build/tests/libmidl_slow_0.so" "$build/tests/libmidl_slow_$2.so" --effect $effect
    done
}

alarms() {
    local kinds=(copied relinked elsewhere) seed
    others
    for seed in $(seq "${RUNS:-200}"); do
        made "$1" "$seed" && continue
        in_time
        run "$1" "$seed" "$folder/${kinds[$((seed % 3))]}.so" "$build/tests/libmidl_slow_blind.so"
    done
}

counts() {
    local seed POINTS="--n 64,512,2048 --kernel masked,simd-avx2 --counts --no-time"
    if [ ! -e "$folder/nop.so" ]; then
        git -C "$source" archive HEAD | tar -x -C "$work"
        sed -i '/^static void masked_row/,/^}/s|^{$|{\n    __asm__ volatile("nop");|' "$work/kernels/masked.c"
        ! cmp -s "$work/kernels/masked.c" "$source/kernels/masked.c" ||
            { echo "gate.sh: kernels/masked.c has no masked_row as this script knows it" >&2; exit 3; }
        meson setup "$work/build" "$work" -Dtests=disabled >/dev/null &&
            meson compile -C "$work/build" kernels/midl:shared_library >/dev/null &&
            cp "$work/build/kernels/libmidl.so" "$folder/nop.so" || exit 3
    fi
    for seed in $(seq "${RUNS:-100}"); do
        made counts "$seed" && continue
        in_time
        run counts "$seed" "$build/kernels/libmidl.so" "$folder/nop.so"
    done
}

# What the lines of FOLDER/runs say together, with exact 95 % intervals (Clopper and Pearson 1934).
table() {
    python3 - "$folder/runs" <<'P'
import sys
from math import comb
rows, order = {}, []
try:
    lines = open(sys.argv[1]).read().splitlines()
except OSError:
    lines = []
for line in lines:
    word = line.split()
    if len(word) != 12:
        continue # cut short
    if word[0] not in rows:
        order.append(word[0])
    rows.setdefault(word[0], {})[word[1]] = (int(word[3]), word[5], int(word[7]), float(word[11]))

def at_least(k, n, p):
    return sum(comb(n, i) * p**i * (1 - p)**(n - i) for i in range(k, n + 1))

def solve(reached):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return low

def interval(k, n):
    low = 0 if k == 0 else solve(lambda p: at_least(k, n, p) > 0.025)
    high = 1 if k == n else solve(lambda p: 1 - at_least(k + 1, n, p) < 0.025)
    return "%.1f to %.1f %%" % (100 * low, 100 * high)

titles = {"slow-3": "3 % slower, effect 3 %", "slow-5": "5 % slower, effect 3 %",
          "slow-2": "2 % slower, effect 2 %", "alarms": "identical code",
          "counts": "one instruction more a row, by counts"}
print("| study | runs | fail | 95 % interval | another variant named | no verdict | s per run | points |")
print("|---|---|---|---|---|---|---|---|")
for study in order:
    runs = list(rows[study].values())
    fail = sum(r[0] == 1 for r in runs)
    wrong = sum(any(v != "masked" for v in r[1].split(",")) and r[1] != "-" for r in runs)
    if study.endswith("alarms"):
        wrong = 0
    base = study.replace("busy-", "")
    title = titles.get(base, base) + (", busy neighbour" if study.startswith("busy-") else "")
    points = sorted({r[2] for r in runs if r[2]})
    print("| %s | %d | %d | %s | %d | %d | %.1f | %s |" % (
        title, len(runs), fail, interval(fail, len(runs)), wrong, sum(r[0] == 4 for r in runs),
        sum(r[3] for r in runs) / len(runs), ", ".join(map(str, points))))
    odd = sum(r[0] not in (0, 1, 4) for r in runs)
    if odd:
        print("%s: %d runs ended otherwise" % (study, odd), file=sys.stderr)
P
}

for study in $studies; do
    calm
    case $study in
    busy-*) busy ;;
    esac
    case ${study#busy-} in
    slow-[235]) slow "$study" "${study##*-}" ;;
    alarms) alarms "$study" ;;
    counts) counts ;;
    history) bash "$(dirname "$0")/gate_history.sh" "$build" "$folder" ;;
    table) ;;
    *)
        echo "gate.sh: unknown study $study" >&2
        exit 2
        ;;
    esac
done
table
