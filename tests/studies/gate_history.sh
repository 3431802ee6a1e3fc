#!/bin/bash
# gate_history.sh - does the gate see on this project's own history what commit messages claim?
#
#   tests/studies/gate_history.sh BUILD FOLDER
#
# Compares both builds of each row of gate_history.txt at the point that the message is about. They are built
# and kept by `midl check --against`; what is in FOLDER/measured isn't measured again. Builds from before
# midl_abi() are called by the structs of their time (compare/library.c). EFFECT: as --effect of midl check; 2.
# LAYERS: a folder with the real layers that some messages are about; without it those are left out, and it is
# said. gate_history.py judges.
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

# built REVISION: where its library is kept; made if it isn't. A check that can count nothing does that.
built() {
    git rev-parse -q --verify "$1^{commit}" >"$work/commit" 2>"$work/err" || return 1
    "$midl" check --against "$(cat "$work/commit")" --no-time --counts --n 64 --kernel simd --json >"$work/json" 2>"$work/err"
    case $? in 2 | 3) return 1 ;; esac
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["old_file"])' "$work/json"
}

# measure BUILDS OPTIONS: a line of FOLDER/measured.
measure() {
    local old new seed status options
    # shellcheck disable=SC2001
    options=$(sed "s|@\([^ #]*\)|$layers/\1.safetensors|g" <<<"$2")
    case $1 in
    *..*) old=$(built "${1%..*}") new=$(built "${1#*..}") ;;
    *) old=$(built "$1^") new=$(built "$1") ;;
    esac
    if [ -z "$old" ] || [ -z "$new" ]; then
        echo "$1|$2|-|-|-|not built: $(tail -n 1 "$work/err")"
        return
    fi
    for seed in 1 2 3; do # again where the machine could not tell
        # shellcheck disable=SC2086
        "$midl" check --baseline "$old" --library "$new" $options --effect "${EFFECT:-2}" --order-seed $seed --json \
            >"$work/json" 2>"$work/err"
        status=$?
        [ $status -ge 3 ] || break
    done
    python3 gate_history.py --line "$1" "$2" "$work/json" "$work/err"
}

while IFS='|' read -r commit _ _ options; do
    case $commit in '' | '#'*) continue ;; esac
    read -r commit builds <<<"$commit"
    builds=${builds:-$commit}
    read -r options <<<"$options"
    case $options in *@*) [ -n "${LAYERS:-}" ] || { echo "LAYERS isn't given: $commit, $options"; continue; } ;; esac
    ! grep -F "$builds|$options|" "$folder/measured" 2>/dev/null | grep -qv '|-|-|-|' || continue
    measure "$builds" "$options" </dev/null | tee -a "$folder/measured"
done <gate_history.txt

python3 gate_history.py gate_history.txt "$folder/measured"
