-- masks.sql - who selects what: speedup over the batch, by kind of mask
-- needs: speedups of two kinds of masks at two batches; run `midl sweep masks`
mine AS (
    SELECT kernel, isa, linear, dtype, threads, cache, gate, NULL AS select_mode, block, threshold,
           unselected, NULL AS layer, input, d, n, k, active, rank, gate_rank, batch, status,
           time_ns, time_lo_ns, time_hi_ns, speedup, speedup_lo, speedup_hi,
           CASE WHEN select_mode = 'block' THEN 'blocks of ' || block
                WHEN select_mode <> 'topk' THEN select_mode ELSE 'single neurons' END
           || CASE WHEN layer = 'random' THEN '' WHEN layer NOT LIKE '%#%' THEN ', ' || layer || ' masks'
                   ELSE ', of ' || replace(replace(layer, rtrim(layer, replace(layer, '/', '')), ''), '.safetensors', '') END AS mask
    FROM points WHERE run_id = :run),

-- SQLite takes the other columns from the row that has the maximum.
best AS (
    SELECT size, title, mask, batch, active, max(speedup) AS speedup, speedup_lo, speedup_hi, noisy
    FROM drawn WHERE NOT linear AND speedup > 0 GROUP BY size, mask, batch, k),

-- Three sizes and two k/n at most: those that most points have. Other kinds of masks lie in the
-- panel of the nearest k/n, at most 0.06 off, with what they have nearest to it.
heights AS (
    SELECT size, row_number() OVER (ORDER BY size) AS col
    FROM (SELECT size, row_number() OVER (ORDER BY size) AS place, count(*) OVER () AS total
          FROM (SELECT DISTINCT size FROM best))
    WHERE (place - 1) * 2 % max(total - 1, 1) < 2),
shares AS (
    SELECT share, row_number() OVER (ORDER BY share DESC) AS line
    FROM (SELECT round(active, 2) AS share FROM best
          WHERE mask = (SELECT mask FROM best GROUP BY mask ORDER BY count(*) DESC, mask DESC LIMIT 1)
            AND (:active IS NULL OR round(active, 2) = round(CAST(:active AS REAL), 2))
          GROUP BY round(active, 2) ORDER BY count(*) DESC, share DESC LIMIT 2)),

placed AS (
    SELECT *, (line - 1) * (SELECT count(*) FROM heights) + col AS panel
    FROM (SELECT best.*, col, line, share,
                 rank() OVER (PARTITION BY size, mask, line
                              ORDER BY round(abs(active - share), 3)) AS nearness
          FROM best JOIN heights USING (size)
               JOIN shares ON abs(active - share) <= 0.06)
    WHERE nearness = 1),

kinds AS (
    SELECT mask, 700 + 10 * row_number() OVER (ORDER BY mask LIKE 'blocks%',
                                               mask <> 'single neurons', mask) AS style
    FROM placed GROUP BY mask),

shown AS (
    SELECT placed.*, style FROM placed JOIN kinds USING (mask)
    WHERE (SELECT count(*) FROM kinds) > 1
      AND (SELECT count(DISTINCT batch) FROM placed) > 1)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       CASE WHEN sum(mask LIKE 'blocks%') = 0 OR sum(mask = 'single neurons') = 0
            THEN printf('MID-L in batches: %s times as fast as the fastest dense layer',
                        from_to(min(speedup), max(speedup), 2))
            ELSE printf('In batches, single neurons give %s at k/n = %.2f, blocks %s',
                        from_to(min(speedup) FILTER (WHERE mask = 'single neurons'),
                                max(speedup) FILTER (WHERE mask = 'single neurons'), 2, 'x'),
                        max(share),
                        from_to(min(speedup) FILTER (WHERE mask LIKE 'blocks%'),
                                max(speedup) FILTER (WHERE mask LIKE 'blocks%'), 2, 'x')) END
       AS text
FROM shown WHERE batch > 1 AND line = 1 HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Speedup of the best variant over the batch, by kind of mask'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT DISTINCT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(title, substr(title, instr(title, ', r =')), '') || printf(', k/n = %.2f', share)
FROM shown
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, style, mask, style, 1, NULL, NULL, NULL, 'Masks:'
    FROM shown ORDER BY style)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, mask, batch, speedup, speedup_lo, speedup_hi, noisy, NULL
    FROM shown ORDER BY style, panel, batch)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Fastest variant of each place over the fastest dense layer next to it; k/n rounded to whole blocks. Bars: 95 % intervals of the ratio'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(text, '. r: rank of the light path', '')
FROM notes WHERE EXISTS (SELECT 1 FROM shown);
