-- Reading alone, on one core, by the rules of 0002: the same values, written nowhere.
SELECT set_config('max_parallel_workers_per_gather', '0', false), set_config('jit', 'off', false);
SELECT count(n.id), count(n.day), count(n.available), count(n.start_time), count(n.end_time), count(n.zone)
FROM (
    SELECT
        p.id, unnest(r.days) AS day, unnest(r.available) AS available, unnest(r.starts) AS start_time, unnest(r.ends) AS end_time,
        unnest(r.zones) AS zone
    FROM providers AS p
    CROSS JOIN LATERAL provider_availability_read(p.availability, '{}') AS r
) AS n;
