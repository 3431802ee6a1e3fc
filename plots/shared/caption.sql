-- caption.sql - the small print at the foot of every figure: machine and program, after the columns
-- of the figure itself.
SELECT 'caption' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       cpu || ', ' || isa || ', ' || compiler || ', commit ' || git_commit || ', '
       || substr(started_utc, 1, 10) || ', run ' || run_id || ' (' || suite || ')' AS text
FROM runs WHERE run_id = :run;
