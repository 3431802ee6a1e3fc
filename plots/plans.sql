-- plans.sql - what does a plan cost? memory and time to make it, by layer size
-- needs: variants that make plans, at two layer sizes; run `midl sweep latency`
mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)),

-- The full path's weights as they come: n rows of d, 4 bytes each.
costs AS (
    SELECT size, label, linear, style, series, title, avg(plan_bytes / (4.0 * n * d)) AS memory,
           avg(plan_ns / time_ns) AS calls, max(noisy) AS noisy
    FROM drawn WHERE plan_ns > 0 GROUP BY size, style),
shown AS (
    SELECT *, dense_rank() OVER (ORDER BY size) AS place FROM costs
    WHERE (SELECT count(DISTINCT size) FROM costs) > 1)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       CASE WHEN sum(NOT linear) > 0
            THEN printf('MID-L''s plans hold up to %.2f times the weights and take up to %s calls to make',
                        max(memory) FILTER (WHERE NOT linear),
                        printf(CASE WHEN max(calls) FILTER (WHERE NOT linear) < 10 THEN '%.1f' ELSE '%.0f' END,
                               max(calls) FILTER (WHERE NOT linear)))
            ELSE 'What plans cost: memory and time' END AS text
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'What plans cost: memory and time'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'panel', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'memory / weights of the full path in f32'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'panel', 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'time to make / time of one call'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT * FROM legend WHERE style IN (SELECT style FROM shown)
UNION ALL
SELECT DISTINCT 'x name', panel, NULL, NULL, place, NULL, NULL, NULL, NULL, label
FROM shown, (SELECT 1 AS panel UNION ALL SELECT 2)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, place, CASE panel WHEN 1 THEN memory ELSE calls END,
           NULL, NULL, 0, NULL
    FROM shown, (SELECT 1 AS panel UNION ALL SELECT 2)
    ORDER BY linear DESC, abs(style), panel, place)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'A plan is made once for a layer and a batch. Means over the k/n of the run; memory 0: the weights are used as they lie'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(replace(text, '. Hollow: noisy, the interval is wider than asked for', ''),
               '. r: rank of the light path', '')
FROM notes WHERE EXISTS (SELECT 1 FROM shown);
