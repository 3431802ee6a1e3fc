-- latency.sql - time of one call against the share of active neurons, by layer size
-- needs: three k of one layer size at batch 1; run `midl sweep latency`
mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)
      AND (d, n) IN (SELECT d, n FROM points
                     WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)
                     GROUP BY d, n HAVING count(DISTINCT k) > 2)),

shown AS (SELECT drawn.*, panel FROM drawn JOIN panels USING (size)),

-- A yardstick does the same work at every k: its line is the median of its medians, its band the
-- mean interval of the middle half of them.
yardsticks AS (
    SELECT panel, style, series,
           avg(CASE WHEN place IN ((count + 1) / 2, (count + 2) / 2) THEN time_ns END) AS time_ns,
           avg(time_lo_ns) AS time_lo_ns, avg(time_hi_ns) AS time_hi_ns
    FROM (SELECT *, row_number() OVER (PARTITION BY panel, style ORDER BY time_ns) AS place,
                 count(*) OVER (PARTITION BY panel, style) AS count
          FROM shown WHERE linear)
    WHERE place BETWEEN count / 4 + 1 AND count - count / 4
    GROUP BY panel, style, series),

-- Where a variant stops paying: its speedup over the fastest yardstick, measured next to it, falls
-- through 1 for the last time between two neighbouring k. Time grows linearly with k, and so does
-- 1 / speedup: both are interpolated.
steps AS (
    SELECT panel, style, series, active, speedup, time_ns,
           lead(active) OVER variant AS next_active, lead(speedup) OVER variant AS next_speedup,
           lead(time_ns) OVER variant AS next_time_ns
    FROM shown WHERE NOT linear AND speedup > 0
    WINDOW variant AS (PARTITION BY panel, style ORDER BY active)),

crossings AS (
    SELECT panel, style, series, active + share * (next_active - active) AS active,
           time_ns + share * (next_time_ns - time_ns) AS time_ns
    FROM (SELECT *, (1 - 1 / speedup) / (1 / next_speedup - 1 / speedup) AS share FROM steps
          WHERE speedup >= 1 AND next_speedup < 1)),

best AS (
    SELECT panel, style, series, active, time_ns,
           row_number() OVER (PARTITION BY panel ORDER BY active DESC, style) AS place
    FROM crossings),

verdicts AS (
    SELECT panel,
           CASE WHEN max(speedup) < 1 THEN 'no variant beats the dense layer here'
                WHEN max(speedup) FILTER (WHERE active = last) >= 1
                    THEN 'pays up to k/n = ' || printf('%.2f', last) END AS text
    FROM (SELECT *, max(active) OVER (PARTITION BY panel) AS last FROM shown
          WHERE NOT linear AND speedup > 0)
    GROUP BY panel, last)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       'Time of one call at batch ' || (SELECT min(batch) FROM drawn)
       || CASE WHEN total > 6 THEN ' (6 of ' || total || ' layer sizes)' ELSE '' END AS text
FROM panels WHERE panel = 1
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, title FROM panels
UNION ALL
SELECT 'yardstick', panel, style, series, NULL, time_ns / 1e3, time_lo_ns / 1e3, time_hi_ns / 1e3,
       NULL, NULL
FROM (SELECT * FROM yardsticks ORDER BY panel, style DESC)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, active, time_ns / 1e3, time_lo_ns / 1e3, time_hi_ns / 1e3,
           noisy, NULL
    FROM shown WHERE NOT linear ORDER BY panel, style, active)
UNION ALL
SELECT 'breakeven', panel, style, series, active, time_ns / 1e3, NULL, NULL, NULL,
       'k/n = ' || printf('%.2f', active) || ' ' || series
FROM best WHERE place = 1 AND panel NOT IN (SELECT panel FROM verdicts WHERE text IS NOT NULL)
UNION ALL
SELECT 'verdict', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, text
FROM verdicts WHERE text IS NOT NULL
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Ring: up to here a variant beats the fastest dense layer' WHERE EXISTS (SELECT 1 FROM best)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, text FROM notes;
