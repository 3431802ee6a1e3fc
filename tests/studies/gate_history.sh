#!/bin/bash
# gate_history.sh - does the gate see on this project's own history what commit messages claim?
#
#   tests/studies/gate_history.sh BUILD FOLDER
#
# Compares each commit of gate_history.txt with its parent at the point that its message is about. Both are
# built and kept by `midl check --against`; what is in FOLDER/history isn't measured again. Builds from before
# midl_abi() are called by the structs of their time (compare/library.c). Messages speak of other processors:
# the sign should be the same, the size need not be. EFFECT: as --effect of midl check; 2. LAYERS: a folder
# with the real layers that some messages are about; without it those are left out, and it is said.
set -u
build=$(realpath "${1:?a build folder}")
mkdir -p "${2:?a folder for what is measured}"
folder=$(realpath "$2")
here=$(realpath "$(dirname "$0")")
midl=$build/harness/midl
layers=$(realpath "${LAYERS:-.}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$here" || exit 3

# built REVISION: where its library is kept; made if it isn't. A check without points to compare does that.
built() {
    local commit kept=${XDG_CACHE_HOME:-$HOME/.cache}/midl/builds
    commit=$(git rev-parse -q --verify "$1^{commit}") || return 1
    "$midl" check --against "$commit" --no-time --counts --n 64 --kernel low-rank --quiet >/dev/null 2>"$work/err"
    case $? in 2 | 3) return 1 ;; esac
    ls -t "$kept/$commit"-*.so 2>/dev/null | head -n 1
}

# measure COMMIT CLAIM PROCESSOR OPTIONS: a line of FOLDER/history.
measure() {
    local old new seed status options
    # shellcheck disable=SC2001
    options=$(sed "s|@\([^ #]*\)|$layers/\1.safetensors|g" <<<"$4")
    case $1 in
    *..*) old=$(built "${1%..*}") new=$(built "${1#*..}") ;;
    *) old=$(built "$1^") new=$(built "$1") ;;
    esac
    if [ -z "$old" ] || [ -z "$new" ]; then
        echo "$1|$2|$3|$4|-|-|-|not built: $(tail -n 1 "$work/err")"
        return
    fi
    for seed in 1 2 3; do # again where the machine could not tell
        # shellcheck disable=SC2086
        "$midl" check --baseline "$old" --library "$new" $options --effect "${EFFECT:-2}" --order-seed $seed --json \
            >"$work/json" 2>"$work/err"
        status=$?
        [ $status -ge 3 ] || break
    done
    python3 - "$work/json" "$work/err" "$@" <<'P'
import json, sys
try:
    point = json.load(open(sys.argv[1]))["points"][0]
    numbers = ["%.3f" % point[k] if point[k] else "-" for k in ("ratio", "ratio_lo", "ratio_hi")]
    said = point["verdict"] + (" (" + point["remark"] + ")" if point["remark"] else "")
except Exception:
    numbers, said = ["-"] * 3, (open(sys.argv[2]).read().strip().splitlines() or ["nothing"])[-1]
print("|".join(sys.argv[3:7] + numbers + [said]))
P
}

while IFS='|' read -r commit claim processor options; do
    case $commit in '' | '#'*) continue ;; esac
    commit=${commit// /}
    claim=${claim// /}
    read -r processor <<<"$processor"
    read -r options <<<"$options"
    case $options in *@*) [ -n "${LAYERS:-}" ] || { echo "LAYERS isn't given: $commit, $options"; continue; } ;; esac
    ! grep -F "$commit|$claim|$processor|$options|" "$folder/history" 2>/dev/null | grep -qv '|-|-|-|' || continue
    measure "$commit" "$claim" "$processor" "$options" </dev/null | tee -a "$folder/history"
done <gate_history.txt

python3 - "$folder/history" <<'P'
import sys
last = {}
for line in open(sys.argv[1]):
    words = line.rstrip("\n").split("|")
    if len(words) == 8:
        last[words[0], words[3]] = words
print("| commit | point | claim | on | ratio here | 95 % interval | sign | claim in the interval |")
print("|---|---|---|---|---|---|---|---|")
told = same = 0
for commit, claim, processor, options, ratio, lo, hi, said in last.values():
    shape = " ".join(w.removeprefix("--") for w in options.split())
    if ratio == "-":
        print("| %s | %s | %s | %s | %s | | | |" % (commit, shape, claim, processor, said))
        continue
    told += 1
    clear = float(lo) > 1 or float(hi) < 1
    least, most = (float(c) for c in (claim.split("-") * 2)[:2])
    agrees = (float(ratio) < 1) == (least < 1)
    same += clear and agrees
    print("| %s | %s | %s | %s | %s | %s to %s | %s | %s |" % (
        commit, shape, claim, processor, ratio, lo, hi,
        "not clear" if not clear else "same" if agrees else "other",
        "yes" if float(lo) <= most and least <= float(hi) else "no"))
print("\n%d of %d claims that were measured have the sign that their message gives." % (same, told))
P
