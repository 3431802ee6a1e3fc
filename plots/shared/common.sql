-- common.sql - what the query of every figure begins with: which points it draws, under which names
-- and with which marks. `midl plot` puts the figure's own file behind this one; that file goes on
-- with `mine AS (...)`, the points of run :run that the figure is about, and ends in a SELECT of the
-- ten columns that common.gp knows:
--
--   what    kind of row: 'point', 'panel', ... : common.gp and the figure's .gp say which they read
--   panel   number of the panel it belongs to, from 1
--   style   mark of the series: variants 10, 20, ..., yardsticks -10, -20, ...; the last digit
--           tells the instruction sets of one variant apart
--   series  its name
--   x y lo hi   numbers to draw, in the figure's units; lo..hi: the 95 % interval of y
--   noisy   1: drawn hollow
--   text    what is written there
--
-- All but the axes of the figure is held at the setting that most of its points have, or at what
-- --where says. A figure that compares types or numbers of threads has NULL for them in `mine`.
WITH kernels AS (
    -- Every variant of the run in the order in which it was first met, also where it was skipped:
    -- a variant looks the same in all figures of a run.
    SELECT kernel, isa, linear,
           CASE linear WHEN 1 THEN -1 ELSE 1 END
               * (10 * dense_rank() OVER (PARTITION BY linear ORDER BY first)
                  + row_number() OVER (PARTITION BY linear, kernel ORDER BY isa) - 1) AS style,
           kernel || CASE WHEN count(*) OVER (PARTITION BY kernel) > 1
                          THEN '-' || isa ELSE '' END AS series
    FROM (SELECT kernel, isa, linear,
                 min(min(point_id)) OVER (PARTITION BY linear, kernel) AS first
          FROM points WHERE run_id = :run GROUP BY kernel, isa, linear)),

named AS (
    SELECT *, status IN ('ok', 'noisy') AND time_ns > 0 AS drawable,
           coalesce(dtype || ', ', '')
           || coalesce(threads || CASE threads WHEN 1 THEN ' thread, ' ELSE ' threads, ' END, '')
           || cache || ' cache, ' || gate || ' gate, '
           || CASE select_mode WHEN 'topk' THEN 'top-k'
                               WHEN 'block' THEN 'top blocks of ' || block
                               ELSE select_mode || coalesce(' ' || threshold, '') END
           || CASE unselected WHEN 'light' THEN '' ELSE ', unselected ' || unselected END
           || CASE layer WHEN 'random' THEN '' ELSE ', layer ' || layer END
           || CASE input WHEN 'random' THEN '' ELSE ', input ' || input END AS setting
    FROM mine
    WHERE (:dtype IS NULL OR dtype IS NULL OR dtype = :dtype)
      AND (:threads IS NULL OR threads IS NULL OR threads = CAST(:threads AS INTEGER))
      AND (:cache IS NULL OR cache = :cache)
      AND (:gate IS NULL OR gate = :gate)
      AND (:select IS NULL OR select_mode = :select)
      AND (:isa IS NULL OR linear OR isa = :isa)),

held AS (
    SELECT setting, count(*) OVER () AS settings
    FROM named WHERE drawable GROUP BY setting
    ORDER BY count(*) DESC, min(threads), max(cache = 'warm') DESC, max(dtype = 'f32') DESC, setting
    LIMIT 1),

-- Ranks follow the layer size, so they are held size by size.
sizes AS (
    SELECT d, n, rank, gate_rank,
           CASE WHEN d = n THEN 'n = d = ' || n ELSE 'd = ' || d || ', n = ' || n END
               || ', r = ' || rank AS title,
           CASE WHEN d = n THEN '' || n ELSE d || '→' || n END AS label,
           row_number() OVER (ORDER BY d * n, n) AS size, count(*) OVER () AS total
    FROM (SELECT d, n, rank, gate_rank,
                 row_number() OVER (PARTITION BY d, n
                                    ORDER BY count(*) DESC, rank, gate_rank) AS choice
          FROM named JOIN held USING (setting) WHERE drawable GROUP BY d, n, rank, gate_rank)
    WHERE choice = 1),

-- One panel a layer size; of more than six sizes, six spread evenly from smallest to largest.
panels AS (
    SELECT *, row_number() OVER (ORDER BY size) AS panel
    FROM sizes WHERE (size - 1) * 5 % max(total - 1, 1) < 5),

drawn AS (
    SELECT named.*, style, series, size, title, label, status = 'noisy' AS noisy
    FROM named JOIN held USING (setting) JOIN sizes USING (d, n, rank, gate_rank)
         JOIN kernels USING (kernel, isa, linear)
    WHERE drawable),

-- The line of small print that says what was held and what is not to be seen.
notes AS (
    SELECT setting
           || CASE WHEN settings > 1 THEN ' (one of ' || settings || ' settings)' ELSE '' END
           || CASE WHEN noisy > 0 THEN '; hollow: noisy' ELSE '' END
           || CASE failed WHEN 0 THEN '' WHEN 1 THEN '; 1 point failed its check, not drawn'
                          ELSE '; ' || failed || ' points failed their check, not drawn' END AS text
    FROM held, (SELECT sum(noisy) AS noisy FROM drawn),
         (SELECT count(*) AS failed FROM named JOIN held USING (setting)
          WHERE status = 'failed')),

