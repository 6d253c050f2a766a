-- Give providers.availability back, from the archive: the exact documents, with the days said anew that changed in the rows
-- since. What the drop took along is restored, the triggers keep rows and documents in step again, and every document that
-- came back is held against its rows: one that differs becomes a reject. The archive stays.
-- locks: provider_availability SHARE ROW EXCLUSIVE for the end of it, behind the batches: writers of rows wait, readers go on
-- locks: providers ACCESS EXCLUSIVE for the end of it, behind the batches; alone: until every document is back
-- Indexes and checks that hung on the column are built again under that lock.
-- May run again: it says so and does nothing. One statement, so that nothing runs behind a guard that said no.
-- By hand: psql -X -v ON_ERROR_STOP=1 -f (this file); schedtool rollback runs the batches first.

DO $$
DECLARE
    policy jsonb;
    statement text;
    ahead boolean;
    everything bigint;
    n bigint;
    filled bigint := 0;
    differing bigint := 0;
    few record;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'this needs READ COMMITTED: under % it would decide by what it saw before its locks', current_setting('transaction_isolation')
            USING HINT = 'SET default_transaction_isolation = ''read committed'' and run it again.';
    END IF;
    -- A temporary table of the archive's name would take the documents with it.
    PERFORM set_config('search_path', format('%I, pg_temp', current_schema()), true);
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    PERFORM set_config('jit', 'off', true);
    IF EXISTS (
        SELECT FROM pg_attribute AS a
        JOIN pg_trigger AS t ON t.tgrelid = a.attrelid AND t.tgname = 'providers_availability_update_trigger'
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
    ) THEN
        RAISE NOTICE 'providers.availability is there';
        RETURN;
    END IF;
    IF EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
    ) THEN
        RAISE EXCEPTION 'table providers has a column availability that is not the one that was dropped'
            USING ERRCODE = 'ST003', HINT = 'Rename it or drop it: the documents come back under that name.';
    ELSIF to_regclass('providers_availability_archive') IS NULL OR to_regproc('provider_availability_patch') IS NULL THEN
        RAISE EXCEPTION 'the archive of the column, or migration 0002, is not there'
            USING ERRCODE = 'undefined_table', HINT = 'Without them the documents cannot be given back.';
    ELSIF row_security_active('providers') OR row_security_active('provider_availability') THEN
        RAISE EXCEPTION 'row-level security applies to role %, which cannot see every row', current_user
            USING ERRCODE = 'ST003', HINT = 'Use the owner of the tables, or a role with BYPASSRLS.';
    ELSIF EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability_returning' AND NOT a.attisdropped
            AND coalesce(col_description(a.attrelid, a.attnum), '') NOT LIKE '%schedtool rollback%'
    ) THEN
        RAISE EXCEPTION 'table providers has a column availability_returning of somebody else''s'
            USING ERRCODE = 'ST003', HINT = 'Rename it: the documents come back under that name first.';
    END IF;
    SELECT p.settings INTO policy FROM provider_availability_policy AS p ORDER BY p.version DESC LIMIT 1;
    policy := coalesce(policy, '{}');
    ahead := to_regclass('providers_availability_archive_changes') IS NOT NULL AND EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability_returning' AND NOT a.attisdropped
    ) AND EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = to_regclass('provider_availability') AND t.tgname = 'provider_availability_insert_trigger' AND t.tgenabled = 'A'
    );
    -- Turns of the same statements, as in the drop: first what the batches left, then what changed meanwhile; the last turn
    -- behind the locks. Alone everything is done behind them.
    PERFORM set_config('plan_cache_mode', 'force_generic_plan', true);
    FOR turn IN 1 .. 5 LOOP
        IF turn = 5 OR NOT ahead THEN
            -- Rows first: their writers no longer lock providers since the drop.
            LOCK TABLE provider_availability IN SHARE ROW EXCLUSIVE MODE;
            LOCK TABLE providers IN ACCESS EXCLUSIVE MODE;
        ELSIF turn > 1 THEN
            SELECT count(*) INTO n FROM (SELECT FROM providers_availability_archive_changes LIMIT 100) AS f;
            CONTINUE WHEN n < 100;
        END IF;
        IF turn = 1 AND NOT ahead THEN
            EXECUTE format(
                'CREATE TABLE IF NOT EXISTS providers_availability_archive_changes (provider_id %s NOT NULL)', (
                    SELECT format_type(a.atttypid, a.atttypmod)
                    FROM pg_attribute AS a
                    WHERE a.attrelid = to_regclass('providers') AND a.attname = 'id'
                )
            );
            CREATE INDEX IF NOT EXISTS providers_availability_archive_changes_provider_id_idx
                ON providers_availability_archive_changes (provider_id);
            COMMENT ON TABLE providers_availability_archive_changes IS 'Providers whose documents have to be looked at again.';
            COMMENT ON COLUMN providers_availability_archive_changes.provider_id IS 'Whose document.';
            IF NOT EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability_returning' AND NOT a.attisdropped
            ) THEN
                ALTER TABLE providers ADD COLUMN availability_returning jsonb;
                COMMENT ON COLUMN providers.availability_returning IS 'A document on its way back: schedtool rollback fills it, and renames it in the end.';
            END IF;
            INSERT INTO providers_availability_archive_changes (provider_id) SELECT p.id FROM providers AS p;
        ELSIF turn = 1 THEN
            -- Only these can be missing: a batch leaves no document empty that is in the archive, or has rows.
            INSERT INTO providers_availability_archive_changes (provider_id)
            SELECT p.id
            FROM providers AS p
            LEFT JOIN providers_availability_archive AS a ON a.provider_id = p.id
            WHERE p.availability_returning IS NULL
                AND (a.availability IS NOT NULL OR EXISTS (SELECT FROM provider_availability AS o WHERE o.provider_id = p.id));
        END IF;
        IF EXISTS (SELECT FROM providers_availability_archive_changes) THEN
            -- LIMIT everything, which is NULL: the planner does not know, and plans for few of many, as is right behind the lock.
            WITH RECURSIVE taken AS (
                DELETE FROM providers_availability_archive_changes RETURNING provider_id
            ),
            due AS MATERIALIZED (
                SELECT
                    p.id,
                    a.availability AS document,
                    a.rows_hash IS NOT DISTINCT FROM (
                        SELECT coalesce(bit_xor(hash_record_extended((o.day_of_week, o.is_available, o.start_time, o.end_time, o.timezone), 0)), 0)
                        FROM provider_availability AS o
                        WHERE o.provider_id = p.id
                    ) AS is_same
                FROM (SELECT DISTINCT t.provider_id FROM taken AS t LIMIT everything) AS c
                JOIN providers AS p ON p.id = c.provider_id
                LEFT JOIN providers_availability_archive AS a ON a.provider_id = p.id
            ),
            -- Rows that were written since the drop: their days are said anew, one after the other.
            days AS MATERIALIZED (
                SELECT
                    w.id, w.day, row_number() OVER (PARTITION BY w.id ORDER BY w.day) AS i,
                    a.id IS NOT NULL AS is_said, a.is_available, a.start_time, a.end_time, a.timezone
                FROM (
                    SELECT d.id, u.day, u.available, u.start_time, u.end_time, u.zone
                    FROM due AS d
                    CROSS JOIN LATERAL provider_availability_read(d.document, policy) AS r
                    CROSS JOIN LATERAL unnest(r.days, r.available, r.starts, r.ends, r.zones) AS u (day, available, start_time, end_time, zone)
                    WHERE NOT d.is_same
                ) AS n
                FULL JOIN (
                    SELECT o.* FROM due AS d JOIN provider_availability AS o ON o.provider_id = d.id WHERE NOT d.is_same
                ) AS a ON a.provider_id = n.id AND a.day_of_week = n.day
                CROSS JOIN LATERAL (SELECT coalesce(n.id, a.provider_id) AS id, coalesce(n.day, a.day_of_week) AS day) AS w
                WHERE NOT provider_availability_agrees(
                    a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, policy
                )
            ),
            said AS (
                SELECT d.id, 0::bigint AS i, d.document
                FROM due AS d
                WHERE NOT d.is_same
                UNION ALL
                -- A document that cannot be read was left behind by name; it comes back as it was.
                SELECT s.id, n.i, coalesce(
                    provider_availability_patch(s.document, policy, n.day, n.is_said, n.is_available, n.start_time, n.end_time, n.timezone),
                    s.document
                )
                FROM said AS s
                JOIN days AS n ON n.id = s.id AND n.i = s.i + 1
            ),
            back AS MATERIALIZED (
                SELECT d.id, d.document, d.is_same
                FROM due AS d
                WHERE d.is_same
                UNION ALL
                SELECT l.id, l.document, false
                FROM (SELECT DISTINCT ON (s.id) s.id, s.document FROM said AS s ORDER BY s.id, s.i DESC) AS l
            ),
            filled AS (
                UPDATE providers AS p
                SET availability_returning = b.document
                FROM back AS b
                WHERE b.id = p.id AND p.availability_returning::text IS DISTINCT FROM b.document::text
                RETURNING p.id
            ),
            -- The proof: what comes back is read, and held against its rows.
            held AS MATERIALIZED (
                SELECT
                    b.id, b.document, b.is_same, r.outcome, r.path, r.value, j.provider_id IS NOT NULL AS is_listed,
                    CASE WHEN r.outcome = 'rejected' THEN r.reason ELSE 'row_differs' END AS reason,
                    r.outcome <> 'rejected' AND NOT EXISTS (
                        SELECT
                        FROM unnest(r.days, r.available, r.starts, r.ends, r.zones) AS n (day, available, start_time, end_time, zone)
                        FULL JOIN (SELECT * FROM provider_availability AS o WHERE o.provider_id = b.id) AS a ON a.day_of_week = n.day
                        WHERE NOT provider_availability_agrees(
                            a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, policy
                        )
                    ) AS is_equal
                FROM back AS b
                CROSS JOIN LATERAL provider_availability_read(b.document, policy) AS r
                LEFT JOIN provider_availability_rejects AS j ON j.provider_id = b.id
            ),
            closed AS (
                DELETE FROM provider_availability_rejects AS j
                USING held AS h
                WHERE j.provider_id = h.id AND h.is_equal AND NOT h.is_same
            ),
            -- Nothing is refused on the way back: what does not equal its rows waits for a decision.
            listed AS (
                INSERT INTO provider_availability_rejects AS j (provider_id, path, value, reason, document_hash, stale)
                SELECT
                    h.id, coalesce(h.path, '$'), h.value, h.reason, coalesce(md5(h.document::text), ''),
                    h.reason <> 'row_differs' AND EXISTS (SELECT FROM provider_availability AS o WHERE o.provider_id = h.id)
                FROM held AS h
                WHERE NOT h.is_equal AND (NOT h.is_listed OR NOT h.is_same AND h.outcome <> 'rejected')
                ON CONFLICT (provider_id) DO UPDATE
                SET path = EXCLUDED.path, value = EXCLUDED.value, reason = EXCLUDED.reason,
                    document_hash = EXCLUDED.document_hash, stale = EXCLUDED.stale, rejected_at = EXCLUDED.rejected_at,
                    accepted_by = NULL, accepted_at = NULL, note = NULL
                RETURNING provider_id
            )
            SELECT (SELECT count(*) FROM filled) AS filled, (SELECT count(*) FROM listed) AS listed INTO few;
            filled := filled + few.filled;
            differing := differing + few.listed;
        END IF;
    END LOOP;
    ALTER TABLE providers RENAME COLUMN availability_returning TO availability;
    COMMENT ON COLUMN providers.availability IS NULL;
    FOR statement IN
        SELECT d.definition FROM providers_availability_archive_definitions AS d ORDER BY d.place
    LOOP
        EXECUTE statement;
    END LOOP;
    DROP TABLE providers_availability_archive_changes;
    PERFORM set_config('schedtool.rows', filled::text, true);
    IF differing > 0 THEN
        RAISE NOTICE '% documents that came back do not say what their rows say: schedtool rejects lists them', differing;
    END IF;
END
$$;
