-- Fill provider_availability from the documents of providers.availability: the JSONB backfill.
-- What cannot be read becomes a row of provider_availability_rejects; rows that are there and differ are left (row_differs).
-- After the batches (schedtool apply runs them) it finds nothing left to do. Alone it does all in one transaction and
-- holds the row locks of every provider it fills until the end: right for a maintenance window, wrong for a busy database.
-- depends: 0002.sync-availability
-- locks: providers ROW SHARE with row locks against writers, of the providers not filled yet, until it ends
-- locks: provider_availability ROW EXCLUSIVE until it ends
-- May run again. By hand: psql -X -1 -v ON_ERROR_STOP=1 -f (this file)

DO $$
DECLARE
    policy jsonb;
    n bigint;
    filled bigint;
    passes_over boolean := false;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'this needs READ COMMITTED: under % it would decide by what it saw before its locks', current_setting('transaction_isolation')
            USING HINT = 'SET default_transaction_isolation = ''read committed'' and run it again.';
    END IF;
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    IF to_regclass('provider_availability_rejects') IS NULL OR to_regproc('provider_availability_read') IS NULL THEN
        RAISE EXCEPTION 'the function and the triggers of migration 0002 are not there'
            USING ERRCODE = 'undefined_function', HINT = 'Apply 0002 first.';
    ELSIF row_security_active('providers') THEN
        RAISE EXCEPTION 'row-level security of table providers applies to role %', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'Rows would be left behind unseen. Use the owner of the table, or a role with BYPASSRLS.';
    ELSIF (
        SELECT count(*)
        FROM pg_trigger AS t
        WHERE t.tgrelid IN (to_regclass('providers'), to_regclass('provider_availability')) AND t.tgenabled IN ('O', 'A')
            AND t.tgname IN ('providers_availability_insert_trigger', 'providers_availability_update_trigger', 'provider_availability_insert_trigger',
                'provider_availability_update_trigger', 'provider_availability_delete_trigger')
    ) < 5 THEN
        RAISE EXCEPTION 'the triggers that keep rows and documents in step are not all there and enabled'
            USING HINT = 'A document written behind the backfill would be lost. Roll back 0002 and apply it again, or enable them.';
    ELSIF to_regproc('provider_availability_stand_in') IS NOT NULL THEN
        RAISE EXCEPTION 'the foreign key of provider_availability is put off still'
            USING ERRCODE = 'ST003', HINT = 'schedtool backfill goes on and brings it back; by hand: psql -f sql/batches/0003.backfill-provider-availability.after.sql';
    END IF;
    PERFORM set_config('jit', 'off', true);
    PERFORM set_config('schedtool.sync', 'document', true);
    SELECT p.settings INTO policy FROM provider_availability_policy AS p ORDER BY p.version DESC LIMIT 1;
    policy := coalesce(policy, '{}');

    -- Which providers are not done, found without a lock: the triggers keep what is done so. At the very beginning all.
    IF nullif(current_setting('schedtool.leftover', true), '') IS NULL
        AND NOT EXISTS (SELECT FROM provider_availability) AND NOT EXISTS (SELECT FROM provider_availability_rejects) THEN
        CREATE TEMPORARY TABLE schedtool_left ON COMMIT DROP AS
        SELECT p.id FROM providers AS p WHERE p.availability IS NOT NULL;
    ELSE
        -- The rows are gathered once and joined: looked up provider by provider, each one costs a pass over all rows while
        -- they have no statistics yet.
        CREATE TEMPORARY TABLE schedtool_left ON COMMIT DROP AS
        SELECT p.id
        FROM providers AS p
        CROSS JOIN LATERAL provider_availability_read(p.availability, policy) AS r
        LEFT JOIN provider_availability_rejects AS j ON j.provider_id = p.id
        LEFT JOIN (
            SELECT
                o.provider_id,
                array_agg(o.day_of_week) AS days,
                array_agg(o.is_available) AS available,
                array_agg(o.start_time) AS starts,
                array_agg(o.end_time) AS ends,
                array_agg(o.timezone) AS zones
            -- In the order in which a document holds its days' names, so that arrays are alike where nothing differs.
            FROM (
                SELECT * FROM provider_availability AS a ORDER BY a.provider_id, length(a.day_of_week), a.day_of_week COLLATE "C"
            ) AS o
            GROUP BY o.provider_id
        ) AS s ON s.provider_id = p.id
        WHERE CASE
            WHEN r.outcome = 'rejected' THEN
                (j.reason, j.path, j.document_hash) IS DISTINCT FROM (r.reason, r.path, md5(p.availability::text))
            WHEN j.reason <> 'row_differs' AND j.reason NOT LIKE 'error\_%' THEN true
            -- A week that is the same as a whole agrees; others are taken apart by day.
            WHEN (r.days, r.available, r.starts, r.ends, r.zones) IS NOT DISTINCT FROM (s.days, s.available, s.starts, s.ends, s.zones) THEN false
            ELSE j.document_hash IS DISTINCT FROM coalesce(md5(p.availability::text), '') AND EXISTS (
                SELECT
                FROM unnest(r.days, r.available, r.starts, r.ends, r.zones) AS n (day, available, start_time, end_time, zone)
                FULL JOIN unnest(s.days, s.available, s.starts, s.ends, s.zones) AS a (day, available, start_time, end_time, zone)
                    ON a.day = n.day
                WHERE NOT provider_availability_agrees(
                    a.available, a.start_time, a.end_time, a.zone, n.available, n.start_time, n.end_time, n.zone, policy
                )
            )
        END;
    END IF;

    -- What the triggers kept done since a finished backfill is not done in batches again (leftover: in the batch file). Where
    -- they did not, and it is more than that, the batches run after all; by hand there is no such limit.
    SELECT count(*) INTO n FROM schedtool_left;
    IF n > nullif(current_setting('schedtool.leftover', true), '')::bigint THEN
        RAISE EXCEPTION '% documents are not done, after a finished backfill', n
            USING ERRCODE = 'ST004', HINT = 'schedtool runs the batches again, rather than hold the locks of so many.';
    END IF;

    PERFORM FROM providers AS p WHERE p.id IN (SELECT l.id FROM schedtool_left AS l) ORDER BY p.id FOR NO KEY UPDATE;

    -- A foreign key asks for every row whether its provider is there, and the locks have answered that: where the role may
    -- have keys passed over, and nothing else would be (each batch looks for the same), that is a third of the work less.
    LOCK TABLE provider_availability, provider_availability_rejects IN ROW EXCLUSIVE MODE;
    IF n > 0 AND current_setting('session_replication_role') = 'origin' AND NOT (
        EXISTS (
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
        ) OR NOT has_function_privilege('provider_availability_follow_row()'::regprocedure, 'EXECUTE')
    ) THEN
        BEGIN
            PERFORM set_config('session_replication_role', 'replica', true);
            passes_over := true;
        EXCEPTION
            WHEN insufficient_privilege THEN
                NULL;
        END;
    END IF;

    -- The list may be short, or all providers: the plan hangs on it.
    ANALYZE schedtool_left;
    WITH documents AS MATERIALIZED (
        SELECT p.id, r.outcome, r.reason, r.path, r.value, r.days, r.available, r.starts, r.ends, r.zones
        FROM providers AS p
        CROSS JOIN LATERAL provider_availability_read(p.availability, policy) AS r
        WHERE p.id IN (SELECT l.id FROM schedtool_left AS l)
        -- Who has been deleted and is there anew since the locks above is locked here: no row is written for one that is not.
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
                a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, policy
            ) AS is_equal
        FROM documents AS d
        JOIN provider_availability AS a ON a.provider_id = d.id
        LEFT JOIN days AS n ON n.id = a.provider_id AND n.day = a.day_of_week
        WHERE d.outcome <> 'rejected'
    ),
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
        JOIN providers AS p ON p.id = c.id
    ),
    settled AS (
        DELETE FROM provider_availability_rejects AS j
        USING documents AS d
        WHERE j.provider_id = d.id AND NOT EXISTS (SELECT FROM rejects AS r WHERE r.id = d.id)
    ),
    noted AS (
        INSERT INTO provider_availability_rejects AS j (provider_id, path, value, reason, document_hash, stale)
        SELECT
            r.id, r.path, r.value, r.reason, r.document_hash,
            r.reason <> 'row_differs' AND EXISTS (SELECT FROM provider_availability AS a WHERE a.provider_id = r.id)
        FROM rejects AS r
        ON CONFLICT (provider_id) DO UPDATE
        SET path = EXCLUDED.path, value = EXCLUDED.value, reason = EXCLUDED.reason,
            document_hash = EXCLUDED.document_hash, stale = EXCLUDED.stale, rejected_at = EXCLUDED.rejected_at,
            accepted_by = NULL, accepted_at = NULL, note = NULL
    )
    SELECT count(*) INTO filled FROM inserted;
    IF passes_over THEN
        PERFORM set_config('session_replication_role', 'origin', true);
    END IF;
    -- For whoever runs this file and wants to know.
    PERFORM set_config('schedtool.rows', filled::text, true);

    -- The drop and the rollback of 0002 know by this function that the rows are filled. A comment would be rewritten by
    -- whoever documents the table, and a table of its own be emptied with the data.
    CREATE OR REPLACE FUNCTION provider_availability_filled() RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
    COMMENT ON FUNCTION provider_availability_filled() IS 'Migration 0003 has filled provider_availability from providers.availability.';
    DROP TABLE schedtool_left;
END
$$;
