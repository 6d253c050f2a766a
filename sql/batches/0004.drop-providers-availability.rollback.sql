-- keys: providers (id)
-- settings: 0003
-- Bring the documents of one range of providers back, into a column of a temporary name: from the archive, with the days
-- said anew that changed in the rows since. Each is read again and held against its rows; one that differs becomes a reject.
-- The first batch makes the tripwire that notes later changes of rows (SHARE ROW EXCLUSIVE on provider_availability an
-- instant), the second one the column (ACCESS EXCLUSIVE on providers an instant): these two leave their keys to the
-- rollback itself. Every other one locks the rows of its providers against writers until it commits; lock_timeout applies.
-- May run again. By hand: psql -X -1 -v ON_ERROR_STOP=1 -v first=1 -v last=1000 -v settings='{}' -f (this file)

SELECT
    set_config('schedtool.first', :'first', true), set_config('schedtool.last', :'last', true),
    set_config('schedtool.settings', :'settings', true), set_config('jit', 'off', true);

DO $$
DECLARE
    counted record;
BEGIN
    IF coalesce(current_setting('schedtool.first', true), '') = '' THEN
        RAISE EXCEPTION 'not in a transaction: run this file with psql -1';
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
    SELECT 0 AS documents, 0 AS rejected, 0 AS inserted INTO counted;
    -- One at a time; whoever waited finds it made.
    IF to_regclass('providers_availability_archive_changes') IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('providers_availability_archive'));
    END IF;
    IF to_regclass('providers_availability_archive_changes') IS NULL OR NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = to_regclass('provider_availability') AND t.tgname = 'provider_availability_insert_trigger' AND t.tgenabled = 'A'
    ) THEN
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
        -- The trigger of the rows is the one that keeps them in step; until the column is there again it notes them.
        CREATE OR REPLACE FUNCTION provider_availability_follow_row() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER AS $note$
        BEGIN
            INSERT INTO providers_availability_archive_changes (provider_id)
            SELECT OLD.provider_id WHERE TG_OP <> 'INSERT'
            UNION ALL
            SELECT NEW.provider_id WHERE TG_OP <> 'DELETE';
            RETURN NULL;
        END
        $note$;
        EXECUTE format('ALTER FUNCTION provider_availability_follow_row() SET search_path = pg_catalog, %I, pg_temp', current_schema());
        CREATE OR REPLACE FUNCTION provider_availability_refuse_truncate() RETURNS trigger
        LANGUAGE plpgsql AS $refuse$
        BEGIN
            RAISE EXCEPTION 'provider_availability cannot be truncated while the documents come back'
                USING ERRCODE = 'ST003', HINT = 'DELETE is noted; or wait until schedtool rollback is done.';
        END
        $refuse$;
        CREATE OR REPLACE TRIGGER provider_availability_insert_trigger
            AFTER INSERT OR UPDATE OR DELETE ON provider_availability
            FOR EACH ROW EXECUTE FUNCTION provider_availability_follow_row();
        ALTER TABLE provider_availability ENABLE ALWAYS TRIGGER provider_availability_insert_trigger;
        CREATE OR REPLACE TRIGGER provider_availability_truncate_trigger
            AFTER TRUNCATE ON provider_availability
            FOR EACH STATEMENT EXECUTE FUNCTION provider_availability_refuse_truncate();
    ELSIF NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability_returning' AND NOT a.attisdropped
    ) THEN
        PERFORM pg_advisory_xact_lock(hashtext('providers_availability_archive'));
        IF NOT EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability_returning' AND NOT a.attisdropped
        ) THEN
            ALTER TABLE providers ADD COLUMN availability_returning jsonb;
            COMMENT ON COLUMN providers.availability_returning IS 'A document on its way back: schedtool rollback fills it, and renames it in the end.';
        END IF;
    ELSE
        -- Two statements: one that waits for the lock would go on reading with the snapshot from before the wait.
        EXECUTE format(
            'SELECT FROM providers AS p WHERE p.id BETWEEN %L AND %L ORDER BY p.id FOR NO KEY UPDATE',
            current_setting('schedtool.first'), current_setting('schedtool.last')
        );
        EXECUTE format($sql$
            WITH RECURSIVE due AS MATERIALIZED (
                SELECT
                    p.id,
                    a.availability AS document,
                    a.rows_hash IS NOT DISTINCT FROM (
                        SELECT coalesce(bit_xor(hash_record_extended((o.day_of_week, o.is_available, o.start_time, o.end_time, o.timezone), 0)), 0)
                        FROM provider_availability AS o
                        WHERE o.provider_id = p.id
                    ) AS is_same
                FROM providers AS p
                LEFT JOIN providers_availability_archive AS a ON a.provider_id = p.id
                WHERE p.id BETWEEN %1$L AND %2$L
            ),
            -- Rows that were written since the drop: their days are said anew, one after the other.
            days AS MATERIALIZED (
                SELECT
                    w.id, w.day, row_number() OVER (PARTITION BY w.id ORDER BY w.day) AS i,
                    a.id IS NOT NULL AS is_said, a.is_available, a.start_time, a.end_time, a.timezone
                FROM (
                    SELECT d.id, u.day, u.available, u.start_time, u.end_time, u.zone
                    FROM due AS d
                    CROSS JOIN LATERAL provider_availability_read(d.document, %3$L::jsonb) AS r
                    CROSS JOIN LATERAL unnest(r.days, r.available, r.starts, r.ends, r.zones) AS u (day, available, start_time, end_time, zone)
                    WHERE NOT d.is_same
                ) AS n
                FULL JOIN (
                    SELECT o.* FROM due AS d JOIN provider_availability AS o ON o.provider_id = d.id WHERE NOT d.is_same
                ) AS a ON a.provider_id = n.id AND a.day_of_week = n.day
                CROSS JOIN LATERAL (SELECT coalesce(n.id, a.provider_id) AS id, coalesce(n.day, a.day_of_week) AS day) AS w
                WHERE NOT provider_availability_agrees(
                    a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, %3$L::jsonb
                )
            ),
            said AS (
                SELECT d.id, 0::bigint AS i, d.document
                FROM due AS d
                WHERE NOT d.is_same
                UNION ALL
                -- A document that cannot be read was left behind by name; it comes back as it was.
                SELECT s.id, n.i, coalesce(
                    provider_availability_patch(s.document, %3$L::jsonb, n.day, n.is_said, n.is_available, n.start_time, n.end_time, n.timezone),
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
                            a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, %3$L::jsonb
                        )
                    ) AS is_equal
                FROM back AS b
                CROSS JOIN LATERAL provider_availability_read(b.document, %3$L::jsonb) AS r
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
            SELECT
                (SELECT count(*) FROM due) AS documents,
                (SELECT count(*) FROM listed) AS rejected,
                (SELECT count(*) FROM filled) AS inserted
        $sql$, current_setting('schedtool.first'), current_setting('schedtool.last'), current_setting('schedtool.settings')) INTO counted;
    END IF;
    PERFORM
        set_config('schedtool.documents', counted.documents::text, true), set_config('schedtool.rejected', counted.rejected::text, true),
        set_config('schedtool.inserted', counted.inserted::text, true);
END
$$;

SELECT
    current_setting('schedtool.documents')::bigint AS documents,
    0::bigint AS empty,
    current_setting('schedtool.rejected')::bigint AS rejected,
    current_setting('schedtool.inserted')::bigint AS inserted,
    current_setting('schedtool.documents')::bigint - current_setting('schedtool.inserted')::bigint AS unchanged;
