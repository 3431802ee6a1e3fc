-- select.sql - what does top-k cost alone, and what do other methods?
-- needs: two n at the same k/n; run `midl select`
mine AS (SELECT * FROM selections WHERE run_id = :run AND (:isa IS NULL OR isa IN (:isa, 'generic'))),

places AS (
    SELECT input, round(active, 2) AS share, count(*) AS points FROM mine
    WHERE status IN ('ok', 'noisy')
    GROUP BY input, round(active, 2) HAVING count(DISTINCT n) > 1),

-- One panel a distribution and k/n; six at most.
boxes AS (
    SELECT input, share, row_number() OVER (ORDER BY input <> 'normal', input, share) AS panel
    FROM places WHERE :active IS NULL OR share = round(CAST(:active AS REAL), 2)
    LIMIT 6),

-- A method has the same look in every run.
looked(kernel, look, name) AS (VALUES
    ('topk', 710, 'midl'), ('introselect', 720, 'introselect'), ('heap', 730, 'heap'),
    ('radix', 740, 'radix'), ('sort', 750, 'sort')),
methods AS (
    SELECT kernel, isa,
           coalesce(look, 750 + 10 * dense_rank() OVER (PARTITION BY look IS NULL ORDER BY kernel))
               + row_number() OVER (PARTITION BY kernel
                                    ORDER BY isa <> 'avx512', isa <> 'avx2', isa <> 'neon', isa)
               - 1 AS style,
           coalesce(name, kernel)
               || CASE kernel WHEN 'topk'
                  THEN ', ' || CASE isa WHEN 'avx512' THEN 'AVX-512' WHEN 'portable' THEN 'portable C'
                                        ELSE upper(isa) END ELSE '' END AS series
    FROM (SELECT DISTINCT kernel, isa FROM mine) LEFT JOIN looked USING (kernel)),

seen AS (
    SELECT panel, style, series, n, time_ns / batch / n AS y, time_lo_ns / batch / n AS lo,
           time_hi_ns / batch / n AS hi, status = 'noisy' AS noisy
    FROM mine JOIN methods USING (kernel, isa)
         JOIN boxes ON boxes.input = mine.input AND share = round(active, 2)
    WHERE status IN ('ok', 'noisy')),

-- At each place, the best of ours against the best of the others, which are plain C, and in plain C, too.
races AS (
    SELECT min(y) FILTER (WHERE style >= 720)
               / min(y) FILTER (WHERE style < 720) AS gain,
           min(y) FILTER (WHERE style >= 720)
               / min(y) FILTER (WHERE series = 'midl, portable C') AS plain_gain
    FROM seen GROUP BY panel, n)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('Top-k selection here is %s times as fast as the best other method',
              from_to(min(gain), max(gain), 1))
       || CASE WHEN max(gain / plain_gain) > 1.05
               THEN ', ' || from_to(min(plain_gain), max(plain_gain), 1) || ' times in portable C' ELSE '' END AS text
FROM races WHERE gain > 0 HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Top-k selection alone'
WHERE EXISTS (SELECT 1 FROM seen)
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       input || ' values, k/n = ' || printf('%.2f', share)
FROM boxes WHERE panel IN (SELECT panel FROM seen)
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, style, series, style, 1, NULL, NULL, NULL, 'Methods:'
    FROM seen ORDER BY style)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, n, y, lo, hi, noisy, NULL
    FROM seen ORDER BY style, panel, n)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'One thread; ascending indices and values, ' || min(batch)
       || CASE WHEN max(batch) > min(batch) THEN ' to ' || max(batch) ELSE '' END
       || ' inputs per call; other methods in plain C. Bars: 95 % intervals of the median'
       || CASE WHEN sum(status = 'noisy') > 0
               THEN '. Hollow: noisy, the interval is wider than asked for' ELSE '' END
       || CASE WHEN sum(status = 'failed') > 0
               THEN '. ' || sum(status = 'failed') || ' points failed their check, not drawn'
               ELSE '' END
FROM mine HAVING EXISTS (SELECT 1 FROM seen);
