-- Take the rows out of provider_availability again that say what their documents say. Documents stay as they are, and so
-- do decisions about documents that were left behind by name.
-- Refused while rows exist that no document says, unless they are named to be lost (schedtool rollback --lose
-- provider_availability, or SET schedtool.lose = 'provider_availability' before psql runs this file), and while 0004 stands on it.
-- locks: provider_availability EXCLUSIVE until it ends: writers of rows wait, readers go on
-- locks: providers ROW SHARE with row locks against writers until it ends
-- May run again. One statement, so that nothing runs behind a guard that said no.

DO $$
DECLARE
    policy jsonb;
    unsaid bigint;
    taken bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'this needs READ COMMITTED: under % it would decide by what it saw before its locks', current_setting('transaction_isolation')
            USING HINT = 'SET default_transaction_isolation = ''read committed'' and run it again.';
    END IF;
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
    ) THEN
        RAISE EXCEPTION 'migration 0004 stands on this one: providers.availability is dropped'
            USING ERRCODE = 'ST003', HINT = 'Roll back 0004 first.';
    ELSIF to_regclass('provider_availability_rejects') IS NULL THEN
        RAISE EXCEPTION 'the tables of migration 0002 are not there'
            USING ERRCODE = 'undefined_table', HINT = 'Without them no row can be held against its document.';
    ELSIF to_regproc('provider_availability_stand_in') IS NOT NULL THEN
        RAISE EXCEPTION 'the foreign key of provider_availability is put off still'
            USING ERRCODE = 'ST003', HINT = 'schedtool backfill goes on and brings it back; by hand: psql -f sql/batches/0003.backfill-provider-availability.after.sql';
    END IF;
    PERFORM set_config('jit', 'off', true);
    -- The setting below counts for a role that may execute the triggers' functions; for another the rows would take the
    -- documents along.
    IF NOT has_function_privilege('provider_availability_follow_row()', 'EXECUTE') THEN
        RAISE EXCEPTION 'role % may not switch off the triggers between rows and documents', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'Use the role that applied migration 0002.';
    END IF;
    -- Sync off in this transaction, or deleting the rows would empty the documents.
    PERFORM set_config('schedtool.sync', 'document', true);
    -- providers first, as every writer does; then no row can be written any more.
    PERFORM FROM providers AS p WHERE EXISTS (SELECT FROM provider_availability AS a WHERE a.provider_id = p.id) ORDER BY p.id FOR NO KEY UPDATE;
    LOCK TABLE provider_availability IN EXCLUSIVE MODE;
    SELECT p.settings INTO policy FROM provider_availability_policy AS p ORDER BY p.version DESC LIMIT 1;
    policy := coalesce(policy, '{}');
    SELECT count(*) INTO unsaid
    FROM provider_availability AS a
    JOIN providers AS p ON p.id = a.provider_id
    CROSS JOIN LATERAL provider_availability_read(p.availability, policy) AS r
    WHERE NOT EXISTS (
        SELECT
        FROM unnest(r.days, r.available, r.starts, r.ends, r.zones) AS n (day, available, start_time, end_time, zone)
        WHERE n.day = a.day_of_week AND provider_availability_agrees(
            a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, policy
        )
    );
    IF unsaid > 0 AND 'provider_availability' <> ALL (string_to_array(replace(coalesce(current_setting('schedtool.lose', true), ''), ' ', ''), ',')) THEN
        RAISE EXCEPTION '% rows of provider_availability say what no document says', unsaid
            USING ERRCODE = 'ST003', HINT = 'schedtool verify parity lists them; schedtool rollback --lose provider_availability deletes them knowingly.';
    END IF;
    DELETE FROM provider_availability;
    GET DIAGNOSTICS taken = ROW_COUNT;
    PERFORM set_config('schedtool.rows', taken::text, true);
    -- Decisions about documents outlive the rows: filled again, the same document has the same one. A decision that a row
    -- stands goes with its row.
    DELETE FROM provider_availability_rejects AS j WHERE j.accepted_at IS NULL OR j.reason = 'row_differs';
    UPDATE provider_availability_rejects AS j SET stale = false WHERE j.stale;
    DROP FUNCTION IF EXISTS provider_availability_filled();
    PERFORM set_config('schedtool.sync', '', true);
END
$$;
