-- accuracy.sql - test accuracy over k/n, with intervals over seeds
-- needs: two k/n; run `midl train DATASET --method dense,midl --active 0.1,0.2,0.3,0.45`
-- joins: accuracy
mine AS (SELECT * FROM points WHERE 0),

-- Smaller plain layers stand at the k/n at which MID-L takes as many FLOPs, if there is one.
gated AS (
    SELECT dataset, method, kind, share_active, avg(flops_ratio) AS ratio FROM final
    WHERE method IN ('midl', 'midl-block', 'converted', 'converted-block') AND flops_ratio > 0
    GROUP BY dataset, method, kind),
plain AS (
    SELECT dataset, method, kind, avg(flops_ratio) AS ratio FROM final
    WHERE method IN ('dense-narrow', 'low-rank') AND flops_ratio > 0 GROUP BY dataset, method, kind),
smaller AS (
    SELECT dataset, method, kind, x FROM (
        SELECT *, row_number() OVER (PARTITION BY dataset, method, x ORDER BY off, kind) AS nearest FROM (
            SELECT plain.dataset, plain.method, plain.kind, gated.share_active AS x,
                   round(abs(gated.ratio / plain.ratio - 1), 2) AS off,
                   row_number() OVER (PARTITION BY plain.dataset, plain.method, plain.kind
                                      ORDER BY round(abs(gated.ratio / plain.ratio - 1), 2), gated.method DESC) AS choice
            FROM plain JOIN gated ON gated.dataset = plain.dataset AND abs(gated.ratio / plain.ratio - 1) < 0.1)
        WHERE choice = 1)
    WHERE nearest = 1),

asked AS (
    SELECT dataset, method, seed, accuracy, 0 AS share, x, x AS toward, x IS NULL AS plain,
           printf('%g, %g, %d', noise, spoiled, train_size) AS held
    FROM (SELECT final.*, CASE WHEN method IN ('dense', 'dropout') THEN NULL
                               WHEN method IN ('dense-narrow', 'low-rank') THEN smaller.x
                               ELSE share_active END AS x
          FROM final LEFT JOIN smaller USING (dataset, method, kind)
          WHERE :dataset IS NULL OR dataset = :dataset)
    WHERE x IS NOT NULL OR method IN ('dense', 'dropout')),

-- Plain networks have no k: they are lines across. left_end: the first point of such a line.
across AS (
    SELECT dataset, method, x, mean, half, 0 AS plain, 0 AS left_end FROM answers WHERE x IS NOT NULL
    UNION ALL
    SELECT dataset, method, CASE side WHEN 0 THEN first ELSE last END, mean, half, 1, side = 0
    FROM answers JOIN (SELECT dataset, min(x) AS first, max(x) AS last FROM answers
                       GROUP BY dataset) USING (dataset)
         JOIN (SELECT 0 AS side UNION ALL SELECT 1)
    WHERE x IS NULL),

chosen AS (
    SELECT dataset, row_number() OVER (ORDER BY dataset) AS panel
    FROM (SELECT DISTINCT dataset FROM answers WHERE places > 1 ORDER BY dataset LIMIT 9)),
shown AS (
    SELECT panel, x, 100 * mean AS y, 100 * (mean - half) AS lo, 100 * (mean + half) AS hi, plain, left_end,
           coalesce(look, 800) AS style, coalesce(name, method) AS series
    FROM across JOIN chosen USING (dataset) LEFT JOIN ways USING (method)),

-- Where many methods share few k/n, each k/n is a column as wide as it has points, which stand side by
-- side in it. k/n that are close together are one, as k is a whole number of neurons or of blocks.
close_together AS (
    SELECT panel, x, sum(apart) OVER (PARTITION BY panel ORDER BY x) AS place
    FROM (SELECT panel, x, coalesce(x - lag(x) OVER (PARTITION BY panel ORDER BY x) > 0.03, 1) AS apart
          FROM (SELECT DISTINCT panel, x FROM shown))),
ranked AS (
    SELECT shown.*, place, row_number() OVER (PARTITION BY panel, place ORDER BY style > 0, abs(style)) AS nth,
           count(*) OVER (PARTITION BY panel, place, style) AS of_one
    FROM shown JOIN close_together USING (panel, x) WHERE NOT left_end),
columns AS (
    SELECT panel, place, points, (points - marks) / 2.0 AS before, avg_x, -- a name takes the room of three marks
           sum(points + 1) OVER (PARTITION BY panel ORDER BY place) - points - 1 AS start
    FROM (SELECT panel, place, count(*) AS marks, max(count(*), 3) AS points, avg(x) AS avg_x
          FROM ranked GROUP BY panel, place)),
crowd AS (
    SELECT (SELECT max(points) > 5 AND max(place) < 6 FROM columns) AND (SELECT max(of_one) = 1 FROM ranked) AS crowded)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       coalesce((SELECT CASE few WHEN 1 THEN 'MID-L minus dense at k/n = ' || from_to(least, most, 2) || ', in points: ' || text
                        ELSE 'MID-L at k/n = ' || from_to(least, most, 2) || ' is ' || text END FROM differences),
                'Accuracy against the share of active neurons') AS text
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Accuracy against the share of active neurons'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, dataset FROM chosen
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, style, series, style, 1, NULL, NULL, NULL,
           CASE WHEN style < 0 THEN 'Plain:' ELSE 'MID-L and controls:' END
    FROM shown ORDER BY style > 0, abs(style))
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, x, y, lo, hi, 0, NULL
    FROM shown WHERE NOT (SELECT crowded FROM crowd) ORDER BY panel, style, x)
UNION ALL
-- In columns: the text of a point is its k/n.
SELECT * FROM (
    SELECT 'point', panel, style, series, start + before + nth, y, lo, hi, 0, CASE WHEN NOT plain THEN printf('%.4g', x) END
    FROM ranked JOIN columns USING (panel, place) WHERE (SELECT crowded FROM crowd) ORDER BY panel, style, x)
UNION ALL
SELECT * FROM (
    SELECT 'across', panel, style, series, CASE left_end WHEN 1 THEN 0 ELSE wide END, y, NULL, NULL, NULL, NULL
    FROM shown JOIN (SELECT panel, max(start + points + 1) AS wide FROM columns GROUP BY panel) USING (panel)
    WHERE plain AND (SELECT crowded FROM crowd) ORDER BY panel, style, left_end DESC)
UNION ALL
-- lo and hi: the ends of the column; noisy: it is shaded.
SELECT 'x name', panel, NULL, NULL, start + (points + 1) / 2.0, NULL, start, start + points + 1, place % 2 = 0,
       CASE WHEN avg_x < 0.005 THEN '0' ELSE printf('%.2f', avg_x) END
FROM columns WHERE (SELECT crowded FROM crowd)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, text
FROM (SELECT text || '. Narrower dense and low rank stand at the k/n at which MID-L takes as many FLOPs. ' || CASE WHEN (SELECT crowded FROM crowd) THEN 'In a column, in the order of the legend: all of about one k/n'
                     ELSE 'What shares a k/n stands side by side' END AS text FROM accuracy_note)
WHERE EXISTS (SELECT 1 FROM shown);
