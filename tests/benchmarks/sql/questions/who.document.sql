-- Who is available on Monday at ten in the morning, in one zone?
SELECT p.id
FROM providers AS p
WHERE p.availability @> '{"monday": {"available": true}, "timezone": "Europe/Paris"}'
    AND p.availability -> 'monday' ->> 'start' <= '10:00'
    AND p.availability -> 'monday' ->> 'end' > '10:00';
