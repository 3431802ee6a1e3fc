#!/bin/sh
# test_history.sh - how tests/studies/gate_history.py judges claims of commit messages, on made ones, and whether
# gate_history.txt can be read. Usage: test_history.sh SOURCE
set -u

studies=$(cd "${1:?the folder of the source}" && pwd)/tests/studies || exit 1
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

judged() { python3 "$studies/gate_history.py" "$@" 2>&1; }

# is CLAIM RATIO LEAST MOST VERDICT ALLOWED SIGN SIZE [BY-ITS-INTERVAL]: a row, and how it is to be judged.
rows=0
is() {
    rows=$((rows + 1))
    echo "abc | $1 | here | --n $rows" >>"$work/claims"
    echo "abc|--n $rows|$2|$3|$4|$5" >>"$work/measured"
    echo "| abc | n $rows | $1 | $6 | here | $2 | $3 to $4 | $7 | $8 | ${9:-$8} |" >>"$work/expected"
}

# Rounding is part of a claim; a speed is the reciprocal of a time; a range has its ends' rounding.
is 0.93 0.940 0.935 0.945 faster '0.925 to 0.935' yes yes
is 0.93 0.940 0.936 0.945 faster '0.925 to 0.935' yes no
is .5 0.540 0.530 0.549 faster '0.450 to 0.550' yes yes
is 0.89-0.97 0.980 0.975 0.985 same '0.885 to 0.975' yes yes
is 'time 4 to 2' 0.500 0.490 0.510 faster '0.333 to 0.714' yes yes
is 'time 2.0 to 4.0' 1.900 1.800 1.940 slower '1.927 to 2.077' yes yes
is 'speed 1.00 to 2.00' 0.495 0.490 0.497 faster '0.496 to 0.504' yes yes
is 'speed 1.0-2.0 to 4.0' 0.700 0.600 0.800 faster '0.235 to 0.519' yes no
# A claim's own interval counts beside its rounding.
is 'time 4.0 to 2.0 (3-5 to 1-3)' 0.700 0.690 0.710 faster '0.481 to 0.519' yes no yes
is 'speed 2 to 4 (1.9-2.1 to 3.9-4.1)' 0.600 0.590 0.610 faster '0.333 to 0.714' yes yes no
is '0.94 (0.90-0.96)' 0.920 0.910 0.930 faster '0.935 to 0.945' yes no yes
# Signs: the other one, none that is clear, and no change.
is 0.90 1.050 1.040 1.060 slower '0.895 to 0.905' no no
is 1.20 0.950 0.940 0.960 faster '1.195 to 1.205' no no
is 0.99 0.995 0.980 1.010 same '0.985 to 0.995' 'not clear' yes
is none 0.999 0.990 1.010 same 'no change' yes yes
is none 0.900 0.890 0.910 faster 'no change' no no
is none 1.010 0.960 1.080 unresolved 'no change' 'not clear' 'not clear'
judged "$work/claims" "$work/measured" | grep '^| abc |' | diff "$work/expected" - || failed=1

# Counts, by claim and by commit: a commit has the sign if no claim has the other one and most are clear. The
# newest measurement counts, one without numbers not; a commit may be compared between two builds.
cat >"$work/claims" <<'T'
# a comment
aaa | 0.90 | X | --n 1
aaa | 0.90 | X | --n 2
aaa | 0.90 | X | --n 3
bbb | 0.90 | X | --n 1
bbb | 0.90 | X | --n 2
ccc old..new | time 10.0 to 9.0 (10-11 to 8-9) | Y | --n 1
ddd | 0.90 | Y | --n 1
T
cat >"$work/measured" <<'T'
aaa|--n 1|0.900|0.890|0.910|faster
aaa|--n 2|0.900|0.890|0.910|faster
aaa|--n 3|0.990|0.980|1.010|same
bbb|--n 1|0.900|0.890|0.910|faster
bbb|--n 2|0.900|0.890|0.910|faster
bbb|--n 2|1.100|1.090|1.110|slower
bbb|--n 2|-|-|-|not built: no meson
old..new|--n 1|0.800|0.790|0.810|faster
T
judged "$work/claims" "$work/measured" >"$work/out"
for line in '| X | 5 | 3 | 1 | 3 | 3 | 2 | 1 | 1 | 1 | 1 |' '| Y | 1 | 1 | 0 | 0 | 1 | 1 | 1 | 0 | 0 | 1 |' \
    '| all | 6 | 4 | 1 | 3 | 4 | 3 | 2 | 1 | 1 | 2 |' '1 claims were not measured.'; do
    grep -qxF "$line" "$work/out" || {
        echo "no line $line:"
        cat "$work/out"
        failed=1
    }
done

# What can't be read is one line, and status 1.
for bad in 'aaa | 0.9' 'aaa | fast | X | --n 1' 'aaa | speed 1 2 | X | --n 1' 'aaa | 0.9-0.8-0.7 | X | --n 1' 'aaa | time 1 by 2 | X | --n 1' 'aaa | time 1 to 2 (3-4 to 5 | X | --n 1'; do
    echo "$bad" >"$work/claims"
    message=$(judged "$work/claims" "$work/measured") && failed=1
    case $message in
    'gate_history.py: not '*) ;;
    *) echo "$bad: $message" && failed=1 ;;
    esac
done

# The file itself: every row can be read.
: >"$work/measured"
rows=$(grep -cv -e '^#' -e '^$' "$studies/gate_history.txt")
judged "$studies/gate_history.txt" "$work/measured" | grep -qxF "$rows claims were not measured." || {
    judged "$studies/gate_history.txt" "$work/measured" | tail -n 3
    failed=1
}
exit $failed
