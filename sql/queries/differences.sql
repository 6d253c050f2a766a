-- Days on which a provider's row and its document say different things: what an emergency stop missed, what waits as row_differs.
-- Reads every document, under the policy that holds. A document that cannot be read is a reject, and not listed here.
-- By hand: psql -X -f sql/queries/differences.sql
SELECT p.id AS provider_id, w.day_of_week, w.document, w.row, w.updated_at AS row_updated_at
FROM (
    SELECT coalesce((SELECT v.settings FROM provider_availability_policy AS v ORDER BY v.version DESC LIMIT 1), '{}') AS settings
) AS policy
CROSS JOIN providers AS p
CROSS JOIN LATERAL provider_availability_read(p.availability, policy.settings) AS r
CROSS JOIN LATERAL (
    SELECT
        coalesce(d.day, a.day_of_week) AS day_of_week,
        CASE
            WHEN d.day IS NULL THEN 'nothing'
            ELSE concat_ws(' ', CASE WHEN d.available THEN d.starts || ' to ' || d.ends ELSE 'closed' END, d.zone)
        END AS document,
        CASE
            WHEN a.id IS NULL THEN 'nothing'
            ELSE concat_ws(' ', CASE WHEN a.is_available THEN a.start_time || ' to ' || a.end_time ELSE 'closed' END, a.timezone)
        END AS row,
        a.updated_at
    FROM unnest(r.days, r.available, r.starts, r.ends, r.zones) AS d (day, available, starts, ends, zone)
    FULL JOIN (SELECT o.* FROM provider_availability AS o WHERE o.provider_id = p.id) AS a ON a.day_of_week = d.day
    WHERE NOT provider_availability_agrees(
        a.is_available, a.start_time, a.end_time, a.timezone, d.available, d.starts, d.ends, d.zone, policy.settings
    )
) AS w
WHERE r.outcome <> 'rejected'
ORDER BY 1, 2;
