-- batch.sql - time of one input against the batch, by layer size
-- needs: two batches of one layer size at the same k/n; run `midl sweep batch`
shares AS (
    SELECT d, n, round(active, 2) AS share FROM points
    WHERE run_id = :run AND status IN ('ok', 'noisy')
    GROUP BY d, n, round(active, 2) HAVING count(DISTINCT batch) > 1),

mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND (d, n, round(active, 2)) IN (
              SELECT d, n, share FROM shares
              WHERE share = (SELECT share FROM shares
                             ORDER BY abs(share - coalesce(CAST(:active AS REAL), 0.45)), share
                             LIMIT 1))),

shown AS (SELECT drawn.*, panel FROM drawn JOIN panels USING (size))

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       'Time of one input in a batch, k/n = ' || printf('%.2f', avg(active))
       || CASE WHEN (SELECT total FROM panels) > 6
               THEN ' (6 of ' || (SELECT total FROM panels) || ' layer sizes)' ELSE '' END AS text
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, title FROM panels
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, batch, time_ns / batch / 1e3, time_lo_ns / batch / 1e3,
           time_hi_ns / batch / 1e3, noisy, NULL
    FROM shown ORDER BY linear DESC, abs(style), panel, batch)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, text
FROM notes WHERE EXISTS (SELECT 1 FROM shown);
