-- speedup.sql - speedup over layer size and k/n, batch 1 (--where batch=4)
-- needs: speedups of a layer; run `midl sweep latency`
-- corner: speedup by n and k/n =
mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)),

best AS (
    SELECT size, label, round(active * 40) / 40 AS share, max(speedup) AS speedup, speedup_lo,
           speedup_hi
    FROM drawn WHERE NOT linear AND speedup > 0 GROUP BY size, round(active * 40)),

-- At most ten k/n, spread evenly, and the paper's.
shares AS (
    SELECT share FROM (SELECT share, row_number() OVER (ORDER BY share) AS place,
                              count(*) OVER () AS total
                       FROM (SELECT DISTINCT share FROM best))
    WHERE (place - 1) * 8 % max(total - 1, 1) < 8 OR total <= 10 OR abs(share - 0.45) < 0.01)

-- Places without a measurement keep lines and columns in order.
SELECT label AS line, printf('%.4g', share) AS column, speedup AS value, speedup_lo AS lo,
       speedup_hi AS hi, CASE WHEN speedup IS NULL THEN '' END AS text
FROM (SELECT DISTINCT size, label FROM best) CROSS JOIN shares LEFT JOIN best USING (size, label, share)
ORDER BY share, size;
