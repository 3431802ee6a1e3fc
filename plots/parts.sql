-- parts.sql - where a call's time goes: gate, selection, light and full path
-- needs: times of parts; run `midl sweep masks --parts`
mine AS (SELECT * FROM points WHERE run_id = :run),

-- The fastest MID-L call of each shape has parts. One part's share of the whole call; a difference
-- that comes out below zero is none.
timed AS (
    SELECT d, n, k, batch, select_mode, block, layer, rank, kernel, part,
           max(0, parts.time_ns) AS ns, sum(max(0, parts.time_ns)) OVER (PARTITION BY parts.point_id) AS whole
    FROM parts JOIN mine USING (point_id) WHERE part <> 'all'),
shapes AS (
    SELECT d, n, k, select_mode, layer, rank, row_number() OVER (ORDER BY n, d, layer, select_mode, k) AS panel,
           CASE WHEN d = n THEN 'n = d = ' || n ELSE d || ' → ' || n END || printf(', k/n = %.2f', 1.0 * k / n)
           || CASE select_mode WHEN 'topk' THEN '' ELSE ', ' || select_mode END AS title
    FROM (SELECT DISTINCT d, n, k, select_mode, layer, rank FROM timed
          ORDER BY n, d, layer, select_mode, k LIMIT 6)),
batches AS (SELECT batch, row_number() OVER (ORDER BY batch) AS x FROM (SELECT DISTINCT batch FROM timed)),
kinds(part, place, style, series) AS (VALUES
    ('light', 1, 810, 'light path'), ('gate', 2, 820, 'gate'), ('select', 3, 830, 'selection'),
    ('full', 4, 840, 'full path and blend')),
stacked AS (
    SELECT panel, style, series, x, place, kernel, ns,
           100 * sum(ns) OVER (PARTITION BY panel, x ORDER BY place) / whole AS top, 100 * ns / whole AS share
    FROM timed JOIN shapes USING (d, n, k, select_mode, layer, rank) JOIN batches USING (batch)
         JOIN kinds USING (part))

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('Gate, selection and light path take %s %% of a call', from_to(min(other), max(other), 0)) AS text
FROM (SELECT sum(share) FILTER (WHERE style <> 840) AS other FROM stacked GROUP BY panel, x)
HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Parts of a call''s time'
WHERE EXISTS (SELECT 1 FROM stacked)
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, title FROM shapes
UNION ALL
SELECT * FROM (
    SELECT 'series', NULL, style, series, place, 1, NULL, NULL, NULL, '' FROM kinds
    WHERE EXISTS (SELECT 1 FROM stacked s WHERE s.style = kinds.style) ORDER BY place)
UNION ALL
SELECT 'x name', NULL, NULL, NULL, x, NULL, NULL, NULL, NULL, batch FROM batches
UNION ALL
SELECT * FROM (
    SELECT 'bar', panel, style, series, x, top, top - share, top, 0, kernel FROM stacked
    ORDER BY panel, x, place)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Fastest MID-L variant of each shape, parts measured in a pass of their own by prefixes of the call; the full path is what the others leave'
WHERE EXISTS (SELECT 1 FROM stacked);
