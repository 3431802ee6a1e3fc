#!/bin/sh
# test_comments.sh - how comments begin. One that begins with "Of a", "What", "Who" or "So many" is
# understood only with the name below it: on a function it begins with a verb, on a value with a noun
# (CONTRIBUTING.md). Headings of sections are free, as are the tests. And a file begins with its name
# and what it is. Usage: test_comments.sh SOURCE. The checker is tried on wrong comments first.
set -u

source=$(cd "${1:?the folder of the source}" && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# check ROOT: a line for each comment that begins wrongly, and for each file that doesn't begin with
# its own name; nothing if all is well.
check() {
    (cd "$1" && find harness kernels results -name '*.[ch]' -o -name '*.cc' -o -name '*.def' |
        LC_ALL=C sort | LC_ALL=C xargs awk '
        {
            text = $0
            begins = text ~ /\/\*/
            if (begins) sub(/.*\/\*[ \t]*/, "", text)
            else if (!opened) next
            else sub(/^[ \t]*\*[ \t]*/, "", text)
            opened = begins && text == ""
        }
        text ~ /^(Of|What|Whatever|Who|Whoever|Whom|Whose|So many|So much|Such)([ ,:;.]|$)/ {
            print FILENAME ":" FNR ": begin with a verb or a noun: " text
        }
        FNR == 1 && FILENAME ~ /\.[ch]$/ {
            name = FILENAME
            sub(/.*\//, "", name)
            if (index($0, "/* " name " - ") != 1) print FILENAME ": begin with /* " name " - "
        }')
}

failures=0
# catch LINES EXPECTED: so many comments of these lines must be reported.
catch() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/harness" "$work/tree/kernels" "$work/tree/results"
    printf '%b' "$1" >"$work/tree/kernels/a.def"
    found=$(check "$work/tree" | grep -c .)
    [ "$found" -eq "$2" ] && return
    echo "FAILED: $found reported, not $2: $1" >&2
    failures=$((failures + 1))
}
catch '/* What a plan takes. */\nint a;\n' 1
catch '/* Of a pair, the first. */\n' 1
catch '    /* So many inputs\n     * at once. */\n' 1
catch 'int a; /* Who asks */\n' 1
catch '/*\n * Whose fault it is.\n */\n' 1
catch '/* The bytes of a plan. What it takes. */\n/* Offer a row. */\n/* Whether it fits. */\n' 0
catch '/* ---- What it says ---- */\nint a; /* of the plan */\nint b = *a; /* so many */\n' 0
catch 'double x = 2 * What;\n/* Find it.\n * What follows is free. */\n' 0

rm "$work/tree/kernels/a.def"
printf '/* old.h - a file. */\n' >"$work/tree/kernels/new.h"
printf '/* own.c - a file. */\n' >"$work/tree/kernels/own.c"
found=$(check "$work/tree")
[ "$found" = 'kernels/new.h: begin with /* new.h - ' ] || {
    echo "FAILED: a file that begins with another name: $found" >&2
    failures=$((failures + 1))
}

found=$(check "$source")
if [ -n "$found" ]; then
    echo "$found" >&2
    failures=$((failures + 1))
fi
[ $failures -eq 0 ]
