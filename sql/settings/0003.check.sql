-- Whether this server knows what a policy names. `apply` asks it before the first migration, `backfill` and a dry run
-- before they read anything: READ ONLY, no table is needed, and nothing is locked.
-- By hand: psql -X -1 -v ON_ERROR_STOP=1 -v settings='{"default_timezone": "Europe/Paris"}' -f sql/settings/0003.check.sql

-- A DO block takes no parameters; a setting of this transaction carries it in.
SELECT set_config('schedtool.policy', :'settings', true);

DO $$
DECLARE
    policy jsonb := nullif(current_setting('schedtool.policy', true), '');
BEGIN
    IF policy IS NULL THEN
        RAISE EXCEPTION 'not in a transaction: run this file with psql -1';
    ELSIF policy ->> 'default_timezone' NOT IN (
        SELECT z.name
        FROM pg_timezone_names AS z
        WHERE (z.name = 'UTC' OR z.name LIKE '%/%') AND z.name !~ '^(posix|right)/'
    ) THEN
        RAISE EXCEPTION 'default_timezone: this server knows no zone %', policy ->> 'default_timezone'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'UTC, or an exact IANA name with a slash: SELECT name FROM pg_timezone_names lists them.';
    END IF;
END
$$;
