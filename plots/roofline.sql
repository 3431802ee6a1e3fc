-- roofline.sql - what bounds each variant: rate against arithmetic intensity, under measured roofs
-- needs: points in a run that measured the ceilings of its machine; run `midl sweep quick`
shares AS (
    SELECT d, n, round(active, 2) AS share,
           row_number() OVER (PARTITION BY d, n ORDER BY
               abs(round(active, 2) - coalesce(CAST(:active AS REAL), 0.45)), active) AS place
    FROM points WHERE run_id = :run AND status IN ('ok', 'noisy')
    GROUP BY d, n, round(active, 2)),

mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND flops > 0 AND bytes > 0
      AND (d, n, round(active, 2)) IN (SELECT d, n, share FROM shares WHERE place = 1)
      AND EXISTS (SELECT 1 FROM ceilings c WHERE c.run_id = :run AND c.threads = points.threads)),

shown AS (SELECT drawn.*, panel FROM drawn JOIN panels USING (size)),

-- Ceilings are named after instruction set and dtype: those of the dtype that is held.
roofs AS (
    SELECT kind, substr(name, 1, instr(name || '/', '/') - 1) AS name, value FROM ceilings
    WHERE run_id = :run AND threads = (SELECT min(threads) FROM drawn)
      AND (kind = 'bandwidth' OR name LIKE '%/' || (SELECT min(dtype) FROM drawn)))

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       'Rate against arithmetic intensity, k/n = ' || printf('%.2f', avg(active)) AS text
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, title FROM panels
UNION ALL
-- y: GB/s of a slope, GFLOP/s of a ceiling
SELECT * FROM (
    SELECT CASE kind WHEN 'bandwidth' THEN 'slope' ELSE 'ceiling' END, NULL, NULL, NULL, NULL,
           value, NULL, NULL, NULL, name
    FROM roofs WHERE EXISTS (SELECT 1 FROM shown) ORDER BY kind, value DESC)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, flops / bytes, flops / time_ns, flops / time_hi_ns,
           flops / time_lo_ns, noisy, '' || batch
    FROM shown ORDER BY linear DESC, abs(style), panel, batch)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'FLOPs and bytes by model' || CASE WHEN max(batch) > min(batch)
           THEN ', batch ' || min(batch) || ' to ' || max(batch) || ' along each line'
           ELSE ', batch ' || min(batch) END || '. ' || (SELECT text FROM notes)
FROM shown HAVING count(*) > 0;
