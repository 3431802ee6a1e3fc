#!/bin/sh
# versus_gbench.sh MIDL BY_DEFAULTS FOLDER - what do intervals of the same width cost?
#
# A hundred points (five widths, k/n = 0.25 and 0.45, ten kernels) by Google Benchmark's defaults,
# ten repetitions of 0.5 s each, then by sweeps: for each shape until all its intervals are as narrow
# as the median of the intervals that the defaults gave. Prints for each shape seconds and widths by
# both, and at how many points the sweep's interval is no wider than that point's by the defaults.
# An interval by the defaults comes from the order statistics of ten repetitions, in one place of
# memory; a sweep's holds what other places and drift do. The sweep's time is all that it takes,
# checks, ceilings and storing too.
#   BEGIN  what to put before either program, "taskset -c 0" say
#   N      widths; 256,384,512,768,1024
# What is in FOLDER is not measured again.
set -eu
midl=$1 defaults=$2 folder=$3
begin=${BEGIN:-} widths=${N:-256,384,512,768,1024}
tsv=$folder/by_defaults.tsv db=$folder/sweeps.db
kernels='linear,linear-onednn,linear-rows,dense,dense-rows,masked,gather,simd,lists,auto'
mkdir -p "$folder"
touch "$tsv" "$folder/seconds.tsv"

for n in $(echo "$widths" | tr , ' '); do
    for active in 0.25 0.45; do
        mine() { awk -v n="$n" -v a="$active" '$1 == n && $2 > a - 0.01 && $2 < a + 0.01' "$1"; }
        for kernel in $(echo $kernels | tr , ' '); do
            mine "$tsv" | awk -v k="$kernel" '$3 == k { found = 1 } END { exit !found }' ||
                $begin "$defaults" n "$n" active "$active" kernel "$kernel" >>"$tsv"
        done
        mine "$folder/seconds.tsv" | grep -q . && continue
        target=$(mine "$tsv" | awk '{ print 100 * $8 }' | sort -n |
            awk '{ w[NR] = $1 } END { print (w[int((NR + 1) / 2)] + w[int((NR + 2) / 2)]) / 2 }')
        $begin "$midl" sweep --n "$n" --active "$active" --kernel "$kernels" --counters none \
            --target "$target%" --budget 60s --quiet --db "$db"
        took=$(sqlite3 "$db" "SELECT value FROM environment WHERE name = 'seconds_total'
            ORDER BY run_id DESC LIMIT 1")
        printf '%s\t%s\t%s\t%s\n' "$n" "$active" "$took" "$target" >>"$folder/seconds.tsv"
    done
done

sqlite3 -header -column "$db" "
CREATE TEMP TABLE defaults (n, active, kernel, seconds, time_ns, lo_ns, hi_ns, width);
CREATE TEMP TABLE took (n, active, seconds, target);" '.mode tabs' ".import --schema temp $tsv defaults" \
    ".import --schema temp $folder/seconds.tsv took" '.mode column' "
WITH shapes AS (
    SELECT d.n AS n, t.active AS active, count(*) AS points, sum(d.seconds) AS defaults_s,
           t.seconds + 0 AS sweep_s, t.target AS target,
           avg(100 * d.width) AS defaults_width,
           avg(100 * (p.time_hi_ns - p.time_lo_ns) / p.time_ns) AS sweep_width,
           sum((p.time_hi_ns - p.time_lo_ns) / p.time_ns <= d.width + 0) AS as_narrow
    FROM defaults d JOIN took t ON t.n = d.n AND abs(t.active - d.active) < 0.01
         JOIN points p ON p.n = d.n + 0 AND abs(p.active - d.active) < 0.001 AND p.kernel = d.kernel
    GROUP BY d.n + 0, t.active)
SELECT n, active, points, printf('%.1f', defaults_s) AS 'defaults s', printf('%.2f', sweep_s) AS
       'sweep s', printf('%.1f', defaults_s / sweep_s) AS times,
       printf('%.2f %%', target) AS target, printf('%.2f %%', defaults_width) AS 'defaults width',
       printf('%.2f %%', sweep_width) AS 'sweep width', as_narrow AS 'as narrow' FROM shapes
UNION ALL
SELECT 'all', '', sum(points), printf('%.1f', sum(defaults_s)), printf('%.2f', sum(sweep_s)),
       printf('%.1f', sum(defaults_s) / sum(sweep_s)), '', printf('%.2f %%', avg(defaults_width)),
       printf('%.2f %%', avg(sweep_width)), sum(as_narrow) FROM shapes"
