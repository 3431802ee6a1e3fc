-- learning.sql - accuracy, FLOPs, memory by data set, method (--where dataset=mnist)
-- needs: accuracy of networks; run `midl train paper`
-- corner: data set, method, k/n
-- joins: accuracy
mine AS (SELECT * FROM points WHERE 0),

clean AS (
    SELECT *, max(train_size) OVER (PARTITION BY dataset) AS whole FROM final
    WHERE noise = 0 AND spoiled = 0 AND (:dataset IS NULL OR dataset = :dataset)),
asked AS (
    SELECT dataset, method, seed, accuracy, 0 AS share, kind AS x, 0 AS toward, 0 AS plain, '' AS held,
           share_active, flops_ratio, examples
    FROM clean WHERE train_size = whole),

-- Against the dense network of the same seed, in points. m of N examples that differ have a variance of
-- m / N^2 at least.
compared AS (
    SELECT a.dataset, a.method, a.x, count(*) AS pairs, 100 * avg(a.accuracy - b.accuracy) AS gap,
           100 * sqrt(max((avg((a.accuracy - b.accuracy) * (a.accuracy - b.accuracy))
                           - avg(a.accuracy - b.accuracy) * avg(a.accuracy - b.accuracy)) / max(1, count(*) - 1),
                          coalesce(avg(abs(a.accuracy - b.accuracy) / a.examples), 0) / count(*))) AS gap_error
    FROM asked a JOIN asked b ON b.method = 'dense' AND b.dataset = a.dataset AND b.seed = a.seed
    WHERE a.method <> 'dense' GROUP BY a.dataset, a.method, a.x),
costs AS (
    SELECT dataset, method, kind AS x, share_active AS active, avg(flops_ratio) AS ratio
    FROM clean WHERE train_size = whole GROUP BY dataset, method, kind),

-- FLOPs and weights are of the hidden linear layers, over those of dense ones. MID-L holds all of the full path, and what its
-- FLOPs have beyond the active part of that: light path and gate.
rows_of AS (
    SELECT *, CASE WHEN method IN ('dense', 'dropout') THEN 1
                   WHEN method IN ('dense-narrow', 'low-rank', 'light-only', 'static-k') THEN 1 / ratio
                   ELSE 1 + max(0, 1 / ratio - active) END AS memory,
           gap_error * (SELECT t FROM student WHERE freedom >= pairs - 1 AND pairs > 1
                        ORDER BY freedom LIMIT 1) AS gap_half,
           row_number() OVER (ORDER BY dataset, method NOT IN ('dense'), coalesce(look, 800) > 0, abs(coalesce(look, 800)), ratio) AS place
    FROM answers JOIN costs USING (dataset, method, x) LEFT JOIN compared USING (dataset, method, x)
         LEFT JOIN ways USING (method)),
columns(number, column) AS (VALUES (1, 'FLOPs'), (2, 'memory'), (3, 'seeds'), (4, 'accuracy, %'),
                                   (5, 'minus dense'))

SELECT dataset || ', ' || coalesce(name, method)
       || CASE WHEN method IN ('dense', 'dropout') THEN '' WHEN method IN ('dense-narrow', 'low-rank', 'light-only')
               THEN printf(', FLOPs / %.1f', ratio) ELSE printf(', %.2f', active) END AS line, column,
       CASE number WHEN 1 THEN 1 / ratio WHEN 2 THEN memory WHEN 3 THEN seeds WHEN 4 THEN 100 * mean
                   ELSE gap END AS value,
       CASE number WHEN 4 THEN 100 * (mean - half) WHEN 5 THEN gap - gap_half END AS lo,
       CASE number WHEN 4 THEN 100 * (mean + half) WHEN 5 THEN gap + gap_half END AS hi,
       CASE number WHEN 1 THEN printf('/ %.1f', ratio) WHEN 2 THEN printf('%.2fx', memory) WHEN 3 THEN '' || seeds
                   WHEN 4 THEN printf('%.2f', 100 * mean) || CASE WHEN half IS NULL THEN '' ELSE printf(' ± %.2f', 100 * half) END
                   ELSE CASE WHEN gap IS NULL THEN '' ELSE printf('%+.2f', round(gap, 2) + 0.0)
                             || CASE WHEN gap_half IS NULL THEN '' ELSE printf(' ± %.2f', gap_half) END END END AS text
FROM rows_of, columns
ORDER BY place, number;
