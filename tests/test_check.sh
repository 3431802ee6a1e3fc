#!/bin/sh
# test_check.sh MIDL LIBRARY... - the gate from end to end, on builds with faults made for it (slow.c),
# and what it says to bad input. Slowdowns and limits are so large that a busy machine makes no
# difference: what the gate tells at 3 % is tests/studies/gate.sh.
set -u
export COLUMNS=400 # lines that are looked for are whole
midl=$(realpath "$1")
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
libraries=$(realpath "$(dirname "$2")")
good=$libraries/libmidl_slow_0.so
faults=0
unset GITHUB_ACTIONS

fault() {
    echo "FAULT: $*"
    cat "$folder/out" "$folder/err"
    faults=$((faults + 1))
}

# expect STATUS WORDS ARGUMENTS...: midl check ends with STATUS, and WORDS stand in what it prints.
expect() {
    status=$1
    words=$2
    shift 2
    "$midl" check "$@" >"$folder/out" 2>"$folder/err" </dev/null
    found=$?
    [ $found -eq "$status" ] || fault "exit status $found, expected $status: check $*"
    grep -q -e "$words" "$folder/out" "$folder/err" || fault "no '$words' from check $*"
    if [ "$status" -gt 1 ] && [ "$(wc -l <"$folder/err")" -ne 1 ]; then
        fault "not one line from check $*"
    fi
}

# goes_on PID: the process has not ended. An ended one stays as a zombie until the system's first process looks.
goes_on() {
    grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null
}

# compare STATUS WORDS LIBRARY ARGUMENTS...: two points, one of a variant that the faults are in.
compare() {
    status=$1
    words=$2
    library=$libraries/libmidl_slow_$3.so
    shift 3
    expect "$status" "$words" --baseline "$good" --library "$library" --n 64 --kernel masked,simd \
        --effect 100 "$@"
}

# ---- Verdicts
compare 0 "2 same" 0
compare 1 "slower: masked at d=64 n=64 .* to repeat it: midl check --baseline .* --kernel masked" 200 \
    --junit "$folder/junit" --markdown "$folder/markdown"
grep -q "simd.* same" "$folder/out" || fault "the other variant isn't said to be the same"
grep -q 'tests="2" failures="1"' "$folder/junit" || fault "JUnit: $(cat "$folder/junit")"
grep -q '| `masked` |.*| \*\*slower\*\*' "$folder/markdown" || fault "Markdown: $(cat "$folder/markdown")"
compare 1 "wrong: masked .*this build is wrong: y" wrong
compare 1 "wrong: masked .*killed by signal 11" crash
compare 1 '"verdict":.*"slower"' 200 --json
GITHUB_ACTIONS=true compare 1 "^::error title=masked slower::" 200 --quiet

# ---- Inputs in turn
compare 1 "to repeat it: midl check .* --inputs 16 " 200 --kernel masked --inputs 16
compare 0 "\"old_file\":.*libmidl_slow_0.so" 0 --kernel simd --inputs 1 --json
compare 2 "inputs" 0 --inputs 0
compare 2 "inputs" 0 --inputs many
compare 4 "compared with warm caches only" 0 --cache cold --quiet

# ---- Accepted slowdowns
printf '# why\n\nmask* | n=64 batch=1 | 9999-12-31 | known\n' >"$folder/accept"
compare 0 "slower: accepted: known" 200 --kernel masked --accept "$folder/accept"
printf 'masked | n=64 | 2001-01-31 | past\n' >"$folder/accept"
compare 1 "slower: accepted until 2001-01-31 only: past" 200 --kernel masked --accept "$folder/accept"
printf 'masked | n=6 | 9999-12-31 | another shape\n' >"$folder/accept"
compare 1 "slower: masked" 200 --kernel masked --accept "$folder/accept"
printf '\nmasked | n=64 | soon | no date\n' >"$folder/accept"
compare 2 "line 2: 'soon' is no date" 200 --accept "$folder/accept"
printf 'masked | n = 64 | 9999-12-31 | blanks\n' >"$folder/accept"
compare 2 "line 1: 'n' is no word of a shape" 200 --accept "$folder/accept"
printf 'masked | nn=64 | 9999-12-31 | no such axis\n' >"$folder/accept"
compare 2 "line 1: 'nn=64' is no word of a shape" 200 --accept "$folder/accept"
compare 2 "cannot open" 200 --accept "$folder/none"
compare 2 "it is a folder" 200 --accept "$folder"
mkfifo "$folder/pipe"
compare 2 "it is a pipe" 200 --accept "$folder/pipe" # which nobody writes to

# ---- Reports replace nothing that is read here
: >"$folder/accept"
compare 2 "--junit .*/accept: that file is read here" 0 --accept "$folder/accept" --junit "$folder/accept"
cp "$good" "$folder/copy.so"
for option in junit markdown; do
    expect 2 "there is a file that is no text" --baseline "$folder/copy.so" --library "$good" --n 64 \
        --kernel masked "--$option" "$folder/copy.so"
    cmp -s "$good" "$folder/copy.so" || fault "--$option has replaced the baseline"
done

# ---- Counts: exact, so a loop of empty turns is found whatever the machine does
if "$midl" info | grep -q "callgrind *works"; then
    expect 1 "slower: masked" --baseline "$good" --library "$libraries/libmidl_slow_nops.so" \
        --n 64 --kernel masked,simd-portable --counts --no-time
    grep -q "simd-portable .*same machine code" "$folder/out" || fault "controls are counted"
    expect 0 "1 same" --baseline "$good" --library "$libraries/libmidl_slow_nops.so" \
        --n 512 --kernel masked --counts --no-time --effect 50
    env PATH=/nowhere "$midl" check --baseline "$good" --library "$libraries/libmidl_slow_nops.so" \
        --n 64 --kernel masked --counts --no-time >"$folder/out" 2>"$folder/err"
    [ $? -eq 3 ] && grep -q valgrind "$folder/err" || fault "no valgrind, and it isn't said"
fi

# ---- Stored runs
db=$folder/runs.db
for run in 1 2; do
    "$midl" sweep --n 64 --kernel masked,linear-rows --budget 20ms --target 50% --quiet --db "$db" ||
        fault "no run to compare"
done
stored() {
    status=$1
    words=$2
    shift 2
    "$midl" compare "$@" >"$folder/out" 2>"$folder/err"
    [ $? -eq "$status" ] && grep -q -e "$words" "$folder/out" "$folder/err" ||
        fault "compare $*: expected status $status and '$words'"
}
stored 0 "^2 points" 1 2 --db "$db"
stored 0 '"points":' "$db@1" "$db" --format json
stored 0 "^| .masked. |" "$db@1" "$db" --format markdown --relative
stored 0 "^masked,f32," "$db@1" "$db@2" --format csv
stored 2 "no points of run 9" "$db@9" "$db"
stored 2 "two runs" "$db"
stored 2 "there are text" "$db" "$db" --format xml
stored 2 "no such database" "$folder/none.db" "$db"
stored 1 "slower: masked" "$good" "$libraries/libmidl_slow_200.so" --n 64 --kernel masked --effect 100

# ---- Trends: drift is told and fails nobody
trend() {
    status=$1
    words=$2
    shift 2
    expect "$status" "$words" --n 64 --kernel masked --budget 1 --effect 100 --quiet "$@"
}
history=$folder/history.db
expect 0 "first of its kind" --n 64 --kernel masked --budget 1 --history "$history"
linear=0 # the status where times are relative to it; 4: it isn't in this build
"$midl" list kernels | grep -q "^linear .*(generic)" && linear=4
if [ $linear -ne 0 ]; then
    trend 4 "no point has times beside a dense layer" --history "$history"
else
    steady='\(steady\|not resolved\)' # whether one point is resolved in a second is the machine's affair: 0 or 4
    resolved() {
        "$midl" check --n 64 --kernel masked --budget 1 --effect 100 "$@" >"$folder/out" 2>"$folder/err" </dev/null
        found=$?
        [ $found -eq 0 ] || { [ $found -eq 4 ] && grep -q "1 of 1 points are not resolved" "$folder/err"; } ||
            fault "exit status $found from check $*"
    }
    resolved --history "$history"
    grep -q "run 2 against run 1" "$folder/out" || fault "it isn't said which runs are compared"
    grep -q "^1 points, 1 $steady" "$folder/out" || fault "the reference is counted, or nothing is steady"
    grep -q "^masked .* $steady" "$folder/out" || fault "masked isn't compared"
    resolved --quiet --baseline "$history@1" --json --junit "$folder/junit" --markdown "$folder/markdown"
    grep -q "\"verdict\":.*\"$steady" "$folder/out" || fault "JSON: $(cat "$folder/out")"
    grep -q 'tests="1" failures="0"' "$folder/junit" || fault "JUnit: $(cat "$folder/junit")"
    grep -q "^| .masked. |.*| $steady |" "$folder/markdown" || fault "Markdown: $(cat "$folder/markdown")"
fi
trend 2 "run 9 has none of the points" --baseline "$history@9"
expect 2 "has none of the points" --n 96 --kernel masked --baseline "$history"
expect 2 "has no run with points of suite gate" --baseline "$history"
trend 2 "no such database" --baseline "$folder/none.db"
echo "text, and no database at all, whatever its name says" >"$folder/text.db"
trend 2 "is not an SQLite database" --baseline "$folder/text.db"
trend 2 "is for builds" --baseline "$history" --counts
trend 2 "is for builds" --baseline "$history" --inputs 64
trend 2 "give either" --baseline "$history" --history "$history"
if ! "$midl" info --json | grep -q '"isa":.*"portable"'; then
    export MIDL_ISA=portable
    trend 2 "differ in instruction set" --baseline "$history"
    if [ $linear -eq 0 ]; then # told, then compared; whether another set is slower is the machine's affair
        "$midl" check --n 64 --kernel masked --budget 1 --baseline "$history" --anyway >"$folder/out" 2>"$folder/err"
        found=$?
        grep -q "unlike runs: instruction set" "$folder/out" && [ $found -ne 2 ] && [ $found -ne 3 ] &&
            grep -q "^1 points, 1 " "$folder/out" || fault "exit status $found, or no comparison, of unlike runs"
    fi
    unset MIDL_ISA
fi

# ---- Bad input
compare 2 "a libmidl of ABI 99" abi
expect 2 "give either" --n 64
expect 2 "give either" --baseline "$good" --against HEAD
expect 2 "cannot open\|No such file" --baseline "$folder/none.so"
expect 2 "leaves nothing to do" --baseline "$good" --no-time
expect 4 "none of 1 points can be compared; low-rank: the baseline: the light path" \
    --baseline "$good" --n 64 --kernel low-rank --quiet
MIDL_ISA=portable expect 4 "none of 1 points can be compared" --baseline "$good" --n 64 --kernel low-rank --quiet
expect 2 "effect" --baseline "$good" --effect -1
expect 2 "the same file" --baseline "$good" --junit "$folder/same" --markdown "$folder/same"
expect 2 "no such suite\|cannot\|not found\|no suite" no_such_suite --baseline "$good"
echo "text" >"$folder/text.so"
expect 2 "not a shared library" --baseline "$folder/text.so" --library "$good"
head -c 4000 "$good" >"$folder/cut.so" # the loader would end midl by SIGBUS
expect 2 "is cut off here" --baseline "$folder/cut.so" --library "$good"
echo "int nothing; int nothing_too(void); int nothing_too(void) { return nothing; }" >"$folder/other.c"
if ${CC:-cc} -shared -fPIC -o "$folder/other.so" "$folder/other.c" 2>/dev/null; then
    expect 2 "not libmidl" --baseline "$folder/other.so" --library "$good"
fi

# ---- Revisions
export XDG_CACHE_HOME="$folder/cache" HOME="$folder" GIT_CONFIG_GLOBAL=/dev/null
mkdir "$folder/repository" && cd "$folder/repository" || exit 99
if command -v git >/dev/null && command -v meson >/dev/null; then
    expect 2 "not a git repository.*start midl in the folder of the sources" --against HEAD --library "$good"
    git init -q . && git config user.email a@b && git config user.name a
    echo "project('midl', 'no such language')" >meson.build
    git add meson.build && git commit -q -m "does not build"
    expect 3 "doesn't build here: meson" --against HEAD --library "$good" --quiet
    # The log that the message names holds what meson said.
    if ! grep -q ERROR "$folder"/cache/midl/builds/*.log; then
        echo "the log of a build that failed is empty"
        faults=$((faults + 1))
    fi
    # From a folder below, the whole repository is built all the same.
    mkdir below && touch below/file && git add below && git commit -q -m "a folder" && cd below
    expect 3 "doesn't build here: meson" --against HEAD --library "$good" --quiet
    if grep -q "Neither directory" "$folder"/cache/midl/builds/*.log; then
        echo "only the folder that midl was started in was built"
        faults=$((faults + 1))
    fi
    cd ..
    expect 2 "no such revision" --against v17 --library "$good"
    expect 2 "no such revision" --against --output=x --library "$good"
    GIT_TEST_ASSUME_DIFFERENT_OWNER=1 expect 2 "ownership.*safe.directory" --against HEAD --library "$good"
    long=$(printf '%0150d' 7)
    git branch "$long"
    expect 3 "doesn't build here: meson" --against "$long" --library "$good" --quiet

    # What builds to a library that this one stands in for.
    mkdir kernels
    cat >meson.build <<EOF
project('midl', 'c')
subdir('kernels')
EOF
    echo "option('tests', type: 'feature', value: 'auto')" >meson_options.txt
    cat >kernels/meson.build <<EOF
shared_library('midl', 'a.c', link_args: ['-Wl,--no-as-needed,-rpath,$libraries', '$good'])
EOF
    echo "extern int midl_stands_in; int midl_stands_in;" >kernels/a.c
    git add . && git commit -q -m "builds"
    against="--against HEAD --library $good --n 64 --kernel masked --effect 100"
    expect 0 "1 same" $against
    # A kept build that was cut off is built again.
    kept=$(ls "$folder"/cache/midl/builds/*.so)
    head -c 4000 "$kept" >"$folder/cut.so" && cp "$folder/cut.so" "$kept"
    expect 0 "1 same" $against
    cmp -s "$folder/cut.so" "$kept" && fault "a kept build that is cut off is kept"
    # Ctrl-C while it is built: what the build has started ends, and its folder goes.
    cat >kernels/meson.build <<EOF
slow = custom_target('slow', output: 'slow.h', command: ['sh', '-c', 'echo \$\$ >$folder/pid; exec sleep 600'])
shared_library('midl', 'a.c', slow)
EOF
    git commit -q -a -m "takes long"
    env --default-signal=INT "$midl" check $against >"$folder/out" 2>"$folder/err" </dev/null &
    check=$!
    until [ -s "$folder/pid" ] || ! kill -0 $check 2>/dev/null; do
        sleep 0.1
    done
    kill -INT $check
    wait $check
    [ $? -eq 4 ] && grep -q "interrupted" "$folder/err" || fault "a build that is interrupted"
    sleep=$(cat "$folder/pid")
    for moment in 1 2 3 4 5 6 7 8 9 10; do
        goes_on "$sleep" && sleep 0.1
    done
    goes_on "$sleep" && fault "what the build has started goes on"
    ls "$folder"/cache/midl/builds | grep -q work && fault "a build's folder is left"
fi
[ $faults -eq 0 ] || exit 1
