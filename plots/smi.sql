-- smi.sql - what the parts of a layer tell of the label, against controls
-- needs: rows of mutual information; run `midl smi`
-- joins: smi
mine AS (SELECT * FROM points WHERE 0),

-- From what the layer gives on to its parts, each with the controls that belong to it.
places(quantity, place, control) AS (VALUES
    ('y', 1, 0), ('y selected', 2, 0), ('y unselected', 3, 0), ('y static', 4, 1),
    ('y other', 5, 1), ('y random', 6, 1), ('y selected, labels shuffled', 7, 1),
    ('F selected', 8, 0), ('F unselected', 9, 0), ('L', 10, 0), ('mask', 11, 0)),

labels(quantity, label) AS (VALUES
    ('y', 'y, all neurons'), ('y selected', 'y on the selected'),
    ('y unselected', 'y on the unselected'), ('y static', 'y, the same k for all inputs'),
    ('y other', 'y, another input''s mask'), ('y random', 'y, k at random per input'),
    ('y selected, labels shuffled', 'y, labels shuffled'), ('F selected', 'F on the selected'),
    ('F unselected', 'F on the unselected'), ('L', 'L, all neurons'), ('mask', 'the mask alone')),

shown AS (
    SELECT told.*, place, label, control, CASE control WHEN 1 THEN 720 ELSE 710 END AS style,
           CASE control WHEN 1 THEN 'control' ELSE 'part of the layer' END AS series
    FROM (SELECT *, dense_rank() OVER (ORDER BY dataset, layer) AS panel,
                 (SELECT count(*) FROM (SELECT DISTINCT dataset, layer FROM smi)) AS layers FROM smi this
          WHERE run_id = (SELECT max(run_id) FROM smi newer
                          WHERE newer.layer = this.layer AND newer.dataset = this.dataset
                            AND (:pinned IS NULL OR run_id = CAST(:pinned AS INTEGER))
                            AND run_id IN (SELECT run_id FROM runs WHERE :suite IS NULL OR suite = :suite))) told
         JOIN places USING (quantity) JOIN labels USING (quantity)
    WHERE panel <= 6)

SELECT 'title' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       printf('Selected neurons tell %s nats of the label, unselected ones %s, the light path %s',
              from_to(min(nats) FILTER (WHERE quantity = 'y selected'),
                      max(nats) FILTER (WHERE quantity = 'y selected'), 2),
              from_to(min(nats) FILTER (WHERE quantity = 'y unselected'),
                      max(nats) FILTER (WHERE quantity = 'y unselected'), 2),
              from_to(min(nats) FILTER (WHERE quantity = 'L'),
                      max(nats) FILTER (WHERE quantity = 'L'), 2)) AS text
FROM shown HAVING count(*) > 0
UNION ALL
SELECT 'subject', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       'Sliced mutual information with the label'
WHERE EXISTS (SELECT 1 FROM shown)
UNION ALL
SELECT DISTINCT 'panel', panel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       replace(dataset, rtrim(dataset, replace(dataset, '/', '')), '') || ', '
       || replace(replace(layer, rtrim(layer, replace(layer, '/', '')), ''), '.safetensors', '')
FROM shown
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'series', NULL, style, series, style, 1, NULL, NULL, NULL, ''
    FROM shown ORDER BY style)
UNION ALL
SELECT 'y name', panel, NULL, NULL, NULL, place, NULL, NULL, NULL, label FROM shown
UNION ALL
SELECT * FROM (
    SELECT 'bar', panel, style, series, nats, place, nats_lo, nats_hi, 0, NULL FROM shown
    ORDER BY panel, place)
UNION ALL
SELECT 'note', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       printf('y: output, F: full path, L: light path; %s %% of the neurons selected. %s inputs, %s random directions, %s neighbours. Bars: 95 %% intervals over both. Random masks that change with the input add noise of their own',
              from_to(100 * min(active), 100 * max(active), 0), from_to(min(points), max(points), 0),
              from_to(min(slices), max(slices), 0), from_to(min(neighbours), max(neighbours), 0))
       || CASE WHEN max(layers) > 6 THEN '. 6 of ' || max(layers) || ' layers are shown' ELSE '' END
FROM shown HAVING count(*) > 0;
