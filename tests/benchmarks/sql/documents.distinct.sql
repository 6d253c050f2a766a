-- Documents of which no two days are alike: nothing that was read once is met again. The same ones every time.
INSERT INTO providers (availability)
SELECT jsonb_object_agg(d.day, jsonb_build_object(
        'available', true,
        'start', h.begins::text,
        'end', (h.begins + make_interval(secs => 3600 + d.k / 36000))::text
    )) || jsonb_build_object('timezone', ('{Europe/Paris,Europe/London,Europe/Berlin,America/New_York,America/Chicago,'
        'America/Denver,America/Los_Angeles,America/Sao_Paulo,Asia/Kolkata,Asia/Tokyo,Australia/Sydney,UTC}'::text[])
        [1 + mod(hashint8extended(p.n, 2) & 2147483647, 12)])
FROM generate_series(1, :'documents'::bigint) AS p (n)
CROSS JOIN LATERAL (
    SELECT w.day, p.n * 7 + w.i AS k
    FROM unnest('{monday,tuesday,wednesday,thursday,friday,saturday,sunday}'::text[]) WITH ORDINALITY AS w (day, i)
) AS d
CROSS JOIN LATERAL (SELECT time '00:00' + make_interval(secs => mod(d.k, 36000)) AS begins) AS h
GROUP BY p.n
ORDER BY p.n;
