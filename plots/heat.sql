-- heat.sql - where it pays: speedup of the best variant over layer size and k/n
-- needs: speedups of two layer sizes at two k/n, batch 1; run `midl sweep latency`
mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)),

-- k is a whole number, so that k/n differs a little from layer to layer: columns of 1/40.
best AS (
    SELECT size, label, active, round(active * 40) AS share, max(speedup) AS speedup, noisy
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
    SELECT x, y, active, speedup, noisy FROM best JOIN shares USING (share) JOIN heights USING (size)
    WHERE (SELECT count(*) FROM shares) > 1 AND (SELECT count(*) FROM heights) > 1),

-- Break-even: right of the last cell of a row that pays.
contour AS (
    SELECT y, coalesce(max(x) FILTER (WHERE speedup >= 1), min(x) - 1) + 0.5 AS x
    FROM cells GROUP BY y)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       'Speedup of the best variant over the fastest dense layer, batch '
       || (SELECT min(batch) FROM drawn) AS text
WHERE EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'panel', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '' WHERE EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'x name', 1, NULL, NULL, x, NULL, NULL, NULL, NULL, printf('%.2f', avg(active))
FROM cells GROUP BY x
UNION ALL
SELECT DISTINCT 'y name', 1, NULL, NULL, NULL, y, NULL, NULL, NULL, label
FROM heights JOIN cells USING (y)
UNION ALL
-- lo: the speedup
SELECT 'cell', 1, NULL, NULL, x, y, speedup, NULL, noisy,
       CASE WHEN noisy THEN '(' || printf('%.2f', speedup) || ')'
            ELSE printf(CASE WHEN speedup < 10 THEN '%.2f' ELSE '%.1f' END, speedup) END
FROM cells
UNION ALL
SELECT * FROM (
    SELECT 'contour', 1, NULL, NULL, x, y + side, NULL, NULL, NULL, NULL
    FROM contour, (SELECT -0.5 AS side UNION ALL SELECT 0.5) ORDER BY y, side)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Left of the black line a variant beats the fastest dense layer. '
       || replace(text, 'hollow: noisy', 'in brackets: noisy')
FROM notes WHERE EXISTS (SELECT 1 FROM cells);
