-- keys: providers (id)
-- Rows and bookings by provider, and rows whose provider is gone: the foreign keys forbid those, unless they were off once.
-- Reads only. By hand: psql -X -v first=1 -v last=1000 -f (this file)
SELECT
    'counts' AS section,
    w.name,
    w.orphans = 0 AS passed,
    0 AS expected,
    w.orphans AS actual,
    w.detail
FROM (
    SELECT 'rows of provider_availability without a provider' AS name, count(*) AS orphans,
        coalesce(string_agg(a.id::text, ', ' ORDER BY a.id), '') AS detail
    FROM provider_availability AS a
    WHERE a.provider_id BETWEEN :'first' AND :'last'
        AND NOT EXISTS (SELECT FROM providers AS p WHERE p.id = a.provider_id)
    UNION ALL
    SELECT 'bookings without a provider or a user', count(*), coalesce(string_agg(b.id::text, ', ' ORDER BY b.id), '')
    FROM bookings AS b
    WHERE b.provider_id BETWEEN :'first' AND :'last'
        AND (
            NOT EXISTS (SELECT FROM providers AS p WHERE p.id = b.provider_id)
            OR NOT EXISTS (SELECT FROM users AS u WHERE u.id = b.user_id)
        )
) AS w;
