#!/bin/sh
# test_claims.sh MIDL QUERY [--write] - results/published/claims.md is what the published databases say, by `midl table
# claims`; with --write it is made anew. A changed page is found, and verdicts follow known numbers.
set -eu

midl=$(realpath "$1")
query=$(realpath "$2")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
page=results/published/claims.md

make_page() {
    rm -f "$work/all.db"
    "$midl" merge "$work/all.db" results/published/*.db >/dev/null
    cat <<'END'
# What the paper claims, and what we measured

Made by `sh tests/test_claims.sh MIDL QUERY --write` from the databases in this folder; do not edit. The abstract is all of the
paper that we have; architectures and ranks are our reading.

- *held*: measured, and not just as true of a control that could explain it: random masks, the light path alone, a low-rank
  layer and a narrower dense one of the same FLOPs, for robustness dropout.
- *held only against weak controls*: true against a dense layer or random neurons, and just as true of a plain control.
- *not held*: the intervals say otherwise, or do not reach.

Differences are in points of test accuracy, paired seed by seed, with 95 % intervals; one seed counts for nothing. "Not below"
means that the interval reaches zero, which with few seeds is easily said; "± 0.00", that at each seed as many answers are
right. Speedups are of whole forward passes in the same rounds, with 95 % intervals, by the fastest kernel of each.

END
    "$midl" table claims --db "$work/all.db"
}

make_page >"$work/page"
if [ "${3-}" = --write ]; then
    cat "$work/page" >$page
elif ! diff -u $page "$work/page" >"$work/difference"; then
    cat "$work/difference" >&2
    echo "$page differs from the published databases: sh tests/test_claims.sh MIDL QUERY --write" >&2
    exit 1
fi
[ "$(grep -c '\*\*\(held\|held only against weak controls\|not held\)\*\*' "$work/page")" -ge 3 ] || {
    echo "fewer than three verdicts: $(cat "$work/page")" >&2
    exit 1
}

# The verdicts of the page on a store whose numbers are turned: what was kept is lost. The copy is
# a scratch file, so it may be written to.
cp "$work/all.db" "$work/worse.db"
"$query" "$work/worse.db" "UPDATE accuracy_row SET accuracy = accuracy - 0.1
    WHERE method LIKE 'midl%' OR method LIKE 'converted%'" >/dev/null
"$midl" table claims --db "$work/worse.db" | sed -n '/55 %/p;/equal or better/p' >"$work/worse"
[ "$(grep -c '\*\*not held\*\*' "$work/worse")" -eq 2 ] || {
    echo "ten points less accuracy, and the claims hold: $(cat "$work/worse")" >&2
    exit 1
}
