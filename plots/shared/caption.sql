-- caption.sql - the small print at the foot of every figure: machine and program, after the columns
-- of the figure itself. One row for each run that it was drawn from.
WITH facts AS (
    SELECT run_id, max(value) FILTER (WHERE name = 'microarchitecture') AS microarchitecture,
           max(value) FILTER (WHERE name = 'hypervisor') AS hypervisor,
           max(value) FILTER (WHERE name = 'openblas') AS openblas,
           max(value) FILTER (WHERE name = 'openblas_core') AS openblas_core,
           max(value) FILTER (WHERE name = 'onednn') AS onednn,
           max(value) FILTER (WHERE name = 'blis') AS blis
    FROM environment GROUP BY run_id)

SELECT 'caption' AS what, NULL AS panel, NULL AS style, NULL AS series, NULL AS x, NULL AS y,
       NULL AS lo, NULL AS hi, NULL AS noisy,
       cpu || coalesce(' (' || microarchitecture || ')', '')
       || CASE WHEN hypervisor IS NULL OR hypervisor = 'none' THEN ''
               ELSE ', virtual machine (' || hypervisor || ')' END
       || ', ' || isa || ', ' || compiler
       || coalesce(', ' || substr(openblas, 1, instr(openblas || ' ', ' ')
                                  + instr(substr(openblas, instr(openblas, ' ') + 1) || ' ', ' ') - 1)
                   || coalesce(' (' || openblas_core || ')', ''), '')
       || coalesce(', oneDNN ' || onednn, '') || coalesce(', BLIS ' || blis, '')
       || ', commit ' || git_commit || ', ' || substr(started_utc, 1, 10)
       || ', run ' || run_id || ' (' || suite || ')'
       || CASE WHEN :db IS NULL THEN '' ELSE ' of ' || replace(:db, rtrim(:db, replace(:db, '/', '')), '') END
       AS text
FROM runs LEFT JOIN facts USING (run_id)
WHERE run_id IN (SELECT value FROM json_each('[' || coalesce(:runs, :run) || ']'))
ORDER BY run_id;
