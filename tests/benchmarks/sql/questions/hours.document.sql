-- How long is a working day, by weekday?
SELECT d.key, avg((d.value ->> 'end')::time - (d.value ->> 'start')::time)
FROM providers AS p
CROSS JOIN LATERAL jsonb_each(p.availability) AS d (key, value)
WHERE d.key IN ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
    AND (d.value ->> 'available')::boolean
GROUP BY d.key;
