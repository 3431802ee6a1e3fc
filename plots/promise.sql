-- promise.sql - how much of what the FLOPs promise does the clock deliver?
-- needs: speedups at batch 1; run `midl sweep latency`
mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)),

shown AS (
    SELECT drawn.*, panel AS place, -- darker the larger; one alone is not pale
           CASE (SELECT count(*) FROM panels) WHEN 1 THEN 840 ELSE 800 + 10 * panel END AS look,
           row_number() OVER (
               PARTITION BY size, active ORDER BY speedup DESC, style) AS rank_here,
           dense_rank() OVER (
               PARTITION BY size
               ORDER BY abs(active - coalesce(CAST(:active AS REAL), 0.45)), active) AS nearness
    FROM drawn JOIN panels USING (size)
    WHERE NOT drawn.linear AND speedup > 0 AND flops_ratio > 0),

near AS (SELECT * FROM shown WHERE nearness = 1)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('The clock delivers %s of the speedup that the FLOPs promise, k/n = %.2f',
              from_to(min(speedup / flops_ratio), max(speedup / flops_ratio), 2), avg(active))
       || ', batch ' || min(batch) AS text
FROM near WHERE rank_here = 1 HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Speedup: promised by FLOPs, delivered by the clock, batch ' || min(batch)
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'panel', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'fastest variant at each k/n'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'panel', 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'every variant at k/n = ' || printf('%.2f', avg(active))
FROM near HAVING count(*) > 0
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, look,
           CASE WHEN d = n THEN 'n = d = ' ELSE '' END || label, place, 1, NULL, NULL, NULL,
           'Fastest variant at'
    FROM shown ORDER BY place)
UNION ALL
SELECT what, panel, style, series, x, y, lo, hi, noisy, 'Every variant:' FROM legend
WHERE style IN (SELECT style FROM near)
UNION ALL
SELECT * FROM (
    SELECT 'point', 1, look, CASE WHEN d = n THEN 'n = d = ' ELSE '' END || label,
           flops_ratio, speedup, speedup_lo, speedup_hi, noisy, series
    FROM shown WHERE rank_here = 1 ORDER BY place, active)
UNION ALL
SELECT * FROM (
    SELECT 'point', 2, style, series, place, speedup / flops_ratio, speedup_lo / flops_ratio,
           speedup_hi / flops_ratio, noisy, NULL
    FROM near ORDER BY style, place)
UNION ALL
SELECT DISTINCT 'x name', 2, NULL, NULL, place, NULL, NULL, NULL, NULL, label FROM shown
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Promised: FLOPs of a dense layer / FLOPs of MID-L. Delivered: time of the fastest dense layer / time. Line: the promise is kept'
       || CASE WHEN min(flops_ratio) < 1.2 OR min(CASE noisy WHEN 0 THEN speedup_lo ELSE speedup END) < 1.2
               THEN '; dots: as fast as the dense layer' ELSE '' END || '. Bars: 95 % intervals of the ratio'
FROM shown WHERE rank_here = 1 HAVING count(*) > 0
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(text, '. r: rank of the light path', '')
FROM notes WHERE EXISTS (SELECT 1 FROM shown);
