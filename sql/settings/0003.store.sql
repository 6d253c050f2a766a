-- Store a policy as the next version, unless it is the one that holds, and refresh the names of zones.
-- A policy may widen what is read, never change it: one under which a converted document would read otherwise is refused,
-- unless there are no rows yet. Where rows are there and the policy is another it reads every document, in one transaction
-- that locks nothing; schedtool has done so before, in short ones (0003.changed.sql), and says checked=true. A document
-- that is written in between may differ from its rows then: the next backfill makes it a reject, row_differs.
-- By hand: psql -X -1 -v ON_ERROR_STOP=1 -v settings='{"default_timezone": "Europe/Paris"}' -v who=me -v checked=false -f sql/settings/0003.store.sql
INSERT INTO provider_availability_zones (name)
SELECT z.name
FROM pg_timezone_names AS z
WHERE (z.name = 'UTC' OR z.name LIKE '%/%') AND z.name !~ '^(posix|right)/'
ON CONFLICT DO NOTHING;

-- A DO block takes no parameters; a setting of this transaction carries it in.
SELECT
    set_config('schedtool.policy', :'settings', true),
    set_config('schedtool.policy_checked', :'checked', true),
    set_config('jit', 'off', true);

DO $$
DECLARE
    new_policy jsonb := nullif(current_setting('schedtool.policy', true), '');
    old_policy jsonb := coalesce((SELECT p.settings FROM provider_availability_policy AS p ORDER BY p.version DESC LIMIT 1), '{}');
    problem text;
    n bigint;
    examples text;
BEGIN
    IF new_policy IS NULL THEN
        RAISE EXCEPTION 'not in a transaction: run this file with psql -1';
    END IF;
    -- An alias is a name that the server does not know, for a zone that it knows.
    SELECT u.problem INTO problem
    FROM (
        SELECT 0 AS i, format('default_timezone: this server knows no zone %s', new_policy ->> 'default_timezone') AS problem
        WHERE new_policy ->> 'default_timezone' NOT IN (SELECT z.name FROM provider_availability_zones AS z)
        UNION ALL
        SELECT a.i, CASE
            WHEN btrim(a.alias, E' \t\n\r\f\x0b') IN (SELECT z.name FROM provider_availability_zones AS z)
                THEN format('zone_aliases: %s is a zone that this server knows, and cannot be another', a.alias)
            ELSE format('zone_aliases: %s: this server knows no zone %s', a.alias, a.zone)
        END
        FROM jsonb_each_text(new_policy -> 'zone_aliases') WITH ORDINALITY AS a (alias, zone, i)
        WHERE a.zone NOT IN (SELECT z.name FROM provider_availability_zones AS z)
            OR btrim(a.alias, E' \t\n\r\f\x0b') IN (SELECT z.name FROM provider_availability_zones AS z WHERE z.name <> a.zone)
    ) AS u
    ORDER BY u.i
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', problem
            USING ERRCODE = 'invalid_parameter_value', HINT = 'UTC, or an exact IANA name with a slash: SELECT name FROM pg_timezone_names lists them.';
    ELSIF current_setting('schedtool.policy_checked') = 'true' OR NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
    ) OR new_policy = old_policy OR NOT EXISTS (SELECT FROM provider_availability) THEN
        RETURN;
    END IF;
    SELECT count(*), string_agg(c.id::text, ', ' ORDER BY c.id) FILTER (WHERE c.i <= 3) INTO n, examples
    FROM (
        SELECT p.id, row_number() OVER (ORDER BY p.id) AS i
        FROM providers AS p
        CROSS JOIN LATERAL provider_availability_read(p.availability, old_policy) AS o
        CROSS JOIN LATERAL provider_availability_read(p.availability, new_policy) AS r
        WHERE o.outcome = 'converted'
            AND (o.days, o.available, o.starts, o.ends, o.zones) IS DISTINCT FROM (r.days, r.available, r.starts, r.ends, r.zones)
    ) AS c;
    IF n > 0 THEN
        RAISE EXCEPTION '% converted documents would read otherwise under this policy: providers %', n, examples || CASE WHEN n > 3 THEN ', …' ELSE '' END
            USING ERRCODE = 'ST003', HINT = 'A policy may widen what is read, not change it. Roll back 0003 first, or leave out the setting that changes it.';
    END IF;
END
$$;

INSERT INTO provider_availability_policy (version, settings, created_by)
SELECT coalesce(max(p.version), 0) + 1, :'settings'::jsonb, :'who'
FROM provider_availability_policy AS p
HAVING :'settings'::jsonb IS DISTINCT FROM (
    SELECT l.settings FROM provider_availability_policy AS l ORDER BY l.version DESC LIMIT 1
)
    -- Empty where this is not the transaction of the check above: bare psql goes on behind it.
    AND current_setting('schedtool.policy', true) = :'settings';

SELECT max(p.version) AS version
FROM provider_availability_policy AS p;
