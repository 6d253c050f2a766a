-- Drop the column providers.availability: the last step, optional, and refused unless nothing would be lost.
-- Refuses while a document is neither equal to its rows nor accepted by name, a trigger is off, or something uses the column.
-- Keeps every document in providers_availability_archive, and what the drop takes along (indexes, checks, default, NOT
-- NULL, grants, comment) as statements beside it. Disk space does not come back by itself: the rows are not rewritten.
-- depends: 0003.backfill-provider-availability
-- again: true
-- locks: providers ACCESS EXCLUSIVE for the drop itself, after the proof; alone, without the batches: SHARE ROW EXCLUSIVE during the proof too
-- locks: provider_availability ACCESS EXCLUSIVE an instant, when it runs again: the triggers that do nothing any more go
-- May run again, and wants to: the first run must not lock the rows behind the providers (their writers come the other way
-- round), so it leaves triggers that do nothing on the rows; a second run, in a transaction of its own, takes them away.
-- One statement, so that nothing runs behind a guard that said no.
-- By hand, twice: psql -X -v ON_ERROR_STOP=1 -f (this file); schedtool apply --contract runs the batches first.

DO $$
DECLARE
    key_type text;
    policy jsonb;
    proved bigint;
    n bigint;
    names text;
    ahead boolean := to_regclass('providers_availability_archive_changes') IS NOT NULL AND EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = to_regclass('providers') AND t.tgname = 'providers_availability_archive_trigger' AND t.tgenabled = 'A'
    );
    everything bigint;
    patience integer;
    locked boolean := false;
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
        ELSIF EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability_returning' AND NOT a.attisdropped
        ) THEN
            RAISE NOTICE 'providers.availability is dropped, and on its way back: the triggers of the rows are at work for that';
            RETURN;
        END IF;
        RAISE NOTICE 'providers.availability is dropped already';
        DROP TRIGGER IF EXISTS provider_availability_insert_trigger ON provider_availability;
        DROP TRIGGER IF EXISTS provider_availability_update_trigger ON provider_availability;
        DROP TRIGGER IF EXISTS provider_availability_delete_trigger ON provider_availability;
        DROP TRIGGER IF EXISTS provider_availability_truncate_trigger ON provider_availability;
        RETURN;
    ELSIF to_regprocedure('provider_availability_filled()') IS NULL THEN
        RAISE EXCEPTION 'the rows were not filled from the documents'
            USING ERRCODE = 'ST003', HINT = 'Apply 0003 first.';
    ELSIF row_security_active('providers') OR row_security_active('provider_availability') THEN
        RAISE EXCEPTION 'row-level security applies to role %, which cannot see every row', current_user
            USING ERRCODE = 'ST003', HINT = 'Use the owner of the tables, or a role with BYPASSRLS.';
    END IF;
    SELECT p.settings INTO policy FROM provider_availability_policy AS p ORDER BY p.version DESC LIMIT 1;
    policy := coalesce(policy, '{}');

    -- Turns of the same statements: first everything, without a lock on the table, then what changed meanwhile; when little
    -- is left, that little behind the lock, with the plans that the first turn has made. Writers come to the two tables
    -- from both sides, so the lock may not be to be had just now: never wait for it long, and look again meanwhile.
    PERFORM set_config('plan_cache_mode', 'force_generic_plan', true);
    patience := extract(epoch FROM current_setting('lock_timeout')::interval) * 1000;
    FOR turn IN 1 .. 20 LOOP
        IF turn > 1 THEN
            SELECT count(*) INTO n FROM (SELECT FROM providers_availability_archive_changes LIMIT 100) AS few;
            IF n < 100 OR turn > 5 THEN
                BEGIN
                    PERFORM set_config('lock_timeout', least(patience, 100)::text, true);
                    LOCK TABLE providers IN ACCESS EXCLUSIVE MODE;
                    locked := true;
                EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                    IF turn = 20 THEN
                        RAISE;
                    END IF;
                    PERFORM pg_sleep(0.05 + random() / 10);
                END;
                PERFORM set_config('lock_timeout', patience::text, true);
            END IF;
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

        IF turn = 1 AND NOT ahead THEN
            -- Nothing was noted, so nothing may be written: as good as the lock, but readers go on.
            LOCK TABLE providers IN SHARE ROW EXCLUSIVE MODE;
            -- One at a time; whoever waited finds it made.
            PERFORM pg_advisory_xact_lock(hashtext('providers_availability_archive'));
            SELECT format_type(a.atttypid, a.atttypmod) INTO key_type
            FROM pg_attribute AS a
            WHERE a.attrelid = to_regclass('providers') AND a.attname = 'id';
            -- The foreign key takes a document along when its provider gets another key, and lets it go when he goes: whoever is
            -- given that key later has no claim on it.
            EXECUTE format(
                'CREATE TABLE IF NOT EXISTS providers_availability_archive (
                    id bigint GENERATED ALWAYS AS IDENTITY,
                    provider_id %s,
                    provider_key text NOT NULL,
                    availability jsonb,
                    reason text,
                    rows_hash bigint NOT NULL,
                    proof bigint NOT NULL,
                    archived_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
                    CONSTRAINT providers_availability_archive_id_pkey PRIMARY KEY (id),
                    CONSTRAINT providers_availability_archive_provider_id_key UNIQUE (provider_id),
                    CONSTRAINT providers_availability_archive_provider_id_fkey FOREIGN KEY (provider_id)
                        REFERENCES providers (id) ON UPDATE CASCADE ON DELETE SET NULL
                )', key_type);
            COMMENT ON TABLE providers_availability_archive IS 'The documents of providers.availability, exactly as they were when the column was dropped.';
            COMMENT ON COLUMN providers_availability_archive.id IS 'Counts up.';
            COMMENT ON COLUMN providers_availability_archive.provider_id IS 'Whose document; NULL when that provider is gone.';
            COMMENT ON COLUMN providers_availability_archive.provider_key IS 'The key that provider had when it was copied here.';
            COMMENT ON COLUMN providers_availability_archive.availability IS 'The document.';
            COMMENT ON COLUMN providers_availability_archive.reason IS 'Why its rows do not say what it says: the reject that was accepted by name; NULL where they do.';
            COMMENT ON COLUMN providers_availability_archive.rows_hash IS 'Hash of the rows it was held against: another one tells that they were written since.';
            COMMENT ON COLUMN providers_availability_archive.proof IS 'Hash of the policy, functions and tripwire it was proved under: another one tells that the proof is old.';
            COMMENT ON COLUMN providers_availability_archive.archived_at IS 'When it was copied here.';
            CREATE TABLE IF NOT EXISTS providers_availability_archive_definitions (
                place integer NOT NULL,
                definition text NOT NULL,
                CONSTRAINT providers_availability_archive_definitions_place_pkey PRIMARY KEY (place)
            );
            COMMENT ON TABLE providers_availability_archive_definitions IS 'Statements that give the column back what its drop took along.';
            COMMENT ON COLUMN providers_availability_archive_definitions.place IS 'Order in which they run.';
            COMMENT ON COLUMN providers_availability_archive_definitions.definition IS 'The statement.';
            -- Only ever added to by writers, without a key: nobody waits for anybody, and nothing noted while a batch proves is
            -- taken for something noted before.
            EXECUTE format('CREATE TABLE IF NOT EXISTS providers_availability_archive_changes (provider_id %s NOT NULL)', key_type);
            CREATE INDEX IF NOT EXISTS providers_availability_archive_changes_provider_id_idx
                ON providers_availability_archive_changes (provider_id);
            COMMENT ON TABLE providers_availability_archive_changes IS 'Providers whose documents have to be looked at again.';
            COMMENT ON COLUMN providers_availability_archive_changes.provider_id IS 'Whose document.';
        END IF;
        IF turn = 1 THEN
            SELECT hashtextextended(concat_ws(
                ' ', policy::text,
                (SELECT string_agg(concat_ws(' ', t.oid, t.xmin, t.tgenabled), ' ' ORDER BY t.oid) FROM pg_trigger AS t WHERE t.tgrelid = to_regclass('providers') AND t.tgname = 'providers_availability_archive_trigger'),
                (
                    SELECT string_agg(concat_ws(' ', f.oid, f.xmin), ' ' ORDER BY f.oid)
                    FROM pg_proc AS f
                    WHERE f.oid IN (to_regproc('providers_availability_archive_note'), to_regproc('provider_availability_read'), to_regproc('provider_availability_agrees'))
                ),
                (SELECT md5(string_agg(z.name, ' ' ORDER BY z.name)) FROM provider_availability_zones AS z)
            ), 0) INTO proved;
            -- What is not proved yet, or not as it is now. A copy is not believed because it is there: it may be of another
            -- drop, the tripwire may have been off, and the rows may have been written behind the documents' back.
            INSERT INTO providers_availability_archive_changes (provider_id)
            SELECT p.id
            FROM providers AS p
            LEFT JOIN providers_availability_archive AS a ON a.provider_id = p.id
            LEFT JOIN (
                SELECT
                    o.provider_id,
                    bit_xor(hash_record_extended((o.day_of_week, o.is_available, o.start_time, o.end_time, o.timezone), 0)) AS rows_hash
                FROM provider_availability AS o
                GROUP BY o.provider_id
            ) AS h ON h.provider_id = p.id
            WHERE NOT ahead
                OR a.proof IS DISTINCT FROM proved
                OR a.availability::text IS DISTINCT FROM p.availability::text
                OR a.rows_hash IS DISTINCT FROM coalesce(h.rows_hash, 0)
                OR a.reason IS NOT NULL AND NOT EXISTS (
                    SELECT FROM provider_availability_rejects AS j
                    WHERE j.provider_id = p.id AND j.accepted_at IS NOT NULL AND j.reason = a.reason
                        AND j.document_hash = coalesce(md5(p.availability::text), '')
                )
            LIMIT CASE WHEN ahead THEN 10001 END;
        END IF;
        IF EXISTS (SELECT FROM providers_availability_archive_changes) THEN
            SELECT count(DISTINCT c.provider_id) INTO n FROM providers_availability_archive_changes AS c WHERE ahead;
            IF n > 10000 THEN
                RAISE EXCEPTION 'more than 10000 documents are not archived yet, or have changed since'
                    USING ERRCODE = 'ST003', HINT = 'schedtool apply --contract archives them in batches first.';
            END IF;
            -- So that none of them goes before the foreign key of the archive looks for it.
            PERFORM FROM providers AS p WHERE p.id IN (SELECT c.provider_id FROM providers_availability_archive_changes AS c) FOR KEY SHARE;
            -- LIMIT everything, which is NULL: the planner does not know, and plans for few of many, as is right behind the lock.
            WITH taken AS (
                DELETE FROM providers_availability_archive_changes RETURNING provider_id
            ),
            documents AS MATERIALIZED (
                SELECT
                    p.id,
                    p.availability,
                    r.outcome,
                    CASE WHEN r.outcome = 'rejected' OR j.reason = 'row_differs' OR j.reason LIKE 'error\_%' THEN coalesce(j.reason, r.reason) END AS reason,
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
                    END AS is_settled,
                    (
                        SELECT coalesce(bit_xor(hash_record_extended((o.day_of_week, o.is_available, o.start_time, o.end_time, o.timezone), 0)), 0)
                        FROM provider_availability AS o
                        WHERE o.provider_id = p.id
                    ) AS rows_hash
                FROM (SELECT DISTINCT t.provider_id FROM taken AS t LIMIT everything) AS c
                JOIN providers AS p ON p.id = c.provider_id
                CROSS JOIN LATERAL provider_availability_read(p.availability, policy) AS r
                LEFT JOIN provider_availability_rejects AS j ON j.provider_id = p.id
            ),
            archived AS (
                INSERT INTO providers_availability_archive AS a (provider_id, provider_key, availability, reason, rows_hash, proof)
                SELECT d.id, d.id::text, d.availability, d.reason, d.rows_hash, proved
                FROM documents AS d
                WHERE d.is_settled
                ON CONFLICT (provider_id) DO UPDATE
                SET provider_key = EXCLUDED.provider_key, availability = EXCLUDED.availability, reason = EXCLUDED.reason,
                    rows_hash = EXCLUDED.rows_hash, proof = EXCLUDED.proof, archived_at = EXCLUDED.archived_at
                WHERE (a.provider_key, a.availability::text, a.reason, a.rows_hash, a.proof)
                    IS DISTINCT FROM (EXCLUDED.provider_key, EXCLUDED.availability::text, EXCLUDED.reason, EXCLUDED.rows_hash, EXCLUDED.proof)
                RETURNING provider_id
            )
            SELECT count(*), string_agg(s.id::text, ', ' ORDER BY s.id) FILTER (WHERE s.i <= 3) INTO n, names
            FROM (SELECT d.id, row_number() OVER (ORDER BY d.id) AS i FROM documents AS d WHERE NOT d.is_settled) AS s;
            IF n > 0 THEN
                RAISE EXCEPTION '% documents do not equal their rows: providers %', n, names || CASE WHEN n > 3 THEN ', …' ELSE '' END
                    USING ERRCODE = 'ST003', HINT = 'schedtool verify parity looks closer; schedtool backfill makes rejects of them.';
            END IF;
        END IF;

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
            -- Not the column's, but ours to put back: the triggers that this migration takes away, and their bodies.
            SELECT 8, pg_get_functiondef(f.oid)
            FROM pg_proc AS f
            WHERE f.oid IN (to_regproc('provider_availability_follow_row'), to_regproc('provider_availability_refuse_truncate'))
            UNION ALL
            SELECT s.rank, s.definition
            FROM pg_trigger AS t
            CROSS JOIN LATERAL (VALUES
                (9, replace(
                    replace(pg_get_triggerdef(t.oid), format(' ON %I.', current_schema()), ' ON '),
                    'CREATE TRIGGER ', 'CREATE OR REPLACE TRIGGER '
                )),
                (10, CASE WHEN t.tgenabled = 'A' THEN format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.tgrelid::regclass, t.tgname) END),
                (10, format('COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, t.tgrelid::regclass, obj_description(t.oid, 'pg_trigger')))
            ) AS s (rank, definition)
            WHERE s.definition IS NOT NULL
                AND (t.tgrelid, t.tgname) IN (
                    (a.attrelid, 'providers_availability_insert_trigger'),
                    (a.attrelid, 'providers_availability_update_trigger'),
                    (to_regclass('provider_availability'), 'provider_availability_insert_trigger'),
                    (to_regclass('provider_availability'), 'provider_availability_update_trigger'),
                    (to_regclass('provider_availability'), 'provider_availability_delete_trigger'),
                    (to_regclass('provider_availability'), 'provider_availability_truncate_trigger')
                )
        ) AS w
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability';
        EXIT WHEN locked;
    END LOOP;

    -- The rows' table is not touched here: locking it behind providers deadlocks with its writers. Its triggers stay, and do
    -- nothing from now on; when this file runs again, they go.
    CREATE OR REPLACE FUNCTION provider_availability_follow_row() RETURNS trigger
    LANGUAGE plpgsql AS $nothing$
    BEGIN
        RETURN NULL;
    END
    $nothing$;
    DROP TRIGGER IF EXISTS providers_availability_archive_trigger ON providers;
    DROP TRIGGER providers_availability_insert_trigger ON providers;
    DROP TRIGGER providers_availability_update_trigger ON providers;
    DROP FUNCTION IF EXISTS providers_availability_archive_note();
    DROP TABLE providers_availability_archive_changes;
    ALTER TABLE providers DROP COLUMN availability;
END
$$;
