-- memory.sql - what a network holds in memory, by method
-- needs: times of whole networks; run `midl train --save`, then `midl sweep --model`
-- joins: networks
mine AS (SELECT * FROM points WHERE 0),

-- The newest of each, by its fastest kernel.
fastest AS (
    SELECT *, row_number() OVER (PARTITION BY dataset, model, method, select_mode, round(coalesce(active, 1), 2),
                                              round(flops_ratio, 1)
                                 ORDER BY run_id DESC, time_ns) AS choice,
           count(*) OVER (PARTITION BY dataset, model) AS of_model
    FROM networks
    WHERE memory_bytes > 0 AND (:dataset IS NULL OR dataset = :dataset)
      AND threads = coalesce(CAST(:threads AS INTEGER), 1)
      AND batch = coalesce(CAST(:batch AS INTEGER), 1)
      AND CASE WHEN :pinned IS NOT NULL THEN run_id = CAST(:pinned AS INTEGER)
               ELSE :suite IS NULL OR suite = :suite END),
chosen AS (
    SELECT dataset, row_number() OVER (ORDER BY dataset) AS panel
    FROM (SELECT DISTINCT dataset FROM fastest WHERE method = 'dense' ORDER BY dataset LIMIT 6)),
named_rows AS (
    SELECT f.*, panel, coalesce(look, 800) AS style, coalesce(name, method) AS series,
           CASE WHEN method IN ('dense', 'dropout') THEN ''
                WHEN method IN ('dense-narrow', 'low-rank') THEN printf(', FLOPs / %.1f', flops_ratio)
                ELSE printf(', k/n = %.2f', active) END AS setting
    FROM fastest f JOIN chosen USING (dataset) LEFT JOIN ways USING (method)
    WHERE choice = 1 AND of_model = (SELECT max(of_model) FROM fastest o WHERE o.dataset = f.dataset)),
shown AS (
    SELECT *, row_number() OVER (PARTITION BY panel ORDER BY style > 0, abs(style), flops_ratio) AS place,
           1.0 * memory_bytes / max(memory_bytes) FILTER (WHERE method = 'dense') OVER (PARTITION BY panel) AS times
    FROM named_rows)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       coalesce('MID-L holds ' || from_to(min(times) FILTER (WHERE style > 0),
                                          max(times) FILTER (WHERE style > 0), 2)
                || ' times the memory of the dense network'
                || coalesce(', low rank ' || from_to(min(times) FILTER (WHERE method = 'low-rank'),
                                                     max(times) FILTER (WHERE method = 'low-rank'), 2), ''),
                'Memory of whole networks') AS text
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Memory of whole networks'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, dataset FROM chosen
UNION ALL
SELECT 'y name', panel, NULL, NULL, NULL, place, NULL, NULL, NULL, series || setting FROM shown
UNION ALL
-- x: megabytes; text: times the dense network's
SELECT * FROM (
    SELECT 'bar', panel, style, series, memory_bytes / 1e6, place, NULL, NULL, 0, printf('%.2f', times) FROM shown
    ORDER BY panel, place)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       printf('Parameters, packed copies beside them and outputs at batch %d, fastest kernel of each. Numbers: times the dense network''s',
              max(batch))
FROM shown HAVING count(*) > 0;
