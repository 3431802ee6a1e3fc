-- accuracy.sql - test accuracy over k/n, with intervals over seeds
-- needs: two k/n; run `midl train DATASET --method dense,midl --active 0.1,0.2,0.3,0.45`
mine AS (SELECT * FROM points WHERE 0),

asked AS (
    SELECT dataset, method, seed, accuracy, 0 AS share, x, x AS toward, x IS NULL AS plain,
           printf('%g, %d', noise, train_size) AS held
    FROM (SELECT *, CASE WHEN method NOT IN ('dense', 'dropout', 'dense-narrow', 'low-rank')
                         THEN share_active END AS x
          FROM final)),

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
    FROM (SELECT DISTINCT dataset FROM answers WHERE places > 1 ORDER BY dataset LIMIT 6)),
shown AS (
    SELECT panel, x, 100 * mean AS y, 100 * (mean - half) AS lo, 100 * (mean + half) AS hi,
           coalesce(look, 770) AS style, coalesce(name, method) AS series
    FROM across JOIN chosen USING (dataset) LEFT JOIN ways USING (method))

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       coalesce((SELECT printf('MID-L less dense at k/n = %.2f, in points: ', x) || text FROM differences),
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
FROM accuracy_note WHERE EXISTS (SELECT 1 FROM shown);
