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

-- Where there are many methods with few k/n, each method is a row of its name, with a mark for each k/n,
-- the darker the larger. k/n that are close together are one, as k is a whole number of neurons or of blocks.
levels AS (
    SELECT x, min(6, sum(apart) OVER (ORDER BY x)) AS level
    FROM (SELECT x, coalesce(x - lag(x) OVER (ORDER BY x) > 0.06, 1) AS apart
          FROM (SELECT DISTINCT x FROM shown WHERE NOT plain AND x > 0.005))),
level_names AS (
    SELECT level, 'k/n = ' || from_to(min(x), max(x), 2) AS name FROM levels GROUP BY level),
marks AS (
    SELECT panel, shown.style AS method_style, series AS method, x, y, lo, hi, plain,
           CASE WHEN plain THEN -10 WHEN level IS NULL THEN -20 ELSE 800 + 10 * level END AS style,
           CASE WHEN plain THEN 'all neurons' WHEN level IS NULL THEN 'no neuron' ELSE name END AS series,
           row_number() OVER (PARTITION BY panel, series ORDER BY x) AS nth,
           count(*) OVER (PARTITION BY panel, series) AS of_one
    FROM shown LEFT JOIN levels USING (x) LEFT JOIN level_names USING (level) WHERE NOT left_end),
-- slots: of marks in a row; a name takes the room of two.
lanes AS (
    SELECT *, sum(slots) OVER in_turn - slots AS start, row_number() OVER in_turn AS nth_lane
    FROM (SELECT method, method_style, max(2, max(of_one)) + 0.2 AS slots FROM marks GROUP BY method, method_style)
    WINDOW in_turn AS (ORDER BY method_style > 0, method LIKE '%converted%', abs(method_style), method)),
crowd AS (
    SELECT (SELECT count(*) > 6 FROM lanes) AND (SELECT max(of_one) <= 6 FROM marks) AS crowded)

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
    FROM shown WHERE NOT (SELECT crowded FROM crowd) ORDER BY style > 0, abs(style))
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, style, series, style, 1, NULL, NULL, NULL, NULL
    FROM marks WHERE (SELECT crowded FROM crowd) ORDER BY style <> -20, style < 0, style)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, x, y, lo, hi, 0, NULL
    FROM shown WHERE NOT (SELECT crowded FROM crowd) ORDER BY panel, style, x)
UNION ALL
-- In rows: x is the place in the row, from the top; the text of a point is its method.
SELECT * FROM (
    SELECT 'point', panel, style, series, start + (slots - of_one) / 2 + nth - 0.5, y, lo, hi, 0, method
    FROM marks JOIN lanes USING (method, method_style) WHERE (SELECT crowded FROM crowd) ORDER BY panel, start, x)
UNION ALL
SELECT 'dense', panel, NULL, NULL, NULL, y, NULL, NULL, NULL, NULL
FROM marks WHERE method_style = -10 AND (SELECT crowded FROM crowd)
UNION ALL
-- lo and hi: the ends of the row; noisy: it is shaded.
SELECT 'y name', NULL, NULL, NULL, NULL, start + slots / 2, start, start + slots, nth_lane % 2 = 0, method
FROM lanes WHERE (SELECT crowded FROM crowd)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, text
FROM (SELECT text || '. Narrower dense and low rank stand at the k/n at which MID-L takes as many FLOPs. ' || CASE WHEN (SELECT crowded FROM crowd) THEN 'Dashed: the mean of dense'
                     ELSE 'What shares a k/n stands side by side' END AS text FROM accuracy_note)
WHERE EXISTS (SELECT 1 FROM shown);
