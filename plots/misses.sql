-- misses.sql - does a variant touch only what it must? cache misses over k/n
-- needs: counted cache misses at three k of one layer size, batch 1; run `midl sweep cache`
-- Of this run only, read once: the view holds every counter of every run.
tally AS MATERIALIZED (
    SELECT point_id, counter, per_call, source FROM counters
    WHERE point_id IN (SELECT point_id FROM points WHERE run_id = :run
                       AND batch = coalesce(CAST(:batch AS INTEGER), 1))
      AND counter IN ('l1d_misses', 'l3_misses', 'll_misses', 'cache_lines') AND per_call >= 0),

mine AS (
    SELECT * FROM points
    WHERE run_id = :run
      AND point_id IN (SELECT point_id FROM tally WHERE source <> 'model')),

-- Measured before simulated, if both are there.
counted AS (
    SELECT drawn.*, counter, per_call, source FROM drawn JOIN tally USING (point_id)
    WHERE counter <> 'cache_lines'
      AND source = (SELECT max(source) FROM tally
                    WHERE counter = 'l1d_misses' AND point_id IN (SELECT point_id FROM drawn)
                      AND (:source IS NULL AND source <> 'model' OR source = :source))),

-- At most three layer sizes, spread evenly; a row of panels for each level of cache.
chosen AS (
    SELECT d, n, size, row_number() OVER (ORDER BY size) AS place
    FROM (SELECT d, n, size, row_number() OVER (ORDER BY size) AS place, count(*) OVER () AS total
          FROM counted GROUP BY d, n, size HAVING count(DISTINCT k) > 2)
    WHERE (place - 1) * 2 % max(total - 1, 1) < 2),

shown AS (
    SELECT counted.*, dense_rank() OVER (ORDER BY counter, place) AS panel
    FROM counted JOIN chosen USING (size)),

-- The fewest misses of the lowest level against the lines that must be touched.
extra AS (
    SELECT per_call / model AS factor
    FROM (SELECT panel, active, min(shown.per_call) AS per_call, lines.per_call AS model
          FROM shown JOIN (SELECT point_id, per_call FROM tally WHERE counter = 'cache_lines') AS lines
               USING (point_id)
          WHERE NOT linear AND counter = 'l1d_misses' GROUP BY panel, active))

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('The most thrifty variant misses L1 %s times for each line it must touch',
              from_to(min(factor), max(factor), 1)) AS text
FROM extra WHERE factor > 0 HAVING min(factor) >= 0.1
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Cache misses of one call at batch ' || min(batch)
FROM shown HAVING count(*) > 0
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           CASE counter WHEN 'l1d_misses' THEN 'L1 data' WHEN 'l3_misses' THEN 'L3'
                        ELSE 'last level' END
           || CASE WHEN d = n THEN ', n = d = ' || n ELSE ', d = ' || d || ', n = ' || n END
    FROM shown ORDER BY panel)
UNION ALL
SELECT * FROM legend WHERE style IN (SELECT style FROM shown)
UNION ALL
SELECT 'series', NULL, 0, 'every line once (model)', NULL, 1, NULL, NULL, NULL, 'Least:'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, active, per_call, NULL, NULL, 0, NULL
    FROM shown ORDER BY linear DESC, abs(style), panel, active)
UNION ALL
SELECT * FROM (
    SELECT 'model', panel, 0, 'every line once (model)', active, min(tally.per_call), NULL, NULL,
           0, NULL
    FROM shown JOIN tally USING (point_id)
    WHERE NOT linear AND tally.counter = 'cache_lines' AND tally.source = 'model'
    GROUP BY panel, active ORDER BY panel, active)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       CASE source WHEN 'papi' THEN 'Measured by the processor (PAPI)'
                   ELSE 'Simulated by ' || source END
FROM shown GROUP BY source
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(replace(text, '. Hollow: noisy, the interval is wider than asked for', ''),
               '. r: rank of the light path', '')
FROM notes WHERE EXISTS (SELECT 1 FROM shown);
