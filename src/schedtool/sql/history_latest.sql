-- Per migration the last run, and the last run that ended well and so tells which text the record in yoyo's table
-- stands for. Reads only.
SELECT
    h.migration, h.operation, h.outcome, h.started_at, h.error, h.checksum AS tried, good.checksum, good.applied_at,
    (
        SELECT sum(a.duration_ms)
        FROM schedtool_history AS a
        WHERE a.migration = h.migration AND a.operation = 'apply' AND a.outcome = 'done'
            AND a.applied_at = good.applied_at
    )::bigint AS duration_ms
FROM (
    SELECT DISTINCT ON (migration) id, migration, operation, outcome, started_at, error, checksum
    FROM schedtool_history
    ORDER BY migration, id DESC
) AS h
LEFT JOIN LATERAL (
    SELECT g.checksum, g.applied_at
    FROM schedtool_history AS g
    WHERE g.migration = h.migration AND g.outcome = 'done' AND g.operation <> 'rollback'
        AND g.applied_at IS NOT NULL
    ORDER BY g.id DESC
    LIMIT 1
) AS good ON true
ORDER BY h.migration;
