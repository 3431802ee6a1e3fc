-- heat.sql - where it pays: speedup of the best variant over layer size and k/n
-- needs: speedups of two layer sizes at two k/n, batch 1; run `midl sweep latency`
mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)),

-- k is a whole number, so that k/n differs a little from layer to layer: columns of 1/40. A cell
-- pays for sure if one variant does, and loses for sure if all do.
best AS (
    SELECT size, label, round(active * 40) AS share, avg(active) AS active,
           max(speedup) AS speedup, max(speedup_lo) AS speedup_lo, max(speedup_hi) AS speedup_hi
    FROM drawn WHERE NOT linear AND speedup > 0 GROUP BY size, round(active * 40)),

-- At most twenty columns and twelve rows, spread evenly.
shares AS (
    SELECT share, row_number() OVER (ORDER BY share) AS x
    FROM (SELECT share, row_number() OVER (ORDER BY share) AS place, count(*) OVER () AS total
          FROM (SELECT DISTINCT share FROM best))
    WHERE (place - 1) * 19 % max(total - 1, 1) < 19),

heights AS (
    SELECT size, label, row_number() OVER (ORDER BY size) AS y
    FROM (SELECT size, label, row_number() OVER (ORDER BY size) AS place, count(*) OVER () AS total
          FROM (SELECT DISTINCT size, label FROM best))
    WHERE (place - 1) * 11 % max(total - 1, 1) < 11),

cells AS (
    SELECT x, y, active, speedup, speedup_lo, speedup_hi
    FROM best JOIN shares USING (share) JOIN heights USING (size)
    WHERE (SELECT count(*) FROM shares) > 1 AND (SELECT count(*) FROM heights) > 1),

-- Up to here all cells of a row pay for sure.
doubts AS (
    SELECT *, min(CASE WHEN speedup_lo > 1 THEN NULL ELSE x END) OVER (PARTITION BY y) AS doubted
    FROM cells),
paying AS (
    SELECT y, max(active) FILTER (WHERE doubted IS NULL OR x < doubted) AS last_active,
           coalesce(max(x) FILTER (WHERE doubted IS NULL OR x < doubted), 0.0) + 0.5 AS x,
           max(x) + 0.5 AS right_end
    FROM doubts GROUP BY y)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       CASE WHEN max(last_active) IS NULL
            THEN 'MID-L beats the fastest dense layer for sure at no size and k/n that was measured'
            WHEN sum(x < right_end) = 0 THEN 'MID-L beats the fastest dense layer up to k/n = ' || from_to(min(last_active), max(last_active), 2)
                 || ', the largest that was measured'
            ELSE 'MID-L beats the fastest dense layer up to k/n = '
                 || from_to(min(coalesce(last_active, 0)) FILTER (WHERE x < right_end),
                            max(last_active), 2) END
       || ' (batch ' || (SELECT min(batch) FROM drawn) || ')' AS text
FROM paying HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Speedup of the best variant over the fastest dense layer, batch '
       || (SELECT min(batch) FROM drawn)
WHERE EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'panel', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       ''
WHERE EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'x name', 1, NULL, NULL, x, NULL, NULL, NULL, NULL, printf('%.2f', avg(active))
FROM cells GROUP BY x
UNION ALL
SELECT 'y name', 1, NULL, NULL, NULL, y, NULL, NULL, NULL, label
FROM heights WHERE y IN (SELECT y FROM cells)
UNION ALL
-- Places of the grid without a measurement.
SELECT 'gap', 1, NULL, NULL, shares.x, heights.y, NULL, NULL, NULL, NULL
FROM shares, heights
WHERE EXISTS (SELECT 1 FROM cells)
  AND (shares.x, heights.y) NOT IN (SELECT x, y FROM cells)
UNION ALL
-- lo: the speedup; noisy: its interval holds 1; as many decimals as the interval justifies
SELECT 'cell', 1, NULL, NULL, x, y, speedup, NULL,
       coalesce(speedup_lo <= 1 AND speedup_hi >= 1, 0),
       printf(CASE WHEN speedup_hi - speedup_lo >= 2 AND speedup >= 3 THEN '%.0f'
                   WHEN speedup_hi - speedup_lo >= 0.2 OR speedup >= 10 THEN '%.1f'
                   ELSE '%.2f' END, speedup)
FROM cells
UNION ALL
SELECT * FROM (
    SELECT 'contour', 1, NULL, NULL, x, y + side, NULL, NULL, NULL, NULL
    FROM paying, (SELECT -0.5 AS side UNION ALL SELECT 0.5)
    WHERE EXISTS (SELECT 1 FROM paying WHERE x < right_end) ORDER BY y, side)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Left of the black line a variant beats the fastest dense layer for sure wherever it was measured'
WHERE EXISTS (SELECT 1 FROM paying WHERE x < right_end)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Grey: the 95 % interval holds 1'
WHERE EXISTS (SELECT 1 FROM cells WHERE speedup_lo <= 1 AND speedup_hi >= 1)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Hatched: not measured'
WHERE (SELECT count(*) FROM cells) < (SELECT count(*) FROM shares)
                                      * (SELECT count(*) FROM heights)
  AND EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Speedup: time of the fastest dense layer / time of the fastest variant; numbers where they have room, with the decimals that their interval justifies'
WHERE EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(replace(text, '. Hollow: noisy, the interval is wider than asked for', ''),
               '. r: rank of the light path', '')
FROM notes WHERE EXISTS (SELECT 1 FROM cells);
