#!/bin/sh
# test_ending.sh MIDL UNKIND - how midl ends when a library or the system ends it, waits for ever or
# has no memory: one line of its own, and an exit status that can't pass for an answer.
set -u
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
"$midl" list kernels >/dev/null || complain "list kernels fails"
"$midl" frobnicate 2>"$folder/err" && complain "an unknown command succeeds"

# ---- A library that waits for ever: a request to stop is heeded all the same

for fault in spin wait; do
    for signal in INT TERM HUP; do
        LD_PRELOAD=$unkind UNKIND=$fault sh -c "trap - INT; exec '$midl' sweep --n 16 --d 16 --kernel masked \
            --db '$folder/b.db' --quiet" >"$folder/out" 2>"$folder/err" &
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
if "$midl" list kernels | grep -q '^linear .* best' && command -v prlimit >/dev/null; then
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

[ $failures -eq 0 ]
