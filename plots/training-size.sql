-- training-size.sql - test accuracy over the number of training examples
-- needs: two training sizes; run `midl train DATASET --method dense,midl --train-size 100,300,1000,3000`
-- joins: accuracy
mine AS (SELECT * FROM points WHERE 0),

asked AS (
    SELECT dataset, method, seed, accuracy, share_active AS share, train_size AS x,
           -train_size AS toward, 0 AS plain, printf('%g, %g', noise, spoiled) AS held
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
       coalesce((SELECT CASE few WHEN 1 THEN 'MID-L minus dense with ' || from_to(least, most, 0) || ' training examples, in points: ' || text
                        ELSE 'MID-L with ' || from_to(least, most, 0) || ' training examples is ' || text END FROM differences),
                'Accuracy against the size of the training part') AS text
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Accuracy against the size of the training part'
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
