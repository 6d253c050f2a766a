-- Store a policy as the next version, unless it is the one that holds, and refresh the names of zones.
-- Refused while rows stand that were read otherwise: a policy may widen what is read, never change it.
-- By hand: psql -X -1 -v settings='{"default_timezone": "Europe/Paris"}' -v who=me -f sql/settings/0003.store.sql
INSERT INTO provider_availability_zones (name)
SELECT z.name
FROM pg_timezone_names AS z
WHERE (z.name = 'UTC' OR z.name LIKE '%/%') AND z.name !~ '^(posix|right)/'
ON CONFLICT DO NOTHING;

INSERT INTO provider_availability_policy (version, settings, created_by)
SELECT coalesce(max(p.version), 0) + 1, :'settings'::jsonb, :'who'
FROM provider_availability_policy AS p
HAVING :'settings'::jsonb IS DISTINCT FROM (
    SELECT l.settings FROM provider_availability_policy AS l ORDER BY l.version DESC LIMIT 1
);

SELECT max(p.version) AS version
FROM provider_availability_policy AS p;
