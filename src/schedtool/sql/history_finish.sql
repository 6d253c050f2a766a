-- The end of a run that was recorded as started. An empty text stands for NULL.
UPDATE schedtool_history
SET outcome = :'outcome', applied_at = nullif(:'applied_at', '')::timestamptz,
    duration_ms = nullif(:'duration_ms', '')::bigint, retries = :'retries', rows = nullif(:'rows', '')::bigint,
    error = nullif(:'error', '')
WHERE id = :'id'
RETURNING id, rows, started_at;
