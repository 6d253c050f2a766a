-- Bring the foreign key of provider_availability back that 0003….before.sql took away, prove it for every row, and take
-- the triggers away that stood in for it. Each statement in a transaction of its own: strong locks last an instant, and
-- what takes long (the proof reads every row) locks out neither readers nor writers.
-- locks: providers SHARE ROW EXCLUSIVE an instant, ROW SHARE for the proof, ACCESS EXCLUSIVE an instant for its triggers
-- locks: provider_availability SHARE ROW EXCLUSIVE an instant, SHARE UPDATE EXCLUSIVE for the proof, ACCESS EXCLUSIVE an instant
-- May run again, after a failure at any point. By hand: psql -X -v ON_ERROR_STOP=1 -f (this file)

DO $$
BEGIN
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_constraint AS c
        WHERE c.conrelid = to_regclass('provider_availability') AND c.conname = 'provider_availability_provider_id_fkey'
    ) THEN
        -- providers first, as every writer does.
        LOCK TABLE providers IN SHARE ROW EXCLUSIVE MODE;
        ALTER TABLE provider_availability
            ADD CONSTRAINT provider_availability_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers (id)
            ON UPDATE CASCADE ON DELETE CASCADE NOT VALID;
    END IF;
END
$$;

-- Rows of a provider that is gone: a delete under REPEATABLE READ does not see what a batch has written since it began,
-- where the foreign key would. They go with their provider, as they would have.
DO $$
DECLARE
    gone bigint;
BEGIN
    PERFORM set_config('schedtool.sync', 'document', true);
    DELETE FROM provider_availability AS a
    WHERE NOT EXISTS (SELECT FROM providers AS p WHERE p.id = a.provider_id)
        AND to_regproc('provider_availability_stand_in') IS NOT NULL;
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone > 0 THEN
        RAISE NOTICE '% rows went with providers that were deleted meanwhile', gone;
    END IF;
    PERFORM set_config('schedtool.sync', '', true);
END
$$;

ALTER TABLE provider_availability VALIDATE CONSTRAINT provider_availability_provider_id_fkey;

DO $$
BEGIN
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    DROP TRIGGER IF EXISTS provider_availability_stand_in_delete_trigger ON providers;
    DROP TRIGGER IF EXISTS provider_availability_stand_in_key_trigger ON providers;
END
$$;

DO $$
BEGIN
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    DROP TRIGGER IF EXISTS provider_availability_stand_in_row_trigger ON provider_availability;
    DROP FUNCTION IF EXISTS provider_availability_stand_in();
END
$$;
