-- Whether this server knows what a policy names. `apply` asks it before the first migration, `backfill` and a dry run
-- before they read anything: READ ONLY, no table is needed, and nothing is locked.
-- By hand: psql -X -1 -v ON_ERROR_STOP=1 -v settings='{"default_timezone": "Europe/Paris"}' -f sql/settings/0003.check.sql

-- A DO block takes no parameters; a setting of this transaction carries it in.
SELECT set_config('schedtool.policy', :'settings', true);

DO $$
DECLARE
    policy jsonb := nullif(current_setting('schedtool.policy', true), '');
    problem text;
BEGIN
    IF policy IS NULL THEN
        RAISE EXCEPTION 'not in a transaction: run this file with psql -1';
    END IF;
    -- An alias is a name that the server does not know, for a zone that it knows.
    WITH zones AS MATERIALIZED (
        SELECT z.name
        FROM pg_timezone_names AS z
        WHERE (z.name = 'UTC' OR z.name LIKE '%/%') AND z.name !~ '^(posix|right)/'
    )
    SELECT n.problem INTO problem
    FROM (
        SELECT 0 AS i, format('default_timezone: this server knows no zone %s', policy ->> 'default_timezone') AS problem
        WHERE policy ->> 'default_timezone' NOT IN (SELECT z.name FROM zones AS z)
        UNION ALL
        SELECT a.i, CASE
            WHEN btrim(a.alias, E' \t\n\r\f\x0b') IN (SELECT z.name FROM zones AS z)
                THEN format('zone_aliases: %s is a zone that this server knows, and cannot be another', a.alias)
            ELSE format('zone_aliases: %s: this server knows no zone %s', a.alias, a.zone)
        END
        FROM jsonb_each_text(policy -> 'zone_aliases') WITH ORDINALITY AS a (alias, zone, i)
        WHERE a.zone NOT IN (SELECT z.name FROM zones AS z)
            OR btrim(a.alias, E' \t\n\r\f\x0b') IN (SELECT z.name FROM zones AS z WHERE z.name <> a.zone)
    ) AS n
    ORDER BY n.i
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', problem
            USING ERRCODE = 'invalid_parameter_value', HINT = 'UTC, or an exact IANA name with a slash: SELECT name FROM pg_timezone_names lists them.';
    END IF;
END
$$;
