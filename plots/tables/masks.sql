-- masks.sql - speedup over the batch, by kind of mask, k/n and layer size
-- needs: speedups at two batches or of two kinds of masks; run `midl sweep masks`
-- corner: speedup, fastest variant, k/n =
-- A long name of a layer without its middle, where that is no other's too.
layers_named AS (
    SELECT *, CASE WHEN layer LIKE '%#%'
                   THEN replace(replace(layer, rtrim(layer, replace(layer, '/', '')), ''), '.safetensors', '')
                   ELSE layer || ' masks' END AS name
    FROM points WHERE run_id = :run),
layers_cut AS (
    SELECT *, CASE WHEN length(name) > 25 THEN substr(name, 1, 12) || '…' || substr(name, -12) ELSE name END AS cut
    FROM layers_named),
mine AS (
    SELECT kernel, isa, linear, dtype, threads, cache, gate, NULL AS select_mode, block, threshold,
           unselected, NULL AS layer, input, d, n, k, active, rank, gate_rank, batch, status,
           time_ns, time_lo_ns, time_hi_ns, speedup, speedup_lo, speedup_hi,
           CASE WHEN select_mode = 'block' THEN 'blocks of ' || block || ', '
                WHEN select_mode <> 'topk' THEN select_mode || ', ' ELSE '' END
           || CASE WHEN layer = 'random' THEN ''
                   WHEN min(name) OVER (PARTITION BY cut) = max(name) OVER (PARTITION BY cut) THEN cut || ', '
                   ELSE name || ', ' END AS mask
    FROM layers_cut),

-- SQLite takes the other columns from the row that has the maximum. k/n of blocks is rounded to
-- whole blocks: the next half of a tenth.
best AS (
    SELECT mask, size, d, n, batch, round(active * 20) / 20 AS share, max(speedup) AS speedup,
           speedup_lo, speedup_hi
    FROM drawn
    WHERE NOT linear AND speedup > 0
      AND (:active IS NULL OR round(active * 20) = round(CAST(:active AS REAL) * 20))
    GROUP BY mask, size, batch, round(active * 20))

SELECT mask || printf('%.4g', share)
           || CASE WHEN d = n THEN ', n = d = ' || n ELSE ', d = ' || d || ', n = ' || n END AS line,
       'batch ' || batch AS column, speedup AS value, speedup_lo AS lo, speedup_hi AS hi, NULL AS text
FROM best
WHERE (SELECT max(count(DISTINCT batch), count(DISTINCT mask)) FROM best) > 1
ORDER BY mask <> '', mask LIKE '%masks, ', mask, share DESC, size, batch;
