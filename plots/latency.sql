-- latency.sql - up to which k/n does it pay: time of one call, by layer size
-- needs: MID-L at three k of one layer size at batch 1; run `midl sweep latency`
mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)),

-- Sizes with three k or more of MID-L at what is held; of more than six, six spread evenly.
places AS (
    SELECT size, title, n, row_number() OVER (ORDER BY size) AS panel
    FROM (SELECT size, title, n, row_number() OVER (ORDER BY size) AS place,
                 count(*) OVER () AS total
          FROM drawn GROUP BY size HAVING count(DISTINCT k) FILTER (WHERE NOT linear) > 2)
    WHERE (place - 1) * 5 % max(total - 1, 1) < 5),

shown AS (SELECT drawn.*, panel FROM drawn JOIN places USING (size)),

-- A yardstick does the same work at every k: its line is the median of its medians, its band the
-- mean interval of the middle half of them.
yardsticks AS (
    SELECT panel, style, series,
           avg(CASE WHEN place IN ((count + 1) / 2, (count + 2) / 2) THEN time_ns END) AS time_ns,
           avg(time_lo_ns) AS time_lo_ns, avg(time_hi_ns) AS time_hi_ns
    FROM (SELECT *, row_number() OVER (PARTITION BY panel, style ORDER BY time_ns) AS place,
                 count(*) OVER (PARTITION BY panel, style) AS count
          FROM shown WHERE linear)
    WHERE place BETWEEN count / 4 + 1 AND count - count / 4
    GROUP BY panel, style, series),

-- Where it pays for sure and where for sure it doesn't, by the intervals of the speedup over the
-- fastest yardstick, which was measured next to it.
verdicts AS (
    SELECT panel, active, max(speedup_lo) > 1 AS pays, max(speedup_hi) < 1 AS loses
    FROM shown WHERE NOT linear AND speedup > 0 GROUP BY panel, active),

-- The break-even point lies between the k/n up to which all pay and the one from which all lose: NULL
-- where none does.
doubts AS (
    SELECT *, min(CASE WHEN pays THEN NULL ELSE active END) OVER here AS doubted,
           max(CASE WHEN loses THEN 0 ELSE active END) OVER here AS hoped
    FROM verdicts WINDOW here AS (PARTITION BY panel)),
evens AS (
    SELECT panel, max(active) FILTER (WHERE doubted IS NULL OR active < doubted) AS lower,
           max(active) AS last, min(active) FILTER (WHERE active > hoped) AS upper
    FROM doubts GROUP BY panel),

ends AS (SELECT min(lower) AS least, max(lower) AS most, count(*) AS total, count(lower) AS paying
         FROM evens)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       CASE WHEN paying = 0 THEN 'MID-L beats the fastest dense layer for sure at no k/n'
            ELSE 'MID-L beats the fastest dense layer up to k/n = '
                 || from_to(least, most, 2)
                 || CASE WHEN paying < total
                         THEN ' at ' || paying || ' of ' || total || ' sizes' ELSE '' END END
       || ' (batch ' || (SELECT min(batch) FROM shown) || ')' AS text
FROM ends WHERE total > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Time of one call at batch ' || min(batch) FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, title FROM places
UNION ALL
SELECT * FROM legend WHERE style IN (SELECT style FROM shown)
UNION ALL
SELECT 'yardstick', panel, style, series, NULL, time_ns / 1e3, time_lo_ns / 1e3, time_hi_ns / 1e3,
       NULL, NULL
FROM (SELECT * FROM yardsticks ORDER BY panel, style DESC)
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, active, time_ns / 1e3, time_lo_ns / 1e3, time_hi_ns / 1e3,
           noisy, NULL
    FROM shown WHERE NOT linear ORDER BY panel, style, active)
UNION ALL
-- x to y: where the break-even point may lie, as far as was measured
SELECT 'band', panel, NULL, NULL, coalesce(lower, 0), coalesce(upper, last), NULL, NULL, NULL, NULL
FROM evens WHERE lower IS NOT NULL AND (upper IS NOT NULL OR lower < last)
UNION ALL
SELECT 'verdict', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       CASE WHEN lower IS NULL THEN 'pays nowhere for sure'
            WHEN upper IS NOT NULL
            THEN printf('pays up to %.2f, not from %.2f', lower, upper)
            WHEN lower = last THEN printf('pays at all k/n up to %.2f', last)
            ELSE printf('pays up to %.2f, then unsure', lower) END
FROM evens
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Grey column: the break-even point lies in it, by the 95 % intervals of the speedup over the '
       || 'fastest dense layer of the same run. Bars and bands: 95 % intervals of the median'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, text
FROM notes WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       (SELECT count(*) FROM places) || ' of ' || total || ' layer sizes are shown'
FROM (SELECT count(*) AS total FROM (SELECT size FROM drawn GROUP BY size
                                     HAVING count(DISTINCT k) FILTER (WHERE NOT linear) > 2))
WHERE total > 6;
