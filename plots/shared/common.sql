-- common.sql - what the query of every figure begins with: which points it draws, under which names
-- and with which marks. `midl plot` puts the figure's own file behind this one; that file goes on
-- with `mine AS (...)`, the points of run :run that the figure is about, and ends in a SELECT of the
-- ten columns that common.gp knows:
--
--   what    kind of row: 'point', 'panel', ... : common.gp and the figure's .gp say which they read
--   panel   number of the panel it belongs to, from 1
--   style   look of the series: variants 10, 20, ..., yardsticks -10, -20, ..., other things 710,
--           720, ...; the last digit tells the instruction sets of one variant apart
--   series  its name
--   x y lo hi   numbers to draw, in the figure's units; lo..hi: the 95 % interval of y
--   noisy   1: drawn hollow
--   text    what is written there
--
-- All but the axes of the figure is held at the setting that most of its points have, of those that
-- hold MID-L, or at what --where says. A figure that compares types, threads, caches, selections or layers has NULL for
-- them in `mine`.
--
-- Rows that every figure has: 'title', what is to be seen; 'subject', what is shown; 'panel'; 'series'
-- with its place in the legend (x), 1 if it is drawn strongly (y) and its group (text); 'note', the
-- small print.
WITH RECURSIVE looks(kernel, look, name) AS (VALUES
    -- One row an idea of kernels/variants.def: a look of common.gp, the same in all figures, and a
    -- name. Yardsticks are named by their library, variants of MID-L by what they do. An idea
    -- without a row gets one of the spare looks and its own name.
    ('linear', -10, 'OpenBLAS'), ('linear-onednn', -20, 'oneDNN'), ('linear-blis', -30, 'BLIS'),
    ('linear-rows', -40, 'own tiles'),
    ('auto', 10, 'chosen by shape (auto)'),
    ('simd', 20, 'fused rows (simd)'),
    ('lists', 30, 'lists of inputs (lists)'),
    ('hybrid', 40, 'dense + lists (hybrid)'),
    ('block', 50, 'blocks of 16 (block)'),
    ('masked', 60, 'row by row (masked)'),
    ('gather', 70, 'rows by BLAS (gather)'),
    ('dense', 80, 'every row, BLAS (dense)'),
    ('dense-rows', 90, 'every row (dense-rows)'),
    ('low-rank', 100, 'light path alone (low-rank)')),

kernels AS (
    SELECT kernel, isa, linear,
           look + CASE linear WHEN 1 THEN -1 ELSE 1 END * place AS style,
           name || CASE WHEN total > 1
                        THEN ', ' || CASE isa WHEN 'avx512' THEN 'AVX-512' WHEN 'portable' THEN 'portable C' ELSE upper(isa) END
                        ELSE '' END AS series
    FROM (SELECT kernel, isa, linear,
                 coalesce(look, CASE linear WHEN 1 THEN -40 ELSE 100 END
                                + CASE linear WHEN 1 THEN -10 ELSE 10 END
                                  * dense_rank() OVER (PARTITION BY linear, look IS NULL
                                                       ORDER BY kernel)) AS look,
                 coalesce(name, kernel) AS name,
                 row_number() OVER (PARTITION BY kernel, linear
                                    ORDER BY isa <> 'avx512', isa <> 'avx2', isa <> 'neon', isa)
                     - 1 AS place,
                 count(*) OVER (PARTITION BY kernel, linear) AS total
          FROM (SELECT DISTINCT kernel, isa, linear FROM points WHERE run_id = :run)
               LEFT JOIN looks USING (kernel))),

-- What --kernel names: its parts between commas, as patterns.
picked(pattern, rest) AS (
    SELECT NULL, :kernel || ',' WHERE :kernel IS NOT NULL
    UNION ALL
    SELECT substr(rest, 1, instr(rest, ',') - 1), substr(rest, instr(rest, ',') + 1)
    FROM picked WHERE rest <> ''),

named AS (
    SELECT *, status IN ('ok', 'noisy') AND time_ns > 0 AS drawable,
           substr(coalesce(', ' || dtype || ' weights', '')
           || coalesce(', ' || threads || CASE threads WHEN 1 THEN ' thread' ELSE ' threads' END, '')
           || coalesce(', ' || cache || ' cache', '') || ', ' || gate || ' gate'
           || coalesce(', ' || CASE select_mode WHEN 'topk' THEN 'top-k selection'
                                    WHEN 'block' THEN 'top blocks of ' || block
                                    ELSE select_mode || coalesce(' ' || threshold, '') END, '')
           || CASE unselected WHEN 'light' THEN '' ELSE ', unselected ' || unselected END
           || CASE layer WHEN 'random' THEN ''
              ELSE coalesce(', layer ' || replace(replace(layer, rtrim(layer, replace(layer, '/', '')), ''), '.safetensors', ''), '') END
           || CASE input WHEN 'random' THEN '' ELSE ', input ' || input END, 3) AS setting
    FROM mine
    WHERE (:dtype IS NULL OR dtype IS NULL OR dtype = :dtype)
      AND (:threads IS NULL OR threads IS NULL OR threads = CAST(:threads AS INTEGER))
      AND (:cache IS NULL OR cache IS NULL OR cache = :cache)
      AND (:gate IS NULL OR gate = :gate)
      AND (:n IS NULL OR n = CAST(:n AS INTEGER))
      AND (:select IS NULL OR select_mode IS NULL OR select_mode = :select)
      AND (:isa IS NULL OR linear OR isa = :isa)),

held AS (
    SELECT setting, count(*) OVER () AS settings
    FROM named WHERE drawable GROUP BY setting
    ORDER BY max(NOT linear AND kernel <> 'low-rank') DESC, count(*) DESC, min(threads), max(cache = 'warm') DESC, max(dtype = 'f32') DESC, setting
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

-- How often each series is the fastest of its kind, and how far behind it is otherwise.
contest AS (
    SELECT kernel, isa, linear, 10 * sum(place = 1) >= count(*) AS leads,
           row_number() OVER (PARTITION BY linear, kernel = 'auto'
                              ORDER BY sum(place = 1) DESC, avg(behind), style) AS standing
    FROM (SELECT kernel, isa, linear, style,
                 rank() OVER here AS place, time_ns / min(time_ns) OVER here AS behind
          FROM drawn
          WINDOW here AS (PARTITION BY size, active, batch, linear, kernel = 'auto'
                          ORDER BY time_ns))
    GROUP BY kernel, isa, linear),

-- The legend. Up to six series are all drawn strongly; of more, those that --kernel names, or the
-- fastest variant and `auto`, and of yardsticks what is the fastest in a tenth of the places.
legend AS (
    SELECT 'series' AS what, NULL AS panel, style, series,
           row_number() OVER (ORDER BY linear DESC, abs(style)) AS x,
           CASE WHEN :kernel IS NOT NULL
                THEN linear AND (standing = 1 OR leads) OR EXISTS (
                         SELECT 1 FROM picked
                         WHERE kernel GLOB pattern OR kernel || '-' || isa GLOB pattern)
                ELSE standing = 1 OR linear AND leads OR count(*) OVER () <= 6 END AS y,
           NULL AS lo, NULL AS hi, NULL AS noisy,
           CASE linear WHEN 1 THEN 'Dense layer:' ELSE 'MID-L:' END AS text
    FROM (SELECT DISTINCT kernel, isa, linear, style, series FROM drawn)
         JOIN contest USING (kernel, isa, linear)),

-- The line of small print that says what was held and what is not to be seen.
notes AS (
    SELECT 'Held: ' || setting
           || CASE WHEN settings > 1
                   THEN ' (one of ' || settings || ' settings of the run; --where holds another)'
                   ELSE '' END
           || CASE WHEN noisy > 0 THEN '. Hollow: noisy, the interval is wider than asked for'
                   ELSE '' END
           || CASE failed WHEN 0 THEN '' WHEN 1 THEN '. 1 point failed its check, not drawn'
                          ELSE '. ' || failed || ' points failed their check, not drawn' END
           || CASE WHEN instr((SELECT min(title) FROM sizes), ', r = ') > 0
                   THEN '. r: rank of the light path' ELSE '' END AS text
    FROM held, (SELECT sum(noisy) AS noisy FROM drawn),
         (SELECT count(*) AS failed FROM named JOIN held USING (setting)
          WHERE status = 'failed')),

-- ---- Figures of accuracy -----------------------------------------------------------------------
-- They go on with `asked AS (...)`, what trained networks answered: from `final` the columns dataset,
-- method, seed, accuracy; x; held, the setting that is held at what most have; share, of several of
-- a method only one is taken; toward, the x at which MID-L is compared with dense: where that is
-- largest; plain, 1: dense stands at any x. They end in the same rows as all, and points of MID-L's
-- runs of `midl sweep` are not theirs: `mine` has none.

-- Methods have one look in all figures; one without a row has that of none of them, 800.
ways(method, look, name) AS (VALUES
    ('dense', -10, 'dense'), ('dropout', -20, 'dropout'), ('dense-narrow', -30, 'narrower dense'),
    ('low-rank', -40, 'low rank'), ('midl', 710, 'MID-L'), ('midl-block', 720, 'MID-L, blocks'),
    ('converted', 730, 'MID-L, converted'),
    ('converted-block', 770, 'converted, blocks'), ('converted-threshold', 780, 'converted, threshold'),
    ('converted-random', 790, 'converted, k at random'),
    ('random-k', 740, 'k at random'),
    ('static-k', 750, 'k always the same'), ('light-only', 760, 'light path alone')),

-- Two-sided 95 % quantiles of Student's t by degrees of freedom.
student(freedom, t) AS (VALUES (1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571),
    (6, 2.447), (7, 2.365), (8, 2.306), (9, 2.262), (10, 2.228), (20, 2.086), (1000000, 1.96)),

-- All runs together, as networks are trained in many; or the one that --run names, :pinned.
learned AS (
    SELECT *, CASE WHEN method IN ('dense', 'dropout') THEN 1
                   WHEN coalesce(active, 1.0) < 1 THEN round(active * 20) / 20
                   ELSE -round(coalesce(flops_ratio, 1), 1) END AS kind,
           CASE WHEN experiment LIKE '%label_noise=%'
                THEN CAST(substr(experiment, instr(experiment, 'label_noise=') + 12) AS REAL)
                ELSE 0 END
           + CASE WHEN experiment LIKE '%train_noise=%'
                  THEN CAST(substr(experiment, instr(experiment, 'train_noise=') + 12) AS REAL)
                  ELSE 0 END AS spoiled
    FROM accuracy
    WHERE split = 'test'
      AND CASE WHEN :pinned IS NOT NULL THEN run_id = CAST(:pinned AS INTEGER)
               ELSE run_id IN (SELECT run_id FROM runs WHERE :suite IS NULL OR suite = :suite) END),
-- Of several networks of a data set the one that most methods were tried on.
model_most AS (
    SELECT dataset, model FROM (
        SELECT dataset, model, row_number() OVER (PARTITION BY dataset
                                                  ORDER BY count(DISTINCT method) DESC, count(*) DESC, model) AS choice
        FROM learned GROUP BY dataset, model)
    WHERE choice = 1),
-- The last row of the newest result of each network on the test part; of several rules of a method
-- the default. Neurons that are selected by the input differ in number from seed to seed: share_active
-- is their mean; spoiled: noise on the training part, on its labels or inputs.
final AS (
    SELECT *, round(avg(coalesce(active, 1.0)) OVER (PARTITION BY dataset, method, kind), 4) AS share_active
    FROM (SELECT learned.*,
                 row_number() OVER (PARTITION BY dataset, method, seed, kind, noise, train_size, rule, spoiled
                                    ORDER BY run_id DESC, epoch DESC) AS nth,
                 dense_rank() OVER (PARTITION BY dataset, method
                                    ORDER BY coalesce(rule, 'ste-selected') <> 'ste-selected', rule) AS rules
          FROM learned JOIN model_most USING (dataset, model))
    WHERE nth = 1 AND rules = 1),

held_most AS (
    SELECT dataset, held FROM (
        SELECT dataset, held,
               row_number() OVER (PARTITION BY dataset ORDER BY count(*) DESC, held) AS choice
        FROM asked GROUP BY dataset, held)
    WHERE choice = 1),
share_most AS (
    SELECT dataset, method, share FROM (
        SELECT dataset, method, share,
               row_number() OVER (PARTITION BY dataset, method
                                  ORDER BY count(DISTINCT x) DESC, share DESC) AS choice
        FROM asked GROUP BY dataset, method, share)
    WHERE choice = 1),
kept AS (SELECT * FROM asked JOIN held_most USING (dataset, held)
                JOIN share_most USING (dataset, method, share)),

-- Means over seeds and half their 95 % intervals; places: x of the method.
answers AS (
    SELECT *, count(*) OVER (PARTITION BY dataset, method) AS places,
           error * (SELECT t FROM student WHERE freedom >= seeds - 1 AND seeds > 1
                    ORDER BY freedom LIMIT 1) AS half
    FROM (SELECT dataset, method, x, count(*) AS seeds, avg(accuracy) AS mean,
                 sqrt(max(0, avg(accuracy * accuracy) - avg(accuracy) * avg(accuracy))
                      / max(1, count(*) - 1)) AS error
          FROM kept GROUP BY dataset, method, x)),

-- MID-L minus dense, seed by seed.
seed_pairs AS (
    SELECT midl.dataset, midl.x, midl.accuracy - dense.accuracy AS difference
    FROM (SELECT *, max(toward) OVER (PARTITION BY dataset) AS there FROM kept
          WHERE method = 'midl') AS midl
         JOIN kept AS dense ON dense.method = 'dense' AND dense.dataset = midl.dataset
                            AND dense.seed = midl.seed AND (dense.x = midl.x OR dense.plain)
    WHERE midl.toward = there),
gaps AS (
    SELECT *, error * (SELECT t FROM student WHERE freedom >= seeds - 1 AND seeds > 1
                       ORDER BY freedom LIMIT 1) AS half
    FROM (SELECT dataset, x, count(*) AS seeds, avg(difference) AS mean,
                 sqrt(max(0, avg(difference * difference) - avg(difference) * avg(difference))
                      / max(1, count(*) - 1)) AS error
          FROM seed_pairs WHERE dataset IN (SELECT dataset FROM answers WHERE places > 1)
          GROUP BY dataset)),
-- One or two data sets in numbers, more in verdicts; at: the x of all.
differences AS (
    SELECT min(x) AS least, max(x) AS most, count(*) < 3 AS few,
           CASE WHEN count(*) < 3 THEN group_concat(text, ', ')
                ELSE printf('above dense on %d of %d data sets, below on %d', sum(mean > half), count(*),
                            sum(mean < -half))
                     || CASE WHEN sum(half IS NULL) = 0 THEN ', else within the interval'
                             ELSE printf(', within the interval on %d, one seed on %d',
                                         sum(abs(mean) <= half), sum(half IS NULL)) END END AS text
    FROM (
        SELECT *, dataset || ' ' || replace(printf('%+.1f', round(100 * mean, 1) + 0.0), '-', '−')
               || CASE WHEN seeds > 1 THEN printf(char(160) || '±' || char(160) || '%.1f', 100 * half)
                       ELSE ' (one seed)' END AS text
        FROM gaps ORDER BY dataset)),

-- The small print of all of them.
accuracy_note AS (
    SELECT printf('Accuracy on the test part at the end of training, mean over %s. Bars and ±: 95 %% intervals, of the mean and of differences seed by seed',
                  CASE WHEN max(seeds) = 1 THEN 'one seed'
                       WHEN min(seeds) = max(seeds) THEN min(seeds) || ' seeds'
                       ELSE min(seeds) || ' to ' || max(seeds) || ' seeds' END) AS text
    FROM answers HAVING count(*) > 0),

