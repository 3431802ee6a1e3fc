-- learning.sql - accuracy by data set and method, and the paired difference from the dense network of the
-- same seed with its 95 % interval (Student's t), in points; the newest result of each experiment.
--   sqlite3 results/published/learning.db < results/published/learning.sql
.mode list
.headers off
WITH test AS (
  SELECT dataset, method, seed, round(active, 2) AS share, accuracy, flops_ratio, run_id,
         row_number() OVER (PARTITION BY dataset, method, seed, CASE WHEN method LIKE 'dense' OR method = 'dropout' THEN 1 ELSE round(flops_ratio, 1) END ORDER BY run_id DESC) AS nth
  FROM accuracy WHERE split = 'test' AND noise = 0),
one AS (SELECT * FROM test WHERE nth = 1),
dense AS (SELECT dataset, seed, accuracy FROM one WHERE method = 'dense'),
pair AS (SELECT o.*, 100 * (o.accuracy - d.accuracy) AS gap FROM one o JOIN dense d USING (dataset, seed)),
mean AS (SELECT dataset, method, share, round(avg(flops_ratio), 1) AS ratio, count(*) AS n, avg(accuracy) AS accuracy, avg(gap) AS gap,
         sqrt(max(0, avg(gap * gap) - avg(gap) * avg(gap)) * count(*) / (count(*) - 1.0)) AS deviation
  FROM pair GROUP BY dataset, method, round(flops_ratio, 1))
SELECT '| ' || dataset || ' | ' || method || ' | ' || printf('%.2f', share) || ' | ' || printf('%.1f', ratio) || 'x | ' || n || ' | ' || printf('%.2f', 100 * accuracy) || ' | ' ||
       CASE WHEN method = 'dense' THEN '' WHEN n < 2 THEN printf('%+.2f', gap)
            ELSE printf('%+.2f ± %.2f', gap, deviation / sqrt(n) * CASE n WHEN 2 THEN 12.71 WHEN 3 THEN 4.30 WHEN 4 THEN 3.18 ELSE 2.78 END) END || ' |'
FROM mean ORDER BY dataset, method <> 'dense', method, ratio;
