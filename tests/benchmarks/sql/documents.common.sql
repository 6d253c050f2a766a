-- Distinct documents of seven days made of common hours: 40 starts, 20 lengths, 12 zones. The same ones every time.
INSERT INTO providers (availability)
SELECT jsonb_object_agg(d.day, jsonb_build_object(
        'available', true,
        'start', left(h.begins::text, 5),
        'end', left((h.begins + (16 + mod(d.hash / 40, 20)) * interval '15 minutes')::text, 5)
    )) || jsonb_build_object('timezone', ('{Europe/Paris,Europe/London,Europe/Berlin,America/New_York,America/Chicago,'
        'America/Denver,America/Los_Angeles,America/Sao_Paulo,Asia/Kolkata,Asia/Tokyo,Australia/Sydney,UTC}'::text[])
        [1 + mod(hashint8extended(p.n, 2) & 2147483647, 12)])
FROM generate_series(1, :'documents'::bigint) AS p (n)
CROSS JOIN LATERAL (
    SELECT w.day, hashint8extended(p.n * 7 + w.i, 1) & 2147483647 AS hash
    FROM unnest('{monday,tuesday,wednesday,thursday,friday,saturday,sunday}'::text[]) WITH ORDINALITY AS w (day, i)
) AS d
CROSS JOIN LATERAL (SELECT time '05:00' + mod(d.hash, 40) * interval '15 minutes' AS begins) AS h
GROUP BY p.n
ORDER BY p.n;
