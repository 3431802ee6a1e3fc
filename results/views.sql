-- views.sql - the views of the store: a promise to others' queries. Columns may be added, never
-- renamed or dropped. Applying this file again is harmless; every migration does.

DROP VIEW IF EXISTS runs;
CREATE VIEW runs AS
SELECT run_id, suite, started_utc, finished_utc, status, git_commit, version, host, cpu, isa,
       compiler, flags, seed, argv
FROM run;

-- All points of table point, in the columns of `points`.
DROP VIEW IF EXISTS every_point;
CREATE VIEW every_point AS
SELECT p.point_id, p.run_id, r.suite, p.kernel, p.isa, p.dtype, p.d, p.n, p.k,
       CAST(p.k AS REAL) / p.n AS active, p.rank, p.gate_rank, p.batch, p.threads, p.cache,
       p.status, p.reason,
       coalesce((SELECT s.samples FROM summary s WHERE s.point_id = p.point_id),
                (SELECT count(*) FROM sample s WHERE s.point_id = p.point_id)) AS samples,
       p.time_ns, p.time_lo_ns, p.time_hi_ns, p.flops, p.bytes,
       p.flops / p.time_ns AS gflops, p.bytes / p.time_ns AS gbps,
       p.flops_ratio, p.speedup, p.bound_ns / p.time_ns AS bound_ratio,
       -- beyond the contract:
       p.linear, p.gate, p.select_mode, p.block, p.threshold, p.unselected, p.input, p.layer,
       p.blas_core, p.yardstick, p.speedup_lo, p.speedup_hi, p.stop, p.error_ratio, p.plan_ns,
       p.plan_bytes, p.selected, p.distinct_rows, p.shape_key, p.placements, p.regimes,
       p.scope, p.dataset, p.model, p.method, p.active_mean, p.replaced_share, p.team
FROM point p JOIN run r USING (run_id);

-- Calls of a layer or of its yardsticks.
DROP VIEW IF EXISTS points;
CREATE VIEW points AS SELECT * FROM every_point WHERE d > 0 AND scope IS NOT 'network';

-- Forward passes of whole networks (`midl sweep --model`), their hidden linear layers by `kernel`, all
-- else alike. d, n, k, rank are those of the first layer that was replaced.
DROP VIEW IF EXISTS networks;
CREATE VIEW networks AS
SELECT point_id, run_id, suite, dataset, model, method, kernel, isa, dtype, k, active_mean AS active,
       rank, gate, select_mode, batch, threads, status, reason, samples, time_ns, time_lo_ns,
       time_hi_ns, yardstick, speedup, speedup_lo, speedup_hi, flops_ratio,
       plan_bytes AS memory_bytes, replaced_share, layer AS file, shape_key
FROM every_point WHERE scope = 'network';

-- Times of the parts of calls.
DROP VIEW IF EXISTS parts;
CREATE VIEW parts AS SELECT point_id, part, time_ns, time_lo_ns, time_hi_ns FROM part_time;

-- Calls of a selection alone (`midl select`), which has no d: the k largest of n for each of `batch`
-- inputs. input: the distribution of the values; yardstick: introselect.
DROP VIEW IF EXISTS selections;
CREATE VIEW selections AS
SELECT point_id, run_id, suite, kernel, isa, n, k, active, batch, input, status, reason, samples,
       time_ns, time_lo_ns, time_hi_ns, time_ns / batch / n AS ns_per_value,
       speedup, speedup_lo, speedup_hi, yardstick, stop, shape_key
FROM every_point WHERE d = 0;

DROP VIEW IF EXISTS samples;
CREATE VIEW samples AS
SELECT point_id, round, position, iterations, real_ns, cpu_ns, disturbed, placement, reference_ns,
       stolen
FROM sample;

-- Of points whose samples were left out.
DROP VIEW IF EXISTS summaries;
CREATE VIEW summaries AS
SELECT point_id, samples, disturbed, least_ns, quarter_ns, median_ns, three_quarters_ns, most_ns
FROM summary;

DROP VIEW IF EXISTS counters;
CREATE VIEW counters AS
SELECT point_id, counter, per_call, source, scaled, reason FROM counter
UNION ALL SELECT point_id, 'flops', flops, 'model', NULL, NULL FROM point WHERE flops IS NOT NULL
UNION ALL SELECT point_id, 'bytes', bytes, 'model', NULL, NULL FROM point WHERE bytes IS NOT NULL
UNION ALL SELECT point_id, 'cache_lines', bytes / 64, 'model', NULL, NULL FROM point
          WHERE bytes IS NOT NULL;

DROP VIEW IF EXISTS ceilings;
CREATE VIEW ceilings AS
SELECT run_id, kind, name, threads, working_set_bytes, value FROM ceiling;

DROP VIEW IF EXISTS accuracy;
CREATE VIEW accuracy AS
SELECT run_id, dataset, model, method, seed, epoch, split, k, active, accuracy, loss, flops_ratio,
       noise, train_size,
       -- beyond the contract:
       rule, gate, select_mode, rank, epochs, epoch_s, peak_bytes, examples, explained, experiment,
       loss / 0.6931471805599453 AS bits
FROM accuracy_row;

DROP VIEW IF EXISTS smi;
CREATE VIEW smi AS
SELECT run_id, dataset, layer, quantity, points, slices, neighbours, active, nats, nats_lo, nats_hi
FROM smi_row;

-- The answers of each trained network on the test part, in the last epoch of its newest run, by the default
-- rule; share: of neurons selected, rounded. label_noise, train_noise: of the training part.
DROP VIEW IF EXISTS finals;
CREATE VIEW finals AS
-- SQLite takes the other columns from the row that has the maximum.
SELECT dataset, model, method, seed, select_mode, share, active, accuracy, loss, flops_ratio, rank,
       noise, label_noise, train_noise, train_size, epoch, max(run_id * 1e6 + epoch) AS newest
FROM (SELECT run_id, dataset, model, method, seed, coalesce(select_mode, 'topk') AS select_mode,
             round(coalesce(active, 1.0), 2) AS share, active, accuracy, loss, flops_ratio, rank, noise,
             CASE WHEN experiment LIKE '%label_noise=%'
                  THEN CAST(substr(experiment, instr(experiment, 'label_noise=') + 12) AS REAL)
                  ELSE 0 END AS label_noise,
             CASE WHEN experiment LIKE '%train_noise=%'
                  THEN CAST(substr(experiment, instr(experiment, 'train_noise=') + 12) AS REAL)
                  ELSE 0 END AS train_noise,
             train_size, epoch
      FROM accuracy
      WHERE split = 'test' AND coalesce(rule, 'ste-selected') = 'ste-selected')
GROUP BY dataset, model, method, seed, select_mode, share, round(flops_ratio, 1), noise, label_noise,
         train_noise, train_size;

-- Their accuracy over seeds, trained on as many examples as any of the data set and model, without
-- noise; half: of the 95 % interval of the mean.
DROP VIEW IF EXISTS accuracies;
CREATE VIEW accuracies AS
WITH student(freedom, t) AS (VALUES (1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571),
    (6, 2.447), (7, 2.365), (8, 2.306), (9, 2.262), (10, 2.228), (20, 2.086), (1000000, 1.96)),
grouped AS (
    SELECT dataset, model, method, select_mode, share, count(*) AS seeds, avg(active) AS active,
           avg(accuracy) AS accuracy, avg(loss) AS loss, avg(flops_ratio) AS flops_ratio,
           min(rank) AS rank,
           sqrt(max(0, avg(accuracy * accuracy) - avg(accuracy) * avg(accuracy))
                / max(1, count(*) - 1)) AS error
    FROM finals f
    WHERE noise = 0 AND label_noise = 0 AND train_noise = 0
      AND train_size = (SELECT max(train_size) FROM accuracy b
                        WHERE b.dataset = f.dataset AND b.model = f.model)
    GROUP BY dataset, model, method, select_mode, share, round(flops_ratio, 1))
SELECT *, error * (SELECT t FROM student WHERE freedom >= seeds - 1 AND seeds > 1
                   ORDER BY freedom LIMIT 1) AS half
FROM grouped;

-- Accuracy joined with measured time per input: of the whole network (scope 'network') or of one of
-- its layers, by batch and kernel. A time belongs to an accuracy if data set, model and method are
-- the same, and of what isn't dense the selection, k/n and the FLOPs saved are about the same. A
-- network that was trained with dropout runs as a dense one.
DROP VIEW IF EXISTS tradeoffs;
CREATE VIEW tradeoffs AS
SELECT a.dataset, a.model, a.method,
       CASE WHEN t.linear OR a.method = 'low-rank' THEN NULL ELSE t.k END AS k,
       coalesce(CASE WHEN NOT t.linear AND a.method <> 'low-rank' THEN t.active_mean END, 1.0) AS active,
       CASE WHEN t.linear THEN NULL ELSE t.rank END AS rank,
       CASE WHEN t.linear OR a.method = 'low-rank' THEN NULL ELSE t.select_mode END AS select_mode,
       t.batch, a.accuracy, a.accuracy - a.half AS accuracy_lo, a.accuracy + a.half AS accuracy_hi,
       t.time_ns / t.batch AS time_ns, t.time_lo_ns / t.batch AS time_lo_ns,
       t.time_hi_ns / t.batch AS time_hi_ns, 
       -- A narrower dense layer is its own group's yardstick: the ratio of two medians.
       CASE WHEN t.linear AND t.method = 'dense-narrow'
            THEN (SELECT min(o.time_ns) FROM point o
                  WHERE o.run_id = t.run_id AND o.scope = t.scope AND o.batch = t.batch
                    AND o.method = 'dense' AND o.dataset = t.dataset) / t.time_ns
            ELSE t.speedup END AS speedup,
       CASE WHEN t.scope <> 'network' AND t.method IN ('low-rank', 'dense-narrow')
            THEN a.flops_ratio ELSE t.flops_ratio END AS flops_ratio,
       -- A plan's memory, and the weights, which it needs as they are.
       t.plan_bytes + CASE WHEN t.scope = 'network' THEN 0
           ELSE 4 * (CASE WHEN t.method = 'low-rank' AND NOT t.linear THEN 0 ELSE t.n * t.d + t.n END
                     + CASE WHEN t.linear THEN 0 ELSE t.rank * (t.d + t.n) + t.n END
                     + CASE WHEN t.linear OR t.method = 'low-rank' THEN 0
                            WHEN t.gate = 'full' THEN t.n * t.d + t.n
                            WHEN t.gate = 'lowrank' THEN t.gate_rank * (t.d + t.n) + t.n
                            ELSE t.rank * t.n + t.n END) END AS memory_bytes,
       -- beyond the contract:
       t.scope, t.kernel, t.isa, t.threads, t.status, t.speedup_lo, t.speedup_hi, t.replaced_share,
       a.seeds, a.loss, a.flops_ratio AS model_flops_ratio, t.run_id, t.point_id
FROM every_point t JOIN accuracies a ON a.dataset = t.dataset AND a.model = t.model
WHERE t.scope IS NOT NULL AND t.status IN ('ok', 'noisy') AND t.time_ns > 0
  AND (a.method = t.method OR (a.method = 'dropout' AND t.method = 'dense'))
  AND (t.method = 'dense'
       OR (t.scope <> 'network' AND t.method = 'dense-narrow')
       OR (abs(a.flops_ratio / t.flops_ratio - 1) < 0.15
           AND (t.method IN ('low-rank', 'dense-narrow')
                OR (a.select_mode = t.select_mode AND abs(a.active - t.active_mean) < 0.02))));
