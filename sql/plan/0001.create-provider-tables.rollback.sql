-- What dropping the tables would lose, as rows: kind, what, n. Reads only. By hand: psql -X -f (this file)
SELECT 'lost' AS kind, 'rows of bookings: it stops at them without --lose bookings' AS what, count(*) AS n
FROM bookings AS b
UNION ALL
SELECT 'lost', 'rows of provider_availability: it stops at them without --lose provider_availability', count(*)
FROM provider_availability AS a;
