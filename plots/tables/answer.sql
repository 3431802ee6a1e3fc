-- answer.sql - what a run answers, in three lines: one input, batches, how sure
-- needs: speedups of a layer; run `midl sweep quick`
-- A column of text, a row for each line.
mine AS (SELECT * FROM points WHERE run_id = :run),

-- A place pays for sure if the interval of one variant lies above 1, and loses for sure if those of
-- all lie below. SQLite takes the other columns from the row that has the maximum.
sure AS (
    SELECT size, label, n, d, batch, k, active, max(speedup_lo) > 1 AS pays,
           max(speedup_hi) < 1 AS loses
    FROM drawn WHERE NOT linear AND speedup > 0 GROUP BY size, batch, k),
best AS (
    SELECT size, label, n, d, batch, k, active, max(speedup) AS speedup, kernel, isa
    FROM drawn WHERE NOT linear AND speedup > 0 GROUP BY size, batch, k),

-- The variant that wins most often, `auto` aside: that one only chooses.
winners AS (
    SELECT one, kernel FROM (
        SELECT batch = 1 AS one, kernel, count(*) AS wins,
               row_number() OVER (PARTITION BY batch = 1 ORDER BY count(*) DESC, kernel) AS place
        FROM (SELECT batch, size, k, kernel, min(time_ns) FROM drawn
              WHERE NOT linear AND speedup > 0 AND kernel <> 'auto' GROUP BY batch, size, k)
        GROUP BY batch = 1, kernel)
    WHERE place = 1),

-- One input: up to pays_to all k/n pay for sure, from loses_from on all lose.
doubts AS (
    SELECT *, min(CASE WHEN pays THEN NULL ELSE active END) OVER here AS doubted,
           max(CASE WHEN loses THEN 0 ELSE active END) OVER here AS hoped
    FROM sure WHERE batch = 1 WINDOW here AS (PARTITION BY size)),
ends AS (
    SELECT size, label, max(active) FILTER (WHERE doubted IS NULL OR active < doubted) AS pays_to,
           max(active) AS last, min(active) FILTER (WHERE active > hoped) AS loses_from
    FROM doubts GROUP BY size),
one_texts AS (
    SELECT CASE WHEN pays_to IS NULL THEN 'nowhere'
                ELSE printf('%.2f', pays_to)
                     || CASE WHEN loses_from IS NOT NULL THEN printf(' (not from %.2f)', loses_from)
                             WHEN pays_to = last THEN ' (all measured)' ELSE '' END END
           || ' at n = ' || group_concat(label, ', ') AS text, min(size) AS place
    FROM (SELECT * FROM ends ORDER BY size)
    GROUP BY round(pays_to, 2), round(loses_from, 2), pays_to = last),

-- Batches: the share nearest to what the paper reports, that most have.
share AS (
    SELECT round(active, 2) AS share FROM best WHERE batch > 1
    GROUP BY round(active, 2) ORDER BY abs(round(active, 2) - 0.45), count(*) DESC LIMIT 1),
batch_texts AS (
    SELECT batch, from_to(min(speedup), max(speedup), 2) || ' at batch ' || batch
           || CASE WHEN sum(pays) = count(*) THEN ''
                   ELSE printf(' (sure at %d of %d sizes)', sum(pays), count(*)) END AS text
    FROM best JOIN sure USING (size, batch, k) JOIN share ON share = round(best.active, 2)
    WHERE batch > 1 GROUP BY batch),

widths AS (
    SELECT 50.0 * (speedup_hi - speedup_lo) / speedup AS half,
           row_number() OVER (ORDER BY (speedup_hi - speedup_lo) / speedup) AS place,
           count(*) OVER () AS total
    FROM drawn WHERE NOT linear AND speedup > 0)

SELECT text FROM (
    SELECT 1 AS line, 'One input: faster than the fastest dense layer up to k/n = '
           || (SELECT group_concat(text, '; ') FROM (SELECT text FROM one_texts ORDER BY place))
           || '; fastest mostly ' || (SELECT kernel FROM winners WHERE one) AS text
    WHERE EXISTS (SELECT 1 FROM ends WHERE pays_to IS NOT NULL)
    UNION ALL
    SELECT 1, 'One input: faster than the fastest dense layer for sure at no k/n'
    WHERE EXISTS (SELECT 1 FROM ends)
      AND NOT EXISTS (SELECT 1 FROM ends WHERE pays_to IS NOT NULL)
    UNION ALL
    SELECT 2, printf('Batches: at k/n = %.2f, speedup ', share)
           || (SELECT group_concat(text, '; ') FROM (SELECT text FROM batch_texts ORDER BY batch))
           || '; fastest mostly ' || (SELECT kernel FROM winners WHERE NOT one)
    FROM share
    UNION ALL
    -- An interval wider than its value says that the samples were too few.
    SELECT 3, 'How sure: by 95 % intervals of the speedup, '
           || (SELECT CASE WHEN half >= 50 THEN 'but half of them are wider than the speedup itself: too few samples'
                           ELSE printf('half of them within %.1f %%', half) END
               FROM widths WHERE place = (total + 1) / 2)
           || printf('; %d of %d points are noisy', (SELECT sum(noisy) FROM drawn), (SELECT count(*) FROM drawn))
           || '; held: ' || (SELECT setting FROM held)
    WHERE EXISTS (SELECT 1 FROM widths))
ORDER BY line;
