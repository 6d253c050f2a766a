-- Stop keeping rows and documents in step: drop the triggers, the functions, and the tables for policy, zones and rejects.
-- Documents and rows stay as they are. Refused while 0003 or 0004 stands on it, and while there are decisions or policies
-- that exist nowhere else: name their tables to lose them (schedtool rollback --lose provider_availability_rejects, or
-- SET schedtool.lose = 'provider_availability_rejects' before psql runs this file).
-- locks: providers ACCESS EXCLUSIVE an instant: dropping a trigger waits for readers and writers in flight
-- locks: provider_availability ACCESS EXCLUSIVE an instant, for the same reason
-- May run again. One statement, so that nothing runs behind a guard that said no.

DO $$
DECLARE
    lose text[] := string_to_array(replace(coalesce(current_setting('schedtool.lose', true), ''), ' ', ''), ',');
    n bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'this needs READ COMMITTED: under % it would decide by what it saw before its locks', current_setting('transaction_isolation')
            USING HINT = 'SET default_transaction_isolation = ''read committed'' and run it again.';
    END IF;
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    IF to_regclass('providers_availability_archive') IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
    ) THEN
        RAISE EXCEPTION 'migration 0004 stands on this one: providers.availability is dropped'
            USING ERRCODE = 'ST003', HINT = 'Roll back 0004 first.';
    END IF;
    IF to_regprocedure('provider_availability_filled()') IS NOT NULL THEN
        RAISE EXCEPTION 'migration 0003 stands on this one: the rows were filled from the documents'
            USING ERRCODE = 'ST003', HINT = 'Roll back 0003 first.';
    END IF;
    -- Once before anybody has to wait, and once when nobody can decide any more.
    FOR turn IN 1..2 LOOP
        IF turn = 2 THEN
            -- providers first, as every writer does.
            IF to_regclass('providers') IS NOT NULL THEN
                DROP TRIGGER IF EXISTS providers_availability_insert_trigger ON providers;
                DROP TRIGGER IF EXISTS providers_availability_update_trigger ON providers;
            END IF;
            IF to_regclass('provider_availability') IS NOT NULL THEN
                DROP TRIGGER IF EXISTS provider_availability_insert_trigger ON provider_availability;
                DROP TRIGGER IF EXISTS provider_availability_update_trigger ON provider_availability;
                DROP TRIGGER IF EXISTS provider_availability_delete_trigger ON provider_availability;
                DROP TRIGGER IF EXISTS provider_availability_truncate_trigger ON provider_availability;
            END IF;
            IF to_regclass('provider_availability_rejects') IS NOT NULL THEN
                LOCK TABLE provider_availability_rejects IN SHARE MODE;
            END IF;
            IF to_regclass('provider_availability_policy') IS NOT NULL THEN
                LOCK TABLE provider_availability_policy IN SHARE MODE;
            END IF;
        END IF;
        IF to_regclass('provider_availability_rejects') IS NOT NULL AND 'provider_availability_rejects' <> ALL (lose) THEN
            SELECT count(*) INTO n FROM provider_availability_rejects AS j WHERE j.accepted_at IS NOT NULL;
            IF n > 0 THEN
                RAISE EXCEPTION 'decisions about % documents exist nowhere else', n
                    USING ERRCODE = 'ST003', HINT = 'schedtool rollback --lose provider_availability_rejects drops them knowingly.';
            END IF;
        END IF;
        IF to_regclass('provider_availability_policy') IS NOT NULL AND 'provider_availability_policy' <> ALL (lose) THEN
            SELECT count(*) INTO n FROM provider_availability_policy AS p WHERE p.settings <> '{}';
            IF n > 0 THEN
                RAISE EXCEPTION 'policies that documents were read by exist nowhere else: %', n
                    USING ERRCODE = 'ST003', HINT = 'schedtool rollback --lose provider_availability_policy drops them knowingly.';
            END IF;
        END IF;
    END LOOP;
    DROP FUNCTION IF EXISTS provider_availability_follow_document();
    DROP FUNCTION IF EXISTS provider_availability_follow_row();
    DROP FUNCTION IF EXISTS provider_availability_refuse_truncate();
    DROP FUNCTION IF EXISTS provider_availability_patch(jsonb, jsonb, text, boolean, boolean, time, time, text);
    DROP FUNCTION IF EXISTS provider_availability_set_day(anycompatible, text, boolean, time, time, text);
    DROP FUNCTION IF EXISTS provider_availability_clear_day(anycompatible, text);
    DROP FUNCTION IF EXISTS provider_availability_settle(anycompatible, text);
    DROP FUNCTION IF EXISTS provider_availability_note(anycompatible, jsonb);
    DROP FUNCTION IF EXISTS provider_availability_step(text);
    DROP FUNCTION IF EXISTS provider_availability_agrees(boolean, time, time, text, boolean, time, time, text, jsonb);
    DROP FUNCTION IF EXISTS provider_availability_read_each(jsonb[], jsonb);
    DROP FUNCTION IF EXISTS provider_availability_read_plain(jsonb, jsonb);
    DROP FUNCTION IF EXISTS provider_availability_read(jsonb, jsonb);
    DROP TABLE IF EXISTS provider_availability_rejects;
    DROP TABLE IF EXISTS provider_availability_zones;
    DROP TABLE IF EXISTS provider_availability_policy;
END
$$;
