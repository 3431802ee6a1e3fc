#!/bin/sh
# test_ending.sh MIDL UNKIND - how midl ends when a library or the system ends it, waits for ever or
# has no memory: one line of its own, and an exit status that can't pass for an answer.
set -u
export COLUMNS=400 # lines that are looked for are whole
midl=$1
unkind=$2
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
failures=0
[ -f "$unkind" ] || { echo "no library $unkind" >&2; exit 99; }

complain() {
    echo "FAILED: $*" >&2
    cat "$folder/err" >&2
    failures=$((failures + 1))
}

# ended NAME STATUS EXPECTED LINE: the status is that, and one line of midl's own holds LINE.
ended() {
    [ "$2" -eq "$3" ] || complain "$1: exit status $2, expected $3"
    [ "$(grep -c '^midl' "$folder/err")" -eq 1 ] || complain "$1: not one line of midl's"
    grep -q "^midl.*$4" "$folder/err" || complain "$1: no line matches '$4'"
}

# ---- A library that ends the program

for fault in exit abort; do
    for command in info "sweep --n 16 --d 16 --db $folder/a.db" "list figures"; do
        LD_PRELOAD=$unkind UNKIND=$fault "$midl" $command >"$folder/out" 2>"$folder/err"
        status=$?
        case $command in
        list*) [ $status -eq 0 ] || complain "$command: status $status" ;; # it doesn't ask
        *) ended "$command, a library's $fault" $status 3 "a library.*for the reason above" ;;
        esac
    done
done
LD_PRELOAD=$unkind UNKIND=illegal "$midl" info >"$folder/out" 2>"$folder/err"
ended "an illegal instruction" $? 3 "instruction that this processor doesn't have"
LD_PRELOAD=$unkind UNKIND=bus "$midl" info >"$folder/out" 2>"$folder/err"
ended "a file that became shorter" $? 3 "became shorter"
# BLIS itself, told to be a processor that there isn't: it aborts, unless a later one learns better.
if "$midl" list kernels | grep -q '^linear-blis .* generic$'; then
    BLIS_ARCH_TYPE=999 "$midl" sweep --n 16 --d 16 --batch 2 --kernel linear-blis --db "$folder/a.db" \
        >"$folder/out" 2>"$folder/err"
    status=$?
    [ $status -eq 0 ] || ended "BLIS's abort" $status 3 "a library aborted"
fi
"$midl" list kernels >/dev/null || complain "list kernels fails"
"$midl" frobnicate 2>"$folder/err" && complain "an unknown command succeeds"

# ---- A library that waits for ever: a request to stop is heeded all the same

for fault in spin wait; do
    for signal in INT TERM HUP; do
        : >"$folder/err" # not the last one's words
        # A background job ignores SIGINT, and so do these tests if they run in one.
        LD_PRELOAD=$unkind UNKIND=$fault env --default-signal=INT,HUP "$midl" sweep --n 16 --d 16 --kernel masked \
            --db "$folder/b.db" --quiet >"$folder/out" 2>"$folder/err" &
        process=$!
        until grep -q 'for ever' "$folder/err" || ! kill -0 $process; do sleep 0.05; done
        kill -$signal $process
        wait $process
        ended "$fault, SIG$signal" $? 4 "interrupted"
    done
done

# ---- Too little memory

# The least that is refused by midl, not by the system's loader, and more: never silence, never
# waiting, and what is enough works. Without OpenBLAS there is nothing to refuse.
if "$midl" list kernels | grep -q '^linear .* generic$' && command -v prlimit >/dev/null; then
    refused=0
    for megabytes in 200 260 320 380 440 500 560; do
        prlimit --as=${megabytes}000000 "$midl" eval --help >"$folder/out" 2>"$folder/err"
        status=$?
        case $status in
        0 | 127) ;; # enough; too little for the loader
        *) ended "$megabytes MB" $status 3 "not enough address space" && refused=$((refused + 1)) ;;
        esac
    done
    [ $refused -gt 0 ] || complain "no limit is refused"
    prlimit --as=8000000000 "$midl" eval --help >/dev/null || complain "8 GB are not enough"
fi

# ---- A disk that can't be read isn't a damaged database

# Whichever read is the first that fails, until none does.
"$midl" sweep --n 16 --d 16 --kernel masked --counters none --budget 10ms --target 50% --db "$folder/good.db" \
    --quiet >"$folder/out" 2>&1 || complain "a sweep fails"
for command in "export points --db $folder/good.db" "merge $folder/new.db $folder/good.db"; do
    reads=0
    while [ $reads -lt 100 ]; do
        rm -f "$folder"/new.db*
        LD_PRELOAD=$unkind UNKIND=eio UNKIND_READS=$reads "$midl" $command >"$folder/out" 2>"$folder/err"
        status=$?
        [ $status -eq 0 ] && break
        ended "$command, $reads reads" $status 3 "Input/output error"
        reads=$((reads + 1))
    done
    [ $reads -gt 2 ] || complain "$command: no read fails"
done
head -c 6000 "$folder/good.db" >"$folder/damaged.db"
"$midl" export points --db "$folder/damaged.db" >"$folder/out" 2>"$folder/err"
ended "a damaged database" $? 2 "is damaged"

# ---- Threads and processors

# points [NAME=VALUE]: what a sweep with two threads says of each point, each once.
points() {
    env A=b $1 "$midl" sweep --n 32 --d 16 --kernel masked --threads 2 --counters none --budget 10ms --target 50% \
        --db "$folder/team.db" --json --quiet 2>"$folder/err" >"$folder/points"
    sort -u "$folder/points"
}

if points OMP_DYNAMIC=true | grep -q '"team":2'; then # built with OpenMP; the load doesn't matter
    points OMP_THREAD_LIMIT=1 | grep '"team":1' | grep -q '"status":"skipped"' ||
        complain "a smaller team isn't stored and skipped"
    OMP_THREAD_LIMIT=1 "$midl" calibrate --threads 2 -o "$folder/table" >"$folder/out" 2>"$folder/err"
    ended "calibrate" $? 3 "2 threads asked for, 1 would run: OMP_THREAD_LIMIT is 1"
    if command -v taskset >/dev/null; then
        one=$(taskset -pc $$ | sed 's/.*: //; s/[-,].*//')
        taskset -c "$one" "$midl" sweep --n 32 --d 16 --kernel masked --threads 2 --counters none \
            --budget 10ms --target 50% --db "$folder/few.db" --json --quiet 2>"$folder/err" >"$folder/out"
        grep -q '2 threads share 1 processor\|2 threads asked for' "$folder/out" ||
            complain "two threads on one processor aren't told"
    fi
fi

cores=$("$midl" info | awk '$1 == "cores" {print $2}')
for binding in OMP_PROC_BIND=true OMP_PLACES=cores OMP_PROC_BIND=spread; do
    bound=$(env $binding "$midl" info | awk '$1 == "cores" {print $2}')
    [ "$bound" = "$cores" ] || complain "$binding: $bound cores, not $cores"
done
[ $failures -eq 0 ]
