-- caption.sql - the small print at the foot of every figure: machine and program, after the columns
-- of the figure itself. It goes on behind of-runs.sql, or of-accuracy.sql and the like where a figure joins
-- all runs. One row for each machine and libraries.
facts AS (
    SELECT run_id, max(value) FILTER (WHERE name = 'microarchitecture') AS microarchitecture,
           max(value) FILTER (WHERE name = 'hypervisor') AS hypervisor,
           max(value) FILTER (WHERE name = 'openblas') AS openblas,
           max(value) FILTER (WHERE name = 'openblas_core') AS openblas_core,
           max(value) FILTER (WHERE name = 'onednn') AS onednn,
           max(value) FILTER (WHERE name = 'blis') AS blis
    FROM environment GROUP BY run_id),
described AS (
    SELECT run_id, suite, git_commit, substr(started_utc, 1, 10) AS day,
           cpu || coalesce(' (' || microarchitecture || ')', '')
           || CASE WHEN hypervisor IS NULL OR hypervisor = 'none' THEN ''
                   ELSE ', virtual machine (' || hypervisor || ')' END
           || ', ' || isa || ', ' || compiler
           || coalesce(', ' || substr(openblas, 1, instr(openblas || ' ', ' ')
                                      + instr(substr(openblas, instr(openblas, ' ') + 1) || ' ', ' ') - 1)
                       || coalesce(' (' || openblas_core || ')', ''), '')
           || coalesce(', oneDNN ' || onednn, '') || coalesce(', BLIS ' || blis, '') AS machine
    FROM chosen JOIN runs USING (run_id) LEFT JOIN facts USING (run_id))

-- SQLite takes the other columns from the row that has the maximum.
SELECT 'caption' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       machine || CASE count(DISTINCT git_commit) WHEN 1 THEN ', commit ' || min(git_commit)
                       ELSE ', ' || count(DISTINCT git_commit) || ' commits' END
       || ', ' || min(day) || CASE WHEN max(day) > min(day) THEN ' to ' || max(day) ELSE '' END
       || CASE WHEN count(*) = 1 THEN ', run ' || max(run_id)
               WHEN count(*) < 5 THEN ', runs ' || group_concat(run_id, ', ')
               ELSE ', ' || count(*) || ' runs, ' || min(run_id) || ' to ' || max(run_id) END
       || ' (' || replace(group_concat(DISTINCT suite), ',', ', ') || ')'
       || CASE WHEN :db IS NULL THEN '' ELSE ' of ' || replace(:db, rtrim(:db, replace(:db, '/', '')), '') END
       AS text
FROM (SELECT * FROM described ORDER BY run_id)
GROUP BY machine
ORDER BY min(run_id);
