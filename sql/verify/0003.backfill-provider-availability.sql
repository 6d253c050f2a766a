-- keys: providers (id)
-- settings: 0003
-- until: 0004
-- The arithmetic and the parity of one range of providers: documents = converted + empty + rejected, rows = days read,
-- every day of every document equals its row, and every row is said by its document. One statement, one snapshot: exact
-- under live writers. Reads only. By hand: psql -X -v first=1 -v last=1000 -v settings='{}' -f (this file)
WITH documents AS MATERIALIZED (
    SELECT p.id, r.outcome, r.days, r.available, r.starts, r.ends, r.zones, j.reason AS listed
    FROM providers AS p
    CROSS JOIN LATERAL provider_availability_read(p.availability, :'settings'::jsonb) AS r
    LEFT JOIN provider_availability_rejects AS j ON j.provider_id = p.id
    WHERE p.id BETWEEN :'first' AND :'last'
),
days AS MATERIALIZED (
    SELECT
        coalesce(n.id, a.provider_id) AS id,
        coalesce(n.day, a.day_of_week) AS day,
        n.id IS NOT NULL AS is_read,
        a.id IS NOT NULL AS is_row,
        provider_availability_agrees(
            a.is_available, a.start_time, a.end_time, a.timezone, n.available, n.start_time, n.end_time, n.zone, :'settings'::jsonb
        ) AS is_equal
    FROM (
        SELECT d.id, u.day, u.available, u.start_time, u.end_time, u.zone
        FROM documents AS d
        CROSS JOIN LATERAL unnest(d.days, d.available, d.starts, d.ends, d.zones) AS u (day, available, start_time, end_time, zone)
        WHERE d.listed IS NULL
    ) AS n
    FULL JOIN (
        SELECT o.*
        FROM provider_availability AS o
        JOIN documents AS d ON d.id = o.provider_id
        WHERE d.listed IS NULL
    ) AS a ON a.provider_id = n.id AND a.day_of_week = n.day
)
SELECT 'counts' AS section, 'documents = converted + empty + rejected' AS name, c.documents = c.converted + c.empty + c.listed AS passed,
    c.documents AS expected, c.converted + c.empty + c.listed AS actual,
    format('%s = %s + %s + %s', c.documents, c.converted, c.empty, c.listed) AS detail
FROM (
    SELECT
        count(*) AS documents,
        count(*) FILTER (WHERE d.outcome = 'converted' AND d.listed IS NULL) AS converted,
        count(*) FILTER (WHERE d.outcome = 'empty' AND d.listed IS NULL) AS empty,
        count(*) FILTER (WHERE d.listed IS NOT NULL) AS listed
    FROM documents AS d
) AS c
UNION ALL
SELECT 'counts', 'rejects listed that are none any more', count(*) = 0, 0, count(*), coalesce(string_agg(d.id::text, ', ' ORDER BY d.id), '')
FROM documents AS d
WHERE d.outcome <> 'rejected' AND d.listed <> 'row_differs' AND d.listed NOT LIKE 'error\_%'
UNION ALL
SELECT 'counts', 'rows = days read', count(*) FILTER (WHERE d.is_read) = count(*) FILTER (WHERE d.is_row),
    count(*) FILTER (WHERE d.is_read), count(*) FILTER (WHERE d.is_row), ''
FROM days AS d
UNION ALL
SELECT 'parity', 'every day of every document equals its row', coalesce(bool_and(d.is_equal), true),
    count(*), count(*) FILTER (WHERE d.is_equal),
    coalesce((array_agg(format('provider %s %s', d.id, d.day) ORDER BY d.id) FILTER (WHERE NOT d.is_equal))[1], '')
FROM days AS d
WHERE d.is_read
UNION ALL
SELECT 'parity', 'every row is said by its document', coalesce(bool_and(d.is_equal), true),
    count(*), count(*) FILTER (WHERE d.is_equal),
    coalesce((array_agg(format('provider %s %s', d.id, d.day) ORDER BY d.id) FILTER (WHERE NOT d.is_equal))[1], '')
FROM days AS d
WHERE d.is_row;
