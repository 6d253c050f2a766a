-- One run, at its end; or at its start with the outcome 'started' where a migration runs outside a transaction.
-- An empty text stands for NULL.
INSERT INTO schedtool_history (
    migration, operation, outcome, checksum, content, applied_at, started_at, duration_ms, retries, documents, rows,
    error, os_user, host, tool_version
)
VALUES (
    :'migration', :'operation', :'outcome', nullif(:'checksum', ''), nullif(:'content', ''),
    nullif(:'applied_at', '')::timestamptz,
    clock_timestamp() - make_interval(secs => coalesce(nullif(:'duration_ms', ''), '0')::numeric / 1000),
    nullif(:'duration_ms', '')::bigint, :'retries', nullif(:'documents', '')::bigint,
    -- A file whose work is inside DO blocks may leave its count of rows in schedtool.rows: command tags do not show it.
    nullif(:'rows', '')::bigint + coalesce(nullif(current_setting('schedtool.rows', true), '')::bigint, 0),
    nullif(:'error', ''), nullif(:'os_user', ''), nullif(:'host', ''), :'tool_version'
)
RETURNING id, rows, started_at;
