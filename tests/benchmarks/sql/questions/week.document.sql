\set provider random(1, :documents)
-- A provider's week, Monday first.
SELECT
    w.day,
    (p.availability -> w.day ->> 'available')::boolean,
    (p.availability -> w.day ->> 'start')::time,
    (p.availability -> w.day ->> 'end')::time,
    p.availability ->> 'timezone'
FROM providers AS p
CROSS JOIN unnest('{monday,tuesday,wednesday,thursday,friday,saturday,sunday}'::text[]) WITH ORDINALITY AS w (day, i)
WHERE p.id = :provider AND p.availability ? w.day
ORDER BY w.i;
