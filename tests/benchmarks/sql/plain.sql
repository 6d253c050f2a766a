-- What people would write: every cast trusted, every row in one transaction.
INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time, timezone)
SELECT
    p.id,
    d.key,
    (d.value ->> 'available')::boolean,
    (d.value ->> 'start')::time,
    (d.value ->> 'end')::time,
    p.availability ->> 'timezone'
FROM providers AS p
CROSS JOIN LATERAL jsonb_each(p.availability) AS d (key, value)
WHERE d.key IN ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday');
