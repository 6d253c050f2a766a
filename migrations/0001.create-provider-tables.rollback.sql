-- Drop provider_availability and bookings.
-- Refused while 0002 stands on them, and while they hold rows that exist nowhere else: name those tables to lose them
-- (schedtool rollback --lose bookings, or SET schedtool.lose = 'bookings' before psql runs this file).
-- locks: providers ACCESS EXCLUSIVE an instant: dropping a table with a foreign key locks its parent
-- locks: users ACCESS EXCLUSIVE an instant, for the same reason
-- May run again. One statement, so that nothing runs behind a guard that said no.

DO $$
DECLARE
    child text;
    holds_rows boolean;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'this needs READ COMMITTED: under % it would decide by what it saw before its locks', current_setting('transaction_isolation')
            USING HINT = 'SET default_transaction_isolation = ''read committed'' and run it again.';
    END IF;
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    IF to_regclass('provider_availability_policy') IS NOT NULL THEN
        RAISE EXCEPTION 'migration 0002 stands on provider_availability'
            USING ERRCODE = 'ST003', HINT = 'Roll back 0002 first.';
    END IF;
    FOREACH child IN ARRAY ARRAY['bookings', 'provider_availability'] LOOP
        CONTINUE WHEN to_regclass(child) IS NULL;
        EXECUTE format('LOCK TABLE %I IN SHARE MODE', child);
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', child) INTO holds_rows;
        IF holds_rows AND child <> ALL (string_to_array(replace(coalesce(current_setting('schedtool.lose', true), ''), ' ', ''), ',')) THEN
            RAISE EXCEPTION 'table % holds rows that exist nowhere else', child
                USING ERRCODE = 'ST003', HINT = format('schedtool rollback --lose %s drops them knowingly.', child);
        END IF;
    END LOOP;
    DROP TABLE IF EXISTS bookings;
    DROP TABLE IF EXISTS provider_availability;
    DROP FUNCTION IF EXISTS provider_tables_set_updated_at();
END
$$;
