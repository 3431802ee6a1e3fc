-- spread.sql - were the measurements steady? samples as densities
-- needs: points with samples, or with the five numbers that a slim database keeps; run `midl sweep quick`
-- One group of points that were measured in turns for each layer size, or number of values of a
-- selection: the one nearest to k/n = 0.45 at the smallest batch.
candidates AS (
    SELECT shape_key, d, n, batch, active, count(*) AS points,
           row_number() OVER (PARTITION BY d, n
                              ORDER BY batch, abs(active - coalesce(CAST(:active AS REAL), 0.45)),
                                       count(*) DESC, min(point_id)) AS choice
    FROM every_point
    WHERE run_id = :run AND samples > 3 AND status IN ('ok', 'noisy')
      AND (:batch IS NULL OR batch = CAST(:batch AS INTEGER))
      AND (:dtype IS NULL OR dtype = :dtype) AND (:cache IS NULL OR cache = :cache)
      AND (:threads IS NULL OR threads = CAST(:threads AS INTEGER))
      AND (:gate IS NULL OR gate = :gate) AND (:select IS NULL OR select_mode = :select)
    GROUP BY shape_key),
groups AS (
    SELECT *, row_number() OVER (ORDER BY d * n, n) AS panel
    FROM (SELECT *, row_number() OVER (ORDER BY d * n, n) AS place, count(*) OVER () AS total
          FROM candidates WHERE choice = 1)
    WHERE (place - 1) * 5 % max(total - 1, 1) < 5),

-- From the bottom: variants, yardsticks above.
methods AS (
    SELECT DISTINCT panel, p.kernel, p.isa, p.dtype, p.linear,
           coalesce(look, 100) AS style, coalesce(name, CASE p.kernel WHEN 'topk' THEN 'midl' ELSE p.kernel END)
           || CASE WHEN count(*) OVER (PARTITION BY panel, p.kernel, p.dtype) > 1
                   THEN ', ' || CASE p.isa WHEN 'avx512' THEN 'AVX-512' WHEN 'portable' THEN 'portable C'
                                           ELSE upper(p.isa) END ELSE '' END
           || CASE WHEN count(*) OVER (PARTITION BY panel, p.kernel, p.isa) > 1
                   THEN ', ' || p.dtype ELSE '' END AS series
    FROM every_point p JOIN groups USING (shape_key) LEFT JOIN looks USING (kernel)
    WHERE p.run_id = :run AND p.samples > 3 AND (:isa IS NULL OR p.linear OR p.isa = :isa)),
lines AS (
    SELECT panel, kernel, isa, dtype, linear, style, max(series) AS series,
           row_number() OVER (PARTITION BY panel
                              ORDER BY linear, abs(style) DESC, kernel DESC, isa = 'avx512', isa = 'avx2', isa, dtype) AS line
    FROM methods GROUP BY panel, kernel, isa, dtype, linear),

-- Samples in percent of the point's median.
mine AS (
    SELECT panel, line, p.linear, style, p.time_ns, s.disturbed,
           100 * (s.real_ns / p.time_ns - 1) AS off
    FROM every_point p JOIN groups USING (shape_key) JOIN lines USING (panel, kernel, isa, dtype)
         JOIN samples s USING (point_id)
    WHERE p.run_id = :run AND s.real_ns > 0 AND p.time_ns > 0
      AND p.status IN ('ok', 'noisy')),

-- Of a slim database: the five numbers, in percent of the point's median.
five AS (
    SELECT panel, line, p.linear, style, s.samples, s.disturbed,
           100 * (least_ns / p.time_ns - 1) AS least, 100 * (quarter_ns / p.time_ns - 1) AS quarter,
           100 * (three_quarters_ns / p.time_ns - 1) AS three_quarters,
           100 * (most_ns / p.time_ns - 1) AS most
    FROM every_point p JOIN groups USING (shape_key) JOIN lines USING (panel, kernel, isa, dtype)
         JOIN summaries s USING (point_id)
    WHERE p.run_id = :run AND p.time_ns > 0 AND p.status IN ('ok', 'noisy')),

-- Bins of half a percent from -6 to 12, or of so many times that as nearly all need; what lies beyond is
-- counted at the ends.
needs AS (
    SELECT max(off / -6, off / 12) AS times FROM mine
    UNION ALL
    SELECT max(quarter / -6, three_quarters / 12) FROM five),
scaled AS (
    SELECT CASE WHEN avg(times <= 1) >= 0.85 THEN 1 WHEN avg(times <= 2) >= 0.85 THEN 2
                WHEN avg(times <= 5) >= 0.85 THEN 5 WHEN avg(times <= 10) >= 0.85 THEN 10 ELSE 20 END AS scale
    FROM needs),
edges(bin, low, high) AS (
    SELECT -12, -1e9, -5.5 * scale FROM scaled
    UNION ALL
    SELECT bin + 1, high, CASE bin + 1 WHEN 24 THEN 1e9 ELSE high + 0.5 * scale END
    FROM edges, scaled WHERE bin < 24),
bins AS (
    SELECT panel, line, linear, style, bin, count(*) AS samples
    FROM (SELECT *, max(-12, min(24, CAST(floor(2 * off / scale) AS INTEGER))) AS bin FROM mine, scaled)
    GROUP BY panel, line, linear, style, bin),
shares AS (
    SELECT panel, line, linear, style, bin,
           1.0 * samples / max(samples) OVER (PARTITION BY panel, line) AS height,
           1.0 * samples / sum(samples) OVER (PARTITION BY panel, line) AS share
    FROM bins
    UNION ALL
    SELECT panel, line, linear, style, bin,
           CASE WHEN quarter < high AND three_quarters >= low THEN 1 ELSE 0.15 END, NULL
    FROM five JOIN edges ON least < high AND most >= low),

-- The words; nothing where there is nothing to say.
words AS (
    SELECT printf('%.0f %% of the samples lie within 2 %% of their median, %.1f %% beyond 10 %%',
                  100.0 * avg(abs(off) <= 2), 100.0 * avg(abs(off) > 10)) AS title,
           'Raw samples around their medians' AS subject,
           printf('Height: share of the samples in steps of %g %%; at the ends all beyond -%d and %d %%, the latter in percent',
                  0.5 * scale, 6 * scale, 12 * scale) AS note,
           avg(disturbed) AS disturbed
    FROM mine, scaled HAVING count(*) > 0
    UNION ALL
    SELECT printf('The middle half of a variant''s samples spans %.1f %% of their median, on average',
                  avg(three_quarters - quarter)),
           'Samples around their medians',
           'High: the middle half of the samples; flat: from the least to the largest of them; what reaches an edge goes on beyond it',
           1.0 * sum(disturbed) / sum(samples)
    FROM five HAVING count(*) > 0
    LIMIT 1)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       title AS text
FROM words
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       subject
FROM words
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       CASE WHEN d = 0 THEN n || ' values' WHEN d = n THEN 'n = d = ' || n
            ELSE 'd = ' || d || ', n = ' || n END
       || CASE WHEN panel IN (SELECT panel FROM lines WHERE NOT linear) OR d = 0
               THEN printf(', k/n = %.2f', active) ELSE '' END || CASE batch WHEN 1 THEN '' ELSE ', batch ' || batch END
FROM groups WHERE EXISTS (SELECT 1 FROM words)
UNION ALL
SELECT 'y name', panel, NULL, NULL, NULL, line, NULL, NULL, NULL, series
FROM lines WHERE panel IN (SELECT panel FROM shares)
UNION ALL
-- x: left end of the bin in percent; y: the line; lo: its height; hi: its share where it is the
-- last one, of all that lies beyond
SELECT * FROM (
    SELECT 'bin', panel, CASE linear WHEN 1 THEN -1 ELSE 1 END, NULL, bin / 2.0 * scale, line, height,
           CASE WHEN bin IN (-12, 24) THEN share END, NULL,
           CASE WHEN bin = 24 AND share >= 0.005 THEN printf('%.0f %%', 100 * share) END
    FROM shares, scaled ORDER BY panel, line, bin)
UNION ALL
-- y: how many times the usual half percent a bin is wide
SELECT 'scale', panel, NULL, NULL, NULL, scale, NULL, NULL, NULL, NULL
FROM groups, scaled WHERE EXISTS (SELECT 1 FROM words)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       note || printf('. The drift monitor marked %.0f %% of the samples: they count only where too few others are left',
                      100.0 * disturbed)
FROM words;
