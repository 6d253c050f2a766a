-- keys: providers (id)
-- Which converted documents of one range of providers would read otherwise under other settings: a policy may widen what is
-- read, never change it. Reads each document under :'settings', and again under the policy that holds only where the rows
-- say something else; reads only, and locks nothing.
-- By hand: psql -X -v first=1 -v last=1000 -v settings='{"default_timezone": "Europe/Paris"}' -f sql/settings/0003.changed.sql
WITH documents AS MATERIALIZED (
    SELECT p.id, p.availability, r.outcome, r.days, r.available, r.starts, r.ends, r.zones
    FROM providers AS p
    CROSS JOIN LATERAL provider_availability_read(p.availability, :'settings'::jsonb) AS r
    WHERE p.id BETWEEN :'first' AND :'last'
        AND p.id IN (
            SELECT a.provider_id FROM provider_availability AS a WHERE a.provider_id BETWEEN :'first' AND :'last'
        )
),
differing AS (
    SELECT DISTINCT coalesce(a.provider_id, n.id) AS id
    FROM (
        SELECT d.id, u.day, u.available, u.start_time, u.end_time, u.zone
        FROM documents AS d
        CROSS JOIN LATERAL unnest(d.days, d.available, d.starts, d.ends, d.zones)
            AS u (day, available, start_time, end_time, zone)
    ) AS n
    FULL JOIN (
        SELECT s.provider_id, s.day_of_week, s.is_available, s.start_time, s.end_time, s.timezone
        FROM provider_availability AS s
        WHERE s.provider_id BETWEEN :'first' AND :'last'
    ) AS a ON a.provider_id = n.id AND a.day_of_week = n.day
    WHERE a.provider_id IS NULL
        OR n.id IS NULL
        OR (a.is_available, a.timezone) IS DISTINCT FROM (n.available, n.zone)
        OR n.available AND (a.start_time, a.end_time) IS DISTINCT FROM (n.start_time, n.end_time)
)
SELECT d.id::text AS key
FROM differing AS f
JOIN documents AS d ON d.id = f.id
CROSS JOIN LATERAL provider_availability_read(
    d.availability,
    coalesce((SELECT p.settings FROM provider_availability_policy AS p ORDER BY p.version DESC LIMIT 1), '{}')
) AS o
WHERE o.outcome = 'converted'
    AND (o.days, o.available, o.starts, o.ends, o.zones) IS DISTINCT FROM (d.days, d.available, d.starts, d.ends, d.zones)
ORDER BY d.id;
