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
                  ORDER BY q.value DESC)) AS name, value
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
    SELECT *, row_number() OVER (ORDER BY bound_ratio DESC) AS place
    FROM shown WHERE bound_ratio IS NOT NULL)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       'Rate against arithmetic intensity, k/n = ' || printf('%.2f', avg(active)) AS text
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, title FROM panels
UNION ALL
-- y: GB/s of a slope, GFLOP/s of a ceiling
SELECT * FROM (
    SELECT what, NULL, NULL, NULL, NULL, value, NULL, NULL, NULL, name
    FROM roofs WHERE EXISTS (SELECT 1 FROM shown) ORDER BY what DESC, value DESC)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, flops / bytes, flops / time_ns, flops / time_hi_ns,
           flops / time_lo_ns, noisy, '' || batch
    FROM shown ORDER BY linear DESC, abs(style), panel, batch)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Read bandwidth: ' || group_concat(name || ' ' || CAST(round(value) AS INTEGER), ', ') || ' GB/s'
FROM (SELECT * FROM roofs WHERE what = 'slope' ORDER BY value DESC) HAVING count(*) > 0
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Closest to its own roof: ' || series || ' at n = ' || n || ', batch ' || batch || ', '
       || printf('%.2f', bound_ratio) || ' of it'
FROM closest WHERE place = 1
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'FLOPs and bytes by model' || CASE WHEN max(batch) > min(batch)
           THEN ', batch ' || min(batch) || ' to ' || max(batch) || ' along each line'
           ELSE ', batch ' || min(batch) END || '. ' || (SELECT text FROM notes)
FROM shown HAVING count(*) > 0;
