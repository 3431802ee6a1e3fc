-- claims.sql - what the paper claims of MID-L, and what all runs say of it
-- needs: accuracy of networks, by MID-L and dense; run `midl train paper`
-- corner: claim of the paper
-- joins: accuracy
mine AS (SELECT * FROM points WHERE 0),

six(dataset, place) AS (VALUES ('mnist', 1), ('cifar10', 2), ('cifar100', 3), ('svhn', 4), ('adult', 5),
                               ('imdb', 6)),
gated(method) AS (VALUES ('midl'), ('midl-block'), ('converted'), ('converted-block'),
                         ('converted-threshold')),

-- Of several networks of a data set the one that most methods were tried on.
chosen_model AS (
    SELECT dataset, model FROM (
        SELECT dataset, model, row_number() OVER (PARTITION BY dataset
                                                  ORDER BY count(*) DESC, model) AS choice
        FROM accuracies GROUP BY dataset, model)
    WHERE choice = 1),

-- Examples of the test part.
tested AS (SELECT dataset, model, max(examples) AS examples FROM accuracy WHERE split = 'test'
           GROUP BY dataset, model),

-- Differences to dense, seed by seed, in points; what is as good as dense is not below it: the 95 %
-- interval of the mean difference reaches 0. One seed tells nothing. The same few images of difference at
-- every seed are no proof: m of N examples that differ have a variance of m / N^2 at least.
compared AS (
    SELECT a.dataset, a.model, a.method, a.share, round(a.flops_ratio, 1) AS ratio, a.noise,
           a.label_noise, a.train_size, count(*) AS seeds, 100 * avg(a.accuracy) AS accuracy,
           100 * avg(a.accuracy - b.accuracy) AS mean,
           100 * sqrt(max((avg((a.accuracy - b.accuracy) * (a.accuracy - b.accuracy))
                           - avg(a.accuracy - b.accuracy) * avg(a.accuracy - b.accuracy)) / max(1, count(*) - 1),
                          coalesce(avg(abs(a.accuracy - b.accuracy)) / max(examples), 0) / count(*))) AS error
    FROM finals a LEFT JOIN tested ON tested.dataset = a.dataset AND tested.model = a.model
         JOIN finals b ON b.method = 'dense' AND b.dataset = a.dataset AND b.model = a.model
         AND b.seed = a.seed AND b.noise = a.noise AND b.label_noise = a.label_noise
         AND b.train_size = a.train_size AND b.train_noise = a.train_noise
    WHERE a.train_noise = 0
    GROUP BY a.dataset, a.model, a.method, a.select_mode, a.share, round(a.flops_ratio, 1), a.noise,
             a.label_noise, a.train_size
    HAVING count(*) > 1),
judged AS (
    SELECT *, mean + half < -1e-9 AS below, mean - half > 1e-9 AS above
    FROM (SELECT *, error * (SELECT t FROM student WHERE freedom >= seeds - 1
                             ORDER BY freedom LIMIT 1) AS half FROM compared)),
clean AS (
    SELECT judged.* FROM judged JOIN chosen_model USING (dataset, model)
    WHERE noise = 0 AND label_noise = 0
      AND train_size = (SELECT max(train_size) FROM finals f
                        WHERE f.dataset = judged.dataset AND f.model = judged.model)),

-- ---- Accuracy at k/n = 0.45 and 1.7x ------------------------------------------------------------
-- Of several methods that are not below dense the one with the narrowest interval: the largest mean would
-- be the luckiest.
at_paper AS (
    SELECT *, row_number() OVER (PARTITION BY dataset ORDER BY below, half, method) AS choice
    FROM clean JOIN six USING (dataset)
    WHERE method IN (SELECT method FROM gated) AND share BETWEEN 0.4 AND 0.46),
best AS (SELECT * FROM at_paper WHERE choice = 1),
controls AS (
    SELECT method, count(*) AS sets, sum(NOT below) AS kept FROM clean JOIN six USING (dataset)
    WHERE (method IN ('converted-random', 'random-k') AND share BETWEEN 0.4 AND 0.46)
       OR (method IN ('low-rank', 'dense-narrow') AND ratio BETWEEN 1.6 AND 1.8)
       OR method = 'light-only' GROUP BY method),
control_texts AS (SELECT *, printf('%d of %d', kept, sets) AS text FROM controls),
holding AS (
    SELECT count(*) AS sets, sum(NOT below) AS kept, sum(above) AS better,
           group_concat(printf('%s %+.2f ± %.2f (%s)', dataset, round(mean, 2) + 0.0, half, method), ', ') AS text
    FROM (SELECT * FROM best ORDER BY place)),
ratios AS (SELECT min(ratio) AS least, max(ratio) AS most FROM at_paper),

-- ---- Information ----------------------------------------------------------------------------------
told AS (
    SELECT dataset || iif(instr(layer, '#') > 0, ' ' || substr(layer, instr(layer, '#') + 1), '') AS name, layer, run_id,
           max(nats) FILTER (WHERE quantity = 'y selected') AS selected,
           max(nats_lo) FILTER (WHERE quantity = 'y selected') AS selected_lo,
           max(nats) FILTER (WHERE quantity = 'y random') AS random,
           max(nats_hi) FILTER (WHERE quantity = 'y random') AS random_hi,
           max(nats) FILTER (WHERE quantity = 'y unselected') AS unselected,
           max(nats_hi) FILTER (WHERE quantity = 'y unselected') AS unselected_hi,
           max(nats) FILTER (WHERE quantity = 'F selected') AS full_selected,
           max(nats) FILTER (WHERE quantity = 'F unselected') AS full_unselected,
           max(nats) FILTER (WHERE quantity = 'L') AS light
    FROM smi GROUP BY run_id, layer),
information AS (
    SELECT count(*) AS layers, sum(selected_lo > random_hi) AS over_random,
           sum(selected_lo > unselected_hi) AS over_unselected,
           group_concat(printf('%s: y on the selected %.3f nats, on random neurons %.3f, on the unselected %.3f; F on the selected %.3f, on the unselected %.3f; light path %.3f',
                               name, selected, random, unselected, full_selected, full_unselected, light), '. ') AS text
    FROM told),

-- ---- Robustness -----------------------------------------------------------------------------------
-- At the hardest level of each data set and network: noise on inputs, on labels, few examples.
hardest AS (
    SELECT 'noise' AS kind, dataset, model, max(noise) AS level FROM judged GROUP BY dataset, model
    HAVING max(noise) > 0
    UNION ALL
    SELECT 'labels', dataset, model, max(label_noise) FROM judged GROUP BY dataset, model
    HAVING max(label_noise) > 0
    UNION ALL
    SELECT 'few', dataset, model, min(train_size) FROM judged GROUP BY dataset, model
    HAVING min(train_size) < max(train_size)),
hard AS (
    SELECT kind, level, judged.* FROM judged JOIN hardest USING (dataset, model)
    WHERE CASE kind WHEN 'noise' THEN noise = level WHEN 'labels' THEN label_noise = level AND noise = 0
                    ELSE train_size = level AND noise = 0 AND label_noise = 0 END
      AND (share = 1 OR share BETWEEN 0.4 AND 0.46)),
hard_best AS (
    SELECT kind, level, dataset, model,
           max(mean) FILTER (WHERE method IN (SELECT method FROM gated)) AS gain,
           max(method) FILTER (WHERE method = 'midl') AS has_midl,
           max(mean) FILTER (WHERE method = 'midl') AS midl,
           max(half) FILTER (WHERE method = 'midl') AS midl_half,
           max(above) FILTER (WHERE method IN (SELECT method FROM gated)) AS above,
           max(mean) FILTER (WHERE method = 'converted') AS converted,
           max(half) FILTER (WHERE method = 'converted') AS converted_half,
           max(mean) FILTER (WHERE method IN ('dropout', 'dense-narrow', 'low-rank')) AS control,
           (SELECT half FROM hard h WHERE h.kind = hard.kind AND h.dataset = hard.dataset AND h.model = hard.model
            AND method IN ('dropout', 'dense-narrow', 'low-rank') ORDER BY mean DESC LIMIT 1) AS control_half
    FROM hard GROUP BY kind, dataset, model),
robust AS (
    SELECT kind, count(*) AS sets, sum(above) AS above, sum(above AND gain > control) AS over_controls,
           group_concat(printf('%s (%s) against dense: MID-L trained %+.1f ± %.1f, converted %+.1f ± %.1f; best plain control %+.1f ± %.1f',
                               dataset, CASE kind WHEN 'noise' THEN printf('sigma %g', level)
                                        WHEN 'labels' THEN printf('%g %% of the labels wrong', 100 * level)
                                        ELSE printf('%d examples', level) END,
                               round(midl, 1) + 0.0, midl_half, round(converted, 1) + 0.0, converted_half,
                               round(control, 1) + 0.0, control_half), '; ') AS text
    FROM hard_best WHERE midl IS NOT NULL AND converted IS NOT NULL AND control IS NOT NULL GROUP BY kind),

-- ---- Time and memory ------------------------------------------------------------------------------
newest AS (
    SELECT * FROM networks n
    WHERE batch IN (1, 64) AND threads = 1 AND status IN ('ok', 'noisy')
      AND run_id = (SELECT max(run_id) FROM networks o
                    WHERE o.dataset = n.dataset AND o.model = n.model AND o.method IN (SELECT method FROM gated)
                      AND o.active BETWEEN 0.4 AND 0.46)),
-- The fastest kernel of each way, with its interval.
timed AS (
    SELECT *, printf('%.2fx (%.2f to %.2f)', speedup, speedup_lo, speedup_hi) AS text,
           row_number() OVER (PARTITION BY dataset, batch, way ORDER BY speedup DESC) AS choice
    FROM (SELECT *, CASE WHEN method IN (SELECT method FROM gated) THEN 'midl' ELSE method END AS way FROM newest)),
speeds AS (
    SELECT dataset, batch, max(text) FILTER (WHERE way = 'midl') AS midl_text,
           max(text) FILTER (WHERE way = 'low-rank') AS low_rank_text,
           max(text) FILTER (WHERE way = 'dense-narrow') AS narrow_text,
           max(speedup) FILTER (WHERE way = 'midl') AS midl, max(speedup_lo) FILTER (WHERE way = 'midl') AS midl_lo,
           max(speedup) FILTER (WHERE way IN ('low-rank', 'dense-narrow')) AS control, max(replaced_share) AS share
    FROM timed WHERE choice = 1 GROUP BY dataset, batch),
latency AS (
    SELECT batch, count(*) AS places, sum(midl_lo > 1) AS faster, sum(midl > control) AS over_controls,
           group_concat(printf('%s: MID-L %s, low rank %s, narrower dense %s (replaced layers: %.0f %% of the dense time)',
                               dataset, midl_text, low_rank_text, narrow_text, 100 * share), '; ') AS text
    FROM speeds GROUP BY batch),
-- The fastest kernel of each.
sizes_of AS (
    SELECT dataset, batch, method, memory_bytes,
           row_number() OVER (PARTITION BY dataset, batch, method ORDER BY time_ns) AS choice
    FROM newest),
memory AS (
    SELECT count(*) AS places, sum(midl < dense) AS smaller,
           group_concat(printf('%s: dense %.1f MB, MID-L %.1f, low rank %.1f', dataset, dense / 1e6, midl / 1e6, low_rank / 1e6), '; ') AS text
    FROM (SELECT dataset, max(memory_bytes) FILTER (WHERE method = 'dense') AS dense,
                 max(memory_bytes) FILTER (WHERE method IN (SELECT method FROM gated)) AS midl,
                 max(memory_bytes) FILTER (WHERE method = 'low-rank') AS low_rank
          FROM sizes_of WHERE choice = 1 AND batch = 1 GROUP BY dataset)),

-- ---- The page -------------------------------------------------------------------------------------
answers_to(place, claim, measured, verdict, figure, command) AS (
    SELECT 1, 'up to 55 % fewer active neurons, accuracy kept',
           printf('k/n = 0.45, MID-L less dense, in points (of the methods not below dense the one with the narrowest interval): %s. Not below dense on %d of %d sets%s%s',
                  text, kept, sets,
                  (SELECT '; random masks in the same layers on ' || text FROM control_texts WHERE method = 'converted-random'),
                  (SELECT ', the light path alone on ' || text FROM control_texts WHERE method = 'light-only')
                  || (SELECT ', a low-rank layer of the same FLOPs on ' || text FROM control_texts WHERE method = 'low-rank')),
           CASE WHEN kept < sets THEN 'not held'
                WHEN (SELECT max(kept) FROM controls) >= kept
                THEN 'held only against weak controls' ELSE 'held' END,
           'accuracy', 'midl train paper'
    FROM holding WHERE sets > 0
    UNION ALL
    SELECT 2, '1.7 times fewer FLOPs',
           printf('these layers take %s times fewer FLOPs%s%s', from_to(least, most, 1),
                  (SELECT '. A low-rank layer of the same saving is not below dense on ' || text || ' sets'
                   FROM control_texts WHERE method = 'low-rank'),
                  (SELECT ', a narrower dense one on ' || text FROM control_texts WHERE method = 'dense-narrow')),
           CASE WHEN kept < sets THEN 'not held'
                WHEN (SELECT max(kept) FROM controls WHERE method IN ('low-rank', 'dense-narrow')) >= kept
                THEN 'held only against weak controls' ELSE 'held' END,
           'accuracy', 'midl train paper'
    FROM holding, ratios WHERE sets > 0
    UNION ALL
    SELECT 3, 'equal or better accuracy on six data sets',
           printf('not below dense on %d of %d, better beyond the interval on %d%s', kept, sets, better,
                  (SELECT '; a low-rank layer of the same FLOPs is not below on ' || text
                   FROM control_texts WHERE method = 'low-rank')),
           CASE WHEN kept < 6 THEN 'not held'
                WHEN (SELECT kept FROM controls WHERE method = 'low-rank') >= kept
                THEN 'held only against weak controls' ELSE 'held' END,
           'tradeoffs', 'midl train paper'
    FROM holding WHERE sets > 0
    UNION ALL
    SELECT 4, 'the selected neurons are informative (SMI)', text,
           CASE WHEN over_unselected = layers THEN 'held'
                WHEN over_random = layers THEN 'held only against weak controls' ELSE 'not held' END,
           'smi', 'midl smi --layer MODEL#LAYER --dataset DATASET'
    FROM information WHERE layers > 0
    UNION ALL
    SELECT CASE kind WHEN 'noise' THEN 5 WHEN 'labels' THEN 6 ELSE 7 END,
           CASE kind WHEN 'noise' THEN 'more robust to noise on inputs' WHEN 'labels' THEN 'more robust to wrong labels'
                     ELSE 'more robust when overfitting (few examples)' END,
           text,
           CASE WHEN over_controls = sets THEN 'held' WHEN above = sets THEN 'held only against weak controls'
                ELSE 'not held' END,
           CASE kind WHEN 'noise' THEN 'noise' WHEN 'few' THEN 'training-size' ELSE '' END,
           CASE kind WHEN 'noise' THEN 'midl train DATASET --noise 0,0.5,1,1.5,2'
                     WHEN 'labels' THEN 'midl train DATASET --label-noise 0.2,0.4'
                     ELSE 'midl train DATASET --train-size 100,300,1000 --epochs 60' END
    FROM robust
    UNION ALL
    SELECT 8 + batch / 1e6, 'favourable latency, ' || CASE batch WHEN 1 THEN 'one input' ELSE batch || ' inputs' END,
           'whole networks against the fastest dense one, k/n = 0.45: ' || text,
           CASE WHEN faster < places THEN 'not held' WHEN over_controls < places
                THEN 'held only against weak controls' ELSE 'held' END,
           'tradeoffs', 'midl sweep --model MODEL --data DATASET'
    FROM latency WHERE places > 0
    UNION ALL
    SELECT 10, 'favourable memory', 'parameters, plans (packed copies beside them, ranks rounded up to 256) and outputs at batch 1, fastest kernel of each: ' || text,
           CASE WHEN smaller = places THEN 'held' ELSE 'not held' END,
           '', 'midl sweep --model MODEL --data DATASET'
    FROM memory WHERE places > 0),
columns(number, column) AS (VALUES (1, 'we measured'), (2, 'verdict'), (3, 'figure'), (4, 'command'))

SELECT claim AS line, column, NULL AS value, NULL AS lo, NULL AS hi,
       CASE number WHEN 1 THEN coalesce(measured, 'not all of it') WHEN 2 THEN '**' || coalesce(verdict, 'open') || '**'
                   WHEN 3 THEN CASE figure WHEN '' THEN '' ELSE '`midl plot ' || figure || '`' END
                   ELSE '`' || command || '`' END AS text
FROM answers_to, columns
ORDER BY place, number;
