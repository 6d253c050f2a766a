-- keys: providers (id)
-- settings: 0003
-- Archive the documents of one range of providers ahead of the drop, each proved equal to its rows (or accepted by name).
-- The first batch makes the archive and the trigger that notes later changes: SHARE ROW EXCLUSIVE on providers until it
-- commits; every batch locks the rows of its providers against writers until the transaction ends; lock_timeout applies.
-- rejected counts documents that are neither equal to their rows nor accepted: they are not archived, and the drop refuses.
-- May run again. By hand: psql -X -1 -v ON_ERROR_STOP=1 -v first=1 -v last=1000 -v settings='{}' -f (this file)

DO $$
DECLARE
    key_type text;
    n bigint;
    names text;
BEGIN
    -- What the drop would refuse for is said before anything is made.
    IF to_regclass('provider_availability_rejects') IS NULL
        OR to_regprocedure('provider_availability_filled()') IS NULL THEN
        RAISE EXCEPTION 'the rows were not filled from the documents'
            USING ERRCODE = 'ST003', HINT = 'Apply 0003 first.';
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
END
$$;

-- Two statements: one that waits for the lock would go on reading with the snapshot from before the wait.
SELECT count(*)
FROM (
    SELECT FROM providers AS p
    WHERE p.id BETWEEN :'first' AND :'last'
    ORDER BY p.id
    FOR NO KEY UPDATE
) AS locked;

SELECT set_config('jit', 'off', true), set_config('schedtool.batch', 'on', true);

WITH documents AS MATERIALIZED (
    SELECT
        p.id,
        p.availability,
        r.outcome,
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
        END AS is_settled
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
    INSERT INTO providers_availability_archive AS a (provider_id, availability)
    SELECT d.id, d.availability
    FROM documents AS d
    WHERE d.is_settled
    ON CONFLICT (provider_id) DO UPDATE
    SET availability = EXCLUDED.availability, archived_at = EXCLUDED.archived_at
    WHERE a.availability::text IS DISTINCT FROM EXCLUDED.availability::text
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
