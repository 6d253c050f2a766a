-- keys: bookings (id)
-- Bookings whose provider or user is gone: the foreign keys forbid those, unless they were off once.
-- Reads only. By hand: psql -X -v first=1 -v last=1000 -f (this file)
SELECT
    'counts' AS section,
    'bookings without a provider or a user' AS name,
    count(*) = 0 AS passed,
    0 AS expected,
    count(*) AS actual,
    coalesce('bookings ' || string_agg(b.id::text, ', ' ORDER BY b.id), '') AS detail
FROM bookings AS b
WHERE b.id BETWEEN :'first' AND :'last'
    -- OFFSET 0: looked up row by row, for a join might read all providers for each range.
    AND (
        NOT EXISTS (SELECT FROM providers AS p WHERE p.id = b.provider_id OFFSET 0)
        OR NOT EXISTS (SELECT FROM users AS u WHERE u.id = b.user_id OFFSET 0)
    );
