-- threads.sql - how much faster do several threads make each variant? over the batch
-- needs: one thread and several of the same layer; run `midl sweep threads`
chosen AS (
    SELECT coalesce(CAST(:threads AS INTEGER), max(threads)) AS threads FROM points
    WHERE run_id = :run AND status IN ('ok', 'noisy')),

-- One row of both, found by grouping: a join of the points with themselves takes minutes for many.
pairs AS (
    SELECT kernel, isa, linear, dtype, NULL AS threads, cache, gate, select_mode, block, threshold,
           unselected, layer, input, d, n, k, active, rank, gate_rank, batch,
           CASE WHEN sum(status = 'failed') > 0 THEN 'failed'
                WHEN sum(status = 'skipped') > 0 THEN 'skipped'
                WHEN sum(status = 'noisy') > 0 THEN 'noisy' ELSE 'ok' END AS status,
           max(time_ns) FILTER (WHERE threads = 1) AS one_ns,
           max(time_lo_ns) FILTER (WHERE threads = 1) AS one_lo_ns,
           max(time_hi_ns) FILTER (WHERE threads = 1) AS one_hi_ns,
           max(time_ns) FILTER (WHERE threads > 1) AS time_ns,
           max(time_lo_ns) FILTER (WHERE threads > 1) AS time_lo_ns,
           max(time_hi_ns) FILTER (WHERE threads > 1) AS time_hi_ns
    FROM points
    WHERE run_id = :run AND threads IN (1, (SELECT threads FROM chosen))
    GROUP BY kernel, isa, linear, dtype, cache, gate, select_mode, block, threshold, unselected,
             layer, input, d, n, k, rank, gate_rank, batch
    HAVING count(DISTINCT threads) = 2),

mine AS (
    SELECT * FROM pairs
    WHERE round(active, 2) = (SELECT round(active, 2) FROM pairs
                              ORDER BY abs(active - coalesce(CAST(:active AS REAL), 0.45)), active
                              LIMIT 1)),

-- The interval of a ratio of two medians that were measured apart: their relative widths add like
-- independent errors.
shown AS (
    SELECT drawn.*, panel, one_ns / time_ns AS scaling,
           one_ns / time_ns * (1 - min(0.99, sqrt(pow(1 - one_lo_ns / one_ns, 2)
                                                  + pow(time_hi_ns / time_ns - 1, 2)))) AS scaling_lo,
           one_ns / time_ns * (1 + sqrt(pow(one_hi_ns / one_ns - 1, 2)
                                        + pow(1 - time_lo_ns / time_ns, 2))) AS scaling_hi
    FROM drawn JOIN panels USING (size) WHERE one_ns > 0)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       (SELECT threads FROM chosen) || ' threads make the variant chosen by shape ' || from_to(min(scaling), max(scaling), 2)
       || printf(' times as fast as one, k/n = %.2f', avg(active)) AS text
FROM shown WHERE kernel = 'auto' HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Time with one thread / time with ' || (SELECT threads FROM chosen)
       || printf(', k/n = %.2f', avg(active))
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       title
FROM panels WHERE panel IN (SELECT panel FROM shown)
UNION ALL
SELECT * FROM legend WHERE style IN (SELECT style FROM shown)
UNION ALL
SELECT DISTINCT 'ideal', panel, NULL, NULL, NULL, (SELECT threads FROM chosen), NULL, NULL, NULL, NULL
FROM shown
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, batch, scaling, scaling_lo, scaling_hi, noisy, NULL
    FROM shown ORDER BY linear DESC, abs(style), panel, batch)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Bars: 95 % intervals of the ratio, from those of both times'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       text
FROM notes WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       '6 of ' || total || ' layer sizes are shown'
FROM panels WHERE panel = 1 AND total > 6;
