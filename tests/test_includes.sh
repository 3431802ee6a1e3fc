#!/bin/sh
# test_includes.sh - who may include whom. The wings of harness/ stand in an order, and a file
# includes headers of its own wing and of wings before it, written "wing/file.h"; the names of files
# are unique. Of kernels/ the harness sees public headers only; kernels/ and results/ see nothing of
# the harness, nor of each other. Usage: test_includes.sh SOURCE. The checker is tried on wrong
# includes first.
set -u

source=$(cd "${1:?the folder of the source}" && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# check ROOT: a line for each include or name that is against the rules; nothing if all is well.
check() {
    (cd "$1" && find harness kernels results -name '*.[ch]' -o -name '*.cc' -o -name '*.def' |
        LC_ALL=C sort >"$work/files" &&
        LC_ALL=C xargs awk -v list="$work/files" '
        BEGIN {
            count = split("base machine data counters suite verify measure run learn compare report commands", order)
            for (i = 1; i <= count; i++) rank[order[i]] = i
            # Public headers of kernels/; the oracle from verify/ on, gradients where layers learn.
            split("midl.h midl_config.h", names)
            for (i in names) public[names[i]] = 1
            split("verify measure learn compare", names)
            for (i in names) open[names[i] " oracle.h"] = 1
            split("learn compare", names)
            for (i in names) open[names[i] " gradients.h"] = open[names[i] " products.h"] = 1
            # Settings of other libraries, where times are taken.
            open["measure host.h"] = open["compare host.h"] = 1
            # Files that work on the inside of the library, by what they need of it.
            open["measure/topk_methods.c simd/ops.h"] = 1
            open["measure/noise.c simd/ops.h"] = 1
            open["measure/autotune.c calibration.h"] = open["measure/autotune.c variant.h"] = 1
            open["commands/calibrate.c calibration.h"] = open["commands/calibrate.c variant.h"] = 1
            open["machine/calibration_file.c calibration.h"] = 1
            while ((getline path < list) > 0) {
                name = path
                sub(/.*\//, "", name)
                top = path
                sub(/\/.*/, "", top)
                file = path
                sub(/^[^\/]*\//, "", file)
                has[top " " file] = 1
                if (top == "harness" && name in taken) print path ": the name is taken by " taken[name]
                if (top == "harness") taken[name] = path
            }
        }
        !/^[ \t]*#[ \t]*include[ \t]*"/ { next }
        {
            header = $0
            sub(/^[^"]*"/, "", header)
            sub(/".*/, "", header)
            top = FILENAME
            sub(/\/.*/, "", top)
            file = FILENAME
            sub(/^[^\/]*\//, "", file)
            wing = file ~ /\// ? file : ""
            sub(/\/.*/, "", wing)
            target = header ~ /\// ? header : ""
            sub(/\/.*/, "", target)
            place = FILENAME ":" FNR ": \"" header "\""
            if (top != "harness") {
                if (("harness " header) in has) print place " is of harness/"
                if (top == "kernels" && !(("kernels " header) in has) && ("results " header) in has)
                    print place " is of results/"
                if (top == "results" && !(("results " header) in has) && ("kernels " header) in has)
                    print place " is of kernels/"
                next
            }
            if (wing == "") next # main.c, which knows all
            if (!(wing in rank)) print FILENAME ": no wing " wing
            else if (("harness " header) in has && target == "")
                print place ": write wing and file"
            else if (target in rank && !(("harness " header) in has))
                print place ": there is no such file"
            else if (target in rank && rank[target] > rank[wing])
                print place ": " wing "/ comes before " target "/"
            else if (("kernels " header) in has && !(header in public) && !((wing " " header) in open) &&
                     !((file " " header) in open))
                print place " is of the inside of kernels/"
        }' <"$work/files")
}

# catch FILE HEADER WORDS: a file of that name that includes the header must be reported.
failures=0
catch() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/kernels" "$work/tree/results" "$work/tree/harness/base" \
        "$work/tree/harness/machine" "$work/tree/harness/verify" "$work/tree/harness/learn" \
        "$work/tree/harness/commands" "$work/tree/harness/attic"
    for file in kernels/midl.h kernels/variant.h kernels/oracle.h kernels/gradients.h results/store.h \
        harness/base/error.h harness/machine/machine.h harness/verify/problem.h \
        harness/commands/command.h; do
        : >"$work/tree/$file"
    done
    printf '#include "%s"\n' "$2" >"$work/tree/$1"
    found=$(check "$work/tree")
    case $found in
    *"$3"*) [ -n "$3" ] || [ -z "$found" ] && return ;;
    esac
    echo "FAILED: $1 that includes $2: expected '$3', found '$found'" >&2
    failures=$((failures + 1))
}
catch harness/base/a.c machine/machine.h 'base/ comes before machine/'
catch harness/machine/a.h commands/command.h 'machine/ comes before commands/'
catch harness/verify/a.c verify/problems.h 'no such file'
catch harness/verify/a.c harness/base/error.h ''
catch harness/verify/a.c variant.h 'inside of kernels'
catch harness/machine/a.c oracle.h 'inside of kernels'
catch harness/verify/a.c gradients.h 'inside of kernels'
catch harness/attic/a.c base/error.h 'no wing attic'
catch harness/commands/error.h base/error.h 'name is taken'
catch kernels/a.c base/error.h 'is of harness'
catch kernels/a.c store.h 'is of results'
catch results/a.c midl.h 'is of kernels'
catch results/a.c verify/problem.h 'is of harness'
catch harness/verify/a.c oracle.h ''
catch harness/learn/a.c gradients.h ''
catch harness/commands/a.c machine/machine.h ''
catch harness/commands/a.c store.h ''
catch harness/main.c commands/command.h ''

found=$(check "$source")
if [ -n "$found" ]; then
    echo "$found" >&2
    failures=$((failures + 1))
fi
[ $failures -eq 0 ]
