-- variants.sql - time of one call in µs by variant and layer size, k/n 0.45, batch 1
-- needs: times of a layer; run `midl sweep latency`
-- corner: time per call (µs), n =
mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)),

nearest AS (
    SELECT *, dense_rank() OVER (
                  PARTITION BY size
                  ORDER BY abs(active - coalesce(CAST(:active AS REAL), 0.45)), active) AS nearness
    FROM drawn)

-- Places without a measurement keep lines and columns in order.
SELECT CASE linear WHEN 1 THEN 'dense layer: ' ELSE '' END || series AS line, label AS column,
       time_ns / 1e3 AS value, time_lo_ns / 1e3 AS lo, time_hi_ns / 1e3 AS hi,
       CASE WHEN time_ns IS NULL THEN '' END AS text
FROM (SELECT DISTINCT size, label FROM nearest)
     CROSS JOIN (SELECT DISTINCT linear, style, series FROM nearest WHERE nearness = 1)
     LEFT JOIN (SELECT * FROM nearest WHERE nearness = 1) USING (size, label, linear, style, series)
ORDER BY size, linear DESC, abs(style);
