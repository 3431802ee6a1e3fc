-- dtypes.sql - what weights in 16 and 8 bits add, over dense layers in f32
-- needs: two types of weights over several sizes or batches; run `midl sweep dtypes`
shares AS (
    SELECT round(active, 2) AS share FROM points
    WHERE run_id = :run AND status IN ('ok', 'noisy')
    GROUP BY round(active, 2) HAVING count(DISTINCT dtype) > 1
    ORDER BY abs(round(active, 2) - coalesce(CAST(:active AS REAL), 0.45)), share LIMIT 1),

mine AS (
    SELECT kernel, isa, linear, NULL AS dtype, dtype AS weights, threads, cache, gate, select_mode,
           block, threshold, unselected, layer, input, d, n, active, rank, gate_rank, batch, status,
           time_ns, time_lo_ns, time_hi_ns
    FROM points JOIN shares ON round(active, 2) = share
    WHERE run_id = :run),

-- SQLite takes the other columns from the row that has the minimum.
floats AS (
    SELECT size, batch, min(time_ns) AS dense_ns, time_lo_ns AS dense_lo_ns,
           time_hi_ns AS dense_hi_ns, noisy AS dense_noisy
    FROM drawn WHERE linear AND weights = 'f32' GROUP BY size, batch),

best AS (
    SELECT size, batch, weights, linear, label, title, rank, min(time_ns) AS time_ns, time_lo_ns,
           time_hi_ns, noisy, active
    FROM drawn WHERE NOT linear OR weights <> 'f32' GROUP BY size, batch, weights, linear),

-- The interval of a ratio of two medians: their relative widths add like independent errors.
compared AS (
    SELECT best.*, dense_ns / time_ns AS gain,
           dense_ns / time_ns * (1 - min(0.99, sqrt(pow(1 - dense_lo_ns / dense_ns, 2)
                                                    + pow(time_hi_ns / time_ns - 1, 2)))) AS gain_lo,
           dense_ns / time_ns * (1 + sqrt(pow(dense_hi_ns / dense_ns - 1, 2)
                                          + pow(1 - time_lo_ns / time_ns, 2))) AS gain_hi,
           noisy OR dense_noisy AS unsure,
           CASE linear WHEN 1 THEN -1 ELSE 1 END
               * (700 + CASE weights WHEN 'f32' THEN 10 WHEN 'bf16' THEN 20 ELSE 30 END) AS mark,
           CASE linear WHEN 1 THEN 'dense layer, ' ELSE 'MID-L, ' END || weights AS name
    FROM best JOIN floats USING (size, batch)),

-- Left the batch that most sizes have, over the size; right the size that most batches have.
over_sizes AS (
    SELECT batch FROM compared GROUP BY batch HAVING count(DISTINCT size) > 1
    ORDER BY count(DISTINCT size) DESC, batch LIMIT 1),
over_batches AS (
    SELECT size FROM compared GROUP BY size HAVING count(DISTINCT batch) > 1
    ORDER BY count(DISTINCT batch) DESC, size LIMIT 1),

shown AS (
    SELECT compared.*, 1 AS panel, 'batch ' || batch AS heading,
           dense_rank() OVER (ORDER BY size) AS place
    FROM compared JOIN over_sizes USING (batch)
    UNION ALL
    SELECT compared.*, 1 + (SELECT count(*) FROM over_sizes), replace(title, ', r = ' || rank, ''),
           batch
    FROM compared JOIN over_batches USING (size))

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('One input: MID-L at k/n = %.2f is %s times as fast in bf16, %s in int8', avg(active),
              from_to(min(gain) FILTER (WHERE weights = 'bf16'),
                      max(gain) FILTER (WHERE weights = 'bf16'), 2),
              from_to(min(gain) FILTER (WHERE weights = 'int8'),
                      max(gain) FILTER (WHERE weights = 'int8'), 2)) AS text
FROM shown WHERE NOT linear AND batch = 1
HAVING count(*) FILTER (WHERE weights = 'bf16') > 0 AND count(*) FILTER (WHERE weights = 'int8') > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       printf('Speedup by type of the weights over the fastest dense layer in f32, k/n = %.2f',
              avg(active))
FROM shown HAVING count(*) > 0
UNION ALL
SELECT DISTINCT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, heading FROM shown
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, mark, name, mark, 1, NULL, NULL, NULL,
           CASE linear WHEN 1 THEN 'Fastest dense layer:' ELSE 'Fastest variant:' END
    FROM shown ORDER BY linear DESC, abs(mark))
UNION ALL
SELECT DISTINCT 'x name', 1, NULL, NULL, place, NULL, NULL, NULL, NULL, label
FROM shown WHERE panel = 1 AND EXISTS (SELECT 1 FROM over_sizes)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, mark, name, place, gain, gain_lo, gain_hi, unsure, NULL
    FROM shown ORDER BY linear DESC, abs(mark), panel, place)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Time of the fastest dense layer with weights in f32 / time. Bars: 95 % intervals of the ratio, from those of both times'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(text, '. r: rank of the light path', '')
FROM notes WHERE EXISTS (SELECT 1 FROM shown);
