-- Reading alone, on one core, by the rules of 0002: the same values, written nowhere.
SELECT set_config('max_parallel_workers_per_gather', '0', false), set_config('jit', 'off', false);
SELECT count(p.id), count(n.day), count(n.available), count(n.start_time), count(n.end_time), count(n.zone)
FROM providers AS p
CROSS JOIN LATERAL provider_availability_read(p.availability, '{}') AS r
CROSS JOIN LATERAL unnest(r.days, r.available, r.starts, r.ends, r.zones) AS n (day, available, start_time, end_time, zone);
