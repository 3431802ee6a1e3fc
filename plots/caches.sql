-- caches.sql - weights in the caches or in memory: speedup over the layer size
-- needs: speedups with warm and with cold caches, batch 1; run `midl sweep --cache warm,cold`, or take two runs by --run A,B
-- Takes several runs as one, :runs: what is warm in one run and cold in another stands in one panel.
wanted AS (SELECT value AS run_id FROM json_each('[' || coalesce(:runs, :run) || ']')),

mine AS (
    SELECT kernel, isa, linear, dtype, threads, NULL AS cache, cache AS weights, gate, select_mode,
           block, threshold, unselected, layer, input, d, n, k, active, rank, gate_rank, batch,
           status, time_ns, time_lo_ns, time_hi_ns, speedup, speedup_lo, speedup_hi
    FROM points
    WHERE run_id IN (SELECT run_id FROM wanted)
      AND batch = coalesce(CAST(:batch AS INTEGER), 1)),

-- The fastest variant of each place, at the k/n that both have: the two that most have.
best AS (
    SELECT size, label, weights, round(active, 2) AS share, max(speedup) AS speedup, speedup_lo,
           speedup_hi, noisy
    FROM drawn WHERE NOT linear AND speedup > 0 GROUP BY size, weights, round(active, 2)),
shares AS (
    SELECT share, row_number() OVER (ORDER BY share DESC) AS panel
    FROM (SELECT share FROM best
          WHERE :active IS NULL OR share = round(CAST(:active AS REAL), 2)
          GROUP BY share HAVING count(DISTINCT weights) > 1
          ORDER BY count(*) DESC, share DESC LIMIT 2)),
shown AS (
    SELECT best.*, panel, dense_rank() OVER (ORDER BY size) AS place,
           CASE weights WHEN 'warm' THEN 710 ELSE 720 END AS style
    FROM best JOIN shares USING (share))

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('MID-L at k/n = %.2f: %s with warm caches, %s with cold ones', max(share),
              from_to(min(speedup) FILTER (WHERE weights = 'warm'),
                      max(speedup) FILTER (WHERE weights = 'warm'), 2, 'x'),
              from_to(min(speedup) FILTER (WHERE weights = 'cold'),
                      max(speedup) FILTER (WHERE weights = 'cold'), 2, 'x')) AS text
FROM shown WHERE panel = 1 HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Speedup with warm and with cold caches'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       printf('k/n = %.2f', share)
FROM shares
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, style, weights, style, 1, NULL, NULL, NULL, 'Caches:'
    FROM shown ORDER BY style)
UNION ALL
SELECT DISTINCT 'x name', panel, NULL, NULL, place, NULL, NULL, NULL, NULL, label FROM shown
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, weights, place, speedup, speedup_lo, speedup_hi, noisy, NULL
    FROM shown ORDER BY style, panel, place)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Warm: the call is repeated, its weights lie in the caches as far as they fit; cold: they come from memory. Fastest variant over the fastest dense layer. Bars: 95 % intervals of the ratio'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(text, '. r: rank of the light path', '')
FROM notes WHERE EXISTS (SELECT 1 FROM shown);
