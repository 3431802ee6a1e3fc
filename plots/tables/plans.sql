-- plans.sql - memory of a plan in kB, calls that its making takes, at batch 1
-- needs: variants that make plans; run `midl sweep latency`
-- corner: variant, n =
mine AS (
    SELECT * FROM points
    WHERE run_id = :run AND batch = coalesce(CAST(:batch AS INTEGER), 1)),

costs AS (
    SELECT size, label, linear, style, series, avg(plan_bytes) / 1e3 AS memory,
           avg(plan_ns / time_ns) AS calls
    FROM drawn WHERE plan_ns > 0 GROUP BY size, style),

-- Three sizes at most, so that two columns of each have room on a page.
columns AS (
    SELECT size, label
    FROM (SELECT size, label, row_number() OVER (ORDER BY size) AS place, count(*) OVER () AS total
          FROM (SELECT DISTINCT size, label FROM costs))
    WHERE (place - 1) * 2 % max(total - 1, 1) < 2)

SELECT CASE linear WHEN 1 THEN 'dense layer: ' ELSE '' END || series AS line,
       label || CASE what WHEN 1 THEN ', kB' ELSE ', calls' END AS column, NULL AS value, NULL AS lo,
       NULL AS hi, CASE WHEN memory IS NULL THEN '' WHEN what = 1 THEN printf('%.0f', memory)
                        WHEN calls < 0.1 THEN '<0.1'
                        ELSE printf(CASE WHEN calls < 10 THEN '%.1f' ELSE '%.0f' END, calls) END AS text
FROM columns CROSS JOIN (SELECT DISTINCT linear, style, series FROM costs)
     LEFT JOIN costs USING (size, label, linear, style, series) CROSS JOIN (SELECT 1 AS what UNION ALL SELECT 2)
ORDER BY size, what, linear DESC, abs(style);
