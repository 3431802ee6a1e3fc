-- evens.sql - break-even k/n over layer size and batch: up to where it pays
-- needs: speedups at two k/n of two layer sizes or batches; run `midl sweep batch`
mine AS (SELECT * FROM points WHERE run_id = :run),

-- The fastest variant at each place. Time grows linearly with k, and so does the inverse speedup u:
-- it is 1 at the break-even point. Small and large: by the ends of the intervals.
best AS (
    SELECT size, label, batch, active, 1 / max(speedup) AS u, 1 / max(speedup_hi) AS u_small,
           1 / max(speedup_lo) AS u_large
    FROM drawn WHERE NOT linear AND speedup > 0 AND speedup_lo > 0 GROUP BY size, batch, k),

-- The two k/n between which the break-even point lies, or else the two nearest to it.
pairs AS (
    SELECT *, lead(active) OVER w AS next, lead(u) OVER w AS next_u,
           lead(u_small) OVER w AS next_small, lead(u_large) OVER w AS next_large,
           max(active) OVER (PARTITION BY size, batch) AS last
    FROM best WINDOW w AS (PARTITION BY size, batch ORDER BY active)),
chosen AS (
    SELECT *, row_number() OVER (PARTITION BY size, batch
                                 ORDER BY NOT (u <= 1 AND next_u > 1), abs(next_u - 1)) AS choice
    FROM pairs WHERE next IS NOT NULL),
points_of_even AS (
    SELECT size, label, batch, last,
           active + (1 - u) / nullif(next_u - u, 0) * (next - active) AS even,
           active + (1 - u_large) / nullif(next_large - u_large, 0) * (next - active) AS even_lo,
           active + (1 - u_small) / nullif(next_small - u_small, 0) * (next - active) AS even_hi,
           u <= 1 AND next_u > 1 AS inside, next_u < u AS falling
    FROM chosen WHERE choice = 1),
clipped AS (
    SELECT size, label, batch, inside,
           max(0.0, min(1.0, even)) AS even, max(0.0, min(even, even_lo)) AS even_lo,
           min(1.0, max(even, even_hi)) AS even_hi
    FROM points_of_even WHERE even IS NOT NULL AND NOT falling),

heights AS (SELECT size, label, row_number() OVER (ORDER BY size) AS y
            FROM (SELECT DISTINCT size, label FROM clipped)),
columns AS (SELECT batch, row_number() OVER (ORDER BY batch) AS x
            FROM (SELECT DISTINCT batch FROM clipped)),
cells AS (
    SELECT x, y, even, even_lo, even_hi, inside
    FROM clipped JOIN heights USING (size) JOIN columns USING (batch)
    WHERE y <= 12 AND x <= 20 AND (SELECT count(*) FROM clipped) > 2)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('MID-L breaks even with the fastest dense layer at k/n = %s%s',
              from_to(min(even), max(even), 2), CASE min(inside) WHEN 1 THEN '' ELSE ', partly prolonged' END) AS text
FROM cells HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Break-even k/n over layer size and batch'
WHERE EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'panel', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       ''
WHERE EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'x name', 1, NULL, NULL, x, NULL, NULL, NULL, NULL, batch
FROM columns WHERE x IN (SELECT x FROM cells)
UNION ALL
SELECT 'y name', 1, NULL, NULL, NULL, y, NULL, NULL, NULL, label
FROM heights WHERE y IN (SELECT y FROM cells)
UNION ALL
SELECT 'gap', 1, NULL, NULL, x, y, NULL, NULL, NULL, NULL
FROM columns, heights
WHERE x IN (SELECT x FROM cells) AND y IN (SELECT y FROM cells)
  AND (x, y) NOT IN (SELECT x, y FROM cells)
UNION ALL
-- lo: the break-even point, hi: half its interval; noisy: it lies outside of what was measured
SELECT 'cell', 1, NULL, NULL, x, y, even, (even_hi - even_lo) / 2, NOT inside,
       CASE inside WHEN 1 THEN '' ELSE '~' END
       || CASE WHEN even >= 1 THEN 'all' WHEN even <= 0 THEN 'none'
            WHEN even_hi - even_lo >= 0.1 THEN printf('%.1f–%.1f', even_lo, even_hi)
            ELSE printf('%.2f', even) END
FROM cells
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Up to here the fastest variant beats the fastest dense layer; where the 95 % intervals leave more than 0.1, both ends. Linear in k between two k/n'
WHERE EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       '~: beyond the k/n that were measured, prolonged from the two nearest'
WHERE EXISTS (SELECT 1 FROM cells WHERE NOT inside)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(replace(text, '. Hollow: noisy, the interval is wider than asked for', ''),
               '. r: rank of the light path', '')
FROM notes WHERE EXISTS (SELECT 1 FROM cells);
