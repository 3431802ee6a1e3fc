-- learning.sql - `text` in bits per character by method, and the paired difference from the dense network of
-- the same seed with its 95 % interval (Student's t); `midl table learning` has the accuracies. The newest
-- result of each experiment counts; k/n is grouped by twentieths, what selects nothing by FLOPs ratio.
--   sqlite3 results/published/learning.db < results/published/learning.sql
.mode list
.headers off
CREATE TEMP VIEW measured AS
WITH test AS (
  SELECT dataset, method, seed, active, accuracy, bits, flops_ratio,
         CASE WHEN active < 1 THEN -round(active * 20) ELSE round(flops_ratio, 1) END AS place,
         row_number() OVER (PARTITION BY dataset, method, seed,
                                         CASE WHEN active < 1 THEN -round(active * 20) ELSE round(flops_ratio, 1) END
                            ORDER BY run_id DESC) AS nth
  FROM accuracy WHERE split = 'test' AND noise = 0 AND method NOT IN ('dense', 'dropout')
  UNION ALL
  SELECT dataset, method, seed, active, accuracy, bits, flops_ratio, 1,
         row_number() OVER (PARTITION BY dataset, method, seed ORDER BY run_id DESC)
  FROM accuracy WHERE split = 'test' AND noise = 0 AND method IN ('dense', 'dropout'))
SELECT o.dataset, o.method, o.place, o.active, o.flops_ratio, o.accuracy, o.bits,
       100 * (o.accuracy - d.accuracy) AS gap, o.bits - d.bits AS bits_gap
FROM test o JOIN test d ON d.dataset = o.dataset AND d.seed = o.seed AND d.method = 'dense' AND d.nth = 1
WHERE o.nth = 1;
CREATE TEMP VIEW student AS -- of 1 to 4 degrees of freedom
SELECT column1 AS n, column2 AS t FROM (VALUES (2, 12.71), (3, 4.30), (4, 3.18), (5, 2.78));
CREATE TEMP VIEW mean AS
SELECT dataset, method, printf('%.2f', avg(active)) AS share, avg(flops_ratio) AS ratio, count(*) AS n,
       avg(accuracy) AS accuracy, avg(gap) AS gap, avg(bits) AS bits, avg(bits_gap) AS bits_gap,
       sqrt(max(0, avg(gap * gap) - avg(gap) * avg(gap)) / (count(*) - 1.0)) AS gap_error,
       sqrt(max(0, avg(bits_gap * bits_gap) - avg(bits_gap) * avg(bits_gap)) / (count(*) - 1.0)) AS bits_error
FROM measured GROUP BY dataset, method, place;
SELECT '| text, second layer converted | k/n of both layers | FLOPs ratio of both | seeds | bits per character | against dense |';
SELECT '|---|---|---|---|---|---|';
SELECT printf('| %s | %s | %.2fx | %d | %.4f | ', method, share, ratio, n, bits) ||
       CASE WHEN method = 'dense' THEN '' WHEN n < 2 THEN printf('%+.4f', bits_gap)
            ELSE printf('%+.4f ± %.4f', bits_gap, bits_error * t) END || ' |'
FROM mean LEFT JOIN student USING (n) WHERE dataset = 'text'
ORDER BY method <> 'dense', method, ratio;
