#!/bin/sh
# test_resume.sh MIDL QUERY [KILLS [SEED [MS]]] - a sweep killed KILLS times at random moments (kill -9, every
# fifth time Ctrl-C or SIGTERM), each time resumed: no point is lost, measured twice or half stored. A
# slow machine needs more time between kills, up to MS milliseconds, to get anywhere.
set -u
midl=$1
query=$2
kills=${3:-10}
seed=${4:-1}
most=${5:-2000}
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
db=$folder/a.db
faults=0

complain() {
    echo "FAULT: $*"
    faults=$((faults + 1))
}

# sql SELECT EXPECTED
sql() {
    got=$("$query" "$db" "$1")
    [ "$got" = "$2" ] || complain "$1: '$got', expected '$2'"
}

# A number in 0..$1-1, the same for the same seed.
random() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    drawn=$((seed / 65536 % $1))
}

# What must hold at every moment: shapes are whole, runs are no longer than they should be, of two
# runs the earlier one is finished, and a run with points has its ceilings, each once.
check() {
    sql "SELECT integrity_check FROM pragma_integrity_check" ok
    sql "SELECT count(*) FROM (SELECT 1 FROM points GROUP BY run_id, shape_key
        HAVING count(*) <> 2 OR count(DISTINCT kernel) <> 2)" 0
    sql "SELECT count(*) FROM points WHERE samples < 10" 0
    sql "SELECT count(*) FROM runs WHERE run_id < (SELECT max(run_id) FROM runs)
        AND status <> 'finished'" 0
    sql "SELECT count(*) FROM runs r WHERE (status = 'finished') <>
        ((SELECT count(*) FROM points p WHERE p.run_id = r.run_id) = $points)
        AND status = 'finished'" 0
    sql "SELECT count(*) FROM (SELECT 1 FROM points GROUP BY run_id HAVING count(*) > $points)" 0
    sql "SELECT count(DISTINCT count) > 1 FROM (SELECT count(*) AS count FROM ceilings GROUP BY run_id)" 0
    sql "SELECT count(*) FROM points WHERE run_id NOT IN (SELECT run_id FROM ceilings)" 0
    sql "SELECT count(*) FROM (SELECT 1 FROM ceilings GROUP BY run_id, kind, name, threads HAVING count(*) > 1)" 0
}

sweep="sweep --n 8:640:8 --kernel masked,linear-rows --counters none --target 50% --budget 20ms --db $db"
points=$("$midl" $sweep --dry-run | grep -c ' d=')
[ "$points" = 160 ] || complain "$points points in a dry run, expected 160"

stopped=0
last=0
sum="SELECT count(*) || ' ' || total(time_ns) || ' ' || total(samples) FROM points WHERE point_id <="
kept=
judged=
i=0
while [ $stopped -lt "$kills" ] && [ $i -lt $((3 * kills + 20)) ]; do
    i=$((i + 1))
    case $((i % 10)) in
    0) signal=TERM ;;
    5) signal=INT ;;
    *) signal=KILL ;;
    esac
    "$midl" $sweep --resume --quiet >"$folder/out" 2>"$folder/err" &
    child=$!
    random $most
    sleep $((drawn / 1000)).$(printf %03d $((drawn % 1000)))
    kill -$signal $child 2>/dev/null
    wait $child 2>/dev/null
    status=$?
    case $signal$status in
    INT4 | TERM4) grep -q -- "--resume" "$folder/err" || complain "how to go on is not said" ;;
    KILL137 | INT130 | TERM143 | KILL0 | INT0 | TERM0) ;;
    *) complain "exit status $status after $signal: $(cat "$folder/err")" ;;
    esac
    [ $status -ne 0 ] && stopped=$((stopped + 1))
    [ -s "$db" ] || continue
    "$query" "$db" "SELECT count(*) FROM runs" >/dev/null 2>&1 || continue
    check
    [ -z "$kept" ] || sql "$sum $last" "$kept"
    # A resumed run keeps the ceilings that its points were judged with.
    [ -z "$judged" ] || sql "SELECT total(value) FROM ceilings WHERE run_id = $judged" "$ceilings"
    judged=$("$query" "$db" "SELECT max(run_id) FROM points")
    [ "$judged" != NULL ] || judged=
    [ -z "$judged" ] || ceilings=$("$query" "$db" "SELECT total(value) FROM ceilings WHERE run_id = $judged")
    last=$("$query" "$db" "SELECT coalesce(max(point_id), 0) FROM points")
    kept=$("$query" "$db" "$sum $last")
done
[ $stopped -eq "$kills" ] || complain "only $stopped sweeps were stopped before their end"

"$midl" $sweep --resume --quiet || complain "the last sweep failed"
check

# What changes numbers makes another run: another budget or target, other contents of a file.
runs() {
    "$query" "$2" "SELECT count(*) FROM runs WHERE status = '$1'"
}
other="sweep --n 16 --d 784 --kernel linear-rows --counters none --budget 20ms --quiet --resume --db $folder/other.db"
"$midl" $other --target 50% || complain "a sweep failed"
"$query" "$folder/other.db" "SELECT 1" >/dev/null
for change in "--target 50%" "--target 40%" "--target 50% --budget 21ms"; do
    "$midl" $other $change >/dev/null 2>&1 || complain "a sweep with $change failed"
done
[ "$(runs finished "$folder/other.db")" = 4 ] || complain "$(runs finished "$folder/other.db") finished runs, expected 4"

# go_on NEW COMMAND...: a sweep of a file of inputs that was stopped after its first point is resumed by COMMAND:
# in the same run, or, if NEW is 1, in another one, because what it measures is another thing.
bits() {
    printf '\000\000\010\003\000\000\000\002\000\000\000\002\000\000\000\040\000\377\200%s' "$1"
    head -c 124 /dev/zero
}
named="sweep --n 16:96:8 --d 64 --kernel linear-rows --counters none --budget 20ms --target 50% --quiet --resume"
go_on() {
    new=$1
    shift
    rm -f "$folder"/named.db*
    bits a >"$folder/inputs"
    "$midl" $named --input "$folder/inputs" --db "$folder/named.db" >"$folder/out" 2>&1 &
    child=$!
    until [ "$("$query" "$folder/named.db" "SELECT count(*) > 0 FROM points" 2>/dev/null)" = 1 ] || ! kill -0 $child 2>/dev/null; do
        sleep 0.05
    done
    kill -TERM $child 2>/dev/null
    wait $child
    case $? in
    0) return ;; # it had come to its end: nothing to go on with
    4) ;;
    *) complain "a sweep that was stopped: $(cat "$folder/out")" ;;
    esac
    "$@" >"$folder/out" 2>&1 || complain "going on by $*: $(cat "$folder/out")"
    [ "$("$query" "$folder/named.db" "SELECT count(*) - 1 FROM runs")" = "$new" ] ||
        complain "$*: $("$query" "$folder/named.db" "SELECT count(*) FROM runs") runs"
}
again="$named --input $folder/inputs --db $folder/named.db"
go_on 0 "$midl" $again
go_on 1 sh -c 'printf x | dd of="$1" bs=1 seek=50 conv=notrunc 2>/dev/null; shift; exec "$@"' sh "$folder/inputs" "$midl" $again
go_on 1 env OMP_NUM_THREADS=7 "$midl" $again
if unshare --uts true 2>/dev/null; then # root
    go_on 1 unshare --uts sh -c 'echo elsewhere >/proc/sys/kernel/hostname && exec "$@"' sh "$midl" $again
fi

# Several at once: each says what it did, none spoils another's run.
for i in 1 2 3 4; do
    "$midl" sweep --n 8:160:8 --kernel linear-rows --counters none --budget 20ms --target 50% --quiet --resume \
        --db "$folder/crowd.db" >"$folder/crowd.$i" 2>&1 &
    eval "crowd$i=$!"
done
for i in 1 2 3 4; do
    eval "wait \$crowd$i"
    status=$?
    case $status in
    0) ;;
    2) grep -q "is being measured by process" "$folder/crowd.$i" || complain "refused: $(cat "$folder/crowd.$i")" ;;
    *) complain "one of a crowd: exit status $status: $(cat "$folder/crowd.$i")" ;;
    esac
done
[ "$("$query" "$folder/crowd.db" "SELECT count(*) > 0 FROM runs WHERE status = 'finished'")" = 1 ] ||
    complain "none of a crowd finished"
sql "SELECT count(*) FROM runs WHERE status <> 'finished'" 0
sql "SELECT count(*) FROM points WHERE run_id = (SELECT max(run_id) FROM runs)" "$points"
[ -z "$kept" ] || sql "$sum $last" "$kept"

echo "$stopped of $i sweeps stopped before their end, $("$query" "$db" "SELECT count(*) FROM runs") runs, $faults faults"
[ $faults -eq 0 ]
