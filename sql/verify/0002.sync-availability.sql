-- until: 0004
-- What 0002 promises: every trigger that keeps rows and documents in step is there and enabled.
-- Reads the catalog only. By hand: psql -X -f (this file)
SELECT
    'constraints' AS section,
    w.name,
    t.tgenabled IN ('O', 'A') AND t.oid IS NOT NULL AS passed,
    'enabled' AS expected,
    CASE WHEN t.oid IS NULL THEN 'missing' WHEN t.tgenabled IN ('O', 'A') THEN 'enabled' ELSE 'disabled' END AS actual,
    'trigger on ' || w.table_name AS detail
FROM (VALUES
    ('providers', 'providers_availability_insert_trigger'),
    ('providers', 'providers_availability_update_trigger'),
    ('provider_availability', 'provider_availability_insert_trigger'),
    ('provider_availability', 'provider_availability_update_trigger'),
    ('provider_availability', 'provider_availability_delete_trigger'),
    ('provider_availability', 'provider_availability_truncate_trigger')
) AS w (table_name, name)
LEFT JOIN pg_trigger AS t ON t.tgrelid = to_regclass(w.table_name) AND t.tgname = w.name
ORDER BY w.name;
