-- Drop the column providers.availability: the last step, optional, and refused unless nothing would be lost.
-- Refuses while a document is neither equal to its rows nor accepted by name, a trigger is off, or something uses the column.
-- Keeps every document in providers_availability_archive, and what the drop takes along (indexes, checks, default, NOT
-- NULL, grants, comment) as statements beside it. Disk space does not come back by itself: the rows are not rewritten.
-- depends: 0003.backfill-provider-availability
-- locks: providers ACCESS EXCLUSIVE for the drop itself, after the proof; alone, without the batches: SHARE ROW EXCLUSIVE during the proof too
-- May run again: it says so and does nothing. One statement, so that nothing runs behind a guard that said no.
-- By hand: psql -X -v ON_ERROR_STOP=1 -f (this file); schedtool apply --contract runs the batches first.

DO $$
DECLARE
    key_type text;
    policy jsonb;
    n bigint;
    names text;
    ahead boolean := to_regclass('providers_availability_archive') IS NOT NULL AND EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = to_regclass('providers') AND t.tgname = 'providers_availability_archive_trigger' AND t.tgenabled IN ('O', 'A')
    );
    turn integer;
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
    IF to_regclass('provider_availability') IS NULL OR to_regclass('provider_availability_rejects') IS NULL THEN
        RAISE EXCEPTION 'the tables of migrations 0001 and 0002 are not there'
            USING ERRCODE = 'ST003', HINT = 'Apply 0001 to 0003 first: without their rows the documents would be lost.';
    ELSIF NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
    ) THEN
        IF to_regclass('providers_availability_archive') IS NULL THEN
            RAISE EXCEPTION 'table providers has no column availability, and no archive of it is there' USING ERRCODE = 'undefined_column';
        END IF;
        RAISE NOTICE 'providers.availability is dropped already';
        RETURN;
    ELSIF to_regprocedure('provider_availability_filled()') IS NULL THEN
        RAISE EXCEPTION 'the rows were not filled from the documents'
            USING ERRCODE = 'ST003', HINT = 'Apply 0003 first.';
    ELSIF row_security_active('providers') OR row_security_active('provider_availability') THEN
        RAISE EXCEPTION 'row-level security applies to role %, which cannot see every row', current_user
            USING ERRCODE = 'ST003', HINT = 'Use the owner of the tables, or a role with BYPASSRLS.';
    END IF;

    SELECT string_agg(w.name, ', ' ORDER BY w.name) INTO names
    FROM unnest(ARRAY['providers_availability_insert_trigger', 'providers_availability_update_trigger',
        'provider_availability_insert_trigger', 'provider_availability_update_trigger', 'provider_availability_delete_trigger']) AS w (name)
    WHERE NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgname = w.name AND t.tgenabled IN ('O', 'A')
            AND t.tgrelid IN (to_regclass('providers'), to_regclass('provider_availability'))
    );
    IF names IS NOT NULL THEN
        RAISE EXCEPTION 'rows and documents are not kept in step: % missing or disabled', names
            USING ERRCODE = 'ST003', HINT = 'schedtool verify schema shows it; enable the trigger, then verify parity.';
    END IF;

    -- What uses the column, apart from what goes with it or is ours.
    SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ') INTO names
    FROM pg_attribute AS a
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype = 'n'
    WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability'
        AND NOT (d.classid = 'pg_trigger'::regclass AND d.objid IN (
            SELECT t.oid FROM pg_trigger AS t WHERE t.tgname LIKE 'providers\_availability\_%\_trigger'
        ))
        -- A CHECK of the table depends on its columns twice; it goes along, and comes back.
        AND NOT (d.classid = 'pg_constraint'::regclass AND d.objid IN (SELECT k.oid FROM pg_constraint AS k WHERE k.conrelid = a.attrelid));
    IF names IS NOT NULL THEN
        RAISE EXCEPTION 'providers.availability is in use: %', names
            USING ERRCODE = 'ST003', HINT = 'Change or drop these first; CASCADE is never used here.';
    END IF;

    SELECT count(*), string_agg(DISTINCT j.reason, ', ') INTO n, names
    FROM provider_availability_rejects AS j
    WHERE j.accepted_at IS NULL;
    IF n > 0 THEN
        RAISE EXCEPTION '% documents wait for a decision: %', n, names
            USING ERRCODE = 'ST003', HINT = 'schedtool rejects lists them; mend the documents, or leave them behind by name with schedtool rejects --accept.';
    END IF;

    SELECT p.settings INTO policy FROM provider_availability_policy AS p ORDER BY p.version DESC LIMIT 1;
    policy := coalesce(policy, '{}');
    IF to_regclass('providers_availability_archive_changes') IS NULL OR NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = to_regclass('providers') AND t.tgname = 'providers_availability_archive_trigger' AND t.tgenabled IN ('O', 'A')
    ) THEN
        -- One at a time; whoever waited finds it made.
        PERFORM pg_advisory_xact_lock(hashtext('providers_availability_archive'));
        SELECT format_type(a.atttypid, a.atttypmod) INTO key_type
        FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'id';
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS providers_availability_archive (
                provider_id %s NOT NULL,
                availability jsonb,
                archived_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
                CONSTRAINT providers_availability_archive_provider_id_pkey PRIMARY KEY (provider_id)
            )', key_type);
        COMMENT ON TABLE providers_availability_archive IS 'The documents of providers.availability, exactly as they were when the column was dropped.';
        COMMENT ON COLUMN providers_availability_archive.provider_id IS 'Whose document; no foreign key: a provider may go, its archive stays.';
        COMMENT ON COLUMN providers_availability_archive.availability IS 'The document.';
        COMMENT ON COLUMN providers_availability_archive.archived_at IS 'When it was copied here.';
        CREATE TABLE IF NOT EXISTS providers_availability_archive_definitions (
            place integer NOT NULL,
            definition text NOT NULL,
            CONSTRAINT providers_availability_archive_definitions_place_pkey PRIMARY KEY (place)
        );
        COMMENT ON TABLE providers_availability_archive_definitions IS 'Statements that give the column back what its drop took along.';
        COMMENT ON COLUMN providers_availability_archive_definitions.place IS 'Order in which they run.';
        COMMENT ON COLUMN providers_availability_archive_definitions.definition IS 'The statement.';
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS providers_availability_archive_changes (
                provider_id %s NOT NULL,
                CONSTRAINT providers_availability_archive_changes_provider_id_pkey PRIMARY KEY (provider_id)
            )', key_type);
        COMMENT ON TABLE providers_availability_archive_changes IS 'Providers whose documents changed after they were archived.';
        COMMENT ON COLUMN providers_availability_archive_changes.provider_id IS 'Whose document.';
        CREATE OR REPLACE FUNCTION providers_availability_archive_note() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER AS $note$
        BEGIN
            IF TG_OP = 'INSERT' OR (OLD.id, OLD.availability::text) IS DISTINCT FROM (NEW.id, NEW.availability::text) THEN
                INSERT INTO providers_availability_archive_changes (provider_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
            END IF;
            RETURN NULL;
        END
        $note$;
        COMMENT ON FUNCTION providers_availability_archive_note() IS 'Trigger: notes a document that changes after it was archived.';
        EXECUTE format('ALTER FUNCTION providers_availability_archive_note() SET search_path = pg_catalog, %I, pg_temp', current_schema());
        REVOKE ALL ON FUNCTION providers_availability_archive_note() FROM PUBLIC;
        -- Every update, not UPDATE OF: that would miss what a BEFORE trigger of the application changes.
        CREATE OR REPLACE TRIGGER providers_availability_archive_trigger
            AFTER INSERT OR UPDATE ON providers
            FOR EACH ROW EXECUTE FUNCTION providers_availability_archive_note();
        ALTER TABLE providers ENABLE TRIGGER providers_availability_archive_trigger;
        COMMENT ON TRIGGER providers_availability_archive_trigger ON providers IS 'Notes a document that changes after it was archived.';
    END IF;

    IF ahead AND (
        SELECT count(*)
        FROM (
            SELECT
            FROM providers AS p
            WHERE NOT EXISTS (SELECT FROM providers_availability_archive AS a WHERE a.provider_id = p.id)
                OR EXISTS (SELECT FROM providers_availability_archive_changes AS c WHERE c.provider_id = p.id)
            LIMIT 10001
        ) AS few
    ) > 10000 THEN
        RAISE EXCEPTION 'more than 10000 documents are not archived yet'
            USING ERRCODE = 'ST003', HINT = 'schedtool apply --contract archives them in batches first.';
    END IF;

    -- Two turns: first without a lock on the table, everything; then behind it, what changed meanwhile.
    FOR turn IN 1 .. 2 LOOP
        IF turn = 2 THEN
            LOCK TABLE providers IN ACCESS EXCLUSIVE MODE;
        END IF;
        WITH documents AS MATERIALIZED (
            SELECT
                p.id,
                CASE
                    WHEN r.outcome = 'rejected' OR j.reason = 'row_differs' OR j.reason LIKE 'error\_%'
                        THEN j.accepted_at IS NOT NULL AND j.document_hash = coalesce(md5(p.availability::text), '')
                    ELSE NOT EXISTS (
                        SELECT
                        FROM unnest(r.days, r.available, r.starts, r.ends, r.zones) AS n (day, available, start_time, end_time, zone)
                        FULL JOIN (SELECT * FROM provider_availability AS o WHERE o.provider_id = p.id) AS a ON a.day_of_week = n.day
                        WHERE NOT provider_availability_agrees(
                            a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, policy
                        )
                    )
                END AS is_settled
            FROM providers AS p
            CROSS JOIN LATERAL provider_availability_read(p.availability, policy) AS r
            LEFT JOIN provider_availability_rejects AS j ON j.provider_id = p.id
            WHERE turn = 1 OR p.id IN (SELECT c.provider_id FROM providers_availability_archive_changes AS c)
        )
        SELECT count(*), string_agg(s.id::text, ', ' ORDER BY s.id) FILTER (WHERE s.i <= 3) INTO n, names
        FROM (SELECT d.id, row_number() OVER (ORDER BY d.id) AS i FROM documents AS d WHERE NOT d.is_settled) AS s;
        IF n > 0 THEN
            RAISE EXCEPTION '% documents do not equal their rows: providers %', n, names || CASE WHEN n > 3 THEN ', …' ELSE '' END
                USING ERRCODE = 'ST003', HINT = 'schedtool verify parity looks closer; schedtool backfill makes rejects of them.';
        END IF;
        -- No row locks in the first turn: writers behind them would hold what the second turn waits for. What they change
        -- is noted, and archived again.
        INSERT INTO providers_availability_archive AS a (provider_id, availability)
        SELECT p.id, p.availability
        FROM providers AS p
        -- A copy is not believed because it is there: it may be of another drop, or the trigger that notes changes was off.
        WHERE turn = 1 AND NOT EXISTS (
            SELECT FROM providers_availability_archive AS o
            WHERE o.provider_id = p.id AND o.availability::text IS NOT DISTINCT FROM p.availability::text
        ) OR p.id IN (SELECT c.provider_id FROM providers_availability_archive_changes AS c)
        ON CONFLICT (provider_id) DO UPDATE SET availability = EXCLUDED.availability, archived_at = EXCLUDED.archived_at;
    END LOOP;

    -- What goes with the column, as statements that give it back.
    DELETE FROM providers_availability_archive_definitions;
    INSERT INTO providers_availability_archive_definitions (place, definition)
    SELECT row_number() OVER (ORDER BY w.rank, w.definition), w.definition
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid
    CROSS JOIN LATERAL (
        SELECT 1 AS rank, format('ALTER TABLE %I ALTER COLUMN %I SET DEFAULT %s', c.relname, a.attname, pg_get_expr(f.adbin, f.adrelid)) AS definition
        FROM pg_attrdef AS f
        WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum
        UNION ALL
        -- Providers that came after the drop, and have no rows to make a document of.
        SELECT 2, format(
            'UPDATE %I AS p SET %I = %s WHERE p.%I IS NULL AND NOT EXISTS (SELECT FROM providers_availability_archive AS h WHERE h.provider_id = p.id)',
            c.relname, a.attname, CASE WHEN a.atthasdef THEN 'DEFAULT' ELSE quote_literal('{}') END, a.attname
        )
        WHERE a.attnotnull OR a.atthasdef
        UNION ALL
        SELECT 3, format('ALTER TABLE %I ALTER COLUMN %I SET NOT NULL', c.relname, a.attname)
        WHERE a.attnotnull
        UNION ALL
        SELECT 3, format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, k.conname, pg_get_constraintdef(k.oid))
        FROM pg_constraint AS k
        WHERE k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey) AND k.contype IN ('c', 'u', 'x')
        UNION ALL
        SELECT 4, pg_get_indexdef(i.indexrelid)
        FROM pg_index AS i
        WHERE i.indrelid = a.attrelid
            AND EXISTS (
                SELECT FROM pg_depend AS d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
            )
            AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid)
        UNION ALL
        SELECT 4, format('ALTER TABLE %I CLUSTER ON %I', c.relname, i.indexrelid::regclass::text)
        FROM pg_index AS i
        WHERE i.indrelid = a.attrelid AND i.indisclustered AND i.indexrelid IN (
            SELECT d.objid FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
        )
        UNION ALL
        SELECT 5, pg_get_statisticsobjdef(s.oid)
        FROM pg_statistic_ext AS s
        WHERE s.oid IN (
            SELECT d.objid FROM pg_depend AS d
            WHERE d.classid = 'pg_statistic_ext'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
        )
        UNION ALL
        SELECT 6, format('ALTER TABLE %I ALTER COLUMN %I SET STORAGE %s', c.relname, a.attname,
            CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
        WHERE a.attstorage <> (SELECT y.typstorage FROM pg_type AS y WHERE y.oid = a.atttypid)
        UNION ALL
        SELECT 6, format('ALTER TABLE %I ALTER COLUMN %I SET COMPRESSION %s', c.relname, a.attname, CASE a.attcompression WHEN 'l' THEN 'lz4' ELSE 'pglz' END)
        WHERE a.attcompression <> ''
        UNION ALL
        SELECT 6, format('ALTER TABLE %I ALTER COLUMN %I SET STATISTICS %s', c.relname, a.attname, a.attstattarget)
        WHERE a.attstattarget >= 0
        UNION ALL
        SELECT 6, format('ALTER TABLE %I ALTER COLUMN %I SET (%s)', c.relname, a.attname, string_agg(o.said, ', '))
        FROM unnest(a.attoptions) AS o (said)
        WHERE o.said ~ '^n_distinct'
        HAVING count(*) > 0
        UNION ALL
        SELECT 6, format('COMMENT ON CONSTRAINT %I ON %I IS %L', k.conname, c.relname, obj_description(k.oid, 'pg_constraint'))
        FROM pg_constraint AS k
        WHERE k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey) AND obj_description(k.oid, 'pg_constraint') IS NOT NULL
        UNION ALL
        SELECT 6, format('COMMENT ON INDEX %s IS %L', d.objid::regclass, obj_description(d.objid, 'pg_class'))
        FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
            AND obj_description(d.objid, 'pg_class') IS NOT NULL
        UNION ALL
        SELECT 6, format('COMMENT ON STATISTICS %I IS %L', s.stxname, obj_description(s.oid, 'pg_statistic_ext'))
        FROM pg_statistic_ext AS s
        JOIN pg_depend AS d ON d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
            AND obj_description(s.oid, 'pg_statistic_ext') IS NOT NULL
        UNION ALL
        SELECT 6, format('COMMENT ON COLUMN %I.%I IS %L', c.relname, a.attname, col_description(a.attrelid, a.attnum))
        WHERE col_description(a.attrelid, a.attnum) IS NOT NULL
        UNION ALL
        SELECT 7, format(
            'GRANT %s (%I) ON %I TO %s%s', g.privilege_type, a.attname, c.relname,
            CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
            CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        )
        FROM aclexplode(a.attacl) AS g
        UNION ALL
        -- Not the column's, but ours to put back: the bodies of the triggers that this migration takes away.
        SELECT 8, pg_get_functiondef(f.oid)
        FROM pg_proc AS f
        WHERE f.oid = to_regproc('provider_availability_follow_row')
        UNION ALL
        SELECT 9, replace(pg_get_triggerdef(t.oid, true), format(' ON %I.', current_schema()), ' ON ')
        FROM pg_trigger AS t
        WHERE t.tgrelid = a.attrelid AND t.tgname IN ('providers_availability_insert_trigger', 'providers_availability_update_trigger')
        UNION ALL
        SELECT 10, format('COMMENT ON TRIGGER %I ON %I IS %L', t.tgname, c.relname, obj_description(t.oid, 'pg_trigger'))
        FROM pg_trigger AS t
        WHERE t.tgrelid = a.attrelid AND t.tgname IN ('providers_availability_insert_trigger', 'providers_availability_update_trigger')
    ) AS w
    WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability';

    -- The rows' table is not touched here: locking it behind providers deadlocks with its writers. Its trigger stays, and
    -- does nothing from now on.
    CREATE OR REPLACE FUNCTION provider_availability_follow_row() RETURNS trigger
    LANGUAGE plpgsql AS $nothing$
    BEGIN
        RETURN NULL;
    END
    $nothing$;
    DROP TRIGGER providers_availability_archive_trigger ON providers;
    DROP TRIGGER providers_availability_insert_trigger ON providers;
    DROP TRIGGER providers_availability_update_trigger ON providers;
    DROP FUNCTION providers_availability_archive_note();
    DROP TABLE providers_availability_archive_changes;
    ALTER TABLE providers DROP COLUMN availability;
END
$$;
