-- keys: providers (id)
-- settings: 0003
-- until: 0004
-- The arithmetic and the parity of one range of providers: documents = converted + empty + rejected, rows = days read, of
-- each provider as of all; every day of every document equals its row, and every row is said by its document. One
-- statement, one snapshot: exact under live writers. Each document is read once, each row once, and what a document says
-- is held against its rows as a whole; only a week that differs is taken apart by day.
-- Reads only. By hand: psql -X -v first=1 -v last=1000 -v settings='{}' -f (this file)
WITH weeks AS MATERIALIZED (
    SELECT
        p.id, r.outcome, j.reason AS listed, j.accepted_at IS NOT NULL AS is_accepted,
        j.provider_id IS NOT NULL AND j.document_hash <> coalesce(md5(p.availability::text), '') AS is_about_another, r.week AS said, w.week AS is_there
    FROM providers AS p
    -- Of the document alone, so that alike documents are read and put in order once.
    CROSS JOIN LATERAL (
        SELECT d.outcome, (
            SELECT array_agg(
                (u.day, u.available, CASE WHEN u.available THEN u.start_time END, CASE WHEN u.available THEN u.end_time END, u.zone)
                ORDER BY u.day
            )
            FROM unnest(d.days, d.available, d.starts, d.ends, d.zones) AS u (day, available, start_time, end_time, zone)
        ) AS week
        FROM provider_availability_read(p.availability, :'settings'::jsonb) AS d
        OFFSET 0
    ) AS r
    LEFT JOIN (
        SELECT a.provider_id, array_agg(
            (a.day_of_week, a.is_available, CASE WHEN a.is_available THEN a.start_time END, CASE WHEN a.is_available THEN a.end_time END,
                coalesce(a.timezone, :'settings'::jsonb ->> 'default_timezone'))
            ORDER BY a.day_of_week
        ) AS week
        FROM provider_availability AS a
        WHERE a.provider_id BETWEEN :'first' AND :'last'
        GROUP BY a.provider_id
    ) AS w ON w.provider_id = p.id
    LEFT JOIN provider_availability_rejects AS j ON j.provider_id = p.id AND j.provider_id BETWEEN :'first' AND :'last'
    WHERE p.id BETWEEN :'first' AND :'last'
),
-- What provider_availability_agrees says of a day is said here of a week: alike means that all its days agree.
-- The days of weeks that differ, one by one; of the others only how many there are.
differing AS MATERIALIZED (
    SELECT
        coalesce(n.id, o.id) AS id,
        coalesce(n.day, o.day) AS day,
        n.id IS NOT NULL AS is_said,
        o.id IS NOT NULL AS is_row,
        n.id IS NOT NULL AND o.id IS NOT NULL AND provider_availability_agrees(
            o.available, o.start_time, o.end_time, o.zone, n.available, n.start_time, n.end_time, n.zone, :'settings'::jsonb
        ) AS is_equal,
        CASE WHEN n.id IS NULL THEN 'nothing' WHEN n.available THEN concat_ws(' ', n.start_time || '-' || n.end_time, n.zone) ELSE concat_ws(' ', 'closed', n.zone) END AS said,
        CASE WHEN o.id IS NULL THEN 'nothing' WHEN o.available THEN concat_ws(' ', o.start_time || '-' || o.end_time, o.zone) ELSE concat_ws(' ', 'closed', o.zone) END AS is_there
    FROM (
        SELECT k.id, u.day, u.available, u.start_time, u.end_time, u.zone
        FROM weeks AS k
        CROSS JOIN LATERAL unnest(k.said) AS u (day text, available boolean, start_time time, end_time time, zone text)
        WHERE k.listed IS NULL AND k.said IS DISTINCT FROM k.is_there
    ) AS n
    FULL JOIN (
        SELECT k.id, u.day, u.available, u.start_time, u.end_time, u.zone
        FROM weeks AS k
        CROSS JOIN LATERAL unnest(k.is_there) AS u (day text, available boolean, start_time time, end_time time, zone text)
        WHERE k.listed IS NULL AND k.said IS DISTINCT FROM k.is_there
    ) AS o ON o.id = n.id AND o.day = n.day
),
totals AS (
    SELECT
        count(*) AS documents,
        count(*) FILTER (WHERE k.outcome = 'converted' AND k.listed IS NULL) AS converted,
        count(*) FILTER (WHERE k.outcome = 'empty' AND k.listed IS NULL) AS empty,
        count(*) FILTER (WHERE k.listed IS NOT NULL AND NOT k.is_accepted) AS rejected,
        count(*) FILTER (WHERE k.listed IS NOT NULL AND k.is_accepted) AS accepted,
        count(*) FILTER (WHERE k.listed IS NULL) AS weeks,
        count(*) FILTER (WHERE k.listed IS NULL AND coalesce(cardinality(k.said), 0) = coalesce(cardinality(k.is_there), 0)) AS as_many,
        coalesce(sum(cardinality(k.said)) FILTER (WHERE k.listed IS NULL), 0)::bigint AS days,
        coalesce(sum(cardinality(k.is_there)) FILTER (WHERE k.listed IS NULL), 0)::bigint AS rows,
        coalesce(sum(cardinality(k.said)) FILTER (WHERE k.listed IS NULL AND k.said IS NOT DISTINCT FROM k.is_there), 0)::bigint AS alike
    FROM weeks AS k
)
SELECT
    'counts' AS section,
    'documents = converted + empty + rejected + accepted' AS name,
    t.documents = t.converted + t.empty + t.rejected + t.accepted AS passed,
    t.documents AS expected,
    t.converted + t.empty + t.rejected + t.accepted AS actual,
    format('%s = %s + %s + %s + %s', t.documents, t.converted, t.empty, t.rejected, t.accepted) AS detail
FROM totals AS t
UNION ALL
SELECT 'counts', 'rejects listed that are none any more', count(*) = 0, 0, count(*), coalesce(string_agg(k.id::text, ', ' ORDER BY k.id), '')
FROM weeks AS k
WHERE k.outcome <> 'rejected' AND k.listed <> 'row_differs' AND k.listed NOT LIKE 'error\_%'
UNION ALL
SELECT 'counts', 'rejects that are about another document', count(*) = 0, 0, count(*), coalesce(string_agg(k.id::text, ', ' ORDER BY k.id), '')
FROM weeks AS k
WHERE k.listed IS NOT NULL AND k.is_about_another
UNION ALL
SELECT 'counts', 'rows = days read', t.days = t.rows, t.days, t.rows, ''
FROM totals AS t
UNION ALL
SELECT 'counts', 'each provider has as many rows as its document has days', t.weeks = t.as_many, t.weeks, t.as_many, coalesce((
    SELECT format('provider %s: %s days, %s rows', k.id, coalesce(cardinality(k.said), 0), coalesce(cardinality(k.is_there), 0))
    FROM weeks AS k
    WHERE k.listed IS NULL AND coalesce(cardinality(k.said), 0) <> coalesce(cardinality(k.is_there), 0)
    ORDER BY k.id
    LIMIT 1
), '')
FROM totals AS t
UNION ALL
SELECT 'parity', 'every day of every document equals its row', t.days = t.alike + e.equal, t.days, t.alike + e.equal, coalesce((
    SELECT format('provider %s %s: the document says %s, the row %s', d.id, d.day, d.said, d.is_there)
    FROM differing AS d
    WHERE d.is_said AND NOT d.is_equal
    ORDER BY d.id, d.day
    LIMIT 1
), '')
FROM totals AS t
CROSS JOIN (SELECT count(*) FILTER (WHERE d.is_equal) AS equal FROM differing AS d) AS e
UNION ALL
SELECT 'parity', 'every row is said by its document', t.rows = t.alike + e.equal, t.rows, t.alike + e.equal, coalesce((
    SELECT format('provider %s %s: the row says %s, the document %s', d.id, d.day, d.is_there, d.said)
    FROM differing AS d
    WHERE d.is_row AND NOT d.is_equal
    ORDER BY d.id, d.day
    LIMIT 1
), '')
FROM totals AS t
CROSS JOIN (SELECT count(*) FILTER (WHERE d.is_equal) AS equal FROM differing AS d) AS e;
