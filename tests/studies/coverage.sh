#!/bin/sh
# coverage.sh MIDL FOLDER [RUNS] - how often do the intervals of `speedup` hold the true ratio?
#
# RUNS (20) usual runs of `latency` at three widths, while another processor is kept busy; between
# them long runs on a quiet machine, whose median is the truth. A case is one speedup of one run.
# Prints for each width: cases, how many intervals hold the truth, their median and largest width.
#   N         widths; 256,512,1024        KERNELS  linear,dense,masked,gather,simd,lists
#   LOAD      cpu (a loop), memory (a stream of writes) or none        OTHER  its processor; 1
#   BEGIN     what to put before midl, "taskset -c 0" say
#   TRUTHS    number of long runs; 6      BUDGET   of one shape in a usual run; 5s
# Databases stay in FOLDER; what is there is not measured again.
set -eu
midl=$1 folder=$2 runs=${3:-20}
n=${N:-256,512,1024} kernels=${KERNELS:-linear,dense,masked,gather,simd,lists}
load=${LOAD:-cpu} other=${OTHER:-1} begin=${BEGIN:-} truths=${TRUTHS:-6} budget=${BUDGET:-5s}
truth=$folder/truth.db usual=$folder/$load.db
mkdir -p "$folder"

count() { # runs that are in a database
    [ -e "$1" ] || { echo 0 && return; }
    sqlite3 "$1" "SELECT count(*) FROM runs WHERE status = 'finished'"
}

sweep() { # database, other options
    db=$1
    shift
    $begin "$midl" sweep latency --n "$n" --active 0.45 --kernel "$kernels" --counters none \
        --quiet --db "$db" "$@"
}

busy() {
    case $load in
    cpu) exec taskset -c "$other" sh -c 'while :; do :; done' ;;
    memory) exec taskset -c "$other" dd if=/dev/zero of=/dev/null bs=16M status=none ;;
    esac
}

worker=
trap '[ -z "$worker" ] || kill "$worker"' EXIT
# Long runs between the usual ones: what a machine gives drifts in the minutes that this takes.
for run in $(seq "$runs"); do
    while [ $(($(count "$truth") * runs)) -lt $((run * truths)) ]; do
        sweep "$truth" --target 0.1% --budget 8s
    done
    [ "$(count "$usual")" -lt "$run" ] || continue
    [ "$load" = none ] || { busy & worker=$!; }
    sweep "$usual" --budget "$budget"
    [ -z "$worker" ] || kill "$worker"
    worker=
done

[ -e "$usual" ] || exit 0
sqlite3 -header -column "$usual" "
ATTACH '$truth' AS quiet;
WITH long AS (
    SELECT shape_key, kernel, speedup, row_number() OVER w AS place, count(*) OVER all_ AS total
    FROM quiet.points WHERE NOT linear AND speedup > 0
    WINDOW w AS (PARTITION BY shape_key, kernel ORDER BY speedup),
           all_ AS (PARTITION BY shape_key, kernel)),
truth AS (SELECT shape_key, kernel, avg(speedup) AS ratio FROM long
          WHERE place IN ((total + 1) / 2, (total + 2) / 2) GROUP BY shape_key, kernel),
cases AS (SELECT n, kernel, speedup_lo <= ratio AND ratio <= speedup_hi AS holds,
                 100 * (speedup_hi - speedup_lo) / speedup AS width, speedup / ratio - 1 AS off
          FROM points JOIN truth USING (shape_key, kernel) WHERE speedup > 0),
ranked AS (SELECT *, row_number() OVER (PARTITION BY n, kernel ORDER BY width) AS place,
                  count(*) OVER (PARTITION BY n, kernel) AS total FROM cases)
SELECT n, kernel, count(*) AS cases, sum(holds) AS hold,
       printf('%.1f %%', 100.0 * sum(holds) / count(*)) AS share,
       printf('%.2f %%', max(width) FILTER (WHERE place = (total + 1) / 2)) AS width,
       printf('%.2f %%', max(width)) AS widest,
       printf('%+.2f %%', 100 * avg(off)) AS shift
FROM ranked GROUP BY n, kernel
UNION ALL
SELECT n, 'all', count(*), sum(holds), printf('%.1f %%', 100.0 * sum(holds) / count(*)),
       printf('%.2f %%', avg(width)), printf('%.2f %%', max(width)), printf('%+.2f %%', 100 * avg(off))
FROM cases GROUP BY n
UNION ALL
SELECT 'all', 'all', count(*), sum(holds), printf('%.1f %%', 100.0 * sum(holds) / count(*)),
       printf('%.2f %%', avg(width)), printf('%.2f %%', max(width)), printf('%+.2f %%', 100 * avg(off))
FROM cases"
