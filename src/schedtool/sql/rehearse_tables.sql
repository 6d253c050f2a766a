-- The tables of the schema with their partitions, without those of schedtool, yoyo and extensions: their columns by
-- name, and of those the ones that are given a value (not the generated ones).
SELECT
    class.oid::bigint AS oid,
    class.relname AS name,
    class.relispartition AS is_partition,
    array_agg(attribute.attname::text ORDER BY attribute.attname) AS columns,
    coalesce(
        array_agg(attribute.attname::text ORDER BY attribute.attname) FILTER (WHERE attribute.attgenerated = ''), '{}'
    ) AS given
FROM pg_class AS class
JOIN pg_attribute AS attribute
    ON attribute.attrelid = class.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
WHERE class.relnamespace = to_regnamespace(quote_ident(current_schema()))
    AND class.relkind IN ('r', 'p')
    AND class.relname NOT IN (
        '_yoyo_log', '_yoyo_migration', '_yoyo_version', 'yoyo_lock',
        'schedtool_history', 'schedtool_job', 'schedtool_range'
    )
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE pg_depend.classid = 'pg_class'::regclass AND pg_depend.objid = class.oid AND pg_depend.deptype = 'e'
    )
GROUP BY class.oid, class.relname, class.relispartition
ORDER BY class.relname;
