-- evens.sql - break-even k/n over layer size and batch: up to where it pays
-- needs: speedups at two k/n of two layer sizes or batches; run `midl sweep batch`
mine AS (SELECT * FROM points WHERE run_id = :run),

-- The fastest variant at each place. Time grows linearly with k, and so does the inverse speedup u:
-- it is 1 at the break-even point. edge: 0 by the median, -1 by the low end of the speedup's interval,
-- 1 by its high end.
levels AS (
    SELECT size, label, batch, active, edge,
           1 / max(CASE edge WHEN 0 THEN speedup WHEN -1 THEN speedup_lo ELSE speedup_hi END) AS u
    FROM drawn, (SELECT 0 AS edge UNION ALL SELECT -1 UNION ALL SELECT 1)
    WHERE NOT linear AND speedup > 0 AND speedup_lo > 0 GROUP BY size, batch, k, edge),
steps AS (
    SELECT *, lead(active) OVER w AS next, lead(u) OVER w AS next_u, row_number() OVER w AS nth,
           count(*) OVER (PARTITION BY size, batch, edge) AS of_all
    FROM levels WINDOW w AS (PARTITION BY size, batch, edge ORDER BY active)),
-- Up to its first crossing of 1 all pays, from its last one on all loses. side: the crossing lies
-- below (-1) or above (1) all k/n that were measured, and `at` is the end of these.
crossings AS (
    SELECT size, label, batch, edge, max(of_all) AS places,
           CASE WHEN edge < 1 AND max(nth = 1 AND u > 1) THEN min(active)
                WHEN edge = 1 AND max(nth = of_all AND u <= 1) THEN max(active)
                WHEN edge < 1 THEN coalesce(min(active + (1 - u) / (next_u - u) * (next - active))
                                                FILTER (WHERE u <= 1 AND next_u > 1), max(active))
                ELSE coalesce(max(active + (1 - u) / (next_u - u) * (next - active))
                                  FILTER (WHERE u <= 1 AND next_u > 1), min(active)) END AS at,
           CASE WHEN edge < 1 AND max(nth = 1 AND u > 1) THEN -1
                WHEN edge = 1 AND max(nth = of_all AND u <= 1) THEN 1
                WHEN max(u <= 1 AND next_u > 1) THEN 0
                ELSE -sign(edge - 0.5) END AS side
    FROM steps GROUP BY size, batch, edge),
decided AS (
    SELECT size, label, batch, max(at) FILTER (WHERE edge = 0) AS even,
           max(at) FILTER (WHERE edge = -1) AS even_lo, max(at) FILTER (WHERE edge = 1) AS even_hi,
           max(side) FILTER (WHERE edge = -1) AS side_lo, max(side) FILTER (WHERE edge = 1) AS side_hi
    FROM crossings GROUP BY size, batch HAVING max(places) > 1),
-- way: the point is known (0), or only that it is larger than even (1) or smaller (-1), or nothing (NULL).
known AS (
    SELECT size, label, batch, even_lo, even_hi, way,
           CASE way WHEN 1 THEN even_lo WHEN -1 THEN even_hi ELSE even END AS even
    FROM (SELECT *, CASE WHEN side_lo = -1 AND side_hi = 1 THEN NULL WHEN side_hi = 1 THEN 1
                         WHEN side_lo = -1 THEN -1 ELSE 0 END AS way
          FROM decided)),

heights AS (SELECT size, label, row_number() OVER (ORDER BY size) AS y
            FROM (SELECT DISTINCT size, label FROM known)),
columns AS (SELECT batch, row_number() OVER (ORDER BY batch) AS x
            FROM (SELECT DISTINCT batch FROM known)),
cells AS (
    SELECT x, y, even, even_lo, even_hi, way
    FROM known JOIN heights USING (size) JOIN columns USING (batch)
    WHERE y <= 12 AND x <= 20 AND (SELECT count(*) FROM known) > 2)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       CASE WHEN sum(way = 0) > 0
            THEN 'MID-L breaks even with the fastest dense layer at k/n = '
                 || from_to(min(even) FILTER (WHERE way = 0), max(even) FILTER (WHERE way = 0), 2)
                 || CASE WHEN sum(way = 1) > 0 THEN printf(', in %d of %d cells above %.2f', sum(way = 1), count(*),
                         min(even) FILTER (WHERE way = 1)) ELSE '' END
            WHEN sum(way = 1) > 0
            THEN printf('MID-L beats the fastest dense layer up to k/n = %s at least, in %d of %d cells',
                        from_to(min(even) FILTER (WHERE way = 1), max(even) FILTER (WHERE way = 1), 2),
                        sum(way = 1), count(*))
            ELSE 'MID-L beats the fastest dense layer for sure at no k/n that was measured' END AS text
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
-- lo: the break-even point or its bound, hi: half its interval; noisy: it lies outside of what was measured
SELECT 'cell', 1, NULL, NULL, x, y, even, (even_hi - even_lo) / 2, coalesce(way <> 0, 1),
       CASE WHEN way IS NULL THEN '?'
            WHEN way = 1 THEN CASE WHEN even >= 1 THEN 'all' ELSE printf('>%.2f', even) END
            WHEN way = -1 THEN printf('<%.2f', even)
            WHEN even_hi - even_lo >= 0.1 THEN printf('%.1f–%.1f', even_lo, even_hi)
            ELSE printf('%.2f', even) END
FROM cells
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Cells: the k/n up to which the fastest variant beats the fastest dense layer, linear in k between two that were measured; both ends where the 95 % intervals leave more than 0.1'
WHERE EXISTS (SELECT 1 FROM cells)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       rtrim(CASE WHEN sum(way = 1 AND even < 1) > 0 THEN '>: it pays for sure up to there, and beyond nothing is sure; ' ELSE '' END
             || CASE WHEN sum(way = -1) > 0 THEN '<: it loses for sure from there, and below nothing is sure; ' ELSE '' END
             || CASE WHEN sum(way IS NULL) > 0 THEN '?: nothing is sure at any k/n' ELSE '' END, '; ')
FROM cells HAVING sum(way = 1 AND even < 1) > 0 OR sum(way = -1) > 0 OR sum(way IS NULL) > 0
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(replace(text, '. Hollow: noisy, the interval is wider than asked for', ''),
               '. r: rank of the light path', '')
FROM notes WHERE EXISTS (SELECT 1 FROM cells);
