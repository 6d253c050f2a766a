-- Runs one migration and records it, in one transaction, unless it is recorded already. Gone with the session.
CREATE OR REPLACE FUNCTION pg_temp.schedtool_apply(
    lock_class integer, migration text, checksum text, tool_version text, content text
)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    started timestamptz := clock_timestamp();
    applied timestamptz;
    named text := encode(sha256(convert_to(migration, 'UTF8')), 'hex');
    -- The lock schedtool holds on this schema while it works.
    lock_key integer := ('x' || left(encode(sha256(convert_to(current_schema(), 'UTF8')), 'hex'), 8))::bit(32)::integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(lock_class, lock_key) THEN
        RAISE EXCEPTION 'another schedtool is at work on schema %', current_schema()
            USING HINT = 'Run the script again when it has ended; nothing of this migration was changed.';
    END IF;
    IF EXISTS (SELECT FROM _yoyo_migration WHERE _yoyo_migration.migration_hash = named) THEN
        RETURN migration || ' is recorded already';
    END IF;
    EXECUTE content;
    applied := clock_timestamp();
    INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc)
    VALUES (named, migration, applied AT TIME ZONE 'UTC');
    INSERT INTO _yoyo_log (id, migration_hash, migration_id, operation, username, hostname, created_at_utc)
    VALUES (gen_random_uuid()::text, named, migration, 'apply', left(session_user, 255), 'script',
            applied AT TIME ZONE 'UTC');
    INSERT INTO schedtool_history (
        migration, operation, outcome, checksum, content, applied_at, started_at, duration_ms, tool_version
    )
    VALUES (migration, 'apply', 'done', checksum, content, applied, started,
            (1000 * extract(epoch FROM applied - started))::bigint, tool_version);
    RETURN migration || ' applied';
END
$$;
