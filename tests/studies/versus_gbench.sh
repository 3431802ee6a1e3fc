#!/bin/sh
# versus_gbench.sh MIDL BY_DEFAULTS FOLDER - what do intervals of the same width cost?
#
# A hundred points (five widths, k/n = 0.25 and 0.45, ten kernels) by Google Benchmark's defaults,
# ten repetitions of 0.5 s each, then by sweeps with budgets of 1, 2, 4, 8 and 12 s a shape and a
# target that they don't reach. Prints for each of them how many times longer the defaults took, and
# of times and of speedups the ratio of the intervals' widths (the median of all points; 1: the same
# width), the share of points whose interval is no wider than by the defaults, and the share of
# intervals, by the sweep and by the defaults, that hold what the longest sweep found. The sweep's
# time is all that it takes: checks, ceilings and storing too.
#
# Neither side is quite the other's like. An interval by the defaults comes from the order
# statistics of ten repetitions, in one place of memory within six seconds; what the machine does
# before and after is not in it. A sweep's points are spread over all of their shape's time and many
# places: their intervals hold the drift in it, and where there is much don't narrow with time.
# Speedups are what a sweep is for: it forms ratios within rounds, where drift cancels. By the
# defaults a ratio is that of two points some time apart, with both intervals in it: here as if they
# were independent, by the root of the sum of squares, which is kind to them.
#   BEGIN    what to put before either program, "taskset -c 0" say
#   N        widths; 256,384,512,768,1024
#   BUDGETS  of the sweeps, s a shape; 1 2 4 8 12
# What is in FOLDER is not measured again.
set -eu
midl=$1 defaults=$2 folder=$3
begin=${BEGIN:-} widths=${N:-256,384,512,768,1024} budgets=${BUDGETS:-1 2 4 8 12}
tsv=$folder/by_defaults.tsv db=$folder/sweeps.db
kernels='linear,linear-onednn,linear-rows,dense,dense-rows,masked,gather,simd,lists,auto'
mkdir -p "$folder"
touch "$tsv" "$folder/sweeps.tsv"

for n in $(echo "$widths" | tr , ' '); do
    for active in 0.25 0.45; do
        for kernel in $(echo $kernels | tr , ' '); do
            awk -v n="$n" -v a="$active" -v k="$kernel" \
                '$1 == n && $2 > a - 0.01 && $2 < a + 0.01 && $3 == k { found = 1 }
                 END { exit !found }' "$tsv" ||
                $begin "$defaults" n "$n" active "$active" kernel "$kernel" >>"$tsv"
        done
    done
    for budget in $budgets; do
        grep -q "^$n	$budget	" "$folder/sweeps.tsv" && continue
        $begin "$midl" sweep --n "$n" --active 0.25,0.45 --kernel "$kernels" --counters none \
            --target 0.01% --budget "${budget}s" --quiet --db "$db"
        run=$(sqlite3 "$db" "SELECT max(run_id) FROM runs")
        took=$(sqlite3 "$db" "SELECT value FROM environment
            WHERE name = 'seconds_total' AND run_id = $run")
        printf '%s\t%s\t%s\t%s\n' "$n" "$budget" "$run" "$took" >>"$folder/sweeps.tsv"
    done
done

sqlite3 "$db" "
CREATE TEMP TABLE defaults (n INT, active REAL, kernel, seconds REAL, t REAL, lo REAL, hi REAL, width REAL);
CREATE TEMP TABLE sweeps (n INT, budget REAL, run_id INT, seconds REAL);" '.mode tabs' \
    ".import --schema temp $tsv defaults" ".import --schema temp $folder/sweeps.tsv sweeps" \
    '.headers on' '.mode column' "
CREATE TEMP TABLE took AS
SELECT n, budget, run_id, seconds AS ours, (SELECT sum(seconds) FROM defaults d WHERE d.n = s.n) AS theirs
FROM sweeps s;
CREATE TEMP TABLE pairs AS -- a point by a sweep and by the defaults: d; y is its yardstick
SELECT took.n, budget, d.active, p.kernel, p.kernel <> p.yardstick AS is_ratio,
       time_ns, time_lo_ns, time_hi_ns, speedup, speedup_lo, speedup_hi, d.t, d.lo, d.hi, y.t / d.t AS r,
       y.t / d.t * (1 - sqrt(pow(1 - y.lo / y.t, 2) + pow(d.hi / d.t - 1, 2))) AS r_lo,
       y.t / d.t * (1 + sqrt(pow(y.hi / y.t - 1, 2) + pow(1 - d.lo / d.t, 2))) AS r_hi
FROM took JOIN points p USING (run_id)
     JOIN defaults d ON d.n = p.n AND abs(d.active - p.active) < 0.001 AND d.kernel = p.kernel
     JOIN defaults y ON y.n = p.n AND abs(y.active - p.active) < 0.001 AND y.kernel = p.yardstick
WHERE p.status IN ('ok', 'noisy');
CREATE TEMP TABLE truth AS -- the nearest to it that there is here
SELECT n, active, kernel, time_ns AS t, speedup AS r FROM pairs WHERE budget = (SELECT max(budget) FROM took);
CREATE TEMP TABLE compared AS
SELECT 'time' AS what, n, budget, (time_hi_ns - time_lo_ns) / time_ns AS ours, (hi - lo) / pairs.t AS theirs,
       truth.t BETWEEN time_lo_ns AND time_hi_ns AS hold, truth.t BETWEEN lo AND hi AS they_hold
FROM pairs JOIN truth USING (n, active, kernel)
UNION ALL
SELECT 'speedup', n, budget, (speedup_hi - speedup_lo) / speedup, (r_hi - r_lo) / pairs.r,
       truth.r BETWEEN speedup_lo AND speedup_hi, truth.r BETWEEN r_lo AND r_hi
FROM pairs JOIN truth USING (n, active, kernel) WHERE is_ratio;
INSERT INTO compared SELECT what, 'all', budget, ours, theirs, hold, they_hold FROM compared;
INSERT INTO took SELECT 'all', budget, NULL, sum(ours), sum(theirs) FROM took GROUP BY budget;
WITH ranked AS (SELECT *, ours / theirs AS ratio, count(*) OVER w AS points,
                       row_number() OVER (w ORDER BY ours / theirs) AS place
                FROM compared WINDOW w AS (PARTITION BY what, n, budget))
SELECT what, n, printf('%g s', budget) AS budget, points, printf('%.0f', took.theirs) AS 'defaults s',
       printf('%.1f', took.ours) AS 'sweep s', printf('%.1f', took.theirs / took.ours) AS times,
       printf('%.2f', avg(ratio) FILTER (WHERE place IN ((points + 1) / 2, (points + 2) / 2))) AS 'width ratio',
       printf('%.2f %%', 100 * avg(r.theirs)) AS 'defaults width', printf('%.2f %%', 100 * avg(r.ours)) AS
       'sweep width', printf('%.0f %%', 100 * avg(ratio <= 1)) AS 'as narrow',
       printf('%.0f %%', 100 * avg(hold)) AS hold, printf('%.0f %%', 100 * avg(they_hold)) AS 'defaults hold'
FROM ranked r JOIN took USING (n, budget) GROUP BY what, n, r.budget ORDER BY what DESC, n + 0 = 0, n + 0, r.budget"
