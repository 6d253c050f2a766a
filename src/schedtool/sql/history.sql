-- Every run, oldest first. Reads only. Without the contents, which may be large.
SELECT
    id, migration, operation, outcome, checksum, applied_at, started_at, duration_ms, retries, documents, rows, error,
    database_user, os_user, host, tool_version
FROM schedtool_history
ORDER BY id;
