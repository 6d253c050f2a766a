-- What 0004 leaves behind: the column gone, its triggers gone, the documents in the archive with the statements beside it.
-- Reads only. By hand: psql -X -f (this file)
SELECT
    'constraints' AS section,
    w.name,
    w.actual = w.expected AS passed,
    w.expected,
    w.actual,
    w.detail
FROM (
    SELECT 'column providers.availability' AS name, 'dropped' AS expected, CASE WHEN EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
    ) THEN 'there' ELSE 'dropped' END AS actual, '' AS detail
    UNION ALL
    SELECT 'triggers of providers that follow documents', 'dropped', CASE WHEN EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = to_regclass('providers') AND t.tgname LIKE 'providers\_availability\_%\_trigger'
    ) THEN 'there' ELSE 'dropped' END, ''
    UNION ALL
    SELECT 'triggers of provider_availability that do nothing any more', 'dropped', CASE WHEN EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = to_regclass('provider_availability')
            AND t.tgname ~ '^provider_availability_(insert|update|delete|truncate)_trigger$'
    ) THEN 'there' ELSE 'dropped' END, 'run migrations/contract/0004.drop-providers-availability.sql once more: in a transaction of its own it takes them'
    UNION ALL
    SELECT 'table providers_availability_archive', 'there', CASE WHEN to_regclass('providers_availability_archive') IS NULL THEN 'missing' ELSE 'there' END, ''
    UNION ALL
    SELECT 'statements that give back what the drop took along', 'there', CASE WHEN to_regclass('providers_availability_archive_definitions') IS NULL THEN 'missing' ELSE 'there' END, ''
) AS w;
