#!/bin/sh
# test_readme.sh - the tables of the README files and of learning.md are what `midl table` makes of the published databases.
# Usage: test_readme.sh MIDL [--write]: with --write they are made anew in their places.
#
# A table stands between a line `<!-- midl table NAME ... -->`, which is the command as given in the
# root of the repository, and a line `<!-- end -->`.
set -eu

midl=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The file with each table made anew.
renewed() {
    inside=
    while IFS= read -r line; do
        case $line in
        '<!-- midl table '*)
            printf '%s\n' "$line"
            words=${line#'<!-- midl '}
            # shellcheck disable=SC2086 # the words of a command
            "$midl" ${words%' -->'} </dev/null || return 1
            inside=1
            ;;
        '<!-- end -->')
            printf '%s\n' "$line"
            inside=
            ;;
        *) [ -n "$inside" ] || printf '%s\n' "$line" ;;
        esac
    done <"$1"
    [ -z "$inside" ] || {
        echo "$1: a table without <!-- end -->" >&2
        return 1
    }
}

# Whether the tables of a file are those of the databases.
compare() {
    renewed "$1" >"$work/renewed" || return 1
    diff -u "$1" "$work/renewed" >"$work/difference"
}

for file in README.md results/published/README.md results/published/learning.md; do
    [ "$(grep -c '^<!-- midl table ' $file)" -gt 0 ] || {
        echo "$file has no table between markers" >&2
        exit 1
    }
    if [ "${2-}" = --write ]; then
        renewed $file >"$work/renewed"
        cat "$work/renewed" >$file
    elif ! compare $file; then
        cat "$work/difference" >&2
        echo "$file differs from the published database: sh tests/test_readme.sh MIDL --write" >&2
        exit 1
    fi
done

# A wrong digit, a line too many and an unfinished table are found.
for fault in 's/1\.59/1.58/' '/^|---/p' '/^<!-- end/d'; do
    sed "$fault" README.md >"$work/README.md"
    if compare "$work/README.md" 2>"$work/errors"; then
        echo "README.md after sed '$fault' counts as the database's" >&2
        exit 1
    fi
done
