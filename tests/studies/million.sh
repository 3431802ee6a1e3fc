#!/bin/sh
# million.sh MIDL SHARE [FOLDER] - a database of a million samples, all in one run, which is the
# hardest case for its figures: how long does each take? Needs sqlite3 and gnuplot. SHARE: the folder
# that holds results/ and plots/. Exit status 1 if a figure takes three seconds or more.
set -eu
midl=$1
share=$2
folder=${3:-$(mktemp -d)}
db=$folder/million.db
mkdir -p "$folder"
rm -f "$db" "$db-wal" "$db-shm"

# Six sizes, twenty shares, five batches, twenty variants: 12,000 points of 84 samples.
cat "$share/results/schema.sql" "$share/results/views.sql" - <<'SQL' | sqlite3 "$db"
BEGIN;
INSERT INTO run VALUES (1, 'million', 'hash', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z', 'finished',
    'none', '0', 'made', 'a made-up processor', 'avx2', 'gcc', 'none', 1, 'million.sh');
INSERT INTO ceiling VALUES (1, 'bandwidth', 'L1', 1, 22528, 400), (1, 'bandwidth', 'memory', 1, 268435456, 20),
    (1, 'flops', 'avx2/f32', 1, NULL, 100);
WITH RECURSIVE
variant(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM variant WHERE i < 19),
size(n) AS (SELECT 128 UNION ALL SELECT 2 * n FROM size WHERE n < 4096),
batch(b) AS (SELECT 1 UNION ALL SELECT 4 * b FROM batch WHERE b < 256),
share(s) AS (SELECT 1 UNION ALL SELECT s + 1 FROM share WHERE s < 20)
INSERT INTO point (run_id, shape_key, kernel, isa, dtype, linear, d, n, k, rank, gate, gate_rank,
    select_mode, block, unselected, batch, threads, cache, input, layer, status, time_ns, time_lo_ns,
    time_hi_ns, yardstick, speedup, speedup_lo, speedup_hi, stop, flops, bytes, flops_ratio, bound_ns)
SELECT 1, 'n=' || n || ' s=' || s || ' b=' || b, 'kernel' || (i / 2), iif(i % 2, 'avx2', 'avx512'), 'f32',
    i < 4, n, n, n * s / 20, n / 32, 'lowrank', n / 32, 'topk', 0, 'light', b, 1, 'warm', 'random', 'random',
    iif((n + s + i) % 11, 'ok', 'noisy'), t, 0.99 * t, 1.01 * t, 'kernel0', 2.0 - s / 20.0, 1.9 - s / 20.0,
    2.1 - s / 20.0, 'target', 2.0 * n * n * b * s / 20, 4.0 * n * n * s / 20, 20.0 / (s + 2), t / 2
FROM (SELECT *, 1e-2 * n * n * (s + 2) * b * (1 + i % 7 / 7.0) AS t FROM size, share, batch, variant);
WITH RECURSIVE round(r) AS (SELECT 0 UNION ALL SELECT r + 1 FROM round WHERE r < 83)
INSERT INTO sample SELECT point_id, r, point_id % 20, 100, time_ns * (1 + (r * 37 % 11 - 5) / 500.0), time_ns,
    r % 17 = 0, r / 14, 1e5, 0 FROM point, round;
INSERT INTO counter SELECT point_id, name, 'callgrind', bytes / 64, NULL, NULL
FROM point, (SELECT 'l1d_misses' AS name UNION ALL SELECT 'll_misses');
COMMIT;
SQL
echo "$(sqlite3 "$db" 'SELECT count(*) FROM samples') samples, $(($(wc -c <"$db") >> 20)) MiB"

slow=0
for figure in $(MIDL_SHARE=$share "$midl" plot --list | cut -d' ' -f1); do
    begin=$(date +%s%N)
    MIDL_SHARE=$share "$midl" plot "$figure" --db "$db" --out "$folder" >"$folder/out" 2>&1 || cat "$folder/out"
    ms=$((($(date +%s%N) - begin) / 1000000))
    echo "$figure: $ms ms"
    [ $ms -lt 3000 ] || slow=1
done
exit $slow
