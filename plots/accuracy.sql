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
          FROM final LEFT JOIN smaller USING (dataset, method, kind))
    WHERE x IS NOT NULL OR method IN ('dense', 'dropout')),

-- Plain networks have no k: they are lines across.
across AS (
    SELECT dataset, method, x, mean, half FROM answers WHERE x IS NOT NULL
    UNION ALL
    SELECT dataset, method, CASE side WHEN 0 THEN first ELSE last END, mean, half
    FROM answers JOIN (SELECT dataset, min(x) AS first, max(x) AS last FROM answers
                       GROUP BY dataset) USING (dataset)
         JOIN (SELECT 0 AS side UNION ALL SELECT 1)
    WHERE x IS NULL),

chosen AS (
    SELECT dataset, row_number() OVER (ORDER BY dataset) AS panel
    FROM (SELECT DISTINCT dataset FROM answers WHERE places > 1 ORDER BY dataset LIMIT 9)),
shown AS (
    SELECT panel, x, 100 * mean AS y, 100 * (mean - half) AS lo, 100 * (mean + half) AS hi,
           coalesce(look, 800) AS style, coalesce(name, method) AS series
    FROM across JOIN chosen USING (dataset) LEFT JOIN ways USING (method))

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
    FROM shown ORDER BY panel, style, x)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, text
FROM (SELECT text || '. Narrower dense and low rank stand at the k/n at which MID-L takes as many FLOPs. What shares a k/n stands side by side' AS text FROM accuracy_note)
WHERE EXISTS (SELECT 1 FROM shown);
