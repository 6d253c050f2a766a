-- keys: providers (id)
-- settings: 0003
-- Archive the documents of one range of providers ahead of the drop, each proved equal to its rows (or accepted by name).
-- The first batch makes the archive and the tripwire that notes later changes: SHARE ROW EXCLUSIVE on providers until it
-- commits, waited for no longer than 100 ms. Of providers only who deletes one or changes a key waits: what is written meanwhile is
-- noted, and looked at again by the drop. rejected counts documents that are neither equal to their rows nor accepted: they are not
-- archived, and the drop refuses.
-- May run again. By hand: psql -X -1 -v ON_ERROR_STOP=1 -v first=1 -v last=1000 -v settings='{}' -f (this file)

DO $$
DECLARE
    key_type text;
    n bigint;
    names text;
    waits text := current_setting('lock_timeout');
BEGIN
    -- What the drop would refuse for is said before anything is made.
    IF to_regclass('provider_availability_rejects') IS NULL
        OR to_regprocedure('provider_availability_filled()') IS NULL THEN
        RAISE EXCEPTION 'the rows were not filled from the documents'
            USING ERRCODE = 'ST003', HINT = 'Apply 0003 first.';
    ELSIF row_security_active('providers') OR row_security_active('provider_availability') THEN
        RAISE EXCEPTION 'row-level security applies to role %, which cannot see every row', current_user
            USING ERRCODE = 'ST003', HINT = 'Use the owner of the tables, or a role with BYPASSRLS.';
    END IF;
    SELECT count(*), string_agg(DISTINCT j.reason, ', ') INTO n, names
    FROM provider_availability_rejects AS j
    WHERE j.accepted_at IS NULL;
    IF n > 0 THEN
        RAISE EXCEPTION '% documents wait for a decision: %', n, names
            USING ERRCODE = 'ST003', HINT = 'schedtool rejects lists them; mend the documents, or leave them behind by name with schedtool rejects --accept.';
    END IF;
    IF to_regclass('providers_availability_archive_changes') IS NULL OR NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = to_regclass('providers') AND t.tgname = 'providers_availability_archive_trigger' AND t.tgenabled = 'A'
    ) THEN
        -- Not for long: behind a waiting lock every writer waits, and some of them for each other.
        PERFORM set_config('lock_timeout', CASE WHEN patience BETWEEN interval '1 ms' AND interval '100 ms' THEN waits ELSE '100ms' END, true)
        FROM (SELECT waits::interval AS patience) AS now;
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
        CREATE OR REPLACE FUNCTION providers_availability_archive_note() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER AS $note$
        BEGIN
            IF TG_OP = 'INSERT' OR (OLD.id, OLD.availability::text) IS DISTINCT FROM (NEW.id, NEW.availability::text) THEN
                INSERT INTO providers_availability_archive_changes (provider_id) VALUES (NEW.id);
            END IF;
            RETURN NULL;
        END
        $note$;
        COMMENT ON FUNCTION providers_availability_archive_note() IS 'Trigger: notes a document that changes after it was archived.';
        EXECUTE format('ALTER FUNCTION providers_availability_archive_note() SET search_path = pg_catalog, %I, pg_temp', current_schema());
        REVOKE ALL ON FUNCTION providers_availability_archive_note() FROM PUBLIC;
        -- Every update, not UPDATE OF: that would miss what a BEFORE trigger of the application changes. ALWAYS: so that
        -- session_replication_role does not go round it.
        CREATE OR REPLACE TRIGGER providers_availability_archive_trigger
            AFTER INSERT OR UPDATE ON providers
            FOR EACH ROW EXECUTE FUNCTION providers_availability_archive_note();
        ALTER TABLE providers ENABLE ALWAYS TRIGGER providers_availability_archive_trigger;
        COMMENT ON TRIGGER providers_availability_archive_trigger ON providers IS 'Notes a document that changes after it was archived.';
        PERFORM set_config('lock_timeout', waits, true);
    END IF;
END
$$;

SELECT set_config('jit', 'off', true), set_config('schedtool.batch', 'on', true);

-- So that no provider goes between the next statement's snapshot and the foreign key of the archive; other writers go on.
SELECT count(*)
FROM (
    SELECT FROM providers AS p
    WHERE p.id BETWEEN :'first' AND :'last'
    ORDER BY p.id
    FOR KEY SHARE
) AS kept;

-- One statement, one snapshot: what it proves holds for everything committed by then, and whatever it does not see yet is
-- noted behind it.
WITH under AS MATERIALIZED (
    SELECT hashtextextended(concat_ws(
        ' ', (:'settings'::jsonb)::text,
        (SELECT string_agg(concat_ws(' ', t.oid, t.xmin, t.tgenabled), ' ' ORDER BY t.oid) FROM pg_trigger AS t WHERE t.tgrelid = to_regclass('providers') AND t.tgname = 'providers_availability_archive_trigger'),
        (
            SELECT string_agg(concat_ws(' ', f.oid, f.xmin), ' ' ORDER BY f.oid)
            FROM pg_proc AS f
            WHERE f.oid IN (to_regproc('providers_availability_archive_note'), to_regproc('provider_availability_read'), to_regproc('provider_availability_agrees'))
        ),
        (SELECT md5(string_agg(z.name, ' ' ORDER BY z.name)) FROM provider_availability_zones AS z)
    ), 0) AS proof
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
                    a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, :'settings'::jsonb
                )
            )
        END AS is_settled,
        (
            SELECT coalesce(bit_xor(hash_record_extended((o.day_of_week, o.is_available, o.start_time, o.end_time, o.timezone), 0)), 0)
            FROM provider_availability AS o
            WHERE o.provider_id = p.id
        ) AS rows_hash
    FROM providers AS p
    CROSS JOIN LATERAL provider_availability_read(p.availability, :'settings'::jsonb) AS r
    LEFT JOIN provider_availability_rejects AS j ON j.provider_id = p.id
    WHERE p.id BETWEEN :'first' AND :'last'
        -- Outside a transaction the locks above are gone by now, and so is this setting.
        AND CASE current_setting('schedtool.batch', true)
            WHEN 'on' THEN true
            ELSE pg_size_bytes('not in a transaction: run this file with psql -1' || left(p.id::text, 0)) > 0
        END
),
archived AS (
    INSERT INTO providers_availability_archive AS a (provider_id, provider_key, availability, reason, rows_hash, proof)
    SELECT d.id, d.id::text, d.availability, d.reason, d.rows_hash, (SELECT u.proof FROM under AS u)
    FROM documents AS d
    WHERE d.is_settled
    ON CONFLICT (provider_id) DO UPDATE
    SET provider_key = EXCLUDED.provider_key, availability = EXCLUDED.availability, reason = EXCLUDED.reason,
        rows_hash = EXCLUDED.rows_hash, proof = EXCLUDED.proof, archived_at = EXCLUDED.archived_at
    WHERE (a.provider_key, a.availability::text, a.reason, a.rows_hash, a.proof)
        IS DISTINCT FROM (EXCLUDED.provider_key, EXCLUDED.availability::text, EXCLUDED.reason, EXCLUDED.rows_hash, EXCLUDED.proof)
    RETURNING provider_id
),
forgotten AS (
    DELETE FROM providers_availability_archive_changes AS c
    USING documents AS d
    WHERE c.provider_id = d.id AND d.is_settled
)
SELECT
    (SELECT count(*) FROM documents) AS documents,
    (SELECT count(*) FROM documents AS d WHERE d.outcome = 'empty') AS empty,
    (SELECT count(*) FROM documents AS d WHERE NOT d.is_settled) AS rejected,
    (SELECT count(*) FROM archived) AS inserted,
    (SELECT count(*) FROM documents AS d WHERE d.is_settled) - (SELECT count(*) FROM archived) AS unchanged;
