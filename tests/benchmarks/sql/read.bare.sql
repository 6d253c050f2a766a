-- Reading alone, on one core, every cast trusted: the same values as the plain statement's, written nowhere.
SELECT set_config('max_parallel_workers_per_gather', '0', false), set_config('jit', 'off', false);
SELECT
    count(p.id),
    count(d.key),
    count((d.value ->> 'available')::boolean),
    count((d.value ->> 'start')::time),
    count((d.value ->> 'end')::time),
    count(p.availability ->> 'timezone')
FROM providers AS p
CROSS JOIN LATERAL jsonb_each(p.availability) AS d (key, value)
WHERE d.key IN ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday');
