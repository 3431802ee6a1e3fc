-- history.sql - did a point get slower over commits? with changes of level marked
-- needs: four runs of one suite, with a dense layer at each shape; run `midl check --history history.db` at each change
mine AS (SELECT * FROM points WHERE run_id = :run),

-- Runs of the same suite on such a machine, built in the same way, up to this one: the newest 200.
like AS (
    SELECT run_id, git_commit, substr(git_commit, 1, 7) AS commit_name, started_utc,
           row_number() OVER (ORDER BY run_id) AS place, count(*) OVER () AS total
    FROM (SELECT r.run_id, r.git_commit, r.started_utc
          FROM runs r JOIN runs own ON own.run_id = :run
          WHERE r.run_id <= own.run_id AND r.suite = own.suite AND r.cpu = own.cpu
            AND r.isa = own.isa AND r.compiler = own.compiler AND r.flags = own.flags
            AND EXISTS (SELECT 1 FROM points p WHERE p.run_id = r.run_id)
          ORDER BY r.run_id DESC LIMIT 200)),

-- What times are relative to: linear where a run has it. All speedups of a shape are over one
-- yardstick, so that those of two points give the ratio of their times.
reference AS (
    SELECT run_id, shape_key, kernel, speedup FROM (
        SELECT run_id, shape_key, kernel, speedup,
               row_number() OVER (PARTITION BY run_id, shape_key
                                  ORDER BY kernel <> 'linear', kernel <> 'linear-rows',
                                           speedup DESC) AS choice
        FROM points JOIN like USING (run_id) WHERE linear AND speedup > 0)
    WHERE choice = 1),
own_reference AS (SELECT * FROM reference WHERE run_id = :run),

ratios AS (
    SELECT place, p.shape_key, p.kernel, p.isa, p.dtype, r.speedup / p.speedup AS ratio,
           p.status = 'noisy' AS noisy,
           count(*) OVER (PARTITION BY p.shape_key, p.kernel, p.isa) AS times
    FROM points p JOIN like USING (run_id) JOIN reference r USING (run_id, shape_key)
         JOIN own_reference o USING (shape_key)
    WHERE p.speedup > 0 AND p.status IN ('ok', 'noisy') AND r.kernel = o.kernel
      AND p.kernel <> r.kernel AND p.d > 0
      AND EXISTS (SELECT 1 FROM mine WHERE mine.shape_key = p.shape_key
                                       AND mine.kernel = p.kernel AND mine.isa = p.isa)),

-- Levels of each series; a change anywhere has a chance of 5 % if all is noise.
series_levels AS (
    SELECT shape_key, kernel, isa, dtype,
           levels(place, ratio, 0.05 / (SELECT count(DISTINCT shape_key || kernel || isa)
                                        FROM ratios WHERE times > 3)) AS found
    FROM ratios WHERE times > 3 GROUP BY shape_key, kernel, isa),
level_list AS (
    SELECT shape_key, kernel, isa, json_extract(value, '$[0]') AS place,
           json_extract(value, '$[1]') AS level,
           row_number() OVER here AS number,
           first_value(json_extract(value, '$[1]')) OVER here AS base,
           lag(json_extract(value, '$[1]')) OVER here AS before,
           lead(json_extract(value, '$[0]')) OVER here AS next_place
    FROM series_levels, json_each(found)
    WINDOW here AS (PARTITION BY shape_key, kernel, isa ORDER BY json_extract(value, '$[0]'))),
changes AS (
    SELECT *, 100 * (level / before - 1) AS change FROM level_list WHERE number > 1),

-- One panel a shape, as the suite has them; of more than fifteen those with changes first.
shapes AS (
    SELECT shape_key, panel FROM (
        SELECT shape_key, row_number() OVER (ORDER BY first) AS panel FROM (
            SELECT m.shape_key, min(m.point_id) AS first,
                   row_number() OVER (
                       ORDER BY m.shape_key NOT IN (SELECT shape_key FROM changes),
                                min(m.point_id)) AS choice
            FROM mine m WHERE m.shape_key IN (SELECT shape_key FROM level_list)
            GROUP BY m.shape_key)
        WHERE choice <= 15)),
panel_titles AS (
    SELECT DISTINCT panel,
           CASE WHEN d = n THEN 'n = ' || n ELSE 'd = ' || d || ', n = ' || n END
           || CASE batch WHEN 1 THEN '' ELSE ', batch ' || batch END
           || CASE threads WHEN 1 THEN '' ELSE ', ' || threads || ' threads' END
           || CASE dtype WHEN 'f32' THEN '' ELSE ', ' || dtype END
           || CASE select_mode WHEN 'topk' THEN '' ELSE ', ' || select_mode END
           || CASE WHEN abs(active - 0.45) < 0.02 THEN '' ELSE printf(', k/n = %.2g', active) END
           || CASE cache WHEN 'warm' THEN '' ELSE ', ' || cache END AS title
    FROM mine JOIN shapes USING (shape_key) WHERE NOT linear),

shown AS (
    SELECT panel, style, series, ratios.place, 100 * (ratio / base - 1) AS y, noisy
    FROM ratios JOIN level_list l USING (shape_key, kernel, isa) JOIN shapes USING (shape_key)
         JOIN kernels k ON k.kernel = ratios.kernel AND k.isa = ratios.isa
    WHERE l.number = 1),
shown_levels AS (
    SELECT panel, style, series, l.*, 100 * (level / base - 1) AS y, commit_name
    FROM level_list l JOIN shapes USING (shape_key) JOIN like USING (place)
         JOIN kernels k ON k.kernel = l.kernel AND k.isa = l.isa),
told AS (
    SELECT printf('%s, %s: %+.1f %% at %s', c.kernel, title, change, commit_name) AS text, change
    FROM changes c JOIN shapes USING (shape_key) JOIN panel_titles USING (panel)
         JOIN like USING (place)
    ORDER BY abs(change) DESC)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       CASE (SELECT count(*) FROM changes)
       WHEN 0 THEN printf('No change of level: %d points over %d runs',
                          (SELECT count(*) FROM series_levels), (SELECT max(total) FROM like))
       ELSE printf('%d of %d points changed their level in %d runs; most: %s',
                   (SELECT count(DISTINCT shape_key || kernel || isa) FROM changes),
                   (SELECT count(*) FROM series_levels), (SELECT max(total) FROM like),
                   (SELECT text FROM told LIMIT 1)) END AS text
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Times relative to a dense layer of the same run, over commits'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL, title FROM panel_titles
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, style, series, abs(style), 1, NULL, NULL, NULL,
           CASE WHEN style < 0 THEN 'Dense layer:' ELSE 'MID-L:' END
    FROM shown ORDER BY style > 0, abs(style))
UNION ALL
SELECT * FROM (
    SELECT 'point', panel, style, series, place, y, NULL, NULL, noisy, NULL
    FROM shown ORDER BY panel, style, place)
UNION ALL
-- x to hi: from its first run to behind its last; lo: the level before
SELECT * FROM (
    SELECT 'level', panel, style, series, place - 0.5, y, 100 * (before / base - 1),
           coalesce(next_place, (SELECT max(place) + 1 FROM like)) - 0.5, NULL,
           CASE WHEN number > 1 THEN printf('%+.1f %%', 100 * (level / before - 1)) END
    FROM shown_levels ORDER BY panel, style, place)
UNION ALL
-- Four commits or so along the axis.
SELECT * FROM (
    SELECT 'x name', NULL, NULL, NULL, place, NULL, NULL, NULL, NULL, commit_name
    FROM like WHERE (place + (total + 3) / 8) % max(1, (total + 3) / 4) = 0
                AND EXISTS (SELECT 1 FROM shown)
    ORDER BY place)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Time / time of ' || (SELECT group_concat(kernel, ', ')
                             FROM (SELECT DISTINCT kernel FROM own_reference ORDER BY kernel))
       || ' of the same run, as change from the first level. Marks: runs; lines: levels and their changes, by E-divisive, with a chance of 5 % for one anywhere if all is noise. k/n = 0.45 where nothing else is said'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Changes: ' || group_concat(text, '; ')
FROM (SELECT text FROM told LIMIT 6) HAVING count(*) > 0
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       printf('Not shown: %d runs of the suite on other machines or by other builds', others)
FROM (SELECT (SELECT count(*) FROM runs r JOIN runs own ON own.run_id = :run
              WHERE r.suite = own.suite AND r.run_id BETWEEN min(l.run_id) AND own.run_id
                AND EXISTS (SELECT 1 FROM points p WHERE p.run_id = r.run_id))
             - count(*) AS others FROM like l)
WHERE others > 0 AND EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       printf('15 of %d shapes are shown', count(DISTINCT shape_key))
FROM level_list HAVING count(DISTINCT shape_key) > 15;
