#!/bin/sh
# test_weight.sh - no file that git tracks is larger than 1 MiB: a clone stays small. Skipped where
# the source is no git checkout.
set -u
most=1048576

# heavy FOLDER: the tracked files of a checkout that are too large, with their sizes.
heavy() {
    git -C "$1" ls-files -z | (cd "$1" && xargs -0 -r ls -lnd --) |
        awk -v most=$most '$5 > most {print $5, $9}'
}

# A planted file is found, and one of just the size is not.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v git >/dev/null || exit 77
git -C "$folder" init -q
head -c $most /dev/zero >"$folder/just"
head -c $((most + 1)) /dev/zero >"$folder/over"
head -c $((most + 1)) /dev/zero >"$folder/untracked"
git -C "$folder" add just over
[ "$(heavy "$folder")" = "$((most + 1)) over" ] || {
    echo "a file that is too large is not found: $(heavy "$folder")"
    exit 1
}

git -C "$MIDL_SHARE" rev-parse --git-dir >/dev/null 2>&1 || exit 77
found=$(heavy "$MIDL_SHARE")
[ -z "$found" ] || {
    echo "larger than 1 MiB (midl merge --slim makes a database small): $found"
    exit 1
}
