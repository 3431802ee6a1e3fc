-- threads.sql - how many times faster several threads are than one, against the batch
-- needs: one thread and several of the same layer; run `midl sweep threads`
chosen AS (
    SELECT coalesce(CAST(:threads AS INTEGER), max(threads)) AS threads FROM points
    WHERE run_id = :run AND status IN ('ok', 'noisy')),

pairs AS (
    SELECT one.kernel, one.isa, one.linear, one.dtype, NULL AS threads, one.cache, one.gate,
           one.select_mode, one.block, one.threshold, one.unselected, one.layer, one.input,
           one.d, one.n, one.active, one.rank, one.gate_rank, one.batch, many.time_ns,
           CASE WHEN 'failed' IN (one.status, many.status) THEN 'failed'
                WHEN 'noisy' IN (one.status, many.status) THEN 'noisy'
                ELSE many.status END AS status,
           one.time_ns / many.time_ns AS scaling, one.time_lo_ns / many.time_hi_ns AS scaling_lo,
           one.time_hi_ns / many.time_lo_ns AS scaling_hi
    FROM points AS one
         JOIN points AS many USING (run_id, kernel, isa, linear, dtype, d, n, k, rank, gate_rank,
                                    gate, select_mode, unselected, batch, cache, input, layer)
         JOIN chosen ON many.threads = chosen.threads
    WHERE run_id = :run AND one.threads = 1 AND many.threads > 1
      AND one.block IS many.block AND one.threshold IS many.threshold),

mine AS (
    SELECT * FROM pairs
    WHERE round(active, 2) = (SELECT round(active, 2) FROM pairs
                              ORDER BY abs(active - coalesce(CAST(:active AS REAL), 0.45)), active
                              LIMIT 1)),

shown AS (SELECT drawn.*, panel FROM drawn JOIN panels USING (size) WHERE scaling > 0)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       'Time with one thread / time with ' || (SELECT threads FROM chosen) || ', k/n = '
       || printf('%.2f', avg(active))
       || CASE WHEN (SELECT total FROM panels) > 6
               THEN ' (6 of ' || (SELECT total FROM panels) || ' layer sizes)' ELSE '' END AS text
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, title FROM panels
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'ideal', NULL, NULL, NULL, NULL, threads, NULL, NULL, NULL, NULL FROM chosen
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, batch, scaling, scaling_lo, scaling_hi, noisy, NULL
    FROM shown ORDER BY linear DESC, abs(style), panel, batch)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, text
FROM notes WHERE EXISTS (SELECT 1 FROM shown);
