-- Take the foreign key of provider_availability away for the time of the batches (schedtool backfill --defer-foreign-key):
-- checked row by row it is half of their cost. Triggers stand in for it meanwhile: whoever writes a row is held to its
-- provider as before, rows go with a deleted provider and follow a changed key; only the batches, which hold the locks of
-- their providers, are not asked. The file 0003….after.sql brings the key back.
-- locks: providers ACCESS EXCLUSIVE an instant: dropping a foreign key waits for readers and writers in flight
-- locks: provider_availability ACCESS EXCLUSIVE an instant, for the same reason
-- May run again. One transaction. By hand: psql -X -1 -v ON_ERROR_STOP=1 -f (this file), and never without the other.

DO $$
DECLARE
    definition text;
BEGIN
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    IF to_regproc('provider_availability_stand_in') IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_constraint AS c
        WHERE c.conrelid = to_regclass('provider_availability') AND c.conname = 'provider_availability_provider_id_fkey'
    ) THEN
        RETURN;
    END IF;
    IF to_regprocedure('provider_availability_filled()') IS NOT NULL THEN
        RAISE EXCEPTION 'the rows are filled already, and applications may rely on their foreign key'
            USING ERRCODE = 'ST003', HINT = 'Run it without --defer-foreign-key: what is there is only compared, and that is quick.';
    ELSIF (
        SELECT count(*)
        FROM pg_trigger AS t
        WHERE t.tgrelid IN (to_regclass('providers'), to_regclass('provider_availability')) AND t.tgenabled IN ('O', 'A')
            AND t.tgname IN ('providers_availability_insert_trigger', 'providers_availability_update_trigger', 'provider_availability_insert_trigger',
                'provider_availability_update_trigger', 'provider_availability_delete_trigger')
    ) < 5 THEN
        RAISE EXCEPTION 'the triggers that keep rows and documents in step are not all there and enabled'
            USING ERRCODE = 'ST003', HINT = 'Without them nothing can stand in for the foreign key. Roll back 0002 and apply it again, or enable them.';
    ELSIF current_setting('session_replication_role') <> 'origin' THEN
        RAISE EXCEPTION 'session_replication_role is %, so triggers that stand in for the foreign key might not fire', current_setting('session_replication_role')
            USING ERRCODE = 'ST003', HINT = 'Run it without --defer-foreign-key.';
    END IF;
    SELECT pg_get_constraintdef(c.oid) || CASE WHEN c.convalidated THEN '' ELSE ' NOT VALID' END INTO definition
    FROM pg_constraint AS c
    WHERE c.conrelid = to_regclass('provider_availability') AND c.conname = 'provider_availability_provider_id_fkey';
    IF coalesce(definition, '') !~ '^FOREIGN KEY \(provider_id\) REFERENCES (\w+\.|"[^"]+"\.)?providers\(id\) ON UPDATE CASCADE ON DELETE CASCADE$' THEN
        RAISE EXCEPTION 'the foreign key provider_availability_provider_id_fkey is not the one that 0001 made: %', coalesce(definition, 'it is not there')
            USING ERRCODE = 'ST003', HINT = 'Another one could not be brought back as it was. Run it without --defer-foreign-key.';
    ELSIF EXISTS (
        SELECT FROM pg_constraint AS c
        WHERE c.conrelid = to_regclass('provider_availability') AND c.contype = 'f' AND c.conname <> 'provider_availability_provider_id_fkey'
    ) THEN
        RAISE EXCEPTION 'provider_availability has another foreign key too'
            USING ERRCODE = 'ST003', HINT = 'Nothing would be gained. Run it without --defer-foreign-key.';
    END IF;

    -- providers first, as every writer does.
    LOCK TABLE providers IN ACCESS EXCLUSIVE MODE;
    CREATE OR REPLACE FUNCTION provider_availability_stand_in() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER AS $stand_in$
    DECLARE
        direction text := coalesce(current_setting('schedtool.sync', true), '');
    BEGIN
        IF TG_TABLE_NAME = 'provider_availability' THEN
            PERFORM FROM providers AS p WHERE p.id = NEW.provider_id FOR KEY SHARE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'insert or update on table "provider_availability" violates foreign key constraint "provider_availability_provider_id_fkey"'
                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'provider_availability_provider_id_fkey',
                        DETAIL = format('Key (provider_id)=(%s) is not present in table "providers".', NEW.provider_id);
            END IF;
            RETURN NULL;
        END IF;
        -- The provider and its document go themselves: no row needs to tell them.
        PERFORM set_config('schedtool.sync', 'document', true);
        IF TG_OP = 'DELETE' THEN
            DELETE FROM provider_availability AS a WHERE a.provider_id = OLD.id;
        ELSE
            UPDATE provider_availability AS a SET provider_id = NEW.id WHERE a.provider_id = OLD.id;
        END IF;
        PERFORM set_config('schedtool.sync', direction, true);
        RETURN NULL;
    END
    $stand_in$;
    COMMENT ON FUNCTION provider_availability_stand_in() IS 'Trigger: stands in for the foreign key while batches run.';
    EXECUTE format('ALTER FUNCTION provider_availability_stand_in() SET search_path = pg_catalog, %I, pg_temp', current_schema());
    REVOKE ALL ON FUNCTION provider_availability_stand_in() FROM PUBLIC;
    -- Their names sort before those of the other triggers: a foreign key fires before them too.
    CREATE OR REPLACE TRIGGER provider_availability_stand_in_delete_trigger
        AFTER DELETE ON providers
        FOR EACH ROW EXECUTE FUNCTION provider_availability_stand_in();
    CREATE OR REPLACE TRIGGER provider_availability_stand_in_key_trigger
        AFTER UPDATE ON providers
        FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION provider_availability_stand_in();
    CREATE OR REPLACE TRIGGER provider_availability_stand_in_row_trigger
        AFTER INSERT OR UPDATE OF provider_id ON provider_availability
        FOR EACH ROW WHEN (
            current_setting('schedtool.sync', true) IS DISTINCT FROM 'document'
            OR NOT has_function_privilege('provider_availability_follow_row()'::regprocedure, 'EXECUTE')
        )
        EXECUTE FUNCTION provider_availability_stand_in();
    ALTER TABLE provider_availability DROP CONSTRAINT provider_availability_provider_id_fkey;
END
$$;
