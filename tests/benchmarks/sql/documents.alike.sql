-- Documents that are all the same: every provider works nine to half past five, every day.
INSERT INTO providers (availability)
SELECT jsonb_object_agg(d.day, '{"available": true, "start": "09:00", "end": "17:30"}'::jsonb)
    || '{"timezone": "Europe/Paris"}'
FROM generate_series(1, :'documents'::bigint) AS p (n)
CROSS JOIN unnest('{monday,tuesday,wednesday,thursday,friday,saturday,sunday}'::text[]) AS d (day)
GROUP BY p.n
ORDER BY p.n;
