-- tradeoffs.sql - accuracy against measured time per input, of whole networks
-- needs: accuracy and times of the same networks; run `midl train --save`, then `midl sweep --model`
-- joins: tradeoffs
mine AS (SELECT * FROM points WHERE 0),

-- The newest time of each, by its fastest kernel. Runs differ in how fast the machine was: each time
-- is that of the dense network in the newest run, divided by the speedup over it within rounds.
timed AS (
    SELECT *, row_number() OVER (PARTITION BY dataset, model, method, batch, select_mode, share,
                                              round(model_flops_ratio, 1)
                                 ORDER BY run_id DESC, time_ns) AS choice,
           count(*) OVER (PARTITION BY dataset, model) AS of_model
    FROM (SELECT *, round(active, 2) AS share FROM tradeoffs
          WHERE scope = 'network' AND (:dataset IS NULL OR dataset = :dataset)
            AND threads = coalesce(CAST(:threads AS INTEGER), 1)
            AND CASE WHEN :batch IS NULL THEN batch IN (1, 64) ELSE batch = CAST(:batch AS INTEGER) END
            AND CASE WHEN :pinned IS NOT NULL THEN run_id = CAST(:pinned AS INTEGER)
                     ELSE run_id IN (SELECT run_id FROM runs WHERE :suite IS NULL OR suite = :suite) END)),
best AS (
    SELECT t.* FROM timed t
    WHERE choice = 1 AND of_model = (SELECT max(of_model) FROM timed o WHERE o.dataset = t.dataset)),

batches AS (SELECT batch, row_number() OVER (ORDER BY batch) AS place, count(*) OVER () AS total
            FROM (SELECT DISTINCT batch FROM best)),
chosen AS (
    SELECT dataset, batch, (row_number() OVER (PARTITION BY batch ORDER BY dataset) - 1) * total + place AS panel
    FROM (SELECT DISTINCT dataset FROM best ORDER BY dataset LIMIT 8) JOIN batches),
dense AS (
    SELECT dataset, batch, time_ns AS dense_ns FROM best WHERE method = 'dense'),
shown AS (
    SELECT best.*, panel, coalesce(dense_ns / speedup, time_ns) / 1e3 AS x, 100 * accuracy AS y,
           100 * accuracy_lo AS lo, 100 * accuracy_hi AS hi, coalesce(look, 800) AS style,
           coalesce(name, method) AS series
    FROM best JOIN chosen USING (dataset, batch) LEFT JOIN dense USING (dataset, batch)
         LEFT JOIN ways USING (method)),
-- Not beaten: whatever is as fast or faster is less accurate.
front AS (
    SELECT panel, x, y, lo, hi, style FROM shown a
    WHERE NOT EXISTS (SELECT 1 FROM shown b WHERE b.panel = a.panel AND b.x <= a.x AND b.y >= a.y
                      AND (b.x < a.x OR b.y > a.y))),
panels_with AS (
    SELECT panel, max(style >= 710) AS gated FROM front GROUP BY panel)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('By the means, MID-L is on the frontier of accuracy and time in %d of %d panels', sum(gated), count(*)) AS text
FROM panels_with HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Accuracy against measured time per input' WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'columns', NULL, NULL, NULL, NULL, max(total), NULL, NULL, NULL, NULL FROM batches
HAVING count(*) > 0
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, dataset || ', batch ' || batch
FROM chosen
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, style, series, style, 1, NULL, NULL, NULL,
           CASE WHEN style < 0 THEN 'Plain:' ELSE 'MID-L:' END
    FROM shown ORDER BY style > 0, abs(style))
UNION ALL
SELECT * FROM (
    SELECT 'front', panel, NULL, NULL, x, y, lo, hi, 0, NULL FROM front ORDER BY panel, x)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, x, y, lo, hi, 0,
           CASE WHEN style >= 710 THEN printf('%.2g', share) END
    FROM shown ORDER BY panel, style, x)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Forward pass of the whole network, fastest kernel of each, by its speedup over the dense network in the same rounds. Numbers: k/n. Stairs: the frontier; nothing is both faster and more accurate than a point on it. Bars: 95 % intervals of the mean over '
       || CASE WHEN max(seeds) = 1 THEN 'seeds: there is one'
               WHEN min(seeds) = max(seeds) THEN min(seeds) || ' seeds'
               ELSE min(seeds) || ' to ' || max(seeds) || ' seeds' END
       || CASE WHEN max(seeds) > 1 THEN '; methods share the seeds, so a difference can be surer than its bars' ELSE '' END
FROM shown HAVING count(*) > 0;
