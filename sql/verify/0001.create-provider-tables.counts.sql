-- keys: provider_availability (id)
-- Rows whose provider is gone: the foreign key forbids those, unless it was off once.
-- Reads only. By hand: psql -X -v first=1 -v last=1000 -f (this file)
SELECT
    'counts' AS section,
    'rows of provider_availability without a provider' AS name,
    count(*) = 0 AS passed,
    0 AS expected,
    count(*) AS actual,
    coalesce('rows ' || string_agg(a.id::text, ', ' ORDER BY a.id), '') AS detail
FROM provider_availability AS a
WHERE a.id BETWEEN :'first' AND :'last'
    -- OFFSET 0: looked up row by row, for a join might read all providers for each range.
    AND NOT EXISTS (SELECT FROM providers AS p WHERE p.id = a.provider_id OFFSET 0);
