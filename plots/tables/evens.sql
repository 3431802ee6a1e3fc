-- evens.sql - up to which k/n MID-L pays, by layer size and batch
-- needs: speedups of a layer; run `midl sweep latency`
-- corner: layer size, batch
mine AS (SELECT * FROM points WHERE run_id = :run),

-- A place pays for sure if the interval of one variant lies above 1, and loses for sure if those of
-- all lie below.
sure AS (
    SELECT size, label, batch, active, max(speedup_lo) > 1 AS pays, max(speedup_hi) < 1 AS loses
    FROM drawn WHERE NOT linear AND speedup > 0 GROUP BY size, batch, k),
-- Up to pays_to all k/n pay, from loses_from on all lose.
doubts AS (
    SELECT *, min(CASE WHEN pays THEN NULL ELSE active END) OVER here AS doubted,
           max(CASE WHEN loses THEN 0 ELSE active END) OVER here AS hoped
    FROM sure WINDOW here AS (PARTITION BY size, batch)),
ends AS (
    SELECT size, label, batch, max(active) FILTER (WHERE doubted IS NULL OR active < doubted) AS pays_to,
           max(active) AS last, min(active) FILTER (WHERE active > hoped) AS loses_from
    FROM doubts GROUP BY size, batch),
winners AS (
    SELECT size, batch, kernel FROM (
        SELECT size, batch, kernel,
               row_number() OVER (PARTITION BY size, batch ORDER BY count(*) DESC, kernel) AS place
        FROM (SELECT size, batch, k, kernel, min(time_ns) FROM drawn
              WHERE NOT linear AND speedup > 0 AND kernel <> 'auto' GROUP BY size, batch, k)
        GROUP BY size, batch, kernel)
    WHERE place = 1)

SELECT label || ', batch ' || batch AS line, column, NULL AS value, NULL AS lo, NULL AS hi,
       CASE column WHEN 'pays up to k/n' THEN CASE WHEN pays_to IS NULL THEN 'none' ELSE printf('%.2f', pays_to) END
            WHEN 'not from k/n' THEN CASE WHEN loses_from IS NULL THEN 'beyond ' || printf('%.2f', last)
                                          ELSE printf('%.2f', loses_from) END
            ELSE kernel END AS text
FROM ends LEFT JOIN winners USING (size, batch),
     (SELECT 1 AS place, 'pays up to k/n' AS column UNION ALL SELECT 2, 'not from k/n'
      UNION ALL SELECT 3, 'fastest mostly')
ORDER BY size, batch, place;
