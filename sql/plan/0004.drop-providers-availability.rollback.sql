-- What bringing providers.availability back would do and meet, as rows: kind, what, n.
-- Reads only; every row is read once. By hand: psql -X -f (this file)
SELECT 'undone' AS kind, 'documents come back from providers_availability_archive, which stays' AS what, count(*) AS n
FROM providers_availability_archive AS a
WHERE a.provider_id IS NOT NULL
UNION ALL
SELECT 'changed', 'documents of providers whose rows were written since: those days are said anew', count(*)
FROM providers AS p
LEFT JOIN providers_availability_archive AS a ON a.provider_id = p.id
LEFT JOIN (
    SELECT
        o.provider_id,
        bit_xor(hash_record_extended((o.day_of_week, o.is_available, o.start_time, o.end_time, o.timezone), 0)) AS rows_hash
    FROM provider_availability AS o
    GROUP BY o.provider_id
) AS h ON h.provider_id = p.id
WHERE a.rows_hash IS DISTINCT FROM coalesce(h.rows_hash, 0) AND (a.id IS NOT NULL OR h.provider_id IS NOT NULL)
UNION ALL
SELECT 'stay away', 'documents of providers that are gone: they stay in the archive', count(*)
FROM providers_availability_archive AS a
WHERE a.provider_id IS NULL
HAVING count(*) > 0
UNION ALL
SELECT 'built again', d.definition || ', behind the lock on providers', NULL
FROM providers_availability_archive_definitions AS d
WHERE d.definition LIKE 'CREATE INDEX%' OR d.definition LIKE 'CREATE UNIQUE INDEX%' OR d.definition LIKE 'ALTER TABLE % ADD CONSTRAINT %'
UNION ALL
SELECT 'refused', 'providers has a column availability that is not the one that was dropped', NULL
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
UNION ALL
SELECT 'lost', 'nothing: rows that no document can say wait for a decision', 0;
