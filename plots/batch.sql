-- batch.sql - what remains with many inputs per call: speedup over the batch
-- needs: speedups at two batches of one layer size and k/n; run `midl sweep batch`
shares AS (
    SELECT d, n, round(active, 2) AS share FROM points
    WHERE run_id = :run AND status IN ('ok', 'noisy') AND speedup > 0
    GROUP BY d, n, round(active, 2) HAVING count(DISTINCT batch) > 1),

mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND (d, n, round(active, 2)) IN (
              SELECT d, n, share FROM shares
              WHERE share = (SELECT share FROM shares
                             ORDER BY abs(share - coalesce(CAST(:active AS REAL), 0.45)), share
                             LIMIT 1))),

shown AS (SELECT drawn.*, panel FROM drawn JOIN panels USING (size) WHERE speedup > 0),

-- The fastest variant at each place.
best AS (
    SELECT panel, batch, max(speedup) AS speedup, speedup_lo
    FROM shown WHERE NOT linear GROUP BY panel, batch)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('MID-L at k/n = %.2f: %s times as fast as the fastest dense layer in batches',
              (SELECT avg(active) FROM shown), from_to(min(speedup), max(speedup), 2)) AS text
FROM best WHERE batch > 1 HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, printf('Speedup over the batch, k/n = %.2f', avg(active))
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, title
FROM panels WHERE panel IN (SELECT panel FROM shown)
UNION ALL
SELECT * FROM legend WHERE style IN (SELECT style FROM shown)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, batch, speedup, speedup_lo, speedup_hi, noisy, NULL
    FROM shown ORDER BY linear DESC, abs(style), panel, batch)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Time of the fastest dense layer of the same batch / time. Bars: 95 % intervals of the ratio'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, text
FROM notes WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '6 of ' || total || ' layer sizes are shown'
FROM panels WHERE panel = 1 AND total > 6;
