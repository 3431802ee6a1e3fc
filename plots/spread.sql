-- spread.sql - every raw sample in the order it was taken: the figure to look at before the others
-- needs: points with raw samples; run `midl sweep quick`
nearest AS (
    SELECT d, n, batch, round(active, 2) AS share,
           row_number() OVER (PARTITION BY d, n ORDER BY batch,
               abs(round(active, 2) - coalesce(CAST(:active AS REAL), 0.45)), active) AS place
    FROM points
    WHERE run_id = :run AND samples > 0 AND status IN ('ok', 'noisy')
      AND (:batch IS NULL OR batch = CAST(:batch AS INTEGER))
    GROUP BY d, n, batch, round(active, 2)),

mine AS (
    SELECT * FROM points
    WHERE run_id = :run
      AND (d, n, batch, round(active, 2)) IN (SELECT d, n, batch, share FROM nearest
                                              WHERE place = 1)),

shown AS (SELECT drawn.*, panel FROM drawn JOIN panels USING (size))

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       'Raw samples in run order' AS text
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           replace(title, ', r = ' || rank, '') || ', k/n = ' || printf('%.2f', active)
           || CASE batch WHEN 1 THEN '' ELSE ', batch ' || batch END
    FROM shown ORDER BY panel)
UNION ALL
-- x: rounds, and within a round the place; noisy: what the drift monitor marked.
SELECT * FROM (
    SELECT 'point', panel, style, series,
           round + (position + 0.5) / (1 + max(position) OVER (PARTITION BY panel)),
           real_ns / 1e3, NULL, NULL, disturbed, NULL
    FROM shown JOIN samples USING (point_id) WHERE real_ns > 0
    ORDER BY linear DESC, abs(style), panel, round)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Hollow: rounds that the drift monitor marked. ' || replace(text, '; hollow: noisy', '')
FROM notes WHERE EXISTS (SELECT 1 FROM shown);
