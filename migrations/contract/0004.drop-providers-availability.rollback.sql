-- Give providers.availability back, from the archive: the exact documents, with the days said anew that changed in the rows
-- since. What the drop took along is restored, the triggers keep rows and documents in step again. The archive stays.
-- locks: providers ACCESS EXCLUSIVE until it ends: the column is filled in this one transaction
-- locks: provider_availability SHARE until it ends: writers of rows wait, readers go on
-- May run again: it says so and does nothing. One statement, so that nothing runs behind a guard that said no.
-- By hand: psql -X -v ON_ERROR_STOP=1 -f (this file)

DO $$
DECLARE
    policy jsonb;
    statement text;
    changed record;
    patched jsonb;
    filled bigint;
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
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
    ) THEN
        RAISE NOTICE 'providers.availability is there';
        RETURN;
    ELSIF to_regclass('providers_availability_archive') IS NULL OR to_regproc('provider_availability_patch') IS NULL THEN
        RAISE EXCEPTION 'the archive of the column, or migration 0002, is not there'
            USING ERRCODE = 'undefined_table', HINT = 'Without them the documents cannot be given back.';
    END IF;
    -- Rows first: their writers no longer lock providers since the drop.
    LOCK TABLE provider_availability IN SHARE MODE;
    LOCK TABLE providers IN ACCESS EXCLUSIVE MODE;
    SELECT p.settings INTO policy FROM provider_availability_policy AS p ORDER BY p.version DESC LIMIT 1;
    policy := coalesce(policy, '{}');
    ALTER TABLE providers ADD COLUMN availability jsonb;
    UPDATE providers AS p
    SET availability = a.availability
    FROM providers_availability_archive AS a
    WHERE a.provider_id = p.id AND a.availability IS NOT NULL;
    GET DIAGNOSTICS filled = ROW_COUNT;
    PERFORM set_config('schedtool.rows', filled::text, true);
    FOR changed IN
        SELECT w.id, w.day, a.id IS NOT NULL AS is_said, a.is_available, a.start_time, a.end_time, a.timezone
        FROM (
            SELECT p.id, n.day, n.available, n.start_time, n.end_time, n.zone
            FROM providers AS p
            CROSS JOIN LATERAL provider_availability_read(p.availability, policy) AS r
            CROSS JOIN LATERAL unnest(r.days, r.available, r.starts, r.ends, r.zones) AS n (day, available, start_time, end_time, zone)
        ) AS n
        FULL JOIN provider_availability AS a ON a.provider_id = n.id AND a.day_of_week = n.day
        CROSS JOIN LATERAL (SELECT coalesce(n.id, a.provider_id) AS id, coalesce(n.day, a.day_of_week) AS day) AS w
        WHERE NOT provider_availability_agrees(
            a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, policy
        )
            -- A row that was left to differ by name, and was not written since, leaves its document as it was.
            AND NOT EXISTS (
                SELECT
                FROM provider_availability_rejects AS j
                JOIN providers_availability_archive AS h ON h.provider_id = j.provider_id
                WHERE j.provider_id = w.id AND (j.reason = 'row_differs' OR j.reason LIKE 'error\_%') AND j.accepted_at IS NOT NULL
                    AND j.document_hash = coalesce(md5(h.availability::text), '')
                    AND (a.id IS NULL OR a.updated_at <= h.archived_at)
            )
        ORDER BY w.id, w.day
    LOOP
        SELECT provider_availability_patch(
            p.availability, policy, changed.day, changed.is_said, changed.is_available, changed.start_time, changed.end_time, changed.timezone
        ) INTO patched
        FROM providers AS p
        WHERE p.id = changed.id;
        -- A document that cannot be read was left behind by name; it comes back as it was.
        IF patched IS NOT NULL THEN
            UPDATE providers AS p SET availability = patched WHERE p.id = changed.id;
        END IF;
    END LOOP;
    FOR statement IN
        SELECT d.definition FROM providers_availability_archive_definitions AS d ORDER BY d.place
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
