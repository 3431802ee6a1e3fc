-- noise.sql - test accuracy over Gaussian noise on the test inputs
-- needs: two levels of noise; run `midl train DATASET --method dense,midl --noise 0,0.5,1,1.5,2`
-- joins: accuracy
mine AS (SELECT * FROM points WHERE 0),

asked AS (
    SELECT dataset, method, seed, accuracy, share_active AS share, noise AS x, noise AS toward,
           0 AS plain, printf('%d, %g', train_size, spoiled) AS held
    FROM final WHERE :dataset IS NULL OR dataset = :dataset),

chosen AS (
    SELECT dataset, row_number() OVER (ORDER BY dataset) AS panel
    FROM (SELECT DISTINCT dataset FROM answers WHERE places > 1 ORDER BY dataset LIMIT 9)),
shown AS (
    SELECT panel, x, 100 * mean AS y, 100 * (mean - half) AS lo, 100 * (mean + half) AS hi,
           coalesce(look, 800) AS style, coalesce(name, method) AS series
    FROM answers JOIN chosen USING (dataset) LEFT JOIN ways USING (method)
    WHERE places > 1)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       coalesce((SELECT CASE few WHEN 1 THEN 'MID-L minus dense with noise ' || printf('%g', most) || ', in points: ' || text
                        ELSE 'MID-L with noise ' || printf('%g', most) || ' is ' || text END FROM differences),
                'Accuracy against noise on the test inputs') AS text
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Accuracy against noise on the test inputs'
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
