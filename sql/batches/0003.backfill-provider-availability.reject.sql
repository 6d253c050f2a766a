-- keys: providers (id)
-- Write down one document on which the batch of 0003 fails, so that the run goes on: a constraint or a trigger of the
-- application says no to its rows, say. Its reject is named after the SQLSTATE, error_23514; rows that stand are left.
-- Locks the row of this provider against writers (not readers) until the transaction ends; lock_timeout applies.
-- May run again: a decision holds for the document and the error it was taken on.
-- By hand: psql -X -1 -v ON_ERROR_STOP=1 -v first=7 -v last=7 -v sqlstate=23514 -v message=… -f (this file)

-- What failed may be what 0003….session.sql has passed over otherwise, and the batch that takes that back is rolled back.
SELECT CASE current_setting('schedtool.passes_over', true) WHEN 'yes' THEN set_config('session_replication_role', 'origin', true) END;

-- Two statements: one that waits for the lock would go on reading with the snapshot from before the wait.
SELECT count(*)
FROM (
    SELECT FROM providers AS p
    WHERE p.id BETWEEN :'first' AND :'last'
    ORDER BY p.id
    FOR NO KEY UPDATE
) AS locked;

WITH documents AS MATERIALIZED (
    SELECT
        p.id,
        coalesce(md5(p.availability::text), '') AS document_hash,
        EXISTS (SELECT FROM provider_availability AS a WHERE a.provider_id = p.id) AS stale
    FROM providers AS p
    WHERE p.id BETWEEN :'first' AND :'last'
),
noted AS (
    INSERT INTO provider_availability_rejects AS j (provider_id, path, value, reason, document_hash, stale)
    SELECT d.id, '$', left(:'message', 80), 'error_' || :'sqlstate', d.document_hash, d.stale
    FROM documents AS d
    ON CONFLICT (provider_id) DO UPDATE
    SET path = EXCLUDED.path, value = EXCLUDED.value, reason = EXCLUDED.reason,
        document_hash = EXCLUDED.document_hash, stale = EXCLUDED.stale, rejected_at = EXCLUDED.rejected_at,
        accepted_by = NULL, accepted_at = NULL, note = NULL
    WHERE (j.path, j.reason, j.document_hash) IS DISTINCT FROM (EXCLUDED.path, EXCLUDED.reason, EXCLUDED.document_hash)
    RETURNING provider_id
)
SELECT
    (SELECT count(*) FROM documents) AS documents,
    0::bigint AS empty,
    (SELECT count(*) FROM documents) AS rejected,
    0::bigint AS inserted,
    0::bigint AS unchanged;
