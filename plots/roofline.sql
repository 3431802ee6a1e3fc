-- roofline.sql - what bounds each variant: memory, a cache or the arithmetic?
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

-- One batch makes dots: one panel for all sizes then, which marks tell apart, and the strong series
-- only.
lone AS (SELECT count(DISTINCT batch) = 1 AND count(DISTINCT size) > 1 AS dots FROM drawn),
shown AS (
    SELECT drawn.*, panel AS place, CASE dots WHEN 1 THEN 1 ELSE panel END AS panel
    FROM drawn JOIN panels USING (size), lone
    WHERE NOT dots OR style IN (SELECT style FROM legend WHERE y)),

-- Slopes, and ceilings of the dtype that is held. Weights that are widened once and used for many
-- inputs are multiplied as floats: the best of those, where it is higher.
rates AS (
    SELECT kind, value, substr(name, 1, instr(name || '/', '/') - 1) AS name,
           substr(name, instr(name || '/', '/') + 1) AS dtype
    FROM ceilings
    WHERE run_id = :run AND threads = (SELECT min(threads) FROM drawn)
      AND kind IN ('bandwidth', 'flops')),

peaks AS (
    SELECT name, value FROM rates
    WHERE kind = 'flops' AND dtype = (SELECT min(dtype) FROM drawn)),

-- Peaks so close to each other that they would be one line are one, with all their names.
merged AS (
    SELECT (SELECT group_concat(name, ', ')
            FROM (SELECT name FROM peaks q WHERE q.value BETWEEN 0.95 * p.value AND p.value
                  ORDER BY q.name = 'portable', q.name DESC)) AS name, value
    FROM peaks p
    WHERE NOT EXISTS (SELECT 1 FROM peaks q WHERE q.value > p.value AND 0.95 * q.value <= p.value)),

roofs AS (
    SELECT 'slope' AS what, name, value FROM rates WHERE kind = 'bandwidth'
    UNION ALL
    SELECT 'ceiling', name, value FROM merged
    UNION ALL
    SELECT 'ceiling', name || '/f32', value
    FROM (SELECT name, max(value) AS value FROM rates WHERE dtype = 'f32')
    WHERE value > coalesce((SELECT max(value) FROM peaks), 0)),

-- Each point has a roof of its own, by what it touches: who comes closest?
closest AS (
    SELECT *, row_number() OVER (ORDER BY bound_ratio DESC) AS nearness
    FROM shown WHERE bound_ratio IS NOT NULL)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('%s at n = %d, batch %d, comes closest to its roof: %.2f of it',
              CASE series WHEN 'oneDNN' THEN series ELSE upper(substr(series, 1, 1)) || substr(series, 2) END, n, batch,
              bound_ratio) AS text
FROM closest WHERE nearness = 1
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       printf('Rate against arithmetic intensity, k/n = %.2f', avg(active))
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'panel', panels.panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       CASE dots WHEN 1 THEN 'batch ' || (SELECT min(batch) FROM drawn) ELSE title END
FROM panels, lone WHERE panels.panel IN (SELECT panel FROM shown)
UNION ALL
SELECT * FROM legend WHERE style IN (SELECT style FROM shown)
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, 800 + 10 * place,
           CASE WHEN d = n THEN 'n = d = ' ELSE '' END || label, place, 1, NULL, NULL, NULL, 'Marks:'
    FROM shown, lone WHERE dots ORDER BY place)
UNION ALL
-- y: GB/s of a slope, GFLOP/s of a ceiling
SELECT * FROM (
    SELECT what, panel, NULL, NULL, NULL, value, NULL, NULL, NULL, name
    FROM roofs, (SELECT DISTINCT panel FROM shown) ORDER BY panel, what DESC, value DESC)
UNION ALL
-- text: the look of the mark, where that tells the size
SELECT * FROM (
    SELECT 'point', panel, style, series, flops / bytes, flops / time_ns, flops / time_hi_ns,
           flops / time_lo_ns, noisy, CASE dots WHEN 1 THEN 800 + 10 * place END
    FROM shown, lone ORDER BY linear DESC, abs(style), panel, batch, place)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Read bandwidth: ' || group_concat(name || ' ' || CAST(round(value) AS INTEGER), ', ') || ' GB/s'
FROM (SELECT * FROM roofs WHERE what = 'slope' ORDER BY value DESC) HAVING count(*) > 0
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Peak: ' || group_concat(printf(CASE WHEN value < 1000 THEN '%s %.3g' ELSE '%s %.0f' END, name, value), '; ') || ' GFLOP/s'
FROM (SELECT * FROM roofs WHERE what = 'ceiling' ORDER BY value DESC) HAVING count(*) > 0
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'FLOPs and bytes by model' || CASE WHEN max(batch) > min(batch)
           THEN ', batch ' || min(batch) || ' to ' || max(batch) || ' along each line'
                || CASE WHEN EXISTS (SELECT 1 FROM shown GROUP BY panel HAVING count(DISTINCT batch) = 1)
                        THEN '; where there is one batch, variants stand side by side, from their own place to the right' ELSE '' END
           ELSE '; variants stand side by side, from their ' || from_to(min(flops / bytes), max(flops / bytes), 2)
                || ' FLOPs per byte to the right' END
       || '. Bars: 95 % intervals. ' || (SELECT text FROM notes)
FROM shown HAVING count(*) > 0;
