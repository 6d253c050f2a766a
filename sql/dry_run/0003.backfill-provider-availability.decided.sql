-- keys: providers (id)
-- Rejects of one range of providers that somebody has accepted, and whose document still is the one that was decided about:
-- the backfill leaves these decisions, so a dry run does not count them as waiting. Reads only; needs the tables of 0002.
-- By hand: psql -X -v first=1 -v last=1000 -f (this file)
SELECT 'decided' AS kind, p.id::text AS key, j.path, j.value, j.reason, 1 AS n
FROM provider_availability_rejects AS j
JOIN providers AS p ON p.id = j.provider_id
WHERE j.provider_id BETWEEN :'first' AND :'last'
    AND p.id BETWEEN :'first' AND :'last'
    AND j.accepted_at IS NOT NULL
    AND j.document_hash = coalesce(md5(p.availability::text), '');
