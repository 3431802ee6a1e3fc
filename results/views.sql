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
       p.plan_bytes, p.selected, p.distinct_rows, p.shape_key, p.placements, p.regimes
FROM point p JOIN run r USING (run_id);

-- Calls of a layer or of its yardsticks.
DROP VIEW IF EXISTS points;
CREATE VIEW points AS SELECT * FROM every_point WHERE d > 0;

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
