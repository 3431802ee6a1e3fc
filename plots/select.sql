-- select.sql - time of top-k selection alone, over the number of values
-- needs: two n at the same k/n; run `midl select`
mine AS (SELECT * FROM selections WHERE run_id = :run AND (:isa IS NULL OR isa IN (:isa, 'generic'))),

places AS (
    SELECT input, round(active, 2) AS share, count(*) AS points FROM mine
    WHERE status IN ('ok', 'noisy')
    GROUP BY input, round(active, 2) HAVING count(DISTINCT n) > 1),

-- One panel a distribution and k/n; six at most.
boxes AS (
    SELECT input, share, row_number() OVER (ORDER BY input <> 'normal', input, share) AS panel
    FROM places WHERE :active IS NULL OR share = round(CAST(:active AS REAL), 2)
    LIMIT 6),

methods AS (
    SELECT kernel, isa,
           10 * dense_rank() OVER (ORDER BY kernel <> 'topk', kernel)
               + row_number() OVER (PARTITION BY kernel ORDER BY isa) - 1 AS style,
           kernel || CASE kernel WHEN 'topk' THEN '-' || isa ELSE '' END AS series
    FROM (SELECT DISTINCT kernel, isa FROM mine)),

seen AS (
    SELECT panel, style, series, n, time_ns / batch / n AS y, time_lo_ns / batch / n AS lo,
           time_hi_ns / batch / n AS hi, status = 'noisy' AS noisy
    FROM mine JOIN methods USING (kernel, isa)
         JOIN boxes ON boxes.input = mine.input AND share = round(active, 2)
    WHERE status IN ('ok', 'noisy'))

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy, 'Top-k selection alone' AS text
WHERE EXISTS (SELECT 1 FROM seen)
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       input || ' values, k/n = ' || printf('%.2f', share) FROM boxes
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, n, y, lo, hi, noisy, NULL
    FROM seen ORDER BY style, panel, n)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'one thread; ascending indices and values, ' || min(batch)
       || CASE WHEN max(batch) > min(batch) THEN ' to ' || max(batch) ELSE '' END
       || ' inputs a call; rivals in plain C'
       || CASE WHEN sum(status = 'noisy') > 0 THEN '; hollow: noisy' ELSE '' END
       || CASE WHEN sum(status = 'failed') > 0
               THEN '; ' || sum(status = 'failed') || ' points failed their check, not drawn'
               ELSE '' END
FROM mine HAVING EXISTS (SELECT 1 FROM seen);
