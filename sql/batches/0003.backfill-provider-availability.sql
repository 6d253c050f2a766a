-- keys: providers (id)
-- settings: 0003
-- leftover: 1000
-- Fill provider_availability for one range of providers. The work of migrations/0003 in a short transaction of its own.
-- Locks the rows of these providers against writers (not readers) until the transaction ends; lock_timeout applies.
-- May run again: rows that are there are left, rejects are brought up to date.
-- By hand: psql -X -1 -v ON_ERROR_STOP=1 -v first=1 -v last=1000 -v settings='{}' -f (this file)

-- Two statements: one that waits for the lock would go on reading with the snapshot from before the wait.
SELECT count(*)
FROM (
    SELECT FROM providers AS p
    WHERE p.id BETWEEN :'first' AND :'last'
    ORDER BY p.id
    FOR NO KEY UPDATE
) AS locked;

-- The rows' triggers let this transaction pass: the documents are where these rows come from. No sequential scans:
-- planned while provider_availability is still empty, the statement would go on reading all of it for every range.
SELECT
    set_config('schedtool.sync', 'document', true), set_config('jit', 'off', true),
    set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true);

DO $do$
BEGIN
    -- Where 0003….session.sql had foreign keys passed over, whatever else would be passed over takes that back, for the
    -- session: each change of this setting costs all its plans. Locked first, so that no trigger comes in between.
    IF current_setting('schedtool.passes_over', true) = 'yes' THEN
        LOCK TABLE provider_availability, provider_availability_rejects IN ROW EXCLUSIVE MODE;
        IF EXISTS (
            SELECT
            FROM pg_trigger AS t
            -- A key that the locks answer for: provider_id is there, and nobody else takes it away.
            LEFT JOIN pg_constraint AS c ON c.oid = t.tgconstraint AND c.contype = 'f' AND c.confrelid = 'providers'::regclass
                AND c.conkey = ARRAY(SELECT k.attnum FROM pg_attribute AS k WHERE k.attrelid = t.tgrelid AND k.attname = 'provider_id')
                AND c.confkey = ARRAY(SELECT k.attnum FROM pg_attribute AS k WHERE k.attrelid = c.confrelid AND k.attname = 'id')
            WHERE t.tgenabled <> 'D' AND c.oid IS NULL
                -- What fires on INSERT (a bit), and of the rejects on anything. Our own triggers let batches pass.
                AND (
                    t.tgrelid = 'provider_availability'::regclass AND t.tgtype & 4 <> 0
                    OR t.tgrelid = 'provider_availability_rejects'::regclass
                )
                AND t.tgfoid IS DISTINCT FROM to_regproc('provider_availability_follow_row')
                AND t.tgfoid IS DISTINCT FROM to_regproc('provider_availability_stand_in')
        ) OR EXISTS (
            SELECT
            FROM pg_rewrite AS w
            WHERE w.ev_class IN ('provider_availability'::regclass, 'provider_availability_rejects'::regclass)
        ) OR EXISTS (
            -- Children have triggers of their own, and a key does not look for its providers among children.
            SELECT
            FROM pg_inherits AS h
            WHERE h.inhparent IN ('providers'::regclass, 'provider_availability'::regclass, 'provider_availability_rejects'::regclass)
        ) OR NOT has_function_privilege('provider_availability_follow_row()'::regprocedure, 'EXECUTE') THEN
            PERFORM set_config('session_replication_role', 'origin', false), set_config('schedtool.passes_over', 'no', false);
        END IF;
    END IF;

    -- Planned once in a session: to plan it costs some 40 ms, more than two hundred documents do.
    IF NOT EXISTS (SELECT FROM pg_prepared_statements AS s WHERE s.name = 'schedtool_fill') THEN
        EXECUTE $fill$
PREPARE schedtool_fill AS
WITH documents AS MATERIALIZED (
    SELECT p.id, r.outcome, r.reason, r.path, r.value, r.days, r.available, r.starts, r.ends, r.zones
    FROM providers AS p
    CROSS JOIN LATERAL provider_availability_read(p.availability, $3::jsonb) AS r
    WHERE p.id BETWEEN $1 AND $2
        -- Outside a transaction the locks above are gone by now, and so is this setting.
        AND CASE current_setting('schedtool.sync', true)
            WHEN 'document' THEN true
            ELSE pg_size_bytes('not in a transaction: run this file with psql -1' || left(p.id::text, 0)) > 0
        END
    -- Who has come into the range since the locks above is locked here: no row is written for a provider that is not.
    FOR NO KEY UPDATE OF p
),
-- Its arrays side by side. In the list of columns: as a table, each would be written down for every document.
days AS NOT MATERIALIZED (
    SELECT
        d.id, unnest(d.days) AS day, unnest(d.available) AS available, unnest(d.starts) AS start_time, unnest(d.ends) AS end_time,
        unnest(d.zones) AS zone
    FROM documents AS d
    WHERE d.outcome = 'converted'
),
standing AS MATERIALIZED (
    SELECT
        a.provider_id,
        a.day_of_week,
        provider_availability_agrees(
            a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, $3::jsonb
        ) AS is_equal
    FROM documents AS d
    -- The range said again, here and below: the planner would not conclude it, and look at every row of a large table.
    JOIN provider_availability AS a ON a.provider_id = d.id AND a.provider_id BETWEEN $1 AND $2
    LEFT JOIN days AS n ON n.id = a.provider_id AND n.day = a.day_of_week
    WHERE d.outcome <> 'rejected'
),
-- A row that says something else is never overwritten: the document waits for a decision, as a whole.
differing AS (
    SELECT s.provider_id, min(s.day_of_week) AS day
    FROM standing AS s
    WHERE NOT s.is_equal
    GROUP BY s.provider_id
),
inserted AS (
    INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time, timezone)
    -- Most often nothing stands yet, and then nothing is compared.
    SELECT n.id, n.day, n.available, n.start_time, n.end_time, n.zone
    FROM days AS n
    WHERE NOT EXISTS (SELECT FROM standing)
    UNION ALL
    SELECT n.id, n.day, n.available, n.start_time, n.end_time, n.zone
    FROM days AS n
    WHERE EXISTS (SELECT FROM standing)
        AND NOT EXISTS (SELECT FROM standing AS s WHERE s.provider_id = n.id AND (s.day_of_week = n.day OR NOT s.is_equal))
    RETURNING provider_id
),
rejects AS MATERIALIZED (
    SELECT p.id, c.path, c.value, c.reason, coalesce(md5(p.availability::text), '') AS document_hash
    FROM (
        SELECT d.id, d.path, d.value, d.reason FROM documents AS d WHERE d.outcome = 'rejected'
        UNION ALL
        SELECT f.provider_id, '$', f.day, 'row_differs' FROM differing AS f
    ) AS c (id, path, value, reason)
    JOIN providers AS p ON p.id = c.id AND p.id BETWEEN $1 AND $2
),
noted AS (
    INSERT INTO provider_availability_rejects AS j (provider_id, path, value, reason, document_hash, stale)
    SELECT
        r.id, r.path, r.value, r.reason, r.document_hash,
        r.reason <> 'row_differs' AND EXISTS (SELECT FROM provider_availability AS a WHERE a.provider_id = r.id OFFSET 0)
    FROM rejects AS r
    ON CONFLICT (provider_id) DO UPDATE
    SET path = EXCLUDED.path, value = EXCLUDED.value, reason = EXCLUDED.reason,
        document_hash = EXCLUDED.document_hash, stale = EXCLUDED.stale, rejected_at = EXCLUDED.rejected_at,
        accepted_by = NULL, accepted_at = NULL, note = NULL
    -- A decision holds for the document and the reason it was taken on.
    WHERE (j.path, j.reason, j.document_hash) IS DISTINCT FROM (EXCLUDED.path, EXCLUDED.reason, EXCLUDED.document_hash)
    RETURNING provider_id
),
settled AS (
    DELETE FROM provider_availability_rejects AS j
    USING documents AS d
    WHERE j.provider_id = d.id AND j.provider_id BETWEEN $1 AND $2
        AND NOT EXISTS (SELECT FROM rejects AS r WHERE r.id = d.id)
    RETURNING j.provider_id
)
SELECT
    (SELECT count(*) FROM documents) AS documents,
    (SELECT count(*) FROM documents AS d WHERE d.outcome = 'empty' AND NOT EXISTS (SELECT FROM differing AS f WHERE f.provider_id = d.id)) AS empty,
    (SELECT count(*) FROM rejects) AS rejected,
    (SELECT count(*) FROM inserted) AS inserted,
    (
        SELECT count(*)
        FROM standing AS s
        WHERE s.is_equal AND NOT EXISTS (SELECT FROM differing AS f WHERE f.provider_id = s.provider_id)
    ) AS unchanged
        $fill$;
    END IF;
END
$do$;

EXECUTE schedtool_fill(:'first', :'last', :'settings');
